/* SPDX-License-Identifier: Apache-2.0
 * A palette from counted colors: the box of colors whose division takes away the most error is divided, at the best place
 * along its principal axis, until there are enough; then each color moves to the mean of what is nearest to it (Lloyd). */
#include "pixel/quantize.h"

#include <math.h>

enum {
    BINS = 256,         /* along an axis */
    AXIS_STEPS = 8,     /* of the power iteration: the axis need not be exact */
    REFINE_MOST = 12,
    SCALE_MOST = 8,     /* of the space */
};

/* What a difference in red, green, blue and alpha counts, over SCALE_MOST: between what the eye sees of each and what a
 * plain sum of squares would take. */
static const int scales[4] = {7, 8, 6, 8};

smalti__color smalti__quantize_color(const uint8_t rgba[4])
{
    smalti__color color;
    for (int c = 0; c < 3; c++)
        color.v[c] = (int16_t)(rgba[3] == 255 ? rgba[c] * scales[c] : (rgba[c] * rgba[3] * scales[c] + 127) / 255);
    color.v[3] = (int16_t)(rgba[3] * scales[3]);
    return color;
}

/* Back from a mean in the space. */
static void to_rgba(const double v[4], uint8_t rgba[4])
{
    double alpha = v[3] / scales[3];
    for (int c = 0; c < 3; c++) {
        double value = alpha > 0 ? v[c] / scales[c] * 255 / alpha : 0;
        rgba[c] = (uint8_t)(value < 255 ? value + 0.5 : 255);
    }
    rgba[3] = (uint8_t)(alpha < 255 ? alpha + 0.5 : 255);
}

/* --- boxes --- */

typedef struct box {
    uint32_t from, to; /* points */
    double mean[4];
    float axis[4], cut; /* points below it along the axis would go to the first half */
    double gain; /* what that takes from the sum of squared errors */
} box;

static void box_mean(const smalti__point *points, box *b)
{
    double sum[4] = {0}, weight = 0;
    for (uint32_t i = b->from; i < b->to; i++) {
        for (int c = 0; c < 4; c++)
            sum[c] += (double)points[i].weight * points[i].color.v[c];
        weight += (double)points[i].weight;
    }
    for (int c = 0; c < 4; c++)
        b->mean[c] = sum[c] / weight;
}

static void box_axis(const smalti__point *points, box *b)
{
    float mean[4], covariance[4][4] = {{0}}, axis[4] = {1, 1, 1, 1};
    for (int c = 0; c < 4; c++)
        mean[c] = (float)b->mean[c];
    for (uint32_t i = b->from; i < b->to; i++) {
        float d[4];
        for (int c = 0; c < 4; c++)
            d[c] = (float)points[i].color.v[c] - mean[c];
        for (int r = 0; r < 4; r++)
            for (int c = 0; c < 4; c++)
                covariance[r][c] += points[i].weight * d[r] * d[c];
    }
    /* from the component that varies most, so that the start is not at right angles to the axis */
    int most = 0;
    for (int c = 1; c < 4; c++)
        most = covariance[c][c] > covariance[most][most] ? c : most;
    memcpy(axis, covariance[most], sizeof axis);
    for (int step = 0; step < AXIS_STEPS; step++) {
        float next[4] = {0}, largest = 0;
        for (int r = 0; r < 4; r++) {
            for (int c = 0; c < 4; c++)
                next[r] += covariance[r][c] * axis[c];
            largest = fmaxf(largest, fabsf(next[r]));
        }
        for (int r = 0; r < 4; r++)
            axis[r] = largest > 0 ? next[r] / largest : 0;
    }
    float length = sqrtf(axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2] + axis[3] * axis[3]);
    for (int r = 0; r < 4; r++)
        b->axis[r] = length > 0 ? axis[r] / length : 0;
}

static float project(const box *b, const smalti__point *point)
{
    float along = 0;
    for (int c = 0; c < 4; c++)
        along += b->axis[c] * (float)point->color.v[c];
    return along;
}

