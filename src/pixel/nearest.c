/* SPDX-License-Identifier: Apache-2.0
 * The nearest color in plain C, the reference for the others, and the choice between them. */
#include "pixel/nearest.h"

void smalti__nearest_set(smalti__nearest *nearest, const smalti__color *colors, uint32_t count)
{
    nearest->padded = (count + SMALTI__NEAREST_STEP - 1) / SMALTI__NEAREST_STEP * SMALTI__NEAREST_STEP;
    for (uint32_t i = 0; i < nearest->padded; i++) {
        const int16_t *v = colors[i < count ? i : count - 1].v;
        nearest->first[i][0] = v[0], nearest->first[i][1] = v[1];
        nearest->second[i][0] = v[2], nearest->second[i][1] = v[3];
    }
}

uint32_t smalti__nearest_find_c(const smalti__nearest *nearest, smalti__color color)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < nearest->padded; i++) {
        int32_t a = nearest->first[i][0] - color.v[0], b = nearest->first[i][1] - color.v[1];
        int32_t c = nearest->second[i][0] - color.v[2], d = nearest->second[i][1] - color.v[3];
        uint32_t key = (uint32_t)(a * a + b * b + c * c + d * d) << 8 | i;
        best = key < best ? key : best;
    }
    return best;
}

smalti__nearest_find *smalti__nearest_get(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return smalti__nearest_find_avx2;
    if (__builtin_cpu_supports("sse4.1"))
        return smalti__nearest_find_sse4;
#endif
    return smalti__nearest_find_c;
}
