/* SPDX-License-Identifier: Apache-2.0
 * Items: a plan's steps on inputs of the caller's, at threads and at workers. This program is its own worker. */
#include <smalti/smalti.h>

#include <pthread.h>

#include "test.h"
#include "files.h"
#include "own_worker.h"
#include "base/base.h"

static smalti_error error;

enum { COUNT = 6 };

typedef struct seen {
    int done, failed;
    char *measures[COUNT];
    void **outs; /* what was there when an item was told of */
    bool there[COUNT];
    char said[COUNT][496], input[COUNT][200];
    uint32_t width[COUNT];
} seen;

static void watch(void *user, const smalti_event *event)
{
    seen *self = user;
    size_t i = event->task;
    self->done += event->kind == SMALTI_EVENT_DONE;
    self->failed += event->kind == SMALTI_EVENT_FAILED;
    if (event->kind < SMALTI_EVENT_DONE || i >= COUNT)
        return;
    snprintf(self->input[i], sizeof self->input[i], "%s", event->input);
    self->there[i] = self->outs && self->outs[i];
    if (event->output_count)
        self->width[i] = event->outputs[0].width;
    if (event->measures)
        self->measures[i] = strdup(event->measures);
    if (event->error)
        snprintf(self->said[i], sizeof self->said[i], "%s", event->error->message);
}

static void free_seen(seen *self)
{
    for (int i = 0; i < COUNT; i++)
        free(self->measures[i]);
    memset(self, 0, sizeof *self);
}

static smalti_run_options options_at(smalti_place at, seen *self)
{
    return (smalti_run_options){.size = sizeof(smalti_run_options),
                                .jobs = 2,
                                .memory_bytes = (uint64_t)256 << 20,
                                .at = at,
                                .event = watch,
                                .user = self,
                                .worker_program = "/proc/self/exe"};
}

