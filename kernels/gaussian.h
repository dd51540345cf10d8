/* SPDX-License-Identifier: Apache-2.0
 * Gaussian blur of single rows: down the columns into a row in scratch, then across that row. Bytes are computed in
 * 16-bit fixed point (weights in units of 1/65536, 6 bits of fraction between the two passes), other samples in floats.
 * All channels are treated alike, alpha too: the host multiplies colours by it. */
#ifndef SMALTI_KERNELS_GAUSSIAN_H
#define SMALTI_KERNELS_GAUSSIAN_H

#include <smalti_kernel.h>

enum { GAUSSIAN_MOST = 151, GAUSSIAN_SHIFT = 16, GAUSSIAN_FRACTION = 6 };

/* The weights of a Gaussian cut at 3 sigma, from the centre outwards. */
struct gaussian {
    int32_t radius;
    float weight[GAUSSIAN_MOST + 1];          /* of a sample */
    smalti_i16x8 pair[GAUSSIAN_MOST / 2 + 5]; /* of the sums of two samples, two distances in turn; then zeros */
};

/* 3 sigma, rounded up to an odd number: distances are taken two at a time, 0 and 1, 2 and 3, … */
SMALTI_INLINE int32_t gaussian_radius(double sigma)
{
    const int32_t down = (int32_t)(3 * sigma);
    return (down + (down < 3 * sigma)) | 1;
}

static void gaussian_init(struct gaussian *g, double sigma)
{
    double tail[GAUSSIAN_MOST + 2] = {0}, one;
    int32_t fixed[GAUSSIAN_MOST + 2] = {0};
    const int32_t radius = g->radius = gaussian_radius(sigma);
    for (int32_t k = radius; k >= 0; k--)
        tail[k] = tail[k + 1] + smalti_exp(-k * k / (2 * sigma * sigma));
    one = tail[0] + tail[1];
    /* Rounding the sums from the outside in, not the weights, keeps the total exact: flat areas stay as they are. */
    for (int32_t k = radius; k >= 0; k--) {
        g->weight[k] = (float)((tail[k] - tail[k + 1]) / one);
        fixed[k] = smalti_round(tail[k] / one * (1 << GAUSSIAN_SHIFT)) -
                   smalti_round(tail[k + 1] / one * (1 << GAUSSIAN_SHIFT));
    }
    /* The centre is added to itself, so its weight is halved; that also makes it fit 16 bits. */
    fixed[0] = (1 << (GAUSSIAN_SHIFT - 1)) - smalti_round(tail[1] / one * (1 << GAUSSIAN_SHIFT));
    for (int32_t k = 0; k < 2 * (int32_t)(sizeof g->pair / sizeof *g->pair); k += 2)
        g->pair[k / 2] = smalti_splat_pair(k <= radius ? fixed[k] : 0, k < radius ? fixed[k + 1] : 0);
}

/* Samples in the row between the passes, with those to the left and right that the second pass reads. */
SMALTI_INLINE size_t gaussian_row(const smalti_tile *tile, int32_t radius)
{
    return ((size_t)tile->width + 2 * (size_t)radius) * tile->channels + 64;
}

/* The loops over distances are written out for up to 4 steps of two distances, because what a loop of WebAssembly carries
 * from round to round is kept in memory: the engine may stop it in every round. `more`: as often 4 steps as the radius
 * takes; distances beyond it have weight 0 and are read at the radius. */

