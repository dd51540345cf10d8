/* SPDX-License-Identifier: Apache-2.0
 * PNG files with a palette: exact where colors are few, close to the image where they are many. */
#include "png_picture.h"

static picture blank(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    picture p = {width, height, channels, sample, NULL, width * channels * smalti_sample_bytes(sample)};
    p.data = calloc(height, p.row_bytes);
    return p;
}

static const uint8_t *chunk_of(const bytes *file, const char *type)
{
    for (size_t at = 8; at + 12 <= file->size; at += 12 + smalti__be32(file->data + at))
        if (!memcmp(file->data + at + 4, type, 4))
            return file->data + at;
    return NULL;
}

static uint32_t chunk_size(const bytes *file, const char *type)
{
    const uint8_t *chunk = chunk_of(file, type);
    return chunk ? smalti__be32(chunk) : 0;
}

/* The 8-bit RGBA pixels of a palette file, by the decoder, which has tests of its own. */
static bytes decode_rgba(const bytes *file)
{
    decoded out = decode(file, (smalti__decode_options){0}, 7);
    bytes rgba = {0};
    bool right = out.result == SMALTI_OK && !out.warnings && !strcmp(out.info.color, "palette");
    for (size_t at = 0; right && at < out.pixels.size; at += out.info.channels) {
        put(&rgba, out.pixels.data + at, 3);
        put_u8(&rgba, out.info.channels == 4 ? out.pixels.data[at + 3] : 255);
    }
    free_decoded(&out);
    CHECK(right);
    return rgba;
}

/* What the picture's pixel is as 8-bit RGBA. */
static void rgba_of(const picture *p, size_t pixel, uint8_t rgba[4])
{
    uint8_t v[4];
    for (uint32_t c = 0; c < p->channels; c++) {
        size_t i = pixel * p->channels + c;
        uint16_t wide;
        if (p->sample == SMALTI_SAMPLE_U16) {
            memcpy(&wide, p->data + 2 * i, 2);
            v[c] = (uint8_t)((wide + 128) / 257);
        } else {
            v[c] = p->data[i];
        }
    }
    bool gray = p->channels < 3;
    rgba[0] = v[0], rgba[1] = v[gray ? 0 : 1], rgba[2] = v[gray ? 0 : 2];
    rgba[3] = p->channels % 2 ? 255 : v[p->channels - 1];
}

static smalti__encode_params params_of(uint32_t colors, uint32_t dither)
{
    return (smalti__encode_params){.colors = colors, .dither = dither};
}

/* Squared error per color sample over black, and the alpha's. */
static double squared_error(const picture *p, const bytes *rgba)
{
    double sum = 0;
    size_t pixels = (size_t)p->width * p->height;
    for (size_t i = 0; i < pixels; i++) {
        uint8_t want[4];
        const uint8_t *got = rgba->data + 4 * i;
        rgba_of(p, i, want);
        for (int c = 0; c < 3; c++) {
            double d = (want[c] * want[3] - got[c] * got[3]) / 255.0;
            sum += d * d / 4;
        }
        sum += (want[3] - got[3]) * (want[3] - got[3]) / 4.0;
    }
    return sum / (double)pixels;
}