static smalti_plan *plan_of(const char *step, const char *params, const char *format)
{
    smalti_job *job;
    smalti_plan *plan;
    CHECK_OK(smalti_job_new(&job, &error), error);
    if (step)
        CHECK_OK(smalti_job_step_add(job, step, params, &error), error);
    if (format)
        CHECK_OK(smalti_job_set(job, "output.format", format, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}

static void put_image(const char *path, uint32_t width, uint32_t height)
{
    smalti_image image = {.width = width, .height = height, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * 3; i++)
            ((uint8_t *)image.data)[y * image.pitch + i] = (uint8_t)(i * 3 + y * 5);
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_image_free(&image);
}

TEST("paths and bytes go to memory, each told when it is there, and a bad one stops nobody")
{
    void *outs[2][COUNT] = {{0}};
    size_t sizes[2][COUNT], size = 0;
    smalti_plan *plan = plan_of("resize", "20", "png");
    put_image(file_path("a.png"), 90, 60);
    put_image(file_path("b.jpg"), 70, 50);
    void *data = file_read(file_path("b.jpg"), &size);
    for (int at = 0; at < 2; at++) {
        seen self = {.outs = outs[at]};
        smalti_item items[COUNT];
        for (int i = 0; i < COUNT; i++)
            items[i] = (smalti_item){.size = sizeof *items, .out = &outs[at][i], .out_size = &sizes[at][i]};
        items[0].path = file_path("a.png");
        items[1].data = data, items[1].data_size = size;
        items[2].data = "no image", items[2].data_size = 8, items[2].name = "bytes";
        items[3].path = file_path("none.png");
        items[4].data = data, items[4].data_size = size, items[4].name = "again";
        items[5].data = "", items[5].data_size = 0;
        const smalti_run_options options = options_at(at ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS, &self);
        smalti_stats stats = {.size = sizeof stats};
        CHECK_INT(smalti_plan_run_items(plan, items, COUNT, &options, &stats, &error), SMALTI_E_FORMAT_UNKNOWN);
        CHECK_INT(stats.done, 3);
        CHECK_INT(self.done, 3);
        CHECK_INT(self.failed, 3);
        for (int i = 0; i < COUNT; i++) {
            bool good = i == 0 || i == 1 || i == 4;
            CHECK(self.there[i] == good && !outs[at][i] == !good && (!good || self.width[i] == 20));
        }
        CHECK_STR(self.input[1], "memory");
        CHECK_STR(self.input[4], "again");
        CHECK_HAS(self.said[2], "bytes");
        CHECK_HAS(self.said[3], "none.png");
        free_seen(&self);
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK(!outs[0][i] || (sizes[0][i] == sizes[1][i] && !memcmp(outs[0][i], outs[1][i], sizes[0][i])));
        free(outs[0][i]);
        free(outs[1][i]);
    }
    free(data);
    smalti_plan_free(plan);
}

TEST("items go to files that they name, never over an input or each other")
{
    seen self = {0};
    smalti_plan *plan = plan_of("resize", "20", NULL);
    put_image(file_path("c.png"), 90, 60);
    char *in = strdup(file_path("c.png")), *webp = strdup(file_path("c.webp")), *jpeg = strdup(file_path("c.jpg"));
    for (int at = 0; at < 2; at++) {
        const smalti_run_options options = options_at(at ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS, &self);
        smalti_item items[2] = {{.size = sizeof *items, .path = in, .output = webp},
                                {.size = sizeof *items, .path = in, .output = jpeg}};
        CHECK_OK(smalti_plan_run_items(plan, items, 2, &options, NULL, &error), error);
        CHECK(unlink(webp) == 0 && unlink(jpeg) == 0);
        items[1].output = webp;
        CHECK_INT(smalti_plan_run_items(plan, items, 2, &options, NULL, &error), SMALTI_E_INVALID_CONFLICT);
        items[1].output = in;
        CHECK_INT(smalti_plan_run_items(plan, items, 2, &options, NULL, &error), SMALTI_E_INVALID_CONFLICT);
        CHECK(access(webp, F_OK) != 0);
    }
    free(in);
    free(webp);
    free(jpeg);
    free_seen(&self);
    smalti_plan_free(plan);
}

TEST("without outputs there are measures")
{
    smalti_job *job;
    smalti_plan *plan;
    seen self = {0};
    put_image(file_path("m.png"), 90, 60);
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_kernel_add(job, "sharpness", NULL, &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("never"), &error), error); /* items do not go there */
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    for (int at = 0; at < 2; at++) {
        const smalti_run_options options = options_at(at ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS, &self);
        const smalti_item item = {.size = sizeof item, .path = file_path("m.png")};
        CHECK_OK(smalti_plan_run_items(plan, &item, 1, &options, NULL, &error), error);
        CHECK_HAS(self.measures[0], "\"sharpness\"");
        free_seen(&self);
    }
    CHECK(access(file_path("never"), F_OK) != 0);
    smalti_plan_free(plan);
}

TEST("an item that is not filled in rightly is refused")
{
    void *out = NULL;
    size_t size;
    smalti_plan *plan = plan_of(NULL, NULL, "png");
    const smalti_item bad[] = {
        {.size = sizeof *bad},
        {.path = "a.png"},
        {.size = sizeof *bad, .path = ""},
        {.size = sizeof *bad, .path = "a.png", .data = "x", .data_size = 1},
        {.size = sizeof *bad, .path = "a.png", .out = &out},
        {.size = sizeof *bad, .path = "a.png", .output = "b.png", .out = &out, .out_size = &size},
        {.size = sizeof *bad, .path = "a.png", .output = ""},
    };
    for (size_t i = 0; i < SMALTI__COUNT(bad); i++)
        CHECK_INT(smalti_plan_run_items(plan, &bad[i], 1, NULL, NULL, &error), SMALTI_E_INVALID);
    const smalti_item mixed[] = {{.size = sizeof *mixed, .path = "a.png", .out = &out, .out_size = &size},
                                 {.size = sizeof *mixed, .path = "a.png"}};
    CHECK_INT(smalti_plan_run_items(plan, mixed, 2, NULL, NULL, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "item 1 has no output");
    CHECK_OK(smalti_plan_run_items(plan, NULL, 0, NULL, NULL, &error), error);
    smalti_plan_free(plan);
}
