/* SPDX-License-Identifier: Apache-2.0
 * Steps that stretch the tones: linear (a v + b), and normalise, which finds a and b in the image. Alpha stays. */
#include <math.h>

#include "step/kinds.h"

typedef struct line {
    double multiplier, offset;
} line;

/* ---- rows ---- */

static void make_table(uint8_t table[256], const line *by)
{
    for (int v = 0; v < 256; v++) {
        double level = by->multiplier * v + by->offset * 255;
        table[v] = (uint8_t)(level > 0 ? level < 255 ? floor(level + 0.5) : 255 : 0);
    }
}

static void row_u8(const uint8_t *restrict table, const uint8_t *restrict src, uint8_t *restrict dst, size_t width,
                   uint32_t channels)
{
    switch (channels) {
    case 2:
        for (size_t i = 0; i < 2 * width; i += 2)
            dst[i] = table[src[i]], dst[i + 1] = src[i + 1];
        break;
    case 4:
        for (size_t i = 0; i < 4 * width; i += 4)
            dst[i] = table[src[i]], dst[i + 1] = table[src[i + 1]], dst[i + 2] = table[src[i + 2]],
            dst[i + 3] = src[i + 3];
        break;
    default:
        for (size_t i = 0; i < channels * width; i++)
            dst[i] = table[src[i]];
    }
}

static void row_u16(const line *by, const uint16_t *restrict src, uint16_t *restrict dst, size_t count)
{
    const double multiplier = by->multiplier, offset = by->offset * 65535 + 0.5;
    for (size_t i = 0; i < count; i++) {
        double level = multiplier * src[i] + offset;
        level = level > 0 ? level : 0;
        dst[i] = (uint16_t)(int32_t)(level < 65535 ? level : 65535);
    }
}

static void row_f32(const line *by, const float *restrict src, float *restrict dst, size_t count)
{
    const float multiplier = (float)by->multiplier, offset = (float)by->offset;
    for (size_t i = 0; i < count; i++)
        dst[i] = multiplier * src[i] + offset;
}

static void keep_alpha(const smalti__shape *shape, const void *src, void *dst)
{
    size_t bytes = smalti_sample_bytes(shape->sample), pixel = smalti__pixel_bytes(shape);
    for (size_t at = pixel - bytes; at < shape->width * pixel && shape->channels % 2 == 0; at += pixel)
        memcpy((uint8_t *)dst + at, (const uint8_t *)src + at, bytes);
}

static void affine_row(const smalti__shape *shape, const line *by, const uint8_t *table, const void *src, void *dst)
{
    size_t count = (size_t)shape->width * shape->channels;
    if (shape->sample == SMALTI_SAMPLE_U8) {
        row_u8(table, src, dst, shape->width, shape->channels);
        return;
    }
    if (shape->sample == SMALTI_SAMPLE_U16)
        row_u16(by, src, dst, count);
    else
        row_f32(by, src, dst, count);
    keep_alpha(shape, src, dst);
}

/* ---- linear ---- */

enum { MULTIPLIER, OFFSET };

static const smalti_step_param linear_params[] = {
    {"multiplier", "of each colour sample", SMALTI_STEP_NUMBER, NULL, -1000, 1000, 1, NULL},
    {"offset", "added to it, 1 being white", SMALTI_STEP_NUMBER, NULL, -1000, 1000, 0, NULL},
};

static void linear_row(const smalti__stage *stage, const void *state, const void *src, void *dst)
{
    affine_row(&stage->node->in, (const line *)stage->node->params, state, src, dst);
}

static smalti_result linear_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                  smalti_error *error)
{
    return smalti__rows_bytes(node, setup, 256, bytes, error);
}

static smalti_result linear_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                 smalti_error *error)
{
    SMALTI__TRY(smalti__rows_open(node, stage, setup, linear_row, 256, error));
    make_table(smalti__rows_state(*stage), (const line *)node->params);
    return SMALTI_OK;
}

static void linear_describe(const smalti__node *node, char *out, size_t out_size)
{
    const line *by = (const line *)node->params;
    snprintf(out, out_size, "%.6g v %+.6g", by->multiplier, by->offset);
}

static const smalti__node_kind node_linear = {"linear", linear_bytes, linear_open, linear_describe};

static smalti_result linear_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const line by = {step->values[MULTIPLIER].number, step->values[OFFSET].number};
    SMALTI__TRY(smalti__program_straight(program, error));
    return smalti__program_add(program, &node_linear, &by, sizeof by, &program->shape, error);
}

const smalti__step_kind smalti__step_linear = {
    .info = {"linear", "multiplies and adds", "MULTIPLIER", SMALTI__COUNT(linear_params), linear_params},
    .lower = linear_lower,
};

/* ---- normalise ---- */

enum { LOWER, UPPER };
enum { BINS = 4096 };

static const smalti_step_param normalise_params[] = {
    {"lower", "share of the pixels that may become black", SMALTI_STEP_NUMBER, "%", 0, 99, 1, NULL},
    {"upper", "share of the pixels that stay below white", SMALTI_STEP_NUMBER, "%", 1, 100, 99, NULL},
};

