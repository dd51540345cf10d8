/* SPDX-License-Identifier: Apache-2.0
 * What the files of the AVIF decoder share: avif.c (opening, life), avif_pixels.c (planes → delivered rows). */
#ifndef SMALTI_SRC_DECODE_AVIF_H
#define SMALTI_SRC_DECODE_AVIF_H

#include "decode/avif_library.h"
#include "decode/decode.h"

typedef struct smalti__avif {
    smalti__decoder base; /* first */
    const smalti__avif_library *lib;
    avifDecoder *avif;
    avifCropRect crop; /* what is delivered of the coded image */
    avifPixelFormat format; /* as the head says */
    uint32_t depth;

    /* avif_pixels.c */
    avifImage *view;    /* a window of the decoded image */
    uint8_t *rows;      /* converted rows [first, last) of the coded image */
    uint32_t first, last;
    uint16_t *gray_scale, *alpha_scale; /* monochrome: stored → delivered */
} smalti__avif;

size_t smalti__avif_pixels_bytes(const smalti__avif *avif);
smalti_result smalti__avif_pixels_start(smalti__avif *avif, smalti_error *error);
/* Row y of the delivered image. */
smalti_result smalti__avif_pixels_get(smalti__avif *avif, uint32_t y, uint8_t *dst, smalti_error *error);
void smalti__avif_pixels_end(smalti__avif *avif);

#endif
