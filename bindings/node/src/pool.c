/* SPDX-License-Identifier: Apache-2.0
 * The threads that work, one pool for the process. Not libuv's: an image can take a second, and files and names of all of the
 * program would wait behind four of those. They are made when there is work, and stay. */
#include <sched.h>
#include <signal.h>

#include "binding.h"

/* WebAssembly kernels have up to 2 MiB of stack, codecs some more. Touched pages count, not these. */
enum { STACK_BYTES = 8 << 20, THREADS_MAX = 256 };

static struct {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t more;
    binding_task *first, *last;
    uint32_t queued, threads, waiting, size;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static uint32_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return count > THREADS_MAX ? THREADS_MAX : (uint32_t)count;
}

/* Signals of the process are for Node's threads; those of a fault have to reach the one that made it: a thread that
 * blocks SIGBUS dies of a mapped file that shrinks. */
static bool start_thread(void *(*run)(void *), void *argument)
{
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t blocked, before;
    if (pthread_attr_init(&attributes))
        return false;
    sigfillset(&blocked);
    for (size_t i = 0; i < COUNT(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    bool started = !pthread_attr_setstacksize(&attributes, STACK_BYTES) &&
                   !pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) &&
                   !pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

/* The next task, with the lock held; NULL: this thread is one too many. */
static binding_task *take(void)
{
    while (!pool.first && pool.threads <= pool.size) {
        pool.waiting++;
        pthread_cond_wait(&pool.more, &pool.lock);
        pool.waiting--;
    }
    if (pool.threads > pool.size)
        return NULL;
    binding_task *task = pool.first;
    pool.first = task->next;
    pool.queued--;
    /* one image alone may use all processors: its encoder and decoder get threads; the bytes are the same */
    task->jobs = pool.queued || pool.threads - pool.waiting > 1 ? 1 : pool.size;
    return task;
}

static void *thread_main(void *argument)
{
    binding_task *task;
    (void)argument;
    pthread_mutex_lock(&pool.lock);
    while ((task = take())) {
        pthread_mutex_unlock(&pool.lock);
        binding__task_run(task);
        pthread_mutex_lock(&pool.lock);
    }
    pool.threads--;
    if (pool.first)
        pthread_cond_signal(&pool.more); /* the signal may have been meant for this thread */
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

bool binding__pool_add(binding_task *task)
{
    pthread_mutex_lock(&pool.lock);
    if (!pool.size)
        pool.size = processors();
    if (pool.queued >= pool.waiting && pool.threads < pool.size && start_thread(thread_main, NULL))
        pool.threads++;
    bool can = pool.threads > 0;
    if (can) {
        task->next = NULL;
        if (pool.first)
            pool.last->next = task;
        else
            pool.first = task;
        pool.last = task;
        pool.queued++;
        pthread_cond_signal(&pool.more);
    }
    pthread_mutex_unlock(&pool.lock);
    return can;
}

size_t binding__pool_drop(const binding_addon *addon)
{
    size_t dropped = 0;
    pthread_mutex_lock(&pool.lock);
    binding_task **link = &pool.first;
    pool.last = NULL;
    while (*link) {
        binding_task *task = *link;
        if (task->addon == addon) {
            *link = task->next;
            pool.queued--;
            dropped++;
        } else {
            pool.last = task;
            link = &task->next;
        }
    }
    pthread_mutex_unlock(&pool.lock);
    return dropped;
}

static void *own_main(void *argument)
{
    binding__task_run(argument);
    return NULL;
}

bool binding__pool_thread(binding_task *task)
{
    return start_thread(own_main, task);
}

uint32_t binding__pool_size(uint32_t size)
{
    pthread_mutex_lock(&pool.lock);
    if (size)
        pool.size = size > THREADS_MAX ? THREADS_MAX : size;
    else if (!pool.size)
        pool.size = processors();
    size = pool.size;
    pthread_cond_broadcast(&pool.more); /* those that are too many go */
    pthread_mutex_unlock(&pool.lock);
    return size;
}
