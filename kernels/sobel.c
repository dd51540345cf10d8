/* SPDX-License-Identifier: Apache-2.0
 * Edges: the size of the Sobel gradient of each colour channel. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "sobel", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "size of the Sobel gradient of each colour channel, times scale; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 1,
    "params": [{"name": "scale", "type": "number", "min": 0, "max": 16, "default": 1}]
})

/* Gradients of up to ±1020 to sizes. */
SMALTI_INLINE smalti_i16x8 sizes(smalti_i16x8 gx, smalti_i16x8 gy, float scale)
{
    const smalti_i16x8 low = smalti_zip_low_i16(gx, gy), high = smalti_zip_high_i16(gx, gy);
    return smalti_narrow_i16(smalti_round_f32(smalti_sqrt_f32(smalti_to_f32(smalti_dot(low, low))) * scale),
                             smalti_round_f32(smalti_sqrt_f32(smalti_to_f32(smalti_dot(high, high))) * scale));
}

static void sobel_u8(const uint8_t *restrict src, ptrdiff_t pitch, uint8_t *restrict dst, size_t count,
                     const smalti_tile *tile)
{
    const ptrdiff_t step = tile->channels;
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    const float scale = (float)tile->params[0];
    for (size_t i = 0; i < count; i += 16, src += 16) {
#define AT(dx, dy) smalti_load_u8x16(src + (dx) * step + (dy) * pitch)
        const smalti_u8x16 nw = AT(-1, -1), n = AT(0, -1), ne = AT(1, -1), w = AT(-1, 0), e = AT(1, 0);
        const smalti_u8x16 sw = AT(-1, 1), s = AT(0, 1), se = AT(1, 1), v = AT(0, 0);
#define GX(half)                                                       \
    (smalti_sum_##half##_u8(ne, se) - smalti_sum_##half##_u8(nw, sw) + \
     (smalti_##half##_u8(e) - smalti_##half##_u8(w)) * 2)
#define GY(half)                                                       \
    (smalti_sum_##half##_u8(sw, se) - smalti_sum_##half##_u8(nw, ne) + \
     (smalti_##half##_u8(s) - smalti_##half##_u8(n)) * 2)
        const smalti_i16x8 low = sizes(GX(low), GY(low), scale);
        smalti_settle(low);
        const smalti_u8x16 edge = smalti_narrow_u8(low, sizes(GX(high), GY(high), scale));
        smalti_store_u8x16(dst + i, smalti_select(smalti_u8x16, alpha, v, edge));
    }
}

#define SOBEL(name, T)                                                                                           \
    static void sobel_##name(const T *restrict src, ptrdiff_t pitch, T *restrict dst, size_t count,              \
                             const smalti_tile *tile)                                                            \
    {                                                                                                            \
        const ptrdiff_t step = tile->channels;                                                                   \
        const smalti_i32x4 alpha = smalti_alpha_f32(tile->channels);                                             \
        const float scale = (float)tile->params[0];                                                              \
        for (size_t i = 0; i < count; i += 4, src += 4) {                                                        \
            const T *up = src - pitch, *down = src + pitch;                                                      \
            const smalti_f32x4 nw = smalti_get_##name(up - step), ne = smalti_get_##name(up + step);             \
            const smalti_f32x4 sw = smalti_get_##name(down - step), se = smalti_get_##name(down + step);         \
            const smalti_f32x4 w = smalti_get_##name(src - step), e = smalti_get_##name(src + step);             \
            const smalti_f32x4 gx = ne - nw + (se - sw) + (e - w) * 2;                                           \
            const smalti_f32x4 gy = sw - nw + (se - ne) + (smalti_get_##name(down) - smalti_get_##name(up)) * 2; \
            const smalti_f32x4 edge = smalti_sqrt_f32(gx * gx + gy * gy) * scale;                                \
            smalti_put_##name(dst + i, smalti_select(smalti_f32x4, alpha, smalti_get_##name(src), edge));        \
        }                                                                                                        \
    }
SOBEL(u16, uint16_t)
SOBEL(f32, float)

SMALTI_STENCIL(sobel_u8, sobel_u16, sobel_f32)
