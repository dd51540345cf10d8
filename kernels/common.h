/* SPDX-License-Identifier: Apache-2.0
 * What several of the shipped kernels share: pixels as vectors of four floats, and colour matrices over them. */
#ifndef SMALTI_KERNELS_COMMON_H
#define SMALTI_KERNELS_COMMON_H

#include <smalti_kernel.h>

/* Writes just one pixel: in an in-place kernel the next one has not been read yet. */
#define PUT_PIXEL(name, T)                                                       \
    SMALTI_INLINE void put_pixel_##name(T *p, smalti_f32x4 v, uint32_t channels) \
    {                                                                            \
        T samples[4];                                                            \
        smalti_put_##name(samples, v);                                           \
        for (uint32_t c = 0; c < channels; c++)                                  \
            p[c] = samples[c];                                                   \
    }
PUT_PIXEL(u8, uint8_t)
PUT_PIXEL(u16, uint16_t)
PUT_PIXEL(f32, float)

/* A colour matrix by columns: m[0] red + m[1] green + m[2] blue. Gray pixels count as red = green = blue; alpha stays. */
#define MATRIX(name, T)                                                                                        \
    SMALTI_INLINE void matrix_pixels_##name(const smalti_tile *tile, const smalti_f32x4 *m, uint32_t channels, \
                                            uint32_t out)                                                      \
    {                                                                                                          \
        const smalti_i32x4 last = {0, 0, 0, -1};                                                               \
        const uint32_t green = channels > 2 ? 1 : 0, blue = channels > 2 ? 2 : 0;                              \
        for (uint32_t y = 0; y < tile->height; y++) {                                                          \
            const T *src = SMALTI_SRC(T, tile, y);                                                             \
            T *dst = SMALTI_DST(T, tile, y);                                                                   \
            for (uint32_t x = 0; x < tile->width; x++, src += channels, dst += out) {                          \
                smalti_f32x4 v = smalti_get_##name(src), alpha = smalti_splat(smalti_f32x4, v[channels - 1]);  \
                smalti_f32x4 color = m[0] * v[0] + m[1] * v[green] + m[2] * v[blue];                           \
                put_pixel_##name(dst, smalti_select(smalti_f32x4, last, alpha, color), out);                   \
            }                                                                                                  \
        }                                                                                                      \
    }                                                                                                          \
    static void matrix_##name(const smalti_tile *tile, const smalti_f32x4 *m)                                  \
    {                                                                                                          \
        switch (tile->channels) {                                                                              \
        case 1:                                                                                                \
            matrix_pixels_##name(tile, m, 1, 3);                                                               \
            break;                                                                                             \
        case 2:                                                                                                \
            matrix_pixels_##name(tile, m, 2, 4);                                                               \
            break;                                                                                             \
        case 3:                                                                                                \
            matrix_pixels_##name(tile, m, 3, 3);                                                               \
            break;                                                                                             \
        default:                                                                                               \
            matrix_pixels_##name(tile, m, 4, 4);                                                               \
        }                                                                                                      \
    }

/* The core as it is, for kernels that leave some images alone. */
SMALTI_INLINE void copy_rows(const smalti_tile *tile, size_t sample_bytes)
{
    for (uint32_t y = 0; y < tile->height && tile->dst != tile->src; y++)
        __builtin_memcpy(SMALTI_DST(char, tile, y), SMALTI_SRC(char, tile, y),
                         (size_t)tile->width * tile->channels * sample_bytes);
}

/* Rec. 709 luma of a pixel of 1 to 4 channels as a whole number, halves up. */
#define LUMA(name, T)                                                                                                \
    SMALTI_INLINE uint32_t luma_##name(const T *p, uint32_t channels)                                                \
    {                                                                                                                \
        return channels < 3 ? p[0] : (uint32_t)((13933ull * p[0] + 46871ull * p[1] + 4732ull * p[2] + 32768) >> 16); \
    }

#endif
