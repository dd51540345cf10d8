/* SPDX-License-Identifier: Apache-2.0
 * What the files of the AVIF encoder share: avif.c (the encoder), avif_planes.c (rows → planes). */
#ifndef SMALTI_SRC_ENCODE_AVIF_H
#define SMALTI_SRC_ENCODE_AVIF_H

#include "decode/avif_library.h"
#include "encode/encode.h"

typedef struct smalti__avif_encoder {
    smalti__encoder base; /* first */
    const smalti__avif_library *lib;
    avifEncoder *avif;
    avifImage *image; /* planes are filled as rows come */
    uint32_t *chroma; /* sums of three colours of the blocks of a row that share chroma; pool; NULL without */
} smalti__avif_encoder;

/* Puts the next row into the image's planes. */
void smalti__avif_planes_put(smalti__avif_encoder *encoder, const void *row);
/* Bytes of chroma. */
size_t smalti__avif_planes_bytes(uint32_t width, avifPixelFormat format);

#endif
