/* SPDX-License-Identifier: Apache-2.0
 * The row work of scaling with AVX2. */
#include "pixel/resample_rows.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PIXELS_TARGET __attribute__((target("avx2")))
#include "pixel/resample_pixels.h"

#define AVX2 __attribute__((target("avx2"))) static
#define AVX2_INLINE AVX2 inline __attribute__((always_inline))

AVX2_INLINE __m128i load128(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

AVX2_INLINE __m256i load256(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

AVX2_INLINE __m256i pair_of(const int16_t *weights)
{
    int32_t pair;
    memcpy(&pair, weights, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* Four pixels of RGB against four weights: (R0 R1)(G0 G1)(B0 B1) in the low half, pixels 2 and 3 in the high half. */
AVX2_INLINE void across_rgb(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                            const uint8_t *const *src, const uint32_t rows)
{
    const __m256i spread = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7,
                                            -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m256i repeat = _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4,
                                            5, 6, 7, 4, 5, 6, 7);
    const __m128i half = _mm_set1_epi32(1 << across->shift >> 1), shift = _mm_cvtsi32_si128((int)across->shift);
    for (uint32_t o = from; o < to; o++) {
        const int16_t *w = (const int16_t *)across->weights + (size_t)o * across->stride;
        size_t at = (size_t)across->first[o] * 3;
        __m256i sums[SMALTI__ROWS_AT_ONCE];
        for (uint32_t r = 0; r < rows; r++)
            sums[r] = _mm256_setzero_si256();
        for (uint32_t i = 0; i < across->stride; i += 4, at += 12) {
            int64_t four;
            memcpy(&four, w + i, sizeof four);
            __m256i weights = _mm256_shuffle_epi8(_mm256_set1_epi64x(four), repeat);
            for (uint32_t r = 0; r < rows; r++) {
                __m256i pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load128(src[r] + at)), spread);
                sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pixels, weights));
            }
        }
        for (uint32_t r = 0; r < rows; r++) {
            __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums[r]), _mm256_extracti128_si256(sums[r], 1));
            sum = _mm_sra_epi32(_mm_add_epi32(sum, half), shift);
            _mm_storel_epi64((__m128i *)(dst[r] + (size_t)(o - from) * 3), _mm_packs_epi32(sum, sum));
        }
    }
}

AVX2_INLINE __m256i gray_sum(const int16_t *w, const uint8_t *p, uint32_t stride)
{
    __m256i sum = _mm256_madd_epi16(_mm256_cvtepu8_epi16(load128(p)), load256(w));
    for (uint32_t i = 16; i < stride; i += 16)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(load128(p + i)), load256(w + i)));
    return sum;
}

AVX2_INLINE __m128i gray_sum8(const int16_t *w, const uint8_t *p)
{
    return _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)p)), load128(w));
}

/* Four outputs at a time: their sums are added up together. */
AVX2_INLINE void across_gray(const smalti__across *across, uint32_t from, uint32_t to, int16_t *dst, const uint8_t *src)
{
    const __m128i half = _mm_set1_epi32(1 << across->shift >> 1), shift = _mm_cvtsi32_si128((int)across->shift);
    const uint32_t stride = across->stride, *first = across->first;
    const int16_t *w = (const int16_t *)across->weights + (size_t)from * stride;
    uint32_t o = from;
    for (; o + 4 <= to; o += 4, dst += 4, w += 4 * (size_t)stride) {
        __m128i sum;
        if (stride == 8)
            sum = _mm_hadd_epi32(
                _mm_hadd_epi32(gray_sum8(w, src + first[o]), gray_sum8(w + 8, src + first[o + 1])),
                _mm_hadd_epi32(gray_sum8(w + 16, src + first[o + 2]), gray_sum8(w + 24, src + first[o + 3])));
        else {
            __m256i a = _mm256_hadd_epi32(gray_sum(w, src + first[o], stride),
                                          gray_sum(w + stride, src + first[o + 1], stride));
            __m256i b = _mm256_hadd_epi32(gray_sum(w + 2 * (size_t)stride, src + first[o + 2], stride),
                                          gray_sum(w + 3 * (size_t)stride, src + first[o + 3], stride));
            a = _mm256_hadd_epi32(a, b);
            sum = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        }
        sum = _mm_sra_epi32(_mm_add_epi32(sum, half), shift);
        _mm_storel_epi64((__m128i *)dst, _mm_packs_epi32(sum, sum));
    }
    if (o < to)
        smalti__across_u8_c(across, o, to, (int16_t *const[]){dst}, (const uint8_t *const[]){src}, 1);
}

