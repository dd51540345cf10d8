/* SPDX-License-Identifier: Apache-2.0
 * Cutting to the part of an image that says most: the step smartcrop, and the node that it shares with resize. The image
 * is looked at as a grid of at most 256 × 256 cells; what differs in nothing is cut about the centre. */
#include <math.h>

#include "pixel/orient.h"
#include "step/kinds.h"

enum { GRID = 256, TONES = 64 };

typedef struct smart_params {
    uint32_t strategy;
    bool down_first; /* along columns before along rows: the image is stored turned */
} smart_params;

/* The image in cells of step × step pixels. */
struct grid {
    uint32_t step, width, height;
    float (*color)[3]; /* mean of a cell, times alpha */
    float *value;      /* of a cell: its tone, or how much it draws the eye */
};

static struct grid grid_of(const smalti__shape *shape)
{
    uint32_t longer = shape->width > shape->height ? shape->width : shape->height, step = (longer + GRID - 1) / GRID;
    return (struct grid){step, (shape->width + step - 1) / step, (shape->height + step - 1) / step, NULL, NULL};
}

static size_t grid_bytes(const struct grid *grid)
{
    return (size_t)grid->width * grid->height * 4 * sizeof(float);
}

static float level_at(const smalti__shape *shape, const uint8_t *row, size_t index)
{
    return shape->sample == SMALTI_SAMPLE_U8    ? row[index] * (1.0f / 255)
           : shape->sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)(const void *)row)[index] * (1.0f / 65535)
                                                : ((const float *)(const void *)row)[index];
}

/* Rows of opaque bytes: whole numbers, a cell at a time. */
static void add_bytes(const smalti__shape *shape, const uint8_t *row, const struct grid *grid, float (*cells)[3])
{
    const uint32_t channels = shape->channels, green = channels < 3 ? 0 : 1, blue = channels < 3 ? 0 : 2;
    for (uint32_t first = 0; first < shape->width; first += grid->step, cells++) {
        uint32_t end = shape->width - first < grid->step ? shape->width : first + grid->step, sum[3] = {0};
        for (uint32_t x = first; x < end; x++) {
            const uint8_t *pixel = row + (size_t)x * channels;
            sum[0] += pixel[0], sum[1] += pixel[green], sum[2] += pixel[blue];
        }
        for (int c = 0; c < 3; c++)
            (*cells)[c] += (float)sum[c] * (1.0f / 255);
    }
}

static void add_row(const smalti__shape *shape, const uint8_t *row, const struct grid *grid, float (*cells)[3])
{
    bool alpha = shape->channels % 2 == 0;
    if (shape->sample == SMALTI_SAMPLE_U8 && !alpha) {
        add_bytes(shape, row, grid, cells);
        return;
    }
    for (size_t x = 0, i = 0; x < shape->width; x++, i += shape->channels) {
        float *sum = cells[x / grid->step], over = alpha ? level_at(shape, row, i + shape->channels - 1) : 1;
        for (size_t c = 0; c < 3; c++) {
            float v = level_at(shape, row, i + (shape->channels < 3 ? 0 : c)) * over;
            sum[c] += v > 0 ? v < 1 ? v : 1 : 0; /* NaN is black */
        }
    }
}

static void fill_grid(const smalti__shape *shape, const uint8_t *frame, size_t pitch, struct grid *grid)
{
    memset(grid->color, 0, grid_bytes(grid) / 4 * 3);
    for (size_t y = 0; y < shape->height; y++)
        add_row(shape, frame + y * pitch, grid, grid->color + y / grid->step * grid->width);
    for (uint32_t y = 0; y < grid->height; y++)
        for (uint32_t x = 0; x < grid->width; x++) {
            uint32_t across = x + 1 < grid->width ? grid->step : shape->width - x * grid->step;
            uint32_t down = y + 1 < grid->height ? grid->step : shape->height - y * grid->step;
            float share = 1.0f / ((float)across * (float)down);
            for (int c = 0; c < 3; c++)
                grid->color[(size_t)y * grid->width + x][c] *= share;
        }
}

static float luma_at(const struct grid *grid, int64_t x, int64_t y)
{
    x = x < 0 ? 0 : x >= grid->width ? grid->width - 1 : x;
    y = y < 0 ? 0 : y >= grid->height ? grid->height - 1 : y;
    const float *color = grid->color[y * grid->width + x];
    return 0.2126f * color[0] + 0.7152f * color[1] + 0.0722f * color[2];
}

/* How near the direction of a colour is to that of skin, 0…1. Skin of all people differs in luminance far more than in
 * the ratio of its colours. */
