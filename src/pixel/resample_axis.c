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
    return axis;
}

void smalti__axis_turn(smalti__axis *axis)
{
    double angle = M_PI / axis->stretch, slow = angle / radius_of(axis->filter);
    if (axis->filter >= SMALTI__FILTER_LANCZOS2)
        for (uint32_t i = 0; i <= SMALTI__AXIS_BLOCK; i++) {
            sincos(i * angle, &axis->turns.sine[i], &axis->turns.cosine[i]);
            sincos(i * slow, &axis->turns.slow_sine[i], &axis->turns.slow_cosine[i]);
        }
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

/* Weights, not yet scaled to sum 1, of count samples; the first lies start from the centre, in radii of a filter that is
 * not stretched. */
static void fill_polynomial(const smalti__axis *axis, double start, uint32_t count, double *weights)
{
    for (uint32_t i = 0; i < count; i++) {
        double x = fabs(start + i / axis->stretch);
        weights[i] = axis->filter == SMALTI__FILTER_LINEAR     ? linear(x)
                     : axis->filter == SMALTI__FILTER_MITCHELL ? mitchell(x)
                                                               : catmull_rom(x);
    }
}

/* sinc(x) sinc(x / radius): the sines of a block follow from those of its start by the sum of angles, since calls of sin
 * would take most of the time of a small image. */
static void fill_lanczos(const smalti__axis *axis, double start, uint32_t count, double *weights)
{
    const smalti__axis_turns *t = &axis->turns;
    double step = 1 / axis->stretch, radius = radius_of(axis->filter), scale = radius / (M_PI * M_PI);
    double c, s, slow_c, slow_s;
    sincos(M_PI * start, &s, &c);
    sincos(M_PI / radius * start, &slow_s, &slow_c);
    for (uint32_t i = 0; i < count; i += SMALTI__AXIS_BLOCK) {
        uint32_t size = count - i < SMALTI__AXIS_BLOCK ? count - i : SMALTI__AXIS_BLOCK;
        double first = start + i * step;
        for (uint32_t j = 0; j < size; j++) {
            double x = first + j * step, square = x * x, divisor = square < 1e-9 ? 1 : square;
            double sines =
                (s * t->cosine[j] + c * t->sine[j]) * (slow_s * t->slow_cosine[j] + slow_c * t->slow_sine[j]);
            weights[i + j] = square < 1e-9 ? 1 : sines * scale / divisor;
        }
        double turned = c * t->cosine[SMALTI__AXIS_BLOCK] - s * t->sine[SMALTI__AXIS_BLOCK];
        s = s * t->cosine[SMALTI__AXIS_BLOCK] + c * t->sine[SMALTI__AXIS_BLOCK];
        c = turned;
        turned = slow_c * t->slow_cosine[SMALTI__AXIS_BLOCK] - slow_s * t->slow_sine[SMALTI__AXIS_BLOCK];
        slow_s = slow_s * t->slow_cosine[SMALTI__AXIS_BLOCK] + slow_c * t->slow_sine[SMALTI__AXIS_BLOCK];
        slow_c = turned;
    }
}

static void fill(const smalti__axis *axis, double sample, double centre, uint32_t count, double *weights)
{
    double start = (sample + 0.5 - centre) / axis->stretch;
    if (axis->filter >= SMALTI__FILTER_LANCZOS2)
        fill_lanczos(axis, start, count, weights);
    else
        fill_polynomial(axis, start, count, weights);
}

/* The sum of the weights of samples beyond the edge. */
static double beyond(const smalti__axis *axis, double sample, double end, double centre)
{
    double weights[4 * SMALTI__AXIS_BLOCK], sum = 0;
    while (sample < end) {
        uint32_t count = (uint32_t)fmin(end - sample, SMALTI__COUNT(weights));
        fill(axis, sample, centre, count, weights);
        for (uint32_t i = 0; i < count; i++)
            sum += weights[i];
        sample += count;
    }
    return sum;
}

void smalti__axis_weights(const smalti__axis *axis, uint32_t o, double *weights, uint32_t *first, uint32_t *count)
{
    uint32_t begin, end;
    smalti__axis_window(axis, o, &begin, &end);
    *first = begin, *count = end - begin;
    if (*count == 1) {
        weights[0] = 1;
        return;
    }
    double low, high, centre = centre_of(axis, o), sums[2] = {0};
    reach_of(axis, o, &low, &high);
    fill(axis, begin, centre, *count, weights);
    if (low < begin)
        weights[0] += beyond(axis, low, begin, centre);
    if (high >= end)
        weights[*count - 1] += beyond(axis, end, high + 1, centre);
    for (uint32_t i = 0; i < *count; i++)
        sums[i & 1] += weights[i];
    double sum = sums[0] + sums[1], most = fabs(sum) * NO_WEIGHT;
    uint32_t skip = 0;
    while (axis->stretch == 1 && *count > 1 && fabs(weights[*count - 1]) <= most)
        --*count;
    while (axis->stretch == 1 && skip + 1 < *count && fabs(weights[skip]) <= most)
        skip++;
    *first += skip, *count -= skip;
    for (uint32_t i = 0; i < *count; i++)
        weights[i] = weights[i + skip] * (1 / sum);
}

/* The running sum is rounded, not each weight: errors do not add up where the image is smooth. */
bool smalti__axis_round(const double *weights, uint32_t count, uint32_t bits, int16_t *rounded)
{
    enum { BIAS = 1 << 25 }; /* sums are above -2 at 22 bits: positive when truncated */
    double unit = (double)(1u << bits), sum = BIAS + 0.5;
    int32_t before = BIAS;
    for (uint32_t i = 0; i < count; i++) {
        sum += weights[i] * unit;
        int32_t now = i + 1 < count ? (int32_t)sum : BIAS + (1 << bits), w = now - before;
        if (w < -INT16_MAX || w > INT16_MAX)
            return false;
        rounded[i] = (int16_t)w;
        before = now;
    }
    return true;
}