static void check_exact(uint32_t count, uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    picture p = blank(width, height, channels, sample);
    uint32_t state = count, pixels = width * height, seen = count < pixels ? count : pixels;
    for (uint32_t i = 0; i < pixels; i++) {
        uint32_t index = i < count ? i : next_random(&state) % count;
        for (uint32_t c = 0; c < channels; c++) {
            bool alpha = channels % 2 == 0 && c + 1 == channels;
            uint32_t v = alpha ? (index % 3 ? 255 : index / 3) : channels < 3 ? index : index * (c * 40 + 37) + c;
            uint16_t wide = (uint16_t)((v & 255) * 257);
            size_t at = (size_t)i * channels + c;
            if (sample == SMALTI_SAMPLE_U16)
                memcpy(p.data + 2 * at, &wide, 2);
            else
                p.data[at] = (uint8_t)v;
        }
    }
    smalti__encode_params params = params_of(256, 100);
    bytes file = encode(&p, &params, 3, NULL), rgba = decode_rgba(&file);
    bool same = rgba.size == 4 * (size_t)pixels;
    for (uint32_t i = 0; same && i < pixels; i++) {
        uint8_t want[4];
        rgba_of(&p, i, want);
        same = !memcmp(rgba.data + 4 * (size_t)i, want, 4);
    }
    uint32_t depth = file.data[24], entries = chunk_size(&file, "PLTE") / 3;
    uint32_t most = seen > 16 ? 8 : seen > 4 ? 4 : seen > 2 ? 2 : 1, alphas = chunk_size(&file, "tRNS");
    free(file.data);
    free(rgba.data);
    free(p.data);
    if (!same || entries != seen || depth != most || alphas != (channels % 2 ? 0 : (seen + 2) / 3))
        TEST_FAIL("%u colors, %ux%u, %u channels: %s pixels, %u entries, %u alphas, depth %u", count, width, height,
                  channels, same ? "right" : "wrong", entries, alphas, depth);
}

TEST("an image of at most 256 colors comes back exactly, at the least depth that holds them")
{
    static const uint32_t counts[] = {1, 2, 3, 4, 5, 16, 17, 100, 255, 256};
    for (size_t i = 0; i < SMALTI__COUNT(counts); i++)
        for (uint32_t channels = 1; channels <= 4; channels++) {
            check_exact(counts[i], 33, 20, channels, SMALTI_SAMPLE_U8);
            check_exact(counts[i], 7, 40, channels, SMALTI_SAMPLE_U16);
            for (uint32_t width = 1; width <= 9; width++)
                check_exact(counts[i], width, 2, channels, SMALTI_SAMPLE_U8);
        }
}

/* Slopes in all channels, with edges and a little noise: thousands of colors. */
static picture make_slopes(uint32_t width, uint32_t height, uint32_t channels)
{
    picture p = blank(width, height, channels, SMALTI_SAMPLE_U8);
    uint32_t state = 3;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t edge = (x / 37 + y / 53) % 3 * 30;
                uint32_t v = x * 120 / width + y * 90 / height * (c == 1) + edge + c * 10 + next_random(&state) % 4;
                if (c + 1 == channels && channels % 2 == 0) /* a third clear, a third between, a third opaque */
                    v = x < width / 3 ? 0 : x < width * 2 / 3 ? 1 + (x + y) * 253 / (width + height) : 255;
                p.data[y * p.row_bytes + x * channels + c] = (uint8_t)v;
            }
    return p;
}

TEST("no more colors than asked for are used, and more colors are closer")
{
    for (uint32_t channels = 3; channels <= 4; channels++) {
        picture p = make_slopes(200, 150, channels);
        double before = 1e9, errors[6];
        static const uint32_t most[6] = {2, 3, 8, 16, 64, 256};
        for (size_t i = 0; i < 6; i++) {
            smalti__encode_params params = params_of(most[i], 0);
            bytes file = encode(&p, &params, 16, NULL), rgba = decode_rgba(&file);
            CHECK(chunk_size(&file, "PLTE") / 3 <= most[i]);
            errors[i] = squared_error(&p, &rgba);
            printf("# %u channels, %u colors: squared error %.2f\n", channels, most[i], errors[i]);
            free(file.data);
            free(rgba.data);
            CHECK(errors[i] < before);
            before = errors[i];
        }
        free(p.data);
        CHECK(errors[5] < (channels == 3 ? 3.0 : 6.0));
    }
}

