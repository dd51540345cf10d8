/* SPDX-License-Identifier: Apache-2.0
 * One task: one input of a plan, from source to sink, on a lane. */
#ifndef SMALTI_SRC_TASK_H
#define SMALTI_SRC_TASK_H

#include <pthread.h>

#include "pipeline/plan.h"
#include "pipeline/relay.h"

/* Inputs smaller than this are read into a lane's buffer, larger ones are mapped; and what a lane keeps between tasks. */
enum { SMALTI__SMALL_INPUT = 1 << 20, SMALTI__LANE_KEEPS = 2 << 20 };

/* A task that runs and may be cancelled alone. */
typedef struct smalti__cancellable {
    uint64_t task;
    int requested; /* atomic */
    struct smalti__cancellable *next;
} smalti__cancellable;

/* Opaque to callers; the run and its budget look at it. */
struct smalti_cancel {
    int requested; /* of the whole run; atomic */
    pthread_mutex_t lock; /* guards what follows */
    smalti__cancellable *running; /* borrowed until they leave */
    uint8_t *tasks; /* a bit for each that was cancelled alone; owned */
    size_t room; /* bytes of those */
};

/* A task begins and ends; cancel may be NULL. In cancel.c. */
void smalti__cancel_enter(smalti_cancel *cancel, smalti__cancellable *running, uint64_t task);
void smalti__cancel_leave(smalti_cancel *cancel, const smalti__cancellable *running);

/* One run of a plan, shared by its lanes. */
typedef struct smalti__run {
    const smalti_plan *plan;
    smalti_run_options options; /* complete: smalti__run_open fills in what was left out */
    uint32_t lanes;
    bool spare_lanes; /* more were asked for than there are tasks */
    size_t tied_bytes; /* of the memory: set aside for the lanes' small inputs, the buffers they keep, and blocks */
    size_t blocks_bytes; /* at workers: what a lane shares with its worker, for inputs in memory and outputs */
    smalti__budget *budget; /* NULL: the run is not open */
    bool borrows_budget; /* it is that of several runs */
    pthread_mutex_t event_lock; /* one event at a time */
    /* Instead of the budget, which is another process's; NULL: budget. With wait or without, as smalti__task_admit and
     * smalti__task_more do. */
    smalti_result (*need)(void *user, size_t bytes, bool wait, smalti_error *error);
    void *need_user;
} smalti__run;

struct smalti__task;

/* What a thread needs to run tasks, used again from task to task. */
typedef struct smalti__lane {
    smalti__run *run;
    smalti__pool pool;
    smalti__color_cache colors;
    smalti__route *route; /* of the current task; large, so not on the stack */
    /* Instead of smalti__task_work; NULL: here. Opens the task's sinks too, and leaves in the task what it leaves there. */
    smalti_result (*elsewhere)(void *user, struct smalti__task *task, const smalti__encoder_format **formats,
                               smalti_error *error);
    void *elsewhere_user;
} smalti__lane;

/* Checks options (NULL: defaults) and makes the budget; task_count bounds the lanes. SIZE_MAX: not known. */
smalti_result smalti__run_open(smalti__run *run, const smalti_plan *plan, const smalti_run_options *options,
                               size_t task_count, smalti_error *error);
void smalti__run_close(smalti__run *run);
/* The memory budget where none is given. */
uint64_t smalti__run_default_memory(void);
/* What a block for an output has, by the size of an input in memory. */
size_t smalti__run_output_block(size_t input_bytes);
const int *smalti__run_cancel_flag(const smalti__run *run); /* NULL: cannot be cancelled */
/* The route of an image in this run; with the encoder on a thread of its own where that fits the memory beside what the
 * lanes and the input (input_bytes) take. Refuses what the plan's limits do. */
smalti_result smalti__run_route(const smalti__run *run, smalti__decoder *decoder,
                                const smalti__encoder_format *const *formats, uint64_t input_bytes,
                                smalti__route *route, smalti_error *error);
/* LIMIT_MEMORY when a task of so many bytes alone does not fit the budget beside the lanes. */
smalti_result smalti__run_fits(const smalti__run *run, size_t bytes, smalti_error *error);

smalti_result smalti__lane_open(smalti__lane *lane, smalti__run *run, smalti_error *error);
void smalti__lane_close(smalti__lane *lane);

/* Runs task index of the plan: sends its events and fills in *stats of this task. */
smalti_result smalti__task_run(smalti__lane *lane, size_t index, smalti_stats *stats, smalti_error *error);

