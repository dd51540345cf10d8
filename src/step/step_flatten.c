/* SPDX-License-Identifier: Apache-2.0
 * The step that puts an image with alpha over a background colour. */
#include "step/kinds.h"

enum { BACKGROUND };

static const smalti_step_param params[] = {
    {"background", "the colour; default: output.background", SMALTI_STEP_COLOR, NULL, 0, 0, 0xffffffffu, NULL},
};

typedef struct flatten_state {
    uint8_t background[3];
} flatten_state;

/* c α + background (1 − α), to the nearest: a multiple of 1/255 is never halfway. */
static void flatten_u8(const uint8_t *restrict src, uint8_t *restrict dst, size_t width, uint32_t colors,
                       const uint8_t *background)
{
    for (size_t x = 0; x < width; x++) {
        uint32_t alpha = src[x * (colors + 1) + colors];
        for (uint32_t c = 0; c < colors; c++) {
            uint32_t sum = src[x * (colors + 1) + c] * alpha + background[c] * (255 - alpha) + 127;
            dst[x * colors + c] = (uint8_t)(sum / 255);
        }
    }
}

static void flatten_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const flatten_state *self = state;
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    if (in->sample != SMALTI_SAMPLE_U8 || in->premultiplied || out->channels == 1)
        smalti__convert_rows(in, src, 0, out, dst, 0, 1, self->background);
    else
        flatten_u8(src, dst, in->width, 3, self->background);
    stage->setup->stats->converted_bytes += out->width * smalti__pixel_bytes(out);
}

static smalti_result flatten_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                   smalti_error *error)
{
    return smalti__rows_bytes(node, setup, sizeof(flatten_state), bytes, error);
}

static smalti_result flatten_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                  smalti_error *error)
{
    const smalti__fill *fill = (const smalti__fill *)node->params;
    SMALTI__TRY(smalti__rows_open(node, stage, setup, flatten_row, sizeof(flatten_state), error));
    flatten_state *self = smalti__rows_state(*stage);
    for (int i = 0; i < 3; i++)
        self->background[i] = fill->given ? (uint8_t)(fill->color >> (24 - 8 * i)) : setup->background[i];
    return SMALTI_OK;
}

static const smalti__node_kind node_flatten = {"flatten", flatten_bytes, flatten_open, NULL};

static smalti_result flatten_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__fill fill = smalti__step_fill(step, BACKGROUND);
    smalti__shape out = program->shape;
    if (out.channels % 2)
        return SMALTI_OK;
    out.channels--;
    out.premultiplied = false;
    return smalti__program_add(program, &node_flatten, &fill, sizeof fill, &out, error);
}

const smalti__step_kind smalti__step_flatten = {
    .info = {"flatten", "alpha over a colour", "RRGGBB", SMALTI__COUNT(params), params},
    .lower = flatten_lower,
};
