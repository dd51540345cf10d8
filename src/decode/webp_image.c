/* SPDX-License-Identifier: Apache-2.0
 * One coded image of a WebP file through libwebp's incremental decoder. It gives its output no other place than one as
 * large as the image, so it is fed in small parts: rows are used while they are in the cache, and it can be stopped. */
#include "decode/webp.h"

enum {
    PARTS = 256,           /* in which an image is fed … */
    SMALLEST_PART = 4096,  /* … but for small files: a part left in the middle of a macroblock costs doing it again */
};

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* From libwebp's frame_dec.c (AllocateMemory): per column of macroblocks, with its second thread, about 3,000 bytes; from
 * io_dec.c the rows of upsampling or of scaling. */
static size_t lossy_bytes(size_t width)
{
    enum { TABLES = 64 * 1024, COLUMN = 3328, SCALING = 48 };
    return TABLES + divide_up(width, 16) * COLUMN + width * SCALING;
}

size_t smalti__webp_work_bytes(const smalti__source *source, const smalti__webp_frame *frame)
{
    uint32_t width = frame->width, height = frame->height;
    if (frame->lossless)
        return smalti__webp_lossless_bytes(source->data + frame->coded_offset,
                                           frame->offset + frame->size - frame->coded_offset, width, height);
    size_t bytes = lossy_bytes(width), coded = 0;
    if (frame->alpha)
        bytes += 2 * (size_t)width * height; /* of 14 bits each; libwebp holds the plane twice */
    if (frame->alpha_offset)
        coded = smalti__webp_lossless_bytes(source->data + frame->alpha_offset, frame->alpha_size, width, height);
    return smalti__add(bytes, coded, &bytes) ? bytes : SIZE_MAX;
}

smalti_result smalti__webp_image_begin(smalti__webp_image *image, const smalti__webp_frame *frame,
                                       const smalti__webp_target *target, bool threads, smalti_error *error)
{
    *image = (smalti__webp_image){.frame = frame, .height = target->height};
    WebPDecoderConfig *config = &image->config;
    if (!WebPInitDecoderConfig(config))
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "libwebp is of another version than its headers");
    if (target->width != frame->width || target->height != frame->height) {
        config->options.use_scaling = 1;
        config->options.scaled_width = (int)target->width;
        config->options.scaled_height = (int)target->height;
    }
    config->options.use_threads = threads;
    config->output.colorspace = target->channels == 4 ? MODE_RGBA : MODE_RGB;
    config->output.is_external_memory = 1;
    config->output.width = (int)target->width;
    config->output.height = (int)target->height;
    config->output.u.RGBA = (WebPRGBABuffer){
        .rgba = target->pixels,
        .stride = (int)target->pitch,
        .size = target->pitch * (target->height - 1) + (size_t)target->width * target->channels,
    };
    image->decoder = WebPIDecode(NULL, 0, config);
    return image->decoder ? SMALTI_OK : smalti__fail_nomem(error, sizeof *config);
}

static smalti_result failed(const smalti__webp_image *image, VP8StatusCode status, const smalti__decoder *decoder,
                            bool truncated, smalti_error *error)
{
    const smalti__source *source = decoder->source;
    uint64_t offset = image->frame->offset + image->fed;
    switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return smalti__fail_nomem(error, decoder->work_bytes);
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
        if (truncated)
            return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                       "%u of %u rows, then the file ends", image->rows, image->height);
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "the coded image ends after %u of %u rows",
                                   image->rows, image->height);
    default:
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "malformed %s data after %u of %u rows",
                                   image->frame->lossless ? "VP8L" : "VP8", image->rows, image->height);
    }
}

smalti_result smalti__webp_image_decode(smalti__webp_image *image, uint32_t rows, const smalti__decoder *decoder,
                                        bool truncated, smalti_error *error)
{
    const smalti__webp_frame *frame = image->frame;
    const uint8_t *data = decoder->source->data + frame->offset;
    size_t least = frame->size / PARTS > SMALLEST_PART ? frame->size / PARTS : SMALLEST_PART;
    while (image->rows < rows) {
        SMALTI__TRY(smalti__stop_check(decoder->options.stop, error));
        VP8StatusCode status = VP8_STATUS_SUSPENDED;
        bool last = image->fed == frame->size;
        if (!last) {
            image->part = image->part > least ? image->part : least;
            image->fed = frame->size - image->fed < image->part ? frame->size : image->fed + image->part;
            status = WebPIUpdate(image->decoder, data, image->fed);
        }
        /* what stands in front of the pixels is parsed anew each time until it is whole */
        int complete = 0;
        image->part *= 2;
        if (WebPIDecGetRGB(image->decoder, &complete, NULL, NULL, NULL) && complete > 0) {
            image->rows = (uint32_t)complete;
            image->part = least;
        }
        if (status == VP8_STATUS_OK && image->rows < image->height)
            status = VP8_STATUS_BITSTREAM_ERROR;
        if (last || (status != VP8_STATUS_OK && status != VP8_STATUS_SUSPENDED))
            return failed(image, status, decoder, truncated, error);
        smalti__source_consumed(decoder->source, frame->offset + image->fed);
    }
    return SMALTI_OK;
}

void smalti__webp_image_end(smalti__webp_image *image)
{
    WebPIDelete(image->decoder);
    image->decoder = NULL;
}
