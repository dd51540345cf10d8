/* SPDX-License-Identifier: Apache-2.0
 * Pixels as an input: an image in memory behind the interface of a decoder. */
#include "decode/decode.h"

typedef struct pixels_decoder {
    smalti__decoder base; /* first */
    smalti_image image;   /* its data is borrowed */
} pixels_decoder;

static smalti_result pixels_start(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error;
    return SMALTI_OK;
}

static smalti_result pixels_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    const smalti_image *image = &((pixels_decoder *)decoder)->image;
    size_t bytes = (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
    (void)error;
    for (uint32_t y = 0; y < rows; y++)
        memcpy((uint8_t *)dst + y * pitch, (const uint8_t *)image->data + (decoder->row + y) * image->pitch, bytes);
    return SMALTI_OK;
}

static void pixels_close(smalti__decoder *decoder)
{
    free(decoder);
}

static const smalti__decoder_ops ops = {
    .start = pixels_start, .read = pixels_read, .finish = pixels_start, .close = pixels_close};

smalti_result smalti__decoder_open_pixels(smalti__source *source, const smalti_image *image,
                                          const smalti__decode_options *options, smalti__decoder **decoder,
                                          smalti_error *error)
{
    static const char *const colors[] = {"", "gray", "gray-alpha", "rgb", "rgba"};
    SMALTI__TRY(smalti__image_check(image, error));
    pixels_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    size_t pixel = image->channels * smalti_sample_bytes(image->sample);
    smalti__decoder *base = &self->base;
    self->image = *image;
    *base = (smalti__decoder){.ops = &ops, .source = source, .options = *options, .reduced = 1};
    base->out = smalti__image_shape(image);
    base->info = (smalti_info){
        .width = image->width,
        .height = image->height,
        .channels = image->channels,
        .sample = image->sample,
        .bit_depth = (uint32_t)smalti_sample_bytes(image->sample) * 8,
        .has_alpha = image->channels % 2 == 0,
        .frames = 1,
        .orientation = 1,
        .decoded_bytes = (uint64_t)image->width * image->height * pixel,
    };
    snprintf(base->info.color, sizeof base->info.color, "%s", colors[image->channels]);
    smalti_result result = smalti__decoder_check_pixels(base, error);
    if (result < 0)
        pixels_close(base);
    else
        *decoder = base;
    return result;
}
