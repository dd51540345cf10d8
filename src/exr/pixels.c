/* SPDX-License-Identifier: Apache-2.0
 * Decompressing chunks, and going through their samples. ZIP is undone only where samples are wanted: what lies between is
 * summed up, which is several times cheaper. */
#include "exr/pixels.h"

#include <libdeflate.h>

static bool by_dwa(uint32_t compression)
{
    return compression == SMALTI_EXR_DWAA || compression == SMALTI_EXR_DWAB;
}

static bool by_core(uint32_t compression)
{
    return compression >= SMALTI_EXR_PIZ && compression <= SMALTI_EXR_B44A;
}

smalti_result smalti__exr_codec_check(const smalti_exr_part *part, char *text, size_t text_size)
{
    if (part->kind != SMALTI_EXR_SCANLINE && part->kind != SMALTI_EXR_TILED) {
        snprintf(text, text_size,
                 part->kind == SMALTI_EXR_OTHER ? "the part's type is not known"
                                                : "deep data is decoded only to be flattened");
        return SMALTI_E_UNSUPPORTED;
    }
    if (part->compression > SMALTI_EXR_DWAB) {
        snprintf(text, text_size, "%s compression cannot be decoded", smalti_exr_compression_name(part->compression));
        return SMALTI_E_UNSUPPORTED;
    }
    return SMALTI_OK;
}

/* Pixels of the largest chunk. */
static void largest_chunk(const smalti_exr_part *part, uint64_t *width, uint64_t *rows)
{
    uint64_t height = (uint64_t)((int64_t)part->data_window.max_y - part->data_window.min_y + 1);
    *width = (uint64_t)((int64_t)part->data_window.max_x - part->data_window.min_x + 1);
    *rows = smalti__exr_rows_per_chunk(part->compression);
    if (part->kind == SMALTI_EXR_TILED) {
        *width = part->tile_width < *width ? part->tile_width : *width;
        *rows = part->tile_height;
    }
    *rows = *rows < height ? *rows : height;
}

size_t smalti__exr_codec_bytes(const smalti_exr_part *part, size_t chunk_bytes)
{
    /* PIZ has tables for all values of 16 bits and their codes */
    enum { INFLATE = 64 << 10, CORE = 2 << 20, CORE_CHANNEL = 512 };
    size_t bytes;
    if (by_dwa(part->compression)) {
        uint64_t width, rows;
        largest_chunk(part, &width, &rows);
        bytes = smalti__exr_dwa_bytes(part, width, rows);
        return bytes < SIZE_MAX - INFLATE ? bytes + INFLATE : SIZE_MAX;
    }
    if (!by_core(part->compression))
        return INFLATE;
    if (!smalti__add(chunk_bytes, CORE + (size_t)part->channel_count * CORE_CHANNEL, &bytes))
        return SIZE_MAX;
    return bytes;
}

smalti_result smalti__exr_codec_open(smalti__exr_codec *codec, const smalti_exr_part *part, smalti_error *error)
{
    *codec = (smalti__exr_codec){.part = part};
    bool dwa = by_dwa(part->compression);
    if (dwa || part->compression == SMALTI_EXR_ZIP || part->compression == SMALTI_EXR_ZIPS) {
        codec->inflate = libdeflate_alloc_decompressor();
        if (!codec->inflate)
            return smalti__fail_nomem(error, 32 << 10);
    }
    if (dwa) {
        codec->dwa = smalti__exr_dwa_open(part, codec->inflate);
        if (!codec->dwa) {
            smalti__exr_codec_close(codec);
            return smalti__fail_nomem(error, part->channel_count * sizeof(smalti__exr_dwa_channel));
        }
    }
    if (by_core(part->compression)) {
        codec->core = smalti__exr_core_open(part);
        return codec->core ? SMALTI_OK : smalti__fail_nomem(error, 2 << 20);
    }
    return SMALTI_OK;
}

void smalti__exr_codec_want(smalti__exr_codec *codec, const uint32_t *channels, uint32_t count)
{
    if (!codec->dwa)
        return;
    for (uint32_t c = 0; c < codec->part->channel_count; c++)
        codec->dwa->channels[c].wanted = false;
    for (uint32_t i = 0; i < count; i++)
        codec->dwa->channels[channels[i]].wanted = true;
}

