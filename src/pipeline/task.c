/* SPDX-License-Identifier: Apache-2.0
 * One task: source → decode → steps → encode → sink. */
#include "pipeline/task.h"

enum { PROGRESS_NS = 100 * 1000 * 1000 };

static void send(smalti__task *task, smalti_event_kind kind, const smalti_error *error)
{
    smalti__run *run = task->lane->run;
    if (!run->options.event)
        return;
    bool ended = kind >= SMALTI_EVENT_DONE, tells = ended && kind != SMALTI_EVENT_SKIPPED;
    smalti_output made[SMALTI__VARIANTS_MAX];
    const smalti_event event = {
        .size = sizeof event,
        .kind = kind,
        .task = task->index,
        .task_count = run->plan->job->input_count,
        .input = task->name,
        .id = run->plan->job->inputs[task->index].id,
        .output = task->branches[0].path,
        .rows_done = task->rows_done,
        .rows = task->decoder ? task->decoder->out.height : task->rows,
        .error = error,
        .stats = ended ? task->stats : NULL,
        .measures = kind == SMALTI_EVENT_DONE ? task->measures : NULL,
        .info = tells && *task->info.format ? &task->info : NULL,
        .source = tells ? (task->source_kind ? task->source_kind : "") : NULL,
        .fast_path = kind == SMALTI_EVENT_DONE ? task->fast_path : NULL,
        .outputs = kind == SMALTI_EVENT_DONE ? made : NULL,
        .output_count = kind == SMALTI_EVENT_DONE ? smalti__outputs_list(task, made) : 0,
    };
    pthread_mutex_lock(&run->event_lock);
    run->options.event(run->options.user, &event);
    pthread_mutex_unlock(&run->event_lock);
}

void smalti__task_warn(void *user, const char *message)
{
    smalti__task *task = user;
    smalti_error warning;
    task->stats->warnings++;
    smalti__fail(&warning, SMALTI_OK, "%.*s", SMALTI__MESSAGE_PART, message);
    smalti__error_prefix(&warning, task->name);
    send(task, SMALTI_EVENT_WARNING, &warning);
}

void smalti__task_progress(smalti__task *task, uint32_t rows_done, uint32_t rows)
{
    task->rows_done = rows_done;
    task->rows = rows;
    send(task, SMALTI_EVENT_PROGRESS, NULL);
}

/* ---- memory ---- */

smalti_result smalti__task_admit(smalti__task *task, size_t bytes, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    SMALTI__TRY(smalti__run_fits(run, bytes, error));
    if (run->need)
        SMALTI__TRY(run->need(run->need_user, bytes, true, error));
    else
        SMALTI__TRY(smalti__budget_acquire(run->budget, bytes, smalti__run_cancel_flag(run), error));
    task->admitted += bytes;
    return SMALTI_OK;
}

smalti_result smalti__task_more(void *user, size_t bytes, smalti_error *error)
{
    smalti__task *task = user;
    smalti__run *run = task->lane->run;
    if (run->need)
        SMALTI__TRY(run->need(run->need_user, bytes, false, error));
    else if (!smalti__budget_try(run->budget, bytes)) /* waiting with memory in hand might be for ever */
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY,
                            "needs %zu KiB more memory than was foreseen, and the budget has not got it: raise it with "
                            "--memory",
                            bytes / 1024);
    task->admitted += bytes;
    return SMALTI_OK;
}

/* A pipe may be of any size: it gets the whole budget, so that it can neither break it nor wait for itself. */
static smalti_result admit_pipe(smalti__task *task, size_t *max_bytes, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    size_t tied = run->tied_bytes;
    size_t all =
        run->options.memory_bytes > tied + SMALTI__SMALL_INPUT ? run->options.memory_bytes - tied : SMALTI__SMALL_INPUT;
    SMALTI__TRY(smalti__task_admit(task, all, error));
    *max_bytes = all / 2;
    return SMALTI_OK;
}

static smalti_result open_source(smalti__task *task, const smalti__input *input, smalti_error *error)
{
    smalti__source_options options = {.pool = &task->lane->pool,
                                      .map_threshold = SMALTI__SMALL_INPUT,
                                      .cancelled = smalti__run_cancel_flag(task->lane->run)};
    size_t size;
    if (input->data || input->image) {
        smalti__source_open_memory(&task->source, input->data, input->size, input->path);
        task->source.memory_bytes = input->memory_bytes;
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__source_measure(input->fd >= 0 ? NULL : input->path, input->fd, &size, error));
    if (size == SIZE_MAX)
        SMALTI__TRY(admit_pipe(task, &options.max_bytes, error));
    if (input->fd >= 0)
        return smalti__source_open_fd(&task->source, input->fd, input->path, &options, error);
    return smalti__source_open(&task->source, input->path, &options, error);
}

