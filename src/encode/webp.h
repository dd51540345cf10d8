/* SPDX-License-Identifier: Apache-2.0
 * Inside of the WebP encoder: pixels into libwebp's picture, and its output into a container with metadata. */
#ifndef SMALTI_SRC_ENCODE_WEBP_H
#define SMALTI_SRC_ENCODE_WEBP_H

#include "encode/encode.h"

#include <webp/encode.h>

/* ---- picture: rows into libwebp's samples (webp_picture.c) ---- */

enum { SMALTI__WEBP_ROWS = 16 }; /* imported at a time */

typedef struct smalti__webp_rows {
    WebPPicture *picture; /* borrowed; its planes are allocated */
    uint32_t channels;    /* of what comes, 1…4 */
    uint32_t row;         /* the next one */
    bool alpha_seen;      /* something was not opaque */
    uint8_t *block;       /* SMALTI__WEBP_ROWS rows of 3 or 4 channels; pool */
    uint32_t held;        /* rows in block */
} smalti__webp_rows;

size_t smalti__webp_rows_bytes(uint32_t width, uint32_t channels, bool argb);
/* What libwebp's colour conversion would make of the whole image: the same planes for every grouping of rows. */
smalti_result smalti__webp_rows_put(smalti__webp_rows *rows, const uint8_t *from, size_t pitch, uint32_t count,
                                    smalti_error *error);
/* After the last row: the one that has no partner. */
smalti_result smalti__webp_rows_end(smalti__webp_rows *rows, smalti_error *error);
/* JFIF's samples (0…255) to those of video (16…235, 16…240), which WebP has. */
void smalti__webp_planes_put(WebPPicture *picture, uint32_t row, const smalti__planes *planes);

/* ---- memory (webp_memory.c) ---- */

static inline uint32_t smalti__webp_quality(const smalti__encode_params *params)
{
    return params->quality ? params->quality : 80;
}
/* Whether a lossy image is coded in the way that takes less memory, and more time. */
bool smalti__webp_low_memory(uint32_t width, uint32_t height, const smalti__encode_params *params);
/* Upper bound of what encoding takes. */
size_t smalti__webp_encode_bytes(uint32_t width, uint32_t height, uint32_t channels,
                                 const smalti__encode_params *params);

/* ---- container (webp_container.c) ---- */

/* Takes what libwebp writes, in pieces of any size, and passes it on with metadata put in. */
typedef struct smalti__webp_container {
    smalti__sink *sink; /* borrowed */
    const smalti__metadata *metadata; /* borrowed; may be NULL */
    uint32_t width, height;
    bool alpha; /* for the header that lossless images lack */
    uint8_t head[30]; /* RIFF header and VP8X chunk */
    size_t head_size;
    bool headed; /* the head was written */
    smalti_result result;
    smalti_error error;
} smalti__webp_container;

/* OK, or what went wrong at this or an earlier call; also in container->error. */
smalti_result smalti__webp_container_write(smalti__webp_container *container, const uint8_t *data, size_t size);
smalti_result smalti__webp_container_finish(smalti__webp_container *container);

#endif
