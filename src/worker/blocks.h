/* SPDX-License-Identifier: Apache-2.0
 * Blocks of shared memory for pixels and files, between a parent and one worker. The parent makes them, of power-of-two
 * sizes, within a budget; each is passed and mapped once, and used again from task to task, since fresh pages cost more
 * than copies. No two workers share one: they see nothing of each other's tasks. Not for two threads. */
#ifndef SMALTI_SRC_BLOCKS_H
#define SMALTI_SRC_BLOCKS_H

#include "worker/message.h"
#include "worker/sealed.h"

enum { SMALTI__BLOCKS_MOST = 64, SMALTI__BLOCK_LEAST_BYTES = 64 << 10 };

typedef struct smalti__block {
    smalti__sealed memory; /* shared: each side may write it at any moment */
    uint32_t generation; /* how many blocks have had this index; 0: none yet */
    bool taken; /* parent: by a task */
    uint64_t given_at; /* parent: a count, for the one unused the longest */
} smalti__block;

typedef struct smalti__blocks {
    int socket; /* pass.h; borrowed */
    bool parent;
    size_t budget_bytes, held_bytes;
    uint64_t made, reused; /* parent: how often blocks were taken, fresh or used before */
    uint64_t gives;
    smalti__block blocks[SMALTI__BLOCKS_MOST];
} smalti__blocks;

/* Either side, without blocks; the socket is borrowed. The budget of a worker bounds what its parent may have it map. */
void smalti__blocks_open(smalti__blocks *blocks, int socket, bool parent, size_t budget_bytes);
/* Unmaps all; references to them are void. */
void smalti__blocks_close(smalti__blocks *blocks);

/* Parent: a block of at least bytes (not 0), known to the worker before any message that is sent from now on. *ref refers
 * to its first bytes. What stands in it is left from before. LIMIT: not before blocks are given back, or the worker reads
 * its packets. LIMIT_MEMORY: never, with this budget. */
SMALTI_MUST_CHECK smalti_result smalti__blocks_take(smalti__blocks *blocks, size_t bytes, smalti__block_ref *ref,
                                                    smalti_error *error);
/* Parent: the block of a reference from smalti__blocks_take is free. The worker must be done with it. */
void smalti__blocks_give(smalti__blocks *blocks, const smalti__block_ref *ref);

/* Either side: where the bytes of a reference are, which may have come from the peer. PEER: there are none such. *data is
 * borrowed until the block is given back, or (worker) until a reference to another block is looked up. */
SMALTI_MUST_CHECK smalti_result smalti__blocks_at(smalti__blocks *blocks, const smalti__block_ref *ref, uint8_t **data,
                                                  smalti_error *error);

#endif
