/* SPDX-License-Identifier: Apache-2.0
 * Upright rows. A mirrored image streams; the other orientations need the whole frame, which is accounted for. */
#include "decode/reader.h"

#include "pixel/orient.h"

smalti_result smalti__reader_open(smalti__reader *reader, smalti__source *source, const smalti__decode_options *options,
                                  bool orient, smalti_stats *stats, smalti_error *error)
{
    *reader = (smalti__reader){.pool = options->pool, .stats = stats};
    uint64_t start = smalti__now_ns();
    smalti_result result = smalti__decoder_open(source, options, &reader->decoder, error);
    stats->decode_ns += smalti__now_ns() - start;
    SMALTI__TRY(result);
    const smalti_info *info = &reader->decoder->info;
    reader->orientation = orient ? info->orientation : 1;
    reader->stored = reader->decoder->out;
    reader->upright = reader->stored;
    if (smalti__orient_swaps(reader->orientation)) {
        reader->upright.width = info->height;
        reader->upright.height = info->width;
    }
    if (reader->orientation > 2) {
        reader->frame_pitch = smalti__align(info->width * smalti__pixel_bytes(&reader->stored), 64);
        if (!smalti__mul(reader->frame_pitch, info->height, &reader->frame_bytes))
            return smalti__source_fail(source, error, SMALTI_E_LIMIT, SMALTI_NO_OFFSET,
                                       "too large to be turned upright");
    }
    return SMALTI_OK;
}

static smalti_result start(smalti__reader *reader, smalti_error *error)
{
    SMALTI__TRY(smalti__decoder_start(reader->decoder, error));
    if (!reader->frame_bytes)
        return SMALTI_OK;
    reader->frame = smalti__pool_get(reader->pool, reader->frame_bytes);
    if (!reader->frame)
        return smalti__fail_nomem(error, reader->frame_bytes);
    return smalti__decoder_read(reader->decoder, reader->frame, reader->frame_pitch, reader->stored.height, error);
}

smalti_result smalti__reader_start(smalti__reader *reader, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    smalti_result result = start(reader, error);
    reader->stats->decode_ns += smalti__now_ns() - begin;
    return result;
}

static void mirror_row(uint8_t *row, size_t pixel, size_t width)
{
    uint8_t swap[16];
    for (size_t left = 0, right = width - 1; left < right; left++, right--) {
        memcpy(swap, row + left * pixel, pixel);
        memcpy(row + left * pixel, row + right * pixel, pixel);
        memcpy(row + right * pixel, swap, pixel);
    }
}

smalti_result smalti__reader_read(smalti__reader *reader, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    smalti_result result = SMALTI_OK;
    if (reader->frame)
        smalti__orient_rows(&reader->stored, reader->frame, reader->frame_pitch, reader->orientation, reader->row, rows,
                            dst, pitch);
    else
        result = smalti__decoder_read(reader->decoder, dst, pitch, rows, error);
    if (result == SMALTI_OK && reader->orientation == 2)
        for (uint32_t y = 0; y < rows; y++)
            mirror_row((uint8_t *)dst + y * pitch, smalti__pixel_bytes(&reader->stored), reader->stored.width);
    if (reader->orientation != 1)
        reader->stats->converted_bytes +=
            (uint64_t)rows * reader->upright.width * smalti__pixel_bytes(&reader->upright);
    reader->row += rows;
    reader->stats->decode_ns += smalti__now_ns() - begin;
    return result;
}

smalti_result smalti__reader_finish(smalti__reader *reader, smalti_error *error)
{
    uint64_t begin = smalti__now_ns();
    smalti_result result = smalti__decoder_finish(reader->decoder, error);
    reader->stats->decode_ns += smalti__now_ns() - begin;
    return result;
}

void smalti__reader_close(smalti__reader *reader)
{
    smalti__pool_put(reader->pool, reader->frame);
    smalti__decoder_close(reader->decoder);
    *reader = (smalti__reader){0};
}
