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

/* What a lane has. Large: not for the stack. */
typedef struct smalti__remote {
    smalti__workers *workers;
    smalti__process process;
    uint32_t deaths; /* of workers, since one did a task */
    char *measures; /* that have come so far; owned */
    size_t measure_bytes;
    uint64_t progress_ns; /* when the last was told */
    uint32_t warnings; /* of the task */
    smalti__packet_reply reply;
    union {
        uint32_t kind;
        smalti__packet_ready ready;
        smalti__packet_task task;
        smalti__packet_need need;
        smalti__packet_word word;
        smalti__packet_progress progress;
        smalti__packet_measures measures;
        smalti__packet_reply reply;
    } packet; /* that was received, or is to be sent */
} smalti__remote;

/* UNSUPPORTED: the plan's job cannot be handed to others. */
smalti_result smalti__workers_open(smalti__workers *workers, smalti__run *run, smalti_error *error);
void smalti__workers_close(smalti__workers *workers);

/* Makes the lane's tasks run in a worker, which is started by the first of them. Of the thread that calls. */
void smalti__remote_open(smalti__remote *remote, smalti__workers *workers, smalti__lane *lane);
/* Ends the worker. */
void smalti__remote_close(smalti__remote *remote);

/* In reply.c: puts what a worker says was made of a task into it, as far as it can be true. PEER when it cannot. formats: that
 * were asked for. Takes remote->measures. */
smalti_result smalti__remote_accept(smalti__remote *remote, smalti__task *task,
                                    const smalti__encoder_format *const *formats, smalti_error *error);
/* The error that a packet tells: SMALTI_OK, or its code, which is an error's in any case. */
smalti_result smalti__remote_error(const smalti__packet_error *told, smalti_error *error);

#endif
