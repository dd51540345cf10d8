/* SPDX-License-Identifier: Apache-2.0
 * What the fuzz targets of EXR's compressions do: the first bytes of an input are a part's geometry, the rest is a chunk's
 * packed bytes. All that is decoded is so small that time goes into the decompressors.
 *
 * Bytes: width − 1 (6 bits), rows − 1 (6 bits), first pixel (4 bits of x, 4 bits of y, both less 8), channels − 1 (3 bits; 8:
 * tiled; 16: the second of two compressions), a byte for each channel: name (4 bits), type (2 bits), 64: every second
 * sample, 128: linear. */
#ifndef SMALTI_FUZZ_EXR_CHUNK_H
#define SMALTI_FUZZ_EXR_CHUNK_H

#include <stdlib.h>
#include <string.h>

#include "exr/pixels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_HEAD = 4, FUZZ_CHANNELS = 8 };

typedef struct fuzz_chunk {
    smalti_exr_part part;
    smalti_exr_channel channels[FUZZ_CHANNELS];
    smalti__exr_chunk chunk;
    size_t size; /* decoded */
} fuzz_chunk;

static inline void fuzz_channel(smalti_exr_channel *channel, uint8_t bits, bool may_sample)
{
    static const char *const names[] = {"A", "B",  "G",   "R",     "Y",     "BY",    "RY",    "Z",
                                        "a", "id", "l.A", "l.blu", "l.GRN", "l.red", "m.R.G", ""};
    const char *name = names[bits & 15];
    uint32_t type = bits >> 4 & 3;
    int32_t sampling = may_sample && bits & 64 ? 2 : 1;
    *channel = (smalti_exr_channel){.name = name,
                                    .name_size = (uint32_t)strlen(name),
                                    .sample = type < 3 ? (smalti_exr_sample)type : SMALTI_EXR_HALF,
                                    .x_sampling = sampling,
                                    .y_sampling = sampling,
                                    .linear = bits & 128};
}

/* false: the input is too short. */
static inline bool fuzz_geometry(fuzz_chunk *fuzz, const smalti_exr_compression compressions[2], const uint8_t *data,
                                 size_t size)
{
    uint32_t width, rows, count;
    if (size < FUZZ_HEAD)
        return false;
    width = (data[0] & 63) + 1u, rows = (data[1] & 63) + 1u, count = (data[3] & 7) + 1u;
    if (size < FUZZ_HEAD + count)
        return false;
    smalti_exr_part *part = &fuzz->part;
    bool tiled = data[3] & 8;
    *fuzz = (fuzz_chunk){0};
    part->compression = compressions[data[3] >> 4 & 1];
    part->kind = tiled ? SMALTI_EXR_TILED : SMALTI_EXR_SCANLINE;
    part->channels = fuzz->channels;
    part->channel_count = count;
    if (!tiled && rows > smalti__exr_rows_per_chunk(part->compression))
        rows = smalti__exr_rows_per_chunk(part->compression);
    part->tile_width = tiled ? width : 0, part->tile_height = tiled ? rows : 0;
    int32_t x = (data[2] & 15) - 8, y = (data[2] >> 4) - 8;
    part->data_window = (smalti_exr_box){x, y, x + (int32_t)width - 1, y + (int32_t)rows - 1};
    for (uint32_t c = 0; c < count; c++)
        fuzz_channel(&fuzz->channels[c], data[FUZZ_HEAD + c], !tiled);
    fuzz->chunk =
        (smalti__exr_chunk){.part = part, .x = tiled ? 0 : x, .y = tiled ? 0 : y, .width = width, .height = rows};
    fuzz->size = (size_t)smalti__exr_chunk_bytes(&fuzz->chunk);
    return true;
}

/* Decodes into exactly the room that there has to be; NULL: it is damaged. */
static inline uint8_t *fuzz_run(smalti__exr_codec *codec, const fuzz_chunk *fuzz, const uint8_t *packed, size_t size)
{
    uint8_t *room = calloc(fuzz->size + !fuzz->size, 1);
    smalti__exr_bytes bytes;
    const char *problem = NULL;
    if (!room)
        abort();
    if (smalti__exr_codec_run(codec, &fuzz->chunk, packed, size, room, &bytes, &problem) < 0) {
        if (!problem)
            abort();
        free(room);
        return NULL;
    }
    if (bytes.size != fuzz->size || (bytes.data != room && bytes.data != packed))
        abort();
    if (bytes.data == packed)
        memcpy(room, packed, fuzz->size);
    return room;
}

/* The rows of one channel have to be the same. */
static inline void fuzz_compare(const fuzz_chunk *fuzz, uint32_t wanted, const uint8_t *a, const uint8_t *b)
{
    size_t at = 0;
    for (uint64_t y = 0; y < fuzz->chunk.height; y++)
        for (uint32_t c = 0; c < fuzz->part.channel_count; c++) {
            const smalti_exr_channel *channel = &fuzz->channels[c];
            if (!smalti__exr_samples(fuzz->chunk.y + (int64_t)y, 1, channel->y_sampling))
                continue;
            size_t bytes = (size_t)smalti__exr_samples(fuzz->chunk.x, fuzz->chunk.width, channel->x_sampling) *
                           smalti_exr_sample_bytes(channel->sample);
            if (c == wanted && memcmp(a + at, b + at, bytes) != 0)
                abort();
            at += bytes;
        }
}

/* Twice with one codec, and each channel alone: all have to be the same, but that damage to what is not wanted may not show. */
static inline void fuzz_chunk_input(const smalti_exr_compression compressions[2], const uint8_t *data, size_t size)
{
    fuzz_chunk fuzz;
    smalti__exr_codec codec;
    smalti_error error;
    if (!fuzz_geometry(&fuzz, compressions, data, size))
        return;
    size_t head = FUZZ_HEAD + fuzz.part.channel_count;
    if (smalti__exr_codec_open(&codec, &fuzz.part, &error) < 0)
        abort();
    uint8_t *first = fuzz_run(&codec, &fuzz, data + head, size - head);
    uint8_t *second = fuzz_run(&codec, &fuzz, data + head, size - head);
    if (!first != !second)
        abort();
    for (uint32_t c = 0; c < fuzz.part.channel_count && first; c++) {
        fuzz_compare(&fuzz, c, first, second);
        smalti__exr_codec_want(&codec, &c, 1);
        uint8_t *alone = fuzz_run(&codec, &fuzz, data + head, size - head);
        if (!alone)
            abort();
        fuzz_compare(&fuzz, c, first, alone);
        free(alone);
    }
    free(second);
    free(first);
    smalti__exr_codec_close(&codec);
}

#endif
