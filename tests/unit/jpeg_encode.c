/* SPDX-License-Identifier: Apache-2.0
 * The JPEG encoder: what libjpeg decodes from its files, and what our decoder finds in them. */
#include "test.h"
#include "jpeg_make.h"

#include "encode/encode.h"

#include <malloc.h>
#include <math.h>

typedef struct encoded {
    smalti_result result;
    smalti_error error;
    uint8_t *data;
    size_t size;
} encoded;

/* Encodes, handing over group rows at a time with a pitch that is larger than the row. */
static encoded encode(const uint8_t *pixels, const smalti__encoder *seed, uint32_t group, size_t max_bytes)
{
    encoded out = {0};
    smalti__sink sink;
    smalti__encoder *encoder = NULL, mine = *seed;
    size_t row_bytes = (size_t)seed->width * seed->channels, pitch = row_bytes + 13;
    uint8_t *rows = malloc(pitch * group);
    out.result = smalti__sink_open_memory(&sink, max_bytes, &out.error);
    mine.sink = &sink;
    mine.sample = SMALTI_SAMPLE_U8;
    mine.format = &smalti__encoder_jpeg;
    if (out.result == SMALTI_OK)
        out.result = smalti__encoder_jpeg.open(&mine, &encoder, &out.error);
    for (uint32_t y = 0; out.result == SMALTI_OK && y < seed->height; y += group) {
        uint32_t count = seed->height - y < group ? seed->height - y : group;
        for (uint32_t i = 0; i < count; i++)
            memcpy(rows + i * pitch, pixels + (y + i) * row_bytes, row_bytes);
        out.result = smalti__encoder_jpeg.write(encoder, rows, pitch, count, &out.error);
    }
    if (out.result == SMALTI_OK)
        out.result = smalti__encoder_jpeg.finish(encoder, &out.error);
    if (encoder)
        smalti__encoder_jpeg.close(encoder);
    if (out.result == SMALTI_OK)
        out.data = smalti__sink_take(&sink, &out.size);
    smalti__sink_close(&sink);
    free(rows);
    return out;
}

static smalti__encoder seed_of(uint32_t width, uint32_t height, uint32_t channels, uint32_t quality,
                               uint32_t subsampling)
{
    return (smalti__encoder){.width = width,
                             .height = height,
                             .channels = channels,
                             .params = {.quality = quality, .subsampling = subsampling}};
}

/* Smooth in all channels, so that chroma subsampling costs little. */
static uint8_t *smooth_pixels(uint32_t width, uint32_t height, uint32_t channels)
{
    uint8_t *pixels = malloc((size_t)width * height * channels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                pixels[((size_t)y * width + x) * channels + c] =
                    (uint8_t)lround(128 + 60 * sin(x * 0.08 + c) + 50 * cos(y * 0.06 - c));
    return pixels;
}

/* Decibels between pixels and what libjpeg decodes; the file must be as large as the image. */
static double psnr(const encoded *file, const uint8_t *pixels, const smalti__encoder *seed)
{
    uint32_t width, height;
    double sum = 0;
    size_t count = (size_t)seed->width * seed->height * seed->channels;
    uint8_t *found = reference_pixels(file->data, file->size, &width, &height);
    bool same_size = width == seed->width && height == seed->height;
    for (size_t i = 0; same_size && i < count; i++)
        sum += (double)(found[i] - pixels[i]) * (found[i] - pixels[i]);
    free(found);
    CHECK(same_size);
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * (double)count / sum);
}

