/* SPDX-License-Identifier: Apache-2.0
 * Whole jobs: the same bytes however they are run, copies counted, samples and metadata as they were. */
#include <unistd.h>

#include "pipeline_made.h"

/* ---- the same bytes ---- */

TEST("a job gives the same bytes for every strip height, number of lanes and state of the module cache")
{
    static const struct {
        uint32_t jobs, strip_rows;
    } ways[] = {{1, 1}, {2, 3}, {7, 16}, {2, 17}, {1, 64}, {2, 100000}};
    make_folders();
    put_pictures(12);
    char cache[96];
    snprintf(cache, sizeof cache, "%s/cache", folder);
    CHECK(mkdir(cache, 0700) == 0 && setenv("XDG_CACHE_HOME", cache, 1) == 0);
    smalti_plan *first = folder_plan(KERNELS("sharpen", "gaussian-blur", "histogram", "median"), "first", NULL, NULL);
    smalti_run_options options = {.size = sizeof options, .jobs = 1};
    CHECK_OK(smalti_plan_run(first, &options, NULL, &error), error);
    smalti_plan_free(first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        smalti_plan *plan =
            folder_plan(KERNELS("sharpen", "gaussian-blur", "histogram", "median"), "again", NULL, NULL);
        smalti_stats stats = {0};
        options.jobs = ways[i].jobs;
        options.strip_rows = ways[i].strip_rows;
        CHECK_OK(smalti_plan_run(plan, &options, &stats, &error), error);
        CHECK_INT(stats.done, 12);
        smalti_plan_free(plan);
        if (!same_files("first", "again"))
            TEST_FAIL("%u lanes, strips of %u rows: other bytes", ways[i].jobs, ways[i].strip_rows);
        CHECK(system("rm -r again") == 0);
        if (i == 2)
            CHECK(system("rm -rf cache/*") == 0);
    }
    unsetenv("XDG_CACHE_HOME");
    remove_folder();
}

