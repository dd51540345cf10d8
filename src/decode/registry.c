/* SPDX-License-Identifier: Apache-2.0
 * The formats that can be decoded, and the life of any decoder. */
#include "decode/decode.h"

#include <stdarg.h>

/* Of a test that needs a decoder which misbehaves. Nothing else has it: the list ends there. */
extern const smalti__decoder_format smalti__decoder_of_test __attribute__((weak));

const smalti__decoder_format *const smalti__decoder_formats[] = {
    &smalti__decoder_png,  &smalti__decoder_jpeg, &smalti__decoder_webp, &smalti__decoder_avif,    &smalti__decoder_gif,
    &smalti__decoder_tiff, &smalti__decoder_pnm,  &smalti__decoder_exr,  &smalti__decoder_of_test, NULL};

void smalti__metadata_clear(smalti__metadata *metadata)
{
    free(metadata->icc.data);
    free(metadata->exif.data);
    free(metadata->xmp.data);
    free(metadata->exr.data);
    *metadata = (smalti__metadata){0};
}

smalti_result smalti__decoder_open(smalti__source *source, const smalti__decode_options *options,
                                   smalti__decoder **decoder, smalti_error *error)
{
    if (!source->size)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, 0, "the file is empty");
    const smalti__decoder_format *format = NULL;
    for (size_t i = 0; smalti__decoder_formats[i] && !format; i++)
        if (smalti__decoder_formats[i]->probe(source->data, source->size))
            format = smalti__decoder_formats[i];
    if (!format)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_UNKNOWN, 0, "no image format begins like this");
    SMALTI__TRY(format->open(source, options, decoder, error));
    smalti_info *info = &(*decoder)->info;
    info->frames = info->frames ? info->frames : 1;
    (*decoder)->reduced = 1;
    (*decoder)->out = (smalti__shape){info->width, info->height, info->channels, info->sample,
                                      .premultiplied = (*decoder)->premultiplied};
    return SMALTI_OK;
}

void smalti__decoder_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height)
{
    if (decoder->ops->reduce)
        decoder->ops->reduce(decoder, width, height);
}

bool smalti__decoder_planar(smalti__decoder *decoder, bool fine, smalti__planes *image, smalti__planes *unit)
{
    return decoder->ops->planar && decoder->ops->planar(decoder, fine, image, unit);
}

smalti_result smalti__decoder_read_planes(smalti__decoder *decoder, smalti__planes *room, smalti_error *error)
{
    SMALTI__TRY(decoder->ops->read_planes(decoder, room, error));
    decoder->row += room->height[0];
    return SMALTI_OK;
}

smalti_result smalti__decoder_start(smalti__decoder *decoder, smalti_error *error)
{
    return decoder->ops->start(decoder, error);
}

smalti_result smalti__decoder_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows,
                                   smalti_error *error)
{
    SMALTI__TRY(rows ? decoder->ops->read(decoder, dst, pitch, rows, error) : SMALTI_OK);
    decoder->row += rows;
    return SMALTI_OK;
}

smalti_result smalti__decoder_next_frame(smalti__decoder *decoder, smalti_error *error)
{
    decoder->row = 0;
    decoder->frame++;
    return decoder->ops->next_frame(decoder, error);
}

smalti_result smalti__decoder_finish(smalti__decoder *decoder, smalti_error *error)
{
    return decoder->ops->finish(decoder, error);
}

void smalti__decoder_close(smalti__decoder *decoder)
{
    if (decoder)
        decoder->ops->close(decoder);
}

void smalti__decoder_warn(const smalti__decode_options *options, const char *format, ...)
{
    if (!options->warn)
        return;
    char message[SMALTI__MESSAGE_PART];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    options->warn(options->user, message);
}

smalti_result smalti__decoder_check_pixels(const smalti__decoder *decoder, smalti_error *error)
{
    const smalti_info *info = &decoder->info;
    uint64_t most = decoder->options.max_pixels, pixels = (uint64_t)info->width * info->height;
    if (!most || pixels <= most)
        return SMALTI_OK;
    return smalti__source_fail(decoder->source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
                               "%ux%u pixels, more than the limit of %llu: raise limits.pixels (--max-pixels)",
                               info->width, info->height, (unsigned long long)most);
}

smalti_result smalti__decoder_check_frames(const smalti__decoder *decoder, smalti_error *error)
{
    const smalti__decode_options *options = &decoder->options;
    uint32_t most = options->max_frames, frames = decoder->info.frames;
    if (!options->all_frames || !most || frames <= most)
        return SMALTI_OK;
    return smalti__source_fail(decoder->source, error, SMALTI_E_LIMIT_FRAMES, SMALTI_NO_OFFSET,
                               "%u frames, more than the limit of %u: raise limits.frames (--max-frames)", frames,
                               most);
}

smalti_result smalti__decoder_forgive(const smalti__decoder *decoder, smalti_result result, const smalti_error *problem,
                                      bool *forgiven, smalti_error *error)
{
    if (result == SMALTI_OK)
        return SMALTI_OK;
    if (decoder->options.lenient && smalti_result_class(result) == smalti_result_class(SMALTI_E_FORMAT)) {
        char shown[SMALTI__NAME_TEXT];
        size_t name = strlen(smalti__name_text(decoder->source->name, shown));
        bool named = !strncmp(problem->message, shown, name) && problem->message[name] == ':';
        smalti__decoder_warn(&decoder->options, "%s", problem->message + (named ? name + 2 : 0));
        *forgiven = true;
        return SMALTI_OK;
    }
    if (error)
        *error = *problem;
    return result;
}

smalti_result smalti__decoder_copy_blob(const smalti__decode_options *options, const char *name, const void *data,
                                        size_t size, smalti__blob *blob, smalti_error *error)
{
    enum { DEFAULT_MOST = 16 << 20 };
    size_t most = options->max_metadata ? options->max_metadata : DEFAULT_MOST;
    if (!size)
        return SMALTI_OK;
    if (size > most) {
        smalti__decoder_warn(options, "%s of %zu bytes dropped, more than %zu", name, size, most);
        return SMALTI_OK;
    }
    uint8_t *copy = malloc(size);
    if (!copy)
        return smalti__fail_nomem(error, size);
    memcpy(copy, data, size);
    *blob = (smalti__blob){copy, size};
    return SMALTI_OK;
}