/* Bytes blurred downwards, 64 times the value. */
SMALTI_INLINE void gaussian_down(const uint8_t *src, ptrdiff_t pitch, int16_t *restrict row, ptrdiff_t count,
                                 const struct gaussian *g, const int32_t steps, const int more)
{
    const int32_t shift = GAUSSIAN_SHIFT - GAUSSIAN_FRACTION;
    for (ptrdiff_t i = 0; i < count; i += 16) {
        const uint8_t *above = src + i, *below = src + i;
        smalti_i32x4 a = smalti_splat(smalti_i32x4, 1 << (shift - 1)), b = a, c = a, d = a;
        int32_t k = 0;
        do {
#pragma GCC unroll 4
            for (int32_t n = 0; n < steps; n++, k += 2) {
                const smalti_u8x16 p0 = smalti_load_u8x16(above), p1 = smalti_load_u8x16(below);
                const smalti_u8x16 q0 = smalti_load_u8x16(above - pitch), q1 = smalti_load_u8x16(below + pitch);
                const smalti_i16x8 p = smalti_sum_low_u8(p0, p1), q = smalti_sum_low_u8(q0, q1);
                const smalti_i16x8 r = smalti_sum_high_u8(p0, p1), s = smalti_sum_high_u8(q0, q1);
                a += smalti_dot(smalti_zip_low_i16(p, q), g->pair[k / 2]);
                b += smalti_dot(smalti_zip_high_i16(p, q), g->pair[k / 2]);
                c += smalti_dot(smalti_zip_low_i16(r, s), g->pair[k / 2]);
                d += smalti_dot(smalti_zip_high_i16(r, s), g->pair[k / 2]);
                const ptrdiff_t on = !more || k + 2 < g->radius ? 2 * pitch : 0;
                above -= on, below += on;
                if (n == 1 && steps > 2)
                    smalti_settle(a), smalti_settle(b), smalti_settle(c), smalti_settle(d);
            }
        } while (more && k <= g->radius);
        smalti_store_i16x8(row + i, smalti_narrow_i16(a >> shift, b >> shift));
        smalti_store_i16x8(row + i + 8, smalti_narrow_i16(c >> shift, d >> shift));
    }
}

/* Eight samples of such a row blurred sideways, scaled by 1 << bits. */
SMALTI_INLINE smalti_i16x8 gaussian_eight(const int16_t *at, ptrdiff_t step, const struct gaussian *g,
                                          const int32_t steps, const int more, const int32_t bits)
{
    const int16_t *left = at, *right = at;
    const int32_t shift = GAUSSIAN_SHIFT + GAUSSIAN_FRACTION - bits;
    smalti_i32x4 a = smalti_splat(smalti_i32x4, 1 << (shift - 1)), b = a;
    int32_t k = 0;
    do {
#pragma GCC unroll 4
        for (int32_t n = 0; n < steps; n++, k += 2) {
            /* unsigned: what lies behind the row may be anything */
            const smalti_i16x8 p = (smalti_i16x8)(smalti_load_u16x8(left) + smalti_load_u16x8(right));
            const smalti_i16x8 q = (smalti_i16x8)(smalti_load_u16x8(left - step) + smalti_load_u16x8(right + step));
            a += smalti_dot(smalti_zip_low_i16(p, q), g->pair[k / 2]);
            b += smalti_dot(smalti_zip_high_i16(p, q), g->pair[k / 2]);
            const ptrdiff_t on = !more || k + 2 < g->radius ? 2 * step : 0;
            left -= on, right += on;
            if (n == 1 && steps > 2)
                smalti_settle(a), smalti_settle(b);
        }
    } while (more && k <= g->radius);
    return smalti_narrow_i16(a >> shift, b >> shift);
}

/* count samples of such a row blurred sideways: as bytes to dst, or 64 times the value to wide. */
SMALTI_INLINE void gaussian_across(const int16_t *row, ptrdiff_t step, uint8_t *restrict dst, int16_t *restrict wide,
                                   ptrdiff_t count, const struct gaussian *g, const int32_t steps, const int more)
{
    for (ptrdiff_t i = 0; i < count; i += 16) {
        const smalti_i16x8 a = gaussian_eight(row + i, step, g, steps, more, wide ? GAUSSIAN_FRACTION : 0);
        smalti_settle(a);
        const smalti_i16x8 b = gaussian_eight(row + i + 8, step, g, steps, more, wide ? GAUSSIAN_FRACTION : 0);
        if (wide)
            smalti_store_i16x8(wide + i, a), smalti_store_i16x8(wide + i + 8, b);
        else
            smalti_store_u8x16(dst + i, smalti_narrow_u8(a, b));
    }
}

