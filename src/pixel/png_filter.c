/* SPDX-License-Identifier: Apache-2.0
 * PNG row filters in plain C, the reference for the others, and the choice between them. */
#include "pixel/png_filter.h"

#include <stdatomic.h>
#include <string.h>

/* The specification's choice of the neighbour nearest to left + up - up_left, with one comparison behind the other
 * instead of three distances: the middle one of the two neighbours and 3 up_left - left - up decides. */
static inline uint8_t paeth(int left, int up, int up_left)
{
    int threshold = 3 * up_left - up - left;
    int low = left < up ? left : up, high = left < up ? up : left;
    int best = high <= threshold ? low : up_left;
    return (uint8_t)(threshold <= low ? high : best);
}

uint8_t smalti__png_paeth(uint8_t left, uint8_t up, uint8_t up_left)
{
    return paeth(left, up, up_left);
}

static inline uint8_t predict(uint32_t filter, uint8_t left, uint8_t up, uint8_t up_left)
{
    switch (filter) {
    case SMALTI__PNG_SUB:
        return left;
    case SMALTI__PNG_UP:
        return up;
    case SMALTI__PNG_AVERAGE:
        return (uint8_t)((left + up) >> 1);
    case SMALTI__PNG_PAETH:
        return paeth(left, up, up_left);
    default:
        return 0;
    }
}

/* With filter and bpp constant, the neighbours stay in registers. */
static inline __attribute__((always_inline)) void unfilter_chain(uint32_t filter, uint8_t *dst, const uint8_t *src,
                                                                 const uint8_t *prev, size_t size, size_t bpp)
{
    uint8_t left[8] = {0}, up_left[8] = {0};
    for (size_t i = 0; i < size; i += bpp)
        for (size_t c = 0; c < bpp; c++) {
            uint8_t up = prev[i + c];
            left[c] = dst[i + c] = (uint8_t)(src[i + c] + predict(filter, left[c], up, up_left[c]));
            up_left[c] = up;
        }
}

static inline __attribute__((always_inline)) void unfilter_chains(uint32_t filter, uint8_t *dst, const uint8_t *src,
                                                                  const uint8_t *prev, size_t size, size_t bpp)
{
    switch (filter) {
    case SMALTI__PNG_SUB:
        unfilter_chain(SMALTI__PNG_SUB, dst, src, prev, size, bpp);
        break;
    case SMALTI__PNG_AVERAGE:
        unfilter_chain(SMALTI__PNG_AVERAGE, dst, src, prev, size, bpp);
        break;
    default:
        unfilter_chain(SMALTI__PNG_PAETH, dst, src, prev, size, bpp);
    }
}

static void unfilter_by_size(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                             size_t bpp)
{
    switch (bpp) {
    case 1:
        unfilter_chains(filter, dst, src, prev, size, 1);
        break;
    case 2:
        unfilter_chains(filter, dst, src, prev, size, 2);
        break;
    case 3:
        unfilter_chains(filter, dst, src, prev, size, 3);
        break;
    case 4:
        unfilter_chains(filter, dst, src, prev, size, 4);
        break;
    default: /* 6 and 8 */
        unfilter_chains(filter, dst, src, prev, size, bpp);
    }
}

void smalti__png_unfilter_c(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                            size_t bpp)
{
    if (filter == SMALTI__PNG_UP)
        for (size_t i = 0; i < size; i++)
            dst[i] = (uint8_t)(src[i] + prev[i]);
    else if (filter != SMALTI__PNG_NONE)
        unfilter_by_size(filter, dst, src, prev, size, bpp);
    else if (dst != src)
        memcpy(dst, src, size);
}

static void unfilter_paeth_pair_c(uint8_t *const dst[2], const uint8_t *const src[2], const uint8_t *prev, size_t size,
                                  size_t bpp)
{
    smalti__png_unfilter_c(SMALTI__PNG_PAETH, dst[0], src[0], prev, size, bpp);
    smalti__png_unfilter_c(SMALTI__PNG_PAETH, dst[1], src[1], dst[0], size, bpp);
}

/* The byte that stands at i in big-endian order. */
static uint8_t byte_at(const uint8_t *row, size_t i, bool swap)
{
    return row[i ^ (size_t)swap];
}

void smalti__png_filter_range(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t from,
                              size_t to, size_t bpp, bool swap)
{
    for (size_t i = from; i < to; i++) {
        uint8_t left = i < bpp ? 0 : byte_at(src, i - bpp, swap), up_left = i < bpp ? 0 : byte_at(prev, i - bpp, swap);
        dst[i] = (uint8_t)(byte_at(src, i, swap) - predict(filter, left, byte_at(prev, i, swap), up_left));
    }
}

void smalti__png_score_range(uint64_t score[SMALTI__PNG_FILTER_COUNT], const uint8_t *src, const uint8_t *prev,
                             size_t from, size_t to, size_t bpp, bool swap)
{
    for (size_t i = from; i < to; i++) {
        uint8_t x = byte_at(src, i, swap), up = byte_at(prev, i, swap);
        uint8_t left = i < bpp ? 0 : byte_at(src, i - bpp, swap), up_left = i < bpp ? 0 : byte_at(prev, i - bpp, swap);
        for (uint32_t filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++) {
            uint8_t rest = (uint8_t)(x - predict(filter, left, up, up_left));
            score[filter] += rest < 128 ? rest : 256u - rest;
        }
    }
}

static void filter_c(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp,
                     bool swap)
{
    smalti__png_filter_range(filter, dst, src, prev, 0, size, bpp, swap);
}

static void score_c(uint64_t score[SMALTI__PNG_FILTER_COUNT], const uint8_t *src, const uint8_t *prev, size_t size,
                    size_t bpp, bool swap, size_t stride)
{
    enum { BLOCK = SMALTI__PNG_SCORE_BLOCK };
    memset(score, 0, SMALTI__PNG_FILTER_COUNT * sizeof *score);
    if (size < bpp + BLOCK)
        smalti__png_score_range(score, src, prev, 0, size, bpp, swap);
    else
        for (size_t i = bpp; i + BLOCK <= size; i += BLOCK * stride)
            smalti__png_score_range(score, src, prev, i, i + BLOCK, bpp, swap);
}

static const smalti__png_filters filters_c = {"c", smalti__png_unfilter_c, unfilter_paeth_pair_c, filter_c, score_c};

static _Atomic uint32_t allowed = UINT32_MAX;

void smalti__png_filters_allow(uint32_t cpu_mask)
{
    atomic_store(&allowed, cpu_mask);
}

const smalti__png_filters *smalti__png_filters_get(void)
{
#if defined(__x86_64__)
    uint32_t mask = atomic_load(&allowed);
    if (mask & SMALTI__CPU_AVX2 && __builtin_cpu_supports("avx2"))
        return &smalti__png_filters_avx2;
    if (mask & SMALTI__CPU_SSE4 && __builtin_cpu_supports("sse4.1"))
        return &smalti__png_filters_sse4;
#endif
    return &filters_c;
}
