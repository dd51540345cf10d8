/* SPDX-License-Identifier: Apache-2.0
 * Each colour sample to black or white. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "threshold", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "white where a colour sample is at least level, else black; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true,
    "params": [{"name": "level", "type": "number", "min": 0, "max": 1, "default": 0.5}]
})

/* The smallest sample that is at least level × most. */
SMALTI_INLINE int32_t least(const smalti_tile *tile, double most)
{
    const double exact = tile->params[0] * most;
    const int32_t down = (int32_t)exact;
    return down + (down < exact);
}

static void threshold_u8(const uint8_t *src, uint8_t *dst, size_t count, const smalti_tile *tile)
{
    const smalti_u8x16 level = smalti_splat(smalti_u8x16, (uint8_t)least(tile, 255));
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    for (size_t i = 0; i < count; i += 16) {
        smalti_u8x16 v = smalti_load_u8x16(src + i), white = (smalti_u8x16)(smalti_max_u8(v, level) == v);
        smalti_store_u8x16(dst + i, smalti_select(smalti_u8x16, alpha, v, white));
    }
}

static void threshold_u16(const uint16_t *src, uint16_t *dst, size_t count, const smalti_tile *tile)
{
    const smalti_u16x8 level = smalti_splat(smalti_u16x8, (uint16_t)least(tile, 65535));
    const smalti_u16x8 alpha = smalti_alpha_u16(tile->channels);
    for (size_t i = 0; i < count; i += 8) {
        smalti_u16x8 v = smalti_load_u16x8(src + i), white = (smalti_u16x8)(smalti_max_u16(v, level) == v);
        smalti_store_u16x8(dst + i, smalti_select(smalti_u16x8, alpha, v, white));
    }
}

SMALTI_INLINE smalti_f32x4 threshold_f32(smalti_f32x4 v, const double *params)
{
    const smalti_f32x4 level = smalti_splat(smalti_f32x4, (float)params[0]), one = smalti_splat(smalti_f32x4, 1.0f);
    return (smalti_f32x4)((smalti_i32x4)(v >= level) & (smalti_i32x4)one);
}
SMALTI_ROW_F32(threshold_f32, f32, float)

SMALTI_POINTWISE(threshold_u8, threshold_u16, smalti_row_f32)
