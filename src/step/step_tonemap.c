/* SPDX-License-Identifier: Apache-2.0
 * The step that maps linear light to what a screen can show, and the node that does so without being asked (sRGB, clamped)
 * where an image of linear light goes to a format of integers. */
#include <math.h>

#include "pixel/srgb.h"
#include "step/tone.h"

enum { CURVE, EXPOSURE, TRANSFER, GAMMA };

static const smalti_step_param params[] = {
    {"curve", "how highlights are folded in; none: cut off at 1", SMALTI_STEP_CHOICE, NULL, 0, 0, SMALTI__TONE_ACES,
     "none|aces|filmic|reinhard"},
    {"exposure", "stops brighter (or, below 0, darker) before that", SMALTI_STEP_NUMBER, "stops", -32, 32, 0, NULL},
    {"transfer", "how the result is encoded", SMALTI_STEP_CHOICE, NULL, 0, 0, SMALTI__TRANSFER_SRGB,
     "srgb|linear|gamma"},
    {"gamma", "of transfer=gamma", SMALTI_STEP_NUMBER, NULL, 0.1, 10, 2.2, NULL},
};

typedef struct tone {
    smalti__tone_curve curve;
    smalti__tone_transfer transfer;
    float scale;    /* of exposure */
    float inverse;  /* 1 / gamma */
    bool encoded;   /* what comes is no light yet, but encoded as sRGB */
    bool convert;
    float matrix[3][3];
} tone;

/* ---- curves ---- */

/* J. Hable's curve ("Uncharted 2: HDR Lighting", 2010), before it is scaled to its white point. */
static float hable(float v)
{
    const float a = 0.15f, b = 0.50f, c = 0.10f, d = 0.20f, e = 0.02f, f = 0.30f;
    return (v * (a * v + c * b) + d * e) / (v * (a * v + b) + d * f) - e / f;
}

float smalti__tone_value(smalti__tone_curve curve, float value)
{
    const float far = 1e9f; /* where all of them are flat, and squares are still finite */
    value = value > far ? far : value;
    switch (curve) {
    case SMALTI__TONE_ACES: /* K. Narkowicz, "ACES Filmic Tone Mapping Curve", 2015 */
        return value * (2.51f * value + 0.03f) / (value * (2.43f * value + 0.59f) + 0.14f);
    case SMALTI__TONE_FILMIC: /* its exposure bias of 2 and its white of 11.2 */
        return hable(2 * value) / hable(11.2f);
    case SMALTI__TONE_REINHARD:
        return value / (1 + value);
    default:
        return value;
    }
}

static inline float clamp01(float value)
{
    return value > 0 ? value < 1 ? value : 1 : 0; /* NaN becomes 0 */
}

/* ---- pixels ---- */

static inline float encode(const smalti__srgb *srgb, const tone *by, float value)
{
    if (by->transfer == SMALTI__TRANSFER_SRGB)
        return smalti__srgb_encode_u16(srgb, value);
    return 65535 * (by->transfer == SMALTI__TRANSFER_GAMMA ? powf(value, by->inverse) : value);
}

/* Levels of 0…65535 in v, before they are rounded to the type of the output. */
static void put(const smalti__srgb *srgb, const tone *by, smalti_sample sample, const float *v, uint32_t count,
                void *dst, size_t at)
{
    for (uint32_t c = 0; c < count; c++) {
        float value = clamp01(smalti__tone_value(by->curve, v[c]));
        if (sample == SMALTI_SAMPLE_U8 && by->transfer == SMALTI__TRANSFER_SRGB)
            ((uint8_t *)dst)[at + c] = smalti__srgb_encode_u8(srgb, value);
        else if (sample == SMALTI_SAMPLE_U8)
            ((uint8_t *)dst)[at + c] = (uint8_t)(encode(srgb, by, value) * (1 / 257.0f) + 0.5f);
        else if (sample == SMALTI_SAMPLE_U16)
            ((uint16_t *)dst)[at + c] = (uint16_t)(encode(srgb, by, value) + 0.5f);
        else
            ((float *)dst)[at + c] = encode(srgb, by, value) * (1 / 65535.0f);
    }
}

