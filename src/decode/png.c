/* SPDX-License-Identifier: Apache-2.0
 * The PNG decoder (specification: W3C PNG, third edition): opening a file, and the decoder's life. */
#include "decode/png.h"

static bool probe(const uint8_t *data, size_t size)
{
    return size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8);
}

/* What follows from IHDR, PLTE and tRNS. */
static void derive(smalti__png *png)
{
    static const uint8_t stored_channels[7] = {1, 0, 3, 1, 2, 0, 4};
    static const char *const names[7] = {"gray", "", "rgb", "palette", "gray-alpha", "", "rgba"};
    smalti_info *info = &png->base.info;
    png->stored_channels = stored_channels[png->color];
    png->row_bytes = smalti__png_row_bytes(png, info->width);
    png->filter_bpp = png->stored_channels * png->depth < 8 ? 1 : png->stored_channels * png->depth / 8;
    png->expand = png->depth != 8 || png->has_key || png->color == SMALTI__PNG_PALETTE;
    info->channels = (png->color == SMALTI__PNG_PALETTE ? 3 : png->stored_channels) + png->has_key;
    info->has_alpha = info->channels % 2 == 0;
    info->sample = png->depth == 16 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8;
    png->pixel_bytes = info->channels * smalti_sample_bytes(info->sample);
    snprintf(info->format, sizeof info->format, "png");
    snprintf(info->color, sizeof info->color, "%s", names[png->color]);
    info->file_bytes = png->base.source->size;
    info->decoded_bytes = (uint64_t)info->width * info->height * png->pixel_bytes;
}

/* Deflate makes at most 1032 bytes of one: a file that is too short for its pixels is refused before memory is taken for
 * them. When lenient it must be able to hold a row, or all of an interlaced image. */
static smalti_result check_possible(smalti__png *png, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    const smalti_info *info = &png->base.info;
    uint64_t stored = source->size - png->idat_offset, rows = png->base.options.lenient ? 1 : info->height;
    uint64_t needed = info->interlaced ? smalti__png_adam7_bytes(png) : rows * (png->row_bytes + 1);
    if (needed / 1032 > stored)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file is too short for its %ux%u pixels", info->width, info->height);
    return SMALTI_OK;
}

static smalti_result open_png(smalti__png *png, smalti_error *error)
{
    smalti__decoder *decoder = &png->base;
    const smalti__decode_options *options = &decoder->options;
    decoder->info.orientation = 1;
    if (!probe(decoder->source->data, decoder->source->size))
        return smalti__source_fail(decoder->source, error, SMALTI_E_FORMAT, 0, "no PNG signature");
    SMALTI__TRY(smalti__png_read_head(png, error));
    derive(png);
    SMALTI__TRY(smalti__png_metadata_tail(png, error));
    if (!options->head_only)
        SMALTI__TRY(check_possible(png, error));
    decoder->work_bytes = smalti__png_work_bytes(png);
    return SMALTI_OK;
}

static void close_png(smalti__decoder *decoder)
{
    smalti__png *png = (smalti__png *)decoder;
    smalti__pool *pool = decoder->options.pool;
    smalti__png_slabs_free(png);
    smalti__pool_put(pool, png->line);
    smalti__pool_put(pool, png->sums);
    smalti__pool_put(pool, png->frame);
    smalti__pool_put(pool, png->above);
    smalti__pool_put(pool, png->inflate);
    smalti__metadata_clear(&decoder->metadata);
    free(png);
}

static smalti_result start(smalti__decoder *decoder, smalti_error *error)
{
    return smalti__png_rows_start((smalti__png *)decoder, error);
}

static smalti_result read_rows(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    return smalti__png_rows_read((smalti__png *)decoder, dst, pitch, rows, error);
}

static smalti_result finish(smalti__decoder *decoder, smalti_error *error)
{
    smalti__png *png = (smalti__png *)decoder;
    smalti__png_slabs_stop(png);
    SMALTI__TRY(smalti__png_stream_finish(png, error));
    return smalti__png_check_tail(png, error);
}

static const smalti__decoder_ops ops = {
    .start = start,
    .read = read_rows,
    .finish = finish,
    .close = close_png,
    .reduce = smalti__png_reduce,
};

static smalti_result open_decoder(smalti__source *source, const smalti__decode_options *options,
                                  smalti__decoder **decoder, smalti_error *error)
{
    smalti__png *png = calloc(1, sizeof *png);
    if (!png)
        return smalti__fail_nomem(error, sizeof *png);
    png->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = open_png(png, error);
    if (result < 0)
        close_png(&png->base);
    else
        *decoder = &png->base;
    return result;
}

const smalti__decoder_format smalti__decoder_png = {"png", (const char *const[]){"png", NULL}, probe, open_decoder};
