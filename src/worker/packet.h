/* SPDX-License-Identifier: Apache-2.0
 * Packets between a run and its workers (docs/workers.md): what is in each, and how they go. Over a channel, in parts of a
 * message's payload; over a local socket those with descriptors. What comes has been copied, and is checked by its receiver,
 * on both sides. The numbers are the machine's. */
#ifndef SMALTI_SRC_PACKET_H
#define SMALTI_SRC_PACKET_H

#include "pipeline/task.h"
#include "worker/blocks.h"
#include "worker/channel.h"
#include "worker/jail.h"

enum {
    SMALTI__PACKET_VERSION = 2,
    SMALTI__PACKET_DESCRIPTORS = SMALTI__VARIANTS_MAX + 1, /* of a task */
    SMALTI__PACKET_SLOTS = 128 /* of a channel for packets: the largest for a worker fits an empty ring */
};

enum smalti__packet_kind {
    SMALTI__PACKET_START = 1, /* parent, over the socket, with descriptors: see below */
    SMALTI__PACKET_FILES,     /* parent, over the socket, with descriptors: the files of the task that follows */
    SMALTI__PACKET_READY,     /* worker, over the channel, as what follows */
    SMALTI__PACKET_TASK,      /* parent */
    SMALTI__PACKET_NEED,      /* worker: may it have so much memory? */
    SMALTI__PACKET_GRANT,     /* parent: the answer */
    SMALTI__PACKET_WARNING,   /* worker, as what follows here */
    SMALTI__PACKET_PROGRESS,
    SMALTI__PACKET_MEASURES,  /* a part of their JSON */
    SMALTI__PACKET_OUTGROWN, /* an output is larger than its block: GRANT, and FILES with one descriptor, answer it */
    SMALTI__PACKET_REPLY, /* the task has ended */
    SMALTI__PACKET_KINDS
};

/* The descriptors of START, in this order. */
enum {
    SMALTI__START_JOB, /* its JSON */
    SMALTI__START_MEMORY, /* of the channel, as what follows */
    SMALTI__START_BELL,
    SMALTI__START_THEIR_BELL,
    SMALTI__START_BLOCKS, /* a socket for them */
    SMALTI__START_DESCRIPTORS
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
    uint64_t job_bytes, memory_bytes, strip_rows, tied_bytes, blocks_bytes;
    uint64_t tasks; /* at most; 0: not known */
    uint32_t jobs, warm; /* whether there is time before the first task */
    uint32_t libraries, reserved; /* whether to load those that only some formats need */
} smalti__packet_start;

/* FILES: as many descriptors, in the order in which the task has use for them. */
typedef struct smalti__packet_files {
    uint32_t kind, count;
    uint64_t task;
} smalti__packet_files;

typedef struct smalti__packet_ready {
    uint32_t kind, reserved;
    smalti__packet_error error;
    int32_t failed[SMALTI__JAIL_FACILITIES]; /* what of the jail is not in force */
} smalti__packet_ready;

/* Where an input or output is. */
enum { SMALTI__PLACE_NOWHERE, SMALTI__PLACE_FILE, SMALTI__PLACE_BLOCK, SMALTI__PLACES };

typedef struct smalti__packet_task {
    uint32_t kind, output_count;
    uint32_t has_output, spare_lanes; /* of the run: 0 or 1 */
    uint32_t place, file_count; /* of the input; and of FILES, of which it is the first if it is one */
    smalti__block_ref block; /* the input, if it is in one */
    char name[SMALTI__PACKET_NAME];
    struct {
        uint32_t format; /* index in the registry; UINT32_MAX: the input's own */
        uint32_t place; /* a file: the next of FILES */
        smalti__block_ref block;
        char name[SMALTI__PACKET_NAME];
    } outputs[SMALTI__VARIANTS_MAX]; /* only output_count of them are sent */
} smalti__packet_task;

typedef struct smalti__packet_outgrown {
    uint32_t kind, output;
} smalti__packet_outgrown;

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
    char text[8 << 10]; /* only bytes of it are sent */
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
    uint32_t output_count, missed; /* whether the task had need of a library that was not loaded */
    smalti__packet_error error;
    smalti_stats stats;
    smalti__packet_info info; /* format "": not known */
    char fast_path[sizeof((smalti__task *)0)->fast_path];
    struct {
        uint32_t format; /* UINT32_MAX: nothing was made */
        uint32_t width, height, quality;
        uint64_t bytes; /* in its block, if it is there */
        double score;
    } outputs[SMALTI__VARIANTS_MAX]; /* only output_count of them are sent */
} smalti__packet_reply;

/* ---- Over a channel ---- */

/* A packet as it comes, part by part. */
typedef struct smalti__packet_in {
    uint64_t task; /* that it is about */
    size_t bytes; /* that have come; 0: nothing of it */
    bool whole;
    union {
        uint32_t kind;
        smalti__packet_ready ready;
        smalti__packet_task task;
        smalti__packet_need need;
        smalti__packet_outgrown outgrown;
        smalti__packet_word word;
        smalti__packet_progress progress;
        smalti__packet_measures measures;
        smalti__packet_reply reply;
    } packet;
} smalti__packet_in;

/* Sends a packet about a task; for as long as it takes when wait, else LIMIT_TIME when there is no room. PEER: the other end
 * is gone, or broke a rule. */
smalti_result smalti__packet_put(smalti__channel *channel, uint64_t task, const void *packet, size_t bytes, bool wait,
                                 smalti_error *error);
/* Adds the message that follows on those before; behind a whole packet another begins. What is whole is of a kind that a
 * worker (or, if not, its parent) sends, has the size of one, counts that fit it, and names that end. PEER: nothing of the
 * sort. */
smalti_result smalti__packet_add(smalti__packet_in *in, const smalti__message *message, bool from_worker,
                                 smalti_error *error);
/* Receives what there is, at most to the end of a packet: in->whole. Errors: of the channel, and of smalti__packet_add. */
smalti_result smalti__packet_get(smalti__channel *channel, smalti__packet_in *in, bool from_worker,
                                 smalti_error *error);

/* ---- Over the socket ---- */

/* Sends a packet without waiting: 0, or an errno. */
int smalti__packet_pass(int socket, const void *packet, size_t bytes, const int *descriptors, size_t count);
/* Receives one of exactly these bytes with exactly count descriptors, which are owned; with wait, for as long as it takes to
 * come. PEER: it is none, and all that came with it is closed. */
smalti_result smalti__packet_take(int socket, void *packet, size_t bytes, int *descriptors, size_t count, bool wait,
                                  smalti_error *error);

/* ---- What is in them ---- */

/* From a result and its error; OK has none. */
void smalti__packet_error_set(smalti__packet_error *to, smalti_result result, const smalti_error *error);
/* In serve.c: the channel of this process, when it is a worker, and the task it is at; for tests that have it say what no
 * worker says. */
smalti__channel *smalti__serve_channel(uint64_t *task);
/* The end of a name. */
void smalti__packet_name(char to[SMALTI__PACKET_NAME], const char *name);

#endif
