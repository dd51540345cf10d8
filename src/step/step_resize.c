/* SPDX-License-Identifier: Apache-2.0
 * The step that changes the size: by what is asked for and how it is to fit, a scaling of some part of the image. */
#include <math.h>

#include "pixel/orient.h"
#include "step/kinds.h"

enum { WIDTH, HEIGHT, PERCENT, MEGAPIXELS, FIT, GRAVITY, ENLARGE, KERNEL, LINEAR, BACKGROUND };
enum { INSIDE, OUTSIDE, COVER, CONTAIN, FILL };

static const smalti_step_param params[] = {
    {"width", "columns", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"height", "rows", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"percent", "of both, instead of width and height", SMALTI_STEP_NUMBER, "%", 0.001, 100000, 100, NULL},
    {"megapixels", "at most so many, instead of width and height", SMALTI_STEP_NUMBER, "Mpx", 0.000001, 4000, 0, NULL},
    {"fit",
     "inside: as large as fits; outside: as small as covers; cover: cut to fill; contain: padded; fill: distorted",
     SMALTI_STEP_CHOICE, NULL, 0, 0, INSIDE, "inside|outside|cover|contain|fill"},
    {"gravity", "which part cover keeps, where contain puts the image", SMALTI_STEP_CHOICE, NULL, 0, 0, 0,
     SMALTI__GRAVITIES "|" SMALTI__SMART_STRATEGIES},
    {"enlarge", "whether a smaller image is made larger", SMALTI_STEP_FLAG, NULL, 0, 1, 1, NULL},
    {"kernel", "the filter", SMALTI_STEP_CHOICE, NULL, 0, 0, SMALTI__FILTER_LANCZOS3,
     "nearest|linear|catmull-rom|mitchell|lanczos2|lanczos3"},
    {"linear", "in linear light", SMALTI_STEP_FLAG, NULL, 0, 1, 0, NULL},
    SMALTI__FILL_PARAM("what contain pads with"),
};

/* "50%", "2mp", or a size. */
static smalti_result resize_brief(smalti__step *step, const char *text, smalti_error *error)
{
    char number[SMALTI__NUMBER_TEXT];
    size_t length = strspn(text, "0123456789.");
    bool percent = !strcmp(text + length, "%"), megapixels = !strcmp(text + length, "mp");
    if ((!percent && !megapixels) || length >= sizeof number)
        return smalti__step_brief_size(step, text, error);
    memcpy(number, text, length);
    number[length] = '\0';
    return smalti__step_set(step, percent ? "percent" : "megapixels", number, error);
}

static smalti_result resize_check(const smalti__step *step, smalti_error *error)
{
    const smalti__step_value *values = step->values;
    bool size = values[WIDTH].given || values[HEIGHT].given;
    if (size + values[PERCENT].given + values[MEGAPIXELS].given != 1)
        return smalti__fail(error, SMALTI_E_INVALID,
                            "step resize takes width and height (or one of them), percent, or megapixels");
    if (values[GRAVITY].number >= SMALTI__GRAVITY_COUNT &&
        (values[FIT].number != COVER || !values[WIDTH].given || !values[HEIGHT].given))
        return smalti__fail(error, SMALTI_E_INVALID,
                            "step resize: gravity entropy and attention are for fit cover, with width and height");
    return SMALTI_OK;
}

/* What the step comes to for an upright image. */
struct target {
    uint32_t width, height;             /* of the scaled image */
    double x, y, part_width, part_height; /* of what is scaled */
    uint32_t canvas_width, canvas_height; /* with padding */
};

static uint32_t rounded(double size)
{
    return size < 1 ? 1 : size > INT32_MAX ? INT32_MAX : (uint32_t)lround(size);
}

static void scale_by(struct target *target, const smalti__shape *in, double factor)
{
    target->width = target->canvas_width = rounded(in->width * factor);
    target->height = target->canvas_height = rounded(in->height * factor);
}

/* The part of the image that has the target's aspect ratio. */
static void cut_to_cover(struct target *target, const smalti__shape *in, int gravity)
{
    double ratio = fmin((double)in->width / target->width, (double)in->height / target->height);
    target->part_width = target->width * ratio;
    target->part_height = target->height * ratio;
    double spare_x = in->width - target->part_width, spare_y = in->height - target->part_height;
    target->x = spare_x * (double)smalti__gravity_x(gravity, 2, 0) / 2;
    target->y = spare_y * (double)smalti__gravity_y(gravity, 2, 0) / 2;
}

