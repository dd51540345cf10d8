/* SPDX-License-Identifier: Apache-2.0
 * Pixels as an output: rows are kept as they come, in an image of the caller's. No file has this format, so it is not in the
 * registry. */
#include "encode/encode.h"

static size_t pixels_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                                const smalti__encode_params *params)
{
    size_t bytes;
    (void)params;
    if (!smalti__mul(width, channels * smalti_sample_bytes(sample), &bytes) || !smalti__add(bytes, 63, &bytes) ||
        !smalti__mul(bytes / 64 * 64, height, &bytes) || !smalti__add(bytes, sizeof(smalti__encoder), &bytes))
        return SIZE_MAX;
    return bytes;
}

static smalti_result pixels_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    smalti__encoder *self = malloc(sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    *self = *seed;
    *seed->params.image = (smalti_image){
        .width = seed->width, .height = seed->height, .channels = seed->channels, .sample = seed->sample};
    smalti_result result = smalti_image_alloc(seed->params.image, error);
    if (result < 0)
        free(self);
    else
        *encoder = self;
    return result;
}

static smalti_result pixels_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    const smalti_image *image = encoder->params.image;
    size_t bytes = (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++)
        memcpy((uint8_t *)image->data + (encoder->row + y) * image->pitch, (const uint8_t *)rows + y * pitch, bytes);
    encoder->row += count;
    return SMALTI_OK;
}

static smalti_result pixels_finish(smalti__encoder *encoder, smalti_error *error)
{
    (void)encoder, (void)error;
    return SMALTI_OK;
}

static void pixels_close(smalti__encoder *encoder)
{
    free(encoder);
}

static const char *const extensions[] = {NULL};

const smalti__encoder_format smalti__encoder_pixels = {
    .name = "pixels",
    .extensions = extensions,
    .samples = 1u << SMALTI_SAMPLE_U8 | 1u << SMALTI_SAMPLE_U16 | 1u << SMALTI_SAMPLE_F32,
    .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
    .max_width = INT32_MAX,
    .max_height = INT32_MAX,
    .work_bytes = pixels_work_bytes,
    .open = pixels_open,
    .write = pixels_write,
    .finish = pixels_finish,
    .close = pixels_close,
};
