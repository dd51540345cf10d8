/* SPDX-License-Identifier: Apache-2.0
 * Shipped kernels against references: plain formulas in double precision, on images of awkward sizes in every sample
 * type and channel count a kernel takes, in strips of several heights, as a module and compiled into this program. */
#ifndef SMALTI_TEST_SHIPPED_KERNELS_H
#define SMALTI_TEST_SHIPPED_KERNELS_H

#include "test.h"

#include <math.h>
#include <smalti/kernel.h>

#include "kernel/instance.h"

/* An image as numbers, in the units of its samples; most is white. */
struct picture {
    int width, height, channels;
    smalti_sample sample;
    double most;
    double *v;
};

static inline double *at(const struct picture *p, int x, int y, int c)
{
    x = x < 0 ? 0 : x >= p->width ? p->width - 1 : x;
    y = y < 0 ? 0 : y >= p->height ? p->height - 1 : y;
    return &p->v[((size_t)y * (size_t)p->width + (size_t)x) * (size_t)p->channels + (size_t)c];
}
/* Channels that are not alpha. */
static inline int colors(const struct picture *p)
{
    return p->channels - (p->channels % 2 == 0);
}
static inline double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}
/* Colour c of a pixel that may be gray. */
static inline double color(const struct picture *p, int x, int y, int c)
{
    return *at(p, x, y, p->channels > 2 ? c : 0);
}

/* Noise with runs of black and white, the same every time. The image is freed by smalti_image_free. */
static inline void make_image(smalti_image *image, struct picture *p, int width, int height, int channels,
                              smalti_sample sample)
{
    smalti_error error;
    *image = (smalti_image){
        .width = (uint32_t)width, .height = (uint32_t)height, .channels = (uint32_t)channels, .sample = sample};
    CHECK_OK(smalti_image_alloc(image, &error), error);
    *p = (struct picture){
        width, height, channels, sample, sample == SMALTI_SAMPLE_U8 ? 255 : sample == SMALTI_SAMPLE_U16 ? 65535 : 1,
        NULL};
    p->v = malloc(sizeof(double) * (size_t)width * (size_t)height * (size_t)channels);
    uint32_t state = 12345, run = 0;
    for (int y = 0; y < height; y++)
        for (int i = 0; i < width * channels; i++) {
            uint8_t *row = (uint8_t *)image->data + (size_t)y * image->pitch;
            state = state * 1664525 + 1013904223;
            run = run ? run - 1 : state >> 28 ? 0 : 1 + (state >> 20 & 31);
            uint16_t v = run ? (state >> 19 & 1) * 65535 : state >> 16;
            double *out = &p->v[(size_t)y * (size_t)width * (size_t)channels + (size_t)i];
            if (sample == SMALTI_SAMPLE_U8)
                *out = row[i] = v >> 8;
            else if (sample == SMALTI_SAMPLE_U16)
                *out = ((uint16_t *)row)[i] = v;
            else
                *out = ((float *)row)[i] = (float)v / 65535;
        }
}

static inline double image_at(const smalti_image *image, int x, int y, int c)
{
    const uint8_t *row = (const uint8_t *)image->data + (size_t)y * image->pitch;
    size_t i = (size_t)x * image->channels + (size_t)c;
    return image->sample == SMALTI_SAMPLE_U8    ? row[i]
           : image->sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)row)[i]
                                                : (double)((const float *)row)[i];
}

static const int sizes[][2] = {{1, 1}, {1, 37}, {37, 1}, {17, 13}, {64, 64}, {65, 33}};
static const uint32_t strips[] = {1, 7, 64};
#define EACH(index, array) for (size_t index = 0; index < sizeof(array) / sizeof(array)[0]; index++)

/* Kernels compiled into this program: NAME_smalti_tile and so on. */
#define NATIVE(id)                          \
    extern const char id##_descriptor[];    \
    int32_t id##_smalti_tile(const void *); \
    static const struct native native_##id = {id##_descriptor, {id##_smalti_tile, NULL, NULL}};
