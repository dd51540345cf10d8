/* SPDX-License-Identifier: Apache-2.0
 * Squares of one colour, counted from the image's upper left corner: the mean of what they cover. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "pixelate", "version": "1.0", "abi": 1, "kind": "tile", "alpha": "premultiplied",
    "summary": "squares of the mean colour",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": "dynamic",
    "params": [{"name": "size", "type": "integer", "min": 1, "max": 256, "default": 8, "unit": "pixels"}]
})

/* A square that the strip only touches is still seen whole. */
static int32_t halo(const double *params)
{
    return (int32_t)params[0] - 1;
}
SMALTI_HALO(halo)

SMALTI_INLINE uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Sums are exact for whole numbers, and taken in one order for floats: they do not depend on the strips. */
#define PIXELATE(name, T, half)                                                                    \
    static int32_t pixelate_##name(const smalti_tile *tile)                                        \
    {                                                                                              \
        const uint32_t size = (uint32_t)tile->params[0], channels = tile->channels;                \
        const uint32_t bottom = tile->y + tile->height, right = tile->x + tile->width;             \
        for (uint32_t y0 = tile->y / size * size; y0 < bottom; y0 += size)                         \
            for (uint32_t x0 = tile->x / size * size; x0 < right; x0 += size)                      \
                for (uint32_t c = 0; c < channels; c++) {                                          \
                    const uint32_t y1 = least(y0 + size, tile->image_height);                      \
                    const uint32_t x1 = least(x0 + size, tile->image_width);                       \
                    double sum = 0;                                                                \
                    for (uint32_t y = y0; y < y1; y++) {                                           \
                        const T *src = SMALTI_SRC(T, tile, (ptrdiff_t)y - tile->y) + c;            \
                        for (uint32_t x = x0; x < x1; x++)                                         \
                            sum += src[((ptrdiff_t)x - tile->x) * (ptrdiff_t)channels];            \
                    }                                                                              \
                    const T mean = (T)(sum / ((double)(y1 - y0) * (x1 - x0)) + half);              \
                    for (uint32_t y = y0 > tile->y ? y0 : tile->y; y < least(y1, bottom); y++)     \
                        for (uint32_t x = x0 > tile->x ? x0 : tile->x; x < least(x1, right); x++)  \
                            SMALTI_DST(T, tile, y - tile->y)[(x - tile->x) * channels + c] = mean; \
                }                                                                                  \
        return 0;                                                                                  \
    }
PIXELATE(u8, uint8_t, 0.5)
PIXELATE(u16, uint16_t, 0.5)
PIXELATE(f32, float, 0)

SMALTI_TILE(pixelate_u8, pixelate_u16, pixelate_f32)