TEST("a file decodes to what was written, within the bounds of its quality")
{
    static const struct {
        uint32_t channels, quality, subsampling;
        double least;
    } cases[] = {{3, 100, 444, 48}, {3, 100, 422, 42}, {3, 100, 420, 40}, {3, 90, 420, 37}, {3, 80, 420, 34},
                 {3, 50, 444, 33},  {3, 1, 420, 18},   {1, 100, 420, 55}, {1, 80, 444, 36}, {1, 1, 444, 20}};
    uint8_t *color = smooth_pixels(203, 149, 3), *gray = smooth_pixels(203, 149, 1);
    double last = 0;
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti__encoder seed = seed_of(203, 149, cases[i].channels, cases[i].quality, cases[i].subsampling);
        const uint8_t *pixels = cases[i].channels == 3 ? color : gray;
        encoded out = encode(pixels, &seed, 16, 0);
        CHECK_OK(out.result, out.error);
        double found = psnr(&out, pixels, &seed);
        if (found < cases[i].least)
            TEST_FAIL("case %zu has %.1f dB, not %.1f", i, found, cases[i].least);
        if (cases[i].quality == 1 && found > last - 5)
            TEST_FAIL("quality 1 has %.1f dB, hardly less than %.1f", found, last);
        last = found;
        free(out.data);
    }
    free(color);
    free(gray);
}

TEST("all sizes from 1 to 40 in all subsamplings give the pixels that libjpeg's own encoder gives")
{
    static const uint32_t subsamplings[] = {420, 422, 444};
    for (uint32_t i = 0; i < 3 * 40; i++) {
        uint32_t side = 1 + i / 3, other = 1 + i * 7 % 40, subsampling = subsamplings[i % 3];
        uint32_t channels = i % 5 == 4 ? 1 : 3;
        uint8_t *pixels = smooth_pixels(side, other, channels);
        smalti__encoder seed = seed_of(side, other, channels, 85, subsampling);
        encoded out = encode(pixels, &seed, 5, 0);
        CHECK_OK(out.result, out.error);
        jpeg_spec spec = {.width = side, .height = other, .components = (int)channels, .quality = 85};
        spec.h = channels == 1 || subsampling == 444 ? 1 : 2;
        spec.v = channels == 3 && subsampling == 420 ? 2 : 1;
        size_t size;
        uint32_t width, height;
        uint8_t *plain = make_jpeg(&spec, pixels, &size);
        uint8_t *expected = reference_pixels(plain, size, &width, &height);
        uint8_t *found = reference_pixels(out.data, out.size, &width, &height);
        CHECK_INT(width, side);
        CHECK_INT(height, other);
        CHECK(!memcmp(found, expected, (size_t)width * height * channels));
        free(found);
        free(expected);
        free(plain);
        free(out.data);
        free(pixels);
    }
}

TEST("the same bytes come out for any grouping of the rows")
{
    static const uint32_t groups[] = {1, 2, 3, 7, 8, 16, 17, 64, 301};
    uint8_t *pixels = smooth_pixels(123, 301, 3);
    smalti__encoder seed = seed_of(123, 301, 3, 95, 420);
    encoded first = encode(pixels, &seed, groups[0], 0);
    CHECK_OK(first.result, first.error);
    for (size_t i = 1; i < SMALTI__COUNT(groups); i++) {
        encoded out = encode(pixels, &seed, groups[i], 0);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.size, first.size);
        CHECK(!memcmp(out.data, first.data, out.size));
        free(out.data);
    }
    free(first.data);
    free(pixels);
}

/* Our decoder's view of a file, with all metadata. */
static smalti_info examine(const encoded *file, smalti__metadata *metadata)
{
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
    smalti__source_open_memory(&source, file->data, file->size, "out.jpg");
    CHECK_OK(smalti__decoder_jpeg.open(&source, &(smalti__decode_options){.metadata = true}, &decoder, &error), error);
    smalti_info info = decoder->info;
    *metadata = decoder->metadata;
    decoder->metadata = (smalti__metadata){0};
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return info;
}

