/* SPDX-License-Identifier: Apache-2.0
 * Stopping a run, or one task of it, from elsewhere. */
#include "pipeline/task.h"

smalti_result smalti_cancel_new(smalti_cancel **cancel, smalti_error *error)
{
    *cancel = calloc(1, sizeof **cancel);
    if (!*cancel)
        return smalti__fail_nomem(error, sizeof **cancel);
    pthread_mutex_init(&(*cancel)->lock, NULL);
    return SMALTI_OK;
}

void smalti_cancel_request(smalti_cancel *cancel)
{
    __atomic_store_n(&cancel->requested, 1, __ATOMIC_RELAXED); /* no lock: in a signal handler */
}

bool smalti_cancel_requested(const smalti_cancel *cancel)
{
    return __atomic_load_n(&cancel->requested, __ATOMIC_RELAXED);
}

void smalti_cancel_free(smalti_cancel *cancel)
{
    if (!cancel)
        return;
    pthread_mutex_destroy(&cancel->lock);
    free(cancel->tasks);
    free(cancel);
}

static smalti_result note_task(smalti_cancel *cancel, uint64_t task, smalti_error *error)
{
    size_t at = (size_t)(task / 8), room = cancel->room ? cancel->room : 64;
    while (room <= at)
        room *= 2;
    if (room > cancel->room) {
        uint8_t *larger = realloc(cancel->tasks, room);
        if (!larger)
            return smalti__fail_nomem(error, room);
        memset(larger + cancel->room, 0, room - cancel->room);
        cancel->tasks = larger;
        cancel->room = room;
    }
    cancel->tasks[at] |= (uint8_t)(1u << task % 8);
    for (smalti__cancellable *running = cancel->running; running; running = running->next)
        if (running->task == task)
            __atomic_store_n(&running->requested, 1, __ATOMIC_RELAXED);
    return SMALTI_OK;
}

smalti_result smalti_cancel_request_task(smalti_cancel *cancel, uint64_t task, smalti_error *error)
{
    if (task > UINT32_MAX)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "there is no task %llu", (unsigned long long)task);
    pthread_mutex_lock(&cancel->lock);
    smalti_result result = note_task(cancel, task, error);
    pthread_mutex_unlock(&cancel->lock);
    return result;
}

void smalti__cancel_enter(smalti_cancel *cancel, smalti__cancellable *running, uint64_t task)
{
    *running = (smalti__cancellable){.task = task};
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    running->requested = task / 8 < cancel->room && cancel->tasks[task / 8] >> task % 8 & 1;
    running->next = cancel->running;
    cancel->running = running;
    pthread_mutex_unlock(&cancel->lock);
}

void smalti__cancel_leave(smalti_cancel *cancel, const smalti__cancellable *running)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    smalti__cancellable **place = &cancel->running;
    while (*place && *place != running)
        place = &(*place)->next;
    if (*place)
        *place = running->next;
    pthread_mutex_unlock(&cancel->lock);
}
