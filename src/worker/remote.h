/* SPDX-License-Identifier: Apache-2.0
 * Tasks of a run in worker processes: each lane has one, hands it a task at a time, and starts another when it dies. */
#ifndef SMALTI_SRC_REMOTE_H
#define SMALTI_SRC_REMOTE_H

#include "worker/packet.h"
#include "worker/process.h"

/* What the lanes of a run share. */
typedef struct smalti__workers {
    smalti__run *run;
    int job; /* its JSON, sealed */
    uint64_t job_bytes;
    bool told; /* that the jail is not complete; atomic */
} smalti__workers;

/* A worker as its parent holds it. Large: not for the stack. */
typedef struct smalti__remote {
    smalti__workers *workers;
    smalti__process process;
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

/* UNSUPPORTED: the plan's job cannot be handed to others. */
smalti_result smalti__workers_open(smalti__workers *workers, smalti__run *run, smalti_error *error);
void smalti__workers_close(smalti__workers *workers);

/* Makes the lane's tasks run in a worker, which is started by the first of them. Of the thread that calls. */
void smalti__remote_open(smalti__remote *remote, smalti__workers *workers, smalti__lane *lane);
/* Ends the worker. */
void smalti__remote_close(smalti__remote *remote);

/* ---- In start.c ---- */

typedef enum smalti__heard {
    SMALTI__HEARD_NOTHING, /* in time */
    SMALTI__HEARD_PACKET, /* in remote->in */
    SMALTI__HEARD_NONSENSE, /* that no worker says */
    SMALTI__HEARD_END /* it is gone */
} smalti__heard;

/* Starts a worker unless there is one; the task may be cancelled, or warned that the jail is not complete. */
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
