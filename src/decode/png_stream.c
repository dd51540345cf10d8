/* SPDX-License-Identifier: Apache-2.0
 * From IDAT chunks to filtered bytes: the chunks are handed to ISA-L's inflater where they lie in the source, and their
 * checksums are computed on the way. */
#include "decode/png.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

/* Input for one step: its checksum is computed just before it is inflated, while it is in the cache. */
enum { PIECE = 32 * 1024 };
/* Output of one step: ISA-L counts in 32 bits. */
enum { STEP_MOST = 1 << 30 };

void smalti__png_stream_start(smalti__png *png)
{
    isal_inflate_init(png->inflate);
    png->inflate->crc_flag = ISAL_ZLIB;
    png->inflate->avail_in = 0;
    png->offset = png->idat_offset;
}

static smalti_result end_chunk(smalti__png *png, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    png->in_chunk = false;
    if (source->size - png->offset < 4) { /* begin_chunk has said so */
        png->chunks_done = true;
        return SMALTI_OK;
    }
    uint32_t stored = smalti__be32(source->data + png->offset);
    png->offset += 4;
    if (stored != png->chunk_crc)
        return smalti__png_damage(png, error, SMALTI_E_FORMAT_CHECKSUM, png->chunk_offset, "bad CRC in IDAT");
    return SMALTI_OK;
}

/* The next IDAT chunk, or chunks_done. One that is cut off by the file's end is used as far as it goes when lenient. */
static smalti_result begin_chunk(smalti__png *png, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    size_t left = source->size - png->offset;
    const uint8_t *head = source->data + png->offset;
    png->chunks_done = true;
    if (left < 8 || memcmp(head + 4, "IDAT", 4))
        return SMALTI_OK;
    uint32_t size = smalti__be32(head);
    if (size > INT32_MAX)
        return smalti__png_damage(png, error, SMALTI_E_FORMAT, png->offset, "IDAT chunk has an impossible length");
    if ((size_t)size + 4 > left - 8) {
        SMALTI__TRY(smalti__png_damage(png, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                       "the file ends inside its IDAT chunk"));
        size = size < left - 8 ? size : (uint32_t)(left - 8);
    }
    png->chunks_done = false;
    png->in_chunk = true;
    png->chunk_offset = png->offset;
    png->chunk_left = size;
    png->chunk_crc = libdeflate_crc32(0, head + 4, 4);
    png->offset += 8;
    return SMALTI_OK;
}

/* Takes the next piece of compressed data; *size is 0 when there is no more. */
static smalti_result next_piece(smalti__png *png, const uint8_t **data, size_t *size, smalti_error *error)
{
    *size = 0;
    /* much input can make little output: the caller cannot look often enough */
    SMALTI__TRY(smalti__png_slabs_ended(png, error));
    for (uint32_t chunks = 1; !png->chunk_left && !png->chunks_done; chunks++) {
        if (chunks % 4096 == 0)
            SMALTI__TRY(smalti__png_slabs_ended(png, error));
        if (png->in_chunk)
            SMALTI__TRY(end_chunk(png, error));
        if (!png->chunks_done)
            SMALTI__TRY(begin_chunk(png, error));
    }
    if (!png->chunk_left)
        return SMALTI_OK;
    *data = png->base.source->data + png->offset;
    *size = png->chunk_left < PIECE ? png->chunk_left : PIECE;
    png->chunk_crc = libdeflate_crc32(png->chunk_crc, *data, *size);
    smalti__source_consumed(png->base.source, png->offset); /* the inflater has taken what lies before */
    png->offset += *size;
    png->chunk_left -= *size;
    return SMALTI_OK;
}

/* The inflater met something wrong. If it was a damaged chunk, its checksum says so better. */
static smalti_result bad_data(smalti__png *png, int outcome, smalti_error *error)
{
    size_t at = png->offset - png->inflate->avail_in;
    while (png->in_chunk) {
        const uint8_t *data;
        size_t size;
        if (!png->chunk_left) {
            SMALTI__TRY(end_chunk(png, error));
        } else {
            SMALTI__TRY(next_piece(png, &data, &size, error));
        }
    }
    png->stream_done = true;
    png->inflate->avail_in = 0;
    if (outcome == ISAL_INCORRECT_CHECKSUM)
        return smalti__png_damage(png, error, SMALTI_E_FORMAT_CHECKSUM, at, "bad Adler-32 checksum of the pixel data");
    return smalti__png_damage(png, error, SMALTI_E_FORMAT, at,
                              outcome == ISAL_NEED_DICT ? "the pixel data needs a preset dictionary"
                                                        : "bad compressed data in IDAT");
}

/* room is at most STEP_MOST. */
static smalti_result inflate_some(smalti__png *png, uint8_t *out, size_t room, size_t *made, smalti_error *error)
{
    struct inflate_state *inflate = png->inflate;
    inflate->next_out = out;
    inflate->avail_out = (uint32_t)room;
    *made = 0;
    while (inflate->avail_out && !png->stream_done) {
        if (!inflate->avail_in) {
            const uint8_t *data = NULL;
            size_t size;
            SMALTI__TRY(next_piece(png, &data, &size, error));
            inflate->next_in = (uint8_t *)data;
            inflate->avail_in = (uint32_t)size;
        }
        bool last_try = !inflate->avail_in;
        uint32_t room_before = inflate->avail_out;
        int outcome = isal_inflate(inflate);
        smalti__clear_upper_registers();
        png->stream_done = inflate->block_state == ISAL_BLOCK_FINISH;
        if (outcome < 0 || outcome == ISAL_NEED_DICT)
            SMALTI__TRY(bad_data(png, outcome, error));
        else if (last_try && inflate->avail_out == room_before)
            break;
    }
    *made = room - inflate->avail_out;
    return SMALTI_OK;
}

smalti_result smalti__png_inflate(smalti__png *png, uint8_t *out, size_t room, size_t *made, smalti_error *error)
{
    *made = 0;
    while (*made < room) {
        size_t step = room - *made < STEP_MOST ? room - *made : STEP_MOST, got;
        SMALTI__TRY(inflate_some(png, out + *made, step, &got, error));
        *made += got;
        if (got < step)
            break;
    }
    return SMALTI_OK;
}

smalti_result smalti__png_stream_finish(smalti__png *png, smalti_error *error)
{
    uint8_t extra[16];
    size_t made = 0;
    if (!png->stream_done && !png->cut) {
        SMALTI__TRY(inflate_some(png, extra, sizeof extra, &made, error));
        if (made)
            smalti__png_warn(png, "more pixel data than the image needs");
        else if (!png->stream_done)
            SMALTI__TRY(smalti__png_damage(png, error, SMALTI_E_FORMAT_TRUNCATED, png->offset,
                                           "the compressed pixel data has no end"));
    }
    size_t behind = png->inflate->avail_in;
    while (!png->chunks_done) {
        const uint8_t *data;
        size_t size;
        SMALTI__TRY(next_piece(png, &data, &size, error));
        behind += size;
    }
    if (behind && !made && !png->cut)
        smalti__png_warn(png, "data behind the end of the compressed pixels is ignored");
    return SMALTI_OK;
}
