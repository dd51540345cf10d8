/* SPDX-License-Identifier: Apache-2.0
 * PNG with a palette: the frame is held while its colors are counted; at its end rows become indices in the same memory,
 * and are compressed as a whole. */
#include "encode/png.h"

#include "pixel/quantize.h"

struct smalti__png_palette {
    smalti__quantizer *quantizer;
    uint32_t bits; /* of an index */
    size_t frame_row; /* bytes of a row of the frame: 8-bit samples, channels as they come */
    uint8_t *frame; /* in png->filtered, behind room for what rows of indices may be ahead of their pixels */
    uint8_t *rgba[2], *indices; /* rows */
};

/* Indices repeat, and do not gain by filters: libdeflate over all of them. They are few enough for a level more than
 * the same effort gives to pixels. */
static const smalti__png_effort efforts[9] = {
    {.whole_level = 1}, {.whole_level = 3}, {.whole_level = 5},  {.whole_level = 6},  {.whole_level = 7},
    {.whole_level = 8}, {.whole_level = 9}, {.whole_level = 10}, {.whole_level = 12},
};

const smalti__png_effort *smalti__png_palette_effort(uint32_t effort)
{
    return &efforts[effort - 1];
}

/* A row of indices and its filter byte take no more than a row of pixels and one byte: with height bytes in front of the
 * frame, they never run into pixels that are still needed. */
static bool frame_bytes(uint32_t width, uint32_t height, uint32_t channels, size_t *bytes)
{
    return smalti__mul(width, channels, bytes) && smalti__add(*bytes, 1, bytes) && smalti__mul(*bytes, height, bytes);
}

static size_t rows_bytes(uint32_t width)
{
    return 9 * (size_t)width + 3 * (size_t)SMALTI__POOL_SLACK;
}

size_t smalti__png_palette_bytes(uint32_t width, uint32_t height, uint32_t channels)
{
    size_t sum;
    bool fits = frame_bytes(width, height, channels, &sum) && smalti__add(sum, rows_bytes(width), &sum) &&
                smalti__add(sum, smalti__quantizer_bytes(width), &sum) &&
                smalti__add(sum, sizeof(smalti__png_palette) + 2 * (size_t)SMALTI__POOL_SLACK, &sum);
    return fits ? sum : SIZE_MAX;
}

smalti_result smalti__png_palette_open(smalti__png_encoder *png, smalti_error *error)
{
    const smalti__encoder *base = &png->base;
    smalti__pool *pool = base->params.pool;
    size_t bytes;
    if (!frame_bytes(base->width, base->height, base->channels, &bytes))
        return smalti__fail_nomem(error, SIZE_MAX);
    png->palette = smalti__pool_get(pool, sizeof *png->palette);
    if (!png->palette)
        return smalti__fail_nomem(error, sizeof *png->palette);
    smalti__png_palette *palette = png->palette;
    *palette = (smalti__png_palette){.frame_row = (size_t)base->width * base->channels};
    png->filtered = smalti__pool_get(pool, bytes);
    palette->rgba[0] = smalti__pool_get(pool, 4 * (size_t)base->width);
    palette->rgba[1] = smalti__pool_get(pool, 4 * (size_t)base->width);
    palette->indices = smalti__pool_get(pool, base->width);
    if (!png->filtered || !palette->rgba[0] || !palette->rgba[1] || !palette->indices)
        return smalti__fail_nomem(error, bytes);
    palette->frame = png->filtered + base->height;
    uint32_t colors = base->params.colors < 2 ? 2 : base->params.colors > 256 ? 256 : base->params.colors;
    uint32_t dither = base->params.dither < 100 ? base->params.dither : 100;
    return smalti__quantizer_new(pool, base->width, colors, dither, &palette->quantizer, error);
}

void smalti__png_palette_close(smalti__png_encoder *png)
{
    smalti__pool *pool = png->base.params.pool;
    if (!png->palette)
        return;
    smalti__quantizer_free(png->palette->quantizer);
    smalti__pool_put(pool, png->palette->indices);
    smalti__pool_put(pool, png->palette->rgba[1]);
    smalti__pool_put(pool, png->palette->rgba[0]);
    smalti__pool_put(pool, png->palette);
}