/* Finds the cut that leaves the least error in both halves. */
static void plan_cut(smalti__quantizer *quantizer, box *b)
{
    const smalti__point *points = quantizer->points;
    float *along = quantizer->along, low = INFINITY, high = -INFINITY;
    b->gain = 0;
    box_mean(points, b);
    if (b->to - b->from < 2)
        return;
    box_axis(points, b);
    for (uint32_t i = b->from; i < b->to; i++) {
        along[i] = project(b, &points[i]);
        low = along[i] < low ? along[i] : low;
        high = along[i] > high ? along[i] : high;
    }
    if (!(high > low))
        return;
    double weights[BINS] = {0}, sums[BINS] = {0}, weight = 0, sum = 0, left = 0, left_sum = 0;
    float scale = (float)(BINS - 1) / (high - low);
    for (uint32_t i = b->from; i < b->to; i++) {
        uint32_t bin = (uint32_t)((along[i] - low) * scale);
        weights[bin] += (double)points[i].weight;
        sums[bin] += (double)points[i].weight * (double)along[i];
    }
    for (uint32_t bin = 0; bin < BINS; bin++)
        weight += weights[bin], sum += sums[bin];
    for (uint32_t bin = 0; bin + 1 < BINS; bin++) {
        left += weights[bin], left_sum += sums[bin];
        double right = weight - left;
        if (!weights[bin] || right <= 0)
            continue;
        double apart = left_sum / left - (sum - left_sum) / right, gain = left * right / weight * apart * apart;
        if (gain > b->gain) {
            b->gain = gain;
            b->cut = low + (float)(bin + 1) / scale;
        }
    }
}

/* Puts the points of the first half in front. Returns where the second begins. */
static uint32_t divide(smalti__quantizer *quantizer, const box *b)
{
    smalti__point *points = quantizer->points;
    uint32_t from = b->from, to = b->to;
    while (from < to) {
        if (project(b, &points[from]) < b->cut) {
            from++;
        } else {
            smalti__point point = points[--to];
            points[to] = points[from];
            points[from] = point;
        }
    }
    return from;
}

/* Translucent points first, then opaque ones. Returns how many are translucent. */
static uint32_t make_points(smalti__quantizer *quantizer)
{
    uint32_t translucent = 0, opaque = quantizer->counted_count, shift = quantizer->shift;
    for (uint32_t i = 0; i < quantizer->counted_count; i++) {
        const smalti__counted *counted = &quantizer->counted[i];
        bool solid = (counted->key & 255) == 255;
        double v[4], count = (double)counted->count;
        for (int c = 0; c < 4; c++)
            v[c] = (double)((counted->key >> (24 - 8 * c) & 255) << shift) + (double)counted->rest[c] / count;
        v[3] = solid ? 255 : v[3];
        smalti__point *point = &quantizer->points[solid ? --opaque : translucent++];
        point->weight = (float)count;
        for (int c = 0; c < 3; c++)
            point->color.v[c] = (int16_t)(v[c] * v[3] / 255 * scales[c] + 0.5);
        point->color.v[3] = (int16_t)(v[3] * scales[3] + 0.5);
    }
    return translucent;
}

/* Divides boxes until there are most, or nothing is left to divide. Returns how many, sorted by where they begin. */
static uint32_t make_boxes(smalti__quantizer *quantizer, uint32_t translucent, box *boxes, uint32_t most)
{
    uint32_t count = 0, total = quantizer->counted_count;
    if (translucent) /* with but one color, all are of the kind that has alpha */
        boxes[count++] = (box){.from = 0, .to = most > 1 ? translucent : total};
    if (translucent < total && count < most)
        boxes[count++] = (box){.from = translucent, .to = total};
    for (uint32_t i = 0; i < count; i++)
        plan_cut(quantizer, &boxes[i]);
    while (count < most) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < count; i++)
            best = boxes[i].gain > boxes[best].gain ? i : best;
        box *b = &boxes[best];
        uint32_t middle = b->gain > 0 ? divide(quantizer, b) : b->from;
        b->gain = 0;
        if (middle > b->from && middle < b->to) {
            boxes[count] = (box){.from = middle, .to = b->to};
            b->to = middle;
            plan_cut(quantizer, &boxes[count++]);
            plan_cut(quantizer, b);
            continue;
        }
        bool any = false;
        for (uint32_t i = 0; i < count; i++)
            any = any || boxes[i].gain > 0;
        if (!any)
            break;
    }
    return count;
}

/* --- refinement --- */

typedef struct cluster {
    double sum[4], weight;
} cluster;

static void set_color(smalti__quantizer *quantizer, uint32_t index, const double mean[4])
{
    uint8_t *rgba = quantizer->palette[index];
    to_rgba(mean, rgba);
    if (index < quantizer->opaque && rgba[3] == 255)
        rgba[3] = 254; /* what is not opaque does not become so */
    quantizer->space[index] = smalti__quantize_color(rgba);
}

