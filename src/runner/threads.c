/* SPDX-License-Identifier: Apache-2.0
 * The runner: lanes in this process take the tasks of a plan, and do them or have a worker process do them. */
#include <pthread.h>

#include "worker/remote.h"

/* What the lanes of a run share. */
struct shared {
    smalti__run *run;
    smalti_workers *workers; /* of a run that has them */
    size_t next;           /* task to be taken; atomic */
    pthread_mutex_t lock;  /* guards what follows */
    smalti_stats stats;
    smalti_result result;  /* of the first task, by index, that failed */
    size_t failed_index;
    smalti_error error;
};

static void record(struct shared *shared, size_t index, const smalti_stats *stats, smalti_result result,
                   const smalti_error *error)
{
    pthread_mutex_lock(&shared->lock);
    smalti__stats_add(&shared->stats, stats);
    if (result < 0 && (shared->result == SMALTI_OK || index < shared->failed_index)) {
        shared->result = result;
        shared->failed_index = index;
        shared->error = *error;
    }
    pthread_mutex_unlock(&shared->lock);
}

static smalti_result open_lane(struct shared *shared, smalti__lane *lane, smalti_error *error)
{
    SMALTI__TRY(smalti__lane_open(lane, shared->run, error));
    lane->elsewhere = shared->workers ? smalti__workers_run : NULL;
    lane->elsewhere_user = shared->workers;
    return SMALTI_OK;
}

static void *lane_main(void *argument)
{
    struct shared *shared = argument;
    size_t count = shared->run->plan->job->input_count;
    smalti__lane lane;
    smalti_error no_lane = {0};
    smalti_result opened = open_lane(shared, &lane, &no_lane);
    for (;;) {
        size_t index = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);
        smalti_stats stats = {.size = sizeof stats, .tasks = 1, .failed = 1};
        smalti_error error = no_lane;
        if (index >= count)
            break;
        smalti_result result = opened < 0 ? opened : smalti__task_run(&lane, index, &stats, &error);
        record(shared, index, &stats, result, &error);
    }
    smalti__lane_close(&lane);
    return NULL;
}

/* The calling thread is a lane too. A thread that cannot be had is a lane less, not an error. */
static void run_lanes(struct shared *shared)
{
    pthread_t threads[1024];
    uint32_t started = 0;
    while (started + 1 < shared->run->lanes && started < SMALTI__COUNT(threads) &&
           pthread_create(&threads[started], NULL, lane_main, shared) == 0)
        started++;
    lane_main(shared);
    while (started)
        pthread_join(threads[--started], NULL);
}

/* With a budget of its own, or that of workers that were there before. */
static smalti_result open_run(smalti__run *run, const smalti_plan *plan, const smalti_run_options *options,
                              smalti_error *error)
{
    smalti_run_options all = {.size = sizeof all};
    if (options)
        memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    all.size = sizeof all;
    return all.workers ? smalti__workers_join(all.workers, run, plan, &all, error)
                       : smalti__run_open(run, plan, &all, plan->job->input_count, error);
}

static void run_tasks(struct shared *shared, smalti_stats *stats)
{
    const smalti__run *run = shared->run;
    uint64_t start = smalti__now_ns();
    shared->stats.size = sizeof shared->stats;
    pthread_mutex_init(&shared->lock, NULL);
    run_lanes(shared);
    pthread_mutex_destroy(&shared->lock);
    shared->stats.wall_ns = smalti__now_ns() - start;
    shared->stats.peak_bytes = smalti__budget_peak(run->budget) + run->tied_bytes;
    if (stats)
        *stats = shared->stats;
}

smalti_result smalti_plan_run(const smalti_plan *plan, const smalti_run_options *options, smalti_stats *stats,
                              smalti_error *error)
{
    smalti__run run;
    smalti_workers workers;
    SMALTI__TRY(open_run(&run, plan, options, error));
    struct shared *shared = calloc(1, sizeof *shared);
    bool makes = run.options.at == SMALTI_AT_WORKERS && !run.options.workers;
    smalti_result result = shared ? SMALTI_OK : smalti__fail_nomem(error, sizeof *shared);
    if (result == SMALTI_OK && makes)
        result = smalti__workers_open(&workers, &run, error);
    if (result == SMALTI_OK) {
        shared->run = &run;
        shared->workers = makes ? &workers : run.options.workers;
        run_tasks(shared, stats);
        if (makes)
            smalti__workers_close(&workers);
        result = shared->result;
        if (result < 0 && error)
            *error = shared->error;
    }
    free(shared);
    smalti__run_close(&run);
    return result;
}
