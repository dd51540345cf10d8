/* SPDX-License-Identifier: Apache-2.0
 * The PNG encoder: rows are filtered straight from the caller's memory into a buffer, and deflated from there.
 *
 * Efforts, on 12 Kodak images (RGB / blurred with sigma 2 / gray): bytes against zlib level 6 with the same filters, and
 * how many times faster than its deflating alone the whole encoder is.
 *   1  Paeth                           runs                     1.04 / 1.03 / 0.94    47 / 46 / 43
 *   2  Paeth                           runs or ISA-L 1          1.04 / 1.03 / 0.94    39 / 39 / 36
 *   3  Paeth                           runs or ISA-L 3          1.04 / 1.03 / 0.94    39 / 39 / 36
 *   4  best of five by a quarter       runs or ISA-L 3          1.05 / 1.03 / 0.95    39 / 39 / 35    the default
 *   5  best of five                    runs or ISA-L 3          1.05 / 1.03 / 0.94    37 / 36 / 33
 *   6  best of five                    runs or libdeflate 6     0.99 / 0.99 / 0.94     3 / 3 / 3
 *   7  best of five                    runs or libdeflate 7     0.99 / 0.97 / 0.94     2 / 2 / 2
 *   8  best of five                    runs or libdeflate 10    0.95 / 0.89 / 0.94   0.7 / 0.3 / 0.9
 *   9  best of five                    runs or libdeflate 12    0.95 / 0.89 / 0.94   0.5 / 0.2 / 0.7
 * "Runs" is png_huffman.c, which photographs get; 2 to 5 choose for each batch of rows, 6 to 9 take the smaller of both
 * and hold the filtered image and its compressed form in memory. The filters of 4 make files 0 to 1 % smaller than
 * those of 1 to 3, those of 5 another 0.4 %. Drawings and screenshots: 1.50 with 1, 1.24 to 1.26 with 2 to 5, of which
 * 2 is the fastest. */
#include "encode/png.h"

/* Filtered bytes that are deflated at a time. */
enum { FILTERED_BYTES = 128 * 1024 };

static const smalti__png_effort efforts[9] = {
    {.filter = SMALTI__PNG_PAETH}, /* 1 */
    {.isal_level = 1, .filter = SMALTI__PNG_PAETH}, /* 2 */
    {.isal_level = 3, .filter = SMALTI__PNG_PAETH}, /* 3 */
    {.isal_level = 3, .stride = 4}, /* 4 */
    {.isal_level = 3, .stride = 1}, /* 5 */
    {.whole_level = 6, .stride = 1}, /* 6 */
    {.whole_level = 7, .stride = 1}, /* 7 */
    {.whole_level = 10, .stride = 1}, /* 8 */
    {.whole_level = 12, .stride = 1}, /* 9 */
};

static const smalti__png_effort *effort_of(const smalti__encode_params *params)
{
    enum { DEFAULT = 4, MOST = 9 };
    uint32_t effort = params->png_effort ? params->png_effort : DEFAULT;
    effort = effort < MOST ? effort : MOST;
    return params->colors ? smalti__png_palette_effort(effort) : &efforts[effort - 1];
}

/* Saturates at SIZE_MAX. */
static size_t image_bytes(size_t row_bytes, uint32_t height)
{
    size_t bytes;
    return smalti__mul(row_bytes + 1, height, &bytes) ? bytes : SIZE_MAX;
}

static size_t filtered_bytes(const smalti__png_effort *effort, size_t row_bytes, uint32_t height)
{
    size_t image = image_bytes(row_bytes, height);
    size_t batch = row_bytes + 1 > FILTERED_BYTES ? row_bytes + 1 : FILTERED_BYTES;
    return !effort->whole_level && batch < image ? batch : image;
}

static size_t work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params)
{
    const smalti__png_effort *effort = effort_of(params);
    size_t row_bytes = width * channels * smalti_sample_bytes(sample), sum;
    if (params->colors) {
        bool fits = smalti__add(smalti__png_palette_bytes(width, height, channels),
                                smalti__png_deflate_bytes(effort, image_bytes(width, height)), &sum) &&
                    smalti__add(sum, sizeof(smalti__png_encoder) + SMALTI__POOL_SLACK * 8, &sum);
        return fits ? sum : SIZE_MAX;
    }
    bool fits = smalti__add(row_bytes + sizeof(smalti__png_encoder) + SMALTI__POOL_SLACK * 8,
                            filtered_bytes(effort, row_bytes, height), &sum);
    fits = fits && smalti__add(sum, smalti__png_deflate_bytes(effort, image_bytes(row_bytes, height)), &sum);
    return fits ? sum : SIZE_MAX;
}