void smalti__exr_codec_close(smalti__exr_codec *codec)
{
    smalti__exr_dwa_close(codec->dwa);
    if (codec->inflate)
        libdeflate_free_decompressor(codec->inflate);
    smalti__exr_core_close(codec->core);
    *codec = (smalti__exr_codec){0};
}

/* A count of −1 … −127: so many bytes follow; 0 … 127: the next byte, once more than that. */
bool smalti__exr_rle_undo(const uint8_t *src, size_t src_size, uint8_t *dst, size_t size)
{
    const uint8_t *end = src + src_size;
    uint8_t *last = dst + size;
    while (src < end) {
        int8_t count = (int8_t)*src++;
        if (count < 0) {
            size_t bytes = (size_t)-count;
            if (bytes > (size_t)(end - src) || bytes > (size_t)(last - dst))
                return false;
            memcpy(dst, src, bytes);
            src += bytes, dst += bytes;
        } else {
            size_t bytes = (size_t)count + 1;
            if (src == end || bytes > (size_t)(last - dst))
                return false;
            memset(dst, *src++, bytes);
            dst += bytes;
        }
    }
    return dst == last;
}

bool smalti__exr_codec_undo(const smalti__exr_codec *codec, const uint8_t *packed, size_t packed_size, uint8_t *room,
                            size_t size)
{
    if (!codec->inflate)
        return smalti__exr_rle_undo(packed, packed_size, room, size);
    size_t made;
    return !libdeflate_zlib_decompress(codec->inflate, packed, packed_size, room, size, &made) && made == size;
}

static smalti_result decompress(const smalti__exr_codec *codec, const smalti__exr_chunk *chunk, const uint8_t *packed,
                                size_t packed_size, uint8_t *room, size_t size)
{
    bool fine;
    if (codec->dwa)
        return smalti__exr_dwa_run(codec->dwa, chunk, packed, packed_size, room);
    if (codec->core)
        fine = smalti__exr_core_run(codec->core, chunk, packed, packed_size, room, size);
    else
        fine = smalti__exr_codec_undo(codec, packed, packed_size, room, size);
    return fine ? SMALTI_OK : SMALTI_E_FORMAT;
}

smalti_result smalti__exr_codec_run(smalti__exr_codec *codec, const smalti__exr_chunk *chunk, const uint8_t *packed,
                                    size_t packed_size, uint8_t *room, smalti__exr_bytes *bytes, const char **problem)
{
    size_t size = (size_t)smalti__exr_chunk_bytes(chunk);
    if (packed_size == size) { /* stored as it is, where compression gained nothing */
        *bytes = (smalti__exr_bytes){packed, size, false};
        return SMALTI_OK;
    }
    smalti_result result = decompress(codec, chunk, packed, packed_size, room, size);
    if (result < 0) {
        *problem = result == SMALTI_E_NOMEM ? "cannot be decompressed: there is no memory"
                                            : "cannot be decompressed: its bytes are damaged";
        return result;
    }
    *bytes = (smalti__exr_bytes){room, size, !codec->core && !codec->dwa};
    return SMALTI_OK;
}

/* ---- Where chunks are ---- */

static bool is_at(const smalti__exr_chunk *chunk, const int32_t at[4])
{
    if (!smalti__exr_is_tiled(chunk->part))
        return at[0] == chunk->y;
    return at[0] == (int32_t)chunk->tile_x && at[1] == (int32_t)chunk->tile_y && at[2] == (int32_t)chunk->level_x &&
           at[3] == (int32_t)chunk->level_y;
}

