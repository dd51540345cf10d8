/* SPDX-License-Identifier: Apache-2.0
 * The structural check: every entry of the offset tables, the head of every chunk, and that no two overlap. It reads a few
 * bytes for each chunk, however large the file. */
#include "exr/exr.h"

/* Where chunks are small, the heads of many come with one read. */
enum { WINDOW = 16 << 10, SMALL_CHUNK = 2048, TABLE_BLOCK = 512 };

typedef struct check_state {
    smalti_exr *exr;
    smalti_exr_check *check;
    const smalti_exr_part *part;
    uint32_t part_index;
    uint32_t head_bytes;
    uint64_t pixel_bytes; /* of one pixel, all channels; 0 when some are subsampled */
    uint64_t heads_below; /* heads of chunks that begin later are not looked at */
    uint64_t last_begin, last_end;
    bool rising, falling; /* so far the chunks of all parts stand in the order of the tables, or the other way round */
    uint64_t window_from, window_size;
    uint8_t window[WINDOW];
} check_state;

const char *smalti_exr_verdict_name(smalti_exr_verdict verdict)
{
    static const char *const names[] = {"good", "unfinished", "truncated", "damaged"};
    return (size_t)verdict < SMALTI__COUNT(names) ? names[verdict] : "unknown";
}

/* ---- Heads ---- */

uint32_t smalti__exr_head_bytes(const smalti_exr *exr, const smalti_exr_part *part)
{
    uint32_t multi = exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART ? 4 : 0;
    return multi + (smalti__exr_is_tiled(part) ? 16 : 4) + (smalti__exr_is_deep(part) ? 24 : 4);
}

void smalti__exr_head_read(const smalti_exr *exr, const smalti_exr_part *part, const uint8_t *bytes,
                           smalti__exr_head *head)
{
    *head = (smalti__exr_head){.bytes = smalti__exr_head_bytes(exr, part)};
    if (exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART)
        head->part = smalti__le32(bytes), bytes += 4;
    for (int i = 0; i < (smalti__exr_is_tiled(part) ? 4 : 1); i++, bytes += 4)
        head->coordinates[i] = (int32_t)smalti__le32(bytes);
    if (smalti__exr_is_deep(part)) {
        head->counts_bytes = smalti__le64(bytes);
        head->packed_bytes = smalti__le64(bytes + 8);
        head->unpacked_bytes = smalti__le64(bytes + 16);
    } else {
        head->packed_bytes = smalti__le32(bytes);
    }
}

/* Packed data is never larger than unpacked data: a writer stores what is smaller, and without compression both are the
 * same. */
static bool sizes_fit(const smalti__exr_head *head, const smalti_exr_part *part, uint64_t pixels, uint64_t unpacked,
                      uint64_t *stored)
{
    if (__builtin_add_overflow(head->packed_bytes, head->counts_bytes, stored))
        return false;
    if (!smalti__exr_is_deep(part)) {
        if (head->packed_bytes > INT32_MAX || head->packed_bytes > unpacked)
            return false;
        return part->compression == SMALTI_EXR_NONE ? head->packed_bytes == unpacked : head->packed_bytes || !unpacked;
    }
    bool counts = head->counts_bytes && head->counts_bytes <= pixels * 4;
    return counts && head->packed_bytes <= head->unpacked_bytes && *stored < (uint64_t)1 << 62;
}

bool smalti__exr_head_fits(const smalti__exr_head *head, const smalti__exr_chunk *chunk, uint64_t *stored)
{
    return sizes_fit(head, chunk->part, chunk->width * chunk->height, smalti__exr_chunk_bytes(chunk), stored);
}

/* size bytes of the file at offset; valid until the next call. */
static smalti_result look(check_state *state, uint64_t offset, size_t size, const uint8_t **bytes, smalti_error *error)
{
    const smalti_exr *exr = state->exr;
    if (!exr->read) {
        *bytes = exr->bytes + offset;
        return SMALTI_OK;
    }
    if (offset < state->window_from || offset + size > state->window_from + state->window_size) {
        uint64_t left = exr->header.file_bytes - offset;
        uint64_t wanted = state->last_end - state->last_begin < SMALL_CHUNK ? WINDOW : size;
        state->window_size = wanted < left ? wanted : left;
        state->window_from = offset;
        SMALTI__TRY(exr->read(exr, offset, state->window, state->window_size, error));
    }
    *bytes = state->window + (offset - state->window_from);
    return SMALTI_OK;
}

/* ---- Faults ---- */

/* Counts a fault and keeps the first. */
static void fault(check_state *state, uint64_t *counter, smalti_exr_verdict verdict, uint64_t offset,
                  const smalti__exr_chunk *chunk, const char *what)
{
    smalti_exr_check *check = state->check;
    ++*counter;
    if (verdict > check->verdict)
        check->verdict = verdict;
    if (*check->fault)
        return;
    check->fault_offset = offset;
    snprintf(check->fault, sizeof check->fault, "chunk %llu of part %u %s", (unsigned long long)chunk->index,
             state->part_index, what);
}