static float skin_of(const float color[3], float luma)
{
    static const float skin[3] = {0.78f, 0.52f, 0.36f};
    float length = sqrtf(color[0] * color[0] + color[1] * color[1] + color[2] * color[2]), near = 0;
    if (luma < 0.12f || luma > 0.95f)
        return 0;
    for (int c = 0; c < 3; c++)
        near += color[c] * skin[c];
    near = near / (length * 1.00419f); /* the length of skin */
    return near > 0.97f ? (near - 0.97f) / 0.03f : 0;
}

/* Edges weaker than this are the grain of a sky. */
static const float noise = 0.02f;

/* What draws the eye: edges most, then skin, then strong colours that are neither dark nor washed out. */
static float saliency(const struct grid *grid, int64_t x, int64_t y)
{
    const float *color = grid->color[y * grid->width + x];
    float luma = luma_at(grid, x, y), most = fmaxf(color[0], fmaxf(color[1], color[2]));
    float least = fminf(color[0], fminf(color[1], color[2]));
    float edge = fabsf(4 * luma - luma_at(grid, x - 1, y) - luma_at(grid, x + 1, y) - luma_at(grid, x, y - 1) -
                       luma_at(grid, x, y + 1));
    float saturation = luma > 0.05f && luma < 0.95f ? most - least : 0;
    edge = edge > noise ? edge - noise : 0;
    return edge + 0.3f * skin_of(color, luma) * (0.5f + saturation) + 0.15f * saturation;
}

static void value_grid(struct grid *grid, uint32_t strategy)
{
    for (int64_t y = 0; y < grid->height; y++)
        for (int64_t x = 0; x < grid->width; x++) {
            float *value = &grid->value[y * grid->width + x];
            *value =
                strategy == SMALTI__SMART_ENTROPY ? floorf(luma_at(grid, x, y) * (TONES - 0.5f)) : saliency(grid, x, y);
        }
}

/* ---- the best place along one axis ---- */

/* Lines (columns, or rows) across the axis, of the cells from to to. */
struct axis {
    const struct grid *grid;
    bool down; /* lines are rows */
    uint32_t from, to; /* cells of a line that count */
};

static float cell(const struct axis *axis, uint32_t line, uint32_t at)
{
    return axis->down ? axis->grid->value[(size_t)line * axis->grid->width + at]
                      : axis->grid->value[(size_t)at * axis->grid->width + line];
}

static void count_line(const struct axis *axis, uint32_t line, int64_t by, int64_t counts[TONES])
{
    for (uint32_t at = axis->from; at < axis->to; at++)
        counts[(int)cell(axis, line, at)] += by;
}

/* Bits for each cell of a histogram. */
static double entropy(const int64_t counts[TONES])
{
    double total = 0, sum = 0;
    for (int tone = 0; tone < TONES; tone++) {
        total += (double)counts[tone];
        if (counts[tone] > 1)
            sum += (double)counts[tone] * log2((double)counts[tone]);
    }
    return log2(total) - sum / total;
}

static void score_entropy(const struct axis *axis, uint32_t window, uint32_t places, double *scores)
{
    int64_t counts[TONES] = {0};
    for (uint32_t line = 0; line < window; line++)
        count_line(axis, line, 1, counts);
    for (uint32_t place = 0; place < places; place++) {
        if (place) {
            count_line(axis, place - 1, -1, counts);
            count_line(axis, place + window - 1, 1, counts);
        }
        scores[place] = entropy(counts);
    }
}

/* What lies at a window's edge counts half: better in the middle than cut in two. */
static void score_attention(const struct axis *axis, uint32_t window, uint32_t places, double *scores)
{
    double sums[GRID] = {0};
    for (uint32_t line = 0; line < window + places - 1; line++)
        for (uint32_t at = axis->from; at < axis->to; at++)
            sums[line] += (double)cell(axis, line, at);
    for (uint32_t place = 0; place < places; place++) {
        scores[place] = 0;
        for (uint32_t i = 0; i < window; i++) {
            double off = (2.0 * i + 1) / window - 1;
            scores[place] += sums[place + i] * (1 - 0.5 * off * off);
        }
    }
}

/* The first pixel of the best part of size kept; of equal ones the nearest to the centre. */
static uint32_t best_place(const struct axis *axis, uint32_t strategy, uint32_t size, uint32_t kept)
{
    const struct grid *grid = axis->grid;
    uint32_t lines = axis->down ? grid->height : grid->width, spare = size - kept;
    uint32_t window = kept / grid->step; /* cells that are certainly whole in it */
    double scores[GRID], best = -1, near = 0;
    uint32_t found = spare / 2;
    if (!spare)
        return 0;
    window = window < 1 ? 1 : window;
    uint32_t places = lines - window + 1;
    if (strategy == SMALTI__SMART_ENTROPY)
        score_entropy(axis, window, places, scores);
    else
        score_attention(axis, window, places, scores);
    for (uint32_t place = 0; place < places; place++) {
        uint32_t first = place * grid->step < spare ? place * grid->step : spare;
        double off = fabs((double)first - spare / 2.0), margin = 1e-9 * (1 + fabs(best));
        if (scores[place] > best + margin || (scores[place] > best - margin && off < near)) {
            best = scores[place];
            near = off;
            found = first;
        }
    }
    return found;
}

