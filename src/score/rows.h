/* SPDX-License-Identifier: Apache-2.0
 * The inner loops of the score, over rows of floats, for every processor: a table of functions that is chosen once. The
 * levels agree to rounding. */
#ifndef SMALTI_SRC_SCORE_ROWS_H
#define SMALTI_SRC_SCORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMALTI__SCORE_LANES = 8,  /* counts are rounded up to these: rows have room for it */
    SMALTI__SCORE_RADIUS = 4, /* of the blur, in either direction; readable (as zeros) beside a row that is blurred */
    SMALTI__SCORE_TAPS = 2 * SMALTI__SCORE_RADIUS + 1
};

/* The Gaussian of σ 1.5 of the method: three truncated cosines, N = 5 (Charalampidis, "Recursive implementation of the
 * Gaussian filter using truncated cosine functions", 2016). Its impulse response has nine samples, which are fewer
 * operations than the recursion. The middle one first. */
#define SMALTI__SCORE_BLUR 0.26462110549f, 0.21292859201f, 0.10933537278f, 0.03601111466f, 0.00941436781f

/* The error maps, and the two norms of each. */
enum { SMALTI__SCORE_SSIM, SMALTI__SCORE_RINGING, SMALTI__SCORE_BLURRING, SMALTI__SCORE_MAPS };

/* Of one component of one scale: sums over pixels of the error and of its fourth power. */
typedef struct smalti__score_sums {
    double sum[SMALTI__SCORE_MAPS], sum4[SMALTI__SCORE_MAPS];
} smalti__score_sums;

/* A row of one component, blurred from above and below but not yet from left and right; and as it was. */
typedef struct smalti__score_row {
    const float *mean[2]; /* of the two images; what follows is only for SSIM */
    const float *square; /* of the sum of both squares */
    const float *error; /* of the squared difference */
    const float *pixels[2]; /* unblurred, only for the edge maps */
} smalti__score_row;

typedef struct smalti__score_rows {
    const char *name; /* "c", "avx2" */
    /* Linear RGB → XYB in the method's ranges. xyb[2] NULL: no B; xyb[0] also NULL: no X either. */
    void (*xyb)(float *const xyb[3], const float *const rgb[3], size_t count);
    /* a² + b² and (a - b)². */
    void (*products)(float *square, float *error, const float *a, const float *b, size_t count);
    /* Means of 2 × 2; count is that of half. */
    void (*halve)(float *half, const float *top, const float *bottom, size_t count);
    /* Blurs downwards: the row in the middle of nine. */
    void (*blur)(float *out, const float *const rows[SMALTI__SCORE_TAPS], size_t count);
    /* Blurs to the side and adds the errors of exactly count pixels. */
    void (*compare)(smalti__score_sums *sums, const smalti__score_row *row, size_t count, bool ssim, bool edges);
} smalti__score_rows;

/* The best table for this machine. */
const smalti__score_rows *smalti__score_rows_get(void);
extern const smalti__score_rows smalti__score_rows_c;
#if defined(__x86_64__)
extern const smalti__score_rows smalti__score_rows_avx2;
#endif

#endif