static void close_encoder(smalti__encoder *encoder)
{
    smalti__png_encoder *png = (smalti__png_encoder *)encoder;
    smalti__png_deflate_close(png);
    smalti__png_palette_close(png);
    smalti__pool_put(png->base.params.pool, png->filtered);
    smalti__pool_put(png->base.params.pool, png->above);
    free(png);
}

static smalti_result set_up(smalti__png_encoder *png, smalti_error *error)
{
    const smalti__encoder *base = &png->base;
    png->effort = effort_of(&base->params);
    if (base->params.colors)
        return smalti__png_palette_open(png, error);
    png->filters = smalti__png_filters_get();
    png->bpp = base->channels * smalti_sample_bytes(base->sample);
    png->row_bytes = base->width * png->bpp;
    png->swap = base->sample == SMALTI_SAMPLE_U16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    png->filtered_room = filtered_bytes(png->effort, png->row_bytes, base->height);
    png->above = smalti__pool_get(base->params.pool, png->row_bytes);
    png->filtered = smalti__pool_get(base->params.pool, png->filtered_room);
    if (!png->above || !png->filtered)
        return smalti__fail_nomem(error, png->filtered_room);
    memset(png->above, 0, png->row_bytes);
    return smalti__png_deflate_open(png, error);
}

static smalti_result open_encoder(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    smalti__png_encoder *png = calloc(1, sizeof *png);
    if (!png)
        return smalti__fail_nomem(error, sizeof *png);
    png->base = *seed;
    png->base.format = &smalti__encoder_png;
    smalti_result result = set_up(png, error);
    if (result < 0)
        close_encoder(&png->base);
    else
        *encoder = &png->base;
    return result;
}

static uint32_t choose_filter(const smalti__png_encoder *png, const uint8_t *row, const uint8_t *above)
{
    if (!png->effort->stride)
        return png->effort->filter;
    uint64_t score[SMALTI__PNG_FILTER_COUNT];
    png->filters->score(score, row, above, png->row_bytes, png->bpp, png->swap, png->effort->stride);
    uint32_t best = 0;
    for (uint32_t filter = 1; filter < SMALTI__PNG_FILTER_COUNT; filter++)
        if (score[filter] < score[best])
            best = filter;
    return best;
}

static smalti_result write_rows(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    smalti__png_encoder *png = (smalti__png_encoder *)encoder;
    size_t size = png->row_bytes;
    const uint8_t *row = rows, *above = png->above;
    if (png->palette) {
        smalti__png_palette_write(png, rows, pitch, count);
        encoder->row += count;
        return SMALTI_OK;
    }
    for (uint32_t i = 0; i < count; i++, above = row, row += pitch) {
        if (png->filtered_room - png->filtered_size < size + 1)
            SMALTI__TRY(smalti__png_deflate(png, false, error));
        uint32_t filter = choose_filter(png, row, above);
        uint8_t *out = png->filtered + png->filtered_size;
        *out = (uint8_t)filter;
        png->filters->filter(filter, out + 1, row, above, size, png->bpp, png->swap);
        png->filtered_size += size + 1;
    }
    /* the caller may overwrite its rows before the next write */
    if (count)
        memcpy(png->above, above, size);
    encoder->row += count;
    return SMALTI_OK;
}

static smalti_result finish(smalti__encoder *encoder, smalti_error *error)
{
    smalti__png_encoder *png = (smalti__png_encoder *)encoder;
    return png->palette ? smalti__png_palette_finish(png, error) : smalti__png_deflate(png, true, error);
}

const smalti__encoder_format smalti__encoder_png = {
    .name = "png",
    .extensions = (const char *const[]){"png", NULL},
    .samples = 1u << SMALTI_SAMPLE_U8 | 1u << SMALTI_SAMPLE_U16,
    .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
    .max_width = INT32_MAX,
    .max_height = INT32_MAX,
    .work_bytes = work_bytes,
    .open = open_encoder,
    .write = write_rows,
    .finish = finish,
    .close = close_encoder,
};
