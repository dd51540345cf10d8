/* SPDX-License-Identifier: Apache-2.0
 * Convolution with nine weights. Bytes take 16-bit products where all weights are small whole numbers, else fixed point
 * with as many bits as fit; other samples are computed in floats. Alpha stays. */
#ifndef SMALTI_KERNELS_CONVOLVE_H
#define SMALTI_KERNELS_CONVOLVE_H

#include <smalti_kernel.h>

struct convolution {
    double weight[9]; /* of the neighbours in reading order, each within ±32767 */
    double bias;      /* 1 is the whole range of a sample */
};

SMALTI_INLINE double convolve_size(double x)
{
    return x < 0 ? -x : x;
}

/* Where neighbour k lies: samples from the middle one. */
SMALTI_INLINE ptrdiff_t convolve_offset(int k, ptrdiff_t pitch, ptrdiff_t step)
{
    return (k / 3 - 1) * pitch + (k % 3 - 1) * step;
}

/* Which neighbours of nine count: all, or the middle and the four beside it. Two vectors a round: what a loop of
 * WebAssembly carries along is kept in memory. */
SMALTI_INLINE void convolve_whole(const smalti_tile *tile, const uint8_t *src, uint8_t *dst, const int32_t *weight,
                                  int32_t bias, const int which)
{
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    const ptrdiff_t step = tile->channels, pitch = tile->src_pitch;
    const size_t count = (size_t)tile->width * tile->channels;
    for (size_t round = 0; round < count; round += 32)
#pragma GCC unroll 2
        for (size_t i = round; i < round + 32; i += 16) {
            smalti_i16x8 low = smalti_splat(smalti_i16x8, (int16_t)bias), high = low;
#pragma GCC unroll 9
            for (int k = 0; k < 9; k++) {
                if (!(which >> k & 1))
                    continue;
                const smalti_u8x16 v = smalti_load_u8x16(src + i + convolve_offset(k, pitch, step));
                low += smalti_low_u8(v) * (int16_t)weight[k], high += smalti_high_u8(v) * (int16_t)weight[k];
            }
            const smalti_u8x16 v = smalti_load_u8x16(src + i);
            smalti_store_u8x16(dst + i, smalti_select(smalti_u8x16, alpha, v, smalti_narrow_u8(low, high)));
        }
}

static void convolve_fixed(const smalti_tile *tile, const uint8_t *src, uint8_t *dst, const int32_t *weight,
                           int32_t bias, int bits)
{
    const smalti_u8x16 alpha = smalti_alpha_u8(tile->channels);
    const ptrdiff_t step = tile->channels, pitch = tile->src_pitch;
    const size_t count = (size_t)tile->width * tile->channels;
    for (size_t i = 0; i < count; i += 16) {
        smalti_i32x4 a = smalti_splat(smalti_i32x4, bias), b = a, c = a, d = a;
#pragma GCC unroll 5
        for (int k = 0; k < 9; k += 2) {
            const int next = k < 8 ? k + 1 : k;
            const smalti_u8x16 p = smalti_load_u8x16(src + i + convolve_offset(k, pitch, step));
            const smalti_u8x16 q = smalti_load_u8x16(src + i + convolve_offset(next, pitch, step));
            const smalti_u8x16 low = smalti_zip_low_u8(p, q), high = smalti_zip_high_u8(p, q);
            const smalti_i16x8 by = smalti_splat_pair(weight[k], k < 8 ? weight[k + 1] : 0);
            a += smalti_dot(smalti_low_u8(low), by), b += smalti_dot(smalti_high_u8(low), by);
            c += smalti_dot(smalti_low_u8(high), by), d += smalti_dot(smalti_high_u8(high), by);
        }
        const smalti_u8x16 v = smalti_load_u8x16(src + i);
        const smalti_i16x8 low = smalti_narrow_i16(a >> bits, b >> bits),
                           high = smalti_narrow_i16(c >> bits, d >> bits);
        smalti_store_u8x16(dst + i, smalti_select(smalti_u8x16, alpha, v, smalti_narrow_u8(low, high)));
    }
}

static int32_t convolve_u8(const smalti_tile *tile, const struct convolution *c)
{
    double largest = 0, sum = convolve_size(c->bias) * 255 + 1;
    int32_t weight[9];
    int bits = 14, whole = 1;
    for (int k = 0; k < 9; k++) {
        const double size = convolve_size(c->weight[k]);
        largest = size > largest ? size : largest;
        sum += size * 255;
        whole &= size < 32767 && size == (int32_t)size;
    }
    whole &= sum <= 32767;
    while (bits > 0 && largest * (1 << bits) > 32767)
        bits--;
    bits = whole ? 0 : bits;
    for (int k = 0; k < 9; k++)
        weight[k] = smalti_round(smalti_clamp(c->weight[k] * (1 << bits), -32767, 32767));
    const int32_t bias = smalti_round(c->bias * 255 * (1 << bits)) + (1 << bits) / 2;
    const int cross = !weight[0] && !weight[2] && !weight[6] && !weight[8];
    for (uint32_t y = 0; y < tile->height; y++)
        if (whole && cross)
            convolve_whole(tile, SMALTI_SRC(uint8_t, tile, y), SMALTI_DST(uint8_t, tile, y), weight, bias, 0272);
        else if (whole)
            convolve_whole(tile, SMALTI_SRC(uint8_t, tile, y), SMALTI_DST(uint8_t, tile, y), weight, bias, 0777);
        else
            convolve_fixed(tile, SMALTI_SRC(uint8_t, tile, y), SMALTI_DST(uint8_t, tile, y), weight, bias, bits);
    return 0;
}

#define CONVOLVE(name, T)                                                                                      \
    static int32_t convolve_##name(const smalti_tile *tile, const struct convolution *c)                       \
    {                                                                                                          \
        const ptrdiff_t pitch = (ptrdiff_t)(tile->src_pitch / sizeof(T)), step = tile->channels;               \
        const size_t count = (size_t)tile->width * tile->channels;                                             \
        const smalti_i32x4 alpha = smalti_alpha_f32(tile->channels);                                           \
        for (uint32_t y = 0; y < tile->height; y++) {                                                          \
            const T *src = SMALTI_SRC(T, tile, y);                                                             \
            for (size_t i = 0; i < count; i += 4) {                                                            \
                smalti_f32x4 sum = smalti_splat(smalti_f32x4, (float)c->bias);                                 \
                for (int k = 0; k < 9; k++)                                                                    \
                    sum += smalti_get_##name(src + i + convolve_offset(k, pitch, step)) * (float)c->weight[k]; \
                smalti_put_##name(SMALTI_DST(T, tile, y) + i,                                                  \
                                  smalti_select(smalti_f32x4, alpha, smalti_get_##name(src + i), sum));        \
            }                                                                                                  \
        }                                                                                                      \
        return 0;                                                                                              \
    }
CONVOLVE(u16, uint16_t)
CONVOLVE(f32, float)

/* The entry point of a kernel whose weights void init(struct convolution *, const double *params) gives. */
#define CONVOLUTION(init)     \
    CONVOLUTION_OF(init, u8)  \
    CONVOLUTION_OF(init, u16) \
    CONVOLUTION_OF(init, f32) \
    SMALTI_TILE(convolution_u8, convolution_u16, convolution_f32)
#define CONVOLUTION_OF(init, name)                             \
    static int32_t convolution_##name(const smalti_tile *tile) \
    {                                                          \
        struct convolution c;                                  \
        init(&c, tile->params);                                \
        return convolve_##name(tile, &c);                      \
    }

#endif
