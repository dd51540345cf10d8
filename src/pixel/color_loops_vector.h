/* SPDX-License-Identifier: Apache-2.0
 * The loops of colour management in the compiler's vectors; the including file sets VEC_LANES and VEC_TARGET. */
#include "pixel/color_parts.h"
#include "pixel/vector.h"

#if defined(__x86_64__)
#include <immintrin.h>
#else
#include <math.h>
#endif

VEC_INLINE vec vec_root(vec v)
{
#if !defined(__x86_64__)
    for (int i = 0; i < VEC_LANES; i++)
        v[i] = sqrtf(v[i]);
    return v;
#elif VEC_LANES == 8
    return (vec)_mm256_sqrt_ps((__m256)v);
#else
    return (vec)_mm_sqrt_ps((__m128)v);
#endif
}

/* IEC 61966-2-1: 1.055 x^(1/2.4) - 0.055, of x^(1/4) = t a curve so nearly straight, 1.055 t^(5/3) - 0.055, that seven
 * terms at Chebyshev's points follow it to 5e-7. Square roots are exact, hence the same on every processor. */
VEC_INLINE vec encode_one(vec x)
{
    x = vec_positive(x);
    x = vec_choose(x < 1.0f, x, (vec){0} + 1.0f);
    vec t = vec_root(vec_root(x)), t2 = t * t;
    vec low = (0.12550608f * t - 0.05858168f) + t2 * (1.4502421f - 1.1208493f * t);
    vec high = (1.1465150f - 0.8337865f * t) + t2 * (0.35894637f - 0.06799226f * t);
    return vec_choose(x <= 0.0031308f, 12.92f * x, low + t2 * t2 * high);
}

VEC_INLINE void encode_all(float *const planes[3], uint32_t plane_count, const float matrix[9], size_t count)
{
    for (size_t i = 0; i < count; i += VEC_LANES) {
        if (!matrix) {
            for (uint32_t c = 0; c < plane_count; c++)
                vec_store(planes[c] + i, encode_one(vec_load(planes[c] + i)));
            continue;
        }
        vec r = vec_load(planes[0] + i), g = vec_load(planes[1] + i), b = vec_load(planes[2] + i);
        for (uint32_t c = 0; c < 3; c++) {
            vec mixed = matrix[3 * c] * r + matrix[3 * c + 1] * g + matrix[3 * c + 2] * b;
            vec_store(planes[c] + i, encode_one(mixed));
        }
    }
}

VEC_TARGET static void encode(float *const planes[3], uint32_t plane_count, const float matrix[9], size_t count)
{
    encode_all(planes, plane_count, matrix, count);
}

VEC_INLINE veci rounded(const float *p)
{
    return __builtin_convertvector(vec_load(p) * 255.0f + 0.5f, veci);
}

VEC_INLINE void pack_by(uint8_t *dst, size_t channels, const float *const planes[3], size_t count)
{
    size_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES) {
        uint32_t words[VEC_LANES];
        veci packed = rounded(planes[0] + i) | rounded(planes[1] + i) << 8 | rounded(planes[2] + i) << 16;
        memcpy(words, &packed, sizeof words);
        for (size_t lane = 0; lane < VEC_LANES; lane++, dst += channels) {
            /* four bytes where the next pixel is written after this; else what follows is alpha, or may yet be read */
            memcpy(dst, &words[lane], channels == 3 && lane + 1 < VEC_LANES ? 4 : 3);
        }
    }
    for (; i < count; i++, dst += channels)
        for (size_t c = 0; c < 3; c++)
            dst[c] = (uint8_t)(planes[c][i] * 255.0f + 0.5f);
}

VEC_TARGET static void pack(uint8_t *dst, size_t channels, const float *const planes[3], size_t count)
{
    if (channels == 3)
        pack_by(dst, 3, planes, count);
    else
        pack_by(dst, 4, planes, count);
}