static void find_target(const smalti__step *step, const smalti__shape *in, struct target *target)
{
    const smalti__step_value *values = step->values;
    int fit = (int)values[FIT].number, gravity = (int)values[GRAVITY].number;
    bool enlarge = values[ENLARGE].number != 0;
    *target = (struct target){.part_width = in->width, .part_height = in->height};
    if (values[PERCENT].given || values[MEGAPIXELS].given) {
        double factor = values[PERCENT].given
                            ? values[PERCENT].number / 100
                            : sqrt(values[MEGAPIXELS].number * 1e6 / ((double)in->width * in->height));
        scale_by(target, in, (values[PERCENT].given && enlarge) || factor < 1 ? factor : 1);
        return;
    }
    double across = values[WIDTH].number / in->width, down = values[HEIGHT].number / in->height;
    if (!values[WIDTH].given || !values[HEIGHT].given) { /* the other by the image's own ratio */
        double factor = values[WIDTH].given ? across : down;
        scale_by(target, in, enlarge || factor < 1 ? factor : 1);
        if (factor < 1 || enlarge) { /* exactly what was asked for, whatever rounding says */
            if (values[WIDTH].given)
                target->width = target->canvas_width = (uint32_t)values[WIDTH].number;
            else
                target->height = target->canvas_height = (uint32_t)values[HEIGHT].number;
        }
        return;
    }
    target->width = target->canvas_width = (uint32_t)values[WIDTH].number;
    target->height = target->canvas_height = (uint32_t)values[HEIGHT].number;
    if (fit == INSIDE || fit == OUTSIDE || fit == CONTAIN) {
        double factor = fit == OUTSIDE ? fmax(across, down) : fmin(across, down);
        uint32_t canvas_width = target->width, canvas_height = target->height;
        scale_by(target, in, enlarge || factor < 1 ? factor : 1);
        if (fit == CONTAIN) {
            target->canvas_width = canvas_width;
            target->canvas_height = canvas_height;
            target->width = target->width < canvas_width ? target->width : canvas_width;
            target->height = target->height < canvas_height ? target->height : canvas_height;
        }
        return;
    }
    if (!enlarge) { /* each side for itself, so that cover cuts and does not enlarge */
        target->width = target->canvas_width = target->width < in->width ? target->width : in->width;
        target->height = target->canvas_height = target->height < in->height ? target->height : in->height;
    }
    if (fit == COVER && gravity < SMALTI__GRAVITY_COUNT)
        cut_to_cover(target, in, gravity);
}

/* The target's part of the image becomes the target. */
static smalti_result scale(smalti__program *program, const struct target *target, smalti__filter filter, bool linear,
                           smalti_error *error)
{
    const smalti__shape upright = smalti__program_upright(program);
    if (target->width == upright.width && target->height == upright.height && target->part_width == upright.width &&
        target->part_height == upright.height)
        return SMALTI_OK;
    smalti__scale_params scale = {target->x, target->y, target->part_width, target->part_height, filter, linear};
    smalti__program_place(program, &scale.x, &scale.y, &scale.width, &scale.height);
    smalti__shape out = program->shape;
    bool swaps = smalti__orient_swaps(program->orientation);
    out.width = swaps ? target->height : target->width;
    out.height = swaps ? target->width : target->height;
    return smalti__program_add(program, &smalti__node_scale, &scale, sizeof scale, &out, error);
}

smalti_result smalti__program_cover(smalti__program *program, uint32_t width, uint32_t height, uint32_t strategy,
                                    smalti__filter filter, bool linear, smalti_error *error)
{
    const smalti__shape upright = smalti__program_upright(program);
    struct target target = {.part_width = upright.width, .part_height = upright.height};
    scale_by(&target, &upright, fmax((double)width / upright.width, (double)height / upright.height));
    target.width = target.width < width ? width : target.width; /* whatever rounding says */
    target.height = target.height < height ? height : target.height;
    SMALTI__TRY(scale(program, &target, filter, linear, error));
    return smalti__program_smartcrop(program, width, height, strategy, error);
}

static smalti_result resize_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__shape upright = smalti__program_upright(program);
    const smalti__filter filter = (smalti__filter)step->values[KERNEL].number;
    const smalti__fill fill = smalti__step_fill(step, BACKGROUND);
    bool linear = step->values[LINEAR].number != 0 && !program->light.linear; /* it is, already */
    int gravity = (int)step->values[GRAVITY].number;
    struct target target;
    find_target(step, &upright, &target);
    if (gravity >= SMALTI__GRAVITY_COUNT)
        return smalti__program_cover(program, target.width, target.height, (uint32_t)gravity - SMALTI__GRAVITY_COUNT,
                                     filter, linear, error);
    SMALTI__TRY(scale(program, &target, filter, linear, error));
    int64_t left = smalti__gravity_x(gravity, target.canvas_width, target.width);
    int64_t top = smalti__gravity_y(gravity, target.canvas_height, target.height);
    return smalti__program_pad(program, target.canvas_width, target.canvas_height, (uint64_t)left, (uint64_t)top,
                               SMALTI__PAD_FILL, &fill, error);
}

const smalti__step_kind smalti__step_resize = {
    .info = {"resize", "changes the size", "WIDTHxHEIGHT | PERCENT% | MEGAPIXELSmp", SMALTI__COUNT(params), params},
    .brief = resize_brief,
    .check = resize_check,
    .lower = resize_lower,
};