TEST("metadata written is metadata read")
{
    enum { ICC_BYTES = 200000 };
    uint8_t *pixels = smooth_pixels(30, 20, 3), *icc = malloc(ICC_BYTES), exif[EXIF_BYTES];
    for (size_t i = 0; i < ICC_BYTES; i++)
        icc[i] = (uint8_t)(i * 7 + i / 251);
    make_exif(exif, true, 5);
    smalti__metadata metadata = {{icc, ICC_BYTES}, {exif, sizeof exif}, {(uint8_t *)"<x:xmpmeta/>", 12}}, found;
    static const size_t sizes[] = {0, 1, 65518, 65519, 65520, 131038, ICC_BYTES};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        metadata.icc.size = sizes[i];
        smalti__encoder seed = seed_of(30, 20, 3, 80, 422);
        seed.params.metadata = &metadata;
        encoded out = encode(pixels, &seed, 4, 0);
        CHECK_OK(out.result, out.error);
        CHECK_INT(psnr(&out, pixels, &seed) > 30, 1);
        smalti_info info = examine(&out, &found);
        CHECK_STR(info.subsampling, "4:2:2");
        CHECK_STR(info.color, "ycbcr");
        CHECK_INT(info.orientation, 5);
        CHECK_INT(found.icc.size, sizes[i]);
        CHECK(!memcmp(found.icc.size ? found.icc.data : icc, icc, sizes[i]));
        CHECK_INT(found.exif.size, sizeof exif);
        CHECK(!memcmp(found.exif.data, exif, sizeof exif));
        CHECK_INT(found.xmp.size, 12);
        CHECK(!memcmp(found.xmp.data, "<x:xmpmeta/>", 12));
        smalti__metadata_clear(&found);
        free(out.data);
    }
    free(icc);
    free(pixels);
}

TEST("metadata that JPEG has no room for is left out")
{
    enum { ICC_LARGEST = 255 * 65519 };
    uint8_t *pixels = smooth_pixels(8, 8, 1), *large = calloc(1, ICC_LARGEST + 1);
    smalti__metadata metadata = {{large, ICC_LARGEST + 1}, {large, 65528}, {large, 65505}}, found;
    smalti__encoder seed = seed_of(8, 8, 1, 80, 420);
    seed.params.metadata = &metadata;
    for (int fits = 0; fits < 2; fits++) {
        encoded out = encode(pixels, &seed, 8, 0);
        CHECK_OK(out.result, out.error);
        smalti_info info = examine(&out, &found);
        CHECK_INT(info.icc_bytes, fits ? ICC_LARGEST : 0);
        CHECK_INT(info.exif_bytes, fits ? 65527 : 0);
        CHECK_INT(info.xmp_bytes, fits ? 65504 : 0);
        smalti__metadata_clear(&found);
        free(out.data);
        metadata.icc.size--, metadata.exif.size--, metadata.xmp.size--;
    }
    free(large);
    free(pixels);
}

TEST("a sink that is full is an error wherever it happens")
{
    uint8_t *pixels = make_pixels(300, 300, 3);
    smalti__encoder seed = seed_of(300, 300, 3, 100, 444);
    smalti__metadata metadata = {.icc = {pixels, 100000}};
    seed.params.metadata = &metadata;
    encoded whole = encode(pixels, &seed, 16, 0);
    CHECK_OK(whole.result, whole.error);
    for (size_t limit = 1; limit < whole.size; limit += whole.size / 9) {
        encoded out = encode(pixels, &seed, 16, limit);
        CHECK_INT(out.result, SMALTI_E_LIMIT);
        CHECK_INT(out.error.code, SMALTI_E_LIMIT);
    }
    free(whole.data);
    free(pixels);
}

TEST("an encoder takes no more memory than it says")
{
    static const uint32_t subsamplings[] = {420, 422, 444}, widths[] = {1, 1000, 5003};
    for (size_t i = 0; i < 9; i++) {
        smalti__sink sink;
        smalti_error error;
        smalti__encoder *encoder, seed = seed_of(widths[i / 3], 40, 3, 80, subsamplings[i % 3]);
        uint8_t *pixels = smooth_pixels(seed.width, 40, 3);
        CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
        seed.sink = &sink;
        seed.sample = SMALTI_SAMPLE_U8;
        struct mallinfo2 before = mallinfo2();
        CHECK_OK(smalti__encoder_jpeg.open(&seed, &encoder, &error), error);
        CHECK_OK(smalti__encoder_jpeg.write(encoder, pixels, seed.width * 3, 1, &error), error);
        struct mallinfo2 after = mallinfo2();
        size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        CHECK_INT(taken <= smalti__encoder_jpeg.work_bytes(seed.width, 40, 3, SMALTI_SAMPLE_U8, &seed.params), 1);
        CHECK_INT(smalti__encoder_jpeg.finish(encoder, NULL) < 0, 1); /* rows are missing */
        smalti__encoder_jpeg.close(encoder);
        smalti__sink_close(&sink);
        free(pixels);
    }
}

