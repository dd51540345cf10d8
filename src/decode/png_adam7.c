/* SPDX-License-Identifier: Apache-2.0
 * Interlaced PNG (Adam7, specification section 8): seven passes into a whole frame, or into the boxes of a reduced one. */
#include "decode/png.h"

typedef struct pass {
    uint32_t x, y, step_x, step_y; /* its pixels in the frame */
} pass;

static const pass passes[7] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                               {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

static uint32_t steps(uint32_t size, uint32_t from, uint32_t step)
{
    return size > from ? (size - from - 1) / step + 1 : 0;
}

uint64_t smalti__png_adam7_bytes(const smalti__png *png)
{
    uint64_t bytes = 0;
    for (int i = 0; i < 7; i++) {
        const pass *at = &passes[i];
        uint32_t width = steps(png->base.info.width, at->x, at->step_x);
        if (width)
            bytes +=
                (uint64_t)steps(png->base.info.height, at->y, at->step_y) * (smalti__png_row_bytes(png, width) + 1);
    }
    return bytes;
}

static void scatter(uint8_t *dst, size_t dst_step, const uint8_t *src, size_t pixel_bytes, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        for (size_t byte = 0; byte < pixel_bytes; byte++)
            dst[x * dst_step + byte] = src[x * pixel_bytes + byte];
}

/* src: a row of the pass as stored, or NULL where the file has none. */
static void place_row(smalti__png *png, const pass *at, uint32_t row, const uint8_t *src, uint32_t width)
{
    size_t pixel = png->pixel_bytes, frame_row = at->y + (size_t)row * at->step_y;
    if (!src) {
        memset(png->line, 0, width * pixel);
        src = png->line;
    } else if (png->expand) {
        smalti__png_expand(png, png->line, src, width);
        src = png->line;
    }
    if (png->shrink) {
        smalti__png_sums_add(png, src, width, at->x, at->step_x, (uint32_t)frame_row);
        return;
    }
    uint8_t *dst = png->frame + (frame_row * png->base.info.width + at->x) * pixel;
    if (at->step_x == 1)
        memcpy(dst, src, width * pixel);
    else
        scatter(dst, at->step_x * pixel, src, pixel, width);
}

static smalti_result decode_pass(smalti__png *png, int number, smalti_error *error)
{
    const pass *at = &passes[number];
    uint32_t width = steps(png->base.info.width, at->x, at->step_x);
    uint32_t height = steps(png->base.info.height, at->y, at->step_y);
    size_t size = smalti__png_row_bytes(png, width);
    for (uint32_t row = 0; width && row < height; row++) {
        bool have;
        uint32_t filter;
        SMALTI__TRY(smalti__png_fill(png, size, row ? size : 0, &have, error));
        if (have) {
            uint8_t *src = png->buffer + png->begin;
            SMALTI__TRY(smalti__png_filter_of(png, src, &filter, error));
            png->filters->unfilter(filter, src + 1, src + 1, row ? src - size : png->above, size, png->filter_bpp);
            place_row(png, at, row, src + 1, width);
            png->begin += size + 1;
            continue;
        }
        if (!png->warned_missing)
            smalti__png_warn(png, "pixels are missing from row %u of interlace pass %d on", row, number + 1);
        png->warned_missing = true;
        place_row(png, at, row, NULL, width);
    }
    return SMALTI_OK;
}

smalti_result smalti__png_adam7_decode(smalti__png *png, smalti_error *error)
{
    for (int i = 0; i < 7; i++)
        SMALTI__TRY(decode_pass(png, i, error));
    return SMALTI_OK;
}
