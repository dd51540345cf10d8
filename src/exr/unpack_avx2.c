/* SPDX-License-Identifier: Apache-2.0
 * From the bytes of a chunk to samples with AVX2 and F16C. */
#include "exr/unpack.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,f16c")))

static inline TARGET __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static TARGET uint8_t sum(uint8_t *dst, const uint8_t *src, size_t count, uint8_t before)
{
    const __m256i offset = _mm256_set1_epi8(-128), last = _mm256_set1_epi8(15);
    __m256i carry = _mm256_set1_epi8((char)before);
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i d = _mm256_add_epi8(load(src + i), offset);
        d = _mm256_add_epi8(d, _mm256_slli_si256(d, 1));
        d = _mm256_add_epi8(d, _mm256_slli_si256(d, 2));
        d = _mm256_add_epi8(d, _mm256_slli_si256(d, 4));
        d = _mm256_add_epi8(d, _mm256_slli_si256(d, 8));
        /* each half ends in its own sum: the lower one's goes to the upper half, both to what follows */
        __m256i ends = _mm256_shuffle_epi8(d, last);
        d = _mm256_add_epi8(d, _mm256_permute2x128_si256(ends, ends, 0x08));
        _mm256_storeu_si256((void *)(dst + i), _mm256_add_epi8(d, carry));
        carry = _mm256_add_epi8(carry, _mm256_add_epi8(ends, _mm256_permute2x128_si256(ends, ends, 0x01)));
    }
    return smalti__exr_sum_c(dst + i, src + i, count - i, (uint8_t)_mm256_extract_epi8(carry, 0));
}

static TARGET uint8_t skip(const uint8_t *src, size_t count, uint8_t before)
{
    __m256i total = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= count; i += 32)
        total = _mm256_add_epi64(total, _mm256_sad_epu8(load(src + i), _mm256_setzero_si256()));
    uint64_t sums = (uint64_t)_mm256_extract_epi64(total, 0) + (uint64_t)_mm256_extract_epi64(total, 1) +
                    (uint64_t)_mm256_extract_epi64(total, 2) + (uint64_t)_mm256_extract_epi64(total, 3);
    return smalti__exr_skip_c(src + i, count - i, (uint8_t)(before + sums));
}

static TARGET void weave(uint8_t *dst, const uint8_t *even, const uint8_t *odd, size_t count)
{
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        __m256i a = load(even + i), b = load(odd + i);
        __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
        _mm256_storeu_si256((void *)(dst + 2 * i), _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256((void *)(dst + 2 * i + 32), _mm256_permute2x128_si256(low, high, 0x31));
    }
    smalti__exr_weave_c(dst + 2 * i, even + i, odd + i, count - i);
}

static TARGET void half(float *dst, const uint8_t *src, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(src + 2 * i))));
    smalti__exr_half_c(dst + i, src + 2 * i, count - i);
}

static TARGET void to_half(uint8_t *dst, const float *src, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128((void *)(dst + 2 * i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    smalti__exr_to_half_c(dst + 2 * i, src + i, count - i);
}

const smalti__exr_unpack smalti__exr_unpack_avx2 = {"avx2", sum, skip, weave, half, to_half, smalti__exr_mix_sse4};
#endif
