/* SPDX-License-Identifier: Apache-2.0
 * Tasks of runs in worker processes: each task has one to itself while it runs, and another is started where one dies. */
#ifndef SMALTI_SRC_REMOTE_H
#define SMALTI_SRC_REMOTE_H

#include <smalti/worker.h>

#include "worker/packet.h"
#include "worker/process.h"

/* A worker as its parent holds it. Large: not for the stack. */
typedef struct smalti__remote {
    smalti_workers *workers;
    smalti__process process;
    bool ready; /* the process is */
    bool libraries; /* it was told to load them */
    smalti__jail_state jail; /* that it is in, then */
    smalti__channel channel; /* with it, while it lives */
    smalti__packet_in in; /* what it says */
    smalti__blocks blocks; /* that it shares with nobody else */
    uint64_t task; /* a number for what it does: it counts up */
    uint32_t deaths; /* of workers, since one did a task */
    char *measures; /* that have come so far; owned */
    size_t measure_bytes;
    uint64_t progress_ns; /* when the last was told */
    uint32_t warnings; /* of the task */
    smalti__packet_task packet; /* that it was sent: the blocks there are taken until smalti__remote_forget */
} smalti__remote;

/* A process to be started by the thread that starts them all. */
typedef struct smalti__start {
    smalti__process *process;
    smalti_error *error;
    smalti_result result;
    bool done;
    struct smalti__start *next;
} smalti__start;

/* Workers, and what their runs share. */
struct smalti_workers {
    const smalti__run *run; /* whose options and numbers hold: the only one that uses them, or own */
    smalti__run own; /* where they outlive runs */
    char *program; /* owned */
    char *text; /* the job, as JSON; owned */
    int job; /* the same, sealed */
    uint64_t job_bytes;
    bool told; /* that the jail is not complete; atomic */
    bool libraries; /* workers that are started load those that only some formats need; atomic */
    uint32_t count;
    smalti__remote *remotes; /* owned */
    pthread_t starter; /* a process dies with the thread that started it: this one is there as long as they are */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    smalti__remote **idle; /* that no task has; the last is taken first */
    uint32_t idle_count;
    smalti__start *wanted;
    bool ending;
};

/* ---- In pool.c ---- */

/* As many workers as the run has lanes, each started by the first task that it gets. UNSUPPORTED: the plan's job cannot be
 * handed to others. */
smalti_result smalti__workers_open(smalti_workers *workers, const smalti__run *run, smalti_error *error);
void smalti__workers_close(smalti_workers *workers);
/* Opens a run for which workers were made before: their budget is its own, and their options. INVALID_CONFLICT: they were
 * made for another job. */
smalti_result smalti__workers_join(smalti_workers *workers, smalti__run *run, const smalti_plan *plan,
                                   const smalti_run_options *options, smalti_error *error);
/* A worker for the task, for which it may have to wait its turn. */
smalti_result smalti__workers_take(smalti_workers *workers, const smalti__task *task, smalti__remote **remote,
                                   smalti_error *error);
void smalti__workers_give(smalti__remote *remote);
/* Has the process of a worker started. */
smalti_result smalti__workers_spawn(smalti__remote *remote, smalti_error *error);

/* ---- In remote.c ---- */

/* lane->elsewhere: user is the workers. */
smalti_result smalti__workers_run(void *user, smalti__task *task, const smalti__encoder_format **formats,
                                  smalti_error *error);

/* ---- In start.c ---- */

typedef enum smalti__heard {
    SMALTI__HEARD_NOTHING, /* in time */
    SMALTI__HEARD_PACKET, /* in remote->in */
    SMALTI__HEARD_NONSENSE, /* that no worker says */
    SMALTI__HEARD_END /* it is gone */
} smalti__heard;

/* Starts its process, without waiting until it is ready. */
smalti_result smalti__remote_begin(smalti__remote *remote, smalti_error *error);
/* Starts a worker unless there is one, and waits until it is ready. The task may be cancelled, or warned that the jail is not
 * complete; NULL: there is none. */
smalti_result smalti__remote_start(smalti__remote *remote, smalti__task *task, smalti_error *error);
/* Waits for a packet, for about ms. */
smalti__heard smalti__remote_hear(smalti__remote *remote, int ms);
/* Ends the worker; end (may be NULL): how it ended before that. Fine without one. */
void smalti__remote_end(smalti__remote *remote, char end[SMALTI__PROCESS_END]);

/* ---- In reply.c: what a worker says ---- */

/* Forgets a task: what was said about it, and the blocks it had. */
void smalti__remote_forget(smalti__remote *remote);
/* Does what the packet in remote->in asks for. *answered: it was the reply to the task. False: no worker says that. */
bool smalti__remote_heed(smalti__remote *remote, smalti__task *task, bool *answered);
/* Puts what the reply in remote->in says was made of a task into it, as far as it can be true. PEER when it cannot. formats:
 * that were asked for. */
smalti_result smalti__remote_accept(smalti__remote *remote, smalti__task *task,
                                    const smalti__encoder_format *const *formats, smalti_error *error);
/* The error that a packet tells: SMALTI_OK, or its code, which is an error's in any case. */
smalti_result smalti__remote_error(const smalti__packet_error *told, smalti_error *error);

#endif
