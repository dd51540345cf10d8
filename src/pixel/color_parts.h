/* SPDX-License-Identifier: Apache-2.0
 * What colour management is made of: the targets' spaces, profiles read through lcms2, loops over rows. */
#ifndef SMALTI_SRC_COLOR_PARTS_H
#define SMALTI_SRC_COLOR_PARTS_H

#include "pixel/color.h"

/* ---- targets: both have the curve of sRGB (IEC 61966-2-1) ---- */

/* Bradford's adaptation of D65 to D50. */
#define SMALTI__COLOR_ADAPTATION                                         \
    {1.047886003,  0.022918765,  -0.050216095, 0.029581782, 0.990483518, \
     -0.017078708, -0.009251881, 0.015072607,  0.751678134}

/* Linear light to the XYZ of profiles (D50) and back; row by row. */
typedef struct smalti__color_space {
    double to_xyz[9], from_xyz[9];
} smalti__color_space;

const smalti__color_space *smalti__color_space_of(smalti__color_target target);
double smalti__color_encode(double linear);
double smalti__color_decode(double coded);

/* ---- curves ---- */

enum { SMALTI__COLOR_STEPS = 4096 }; /* a curve is straight between so many + 1 points of 0…1 */
typedef struct smalti__color_curve {
    float points[SMALTI__COLOR_STEPS + 2]; /* the last one twice; all 0…1 */
} smalti__color_curve;

/* v is 0…1 */
static inline float smalti__color_curve_at(const smalti__color_curve *curve, float v)
{
    float at = v * SMALTI__COLOR_STEPS;
    int step = (int)at;
    return curve->points[step] + (curve->points[step + 1] - curve->points[step]) * (at - (float)step);
}

/* ---- profiles ---- */

typedef enum smalti__icc_space {
    SMALTI__ICC_GRAY,
    SMALTI__ICC_RGB,
    SMALTI__ICC_CMYK,
    SMALTI__ICC_OTHER
} smalti__icc_space;

/* A profile that is open, in a context of its own whose memory is limited. */
typedef struct smalti__icc {
    void *context, *profile; /* lcms2's */
    struct smalti__icc_memory *memory;
    smalti__icc_space space;
    bool matrix; /* three curves and a matrix say all */
} smalti__icc;

/* Errors as of smalti__color_open. */
smalti_result smalti__icc_open(smalti__icc *icc, const void *data, size_t size, smalti_error *error);
/* Of a matrix profile: its curves, and its colorants to XYZ, row by row. */
smalti_result smalti__icc_matrix(const smalti__icc *icc, smalti__color_curve curves[3], double to_xyz[9],
                                 smalti_error *error);
/* The curve that gray rows have by it (of a profile for RGB: with equal parts), to linear light. */
smalti_result smalti__icc_gray(const smalti__icc *icc, smalti__color_curve *curve, smalti_error *error);
/* Through tables: rows of channels (as in smalti__color_open; not gray) to the target. *transform is lcms2's; owned. */
smalti_result smalti__icc_transform(const smalti__icc *icc, uint32_t channels, smalti__color_target target,
                                    smalti_sample sample, void **transform, smalti_error *error);
void smalti__icc_run(const void *transform, const void *src, void *dst, uint32_t pixels);
void smalti__icc_free_transform(void *transform); /* before the profile is closed; NULL is fine */
void smalti__icc_close(smalti__icc *icc); /* also of a zeroed struct */

/* ---- loops ---- */

typedef struct smalti__color_loops {
    const char *name; /* "c", "avx2" */
    /* Linear planes through a matrix (NULL: none), clipped, and through the curve of sRGB, in place. Works on up to 7 floats
     * behind count. */
    void (*encode)(float *const planes[3], uint32_t plane_count, const float matrix[9], size_t count);
    /* Three planes of 0…1 to bytes, rounded, channels (3, 4) apart; only colours are written. */
    void (*pack)(uint8_t *dst, size_t channels, const float *const planes[3], size_t count);
} smalti__color_loops;

const smalti__color_loops *smalti__color_loops_get(void);
extern const smalti__color_loops smalti__color_loops_c;
#if defined(__x86_64__)
extern const smalti__color_loops smalti__color_loops_avx2;
#endif

#endif
