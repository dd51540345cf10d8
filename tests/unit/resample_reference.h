/* SPDX-License-Identifier: Apache-2.0
 * Scaling by the book, in double precision, for the tests of the resampler: every output pixel is a weighted mean of the
 * whole axis, computed apart from the library. And what calls the library's on a whole image. */
#ifndef SMALTI_TEST_RESAMPLE_REFERENCE_H
#define SMALTI_TEST_RESAMPLE_REFERENCE_H

#include "test.h"

#include <math.h>

#include "pixel/resample.h"
#include "pixel/resample_rows.h"

static double ref_sinc(double x)
{
    return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x);
}

static double ref_cubic(double x, double b, double c)
{
    if (x < 1)
        return ((12 - 9 * b - 6 * c) * x * x * x + (-18 + 12 * b + 6 * c) * x * x + (6 - 2 * b)) / 6;
    return ((-b - 6 * c) * x * x * x + (6 * b + 30 * c) * x * x + (-12 * b - 48 * c) * x + (8 * b + 24 * c)) / 6;
}

static double ref_weight(smalti__filter filter, double x)
{
    static const double radius[] = {0.5, 1, 2, 2, 2, 3};
    x = fabs(x);
    if (x >= radius[filter])
        return 0;
    switch (filter) {
    case SMALTI__FILTER_LINEAR:
        return 1 - x;
    case SMALTI__FILTER_CATMULL_ROM:
        return ref_cubic(x, 0, 0.5);
    case SMALTI__FILTER_MITCHELL:
        return ref_cubic(x, 1 / 3.0, 1 / 3.0);
    default:
        return ref_sinc(x) * ref_sinc(x / radius[filter]);
    }
}

/* One axis: in samples at a stride to out samples at another. */
static void ref_axis(const double *src, size_t src_stride, uint32_t in, double *dst, size_t dst_stride, uint32_t out,
                     double origin, double extent, smalti__filter filter)
{
    double scale = extent / out, stretch = scale > 1 ? scale : 1;
    bool same = extent == out && origin == floor(origin);
    for (uint32_t o = 0; o < out; o++) {
        double centre = origin + (o + 0.5) * scale, sum = 0, weights = 0;
        if (same || filter == SMALTI__FILTER_NEAREST) {
            long nearest = same ? (long)origin + (long)o : (long)floor(centre);
            dst[o * dst_stride] = src[(size_t)(nearest < in ? nearest : in - 1) * src_stride];
            continue;
        }
        for (long i = (long)(centre - 3 * stretch) - 2; i <= (long)(centre + 3 * stretch) + 2; i++) {
            double w = ref_weight(filter, ((double)i + 0.5 - centre) / stretch);
            sum += w * src[(size_t)(i < 0 ? 0 : i >= in ? in - 1 : i) * src_stride];
            weights += w;
        }
        dst[o * dst_stride] = sum / weights;
    }
}

static inline double *ref_scale(const smalti__resample_setup *s, const double *src)
{
    size_t c = s->in.channels, in = s->in.width * c, out = s->out_width * c;
    double *middle = malloc(s->in.height * out * sizeof *middle), *dst = malloc(s->out_height * out * sizeof *dst);
    for (uint32_t y = 0; y < s->in.height; y++)
        for (size_t i = 0; i < c; i++)
            ref_axis(src + y * in + i, c, s->in.width, middle + y * out + i, c, s->out_width, s->x, s->width,
                     s->filter);
    for (size_t i = 0; i < out; i++)
        ref_axis(middle + i, out, s->in.height, dst + i, out, s->out_height, s->y, s->height, s->filter);
    free(middle);
    return dst;
}

/* Collects what is emitted. */
typedef struct sink {
    uint8_t *data;
    size_t row_bytes;
    uint32_t rows, most;
} sink;

static smalti_result sink_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    sink *to = user;
    if (count == 0 || count > to->most - to->rows)
        return smalti__fail(error, SMALTI_E_INVALID, "%u rows behind %u of %u", count, to->rows, to->most);
    for (uint32_t i = 0; i < count; i++, to->rows++)
        memcpy(to->data + to->rows * to->row_bytes, (const uint8_t *)rows + i * pitch, to->row_bytes);
    return SMALTI_OK;
}

static smalti__resample_setup setup_of(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                                       uint32_t out_width, uint32_t out_height, smalti__filter filter)
{
    return (smalti__resample_setup){.in = {width, height, channels, sample, false},
                                    .out_width = out_width,
                                    .out_height = out_height,
                                    .width = width,
                                    .height = height,
                                    .filter = filter};
}

/* Scales a whole image, pushed in groups of group rows from memory of exactly its size. Owned: free. */
static void *scale_in_groups(smalti__resample_setup setup, const void *src, uint32_t group)
{
    smalti_error error = {0};
    size_t pitch = setup.in.width * smalti__pixel_bytes(&setup.in);
    sink to = {.row_bytes = setup.out_width * smalti__pixel_bytes(&setup.in), .most = setup.out_height};
    to.data = malloc(to.row_bytes * setup.out_height);
    setup.emit = sink_rows, setup.user = &to;
    smalti__resample *resample = NULL;
    CHECK_OK(smalti__resample_open(&setup, &resample, &error), error);
    for (uint32_t y = 0; y < setup.in.height; y += group) {
        uint32_t count = setup.in.height - y < group ? setup.in.height - y : group;
        void *rows = malloc(pitch * count); /* reads past its end are found by sanitizers */
        memcpy(rows, (const uint8_t *)src + y * pitch, pitch * count);
        smalti_result result = smalti__resample_push(resample, rows, pitch, count, &error);
        free(rows);
        CHECK_OK(result, error);
    }
    smalti__resample_close(resample);
    CHECK_INT(to.rows, setup.out_height);
    return to.data;
}

static void *scale(const smalti__resample_setup *setup, const void *src)
{
    return scale_in_groups(*setup, src, 16);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t samples_in(const smalti__resample_setup *s)
{
    return (size_t)s->in.width * s->in.height * s->in.channels;
}

static size_t samples_out(const smalti__resample_setup *s)
{
    return (size_t)s->out_width * s->out_height * s->in.channels;
}

/* Noise with extremes; f32 leaves 0…1. Owned. */
static void *noise(const smalti__resample_setup *s, uint32_t seed)
{
    size_t count = samples_in(s);
    uint8_t *data = malloc(count * smalti_sample_bytes(s->in.sample));
    for (size_t i = 0; i < count; i++) {
        uint32_t v = next_random(&seed), kind = next_random(&seed) & 7;
        v = kind == 0 ? 0 : kind == 1 ? 0xFFFF : v & 0xFFFF;
        if (s->in.sample == SMALTI_SAMPLE_U8)
            data[i] = (uint8_t)(v >> 8);
        else if (s->in.sample == SMALTI_SAMPLE_U16)
            ((uint16_t *)data)[i] = (uint16_t)v;
        else
            ((float *)data)[i] = (float)v / 32768.0f - 0.5f;
    }
    return data;
}

static double value_at(smalti_sample sample, const void *data, size_t i)
{
    return sample == SMALTI_SAMPLE_U8    ? ((const uint8_t *)data)[i]
           : sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)data)[i]
                                         : ((const float *)data)[i];
}

static inline double *doubles_of(const smalti__resample_setup *s, const void *data)
{
    size_t count = samples_in(s);
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = value_at(s->in.sample, data, i);
    return values;
}

static inline double most_of(smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8 ? 255 : sample == SMALTI_SAMPLE_U16 ? 65535 : 1;
}

static inline double clamped(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

#endif
