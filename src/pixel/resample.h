/* SPDX-License-Identifier: Apache-2.0
 * Scaling as rows stream by: each input row is resampled across as it is pushed, output rows are weighted sums of such
 * rows. Nothing of an image is kept but the few rows that a filter spans, or running sums of the outputs begun. */
#ifndef SMALTI_SRC_RESAMPLE_H
#define SMALTI_SRC_RESAMPLE_H

#include "base/memory.h"
#include "pixel/convert.h"

/* In reductions a filter is stretched by the reduction, so that nothing aliases. */
typedef enum smalti__filter {
    SMALTI__FILTER_NEAREST, /* the pixel at the centre of the output pixel */
    SMALTI__FILTER_LINEAR,  /* triangle, radius 1 */
    SMALTI__FILTER_CATMULL_ROM,
    SMALTI__FILTER_MITCHELL,
    SMALTI__FILTER_LANCZOS2,
    SMALTI__FILTER_LANCZOS3,
    SMALTI__FILTER_COUNT
} smalti__filter;

/* What is scaled, and how. Pixels beside the rectangle but in the image contribute where the filter reaches them; beyond
 * the image its edge pixels are repeated. Along an axis where the rectangle starts at a whole pixel and keeps its size,
 * pixels are copied, whatever the filter.
 *
 * Alpha weighs colours (premultiplied inside unless they are); where the result's alpha is 0 its straight colours are 0.
 * Premultiplied u8 and u16 colours are held to their alpha. u8 is within one level of the exact sum, u16 too (colours
 * where alpha is above 1 %). f32 is not clamped; a sample that is not finite may spread a few pixels farther than the
 * filter. Every processor level gives the same result, bit by bit. */
typedef struct smalti__resample_setup {
    smalti__shape in; /* u8, u16 or f32; 1…4 channels, with 2 or 4 the last is alpha */
    uint32_t out_width, out_height;
    double x, y, width, height; /* the rectangle of the input that becomes the output, in pixels; inside the image */
    smalti__filter filter;
    bool linear; /* in linear light: colours are decoded as sRGB before and encoded after */
    smalti__pool *pool;
    smalti__rows_fn emit; /* output rows: samples and channels of in, 64-byte aligned unless copied from the input */
    void *user;
} smalti__resample_setup;

typedef struct smalti__resample smalti__resample;

/* The memory that open will take: a few rows, and weights in the proportion of the reduction. INVALID when the setup
 * cannot be; emit is not looked at. */
smalti_result smalti__resample_bytes(const smalti__resample_setup *setup, size_t *bytes, smalti_error *error);
/* The input rows that contribute: *first up to but without *end. The setup is valid. */
void smalti__resample_rows(const smalti__resample_setup *setup, uint32_t *first, uint32_t *end);

/* *resample is owned; setup is copied, pool is borrowed while it lives. */
smalti_result smalti__resample_open(const smalti__resample_setup *setup, smalti__resample **resample,
                                    smalti_error *error);
/* The next rows of the input, from its row 0. Emits output rows at most a few input rows after their last one was pushed,
 * all with row *end - 1; rows that do not contribute cost nothing. What is emitted does not depend on how rows are
 * grouped. After an error, of emit too, only close. */
smalti_result smalti__resample_push(smalti__resample *resample, const void *rows, size_t pitch, uint32_t count,
                                    smalti_error *error);
void smalti__resample_close(smalti__resample *resample); /* NULL is fine */

#endif
