/* SPDX-License-Identifier: Apache-2.0
 * The row work of scaling with SSE4.1. A float sum over 8 lanes is two vectors here, so that all tables add in one
 * order. */
#include "pixel/resample_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PIXELS_TARGET __attribute__((target("sse4.1")))
#include "pixel/resample_pixels.h"

#define SSE4 __attribute__((target("sse4.1"))) static
#define SSE4_INLINE SSE4 inline __attribute__((always_inline))

SSE4_INLINE __m128i load128(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Two pixels of RGB against two weights: (R0 R1)(G0 G1)(B0 B1). */
SSE4_INLINE void across_rgb(const smalti__across *across, uint32_t from, uint32_t to, int16_t *dst, const uint8_t *src)
{
    const __m128i spread01 = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
    const __m128i spread23 = _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m128i half = _mm_set1_epi32(1 << across->shift >> 1), shift = _mm_cvtsi32_si128((int)across->shift);
    for (uint32_t o = from; o < to; o++, dst += 3) {
        const int16_t *w = (const int16_t *)across->weights + (size_t)o * across->stride;
        const uint8_t *p = src + (size_t)across->first[o] * 3;
        __m128i a = half, b = _mm_setzero_si128();
        for (uint32_t i = 0; i < across->stride; i += 4, p += 12) {
            __m128i pixels = load128(p), weights = _mm_loadl_epi64((const __m128i *)(w + i));
            a = _mm_add_epi32(a, _mm_madd_epi16(_mm_shuffle_epi8(pixels, spread01), _mm_shuffle_epi32(weights, 0x00)));
            b = _mm_add_epi32(b, _mm_madd_epi16(_mm_shuffle_epi8(pixels, spread23), _mm_shuffle_epi32(weights, 0x55)));
        }
        a = _mm_sra_epi32(_mm_add_epi32(a, b), shift);
        _mm_storel_epi64((__m128i *)dst, _mm_packs_epi32(a, a));
    }
}

SSE4_INLINE __m128i gray_sum(const int16_t *w, const uint8_t *p, uint32_t stride)
{
    __m128i sum = _mm_setzero_si128();
    for (uint32_t i = 0; i < stride; i += 8)
        sum = _mm_add_epi32(
            sum, _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(p + i))), load128(w + i)));
    return sum;
}

SSE4_INLINE void across_gray(const smalti__across *across, uint32_t from, uint32_t to, int16_t *dst, const uint8_t *src)
{
    const __m128i half = _mm_set1_epi32(1 << across->shift >> 1), shift = _mm_cvtsi32_si128((int)across->shift);
    const uint32_t stride = across->stride, *first = across->first;
    const int16_t *w = (const int16_t *)across->weights + (size_t)from * stride;
    uint32_t o = from;
    for (; o + 4 <= to; o += 4, dst += 4, w += 4 * (size_t)stride) {
        __m128i a =
            _mm_hadd_epi32(gray_sum(w, src + first[o], stride), gray_sum(w + stride, src + first[o + 1], stride));
        __m128i b = _mm_hadd_epi32(gray_sum(w + 2 * (size_t)stride, src + first[o + 2], stride),
                                   gray_sum(w + 3 * (size_t)stride, src + first[o + 3], stride));
        a = _mm_sra_epi32(_mm_add_epi32(_mm_hadd_epi32(a, b), half), shift);
        _mm_storel_epi64((__m128i *)dst, _mm_packs_epi32(a, a));
    }
    if (o < to)
        smalti__across_u8_c(across, o, to, (int16_t *const[]){dst}, (const uint8_t *const[]){src}, 1);
}

SSE4 void across_u8(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                    const uint8_t *const *src, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++)
        if (across->channels == 1)
            across_gray(across, from, to, dst[r], src[r]);
        else
            across_rgb(across, from, to, dst[r], src[r]);
}

typedef struct eight {
    __m128 low, high;
} eight;

SSE4_INLINE eight float_sum(const float *w, const float *p, uint32_t stride)
{
    eight sum = {_mm_setzero_ps(), _mm_setzero_ps()};
    for (uint32_t i = 0; i < stride; i += 8) {
        sum.low = _mm_add_ps(sum.low, _mm_mul_ps(_mm_loadu_ps(p + i), _mm_loadu_ps(w + i)));
        sum.high = _mm_add_ps(sum.high, _mm_mul_ps(_mm_loadu_ps(p + i + 4), _mm_loadu_ps(w + i + 4)));
    }
    return sum;
}

SSE4_INLINE void across_float(const smalti__across *across, uint32_t from, uint32_t to, float *dst, const float *src)
{
    const uint32_t stride = across->stride, *first = across->first;
    const float *w = (const float *)across->weights + (size_t)from * stride;
    uint32_t o = from;
    for (; o + 4 <= to; o += 4, dst += 4) {
        eight s[4];
        for (int i = 0; i < 4; i++, w += stride)
            s[i] = float_sum(w, src + first[o + i], stride);
        __m128 low = _mm_hadd_ps(_mm_hadd_ps(s[0].low, s[1].low), _mm_hadd_ps(s[2].low, s[3].low));
        __m128 high = _mm_hadd_ps(_mm_hadd_ps(s[0].high, s[1].high), _mm_hadd_ps(s[2].high, s[3].high));
        _mm_storeu_ps(dst, _mm_add_ps(low, high));
    }
    if (o < to)
        smalti__across_f32_c(across, o, to, (float *const[]){dst}, (const float *const[]){src}, 1);
}

