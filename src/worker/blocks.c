/* SPDX-License-Identifier: Apache-2.0
 * The pool of blocks, as the parent keeps it and as a worker follows it. */
#include "worker/blocks.h"

#include "worker/pass.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* A block comes with its descriptor; one that is dropped without. */
typedef struct block_packet {
    uint32_t index, generation;
    uint64_t bytes; /* 0: dropped */
} block_packet;

_Static_assert(sizeof(block_packet) == 16, "a packet has no holes");

void smalti__blocks_open(smalti__blocks *blocks, int socket, bool parent, size_t budget_bytes)
{
    *blocks = (smalti__blocks){.socket = socket, .parent = parent, .budget_bytes = budget_bytes};
}

static void unmap(smalti__blocks *blocks, smalti__block *block)
{
    blocks->held_bytes -= block->memory.bytes;
    smalti__sealed_close(&block->memory);
}

void smalti__blocks_close(smalti__blocks *blocks)
{
    for (size_t i = 0; i < SMALTI__BLOCKS_MOST; i++)
        unmap(blocks, &blocks->blocks[i]);
}

/* ---- Parent ---- */

/* The smallest free block that is large enough. */
static smalti__block *find_free(smalti__blocks *blocks, size_t bytes)
{
    smalti__block *best = NULL;
    for (size_t i = 0; i < SMALTI__BLOCKS_MOST; i++) {
        smalti__block *block = &blocks->blocks[i];
        if (block->memory.data && !block->taken && block->memory.bytes >= bytes &&
            (!best || block->memory.bytes < best->memory.bytes))
            best = block;
    }
    return best;
}

static smalti__block *find_empty(smalti__blocks *blocks)
{
    for (size_t i = 0; i < SMALTI__BLOCKS_MOST; i++)
        if (!blocks->blocks[i].memory.data)
            return &blocks->blocks[i];
    return NULL;
}

static smalti__block *find_oldest(smalti__blocks *blocks)
{
    smalti__block *oldest = NULL;
    for (size_t i = 0; i < SMALTI__BLOCKS_MOST; i++) {
        smalti__block *block = &blocks->blocks[i];
        if (block->memory.data && !block->taken && (!oldest || block->given_at < oldest->given_at))
            oldest = block;
    }
    return oldest;
}

/* Its pages go back to the system at once, even while the worker still has it mapped. */
static smalti_result drop(smalti__blocks *blocks, smalti__block *block, smalti_error *error)
{
    const block_packet packet = {.index = (uint32_t)(block - blocks->blocks), .generation = block->generation};
    SMALTI__TRY(smalti__pass_send(blocks->socket, &packet, sizeof packet, NULL, 0, error));
    madvise(block->memory.data, block->memory.bytes, MADV_REMOVE);
    unmap(blocks, block);
    return SMALTI_OK;
}

static smalti_result make(smalti__blocks *blocks, size_t bytes, smalti__block **made, smalti_error *error)
{
    smalti__sealed memory;
    int descriptor;
    smalti__block *block;
    while (!(block = find_empty(blocks)) || bytes > blocks->budget_bytes - blocks->held_bytes) {
        smalti__block *oldest = find_oldest(blocks);
        if (!oldest)
            return smalti__fail(error, SMALTI_E_LIMIT, "no room for a block of %zu bytes while others are in use",
                                bytes);
        SMALTI__TRY(drop(blocks, oldest, error));
    }
    SMALTI__TRY(smalti__sealed_make("smalti-block", bytes, &memory, &descriptor, error));
    const block_packet packet = {
        .index = (uint32_t)(block - blocks->blocks), .generation = block->generation + 1, .bytes = bytes};
    smalti_result result = smalti__pass_send(blocks->socket, &packet, sizeof packet, &descriptor, 1, error);
    close(descriptor); /* the maps keep it alive */
    if (result < 0) {
        smalti__sealed_close(&memory);
        return result;
    }
    block->memory = memory;
    block->generation++;
    blocks->held_bytes += bytes;
    *made = block;
    return SMALTI_OK;
}

