/* SPDX-License-Identifier: Apache-2.0
 * Whole jobs at their edges: descriptors and standard input, names that are no text, memory that is easily forgotten. */
#include <smalti/smalti.h>

#include "test.h"
#include "files.h"
#include "encode/encode.h"
#include "kernel_files.h"

static smalti_error error;

/* Gray, of no meaning. */
static smalti_image picture(uint32_t width, uint32_t height, smalti_sample sample)
{
    smalti_image image = {.width = width, .height = height, .channels = 1, .sample = sample};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (size_t i = 0; i < image.pitch * height; i++)
        ((uint8_t *)image.data)[i] = (uint8_t)(i * i >> 7);
    return image;
}

static const char *picture_file(const char *name, uint32_t width, uint32_t height)
{
    smalti_image image = picture(width, height, SMALTI_SAMPLE_U8);
    const char *path = file_path(name);
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_image_free(&image);
    return path;
}

static smalti_job *new_job(const char *key, const char *value)
{
    smalti_job *job = NULL;
    memset(&error, 0, sizeof error);
    CHECK_OK(smalti_job_new(&job, &error), error);
    if (key)
        CHECK_OK(smalti_job_set(job, key, value, &error), error);
    return job;
}

/* Takes the job. */
static smalti_plan *plan_of(smalti_job *job)
{
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}

/* ---- inputs that are not paths ---- */

TEST("a descriptor is an input, whatever its name says")
{
    size_t size = 0;
    const char *path = picture_file("plain.png", 30, 20);
    uint8_t *data = file_read(path, &size);
    int file = open(path, O_RDONLY | O_CLOEXEC), ends[2];
    CHECK(file >= 0 && size < 4096 && pipe(ends) == 0 && write(ends[1], data, size) == (ssize_t)size);
    close(ends[1]);
    free(data);
    smalti_job *job = new_job("output.dir", file_path("from-fd"));
    CHECK_OK(smalti_job_input_add_fd(job, file, "nowhere/a.png", &error), error);
    CHECK_OK(smalti_job_input_add_fd(job, ends[0], "nowhere/b.png", &error), error);
    smalti_plan *plan = plan_of(job);
    char *text = NULL;
    CHECK_OK(smalti_plan_describe(plan, NULL, false, &text, &error), error);
    CHECK_HAS(text, "decode  png, 30 × 20 × 1 u8");
    CHECK_HAS(text, "decode  known when it is read");
    CHECK_OK(smalti_plan_run(plan, NULL, NULL, &error), error);
    CHECK(access(file_path("from-fd/a.png"), F_OK) == 0 && access(file_path("from-fd/b.png"), F_OK) == 0);
    free(text);
    smalti_plan_free(plan);
    close(file);
    close(ends[0]);
}

