/* SPDX-License-Identifier: Apache-2.0
 * A plan: a job with its steps prepared, constant while it runs; and a route: what it means for one image. */
#ifndef SMALTI_SRC_PLAN_H
#define SMALTI_SRC_PLAN_H

#include "encode/search.h"
#include "pipeline/job.h"
#include "pipeline/lossless.h"
#include "pipeline/planar.h"
#include "step/flow.h"

/* Outputs of one input, at most. */
enum { SMALTI__VARIANTS_MAX = 64 };

/* Where an output goes that is no file named by the job. */
typedef struct smalti__target {
    const char *path;       /* a file; borrowed. NULL: one of those below */
    smalti__write_fn write; /* a function, called with user */
    void *user;
    bool pixels; /* image; otherwise, without path and write, data */
    /* What was made: the caller's, also after a task that failed. */
    smalti_image image;
    void *data;
    size_t size;
    void (*made)(struct smalti__target *target); /* data and size are there; NULL: nobody waits for that */
} smalti__target;

/* One of the outputs that each input has. Without output.set there is one, without steps of its own. */
typedef struct smalti__variant {
    smalti__step *steps; /* behind the plan's; owned */
    size_t step_count;
    const smalti__encoder_format *format; /* asked for; NULL: by the output's name */
    uint32_t width;                       /* asked for, for its name; 0: none */
    const smalti__settings *settings;     /* for what is made of rows; borrowed; NULL: the job's */
    smalti__target *target;               /* borrowed; NULL: the job names a file */
} smalti__variant;

struct smalti_plan {
    smalti_job *job;     /* owned */
    smalti_job *asked; /* as it was given, before presets, without inputs; owned; NULL: the plan is made from no job */
    smalti__step *steps; /* prepared; owned */
    size_t step_count;
    bool has_output; /* else only measures are wanted */
    bool own_outputs; /* the inputs say where theirs go */
    bool smallest; /* each output is in the smallest of the formats for the web, and named when that is known */
    smalti__variant *variants;
    size_t variant_count; /* 1 or more */
    smalti__limits limits;
    uint8_t background[3];
};

/* What holds for the encoding of a variant. */
static inline const smalti__settings *smalti__plan_settings(const smalti_plan *plan, size_t variant)
{
    const smalti__settings *own = plan->variants[variant].settings;
    return own ? own : &plan->job->settings;
}

/* Where an output goes that the job does not name; NULL: it does. */
static inline smalti__target *smalti__plan_target(const smalti_plan *plan, size_t index, size_t variant)
{
    smalti__target *own = plan->job->inputs[index].target;
    return own ? own : plan->variants[variant].target;
}

static inline void smalti__plan_background(const smalti__settings *settings, uint8_t background[3])
{
    for (int i = 0; i < 3; i++)
        background[i] = (uint8_t)(settings->background >> (16 - 8 * i));
}

/* The path of a variant of an input's output, owned (free()); NULL in *path when the job has none. chosen: the format that
 * was found to be the smallest; NULL: the variant's. */
smalti_result smalti__plan_output(const smalti_plan *plan, size_t index, size_t variant,
                                  const smalti__encoder_format *chosen, char **path, smalti_error *error);
/* The encoder of a variant's path: the job's, or the extension's. */
const smalti__encoder_format *smalti__plan_encoder(const smalti_plan *plan, size_t variant, const char *path);
/* The formats of which plan.smallest picks; NULL past the end. */
const smalti__encoder_format *smalti__plan_web_format(size_t index);
/* The encoder for an input's own format, or that which keeps most of it (png). */
const smalti__encoder_format *smalti__plan_own_format(const char *name);
/* Whether the quality or the format of a variant's outputs is to be searched for, and how. format: its encoder. */
bool smalti__plan_search(const smalti_plan *plan, size_t variant, const smalti__encoder_format *format,
                         smalti__search_options *search);
