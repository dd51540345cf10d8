/* SPDX-License-Identifier: Apache-2.0
 * The negative of each colour sample. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "invert", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "negative colours; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true
})

static void invert_u8(const uint8_t *src, uint8_t *dst, size_t count, const smalti_tile *tile)
{
    const smalti_u8x16 color = ~smalti_alpha_u8(tile->channels);
    for (size_t i = 0; i < count; i += 16)
        smalti_store_u8x16(dst + i, smalti_load_u8x16(src + i) ^ color);
}

static void invert_u16(const uint16_t *src, uint16_t *dst, size_t count, const smalti_tile *tile)
{
    const smalti_u16x8 color = ~smalti_alpha_u16(tile->channels);
    for (size_t i = 0; i < count; i += 8)
        smalti_store_u16x8(dst + i, smalti_load_u16x8(src + i) ^ color);
}

SMALTI_INLINE smalti_f32x4 invert(smalti_f32x4 v, const double *params)
{
    (void)params;
    return 1 - v;
}
SMALTI_ROW_F32(invert, f32, float)

SMALTI_POINTWISE(invert_u8, invert_u16, smalti_row_f32)
