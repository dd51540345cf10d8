/* SPDX-License-Identifier: Apache-2.0
 * PNG row filters in plain C, the reference for the others, and the choice between them. */
#include "pixel/png_filter.h"

#include <stdatomic.h>
#include <string.h>

uint8_t smalti__png_paeth(uint8_t left, uint8_t up, uint8_t up_left)
{
    int pa = up - up_left, pb = left - up_left, pc = pa + pb;
    pa = pa < 0 ? -pa : pa;
    pb = pb < 0 ? -pb : pb;
    pc = pc < 0 ? -pc : pc;
    return pa <= pb && pa <= pc ? left : pb <= pc ? up : up_left;
}

static void unfilter_average(uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp)
{
    for (size_t i = 0; i < bpp; i++)
        dst[i] = (uint8_t)(src[i] + (prev[i] >> 1));
    for (size_t i = bpp; i < size; i++)
        dst[i] = (uint8_t)(src[i] + ((dst[i - bpp] + prev[i]) >> 1));
}

static void unfilter_paeth(uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp)
{
    for (size_t i = 0; i < bpp; i++)
        dst[i] = (uint8_t)(src[i] + prev[i]);
    for (size_t i = bpp; i < size; i++)
        dst[i] = (uint8_t)(src[i] + smalti__png_paeth(dst[i - bpp], prev[i], prev[i - bpp]));
}

void smalti__png_unfilter_c(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                            size_t bpp)
{
    switch (filter) {
    case SMALTI__PNG_SUB:
        memmove(dst, src, bpp);
        for (size_t i = bpp; i < size; i++)
            dst[i] = (uint8_t)(src[i] + dst[i - bpp]);
        break;
    case SMALTI__PNG_UP:
        for (size_t i = 0; i < size; i++)
            dst[i] = (uint8_t)(src[i] + prev[i]);
        break;
    case SMALTI__PNG_AVERAGE:
        unfilter_average(dst, src, prev, size, bpp);
        break;
    case SMALTI__PNG_PAETH:
        unfilter_paeth(dst, src, prev, size, bpp);
        break;
    default:
        if (dst != src)
            memcpy(dst, src, size);
    }
}

static void unfilter_paeth_pair_c(uint8_t *const dst[2], const uint8_t *const src[2], const uint8_t *prev, size_t size,
                                  size_t bpp)
{
    unfilter_paeth(dst[0], src[0], prev, size, bpp);
    unfilter_paeth(dst[1], src[1], dst[0], size, bpp);
}

static uint8_t predict(uint32_t filter, uint8_t left, uint8_t up, uint8_t up_left)
{
    switch (filter) {
    case SMALTI__PNG_SUB:
        return left;
    case SMALTI__PNG_UP:
        return up;
    case SMALTI__PNG_AVERAGE:
        return (uint8_t)((left + up) >> 1);
    case SMALTI__PNG_PAETH:
        return smalti__png_paeth(left, up, up_left);
    default:
        return 0;
    }
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
