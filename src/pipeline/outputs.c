/* SPDX-License-Identifier: Apache-2.0
 * The far end of a task: one encoder, or several behind flows of their own, that take what the plan's steps give. */
#include "pipeline/task.h"

#include <math.h>

static size_t branch_count(const smalti__task *task)
{
    return task->lane->run->plan->variant_count;
}

/* ---- beginning ---- */

/* EXR, unless it was said: what holds the input without loss. */
static bool wants_half(const smalti__task *task, size_t index, bool asked)
{
    const smalti_info *info = &task->decoder->info;
    if (smalti__plan_settings(task->lane->run->plan, index)->exr_samples != SMALTI__EXR_SAMPLES_AUTO)
        return asked;
    return info->sample == SMALTI_SAMPLE_U8 || (info->sample == SMALTI_SAMPLE_F32 && info->bit_depth == 16);
}

smalti__encoder smalti__outputs_seed(smalti__task *task, size_t index)
{
    smalti__branch *branch = &task->branches[index];
    const smalti__encoder_format *format = task->lane->route->branches[index].format;
    smalti__encoder seed = {
        .format = format,
        .params = smalti__plan_encode_params(task->lane->run->plan, index, &branch->metadata, &task->lane->pool),
        .sink = &branch->sink,
        .width = branch->out.width,
        .height = branch->out.height,
        .channels = branch->out.channels,
        .sample = branch->out.sample,
    };
    branch->metadata =
        smalti__route_metadata(task->lane->run->plan, task->lane->route, index, &branch->out, &task->metadata);
    seed.params.exr_half = wants_half(task, index, seed.params.exr_half);
    seed.params.stop = &task->stop;
    seed.params.warn = smalti__task_warn;
    seed.params.user = task;
    seed.params.spare_thread = task->lane->run->spare_lanes && branch_count(task) == 1;
    seed.params.animation = task->decoder->options.all_frames && task->decoder->info.frames > 1 && format->next_frame;
    seed.params.loops = task->decoder->info.loops;
    branch->made = (smalti_output){
        .format = format->name,
        .width = seed.width,
        .height = seed.height,
        .quality = seed.params.lossless || !format->default_quality ? 0
                   : seed.params.quality                            ? seed.params.quality
                                                                    : format->default_quality,
        .score = NAN,
    };
    return seed;
}

static smalti_result open_encoder(smalti__task *task, size_t index, smalti_error *error)
{
    smalti__branch *branch = &task->branches[index];
    const smalti__branch_route *route = &task->lane->route->branches[index];
    const smalti__encoder seed = smalti__outputs_seed(task, index);
    if (route->searches && seed.params.animation)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED,
                            "quality and format are not searched for animations: leave --frames all out");
    SMALTI__TRY(route->searches ? smalti__search_open(&seed, &route->search, &branch->encoder, error)
                                : seed.format->open(&seed, &branch->encoder, error));
    branch->searches = route->searches;
    if (task->lane->route->relay)
        branch->relay = smalti__relay_open(branch->encoder);
    return SMALTI_OK;
}

/* Rows of this shape will come to a branch: *out is what its encoder takes. For each frame of an animation anew. */
static smalti_result begin_branch(smalti__task *task, size_t index, const smalti__shape *last, smalti__shape *out,
                                  smalti_error *error)
{
    smalti__branch *branch = &task->branches[index];
    const smalti__branch_route *route = &task->lane->route->branches[index];
    const smalti__encoder_format *format = route->format;
    uint64_t start = smalti__now_ns();
    smalti_result result = SMALTI_OK;
    SMALTI__TRY(smalti__route_fit(route, &task->lane->route->in, last, out, error));
    if (!format)
        return SMALTI_OK;
    if (!branch->encoder) {
        branch->out = *out;
        result = open_encoder(task, index, error);
    } else if (!smalti__shape_same(out, &branch->out)) {
        result = smalti__fail(error, SMALTI_E_UNSUPPORTED, "frame %u would be %u × %u pixels, those before it %u × %u",
                              task->decoder->frame + 1, out->width, out->height, branch->out.width, branch->out.height);
    }
    if (result == SMALTI_OK && branch->encoder->params.animation)
        result = format->next_frame(branch->encoder, task->frame_ms, error);
    task->stats->encode_ns += smalti__now_ns() - start;
    return result;
}

static smalti_result encode_rows(smalti__branch *branch, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    if (branch->relay)
        return smalti__relay_write(branch->relay, rows, pitch, count, error);
    return branch->encoder->format->write(branch->encoder, rows, pitch, count, error);
}

/* A branch with a flow of its own: what its functions get as user. */
struct branch_user {
    smalti__task *task;
    size_t index;
};

static smalti_result branch_begin(void *user, const smalti__shape *last, smalti__shape *out, smalti_error *error)
{
    const struct branch_user *self = user;
    return begin_branch(self->task, self->index, last, out, error);
}

static smalti_result branch_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    const struct branch_user *self = user;
    return encode_rows(&self->task->branches[self->index], rows, pitch, count, error);
}

static smalti_result branch_more(void *user, size_t bytes, smalti_error *error)
{
    return smalti__task_more(((const struct branch_user *)user)->task, bytes, error);
}

