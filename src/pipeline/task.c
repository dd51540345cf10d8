/* SPDX-License-Identifier: Apache-2.0
 * One task: source → decode → strips → kernels → encode → sink. */
#include "pipeline/relay.h"
#include "pipeline/task.h"

#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

/* Inputs smaller than this are read into a lane's buffer, larger ones are mapped; and what a lane keeps between tasks. */
enum { SMALL_INPUT = 1 << 20, LANE_KEEPS = 2 << 20 };
enum { PROGRESS_NS = 100 * 1000 * 1000 };

/* ---- run and lane ---- */

static uint64_t default_memory(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return machine / 2 < 1u << 30 ? machine / 2 : 1u << 30;
}

smalti_result smalti__run_open(smalti__run *run, const smalti_plan *plan, const smalti_run_options *options,
                               size_t task_count, smalti_error *error)
{
    *run = (smalti__run){.plan = plan};
    if (options && options->size)
        memcpy(&run->options, options, options->size < sizeof *options ? options->size : sizeof *options);
    smalti_run_options *all = &run->options;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (!all->jobs)
        all->jobs = processors > 0 ? (uint32_t)processors : 1;
    if (all->jobs > 1024)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%u lanes are more than 1024", all->jobs);
    if (!all->memory_bytes)
        all->memory_bytes = default_memory();
    run->lane_bytes = SMALL_INPUT + LANE_KEEPS;
    /* at most half of the budget may be tied up in lanes, so that a task can have the rest */
    uint64_t lanes = all->memory_bytes / 2 / run->lane_bytes;
    lanes = lanes < all->jobs ? lanes : all->jobs;
    lanes = lanes < task_count ? lanes : task_count;
    run->lanes = lanes ? (uint32_t)lanes : 1;
    run->spare_lanes = all->jobs > task_count;
    size_t tied = run->lanes * run->lane_bytes;
    run->budget = smalti__budget_new(all->memory_bytes > tied ? all->memory_bytes - tied : 0);
    if (!run->budget)
        return smalti__fail_nomem(error, 1);
    pthread_mutex_init(&run->event_lock, NULL);
    return SMALTI_OK;
}

void smalti__run_close(smalti__run *run)
{
    if (!run->budget)
        return;
    smalti__budget_free(run->budget);
    pthread_mutex_destroy(&run->event_lock);
}

static const int *cancel_flag(const smalti__run *run)
{
    return run->options.cancel ? &run->options.cancel->requested : NULL;
}

bool smalti__run_cancelled(const smalti__run *run)
{
    const int *flag = cancel_flag(run);
    return flag && __atomic_load_n(flag, __ATOMIC_RELAXED);
}

smalti_result smalti_cancel_new(smalti_cancel **cancel, smalti_error *error)
{
    *cancel = calloc(1, sizeof **cancel);
    return *cancel ? SMALTI_OK : smalti__fail_nomem(error, sizeof **cancel);
}

void smalti_cancel_request(smalti_cancel *cancel)
{
    __atomic_store_n(&cancel->requested, 1, __ATOMIC_RELAXED);
}

void smalti_cancel_free(smalti_cancel *cancel)
{
    free(cancel);
}

smalti_result smalti__run_route(const smalti__run *run, const smalti__reader *reader,
                                const smalti__encoder_format *format, uint64_t input_bytes, smalti__route *route,
                                smalti_error *error)
{
    uint64_t tied = run->lanes * run->lane_bytes + input_bytes, memory = run->options.memory_bytes;
    SMALTI__TRY(smalti__route_make(run->plan, reader, format, run->options.strip_rows, run->spare_lanes, route, error));
    if (route->relay && route->total_bytes > (memory > tied ? memory - tied : 0)) /* the lane can encode, in less */
        return smalti__route_make(run->plan, reader, format, run->options.strip_rows, false, route, error);
    return SMALTI_OK;
}

smalti_result smalti__run_fits(const smalti__run *run, size_t bytes, smalti_error *error)
{
    size_t tied = run->lanes * run->lane_bytes;
    if (bytes > run->options.memory_bytes || bytes + tied > run->options.memory_bytes)
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY,
                            "needs %zu KiB of memory, the budget is %llu KiB: raise it with --memory",
                            (bytes + tied + 1023) / 1024, (unsigned long long)run->options.memory_bytes / 1024);
    return SMALTI_OK;
}

