/* SPDX-License-Identifier: Apache-2.0
 * A plan: a job with its kernels loaded, constant while it runs; and a route: what it means for one image. */
#ifndef SMALTI_SRC_PLAN_H
#define SMALTI_SRC_PLAN_H

#include "encode/encode.h"
#include "pipeline/job.h"
#include "decode/reader.h"
#include "strip/chain.h"

struct smalti_plan {
    smalti_job *job; /* owned */
    smalti__step steps[SMALTI__STEPS_MAX];
    size_t step_count;
    bool has_output;  /* else only measures are wanted */
    const smalti__encoder_format *format; /* asked for; NULL: by the output's name */
    size_t values_max; /* of one measure */
    uint8_t background[3];
};

/* The path of an input's output, owned (free()); NULL in *path when the job has none. */
smalti_result smalti__plan_output(const smalti_plan *plan, size_t index, char **path, smalti_error *error);
/* The encoder of a path: the job's, or the extension's. */
const smalti__encoder_format *smalti__plan_encoder(const smalti_plan *plan, const char *path);
/* Refuses two inputs with one output, and an output over an input. In plan_names.c. */
smalti_result smalti__plan_check_names(const smalti_plan *plan, smalti_error *error);

/* What a plan means for one decoded image: shapes, strips and memory. */
typedef struct smalti__route {
    const smalti__encoder_format *format; /* NULL: no output */
    smalti__shape stored;                 /* as decoded */
    smalti__shape in;                     /* upright */
    smalti__shape seen[SMALTI__STEPS_MAX]; /* by each step */
    smalti__shape last;                   /* behind the last step */
    smalti__shape out;                    /* as encoded */
    uint32_t strip_rows;
    bool relay; /* the encoder runs on a thread of its own */
    size_t decode_bytes, frame_bytes, chain_bytes, encode_bytes;
    size_t total_bytes;
} smalti__route;

/* spare_lane: there is a processor for the encoder alone. */
smalti_result smalti__route_make(const smalti_plan *plan, const smalti__reader *reader,
                                 const smalti__encoder_format *format, uint32_t strip_rows, bool spare_lane,
                                 smalti__route *route, smalti_error *error);
/* What the encoder is told; metadata is borrowed by it. */
smalti__encode_params smalti__plan_encode_params(const smalti_plan *plan, const smalti__metadata *metadata,
                                                 smalti__pool *pool);
smalti__chain_setup smalti__route_chain(const smalti_plan *plan, const smalti__route *route);
smalti__decode_options smalti__plan_decode_options(const smalti_plan *plan, smalti__pool *pool);
/* Drops from metadata what the plan or the output's colours do not allow. */
void smalti__route_metadata(const smalti_plan *plan, const smalti__route *route, bool upright,
                            smalti__metadata *metadata);

#endif
