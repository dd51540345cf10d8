/* SPDX-License-Identifier: Apache-2.0
 * Whole jobs: memory kept to, failures that stay their own, and cancellation. */
#include <unistd.h>

#include "pipeline_made.h"

struct seen {
    int started, done, failed, skipped, warnings;
    char message[512], measures[4096];
};

static void watch(void *user, const smalti_event *event)
{
    struct seen *seen = user;
    seen->started += event->kind == SMALTI_EVENT_STARTED;
    seen->done += event->kind == SMALTI_EVENT_DONE;
    seen->failed += event->kind == SMALTI_EVENT_FAILED;
    seen->skipped += event->kind == SMALTI_EVENT_SKIPPED;
    seen->warnings += event->kind == SMALTI_EVENT_WARNING;
    if (event->error)
        snprintf(seen->message, sizeof seen->message, "%s", event->error->message);
    if (event->measures)
        snprintf(seen->measures, sizeof seen->measures, "%s", event->measures);
}

TEST("a bad input is reported by name and the rest goes on")
{
    make_folders();
    put_pictures(6);
    size_t size;
    void *data = get("in/02.png", &size);
    put("in/02.png", data, size / 2);
    free(data);
    put("in/04.png", "not a picture", 13);
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", NULL, NULL);
    struct seen seen = {0};
    smalti_run_options options = {.size = sizeof options, .jobs = 2, .event = watch, .user = &seen};
    smalti_stats stats = {0};
    CHECK_INT(smalti_plan_run(plan, &options, &stats, &error), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_HAS(error.message, "in/02.png: ");
    CHECK_INT(stats.done, 4);
    CHECK_INT(stats.failed, 2);
    CHECK_INT(seen.started, 6);
    CHECK_INT(seen.done, 4);
    CHECK_INT(seen.failed, 2);
    CHECK(access("out/02.png", F_OK) != 0 && access("out/04.png", F_OK) != 0 && access("out/05.png", F_OK) == 0);
    CHECK(system("test $(ls -A out | wc -l) = 4") == 0);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("a lenient job keeps what can be decoded and warns")
{
    make_folders();
    put_pictures(1);
    size_t size;
    void *data = get("in/00.png", &size);
    put("in/00.png", data, size - size / 3);
    free(data);
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", "input.lenient", "true");
    struct seen seen = {0};
    smalti_run_options options = {.size = sizeof options, .event = watch, .user = &seen};
    CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
    CHECK(seen.warnings > 0);
    CHECK_HAS(seen.message, "in/00.png: ");
    smalti_image image = {0};
    CHECK_OK(smalti_image_read("out/00.png", &image, &error), error);
    CHECK_INT(image.height, 90);
    smalti_image_free(&image);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("outputs that are there are skipped when asked, and measures are reported")
{
    make_folders();
    put_pictures(3);
    smalti_plan *plan = folder_plan(KERNELS("sharpness", "invert"), "out", "output.skip_existing", "true");
    struct seen seen = {0};
    smalti_run_options options = {.size = sizeof options, .event = watch, .user = &seen};
    CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
    CHECK_INT(seen.done, 3);
    CHECK_HAS(seen.measures, "{\"sharpness\":{");
    CHECK(unlink("out/01.png") == 0);
    seen = (struct seen){0};
    CHECK_OK(smalti_plan_run(plan, &options, NULL, &error), error);
    CHECK_INT(seen.done, 1);
    CHECK_INT(seen.skipped, 2);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("an output never replaces its input through a link unless asked")
{
    make_folders();
    put_pictures(1);
    CHECK(mkdir("out", 0777) == 0 && link("in/00.png", "out/00.png") == 0);
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", NULL, NULL);
    CHECK_INT(smalti_plan_run(plan, NULL, NULL, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK(same_files("in", "out"));
    smalti_plan_free(plan);
    plan = folder_plan(KERNELS("invert"), "out", "output.overwrite", "true");
    CHECK_OK(smalti_plan_run(plan, NULL, NULL, &error), error);
    CHECK(!same_files("in", "out"));
    smalti_plan_free(plan);
    remove_folder();
}

/* ---- memory and cancel ---- */

TEST("a task that alone does not fit the budget is refused before it takes memory; a batch queues")
{
    make_folders();
    put_pictures(12);
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", NULL, NULL);
    smalti_run_options options = {.size = sizeof options, .jobs = 7, .memory_bytes = 3 << 20};
    CHECK_INT(smalti_plan_run(plan, &options, NULL, &error), SMALTI_E_LIMIT_MEMORY);
    CHECK_HAS(error.message, "in/00.png: needs");
    CHECK_HAS(error.message, "the budget is 3072 KiB");
    options.memory_bytes = 16 << 20;
    smalti_stats stats = {0};
    CHECK_OK(smalti_plan_run(plan, &options, &stats, &error), error);
    CHECK_INT(stats.done, 12);
    CHECK(stats.peak_bytes > 0 && stats.peak_bytes <= options.memory_bytes);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("the memory a task asks for does not grow with the image's height")
{
    uint64_t asked[2];
    for (int i = 0; i < 2; i++) {
        smalti_image image = picture(300, i ? 16000 : 4000, 3, SMALTI_SAMPLE_U8, 3);
        smalti_plan *plan = PLAN("gaussian-blur");
        asked[i] = stats_of(plan, &image, "png", 0).peak_bytes;
        smalti_plan_free(plan);
        smalti_image_free(&image);
    }
    CHECK_INT(asked[1], asked[0]);
}

struct canceller {
    smalti_cancel *cancel;
    int after, ended;
};

static void cancel_after(void *user, const smalti_event *event)
{
    struct canceller *canceller = user;
    if (event->kind == SMALTI_EVENT_DONE && ++canceller->ended == canceller->after)
        smalti_cancel_request(canceller->cancel);
}

TEST("a cancelled run ends every task, whole or not at all")
{
    make_folders();
    put_pictures(12);
    smalti_plan *plan = folder_plan(KERNELS("invert"), "out", NULL, NULL);
    struct canceller canceller = {.after = 3};
    CHECK_OK(smalti_cancel_new(&canceller.cancel, &error), error);
    smalti_run_options options = {
        .size = sizeof options, .jobs = 2, .cancel = canceller.cancel, .event = cancel_after, .user = &canceller};
    smalti_stats stats = {0};
    CHECK_INT(smalti_plan_run(plan, &options, &stats, &error), SMALTI_E_CANCELLED);
    CHECK_INT(stats.tasks, 12);
    CHECK(stats.done >= 3 && stats.done <= 5);
    CHECK_INT(stats.done + stats.failed, 12);
    char command[64];
    snprintf(command, sizeof command, "test $(ls -A out | wc -l) = %d", (int)stats.done);
    CHECK(system(command) == 0);
    smalti_cancel_free(canceller.cancel);
    smalti_plan_free(plan);
    remove_folder();
}

TEST("the plan says what it will do, conversions included")
{
    make_folders();
    put_pictures(3);
    put("in/zz.png", "x", 1);
    smalti_plan *plan = folder_plan(KERNELS("gaussian-blur"), "out", NULL, NULL);
    char *text = NULL, *json = NULL;
    CHECK_OK(smalti_plan_describe(plan, NULL, false, &text, &error), error);
    CHECK_HAS(text, "in/00.png → out/00.png");
    CHECK_HAS(text, "decode  png, 40 × 90 × 1 u8");
    CHECK_HAS(text, "kernel  gaussian-blur on 40 × 90 × 1 u8, halo");
    CHECK_HAS(text, "rows decoded");
    CHECK_HAS(text, "3 u16");
    CHECK_HAS(text, "error   in/zz.png: ");
    CHECK_OK(smalti_plan_describe(plan, NULL, true, &json, &error), error);
    CHECK_HAS(json, "\"rows_arrive\": \"decoded\"");
    CHECK(access("out", F_OK) != 0);
    free(text);
    free(json);
    const smalti_run_options little = {.size = sizeof little, .jobs = 1, .memory_bytes = 3 << 20};
    CHECK_OK(smalti_plan_describe(plan, &little, false, &text, &error), error);
    CHECK_HAS(text, "error   needs "); /* what the run would be refused for */
    free(text);
    smalti_plan_free(plan);
    remove_folder();
}
