/* SPDX-License-Identifier: Apache-2.0
 * What libavif does not tell before it decodes: how many coded pictures an AVIF file's still image is made of, and how large
 * they are, which is what the memory it takes depends on. */
#ifndef SMALTI_SRC_DECODE_AVIF_BOXES_H
#define SMALTI_SRC_DECODE_AVIF_BOXES_H

#include "base/base.h"

typedef struct smalti__avif_boxes {
    bool grid;           /* there is a derived image of tiles */
    uint32_t pictures;   /* items that are coded as AV1 */
    uint64_t most_pixels; /* of the largest item */
} smalti__avif_boxes;

/* Of a malformed file whatever was found. Never reads outside. */
void smalti__avif_boxes_read(const uint8_t *data, size_t size, smalti__avif_boxes *boxes);

#endif