static void put_alpha(smalti_sample sample, float alpha, void *dst, size_t at)
{
    alpha = clamp01(alpha);
    if (sample == SMALTI_SAMPLE_U8)
        ((uint8_t *)dst)[at] = (uint8_t)(alpha * 255 + 0.5f);
    else if (sample == SMALTI_SAMPLE_U16)
        ((uint16_t *)dst)[at] = (uint16_t)(alpha * 65535 + 0.5f);
    else
        ((float *)dst)[at] = alpha;
}

/* No alpha, no curve, no other primaries: samples by themselves. */
static void plain_row(const smalti__srgb *srgb, float scale, smalti_sample sample, const float *src, void *dst,
                      size_t count)
{
    for (size_t i = 0; i < count && sample == SMALTI_SAMPLE_U8; i++)
        ((uint8_t *)dst)[i] = smalti__srgb_encode_u8(srgb, src[i] * scale);
    for (size_t i = 0; i < count && sample == SMALTI_SAMPLE_U16; i++)
        ((uint16_t *)dst)[i] = (uint16_t)(smalti__srgb_encode_u16(srgb, src[i] * scale) + 0.5f);
}

static void tone_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const tone *self = (const tone *)stage->node->params;
    const smalti__srgb *srgb = smalti__srgb_get();
    const smalti__shape *in = &stage->node->in;
    uint32_t channels = in->channels, colors = channels < 3 ? 1 : 3;
    smalti_sample sample = stage->node->out.sample;
    const float *from = src;
    (void)state;
    if (channels % 2 && !self->encoded && !self->convert && self->curve == SMALTI__TONE_NONE &&
        self->transfer == SMALTI__TRANSFER_SRGB && sample != SMALTI_SAMPLE_F32) {
        plain_row(srgb, self->scale, sample, from, dst, (size_t)in->width * channels);
        return;
    }
    for (size_t x = 0, at = 0; x < in->width; x++, at += channels) {
        float v[3], alpha = colors == channels ? 1 : clamp01(from[at + colors]);
        float scale = in->premultiplied ? alpha > 0 ? self->scale / alpha : 0 : self->scale;
        for (uint32_t c = 0; c < colors; c++)
            v[c] = (self->encoded ? smalti__srgb_decode(from[at + c]) : from[at + c]) * scale;
        if (self->convert && colors == 3) {
            const float r = v[0], g = v[1], b = v[2];
            for (uint32_t c = 0; c < 3; c++)
                v[c] = self->matrix[c][0] * r + self->matrix[c][1] * g + self->matrix[c][2] * b;
        }
        put(srgb, self, sample, v, colors, dst, at);
        if (colors != channels)
            put_alpha(sample, alpha, dst, at + colors);
    }
}

/* ---- the node ---- */

static smalti_result tone_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                smalti_error *error)
{
    return smalti__rows_bytes(node, setup, 0, bytes, error);
}

static smalti_result tone_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                               smalti_error *error)
{
    return smalti__rows_open(node, stage, setup, tone_row, 0, error);
}

static void tone_describe(const smalti__node *node, char *out, size_t out_size)
{
    static const char *const curves[] = {"cut off at 1", "ACES curve", "filmic curve", "Reinhard curve"};
    const tone *self = (const tone *)node->params;
    char transfer[32] = "linear";
    if (self->transfer != SMALTI__TRANSFER_LINEAR)
        snprintf(transfer, sizeof transfer, self->transfer == SMALTI__TRANSFER_SRGB ? "sRGB" : "gamma %.3g",
                 1 / (double)self->inverse);
    snprintf(out, out_size, "%s, %+.3g stops, %s, %s", curves[self->curve], log2((double)self->scale), transfer,
             self->convert   ? "primaries of the file to sRGB's"
             : self->encoded ? "from sRGB"
                             : "primaries as they are");
}

static const smalti__node_kind node_tonemap = {"tonemap", tone_bytes, tone_open, tone_describe};
static const smalti__node_kind node_show = {"show", tone_bytes, tone_open, tone_describe};

