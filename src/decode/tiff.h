/* SPDX-License-Identifier: Apache-2.0
 * What the files of the TIFF decoder share: tiff.c (opening, what a page is, life), tiff_rows.c (strips and tiles → stored
 * rows), tiff_pixels.c (stored rows → delivered pixels). Specification: TIFF 6.0 and its supplements. */
#ifndef SMALTI_SRC_DECODE_TIFF_H
#define SMALTI_SRC_DECODE_TIFF_H

#include "decode/decode.h"
#include "decode/tiff_library.h"

enum { SMALTI__TIFF_SAMPLES = 8 }; /* of a pixel, at most */

typedef enum smalti__tiff_color {
    SMALTI__TIFF_GRAY,
    SMALTI__TIFF_RGB,
    SMALTI__TIFF_PALETTE,
    SMALTI__TIFF_CMYK
} smalti__tiff_color;

/* A page as its directory describes it. */
typedef struct smalti__tiff_page {
    uint32_t width, height;
    uint32_t samples; /* stored in a pixel */
    uint32_t bits;    /* of each: 1 … 16, or 32 for floats */
    bool is_float;
    bool separate; /* a plane for each sample */
    smalti__tiff_color color;
    uint32_t colors; /* samples of color; what follows is extra */
    bool invert;     /* gray: 0 is white */
    uint32_t alpha;  /* number of the sample that is alpha; 0: none */
    bool premultiplied;
    uint32_t orientation;
    uint32_t compression;
    bool tiled;
    uint32_t rows_per_strip, strip_count; /* of a plane */
    uint32_t tile_width, tile_height, tiles_across, tiles_down;
    size_t row_bytes;   /* stored, of a plane: of a row of the image, or of a row of tiles */
    size_t tile_row_bytes, tile_bytes;
} smalti__tiff_page;

/* How stored rows are got. */
typedef enum smalti__tiff_way {
    SMALTI__TIFF_STRIPS,    /* whole strips into a buffer */
    SMALTI__TIFF_SCANLINES, /* rows one by one, of strips that are large */
    SMALTI__TIFF_TILES      /* a row of tiles into a buffer */
} smalti__tiff_way;

typedef struct smalti__tiff {
    smalti__decoder base; /* first */
    const smalti__tiff_library *lib;
    TIFF *handle[SMALTI__TIFF_SAMPLES]; /* one; of separate planes that are read by scanlines one for each */
    smalti__tiff_page page;
    uint64_t position; /* in the source, of libtiff */
    char message[SMALTI__MESSAGE_PART]; /* of libtiff's first error or warning since it was cleared */
    bool collect_warnings; /* while pixels are read they mean damage */

    /* tiff_rows.c */
    smalti__tiff_way way;
    uint32_t planes; /* buffers that rows come from: 1, or as many as samples are used */
    uint32_t plane_sample[SMALTI__TIFF_SAMPLES];
    uint8_t *rows;    /* planes × row_count rows of row_bytes */
    uint8_t *tile;    /* TILES */
    uint32_t row_count; /* rows of a plane in the buffer, at most */
    uint32_t first, last; /* rows [first, last) of the image are in the buffer */
    uint32_t skip_until;  /* lenient, SCANLINES: rows before this one cannot be had */
    bool warned;

    /* tiff_pixels.c */
    bool direct; /* stored as delivered */
    void *line;  /* samples of a row, unpacked: uint16_t or float */
    uint8_t palette[256][3]; /* bits ≤ 8 */
    uint8_t *large_palette; /* of more bits: entries of 3; pool */
} smalti__tiff;

/* tiff.c */
/* Damage that a lenient decoder goes on from: a warning then (result OK), once; else the error. */
smalti_result smalti__tiff_damage(smalti__tiff *tiff, smalti_error *error, smalti_result code, uint64_t offset,
                                  const char *message);
/* Another handle on the same page; NULL with libtiff's message. */
TIFF *smalti__tiff_open_handle(smalti__tiff *tiff, uint32_t page);

/* tiff_rows.c */
/* Upper bound of what it and libtiff allocate; decides on the way. SIZE_MAX: too much. */
size_t smalti__tiff_rows_bytes(smalti__tiff *tiff);
smalti_result smalti__tiff_rows_start(smalti__tiff *tiff, smalti_error *error);
/* Makes row y available: row[i] is set for each plane. Rows are asked for in order. */
smalti_result smalti__tiff_rows_get(smalti__tiff *tiff, uint32_t y, const uint8_t *row[SMALTI__TIFF_SAMPLES],
                                    smalti_error *error);
void smalti__tiff_rows_end(smalti__tiff *tiff);

/* tiff_pixels.c */
size_t smalti__tiff_pixels_bytes(const smalti__tiff *tiff);
smalti_result smalti__tiff_pixels_start(smalti__tiff *tiff, smalti_error *error);
void smalti__tiff_pixels_put(smalti__tiff *tiff, const uint8_t *const row[SMALTI__TIFF_SAMPLES], void *dst);
void smalti__tiff_pixels_end(smalti__tiff *tiff);

#endif