TEST("clear pixels stay clear and opaque ones opaque")
{
    picture p = make_slopes(300, 100, 4);
    for (uint32_t colors = 3; colors <= 256; colors *= 4)
        for (uint32_t dither = 0; dither <= 100; dither += 50) {
            smalti__encode_params params = params_of(colors, dither);
            bytes file = encode(&p, &params, 16, NULL), rgba = decode_rgba(&file);
            for (size_t i = 0; i < 300 * 100; i++) {
                uint8_t want[4];
                rgba_of(&p, i, want);
                CHECK(want[3] || !rgba.data[4 * i + 3]);
                CHECK(want[3] != 255 || rgba.data[4 * i + 3] == 255);
            }
            free(file.data);
            free(rgba.data);
        }
    free(p.data);
}

TEST("hidden colors of clear pixels do not count where there are too many")
{
    picture p = blank(64, 64, 4, SMALTI_SAMPLE_U8);
    for (uint32_t i = 0; i < 64 * 64; i++) {
        bool clear = i % 3 == 0;
        p.data[4 * i] = (uint8_t)(clear ? i : i % 50), p.data[4 * i + 1] = (uint8_t)(clear ? i >> 8 : 9);
        p.data[4 * i + 3] = clear ? 0 : i % 50 < 20 ? 1 : 255; /* colors of nearly clear pixels are exact too */
    }
    smalti__encode_params params = params_of(51, 100);
    bytes file = encode(&p, &params, 16, NULL), rgba = decode_rgba(&file);
    CHECK_INT(chunk_size(&file, "PLTE") / 3, 51);
    for (uint32_t i = 0; i < 64 * 64; i++)
        CHECK(i % 3 ? !memcmp(rgba.data + 4 * i, p.data + 4 * i, 4) : !rgba.data[4 * i + 3]);
    free(file.data);
    free(rgba.data);
    free(p.data);
}

TEST("dither keeps the average of a slope that a few colors cannot show")
{
    double off[2];
    picture p = blank(256, 64, 1, SMALTI_SAMPLE_U8);
    for (size_t i = 0; i < 256 * 64; i++)
        p.data[i] = (uint8_t)(i % 256);
    for (uint32_t full = 0; full < 2; full++) {
        smalti__encode_params params = params_of(4, full * 100);
        bytes file = encode(&p, &params, 16, NULL), rgba = decode_rgba(&file);
        off[full] = 0;
        for (uint32_t block = 48; block < 208; block += 8) { /* of 8 × 64, between the colors at the ends */
            double sum = 0;
            for (uint32_t y = 0; y < 64; y++)
                for (uint32_t x = block; x < block + 8; x++)
                    sum += (int)rgba.data[4 * (y * 256 + x)] - (int)x;
            off[full] += sum * sum / (512.0 * 512.0);
        }
        free(file.data);
        free(rgba.data);
    }
    free(p.data);
    printf("# squared error of averages: %.1f without, %.1f with\n", off[0], off[1]);
    CHECK(off[1] < off[0] / 10);
}

TEST("half a million different colors are counted in bounded memory and come out close")
{
    picture p = blank(1024, 512, 3, SMALTI_SAMPLE_U8);
    for (uint32_t i = 0; i < 1024 * 512; i++) {
        uint32_t x = i % 1024, y = i / 1024;
        p.data[3 * i] = (uint8_t)(x / 8), p.data[3 * i + 1] = (uint8_t)(y / 4),
                   p.data[3 * i + 2] = (uint8_t)(x * 7 % 64 + y % 4);
    }
    smalti__encode_params params = params_of(256, 0);
    bytes file = encode(&p, &params, 64, NULL), rgba = decode_rgba(&file);
    double error = squared_error(&p, &rgba);
    printf("# squared error %.2f\n", error);
    free(file.data);
    free(rgba.data);
    free(p.data);
    CHECK(error < 80);
}