static smalti_result add(smalti__program *program, const smalti__node_kind *kind, tone *by, smalti_sample sample,
                         smalti_error *error)
{
    smalti__shape in = program->shape, out;
    _Static_assert(sizeof *by <= SMALTI__NODE_PARAMS, "does not fit");
    by->encoded = !program->light.linear;
    by->convert = program->light.linear && program->light.convert && in.channels >= 3;
    memcpy(by->matrix, program->light.matrix, sizeof by->matrix);
    in.sample = SMALTI_SAMPLE_F32;
    if (by->encoded)
        in.premultiplied = false;
    SMALTI__TRY(smalti__program_convert(program, &in, error));
    out = program->shape;
    out.sample = sample;
    out.premultiplied = false;
    /* a format that holds light is to get this as it is */
    program->light =
        by->transfer == SMALTI__TRANSFER_LINEAR ? (smalti__light){.linear = true, .final = true} : (smalti__light){0};
    return smalti__program_add(program, kind, by, sizeof *by, &out, error);
}

smalti_result smalti__program_show(smalti__program *program, smalti_sample sample, smalti_error *error)
{
    tone by = {.curve = SMALTI__TONE_NONE, .transfer = SMALTI__TRANSFER_SRGB, .scale = 1, .inverse = 1};
    return program->light.linear && !program->light.final ? add(program, &node_show, &by, sample, error) : SMALTI_OK;
}

/* ---- the way back ---- */

static void light_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const smalti__shape *in = &stage->node->in;
    uint32_t channels = in->channels, colors = channels < 3 ? 1 : 3;
    const float *from = src;
    float *to = dst;
    (void)state;
    for (size_t i = 0; i < (size_t)in->width * channels; i += channels) {
        float alpha = colors == channels ? 1 : from[i + colors];
        for (uint32_t c = 0; c < colors; c++)
            to[i + c] = smalti__srgb_decode(from[i + c]) * alpha;
        if (colors != channels)
            to[i + colors] = alpha;
    }
}

/* Of levels of u8: by table. */
static void light_row_u8(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const smalti__srgb *srgb = smalti__srgb_get();
    const smalti__shape *in = &stage->node->in;
    uint32_t channels = in->channels, colors = channels < 3 ? 1 : 3;
    const uint8_t *from = src;
    float *to = dst;
    (void)state;
    for (size_t i = 0; i < (size_t)in->width * channels; i += channels) {
        float alpha = colors == channels ? 1 : (float)from[i + colors] * (1.0f / 255);
        for (uint32_t c = 0; c < colors; c++)
            to[i + c] = srgb->u8[from[i + c]] * alpha;
        if (colors != channels)
            to[i + colors] = alpha;
    }
}

static smalti_result light_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti_error *error)
{
    return smalti__rows_open(node, stage, setup, node->in.sample == SMALTI_SAMPLE_U8 ? light_row_u8 : light_row, 0,
                             error);
}

static const smalti__node_kind node_light = {"light", tone_bytes, light_open, NULL};

smalti_result smalti__program_light(smalti__program *program, smalti_error *error)
{
    smalti__shape in = program->shape, out;
    if (program->light.linear)
        return SMALTI_OK;
    in.sample = in.sample == SMALTI_SAMPLE_U8 ? in.sample : SMALTI_SAMPLE_F32;
    in.premultiplied = false;
    SMALTI__TRY(smalti__program_convert(program, &in, error));
    out = program->shape;
    out.sample = SMALTI_SAMPLE_F32;
    out.premultiplied = out.channels % 2 == 0;
    program->light.linear = true;
    return smalti__program_add(program, &node_light, NULL, 0, &out, error);
}

/* ---- the step ---- */

static smalti_result tonemap_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    tone made = {.curve = (smalti__tone_curve)smalti__step_number(step, CURVE),
                 .transfer = (smalti__tone_transfer)smalti__step_number(step, TRANSFER),
                 .scale = exp2f((float)smalti__step_number(step, EXPOSURE)),
                 .inverse = (float)(1 / smalti__step_number(step, GAMMA))};
    return add(program, &node_tonemap, &made, SMALTI_SAMPLE_F32, error);
}

const smalti__step_kind smalti__step_tonemap = {
    .info = {"tonemap", "linear light to what a screen shows", "CURVE", SMALTI__COUNT(params), params},
    .lower = tonemap_lower,
};
