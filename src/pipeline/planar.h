/* SPDX-License-Identifier: Apache-2.0
 * The short way from an image that is stored as luma and chroma to another one: each plane is scaled for itself, without
 * a conversion to RGB and back, and without chroma being enlarged only to be reduced again.
 *
 *     decoder ──Y, Cb, Cr──▶ three resamplers of one channel ──Y, Cb, Cr──▶ encoder
 */
#ifndef SMALTI_SRC_PLANAR_H
#define SMALTI_SRC_PLANAR_H

#include <smalti/job.h>

#include "encode/encode.h"
#include "pixel/resample.h"

typedef struct smalti__planar_setup {
    smalti__decoder *decoder; /* opened and perhaps reduced; not started */
    double x, y, width, height; /* what becomes the output, in pixels of the image as stored, before any reduction */
    smalti__filter filter;
    uint32_t orientation; /* that is turned upright behind the scaling: EXIF 1 … 8; the planes are kept whole then */
    const smalti__encoder *seed; /* as for the encoder's open: geometry, params, sink, format */
    bool spare_thread;           /* there is a processor for a thread that decodes ahead */
    smalti__pool *pool;
    smalti_stats *stats; /* decode_ns, encode_ns, cpu_ns are added to; the scaling's own time is returned */
    const smalti__stop *stop;
    void (*progress)(void *user, uint32_t rows); /* rows of decoder->out done; may be NULL */
    void *user;
} smalti__planar_setup;

typedef struct smalti__planar_plan {
    smalti__planes image, unit; /* of the decoder */
    size_t work_bytes; /* of everything but decoder and encoder */
    bool ahead;        /* on a thread */
} smalti__planar_plan;

/* Whether the setup can go this way; then the decoder gives planes from now on, and *plan is filled in. seed's sink may
 * still be NULL. */
bool smalti__planar_make(const smalti__planar_setup *setup, smalti__planar_plan *plan);
/* Everything from the decoder's start to its finish and the encoder's. *scale_ns: what scaling took. */
smalti_result smalti__planar_run(const smalti__planar_setup *setup, const smalti__planar_plan *plan, uint64_t *scale_ns,
                                 smalti_error *error);

#endif
