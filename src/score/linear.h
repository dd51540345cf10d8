/* SPDX-License-Identifier: Apache-2.0
 * Rows of any samples and channels to planes of linear light. */
#ifndef SMALTI_SRC_SCORE_LINEAR_H
#define SMALTI_SRC_SCORE_LINEAR_H

#include "pixel/convert.h"

/* Splits a row into linear red, green, blue, 0…1, by the curve of sRGB (IEC 61966-2-1). What is not opaque is laid over
 * ground, which is a coded value as the samples are. */
void smalti__score_linear(float *const rgb[3], const smalti__shape *shape, const void *row, float ground);
/* Whether every pixel of a row is opaque. */
bool smalti__score_opaque(const smalti__shape *shape, const void *row);

#endif