/* Both passes over one row of a tile, through scratch of twice gaussian_row samples: to dst, or to wide when dst is NULL. */
#define GAUSSIAN_U8(name, steps, more)                                                                              \
    static __attribute__((noinline)) void gaussian_down_##name(const uint8_t *src, ptrdiff_t pitch, int16_t *row,   \
                                                               ptrdiff_t count, const struct gaussian *g)           \
    {                                                                                                               \
        gaussian_down(src, pitch, row, count, g, steps, more);                                                      \
    }                                                                                                               \
    static __attribute__((noinline)) void gaussian_across_##name(                                                   \
        const int16_t *row, ptrdiff_t step, uint8_t *dst, int16_t *wide, ptrdiff_t count, const struct gaussian *g) \
    {                                                                                                               \
        if (dst)                                                                                                    \
            gaussian_across(row, step, dst, NULL, count, g, steps, more);                                           \
        else                                                                                                        \
            gaussian_across(row, step, NULL, wide, count, g, steps, more);                                          \
    }
GAUSSIAN_U8(1, 1, 0)
GAUSSIAN_U8(2, 2, 0)
GAUSSIAN_U8(3, 3, 0)
GAUSSIAN_U8(4, 4, 0)
GAUSSIAN_U8(any, 4, 1)

static void gaussian_u8(const smalti_tile *tile, const struct gaussian *g, uint32_t y, uint8_t *dst, int16_t *wide)
{
    const ptrdiff_t step = tile->channels, left = g->radius * step, count = tile->width * step;
    const uint8_t *src = SMALTI_SRC(uint8_t, tile, y) - left;
    int16_t *row = tile->scratch;
    switch (g->radius / 2 + 1) {
#define GAUSSIAN_CASE(name)                                               \
    gaussian_down_##name(src, tile->src_pitch, row, count + 2 * left, g); \
    gaussian_across_##name(row + left, step, dst, wide, count, g);        \
    break;
    case 1:
        GAUSSIAN_CASE(1)
    case 2:
        GAUSSIAN_CASE(2)
    case 3:
        GAUSSIAN_CASE(3)
    case 4:
        GAUSSIAN_CASE(4)
    default:
        GAUSSIAN_CASE(any)
    }
}

/* The same two passes in floats, four samples at a time. */
#define GAUSSIAN_DOWN(name, T)                                                                                        \
    static void gaussian_down_##name(const smalti_tile *tile, const struct gaussian *g, int32_t y, float *row)        \
    {                                                                                                                 \
        const ptrdiff_t pitch = (ptrdiff_t)(tile->src_pitch / sizeof(T));                                             \
        const ptrdiff_t count = (ptrdiff_t)gaussian_row(tile, g->radius) - 64;                                        \
        const T *src = SMALTI_SRC(T, tile, y) - (ptrdiff_t)g->radius * tile->channels;                                \
        for (ptrdiff_t i = 0; i < count; i += 4) {                                                                    \
            smalti_f32x4 sum = smalti_get_##name(src + i) * g->weight[0];                                             \
            for (int32_t k = 1; k <= g->radius; k++)                                                                  \
                sum +=                                                                                                \
                    (smalti_get_##name(src + i - k * pitch) + smalti_get_##name(src + i + k * pitch)) * g->weight[k]; \
            smalti_store_f32x4(row + i, sum);                                                                         \
        }                                                                                                             \
    }
SMALTI_INLINE smalti_f32x4 gaussian_across_f32(const float *at, ptrdiff_t step, const struct gaussian *g)
{
    smalti_f32x4 sum = smalti_load_f32x4(at) * g->weight[0];
    for (int32_t k = 1; k <= g->radius; k++)
        sum += (smalti_load_f32x4(at - k * step) + smalti_load_f32x4(at + k * step)) * g->weight[k];
    return sum;
}

#endif
