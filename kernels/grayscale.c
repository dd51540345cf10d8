/* SPDX-License-Identifier: Apache-2.0
 * Luma of the encoded samples, with the weights of Rec. ITU-R BT.709 or BT.601. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "grayscale", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "luma in one channel, with alpha where there is some",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "output_channels": [1, 2, 1, 2], "halo": 0,
    "params": [{"name": "standard", "type": "integer", "min": 0, "max": 1, "default": 0,
                "summary": "weights: 0 Rec. 709, 1 Rec. 601"}]
})

static const double weights[2][3] = {{0.2126, 0.7152, 0.0722}, {0.299, 0.587, 0.114}};

/* Four pixels as (r, g, b, anything) to luma. */
SMALTI_INLINE smalti_i32x4 luma(smalti_u8x16 pixels, smalti_i16x8 red_blue, smalti_i16x8 green)
{
    smalti_i16x8 rb = (smalti_i16x8)((smalti_u16x8)pixels & 255), ga = (smalti_i16x8)((smalti_u16x8)pixels >> 8);
    return (smalti_dot(rb, red_blue) + smalti_dot(ga, green) + (1 << 14)) >> 15;
}

static int32_t gray_u8(const smalti_tile *tile)
{
    const double *w = weights[tile->params[0] != 0];
    const int red = smalti_round(w[0] * 32768), blue = smalti_round(w[2] * 32768);
    const smalti_i16x8 red_blue = smalti_splat_pair(red, blue), green = smalti_splat_pair(32768 - red - blue, 0);
    if (tile->channels < 3)
        copy_rows(tile, 1);
    for (uint32_t y = 0; tile->channels >= 3 && y < tile->height; y++) {
        const uint8_t *src = SMALTI_SRC(uint8_t, tile, y);
        uint8_t *dst = SMALTI_DST(uint8_t, tile, y);
        if (tile->channels == 3)
            for (uint32_t x = 0; x < tile->width; x += 16, src += 48) {
#define RGB(n) smalti_load_u8x16(src + 12 * (n))
#define RGBX(v) __builtin_shufflevector(v, v, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11)
#define LUMA_RGB(n) luma(RGBX(RGB(n)), red_blue, green)
                smalti_store_u8x16(dst + x, smalti_narrow_u8(smalti_narrow_i16(LUMA_RGB(0), LUMA_RGB(1)),
                                                             smalti_narrow_i16(LUMA_RGB(2), LUMA_RGB(3))));
            }
        else
            for (uint32_t x = 0; x < tile->width; x += 8, src += 32) {
                smalti_u8x16 a = smalti_load_u8x16(src), b = smalti_load_u8x16(src + 16);
                smalti_i16x8 gray = smalti_narrow_i16(luma(a, red_blue, green), luma(b, red_blue, green));
                smalti_i16x8 alpha =
                    smalti_narrow_i16((smalti_i32x4)((smalti_u32x4)a >> 24), (smalti_i32x4)((smalti_u32x4)b >> 24));
                smalti_store_i16x8(dst + 2 * x, gray | alpha << 8);
            }
    }
    return 0;
}

#define GRAY(name, T, half)                                                         \
    static int32_t gray_##name(const smalti_tile *tile)                             \
    {                                                                               \
        const double *w = weights[tile->params[0] != 0];                            \
        const float red = (float)w[0], green = (float)w[1], blue = (float)w[2];     \
        if (tile->channels < 3)                                                     \
            copy_rows(tile, sizeof(T));                                             \
        for (uint32_t y = 0; tile->channels >= 3 && y < tile->height; y++) {        \
            const T *restrict src = SMALTI_SRC(T, tile, y);                         \
            T *restrict dst = SMALTI_DST(T, tile, y);                               \
            const uint32_t step = tile->channels, out = step - 2;                   \
            for (uint32_t x = 0; x < tile->width; x++, src += step, dst += out) {   \
                dst[0] = (T)(red * src[0] + green * src[1] + blue * src[2] + half); \
                if (out == 2)                                                       \
                    dst[1] = src[3];                                                \
            }                                                                       \
        }                                                                           \
        return 0;                                                                   \
    }
GRAY(u16, uint16_t, 0.5f)
GRAY(f32, float, 0)

SMALTI_TILE(gray_u8, gray_u16, gray_f32)
