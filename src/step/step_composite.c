/* SPDX-License-Identifier: Apache-2.0
 * The step that puts another image over this one: where it lies, and reading it once for each plan. */
#include "step/composite.h"
#include "step/kinds.h"
#include "step/read.h"

enum { FILE_NAME, GRAVITY, X, Y, TILE, OPACITY, BLEND };

static const smalti_step_param params[] = {
    {"file", "the image that is put over this one", SMALTI_STEP_TEXT, NULL, 0, 0, 0, NULL},
    {"gravity", "where it lies", SMALTI_STEP_CHOICE, NULL, 0, 0, 0, SMALTI__GRAVITIES},
    {"x", "from there to the right", SMALTI_STEP_INTEGER, "px", -INT32_MAX, INT32_MAX, 0, NULL},
    {"y", "from there downwards", SMALTI_STEP_INTEGER, "px", -INT32_MAX, INT32_MAX, 0, NULL},
    {"tile", "whether it is repeated over the whole image", SMALTI_STEP_FLAG, NULL, 0, 1, 0, NULL},
    {"opacity", "its alpha times this", SMALTI_STEP_NUMBER, NULL, 0, 1, 1, NULL},
    {"blend", "what becomes of two colours", SMALTI_STEP_CHOICE, NULL, 0, 0, SMALTI__BLEND_OVER, SMALTI__BLENDS},
};

static smalti_result composite_check(const smalti__step *step, smalti_error *error)
{
    return step->values[FILE_NAME].text
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_INVALID, "step composite has no file: name the image to put on top");
}

/* The image with four channels, as blending wants it. */
static smalti_result with_alpha(const smalti_image *from, smalti__overlay *overlay, smalti_error *error)
{
    static const uint8_t none[3];
    smalti_image image = {.width = from->width, .height = from->height, .channels = 4, .sample = from->sample};
    SMALTI__TRY(smalti_image_alloc(&image, error));
    const smalti__shape in = smalti__image_shape(from), out = smalti__image_shape(&image);
    smalti__convert_rows(&in, from->data, from->pitch, &out, image.data, image.pitch, image.height, none);
    overlay->image = image;
    overlay->gray = from->channels < 3;
    return SMALTI_OK;
}

static smalti_result composite_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    const smalti__source_options source_options = {.map_threshold = 1 << 20};
    const smalti__decode_options options = {.max_pixels = env->max_pixels, .max_metadata = env->max_metadata};
    smalti__overlay *made = calloc(1, sizeof *made);
    smalti__source source;
    smalti_image image = {0};
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    step->prepared = made; /* from here on discard frees it */
    SMALTI__TRY(smalti__source_open(&source, step->values[FILE_NAME].text, &source_options, error));
    smalti_result result = smalti__image_decode(&source, &options, &image, error);
    smalti__source_close(&source);
    if (result < 0)
        smalti__error_name(error, step->values[FILE_NAME].text);
    if (result == SMALTI_OK)
        result = with_alpha(&image, made, error);
    smalti_image_free(&image);
    return result;
}

static void composite_discard(smalti__step *step)
{
    smalti__overlay *overlay = step->prepared;
    smalti_image_free(&overlay->image);
    free(overlay);
}

static smalti_result composite_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__overlay *overlay = step->prepared;
    const smalti__step_value *values = step->values;
    int gravity = (int)values[GRAVITY].number;
    smalti__composite_params made = {
        .overlay = overlay,
        .tile = values[TILE].number != 0,
        .opacity = (float)values[OPACITY].number,
        .blend = (uint32_t)values[BLEND].number,
    };
    SMALTI__TRY(smalti__program_straight(program, error));
    SMALTI__TRY(smalti__program_flush(program, error)); /* the other image is upright */
    smalti__shape out = program->shape;
    if (out.channels < 3 && !overlay->gray) {
        out.channels += 2;
        SMALTI__TRY(smalti__program_convert(program, &out, error));
    }
    made.x = smalti__gravity_x(gravity, out.width, overlay->image.width) + (int64_t)values[X].number;
    made.y = smalti__gravity_y(gravity, out.height, overlay->image.height) + (int64_t)values[Y].number;
    return smalti__program_add(program, &smalti__node_composite, &made, sizeof made, &out, error);
}

const smalti__step_kind smalti__step_composite = {
    .info = {"composite", "puts another image on top", "FILE", SMALTI__COUNT(params), params},
    .check = composite_check,
    .prepare = composite_prepare,
    .discard = composite_discard,
    .lower = composite_lower,
};
