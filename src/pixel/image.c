/* SPDX-License-Identifier: Apache-2.0
 * Memory of images. */
#include "pixel/convert.h"

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
