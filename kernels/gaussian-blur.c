/* SPDX-License-Identifier: Apache-2.0
 * Gaussian blur, separable, cut at 3 sigma. */
#include "gaussian.h"

SMALTI_DESCRIBE({
    "name": "gaussian-blur", "version": "1.0", "abi": 1, "kind": "tile", "alpha": "premultiplied",
    "summary": "Gaussian blur, cut at 3 sigma",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": "dynamic",
    "params": [{"name": "sigma", "type": "number", "min": 0.3, "max": 50, "default": 2, "unit": "pixels"}]
})

static int32_t halo(const double *params)
{
    return gaussian_radius(params[0]);
}
SMALTI_HALO(halo)

static size_t scratch(const smalti_tile *tile)
{
    return gaussian_row(tile, gaussian_radius(tile->params[0])) * sizeof(float);
}
SMALTI_SCRATCH(scratch)

static int32_t blur_u8(const smalti_tile *tile)
{
    struct gaussian g;
    gaussian_init(&g, tile->params[0]);
    for (uint32_t y = 0; y < tile->height; y++)
        gaussian_u8(tile, &g, y, SMALTI_DST(uint8_t, tile, y), NULL);
    return 0;
}

#define BLUR(name, T)                                                                                              \
    GAUSSIAN_DOWN(name, T)                                                                                         \
    static int32_t blur_##name(const smalti_tile *tile)                                                            \
    {                                                                                                              \
        struct gaussian g;                                                                                         \
        gaussian_init(&g, tile->params[0]);                                                                        \
        float *row = tile->scratch;                                                                                \
        const float *first = row + g.radius * (ptrdiff_t)tile->channels;                                           \
        for (uint32_t y = 0; y < tile->height; y++) {                                                              \
            gaussian_down_##name(tile, &g, (int32_t)y, row);                                                       \
            for (size_t i = 0; i < (size_t)tile->width * tile->channels; i += 4)                                   \
                smalti_put_##name(SMALTI_DST(T, tile, y) + i, gaussian_across_f32(first + i, tile->channels, &g)); \
        }                                                                                                          \
        return 0;                                                                                                  \
    }
BLUR(u16, uint16_t)
BLUR(f32, float)

SMALTI_TILE(blur_u8, blur_u16, blur_f32)
