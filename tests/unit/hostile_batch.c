/* SPDX-License-Identifier: Apache-2.0
 * Hostile kernels in whole jobs: what they do to one image of a batch ends that image's task, in words, and no other; and
 * those that can be told before anything runs are refused with the plan. */
#include <smalti/smalti.h>

#include "test.h"
#include "files.h"
#include "base/base.h"
#include "kernel_files.h"
#include "wasm_build.h"

enum { IMAGES = 6, VICTIM = 2, VICTIM_WIDTH = 77, STRIP_ROWS = 16 };

static smalti_error error;

static const char *path_of(const char *subfolder, int index)
{
    char name[64];
    snprintf(name, sizeof name, "%s/%d.png", subfolder, index);
    return file_path(name);
}

static uint8_t sample_of(int index, uint32_t x, uint32_t y)
{
    return (uint8_t)((x * 7 + y * 3) ^ (x * y + (uint32_t)index * 41));
}

/* Six gray images of 40 rows and more, one of them of the width that the kernel takes offence at. */
static void put_images(void)
{
    if (access(file_path("in"), F_OK) == 0)
        return;
    CHECK(mkdir(file_path("in"), 0777) == 0);
    for (int i = 0; i < IMAGES; i++) {
        smalti_image image = {.width = i == VICTIM ? VICTIM_WIDTH : 60 + (uint32_t)i,
                              .height = 40 + (uint32_t)i * 9,
                              .channels = 1,
                              .sample = SMALTI_SAMPLE_U8};
        CHECK_OK(smalti_image_alloc(&image, &error), error);
        for (uint32_t y = 0; y < image.height; y++)
            for (uint32_t x = 0; x < image.width; x++)
                ((uint8_t *)image.data)[y * image.pitch + x] = sample_of(i, x, y);
        CHECK_OK(smalti_image_write(&image, path_of("in", i), NULL, &error), error);
        smalti_image_free(&image);
    }
}

/* A plan of all images and one kernel, with at most one limit set. */
static smalti_result try_plan(const char *module, const char *params, const char *out, const char *key,
                              const char *value, smalti_plan **plan)
{
    smalti_job *job = NULL;
    put_images();
    memset(&error, 0, sizeof error);
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_expand(job, file_path("in"), false, &error), error);
    CHECK_OK(smalti_job_kernel_add(job, module, params, &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path(out), &error), error);
    if (key)
        CHECK_OK(smalti_job_set(job, key, value, &error), error);
    *plan = NULL;
    smalti_result result = smalti_plan_new(job, plan, &error);
    smalti_job_free(job);
    return result;
}

struct seen {
    int done, failed;
    uint64_t failed_task;
    double failed_ms;
    smalti_error error; /* of the last that failed */
};

static void watch(void *user, const smalti_event *event)
{
    struct seen *seen = user;
    seen->done += event->kind == SMALTI_EVENT_DONE;
    if (event->kind != SMALTI_EVENT_FAILED)
        return;
    seen->failed++;
    seen->failed_task = event->task;
    seen->failed_ms = (double)event->stats->wall_ns / 1e6;
    seen->error = *event->error;
}

static smalti_result run(const smalti_plan *plan, uint32_t jobs, struct seen *seen)
{
    const smalti_run_options options = {
        .size = sizeof options, .jobs = jobs, .strip_rows = STRIP_ROWS, .event = watch, .user = seen};
    *seen = (struct seen){0};
    memset(&error, 0, sizeof error);
    return smalti_plan_run(plan, &options, NULL, &error);
}

static void check_inverted(const char *out, int index)
{
    smalti_image image = {0};
    CHECK_OK(smalti_image_read(path_of(out, index), &image, &error), error);
    CHECK_INT(image.height, 40 + index * 9);
    for (uint32_t y = 0; y < image.height; y++)
        for (uint32_t x = 0; x < image.width; x++)
            if (((uint8_t *)image.data)[y * image.pitch + x] != 255 - sample_of(index, x, y))
                TEST_FAIL("image %d is wrong at %u, %u", index, x, y);
    smalti_image_free(&image);
}

TEST("the kernel does well when it is not asked to misbehave")
{
    smalti_plan *plan;
    struct seen seen;
    CHECK_OK(try_plan(kernel_path("hostile-one"), "mode=0", "good", NULL, NULL, &plan), error);
    CHECK_OK(run(plan, 2, &seen), error);
    smalti_plan_free(plan);
    CHECK_INT(file_count(file_path("good")), IMAGES);
    for (int i = 0; i < IMAGES; i++)
        check_inverted("good", i);
}

