/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of the score for every processor, and the choice between the levels. */
#define VEC_LANES 4
#define VEC_TARGET
#include "score/rows_vector.h"

const smalti__score_rows smalti__score_rows_c = {"c", xyb, products, halve, blur, compare};

const smalti__score_rows *smalti__score_rows_get(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &smalti__score_rows_avx2;
#endif
    return &smalti__score_rows_c;
}
