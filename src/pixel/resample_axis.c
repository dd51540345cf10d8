/* SPDX-License-Identifier: Apache-2.0
 * Filters and their weights. */
#include "pixel/resample_axis.h"

#include <math.h>

/* Below this a weight at an end is none: it is half a unit of the 24 bits that a float holds of a large one. */
#define NO_WEIGHT 3e-8

static double radius_of(smalti__filter filter)
{
    switch (filter) {
    case SMALTI__FILTER_NEAREST:
        return 0.5;
    case SMALTI__FILTER_LINEAR:
        return 1;
    case SMALTI__FILTER_LANCZOS3:
        return 3;
    default:
        return 2;
    }
}

smalti__axis smalti__axis_make(uint32_t in, uint32_t out, double origin, double extent, smalti__filter filter)
{
    double scale = extent / out;
    smalti__axis axis = {.in = in, .out = out, .filter = filter, .origin = origin, .scale = scale};
    axis.same = extent == out && origin == floor(origin);
    axis.shift = axis.same ? (uint32_t)origin : 0;
    axis.stretch = scale > 1 ? scale : 1;
    axis.support = radius_of(filter) * axis.stretch;
    double taps = ceil(2 * axis.support);
    axis.taps = axis.same ? 1 : taps < in ? (uint32_t)taps : in;
    double angle = M_PI / axis.stretch, slow = angle / radius_of(filter);
    axis.turn[0] = cos(angle), axis.turn[1] = sin(angle), axis.turn[2] = cos(slow), axis.turn[3] = sin(slow);
    return axis;
}

static double centre_of(const smalti__axis *axis, uint32_t o)
{
    return axis->origin + (o + 0.5) * axis->scale;
}

static uint32_t clamp_to(const smalti__axis *axis, double sample)
{
    return sample < 0 ? 0 : sample > axis->in - 1 ? axis->in - 1 : (uint32_t)sample;
}

uint32_t smalti__axis_nearest(const smalti__axis *axis, uint32_t o)
{
    return clamp_to(axis, floor(centre_of(axis, o)));
}

/* The samples whose centres lie inside the filter, also those beyond the image. */
static void reach_of(const smalti__axis *axis, uint32_t o, double *first, double *last)
{
    double centre = centre_of(axis, o) - 0.5;
    *first = floor(centre - axis->support) + 1;
    *last = ceil(centre + axis->support) - 1;
    if (*last < *first)
        *last = *first;
}

void smalti__axis_window(const smalti__axis *axis, uint32_t o, uint32_t *first, uint32_t *end)
{
    if (axis->same || axis->filter == SMALTI__FILTER_NEAREST) {
        *first = axis->same ? axis->shift + o : smalti__axis_nearest(axis, o);
        *end = *first + 1;
        return;
    }
    double low, high;
    reach_of(axis, o, &low, &high);
    *first = clamp_to(axis, low);
    *end = clamp_to(axis, high) + 1;
    if (*end - *first > axis->taps) /* a sample at the very rim, let in by rounding */
        *end = *first + axis->taps;
}

static double linear(double x)
{
    return x < 1 ? 1 - x : 0;
}

static double catmull_rom(double x)
{
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0;
}

/* Mitchell and Netravali, Reconstruction filters in computer graphics, 1988: B = C = 1/3. */
static double mitchell(double x)
{
    return x < 1   ? ((7 * x - 12) * x * x + 16.0 / 3) / 6
           : x < 2 ? (((12 - 7.0 / 3 * x) * x - 20) * x + 32.0 / 3) / 6
                   : 0;
}

static double polynomial(smalti__filter filter, double x)
{
    x = fabs(x);
    return filter == SMALTI__FILTER_LINEAR     ? linear(x)
           : filter == SMALTI__FILTER_MITCHELL ? mitchell(x)
                                               : catmull_rom(x);
}

/* An angle's sine as it advances by equal steps: calls of sin would take most of the time of a small image. */
typedef struct rotor {
    double c, s;
} rotor;

static inline void advance(rotor *r, double c, double s)
{
    double turned = r->c * c - r->s * s;
    r->s = r->s * c + r->c * s;
    r->c = turned;
}

void smalti__axis_weights(const smalti__axis *axis, uint32_t o, double *weights, uint32_t *first, uint32_t *count)
{
    uint32_t begin, end;
    smalti__axis_window(axis, o, &begin, &end);
    *first = begin, *count = end - begin;
    memset(weights, 0, *count * sizeof *weights);
    if (*count == 1) {
        weights[0] = 1;
        return;
    }
    double low, high, step = 1 / axis->stretch, radius = radius_of(axis->filter), sum = 0;
    reach_of(axis, o, &low, &high);
    double start = (low + 0.5 - centre_of(axis, o)) * step;
    bool lanczos = axis->filter >= SMALTI__FILTER_LANCZOS2;
    rotor fast = {1, 0}, slow = {1, 0};
    if (lanczos) {
        sincos(M_PI * start, &fast.s, &fast.c);
        sincos(M_PI / radius * start, &slow.s, &slow.c);
    }
    uint32_t steps = (uint32_t)(high - low) + 1;
    for (uint32_t i = 0; i < steps; i++) {
        double x = start + i * step, w;
        if (!lanczos)
            w = polynomial(axis->filter, x);
        else {
            w = x * x < 1e-9 ? 1 : fast.s * slow.s * radius / (M_PI * M_PI * x * x);
            advance(&fast, axis->turn[0], axis->turn[1]);
            advance(&slow, axis->turn[2], axis->turn[3]);
        }
        uint32_t at = clamp_to(axis, low + i); /* beyond the edge: the edge sample's */
        at = at < begin ? begin : at >= end ? end - 1 : at;
        weights[at - begin] += w;
        sum += w;
    }
    double most = fabs(sum) * NO_WEIGHT;
    uint32_t skip = 0;
    while (axis->stretch == 1 && *count > 1 && fabs(weights[*count - 1]) <= most)
        --*count;
    while (axis->stretch == 1 && skip + 1 < *count && fabs(weights[skip]) <= most)
        skip++;
    *first += skip, *count -= skip;
    for (uint32_t i = 0; i < *count; i++)
        weights[i] = weights[i + skip] / sum;
}

/* The running sum is rounded, not each weight: errors do not add up where the image is smooth. */
bool smalti__axis_round(const double *weights, uint32_t count, uint32_t bits, int16_t *rounded)
{
    double unit = (double)(1u << bits), sum = 0;
    long before = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += weights[i];
        long now = i + 1 < count ? lrint(sum * unit) : (long)unit, w = now - before;
        if (w < -INT16_MAX || w > INT16_MAX)
            return false;
        rounded[i] = (int16_t)w;
        before = now;
    }
    return true;
}
