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

static uint32_t clamp_to(const smalti__axis *axis, int64_t sample)
{
    return sample < 0 ? 0 : sample >= axis->in ? axis->in - 1 : (uint32_t)sample;
}

uint32_t smalti__axis_nearest(const smalti__axis *axis, uint32_t o)
{
    return clamp_to(axis, (int64_t)centre_of(axis, o));
}

/* Without the call that floor is for the oldest processors. */
static int64_t round_down(double v)
{
    int64_t whole = (int64_t)v;
    return whole - (v < (double)whole);
}

/* The samples whose centres lie inside the filter, also those beyond the image: from *first up to but without *end. */
static void reach_of(const smalti__axis *axis, uint32_t o, int64_t *first, int64_t *end)
{
    double centre = centre_of(axis, o) - 0.5;
    *first = round_down(centre - axis->support) + 1;
    *end = -round_down(-centre - axis->support);
    if (*end <= *first)
        *end = *first + 1;
}

static void clip_reach(const smalti__axis *axis, int64_t low, int64_t high, uint32_t *first, uint32_t *end)
{
    *first = clamp_to(axis, low);
    *end = clamp_to(axis, high - 1) + 1;
    if (*end - *first > axis->taps) /* a sample at the very rim, let in by rounding */
        *end = *first + axis->taps;
}

void smalti__axis_window(const smalti__axis *axis, uint32_t o, uint32_t *first, uint32_t *end)
{
    if (axis->same || axis->filter == SMALTI__FILTER_NEAREST) {
        *first = axis->same ? axis->shift + o : smalti__axis_nearest(axis, o);
        *end = *first + 1;
        return;
    }
    int64_t low, high;
    reach_of(axis, o, &low, &high);
    clip_reach(axis, low, high, first, end);
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

/* Sine and cosine of pi x for |x| < 8, to 1e-13: by their series, since most of the time of a small image would go into
 * calls of sincos. */
static void turn_by(double x, double *s, double *c)
{
    int whole = (int)(x + 8.5) - 8;
    double t = (x - whole) * M_PI, q = t * t, sign = whole & 1 ? -1 : 1;
    double sine = 1 / 355687428096000.0, cosine = -1 / 6402373705728000.0;
    sine = sine * q - 1 / 1307674368000.0;
    cosine = cosine * q + 1 / 20922789888000.0;
    sine = sine * q + 1 / 6227020800.0;
    cosine = cosine * q - 1 / 87178291200.0;
    sine = sine * q - 1 / 39916800.0;
    cosine = cosine * q + 1 / 479001600.0;
    sine = sine * q + 1 / 362880.0;
    cosine = cosine * q - 1 / 3628800.0;
    sine = sine * q - 1 / 5040.0;
    cosine = cosine * q + 1 / 40320.0;
    sine = sine * q + 1 / 120.0;
    cosine = cosine * q - 1 / 720.0;
    sine = sine * q - 1 / 6.0;
    cosine = cosine * q + 1 / 24.0;
    cosine = cosine * q - 0.5;
    *s = sign * (sine * q + 1) * t;
    *c = sign * (cosine * q + 1);
}

/* sinc(x) sinc(x / radius): the sines of a block follow from those of its start by the sum of angles. */
static void fill_lanczos(const smalti__axis *axis, double start, uint32_t count, double *weights)
{
    const smalti__axis_turns *t = &axis->turns;
    double step = 1 / axis->stretch, radius = radius_of(axis->filter), scale = radius / (M_PI * M_PI);
    double c, s, slow_c, slow_s;
    turn_by(start, &s, &c);
    turn_by(start / radius, &slow_s, &slow_c);
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

static void fill(const smalti__axis *axis, int64_t sample, double centre, uint32_t count, double *weights)
{
    double start = ((double)sample + 0.5 - centre) / axis->stretch;
    if (axis->filter >= SMALTI__FILTER_LANCZOS2)
        fill_lanczos(axis, start, count, weights);
    else
        fill_polynomial(axis, start, count, weights);
}

/* The sum of the weights of samples beyond the edge. */
static double beyond(const smalti__axis *axis, int64_t sample, int64_t end, double centre)
{
    double weights[4 * SMALTI__AXIS_BLOCK], sum = 0;
    while (sample < end) {
        uint32_t count = end - sample < 4 * SMALTI__AXIS_BLOCK ? (uint32_t)(end - sample) : 4 * SMALTI__AXIS_BLOCK;
        fill(axis, sample, centre, count, weights);
        for (uint32_t i = 0; i < count; i++)
            sum += weights[i];
        sample += count;
    }
    return sum;
}

double smalti__axis_weights(const smalti__axis *axis, uint32_t o, double *weights, uint32_t *first, uint32_t *count)
{
    if (axis->same || axis->filter == SMALTI__FILTER_NEAREST) {
        uint32_t end;
        smalti__axis_window(axis, o, first, &end);
        *count = 1;
        return weights[0] = 1;
    }
    int64_t low, high;
    uint32_t begin, end;
    double centre = centre_of(axis, o);
    reach_of(axis, o, &low, &high);
    clip_reach(axis, low, high, &begin, &end);
    uint32_t size = end - begin, skip = 0;
    fill(axis, begin, centre, size, weights);
    if (low < begin)
        weights[0] += beyond(axis, low, begin, centre);
    if (high > end)
        weights[size - 1] += beyond(axis, end, high, centre);
    double even = 0, odd = 0;
    for (uint32_t i = 0; i + 1 < size; i += 2)
        even += weights[i], odd += weights[i + 1];
    double sum = even + odd + (size & 1 ? weights[size - 1] : 0);
    if (axis->stretch == 1) {
        double most = fabs(sum) * NO_WEIGHT;
        while (size > 1 && fabs(weights[size - 1]) <= most)
            size--;
        while (skip + 1 < size && fabs(weights[skip]) <= most)
            skip++;
        size -= skip;
        memmove(weights, weights + skip, size * sizeof *weights);
    }
    *first = begin + skip, *count = size;
    return sum;
}

/* The running sum is rounded, not each weight: errors do not add up where the image is smooth. */
bool smalti__axis_round(const double *weights, uint32_t count, double sum, uint32_t bits, int16_t *rounded,
                        uint32_t *positive)
{
    enum { BIAS = 1 << 25 }; /* sums are above -2 at 22 bits: positive when truncated */
    double unit = (double)(1u << bits) / sum, running = BIAS + 0.5;
    int32_t before = BIAS, above = 0;
    for (uint32_t i = 0; i < count; i++) {
        running += weights[i] * unit;
        int32_t now = i + 1 < count ? (int32_t)running : BIAS + (1 << bits), w = now - before;
        if (w < -INT16_MAX || w > INT16_MAX)
            return false;
        rounded[i] = (int16_t)w;
        above += w > 0 ? w : 0;
        before = now;
    }
    *positive = (uint32_t)above;
    return true;
}
