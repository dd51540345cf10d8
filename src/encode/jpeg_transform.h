/* SPDX-License-Identifier: Apache-2.0
 * From JPEG to JPEG without loss: coefficients are moved, turned and flipped, never decoded to pixels. */
#ifndef SMALTI_SRC_JPEG_TRANSFORM_H
#define SMALTI_SRC_JPEG_TRANSFORM_H

#include "encode/encode.h"

/* Only whole MCUs (8 to 32 pixels) can change their places: the edge of the stored image that becomes the left or the upper
 * one of the result must lie between two. */
typedef struct smalti__jpeg_transform {
    uint32_t orientation; /* 1 … 8, as in EXIF: what is to be turned upright */
    uint32_t x, y, width, height; /* what is kept of the upright image; width 0: all */
    bool stored; /* the rectangle is one of the stored image */
    bool trim; /* up to an MCU may be lost at such an edge; otherwise that is an error */
} smalti__jpeg_transform;

typedef struct smalti__jpeg_transform_plan {
    uint32_t width, height; /* of the result */
    size_t work_bytes; /* of decoder and encoder together: the coefficients of the stored image, and a few rows */
    uint32_t left, top, right, bottom; /* what is kept of the stored image */
    bool turned, mirrored, flipped; /* in this order: axes swapped, then across, then down */
} smalti__jpeg_transform_plan;

/* decoder is one of smalti__decoder_jpeg that was only opened; it is changed to read coefficients. UNSUPPORTED when
 * it cannot be without loss, INVALID_RANGE for a rectangle outside. */
smalti_result smalti__jpeg_transform_make(smalti__decoder *decoder, const smalti__jpeg_transform *transform,
                                          smalti__jpeg_transform_plan *plan, smalti_error *error);
/* Once, behind make and the decoder's start, which reads everything: writes the result to sink, with the Huffman tables that
 * are best. Of params, progressive, metadata, pool, stop, warn and user are looked at. */
smalti_result smalti__jpeg_transform_write(smalti__decoder *decoder, const smalti__jpeg_transform_plan *plan,
                                           smalti__sink *sink, const smalti__encode_params *params,
                                           smalti_error *error);

#endif