void smalti__lane_open(smalti__lane *lane, smalti__run *run)
{
    *lane = (smalti__lane){.run = run};
}

void smalti__lane_close(smalti__lane *lane)
{
    smalti__pool_trim(&lane->pool, 0);
}

void smalti__stats_add(smalti_stats *sum, const smalti_stats *task)
{
    /* the fields from tasks on are counters; wall time and peak are the run's own */
    uint64_t wall = sum->wall_ns, peak = sum->peak_bytes;
    uint64_t *to = &sum->tasks;
    const uint64_t *from = &task->tasks;
    size_t count = (sizeof *sum - offsetof(smalti_stats, tasks)) / sizeof *to;
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
    sum->wall_ns = wall;
    sum->peak_bytes = peak;
}

/* ---- a task ---- */

struct task {
    smalti__lane *lane;
    size_t index;
    const char *name; /* of the input */
    char *output; /* path, owned; NULL: none */
    smalti_stats *stats;
    smalti__source source;
    smalti__reader reader;
    smalti__route route;
    smalti__metadata metadata;
    smalti__sink sink;
    smalti__encoder *encoder;
    smalti__relay *relay; /* NULL: the lane encodes */
    smalti__chain *chain;
    size_t admitted; /* bytes taken from the budget */
    uint64_t progress_ns;
    uint32_t rows_done;
    char *measures; /* JSON, owned */
};

static void send(struct task *task, smalti_event_kind kind, const smalti_error *error)
{
    smalti__run *run = task->lane->run;
    if (!run->options.event)
        return;
    bool ended = kind >= SMALTI_EVENT_DONE;
    const smalti_event event = {
        .size = sizeof event,
        .kind = kind,
        .task = task->index,
        .task_count = run->plan->job->input_count,
        .input = task->name,
        .output = task->output,
        .rows_done = task->rows_done,
        .rows = task->route.in.height,
        .error = error,
        .stats = ended ? task->stats : NULL,
        .measures = kind == SMALTI_EVENT_DONE ? task->measures : NULL,
    };
    pthread_mutex_lock(&run->event_lock);
    run->options.event(run->options.user, &event);
    pthread_mutex_unlock(&run->event_lock);
}

static void on_warning(void *user, const char *message)
{
    struct task *task = user;
    smalti_error warning;
    task->stats->warnings++;
    smalti__fail(&warning, SMALTI_OK, "%.*s", SMALTI__MESSAGE_PART, message);
    smalti__error_prefix(&warning, task->name);
    send(task, SMALTI_EVENT_WARNING, &warning);
}

static smalti_result admit(struct task *task, size_t bytes, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    SMALTI__TRY(smalti__run_fits(run, bytes, error));
    SMALTI__TRY(smalti__budget_acquire(run->budget, bytes, cancel_flag(run), error));
    task->admitted += bytes;
    return SMALTI_OK;
}

/* A pipe may be of any size: it gets the whole budget, so that it can neither break it nor wait for itself. */
static smalti_result admit_pipe(struct task *task, size_t *max_bytes, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    size_t tied = run->lanes * run->lane_bytes;
    size_t all = run->options.memory_bytes > tied + SMALL_INPUT ? run->options.memory_bytes - tied : SMALL_INPUT;
    SMALTI__TRY(admit(task, all, error));
    *max_bytes = all / 2;
    return SMALTI_OK;
}

static smalti_result open_source(struct task *task, const smalti__input *input, smalti_error *error)
{
    smalti__source_options options = {
        .pool = &task->lane->pool, .map_threshold = SMALL_INPUT, .cancelled = cancel_flag(task->lane->run)};
    size_t size;
    SMALTI__TRY(smalti__source_measure(input->fd >= 0 ? NULL : input->path, input->fd, &size, error));
    if (size == SIZE_MAX)
        SMALTI__TRY(admit_pipe(task, &options.max_bytes, error));
    if (input->fd >= 0)
        return smalti__source_open_fd(&task->source, input->fd, input->path, &options, error);
    return smalti__source_open(&task->source, input->path, &options, error);
}

/* Errors of the stages behind the decoder do not know the input's name. */
static smalti_result named(const struct task *task, smalti_result result, smalti_error *error)
{
    if (result < 0)
        smalti__error_name(error, task->name);
    return result;
}