#define NATIVE_WIDE(id)                                        \
    extern const char id##_descriptor[];                       \
    int32_t id##_smalti_tile(const void *);                    \
    int32_t id##_smalti_halo(const double *);                  \
    uint32_t id##_smalti_scratch(const void *);                \
    static const struct native native_##id = {id##_descriptor, \
                                              {id##_smalti_tile, id##_smalti_halo, id##_smalti_scratch}};
struct native {
    const char *descriptor;
    smalti__native functions;
};

/* What a kernel should make of *in: out has its geometry and room, values need not be rounded or in range. */
typedef void reference(const struct picture *in, const double *params, struct picture *out);

/* How far samples may be from the reference, in levels for whole numbers (0.5 is right rounding), in units for floats. */
struct tolerance {
    double u8, u16, f32;
};

static inline void compare(const char *what, const struct picture *expected, const smalti_image *image,
                           double tolerance)
{
    CHECK_INT(image->channels, expected->channels);
    CHECK_INT(image->width, expected->width);
    CHECK_INT(image->height, expected->height);
    for (int y = 0; y < expected->height; y++)
        for (int x = 0; x < expected->width; x++)
            for (int c = 0; c < expected->channels; c++) {
                double e = *at(expected, x, y, c), a = image_at(image, x, y, c);
                e = expected->sample == SMALTI_SAMPLE_F32 ? e : clamp(e, 0, expected->most);
                if (!(fabs(a - e) <= tolerance))
                    TEST_FAIL("%s: %dx%d, %d channels, sample type %d: (%d,%d) channel %d is %.9g, not %.9g", what,
                              expected->width, expected->height, expected->channels, expected->sample, x, y, c, a, e);
            }
}

static inline void compare_same(const char *what, const smalti_image *a, const smalti_image *b)
{
    for (uint32_t y = 0; y < a->height; y++)
        if (memcmp((uint8_t *)a->data + y * a->pitch, (uint8_t *)b->data + y * b->pitch,
                   a->width * a->channels * smalti_sample_bytes(a->sample)))
            TEST_FAIL("%s: %ux%u, %u channels, sample type %d: row %u differs", what, a->width, a->height, a->channels,
                      a->sample, y);
}

/* Colours times alpha, for kernels that want them so; what such a kernel makes is compared in the same way, because what
 * is hardly there may be of any colour. */
static inline void premultiply(struct picture *p)
{
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++)
            for (int c = 0; c < colors(p); c++)
                *at(p, x, y, c) *= clamp(*at(p, x, y, p->channels - 1) / p->most, 0, 1);
}
static inline void compare_premultiplied(const char *what, const struct picture *expected, const smalti_image *image,
                                         double tolerance)
{
    int alpha = expected->channels - 1;
    for (int y = 0; y < expected->height; y++)
        for (int x = 0; x < expected->width; x++)
            for (int c = 0; c < expected->channels; c++) {
                double e = *at(expected, x, y, c), a = image_at(image, x, y, c);
                if (c < alpha)
                    a *= image_at(image, x, y, alpha) / expected->most;
                if (!(fabs(a - e) <= tolerance))
                    TEST_FAIL("%s: %dx%d, %d channels, sample type %d: (%d,%d) channel %d is %.9g, not %.9g", what,
                              expected->width, expected->height, expected->channels, expected->sample, x, y, c, a, e);
            }
}

static inline void check_image(smalti_kernel *kernel, smalti_kernel *native, const double *params, reference *expect,
                               double tolerance, const smalti_image *image, const struct picture *in)
{
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    struct picture out = *in;
    smalti_image first = {0};
    smalti_error error;
    out.channels = info->output_channels[in->channels];
    out.v = calloc((size_t)out.width * (size_t)out.height * (size_t)out.channels, sizeof(double));
    bool premultiplied = info->premultiplied && in->channels % 2 == 0;
    struct picture seen = *in;
    if (premultiplied) {
        size_t bytes = (size_t)in->width * (size_t)in->height * (size_t)in->channels * sizeof(double);
        seen.v = memcpy(malloc(bytes), in->v, bytes);
        premultiply(&seen);
        /* rounded on the way in and out, and alpha on its way through */
        tolerance += in->sample == SMALTI_SAMPLE_F32 ? 1e-5 : 1.6;
    }
    expect(&seen, params, &out);
    EACH(strip, strips)
    {
        smalti_image made, same;
        CHECK_OK(smalti_kernel_apply(kernel, params, image, strips[strip], &made, &error), error);
        CHECK_OK(smalti_kernel_apply(native, params, image, strips[strip], &same, &error), error);
        if (premultiplied)
            compare_premultiplied(info->name, &out, &made, tolerance);
        else
            compare(info->name, &out, &made, tolerance);
        compare_same("compiled natively", &made, &same);
        if (strip)
            compare_same("in other strips", &first, &made);
        smalti_image_free(strip ? &made : &same);
        smalti_image_free(strip ? &same : &(smalti_image){0});
        if (!strip)
            first = made;
    }
    smalti_image_free(&first);
    if (premultiplied)
        free(seen.v);
    free(out.v);
}

static inline void check_kernel(const char *name, const struct native *functions, const char *text, reference *expect,
                                struct tolerance tolerance)
{
    smalti_kernel *kernel, *native;
    smalti_error error;
    double params[16];
    CHECK_OK(smalti_kernel_load(name, &(smalti_kernel_options){.size = sizeof(smalti_kernel_options), .cache_dir = ""},
                                &kernel, &error),
             error);
    CHECK_OK(smalti__kernel_load_native(functions->descriptor, &functions->functions, &native, &error), error);
    CHECK_OK(smalti_kernel_params_parse(kernel, text, params, &error), error);
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++)
        for (int channels = 1; channels <= 4; channels++)
            EACH(size, sizes)
            {
                if (!(info->samples >> sample & 1) || !(info->channels >> channels & 1))
                    continue;
                smalti_image image;
                struct picture in;
                make_image(&image, &in, sizes[size][0], sizes[size][1], channels, sample);
                check_image(kernel, native, params, expect,
                            sample == SMALTI_SAMPLE_U8    ? tolerance.u8
                            : sample == SMALTI_SAMPLE_U16 ? tolerance.u16
                                                          : tolerance.f32,
                            &image, &in);
                smalti_image_free(&image);
                free(in.v);
            }
    smalti_kernel_unref(kernel);
    smalti_kernel_unref(native);
}

/* Every sample by itself; alpha stays. */
#define EACH_SAMPLE(out, x, y, c)              \
    for (int y = 0; y < (out)->height; y++)    \
        for (int x = 0; x < (out)->width; x++) \
            for (int c = 0; c < (out)->channels; c++)

#endif
