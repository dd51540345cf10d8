/* SPDX-License-Identifier: Apache-2.0
 * The loops of the score in the compiler's vectors; the including file sets VEC_LANES and VEC_TARGET. */
#include "score/rows.h"

#include <string.h>

#include "pixel/vector.h"

/* The opsin absorbance of JPEG XL (ISO/IEC 18181-1, XYB): a mix of linear light, a bias, a cube root; then the shifts
 * and scales by which SSIMULACRA 2.1 brings all three near 0…1. */
VEC_INLINE void xyb_some(float *const out[3], const float *const rgb[3], size_t count, bool x, bool b)
{
    const float bias = 0.0037930732552754493f, bias_root = 0.15595420054924863f;
    for (size_t i = 0; i < count; i += VEC_LANES) {
        vec red = vec_load(rgb[0] + i), green = vec_load(rgb[1] + i), blue = vec_load(rgb[2] + i);
        vec l = vec_cube_root(0.30f * red + 0.622f * green + 0.078f * blue + bias);
        vec m = vec_cube_root(0.23f * red + 0.692f * green + 0.078f * blue + bias);
        vec y = 0.5f * (l + m);
        vec_store(out[1] + i, y + (0.01f - bias_root));
        if (x)
            vec_store(out[0] + i, 7.0f * (l - m) + 0.42f);
        if (b) {
            vec mix = 0.24342268924547819f * red + 0.20476744424496821f * green + 0.55180986650955360f * blue;
            vec_store(out[2] + i, vec_cube_root(mix + bias) - y + 0.55f);
        }
    }
}

VEC_TARGET static void xyb(float *const out[3], const float *const rgb[3], size_t count)
{
    if (out[2])
        xyb_some(out, rgb, count, true, true);
    else if (out[0])
        xyb_some(out, rgb, count, true, false);
    else
        xyb_some(out, rgb, count, false, false);
}

VEC_TARGET static void products(float *square, float *error, const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i += VEC_LANES) {
        vec x = vec_load(a + i), y = vec_load(b + i), d = x - y;
        vec_store(square + i, x * x + y * y);
        vec_store(error + i, d * d);
    }
}

VEC_TARGET static void halve(float *restrict half, const float *restrict top, const float *restrict bottom,
                             size_t count)
{
    for (size_t i = 0; i < count; i++)
        half[i] = 0.25f * (top[2 * i] + top[2 * i + 1] + bottom[2 * i] + bottom[2 * i + 1]);
}

VEC_TARGET static void blur(float *out, const float *const rows[SMALTI__SCORE_TAPS], size_t count)
{
    static const float taps[] = {SMALTI__SCORE_BLUR};
    const float *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3], *r4 = rows[4], *r5 = rows[5], *r6 = rows[6],
                *r7 = rows[7], *r8 = rows[8];
    for (size_t i = 0; i < count; i += VEC_LANES) {
        vec sum = taps[0] * vec_load(r4 + i) + taps[1] * (vec_load(r3 + i) + vec_load(r5 + i));
        sum += taps[2] * (vec_load(r2 + i) + vec_load(r6 + i)) + taps[3] * (vec_load(r1 + i) + vec_load(r7 + i));
        vec_store(out + i, sum + taps[4] * (vec_load(r0 + i) + vec_load(r8 + i)));
    }
}

VEC_INLINE vec blur_across(const float *p)
{
    static const float taps[] = {SMALTI__SCORE_BLUR};
    vec sum = taps[0] * vec_load(p) + taps[1] * (vec_load(p - 1) + vec_load(p + 1));
    sum += taps[2] * (vec_load(p - 2) + vec_load(p + 2)) + taps[3] * (vec_load(p - 3) + vec_load(p + 3));
    return sum + taps[4] * (vec_load(p - 4) + vec_load(p + 4));
}

typedef struct vec_totals {
    vec sum[SMALTI__SCORE_MAPS], sum4[SMALTI__SCORE_MAPS];
} vec_totals;

VEC_INLINE void total_add(vec_totals *totals, int map, vec error)
{
    vec square = error * error;
    totals->sum[map] += error;
    totals->sum4[map] += square * square;
}

/* SSIM without the term for luminance, which would weigh dark areas twice: 1 - (1 - m²) n / d, with m the difference of the
 * means, d the sum of the variances and n twice the covariance (both + C2). Here by d - n, the variance of the
 * difference, which is exactly 0 for equal images. Edges: how much further the distorted image is from its mean. */
VEC_INLINE void compare_at(vec_totals *totals, const smalti__score_row *row, size_t i, bool ssim, bool edges, veci mask)
{
    const float c2 = 0.0009f;
    vec mean0 = blur_across(row->mean[0] + i), mean1 = blur_across(row->mean[1] + i);
    if (ssim) {
        vec m = mean0 - mean1, m2 = m * m;
        vec variances = blur_across(row->square + i) - mean0 * mean0 - mean1 * mean1 + c2;
        vec rest = blur_across(row->error + i) - m2;
        vec error = m2 + (1.0f - m2) * rest / variances;
        total_add(totals, SMALTI__SCORE_SSIM, vec_where(mask, vec_positive(error)));
    }
    if (edges) {
        vec edge0 = vec_absolute(vec_load(row->pixels[0] + i) - mean0),
            edge1 = vec_absolute(vec_load(row->pixels[1] + i) - mean1);
        vec more = vec_where(mask, (edge1 - edge0) / (1.0f + edge0));
        total_add(totals, SMALTI__SCORE_RINGING, vec_positive(more));
        total_add(totals, SMALTI__SCORE_BLURRING, vec_positive(-more));
    }
}

VEC_INLINE void compare_all(smalti__score_sums *sums, const smalti__score_row *row, size_t count, bool ssim, bool edges)
{
    enum { BLOCK = 512 }; /* pixels summed up in single precision */
    static const int32_t order[] = {0, 1, 2, 3, 4, 5, 6, 7};
    veci lane, all = (veci){0} - 1;
    memcpy(&lane, order, sizeof lane);
    for (size_t at = 0; at < count;) {
        size_t end = count - at < BLOCK ? count : at + BLOCK;
        vec_totals totals = {0};
        for (; at + VEC_LANES <= end; at += VEC_LANES)
            compare_at(&totals, row, at, ssim, edges, all);
        if (at < end)
            compare_at(&totals, row, at, ssim, edges, lane < (int32_t)(end - at));
        at = end;
        for (int map = 0; map < SMALTI__SCORE_MAPS; map++)
            for (int i = 0; i < VEC_LANES; i++) {
                sums->sum[map] += (double)totals.sum[map][i];
                sums->sum4[map] += (double)totals.sum4[map][i];
            }
    }
}

VEC_TARGET static void compare(smalti__score_sums *sums, const smalti__score_row *row, size_t count, bool ssim,
                               bool edges)
{
    if (ssim && edges)
        compare_all(sums, row, count, true, true);
    else if (ssim)
        compare_all(sums, row, count, true, false);
    else if (edges)
        compare_all(sums, row, count, false, true);
}
