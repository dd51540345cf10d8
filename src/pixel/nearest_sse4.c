/* SPDX-License-Identifier: Apache-2.0
 * The nearest color with SSE4.1: four at a time. */
#include "pixel/nearest.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("sse4.1")))

TARGET static inline __m128i keys(const smalti__nearest *nearest, uint32_t at, __m128i first, __m128i second,
                                  __m128i index)
{
    __m128i a = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)nearest->first[at]), first);
    __m128i b = _mm_sub_epi16(_mm_loadu_si128((const __m128i *)nearest->second[at]), second);
    __m128i distance = _mm_add_epi32(_mm_madd_epi16(a, a), _mm_madd_epi16(b, b));
    return _mm_or_si128(_mm_slli_epi32(distance, 8), index);
}

TARGET uint32_t smalti__nearest_find_sse4(const smalti__nearest *nearest, smalti__color color)
{
    int32_t halves[2];
    memcpy(halves, color.v, sizeof halves);
    __m128i first = _mm_set1_epi32(halves[0]), second = _mm_set1_epi32(halves[1]);
    __m128i index = _mm_setr_epi32(0, 1, 2, 3), step = _mm_set1_epi32(4), best = _mm_set1_epi32(-1), other = best;
    for (uint32_t at = 0; at < nearest->padded; at += SMALTI__NEAREST_STEP) {
        best = _mm_min_epu32(best, keys(nearest, at, first, second, index));
        index = _mm_add_epi32(index, step);
        other = _mm_min_epu32(other, keys(nearest, at + 4, first, second, index));
        index = _mm_add_epi32(index, step);
    }
    best = _mm_min_epu32(best, other);
    best = _mm_min_epu32(best, _mm_shuffle_epi32(best, 0x4e));
    best = _mm_min_epu32(best, _mm_shuffle_epi32(best, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(best);
}
#endif
