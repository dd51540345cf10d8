/* SPDX-License-Identifier: Apache-2.0
 * The nearest color with AVX2: eight at a time. */
#include "pixel/nearest.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i keys(const smalti__nearest *nearest, uint32_t at, __m256i first, __m256i second,
                                  __m256i index)
{
    __m256i a = _mm256_sub_epi16(_mm256_loadu_si256((const __m256i *)nearest->first[at]), first);
    __m256i b = _mm256_sub_epi16(_mm256_loadu_si256((const __m256i *)nearest->second[at]), second);
    __m256i distance = _mm256_add_epi32(_mm256_madd_epi16(a, a), _mm256_madd_epi16(b, b));
    return _mm256_or_si256(_mm256_slli_epi32(distance, 8), index);
}

TARGET uint32_t smalti__nearest_find_avx2(const smalti__nearest *nearest, smalti__color color)
{
    int32_t halves[2];
    memcpy(halves, color.v, sizeof halves);
    __m256i first = _mm256_set1_epi32(halves[0]), second = _mm256_set1_epi32(halves[1]);
    __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), step = _mm256_set1_epi32(8);
    __m256i best = _mm256_set1_epi32(-1);
    for (uint32_t at = 0; at < nearest->padded; at += SMALTI__NEAREST_STEP) {
        best = _mm256_min_epu32(best, keys(nearest, at, first, second, index));
        index = _mm256_add_epi32(index, step);
    }
    __m128i half = _mm_min_epu32(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    half = _mm_min_epu32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_min_epu32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}
#endif