smalti_result smalti__blocks_take(smalti__blocks *blocks, size_t bytes, smalti__block_ref *ref, smalti_error *error)
{
    size_t rounded = SMALTI__BLOCK_LEAST_BYTES;
    while (rounded < bytes && rounded <= blocks->budget_bytes / 2)
        rounded *= 2;
    if (rounded < bytes || rounded > blocks->budget_bytes)
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "a block of %zu bytes does not fit %zu of shared memory",
                            bytes, blocks->budget_bytes);
    smalti__block *block = find_free(blocks, bytes);
    if (block)
        blocks->reused++;
    else {
        SMALTI__TRY(make(blocks, rounded, &block, error));
        blocks->made++;
    }
    block->taken = true;
    *ref = (smalti__block_ref){
        .index = (uint32_t)(block - blocks->blocks), .generation = block->generation, .bytes = bytes};
    return SMALTI_OK;
}

void smalti__blocks_give(smalti__blocks *blocks, const smalti__block_ref *ref)
{
    blocks->blocks[ref->index].taken = false;
    blocks->blocks[ref->index].given_at = ++blocks->gives;
}

/* ---- Worker ---- */

static smalti_result follow(smalti__blocks *blocks, const block_packet *packet, const int *descriptors, size_t count,
                            smalti_error *error)
{
    if (packet->index >= SMALTI__BLOCKS_MOST || count != (packet->bytes ? 1 : 0))
        return smalti__fail(error, SMALTI_E_PEER, "a packet that is not about a block");
    smalti__block *block = &blocks->blocks[packet->index];
    unmap(blocks, block);
    block->generation = packet->bytes ? packet->generation : 0;
    if (!packet->bytes)
        return SMALTI_OK;
    if (packet->bytes > blocks->budget_bytes - blocks->held_bytes)
        return smalti__fail(error, SMALTI_E_PEER, "more shared memory than %zu bytes", blocks->budget_bytes);
    SMALTI__TRY(
        smalti__sealed_open(descriptors[0], (size_t)packet->bytes, (size_t)packet->bytes, &block->memory, error));
    blocks->held_bytes += block->memory.bytes;
    return SMALTI_OK;
}

/* Reads packets until one tells of this block. The parent has sent it before the reference, so there is nothing to wait
 * for. */
static smalti_result catch_up(smalti__blocks *blocks, const smalti__block_ref *ref, smalti_error *error)
{
    const smalti__block *block = &blocks->blocks[ref->index];
    while (!block->memory.data || block->generation != ref->generation) {
        block_packet packet;
        int descriptors[SMALTI__PASS_MOST];
        size_t count;
        smalti_result result =
            smalti__pass_receive(blocks->socket, &packet, sizeof packet, descriptors, &count, 0, error);
        if (result == SMALTI_E_LIMIT_TIME)
            return smalti__fail(error, SMALTI_E_PEER, "block %u of generation %u is not known", ref->index,
                                ref->generation);
        SMALTI__TRY(result);
        result = follow(blocks, &packet, descriptors, count, error);
        for (size_t i = 0; i < count; i++)
            close(descriptors[i]);
        SMALTI__TRY(result);
    }
    return SMALTI_OK;
}

smalti_result smalti__blocks_at(smalti__blocks *blocks, const smalti__block_ref *ref, uint8_t **data,
                                smalti_error *error)
{
    if (ref->index >= SMALTI__BLOCKS_MOST)
        return smalti__fail(error, SMALTI_E_PEER, "block %u is not known", ref->index);
    if (!blocks->parent)
        SMALTI__TRY(catch_up(blocks, ref, error));
    const smalti__block *block = &blocks->blocks[ref->index];
    if (blocks->parent && (!block->taken || block->generation != ref->generation))
        return smalti__fail(error, SMALTI_E_PEER, "block %u of generation %u is not in use", ref->index,
                            ref->generation);
    if (ref->offset > block->memory.bytes || ref->bytes > block->memory.bytes - ref->offset)
        return smalti__fail(error, SMALTI_E_PEER, "a reference past the end of block %u", ref->index);
    *data = block->memory.data + ref->offset;
    return SMALTI_OK;
}