static void expand_row(uint8_t *rgba, const uint8_t *row, uint32_t width, uint32_t channels)
{
    for (uint32_t x = 0; x < width; x++, row += channels, rgba += 4) {
        bool colors = channels > 2;
        rgba[0] = row[0];
        rgba[1] = row[colors ? 1 : 0];
        rgba[2] = row[colors ? 2 : 0];
        rgba[3] = channels % 2 ? 255 : row[channels - 1];
    }
}

void smalti__png_palette_write(smalti__png_encoder *png, const uint8_t *rows, size_t pitch, uint32_t count)
{
    static const uint8_t black[3] = {0};
    const smalti__encoder *base = &png->base;
    smalti__png_palette *palette = png->palette;
    smalti__shape from = {base->width, 1, base->channels, base->sample, false}, to = from;
    to.sample = SMALTI_SAMPLE_U8;
    for (uint32_t i = 0; i < count; i++, rows += pitch) {
        uint8_t *row = palette->frame + (base->row + i) * palette->frame_row;
        smalti__convert_rows(&from, rows, pitch, &to, row, palette->frame_row, 1, black);
        expand_row(palette->rgba[0], row, base->width, base->channels);
        smalti__quantizer_count(palette->quantizer, palette->rgba[0], base->width);
    }
}

uint8_t smalti__png_palette_bits(const smalti__png_encoder *png)
{
    return (uint8_t)png->palette->bits;
}

smalti_result smalti__png_palette_chunks(const smalti__png_encoder *png, smalti_error *error)
{
    const smalti__quantizer *quantizer = png->palette->quantizer;
    uint8_t colors[3 * 256], alphas[256];
    for (uint32_t i = 0; i < quantizer->count; i++) {
        memcpy(colors + 3 * (size_t)i, quantizer->palette[i], 3);
        alphas[i] = quantizer->palette[i][3];
    }
    SMALTI__TRY(smalti__png_write_chunk(png->base.sink, "PLTE", colors, 3 * (size_t)quantizer->count, error));
    if (!quantizer->opaque)
        return SMALTI_OK;
    return smalti__png_write_chunk(png->base.sink, "tRNS", alphas, quantizer->opaque, error);
}

static void pack_row(uint8_t *out, const uint8_t *indices, uint32_t width, uint32_t bits)
{
    if (bits == 8) {
        memcpy(out, indices, width);
        return;
    }
    uint32_t held = 0, room = 8;
    for (uint32_t x = 0; x < width; x++) {
        room -= bits;
        held |= (uint32_t)indices[x] << room;
        if (!room || x + 1 == width) {
            *out++ = (uint8_t)held;
            held = 0, room = 8;
        }
    }
}

static smalti_result map_rows(smalti__png_encoder *png, smalti_error *error)
{
    const smalti__encoder *base = &png->base;
    smalti__png_palette *palette = png->palette;
    size_t packed = ((size_t)base->width * palette->bits + 7) / 8;
    uint8_t *here = palette->rgba[0], *below = palette->rgba[1], *out = png->filtered;
    expand_row(here, palette->frame, base->width, base->channels);
    for (uint32_t y = 0; y < base->height; y++, out += packed + 1) {
        bool last = y + 1 == base->height;
        SMALTI__TRY(smalti__stop_check(base->params.stop, error));
        if (!last)
            expand_row(below, palette->frame + (y + 1) * palette->frame_row, base->width, base->channels);
        smalti__quantizer_map(palette->quantizer, here, last ? NULL : below, palette->indices);
        *out = SMALTI__PNG_NONE;
        pack_row(out + 1, palette->indices, base->width, palette->bits);
        uint8_t *other = here;
        here = below;
        below = other;
    }
    png->filtered_size = (packed + 1) * base->height;
    return SMALTI_OK;
}

smalti_result smalti__png_palette_finish(smalti__png_encoder *png, smalti_error *error)
{
    smalti__png_palette *palette = png->palette;
    smalti__quantizer_choose(palette->quantizer);
    uint32_t count = palette->quantizer->count;
    palette->bits = count > 16 ? 8 : count > 4 ? 4 : count > 2 ? 2 : 1;
    SMALTI__TRY(smalti__png_deflate_open(png, error));
    SMALTI__TRY(map_rows(png, error));
    return smalti__png_deflate(png, true, error);
}