/* ---- Chunks ---- */

/* Notes that a chunk is good, and whether they still come in order. */
static void accept(check_state *state, smalti__exr_extent *extent, uint64_t begin, uint64_t end)
{
    *extent = (smalti__exr_extent){.begin = begin, .end = end};
    if (state->last_end) {
        state->rising = state->rising && begin >= state->last_end;
        state->falling = state->falling && end <= state->last_begin;
    }
    state->last_begin = begin;
    state->last_end = end;
    state->check->good++;
    if (end > state->check->end)
        state->check->end = end;
}

static smalti_result check_chunk(check_state *state, const smalti__exr_chunk *chunk, uint64_t entry_offset,
                                 uint64_t begin, smalti__exr_extent *extent, smalti_error *error)
{
    const smalti_exr_part *part = state->part;
    smalti_exr_check *check = state->check;
    uint64_t file_bytes = state->exr->header.file_bytes, stored;
    const uint8_t *bytes;
    smalti__exr_head head;
    if (!begin) {
        fault(state, &check->missing, SMALTI_EXR_UNFINISHED, entry_offset, chunk, "has the offset 0");
        return SMALTI_OK;
    }
    if (begin < state->exr->header.tables_end) {
        fault(state, &check->misplaced, SMALTI_EXR_DAMAGED, entry_offset, chunk, "begins inside the header");
        return SMALTI_OK;
    }
    if (begin > file_bytes || file_bytes - begin < state->head_bytes) {
        fault(state, &check->beyond, SMALTI_EXR_TRUNCATED, entry_offset, chunk, "begins beyond the end of the file");
        return SMALTI_OK;
    }
    if (begin >= state->heads_below) {
        accept(state, extent, begin, begin);
        return SMALTI_OK;
    }
    SMALTI__TRY(look(state, begin, state->head_bytes, &bytes, error));
    smalti__exr_head_read(state->exr, part, bytes, &head);
    const int32_t tile[4] = {(int32_t)chunk->tile_x, (int32_t)chunk->tile_y, (int32_t)chunk->level_x,
                             (int32_t)chunk->level_y};
    bool right =
        smalti__exr_is_tiled(part) ? !memcmp(head.coordinates, tile, sizeof tile) : head.coordinates[0] == chunk->y;
    if (head.part != state->part_index || !right) {
        fault(state, &check->mislabelled, SMALTI_EXR_DAMAGED, begin, chunk, "is not where the table says");
        return SMALTI_OK;
    }
    uint64_t pixels = chunk->width * chunk->height, unpacked;
    if (!state->pixel_bytes)
        unpacked = smalti__exr_chunk_bytes(chunk);
    else if (__builtin_mul_overflow(pixels, state->pixel_bytes, &unpacked))
        unpacked = UINT64_MAX;
    if (!sizes_fit(&head, part, pixels, unpacked, &stored)) {
        fault(state, &check->impossible, SMALTI_EXR_DAMAGED, begin, chunk, "has an impossible size");
        return SMALTI_OK;
    }
    if (stored > file_bytes - begin - state->head_bytes) {
        fault(state, &check->beyond, SMALTI_EXR_TRUNCATED, begin, chunk, "ends beyond the end of the file");
        return SMALTI_OK;
    }
    accept(state, extent, begin, begin + state->head_bytes + stored);
    return SMALTI_OK;
}

/* Chunks of a type that is not known: only that they begin in the file. */
static void check_other(check_state *state, uint64_t index, uint64_t entry_offset, uint64_t begin)
{
    smalti_exr_check *check = state->check;
    const smalti__exr_chunk chunk = {.index = index};
    if (!begin)
        fault(state, &check->missing, SMALTI_EXR_UNFINISHED, entry_offset, &chunk, "has the offset 0");
    else if (begin < state->exr->header.tables_end)
        fault(state, &check->misplaced, SMALTI_EXR_DAMAGED, entry_offset, &chunk, "begins inside the header");
    else if (begin >= state->exr->header.file_bytes)
        fault(state, &check->beyond, SMALTI_EXR_TRUNCATED, entry_offset, &chunk, "begins beyond the end of the file");
    else
        check->good++;
}

static uint64_t bytes_of_pixel(const smalti_exr_part *part)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < part->channel_count; i++) {
        if (part->channels[i].x_sampling != 1 || part->channels[i].y_sampling != 1)
            return 0;
        bytes += smalti_exr_sample_bytes(part->channels[i].sample);
    }
    return bytes;
}