TEST("the same bytes for every group of rows")
{
    for (uint32_t channels = 1; channels <= 4; channels++) {
        picture p = make_slopes(130, 70, channels);
        smalti__encode_params params = params_of(20, 80);
        bytes first = encode(&p, &params, 70, NULL);
        for (uint32_t group = 1; group <= 33; group += 8) {
            bytes other = encode(&p, &params, group, NULL);
            bool same = other.size == first.size && !memcmp(other.data, first.data, first.size);
            free(other.data);
            CHECK(same);
        }
        free(first.data);
        free(p.data);
    }
}

TEST("memory stays within what is announced, and a second image takes none from the system")
{
    for (uint32_t effort = 1; effort <= 9; effort++) {
        smalti__pool pool = {0};
        smalti__encode_params params = {.png_effort = effort, .colors = 200, .dither = 100, .pool = &pool};
        picture p = make_slopes(500, 200, 1 + effort % 4);
        size_t work_bytes;
        bytes file = encode(&p, &params, 16, &work_bytes);
        size_t peak = pool.peak_used_bytes, used = pool.used_bytes;
        free(file.data);
        uint64_t allocations = pool.allocations;
        file = encode(&p, &params, 16, NULL);
        uint64_t more = pool.allocations - allocations;
        free(file.data);
        free(p.data);
        smalti__pool_trim(&pool, 0);
        CHECK(peak <= work_bytes);
        CHECK(work_bytes <= peak + (10 << 20));
        CHECK_INT(used, 0);
        CHECK_INT(more, 0);
    }
    smalti__encode_params most = {.colors = 2};
    CHECK(smalti__encoder_png.work_bytes(INT32_MAX, INT32_MAX, 4, SMALTI_SAMPLE_U16, &most) > (size_t)1 << 61);
}

TEST("an ICC profile stands in front of the palette and comes back")
{
    uint8_t icc[3000] = {0};
    memcpy(icc + 36, "acsp", 4);
    smalti__metadata metadata = {.icc = {icc, sizeof icc}};
    picture p = make_slopes(20, 10, 3);
    smalti__encode_params params = {.colors = 16, .metadata = &metadata};
    bytes file = encode(&p, &params, 4, NULL);
    decoded out = decode(&file, (smalti__decode_options){0}, 3);
    bool same = out.icc.size == sizeof icc && !memcmp(out.icc.data, icc, sizeof icc) && !out.warnings;
    bool before = chunk_of(&file, "iCCP") < chunk_of(&file, "PLTE");
    free_decoded(&out);
    free(file.data);
    free(p.data);
    CHECK(same && before);
}

TEST("a stop and a full sink end it with their error")
{
    picture p = make_slopes(100, 100, 3);
    for (size_t room = 10; room <= 1000; room *= 10)
        for (int stopped = 0; stopped < 2; stopped++) {
            smalti__sink sink = {0};
            smalti_error error = {0};
            int yes = 1;
            smalti__stop stop = {.cancelled = &yes};
            CHECK_OK(smalti__sink_open_memory(&sink, room, &error), error);
            smalti__encoder seed = {.params = {.colors = 64, .stop = stopped ? &stop : NULL},
                                    .sink = &sink,
                                    .width = 100,
                                    .height = 100,
                                    .channels = 3,
                                    .sample = SMALTI_SAMPLE_U8},
                            *encoder = NULL;
            smalti_result result = smalti__encoder_png.open(&seed, &encoder, &error);
            CHECK_INT(result, SMALTI_OK);
            result = smalti__encoder_png.write(encoder, p.data, p.row_bytes, 100, &error);
            CHECK_INT(result, SMALTI_OK);
            result = smalti__encoder_png.finish(encoder, &error);
            smalti__encoder_png.close(encoder);
            smalti__sink_close(&sink);
            CHECK_INT(smalti_result_class(result),
                      smalti_result_class(stopped && room == 1000 ? SMALTI_E_CANCELLED : SMALTI_E_LIMIT));
        }
    free(p.data);
}