static smalti_result emit_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    struct task *task = user;
    if (task->relay)
        return smalti__relay_write(task->relay, rows, pitch, count, error);
    return task->encoder->format->write(task->encoder, rows, pitch, count, error);
}

static smalti_result open_encoder(struct task *task, smalti_error *error)
{
    const smalti__route *route = &task->route;
    smalti__encoder seed = {
        .format = route->format,
        .params = smalti__plan_encode_params(task->lane->run->plan, &task->metadata, &task->lane->pool),
        .sink = &task->sink,
        .width = route->out.width,
        .height = route->out.height,
        .channels = route->out.channels,
        .sample = route->out.sample,
    };
    seed.params.warn = on_warning;
    seed.params.user = task;
    return route->format->open(&seed, &task->encoder, error);
}

static smalti_result open_flow(struct task *task, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    SMALTI__TRY(smalti__reader_start(&task->reader, error));
    /* the metadata goes with the task: the route decides what may leave */
    task->metadata = task->reader.decoder->metadata;
    task->reader.decoder->metadata = (smalti__metadata){0};
    smalti__route_metadata(plan, &task->route, task->reader.orientation != 1, &task->metadata);
    smalti__chain_setup setup = smalti__route_chain(plan, &task->route);
    setup.pool = &task->lane->pool;
    setup.stats = task->stats;
    setup.user = task;
    setup.emit = task->route.format ? emit_rows : NULL;
    SMALTI__TRY(smalti__chain_open(&setup, &task->chain, error));
    uint64_t start = smalti__now_ns();
    smalti_result result = task->route.format ? open_encoder(task, error) : SMALTI_OK;
    if (result == SMALTI_OK && task->route.relay)
        task->relay = smalti__relay_open(task->encoder);
    task->stats->encode_ns += smalti__now_ns() - start;
    return result;
}

/* Ends the encoder's own thread. The lane's time in emit was waiting then, not encoding. */
static void close_relay(struct task *task)
{
    if (!task->relay)
        return;
    task->stats->encode_ns = 0;
    smalti__relay_close(task->relay, &task->stats->encode_ns, &task->stats->cpu_ns);
    task->relay = NULL;
}

static void progress(struct task *task)
{
    uint64_t now = smalti__now_ns();
    if (now - task->progress_ns < PROGRESS_NS)
        return;
    task->progress_ns = now;
    send(task, SMALTI_EVENT_PROGRESS, NULL);
}

/* Everything between chain opening and the encoder's end. What the chain takes beyond its kernels is the encoder. */
static smalti_result pump(struct task *task, smalti_error *error)
{
    uint32_t height = task->route.in.height;
    while (task->rows_done < height) {
        void *dst;
        size_t pitch;
        uint32_t rows;
        if (smalti__run_cancelled(task->lane->run))
            return smalti__fail(error, SMALTI_E_CANCELLED, "cancelled");
        smalti__chain_space(task->chain, &dst, &pitch, &rows);
        SMALTI__TRY(smalti__reader_read(&task->reader, dst, pitch, rows, error));
        uint64_t start = smalti__now_ns(), kernels = task->stats->kernel_ns;
        SMALTI__TRY(smalti__chain_commit(task->chain, rows, error));
        task->stats->encode_ns += smalti__now_ns() - start - (task->stats->kernel_ns - kernels);
        task->rows_done += rows;
        progress(task);
    }
    SMALTI__TRY(smalti__reader_finish(&task->reader, error));
    if (task->relay)
        SMALTI__TRY(smalti__relay_drain(task->relay, error));
    close_relay(task);
    uint64_t start = smalti__now_ns();
    smalti_result result = task->encoder ? task->encoder->format->finish(task->encoder, error) : SMALTI_OK;
    task->stats->encode_ns += smalti__now_ns() - start;
    return result;
}

static json_t *value_json(const smalti_kernel_value *value, const double *numbers)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->hex) {
            uint64_t word;
            char text[20];
            memcpy(&word, &numbers[i], sizeof word);
            snprintf(text, sizeof text, "%016llx", (unsigned long long)word);
            json_array_append_new(array, json_string(text));
        } else {
            json_t *number = json_real(numbers[i]); /* NULL for infinities and what is no number */
            json_array_append_new(array, number ? number : json_null());
        }
    }
    if (value->count > 1)
        return array;
    json_t *single = json_incref(json_array_get(array, 0));
    json_decref(array);
    return single ? single : json_null();
}

