/* SPDX-License-Identifier: Apache-2.0
 * A chain of kernels over the rows of one image, in one pass. Rows are pushed in strips; each kernel has a window of rows
 * with its halo in the linear memory of its instance, and gives its output to the next, or to the emit function.
 *
 *     decoder ──rows──▶ [window │ kernel A │ output] ──copy──▶ [window │ kernel B │ output] ──rows──▶ emit (encoder)
 *
 * The decoder writes straight into the first window and the encoder reads the last output where it lies: between two
 * kernels one cache-resident copy of a strip is made, and counted. The result does not depend on the strip's height. */
#ifndef SMALTI_SRC_CHAIN_H
#define SMALTI_SRC_CHAIN_H

#include <smalti/job.h>

#include "base/memory.h"
#include "kernel/instance.h"
#include "pixel/convert.h"

enum { SMALTI__STEPS_MAX = 64 }; /* steps in one job */

/* One kernel step of a plan: constant while tasks run. */
typedef struct smalti__kernel_step {
    smalti_kernel *kernel; /* one reference */
    double *params;        /* owned, descriptor order */
    uint32_t halo;         /* for these parameters */
} smalti__kernel_step;

typedef struct smalti__chain_setup {
    const smalti__kernel_step *steps; /* borrowed, as everything here, while the chain lives */
    size_t step_count;
    smalti__shape in;      /* rows pushed */
    smalti__shape out;     /* rows emitted: the last kernel's, or what they are to be converted to */
    uint32_t strip_rows;   /* 0: the chain's choice */
    uint8_t background[3]; /* for flattening alpha */
    bool rows_stay;        /* rows emitted stay as they are until emit is called again, and returns */
    smalti__pool *pool;
    smalti__rows_fn emit; /* what comes out at the end */
    void *user;
    smalti_stats *stats; /* kernel_ns, strips, copied_*, converted_bytes and halo_bytes are added to */
} smalti__chain_setup;

typedef struct smalti__chain smalti__chain;

/* The shape each step sees: shapes[i] of step i, *out behind the last. Samples and channels stay as they are where the
 * kernel accepts them. UNSUPPORTED when a kernel cannot take the image; the message says what it takes. */
smalti_result smalti__chain_route(const smalti__kernel_step *steps, size_t step_count, const smalti__shape *in,
                                  smalti__shape *shapes, smalti__shape *out, smalti_error *error);

/* Rows of a strip, and an upper bound of the memory that the chain will take without the kernels' own scratch. */
uint32_t smalti__chain_strip_rows(const smalti__chain_setup *setup);
smalti_result smalti__chain_bytes(const smalti__chain_setup *setup, size_t *bytes, smalti_error *error);

/* Whether the chain can have rows_stay: not when the rows of a measure at its end lie in a window. */
bool smalti__chain_can_stay(const smalti__chain_setup *setup);

/* Makes instances and buffers. *chain is owned. */
smalti_result smalti__chain_open(const smalti__chain_setup *setup, smalti__chain **chain, smalti_error *error);
void smalti__chain_close(smalti__chain *chain); /* NULL is fine */

/* Where the next rows are to be written: at most *rows of them (never more than the image has left), 64-byte aligned. */
void smalti__chain_space(smalti__chain *chain, void **dst, size_t *pitch, uint32_t *rows);
/* rows of them have been written there. With the image's last row everything is emitted. */
smalti_result smalti__chain_commit(smalti__chain *chain, uint32_t rows, smalti_error *error);
/* The same for rows that lie elsewhere: they are copied, or converted. */
smalti_result smalti__chain_push(smalti__chain *chain, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error);

/* After the last row: the values of a measure step. values: room for the sum of the counts. */
smalti_result smalti__chain_measure(smalti__chain *chain, size_t step, double *values, smalti_error *error);

#endif
