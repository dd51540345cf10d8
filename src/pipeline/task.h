/* SPDX-License-Identifier: Apache-2.0
 * One task: one input of a plan, from source to sink, on a lane. */
#ifndef SMALTI_SRC_TASK_H
#define SMALTI_SRC_TASK_H

#include <pthread.h>

#include "pipeline/plan.h"

/* Opaque to callers; the run and its budget look at it. */
struct smalti_cancel {
    int requested;
};

/* One run of a plan, shared by its lanes. */
typedef struct smalti__run {
    const smalti_plan *plan;
    smalti_run_options options; /* complete: smalti__run_open fills in what was left out */
    uint32_t lanes;
    bool spare_lanes; /* more were asked for than there are tasks */
    size_t lane_bytes; /* memory set aside for each lane: its small inputs and the buffers it keeps */
    smalti__budget *budget;
    pthread_mutex_t event_lock; /* one event at a time */
} smalti__run;

/* What a thread needs to run tasks, used again from task to task. */
typedef struct smalti__lane {
    smalti__run *run;
    smalti__pool pool;
} smalti__lane;

/* Checks options (NULL: defaults) and makes the budget; task_count bounds the lanes. */
smalti_result smalti__run_open(smalti__run *run, const smalti_plan *plan, const smalti_run_options *options,
                               size_t task_count, smalti_error *error);
void smalti__run_close(smalti__run *run);
bool smalti__run_cancelled(const smalti__run *run);
/* The route of an image in this run; with the encoder on a thread of its own where that fits the memory beside what the
 * lanes and the input (input_bytes) take. */
smalti_result smalti__run_route(const smalti__run *run, const smalti__reader *reader,
                                const smalti__encoder_format *format, uint64_t input_bytes, smalti__route *route,
                                smalti_error *error);
/* LIMIT_MEMORY when a task of so many bytes alone does not fit the budget beside the lanes. */
smalti_result smalti__run_fits(const smalti__run *run, size_t bytes, smalti_error *error);

void smalti__lane_open(smalti__lane *lane, smalti__run *run);
void smalti__lane_close(smalti__lane *lane);

/* Runs task index of the plan: sends its events and fills in *stats of this task. */
smalti_result smalti__task_run(smalti__lane *lane, size_t index, smalti_stats *stats, smalti_error *error);
/* Runs the plan's steps from memory to memory, without events but warnings. */
smalti_result smalti__task_run_memory(smalti__lane *lane, const void *data, size_t size, const char *name, void **out,
                                      size_t *out_size, smalti_stats *stats, smalti_error *error);

/* Adds the sums of one task to those of a run. */
void smalti__stats_add(smalti_stats *sum, const smalti_stats *task);

#endif