static smalti_result check_part(check_state *state, smalti__exr_extent *extents, smalti_error *error)
{
    const smalti_exr_part *part = state->part;
    uint8_t table[TABLE_BLOCK * 8];
    smalti__exr_chunk chunk;
    bool known = smalti__exr_chunk_first(&chunk, part);
    state->head_bytes = smalti__exr_head_bytes(state->exr, part);
    state->pixel_bytes = bytes_of_pixel(part);
    for (uint64_t index = 0; index < part->chunk_count; index++) {
        uint64_t entry_offset = part->table_offset + index * 8, left = part->chunk_count - index;
        if (index % TABLE_BLOCK == 0)
            SMALTI__TRY(smalti__exr_read_at(state->exr, entry_offset, table,
                                            (left < TABLE_BLOCK ? left : TABLE_BLOCK) * 8, error));
        uint64_t begin = smalti__le64(table + index % TABLE_BLOCK * 8);
        extents[index] = (smalti__exr_extent){0};
        if (!known) {
            check_other(state, index, entry_offset, begin);
            continue;
        }
        SMALTI__TRY(check_chunk(state, &chunk, entry_offset, begin, &extents[index], error));
        smalti__exr_chunk_next(&chunk);
    }
    return SMALTI_OK;
}

/* ---- Overlaps ---- */

static int by_begin(const void *a, const void *b)
{
    const smalti__exr_extent *x = *(smalti__exr_extent *const *)a, *y = *(smalti__exr_extent *const *)b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin) : (x->end > y->end) - (x->end < y->end);
}

/* Counts chunks that begin inside another. *used gets the bytes of the rest. */
static smalti_result count_overlaps(check_state *state, uint64_t chunks, uint64_t *used, smalti_error *error)
{
    smalti_exr *exr = state->exr;
    smalti_exr_check *check = state->check;
    SMALTI__TRY(smalti__exr_grow(exr, &exr->extents, &exr->extent_room, chunks * 2, sizeof *exr->extents, error));
    smalti__exr_extent **sorted = (smalti__exr_extent **)(void *)(exr->extents + chunks);
    for (uint64_t i = 0; i < chunks; i++)
        sorted[i] = &exr->extents[i];
    qsort(sorted, chunks, sizeof *sorted, by_begin);
    uint64_t end = 0;
    *used = 0;
    for (uint64_t i = 0; i < chunks; i++) {
        if (!sorted[i]->begin)
            continue;
        if (sorted[i]->begin >= end) {
            *used += sorted[i]->end - sorted[i]->begin;
            end = sorted[i]->end;
            continue;
        }
        sorted[i]->overlaps = true;
        check->good--;
        check->overlapping++;
        check->verdict = SMALTI_EXR_DAMAGED;
        if (!*check->fault) {
            check->fault_offset = sorted[i]->begin;
            snprintf(check->fault, sizeof check->fault, "a chunk begins inside another");
        }
        *used += sorted[i]->end > end ? sorted[i]->end - end : 0;
        end = sorted[i]->end > end ? sorted[i]->end : end;
    }
    return SMALTI_OK;
}

smalti_result smalti__exr_check(smalti_exr *exr, uint64_t heads_below, smalti_exr_check *check, smalti_error *error)
{
    check_state state;
    const smalti_exr_header *header = &exr->header;
    *check = (smalti_exr_check){.fault_offset = SMALTI_NO_OFFSET, .end = header->tables_end};
    memset(&state, 0, offsetof(check_state, window));
    state.exr = exr, state.check = check;
    state.heads_below = heads_below;
    state.rising = state.falling = true;
    bool other = false;
    for (uint32_t i = 0; i < header->part_count; i++)
        check->chunks += header->parts[i].chunk_count; /* each is at most the file's size, so is their sum */
    SMALTI__TRY(smalti__exr_grow(exr, &exr->extents, &exr->extent_room, check->chunks, sizeof *exr->extents, error));
    uint64_t first = 0;
    for (uint32_t i = 0; i < header->part_count; i++) {
        state.part = &header->parts[i];
        state.part_index = i;
        other = other || state.part->kind == SMALTI_EXR_OTHER;
        SMALTI__TRY(check_part(&state, exr->extents + first, error));
        first += state.part->chunk_count;
    }
    uint64_t used = 0;
    if (state.rising || state.falling)
        for (uint64_t i = 0; i < check->chunks; i++)
            used += exr->extents[i].end - exr->extents[i].begin;
    else
        SMALTI__TRY(count_overlaps(&state, check->chunks, &used, error));
    check->unused_bytes = other ? 0 : header->file_bytes - header->tables_end - used;
    return SMALTI_OK;
}

smalti_result smalti_exr_check_structure(smalti_exr *exr, smalti_exr_check *check, smalti_error *error)
{
    if (!exr->header.parts)
        return smalti__fail(error, SMALTI_E_INVALID, "no file is open to be checked");
    smalti_exr_check found;
    SMALTI__TRY(smalti__exr_check(exr, UINT64_MAX, &found, error));
    *check = found;
    return SMALTI_OK;
}