TEST("an encoder on a thread of its own gives the same bytes, and its errors are the task's")
{
    static const char *const chains[][4] = {{NULL},
                                            {"invert"},
                                            {"grayscale"},
                                            {"sharpen", "invert"},
                                            {"invert", "histogram"},
                                            {"sobel", "gamma", "median"}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++)
        for (int wide = 0; wide < 2; wide++) {
            smalti_image image = picture(90, 333, wide ? 4 : 3, wide ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8, 8);
            smalti_plan *plan = plan_of(chains[i], "output.format", wide ? "jpeg" : "png");
            size_t size = 0, sizes[2] = {0};
            void *data = encoded(&image, "png", &size), *out[2];
            for (uint32_t jobs = 1; jobs <= 2; jobs++) {
                smalti_run_options options = {.size = sizeof options, .jobs = jobs, .strip_rows = 16};
                CHECK_OK(smalti_plan_run_memory(plan, &options, data, size, "in", &out[jobs - 1], &sizes[jobs - 1],
                                                NULL, &error),
                         error);
            }
            CHECK_INT(sizes[0], sizes[1]);
            CHECK(!memcmp(out[0], out[1], sizes[0]));
            free(out[0]), free(out[1]), free(data);
            smalti_plan_free(plan);
            smalti_image_free(&image);
        }
    make_folders();
    put_pictures(1);
    smalti_plan *plan = folder_plan(KERNELS("sharpen"), "/dev/full/x", NULL, NULL);
    smalti_run_options options = {.size = sizeof options, .jobs = 2};
    CHECK_INT(smalti_plan_run(plan, &options, NULL, &error), SMALTI_E_IO);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("pixels through a plan in memory equal the same kernels one after the other")
{
    smalti_image in = picture(61, 83, 3, SMALTI_SAMPLE_U8, 5), once = {0}, twice = {0}, chain = {0};
    smalti_kernel *blur = NULL, *sharpen = NULL;
    double params[8] = {0};
    CHECK_OK(smalti_kernel_load("gaussian-blur", NULL, &blur, &error), error);
    CHECK_OK(smalti_kernel_load("sharpen", NULL, &sharpen, &error), error);
    CHECK_OK(smalti_kernel_params_parse(blur, "sigma=3", params, &error), error);
    CHECK_OK(smalti_kernel_apply(blur, params, &in, 0, &once, &error), error);
    CHECK_OK(smalti_kernel_apply(sharpen, NULL, &once, 7, &twice, &error), error);
    smalti_plan *plan = PLAN("gaussian-blur:sigma=3", "sharpen");
    for (uint32_t rows = 1; rows < 90; rows += 11) {
        smalti_run_options options = {.size = sizeof options, .strip_rows = rows};
        CHECK_OK(smalti_plan_run_image(plan, &options, &in, &chain, NULL, &error), error);
        check_same(&twice, &chain);
        smalti_image_free(&chain);
    }
    smalti_plan_free(plan);
    smalti_kernel_unref(blur);
    smalti_kernel_unref(sharpen);
    smalti_image_free(&in), smalti_image_free(&once), smalti_image_free(&twice);
}

TEST("a measure finds the same in one piece, in strips and in parts that are merged")
{
    smalti_image in = picture(50, 77, 3, SMALTI_SAMPLE_U8, 9);
    for (const char *const *name = smalti_kernel_names(); *name; name++) {
        smalti_kernel *kernel = NULL;
        double whole[2048] = {0}, other[2048] = {0};
        CHECK_OK(smalti_kernel_load(*name, NULL, &kernel, &error), error);
        if (smalti_kernel_describe(kernel)->kind == SMALTI_KERNEL_MEASURE) {
            CHECK_OK(smalti_kernel_measure(kernel, NULL, &in, 77, 1, whole, &error), error);
            for (uint32_t parts = 1; parts < 5; parts++) {
                CHECK_OK(smalti_kernel_measure(kernel, NULL, &in, parts * 3, parts, other, &error), error);
                if (memcmp(whole, other, sizeof whole))
                    TEST_FAIL("%s differs in %u parts", *name, parts);
            }
        }
        smalti_kernel_unref(kernel);
    }
    smalti_image_free(&in);
}

/* ---- copies ---- */

TEST("a job of one kernel copies no pixel row")
{
    static const char *const kernels[] = {"invert", "grayscale", "sharpen", "gaussian-blur", "histogram"};
    smalti_image image = picture(300, 200, 3, SMALTI_SAMPLE_U8, 1);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        for (int jpeg = 0; jpeg < 2; jpeg++) {
            smalti_plan *plan = PLAN(kernels[i]);
            smalti_stats stats = stats_of(plan, &image, jpeg ? "jpeg" : "png", 16);
            CHECK_INT(stats.copied_rows, 0);
            CHECK_INT(stats.copied_bytes, 0);
            CHECK_INT(stats.converted_bytes, 0);
            CHECK(i < 2 ? stats.halo_bytes == 0 : true);
            CHECK(stats.strips >= 200 / 16);
            smalti_plan_free(plan);
        }
    smalti_image_free(&image);
}

TEST("halo rows are all that a neighbourhood kernel copies, and few of them")
{
    smalti_image image = picture(300, 200, 3, SMALTI_SAMPLE_U8, 1);
    smalti_plan *plan = PLAN("sobel");
    smalti_stats stats = stats_of(plan, &image, "png", 50);
    /* 4 strips share 2 rows each, and the edges: less than 20 rows of at most 1,100 bytes */
    CHECK(stats.halo_bytes > 0 && stats.halo_bytes < 20 * 1100);
    smalti_plan_free(plan);
    smalti_image_free(&image);
}

TEST("between two kernels every row is copied once")
{
    smalti_image image = picture(100, 120, 3, SMALTI_SAMPLE_U8, 1);
    smalti_plan *plan = PLAN("invert", "sharpen", "sepia");
    smalti_stats stats = stats_of(plan, &image, "png", 0);
    CHECK_INT(stats.copied_rows, 240);
    CHECK_INT(stats.copied_bytes, 240 * 300);
    smalti_plan_free(plan);
    smalti_image_free(&image);
}

TEST("a lane that has run a task takes no more buffers for the next ones like it")
{
    make_folders();
    smalti_image image = picture(200, 150, 3, SMALTI_SAMPLE_U8, 3);
    for (int i = 0; i < 20; i++) {
        char path[64];
        snprintf(path, sizeof path, "in/%02d.png", i);
        CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    }
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", NULL, NULL);
    smalti_run_options options = {.size = sizeof options, .jobs = 1};
    smalti_stats stats = {0};
    CHECK_OK(smalti_plan_run(plan, &options, &stats, &error), error);
    CHECK_INT(stats.done, 20);
    CHECK(stats.allocations > 0 && stats.allocations < 20);
    smalti_plan_free(plan);
    smalti_image_free(&image);
    remove_folder();
}

/* ---- samples, channels, orientation, metadata ---- */

TEST("16 bit goes through kernels that take it as 16 bit")
{
    smalti_image in = picture(33, 21, 3, SMALTI_SAMPLE_U16, 4), out = {0};
    smalti_plan *plan = PLAN("invert");
    CHECK_OK(smalti_plan_run_image(plan, NULL, &in, &out, NULL, &error), error);
    CHECK_INT(out.sample, SMALTI_SAMPLE_U16);
    for (uint32_t y = 0; y < in.height; y++)
        for (uint32_t i = 0; i < in.width * 3; i++) {
            uint16_t a = ((uint16_t *)((uint8_t *)in.data + y * in.pitch))[i];
            uint16_t b = ((uint16_t *)((uint8_t *)out.data + y * out.pitch))[i];
            CHECK_INT(b, 65535 - a);
        }
    smalti_plan_free(plan);
    smalti_image_free(&in), smalti_image_free(&out);
}

/* A PNG with this EXIF orientation. */
static void *oriented_png(const smalti_image *image, uint8_t orientation, size_t *size)
{
    uint8_t exif[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
    const smalti__metadata metadata = {.exif = {exif, sizeof exif}};
    smalti__sink sink;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    const smalti__encoder seed = {.format = &smalti__encoder_png,
                                  .params = {.png_effort = 1, .metadata = &metadata},
                                  .sink = &sink,
                                  .width = image->width,
                                  .height = image->height,
                                  .channels = image->channels,
                                  .sample = image->sample};
    smalti__encoder *encoder = NULL;
    CHECK_OK(smalti__encoder_png.open(&seed, &encoder, &error), error);
    CHECK_OK(smalti__encoder_png.write(encoder, image->data, image->pitch, image->height, &error), error);
    CHECK_OK(smalti__encoder_png.finish(encoder, &error), error);
    smalti__encoder_png.close(encoder);
    void *data = smalti__sink_take(&sink, size);
    smalti__sink_close(&sink);
    return data;
}

/* Where the upright pixel (x, y) lies in the stored image of w × h: read off the definition of each orientation. */
static void stored_place(int orientation, uint32_t x, uint32_t y, uint32_t w, uint32_t h, uint32_t *sx, uint32_t *sy)
{
    const uint32_t place[9][2] = {{0, 0},         {x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y},
                                  {x, h - 1 - y}, {y, x}, {y, h - 1 - x}, {w - 1 - y, h - 1 - x},
                                  {w - 1 - y, x}};
    *sx = place[orientation][0];
    *sy = place[orientation][1];
}

TEST("all eight EXIF orientations are turned upright, and only once")
{
    smalti_image in = picture(19, 40, 3, SMALTI_SAMPLE_U8, 2);
    smalti_plan *plan = plan_of(KERNELS("invert"), "output.metadata", "all");
    for (int orientation = 1; orientation <= 8; orientation++) {
        size_t size = 0, out_size = 0;
        void *data = oriented_png(&in, (uint8_t)orientation, &size), *out = NULL;
        smalti_image upright = {0};
        smalti_info info;
        CHECK_OK(smalti_plan_run_memory(plan, NULL, data, size, "in", &out, &out_size, NULL, &error), error);
        CHECK_OK(smalti_info_read_memory(out, out_size, "out", &info, &error), error);
        CHECK_INT(info.orientation, 1);
        CHECK_OK(smalti_image_read_memory(out, out_size, "out", &upright, &error), error);
        CHECK_INT(upright.width, orientation >= 5 ? in.height : in.width);
        for (uint32_t y = 0; y < upright.height; y++)
            for (uint32_t x = 0; x < upright.width; x++) {
                uint32_t sx, sy;
                stored_place(orientation, x, y, in.width, in.height, &sx, &sy);
                uint8_t *a = (uint8_t *)in.data + sy * in.pitch + sx * 3,
                        *b = (uint8_t *)upright.data + y * upright.pitch + x * 3;
                if (a[0] + b[0] != 255 || a[1] + b[1] != 255 || a[2] + b[2] != 255)
                    TEST_FAIL("orientation %d: pixel %u, %u is not where it belongs", orientation, x, y);
            }
        smalti_image_free(&upright);
        free(data);
        free(out);
    }
    smalti_plan_free(plan);
    smalti_image_free(&in);
}

TEST("alpha is flattened over the background for JPEG and kept for PNG")
{
    smalti_image in = {.width = 16, .height = 16, .channels = 4, .sample = SMALTI_SAMPLE_U8}, out = {0};
    CHECK_OK(smalti_image_alloc(&in, &error), error);
    memset(in.data, 0, in.pitch * in.height); /* black, transparent */
    size_t size = 0, out_size = 0;
    void *data = encoded(&in, "png", &size), *jpeg = NULL;
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "jpeg", &error), error);
    CHECK_OK(smalti_job_set(job, "output.background", "ff8000", &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    CHECK_OK(smalti_plan_run_memory(plan, NULL, data, size, "in", &jpeg, &out_size, NULL, &error), error);
    CHECK_OK(smalti_image_read_memory(jpeg, out_size, "out", &out, &error), error);
    const uint8_t *pixel = out.data;
    CHECK_INT(out.channels, 3);
    CHECK(abs(pixel[0] - 255) <= 3 && abs(pixel[1] - 128) <= 3 && abs(pixel[2] - 0) <= 3);
    smalti_image_free(&out);
    smalti_plan_free(plan);
    smalti_job_free(job);
    free(jpeg);
    CHECK_OK(smalti_image_read_memory(data, size, "in", &out, &error), error);
    CHECK_INT(out.channels, 4);
    free(data);
    smalti_image_free(&in), smalti_image_free(&out);
}
