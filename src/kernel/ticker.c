/* SPDX-License-Identifier: Apache-2.0
 * The ticker thread: made at first need, asleep while no machine is alive, never joined, so that it delays no exit. */
#include "kernel/ticker.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "kernel/engine.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER;
static size_t holders;
static _Atomic bool running; /* read without the lock too */

static void *tick(void *unused)
{
    (void)unused;
    const struct timespec pause = {0, SMALTI__TICK_MS * 1000000};
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!holders)
            pthread_cond_wait(&wanted, &lock);
        pthread_mutex_unlock(&lock);
        nanosleep(&pause, NULL);
        smalti__engine_tick();
    }
    return NULL;
}

static bool start(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    sigfillset(&all); /* signals are the program's: none is delivered to this thread */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, tick, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static void forked(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&wanted, NULL);
    running = false;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

bool smalti__ticker_hold(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
    if (!running)
        running = start();
    bool held = running;
    if (held && holders++ == 0)
        pthread_cond_signal(&wanted);
    pthread_mutex_unlock(&lock);
    return held;
}

void smalti__ticker_release(void)
{
    pthread_mutex_lock(&lock);
    holders--;
    pthread_mutex_unlock(&lock);
}

void smalti__ticker_ensure(void)
{
    if (running)
        return;
    pthread_mutex_lock(&lock);
    if (!running)
        running = start();
    pthread_mutex_unlock(&lock);
}
