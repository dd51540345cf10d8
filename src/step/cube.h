/* SPDX-License-Identifier: Apache-2.0
 * Look-up tables for colours from .cube files (Adobe, "Cube LUT Specification", 1.0): a curve for each channel, or a cube
 * between whose corners it is interpolated. */
#ifndef SMALTI_SRC_CUBE_H
#define SMALTI_SRC_CUBE_H

#include "base/base.h"

enum { SMALTI__CUBE_CURVE_MAX = 65536, SMALTI__CUBE_EDGE_MAX = 256 };

typedef struct smalti__cube {
    uint32_t size; /* entries of a curve, or of a cube's edge; 2 or more */
    bool cubic;
    float low[3], scale[3]; /* of the domain: where it begins, and entries − 1 over its length */
    float *table; /* size or size³ times R, G, B; red changes fastest; owned */
} smalti__cube;

/* text is not NUL-terminated; name stands in messages. *cube is owned: smalti__cube_clear. FORMAT with the line, UNSUPPORTED,
 * NOMEM. */
smalti_result smalti__cube_parse(const char *text, size_t size, const char *name, smalti__cube *cube,
                                 smalti_error *error);
void smalti__cube_clear(smalti__cube *cube); /* fine for a zeroed struct */
/* A colour; what lies outside of the domain is taken to its edge, NaN to its begin. */
void smalti__cube_apply(const smalti__cube *cube, const float in[3], float out[3]);

#endif
