/* SPDX-License-Identifier: Apache-2.0
 * The end of a flow that gives an image in memory. */
#ifndef SMALTI_SRC_COLLECT_H
#define SMALTI_SRC_COLLECT_H

#include "step/flow.h"

/* The user of a flow whose begin and emit are the functions below. */
typedef struct smalti__collector {
    smalti_sample sample; /* that the image is to have */
    smalti_image image;   /* allocated when its shape is known; the caller's from then on, also after a failure */
    uint32_t row;         /* next */
} smalti__collector;

smalti_result smalti__collect_begin(void *collector, const smalti__shape *last, smalti__shape *out,
                                    smalti_error *error);
smalti_result smalti__collect_rows(void *collector, const void *rows, size_t pitch, uint32_t count,
                                   smalti_error *error);

#endif
