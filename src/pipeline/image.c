/* SPDX-License-Identifier: Apache-2.0
 * Images in memory: reading and writing. */
#include "pipeline/collect.h"
#include "pipeline/plan.h"

smalti_result smalti_image_alloc(smalti_image *image, smalti_error *error)
{
    size_t row, bytes;
    if (!image->width || !image->height || image->channels < 1 || image->channels > 4 ||
        !smalti_sample_bytes(image->sample))
        return smalti__fail(error, SMALTI_E_INVALID,
                            "an image of %u × %u pixels, %u channels and sample type %d cannot be", image->width,
                            image->height, image->channels, (int)image->sample);
    if (!smalti__mul(image->width, image->channels * smalti_sample_bytes(image->sample), &row) ||
        !smalti__add(row, 63, &bytes) || !smalti__mul(row = smalti__align(row, 64), image->height, &bytes))
        return smalti__fail(error, SMALTI_E_LIMIT, "the image is too large for memory");
    void *data = NULL;
    if (posix_memalign(&data, 64, bytes))
        return smalti__fail_nomem(error, bytes);
    image->pitch = row;
    image->data = data;
    return SMALTI_OK;
}

void smalti_image_free(smalti_image *image)
{
    if (!image)
        return;
    free(image->data);
    *image = (smalti_image){0};
}

/* ---- reading ---- */

static smalti_result info_of(smalti__source *source, smalti_info *info, smalti_error *error)
{
    const smalti__decode_options options = {.head_only = true, .metadata = true, .all_frames = true};
    smalti__decoder *decoder;
    SMALTI__TRY(smalti__decoder_open(source, &options, &decoder, error));
    smalti_result result = smalti__source_check(source, error);
    if (result == SMALTI_OK)
        *info = decoder->info;
    smalti__decoder_close(decoder);
    return result;
}

smalti_result smalti_info_read(const char *path, smalti_info *info, smalti_error *error)
{
    /* mapped from 64 KiB on: only the pages that the head lies in are read */
    const smalti__source_options options = {.map_threshold = 64 << 10, .max_bytes = 1u << 30, .head_only = true};
    smalti__source source;
    SMALTI__TRY(smalti__source_open(&source, path, &options, error));
    smalti_result result = info_of(&source, info, error);
    smalti__source_close(&source);
    return result;
}

smalti_result smalti_info_read_memory(const void *data, size_t size, const char *name, smalti_info *info,
                                      smalti_error *error)
{
    smalti__source source;
    smalti__source_open_memory(&source, data, size, name);
    smalti_result result = info_of(&source, info, error);
    smalti__source_close(&source);
    return result;
}

/* Rows through a flow that turns them upright. */
static smalti_result decode_turned(smalti__decoder *decoder, smalti_image *image, smalti_error *error)
{
    smalti_stats stats = {0};
    smalti__collector collector = {.sample = decoder->out.sample};
    smalti__flow *flow = NULL;
    const smalti__flow_setup setup = {
        .in = decoder->out,
        .pushed = decoder->out,
        .orientation = decoder->info.orientation,
        .stats = &stats,
        .begin = smalti__collect_begin,
        .emit = smalti__collect_rows,
        .user = &collector,
    };
    smalti_result result = smalti__flow_open(&setup, &flow, error);
    for (uint32_t row = 0; row < decoder->out.height && result == SMALTI_OK;) {
        void *dst;
        size_t pitch;
        uint32_t rows;
        smalti__flow_space(flow, &dst, &pitch, &rows);
        result = smalti__decoder_read(decoder, dst, pitch, rows, error);
        if (result == SMALTI_OK)
            result = smalti__flow_commit(flow, rows, error);
        row += rows;
    }
    smalti__flow_close(flow);
    *image = collector.image;
    return result;
}

static smalti_result decode_into(smalti__decoder *decoder, smalti_image *image, smalti_error *error)
{
    const smalti__shape *shape = &decoder->out;
    SMALTI__TRY(smalti__decoder_start(decoder, error)); /* refuses files too short for their pixels */
    if (decoder->info.orientation > 1 || shape->premultiplied) {
        SMALTI__TRY(decode_turned(decoder, image, error));
    } else {
        *image = (smalti_image){
            .width = shape->width, .height = shape->height, .channels = shape->channels, .sample = shape->sample};
        SMALTI__TRY(smalti_image_alloc(image, error));
        SMALTI__TRY(smalti__decoder_read(decoder, image->data, image->pitch, image->height, error));
    }
    return smalti__decoder_finish(decoder, error);
}

static smalti_result image_of(smalti__source *source, smalti_image *image, smalti_error *error)
{
    smalti__settings defaults;
    smalti__settings_default(&defaults);
    const smalti__limits limits = smalti__settings_limits(&defaults);
    const smalti__decode_options options = {.max_pixels = limits.pixels, .max_metadata = limits.metadata_bytes};
    smalti__decoder *decoder = NULL;
    smalti_image decoded = {0};
    smalti_result result = smalti__decoder_open(source, &options, &decoder, error);
    if (result == SMALTI_OK)
        result = decode_into(decoder, &decoded, error);
    if (result == SMALTI_OK)
        result = smalti__source_check(source, error);
    smalti__decoder_close(decoder);
    if (result < 0)
        smalti_image_free(&decoded);
    else
        *image = decoded;
    return result;
}

