/* SPDX-License-Identifier: Apache-2.0
 * Steps that cut and turn: crop, rotate by right angles, flip, flop. */
#include <math.h>

#include "step/kinds.h"

/* ---- gravity and sizes ---- */

static int64_t gravity_offset(const int8_t side, int64_t outer, int64_t inner)
{
    return side < 0 ? 0 : side > 0 ? outer - inner : (outer - inner) / 2;
}

int64_t smalti__gravity_x(int gravity, int64_t outer, int64_t inner)
{
    static const int8_t sides[SMALTI__GRAVITY_COUNT] = {0, 0, 1, 1, 1, 0, -1, -1, -1};
    return gravity_offset(sides[gravity], outer, inner);
}

int64_t smalti__gravity_y(int gravity, int64_t outer, int64_t inner)
{
    static const int8_t sides[SMALTI__GRAVITY_COUNT] = {0, -1, -1, 0, 1, 1, 1, 0, -1};
    return gravity_offset(sides[gravity], outer, inner);
}

smalti_result smalti__step_brief_size(smalti__step *step, const char *text, smalti_error *error)
{
    char width[24] = "", height[24] = "";
    size_t digits = strspn(text, "0123456789"), rest = text[digits] == 'x' ? digits + 1 : digits;
    size_t more = rest > digits ? strspn(text + rest, "0123456789") : 0;
    if (digits + more == 0 || digits >= sizeof width || more >= sizeof height || text[rest + more])
        return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                            "step %s takes a size like 800x600, 800 or x600, not \"%.64s\"", step->kind->info.name,
                            text);
    memcpy(width, text, digits);
    memcpy(height, text + rest, more);
    if (digits)
        SMALTI__TRY(smalti__step_set(step, "width", width, error));
    return more ? smalti__step_set(step, "height", height, error) : SMALTI_OK;
}

/* ---- crop ---- */

enum { CROP_WIDTH, CROP_HEIGHT, CROP_X, CROP_Y, CROP_GRAVITY };

static const smalti_step_param crop_params[] = {
    {"width", "columns kept; default: all from x on", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"height", "rows kept; default: all from y on", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"x", "left edge; default: by gravity", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"y", "upper edge; default: by gravity", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"gravity", "the part that is kept, where x and y do not say", SMALTI_STEP_CHOICE, NULL, 0, 0, 0,
     SMALTI__GRAVITIES},
};

/* "WIDTHxHEIGHT" or "WIDTHxHEIGHT+X+Y" */
static smalti_result crop_brief(smalti__step *step, const char *text, smalti_error *error)
{
    char size[64];
    size_t length = strcspn(text, "+");
    if (length >= sizeof size)
        return smalti__step_brief_size(step, text, error);
    memcpy(size, text, length);
    size[length] = '\0';
    SMALTI__TRY(smalti__step_brief_size(step, size, error));
    if (!text[length])
        return SMALTI_OK;
    const char *y = strchr(text + length + 1, '+');
    if (!y || (size_t)(y - text) - length - 1 >= sizeof size)
        return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                            "step crop takes a rectangle like 800x600+10+20, not \"%.64s\"", text);
    memcpy(size, text + length + 1, (size_t)(y - text) - length - 1);
    size[(size_t)(y - text) - length - 1] = '\0';
    SMALTI__TRY(smalti__step_set(step, "x", size, error));
    return smalti__step_set(step, "y", y + 1, error);
}

static smalti_result crop_check(const smalti__step *step, smalti_error *error)
{
    for (int i = CROP_WIDTH; i <= CROP_Y; i++)
        if (step->values[i].given)
            return SMALTI_OK;
    return smalti__fail(error, SMALTI_E_INVALID, "step crop has no rectangle: give width, height, x or y");
}

static smalti_result crop_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__step_value *values = step->values;
    smalti__shape upright = smalti__program_upright(program);
    int gravity = (int)values[CROP_GRAVITY].number;
    double x = values[CROP_X].number, y = values[CROP_Y].number;
    double width = values[CROP_WIDTH].given ? values[CROP_WIDTH].number : upright.width - x;
    double height = values[CROP_HEIGHT].given ? values[CROP_HEIGHT].number : upright.height - y;
    if (!values[CROP_X].given)
        x = (double)smalti__gravity_x(gravity, upright.width, (int64_t)width);
    if (!values[CROP_Y].given)
        y = (double)smalti__gravity_y(gravity, upright.height, (int64_t)height);
    if (width < 1 || height < 1 || x < 0 || y < 0 || x + width > upright.width || y + height > upright.height)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE,
                            "step crop: %.0f × %.0f pixels from %.0f, %.0f on are not in the image of %u × %u", width,
                            height, x, y, upright.width, upright.height);
    smalti__program_place(program, &x, &y, &width, &height);
    const smalti__crop_params params = {(uint32_t)x, (uint32_t)y};
    smalti__shape out = program->shape;
    out.width = (uint32_t)width;
    out.height = (uint32_t)height;
    if (out.width == program->shape.width && out.height == program->shape.height)
        return SMALTI_OK;
    return smalti__program_add(program, &smalti__node_crop, &params, sizeof params, &out, error);
}

const smalti__step_kind smalti__step_crop = {
    .info = {"crop", "keeps a rectangle", "WIDTHxHEIGHT[+X+Y]", SMALTI__COUNT(crop_params), crop_params},
    .brief = crop_brief,
    .check = crop_check,
    .lower = crop_lower,
};

/* ---- flip, flop ---- */

static smalti_result flip_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    (void)step, (void)error;
    smalti__program_turn(program, 4);
    return SMALTI_OK;
}

static smalti_result flop_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    (void)step, (void)error;
    smalti__program_turn(program, 2);
    return SMALTI_OK;
}

const smalti__step_kind smalti__step_flip = {
    .info = {"flip", "mirrors top to bottom", NULL, 0, NULL},
    .lower = flip_lower,
};
const smalti__step_kind smalti__step_flop = {
    .info = {"flop", "mirrors left to right", NULL, 0, NULL},
    .lower = flop_lower,
};

/* ---- rotate ---- */

enum { ROTATE_ANGLE, ROTATE_KERNEL, ROTATE_BACKGROUND };

static const smalti_step_param rotate_params[] = {
    {"angle", "clockwise", SMALTI_STEP_NUMBER, "degrees", -360, 360, 90, NULL},
    {"kernel", "the filter, where the angle is no multiple of 90", SMALTI_STEP_CHOICE, NULL, 0, 0, 0,
     "linear|catmull-rom"},
    SMALTI__FILL_PARAM("what is beside the image"),
};

static smalti_result rotate_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    static const uint8_t quarter_turns[4] = {1, 6, 3, 8};
    double turns = (step->values[ROTATE_ANGLE].number + 360) / 90;
    if (turns != floor(turns)) {
        const smalti__fill fill = smalti__step_fill(step, ROTATE_BACKGROUND);
        return smalti__program_rotate(program, step->values[ROTATE_ANGLE].number,
                                      step->values[ROTATE_KERNEL].number != 0, &fill, error);
    }
    smalti__program_turn(program, quarter_turns[(int)turns % 4]);
    return SMALTI_OK;
}

const smalti__step_kind smalti__step_rotate = {
    .info = {"rotate", "turns the image", "DEGREES", SMALTI__COUNT(rotate_params), rotate_params},
    .lower = rotate_lower,
};
