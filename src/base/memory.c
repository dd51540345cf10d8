/* SPDX-License-Identifier: Apache-2.0
 * The memory budget and a lane's pool of buffers. */
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* Stands before every buffer of a pool. */
struct smalti__pool_block {
    struct smalti__pool_block *next;
    size_t bytes; /* of the buffer, without head and slack */
};
enum { BLOCK_HEAD = 64 };

static struct smalti__pool_block *block_of(void *pointer)
{
    return (struct smalti__pool_block *)((uint8_t *)pointer - BLOCK_HEAD);
}

/* The smallest free block that is large enough, but none more than four times too large: small requests must not sit in
 * the buffer that the next large one needs. */
static struct smalti__pool_block *take_free(smalti__pool *pool, size_t bytes)
{
    struct smalti__pool_block **best = NULL;
    for (struct smalti__pool_block **at = &pool->free_blocks; *at && (*at)->bytes >= bytes; at = &(*at)->next)
        best = at;
    if (!best || (*best)->bytes / 4 > bytes)
        return NULL;
    struct smalti__pool_block *block = *best;
    *best = block->next;
    return block;
}

void *smalti__pool_get(smalti__pool *pool, size_t bytes)
{
    bytes = bytes < 64 ? 64 : bytes;
    struct smalti__pool_block *block = pool ? take_free(pool, bytes) : NULL;
    if (!block) {
        size_t total;
        void *memory = NULL;
        if (!smalti__add(bytes, BLOCK_HEAD + SMALTI__POOL_SLACK, &total) || posix_memalign(&memory, 64, total))
            return NULL;
        block = memory;
        block->bytes = bytes;
        if (pool) {
            pool->held_bytes += bytes;
            pool->allocations++;
        }
    }
    if (pool) {
        pool->used_bytes += block->bytes;
        if (pool->used_bytes > pool->peak_used_bytes)
            pool->peak_used_bytes = pool->used_bytes;
    }
    return (uint8_t *)block + BLOCK_HEAD;
}

void smalti__pool_put(smalti__pool *pool, void *pointer)
{
    if (!pointer)
        return;
    struct smalti__pool_block *block = block_of(pointer);
    if (!pool) {
        free(block);
        return;
    }
    pool->used_bytes -= block->bytes;
    struct smalti__pool_block **at = &pool->free_blocks;
    while (*at && (*at)->bytes > block->bytes)
        at = &(*at)->next;
    block->next = *at;
    *at = block;
}

void smalti__pool_trim(smalti__pool *pool, size_t keep_bytes)
{
    while (pool->free_blocks && pool->held_bytes - pool->used_bytes > keep_bytes) {
        struct smalti__pool_block *block = pool->free_blocks;
        pool->free_blocks = block->next;
        pool->held_bytes -= block->bytes;
        free(block);
    }
}

struct smalti__budget {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t freed;
    size_t total, used, peak;
};

smalti__budget *smalti__budget_new(size_t total_bytes)
{
    smalti__budget *budget = calloc(1, sizeof *budget);
    if (!budget)
        return NULL;
    pthread_mutex_init(&budget->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&budget->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    budget->total = total_bytes;
    return budget;
}

void smalti__budget_free(smalti__budget *budget)
{
    if (!budget)
        return;
    pthread_cond_destroy(&budget->freed);
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

smalti_result smalti__budget_acquire(smalti__budget *budget, size_t bytes, const int *cancelled, smalti_error *error)
{
    if (bytes > budget->total)
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY,
                            "needs %zu KiB of memory, the budget is %zu KiB: raise it with --memory",
                            (bytes + 1023) / 1024, budget->total / 1024);
    smalti_result result = SMALTI_OK;
    pthread_mutex_lock(&budget->lock);
    while (bytes > budget->total - budget->used) {
        if (cancelled && __atomic_load_n(cancelled, __ATOMIC_RELAXED)) {
            result = smalti__fail(error, SMALTI_E_CANCELLED, "cancelled");
            break;
        }
        /* a signal handler may cancel but not signal a condition: look again every tenth of a second */
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100 * 1000 * 1000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&budget->freed, &budget->lock, &until);
    }
    if (result == SMALTI_OK) {
        budget->used += bytes;
        if (budget->used > budget->peak)
            budget->peak = budget->used;
    }
    pthread_mutex_unlock(&budget->lock);
    return result;
}

bool smalti__budget_try(smalti__budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    bool fits = bytes <= budget->total - budget->used;
    if (fits) {
        budget->used += bytes;
        if (budget->used > budget->peak)
            budget->peak = budget->used;
    }
    pthread_mutex_unlock(&budget->lock);
    return fits;
}

void smalti__budget_release(smalti__budget *budget, size_t bytes)
{
    pthread_mutex_lock(&budget->lock);
    budget->used -= bytes;
    pthread_cond_broadcast(&budget->freed);
    pthread_mutex_unlock(&budget->lock);
}

size_t smalti__budget_peak(const smalti__budget *budget)
{
    smalti__budget *open = (smalti__budget *)budget;
    pthread_mutex_lock(&open->lock);
    size_t peak = open->peak;
    pthread_mutex_unlock(&open->lock);
    return peak;
}