static void set_search(smalti__quantizer *quantizer)
{
    smalti__nearest_set(&quantizer->all, quantizer->space, quantizer->count);
    uint32_t opaque = quantizer->opaque;
    if (opaque < quantizer->count)
        smalti__nearest_set(&quantizer->opaques, quantizer->space + opaque, quantizer->count - opaque);
}

/* Gives every point to its nearest color. Returns the sum of squared errors; *worst is the point with most of it. */
static double assign(const smalti__quantizer *quantizer, uint32_t translucent, cluster *clusters, uint32_t *worst)
{
    double total = 0, most = -1;
    memset(clusters, 0, quantizer->count * sizeof *clusters);
    for (uint32_t i = 0; i < quantizer->counted_count; i++) {
        const smalti__point *point = &quantizer->points[i];
        bool opaque = i >= translucent && quantizer->opaque < quantizer->count;
        uint32_t found = quantizer->find(opaque ? &quantizer->opaques : &quantizer->all, point->color);
        cluster *into = &clusters[(found & 255) + (opaque ? quantizer->opaque : 0)];
        double weight = (double)point->weight, error = weight * (found >> 8);
        for (int c = 0; c < 4; c++)
            into->sum[c] += weight * point->color.v[c];
        into->weight += weight;
        total += error;
        if (error > most) {
            most = error;
            *worst = i;
        }
    }
    return total;
}

static void refine(smalti__quantizer *quantizer, uint32_t translucent)
{
    cluster clusters[256];
    double before = INFINITY;
    uint32_t first = quantizer->transparent > 0; /* that color stays as it is */
    for (int step = 0; step < REFINE_MOST; step++) {
        uint32_t worst = 0;
        bool worst_free = true;
        set_search(quantizer);
        double error = assign(quantizer, translucent, clusters, &worst);
        if (error > before * 0.995)
            break;
        before = error;
        for (uint32_t i = first; i < quantizer->count; i++) {
            double mean[4];
            if (clusters[i].weight > 0) {
                for (int c = 0; c < 4; c++)
                    mean[c] = clusters[i].sum[c] / clusters[i].weight;
                set_color(quantizer, i, mean);
            } else if (worst_free && (worst >= translucent) == (i >= quantizer->opaque)) {
                /* a color that nobody wants takes over the worst point */
                for (int c = 0; c < 4; c++)
                    mean[c] = quantizer->points[worst].color.v[c];
                set_color(quantizer, i, mean);
                worst_free = false;
            }
        }
    }
    set_search(quantizer);
}

/* --- palette --- */

/* A color that is nearer than that to one of the palette is nearest to it. */
static void measure_apart(smalti__quantizer *quantizer)
{
    for (uint32_t i = 0; i < quantizer->count; i++) {
        uint32_t nearest = UINT32_MAX;
        for (uint32_t k = 0; k < quantizer->count; k++) {
            uint32_t d = smalti__color_distance(quantizer->space[i], quantizer->space[k]);
            nearest = k != i && d < nearest ? d : nearest;
        }
        quantizer->apart[i] = nearest / 4;
    }
}

/* The pixels' own colors, those with alpha first. */
static void choose_exact(smalti__quantizer *quantizer)
{
    quantizer->lossless = true;
    for (uint32_t solid = 0; solid < 2; solid++) {
        quantizer->opaque = quantizer->count;
        for (uint32_t slot = 0; slot < SMALTI__EXACT_SLOTS; slot++) {
            uint8_t rgba[4];
            memcpy(rgba, &quantizer->exact[slot], 4);
            if (!quantizer->exact_index[slot] || (rgba[3] == 255) != solid)
                continue;
            memcpy(quantizer->palette[quantizer->count++], rgba, 4);
            quantizer->exact_index[slot] = (uint16_t)quantizer->count;
        }
    }
}

