/* SPDX-License-Identifier: Apache-2.0
 * The loops of colour management with AVX2 and FMA. */
#include "pixel/color_parts.h"

#if defined(__x86_64__)
#define VEC_LANES 8
#define VEC_TARGET __attribute__((target("avx2,fma")))
#include "pixel/color_loops_vector.h"

const smalti__color_loops smalti__color_loops_avx2 = {"avx2", encode, pack};
#endif
