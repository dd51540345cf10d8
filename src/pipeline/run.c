/* SPDX-License-Identifier: Apache-2.0
 * A run of a plan: its options, its budget, its lanes. */
#include <unistd.h>

#include "pipeline/task.h"

uint64_t smalti__run_default_memory(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return machine / 2 < 1u << 30 ? machine / 2 : 1u << 30;
}

/* A power of two from 64 KiB, as blocks are. */
static size_t block_bytes(size_t bytes, size_t most)
{
    size_t rounded = 64 << 10;
    while (rounded < bytes && rounded < most)
        rounded *= 2;
    return rounded;
}

/* What a lane at workers shares with its worker: a block for the largest input in memory, and one for each output. Together
 * at most an eighth of the budget: what does not fit goes through files. */
static size_t shared_bytes(const smalti_plan *plan, size_t task_count, uint64_t memory_bytes, uint32_t lanes)
{
    size_t most = memory_bytes / 8 / lanes, largest = 0, bytes = 0;
    if (task_count == SIZE_MAX) /* whatever will come */
        return most;
    for (size_t i = 0; i < plan->job->input_count; i++)
        if (plan->job->inputs[i].data && plan->job->inputs[i].size >= largest) {
            largest = plan->job->inputs[i].size;
            bytes = block_bytes(largest, most);
        }
    if (plan->has_output)
        bytes += plan->variant_count * smalti__run_output_block(largest);
    return bytes < most ? bytes : most;
}

size_t smalti__run_output_block(size_t input_bytes)
{
    enum { LEAST = 4 << 20, MOST = 64 << 20 };
    return input_bytes <= LEAST ? LEAST : block_bytes(input_bytes, MOST);
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
        all->memory_bytes = smalti__run_default_memory();
    size_t lane_bytes = SMALTI__SMALL_INPUT + SMALTI__LANE_KEEPS;
    /* at most half of the budget may be tied up in lanes, so that a task can have the rest */
    uint64_t lanes = all->memory_bytes / 2 / lane_bytes;
    lanes = lanes < all->jobs ? lanes : all->jobs;
    lanes = lanes < task_count ? lanes : task_count;
    run->lanes = lanes ? (uint32_t)lanes : 1;
    run->spare_lanes = all->jobs > task_count;
    run->blocks_bytes =
        all->at == SMALTI_AT_WORKERS ? shared_bytes(plan, task_count, all->memory_bytes, run->lanes) : 0;
    run->tied_bytes = run->lanes * (lane_bytes + run->blocks_bytes);
    run->budget = smalti__budget_new(all->memory_bytes > run->tied_bytes ? all->memory_bytes - run->tied_bytes : 0);
    if (!run->budget)
        return smalti__fail_nomem(error, 1);
    pthread_mutex_init(&run->event_lock, NULL);
    return SMALTI_OK;
}

void smalti__run_close(smalti__run *run)
{
    if (!run->budget)
        return;
    if (!run->borrows_budget)
        smalti__budget_free(run->budget);
    pthread_mutex_destroy(&run->event_lock);
}

const int *smalti__run_cancel_flag(const smalti__run *run)
{
    return run->options.cancel ? &run->options.cancel->requested : NULL;
}

/* What the file says it will become, against the limits. */
static smalti_result check_limits(const smalti_plan *plan, const smalti__decoder *decoder, smalti_error *error)
{
    const smalti_info *info = &decoder->info;
    uint64_t ratio = plan->limits.ratio, size = decoder->source->size;
    if (ratio && size && info->decoded_bytes / size >= ratio)
        return smalti__fail(
            error, SMALTI_E_LIMIT_RATIO,
            "%ux%u pixels decode to %llu times the file's %llu bytes, the limit is %llu times: raise it "
            "with limits.ratio (--max-ratio)",
            info->width, info->height, (unsigned long long)(info->decoded_bytes / size), (unsigned long long)size,
            (unsigned long long)ratio);
    return SMALTI_OK;
}

smalti_result smalti__run_route(const smalti__run *run, smalti__decoder *decoder,
                                const smalti__encoder_format *const *formats, uint64_t input_bytes,
                                smalti__route *route, smalti_error *error)
{
    uint64_t tied = run->tied_bytes + input_bytes, memory = run->options.memory_bytes;
    const smalti_plan *plan = run->plan;
    SMALTI__TRY(check_limits(plan, decoder, error));
    SMALTI__TRY(smalti__route_make(plan, decoder, formats, run->options.strip_rows, run->spare_lanes, route, error));
    bool threads = route->relay || (route->by_planes && route->planes.ahead);
    if (threads && route->total_bytes > (memory > tied ? memory - tied : 0)) /* the lane can do it all, in less */
        return smalti__route_make(plan, decoder, formats, run->options.strip_rows, false, route, error);
    return SMALTI_OK;
}

smalti_result smalti__run_fits(const smalti__run *run, size_t bytes, smalti_error *error)
{
    size_t tied = run->tied_bytes;
    if (bytes > run->options.memory_bytes || bytes + tied > run->options.memory_bytes)
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY,
                            "needs %zu KiB of memory, the budget is %llu KiB: raise it with --memory",
                            (bytes + tied + 1023) / 1024, (unsigned long long)run->options.memory_bytes / 1024);
    return SMALTI_OK;
}

smalti_result smalti__lane_open(smalti__lane *lane, smalti__run *run, smalti_error *error)
{
    *lane = (smalti__lane){.run = run, .route = calloc(1, sizeof(smalti__route))};
    return lane->route ? SMALTI_OK : smalti__fail_nomem(error, sizeof(smalti__route));
}

void smalti__lane_close(smalti__lane *lane)
{
    smalti__color_cache_clear(&lane->colors);
    smalti__pool_trim(&lane->pool, 0);
    free(lane->route);
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
