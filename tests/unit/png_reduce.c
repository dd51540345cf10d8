/* SPDX-License-Identifier: Apache-2.0
 * Interlaced PNG files that are decoded to less than is stored: exact averages of boxes of pixels. */
#include "png_make.h"

static uint32_t sample_at(const png_made *made, const png_spec *spec, uint32_t x, uint32_t y, uint32_t c)
{
    const uint8_t *pixel = made->pixels.data + ((size_t)y * spec->width + x) * made->pixel_bytes;
    if (spec->depth < 16)
        return pixel[c];
    uint16_t wide;
    memcpy(&wide, pixel + 2 * (size_t)c, 2);
    return wide;
}

/* The average over a box, colors weighted by alpha; to nearest. */
static uint32_t box_average(const png_made *made, const png_spec *spec, uint32_t bx, uint32_t by, uint32_t c,
                            uint32_t size)
{
    bool alpha = made->channels % 2 == 0;
    uint64_t sum = 0, parts = 0;
    for (uint32_t y = by * size; y < (by + 1) * size && y < spec->height; y++)
        for (uint32_t x = bx * size; x < (bx + 1) * size && x < spec->width; x++) {
            uint64_t weight = alpha && c + 1 < made->channels ? sample_at(made, spec, x, y, made->channels - 1) : 1;
            sum += weight * sample_at(made, spec, x, y, c);
            parts += weight;
        }
    return parts ? (uint32_t)((sum + parts / 2) / parts) : 0;
}

static decoded decode_reduced(const bytes *file, smalti__decode_options options, uint32_t width, uint32_t height,
                              smalti__shape *shape)
{
    decoded out = {0};
    smalti__source source = {0};
    smalti__decoder *decoder = NULL;
    smalti__pool pool = {0};
    options.pool = &pool;
    options.warn = collect_warning;
    options.user = &out;
    smalti__source_open_memory(&source, file->data, file->size, "test.png");
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &out.error), out.error);
    smalti__decoder_reduce(decoder, width, height);
    *shape = decoder->out;
    out.result = smalti__decoder_start(decoder, &out.error);
    if (out.result == SMALTI_OK)
        out.result = read_all(decoder, 5, &out);
    bool fits = pool.peak_used_bytes <= decoder->work_bytes && decoder->work_bytes <= pool.peak_used_bytes + 4096;
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    smalti__pool_trim(&pool, 0);
    CHECK(fits);
    return out;
}

static bool right(const png_made *made, const png_spec *spec, const decoded *out, const smalti__shape *shape,
                  uint32_t size)
{
    png_made small = {.pixels = out->pixels, .channels = made->channels, .pixel_bytes = made->pixel_bytes};
    png_spec of_small = *spec;
    of_small.width = shape->width, of_small.height = shape->height;
    if (out->result != SMALTI_OK || shape->width != (spec->width + size - 1) / size ||
        shape->height != (spec->height + size - 1) / size ||
        out->pixels.size != (size_t)shape->width * shape->height * made->pixel_bytes)
        return false;
    for (uint32_t y = 0; y < shape->height; y++)
        for (uint32_t x = 0; x < shape->width; x++)
            for (uint32_t c = 0; c < made->channels; c++)
                if (sample_at(&small, &of_small, x, y, c) != box_average(made, spec, x, y, c, size))
                    return false;
    return true;
}