/* Errors of the stages behind the decoder do not know the input's name. */
static smalti_result named(const smalti__task *task, smalti_result result, smalti_error *error)
{
    if (result < 0)
        smalti__error_name(error, task->name);
    return result;
}

/* ---- the flow ---- */

static smalti_result open_flow(smalti__task *task, smalti_error *error)
{
    const smalti__route *route = task->lane->route;
    smalti__flow_setup setup = smalti__route_flow(task->lane->run->plan, route);
    setup.icc = task->metadata.icc.data;
    setup.icc_size = task->metadata.icc.size;
    setup.colors = &task->lane->colors;
    setup.pool = &task->lane->pool;
    setup.stats = task->stats;
    setup.stop = &task->stop;
    setup.begin = smalti__outputs_begin;
    setup.emit = route->branches[0].format ? smalti__outputs_rows : NULL;
    setup.more = smalti__task_more;
    setup.user = task;
    return smalti__flow_open(&setup, &task->flow, error);
}

/* The metadata goes with the task: the route decides what may leave. */
static void take_metadata(smalti__task *task)
{
    task->metadata = task->decoder->metadata;
    task->decoder->metadata = (smalti__metadata){0};
    if (task->metadata.exif.data && task->lane->route->orientation != 1)
        smalti__exif_orientation_reset(task->metadata.exif.data, task->metadata.exif.size);
}

static smalti_result start(smalti__task *task, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    smalti_result result = smalti__decoder_start(task->decoder, error);
    task->stats->decode_ns += smalti__now_ns() - begin;
    SMALTI__TRY(result);
    take_metadata(task);
    return SMALTI_OK;
}

static void progress(smalti__task *task)
{
    uint64_t now = smalti__now_ns();
    if (now - task->progress_ns < PROGRESS_NS)
        return;
    task->progress_ns = now;
    send(task, SMALTI_EVENT_PROGRESS, NULL);
}

/* The rows of one frame, from the decoder through the flow. What the flow takes beyond its steps is the encoder. */
static smalti_result pump(smalti__task *task, smalti_error *error)
{
    smalti__decoder *decoder = task->decoder;
    smalti_stats *stats = task->stats;
    for (task->rows_done = 0; task->rows_done < decoder->out.height;) {
        void *dst;
        size_t pitch;
        uint32_t rows;
        SMALTI__TRY(smalti__stop_check(&task->stop, error));
        smalti__flow_space(task->flow, &dst, &pitch, &rows);
        uint64_t begin = smalti__now_ns();
        smalti_result result = smalti__decoder_read(decoder, dst, pitch, rows, error);
        uint64_t decoded = smalti__now_ns(), steps = stats->kernel_ns + stats->step_ns;
        stats->decode_ns += decoded - begin;
        SMALTI__TRY(result);
        SMALTI__TRY(smalti__flow_commit(task->flow, rows, error));
        stats->encode_ns += smalti__now_ns() - decoded - (stats->kernel_ns + stats->step_ns - steps);
        task->rows_done += rows;
        progress(task);
    }
    SMALTI__TRY(smalti__outputs_frame_end(task, error));
    return smalti__task_measures(task, error);
}

/* ---- planes ---- */

static void planes_progress(void *user, uint32_t rows)
{
    smalti__task *task = user;
    task->rows_done = rows;
    progress(task);
}

/* Instead of a flow: everything from the decoder's start to the encoder's end. */
static smalti_result run_planes(smalti__task *task, smalti_error *error)
{
    const smalti__route *route = task->lane->route;
    uint64_t scale_ns = 0;
    task->branches[0].out = route->branches[0].out;
    take_metadata(task);
    const smalti__encoder seed = smalti__outputs_seed(task, 0);
    smalti__planar_setup setup = smalti__route_planes(route, task->decoder);
    setup.seed = &seed;
    setup.spare_thread = route->planes.ahead;
    setup.pool = &task->lane->pool;
    setup.stats = task->stats;
    setup.stop = &task->stop;
    setup.progress = planes_progress;
    setup.user = task;
    smalti_result result = smalti__planar_run(&setup, &route->planes, &scale_ns, error);
    task->stats->step_ns += scale_ns;
    return result;
}

/* ---- coefficients ---- */

