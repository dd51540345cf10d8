/* SPDX-License-Identifier: Apache-2.0
 * Rows of chunks, decompressed one after the other: by a thread of their own while the caller takes samples out of the ones
 * before, where there is a processor for it. Without it they are the same, so that pixels and errors are too. */
#include "decode/exr.h"

enum { THREAD_LEAST = 4 /* bands that are worth a thread */ };

/* Tiles that the canvas shows, and the bands. */
static void find_bands(smalti__exr_decoder *self)
{
    const smalti_exr_part *part = self->part;
    uint32_t first = 0, last = 0;
    self->first_chunk = 0, self->chunks_across = 1;
    self->band_rows = smalti__exr_rows_per_chunk(part->compression);
    if (smalti__exr_is_tiled(part)) {
        self->band_rows = part->tile_height;
        if (smalti__exr_overlap(self->window.min_x, self->window.max_x, self->canvas.min_x, self->canvas.max_x, &first,
                                &last)) {
            self->first_chunk = first / part->tile_width;
            self->chunks_across = last / part->tile_width - self->first_chunk + 1;
        }
    }
    bool shown = smalti__exr_overlap(self->window.min_y, self->window.max_y, self->canvas.min_y, self->canvas.max_y,
                                     &first, &last);
    self->first_band = !shown || self->subsampled ? 0 : first / self->band_rows;
    self->band_count = shown ? last / self->band_rows + 1 : 0;
}

static size_t slot_bytes(const smalti__exr_decoder *self)
{
    size_t bytes, cursors, each = sizeof(smalti__exr_cursor) + sizeof(smalti__exr_bytes);
    if (!smalti__mul(self->chunk_bytes, self->chunks_across, &bytes) ||
        !smalti__mul(each, self->chunks_across, &cursors) || !smalti__add(bytes, cursors + 64, &bytes))
        return SIZE_MAX;
    return bytes;
}

size_t smalti__exr_bands_bytes(smalti__exr_decoder *self)
{
    enum { LARGE = 8 << 20 };
    size_t bytes, codec, deep = 0;
    find_bands(self);
    self->slot_count = 1;
    self->chunk_bytes = 0;
    if (self->leader)
        return slot_bytes(self);
    self->chunk_bytes = self->is_deep ? smalti__exr_deep_chunk_most(self) : smalti__exr_chunk_most(self->part);
    if (self->is_deep)
        deep = smalti__exr_deep_prepare(self);
    size_t slot = slot_bytes(self);
    if (self->base.options.spare_thread && self->band_count - self->first_band >= THREAD_LEAST)
        self->slot_count = slot > LARGE ? 2 : SMALTI__EXR_SLOTS;
    codec = smalti__exr_codec_bytes(self->part, self->chunk_bytes);
    if (!smalti__mul(slot, self->slot_count, &bytes) || !smalti__add(bytes, codec, &bytes) ||
        !smalti__add(bytes, deep, &bytes))
        return SIZE_MAX;
    return bytes;
}

/* ---- making a band ---- */

static smalti_result fail_chunk(const smalti__exr_decoder *self, const smalti__exr_chunk *chunk, smalti_result code,
                                const char *problem, smalti_error *error)
{
    uint64_t entry = self->part->table_offset + 8 * chunk->index;
    if (smalti__exr_is_tiled(self->part))
        return smalti__source_fail(self->base.source, error, code, entry, "the tile %u, %u of level %u %s",
                                   chunk->tile_x, chunk->tile_y, chunk->level_x, problem);
    return smalti__source_fail(self->base.source, error, code, entry, "the chunk of row %lld %s", (long long)chunk->y,
                               problem);
}

static smalti_result make_chunk(smalti__exr_decoder *self, smalti__exr_slot *slot, const smalti__exr_chunk *chunk,
                                uint8_t *room, smalti__exr_bytes *bytes, smalti_error *error)
{
    const smalti__source *source = self->base.source;
    const uint8_t *packed;
    size_t packed_size;
    const char *problem = "";
    smalti_result result = smalti__exr_chunk_locate(self->exr, chunk, self->part_index, source->data, source->size,
                                                    &packed, &packed_size, &problem);
    if (result == SMALTI_OK) {
        slot->offset = (uint64_t)(packed + packed_size - source->data);
        result = self->is_deep ? smalti__exr_deep_make(self, chunk, packed, packed_size, room, bytes, &problem)
                               : smalti__exr_codec_run(&self->codec, chunk, packed, packed_size, room, bytes, &problem);
    }
    return result == SMALTI_OK ? SMALTI_OK : fail_chunk(self, chunk, result, problem, error);
}

void smalti__exr_bands_chunk(const smalti__exr_decoder *self, uint32_t band, uint32_t i, smalti__exr_chunk *chunk)
{
    int32_t at[4] = {(int32_t)(self->first_chunk + i), (int32_t)band, (int32_t)self->level, (int32_t)self->level};
    if (!smalti__exr_is_tiled(self->part))
        at[0] = (int32_t)(self->window.min_y + (int64_t)band * self->band_rows);
    smalti__exr_chunk_find(chunk, self->part, at);
}

