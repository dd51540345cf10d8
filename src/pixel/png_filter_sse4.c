/* SPDX-License-Identifier: Apache-2.0
 * PNG row filters with SSE4.1. */
#include "pixel/png_filter.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define vec __m128i
#define VEC_TARGET __attribute__((target("sse4.1")))
#define VEC_LOAD(p) _mm_loadu_si128((const __m128i *)(p))
#define VEC_STORE(p, x) _mm_storeu_si128((__m128i *)(p), x)
#define VEC_ZERO() _mm_setzero_si128()
#define VEC_SET1(x) _mm_set1_epi8(x)
#define VEC_OR(x, y) _mm_or_si128(x, y)
#define VEC_AND(x, y) _mm_and_si128(x, y)
#define VEC_XOR(x, y) _mm_xor_si128(x, y)
#define VEC_SUB(x, y) _mm_sub_epi8(x, y)
#define VEC_SUBS(x, y) _mm_subs_epu8(x, y)
#define VEC_ADDS(x, y) _mm_adds_epu8(x, y)
#define VEC_MIN(x, y) _mm_min_epu8(x, y)
#define VEC_MAX(x, y) _mm_max_epu8(x, y)
#define VEC_EQ(x, y) _mm_cmpeq_epi8(x, y)
#define VEC_BLEND(x, y, mask) _mm_blendv_epi8(x, y, mask)
#define VEC_AVG(x, y) _mm_avg_epu8(x, y)
#define VEC_ABS(x) _mm_abs_epi8(x)
#define VEC_SAD(x, y) _mm_sad_epu8(x, y)
#define VEC_ADD64(x, y) _mm_add_epi64(x, y)
#define VEC_SWAP16(x) _mm_or_si128(_mm_slli_epi16(x, 8), _mm_srli_epi16(x, 8))
#include "pixel/png_filter_vector.h"

/* Undoing a filter goes from pixel to pixel: one pixel of 3, 4, 6 or 8 bytes in a register at a time. Pixels of 3 bytes
 * are read as 4 and those of 6 as 8, so the last pixel of a row is done apart. */
#define INLINE_TARGET VEC_TARGET static inline __attribute__((always_inline))

INLINE_TARGET __m128i load_pixel(const uint8_t *p, size_t bpp)
{
    if (bpp <= 4) {
        int32_t four;
        memcpy(&four, p, 4);
        return _mm_cvtsi32_si128(four);
    }
    return _mm_loadl_epi64((const __m128i *)p);
}

INLINE_TARGET __m128i load_last(const uint8_t *p, size_t bpp)
{
    uint8_t bytes[8] = {0};
    memcpy(bytes, p, bpp);
    return _mm_loadl_epi64((const __m128i *)bytes);
}

INLINE_TARGET void store_pixel(uint8_t *p, __m128i pixel, size_t bpp)
{
    int64_t bits = _mm_cvtsi128_si64(pixel);
    memcpy(p, &bits, bpp);
}

INLINE_TARGET __m128i widen(__m128i bytes)
{
    return _mm_cvtepu8_epi16(bytes);
}

/* Prediction in 16-bit lanes, the way of smalti__png_paeth: few steps lie between left and the result. */
INLINE_TARGET __m128i paeth16(__m128i left, __m128i up, __m128i up_left)
{
    __m128i twice = _mm_add_epi16(up_left, up_left);
    __m128i threshold = _mm_sub_epi16(_mm_sub_epi16(_mm_add_epi16(twice, up_left), up), left);
    __m128i low = _mm_min_epi16(left, up), high = _mm_max_epi16(left, up);
    __m128i best = _mm_blendv_epi8(low, up_left, _mm_cmpgt_epi16(high, threshold));
    return _mm_blendv_epi8(high, best, _mm_cmpgt_epi16(threshold, low));
}

/* The state of a row's chain: the pixel to the left and, in 16-bit lanes for Paeth, the one above it. */
typedef struct chain {
    __m128i left, up_left;
} chain;

INLINE_TARGET __m128i unfilter_pixel(uint32_t filter, chain *state, __m128i x, __m128i up)
{
    __m128i pixel;
    if (filter == SMALTI__PNG_SUB) {
        pixel = state->left = _mm_add_epi8(x, state->left);
    } else if (filter == SMALTI__PNG_AVERAGE) {
        pixel = state->left = _mm_add_epi8(x, average(state->left, up));
    } else {
        __m128i above = widen(up);
        /* bytes are added to bytes: the high halves stay zero */
        state->left = _mm_add_epi8(widen(x), paeth16(state->left, above, state->up_left));
        state->up_left = above;
        pixel = _mm_packus_epi16(state->left, state->left);
    }
    return pixel;
}

