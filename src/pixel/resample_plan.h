/* SPDX-License-Identifier: Apache-2.0
 * What follows from the setup of a scaling: which way it is done, and where things lie in its one block of memory. */
#ifndef SMALTI_SRC_RESAMPLE_PLAN_H
#define SMALTI_SRC_RESAMPLE_PLAN_H

#include "pixel/resample_axis.h"
#include "pixel/resample_rows.h"

enum {
    SMALTI__RESAMPLE_GATHER = 16, /* the most rows that a filter spans where they wait in a ring */
    SMALTI__RESAMPLE_CHUNK = 8, /* rows that are added to sums together */
    SMALTI__RESAMPLE_SUMS = 8 /* outputs begun at one time: a filter of radius 3 spans 6, and one begins as one ends */
};

/* Where the filter spans few rows, they wait in a ring for the outputs that need them (gather). In larger reductions each
 * chunk of rows is added to the sums of the outputs it belongs to, which are few, so that memory does not grow with the
 * reduction. Both ways add in the same order. */
typedef struct smalti__resample_plan {
    enum { SMALTI__RESAMPLE_COPY, SMALTI__RESAMPLE_NEAREST, SMALTI__RESAMPLE_INTEGER, SMALTI__RESAMPLE_FLOAT } way;
    bool gather;
    smalti__axis across, down;
    smalti__pixels pixels;
    size_t samples; /* of an output row */
    uint32_t stride; /* of weights across */
    uint32_t fraction_bits; /* of i16 rows resampled across */
    uint32_t slots; /* outputs down whose weights are kept */
    uint32_t ring_rows, emit_rows;
    size_t load_pitch, tail_pitch, row_pitch, sum_pitch, weight_pitch, out_pitch;
    /* Offsets in the block: u32 first pixels and weights across; doubles for making weights; weights down; tails of u8
     * rows; rows of floats; rows resampled across; sums; a finished row of floats; output rows. */
    size_t first, weights, scratch, down_weights, tails, loaded, rows, sums, result, out;
    size_t bytes;
} smalti__resample_plan;

/* The block begins with head bytes that are the caller's. */
smalti_result smalti__resample_plan_make(const smalti__resample_setup *setup, size_t head, smalti__resample_plan *plan,
                                         smalti_error *error);

/* Fills in first pixels and weights across. *positive: the largest sum of positive weights of an output. */
smalti__across smalti__resample_plan_across(const smalti__resample_plan *plan, uint8_t *block, double *positive);

#endif
