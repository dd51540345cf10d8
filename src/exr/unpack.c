/* SPDX-License-Identifier: Apache-2.0
 * From the bytes of a chunk to samples: plain C, and the choice of a table. */
#include "exr/unpack.h"

#include <stdatomic.h>
#include <string.h>

#include "pixel/png_filter.h"

uint8_t smalti__exr_sum_c(uint8_t *dst, const uint8_t *src, size_t count, uint8_t before)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = before = (uint8_t)(before + src[i] - 128);
    return before;
}

uint8_t smalti__exr_skip_c(const uint8_t *src, size_t count, uint8_t before)
{
    uint32_t sum = before;
    for (size_t i = 0; i < count; i++)
        sum += src[i];
    return (uint8_t)(sum - 128 * (uint32_t)count);
}

void smalti__exr_weave_c(uint8_t *dst, const uint8_t *even, const uint8_t *odd, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        dst[2 * i] = even[i];
        dst[2 * i + 1] = odd[i];
    }
}

/* Exponents are moved by multiplying, which normalises subnormals too. */
static float half_to_float(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, bits = (half & 0x7fff) << 13;
    float value;
    if (bits >= 0x7c00u << 13) { /* infinity, NaN */
        bits |= 0x7f800000u | (bits & 0x007fffffu ? 0x00400000u : 0);
    } else {
        memcpy(&value, &bits, 4);
        value *= 0x1p112f;
        memcpy(&bits, &value, 4);
    }
    bits |= sign;
    memcpy(&value, &bits, 4);
    return value;
}

void smalti__exr_half_c(float *dst, const uint8_t *src, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = half_to_float((uint32_t)src[2 * i] | (uint32_t)src[2 * i + 1] << 8);
}

static uint32_t float_to_half(float value)
{
    uint32_t bits, sign;
    memcpy(&bits, &value, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        return sign | 0x7e00 | (bits >> 13 & 0x3ff);
    if (bits >= 0x477ff000) /* rounds to 65,536 or more */
        return sign | 0x7c00;
    if (bits < 0x38800000) { /* below the smallest normal one: units of 2⁻²⁴, which this sum rounds to */
        memcpy(&value, &bits, 4);
        value += 0.5f;
        memcpy(&bits, &value, 4);
        return sign | (bits - 0x3f000000);
    }
    return sign | ((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13);
}

void smalti__exr_to_half_c(uint8_t *dst, const float *src, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t half = float_to_half(src[i]);
        dst[2 * i] = (uint8_t)half;
        dst[2 * i + 1] = (uint8_t)(half >> 8);
    }
}

void smalti__exr_mix_c(float *dst, const float *const *planes, uint32_t channels, size_t count)
{
    for (uint32_t c = 0; c < channels; c++)
        for (size_t i = 0; i < count; i++)
            dst[i * channels + c] = planes[c][i];
}

static const smalti__exr_unpack unpack_c = {"c",
                                            smalti__exr_sum_c,
                                            smalti__exr_skip_c,
                                            smalti__exr_weave_c,
                                            smalti__exr_half_c,
                                            smalti__exr_to_half_c,
                                            smalti__exr_mix_c};

static _Atomic uint32_t allowed = UINT32_MAX;

void smalti__exr_unpack_allow(uint32_t cpu_mask)
{
    atomic_store(&allowed, cpu_mask);
}

const smalti__exr_unpack *smalti__exr_unpack_get(void)
{
#if defined(__x86_64__)
    uint32_t mask = atomic_load(&allowed);
    if (mask & SMALTI__CPU_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c"))
        return &smalti__exr_unpack_avx2;
    if (mask & SMALTI__CPU_SSE4 && __builtin_cpu_supports("sse4.1"))
        return &smalti__exr_unpack_sse4;
#endif
    return &unpack_c;
}
