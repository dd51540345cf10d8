/* SPDX-License-Identifier: Apache-2.0
 * From filtered rows to pixels: filters are undone straight into the caller's rows, or, where samples are stored in
 * another form than delivered, in the buffer and expanded from there. */
#include "decode/png.h"

#include <isa-l/igzip_lib.h>

static size_t frame_bytes(const smalti__png *png)
{
    const smalti_info *info = &png->base.info;
    return (size_t)info->width * info->height * png->pixel_bytes;
}

static size_t line_bytes(const smalti__png *png)
{
    return png->base.info.interlaced ? png->base.info.width * png->pixel_bytes : 0;
}

/* Of an interlaced image. SIZE_MAX: more than fits. */
static size_t whole_bytes(const smalti__png *png)
{
    const smalti_info *info = &png->base.info;
    size_t frame = 0;
    if (!info->interlaced)
        return 0;
    if (png->shrink)
        return smalti__png_sums_bytes(png);
    bool fits = smalti__mul(info->width, info->height, &frame) && smalti__mul(frame, png->pixel_bytes, &frame);
    return fits ? frame : SIZE_MAX;
}

size_t smalti__png_work_bytes(const smalti__png *png)
{
    /* the other sizes are products of numbers below 2^31 and small ones */
    size_t rest = sizeof(struct inflate_state) + smalti__png_slabs_bytes(png) + png->row_bytes + line_bytes(png) +
                  (4 + SMALTI__PNG_SLABS) * (size_t)SMALTI__POOL_SLACK,
           sum;
    return smalti__add(whole_bytes(png), rest, &sum) ? sum : SIZE_MAX;
}

static bool get_whole(smalti__png *png)
{
    smalti__pool *pool = png->base.options.pool;
    size_t bytes = whole_bytes(png);
    png->line = smalti__pool_get(pool, line_bytes(png));
    if (png->shrink) {
        png->sums = smalti__pool_get(pool, bytes);
        if (png->sums)
            memset(png->sums, 0, bytes);
    } else {
        png->frame = smalti__pool_get(pool, frame_bytes(png));
    }
    return png->line && (png->sums || png->frame);
}

smalti_result smalti__png_rows_start(smalti__png *png, smalti_error *error)
{
    smalti__pool *pool = png->base.options.pool;
    const smalti_info *info = &png->base.info;
    if (png->base.work_bytes == SIZE_MAX)
        return smalti__fail_nomem(error, SIZE_MAX);
    png->filters = smalti__png_filters_get();
    png->inflate = smalti__pool_get(pool, sizeof(struct inflate_state));
    png->above = smalti__pool_get(pool, png->row_bytes);
    if (!png->inflate || !png->above || (info->interlaced && !get_whole(png)))
        return smalti__fail_nomem(error, png->base.work_bytes);
    memset(png->above, 0, png->row_bytes);
    smalti__png_stream_start(png);
    return smalti__png_slabs_start(png, error);
}

smalti_result smalti__png_filter_of(smalti__png *png, const uint8_t *row, uint32_t *filter, smalti_error *error)
{
    *filter = *row;
    if (*filter < SMALTI__PNG_FILTER_COUNT)
        return SMALTI_OK;
    bool warned = png->warned_filter;
    png->warned_filter = true;
    *filter = SMALTI__PNG_NONE;
    return warned ? SMALTI_OK
                  : smalti__png_damage(png, error, SMALTI_E_FORMAT, png->filled_offset, "unknown row filter %u", *row);
}

/* Zeros for the rows that a damaged file does not have. */
static void missing_rows(smalti__png *png, uint8_t *dst, size_t pitch, uint32_t row, uint32_t rows)
{
    const smalti_info *info = &png->base.info;
    if (!png->warned_missing) {
        png->warned_missing = true;
        smalti__png_warn(png, "%u of %u rows are missing", info->height - png->base.row - row, info->height);
    }
    for (; row < rows; row++)
        memset(dst + row * pitch, 0, info->width * png->pixel_bytes);
}

/* Stored as delivered: 8-bit samples without palette or transparent color. */
static smalti_result read_direct(smalti__png *png, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    size_t size = png->row_bytes;
    const uint8_t *above = png->above;
    for (uint32_t row = 0; row < rows;) {
        bool have;
        uint32_t filter;
        SMALTI__TRY(smalti__png_fill(png, size, 0, &have, error));
        if (!have) {
            missing_rows(png, dst, pitch, row, rows);
            break;
        }
        const uint8_t *src = png->buffer + png->begin;
        uint8_t *out = dst + row * pitch;
        SMALTI__TRY(smalti__png_filter_of(png, src, &filter, error));
        bool pair = filter == SMALTI__PNG_PAETH && row + 1 < rows && png->end - png->begin >= 2 * (size + 1) &&
                    src[size + 1] == SMALTI__PNG_PAETH;
        if (pair)
            png->filters->unfilter_paeth_pair((uint8_t *[]){out, out + pitch},
                                              (const uint8_t *[]){src + 1, src + size + 2}, above, size,
                                              png->filter_bpp);
        else
            png->filters->unfilter(filter, out, src + 1, above, size, png->filter_bpp);
        row += pair ? 2 : 1;
        png->begin += (pair ? 2 : 1) * (size + 1);
        above = dst + (row - 1) * pitch;
    }
    /* the caller may overwrite its rows before the next read */
    memcpy(png->above, dst + (rows - 1) * pitch, size);
    return SMALTI_OK;
}

static smalti_result read_expanded(smalti__png *png, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    size_t size = png->row_bytes;
    for (uint32_t row = 0; row < rows; row++) {
        bool have, first = png->base.row + row == 0;
        uint32_t filter;
        SMALTI__TRY(smalti__png_fill(png, size, first ? 0 : size, &have, error));
        if (!have) {
            missing_rows(png, dst, pitch, row, rows);
            break;
        }
        uint8_t *src = png->buffer + png->begin;
        SMALTI__TRY(smalti__png_filter_of(png, src, &filter, error));
        /* the row above stands in front of this row's filter byte */
        png->filters->unfilter(filter, src + 1, src + 1, first ? png->above : src - size, size, png->filter_bpp);
        smalti__png_expand(png, dst + row * pitch, src + 1, png->base.info.width);
        png->begin += size + 1;
    }
    return SMALTI_OK;
}

smalti_result smalti__png_rows_read(smalti__png *png, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    if (!png->base.info.interlaced)
        return png->expand ? read_expanded(png, dst, pitch, rows, error) : read_direct(png, dst, pitch, rows, error);
    if (!png->frame_done)
        SMALTI__TRY(smalti__png_adam7_decode(png, error));
    png->frame_done = true;
    size_t size = png->base.info.width * png->pixel_bytes;
    for (uint32_t row = 0; row < rows && png->shrink; row++)
        smalti__png_sums_row(png, dst + row * pitch, png->base.row + row);
    for (uint32_t row = 0; row < rows && !png->shrink; row++)
        memcpy(dst + row * pitch, png->frame + (png->base.row + row) * size, size);
    return SMALTI_OK;
}
