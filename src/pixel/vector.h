/* SPDX-License-Identifier: Apache-2.0
 * Vectors of floats by the compiler's own extension, for loops that are written once and built for each level: the
 * including file sets VEC_LANES (4 or 8) and VEC_TARGET (the functions' attribute) before. */
#ifndef SMALTI_SRC_VECTOR_H
#define SMALTI_SRC_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline, unused)) VEC_TARGET

typedef float vec __attribute__((vector_size(VEC_LANES * 4)));
typedef int32_t veci __attribute__((vector_size(VEC_LANES * 4)));
typedef float vec_at __attribute__((vector_size(VEC_LANES * 4), aligned(4), may_alias));

VEC_INLINE vec vec_load(const float *p)
{
    return *(const vec_at *)p;
}

VEC_INLINE void vec_store(float *p, vec v)
{
    *(vec_at *)p = v;
}

/* Where mask is all ones, else 0. */
VEC_INLINE vec vec_where(veci mask, vec v)
{
    return (vec)((veci)v & mask);
}

VEC_INLINE vec vec_choose(veci mask, vec yes, vec no)
{
    return (vec)(((veci)yes & mask) | ((veci)no & ~mask));
}

VEC_INLINE vec vec_positive(vec v)
{
    return vec_where(v > 0.0f, v); /* NaN becomes 0 */
}

VEC_INLINE vec vec_absolute(vec v)
{
    return vec_where((veci){0} + 0x7fffffff, v);
}

/* Of a positive, normal x: a third of the exponent, then twice Halley's step (error 3 % → 2e-5 → rounding). Of 0 a number
 * below 1e-12. */
VEC_INLINE vec vec_cube_root(vec x)
{
    vec third = __builtin_convertvector((veci)x, vec) * (1.0f / 3.0f);
    vec y = (vec)(__builtin_convertvector(third, veci) + 0x2a508c2d);
    for (int i = 0; i < 2; i++) {
        vec cube = y * y * y;
        y *= (cube + x + x) / (cube + cube + x);
    }
    return y;
}

#endif
