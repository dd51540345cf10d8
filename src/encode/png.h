/* SPDX-License-Identifier: Apache-2.0
 * What the files of the PNG encoder share: png.c (rows → filtered bytes, life cycle), png_deflate.c (filtered bytes →
 * IDAT chunks) with png_huffman.c and png_repeats.c, png_head.c (what stands in front of the pixels), png_palette.c
 * (rows → palette and indices). */
#ifndef SMALTI_SRC_ENCODE_PNG_H
#define SMALTI_SRC_ENCODE_PNG_H

#include "encode/encode.h"
#include "encode/png_huffman.h"
#include "pixel/png_filter.h"

/* How an effort is made. */
typedef struct smalti__png_effort {
    uint8_t
        whole_level; /* not 0: libdeflate at that level, over the whole filtered image in memory; else batches of rows */
    uint8_t isal_level; /* … of which those that repeat go through ISA-L; 0: none */
    uint8_t filter; /* for all rows, unless … */
    uint8_t stride; /* … not 0: the filter with the least sum of differences over one of so many blocks of a row */
} smalti__png_effort;

typedef struct smalti__png_palette smalti__png_palette;

typedef struct smalti__png_encoder {
    smalti__encoder base;
    const smalti__png_effort *effort;
    const smalti__png_filters *filters;
    size_t row_bytes, bpp;
    bool swap; /* samples are turned to big-endian while they are filtered */

    uint8_t *above; /* the last row of the write before; zeros at first */
    uint8_t *filtered; /* the same rows fill it however they come in, so that the compressor sees the same pieces */
    size_t filtered_size, filtered_room;

    smalti__png_palette *palette; /* NULL: pixels are written as they are */
    smalti__huffman *block;
    struct isal_zstream *stream;
    uint8_t *level_buffer;
    bool in_stream; /* the batch before went through it */
    uint32_t adler;
    uint8_t *out; /* head of the file, then one IDAT chunk after the other */
    size_t head_bytes; /* of the head, as long as it is only there */
    size_t out_chunk; /* where in it the IDAT chunk begins */
    size_t out_size; /* where in it the IDAT chunk ends so far */
} smalti__png_encoder;

/* png_head.c */
enum { SMALTI__PNG_HEAD_BYTES = 33 };
/* Signature, IHDR and metadata. Without metadata they stay in png->out, in front of the first IDAT. */
smalti_result smalti__png_write_head(smalti__png_encoder *png, smalti_error *error);
smalti_result smalti__png_write_chunk(smalti__sink *sink, const char type[4], const void *data, size_t size,
                                      smalti_error *error);

/* png_deflate.c */
size_t smalti__png_deflate_bytes(const smalti__png_effort *effort, size_t image_bytes);
smalti_result smalti__png_deflate_open(smalti__png_encoder *png, smalti_error *error);
/* Compresses what is in filtered. last: also ends the stream and the file. */
smalti_result smalti__png_deflate(smalti__png_encoder *png, bool last, smalti_error *error);
void smalti__png_deflate_close(smalti__png_encoder *png);

/* png_palette.c */
const smalti__png_effort *smalti__png_palette_effort(uint32_t effort); /* 1…9 */
/* What it takes besides the deflating of a row of bytes for each row of pixels. */
size_t smalti__png_palette_bytes(uint32_t width, uint32_t height, uint32_t channels);
smalti_result smalti__png_palette_open(smalti__png_encoder *png, smalti_error *error);
void smalti__png_palette_write(smalti__png_encoder *png, const uint8_t *rows, size_t pitch, uint32_t count);
smalti_result smalti__png_palette_finish(smalti__png_encoder *png, smalti_error *error);
void smalti__png_palette_close(smalti__png_encoder *png);
/* For the head. */
uint8_t smalti__png_palette_bits(const smalti__png_encoder *png);
smalti_result smalti__png_palette_chunks(const smalti__png_encoder *png, smalti_error *error);

/* png_repeats.c */
/* How much of what literals take (bits of each, 0: unknown) matches other than runs would save, in thousandths. */
uint32_t smalti__png_repeats(const uint8_t *in, size_t size, const uint8_t *literal_bits);

#endif
