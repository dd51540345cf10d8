/* SPDX-License-Identifier: Apache-2.0
 * From filtered bytes to IDAT chunks: in batches while rows come in, or by libdeflate over all of them at the end.
 *
 * Each batch ends at a byte and refers to no other, but for batches in a row that go through ISA-L: so the coder is
 * chosen anew for each. The stream's head and checksum are put around them here. */
#include "encode/png.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

enum {
    IDAT_BYTES = 128 * 1024,
    CHUNK_HEAD = 8, /* length and type */
    CHUNK_CRC = 4,
    ADLER = 4,
    FILE_HEAD = SMALTI__PNG_HEAD_BYTES,
    FILE_END = 12, /* IEND */
    OUT_BYTES = FILE_HEAD + CHUNK_HEAD + IDAT_BYTES + CHUNK_CRC + FILE_END,
    INPUT_MOST = 1 << 24, /* ISA-L counts in 32 bits, some of them signed */
    /* ISA-L is worth it from that much saved, in thousandths of what literals take … */
    REPEATS_LEAST = 70,
    /* … unless runs alone make the batch so many times smaller: ISA-L takes matches far away for most of them. */
    RUNS_ENOUGH = 40,
};
_Static_assert(IDAT_BYTES > SMALTI__HUFFMAN_BLOCK + 64 && CHUNK_CRC + FILE_END >= SMALTI__HUFFMAN_SLACK, "");
/* One IDAT chunk is at most 2^31 - 1 bytes; the whole stream is cut into such pieces if it has to be. */
static const size_t whole_idat_most = (size_t)1 << 30;

/* libdeflate takes its own memory: 0.7 MB, and 9.0 MB from level 10 on. */
static size_t compressor_bytes(const smalti__png_effort *effort)
{
    return (size_t)(effort->whole_level < 10 ? 1 : 9) << 20;
}

static size_t level_buffer_bytes(const smalti__png_effort *effort)
{
    return effort->isal_level == 3 ? ISAL_DEF_LVL3_LARGE : ISAL_DEF_LVL1_LARGE;
}

/* Bound of a zlib stream: stored blocks of at least 5,000 bytes with 5 bytes around each, and some. */
static bool whole_bound(size_t image_bytes, size_t *bound)
{
    return smalti__add(image_bytes, image_bytes / 1000, bound) && smalti__add(*bound, 1024, bound);
}

size_t smalti__png_deflate_bytes(const smalti__png_effort *effort, size_t image_bytes)
{
    size_t sum;
    if (!effort->whole_level)
        return OUT_BYTES + sizeof(smalti__huffman) +
               (effort->isal_level ? sizeof(struct isal_zstream) + level_buffer_bytes(effort) : 0);
    return whole_bound(image_bytes, &sum) && smalti__add(sum, OUT_BYTES + compressor_bytes(effort), &sum) ? sum
                                                                                                          : SIZE_MAX;
}

static void begin_idat(smalti__png_encoder *png, size_t at)
{
    png->out_chunk = at;
    png->out_size = at + CHUNK_HEAD;
}

/* Bytes that the chunk still takes, with the checksum behind the last of them. */
static size_t idat_room(const smalti__png_encoder *png)
{
    return png->out_chunk + CHUNK_HEAD + IDAT_BYTES - ADLER - png->out_size;
}

static smalti_result open_stream(smalti__png_encoder *png, smalti_error *error)
{
    smalti__pool *pool = png->base.params.pool;
    png->stream = smalti__pool_get(pool, sizeof *png->stream);
    png->level_buffer = smalti__pool_get(pool, level_buffer_bytes(png->effort));
    if (!png->stream || !png->level_buffer)
        return smalti__fail_nomem(error, level_buffer_bytes(png->effort));
    isal_deflate_init(png->stream);
    png->stream->level = png->effort->isal_level;
    png->stream->level_buf = png->level_buffer;
    png->stream->level_buf_size = (uint32_t)level_buffer_bytes(png->effort);
    return SMALTI_OK;
}

