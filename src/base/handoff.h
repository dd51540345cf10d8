/* SPDX-License-Identifier: Apache-2.0
 * A thread that works ahead of its caller, or behind it: numbered slots go round between a giver and a taker, each of
 * which may be the thread. What the slots are is their own affair; here they are only counted. */
#ifndef SMALTI_SRC_HANDOFF_H
#define SMALTI_SRC_HANDOFF_H

#include "base/base.h"

#include <pthread.h>

typedef struct smalti__handoff {
    pthread_t thread;
    void (*run)(void *user);
    void *user;
    uint32_t slots;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint32_t full; /* slots given and not yet taken */
    bool ended;
    uint64_t cpu_ns; /* what the thread spent */
} smalti__handoff;

/* Starts a thread that calls run(user). false: there is none to be had, and nothing needs to be closed. */
bool smalti__handoff_open(smalti__handoff *handoff, uint32_t slots, void (*run)(void *user), void *user);

/* The giver: waits until a slot is empty. false: the handoff has ended. */
bool smalti__handoff_room(smalti__handoff *handoff);
void smalti__handoff_give(smalti__handoff *handoff);

/* The taker: waits until count slots are full. false: it has ended with fewer. */
bool smalti__handoff_wait(smalti__handoff *handoff, uint32_t count);
/* The oldest full slot is empty again. */
void smalti__handoff_take(smalti__handoff *handoff);

/* Either side: nothing more will be given, or taken. Slots that are full stay full. */
void smalti__handoff_end(smalti__handoff *handoff);
bool smalti__handoff_ended(smalti__handoff *handoff);

/* Ends it, waits for the thread, and returns the processor time it spent. */
uint64_t smalti__handoff_close(smalti__handoff *handoff);

#endif
