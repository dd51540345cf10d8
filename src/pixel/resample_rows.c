/* SPDX-License-Identifier: Apache-2.0
 * The row work of scaling in plain C, the reference for the others, and the choice between them. */
#include "pixel/resample_rows.h"

#include <stdatomic.h>

#include "pixel/resample_pixels.h"

static inline int16_t clamp_i16(int32_t v)
{
    return (int16_t)(v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v);
}

static inline uint8_t clamp_u8(int32_t v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static inline __attribute__((always_inline)) void
across_u8(const smalti__across *across, uint32_t channels, uint32_t from, uint32_t to, int16_t *dst, const uint8_t *src)
{
    for (uint32_t o = from; o < to; o++, dst += channels) {
        const int16_t *w = (const int16_t *)across->weights + (size_t)o * across->stride;
        const uint8_t *p = src + (size_t)across->first[o] * channels;
        int32_t sums[4] = {0};
        for (uint32_t i = 0; i < across->stride; i++)
            for (uint32_t c = 0; c < channels; c++)
                sums[c] += w[i] * p[i * channels + c];
        for (uint32_t c = 0; c < channels; c++)
            dst[c] = clamp_i16((sums[c] + (1 << across->shift >> 1)) >> across->shift);
    }
}

void smalti__across_u8_c(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                         const uint8_t *const *src, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++)
        if (across->channels == 1)
            across_u8(across, 1, from, to, dst[r], src[r]);
        else
            across_u8(across, 3, from, to, dst[r], src[r]);
}

/* As vectors of 8 floats do it: sum j holds every (8 / channels)th pixel, or every second of 3 channels; then
 * neighbours are added for one channel, halves for the others. */
static inline __attribute__((always_inline)) void across_f32(const smalti__across *across, uint32_t channels,
                                                             uint32_t from, uint32_t to, float *dst, const float *src)
{
    const uint32_t lanes = channels == 1 ? 8 : channels == 2 ? 4 : 2;
    for (uint32_t o = from; o < to; o++, dst += channels) {
        const float *w = (const float *)across->weights + (size_t)o * across->stride;
        const float *p = src + (size_t)across->first[o] * channels;
        float s[8][4] = {{0}};
        for (uint32_t i = 0; i < across->stride; i += lanes)
            for (uint32_t j = 0; j < lanes; j++)
                for (uint32_t c = 0; c < channels; c++)
                    s[j][c] += w[i + j] * p[(i + j) * channels + c];
        for (uint32_t c = 0; c < channels; c++)
            dst[c] = lanes == 2 ? s[0][c] + s[1][c]
                     : lanes == 4
                         ? (s[0][c] + s[2][c]) + (s[1][c] + s[3][c])
                         : ((s[0][c] + s[1][c]) + (s[2][c] + s[3][c])) + ((s[4][c] + s[5][c]) + (s[6][c] + s[7][c]));
    }
}

void smalti__across_f32_c(const smalti__across *across, uint32_t from, uint32_t to, float *const *dst,
                          const float *const *src, uint32_t rows)
{
    for (uint32_t r = 0; r < rows; r++)
        switch (across->channels) {
        case 1:
            across_f32(across, 1, from, to, dst[r], src[r]);
            break;
        case 2:
            across_f32(across, 2, from, to, dst[r], src[r]);
            break;
        case 3:
            across_f32(across, 3, from, to, dst[r], src[r]);
            break;
        default:
            across_f32(across, 4, from, to, dst[r], src[r]);
        }
}

/* Blocks that stay in registers or the nearest cache. */
enum { BLOCK = 64 };

static void down_i16_c(const smalti__down *down)
{
    const int16_t *w = down->weights;
    for (size_t x = 0; x < down->samples; x += BLOCK) {
        size_t size = down->samples - x < BLOCK ? down->samples - x : BLOCK;
        int32_t sums[BLOCK] = {0};
        if (down->from)
            memcpy(sums, (int32_t *)down->sums + x, size * sizeof *sums);
        for (uint32_t r = 0; r < down->count; r++) {
            const int16_t *row = (const int16_t *)down->rows[r] + x;
            for (size_t i = 0; i < size; i++)
                sums[i] += w[r] * row[i];
        }
        if (down->dst)
            for (size_t i = 0; i < size; i++)
                ((uint8_t *)down->dst)[x + i] = clamp_u8((sums[i] + (1 << down->shift >> 1)) >> down->shift);
        else
            memcpy((int32_t *)down->sums + x, sums, size * sizeof *sums);
    }
}

static void down_f32_c(const smalti__down *down)
{
    const float *w = down->weights;
    float *to = down->dst ? down->dst : down->sums;
    for (size_t x = 0; x < down->samples; x += BLOCK) {
        size_t size = down->samples - x < BLOCK ? down->samples - x : BLOCK;
        float sums[BLOCK] = {0};
        if (down->from)
            memcpy(sums, (float *)down->sums + x, size * sizeof *sums);
        for (uint32_t r = 0; r < down->count; r++) {
            const float *row = (const float *)down->rows[r] + x;
            for (size_t i = 0; i < size; i++)
                sums[i] += w[r] * row[i];
        }
        memcpy(to + x, sums, size * sizeof *sums);
    }
}

static const smalti__resample_table table_c = {"c",        smalti__across_u8_c, smalti__across_f32_c, down_i16_c,
                                               down_f32_c, load_pixels,         store_pixels};

static _Atomic uint32_t allowed = UINT32_MAX;

void smalti__resample_allow(uint32_t mask)
{
    atomic_store(&allowed, mask);
}

const smalti__resample_table *smalti__resample_table_get(void)
{
#if defined(__x86_64__)
    uint32_t mask = atomic_load(&allowed);
    if (mask & SMALTI__RESAMPLE_AVX2 && __builtin_cpu_supports("avx2"))
        return &smalti__resample_avx2;
    if (mask & SMALTI__RESAMPLE_SSE4 && __builtin_cpu_supports("sse4.1"))
        return &smalti__resample_sse4;
#endif
    return &table_c;
}
