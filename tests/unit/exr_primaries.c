/* SPDX-License-Identifier: Apache-2.0
 * Chromaticities of EXR files: colours are converted where they leave them, and what is written says what is true. */
#include "codec.h"

#include <math.h>

#include "exr/exr.h"
#include "files.h"
#include <smalti/smalti.h>

static smalti_error error;

enum { WIDTH = 8, HEIGHT = 4 };

static const float color[3] = {0.25f, 2, 0.5f}; /* halves hold it */
static const smalti__primaries ap1 = {{{0.713f, 0.293f}, {0.165f, 0.83f}, {0.128f, 0.044f}, {0.32168f, 0.33767f}}};

/* An image of one colour in primaries, written by our encoder; NULL: without a word of them. */
static void write_input(const char *path, const smalti__primaries *primaries)
{
    pixels image = {WIDTH, HEIGHT, 3, SMALTI_SAMPLE_F32, malloc(WIDTH * HEIGHT * 3 * sizeof(float))};
    const smalti__metadata metadata = {.exr_primaries = primaries};
    bytes file;
    for (size_t i = 0; i < WIDTH * HEIGHT * 3; i++)
        ((float *)image.data)[i] = color[i % 3];
    CHECK_OK(
        codec_encode(&smalti__encoder_exr, (smalti__encode_params){.metadata = &metadata}, &image, 9, &file, &error),
        error);
    CHECK(file_write(path, file.data, file.size));
    free(image.data), free(file.data);
}

typedef struct outcome {
    bool said;
    smalti__primaries primaries;
    uint32_t channels;
    float color[3];
} outcome;

/* Runs steps ("NAME" and its brief form, in pairs) from EXR to EXR. set: with two outputs, so that there are branches. */
static outcome convert(const smalti__primaries *primaries, const char *const *steps, const char *set)
{
    char in[512], out[512];
    outcome got = {0};
    smalti_job *job;
    smalti_plan *plan;
    smalti_run_options options = {.size = sizeof options};
    snprintf(in, sizeof in, "%s", file_path("in.exr"));
    snprintf(out, sizeof out, "%s", file_path(set ? "out-8.exr" : "out.exr"));
    write_input(in, primaries);
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, in, &error), error);
    for (; steps && *steps; steps += 2)
        CHECK_OK(smalti_job_step_add(job, steps[0], steps[1], &error), error);
    if (set) {
        CHECK_OK(smalti_job_set(job, "output.set", set, &error), error);
        CHECK_OK(smalti_job_set(job, "output.template", "out-{width}.exr", &error), error);
        *strrchr(in, '/') = '\0';
        CHECK_OK(smalti_job_set(job, "output.dir", in, &error), error);
    } else {
        CHECK_OK(smalti_job_set(job, "output.file", out, &error), error);
    }
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
    smalti_plan_free(plan);
    smalti_job_free(job);
    bytes file = {0};
    pixels image;
    smalti_exr *exr;
    double numbers[8];
    file.data = file_read(out, &file.size);
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open_memory(exr, file.data, file.size, "out.exr", &error), error);
    const smalti_exr_attribute *attribute =
        smalti_exr_attribute_find(smalti_exr_header_get(exr)->parts, "chromaticities");
    got.said = attribute && smalti_exr_attribute_numbers(attribute, numbers, 8) == 8;
    for (int i = 0; i < 8 && got.said; i++)
        got.primaries.xy[i / 2][i % 2] = (float)numbers[i];
    smalti_exr_free(exr);
    CHECK_OK(codec_decode(&file, &image, NULL, &error), error);
    got.channels = image.channels;
    memcpy(got.color, image.data, image.channels * sizeof(float));
    free(image.data), free(file.data);
    return got;
}

static bool says(const outcome *got, const smalti__primaries *primaries)
{
    return got->said && !memcmp(&got->primaries, primaries, sizeof *primaries);
}

/* The colour behind a matrix from primaries to others. */
static bool is_moved(const outcome *got, const smalti__primaries *from, const smalti__primaries *to)
{
    float m[3][3];
    CHECK(smalti__primaries_matrix(from, to, m));
    for (int c = 0; c < 3; c++)
        if (!(fabsf(got->color[c] - (m[c][0] * color[0] + m[c][1] * color[1] + m[c][2] * color[2])) < 4e-3f))
            return false;
    return true;
}