/* Instead of a flow, too. */
static smalti_result run_coefficients(smalti__task *task, smalti_error *error)
{
    const smalti__route *route = task->lane->route;
    task->branches[0].out = route->branches[0].out;
    take_metadata(task);
    const smalti__encoder seed = smalti__outputs_seed(task, 0);
    uint64_t begin = smalti__now_ns();
    SMALTI__TRY(smalti__decoder_start(task->decoder, error));
    uint64_t decoded = smalti__now_ns();
    task->stats->decode_ns += decoded - begin;
    SMALTI__TRY(smalti__jpeg_transform_write(task->decoder, &route->coefficients, seed.sink, &seed.params, error));
    task->stats->encode_ns += smalti__now_ns() - decoded;
    task->rows_done = task->decoder->out.height;
    return SMALTI_OK;
}

/* ---- frames ---- */

static smalti_result next_frame(smalti__task *task, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    smalti_result result = smalti__decoder_next_frame(task->decoder, error);
    task->stats->decode_ns += smalti__now_ns() - begin;
    return result;
}

static smalti_result pump_frames(smalti__task *task, smalti_error *error)
{
    smalti__decoder *decoder = task->decoder;
    uint32_t frames = decoder->options.all_frames && decoder->ops->next_frame ? decoder->info.frames : 1;
    for (size_t i = 0; i < task->lane->run->plan->variant_count && frames > 1; i++) {
        const smalti__encoder_format *format = task->lane->route->branches[i].format;
        if (format && !format->next_frame)
            return smalti__fail(error, SMALTI_E_UNSUPPORTED,
                                "has %u frames, and %s holds one: choose webp, or leave --frames all out", frames,
                                format->name);
    }
    SMALTI__TRY(start(task, error));
    for (uint32_t frame = 0; frame < frames; frame++) {
        if (frame)
            SMALTI__TRY(next_frame(task, error));
        task->frame_ms = decoder->frame_ms;
        smalti__flow_close(task->flow);
        task->flow = NULL;
        SMALTI__TRY(open_flow(task, error));
        SMALTI__TRY(pump(task, error));
    }
    uint64_t begin = smalti__now_ns();
    smalti_result result = smalti__decoder_finish(decoder, error);
    task->stats->decode_ns += smalti__now_ns() - begin;
    SMALTI__TRY(result);
    return smalti__outputs_finish(task, error);
}

static smalti_result open_decoder(smalti__task *task, smalti_error *error)
{
    smalti__decode_options options = smalti__plan_decode_options(task->lane->run->plan, &task->lane->pool);
    options.spare_thread = task->lane->run->spare_lanes;
    options.stop = &task->stop;
    options.warn = smalti__task_warn;
    options.user = task;
    uint64_t begin = smalti__now_ns();
    const smalti_image *image = task->lane->run->plan->job->inputs[task->index].image;
    smalti_result result = image ? smalti__decoder_open_pixels(&task->source, image, &options, &task->decoder, error)
                                 : smalti__decoder_open(&task->source, &options, &task->decoder, error);
    task->stats->decode_ns += smalti__now_ns() - begin;
    return result;
}

/* From an open source to sinks that only need to be committed. formats: of the outputs; NULL in it: the input's own. */
static smalti_result flow(smalti__task *task, const smalti__encoder_format **formats, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    smalti__route *route = task->lane->route;
    uint64_t held = task->source.memory_bytes;
    SMALTI__TRY(open_decoder(task, error));
    task->info = task->decoder->info;
    for (size_t i = 0; i < run->plan->variant_count; i++)
        if (!formats[i] && task->branches[i].sink.state)
            formats[i] = smalti__plan_own_format(task->decoder->info.format);
    SMALTI__TRY(smalti__run_route(run, task->decoder, formats, held, route, error));
    const char *way = route->by_coefficients ? "without loss" : route->by_planes ? "planes" : "";
    if (task->decoder->reduced > 1)
        snprintf(task->fast_path, sizeof task->fast_path, "reduced 1/%u%s%s", task->decoder->reduced, *way ? ", " : "",
                 way);
    else if (task->decoder->level)
        snprintf(task->fast_path, sizeof task->fast_path, "level %u", task->decoder->level);
    else
        snprintf(task->fast_path, sizeof task->fast_path, "%s", way);
    size_t unmapped = held > SMALTI__SMALL_INPUT ? (size_t)held : 0, total;
    if (!smalti__add(route->total_bytes, unmapped, &total))
        total = SIZE_MAX;
    task->stats->pixels = (uint64_t)route->in.width * route->in.height;
    task->stats->peak_bytes = route->total_bytes + held;
    if (task->admitted) { /* a pipe has the whole budget already: what it did not read is for the rest */
        if (route->total_bytes + held > task->admitted)
            return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "needs %zu KiB of memory: raise the budget with --memory",
                                (route->total_bytes + (size_t)held) / 1024);
    } else {
        SMALTI__TRY(smalti__task_admit(task, total, error)); /* small inputs are the lane's */
    }
    SMALTI__TRY(route->by_planes         ? run_planes(task, error)
                : route->by_coefficients ? run_coefficients(task, error)
                                         : pump_frames(task, error));
    return smalti__source_check(&task->source, error);
}

