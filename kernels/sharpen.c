/* SPDX-License-Identifier: Apache-2.0
 * Unsharp mask: what a Gaussian blur takes away, added. */
#include "gaussian.h"

SMALTI_DESCRIBE({
    "name": "sharpen", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "unsharp mask: v + amount * (v - blurred v); alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": "dynamic",
    "params": [
        {"name": "amount", "type": "number", "min": 0, "max": 10, "default": 1},
        {"name": "sigma", "type": "number", "min": 0.3, "max": 10, "default": 1, "unit": "pixels", "summary": "of the blur"}
    ]
})

enum { AMOUNT_BITS = 11 };

static int32_t halo(const double *params)
{
    return gaussian_radius(params[1]);
}
SMALTI_HALO(halo)

static size_t scratch(const smalti_tile *tile)
{
    return gaussian_row(tile, gaussian_radius(tile->params[1])) * sizeof(float);
}
SMALTI_SCRATCH(scratch)

/* v + amount * (v - blurred), v and blurred scaled by 64. */
SMALTI_INLINE smalti_i16x8 unsharp(smalti_i16x8 v, smalti_i16x8 blurred, smalti_i16x8 amount)
{
    const int bits = AMOUNT_BITS + GAUSSIAN_FRACTION;
    const smalti_i16x8 lost = v - blurred;
    const smalti_i32x4 a = smalti_dot(smalti_zip_low_i16(v, lost), amount) + (1 << (bits - 1));
    const smalti_i32x4 b = smalti_dot(smalti_zip_high_i16(v, lost), amount) + (1 << (bits - 1));
    return smalti_narrow_i16(a >> bits, b >> bits);
}

static int32_t sharpen_u8(const smalti_tile *tile)
{
    struct gaussian g;
    gaussian_init(&g, tile->params[1]);
    const smalti_i16x8 amount = smalti_splat_pair(1 << AMOUNT_BITS, smalti_round(tile->params[0] * (1 << AMOUNT_BITS)));
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    int16_t *blurred = (int16_t *)tile->scratch + gaussian_row(tile, g.radius);
    for (uint32_t y = 0; y < tile->height; y++) {
        gaussian_u8(tile, &g, y, NULL, blurred);
        for (size_t i = 0; i < (size_t)tile->width * tile->channels; i += 16) {
            const smalti_u8x16 v = smalti_load_u8x16(SMALTI_SRC(uint8_t, tile, y) + i);
            const smalti_i16x8 a = smalti_load_i16x8(blurred + i), b = smalti_load_i16x8(blurred + i + 8);
            const smalti_u8x16 sharp = smalti_narrow_u8(unsharp(smalti_low_u8(v) << GAUSSIAN_FRACTION, a, amount),
                                                        unsharp(smalti_high_u8(v) << GAUSSIAN_FRACTION, b, amount));
            smalti_store_u8x16(SMALTI_DST(uint8_t, tile, y) + i, smalti_select(smalti_u8x16, alpha, v, sharp));
        }
    }
    return 0;
}

#define SHARPEN(name, T)                                                                                     \
    GAUSSIAN_DOWN(name, T)                                                                                   \
    static int32_t sharpen_##name(const smalti_tile *tile)                                                   \
    {                                                                                                        \
        struct gaussian g;                                                                                   \
        gaussian_init(&g, tile->params[1]);                                                                  \
        const float amount = (float)tile->params[0];                                                         \
        const smalti_i32x4 alpha = smalti_alpha_f32(tile->channels);                                         \
        float *row = tile->scratch;                                                                          \
        for (uint32_t y = 0; y < tile->height; y++) {                                                        \
            gaussian_down_##name(tile, &g, (int32_t)y, row);                                                 \
            for (size_t i = 0; i < (size_t)tile->width * tile->channels; i += 4) {                           \
                const smalti_f32x4 v = smalti_get_##name(SMALTI_SRC(T, tile, y) + i);                        \
                const smalti_f32x4 blurred =                                                                 \
                    gaussian_across_f32(row + g.radius * (ptrdiff_t)tile->channels + i, tile->channels, &g); \
                smalti_put_##name(SMALTI_DST(T, tile, y) + i,                                                \
                                  smalti_select(smalti_f32x4, alpha, v, v + (v - blurred) * amount));        \
            }                                                                                                \
        }                                                                                                    \
        return 0;                                                                                            \
    }
SHARPEN(u16, uint16_t)
SHARPEN(f32, float)

SMALTI_TILE(sharpen_u8, sharpen_u16, sharpen_f32)
