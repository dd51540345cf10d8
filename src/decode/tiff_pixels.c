/* SPDX-License-Identifier: Apache-2.0
 * From stored rows of a TIFF page to delivered pixels: samples are unpacked, colours converted, alpha made straight. */
#include "decode/tiff.h"

/* ---- unpacking: sample number s of each pixel to line[s + x × count] ---- */

static uint32_t used_samples(const smalti__tiff_page *page)
{
    return page->colors + (page->alpha != 0);
}

/* Any number of bits up to 16, packed from the highest. */
static uint32_t get_bits(const uint8_t *row, size_t at, uint32_t bits)
{
    uint32_t value = 0;
    for (uint32_t left = bits; left;) {
        uint32_t room = 8 - at % 8, take = room < left ? room : left;
        value = value << take | (row[at / 8] >> (room - take) & ((1u << take) - 1));
        at += take;
        left -= take;
    }
    return value;
}

/* step: samples between those of two pixels in the row. */
static void unpack_integers(const uint8_t *row, uint32_t bits, size_t first, size_t step, uint16_t *line, uint32_t used,
                            uint32_t width)
{
    if (bits == 8) {
        for (uint32_t x = 0; x < width; x++)
            line[(size_t)x * used] = row[first + x * step];
    } else if (bits == 16) {
        for (uint32_t x = 0; x < width; x++)
            memcpy(&line[(size_t)x * used], row + 2 * (first + x * step), 2);
    } else {
        for (uint32_t x = 0; x < width; x++)
            line[(size_t)x * used] = (uint16_t)get_bits(row, (first + x * step) * bits, bits);
    }
}

static void unpack_floats(const uint8_t *row, size_t first, size_t step, float *line, uint32_t used, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        memcpy(&line[(size_t)x * used], row + 4 * (first + x * step), 4);
}

static void unpack(smalti__tiff *tiff, const uint8_t *const row[SMALTI__TIFF_SAMPLES])
{
    const smalti__tiff_page *page = &tiff->page;
    uint32_t used = used_samples(page);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t sample = i < page->colors ? i : page->alpha;
        const uint8_t *from = row[page->separate ? i : 0];
        size_t first = page->separate ? 0 : sample, step = page->separate ? 1 : page->samples;
        if (page->is_float)
            unpack_floats(from, first, step, (float *)tiff->line + i, used, page->width);
        else
            unpack_integers(from, page->bits, first, step, (uint16_t *)tiff->line + i, used, page->width);
    }
}

/* ---- colours ---- */

/* In place, of integers with the largest value most: the colours of pixels whose alpha was multiplied in. */
static void divide_alpha(uint16_t *line, uint32_t used, uint32_t width, uint32_t most)
{
    for (uint32_t x = 0; x < width; x++, line += used) {
        uint32_t alpha = line[used - 1];
        if (alpha == most)
            continue;
        for (uint32_t i = 0; i + 1 < used; i++) {
            uint32_t value = alpha ? (line[i] * most + alpha / 2) / alpha : 0;
            line[i] = (uint16_t)(value < most ? value : most);
        }
    }
}

static void divide_alpha_floats(float *line, uint32_t used, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, line += used) {
        float alpha = line[used - 1];
        for (uint32_t i = 0; i + 1 < used; i++)
            line[i] = alpha > 0 ? line[i] / alpha : 0;
    }
}

/* Light that ink leaves, as for JPEG: r = (1 - c)(1 - k). In place: a pixel of 4 or 5 samples becomes one of 3 or 4. */
static void cmyk_to_rgb(uint16_t *line, uint32_t used, uint32_t width, uint32_t most)
{
    uint16_t *to = line;
    for (uint32_t x = 0; x < width; x++, line += used, to += used - 1) {
        uint64_t light = most - line[3];
        for (int i = 0; i < 3; i++)
            to[i] = (uint16_t)(((most - line[i]) * light + most / 2) / most);
        if (used == 5)
            to[3] = line[4];
    }
}

static void look_up(const smalti__tiff *tiff, const uint16_t *line, uint8_t *dst)
{
    const smalti__tiff_page *page = &tiff->page;
    const uint8_t *palette = tiff->large_palette ? tiff->large_palette : tiff->palette[0];
    bool alpha = page->alpha != 0;
    for (uint32_t x = 0; x < page->width; x++) {
        memcpy(dst, palette + (size_t)*line++ * 3, 3);
        dst += 3;
        if (alpha) {
            uint32_t most = (1u << page->bits) - 1;
            *dst++ = (uint8_t)((*line++ * 255u + most / 2) / most);
        }
    }
}

