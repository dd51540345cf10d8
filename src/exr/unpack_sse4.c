/* SPDX-License-Identifier: Apache-2.0
 * From the bytes of a chunk to samples with SSE4.1: sixteen bytes at a time. */
#include "exr/unpack.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("sse4.1")))

static inline TARGET __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

/* Sums within the register by doubling steps, then the carry from before. */
static TARGET uint8_t sum(uint8_t *dst, const uint8_t *src, size_t count, uint8_t before)
{
    const __m128i offset = _mm_set1_epi8(-128), last = _mm_set1_epi8(15);
    __m128i carry = _mm_set1_epi8((char)before);
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i d = _mm_add_epi8(load(src + i), offset);
        d = _mm_add_epi8(d, _mm_slli_si128(d, 1));
        d = _mm_add_epi8(d, _mm_slli_si128(d, 2));
        d = _mm_add_epi8(d, _mm_slli_si128(d, 4));
        d = _mm_add_epi8(d, _mm_slli_si128(d, 8));
        /* two chains of dependent steps: the carry waits for one shuffle and one sum only */
        __m128i end = _mm_shuffle_epi8(d, last);
        _mm_storeu_si128((void *)(dst + i), _mm_add_epi8(d, carry));
        carry = _mm_add_epi8(carry, end);
    }
    return smalti__exr_sum_c(dst + i, src + i, count - i, (uint8_t)_mm_extract_epi8(carry, 0));
}

static TARGET uint8_t skip(const uint8_t *src, size_t count, uint8_t before)
{
    __m128i total = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        total = _mm_add_epi64(total, _mm_sad_epu8(load(src + i), _mm_setzero_si128()));
    uint64_t sums = (uint64_t)_mm_extract_epi64(total, 0) + (uint64_t)_mm_extract_epi64(total, 1);
    /* 16 times 128 is nothing in a byte */
    return smalti__exr_skip_c(src + i, count - i, (uint8_t)(before + sums));
}

static TARGET void weave(uint8_t *dst, const uint8_t *even, const uint8_t *odd, size_t count)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i a = load(even + i), b = load(odd + i);
        _mm_storeu_si128((void *)(dst + 2 * i), _mm_unpacklo_epi8(a, b));
        _mm_storeu_si128((void *)(dst + 2 * i + 16), _mm_unpackhi_epi8(a, b));
    }
    smalti__exr_weave_c(dst + 2 * i, even + i, odd + i, count - i);
}

static TARGET void half(float *dst, const uint8_t *src, size_t count)
{
    const __m128 scale = _mm_set1_ps(0x1p112f);
    const __m128i limit = _mm_set1_epi32((0x7c00 << 13) - 1), mantissa = _mm_set1_epi32(0x007fffff);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m128i h = _mm_cvtepu16_epi32(_mm_loadl_epi64((const void *)(src + 2 * i)));
        __m128i sign = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x8000)), 16);
        __m128i bits = _mm_slli_epi32(_mm_and_si128(h, _mm_set1_epi32(0x7fff)), 13);
        __m128i special = _mm_cmpgt_epi32(bits, limit);
        __m128i finite = _mm_castps_si128(_mm_mul_ps(_mm_castsi128_ps(bits), scale));
        __m128i nan = _mm_cmpgt_epi32(_mm_and_si128(bits, mantissa), _mm_setzero_si128());
        __m128i other = _mm_or_si128(_mm_or_si128(bits, _mm_set1_epi32(0x7f800000)),
                                     _mm_and_si128(nan, _mm_set1_epi32(0x00400000)));
        __m128i value = _mm_or_si128(_mm_blendv_epi8(finite, other, special), sign);
        _mm_storeu_si128((void *)(dst + i), value);
    }
    smalti__exr_half_c(dst + i, src + 2 * i, count - i);
}

TARGET void smalti__exr_mix_sse4(float *dst, const float *const *planes, uint32_t channels, size_t count)
{
    size_t i = 0;
    if (channels < 3) {
        smalti__exr_mix_c(dst, planes, channels, count);
        return;
    }
    for (; i + 4 <= count; i += 4) {
        __m128 r = _mm_loadu_ps(planes[0] + i), g = _mm_loadu_ps(planes[1] + i), b = _mm_loadu_ps(planes[2] + i);
        __m128 a = channels == 4 ? _mm_loadu_ps(planes[3] + i) : _mm_setzero_ps();
        _MM_TRANSPOSE4_PS(r, g, b, a);
        float *at = dst + i * channels;
        if (channels == 4) {
            _mm_storeu_ps(at, r), _mm_storeu_ps(at + 4, g), _mm_storeu_ps(at + 8, b), _mm_storeu_ps(at + 12, a);
            continue;
        }
        /* r0 g0 b0 | r1, g1 b1 | r2 g2, b2 | r3 g3 b3 */
        __m128 first = _mm_blend_ps(r, _mm_shuffle_ps(g, g, _MM_SHUFFLE(0, 0, 0, 0)), 8);
        __m128 second = _mm_shuffle_ps(g, b, _MM_SHUFFLE(1, 0, 2, 1));
        __m128 third = _mm_blend_ps(_mm_shuffle_ps(a, a, _MM_SHUFFLE(2, 1, 0, 0)),
                                    _mm_shuffle_ps(b, b, _MM_SHUFFLE(2, 2, 2, 2)), 1);
        _mm_storeu_ps(at, first), _mm_storeu_ps(at + 4, second), _mm_storeu_ps(at + 8, third);
    }
    const float *const rest[4] = {planes[0] + i, planes[1] + i, planes[2] + i, channels == 4 ? planes[3] + i : NULL};
    smalti__exr_mix_c(dst + i * channels, rest, channels, count - i);
}

const smalti__exr_unpack smalti__exr_unpack_sse4 = {
    "sse4", sum, skip, weave, half, smalti__exr_to_half_c, smalti__exr_mix_sse4};
#endif
