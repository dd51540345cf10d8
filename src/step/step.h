/* SPDX-License-Identifier: Apache-2.0
 * Steps of a job: what may be done to an image on its way. A step is a kind with the values of its parameters; one table
 * for each kind serves JSON, the command line and the C API. For one image, a kind lowers its step to the nodes of a
 * program (program.h), which a flow runs (flow.h). */
#ifndef SMALTI_SRC_STEP_H
#define SMALTI_SRC_STEP_H

#include <smalti/job.h>
#include <smalti/kernel.h>

#include "base/base.h"

enum { SMALTI__STEP_VALUES = 16 };

/* The value of a parameter: number of NUMBER, INTEGER, FLAG (0, 1), CHOICE (index) and COLOR (0xRRGGBBAA), text of TEXT
 * (owned, NULL when not given). Those not given have the parameter's default. */
typedef struct smalti__step_value {
    bool given;
    double number;
    char *text;
} smalti__step_value;

typedef struct smalti__step {
    const struct smalti__step_kind *kind;
    smalti__step_value values[SMALTI__STEP_VALUES]; /* in the order of the kind's parameters */
    void *prepared; /* what prepare made: constant, shared by all tasks */
} smalti__step;

struct smalti__program;

/* What prepare may need of the job. */
typedef struct smalti__step_env {
    smalti_kernel_options kernel;
    uint64_t max_pixels; /* of an image that a step reads (a watermark) */
    size_t max_metadata;
} smalti__step_env;

typedef struct smalti__step_kind {
    smalti_step_info info;
    /* Reads the short form before the parameters ("800x600" of "800x600:fit=cover"). NULL: it is the first parameter's
     * value. */
    smalti_result (*brief)(smalti__step *step, const char *text, smalti_error *error);
    /* Values that contradict each other, or are missing. May be NULL. */
    smalti_result (*check)(const smalti__step *step, smalti_error *error);
    /* Once for each plan: loads what the step needs (kernels, images). May be NULL. */
    smalti_result (*prepare)(smalti__step *step, const smalti__step_env *env, smalti_error *error);
    void (*discard)(smalti__step *step); /* of prepared; may be NULL */
    /* For an image of program->shape: adds nodes. Lowering is cheap and done again wherever it is needed. */
    smalti_result (*lower)(const smalti__step *step, struct smalti__program *program, smalti_error *error);
} smalti__step_kind;

/* The registry: NULL-terminated, sorted by topic. */
extern const smalti__step_kind *const smalti__step_kinds[];
const smalti__step_kind *smalti__step_kind_find(const char *name); /* NULL when there is none */

/* All values at their defaults. */
void smalti__step_init(smalti__step *step, const smalti__step_kind *kind);
void smalti__step_clear(smalti__step *step); /* prepared too */
smalti_result smalti__step_copy(smalti__step *to, const smalti__step *from, smalti_error *error); /* without prepared */
/* Index of a parameter, or -1. */
int smalti__step_param_find(const smalti__step_kind *kind, const char *name);
/* The value as text. The messages of errors name step and parameter. */
smalti_result smalti__step_set(smalti__step *step, const char *name, const char *text, smalti_error *error);
/* "800x600:fit=cover,kernel=linear", "width=800,fit=cover", or NULL or "". A comma in a value is written "\,". */
smalti_result smalti__step_parse(smalti__step *step, const char *text, smalti_error *error);
/* A value as text, for JSON and messages; out is for numbers. */
const char *smalti__step_value_text(const smalti__step *step, size_t index, char out[SMALTI__NUMBER_TEXT]);

static inline double smalti__step_number(const smalti__step *step, int index)
{
    return step->values[index].number;
}

#endif
