/* SPDX-License-Identifier: Apache-2.0
 * Messages between a parent and one worker process: two rings of slots in sealed shared memory, and a pipe each way as
 * doorbell, which is rung only for an end that sleeps, and hangs up when the other end dies. docs/workers.md has the
 * layout and the rules of trust: whatever a peer does, its victim gets an error or a wrong message, and is never kept
 * waiting beyond its own timeouts. An end is for one thread at a time. */
#ifndef SMALTI_SRC_CHANNEL_H
#define SMALTI_SRC_CHANNEL_H

#include "worker/message.h"
#include "worker/sealed.h"

#include <stdatomic.h>

enum { SMALTI__CHANNEL_VERSION = 1, SMALTI__CHANNEL_MOST_SLOTS = 1 << 16 };

/* What an end may wait for. */
enum { SMALTI__CHANNEL_DATA = 1, SMALTI__CHANNEL_ROOM = 2 };

/* One direction, as one end sees it. */
typedef struct smalti__ring {
    _Atomic uint32_t *mine; /* shared: where this end publishes its index */
    const _Atomic uint32_t *theirs; /* shared, hostile */
    smalti__message *slots; /* shared; hostile where messages come in */
    uint32_t own; /* this end's index: what it sent or received, modulo 2^32 */
    uint32_t seen; /* the other's, as last loaded and checked */
} smalti__ring;

typedef struct smalti__channel {
    smalti__sealed memory;
    int bell; /* readable when it rang, or hung up; owned */
    int their_bell; /* owned */
    int held; /* the parent's copy of the worker's bell, so that ringing for a dead worker is no SIGPIPE; else -1; owned */
    uint32_t slots; /* of each ring; a power of two */
    smalti__ring out, in;
    _Atomic uint32_t *asleep; /* shared: what this end sleeps for */
    const _Atomic uint32_t *their_asleep; /* shared, hostile */
    uint32_t slept; /* what stands in asleep */
    uint32_t rung; /* their_asleep, when it was last answered */
    uint32_t spin; /* how often to look again before sleeping; adapts; 0 with one processor */
    bool gone; /* the other end hung up */
    bool broken; /* the other end broke a rule: nothing works from then on */
} smalti__channel;

/* What the worker's end is made of: descriptors, owned, closed by exec unless something else is arranged. */
typedef struct smalti__channel_parts {
    int memory, bell, their_bell;
} smalti__channel_parts;

/* The parent's end of a new channel with slots (a power of two from 2) in each direction. The worker's descriptors are to
 * be given to it and then closed here, since else its death would not be noticed. */
smalti_result smalti__channel_make(uint32_t slots, smalti__channel *channel, smalti__channel_parts *worker,
                                   smalti_error *error);
/* The worker's end, in a process that ignores SIGPIPE. parts are taken on success. PEER: they are not those of a channel
 * of this version. */
smalti_result smalti__channel_open(smalti__channel_parts parts, smalti__channel *channel, smalti_error *error);
void smalti__channel_close(smalti__channel *channel); /* of zeros too, and twice */
void smalti__channel_parts_close(smalti__channel_parts *parts);

/* Without waiting: *done tells whether there was room, or a message. PEER: the other end broke a rule. Messages that were
 * sent before an end died are still received. What is received has been copied, and smalti__message_fits. */
SMALTI_MUST_CHECK smalti_result smalti__channel_try_send(smalti__channel *channel, const smalti__message *message,
                                                         bool *done, smalti_error *error);
SMALTI_MUST_CHECK smalti_result smalti__channel_try_receive(smalti__channel *channel, smalti__message *message,
                                                            bool *done, smalti_error *error);

/* Waits until there is data or room, whichever is wanted, for timeout_ms (-1: forever). LIMIT_TIME: there was none in
 * time. PEER: the other end is gone, or broke a rule. */
SMALTI_MUST_CHECK smalti_result smalti__channel_wait(smalti__channel *channel, unsigned wanted, int timeout_ms,
                                                     smalti_error *error);
/* With waiting. */
SMALTI_MUST_CHECK smalti_result smalti__channel_send(smalti__channel *channel, const smalti__message *message,
                                                     int timeout_ms, smalti_error *error);
SMALTI_MUST_CHECK smalti_result smalti__channel_receive(smalti__channel *channel, smalti__message *message,
                                                        int timeout_ms, smalti_error *error);

/* To sleep over several channels and other descriptors: arm each; unless one is ready, poll() their bells for POLLIN; then
 * disarm each. Data may be there or not after that. PEER from disarm: the other end is gone, and nothing that is wanted
 * is left. */
SMALTI_MUST_CHECK smalti_result smalti__channel_arm(smalti__channel *channel, unsigned wanted, bool *ready,
                                                    smalti_error *error);
SMALTI_MUST_CHECK smalti_result smalti__channel_disarm(smalti__channel *channel, smalti_error *error);

#endif