smalti_result smalti__png_deflate_open(smalti__png_encoder *png, smalti_error *error)
{
    smalti__pool *pool = png->base.params.pool;
    png->out = smalti__pool_get(pool, OUT_BYTES);
    if (!png->out)
        return smalti__fail_nomem(error, OUT_BYTES);
    SMALTI__TRY(smalti__png_write_head(png, error));
    png->block = smalti__pool_get(pool, sizeof *png->block);
    if (!png->block)
        return smalti__fail_nomem(error, sizeof *png->block);
    if (png->effort->isal_level)
        SMALTI__TRY(open_stream(png, error));
    begin_idat(png, png->head_bytes);
    png->adler = 1;
    png->out[png->out_size++] = 0x78; /* deflate with a window of 32 KiB … */
    png->out[png->out_size++] = 0x01; /* … by a fast compressor */
    return SMALTI_OK;
}

void smalti__png_deflate_close(smalti__png_encoder *png)
{
    smalti__pool *pool = png->base.params.pool;
    smalti__pool_put(pool, png->level_buffer);
    smalti__pool_put(pool, png->stream);
    smalti__pool_put(pool, png->block);
    smalti__pool_put(pool, png->out);
}

/* Puts head and checksum around the data of an IDAT; returns what follows it. */
static uint8_t *close_idat(uint8_t *chunk, size_t size)
{
    smalti__put_be32(chunk, (uint32_t)size);
    memcpy(chunk + 4, "IDAT", 4);
    smalti__put_be32(chunk + CHUNK_HEAD + size, libdeflate_crc32(0, chunk + 4, size + 4));
    return chunk + CHUNK_HEAD + size + CHUNK_CRC;
}

/* Writes the IDAT that has gathered, with what stands in front of it, and at the file's end IEND behind it. */
static smalti_result flush_idat(smalti__png_encoder *png, bool last, smalti_error *error)
{
    static const uint8_t iend[FILE_END] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    uint8_t *chunk = png->out + png->out_chunk;
    uint8_t *end = close_idat(chunk, png->out_size - png->out_chunk - CHUNK_HEAD);
    if (last) {
        memcpy(end, iend, sizeof iend);
        end += sizeof iend;
    }
    SMALTI__TRY(smalti__sink_write(png->base.sink, png->out, (size_t)(end - png->out), error));
    begin_idat(png, 0);
    return SMALTI_OK;
}

/* One of the blocks of equal size that a batch is cut into. */
static size_t block_bytes(size_t batch)
{
    size_t count = (batch + SMALTI__HUFFMAN_BLOCK - 1) / SMALTI__HUFFMAN_BLOCK;
    return (batch + count - 1) / count;
}

/* Runs and Huffman codes. The first block is planned already. */
static smalti_result deflate_runs(smalti__png_encoder *png, size_t bound, bool last, smalti_error *error)
{
    const uint8_t *in = png->filtered;
    size_t left = png->filtered_size, size = block_bytes(left);
    smalti__huffman_bits bits = {0};
    for (;;) {
        if (bound + SMALTI__HUFFMAN_END_BYTES > idat_room(png))
            SMALTI__TRY(flush_idat(png, false, error));
        bits.out = png->out + png->out_size;
        smalti__huffman_put(png->block, &bits, in, size, last && size == left);
        in += size;
        left -= size;
        if (!left)
            break;
        png->out_size = (size_t)(bits.out - png->out);
        size = left < size ? left : size;
        bound = smalti__huffman_plan(png->block, in, size);
    }
    smalti__huffman_put_end(&bits, last);
    png->out_size = (size_t)(bits.out - png->out);
    return SMALTI_OK;
}

