/* SPDX-License-Identifier: Apache-2.0
 * PNG row filters with AVX2. Undoing them is a chain from pixel to pixel, where wide vectors bring nothing. */
#include "pixel/png_filter.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define vec __m256i
#define VEC_TARGET __attribute__((target("avx2")))
#define VEC_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define VEC_STORE(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define VEC_ZERO() _mm256_setzero_si256()
#define VEC_SET1(x) _mm256_set1_epi8(x)
#define VEC_OR(x, y) _mm256_or_si256(x, y)
#define VEC_AND(x, y) _mm256_and_si256(x, y)
#define VEC_XOR(x, y) _mm256_xor_si256(x, y)
#define VEC_SUB(x, y) _mm256_sub_epi8(x, y)
#define VEC_SUBS(x, y) _mm256_subs_epu8(x, y)
#define VEC_ADDS(x, y) _mm256_adds_epu8(x, y)
#define VEC_MIN(x, y) _mm256_min_epu8(x, y)
#define VEC_MAX(x, y) _mm256_max_epu8(x, y)
#define VEC_EQ(x, y) _mm256_cmpeq_epi8(x, y)
#define VEC_BLEND(x, y, mask) _mm256_blendv_epi8(x, y, mask)
#define VEC_AVG(x, y) _mm256_avg_epu8(x, y)
#define VEC_ABS(x) _mm256_abs_epi8(x)
#define VEC_SAD(x, y) _mm256_sad_epu8(x, y)
#define VEC_ADD64(x, y) _mm256_add_epi64(x, y)
#define VEC_SWAP16(x) _mm256_or_si256(_mm256_slli_epi16(x, 8), _mm256_srli_epi16(x, 8))
#include "pixel/png_filter_vector.h"

const smalti__png_filters smalti__png_filters_avx2 = {"avx2", smalti__png_unfilter_sse4,
                                                      smalti__png_unfilter_paeth_pair_sse4, filter_rows, score_rows};
#endif
