/* SPDX-License-Identifier: Apache-2.0
 * The node that turns an image by any angle, into the smallest canvas that holds it. Whole frame: a row of the result
 * crosses many of the image. */
#include <math.h>

#include "step/kinds.h"

typedef struct rotate_params {
    double angle; /* degrees, clockwise */
    bool cubic;
    smalti__fill fill;
} rotate_params;

/* What a row needs. Coordinates are those of the image's pixel centres. */
struct turn {
    smalti__shape shape;
    const uint8_t *frame;
    size_t pitch;
    double cosine, sine; /* of the angle */
    bool cubic, alpha;
    float beside[4];    /* the background, alpha in its colours; 1 is white */
    uint8_t pixel[16];  /* the same as a pixel */
};

static const double degree = 3.14159265358979323846 / 180;

/* Weights of pixels −1…2 for a place between pixels 0 and 1. */
static void cubic_weights(float at, float weights[4])
{
    float square = at * at, cube = square * at; /* Catmull-Rom */
    weights[0] = 0.5f * (-cube + 2 * square - at);
    weights[1] = 0.5f * (3 * cube - 5 * square + 2);
    weights[2] = 0.5f * (-3 * cube + 4 * square + at);
    weights[3] = 0.5f * (cube - square);
}

static uint8_t to_u8(float v)
{
    return (uint8_t)(v > 0 ? v < 255 ? v + 0.5f : 255 : 0);
}
static uint16_t to_u16(float v)
{
    return (uint16_t)(v > 0 ? v < 65535 ? v + 0.5f : 65535 : 0);
}
static float to_f32(float v)
{
    return v;
}

/* A weighted sum of the 4 or 16 pixels around a place; those beside the image are the background. With alpha, colours are
 * multiplied by it on their way. Inlined with constants, so that the loops over pixels and channels go away, and so do the
 * questions where all of the pixels are inside. */
#define TURN_ALWAYS static inline __attribute__((always_inline))
#define TURN_PIXEL(name, T, white)                                                                                    \
    TURN_ALWAYS void add_##name(const struct turn *t, int64_t x, int64_t y, float weight, uint32_t channels,          \
                                bool inside, float sum[4])                                                            \
    {                                                                                                                 \
        if (!inside && (x < 0 || y < 0 || x >= t->shape.width || y >= t->shape.height)) {                             \
            for (uint32_t c = 0; c < channels; c++)                                                                   \
                sum[c] += weight * (t->beside[c] * (white));                                                          \
            return;                                                                                                   \
        }                                                                                                             \
        const T *pixel = (const T *)(const void *)(t->frame + (size_t)y * t->pitch) + (size_t)x * channels;           \
        if (channels % 2 == 0) {                                                                                      \
            float alpha = (float)pixel[channels - 1], over = weight * alpha * (1.0f / (white));                       \
            for (uint32_t c = 0; c < channels - 1; c++)                                                               \
                sum[c] += over * (float)pixel[c];                                                                     \
            sum[channels - 1] += weight * alpha;                                                                      \
        } else {                                                                                                      \
            for (uint32_t c = 0; c < channels; c++)                                                                   \
                sum[c] += weight * (float)pixel[c];                                                                   \
        }                                                                                                             \
    }                                                                                                                 \
    TURN_ALWAYS void sum_##name(const struct turn *t, int64_t left, int64_t top, float x, float y, uint32_t channels, \
                                bool cubic, bool inside, float sum[4])                                                \
    {                                                                                                                 \
        float across[4] = {0, 1 - x, x, 0}, down[4] = {0, 1 - y, y, 0};                                               \
        if (cubic)                                                                                                    \
            cubic_weights(x, across), cubic_weights(y, down);                                                         \
        for (int v = cubic ? 0 : 1; v < (cubic ? 4 : 3); v++)                                                         \
            for (int h = cubic ? 0 : 1; h < (cubic ? 4 : 3); h++)                                                     \
                add_##name(t, left + h - 1, top + v - 1, across[h] * down[v], channels, inside, sum);                 \
    }                                                                                                                 \
    TURN_ALWAYS void row_##name(const struct turn *t, double x, double y, T *dst, uint32_t width, uint32_t channels,  \
                                bool cubic)                                                                           \
    {                                                                                                                 \
        const int64_t reach = cubic ? 1 : 0; /* pixels before the one at the left and top */                          \
        for (uint32_t i = 0; i < width; i++, dst += channels) {                                                       \
            double at_x = x + i * t->cosine, at_y = y - i * t->sine;                                                  \
            if (at_x <= -1 || at_y <= -1 || at_x >= t->shape.width || at_y >= t->shape.height) {                      \
                memcpy(dst, t->pixel, channels * sizeof *dst);                                                        \
                continue;                                                                                             \
            }                                                                                                         \
            int64_t left = (int64_t)(at_x + 1) - 1, top = (int64_t)(at_y + 1) - 1; /* rounded down */                 \
            float sum[4] = {0}, off_x = (float)(at_x - (double)left), off_y = (float)(at_y - (double)top);            \
            if (left >= reach && top >= reach && left + 1 + reach < t->shape.width &&                                 \
                top + 1 + reach < t->shape.height)                                                                    \
                sum_##name(t, left, top, off_x, off_y, channels, cubic, true, sum);                                   \
            else                                                                                                      \
                sum_##name(t, left, top, off_x, off_y, channels, cubic, false, sum);                                  \
            if (channels % 2 == 0) {                                                                                  \
                float alpha = sum[channels - 1], back = alpha > 0 ? (white) / alpha : 0;                              \
                for (uint32_t c = 0; c < channels - 1; c++)                                                           \
                    sum[c] *= back;                                                                                   \
            }                                                                                                         \
            for (uint32_t c = 0; c < channels; c++)                                                                   \
                dst[c] = to_##name(sum[c]);                                                                           \
        }                                                                                                             \
    }                                                                                                                 \
    static void linear_##name(const struct turn *t, double x, double y, void *dst, uint32_t width)                    \
    {                                                                                                                 \
        switch (t->shape.channels) {                                                                                  \
        case 1:                                                                                                       \
            row_##name(t, x, y, dst, width, 1, false);                                                                \
            break;                                                                                                    \
        case 2:                                                                                                       \
            row_##name(t, x, y, dst, width, 2, false);                                                                \
            break;                                                                                                    \
        case 3:                                                                                                       \
            row_##name(t, x, y, dst, width, 3, false);                                                                \
            break;                                                                                                    \
        default:                                                                                                      \
            row_##name(t, x, y, dst, width, 4, false);                                                                \
        }                                                                                                             \
    }                                                                                                                 \
    static void cubic_##name(const struct turn *t, double x, double y, void *dst, uint32_t width)                     \
    {                                                                                                                 \
        row_##name(t, x, y, dst, width, t->shape.channels, true);                                                     \
    }                                                                                                                 \
    static void turn_##name(const struct turn *t, double x, double y, void *dst, uint32_t width)                      \
    {                                                                                                                 \
        if (t->cubic)                                                                                                 \
            cubic_##name(t, x, y, dst, width);                                                                        \
        else                                                                                                          \
            linear_##name(t, x, y, dst, width);                                                                       \
    }
