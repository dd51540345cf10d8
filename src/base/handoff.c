/* SPDX-License-Identifier: Apache-2.0
 * Slots handed over between a thread and its caller. */
#include "base/handoff.h"

#include <signal.h>

static void *thread_main(void *argument)
{
    smalti__handoff *handoff = argument;
    handoff->run(handoff->user);
    pthread_mutex_lock(&handoff->lock);
    handoff->ended = true;
    handoff->cpu_ns = smalti__thread_cpu_ns();
    pthread_cond_broadcast(&handoff->changed);
    pthread_mutex_unlock(&handoff->lock);
    return NULL;
}

/* The application's signals are not for a thread that it does not know; faults in guarded maps are. */
static bool start_thread(smalti__handoff *handoff)
{
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < SMALTI__COUNT(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    bool started = pthread_create(&handoff->thread, NULL, thread_main, handoff) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

bool smalti__handoff_open(smalti__handoff *handoff, uint32_t slots, void (*run)(void *user), void *user)
{
    *handoff = (smalti__handoff){.run = run, .user = user, .slots = slots};
    pthread_mutex_init(&handoff->lock, NULL);
    pthread_cond_init(&handoff->changed, NULL);
    if (start_thread(handoff))
        return true;
    pthread_cond_destroy(&handoff->changed);
    pthread_mutex_destroy(&handoff->lock);
    return false;
}

bool smalti__handoff_room(smalti__handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    while (handoff->full == handoff->slots && !handoff->ended)
        pthread_cond_wait(&handoff->changed, &handoff->lock);
    bool room = !handoff->ended;
    pthread_mutex_unlock(&handoff->lock);
    return room;
}

bool smalti__handoff_wait(smalti__handoff *handoff, uint32_t count)
{
    pthread_mutex_lock(&handoff->lock);
    while (handoff->full < count && !handoff->ended)
        pthread_cond_wait(&handoff->changed, &handoff->lock);
    bool there = handoff->full >= count;
    pthread_mutex_unlock(&handoff->lock);
    return there;
}

static void change(smalti__handoff *handoff, int by, bool end)
{
    pthread_mutex_lock(&handoff->lock);
    handoff->full += (uint32_t)by;
    handoff->ended = handoff->ended || end;
    pthread_cond_broadcast(&handoff->changed);
    pthread_mutex_unlock(&handoff->lock);
}

void smalti__handoff_give(smalti__handoff *handoff)
{
    change(handoff, 1, false);
}

void smalti__handoff_take(smalti__handoff *handoff)
{
    change(handoff, -1, false);
}

void smalti__handoff_end(smalti__handoff *handoff)
{
    change(handoff, 0, true);
}

bool smalti__handoff_ended(smalti__handoff *handoff)
{
    pthread_mutex_lock(&handoff->lock);
    bool ended = handoff->ended;
    pthread_mutex_unlock(&handoff->lock);
    return ended;
}

uint64_t smalti__handoff_close(smalti__handoff *handoff)
{
    smalti__handoff_end(handoff);
    pthread_join(handoff->thread, NULL);
    pthread_cond_destroy(&handoff->changed);
    pthread_mutex_destroy(&handoff->lock);
    return handoff->cpu_ns;
}
