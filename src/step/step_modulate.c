/* SPDX-License-Identifier: Apache-2.0
 * Steps that change colours and keep luma: modulate (saturation and hue, then brightness) and tint. All on samples as
 * they are encoded, with the luma of Rec. 709; alpha stays. */
#include <math.h>

#include "step/kinds.h"

static const double luma[3] = {0.2126, 0.7152, 0.0722};

/* A pixel c to matrix · c + offset. The fixed ones are for u8: with 12 bits behind the point, and a half to round. */
enum { FRACTION = 12 };
typedef struct affine {
    float matrix[3][3], offset[3];
    int32_t fixed[3][3], fixed_offset[3];
} affine;

static uint8_t clamp_u8(int32_t level)
{
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

/* A level of red, green or blue in all three results, as a vector: three of them are added instead of nine products. */
typedef int32_t part __attribute__((vector_size(16)));
typedef struct modulate_state {
    affine by;
    part parts[3][256]; /* the offset is in the first */
} modulate_state;

static inline void rgb_pixel(const modulate_state *m, const uint8_t *src, uint8_t level[4])
{
    part sum = (m->parts[0][src[0]] + m->parts[1][src[1]] + m->parts[2][src[2]]) >> FRACTION;
    sum &= ~(sum >> 31); /* not below 0 */
    part over = sum > 255;
    sum = (sum & ~over) | (over & 255);
    for (int c = 0; c < 4; c++)
        level[c] = (uint8_t)sum[c];
}

static void rgb_u8(const modulate_state *m, const uint8_t *restrict src, uint8_t *restrict dst, size_t width,
                   uint32_t channels)
{
    uint8_t level[4];
    for (size_t i = 0; i < width * channels; i += channels) {
        rgb_pixel(m, src + i, level);
        memcpy(dst + i, level, 3);
        if (channels == 4)
            dst[i + 3] = src[i + 3];
    }
}

#define RGB_ROW(name, T, scale, STORE)                                                                               \
    static void rgb_##name(const affine *m, const T *restrict src, T *restrict dst, size_t width, uint32_t channels) \
    {                                                                                                                \
        for (size_t i = 0; i < width * channels; i += channels) {                                                    \
            float r = (float)src[i], g = (float)src[i + 1], b = (float)src[i + 2];                                   \
            for (int c = 0; c < 3; c++)                                                                              \
                dst[i + (size_t)c] =                                                                                 \
                    STORE(m->matrix[c][0] * r + m->matrix[c][1] * g + m->matrix[c][2] * b + m->offset[c] * (scale)); \
            if (channels == 4)                                                                                       \
                dst[i + 3] = src[i + 3];                                                                             \
        }                                                                                                            \
    }

static uint16_t store_u16(float level)
{
    return (uint16_t)(level > 0 ? level < 65535 ? (int32_t)(level + 0.5f) : 65535 : 0);
}
RGB_ROW(u16, uint16_t, 65535, store_u16)
RGB_ROW(f32, float, 1, )

/* A pixel of one gray value. */
static void gray_row(const affine *m, const smalti__shape *shape, const void *src, void *dst)
{
    size_t channels = shape->channels;
    for (size_t i = 0; i < shape->width * channels; i++) {
        bool alpha = channels == 2 && i % 2;
        if (shape->sample == SMALTI_SAMPLE_U8) {
            uint8_t v = ((const uint8_t *)src)[i];
            ((uint8_t *)dst)[i] = alpha ? v : clamp_u8((m->fixed[0][0] * v + m->fixed_offset[0]) >> FRACTION);
        } else if (shape->sample == SMALTI_SAMPLE_U16) {
            uint16_t v = ((const uint16_t *)src)[i];
            ((uint16_t *)dst)[i] = alpha ? v : store_u16(m->matrix[0][0] * v + m->offset[0] * 65535);
        } else {
            float v = ((const float *)src)[i];
            ((float *)dst)[i] = alpha ? v : m->matrix[0][0] * v + m->offset[0];
        }
    }
}

static void modulate_row(const smalti__stage *stage, const void *of, const void *src, void *dst)
{
    const smalti__shape *shape = &stage->node->in;
    const modulate_state *state = of;
    if (shape->channels < 3)
        gray_row(&state->by, shape, src, dst);
    else if (shape->sample == SMALTI_SAMPLE_U8 && shape->channels == 3)
        rgb_u8(state, src, dst, shape->width, 3);
    else if (shape->sample == SMALTI_SAMPLE_U8)
        rgb_u8(state, src, dst, shape->width, 4);
    else if (shape->sample == SMALTI_SAMPLE_U16)
        rgb_u16(&state->by, src, dst, shape->width, shape->channels);
    else
        rgb_f32(&state->by, src, dst, shape->width, shape->channels);
}

/* ---- modulate ---- */

enum { BRIGHTNESS, SATURATION, HUE, LIGHTNESS };

static const smalti_step_param modulate_params[] = {
    {"brightness", "all samples times this", SMALTI_STEP_NUMBER, NULL, 0, 10, 1, NULL},
    {"saturation", "what is not gray times this", SMALTI_STEP_NUMBER, NULL, 0, 10, 1, NULL},
    {"hue", "turns the colours", SMALTI_STEP_NUMBER, "degrees", -360, 360, 0, NULL},
    {"lightness", "added to all samples, 1 being white", SMALTI_STEP_NUMBER, NULL, -1, 1, 0, NULL},
};

typedef struct modulate {
    double brightness, saturation, hue, lightness;
} modulate;

/* Saturation s and hue φ at a fixed luma Y: c − Y is turned by φ and stretched by s. The turn is that of hueRotate in the
 * Filter Effects Module (W3C), cos φ (I − G) + sin φ K, where each row of G is the luma; its middle row is such that luma
 * stays exactly. */
static void color_matrix(double saturation, double hue, double matrix[3][3])
{
    const double angle = hue / 180 * 3.14159265358979323846, cosine = cos(angle), sine = sin(angle);
    double turn[3][3] = {{-luma[0], -luma[1], 1 - luma[2]}, {0}, {luma[0] - 1, luma[1], luma[2]}};
    for (int i = 0; i < 3; i++)
        turn[1][i] = -(luma[0] * turn[0][i] + luma[2] * turn[2][i]) / luma[1];
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 3; i++)
            matrix[c][i] = luma[i] + saturation * (cosine * ((c == i) - luma[i]) + sine * turn[c][i]);
}

