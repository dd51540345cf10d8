/* SPDX-License-Identifier: Apache-2.0
 * What of a task belongs to the names of files: whether its outputs may be written, where they go, and that they appear
 * whole. A process that only decodes and encodes for another does none of it. */
#include "pipeline/task.h"

#include <sys/stat.h>
#include <unistd.h>

/* Never over the input itself, whatever its name (a link, another path to it), unless asked. */
static smalti_result check_same_file(const smalti__task *task, const char *output, const smalti__input *input,
                                     smalti_error *error)
{
    struct stat in, out;
    if (task->lane->run->plan->job->settings.overwrite || input->data || input->image || lstat(output, &out) < 0)
        return SMALTI_OK;
    if ((input->fd >= 0 ? fstat(input->fd, &in) : stat(input->path, &in)) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "%s is the input itself: choose another folder, or ask for it with --overwrite",
                            SMALTI__SHOWN(output));
    return SMALTI_OK;
}

static bool is_file(const char *path)
{
    return path && strcmp(path, "-");
}

/* Whether an output is there already; of one whose format is searched for, any that it may become. */
static smalti_result look_at_output(const smalti__task *task, size_t index, const char *path, bool *there,
                                    smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    *there = *there || (plan->job->settings.skip_existing && access(path, F_OK) == 0);
    return check_same_file(task, path, &plan->job->inputs[index], error);
}

static smalti_result look_at_choices(const smalti__task *task, size_t variant, bool *there, smalti_error *error)
{
    for (size_t i = 0; smalti__plan_web_format(i); i++) {
        SMALTI__CLEANUP_FREE char *path = NULL;
        SMALTI__TRY(
            smalti__plan_output(task->lane->run->plan, task->index, variant, smalti__plan_web_format(i), &path, error));
        SMALTI__TRY(look_at_output(task, task->index, path, there, error));
    }
    return SMALTI_OK;
}

smalti_result smalti__task_check_outputs(smalti__task *task, const smalti__encoder_format **formats, bool *present,
                                         smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    size_t there = 0;
    for (size_t i = 0; i < plan->variant_count; i++) {
        const char *path = task->branches[i].path;
        bool smallest = plan->smallest && !plan->variants[i].format, one = false;
        if (path || smalti__plan_target(plan, task->index, i))
            formats[i] = smalti__plan_encoder(plan, i, path ? path : "");
        if (smallest && path)
            SMALTI__TRY(look_at_choices(task, i, &one, error));
        else if (is_file(path))
            SMALTI__TRY(look_at_output(task, task->index, path, &one, error));
        there += one;
    }
    *present = there == plan->variant_count;
    return SMALTI_OK;
}

smalti_result smalti__task_open_sink(smalti__task *task, size_t index, smalti_error *error)
{
    const smalti__target *target = smalti__plan_target(task->lane->run->plan, task->index, index);
    smalti__branch *branch = &task->branches[index];
    if (branch->sink.state)
        return SMALTI_OK;
    if (branch->path)
        return smalti__sink_open_file(&branch->sink, branch->path, true, error);
    if (!target || target->pixels)
        return SMALTI_OK;
    return target->write ? smalti__sink_open_writer(&branch->sink, target->write, target->user, error)
                         : smalti__sink_open_memory(&branch->sink, 0, error);
}

/* What is in memory is handed over at the very end, when nothing can fail any more. */
static void hand_over(smalti__task *task)
{
    for (size_t i = 0; i < task->lane->run->plan->variant_count; i++) {
        smalti__target *target = smalti__plan_target(task->lane->run->plan, task->index, i);
        if (!target || target->path || target->write || target->pixels)
            continue;
        target->data = smalti__sink_take(&task->branches[i].sink, &target->size);
        if (target->made)
            target->made(target);
    }
}

smalti_result smalti__task_commit(smalti__task *task, smalti_error *error)
{
    uint64_t start = smalti__now_ns();
    smalti_result result = SMALTI_OK;
    size_t count = task->lane->run->plan->variant_count;
    for (size_t i = 0; i < count && result == SMALTI_OK; i++)
        if (task->branches[i].sink.state)
            result = smalti__sink_flush(&task->branches[i].sink, error);
    for (size_t i = 0; i < count; i++) {
        smalti__branch *branch = &task->branches[i];
        if (result == SMALTI_OK && branch->encoder)
            result = smalti__outputs_name(task, i, error);
        if (result == SMALTI_OK && branch->path)
            result = smalti__sink_commit(&branch->sink, error);
        uint64_t written = branch->sink.write_ns, encode = task->stats->encode_ns;
        task->stats->write_ns += written;
        task->stats->encode_ns -= written < encode ? written : encode;
        task->stats->bytes_out += branch->sink.bytes;
        branch->made.bytes = branch->sink.bytes;
    }
    task->stats->write_ns += smalti__now_ns() - start;
    if (result == SMALTI_OK)
        hand_over(task);
    return result;
}
