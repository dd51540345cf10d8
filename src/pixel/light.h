/* SPDX-License-Identifier: Apache-2.0
 * Scene-linear light: what a decoder says of its samples, and the way from a file's primaries to those of sRGB. */
#ifndef SMALTI_SRC_LIGHT_H
#define SMALTI_SRC_LIGHT_H

#include <stdbool.h>
#include <stdint.h>

/* CIE x, y of red, green, blue and white. */
typedef struct smalti__primaries {
    float xy[4][2];
} smalti__primaries;

typedef struct smalti__light {
    bool linear;       /* samples are proportional to light, and may be more than 1 */
    bool final;        /* … as they are to be shown: they were asked to stay linear */
    bool convert;      /* … in primaries other than sRGB's: matrix leads there */
    float matrix[3][3];
} smalti__light;

/* Rec. 709 and sRGB. */
extern const smalti__primaries smalti__primaries_srgb;
/* Display P3. */
extern const smalti__primaries smalti__primaries_p3;

/* Shares of red, green and blue in luminance (the middle row of the matrix to XYZ). false: the primaries are none, and the
 * shares those of sRGB. */
bool smalti__primaries_luma(const smalti__primaries *primaries, float luma[3]);
/* The matrix from primaries to others, adapted to their white by the Bradford transform; false: one of them is none. */
bool smalti__primaries_matrix(const smalti__primaries *from, const smalti__primaries *to, float matrix[3][3]);
/* Linear light, with primaries (NULL: sRGB's) adapted to sRGB's white by the Bradford transform. */
smalti__light smalti__light_linear(const smalti__primaries *primaries);

#endif
