/* SPDX-License-Identifier: Apache-2.0
 * Memory: the budget that admits the tasks of a run, and a lane's pool of buffers that are used again. */
#ifndef SMALTI_SRC_MEMORY_H
#define SMALTI_SRC_MEMORY_H

#include "base/base.h"

/* A budget admits tasks: a task asks once for all it will need, waits its turn, and gives it back at its end. */
typedef struct smalti__budget smalti__budget;

/* Buffers of one lane, used again from task to task. Not for two threads. Every buffer is 64-byte aligned and followed by
 * at least SMALTI__POOL_SLACK readable bytes. Contents are undefined. */
typedef struct smalti__pool {
    struct smalti__pool_block *free_blocks; /* largest first */
    size_t held_bytes; /* in use and free */
    size_t used_bytes;
    size_t peak_used_bytes;
    uint64_t allocations; /* blocks taken from the system */
} smalti__pool;

enum { SMALTI__POOL_SLACK = 64 };

/* NULL pool: plain memory. NULL when there is no memory. */
void *smalti__pool_get(smalti__pool *pool, size_t bytes);
/* NULL pointer is fine. pool must be the one of smalti__pool_get. */
void smalti__pool_put(smalti__pool *pool, void *pointer);
/* Gives free blocks back to the system until at most keep_bytes are held free. */
void smalti__pool_trim(smalti__pool *pool, size_t keep_bytes);

smalti__budget *smalti__budget_new(size_t total_bytes); /* NULL: no memory */
void smalti__budget_free(smalti__budget *budget);
/* Waits until bytes are to be had. LIMIT_MEMORY at once when they exceed the total; CANCELLED when *cancelled turns
 * non-zero while it waits (may be NULL). */
smalti_result smalti__budget_acquire(smalti__budget *budget, size_t bytes, const int *cancelled, smalti_error *error);
/* The same without waiting: false when they are not to be had now. */
bool smalti__budget_try(smalti__budget *budget, size_t bytes);
void smalti__budget_release(smalti__budget *budget, size_t bytes);
size_t smalti__budget_peak(const smalti__budget *budget);

#endif