TEST("standard input is one input, not two")
{
    smalti_plan *plan = NULL;
    smalti_job *job = new_job(NULL, NULL);
    CHECK_OK(smalti_job_input_add(job, "-", &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_plan_free(plan);
    CHECK_OK(smalti_job_input_add(job, "-", &error), error);
    CHECK_INT(smalti_plan_new(job, &plan, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_HAS(error.message, "standard input");
    smalti_job_free(job);
}

/* ---- names ---- */

TEST("an error names its input also when the message begins like the name")
{
    int file = open(picture_file("n.png", 30, 20), O_RDONLY | O_CLOEXEC);
    smalti_job *job = new_job(NULL, NULL);
    CHECK_OK(smalti_job_input_add_fd(job, file, "n", &error), error);
    smalti_plan *plan = plan_of(job);
    smalti_run_options options = {.size = sizeof options, .memory_bytes = 1 << 20};
    CHECK_INT(smalti_plan_run(plan, &options, NULL, &error), SMALTI_E_LIMIT_MEMORY);
    CHECK_HAS(error.message, "n: needs ");
    smalti_plan_free(plan);
    close(file);
}

TEST("an image that cannot be written is reported with its path")
{
    smalti_image image = picture(70000, 1, SMALTI_SAMPLE_U8);
    const char *path = file_path("wide.jpg");
    CHECK_INT(smalti_image_write(&image, path, NULL, &error), SMALTI_E_LIMIT);
    CHECK(!strncmp(error.message, path, strlen(path)));
    smalti_image_free(&image);
}

TEST("a plan is told for names that are not UTF-8, in words as they are and in JSON as near as can be")
{
    const char *path = picture_file("odd-\xff.png", 30, 20);
    smalti_job *job = new_job("output.dir", file_path("out"));
    CHECK_OK(smalti_job_input_add(job, path, &error), error);
    CHECK_OK(smalti_job_input_add(job, file_path("gone-\xfe.png"), &error), error);
    smalti_plan *plan = plan_of(job);
    char *text = NULL, *json = NULL;
    CHECK_OK(smalti_plan_describe(plan, NULL, false, &text, &error), error);
    CHECK(!strstr(text, "(null)"));
    CHECK_HAS(text, "/odd-");
    CHECK_HAS(text, "/gone-");
    CHECK_HAS(text, "error   ");
    CHECK_OK(smalti_plan_describe(plan, NULL, true, &json, &error), error);
    CHECK_HAS(json, "odd-\xef\xbf\xbd.png");
    CHECK_HAS(json, "gone-\xef\xbf\xbd.png: cannot be opened");
    free(text);
    free(json);
    smalti_plan_free(plan);
}

TEST("a plan tells what goes to standard output")
{
    smalti_job *job = new_job("output.file", "-");
    CHECK_OK(smalti_job_input_add(job, picture_file("plain.png", 30, 20), &error), error);
    smalti_plan *plan = plan_of(job);
    char *text = NULL;
    CHECK_OK(smalti_plan_describe(plan, NULL, false, &text, &error), error);
    CHECK_HAS(text, "encode  png, 30 × 20 × 1 u8");
    free(text);
    smalti_plan_free(plan);
}

/* ---- memory ---- */

TEST("a large file that cannot be mapped is in the budget")
{
    enum { BYTES = 3 << 20 };
    const char *path = picture_file("padded.png", 30, 20);
    int saved = dup(STDIN_FILENO), fd = open(path, O_RDWR | O_CLOEXEC);
    size_t size = 0;
    uint8_t *data = file_read(path, &size);
    /* a file behind something that was read before is read, not mapped: what follows IEND is as good as pixels here */
    CHECK(fd >= 0 && pwrite(fd, "x", 1, 0) == 1 && pwrite(fd, data, size, 1) == (ssize_t)size);
    CHECK(ftruncate(fd, BYTES) == 0 && lseek(fd, 1, SEEK_SET) == 1 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    smalti_job *job = new_job("input.lenient", "true");
    CHECK_OK(smalti_job_input_add(job, "-", &error), error);
    smalti_plan *plan = plan_of(job);
    smalti_run_options options = {.size = sizeof options, .jobs = 1};
    smalti_stats stats = {0};
    smalti_result result = smalti_plan_run(plan, &options, &stats, &error);
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(fd);
    free(data);
    smalti_plan_free(plan);
    CHECK_OK(result, error);
    CHECK(stats.peak_bytes > (3 << 20) + BYTES); /* the lane's own 3 MiB, and the file */
}

/* A small PNG with this metadata. Owned. */
static void *png_with(const smalti__metadata *metadata, size_t *size)
{
    smalti_image image = picture(30, 20, SMALTI_SAMPLE_U8);
    smalti__sink sink;
    smalti__encoder *encoder = NULL;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    const smalti__encoder seed = {.format = &smalti__encoder_png,
                                  .params = {.png_effort = 1, .metadata = metadata},
                                  .sink = &sink,
                                  .width = 30,
                                  .height = 20,
                                  .channels = 1,
                                  .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti__encoder_png.open(&seed, &encoder, &error), error);
    CHECK_OK(smalti__encoder_png.write(encoder, image.data, image.pitch, image.height, &error), error);
    CHECK_OK(smalti__encoder_png.finish(encoder, &error), error);
    smalti__encoder_png.close(encoder);
    void *data = smalti__sink_take(&sink, size);
    smalti__sink_close(&sink);
    smalti_image_free(&image);
    return data;
}

/* What a task of one image with a profile of so many bytes asks for. */
static uint64_t asked_with_profile(size_t icc_bytes)
{
    uint8_t *profile = calloc(1, icc_bytes + 64);
    smalti_stats stats = {0};
    size_t size = 0, out_size = 0;
    void *out = NULL;
    memcpy(profile + 16, "GRAY", 4);
    memcpy(profile + 36, "acsp", 4);
    void *data = png_with(&(smalti__metadata){.icc = {profile, icc_bytes}}, &size);
    smalti_plan *plan = plan_of(new_job(NULL, NULL));
    CHECK_OK(smalti_plan_run_memory(plan, NULL, data, size, "in", &out, &out_size, &stats, &error), error);
    smalti_plan_free(plan);
    free(profile);
    free(data);
    free(out);
    return stats.peak_bytes;
}

TEST("metadata that is kept is in the budget")
{
    CHECK(asked_with_profile(1 << 20) >= asked_with_profile(0) + (1 << 20));
}

static void keep_warning(void *user, const smalti_event *event)
{
    if (event->kind == SMALTI_EVENT_WARNING)
        snprintf(user, 512, "%s", event->error->message);
}

TEST("metadata that does not fit the output is dropped with a warning")
{
    enum { BYTES = 70000 };
    char warning[512] = "";
    uint8_t *exif = calloc(1, BYTES);
    size_t size = 0, out_size = 0;
    void *out = NULL;
    smalti_info info;
    memcpy(exif, "MM\0*\0\0\0\x08", 8);
    void *data = png_with(&(smalti__metadata){.exif = {exif, BYTES}}, &size);
    smalti_job *job = new_job("output.format", "jpeg");
    CHECK_OK(smalti_job_set(job, "output.metadata", "all", &error), error);
    smalti_plan *plan = plan_of(job);
    smalti_run_options options = {.size = sizeof options, .event = keep_warning, .user = warning};
    CHECK_OK(smalti_plan_run_memory(plan, &options, data, size, "in", &out, &out_size, NULL, &error), error);
    CHECK_HAS(warning, "in: EXIF of 70000 bytes dropped");
    CHECK_OK(smalti_info_read_memory(out, out_size, "out", &info, &error), error);
    CHECK_INT(info.exif_bytes, 0);
    smalti_plan_free(plan);
    free(exif);
    free(data);
    free(out);
}

TEST("a halo takes no more memory than the image and its edges have")
{
    smalti_kernel_options options = {.size = sizeof options, .memory_bytes = 80 << 20};
    smalti_kernel *kernel = NULL;
    smalti_image in = picture(10, 10, SMALTI_SAMPLE_U8), out = {0};
    double radius = 4096;
    CHECK_OK(smalti_kernel_load(kernel_path("halo"), &options, &kernel, &error), error);
    CHECK_OK(smalti_kernel_apply(kernel, &radius, &in, 0, &out, &error), error);
    CHECK_INT(out.height, 10);
    smalti_kernel_unref(kernel);
    smalti_image_free(&in), smalti_image_free(&out);
}

TEST("an image of more rows than can be counted is refused before it is touched")
{
    uint8_t pixel = 0;
    smalti_image in = {.width = 1, .height = UINT32_MAX, .channels = 1, .sample = SMALTI_SAMPLE_U8, .pitch = 1}, out;
    in.data = &pixel;
    smalti_kernel *kernel = NULL;
    double values[1024];
    CHECK_OK(smalti_kernel_load("histogram", NULL, &kernel, &error), error);
    CHECK_INT(smalti_kernel_measure(kernel, NULL, &in, 0, 1, values, &error), SMALTI_E_INVALID);
    smalti_plan *plan = plan_of(new_job(NULL, NULL));
    CHECK_INT(smalti_plan_run_image(plan, NULL, &in, &out, NULL, &error), SMALTI_E_INVALID);
    smalti_plan_free(plan);
    smalti_kernel_unref(kernel);
}

/* ---- measures ---- */

static void keep_measures(void *user, const smalti_event *event)
{
    if (event->measures)
        snprintf(user, 256, "%s", event->measures);
}

TEST("a value that is no number keeps its place, and pixels that nobody wants are not converted back")
{
    char measures[256] = "";
    smalti_image image = picture(30, 20, SMALTI_SAMPLE_U16);
    const char *path = file_path("deep.png");
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_job *job = new_job(NULL, NULL);
    CHECK_OK(smalti_job_input_add(job, path, &error), error);
    CHECK_OK(smalti_job_kernel_add(job, kernel_path("mean"), "fail=4", &error), error);
    smalti_plan *plan = plan_of(job);
    smalti_run_options options = {.size = sizeof options, .event = keep_measures, .user = measures};
    smalti_stats stats = {0};
    CHECK_OK(smalti_plan_run(plan, &options, &stats, &error), error);
    CHECK_HAS(measures, "\"size\":[null,20.0]");
    CHECK_INT(stats.converted_bytes, 30 * 20);
    smalti_plan_free(plan);
    smalti_image_free(&image);
}