/* Refuses two outputs of one name, an output over an input, and two tasks of one id. In plan_names.c. */
smalti_result smalti__plan_check_names(const smalti_plan *plan, smalti_error *error);
/* What output.preset and output.set mean: steps, settings and variants. In plan_outputs.c. */
smalti_result smalti__plan_outputs(smalti_plan *plan, const smalti__step_env *env, smalti_error *error);
/* What preparing needs of a job's settings. */
smalti__step_env smalti__plan_step_env(const smalti__settings *settings);
/* Makes and prepares steps from those of a job. *steps is owned: smalti__plan_steps_free. */
smalti_result smalti__plan_steps(const smalti__step *from, size_t count, const smalti__step_env *env,
                                 smalti__step **steps, smalti_error *error);
void smalti__plan_steps_free(smalti__step *steps, size_t count);

/* What a plan means for one output of a decoded image. */
typedef struct smalti__branch_route {
    const smalti__encoder_format *format; /* NULL: no output */
    smalti__shape last; /* behind the last step */
    smalti__shape out; /* as encoded */
    smalti__profile profile; /* of its colours */
    bool converted; /* from the primaries of the file's light to sRGB's, or, by its profile, P3's */
    bool lit; /* its format holds linear light: what is none is decoded */
    uint32_t depth; /* bits of its samples that were asked for; 0: as the input has */
    smalti_sample shown; /* linear light is encoded for a screen, to this; 0: it stays linear */
    bool searches; /* for quality or format */
    smalti__search_options search;
    size_t flow_bytes, encode_bytes;
} smalti__branch_route;

/* What a plan means for one decoded image: shapes, strips and memory. Not to be copied: the program points into itself. */
typedef struct smalti__route {
    smalti__shape stored; /* as in the file */
    smalti__shape delivered; /* as decoded: perhaps reduced */
    uint32_t reduced; /* by this divisor */
    bool reduced_for_branches; /* by the resize that each begins with: the program passes reduced rows on to them */
    smalti__shape in; /* stored, upright */
    smalti__light light; /* what samples are, as decoded */
    uint32_t orientation; /* to be applied */
    size_t icc_size; /* of the profile in the file; 0: none */
    smalti__program program; /* of the plan's steps */
    smalti__branch_route branches[SMALTI__VARIANTS_MAX];
    uint32_t strip_rows;
    bool relay; /* the encoder runs on a thread of its own */
    bool by_planes; /* decoder and encoder exchange planes, the program is what is done to each of them */
    smalti__planar_plan planes;
    bool by_coefficients; /* from JPEG to JPEG without loss: the program is what is done to them */
    smalti__jpeg_transform_plan coefficients;
    size_t decode_bytes, flow_bytes, encode_bytes; /* sums over the branches */
    size_t total_bytes;
} smalti__route;

/* decoder: just opened; it may be told to deliver a reduced image. formats: of each variant's output; NULL in it: the
 * input's own, when has_output. spare_lane: there is a processor for the encoder alone. */
smalti_result smalti__route_make(const smalti_plan *plan, smalti__decoder *decoder,
                                 const smalti__encoder_format *const *formats, uint32_t strip_rows, bool spare_lane,
                                 smalti__route *route, smalti_error *error);
/* What a branch's encoder makes of rows. */
smalti_result smalti__route_fit(const smalti__branch_route *branch, const smalti__shape *in, const smalti__shape *last,
                                smalti__shape *out, smalti_error *error);
/* Setup of the flow of the plan's steps, and of the flow of a variant behind it, without pool, stats and functions. */
smalti__flow_setup smalti__route_flow(const smalti_plan *plan, const smalti__route *route);
smalti__flow_setup smalti__route_branch_flow(const smalti_plan *plan, const smalti__route *route, size_t variant,
                                             const smalti__shape *in);
/* What planes are to be made of a route that goes by them; seed, pool, stats and functions are left out. */
smalti__planar_setup smalti__route_planes(const smalti__route *route, smalti__decoder *decoder);
/* What the encoder is told; metadata is borrowed by it. */
smalti__encode_params smalti__plan_encode_params(const smalti_plan *plan, size_t variant,
                                                 const smalti__metadata *metadata, smalti__pool *pool);
smalti__decode_options smalti__plan_decode_options(const smalti_plan *plan, smalti__pool *pool);
/* What of an image's metadata may leave with a variant that is encoded as out, by what steps made of its colours: a view of
 * all. */
smalti__metadata smalti__route_metadata(const smalti_plan *plan, const smalti__route *route, size_t variant,
                                        const smalti__shape *out, const smalti__metadata *all);

#endif
