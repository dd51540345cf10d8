/* SPDX-License-Identifier: Apache-2.0
 * The deep check: what the structural one does, and then every chunk that it found good is decompressed. */
#include "exr/pixels.h"

typedef struct deep_state {
    smalti_exr *exr;
    smalti_exr_check *check;
    smalti__exr_codec codec;
    uint32_t part_index;
} deep_state;

static void damaged(deep_state *state, const smalti__exr_chunk *chunk, uint64_t offset, const char *problem)
{
    smalti_exr_check *check = state->check;
    check->good--;
    check->undecodable++;
    check->verdict = SMALTI_EXR_DAMAGED;
    if (*check->fault && offset >= check->fault_offset)
        return; /* the first one stands there */
    check->fault_offset = offset;
    snprintf(check->fault, sizeof check->fault, "chunk %llu of part %u %s", (unsigned long long)chunk->index,
             state->part_index, problem);
}

/* The packed bytes behind a chunk's head, read into the reader's own buffer unless the file is in memory. */
static smalti_result read_packed(deep_state *state, const smalti__exr_extent *extent, uint32_t head,
                                 const uint8_t **packed, size_t *size, smalti_error *error)
{
    smalti_exr *exr = state->exr;
    *size = (size_t)(extent->end - extent->begin - head);
    if (!exr->read) {
        *packed = exr->bytes + extent->begin + head;
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__exr_grow(exr, &exr->packed, &exr->packed_room, *size, 1, error));
    *packed = exr->packed;
    return smalti__exr_read_at(exr, extent->begin + head, exr->packed, *size, error);
}

static smalti_result check_chunk(deep_state *state, const smalti__exr_chunk *chunk, const smalti__exr_extent *extent,
                                 smalti_error *error)
{
    smalti_exr *exr = state->exr;
    smalti__exr_bytes bytes;
    const uint8_t *packed = NULL;
    const char *problem = "";
    size_t size = 0, unpacked = (size_t)smalti__exr_chunk_bytes(chunk);
    SMALTI__TRY(smalti__exr_grow(exr, &exr->unpacked, &exr->unpacked_room, unpacked, 1, error));
    SMALTI__TRY(read_packed(state, extent, smalti__exr_head_bytes(exr, chunk->part), &packed, &size, error));
    smalti_result result = smalti__exr_codec_run(&state->codec, chunk, packed, size, exr->unpacked, &bytes, &problem);
    if (result == SMALTI_E_NOMEM)
        return smalti__fail_nomem(error, unpacked);
    if (result < 0)
        damaged(state, chunk, extent->begin, problem);
    return SMALTI_OK;
}

/* extents: of the part's chunks. */
static smalti_result check_part(deep_state *state, const smalti_exr_part *part, const smalti__exr_extent *extents,
                                smalti_error *error)
{
    char reason[80];
    smalti__exr_chunk chunk;
    smalti_result result = SMALTI_OK;
    if (smalti__exr_codec_check(part, reason, sizeof reason) < 0) {
        state->check->unchecked += part->chunk_count;
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__exr_codec_open(&state->codec, part, error));
    smalti__exr_chunk_first(&chunk, part);
    do
        if (extents[chunk.index].begin)
            result = check_chunk(state, &chunk, &extents[chunk.index], error);
    while (result == SMALTI_OK && smalti__exr_chunk_next(&chunk));
    smalti__exr_codec_close(&state->codec);
    return result;
}

smalti_result smalti_exr_check_pixels(smalti_exr *exr, smalti_exr_check *check, smalti_error *error)
{
    smalti_exr_check found;
    SMALTI__TRY(smalti_exr_check_structure(exr, &found, error));
    deep_state state = {.exr = exr, .check = &found};
    const smalti__exr_extent *extents = exr->extents;
    for (uint32_t i = 0; i < exr->header.part_count; i++) {
        const smalti_exr_part *part = &exr->header.parts[i];
        state.part_index = i;
        SMALTI__TRY(check_part(&state, part, extents, error));
        extents += part->chunk_count;
    }
    *check = found;
    return SMALTI_OK;
}