TURN_PIXEL(u8, uint8_t, 255.0f)
TURN_PIXEL(u16, uint16_t, 65535.0f)
TURN_PIXEL(f32, float, 1.0f)

static void open_turn(struct turn *t, const smalti__stage *stage, const uint8_t *frame, size_t pitch)
{
    const rotate_params *params = (const rotate_params *)stage->node->params;
    static const uint8_t none[3];
    smalti__shape from = stage->node->in, to;
    *t = (struct turn){from,
                       frame,
                       pitch,
                       cos(params->angle * degree),
                       sin(params->angle * degree),
                       params->cubic,
                       from.channels % 2 == 0,
                       {0},
                       {0}};
    smalti__fill_pixel(&params->fill, &from, stage->setup->background, t->pixel);
    from.width = 1;
    to = from;
    to.sample = SMALTI_SAMPLE_F32;
    to.premultiplied = t->alpha;
    smalti__convert_rows(&from, t->pixel, 0, &to, t->beside, 0, 1, none);
}

static smalti_result rotate_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    struct turn turn;
    size_t strip_pitch;
    uint32_t rows;
    uint8_t *strip = smalti__frame_strip(stage, &strip_pitch, &rows);
    open_turn(&turn, stage, frame, pitch);
    for (uint32_t y = 0; y < out->height; y += rows) {
        uint32_t take = out->height - y < rows ? out->height - y : rows;
        for (uint32_t r = 0; r < take; r++) {
            /* back about the middle of both: by the negative angle, and y goes down */
            double across = 0.5 - out->width / 2.0, down = (double)(y + r) + 0.5 - out->height / 2.0;
            double from_x = turn.cosine * across + turn.sine * down + in->width / 2.0 - 0.5;
            double from_y = -turn.sine * across + turn.cosine * down + in->height / 2.0 - 0.5;
            void *dst = strip + r * strip_pitch;
            SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
            if (in->sample == SMALTI_SAMPLE_U8)
                turn_u8(&turn, from_x, from_y, dst, out->width);
            else if (in->sample == SMALTI_SAMPLE_U16)
                turn_u16(&turn, from_x, from_y, dst, out->width);
            else
                turn_f32(&turn, from_x, from_y, dst, out->width);
        }
        SMALTI__TRY(smalti__stage_emit(stage, strip, strip_pitch, take, error));
    }
    return SMALTI_OK;
}

static smalti_result rotate_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                 smalti_error *error)
{
    return smalti__frame_open(node, stage, setup, rotate_frame, error);
}

static void rotate_describe(const smalti__node *node, char *out, size_t out_size)
{
    const rotate_params *params = (const rotate_params *)node->params;
    snprintf(out, out_size, "%.6g°, %s, whole frame", params->angle, params->cubic ? "catmull-rom" : "linear");
}

static const smalti__node_kind node_rotate = {"rotate", smalti__frame_bytes, rotate_open, rotate_describe};

smalti_result smalti__program_rotate(smalti__program *program, double angle, bool cubic, const smalti__fill *fill,
                                     smalti_error *error)
{
    const rotate_params params = {angle, cubic, *fill};
    const double cosine = fabs(cos(angle * degree)), sine = fabs(sin(angle * degree));
    SMALTI__TRY(smalti__program_flush(program, error));
    SMALTI__TRY(smalti__program_hold(program, fill, error));
    smalti__shape out = program->shape;
    /* a hair less: what rounding adds is not a pixel */
    out.width = (uint32_t)ceil(fmin(program->shape.width * cosine + program->shape.height * sine, 4e9) - 1e-6);
    out.height = (uint32_t)ceil(fmin(program->shape.width * sine + program->shape.height * cosine, 4e9) - 1e-6);
    return smalti__program_add(program, &node_rotate, &params, sizeof params, &out, error);
}
