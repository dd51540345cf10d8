/* SPDX-License-Identifier: Apache-2.0
 * Rows of a flow into an image in memory. */
#include "step/collect.h"

smalti_result smalti__collect_begin(void *user, const smalti__shape *last, smalti__shape *out, smalti_error *error)
{
    smalti__collector *self = user;
    out->sample = self->sample;
    out->premultiplied = false;
    self->image = (smalti_image){
        .width = last->width, .height = last->height, .channels = last->channels, .sample = self->sample};
    return smalti_image_alloc(&self->image, error);
}

smalti_result smalti__collect_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    smalti__collector *self = user;
    const smalti_image *image = &self->image;
    size_t bytes = (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
    (void)error;
    for (uint32_t y = 0; y < count; y++)
        memcpy((uint8_t *)image->data + (self->row + y) * image->pitch, (const uint8_t *)rows + y * pitch, bytes);
    self->row += count;
    return SMALTI_OK;
}
