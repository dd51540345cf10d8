/* SPDX-License-Identifier: Apache-2.0
 * The deep check: what the structural one does, and then every chunk that it found good is decompressed. */
#include "exr/deep.h"

typedef struct deep_state {
    smalti_exr *exr;
    smalti_exr_check *check;
    smalti__exr_codec codec;
    smalti__exr_deep deep; /* when the part has deep data */
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

/* A chunk with its head, read into the reader's own buffer unless the file is in memory. */
static smalti_result read_stored(deep_state *state, const smalti__exr_extent *extent, const uint8_t **stored,
                                 smalti_error *error)
{
    smalti_exr *exr = state->exr;
    size_t size = (size_t)(extent->end - extent->begin);
    if (!exr->read) {
        *stored = exr->bytes + extent->begin;
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__exr_grow(exr, &exr->packed, &exr->packed_room, size, 1, error));
    *stored = exr->packed;
    return smalti__exr_read_at(exr, extent->begin, exr->packed, size, error);
}

static smalti_result check_chunk(deep_state *state, const smalti__exr_chunk *chunk, const smalti__exr_extent *extent,
                                 smalti_error *error)
{
    smalti_exr *exr = state->exr;
    smalti__exr_bytes bytes;
    const uint8_t *stored = NULL;
    const char *problem = "has an impossible size";
    bool deep = smalti__exr_is_deep(chunk->part);
    size_t head = smalti__exr_head_bytes(exr, chunk->part), unpacked = (size_t)smalti__exr_chunk_bytes(chunk);
    SMALTI__TRY(read_stored(state, extent, &stored, error));
    if (deep && !smalti__exr_deep_check_bytes(&state->deep, exr, chunk, stored + head, &unpacked)) {
        damaged(state, chunk, extent->begin, problem);
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__exr_grow(exr, &exr->unpacked, &exr->unpacked_room, unpacked, 1, error));
    smalti_result result =
        deep ? smalti__exr_deep_check(&state->deep, exr, chunk, stored + head, exr->unpacked, &problem)
             : smalti__exr_codec_run(&state->codec, chunk, stored + head, (size_t)(extent->end - extent->begin) - head,
                                     exr->unpacked, &bytes, &problem);
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
    if (!smalti__exr_is_deep(part) && smalti__exr_codec_check(part, reason, sizeof reason) < 0) {
        state->check->unchecked += part->chunk_count;
        return SMALTI_OK;
    }
    smalti_exr *exr = state->exr;
    size_t codec_bytes = smalti__exr_codec_bytes(part, smalti__exr_chunk_most(part));
    if (codec_bytes > exr->options.max_bytes - exr->held_bytes)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, SMALTI_NO_OFFSET,
                                "to decompress part %u takes more memory than the limit of %llu bytes",
                                state->part_index, (unsigned long long)exr->options.max_bytes);
    SMALTI__TRY(smalti__exr_codec_open(&state->codec, part, error));
    exr->held_bytes += codec_bytes;
    smalti__exr_deep_begin(&state->deep, part, NULL, 0, NULL);
    state->deep.codec = &state->codec;
    smalti__exr_chunk_first(&chunk, part);
    do
        if (extents[chunk.index].begin && !extents[chunk.index].overlaps)
            result = check_chunk(state, &chunk, &extents[chunk.index], error);
    while (result == SMALTI_OK && smalti__exr_chunk_next(&chunk));
    smalti__exr_codec_close(&state->codec);
    exr->held_bytes -= codec_bytes;
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