static smalti_result modulate_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                    smalti_error *error)
{
    return smalti__rows_bytes(node, setup, sizeof(modulate_state), bytes, error);
}

static smalti_result modulate_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                   smalti_error *error)
{
    const modulate *params = (const modulate *)node->params;
    double matrix[3][3];
    SMALTI__TRY(smalti__rows_open(node, stage, setup, modulate_row, sizeof(modulate_state), error));
    modulate_state *state = smalti__rows_state(*stage);
    affine *made = &state->by;
    color_matrix(params->saturation, params->hue, matrix);
    for (int c = 0; c < 3; c++) {
        made->offset[c] = (float)params->lightness;
        made->fixed_offset[c] = (int32_t)lround((params->lightness * 255 + 0.5) * (1 << FRACTION));
        for (int i = 0; i < 3; i++) {
            /* of gray only the first is used: the sum of a row of the matrix is 1 */
            double value = params->brightness * (node->in.channels < 3 ? i == 0 : matrix[c][i]);
            made->matrix[c][i] = (float)value;
            made->fixed[c][i] = (int32_t)lround(value * (1 << FRACTION));
            for (int level = 0; level < 256; level++)
                state->parts[i][level][c] = made->fixed[c][i] * level + (i == 0 ? made->fixed_offset[c] : 0);
        }
    }
    return SMALTI_OK;
}

static void modulate_describe(const smalti__node *node, char *out, size_t out_size)
{
    const modulate *params = (const modulate *)node->params;
    snprintf(out, out_size, "brightness %.4g, saturation %.4g, hue %+.4g°, lightness %+.4g", params->brightness,
             params->saturation, params->hue, params->lightness);
}

static const smalti__node_kind node_modulate = {"modulate", modulate_bytes, modulate_open, modulate_describe};

static smalti_result modulate_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__step_value *values = step->values;
    const modulate params = {values[BRIGHTNESS].number, values[SATURATION].number, values[HUE].number,
                             values[LIGHTNESS].number};
    SMALTI__TRY(smalti__program_straight(program, error));
    return smalti__program_add(program, &node_modulate, &params, sizeof params, &program->shape, error);
}

