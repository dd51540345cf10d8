/* SPDX-License-Identifier: Apache-2.0
 * The step that adds a border. */
#include "step/kinds.h"

enum { TOP, RIGHT, BOTTOM, LEFT, MODE, BACKGROUND };

static const smalti_step_param params[] = {
    {"top", "rows added above", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"right", "columns added", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"bottom", "rows added below", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"left", "columns added", SMALTI_STEP_INTEGER, "px", 0, INT32_MAX, 0, NULL},
    {"mode", "what is added: a colour, the edge's pixels repeated, or the image mirrored", SMALTI_STEP_CHOICE, NULL, 0,
     0, SMALTI__PAD_FILL, "background|edge|mirror"},
    SMALTI__FILL_PARAM("the colour"),
};

/* "N" for all sides, or "TOPxRIGHTxBOTTOMxLEFT". */
static smalti_result extend_brief(smalti__step *step, const char *text, smalti_error *error)
{
    char numbers[4][16];
    int count = 0;
    const char *at = text;
    for (; count < 4; count++) {
        size_t digits = strspn(at, "0123456789");
        if (!digits || digits >= sizeof numbers[0])
            break;
        memcpy(numbers[count], at, digits);
        numbers[count][digits] = '\0';
        at += digits;
        if (*at != 'x')
            break;
        at++;
    }
    if (*at || (count != 0 && count != 3) || at == text || at[-1] == 'x')
        return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                            "step extend takes a number of pixels, or four like 10x20x10x20, not \"%.64s\"", text);
    for (int i = 0; i < 4; i++)
        SMALTI__TRY(smalti__step_set(step, params[i].name, numbers[count ? i : 0], error));
    return SMALTI_OK;
}

static smalti_result extend_check(const smalti__step *step, smalti_error *error)
{
    for (int i = TOP; i <= LEFT; i++)
        if (step->values[i].given)
            return SMALTI_OK;
    return smalti__fail(error, SMALTI_E_INVALID, "step extend adds nothing: give top, right, bottom or left");
}

static smalti_result extend_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__shape upright = smalti__program_upright(program);
    uint64_t sides[4];
    for (int i = 0; i < 4; i++)
        sides[i] = (uint64_t)step->values[i].number;
    const smalti__fill fill = smalti__step_fill(step, BACKGROUND);
    return smalti__program_pad(program, upright.width + sides[LEFT] + sides[RIGHT],
                               upright.height + sides[TOP] + sides[BOTTOM], sides[LEFT], sides[TOP],
                               (uint32_t)step->values[MODE].number, &fill, error);
}

const smalti__step_kind smalti__step_extend = {
    .info = {"extend", "adds a border", "PIXELS | TOPxRIGHTxBOTTOMxLEFT", SMALTI__COUNT(params), params},
    .brief = extend_brief,
    .check = extend_check,
    .lower = extend_lower,
};
