/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of the score with AVX2 and FMA. */
#include "score/rows.h"

#if defined(__x86_64__)
#define VEC_LANES 8
#define VEC_TARGET __attribute__((target("avx2,fma")))
#include "score/rows_vector.h"

const smalti__score_rows smalti__score_rows_avx2 = {"avx2", xyb, products, halve, blur, compare};
#endif