static float luma_at(const smalti__shape *shape, const void *row, size_t x)
{
    size_t at = x * shape->channels;
    const uint8_t *bytes = row;
    const uint16_t *words = row;
    const float *floats = row;
    float v[3];
    for (uint32_t c = 0; c < 3; c++) {
        size_t i = at + (shape->channels >= 3 ? c : 0);
        v[c] = shape->sample == SMALTI_SAMPLE_U8    ? bytes[i] * (1.0f / 255)
               : shape->sample == SMALTI_SAMPLE_U16 ? words[i] * (1.0f / 65535)
                                                    : floats[i];
    }
    return shape->channels < 3 ? v[0] : 0.2126f * v[0] + 0.7152f * v[1] + 0.0722f * v[2];
}

static bool is_clear(const smalti__shape *shape, const void *row, size_t x)
{
    size_t i = x * shape->channels + shape->channels - 1;
    if (shape->channels % 2)
        return false;
    return shape->sample == SMALTI_SAMPLE_U8    ? !((const uint8_t *)row)[i]
           : shape->sample == SMALTI_SAMPLE_U16 ? !((const uint16_t *)row)[i]
                                                : !(((const float *)row)[i] > 0);
}

/* How many pixels that can be seen have which luma. */
static uint64_t count_luma(const smalti__shape *shape, const uint8_t *frame, size_t pitch, uint64_t bins[BINS])
{
    uint64_t total = 0;
    for (uint32_t y = 0; y < shape->height; y++) {
        const uint8_t *row = frame + y * pitch;
        for (size_t x = 0; x < shape->width; x++) {
            if (is_clear(shape, row, x))
                continue;
            float luma = luma_at(shape, row, x);
            luma = luma > 0 ? luma < 1 ? luma : 1 : 0; /* NaN counts as black */
            bins[(uint32_t)(luma * (BINS - 1) + 0.5f)]++;
            total++;
        }
    }
    return total;
}

/* The lowest luma that has at least so many pixels at it and below. */
static double luma_below(const uint64_t bins[BINS], double count)
{
    uint64_t sum = 0;
    for (int bin = 0; bin < BINS; bin++) {
        sum += bins[bin];
        if (sum && (double)sum >= count)
            return (double)bin / (BINS - 1);
    }
    return 1;
}

static line find_stretch(const smalti__stage *stage, const uint8_t *frame, size_t pitch)
{
    const line *shares = (const line *)stage->node->params;
    uint64_t bins[BINS] = {0}, total = count_luma(&stage->node->in, frame, pitch, bins);
    double low = luma_below(bins, shares->multiplier * (double)total / 100);
    double high = luma_below(bins, shares->offset * (double)total / 100);
    if (!total || high <= low)
        return (line){1, 0};
    return (line){1 / (high - low), -low / (high - low)};
}

static smalti_result normalise_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const smalti__shape *shape = &stage->node->in;
    const line stretch = find_stretch(stage, frame, pitch);
    uint8_t table[256];
    uint32_t rows;
    size_t strip_pitch;
    uint8_t *strip = smalti__frame_strip(stage, &strip_pitch, &rows);
    make_table(table, &stretch);
    for (uint32_t y = 0; y < shape->height; y += rows) {
        uint32_t take = shape->height - y < rows ? shape->height - y : rows;
        SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
        for (uint32_t r = 0; r < take; r++)
            affine_row(shape, &stretch, table, frame + (y + r) * pitch, strip + r * strip_pitch);
        SMALTI__TRY(smalti__stage_emit(stage, strip, strip_pitch, take, error));
    }
    return SMALTI_OK;
}

static smalti_result normalise_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                    smalti_error *error)
{
    return smalti__frame_open(node, stage, setup, normalise_frame, error);
}

static void normalise_describe(const smalti__node *node, char *out, size_t out_size)
{
    const line *shares = (const line *)node->params;
    snprintf(out, out_size, "%.6g %% to %.6g %%, whole frame", shares->multiplier, shares->offset);
}

static const smalti__node_kind node_normalise = {"normalise", smalti__frame_bytes, normalise_open, normalise_describe};

static smalti_result normalise_check(const smalti__step *step, smalti_error *error)
{
    return step->values[LOWER].number < step->values[UPPER].number
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_INVALID_RANGE, "step normalise: lower is to be less than upper");
}

static smalti_result normalise_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const line shares = {step->values[LOWER].number, step->values[UPPER].number};
    SMALTI__TRY(smalti__program_straight(program, error));
    return smalti__program_add(program, &node_normalise, &shares, sizeof shares, &program->shape, error);
}

const smalti__step_kind smalti__step_normalise = {
    .info = {"normalise", "stretches the tones to black and white", NULL, SMALTI__COUNT(normalise_params),
             normalise_params},
    .check = normalise_check,
    .lower = normalise_lower,
};