TEST("what JPEG cannot hold is refused")
{
    static const uint8_t pixel[4];
    static const struct {
        smalti__encoder seed;
        smalti_result result;
    } cases[] = {{{.width = 65501, .height = 1, .channels = 1, .params = {80, 420, 0}}, SMALTI_E_INVALID_RANGE},
                 {{.width = 1, .height = 65501, .channels = 1, .params = {80, 420, 0}}, SMALTI_E_INVALID_RANGE},
                 {{.width = 1, .height = 0, .channels = 1, .params = {80, 420, 0}}, SMALTI_E_INVALID_RANGE},
                 {{.width = 1, .height = 1, .channels = 4, .params = {80, 420, 0}}, SMALTI_E_INVALID},
                 {{.width = 1, .height = 1, .channels = 3, .params = {101, 420, 0}}, SMALTI_E_INVALID_RANGE},
                 {{.width = 1, .height = 1, .channels = 3, .params = {80, 411, 0}}, SMALTI_E_INVALID_RANGE}};
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        encoded out = encode(pixel, &cases[i].seed, 1, 0);
        CHECK_INT(out.result, cases[i].result);
        CHECK_INT(out.error.code, cases[i].result);
    }
}

TEST("more rows than the image has are refused")
{
    smalti__sink sink;
    smalti_error error;
    smalti__encoder *encoder, seed = seed_of(8, 8, 1, 80, 420);
    uint8_t pixels[16 * 8] = {0};
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    seed.sink = &sink;
    seed.sample = SMALTI_SAMPLE_U8;
    CHECK_OK(smalti__encoder_jpeg.open(&seed, &encoder, &error), error);
    CHECK_OK(smalti__encoder_jpeg.write(encoder, pixels, 8, 7, &error), error);
    CHECK_INT(encoder->row, 7);
    CHECK_INT(smalti__encoder_jpeg.write(encoder, pixels, 8, 2, &error), SMALTI_E_INVALID);
    smalti__encoder_jpeg.close(encoder);
    smalti__sink_close(&sink);
}

/* 16 pixels of 0 or 255 in each block's row: the largest coefficients that there are. */
static uint8_t *harsh_pixels(uint32_t width, uint32_t height, uint32_t channels)
{
    uint8_t *pixels = malloc((size_t)width * height * channels);
    uint32_t random = 1;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width * channels; x++) {
            uint32_t column = x / channels, kind = (column / 64 + y / 8) % 4;
            random = random * 1664525 + 1013904223;
            bool on = kind == 0   ? random >> 31
                      : kind == 1 ? (column / 8 + y / 8) % 2
                      : kind == 2 ? column % 8 < 4
                                  : (column + y) % 2 || random >> 29 == 0;
            pixels[(size_t)y * width * channels + x] = on ? 255 : 0;
        }
    }
    return pixels;
}

TEST("the tables have a code for everything that samples can become, at every quality")
{
    uint8_t *pixels = harsh_pixels(256, 64, 3);
    for (uint32_t quality = 1; quality <= 100; quality++) {
        static const uint32_t subsamplings[] = {444, 420, 422};
        smalti__encoder seed = seed_of(256, 64, 3, quality, subsamplings[quality % 3]);
        encoded fixed = encode(pixels, &seed, 16, 0);
        CHECK_OK(fixed.result, fixed.error);
        seed.params.optimize = true;
        encoded optimal = encode(pixels, &seed, 16, 0);
        CHECK_OK(optimal.result, optimal.error);
        uint32_t width, height;
        uint8_t *found = reference_pixels(fixed.data, fixed.size, &width, &height);
        uint8_t *expected = reference_pixels(optimal.data, optimal.size, &width, &height);
        if (memcmp(found, expected, (size_t)width * height * 3))
            TEST_FAIL("quality %u has other pixels", quality);
        free(found);
        free(expected);
        free(fixed.data);
        free(optimal.data);
    }
    free(pixels);
}