/* One output of a task while it is made. */
typedef struct smalti__branch {
    char *path; /* owned; NULL: none */
    smalti__sink sink;
    smalti__flow *flow; /* NULL: rows come to the encoder as the plan's steps gave them */
    smalti__encoder *encoder;
    bool searches; /* encoder is a search */
    smalti__relay *relay; /* NULL: the lane encodes */
    struct branch_user *user; /* of flow; owned */
    smalti__shape out; /* as encoded */
    smalti_output made; /* for the event at the end, but for its path and bytes; stays when the branch is closed */
    smalti__metadata metadata; /* that may leave: a view of the task's */
} smalti__branch;

/* A task while it runs. */
typedef struct smalti__task {
    smalti__lane *lane;
    size_t index;
    const char *name; /* of the input */
    smalti_stats *stats;
    smalti__stop stop;
    smalti__cancellable cancellable;
    smalti__source source;
    smalti__decoder *decoder;
    smalti__metadata metadata; /* of the input */
    smalti__flow *flow;
    smalti__branch branches[SMALTI__VARIANTS_MAX];
    size_t admitted; /* bytes taken from the budget */
    uint64_t progress_ns;
    uint32_t rows_done, rows; /* rows: where there is no decoder here */
    uint32_t frame_ms; /* of the frame on its way */
    char *measures; /* JSON, owned */
    smalti_info info; /* of the input, for the event at the end; no format: not known */
    const char *source_kind; /* the same; static; NULL: not opened */
    char fast_path[48]; /* how work was saved, where it was; who saves it writes it */
} smalti__task;

/* The task's limits begin. In task.c, as what follows. */
void smalti__task_set_stop(smalti__task *task);
/* From an input to sinks that need only be flushed and committed; opens the sinks that are not. formats: of the outputs; NULL
 * in it: the input's own, which is filled in. */
smalti_result smalti__task_work(smalti__task *task, const smalti__encoder_format **formats, smalti_error *error);
/* Closes everything but paths and what is told at the end, and gives back the memory that was admitted. */
void smalti__task_release(smalti__task *task);
void smalti__task_give_back(smalti__task *task); /* that memory alone */
void smalti__task_progress(smalti__task *task, uint32_t rows_done, uint32_t rows); /* as an event */
/* Memory for the whole task, for which it waits its turn. */
smalti_result smalti__task_admit(smalti__task *task, size_t bytes, smalti_error *error);
/* Memory for what the task turned out to need, without waiting. */
smalti_result smalti__task_more(void *task, size_t bytes, smalti_error *error);
/* A warning of the task's as an event: user is the task. */
void smalti__task_warn(void *task, const char *message);

/* In task_files.c: *present: all outputs were there already. */
smalti_result smalti__task_check_outputs(smalti__task *task, const smalti__encoder_format **formats, bool *present,
                                         smalti_error *error);
smalti_result smalti__task_open_sink(smalti__task *task, size_t index, smalti_error *error);
/* Outputs get their names; what is in memory goes to the caller. */
smalti_result smalti__task_commit(smalti__task *task, smalti_error *error);

/* In outputs.c: the far end of a task's flow. seed: for the encoder of a branch whose out is set; says in made what it will
 * be. */
smalti__encoder smalti__outputs_seed(smalti__task *task, size_t index);
smalti_result smalti__outputs_begin(void *task, const smalti__shape *last, smalti__shape *out, smalti_error *error);
smalti_result smalti__outputs_rows(void *task, const void *rows, size_t pitch, uint32_t count, smalti_error *error);
/* Behind the last row of a frame; and of all. */
smalti_result smalti__outputs_frame_end(smalti__task *task, smalti_error *error);
smalti_result smalti__outputs_finish(smalti__task *task, smalti_error *error);
/* Behind finish: what a search chose; an output whose format was searched for gets its name. */
smalti_result smalti__outputs_name(smalti__task *task, size_t index, smalti_error *error);
/* The name of an output whose format was chosen when it was made. */
smalti_result smalti__outputs_rename(smalti__task *task, size_t index, const smalti__encoder_format *format,
                                     smalti_error *error);
/* Leaves the branches' paths and what they made, for the event at the end. */
void smalti__outputs_close(smalti__task *task);
void smalti__outputs_free(smalti__task *task);
/* What was made; room for SMALTI__VARIANTS_MAX. Gives their number. */
size_t smalti__outputs_list(const smalti__task *task, smalti_output *made);
/* In measures.c: what the measuring kernels of all flows found, as JSON in task->measures. */
smalti_result smalti__task_measures(smalti__task *task, smalti_error *error);

/* Adds the sums of one task to those of a run. */
void smalti__stats_add(smalti_stats *sum, const smalti_stats *task);

#endif
