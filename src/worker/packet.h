/* SPDX-License-Identifier: Apache-2.0
 * Packets between a run and its workers, over a local socket that keeps their bounds (docs/workers.md): what is in each, and
 * how descriptors go along. A worker trusts what it gets; its parent trusts nothing. The numbers are the machine's. */
#ifndef SMALTI_SRC_PACKET_H
#define SMALTI_SRC_PACKET_H

#include "pipeline/task.h"
#include "worker/jail.h"

enum {
    SMALTI__PACKET_VERSION = 1,
    SMALTI__PACKET_MOST = 48 << 10,
    SMALTI__PACKET_DESCRIPTORS = SMALTI__VARIANTS_MAX + 1
};

enum smalti__packet_kind {
    SMALTI__PACKET_START = 1, /* parent: the job; with a descriptor, its JSON */
    SMALTI__PACKET_READY,     /* worker */
    SMALTI__PACKET_TASK,      /* parent; with descriptors, the input and a file for each output that there is */
    SMALTI__PACKET_NEED,      /* worker: may it have so much memory? */
    SMALTI__PACKET_GRANT,     /* parent: the answer */
    SMALTI__PACKET_WARNING,   /* worker, as what follows */
    SMALTI__PACKET_PROGRESS,
    SMALTI__PACKET_MEASURES,  /* a part of their JSON */
    SMALTI__PACKET_REPLY      /* the task has ended */
};

/* The end of a name or path, with its NUL: more than what messages show of it. */
enum { SMALTI__PACKET_NAME = 208 };

/* A smalti_error, or none: result is OK. */
typedef struct smalti__packet_error {
    int32_t result, sys_errno;
    uint64_t offset;
    char message[sizeof((smalti_error *)0)->message];
} smalti__packet_error;

typedef struct smalti__packet_start {
    uint32_t kind, version;
    uint64_t job_bytes, memory_bytes, strip_rows;
    uint64_t tasks; /* of the run, at most; 0: not known */
    uint32_t jobs, lanes, spare_lanes, has_output;
} smalti__packet_start;

typedef struct smalti__packet_ready {
    uint32_t kind, reserved;
    smalti__packet_error error;
    int32_t failed[SMALTI__JAIL_FACILITIES]; /* what of the jail is not in force */
} smalti__packet_ready;

typedef struct smalti__packet_task {
    uint32_t kind, output_count;
    char name[SMALTI__PACKET_NAME];
    struct {
        uint32_t format; /* index in the registry; UINT32_MAX: the input's own */
        uint32_t has_file;
        char name[SMALTI__PACKET_NAME];
    } outputs[SMALTI__VARIANTS_MAX]; /* only output_count of them are sent */
} smalti__packet_task;

typedef struct smalti__packet_need {
    uint32_t kind, wait;
    uint64_t bytes;
} smalti__packet_need;

/* GRANT, and WARNING with nothing but a message. */
typedef struct smalti__packet_word {
    uint32_t kind, reserved;
    smalti__packet_error error;
} smalti__packet_word;

typedef struct smalti__packet_progress {
    uint32_t kind, rows_done, rows;
} smalti__packet_progress;

typedef struct smalti__packet_measures {
    uint32_t kind, bytes;
    char text[32 << 10];
} smalti__packet_measures;

/* smalti_info in numbers that can be looked at whatever they are. */
typedef struct smalti__packet_info {
    char format[8], color[12], subsampling[8], compression[12];
    uint32_t width, height, channels, sample, bit_depth, interlaced, has_alpha, frames, loops, duration_ms, orientation;
    uint64_t file_bytes, decoded_bytes, icc_bytes, exif_bytes, xmp_bytes;
} smalti__packet_info;

enum { SMALTI__SOURCE_NONE, SMALTI__SOURCE_READ, SMALTI__SOURCE_MAPPED };

typedef struct smalti__packet_reply {
    uint32_t kind, source;
    smalti__packet_error error;
    smalti_stats stats;
    smalti__packet_info info; /* format "": not known */
    char fast_path[sizeof((smalti__task *)0)->fast_path];
    struct {
        uint32_t format; /* UINT32_MAX: nothing was made */
        uint32_t width, height, quality;
        double score;
    } outputs[SMALTI__VARIANTS_MAX];
} smalti__packet_reply;

/* Sends a packet, or gives an errno: EPIPE when the other end is gone, EAGAIN when it takes nothing (without wait). */
int smalti__packet_send(int socket, const void *packet, size_t bytes, const int *descriptors, size_t count, bool wait);
/* Receives one: its bytes, 0 when the other end is gone, -1 with errno. The descriptors are owned; those for which there is no
 * room are closed. */
ssize_t smalti__packet_receive(int socket, void *packet, size_t room, int *descriptors, size_t descriptor_room,
                               size_t *count, bool wait);
/* From a result and its error; OK has none. */
void smalti__packet_error_set(smalti__packet_error *to, smalti_result result, const smalti_error *error);
/* The end of a name. */
void smalti__packet_name(char to[SMALTI__PACKET_NAME], const char *name);

#endif
