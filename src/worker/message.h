/* SPDX-License-Identifier: Apache-2.0
 * What stands in a slot of a channel (docs/workers.md). The numbers are the machine's: both ends run on one. */
#ifndef SMALTI_SRC_MESSAGE_H
#define SMALTI_SRC_MESSAGE_H

#include "base/base.h"

enum { SMALTI__MESSAGE_BLOCKS = 4, SMALTI__MESSAGE_PAYLOAD = 128 };

/* A part of a block of the pool (blocks.h). */
typedef struct smalti__block_ref {
    uint32_t index; /* of the block */
    uint32_t generation; /* of the block with this index */
    uint64_t offset, bytes;
} smalti__block_ref;

typedef struct smalti__message {
    uint64_t task; /* the sender's number for it; answers carry it back */
    uint32_t kind, flags; /* what they mean is the affair of those who talk */
    int32_t result; /* a smalti_result, in answers */
    uint32_t payload_bytes, block_count; /* what is used of the arrays; the rest is 0 */
    uint32_t reserved; /* 0 */
    smalti__block_ref blocks[SMALTI__MESSAGE_BLOCKS];
    uint8_t payload[SMALTI__MESSAGE_PAYLOAD];
} smalti__message;

_Static_assert(sizeof(smalti__block_ref) == 24, "a reference has no holes");
_Static_assert(offsetof(smalti__message, result) == 16, "the layout is fixed");
_Static_assert(offsetof(smalti__message, blocks) == 32, "the layout is fixed");
_Static_assert(offsetof(smalti__message, payload) == 128, "payloads begin on a cache line");
_Static_assert(sizeof(smalti__message) == 256, "a slot is four cache lines");

/* Whether the counts of a message that was received fit it. Nothing else of it has been looked at. */
static inline bool smalti__message_fits(const smalti__message *message)
{
    return message->payload_bytes <= SMALTI__MESSAGE_PAYLOAD && message->block_count <= SMALTI__MESSAGE_BLOCKS;
}

#endif
