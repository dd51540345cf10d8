/* SPDX-License-Identifier: Apache-2.0
 * Deep data among EXR's pixels: every chunk is flattened when it has been decompressed, so that the rest of the decoder sees
 * rows of the channels that are wanted, as floats. */
#include "decode/exr.h"

/* The layer that is wanted, or that of the first channel: its alpha is the one that counts. */
static const char *layer_of(const smalti__exr_decoder *self, char *room, size_t room_size)
{
    const char *name = self->part->channels[self->picks[0].channel].name, *dot = strrchr(name, '.');
    if (!dot || (size_t)(dot - name) >= room_size)
        return NULL;
    memcpy(room, name, (size_t)(dot - name));
    room[dot - name] = '\0';
    return room;
}

size_t smalti__exr_deep_chunk_most(const smalti__exr_decoder *self)
{
    size_t width = smalti__exr_box_width(&self->window), height = smalti__exr_box_height(&self->window), bytes;
    if (smalti__exr_is_tiled(self->part))
        width = self->part->tile_width < width ? self->part->tile_width : width;
    height = self->band_rows < height ? self->band_rows : height;
    return smalti__mul(width, height, &bytes) && smalti__mul(bytes, self->pick_count * sizeof(float), &bytes)
               ? bytes
               : SIZE_MAX;
}

size_t smalti__exr_deep_prepare(smalti__exr_decoder *self)
{
    const smalti__source *source = self->base.source;
    uint32_t wanted[SMALTI__EXR_DEEP_CHANNELS];
    char layer[256];
    for (uint32_t i = 0; i < self->pick_count; i++)
        wanted[i] = self->picks[i].channel;
    smalti__exr_deep_begin(&self->deep, self->part, wanted, self->pick_count, layer_of(self, layer, sizeof layer));
    self->deep_bytes = 0;
    for (uint32_t band = self->first_band; band < self->band_count; band++)
        for (uint32_t i = 0; i < self->chunks_across; i++) {
            smalti__exr_chunk chunk;
            uint64_t unpacked;
            smalti__exr_bands_chunk(self, band, i, &chunk);
            smalti__exr_deep_measure(&self->deep, self->exr, &chunk, self->part_index, source->data, source->size,
                                     &unpacked);
            if (__builtin_add_overflow(self->deep_bytes, unpacked, &self->deep_bytes))
                self->deep_bytes = UINT64_MAX;
        }
    return smalti__exr_deep_bytes(&self->deep);
}

smalti_result smalti__exr_deep_start(smalti__exr_decoder *self, smalti_error *error)
{
    size_t bytes = smalti__exr_deep_bytes(&self->deep);
    self->deep.codec = &self->codec;
    self->deep.memory = smalti__pool_get(self->base.options.pool, bytes);
    return self->deep.memory ? SMALTI_OK : smalti__fail_nomem(error, bytes);
}

smalti_result smalti__exr_deep_make(smalti__exr_decoder *self, const smalti__exr_chunk *chunk, const uint8_t *stored,
                                    size_t stored_size, uint8_t *room, smalti__exr_bytes *bytes, const char **problem)
{
    size_t size = (size_t)(chunk->width * chunk->height) * self->pick_count * sizeof(float);
    *bytes = (smalti__exr_bytes){room, size, false};
    return smalti__exr_deep_run(&self->deep, self->exr, chunk, stored, stored_size, (float *)(void *)room, problem);
}

void smalti__exr_deep_end(smalti__exr_decoder *self)
{
    smalti__pool_put(self->base.options.pool, self->deep.memory);
    self->deep.memory = NULL;
}