static void make_band(smalti__exr_decoder *self, smalti__exr_slot *slot, uint32_t band)
{
    slot->lost = 0;
    slot->result = smalti__stop_check(self->base.options.stop, &slot->error);
    for (uint32_t i = 0; i < self->chunks_across && slot->result == SMALTI_OK; i++) {
        smalti__exr_chunk chunk;
        smalti__exr_bytes bytes = {0};
        smalti_error problem;
        smalti__exr_bands_chunk(self, band, i, &chunk);
        smalti_result result =
            make_chunk(self, slot, &chunk, slot->memory + (size_t)i * self->chunk_bytes, &bytes, &problem);
        if (result < 0) {
            bytes = (smalti__exr_bytes){0};
            slot->lost += slot->lost < UINT32_MAX;
            if (slot->lost == 1 || !self->base.options.lenient)
                slot->error = problem;
            if (!self->base.options.lenient || smalti_result_class(result) != smalti_result_class(SMALTI_E_FORMAT))
                slot->result = result;
        }
        slot->bytes[i] = bytes;
        smalti__exr_cursor_begin(&slot->cursors[i], self->unpack, &bytes);
    }
}

/* The thread: until all is made, something is wrong, or the caller has had enough. */
static void run_ahead(void *user)
{
    smalti__exr_decoder *self = user;
    smalti_result result = SMALTI_OK;
    uint32_t number = 0;
    for (uint32_t band = self->first_band; band < self->band_count && result == SMALTI_OK; band++) {
        if (!smalti__handoff_room(&self->ahead))
            return;
        make_band(self, &self->slots[number], band);
        result = self->slots[number].result;
        number = (number + 1) % self->slot_count;
        smalti__handoff_give(&self->ahead);
    }
}

static smalti_result open_codec(smalti__exr_decoder *self, smalti_error *error)
{
    uint32_t wanted[SMALTI__EXR_PLANES];
    SMALTI__TRY(smalti__exr_codec_open(&self->codec, self->part, error));
    for (uint32_t i = 0; i < self->pick_count; i++)
        wanted[i] = self->picks[i].channel;
    if (!self->leads)
        smalti__exr_codec_want(&self->codec, wanted, self->pick_count);
    return SMALTI_OK;
}

smalti_result smalti__exr_bands_start(smalti__exr_decoder *self, smalti_error *error)
{
    size_t bytes = slot_bytes(self), pixels = (size_t)self->chunks_across * self->chunk_bytes;
    if (!self->leader)
        SMALTI__TRY(open_codec(self, error));
    if (self->is_deep)
        SMALTI__TRY(smalti__exr_deep_start(self, error));
    for (uint32_t i = 0; i < self->slot_count; i++) {
        smalti__exr_slot *slot = &self->slots[i];
        slot->memory = smalti__pool_get(self->base.options.pool, bytes);
        if (!slot->memory)
            return smalti__fail_nomem(error, bytes);
        slot->cursors = (smalti__exr_cursor *)(slot->memory + smalti__align(pixels, 64));
        slot->bytes = (smalti__exr_bytes *)(slot->cursors + self->chunks_across);
    }
    self->band = UINT32_MAX;
    self->slot = self->slot_count - 1; /* the first is next */
    self->unpack = smalti__exr_unpack_get();
    /* set before there is a thread, which reads it */
    self->threaded = self->slot_count > 1;
    if (self->threaded && !smalti__handoff_open(&self->ahead, self->slot_count, run_ahead, self))
        self->threaded = false;
    return SMALTI_OK;
}

/* The next band is the slot's. */
static smalti_result advance(smalti__exr_decoder *self, smalti_error *error)
{
    bool first = self->band == UINT32_MAX;
    uint32_t band = first ? self->first_band : self->band + 1;
    self->slot = (self->slot + 1) % self->slot_count;
    smalti__exr_slot *slot = &self->slots[self->slot];
    if (!self->threaded) {
        make_band(self, slot, band);
    } else if (!smalti__handoff_wait(&self->ahead, first ? 1 : 2)) {
        return smalti__fail(error, SMALTI_E_CANCELLED, "cancelled"); /* not without a band that says why */
    } else if (!first) {
        smalti__handoff_take(&self->ahead);
    }
    self->band = band;
    if (slot->result < 0) {
        if (error)
            *error = slot->error;
        return slot->result;
    }
    if (slot->lost && !self->warned) {
        bool forgiven;
        self->warned = true;
        SMALTI__TRY(smalti__decoder_forgive(&self->base, slot->error.code, &slot->error, &forgiven, error));
    }
    if (slot->offset > self->furthest) {
        self->furthest = slot->offset;
        if (!self->part->line_order)
            smalti__source_consumed(self->base.source, slot->offset);
    }
    return SMALTI_OK;
}

/* The leader's band, from its beginning. */
static smalti_result follow(smalti__exr_decoder *self, uint32_t row, smalti_error *error)
{
    const smalti__exr_decoder *leader = self->leader;
    SMALTI__TRY(smalti__exr_bands_get(self->leader, row, error));
    for (uint32_t i = 0; i < self->chunks_across && self->band != leader->band; i++)
        smalti__exr_cursor_begin(&self->slots[0].cursors[i], self->unpack, &leader->slots[leader->slot].bytes[i]);
    self->slot = 0;
    self->band = leader->band;
    return SMALTI_OK;
}

smalti_result smalti__exr_bands_get(smalti__exr_decoder *self, uint32_t row, smalti_error *error)
{
    if (self->leader)
        return follow(self, row, error);
    while (self->band == UINT32_MAX || self->band < row / self->band_rows)
        SMALTI__TRY(advance(self, error));
    return SMALTI_OK;
}

void smalti__exr_bands_end(smalti__exr_decoder *self)
{
    if (self->threaded)
        self->base.helper_cpu_ns = smalti__handoff_close(&self->ahead);
    self->threaded = false;
    smalti__exr_codec_close(&self->codec);
    smalti__exr_deep_end(self);
    for (uint32_t i = SMALTI__EXR_SLOTS; i-- > 0;) {
        smalti__pool_put(self->base.options.pool, self->slots[i].memory);
        self->slots[i].memory = NULL;
    }
}
