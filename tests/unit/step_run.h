/* SPDX-License-Identifier: Apache-2.0
 * Steps over an image in memory, through a flow of their own. What the flow takes is held to what it said it would. */
#ifndef SMALTI_TEST_STEP_RUN_H
#define SMALTI_TEST_STEP_RUN_H

#include <smalti/smalti.h>

#include "test.h"
#include "step/collect.h"
#include "pixel/orient.h"
#include "step/kinds.h"

static smalti_error error;
static const void *step_icc; /* the input's profile; NULL: none */
static size_t step_icc_size;
static const uint8_t paper[3] = {250, 240, 10}; /* output.background of all tests */

/* "resize 80x60:fit=cover|flip": steps with '|' between them. */
static inline size_t make_steps(smalti__step *steps, const char *text)
{
    const smalti__step_env env = {.kernel = {.size = sizeof env.kernel}, .max_pixels = 1u << 24};
    char copy[512], *rest = copy, *one;
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    while ((one = strsep(&rest, "|")) && *one) {
        char *params = strchr(one, ' ');
        if (params)
            *params++ = '\0';
        const smalti__step_kind *kind = smalti__step_kind_find(one);
        CHECK(kind && count < SMALTI__STEPS_MAX);
        smalti__step *step = &steps[count++];
        smalti__step_init(step, kind);
        CHECK_OK(smalti__step_parse(step, params, &error), error);
        if (kind->check)
            CHECK_OK(kind->check(step, &error), error);
        if (kind->prepare)
            CHECK_OK(kind->prepare(step, &env, &error), error);
    }
    return count;
}

/* Pushes in groups of rows that change. *out is the caller's. */
static inline smalti_result try_steps(const char *text, const smalti_image *in, uint32_t orientation,
                                      uint32_t strip_rows, smalti_image *out)
{
    static smalti__step steps[SMALTI__STEPS_MAX];
    static smalti__program program;
    size_t bytes = 0, count = make_steps(steps, text);
    smalti_stats stats = {0};
    smalti__pool pool = {0};
    smalti__collector collector = {.sample = in->sample};
    smalti__flow *flow = NULL;
    smalti__flow_setup setup = {
        .steps = steps,
        .step_count = count,
        .in = smalti__image_shape(in),
        .orientation = orientation,
        .strip_rows = strip_rows,
        .max_pixels = 1u << 24,
        .icc = step_icc,
        .icc_size = step_icc_size,
        .pool = &pool,
        .stats = &stats,
        .begin = smalti__collect_begin,
        .emit = smalti__collect_rows,
        .user = &collector,
    };
    memcpy(setup.background, paper, sizeof paper);
    setup.pushed = setup.in;
    smalti_result result = smalti__flow_program(&setup, &program, &error);
    smalti__shape last = program.shape;
    last.sample = in->sample;
    last.premultiplied = false;
    if (result == SMALTI_OK && (result = smalti__program_convert(&program, &last, &error)) == SMALTI_OK)
        result = smalti__flow_bytes(&setup, &program, &last, &bytes, &error);
    if (result == SMALTI_OK)
        result = smalti__flow_open(&setup, &flow, &error);
    for (uint32_t row = 0, group = 1; row < in->height && result == SMALTI_OK; group = group % 7 + 1) {
        uint32_t take = in->height - row < group ? in->height - row : group;
        result = smalti__flow_push(flow, (const uint8_t *)in->data + row * in->pitch, in->pitch, take, &error);
        row += take;
    }
    smalti__flow_close(flow);
    size_t peak = pool.peak_used_bytes, left = pool.used_bytes;
    smalti__pool_trim(&pool, 0);
    for (size_t i = 0; i < count; i++)
        smalti__step_clear(&steps[i]);
    CHECK_INT(left, 0);
    if (result == SMALTI_OK && peak > bytes)
        TEST_FAIL("%s took %zu bytes, foreseen were %zu", text, peak, bytes);
    if (result == SMALTI_OK && (collector.image.width > last.width || collector.row != collector.image.height))
        TEST_FAIL("%s gave %u rows of %u", text, collector.row, collector.image.height);
    if (result < 0)
        smalti_image_free(&collector.image);
    else
        *out = collector.image;
    return result;
}