smalti_result smalti__exr_chunk_locate(const smalti_exr *exr, const smalti__exr_chunk *chunk, uint32_t part_index,
                                       const uint8_t *data, uint64_t size, const uint8_t **packed, size_t *packed_size,
                                       const char **problem)
{
    const smalti_exr_part *part = chunk->part;
    uint64_t begin = smalti__le64(data + part->table_offset + 8 * chunk->index), stored;
    smalti__exr_head head;
    if (!begin) {
        *problem = "is not there: the file is unfinished";
        return SMALTI_E_FORMAT_TRUNCATED;
    }
    if (begin < exr->header.tables_end) {
        *problem = "has an offset inside the header";
        return SMALTI_E_FORMAT;
    }
    if (begin > size || size - begin < smalti__exr_head_bytes(exr, part)) {
        *problem = "begins beyond the end of the file";
        return SMALTI_E_FORMAT_TRUNCATED;
    }
    smalti__exr_head_read(exr, part, data + begin, &head);
    if (head.part != part_index || !is_at(chunk, head.coordinates)) {
        *problem = "is not where the table says";
        return SMALTI_E_FORMAT;
    }
    if (!smalti__exr_head_fits(&head, chunk, &stored)) {
        *problem = "has an impossible size";
        return SMALTI_E_FORMAT;
    }
    if (size - begin - head.bytes < stored) {
        *problem = "reaches beyond the end of the file";
        return SMALTI_E_FORMAT_TRUNCATED;
    }
    *packed = data + begin + head.bytes;
    *packed_size = (size_t)stored;
    return SMALTI_OK;
}

size_t smalti__exr_chunk_most(const smalti_exr_part *part)
{
    uint64_t width, rows, total = 0;
    largest_chunk(part, &width, &rows);
    for (uint32_t c = 0; c < part->channel_count; c++) {
        const smalti_exr_channel *channel = &part->channels[c];
        uint64_t across = (width + (uint32_t)channel->x_sampling - 1) / (uint32_t)channel->x_sampling, bytes;
        uint64_t down = (rows + (uint32_t)channel->y_sampling - 1) / (uint32_t)channel->y_sampling;
        if (__builtin_mul_overflow(across * down, smalti_exr_sample_bytes(channel->sample), &bytes) ||
            __builtin_add_overflow(total, bytes, &total))
            return SIZE_MAX;
    }
    return total < SIZE_MAX ? (size_t)total : SIZE_MAX;
}

/* ---- Samples ---- */

void smalti__exr_cursor_begin(smalti__exr_cursor *cursor, const smalti__exr_unpack *unpack,
                              const smalti__exr_bytes *bytes)
{
    *cursor = (smalti__exr_cursor){.unpack = unpack,
                                   .bytes = bytes->data,
                                   .split = bytes->split,
                                   .half = bytes->size / 2, /* samples have 2 or 4 bytes */
                                   .even = 128}; /* the first byte is no difference */
    if (cursor->split)
        cursor->odd = unpack->skip(cursor->bytes, cursor->half, 128);
}

const uint8_t *smalti__exr_cursor_take(smalti__exr_cursor *cursor, size_t size, uint8_t *scratch)
{
    const smalti__exr_unpack *unpack = cursor->unpack;
    size_t begin = cursor->at + cursor->passed;
    if (!cursor->bytes) {
        memset(scratch, 0, size);
        return scratch;
    }
    cursor->at = begin + size;
    if (!cursor->split) {
        cursor->passed = 0;
        return cursor->bytes + begin;
    }
    const uint8_t *even = cursor->bytes + begin / 2, *odd = even + cursor->half;
    size_t passed = cursor->passed / 2, count = size / 2;
    cursor->passed = 0;
    if (passed) {
        cursor->even = unpack->skip(even - passed, passed, cursor->even);
        cursor->odd = unpack->skip(odd - passed, passed, cursor->odd);
    }
    uint8_t *sums = scratch + size;
    cursor->even = unpack->sum(sums, even, count, cursor->even);
    cursor->odd = unpack->sum(sums + count, odd, count, cursor->odd);
    unpack->weave(scratch, sums, sums + count, count);
    return scratch;
}

void smalti__exr_samples_float(const smalti__exr_unpack *unpack, smalti_exr_sample sample, const uint8_t *bytes,
                               float *dst, size_t count)
{
    if (sample == SMALTI_EXR_HALF) {
        unpack->half(dst, bytes, count);
    } else if (sample == SMALTI_EXR_FLOAT && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        memcpy(dst, bytes, count * sizeof *dst);
    } else {
        for (size_t i = 0; i < count; i++) {
            uint32_t bits = smalti__le32(bytes + 4 * i);
            if (sample == SMALTI_EXR_FLOAT)
                memcpy(dst + i, &bits, sizeof bits);
            else
                dst[i] = (float)bits;
        }
    }
}