AVX2 void across_u8(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                    const uint8_t *const *src, uint32_t rows)
{
    if (across->channels == 1)
        for (uint32_t r = 0; r < rows; r++)
            across_gray(across, from, to, dst[r], src[r]);
    else if (rows == 4)
        across_rgb(across, from, to, dst, src, 4);
    else
        for (uint32_t r = 0; r < rows; r++)
            across_rgb(across, from, to, dst + r, src + r, 1);
}

AVX2_INLINE __m256 float_sum(const float *w, const float *p, uint32_t stride)
{
    __m256 sum = _mm256_setzero_ps();
    for (uint32_t i = 0; i < stride; i += 8)
        sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(p + i), _mm256_loadu_ps(w + i)));
    return sum;
}

AVX2_INLINE void across_float(const smalti__across *across, uint32_t from, uint32_t to, float *dst, const float *src)
{
    const uint32_t stride = across->stride, *first = across->first;
    const float *w = (const float *)across->weights + (size_t)from * stride;
    uint32_t o = from;
    for (; o + 4 <= to; o += 4, dst += 4, w += 4 * (size_t)stride) {
        __m256 a =
            _mm256_hadd_ps(float_sum(w, src + first[o], stride), float_sum(w + stride, src + first[o + 1], stride));
        __m256 b = _mm256_hadd_ps(float_sum(w + 2 * (size_t)stride, src + first[o + 2], stride),
                                  float_sum(w + 3 * (size_t)stride, src + first[o + 3], stride));
        a = _mm256_hadd_ps(a, b);
        _mm_storeu_ps(dst, _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
    }
    if (o < to)
        smalti__across_f32_c(across, o, to, (float *const[]){dst}, (const float *const[]){src}, 1);
}

/* Two pixels of three or four floats against two weights. Of three, a fourth lane is carried along and overwritten. */
AVX2_INLINE void across_colours(const smalti__across *across, const uint32_t channels, uint32_t from, uint32_t to,
                                float *const *dst, const float *const *src, const uint32_t rows)
{
    const __m256i repeat = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    for (uint32_t o = from; o < to; o++) {
        const float *w = (const float *)across->weights + (size_t)o * across->stride;
        size_t at = (size_t)across->first[o] * channels;
        __m256 sums[SMALTI__ROWS_AT_ONCE];
        for (uint32_t r = 0; r < rows; r++)
            sums[r] = _mm256_setzero_ps();
        for (uint32_t i = 0; i < across->stride; i += 2, at += 2 * (size_t)channels) {
            double two;
            memcpy(&two, w + i, sizeof two);
            __m256 weights = _mm256_permutevar_ps(_mm256_castpd_ps(_mm256_set1_pd(two)), repeat);
            for (uint32_t r = 0; r < rows; r++) {
                const float *p = src[r] + at;
                __m256 pixels = channels == 4 ? _mm256_loadu_ps(p)
                                              : _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                                                     _mm_loadu_ps(p + 3), 1);
                sums[r] = _mm256_add_ps(sums[r], _mm256_mul_ps(pixels, weights));
            }
        }
        for (uint32_t r = 0; r < rows; r++)
            _mm_storeu_ps(dst[r] + (size_t)(o - from) * channels,
                          _mm_add_ps(_mm256_castps256_ps128(sums[r]), _mm256_extractf128_ps(sums[r], 1)));
    }
}

/* Four pixels of gray and alpha. */
AVX2_INLINE void across_pairs(const smalti__across *across, uint32_t from, uint32_t to, float *dst, const float *src)
{
    const __m256i repeat = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (uint32_t o = from; o < to; o++, dst += 2) {
        const float *w = (const float *)across->weights + (size_t)o * across->stride;
        const float *p = src + (size_t)across->first[o] * 2;
        __m256 sum = _mm256_setzero_ps();
        for (uint32_t i = 0; i < across->stride; i += 4) {
            __m256 weights = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(w + i)), repeat);
            sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(p + 2 * (size_t)i), weights));
        }
        __m128 halves = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
        _mm_storel_pi((__m64 *)dst, _mm_add_ps(halves, _mm_movehl_ps(halves, halves)));
    }
}