static smalti_result open_branch_flow(smalti__task *task, size_t index, const smalti__shape *in, smalti_error *error)
{
    smalti__branch *branch = &task->branches[index];
    smalti__flow_setup setup = smalti__route_branch_flow(task->lane->run->plan, task->lane->route, index, in);
    if (task->lane->route->program.profile == SMALTI__PROFILE_INPUT) {
        setup.icc = task->metadata.icc.data;
        setup.icc_size = task->metadata.icc.size;
    } else if (task->lane->route->program.profile == SMALTI__PROFILE_P3) {
        smalti__color_profile(SMALTI__COLOR_P3, in->channels, &setup.icc, &setup.icc_size);
    }
    if (!branch->user && !(branch->user = malloc(sizeof *branch->user)))
        return smalti__fail_nomem(error, sizeof *branch->user);
    *branch->user = (struct branch_user){task, index};
    smalti__flow_close(branch->flow); /* of the frame before */
    branch->flow = NULL;
    setup.pool = &task->lane->pool;
    setup.stats = task->stats;
    setup.stop = &task->stop;
    setup.begin = branch_begin;
    setup.emit = branch_rows;
    setup.more = branch_more;
    setup.user = branch->user;
    return smalti__flow_open(&setup, &branch->flow, error);
}

smalti_result smalti__outputs_begin(void *user, const smalti__shape *last, smalti__shape *out, smalti_error *error)
{
    smalti__task *task = user;
    if (branch_count(task) == 1)
        return begin_branch(task, 0, last, out, error);
    for (size_t i = 0; i < branch_count(task); i++)
        SMALTI__TRY(open_branch_flow(task, i, last, error));
    return SMALTI_OK;
}

/* ---- rows ---- */

smalti_result smalti__outputs_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    smalti__task *task = user;
    if (branch_count(task) == 1)
        return encode_rows(&task->branches[0], rows, pitch, count, error);
    for (size_t i = 0; i < branch_count(task); i++)
        SMALTI__TRY(smalti__flow_push(task->branches[i].flow, rows, pitch, count, error));
    return SMALTI_OK;
}

/* ---- the end ---- */

/* Ends the encoder's own thread. The lane's time in emit was waiting then, not encoding. */
static void close_relay(smalti__task *task, smalti__branch *branch)
{
    if (!branch->relay)
        return;
    task->stats->encode_ns = 0;
    smalti__relay_close(branch->relay, &task->stats->encode_ns, &task->stats->cpu_ns);
    branch->relay = NULL;
}

smalti_result smalti__outputs_frame_end(smalti__task *task, smalti_error *error)
{
    for (size_t i = 0; i < branch_count(task); i++)
        if (task->branches[i].relay)
            SMALTI__TRY(smalti__relay_drain(task->branches[i].relay, error));
    return SMALTI_OK;
}

smalti_result smalti__outputs_finish(smalti__task *task, smalti_error *error)
{
    for (size_t i = 0; i < branch_count(task); i++) {
        smalti__branch *branch = &task->branches[i];
        close_relay(task, branch);
        uint64_t start = smalti__now_ns();
        if (branch->encoder)
            SMALTI__TRY(branch->encoder->format->finish(branch->encoder, error));
        task->stats->encode_ns += smalti__now_ns() - start;
    }
    return SMALTI_OK;
}

smalti_result smalti__outputs_rename(smalti__task *task, size_t index, const smalti__encoder_format *format,
                                     smalti_error *error)
{
    smalti__branch *branch = &task->branches[index];
    char *path;
    SMALTI__TRY(smalti__plan_output(task->lane->run->plan, task->index, index, format, &path, error));
    smalti_result result = smalti__sink_rename(&branch->sink, path, error);
    if (result < 0) {
        free(path);
        return result;
    }
    free(branch->path);
    branch->path = path;
    return SMALTI_OK;
}

smalti_result smalti__outputs_name(smalti__task *task, size_t index, smalti_error *error)
{
    smalti__branch *branch = &task->branches[index];
    if (!branch->searches)
        return SMALTI_OK;
    const smalti__search_outcome *outcome = smalti__search_outcome_of(branch->encoder);
    branch->made.format = outcome->format->name;
    branch->made.quality = outcome->quality;
    branch->made.score = outcome->score;
    double target = task->lane->route->branches[index].search.target_score;
    if (target > 0 && outcome->score < target) {
        char text[128], score[SMALTI__NUMBER_TEXT];
        snprintf(text, sizeof text, "the best that %s reaches scores %.5s, not the %.0f that was asked for",
                 outcome->format->name, smalti__number_text(outcome->score, score), target);
        smalti__task_warn(task, text);
    }
    if (task->lane->route->branches[index].search.candidate_count == 1 || !branch->path)
        return SMALTI_OK;
    return smalti__outputs_rename(task, index, outcome->format, error);
}

void smalti__outputs_close(smalti__task *task)
{
    for (size_t i = 0; i < branch_count(task); i++) {
        smalti__branch *branch = &task->branches[i];
        close_relay(task, branch);
        if (branch->encoder)
            branch->encoder->format->close(branch->encoder);
        smalti__flow_close(branch->flow);
        smalti__sink_close(&branch->sink);
        free(branch->user);
        *branch = (smalti__branch){.path = branch->path, .made = branch->made};
    }
}

void smalti__outputs_free(smalti__task *task)
{
    for (size_t i = 0; i < branch_count(task); i++)
        free(task->branches[i].path);
}

size_t smalti__outputs_list(const smalti__task *task, smalti_output *made)
{
    size_t count = 0;
    for (size_t i = 0; i < branch_count(task); i++)
        if (task->branches[i].made.format) {
            made[count] = task->branches[i].made;
            made[count++].path = task->branches[i].path;
        }
    return count;
}