smalti_result smalti_image_read(const char *path, smalti_image *image, smalti_error *error)
{
    smalti__source source;
    SMALTI__TRY(smalti__source_open(&source, path, &(smalti__source_options){0}, error));
    smalti_result result = image_of(&source, image, error);
    smalti__source_close(&source);
    return result;
}

smalti_result smalti_image_read_memory(const void *data, size_t size, const char *name, smalti_image *image,
                                       smalti_error *error)
{
    smalti__source source;
    smalti__source_open_memory(&source, data, size, name);
    smalti_result result = image_of(&source, image, error);
    smalti__source_close(&source);
    return result;
}

/* ---- writing ---- */

static smalti_result encode_params(const smalti_encode_options *options, smalti__encode_params *params,
                                   smalti_error *error)
{
    smalti__settings settings;
    smalti__settings_default(&settings);
    if (options && options->size != sizeof *options)
        return smalti__fail(error, SMALTI_E_INVALID, "smalti_encode_options.size is not set");
    smalti_encode_options all = {0};
    if (options)
        all = *options;
    if (all.quality > 100 || all.png_effort > 9 || all.webp_effort > 6 || all.avif_effort > 9 ||
        (all.subsampling && all.subsampling != 420 && all.subsampling != 422 && all.subsampling != 444))
        return smalti__fail(error, SMALTI_E_INVALID_RANGE,
                            "quality is 1 to 100, png_effort 1 to 9, webp_effort 1 to 6, avif_effort 1 to 9, "
                            "subsampling one of 420, 422 and 444");
    *params = (smalti__encode_params){
        .quality = all.quality,
        .subsampling = all.subsampling,
        .progressive = all.progressive,
        .optimize = all.optimize,
        .lossless = all.lossless,
        .png_effort = all.png_effort ? all.png_effort : (uint32_t)settings.png_effort,
        .webp_effort = all.webp_effort ? all.webp_effort : (uint32_t)settings.webp_effort,
        .avif_effort = all.avif_effort ? all.avif_effort : (uint32_t)settings.avif_effort,
    };
    return SMALTI_OK;
}

static smalti_result emit_to_encoder(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    smalti__encoder *encoder = user;
    return encoder->format->write(encoder, rows, pitch, count, error);
}

/* Encodes image into sink; what the format cannot hold is converted on the way. */
static smalti_result encode_image(const smalti_image *image, const smalti__encoder_format *format,
                                  const smalti__encode_params *params, smalti__sink *sink, smalti_error *error)
{
    smalti__shape out = smalti__image_shape(image);
    SMALTI__TRY(smalti__encoder_fit(format, &out, error));
    const smalti__encoder seed = {.format = format,
                                  .params = *params,
                                  .sink = sink,
                                  .width = out.width,
                                  .height = out.height,
                                  .channels = out.channels,
                                  .sample = out.sample};
    smalti__encoder *encoder = NULL;
    smalti__chain *chain = NULL;
    smalti_stats stats = {0};
    smalti_result result = format->open(&seed, &encoder, error);
    if (result < 0)
        return result;
    const smalti__chain_setup setup = {
        .in = smalti__image_shape(image),
        .out = out,
        .background = {255, 255, 255},
        .emit = emit_to_encoder,
        .user = encoder,
        .stats = &stats,
    };
    result = smalti__chain_open(&setup, &chain, error);
    if (result == SMALTI_OK)
        result = smalti__chain_push(chain, image->data, image->pitch, image->height, error);
    if (result == SMALTI_OK)
        result = format->finish(encoder, error);
    smalti__chain_close(chain);
    format->close(encoder);
    return result;
}

smalti_result smalti_image_write(const smalti_image *image, const char *path, const smalti_encode_options *options,
                                 smalti_error *error)
{
    smalti__encode_params params;
    const char *dot = strrchr(path, '.');
    SMALTI__TRY(smalti__image_check(image, error));
    SMALTI__TRY(encode_params(options, &params, error));
    const smalti__encoder_format *format = options && *options->format ? smalti__encoder_find(options->format)
                                           : dot && dot[1]             ? smalti__encoder_find(dot + 1)
                                                                       : &smalti__encoder_png;
    if (!format)
        return smalti__fail(error, SMALTI_E_INVALID, "%s: no such output format", SMALTI__SHOWN(path));
    smalti__sink sink;
    SMALTI__TRY(smalti__sink_open_file(&sink, path, true, error));
    smalti_result result = encode_image(image, format, &params, &sink, error);
    if (result < 0)
        smalti__error_name(error, path);
    else
        result = smalti__sink_commit(&sink, error);
    smalti__sink_close(&sink);
    return result;
}

smalti_result smalti_image_write_memory(const smalti_image *image, const smalti_encode_options *options, void **data,
                                        size_t *size, smalti_error *error)
{
    smalti__encode_params params;
    SMALTI__TRY(smalti__image_check(image, error));
    SMALTI__TRY(encode_params(options, &params, error));
    const smalti__encoder_format *format = smalti__encoder_find(options && *options->format ? options->format : "png");
    if (!format)
        return smalti__fail(error, SMALTI_E_INVALID, "%.8s: no such output format", options->format);
    smalti__sink sink;
    SMALTI__TRY(smalti__sink_open_memory(&sink, 0, error));
    smalti_result result = encode_image(image, format, &params, &sink, error);
    if (result == SMALTI_OK)
        *data = smalti__sink_take(&sink, size);
    smalti__sink_close(&sink);
    return result;
}
