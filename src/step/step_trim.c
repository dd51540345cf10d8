/* SPDX-License-Identifier: Apache-2.0
 * The step that cuts off a border of one colour. What is left is known when all pixels are. */
#include <math.h>

#include "pixel/orient.h"
#include "step/kinds.h"

enum { THRESHOLD, BACKGROUND };

static const smalti_step_param params[] = {
    {"threshold", "how far a sample may be from the border's colour, 1 being white", SMALTI_STEP_NUMBER, NULL, 0, 1,
     0.04, NULL},
    {"background", "the border's colour; default: that of the pixel at the top left", SMALTI_STEP_COLOR, NULL, 0, 0,
     0xffffffffu, NULL},
};

typedef struct trim_params {
    uint32_t x, y; /* of the pixel at the top left, as stored */
    float threshold;
    smalti__fill fill;
} trim_params;

/* A row's pixels as numbers, alpha in the colours: what is not seen is the same. */
static void load_pixels(const smalti__shape *shape, const void *row, size_t first, size_t count, float *out)
{
    smalti__shape from = *shape, to = *shape;
    static const uint8_t none[3];
    from.width = to.width = (uint32_t)count;
    to.sample = SMALTI_SAMPLE_F32;
    to.premultiplied = shape->channels % 2 == 0;
    smalti__convert_rows(&from, (const uint8_t *)row + first * smalti__pixel_bytes(shape), 0, &to, out, 0, 1, none);
}

enum { CHUNK = 256 };

/* The first pixel of a row that differs, from one end; or width. */
static size_t first_other(const smalti__shape *shape, const void *row, const float *border, float threshold,
                          bool backwards, size_t width)
{
    float pixels[CHUNK * 4];
    for (size_t done = 0; done < width;) {
        size_t take = width - done < CHUNK ? width - done : CHUNK;
        load_pixels(shape, row, backwards ? shape->width - done - take : done, take, pixels);
        for (size_t i = 0; i < take; i++) {
            const float *pixel = pixels + (backwards ? take - 1 - i : i) * shape->channels;
            for (uint32_t c = 0; c < shape->channels; c++)
                if (!(fabsf(pixel[c] - border[c]) <= threshold))
                    return done + i;
        }
        done += take;
    }
    return width;
}

typedef struct box {
    size_t left, top, right, bottom; /* without right and bottom */
} box;

/* What is inside the border; nothing: left is not less than right. */
static box find_box(const smalti__stage *stage, const uint8_t *frame, size_t pitch, const float *border)
{
    const smalti__shape *shape = &stage->node->in;
    float threshold = ((const trim_params *)stage->node->params)->threshold;
    box found = {shape->width, shape->height, 0, 0};
    for (size_t y = 0; y < shape->height; y++) {
        const uint8_t *row = frame + y * pitch;
        size_t left = first_other(shape, row, border, threshold, false, shape->width);
        if (left == shape->width)
            continue;
        size_t right = shape->width - first_other(shape, row, border, threshold, true, shape->width);
        found.left = left < found.left ? left : found.left;
        found.right = right > found.right ? right : found.right;
        found.top = y < found.top ? y : found.top;
        found.bottom = y + 1;
    }
    return found;
}

static smalti_result trim_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const trim_params *how = (const trim_params *)stage->node->params;
    const smalti__shape *in = &stage->node->in;
    smalti__shape out = *in, one = *in;
    float border[4];
    _Alignas(8) uint8_t pixel[16];
    smalti__fill_pixel(&how->fill, in, stage->setup->background, pixel);
    one.width = 1;
    load_pixels(&one, how->fill.given ? pixel : frame + how->y * pitch + how->x * smalti__pixel_bytes(in), 0, 1,
                border);
    box kept = find_box(stage, frame, pitch, border);
    if (kept.left >= kept.right) /* of one colour: there is no border of something */
        kept = (box){0, 0, in->width, in->height};
    out.width = (uint32_t)(kept.right - kept.left);
    out.height = (uint32_t)(kept.bottom - kept.top);
    SMALTI__TRY(smalti__stage_shape(stage, &out, error));
    for (size_t y = 0; y < out.height;) {
        size_t take = out.height - y < 64 ? out.height - y : 64;
        SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
        SMALTI__TRY(smalti__stage_emit(stage, frame + (kept.top + y) * pitch + kept.left * smalti__pixel_bytes(in),
                                       pitch, (uint32_t)take, error));
        y += take;
    }
    return SMALTI_OK;
}

static smalti_result trim_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                               smalti_error *error)
{
    return smalti__frame_open(node, stage, setup, trim_frame, error);
}

static void trim_describe(const smalti__node *node, char *out, size_t out_size)
{
    (void)node;
    snprintf(out, out_size, "at most, whole frame");
}

static const smalti__node_kind node_trim = {"trim", smalti__frame_bytes, trim_open, trim_describe};

static smalti_result trim_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    double x = 0, y = 0, width = 1, height = 1;
    smalti__program_place(program, &x, &y, &width, &height);
    const trim_params made = {(uint32_t)x, (uint32_t)y, (float)step->values[THRESHOLD].number,
                              smalti__step_fill(step, BACKGROUND)};
    SMALTI__TRY(smalti__program_add(program, &node_trim, &made, sizeof made, &program->shape, error));
    program->unknown = true;
    return SMALTI_OK;
}

const smalti__step_kind smalti__step_trim = {
    .info = {"trim", "cuts off a border of one colour", "THRESHOLD", SMALTI__COUNT(params), params},
    .lower = trim_lower,
};