TEST("each pixel of a reduced image is the average of its box, in every kind of pixel")
{
    static const uint8_t kinds[15][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                                         {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    static const uint32_t sizes[][2] = {{64, 64}, {61, 47}, {33, 70}};
    for (size_t kind = 0; kind < 15; kind++)
        for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
            for (uint32_t shrink = 1; shrink <= 3; shrink++)
                for (int transparent = 0; transparent < (kinds[kind][0] < 4 ? 2 : 1); transparent++) {
                    png_spec spec = {
                        sizes[i][0], sizes[i][1], kinds[kind][0], kinds[kind][1], true, transparent, 5, 100, 4};
                    png_made made = make_png(&spec);
                    uint32_t size = 1u << shrink, most = spec.width < spec.height ? spec.width : spec.height;
                    uint32_t wanted = (most + size - 1) / size / 2;
                    smalti__shape shape;
                    decoded out = decode_reduced(&made.file, (smalti__decode_options){0}, wanted, wanted, &shape);
                    bool same = right(&made, &spec, &out, &shape, size);
                    free_decoded(&out);
                    free_made(&made);
                    if (!same)
                        TEST_FAIL("color %u depth %u, %ux%u to %ux%u by %u", spec.color, spec.depth, spec.width,
                                  spec.height, shape.width, shape.height, size);
                }
}

TEST("what is delivered is at least twice what is wanted in both directions, or all there is")
{
    png_spec spec = {100, 300, 2, 8, true, false, 1, 0, 1};
    png_made made = make_png(&spec);
    for (uint32_t wanted = 1; wanted <= 120; wanted++) {
        smalti__shape shape;
        decoded out = decode_reduced(&made.file, (smalti__decode_options){0}, wanted, wanted, &shape);
        uint32_t size = 1;
        while (shape.width < (spec.width + size - 1) / size)
            size *= 2;
        bool same = right(&made, &spec, &out, &shape, size);
        free_decoded(&out);
        CHECK(same);
        CHECK(size == 1 || (shape.width >= 2 * wanted && shape.height >= 2 * wanted));
        CHECK(size == 128 || (spec.width + 2 * size - 1) / (2 * size) < 2 * wanted);
    }
    free_made(&made);
}

TEST("an image that is not interlaced, and one that is needed whole, stay as they are")
{
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_spec spec = {90, 70, 2, 8, interlaced, false, 5, 0, 1};
        png_made made = make_png(&spec);
        smalti__shape shape;
        decoded out = decode_reduced(&made.file, (smalti__decode_options){0}, interlaced ? 46 : 4, 4, &shape);
        bool same = right(&made, &spec, &out, &shape, 1);
        free_decoded(&out);
        free_made(&made);
        CHECK(same);
    }
}

TEST("extreme samples do not overflow a box")
{
    for (uint32_t depth = 8; depth <= 16; depth += 8) {
        png_spec spec = {256, 256, 6, depth, true, false, 0, 0, 0};
        bytes raw = {0}, file = {0};
        for (int pass = 1; pass <= 7; pass++)
            put_pass(&spec, pass, &raw);
        /* every row is unfiltered, and its filter byte is 0: samples alone can be set, all to the most */
        size_t at = 0;
        static const uint32_t widths[7] = {32, 32, 64, 64, 128, 128, 256}, heights[7] = {32, 32, 32, 64, 64, 128, 128};
        for (int pass = 0; pass < 7; pass++)
            for (uint32_t row = 0; row < heights[pass]; row++) {
                size_t size = widths[pass] * 4 * depth / 8;
                memset(raw.data + at + 1, 255, size);
                at += 1 + size;
            }
        CHECK_INT(at, raw.size);
        bytes stream = deflated(raw.data, raw.size);
        put_head(&spec, &file);
        put_idats(&spec, &stream, &file);
        put_chunk(&file, "IEND", NULL, 0);
        smalti__shape shape;
        decoded out = decode_reduced(&file, (smalti__decode_options){0}, 1, 1, &shape);
        CHECK_INT(shape.width, 2); /* boxes of 128 × 128 are the largest */
        CHECK_INT(out.pixels.size, 2 * 2 * 4 * depth / 8);
        for (size_t i = 0; i < out.pixels.size; i++)
            CHECK_INT(out.pixels.data[i], 255);
        free_decoded(&out);
        free(file.data);
        free(stream.data);
        free(raw.data);
    }
}

TEST("a huge interlaced image takes the memory of its boxes alone")
{
    png_spec spec = {16000, 16000, 0, 8, true, false, 0, 0, 1};
    bytes file = {0}, padding = {.data = calloc(1, 300000), .size = 300000};
    put_head(&spec, &file);
    put_chunk(&file, "IDAT", padding.data, padding.size);
    put_chunk(&file, "IEND", NULL, 0);
    smalti__source source = {0};
    smalti__decoder *decoder = NULL;
    smalti_error error = {0};
    smalti__decode_options options = {0};
    smalti__source_open_memory(&source, file.data, file.size, "test.png");
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
    size_t whole = decoder->work_bytes;
    smalti__decoder_reduce(decoder, 320, 320);
    size_t reduced = decoder->work_bytes;
    uint32_t width = decoder->out.width, info_width = decoder->info.width;
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    free(file.data);
    free(padding.data);
    CHECK(whole > 16000u * 16000u);
    CHECK(reduced < 5u << 20);
    CHECK_INT(width, 1000);
    CHECK_INT(info_width, 16000);
}

TEST("a cut interlaced image is reduced with zeros for the pixels that are missing")
{
    png_spec spec = {64, 64, 0, 8, true, false, 5, 0, 1};
    png_made made = make_png(&spec);
    bytes cut = {made.file.data, made.file.size / 2, 0};
    smalti__decode_options lenient = {.lenient = true};
    decoded full = decode(&cut, lenient, 8);
    free(made.pixels.data);
    made.pixels = full.pixels;
    full.pixels = (bytes){0};
    smalti__shape shape;
    decoded out = decode_reduced(&cut, lenient, 16, 16, &shape);
    bool same = right(&made, &spec, &out, &shape, 2), warned = out.warnings > 0;
    free_decoded(&full);
    free_decoded(&out);
    free_made(&made);
    CHECK(same && warned);
}