TEST("colours that stay as they are keep their chromaticities")
{
    static const char *const steps[] = {"resize", "4", NULL};
    outcome got = convert(&ap1, NULL, NULL);
    CHECK(says(&got, &ap1) && !memcmp(got.color, color, sizeof color));
    got = convert(&ap1, steps, NULL);
    CHECK(says(&got, &ap1));
    got = convert(NULL, NULL, NULL);
    CHECK(!got.said);
}

TEST("a step that goes to sRGB leaves a file that says so, one output or several")
{
    static const char *const tonemap[] = {"tonemap", "aces", NULL};
    static const char *const srgb[] = {"colorspace", "srgb", NULL};
    for (int several = 0; several < 2; several++) {
        const char *set = several ? "widths=8,4:formats=exr" : NULL;
        outcome got = convert(&ap1, tonemap, set);
        CHECK(says(&got, &smalti__primaries_srgb));
        got = convert(&ap1, srgb, set);
        CHECK(says(&got, &smalti__primaries_srgb));
        CHECK(is_moved(&got, &ap1, &smalti__primaries_srgb));
    }
}

TEST("a tone map that is to stay linear is written as it is")
{
    static const char *const steps[] = {"tonemap", "none:exposure=-2,transfer=linear", NULL};
    outcome got = convert(NULL, steps, NULL);
    for (int c = 0; c < 3; c++)
        CHECK(fabsf(got.color[c] - color[c] / 4) < 1e-3f);
    got = convert(&ap1, steps, NULL);
    CHECK(says(&got, &smalti__primaries_srgb));
}

TEST("light goes to Display P3 and luminance by matrices, also from sRGB and back")
{
    static const char *const p3[] = {"colorspace", "p3", NULL};
    static const char *const there[] = {"colorspace", "p3", "colorspace", "srgb", NULL};
    static const char *const gray[] = {"colorspace", "gray", NULL};
    outcome got = convert(&ap1, p3, NULL);
    CHECK(says(&got, &smalti__primaries_p3) && is_moved(&got, &ap1, &smalti__primaries_p3));
    got = convert(NULL, p3, NULL);
    CHECK(says(&got, &smalti__primaries_p3) && is_moved(&got, &smalti__primaries_srgb, &smalti__primaries_p3));
    got = convert(&ap1, there, NULL);
    CHECK(says(&got, &smalti__primaries_srgb) && is_moved(&got, &ap1, &smalti__primaries_srgb));
    got = convert(NULL, gray, NULL);
    CHECK_INT(got.channels, 1);
    CHECK(fabsf(got.color[0] - (0.2126f * color[0] + 0.7152f * color[1] + 0.0722f * color[2])) < 2e-3f);
}

TEST("an EXR file in Display P3 is shown in the same colours as one in sRGB")
{
    char in[512], out[512];
    smalti_image image[2];
    snprintf(in, sizeof in, "%s", file_path("in.exr"));
    snprintf(out, sizeof out, "%s", file_path("out.png"));
    static const char *const p3[] = {"colorspace", "p3", "colorspace", "srgb", NULL};
    for (int way = 0; way < 2; way++) {
        smalti_job *job;
        smalti_plan *plan;
        smalti_run_options options = {.size = sizeof options};
        write_input(in, &ap1);
        CHECK_OK(smalti_job_new(&job, &error), error);
        CHECK_OK(smalti_job_input_add(job, in, &error), error);
        for (int i = 0; i < 4 && way; i += 2)
            CHECK_OK(smalti_job_step_add(job, p3[i], p3[i + 1], &error), error);
        CHECK_OK(smalti_job_set(job, "output.file", out, &error), error);
        CHECK_OK(smalti_plan_new(job, &plan, &error), error);
        CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
        smalti_plan_free(plan);
        smalti_job_free(job);
        CHECK_OK(smalti_image_read(out, &image[way], &error), error);
    }
    CHECK_INT(image[0].sample, SMALTI_SAMPLE_U16);
    for (int c = 0; c < 3; c++)
        CHECK(abs(((uint16_t *)image[0].data)[c] - ((uint16_t *)image[1].data)[c]) < 64);
    smalti_image_free(&image[0]), smalti_image_free(&image[1]);
}