/* What the kernel does to one image, and what its task says then. */
static const struct misdeed {
    const char *name, *params, *key, *value;
    smalti_result code;
    const char *begins, *ends; /* of the message behind "PATH: kernel hostile: " */
} misdeeds[] = {
    {"loops for ever", "mode=1", "limits.kernel_ms", "200", SMALTI_E_KERNEL_TIMEOUT,
     "ran longer than its deadline of 200 ms", " in rows 16…31"},
    {"recurses for ever", "mode=2", NULL, NULL, SMALTI_E_KERNEL_TRAP, "stack overflow", " in rows 16…31"},
    {"takes memory for ever", "mode=3", "limits.kernel_memory", "8388608", SMALTI_E_KERNEL_MEMORY,
     "unreachable instruction after taking ", " of its 8192 KiB of memory in rows 16…31"},
    {"reads outside of its memory", "mode=4", NULL, NULL, SMALTI_E_KERNEL_TRAP, "out-of-bounds memory access",
     " in rows 16…31"},
    {"writes outside of its memory", "mode=5", NULL, NULL, SMALTI_E_KERNEL_TRAP, "out-of-bounds memory access",
     " in rows 16…31"},
    {"traps", "mode=6", NULL, NULL, SMALTI_E_KERNEL_TRAP, "unreachable instruction", " in rows 16…31"},
    {"gives up", "mode=7", NULL, NULL, SMALTI_E_KERNEL_STATUS, "returned status 7", " in rows 16…31"},
    {"wants too much scratch", "mode=10", NULL, NULL, SMALTI_E_KERNEL_MEMORY,
     "smalti_scratch asks for 4294967280 bytes", ", its memory is limited to 262144 KiB"},
};

static void check_message(const struct misdeed *misdeed, const char *message)
{
    char begins[700];
    size_t length = strlen(message), tail = strlen(misdeed->ends);
    snprintf(begins, sizeof begins, "%s: kernel hostile: %s", path_of("in", VICTIM), misdeed->begins);
    if (strncmp(message, begins, strlen(begins)) || length < tail || strcmp(message + length - tail, misdeed->ends))
        TEST_FAIL("a kernel that %s: \"%s\" is not \"%s[…]%s\"", misdeed->name, message, begins, misdeed->ends);
}

static void check_misdeed(const struct misdeed *misdeed, uint32_t jobs)
{
    smalti_plan *plan;
    struct seen seen;
    char out[32];
    snprintf(out, sizeof out, "out-%zu-%u", (size_t)(misdeed - misdeeds), jobs);
    CHECK_OK(try_plan(kernel_path("hostile-one"), misdeed->params, out, misdeed->key, misdeed->value, &plan), error);
    smalti_result result = run(plan, jobs, &seen);
    smalti_plan_free(plan);
    printf("# a kernel that %s: ended after %.0f ms\n", misdeed->name, seen.failed_ms);
    if (result != misdeed->code || seen.error.code != misdeed->code)
        TEST_FAIL("a kernel that %s gives %d and %d: %s", misdeed->name, result, seen.error.code, error.message);
    check_message(misdeed, error.message);
    CHECK_STR(seen.error.message, error.message);
    CHECK_INT(seen.failed, 1);
    CHECK_INT(seen.failed_task, VICTIM);
    CHECK_INT(seen.done, IMAGES - 1);
    CHECK_INT(file_count(file_path(out)), IMAGES - 1); /* nothing half written is left either */
    for (int i = 0; i < IMAGES; i++)
        if (i != VICTIM)
            check_inverted(out, i);
}

TEST("a kernel that is hostile to one image fails that one, in words, and one lane does the others right")
{
    for (size_t i = 0; i < SMALTI__COUNT(misdeeds); i++)
        check_misdeed(&misdeeds[i], 1);
}

TEST("the same with two lanes")
{
    for (size_t i = 0; i < SMALTI__COUNT(misdeeds); i++)
        check_misdeed(&misdeeds[i], 2);
}