AVX2 void across_f32(const smalti__across *across, uint32_t from, uint32_t to, float *const *dst,
                     const float *const *src, uint32_t rows)
{
    if (across->channels == 4 && rows == 4)
        across_colours(across, 4, from, to, dst, src, 4);
    else if (across->channels == 3 && rows == 4)
        across_colours(across, 3, from, to, dst, src, 4);
    else
        for (uint32_t r = 0; r < rows; r++)
            if (across->channels == 4)
                across_colours(across, 4, from, to, dst + r, src + r, 1);
            else if (across->channels == 3)
                across_colours(across, 3, from, to, dst + r, src + r, 1);
            else if (across->channels == 2)
                across_pairs(across, from, to, dst[r], src[r]);
            else
                across_float(across, from, to, dst[r], src[r]);
}

/* 32 samples of two rows against their two weights; sums keep the order that unpacking gives. */
AVX2_INLINE void add_rows(__m256i sums[4], const int16_t *a, const int16_t *b, __m256i weights)
{
    for (int i = 0; i < 2; i++) {
        __m256i x = load256(a + 16 * i), y = load256(b + 16 * i);
        sums[2 * i] = _mm256_add_epi32(sums[2 * i], _mm256_madd_epi16(_mm256_unpacklo_epi16(x, y), weights));
        sums[2 * i + 1] = _mm256_add_epi32(sums[2 * i + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(x, y), weights));
    }
}

AVX2 void down_i16(const smalti__down *down)
{
    const int16_t *w = down->weights;
    const int16_t *const *rows = (const int16_t *const *)down->rows;
    const __m256i half = _mm256_set1_epi32(1 << down->shift >> 1);
    const __m128i shift = _mm_cvtsi32_si128((int)down->shift);
    for (size_t x = 0; x < down->samples; x += 32) {
        __m256i *kept = (__m256i *)((int32_t *)down->sums + x), sums[4];
        for (int i = 0; i < 4; i++)
            sums[i] = down->from ? kept[i] : _mm256_setzero_si256();
        uint32_t r = 0;
        for (; r + 2 <= down->count; r += 2)
            add_rows(sums, rows[r] + x, rows[r + 1] + x, pair_of(w + r));
        if (r < down->count)
            add_rows(sums, rows[r] + x, rows[r] + x, _mm256_set1_epi32((uint16_t)w[r]));
        if (!down->dst) {
            for (int i = 0; i < 4; i++)
                kept[i] = sums[i];
            continue;
        }
        for (int i = 0; i < 4; i++)
            sums[i] = _mm256_sra_epi32(_mm256_add_epi32(sums[i], half), shift);
        __m256i bytes = _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
        _mm256_store_si256((__m256i *)((uint8_t *)down->dst + x), _mm256_permute4x64_epi64(bytes, 0xD8));
    }
}

AVX2 void down_f32(const smalti__down *down)
{
    const float *w = down->weights;
    const float *const *rows = (const float *const *)down->rows;
    float *to = down->dst ? down->dst : down->sums;
    for (size_t x = 0; x < down->samples; x += 16) {
        __m256 a = _mm256_setzero_ps(), b = a;
        if (down->from)
            a = _mm256_load_ps((float *)down->sums + x), b = _mm256_load_ps((float *)down->sums + x + 8);
        for (uint32_t r = 0; r < down->count; r++) {
            __m256 weight = _mm256_broadcast_ss(w + r);
            a = _mm256_add_ps(a, _mm256_mul_ps(_mm256_load_ps(rows[r] + x), weight));
            b = _mm256_add_ps(b, _mm256_mul_ps(_mm256_load_ps(rows[r] + x + 8), weight));
        }
        _mm256_store_ps(to + x, a);
        _mm256_store_ps(to + x + 8, b);
    }
}

/* The one conversion that compilers do badly. */
AVX2 void load(const smalti__pixels *pixels, float *dst, const void *src, size_t count)
{
    size_t i = 0;
    if (pixels->sample == SMALTI_SAMPLE_U8 && pixels->channels == 4 && !pixels->linear && !pixels->premultiplied)
        for (; i + 2 <= count; i += 2) {
            __m128i two = _mm_loadl_epi64((const __m128i *)((const uint8_t *)src + 4 * i));
            __m256 straight = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(two));
            __m256 weighted = _mm256_mul_ps(straight, _mm256_permute_ps(straight, 0xFF));
            _mm256_storeu_ps(dst + 4 * i, _mm256_blend_ps(weighted, straight, 0x88));
        }
    if (i < count)
        load_pixels(pixels, dst + pixels->channels * i,
                    (const uint8_t *)src + i * pixels->channels * smalti_sample_bytes(pixels->sample), count - i);
}

const smalti__resample_table smalti__resample_avx2 = {"avx2",   across_u8, across_f32,  down_i16,
                                                      down_f32, load,      store_pixels};
#endif
