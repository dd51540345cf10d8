/* SPDX-License-Identifier: Apache-2.0
 * Changes of sample type and channels, row by row. */
#ifndef SMALTI_SRC_CONVERT_H
#define SMALTI_SRC_CONVERT_H

#include <smalti/image.h>

#include "base/base.h"

/* The shape of rows in flight. */
typedef struct smalti__shape {
    uint32_t width, height, channels;
    smalti_sample sample;
    bool premultiplied; /* colours are multiplied by alpha; only with 2 or 4 channels */
} smalti__shape;

/* Takes rows that something has ready; they are borrowed during the call. */
typedef smalti_result (*smalti__rows_fn)(void *user, const void *rows, size_t pitch, uint32_t count,
                                         smalti_error *error);

static inline size_t smalti__pixel_bytes(const smalti__shape *shape)
{
    return shape->channels * smalti_sample_bytes(shape->sample);
}
static inline bool smalti__shape_same(const smalti__shape *a, const smalti__shape *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels && a->sample == b->sample &&
           a->premultiplied == b->premultiplied;
}

static inline smalti__shape smalti__image_shape(const smalti_image *image)
{
    return (smalti__shape){image->width, image->height, image->channels, image->sample, false};
}
/* INVALID unless the caller's image can be one. */
smalti_result smalti__image_check(const smalti_image *image, smalti_error *error);

/* Converts count rows. background: RGB, used when alpha is flattened (its Rec. 709 luma for gray). Formulas: u8 → u16
 * ×257; u16 → u8 rounded to nearest; f32 is 0…1, clamped; a premultiplied colour is colour × alpha, and back. */
void smalti__convert_rows(const smalti__shape *from, const void *src, size_t src_pitch, const smalti__shape *to,
                          void *dst, size_t dst_pitch, uint32_t count, const uint8_t background[3]);

#endif