void smalti__task_give_back(smalti__task *task)
{
    if (task->admitted && !task->lane->run->need)
        smalti__budget_release(task->lane->run->budget, task->admitted);
    task->admitted = 0;
}

void smalti__task_release(smalti__task *task)
{
    smalti__flow_close(task->flow);
    smalti__outputs_close(task);
    smalti__decoder_close(task->decoder);
    smalti__metadata_clear(&task->metadata);
    smalti__source_close(&task->source);
    smalti__pool_trim(&task->lane->pool, SMALTI__LANE_KEEPS);
    smalti__task_give_back(task);
}

void smalti__task_set_stop(smalti__task *task)
{
    uint64_t limit = task->lane->run->plan->limits.task_ms;
    task->stop = (smalti__stop){.cancelled = smalti__run_cancel_flag(task->lane->run),
                                .task_cancelled = &task->cancellable.requested,
                                .limit_ms = limit};
    if (limit)
        task->stop.deadline_ns = smalti__now_ns() + limit * 1000000;
}

smalti_result smalti__task_work(smalti__task *task, const smalti__encoder_format **formats, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    uint64_t start = smalti__now_ns();
    smalti_result result = open_source(task, &plan->job->inputs[task->index], error);
    task->stats->read_ns = smalti__now_ns() - start;
    SMALTI__TRY(named(task, result, error));
    task->stats->bytes_in = task->source.size;
    task->source_kind = task->source.memory_bytes || !task->source.size ? "read" : "mapped";
    for (size_t i = 0; i < plan->variant_count; i++) /* after the source: an input that is not there makes no folder */
        SMALTI__TRY(smalti__task_open_sink(task, i, error));
    return named(task, flow(task, formats, error), error);
}

/* skip: the outputs were there already. */
static smalti_result run_file(smalti__task *task, bool *skip, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {0};
    for (size_t i = 0; i < plan->variant_count; i++)
        SMALTI__TRY(smalti__plan_output(plan, task->index, i, NULL, &task->branches[i].path, error));
    SMALTI__TRY(named(task, smalti__stop_check(&task->stop, error), error));
    send(task, SMALTI_EVENT_STARTED, NULL);
    SMALTI__TRY(smalti__task_check_outputs(task, formats, skip, error));
    if (*skip)
        return SMALTI_OK;
    SMALTI__TRY(task->lane->elsewhere ? task->lane->elsewhere(task->lane->elsewhere_user, task, formats, error)
                                      : smalti__task_work(task, formats, error));
    return smalti__task_commit(task, error);
}

smalti_result smalti__task_run(smalti__lane *lane, size_t index, smalti_stats *stats, smalti_error *error)
{
    const char *path = lane->run->plan->job->inputs[index].path;
    smalti__task task = {
        .lane = lane, .index = index, .name = strcmp(path, "-") ? path : "standard input", .stats = stats};
    uint64_t wall = smalti__now_ns(), cpu = smalti__thread_cpu_ns(), allocations = lane->pool.allocations;
    bool skip = false;
    *stats = (smalti_stats){.size = sizeof *stats, .tasks = 1};
    smalti__cancel_enter(lane->run->options.cancel, &task.cancellable, index);
    smalti__task_set_stop(&task);
    smalti_result result = run_file(&task, &skip, error);
    smalti__cancel_leave(lane->run->options.cancel, &task.cancellable);
    smalti__task_release(&task);
    task.decoder = NULL;
    stats->wall_ns = smalti__now_ns() - wall;
    stats->cpu_ns += smalti__thread_cpu_ns() - cpu;
    stats->allocations += lane->pool.allocations - allocations;
    stats->done = result == SMALTI_OK && !skip;
    stats->skipped = skip;
    stats->failed = result < 0;
    send(&task,
         skip         ? SMALTI_EVENT_SKIPPED
         : result < 0 ? SMALTI_EVENT_FAILED
                      : SMALTI_EVENT_DONE,
         result < 0 ? error : NULL);
    smalti__outputs_free(&task);
    free(task.measures);
    return result;
}
