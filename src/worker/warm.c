/* SPDX-License-Identifier: Apache-2.0
 * A worker that will wait for its first task does a tiny one before it is ready: codecs, steps and kernels have run once then,
 * and what they touch for the first time is there. */
#include "worker/warm.h"

enum { SIDE = 64, LIMIT_MS = 5 };

static smalti_result agree(void *user, size_t bytes, bool wait, smalti_error *error)
{
    (void)user, (void)bytes, (void)wait, (void)error;
    return SMALTI_OK;
}

static smalti_result draw(void **data, size_t *size)
{
    smalti_image image = {.width = SIDE, .height = SIDE, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    const smalti_encode_options options = {.size = sizeof options, .format = "jpeg"};
    smalti_error error;
    SMALTI__TRY(smalti_image_alloc(&image, &error));
    for (size_t y = 0; y < SIDE; y++)
        for (size_t i = 0; i < SIDE * 3; i++)
            ((uint8_t *)image.data)[y * image.pitch + i] = (uint8_t)(i * y);
    smalti_result result = smalti_image_write_memory(&image, &options, data, size, &error);
    smalti_image_free(&image);
    return result;
}

/* PNG instead of formats whose encoders take an image at once, and long for what the steps may make of it. */
static const smalti__encoder_format *quick_format(const smalti__encoder_format *asked)
{
    return asked && !strcmp(asked->name, "jpeg") ? asked : smalti__plan_own_format("png");
}

/* What becomes of it does not matter: the plan's steps may not even allow for so small an image. */
static void run_one(smalti__lane *lane, const smalti_plan *plan, const void *data, size_t size)
{
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {0};
    smalti__input input = {.path = "", .name = "", .fd = -1, .data = data, .size = size};
    smalti_job job = *plan->job;
    smalti_plan view = *plan;
    smalti_stats stats = {.size = sizeof stats};
    smalti__task task = {.lane = lane, .name = "", .stats = &stats};
    smalti_error error;
    smalti_result result = SMALTI_OK;
    job.inputs = &input;
    job.input_count = 1;
    view.job = &job;
    view.has_output = true;
    view.smallest = false;
    lane->run->plan = &view;
    task.stop = (smalti__stop){.deadline_ns = smalti__now_ns() + LIMIT_MS * 1000000, .limit_ms = LIMIT_MS};
    for (size_t i = 0; i < plan->variant_count && result == SMALTI_OK; i++) {
        formats[i] = quick_format(smalti__plan_encoder(plan, i, ""));
        result = smalti__sink_open_memory(&task.branches[i].sink, 0, &error);
    }
    if (result == SMALTI_OK)
        result = smalti__task_work(&task, formats, &error);
    smalti__task_release(&task);
    smalti__outputs_free(&task);
    free(task.measures);
    lane->run->plan = plan;
}

void smalti__warm_up(smalti__lane *lane)
{
    SMALTI__CLEANUP_FREE void *data = NULL;
    size_t size;
    smalti__run *run = lane->run;
    const smalti_event_fn event = run->options.event;
    smalti_result (*const need)(void *, size_t, bool, smalti_error *) = run->need;
    run->need = agree;
    run->options.event = NULL;
    if (draw(&data, &size) == SMALTI_OK)
        run_one(lane, run->plan, data, size);
    run->need = need;
    run->options.event = event;
}
