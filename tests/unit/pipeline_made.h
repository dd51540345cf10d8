/* SPDX-License-Identifier: Apache-2.0
 * Pictures, folders and plans that the tests of whole jobs work with. */
#ifndef SMALTI_TEST_PIPELINE_MADE_H
#define SMALTI_TEST_PIPELINE_MADE_H

#include <smalti/smalti.h>

#include <sys/stat.h>

#include "encode/encode.h"
#include "work_folder.h"

static smalti_error error;

/* ---- images ---- */

/* A picture with gradients, edges and noise; the same for the same seed. */
static inline smalti_image picture(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                                   uint32_t seed)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = sample};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * channels; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t value = (i * 300 + y * 700 * (i % channels + 1) + (seed >> 20)) & 0xffff;
            if ((i / channels / 16 + y / 16) % 2)
                value = 0xffff - value / 3;
            uint8_t *row = (uint8_t *)image.data + y * image.pitch;
            if (sample == SMALTI_SAMPLE_U8)
                row[i] = (uint8_t)(value >> 8);
            else
                ((uint16_t *)row)[i] = (uint16_t)value;
        }
    return image;
}

static inline void check_same(const smalti_image *a, const smalti_image *b)
{
    CHECK_INT(a->width, b->width);
    CHECK_INT(a->height, b->height);
    CHECK_INT(a->channels, b->channels);
    CHECK_INT(a->sample, b->sample);
    for (uint32_t y = 0; y < a->height; y++)
        if (memcmp((uint8_t *)a->data + y * a->pitch, (uint8_t *)b->data + y * b->pitch,
                   a->width * a->channels * smalti_sample_bytes(a->sample)))
            TEST_FAIL("row %u differs", y);
}

static inline void *encoded(const smalti_image *image, const char *format, size_t *size)
{
    smalti_encode_options options = {.size = sizeof options, .subsampling = 444, .quality = 95};
    void *data = NULL;
    snprintf(options.format, sizeof options.format, "%s", format);
    CHECK_OK(smalti_image_write_memory(image, &options, &data, size, &error), error);
    return data;
}

/* ---- plans ---- */

/* A plan of kernels given as "name:params", ended by NULL. */
static inline smalti_plan *plan_of(const char *const *kernels, const char *key, const char *value)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    for (; *kernels; kernels++) {
        char name[64];
        const char *colon = strchr(*kernels, ':');
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*kernels, ":"), *kernels);
        CHECK_OK(smalti_job_kernel_add(job, name, colon ? colon + 1 : NULL, &error), error);
    }
    if (key)
        CHECK_OK(smalti_job_set(job, key, value, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}
#define PLAN(...) plan_of((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, NULL, NULL)

static inline void make_folders(void)
{
    make_folder();
    CHECK(mkdir("in", 0777) == 0);
}

static inline void put_pictures(int count)
{
    for (int i = 0; i < count; i++) {
        char path[64];
        smalti_image image = picture(40 + (uint32_t)i * 7, 90 + (uint32_t)i * 11, 1 + (uint32_t)i % 4,
                                     i % 3 == 2 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8, (uint32_t)i);
        snprintf(path, sizeof path, "in/%02d.%s", i, i % 4 == 3 ? "jpg" : "png");
        CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
        smalti_image_free(&image);
    }
}

static inline smalti_plan *folder_plan(const char *const *kernels, const char *out, const char *key, const char *value)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_expand(job, "in", false, &error), error);
    for (; *kernels; kernels++)
        CHECK_OK(smalti_job_kernel_add(job, *kernels, NULL, &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", out, &error), error);
    if (key)
        CHECK_OK(smalti_job_set(job, key, value, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}
#define KERNELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline bool same_files(const char *a, const char *b)
{
    char command[160];
    snprintf(command, sizeof command, "diff -r %s %s >/dev/null", a, b);
    return system(command) == 0;
}

static inline smalti_stats stats_of(smalti_plan *plan, const smalti_image *image, const char *format,
                                    uint32_t strip_rows)
{
    smalti_run_options options = {.size = sizeof options, .strip_rows = strip_rows};
    smalti_stats stats = {0};
    size_t size = 0, out_size = 0;
    void *out = NULL, *data = encoded(image, format, &size);
    CHECK_OK(smalti_plan_run_memory(plan, &options, data, size, "in", &out, &out_size, &stats, &error), error);
    CHECK_INT(stats.bytes_out, out_size);
    free(data);
    free(out);
    return stats;
}

#endif