static inline bool same_images(const smalti_image *a, const smalti_image *b)
{
    size_t bytes = (size_t)a->width * a->channels * smalti_sample_bytes(a->sample);
    if (a->width != b->width || a->height != b->height || a->channels != b->channels || a->sample != b->sample)
        return false;
    for (size_t y = 0; y < a->height; y++)
        if (memcmp((const uint8_t *)a->data + y * a->pitch, (const uint8_t *)b->data + y * b->pitch, bytes))
            return false;
    return true;
}

/* The result, which must be the same for strips of every height. */
static inline smalti_image run_steps(const char *text, const smalti_image *in, uint32_t orientation)
{
    static const uint32_t heights[] = {1, 3, 8, 1000};
    smalti_image out = {0}, again = {0};
    CHECK_OK(try_steps(text, in, orientation, 0, &out), error);
    for (size_t i = 0; i < SMALTI__COUNT(heights); i++) {
        CHECK_OK(try_steps(text, in, orientation, heights[i], &again), error);
        if (!same_images(&out, &again))
            TEST_FAIL("%s: strips of %u rows give another image", text, heights[i]);
        smalti_image_free(&again);
    }
    return out;
}

/* ---- pictures ---- */

static inline double sample_at(const smalti_image *image, size_t x, size_t y, size_t c)
{
    const uint8_t *row = (const uint8_t *)image->data + y * image->pitch;
    size_t i = x * image->channels + c;
    return image->sample == SMALTI_SAMPLE_U8    ? row[i]
           : image->sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)(const void *)row)[i]
                                                : (double)((const float *)(const void *)row)[i];
}

static inline double white_of(const smalti_image *image)
{
    return image->sample == SMALTI_SAMPLE_U8 ? 255 : image->sample == SMALTI_SAMPLE_U16 ? 65535 : 1;
}

static inline void set_sample(smalti_image *image, size_t x, size_t y, size_t c, double value)
{
    uint8_t *row = (uint8_t *)image->data + y * image->pitch;
    size_t i = x * image->channels + c;
    if (image->sample == SMALTI_SAMPLE_U8)
        row[i] = (uint8_t)value;
    else if (image->sample == SMALTI_SAMPLE_U16)
        ((uint16_t *)(void *)row)[i] = (uint16_t)value;
    else
        ((float *)(void *)row)[i] = (float)value;
}

/* Smooth shapes and noise; alpha from 0 to full. */
static inline smalti_image make_picture(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = sample};
    uint32_t noise = 12345;
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++) {
                noise = noise * 1664525 + 1013904223;
                double wave = 0.5 + 0.3 * ((x * (c + 1) / 7 + y / 5) % 3 - 1.0), v = wave + (noise >> 8) % 997 / 4985.0;
                if (channels % 2 == 0 && c == channels - 1)
                    v = (noise >> 8) % 5 ? (double)((x + 2 * y) % 9) / 8 : 0;
                v = v < 0 ? 0 : v > 1 ? 1 : v;
                double level = v * white_of(&image);
                set_sample(&image, x, y, c, sample == SMALTI_SAMPLE_F32 ? level : (double)(int64_t)(level + 0.5));
            }
    return image;
}

/* Samples of all types, with all numbers of channels. */
static inline void each_type(void (*check)(smalti_sample sample, uint32_t channels))
{
    static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    for (size_t i = 0; i < SMALTI__COUNT(samples); i++)
        for (uint32_t channels = 1; channels <= 4; channels++)
            check(samples[i], channels);
}

/* A sample where the reference says value (1 is white): off by at most so many levels of u8 (or u16, or 1/65535 of
 * f32). Integers are clamped. */
static inline void check_sample(const smalti_image *out, size_t x, size_t y, size_t c, double value, double levels)
{
    double white = white_of(out), got = sample_at(out, x, y, c), wanted = value * white;
    if (out->sample != SMALTI_SAMPLE_F32)
        wanted = wanted < 0 ? 0 : wanted > white ? white : wanted;
    double off = (got > wanted ? got - wanted : wanted - got) * (out->sample == SMALTI_SAMPLE_F32 ? 65535 : 1);
    if (!(off <= levels))
        TEST_FAIL("sample %zu of %zu, %zu (type %d, %u channels) is %g, not %g", c, x, y, (int)out->sample,
                  out->channels, got, wanted);
}

#endif
