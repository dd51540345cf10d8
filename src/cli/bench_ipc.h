/* SPDX-License-Identifier: Apache-2.0
 * What `smalti bench ipc` measures: ways to hand tasks and pixels to another process. Of the command's files only these
 * look inside the library (src/worker), since what is inside is what they measure. */
#ifndef SMALTI_CLI_BENCH_IPC_H
#define SMALTI_CLI_BENCH_IPC_H

#include "cli/cli.h"

#include "worker/blocks.h"
#include "worker/channel.h"

#include <sys/types.h>

typedef struct ipc_result {
    double write_s; /* pixels: until the sender has written them all, where it writes them */
    double wall_s; /* tasks: all; pixels: from written to read by the other process */
    double cpu_s; /* of both processes */
    uint64_t copied_bytes; /* payload moved by system calls and memcpy */
} ipc_result;

/* ---- Another process ---- */

typedef enum ipc_transport { IPC_PIPES, IPC_STREAM, IPC_SHARED } ipc_transport;

/* What the peer tells of itself; in memory of both. */
typedef struct ipc_report {
    double cpu_s; /* spent on what is measured */
    uint64_t copied_bytes;
} ipc_report;

typedef struct ipc_peer {
    pid_t process; /* 0: this is the peer, or there is none */
    int in, out; /* pipes or a stream */
    smalti__channel channel; /* with blocks, when shared */
    smalti__blocks blocks;
    int socket; /* pass.h */
    ipc_report *report;
} ipc_peer;

/* Forks a process that runs and never comes back, with its own ends in its peer. */
smalti_result ipc_peer_start(ipc_transport transport, size_t blocks_bytes, void (*run)(ipc_peer *peer, void *user),
                             void *user, ipc_peer *peer, smalti_error *error);
/* Ends the process; for a peer of zeros nothing. */
void ipc_peer_end(ipc_peer *peer);

/* All bytes, or PEER. Bytes that are moved are counted. */
smalti_result ipc_write(int to, const void *data, size_t bytes, uint64_t *copied, smalti_error *error);
smalti_result ipc_read(int from, void *data, size_t bytes, uint64_t *copied, smalti_error *error);
double ipc_cpu(void); /* of this process, in seconds */
double ipc_now(void);

/* ---- Tasks ---- */

typedef enum ipc_tasks_way {
    IPC_TASKS_CHANNEL,
    IPC_TASKS_PIPE,
    IPC_TASKS_STREAM,
    IPC_TASKS_BATCHES, /* over a pipe, many for a system call */
    IPC_TASKS_SPAWN, /* a process for each */
    IPC_TASKS_WAYS
} ipc_tasks_way;
extern const char *const ipc_tasks_names[IPC_TASKS_WAYS];

enum { IPC_TASK_BYTES = sizeof(smalti__message) };

/* Sends count tasks that do nothing and takes their answers, with at most window on their way. */
smalti_result ipc_tasks(ipc_tasks_way way, uint32_t count, uint32_t window, ipc_result *result, smalti_error *error);

/* ---- Pixels ---- */

typedef enum ipc_pixels_way {
    IPC_PIXELS_PIPE,
    IPC_PIXELS_WIDE_PIPE, /* with a buffer of 1 MiB */
    IPC_PIXELS_STREAM,
    IPC_PIXELS_FRESH, /* shared memory made for each image */
    IPC_PIXELS_COPIED, /* into a block that is used again */
    IPC_PIXELS_DIRECT, /* written there at first */
    IPC_PIXELS_WAYS
} ipc_pixels_way;
extern const char *const ipc_pixels_names[IPC_PIXELS_WAYS];

typedef struct ipc_pixels {
    size_t bytes;
    uint8_t *private_memory; /* owned; where pixels are that are copied */
    ipc_peer peers[IPC_PIXELS_WAYS];
} ipc_pixels;

smalti_result ipc_pixels_open(size_t bytes, ipc_pixels *pixels, smalti_error *error);
/* Writes an image, hands it over, and waits until the other process has read it; that it read the same is checked. */
smalti_result ipc_pixels_move(ipc_pixels *pixels, ipc_pixels_way way, uint32_t seed, ipc_result *result,
                              smalti_error *error);
void ipc_pixels_close(ipc_pixels *pixels);

#endif