/* Narrows an axis to the cells that a part of the other one covers. */
static void narrow(struct axis *axis, uint32_t first, uint32_t kept, uint32_t step)
{
    axis->from = first / step;
    axis->to = (first + kept + step - 1) / step;
}

static smalti_result smart_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const smart_params *how = (const smart_params *)stage->node->params;
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    struct grid grid = grid_of(in);
    grid.color = smalti__pool_get(stage->setup->pool, grid_bytes(&grid));
    if (!grid.color)
        return smalti__fail_nomem(error, grid_bytes(&grid));
    grid.value = grid.color[(size_t)grid.width * grid.height]; /* behind the colours */
    fill_grid(in, frame, pitch, &grid);
    value_grid(&grid, how->strategy);
    struct axis across = {&grid, false, 0, grid.height}, down = {&grid, true, 0, grid.width};
    uint32_t x = 0, y = 0;
    if (!how->down_first) {
        x = best_place(&across, how->strategy, in->width, out->width);
        narrow(&down, x, out->width, grid.step);
    }
    y = best_place(&down, how->strategy, in->height, out->height);
    if (how->down_first) {
        narrow(&across, y, out->height, grid.step);
        x = best_place(&across, how->strategy, in->width, out->width);
    }
    smalti__pool_put(stage->setup->pool, grid.color);
    for (uint32_t row = 0; row < out->height;) {
        uint32_t take = out->height - row < 64 ? out->height - row : 64;
        SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
        SMALTI__TRY(smalti__stage_emit(stage, frame + ((size_t)y + row) * pitch + x * smalti__pixel_bytes(in), pitch,
                                       take, error));
        row += take;
    }
    return SMALTI_OK;
}

static smalti_result smart_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                 smalti_error *error)
{
    const struct grid grid = grid_of(&node->in);
    SMALTI__TRY(smalti__frame_bytes(node, setup, bytes, error));
    return smalti__add(*bytes, grid_bytes(&grid), bytes)
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
}

static smalti_result smart_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti_error *error)
{
    return smalti__frame_open(node, stage, setup, smart_frame, error);
}

static void smart_describe(const smalti__node *node, char *out, size_t out_size)
{
    static const char *const words[] = {"entropy", "attention"};
    snprintf(out, out_size, "by %s, whole frame", words[((const smart_params *)node->params)->strategy]);
}

static const smalti__node_kind node_smart = {"smartcrop", smart_bytes, smart_open, smart_describe};

smalti_result smalti__program_smartcrop(smalti__program *program, uint32_t width, uint32_t height, uint32_t strategy,
                                        smalti_error *error)
{
    bool swaps = smalti__orient_swaps(program->orientation);
    SMALTI__TRY(smalti__program_straight(program, error));
    smalti__shape out = program->shape;
    out.width = swaps ? height : width;
    out.height = swaps ? width : height;
    if (out.width == program->shape.width && out.height == program->shape.height)
        return SMALTI_OK;
    const smart_params made = {strategy, swaps};
    return smalti__program_add(program, &node_smart, &made, sizeof made, &out, error);
}

/* ---- the step ---- */

enum { WIDTH, HEIGHT, STRATEGY };

static const smalti_step_param params[] = {
    {"width", "columns", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"height", "rows", SMALTI_STEP_INTEGER, "px", 1, INT32_MAX, 0, NULL},
    {"strategy", "what is kept: the most different tones, or what draws the eye", SMALTI_STEP_CHOICE, NULL, 0, 0,
     SMALTI__SMART_ATTENTION, SMALTI__SMART_STRATEGIES},
};

static smalti_result smartcrop_check(const smalti__step *step, smalti_error *error)
{
    return step->values[WIDTH].given && step->values[HEIGHT].given
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_INVALID, "step smartcrop takes width and height, both");
}

static smalti_result smartcrop_lower(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    const smalti__step_value *values = step->values;
    return smalti__program_cover(program, (uint32_t)values[WIDTH].number, (uint32_t)values[HEIGHT].number,
                                 (uint32_t)values[STRATEGY].number, SMALTI__FILTER_LANCZOS3, false, error);
}

const smalti__step_kind smalti__step_smartcrop = {
    .info = {"smartcrop", "scales and cuts to the most telling part", "WIDTHxHEIGHT", SMALTI__COUNT(params), params},
    .brief = smalti__step_brief_size,
    .check = smartcrop_check,
    .lower = smartcrop_lower,
};