const smalti__step_kind smalti__step_modulate = {
    .info = {"modulate", "brightness, saturation, hue", "BRIGHTNESS", SMALTI__COUNT(modulate_params), modulate_params},
    .lower = modulate_lower,
};

/* ---- tint ---- */

static const smalti_step_param tint_params[] = {
    {"color", "whose hue and saturation the middle tones get", SMALTI_STEP_COLOR, NULL, 0, 0, 0xc0a080ffu, NULL},
};

/* For u8: by luma with 4 bits behind the point. */
enum { TINT_STEPS = 255 * 16 + 1 };
typedef struct tint_state {
    float chroma[3]; /* of the tint: c − Y */
    uint8_t table[TINT_STEPS][3];
} tint_state;

/* What is added to luma y: all of the chroma in the middle, nothing at black and white. */
static float tinted(const tint_state *state, float y, int c)
{
    float from_middle = 2 * y - 1, weight = 1 - from_middle * from_middle;
    return y + (weight > 0 ? weight : 0) * state->chroma[c];
}

static void tint_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    const tint_state *self = state;
    const uint8_t *bytes = src;
    const uint16_t *words = src;
    const float *floats = src;
    size_t step = in->channels, green = step < 3 ? 0 : 1, blue = step < 3 ? 0 : 2;
    for (size_t x = 0, from = 0, to = 0; x < in->width; x++, from += step, to += out->channels) {
        if (in->sample == SMALTI_SAMPLE_U8) { /* 3483 + 11718 + 1183 = 2^14 */
            uint32_t y = 3483u * bytes[from] + 11718u * bytes[from + green] + 1183u * bytes[from + blue];
            memcpy((uint8_t *)dst + to, self->table[(y + 512) >> 10], 3);
        } else {
            bool wide = in->sample == SMALTI_SAMPLE_U16;
            float r = wide ? words[from] : floats[from], g = wide ? words[from + green] : floats[from + green];
            float b = wide ? words[from + blue] : floats[from + blue];
            float y = (float)luma[0] * r + (float)luma[1] * g + (float)luma[2] * b;
            for (int c = 0; c < 3; c++) {
                if (wide)
                    ((uint16_t *)dst)[to + (size_t)c] = store_u16(tinted(self, y * (1.0f / 65535), c) * 65535);
                else
                    ((float *)dst)[to + (size_t)c] = tinted(self, y, c);
            }
        }
        if (out->channels == 4) {
            size_t size = smalti_sample_bytes(in->sample);
            memcpy((uint8_t *)dst + (to + 3) * size, (const uint8_t *)src + (from + step - 1) * size, size);
        }
    }
}

static smalti_result tint_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                smalti_error *error)
{
    return smalti__rows_bytes(node, setup, sizeof(tint_state), bytes, error);
}

static smalti_result tint_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                               smalti_error *error)
{
    uint32_t color;
    double y = 0;
    memcpy(&color, node->params, sizeof color);
    SMALTI__TRY(smalti__rows_open(node, stage, setup, tint_row, sizeof(tint_state), error));
    tint_state *made = smalti__rows_state(*stage);
    for (int c = 0; c < 3; c++)
        y += luma[c] * (color >> (24 - 8 * c) & 255) / 255;
    for (int c = 0; c < 3; c++)
        made->chroma[c] = (float)((color >> (24 - 8 * c) & 255) / 255.0 - y);
    for (int step = 0; step < TINT_STEPS; step++)
        for (int c = 0; c < 3; c++)
            made->table[step][c] =
                clamp_u8((int32_t)lround(255 * (double)tinted(made, (float)step / (TINT_STEPS - 1), c)));
    return SMALTI_OK;
}

static const smalti__node_kind node_tint = {"tint", tint_bytes, tint_open, NULL};

static smalti_result tint_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const uint32_t color = (uint32_t)step->values[0].number;
    SMALTI__TRY(smalti__program_straight(program, error));
    smalti__shape out = program->shape;
    out.channels += out.channels < 3 ? 2 : 0;
    return smalti__program_add(program, &node_tint, &color, sizeof color, &out, error);
}

const smalti__step_kind smalti__step_tint = {
    .info = {"tint", "the hue of a colour, luma kept", "RRGGBB", SMALTI__COUNT(tint_params), tint_params},
    .lower = tint_lower,
};