static void choose_nearest(smalti__quantizer *quantizer)
{
    static const double clear[4] = {0};
    box boxes[256];
    uint32_t next = quantizer->transparent > 0, translucent = make_points(quantizer);
    uint32_t count = make_boxes(quantizer, translucent, boxes, quantizer->colors - next);
    quantizer->count = quantizer->opaque = next + count;
    if (next)
        set_color(quantizer, 0, clear);
    for (uint32_t i = 0; i < count; i++)
        quantizer->opaque -= boxes[i].from >= translucent;
    for (uint32_t solid = 0; solid < 2; solid++)
        for (uint32_t i = 0; i < count; i++)
            if ((boxes[i].from >= translucent) == solid)
                set_color(quantizer, next++, boxes[i].mean);
    refine(quantizer, translucent);
    measure_apart(quantizer);
}

void smalti__quantizer_choose(smalti__quantizer *quantizer)
{
    if (quantizer->exact_count > quantizer->colors)
        smalti__quantize_drop_hidden(quantizer);
    if (quantizer->exact_count <= quantizer->colors)
        choose_exact(quantizer);
    else
        choose_nearest(quantizer);
}

/* --- life --- */

static size_t rows_bytes(uint32_t width)
{
    return ((size_t)width + 2) * (2 * sizeof(smalti__color) + 2 * 4 * sizeof(int16_t) + 1);
}

size_t smalti__quantizer_bytes(uint32_t width)
{
    return sizeof(smalti__quantizer) + SMALTI__COUNTED_MOST * (sizeof(smalti__counted) + sizeof(smalti__point) + 4) +
           SMALTI__COUNTED_SLOTS * sizeof(uint32_t) + rows_bytes(width) + 10 * (size_t)SMALTI__POOL_SLACK;
}

static bool get_memory(smalti__quantizer *quantizer)
{
    smalti__pool *pool = quantizer->pool;
    size_t pixels = (size_t)quantizer->width + 2;
    quantizer->counted = smalti__pool_get(pool, SMALTI__COUNTED_MOST * sizeof *quantizer->counted);
    quantizer->slots = smalti__pool_get(pool, SMALTI__COUNTED_SLOTS * sizeof *quantizer->slots);
    quantizer->points = smalti__pool_get(pool, SMALTI__COUNTED_MOST * sizeof *quantizer->points);
    quantizer->along = smalti__pool_get(pool, SMALTI__COUNTED_MOST * sizeof *quantizer->along);
    quantizer->current = smalti__pool_get(pool, pixels * sizeof *quantizer->current);
    quantizer->next = smalti__pool_get(pool, pixels * sizeof *quantizer->next);
    quantizer->strength = smalti__pool_get(pool, pixels);
    for (int i = 0; i < 2; i++)
        quantizer->errors[i] = smalti__pool_get(pool, pixels * 4 * sizeof *quantizer->errors[i]);
    if (!quantizer->counted || !quantizer->slots || !quantizer->points || !quantizer->along || !quantizer->current ||
        !quantizer->next || !quantizer->strength || !quantizer->errors[0] || !quantizer->errors[1])
        return false;
    memset(quantizer->slots, 0, SMALTI__COUNTED_SLOTS * sizeof *quantizer->slots);
    for (int i = 0; i < 2; i++)
        memset(quantizer->errors[i], 0, pixels * 4 * sizeof *quantizer->errors[i]);
    return true;
}

smalti_result smalti__quantizer_new(smalti__pool *pool, uint32_t width, uint32_t colors, uint32_t dither,
                                    smalti__quantizer **quantizer, smalti_error *error)
{
    smalti__quantizer *made = smalti__pool_get(pool, sizeof *made);
    if (made) {
        *made = (smalti__quantizer){.pool = pool, .width = width, .colors = colors, .dither = dither};
        made->find = smalti__nearest_get();
        if (get_memory(made)) {
            *quantizer = made;
            return SMALTI_OK;
        }
    }
    smalti__quantizer_free(made);
    return smalti__fail_nomem(error, smalti__quantizer_bytes(width));
}

void smalti__quantizer_free(smalti__quantizer *quantizer)
{
    if (!quantizer)
        return;
    smalti__pool *pool = quantizer->pool;
    for (int i = 0; i < 2; i++)
        smalti__pool_put(pool, quantizer->errors[i]);
    smalti__pool_put(pool, quantizer->strength);
    smalti__pool_put(pool, quantizer->next);
    smalti__pool_put(pool, quantizer->current);
    smalti__pool_put(pool, quantizer->along);
    smalti__pool_put(pool, quantizer->points);
    smalti__pool_put(pool, quantizer->slots);
    smalti__pool_put(pool, quantizer->counted);
    smalti__pool_put(pool, quantizer);
}