TEST("progressive and optimised files have the same pixels in fewer bytes, of every size")
{
    for (uint32_t side = 1; side <= 90; side += 8) {
        smalti__encoder seed = seed_of(side, 91 - side, side % 3 ? 3 : 1, 80, side % 2 ? 420 : 444);
        uint8_t *pixels = make_pixels(seed.width, seed.height, seed.channels);
        encoded plain = encode(pixels, &seed, 7, 0), better[2];
        CHECK_OK(plain.result, plain.error);
        uint32_t width, height;
        uint8_t *expected = reference_pixels(plain.data, plain.size, &width, &height);
        for (int i = 0; i < 2; i++) {
            seed.params.optimize = i == 0;
            seed.params.progressive = i == 1;
            better[i] = encode(pixels, &seed, 7, 0);
            CHECK_OK(better[i].result, better[i].error);
            uint8_t *found = reference_pixels(better[i].data, better[i].size, &width, &height);
            CHECK(!memcmp(found, expected, (size_t)width * height * seed.channels));
            smalti__metadata none;
            CHECK_INT(examine(&better[i], &none).interlaced, i);
            free(found);
            free(better[i].data);
        }
        CHECK_INT(better[0].size < plain.size, 1);
        free(expected);
        free(plain.data);
        free(pixels);
    }
}

TEST("a zero quality is 80, a zero subsampling 4:2:0")
{
    uint8_t *pixels = smooth_pixels(64, 64, 3);
    smalti__encoder named = seed_of(64, 64, 3, 80, 420), zero = seed_of(64, 64, 3, 0, 0);
    encoded a = encode(pixels, &named, 16, 0), b = encode(pixels, &zero, 16, 0);
    CHECK_OK(b.result, b.error);
    CHECK_INT(a.size, b.size);
    CHECK(!memcmp(a.data, b.data, a.size));
    free(a.data);
    free(b.data);
    free(pixels);
}

TEST("what keeps coefficients can be stopped and takes no more memory than it says")
{
    uint8_t *pixels = smooth_pixels(1003, 501, 3);
    for (int i = 0; i < 6; i++) {
        smalti__encoder seed = seed_of(1003, 501, 3, 80, i / 2 == 0 ? 420 : i / 2 == 1 ? 422 : 444);
        seed.params.optimize = i % 2;
        seed.params.progressive = !(i % 2);
        int cancelled = 0;
        smalti__stop stop = {.cancelled = &cancelled};
        seed.params.stop = &stop;
        smalti__sink sink;
        smalti_error error;
        smalti__encoder *encoder;
        CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
        seed.sink = &sink;
        seed.sample = SMALTI_SAMPLE_U8;
        struct mallinfo2 before = mallinfo2();
        CHECK_OK(smalti__encoder_jpeg.open(&seed, &encoder, &error), error);
        CHECK_OK(smalti__encoder_jpeg.write(encoder, pixels, 1003 * 3, 501, &error), error);
        struct mallinfo2 after = mallinfo2();
        size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        CHECK_INT(taken <= smalti__encoder_jpeg.work_bytes(1003, 501, 3, SMALTI_SAMPLE_U8, &seed.params), 1);
        CHECK_INT(taken == 0 || taken > 1003 * 501 * 2, 1); /* 0: a sanitizer has the memory */
        cancelled = 1;
        CHECK_INT(smalti__encoder_jpeg.finish(encoder, &error), SMALTI_E_CANCELLED);
        smalti__encoder_jpeg.close(encoder);
        smalti__sink_close(&sink);
    }
    free(pixels);
}