/* ISA-L, without a memory of what did not go through it. */
static smalti_result deflate_repeats(smalti__png_encoder *png, bool last, smalti_error *error)
{
    struct isal_zstream *stream = png->stream;
    size_t left = png->filtered_size;
    if (!png->in_stream)
        isal_deflate_reset(stream);
    stream->next_in = png->filtered;
    do {
        size_t piece = left < INPUT_MOST ? left : INPUT_MOST;
        left -= piece;
        stream->avail_in = (uint32_t)piece;
        stream->end_of_stream = last && !left;
        stream->flush = left ? NO_FLUSH : SYNC_FLUSH;
        for (bool more = true; more;) {
            if (!idat_room(png))
                SMALTI__TRY(flush_idat(png, false, error));
            stream->next_out = png->out + png->out_size;
            stream->avail_out = (uint32_t)idat_room(png);
            int outcome = isal_deflate(stream);
            smalti__clear_upper_registers();
            if (outcome != COMP_OK)
                return smalti__fail(error, SMALTI_E_INVALID, "PNG encoder: deflate failed (%d)", outcome);
            png->out_size = (size_t)(stream->next_out - png->out);
            more = stream->end_of_stream ? stream->internal_state.state != ZSTATE_END
                                         : stream->avail_in > 0 || !stream->avail_out;
        }
    } while (left);
    return SMALTI_OK;
}

static bool repeats_pay(const smalti__png_encoder *png, size_t first_bound)
{
    if (!png->effort->isal_level || first_bound * RUNS_ENOUGH < block_bytes(png->filtered_size))
        return false;
    return smalti__png_repeats(png->filtered, png->filtered_size, png->block->lengths) >= REPEATS_LEAST;
}

static smalti_result deflate_batch(smalti__png_encoder *png, bool last, smalti_error *error)
{
    png->adler = libdeflate_adler32(png->adler, png->filtered, png->filtered_size);
    size_t bound = smalti__huffman_plan(png->block, png->filtered, block_bytes(png->filtered_size));
    bool repeats = repeats_pay(png, bound);
    SMALTI__TRY(repeats ? deflate_repeats(png, last, error) : deflate_runs(png, bound, last, error));
    png->in_stream = repeats;
    png->filtered_size = 0;
    if (!last)
        return SMALTI_OK;
    smalti__put_be32(png->out + png->out_size, png->adler);
    png->out_size += ADLER;
    return flush_idat(png, true, error);
}

/* What the whole image would take without a search for matches. */
static size_t runs_bytes(const smalti__png_encoder *png)
{
    size_t bytes = 0;
    for (size_t at = 0, size; at < png->filtered_size; at += size) {
        size = png->filtered_size - at < SMALTI__HUFFMAN_BLOCK ? png->filtered_size - at : SMALTI__HUFFMAN_BLOCK;
        bytes += smalti__huffman_plan(png->block, png->filtered + at, size);
    }
    return bytes;
}

/* All at once: the buffer holds the whole filtered image. */
static smalti_result deflate_whole(smalti__png_encoder *png, smalti_error *error)
{
    size_t bound, size = 0;
    if (!whole_bound(png->filtered_size, &bound))
        return smalti__fail_nomem(error, png->filtered_size);
    uint8_t *packed = smalti__pool_get(png->base.params.pool, bound);
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(png->effort->whole_level);
    if (packed && compressor)
        size = libdeflate_zlib_compress(compressor, png->filtered, png->filtered_size, packed, bound);
    libdeflate_free_compressor(compressor);
    if (size > runs_bytes(png)) {
        /* as it often is with gray photographs, where far matches cost more than their literals */
        smalti__pool_put(png->base.params.pool, packed);
        return deflate_batch(png, true, error);
    }
    smalti_result result =
        size ? smalti__sink_write(png->base.sink, png->out, png->head_bytes, error) : smalti__fail_nomem(error, bound);
    for (size_t at = 0; at < size && result == SMALTI_OK; at += whole_idat_most) {
        size_t piece = size - at < whole_idat_most ? size - at : whole_idat_most;
        result = smalti__png_write_chunk(png->base.sink, "IDAT", packed + at, piece, error);
    }
    smalti__pool_put(png->base.params.pool, packed);
    SMALTI__TRY(result);
    return smalti__png_write_chunk(png->base.sink, "IEND", NULL, 0, error);
}

smalti_result smalti__png_deflate(smalti__png_encoder *png, bool last, smalti_error *error)
{
    return png->effort->whole_level ? deflate_whole(png, error) : deflate_batch(png, last, error);
}
