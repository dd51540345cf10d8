/* SPDX-License-Identifier: Apache-2.0
 * What the files of the TIFF encoder share: tiff.c (rows → strips → file), tiff_directory.c (what stands behind them),
 * tiff_pack.c (predictors, LZW, PackBits). TIFF 6.0, its supplement on predictors for floats, BigTIFF. */
#ifndef SMALTI_SRC_ENCODE_TIFF_H
#define SMALTI_SRC_ENCODE_TIFF_H

#include "encode/encode.h"

enum { SMALTI__TIFF_LZW_TABLE = 1 << 13 }; /* places of its hash table: twice the codes there are */

/* The strings of LZW that have a code. */
typedef struct smalti__tiff_lzw {
    uint32_t key[SMALTI__TIFF_LZW_TABLE]; /* code of the prefix << 8 | byte, + 1; 0: free */
    uint16_t code[SMALTI__TIFF_LZW_TABLE];
} smalti__tiff_lzw;

typedef struct smalti__tiff_encoder {
    smalti__encoder base; /* first */
    bool big;             /* BigTIFF: the file may be larger than 4 GiB */
    size_t row_bytes;
    uint32_t rows_per_strip, strip_count;
    uint32_t rows; /* gathered of the strip */
    uint32_t strip; /* the one being gathered */
    uint64_t *offsets, *sizes; /* of strips */
    uint8_t *buffer; /* a strip, not compressed */
    uint8_t *line;   /* floats: a row while its bytes are sorted */
    uint8_t *packed; /* a strip, compressed */
    size_t packed_room;
    smalti__tiff_lzw *lzw;
    struct libdeflate_compressor *deflate;
} smalti__tiff_encoder;

/* tiff_directory.c */
/* Header with room for the directory's place. */
smalti_result smalti__tiff_put_header(smalti__tiff_encoder *tiff, smalti_error *error);
/* Directory and metadata, and its place in the header. */
smalti_result smalti__tiff_put_directory(smalti__tiff_encoder *tiff, smalti_error *error);

/* tiff_pack.c: bounds of what comes out, and how much did. */
size_t smalti__tiff_lzw_bound(size_t size);
size_t smalti__tiff_lzw_encode(smalti__tiff_lzw *lzw, const uint8_t *in, size_t size, uint8_t *out);
size_t smalti__tiff_packbits_bound(size_t row_bytes);
size_t smalti__tiff_packbits_row(const uint8_t *in, size_t size, uint8_t *out);
/* In place, one row of width pixels. line (floats): as large as the row. */
void smalti__tiff_predict(void *row, uint32_t width, uint32_t channels, smalti_sample sample, uint8_t *line);

#endif