TEST("a kernel whose buffers are nowhere fails every task, and leaves no output")
{
    static const struct {
        const char *module, *message;
    } cases[] = {
        {"alloc-outside", "kernel alloc: smalti_alloc returned 0xfffff000, outside of its memory"},
        {"alloc-end", ", outside of its memory"},
        {"alloc-twice", " twice"},
        {"alloc-null", "kernel alloc: smalti_alloc has no "},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_plan *plan;
        struct seen seen;
        CHECK_OK(try_plan(kernel_path(cases[i].module), NULL, "nowhere", NULL, NULL, &plan), error);
        smalti_result result = run(plan, 2, &seen);
        smalti_plan_free(plan);
        CHECK_INT(smalti_result_class(result), smalti_result_class(SMALTI_E_KERNEL));
        CHECK(strstr(error.message, path_of("in", 0)) == error.message);
        CHECK_HAS(error.message, cases[i].message);
        CHECK_INT(seen.failed, IMAGES);
        CHECK(file_count(file_path("nowhere")) <= 0);
    }
}

TEST("a halo larger than may be is refused with the plan, and one larger than the memory with each task")
{
    smalti_plan *plan;
    struct seen seen;
    CHECK_INT(try_plan(kernel_path("halo"), "radius=1000000000", "halo", NULL, NULL, &plan), SMALTI_E_KERNEL);
    CHECK_STR(error.message, "kernel halo: smalti_halo returned 1000000000, which is not from 0 to 4096");
    CHECK_INT(try_plan(kernel_path("halo"), "radius=-1", "halo", NULL, NULL, &plan), SMALTI_E_KERNEL);
    CHECK_STR(error.message, "kernel halo: smalti_halo returned -1, which is not from 0 to 4096");
    CHECK_OK(try_plan(kernel_path("halo"), "radius=4096", "halo", "limits.kernel_memory", "8388608", &plan), error);
    smalti_result result = run(plan, 2, &seen);
    smalti_plan_free(plan);
    CHECK_INT(result, SMALTI_E_KERNEL_MEMORY);
    CHECK_HAS(error.message, "0.png: kernel halo: ");
    CHECK_HAS(error.message, " bytes of buffers exceed its 8192 KiB of memory");
    CHECK_INT(seen.failed, IMAGES);
}

static smalti_result try_made(const char *name, wasm module, const char *key, const char *value)
{
    smalti_plan *plan;
    bool written = file_write(file_path(name), module.data, module.size);
    free(module.data);
    CHECK(written);
    smalti_result result = try_plan(file_path(name), NULL, "made", key, value, &plan);
    smalti_plan_free(plan);
    return result;
}

TEST("a module that is not what its descriptor says is refused with the plan")
{
    static const char measure[] =
        "{\"name\":\"liar\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"measure\",\"abi\":1,"
        "\"samples\":[\"u8\"],\"channels\":[1],\"state_bytes\":8,\"values\":[{\"name\":\"v\"}]}";
    static const char dynamic[] = "{\"name\":\"liar\",\"version\":\"1\",\"summary\":\"\",\"kind\":\"tile\",\"abi\":1,"
                                  "\"samples\":[\"u8\"],\"channels\":[1],\"halo\":\"dynamic\"}";
    CHECK_INT(try_made("measure.wasm", wasm_make((recipe){.descriptor = measure}), NULL, NULL), SMALTI_E_KERNEL_MODULE);
    CHECK_HAS(error.message, "/measure.wasm: it does not export the function smalti_init");
    CHECK_INT(try_made("dynamic.wasm", wasm_make((recipe){.descriptor = dynamic}), NULL, NULL), SMALTI_E_KERNEL_MODULE);
    CHECK_HAS(error.message, "/dynamic.wasm: it does not export the function smalti_halo");
    CHECK_OK(try_made("honest.wasm", wasm_make((recipe){0}), NULL, NULL), error);
    CHECK(access(file_path("made"), F_OK) != 0);
}

TEST("a module of 50 MB is refused with the plan")
{
    smalti_plan *plan;
    CHECK(file_write(file_path("large.wasm"), "\0asm\1\0\0\0", 8));
    CHECK(truncate(file_path("large.wasm"), 50 << 20) == 0);
    CHECK_INT(try_plan(file_path("large.wasm"), NULL, "made", NULL, NULL, &plan), SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "/large.wasm: the module has 52428800 bytes, more than the limit of ");
}

TEST("a module that takes minutes to compile is given up with the plan, at the job's deadline")
{
    CHECK_INT(try_made("slow.wasm", wasm_make_slow(3 << 20), "limits.compile_ms", "200"), SMALTI_E_KERNEL_TIMEOUT);
    CHECK_HAS(error.message, "/slow.wasm: compiling it takes longer than its deadline of 200 ms");
    CHECK_OK(try_made("honest.wasm", wasm_make((recipe){0}), NULL, NULL), error);
}
