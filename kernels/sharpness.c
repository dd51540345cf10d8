/* SPDX-License-Identifier: Apache-2.0
 * Variance of the Laplacian of luma: low for blurred photographs, high for sharp ones. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "sharpness", "version": "1.0", "abi": 1, "kind": "measure",
    "summary": "variance of the Laplacian (4 neighbours) of Rec. 709 luma",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": 1, "state_bytes": 16,
    "values": [{"name": "variance", "summary": "in squares of 8-bit levels"}]
})

struct sums {
    int64_t sum;
    uint64_t square;
};

LUMA(u8, uint8_t)
LUMA(u16, uint16_t)

/* Three rows of luma, with a pixel on each side. */
static size_t scratch(const smalti_tile *tile)
{
    return 3 * ((size_t)tile->width + 2) * sizeof(int32_t);
}
SMALTI_SCRATCH(scratch)

static int32_t init(struct sums *s, const smalti_tile *whole)
{
    (void)whole;
    *s = (struct sums){0};
    return 0;
}

static void add_row(struct sums *s, const int32_t *up, const int32_t *at, const int32_t *down, uint32_t width)
{
    for (uint32_t x = 1; x <= width; x++) {
        const int64_t laplacian = 4 * at[x] - at[x - 1] - at[x + 1] - up[x] - down[x];
        s->sum += laplacian;
        s->square += (uint64_t)(laplacian * laplacian);
    }
}

#define SUM(name, T)                                                          \
    for (int32_t y = -1; y <= (int32_t)tile->height; y++) {                   \
        const T *src = SMALTI_SRC(T, tile, y) - tile->channels;               \
        for (uint32_t x = 0; x < tile->width + 2; x++, src += tile->channels) \
            down[x] = (int32_t)luma_##name(src, tile->channels);              \
        if (y > 0)                                                            \
            add_row(s, up, at, down, tile->width);                            \
        int32_t *const oldest = up;                                           \
        up = at, at = down, down = oldest;                                    \
    }

static int32_t accumulate(struct sums *s, const smalti_tile *tile)
{
    int32_t *up = tile->scratch, *at = up + tile->width + 2, *down = at + tile->width + 2;
    if (tile->sample == SMALTI_U8)
        SUM(u8, uint8_t)
    else
        SUM(u16, uint16_t)
    return 0;
}

static int32_t merge(struct sums *s, const struct sums *other)
{
    s->sum += other->sum, s->square += other->square;
    return 0;
}

static int32_t finish(const struct sums *s, const smalti_tile *whole, double *values)
{
    const double count = (double)whole->image_width * whole->image_height, mean = (double)s->sum / count;
    const double level = whole->sample == SMALTI_U8 ? 1 : 257;
    values[0] = ((double)s->square / count - mean * mean) / (level * level);
    return 0;
}

SMALTI_MEASURE(struct sums, init, accumulate, merge, finish)
