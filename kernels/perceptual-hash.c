/* SPDX-License-Identifier: Apache-2.0
 * A difference hash (dHash): luma shrunk to 9×8 by area, a bit for each pair of neighbours where it grows to the right.
 * The same picture in another size or quality has a hash that differs in few bits. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "perceptual-hash", "version": "1.0", "abi": 1, "kind": "measure",
    "summary": "64-bit difference hash of 9x8 cells of luma; few bits differ between versions of a picture",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": 0, "state_bytes": 576,
    "values": [{"name": "hash", "hex": true, "summary": "rows from the top, highest bit first"}]
})

enum { COLUMNS = 9, ROWS = 8 };

/* Sums of luma, weighted by what a cell covers of each pixel, in units of 1/72 of a pixel: exact, and all cells cover the
 * same, so sums compare like means. */
struct cells {
    uint64_t sum[ROWS][COLUMNS];
};

LUMA(u8, uint8_t)
LUMA(u16, uint16_t)

/* How much of pixel at (which covers parts units) lies in cell number i of parts cells over size pixels. */
SMALTI_INLINE uint64_t cover(uint64_t at, uint64_t i, uint64_t parts, uint64_t size)
{
    const uint64_t start = at * parts > i * size ? at * parts : i * size;
    const uint64_t end = (at + 1) * parts < (i + 1) * size ? (at + 1) * parts : (i + 1) * size;
    return end > start ? end - start : 0;
}

static int32_t init(struct cells *cells, const smalti_tile *whole)
{
    (void)whole;
    *cells = (struct cells){0};
    return 0;
}

static int32_t accumulate(struct cells *cells, const smalti_tile *tile)
{
    const uint64_t width = tile->image_width, height = tile->image_height;
    for (uint64_t y = tile->y; y < (uint64_t)tile->y + tile->height; y++) {
        const char *src = SMALTI_SRC(char, tile, y - tile->y);
        for (uint64_t i = 0; i < COLUMNS; i++) {
            uint64_t sum = 0;
            for (uint64_t x = i * width / COLUMNS; x * COLUMNS < (i + 1) * width; x++) {
                const size_t at = (size_t)(x - tile->x) * tile->channels;
                if (x < tile->x || x >= (uint64_t)tile->x + tile->width)
                    continue;
                sum += cover(x, i, COLUMNS, width) * (tile->sample == SMALTI_U8
                                                          ? luma_u8((const uint8_t *)src + at, tile->channels)
                                                          : luma_u16((const uint16_t *)src + at, tile->channels));
            }
            for (uint64_t j = y * ROWS / height; j < ROWS && j * height < (y + 1) * ROWS; j++)
                cells->sum[j][i] += sum * cover(y, j, ROWS, height);
        }
    }
    return 0;
}

static int32_t merge(struct cells *cells, const struct cells *other)
{
    for (int i = 0; i < ROWS * COLUMNS; i++)
        cells->sum[i / COLUMNS][i % COLUMNS] += other->sum[i / COLUMNS][i % COLUMNS];
    return 0;
}

static int32_t finish(const struct cells *cells, const smalti_tile *whole, double *values)
{
    uint64_t hash = 0;
    (void)whole;
    for (int j = 0; j < ROWS; j++)
        for (int i = 0; i + 1 < COLUMNS; i++)
            hash = hash << 1 | (cells->sum[j][i + 1] > cells->sum[j][i]);
    __builtin_memcpy(values, &hash, sizeof hash);
    return 0;
}

SMALTI_MEASURE(struct cells, init, accumulate, merge, finish)
