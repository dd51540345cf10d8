/* SPDX-License-Identifier: Apache-2.0
 * The nearest of at most 256 colors, for every processor. All versions give the same answer. */
#ifndef SMALTI_SRC_NEAREST_H
#define SMALTI_SRC_NEAREST_H

#include <stdint.h>

/* Four components, each 0…2040: a squared distance fits 24 bits. */
typedef struct smalti__color {
    int16_t v[4];
} smalti__color;

enum { SMALTI__COLOR_MOST = 2040, SMALTI__NEAREST_MOST = 256, SMALTI__NEAREST_STEP = 8 };

/* Colors in pairs of components, so that one multiplication makes half of a distance. */
typedef struct smalti__nearest {
    int16_t first[SMALTI__NEAREST_MOST][2], second[SMALTI__NEAREST_MOST][2];
    uint32_t padded; /* how many, with copies of the last up to a multiple of SMALTI__NEAREST_STEP */
} smalti__nearest;

void smalti__nearest_set(smalti__nearest *nearest, const smalti__color *colors, uint32_t count);

/* Squared distance × 256 + the lowest index at that distance. */
typedef uint32_t smalti__nearest_find(const smalti__nearest *nearest, smalti__color color);

/* The best for this machine. */
smalti__nearest_find *smalti__nearest_get(void);
smalti__nearest_find smalti__nearest_find_c;
#if defined(__x86_64__)
smalti__nearest_find smalti__nearest_find_sse4, smalti__nearest_find_avx2;
#endif

#endif