/* {"sharpness": {"variance": 12.5}, "sharpness#2": …} */
static smalti_result collect_measures(struct task *task, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    json_t *root = json_object();
    double *numbers = calloc(plan->values_max + 1, sizeof *numbers);
    smalti_result result = root && numbers ? SMALTI_OK : smalti__fail_nomem(error, plan->values_max * sizeof *numbers);
    for (size_t i = 0; i < plan->step_count && result == SMALTI_OK; i++) {
        const smalti_kernel_info *info = smalti_kernel_describe(plan->steps[i].kernel);
        char key[96];
        if (info->kind != SMALTI_KERNEL_MEASURE)
            continue;
        result = smalti__chain_measure(task->chain, i, numbers, error);
        json_t *values = json_object();
        const double *at = numbers;
        for (uint32_t v = 0; v < info->value_count; at += info->values[v++].count)
            json_object_set_new(values, info->values[v].name, value_json(&info->values[v], at));
        snprintf(key, sizeof key, "%s", info->name);
        for (int n = 2; json_object_get(root, key); n++)
            snprintf(key, sizeof key, "%s#%d", info->name, n);
        json_object_set_new(root, key, values);
    }
    if (result == SMALTI_OK && json_object_size(root)) {
        task->measures = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
        result = task->measures ? SMALTI_OK : smalti__fail_nomem(error, 0);
    }
    json_decref(root);
    free(numbers);
    return result;
}

/* From an open source to a sink that only needs to be committed. format NULL: by the input's own. */
static smalti_result flow(struct task *task, const smalti__encoder_format *format, smalti_error *error)
{
    smalti__run *run = task->lane->run;
    smalti__decode_options options = smalti__plan_decode_options(run->plan, &task->lane->pool);
    options.warn = on_warning;
    options.user = task;
    SMALTI__TRY(smalti__reader_open(&task->reader, &task->source, &options, run->plan->job->settings.orient,
                                    task->stats, error));
    if (!format && task->sink.state)
        format = smalti__encoder_find(task->reader.decoder->info.format);
    SMALTI__TRY(smalti__run_route(run, &task->reader, format, task->source.memory_bytes, &task->route, error));
    size_t unmapped = task->source.memory_bytes > SMALL_INPUT ? (size_t)task->source.memory_bytes : 0, total;
    if (!smalti__add(task->route.total_bytes, unmapped, &total))
        total = SIZE_MAX;
    task->stats->pixels = (uint64_t)task->route.in.width * task->route.in.height;
    task->stats->peak_bytes = task->route.total_bytes + task->source.memory_bytes;
    if (task->admitted) { /* a pipe has the whole budget already: what it did not read is for the rest */
        if (task->route.total_bytes + task->source.memory_bytes > task->admitted)
            return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "needs %zu KiB of memory: raise the budget with --memory",
                                (task->route.total_bytes + (size_t)task->source.memory_bytes) / 1024);
    } else {
        SMALTI__TRY(admit(task, total, error)); /* small inputs are the lane's */
    }
    SMALTI__TRY(open_flow(task, error));
    SMALTI__TRY(pump(task, error));
    SMALTI__TRY(collect_measures(task, error));
    return smalti__source_check(&task->source, error);
}

static void release(struct task *task)
{
    close_relay(task);
    if (task->encoder)
        task->encoder->format->close(task->encoder);
    smalti__chain_close(task->chain);
    smalti__reader_close(&task->reader);
    smalti__metadata_clear(&task->metadata);
    smalti__source_close(&task->source);
    smalti__sink_close(&task->sink);
    smalti__pool_trim(&task->lane->pool, LANE_KEEPS);
    if (task->admitted)
        smalti__budget_release(task->lane->run->budget, task->admitted);
}

/* Never over the input itself, whatever its name (a link, another path to it), unless asked. */
static smalti_result check_same_file(const struct task *task, const smalti__input *input, smalti_error *error)
{
    struct stat in, out;
    if (task->lane->run->plan->job->settings.overwrite || lstat(task->output, &out) < 0)
        return SMALTI_OK;
    if ((input->fd >= 0 ? fstat(input->fd, &in) : stat(input->path, &in)) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "%s is the input itself: choose another folder, or ask for it with --overwrite",
                            SMALTI__SHOWN(task->output));
    return SMALTI_OK;
}