/* Samples of bits bits to the delivered type, over its whole range. */
static void put_integers(const smalti__tiff *tiff, const uint16_t *line, size_t count, void *dst)
{
    uint32_t bits = tiff->page.bits, most = (1u << bits) - 1;
    if (bits <= 8) {
        uint8_t scale[256], *out = dst;
        for (uint32_t i = 0; i <= most; i++)
            scale[i] = (uint8_t)((i * 255 + most / 2) / most);
        for (size_t i = 0; i < count; i++)
            out[i] = scale[line[i]];
    } else if (bits == 16) {
        memcpy(dst, line, count * 2);
    } else {
        uint16_t *out = dst;
        for (size_t i = 0; i < count; i++)
            out[i] = (uint16_t)((line[i] * 65535u + most / 2) / most);
    }
}

static void put_floats(smalti__tiff *tiff, float *dst)
{
    const smalti__tiff_page *page = &tiff->page;
    float *line = tiff->line;
    uint32_t used = used_samples(page);
    for (uint32_t x = 0; page->invert && x < page->width; x++)
        line[(size_t)x * used] = 1 - line[(size_t)x * used];
    if (page->premultiplied)
        divide_alpha_floats(line, used, page->width);
    memcpy(dst, line, (size_t)page->width * used * sizeof *line);
}

void smalti__tiff_pixels_put(smalti__tiff *tiff, const uint8_t *const row[SMALTI__TIFF_SAMPLES], void *dst)
{
    const smalti__tiff_page *page = &tiff->page;
    const smalti__decoder *base = &tiff->base;
    uint32_t used = used_samples(page), most = (1u << (page->bits & 31)) - 1;
    if (tiff->direct) {
        memcpy(dst, row[0], (size_t)page->width * base->info.channels * smalti_sample_bytes(base->info.sample));
        return;
    }
    unpack(tiff, row);
    if (page->is_float) {
        put_floats(tiff, dst);
        return;
    }
    uint16_t *line = tiff->line;
    if (page->color == SMALTI__TIFF_PALETTE) {
        look_up(tiff, line, dst);
        return;
    }
    for (uint32_t x = 0; page->invert && x < page->width; x++)
        line[(size_t)x * used] = (uint16_t)(most - line[(size_t)x * used]);
    if (page->premultiplied) /* of CMYK too: ink is what was multiplied */
        divide_alpha(line, used, page->width, most);
    if (page->color == SMALTI__TIFF_CMYK)
        cmyk_to_rgb(line, used, page->width, most);
    put_integers(tiff, line, (size_t)page->width * base->info.channels, dst);
}

/* ---- life ---- */

static size_t line_bytes(const smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    return (size_t)page->width * used_samples(page) * (page->is_float ? 4 : 2);
}

static size_t palette_bytes(const smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    return page->color == SMALTI__TIFF_PALETTE && page->bits > 8 ? ((size_t)1 << page->bits) * 3 : 0;
}

static bool is_direct(const smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    return !page->separate && (page->bits == 8 || page->bits == 16 || page->bits == 32) && !page->invert &&
           (page->color == SMALTI__TIFF_GRAY || page->color == SMALTI__TIFF_RGB) &&
           used_samples(page) == page->samples && !page->premultiplied;
}

size_t smalti__tiff_pixels_bytes(const smalti__tiff *tiff)
{
    return (is_direct(tiff) ? 0 : line_bytes(tiff)) + palette_bytes(tiff) + 2 * (size_t)SMALTI__POOL_SLACK;
}

smalti_result smalti__tiff_pixels_start(smalti__tiff *tiff, smalti_error *error)
{
    smalti__pool *pool = tiff->base.options.pool;
    const smalti__tiff_page *page = &tiff->page;
    tiff->direct = is_direct(tiff);
    if (!tiff->direct) {
        tiff->line = smalti__pool_get(pool, line_bytes(tiff));
        if (!tiff->line)
            return smalti__fail_nomem(error, line_bytes(tiff));
    }
    if (page->color != SMALTI__TIFF_PALETTE)
        return SMALTI_OK;
    uint8_t *out = tiff->palette[0];
    if (palette_bytes(tiff)) {
        out = tiff->large_palette = smalti__pool_get(pool, palette_bytes(tiff));
        if (!out)
            return smalti__fail_nomem(error, palette_bytes(tiff));
    }
    uint16_t *map[3];
    if (!tiff->lib->TIFFGetField(tiff->handle[0], TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return smalti__source_fail(tiff->base.source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "no colour map");
    uint32_t count = 1u << page->bits;
    bool bytes = true; /* some writers put 8-bit values where 16 are due */
    for (uint32_t i = 0; i < count && bytes; i++)
        bytes = map[0][i] < 256 && map[1][i] < 256 && map[2][i] < 256;
    for (uint32_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            *out++ = (uint8_t)(bytes ? map[c][i] : map[c][i] >> 8); /* some make v × 256 of v, some v × 257 */
    return SMALTI_OK;
}

void smalti__tiff_pixels_end(smalti__tiff *tiff)
{
    smalti__pool *pool = tiff->base.options.pool;
    smalti__pool_put(pool, tiff->large_palette);
    smalti__pool_put(pool, tiff->line);
    tiff->large_palette = NULL;
    tiff->line = NULL;
}
