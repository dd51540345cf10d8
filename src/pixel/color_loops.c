/* SPDX-License-Identifier: Apache-2.0
 * The loops of colour management for every processor, and the choice between the levels. */
#define VEC_LANES 4
#define VEC_TARGET
#include "pixel/color_loops_vector.h"

const smalti__color_loops smalti__color_loops_c = {"c", encode, pack};

const smalti__color_loops *smalti__color_loops_get(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &smalti__color_loops_avx2;
#endif
    return &smalti__color_loops_c;
}