/* Two pixels of three or four floats. Of three, a fourth lane is carried along and overwritten. */
SSE4_INLINE void across_colours(const smalti__across *across, const uint32_t channels, uint32_t from, uint32_t to,
                                float *dst, const float *src)
{
    for (uint32_t o = from; o < to; o++, dst += channels) {
        const float *w = (const float *)across->weights + (size_t)o * across->stride;
        const float *p = src + (size_t)across->first[o] * channels;
        __m128 even = _mm_setzero_ps(), odd = even;
        for (uint32_t i = 0; i < across->stride; i += 2, p += 2 * (size_t)channels) {
            even = _mm_add_ps(even, _mm_mul_ps(_mm_loadu_ps(p), _mm_set1_ps(w[i])));
            odd = _mm_add_ps(odd, _mm_mul_ps(_mm_loadu_ps(p + channels), _mm_set1_ps(w[i + 1])));
        }
        _mm_storeu_ps(dst, _mm_add_ps(even, odd));
    }
}

/* Four pixels of gray and alpha. */
SSE4_INLINE void across_pairs(const smalti__across *across, uint32_t from, uint32_t to, float *dst, const float *src)
{
    for (uint32_t o = from; o < to; o++, dst += 2) {
        const float *w = (const float *)across->weights + (size_t)o * across->stride;
        const float *p = src + (size_t)across->first[o] * 2;
        __m128 low = _mm_setzero_ps(), high = low;
        for (uint32_t i = 0; i < across->stride; i += 4, p += 8) {
            __m128 weights = _mm_loadu_ps(w + i);
            low = _mm_add_ps(low, _mm_mul_ps(_mm_loadu_ps(p), _mm_unpacklo_ps(weights, weights)));
            high = _mm_add_ps(high, _mm_mul_ps(_mm_loadu_ps(p + 4), _mm_unpackhi_ps(weights, weights)));
        }
        low = _mm_add_ps(low, high);
        _mm_storel_pi((__m64 *)dst, _mm_add_ps(low, _mm_movehl_ps(low, low)));
    }
}

SSE4 void across_f32(const smalti__across *across, uint32_t from, uint32_t to, float *const *dst,
                     const float *const *src, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++)
        if (across->channels == 4)
            across_colours(across, 4, from, to, dst[r], src[r]);
        else if (across->channels == 3)
            across_colours(across, 3, from, to, dst[r], src[r]);
        else if (across->channels == 2)
            across_pairs(across, from, to, dst[r], src[r]);
        else
            across_float(across, from, to, dst[r], src[r]);
}

/* 16 samples of two rows against their two weights. */
SSE4_INLINE void add_rows(__m128i sums[4], const int16_t *a, const int16_t *b, __m128i weights)
{
    for (int i = 0; i < 2; i++) {
        __m128i x = load128(a + 8 * i), y = load128(b + 8 * i);
        sums[2 * i] = _mm_add_epi32(sums[2 * i], _mm_madd_epi16(_mm_unpacklo_epi16(x, y), weights));
        sums[2 * i + 1] = _mm_add_epi32(sums[2 * i + 1], _mm_madd_epi16(_mm_unpackhi_epi16(x, y), weights));
    }
}

SSE4 void down_i16(const smalti__down *down)
{
    const int16_t *w = down->weights;
    const int16_t *const *rows = (const int16_t *const *)down->rows;
    const __m128i half = _mm_set1_epi32(1 << down->shift >> 1), shift = _mm_cvtsi32_si128((int)down->shift);
    for (size_t x = 0; x < down->samples; x += 16) {
        __m128i *kept = (__m128i *)((int32_t *)down->sums + x), sums[4];
        for (int i = 0; i < 4; i++)
            sums[i] = down->from ? kept[i] : _mm_setzero_si128();
        uint32_t r = 0;
        for (; r + 2 <= down->count; r += 2) {
            int32_t pair;
            memcpy(&pair, w + r, sizeof pair);
            add_rows(sums, rows[r] + x, rows[r + 1] + x, _mm_set1_epi32(pair));
        }
        if (r < down->count)
            add_rows(sums, rows[r] + x, rows[r] + x, _mm_set1_epi32((uint16_t)w[r]));
        if (!down->dst) {
            for (int i = 0; i < 4; i++)
                kept[i] = sums[i];
            continue;
        }
        for (int i = 0; i < 4; i++)
            sums[i] = _mm_sra_epi32(_mm_add_epi32(sums[i], half), shift);
        _mm_store_si128((__m128i *)((uint8_t *)down->dst + x),
                        _mm_packus_epi16(_mm_packs_epi32(sums[0], sums[1]), _mm_packs_epi32(sums[2], sums[3])));
    }
}

SSE4 void down_f32(const smalti__down *down)
{
    const float *w = down->weights;
    const float *const *rows = (const float *const *)down->rows;
    float *to = down->dst ? down->dst : down->sums;
    for (size_t x = 0; x < down->samples; x += 8) {
        __m128 a = _mm_setzero_ps(), b = a;
        if (down->from)
            a = _mm_load_ps((float *)down->sums + x), b = _mm_load_ps((float *)down->sums + x + 4);
        for (uint32_t r = 0; r < down->count; r++) {
            __m128 weight = _mm_set1_ps(w[r]);
            a = _mm_add_ps(a, _mm_mul_ps(_mm_load_ps(rows[r] + x), weight));
            b = _mm_add_ps(b, _mm_mul_ps(_mm_load_ps(rows[r] + x + 4), weight));
        }
        _mm_store_ps(to + x, a);
        _mm_store_ps(to + x + 4, b);
    }
}

const smalti__resample_table smalti__resample_sse4 = {"sse4",   across_u8,   across_f32,  down_i16,
                                                      down_f32, load_pixels, store_pixels};
#endif