/* skip: the output was there already. */
static smalti_result run_file(struct task *task, bool *skip, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    const smalti__input *input = &plan->job->inputs[task->index];
    const smalti__encoder_format *format = NULL;
    SMALTI__TRY(smalti__plan_output(plan, task->index, &task->output, error));
    send(task, SMALTI_EVENT_STARTED, NULL);
    if (smalti__run_cancelled(task->lane->run))
        return smalti__fail(error, SMALTI_E_CANCELLED, "%s: cancelled", SMALTI__SHOWN(task->name));
    if (task->output) {
        bool file = strcmp(task->output, "-") != 0;
        if (file && plan->job->settings.skip_existing && access(task->output, F_OK) == 0) {
            *skip = true;
            return SMALTI_OK;
        }
        if (file)
            SMALTI__TRY(check_same_file(task, input, error));
        format = smalti__plan_encoder(plan, task->output);
    }
    uint64_t start = smalti__now_ns();
    smalti_result result = open_source(task, input, error);
    task->stats->read_ns = smalti__now_ns() - start;
    SMALTI__TRY(named(task, result, error));
    task->stats->bytes_in = task->source.size;
    if (task->output) /* after the source: an input that is not there makes no folder */
        SMALTI__TRY(smalti__sink_open_file(&task->sink, task->output, true, error));
    SMALTI__TRY(named(task, flow(task, format, error), error));
    start = smalti__now_ns();
    result = task->output ? smalti__sink_commit(&task->sink, error) : SMALTI_OK;
    task->stats->write_ns = smalti__now_ns() - start + task->sink.write_ns;
    task->stats->encode_ns -=
        task->sink.write_ns < task->stats->encode_ns ? task->sink.write_ns : task->stats->encode_ns;
    task->stats->bytes_out = task->sink.bytes;
    return result;
}

smalti_result smalti__task_run(smalti__lane *lane, size_t index, smalti_stats *stats, smalti_error *error)
{
    const char *path = lane->run->plan->job->inputs[index].path;
    struct task task = {
        .lane = lane, .index = index, .name = strcmp(path, "-") ? path : "standard input", .stats = stats};
    uint64_t wall = smalti__now_ns(), cpu = smalti__thread_cpu_ns(), allocations = lane->pool.allocations;
    bool skip = false;
    *stats = (smalti_stats){.size = sizeof *stats, .tasks = 1};
    smalti_result result = run_file(&task, &skip, error);
    release(&task);
    stats->wall_ns = smalti__now_ns() - wall;
    stats->cpu_ns += smalti__thread_cpu_ns() - cpu;
    stats->allocations = lane->pool.allocations - allocations;
    stats->done = result == SMALTI_OK && !skip;
    stats->skipped = skip;
    stats->failed = result < 0;
    send(&task,
         skip         ? SMALTI_EVENT_SKIPPED
         : result < 0 ? SMALTI_EVENT_FAILED
                      : SMALTI_EVENT_DONE,
         result < 0 ? error : NULL);
    free(task.output);
    free(task.measures);
    return result;
}

smalti_result smalti__task_run_memory(smalti__lane *lane, const void *data, size_t size, const char *name, void **out,
                                      size_t *out_size, smalti_stats *stats, smalti_error *error)
{
    struct task task = {.lane = lane, .name = name, .stats = stats};
    uint64_t wall = smalti__now_ns(), cpu = smalti__thread_cpu_ns();
    *stats = (smalti_stats){.size = sizeof *stats, .tasks = 1};
    smalti__source_open_memory(&task.source, data, size, name);
    stats->bytes_in = size;
    smalti_result result = smalti__sink_open_memory(&task.sink, 0, error);
    if (result == SMALTI_OK)
        result = named(&task, flow(&task, lane->run->plan->format, error), error);
    if (result == SMALTI_OK) {
        stats->bytes_out = task.sink.bytes;
        *out = smalti__sink_take(&task.sink, out_size);
    }
    release(&task);
    stats->wall_ns = smalti__now_ns() - wall;
    stats->cpu_ns += smalti__thread_cpu_ns() - cpu;
    stats->allocations = lane->pool.allocations;
    stats->done = result == SMALTI_OK;
    stats->failed = result < 0;
    free(task.measures);
    return result;
}
