/* SPDX-License-Identifier: Apache-2.0
 * The step that looks colours up in a table from a .cube file. */
#include "pixel/srgb.h"
#include "source/source.h"
#include "step/cube.h"
#include "step/tone.h"

enum { FILE_PARAM, INPUT, STRENGTH };
enum { INPUT_SRGB, INPUT_LINEAR };

static const smalti_step_param params[] = {
    {"file", "a .cube file of 1 or 3 dimensions", SMALTI_STEP_TEXT, NULL, 0, 0, 0, NULL},
    {"input", "what the table is for: values encoded as sRGB, or linear light; it gives encoded ones",
     SMALTI_STEP_CHOICE, NULL, 0, 0, INPUT_SRGB, "srgb|linear"},
    {"strength", "1: all of the table, 0: nothing of it", SMALTI_STEP_NUMBER, NULL, 0, 1, 1, NULL},
};

typedef struct lut {
    const smalti__cube *cube; /* the step's */
    float strength;
    bool decode; /* what comes is encoded, and the table is for light */
} lut;

static void lut_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const lut *self = (const lut *)stage->node->params;
    const smalti__shape *in = &stage->node->in;
    uint32_t channels = in->channels;
    const float *from = src;
    float *to = dst;
    (void)state;
    for (size_t i = 0; i < (size_t)in->width * channels; i += channels) {
        float color[3], found[3];
        for (uint32_t c = 0; c < 3; c++)
            color[c] = self->decode ? smalti__srgb_decode(from[i + c]) : from[i + c];
        smalti__cube_apply(self->cube, color, found);
        for (uint32_t c = 0; c < 3; c++)
            to[i + c] = self->strength < 1 ? from[i + c] + (found[c] - from[i + c]) * self->strength : found[c];
        if (channels == 4)
            to[i + 3] = from[i + 3];
    }
}

static smalti_result lut_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                               smalti_error *error)
{
    return smalti__rows_bytes(node, setup, 0, bytes, error);
}

static smalti_result lut_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                              smalti_error *error)
{
    return smalti__rows_open(node, stage, setup, lut_row, 0, error);
}

static void lut_describe(const smalti__node *node, char *out, size_t out_size)
{
    const lut *self = (const lut *)node->params;
    if (self->cube->cubic)
        snprintf(out, out_size, "a cube of %u\302\263, tetrahedral", self->cube->size);
    else
        snprintf(out, out_size, "a curve of %u", self->cube->size);
}

static const smalti__node_kind node_lut = {"lut", lut_bytes, lut_open, lut_describe};

static smalti_result lut_check(const smalti__step *step, smalti_error *error)
{
    if (!step->values[FILE_PARAM].given)
        return smalti__fail(error, SMALTI_E_INVALID, "step lut: names no file");
    if (step->values[INPUT].number == INPUT_LINEAR && step->values[STRENGTH].number < 1)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "step lut: a table from light to encoded values is used whole, not with a strength");
    return SMALTI_OK;
}

static smalti_result lut_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    enum { MOST = 1 << 30 }; /* bytes of a file: more than a cube of the largest size takes */
    const char *path = step->values[FILE_PARAM].text;
    const smalti__source_options options = {.max_bytes = MOST};
    smalti__source source;
    (void)env;
    smalti__cube *cube = calloc(1, sizeof *cube);
    if (!cube)
        return smalti__fail_nomem(error, sizeof *cube);
    smalti_result result = smalti__source_open(&source, path, &options, error);
    if (result == SMALTI_OK) {
        result = smalti__cube_parse((const char *)source.data, source.size, path, cube, error);
        smalti__source_close(&source);
    }
    if (result < 0)
        free(cube);
    else
        step->prepared = cube;
    return result;
}

static void lut_discard(smalti__step *step)
{
    smalti__cube *cube = step->prepared;
    if (cube)
        smalti__cube_clear(cube);
    free(cube);
}

/* Light becomes what the table is for; gray becomes colours. */
static smalti_result lut_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    bool for_light = step->values[INPUT].number == INPUT_LINEAR, is_light = program->light.linear;
    lut made = {
        .cube = step->prepared, .strength = (float)step->values[STRENGTH].number, .decode = for_light && !is_light};
    if (is_light && !for_light)
        SMALTI__TRY(smalti__program_show(program, SMALTI_SAMPLE_F32, error));
    smalti__shape to = program->shape;
    to.sample = SMALTI_SAMPLE_F32;
    to.premultiplied = false;
    to.channels += to.channels < 3 ? 2 : 0;
    SMALTI__TRY(smalti__program_convert(program, &to, error));
    program->light = (smalti__light){0};
    return smalti__program_add(program, &node_lut, &made, sizeof made, &to, error);
}

const smalti__step_kind smalti__step_lut = {
    .info = {"lut", "colours by a table from a .cube file", "FILE", SMALTI__COUNT(params), params},
    .check = lut_check,
    .prepare = lut_prepare,
    .discard = lut_discard,
    .lower = lut_lower,
};