INLINE_TARGET void unfilter_chain(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                                  size_t bpp)
{
    chain state = {_mm_setzero_si128(), _mm_setzero_si128()};
    __m128i up = _mm_setzero_si128();
    size_t i = 0;
    for (; i + bpp < size; i += bpp) {
        if (filter != SMALTI__PNG_SUB)
            up = load_pixel(prev + i, bpp);
        store_pixel(dst + i, unfilter_pixel(filter, &state, load_pixel(src + i, bpp), up), bpp);
    }
    if (i < size)
        store_pixel(dst + i, unfilter_pixel(filter, &state, load_last(src + i, bpp), load_last(prev + i, bpp)), bpp);
}

#define UNFILTER_CHAINS(name, bpp)                                                                                   \
    VEC_TARGET static void name(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size) \
    {                                                                                                                \
        if (filter == SMALTI__PNG_SUB)                                                                               \
            unfilter_chain(SMALTI__PNG_SUB, dst, src, prev, size, bpp);                                              \
        else if (filter == SMALTI__PNG_AVERAGE)                                                                      \
            unfilter_chain(SMALTI__PNG_AVERAGE, dst, src, prev, size, bpp);                                          \
        else                                                                                                         \
            unfilter_chain(SMALTI__PNG_PAETH, dst, src, prev, size, bpp);                                            \
    }
UNFILTER_CHAINS(unfilter_3, 3)
UNFILTER_CHAINS(unfilter_4, 4)
UNFILTER_CHAINS(unfilter_6, 6)
UNFILTER_CHAINS(unfilter_8, 8)

void smalti__png_unfilter_sse4(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                               size_t bpp)
{
    bool chained = filter == SMALTI__PNG_SUB || filter == SMALTI__PNG_AVERAGE || filter == SMALTI__PNG_PAETH;
    if (chained && bpp == 3)
        unfilter_3(filter, dst, src, prev, size);
    else if (chained && bpp == 4)
        unfilter_4(filter, dst, src, prev, size);
    else if (chained && bpp == 6)
        unfilter_6(filter, dst, src, prev, size);
    else if (chained && bpp == 8)
        unfilter_8(filter, dst, src, prev, size);
    else
        smalti__png_unfilter_c(filter, dst, src, prev, size, bpp);
}

/* Two rows in one register of 16-bit lanes: pixel i of the first in the low half, pixel i - 1 of the second, whose row
 * above the first has just made, in the high half. */
INLINE_TARGET void paeth_pair(uint8_t *const dst[2], const uint8_t *const src[2], const uint8_t *prev, size_t size,
                              size_t bpp)
{
    __m128i left = _mm_setzero_si128(), up_left = left;
    size_t i = 0;
    for (; i + bpp < size; i += bpp) {
        __m128i low = load_pixel(src[0] + i, bpp);
        __m128i high = i ? load_pixel(src[1] + i - bpp, bpp) : _mm_setzero_si128();
        __m128i x = widen(_mm_unpacklo_epi32(low, high));
        /* the low half of left is the first row's pixel i - 1: it is above the second row's */
        __m128i up = _mm_unpacklo_epi64(widen(load_pixel(prev + i, bpp)), left);
        left = _mm_add_epi8(x, paeth16(left, up, up_left));
        up_left = up;
        if (!i) /* the second row has not begun: nothing stands to its left */
            left = _mm_move_epi64(left), up_left = _mm_move_epi64(up_left);
        __m128i pixels = _mm_packus_epi16(left, left);
        store_pixel(dst[0] + i, pixels, bpp);
        if (i)
            store_pixel(dst[1] + i - bpp, _mm_srli_si128(pixels, 4), bpp);
    }
    chain first = {_mm_move_epi64(left), _mm_move_epi64(up_left)};
    store_pixel(dst[0] + i,
                unfilter_pixel(SMALTI__PNG_PAETH, &first, load_last(src[0] + i, bpp), load_last(prev + i, bpp)), bpp);
    chain second = {_mm_srli_si128(left, 8), _mm_srli_si128(up_left, 8)};
    for (size_t j = i ? i - bpp : 0; j < size; j += bpp)
        store_pixel(dst[1] + j,
                    unfilter_pixel(SMALTI__PNG_PAETH, &second, load_last(src[1] + j, bpp), load_last(dst[0] + j, bpp)),
                    bpp);
}

VEC_TARGET void smalti__png_unfilter_paeth_pair_sse4(uint8_t *const dst[2], const uint8_t *const src[2],
                                                     const uint8_t *prev, size_t size, size_t bpp)
{
    if (bpp == 3) {
        paeth_pair(dst, src, prev, size, 3);
    } else if (bpp == 4) {
        paeth_pair(dst, src, prev, size, 4);
    } else {
        smalti__png_unfilter_sse4(SMALTI__PNG_PAETH, dst[0], src[0], prev, size, bpp);
        smalti__png_unfilter_sse4(SMALTI__PNG_PAETH, dst[1], src[1], dst[0], size, bpp);
    }
}

const smalti__png_filters smalti__png_filters_sse4 = {"sse4", smalti__png_unfilter_sse4,
                                                      smalti__png_unfilter_paeth_pair_sse4, filter_rows, score_rows};
#endif
