/* SPDX-License-Identifier: Apache-2.0
 * One deep pixel to a flat one: samples sorted by depth and put over each other from the front; volumes that overlap by a sweep
 * over the depths at which something begins or ends. */
#include "exr/deep.h"

#include <float.h>
#include <math.h>

/* ---- order ---- */

/* NaN and infinity are far away: lengths of volumes stay finite. */
static double depth(const float *z, uint32_t i)
{
    return z[i] < FLT_MAX ? z[i] > -FLT_MAX ? (double)z[i] : -(double)FLT_MAX : (double)FLT_MAX;
}

static bool is_after(const float *z, const float *back, uint32_t a, uint32_t b)
{
    double first = depth(z, a), second = depth(z, b);
    return first != second ? first > second : depth(back, a) > depth(back, b);
}

/* By z, then by back; stable. What comes in order, as it does from most writers, costs a pass. */
static void sort(const float *z, const float *back, uint32_t *order, uint32_t *spare, uint32_t count)
{
    bool sorted = true;
    for (uint32_t i = 1; i < count && sorted; i++)
        sorted = !is_after(z, back, order[i - 1], order[i]);
    for (size_t run = 1; run < count && !sorted; run *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * run) {
            size_t middle = begin + run < count ? begin + run : count;
            size_t end = middle + run < count ? middle + run : count, a = begin, b = middle;
            for (size_t to = begin; to < end; to++)
                spare[to] =
                    b == end || (a < middle && !is_after(z, back, order[a], order[b])) ? order[a++] : order[b++];
        }
        memcpy(order, spare, count * sizeof *order);
    }
}

/* ---- over ---- */

typedef struct pixel {
    const smalti__exr_deep_samples *samples;
    uint32_t channels;
    const smalti__exr_deep_rule *rules;
    double clear; /* what is seen of what comes next */
    double sums[SMALTI__EXR_DEEP_CHANNELS];
} pixel;

static double alpha_of(const smalti__exr_deep_samples *samples, uint32_t i)
{
    if (!samples->alpha)
        return 1;
    float alpha = samples->alpha[i];
    return alpha > 0 ? alpha < 1 ? (double)alpha : 1 : 0; /* NaN becomes 0 */
}

static void put_surface(pixel *to, uint32_t i)
{
    for (uint32_t c = 0; c < to->channels; c++)
        if (to->rules[c] == SMALTI__EXR_DEEP_OVER)
            to->sums[c] += to->clear * (double)to->samples->values[c][i];
    to->clear *= 1 - alpha_of(to->samples, i);
}

static bool has_volumes_in_others(const smalti__exr_deep_samples *samples, const uint32_t *near, uint32_t count)
{
    double reach = -(double)FLT_MAX;
    if (!samples->z || samples->back == samples->z)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        double back = depth(samples->back, near[i]);
        if (i && depth(samples->z, near[i]) < reach)
            return true;
        reach = back > reach ? back : reach;
    }
    return false;
}

/* ---- volumes ---- */

/* Of all volumes at a depth, for each unit of it. With u = −ln(1 − alpha) a slice of a volume has its share of u, and its colour
 * is its share of colour · u ⁄ alpha, before it is dimmed by what lies in the slice: both are sums. */
typedef struct medium {
    uint32_t volumes;
    double density, glow[SMALTI__EXR_DEEP_CHANNELS];
} medium;

static void change_medium(medium *in, const pixel *of, uint32_t i, double sign)
{
    const smalti__exr_deep_samples *samples = of->samples;
    double alpha = alpha_of(samples, i), u = -log1p(-alpha);
    double share = sign / (depth(samples->back, i) - depth(samples->z, i)), lit = alpha > 0 ? u / alpha : 1;
    in->density += u * share;
    for (uint32_t c = 0; c < of->channels; c++)
        if (of->rules[c] == SMALTI__EXR_DEEP_OVER)
            in->glow[c] += (double)samples->values[c][i] * lit * share;
    in->volumes += sign > 0 ? 1 : UINT32_MAX;
    if (!in->volumes) /* and no rest of rounding */
        *in = (medium){0};
}

static void put_slice(pixel *to, const medium *in, double length)
{
    double u = in->density > 0 ? in->density * length : 0, alpha = -expm1(-u), dimmed = u > 1e-12 ? alpha / u : 1;
    for (uint32_t c = 0; c < to->channels; c++)
        if (to->rules[c] == SMALTI__EXR_DEEP_OVER)
            to->sums[c] += to->clear * in->glow[c] * length * dimmed;
    to->clear *= 1 - alpha;
}

/* An opaque volume hides all behind its front. */
static bool is_volume(const smalti__exr_deep_samples *samples, uint32_t i)
{
    return depth(samples->back, i) > depth(samples->z, i) && alpha_of(samples, i) < 1;
}

static void sweep(pixel *to, const smalti__exr_deep_order *order, uint32_t count)
{
    const smalti__exr_deep_samples *samples = to->samples;
    medium in = {0};
    uint32_t ends = 0, begun = 0, ended = 0;
    double at = depth(samples->z, order->near[0]);
    for (uint32_t i = 0; i < count; i++)
        if (is_volume(samples, order->near[i]))
            order->far[ends++] = order->near[i];
    sort(samples->back, samples->back, order->far, order->spare, ends);
    while ((begun < count || in.volumes) && to->clear > 0) {
        double front = begun < count ? depth(samples->z, order->near[begun]) : (double)INFINITY;
        double end = in.volumes ? depth(samples->back, order->far[ended]) : (double)INFINITY;
        double next = end < front ? end : front;
        if (in.volumes && next > at)
            put_slice(to, &in, next - at);
        at = next;
        if (end <= front)
            change_medium(&in, to, order->far[ended++], -1);
        else if (is_volume(samples, order->near[begun]))
            change_medium(&in, to, order->near[begun++], 1);
        else
            put_surface(to, order->near[begun++]);
    }
}

/* ---- the pixel ---- */

/* The first that is seen; when none is, the first. */
static float nearest(const smalti__exr_deep_samples *samples, const uint32_t *near, uint32_t count, uint32_t channel)
{
    uint32_t first = 0;
    while (first < count && !(alpha_of(samples, near[first]) > 0))
        first++;
    return samples->values[channel][near[first < count ? first : 0]];
}

void smalti__exr_deep_pixel(const smalti__exr_deep_samples *samples, uint32_t count, uint32_t channels,
                            const smalti__exr_deep_rule *rules, const smalti__exr_deep_order *order, float *out)
{
    pixel to = {.samples = samples, .channels = channels, .rules = rules, .clear = 1};
    for (uint32_t i = 0; i < count; i++)
        order->near[i] = i;
    if (samples->z)
        sort(samples->z, samples->back, order->near, order->spare, count);
    if (has_volumes_in_others(samples, order->near, count))
        sweep(&to, order, count);
    else
        for (uint32_t i = 0; i < count && to.clear > 0; i++)
            put_surface(&to, order->near[i]);
    for (uint32_t c = 0; c < channels; c++)
        out[c] = !count                                 ? 0
                 : rules[c] == SMALTI__EXR_DEEP_NEAREST ? nearest(samples, order->near, count, c)
                 : rules[c] == SMALTI__EXR_DEEP_ALPHA   ? (float)(1 - to.clear)
                                                        : (float)to.sums[c];
}
