/* SPDX-License-Identifier: Apache-2.0
 * (v - 1/2) × (1 + contrast) + 1/2 + brightness, of each colour sample. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "brightness-contrast", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "(v - 0.5) * (1 + contrast) + 0.5 + brightness; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true,
    "params": [
        {"name": "brightness", "type": "number", "min": -1, "max": 1, "default": 0, "summary": "added to each sample"},
        {"name": "contrast", "type": "number", "min": -1, "max": 1, "default": 0, "summary": "-1 is flat gray, 1 doubles"}
    ]
})

enum { FRACTION_BITS = 13 }; /* of the gain, which is at most 2 */

static void adjust_u8(const uint8_t *src, uint8_t *dst, size_t count, const smalti_tile *tile)
{
    const double gain = 1 + tile->params[1], offset = 255 * (0.5 - gain / 2 + tile->params[0]) + 0.5;
    const smalti_i16x8 by = smalti_splat_pair(smalti_round(gain * (1 << FRACTION_BITS)), 0);
    const smalti_i32x4 add = smalti_splat(smalti_i32x4, smalti_round(offset * (1 << FRACTION_BITS)));
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    for (size_t i = 0; i < count; i += 16) {
        smalti_u8x16 v = smalti_load_u8x16(src + i);
        smalti_u16x8 low = (smalti_u16x8)smalti_low_u8(v), high = (smalti_u16x8)smalti_high_u8(v);
#define ADJUST(half) ((smalti_dot((smalti_i16x8)(half), by) + add) >> FRACTION_BITS)
        smalti_i16x8 a = smalti_narrow_i16(ADJUST(smalti_low_u16(low)), ADJUST(smalti_high_u16(low)));
        smalti_i16x8 b = smalti_narrow_i16(ADJUST(smalti_low_u16(high)), ADJUST(smalti_high_u16(high)));
        smalti_store_u8x16(dst + i, smalti_select(smalti_u8x16, alpha, v, smalti_narrow_u8(a, b)));
    }
}

SMALTI_INLINE smalti_f32x4 adjust(smalti_f32x4 v, const double *params)
{
    const double gain = 1 + params[1];
    return v * (float)gain + (float)(0.5 - gain / 2 + params[0]);
}
SMALTI_ROW_F32(adjust, u16, uint16_t)
SMALTI_ROW_F32(adjust, f32, float)

SMALTI_POINTWISE(adjust_u8, smalti_row_u16, smalti_row_f32)
