/* SPDX-License-Identifier: Apache-2.0
 * What the files of the PNG decoder share: png.c (head, life cycle), png_chunk.c (chunks), png_metadata.c, png_stream.c
 * (IDAT chunks → filtered bytes), png_slabs.c (… in slabs, made ahead by a thread), png_rows.c (filtered rows → pixels),
 * png_adam7.c and png_reduce.c (interlaced images, whole or reduced), png_expand.c (stored → delivered samples). */
#ifndef SMALTI_SRC_DECODE_PNG_H
#define SMALTI_SRC_DECODE_PNG_H

#include "base/handoff.h"
#include "decode/decode.h"
#include "pixel/png_filter.h"

enum {
    SMALTI__PNG_GRAY = 0,
    SMALTI__PNG_RGB = 2,
    SMALTI__PNG_PALETTE = 3,
    SMALTI__PNG_GRAY_ALPHA = 4,
    SMALTI__PNG_RGBA = 6
};

#define SMALTI__PNG_TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct smalti__png_chunk {
    uint32_t type;       /* SMALTI__PNG_TYPE */
    uint32_t size;       /* bytes of data */
    size_t offset;       /* of the chunk in the file */
    const uint8_t *data; /* borrowed from the source */
} smalti__png_chunk;

/* A piece of the filtered image, inflated at once. */
typedef struct smalti__png_slab {
    uint8_t *memory; /* room for what the slab before left over, then the slab's bytes */
    size_t made;     /* of those; fewer than a slab only at the end of what there is */
    size_t offset;   /* in the file, behind what the slab was made of */
    smalti_result result;
    smalti_error error;
} smalti__png_slab;

enum { SMALTI__PNG_SLABS = 3 };

typedef struct smalti__png {
    smalti__decoder base;

    /* From the head of the file. */
    uint32_t color, depth;     /* as in IHDR */
    uint32_t stored_channels;  /* samples in a stored pixel */
    size_t row_bytes;          /* of a stored row, without its filter byte */
    size_t filter_bpp;         /* distance of the filters: bytes of a stored pixel, at least 1 */
    size_t pixel_bytes;        /* of a delivered pixel */
    bool has_palette, has_key; /* has_key: a tRNS chunk adds an alpha channel */
    bool expand;               /* stored rows are not what is delivered */
    uint8_t palette[256][4];   /* RGBA; opaque black where the file has no entry */
    uint32_t palette_count;
    uint16_t key[3];
    size_t idat_offset; /* of the first IDAT chunk */

    /* The compressed stream: IDAT chunks one after the other. The thread's, while there is one. */
    struct inflate_state *inflate; /* from the pool */
    size_t offset;                 /* in the file: what the inflater gets next, or the chunk behind the IDATs */
    size_t chunk_offset;           /* of the IDAT chunk */
    size_t chunk_left;             /* data of it that the inflater has not got yet */
    uint32_t chunk_crc;            /* of its type and data so far */
    bool in_chunk, chunks_done, stream_done;
    uint64_t bytes_left; /* of the filtered image that are not yet inflated */

    /* Slabs of it: one, or several that a thread fills in turn. */
    smalti__png_slab slabs[SMALTI__PNG_SLABS];
    uint32_t slab_count, slab; /* how many there are, and the one that is in use */
    size_t slab_head, slab_bytes;
    smalti__handoff ahead;
    bool threaded; /* ahead is open */

    /* Filtered rows: [begin, end) of the buffer, which is the slab in use, is not yet undone; what stands before begin is
     * the row above. */
    uint8_t *buffer;
    size_t begin, end;
    size_t filled_offset; /* in the file, behind what they were made of */
    bool cut; /* no more rows can be had from damaged data (lenient) */
    bool warned_filter, warned_index, warned_missing;

    uint8_t
        *above; /* the row above the next one (delivered form) for a read's first row; zeros for an interlaced pass */
    uint8_t *frame; /* interlaced: the whole image, unless it is reduced */
    uint32_t shrink; /* interlaced: boxes of 2^shrink × 2^shrink pixels become one */
    void *sums; /* … of the channels of each box, colors multiplied by alpha: uint32_t, of 16-bit samples uint64_t */
    uint8_t *line; /* interlaced: one row of a pass in delivered samples */
    bool frame_done;
    const smalti__png_filters *filters;
} smalti__png;

/* png_chunk.c */
/* Damage that a lenient decoder can go on from: a warning then (result OK), else the error. */
smalti_result smalti__png_damage(smalti__png *png, smalti_error *error, smalti_result code, uint64_t offset,
                                 const char *format, ...) SMALTI__PRINTF(5, 6);
void smalti__png_warn(const smalti__png *png, const char *format, ...) SMALTI__PRINTF(2, 3);
/* The chunk at offset. Its checksum is not looked at. FORMAT_TRUNCATED when it does not end inside the file. */
smalti_result smalti__png_chunk_at(const smalti__png *png, size_t offset, smalti__png_chunk *chunk,
                                   smalti_error *error);
smalti_result smalti__png_chunk_check(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error);
size_t smalti__png_chunk_end(const smalti__png_chunk *chunk);
/* IHDR up to the first IDAT. */
smalti_result smalti__png_read_head(smalti__png *png, smalti_error *error);
/* All that stands behind the last IDAT, up to IEND. */
smalti_result smalti__png_check_tail(smalti__png *png, smalti_error *error);

/* png_metadata.c: a chunk that is wrong or too large is dropped with a warning. */
smalti_result smalti__png_metadata_chunk(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error);
/* Looks for metadata behind the pixels, as long as that costs little. */
smalti_result smalti__png_metadata_tail(smalti__png *png, smalti_error *error);

/* png_stream.c */
void smalti__png_stream_start(smalti__png *png);
/* Inflates at most room bytes to out. *made is less only at the end of what there is. */
smalti_result smalti__png_inflate(smalti__png *png, uint8_t *out, size_t room, size_t *made, smalti_error *error);
/* Behind the last row: the end of the compressed data and of the IDAT chunks. */
smalti_result smalti__png_stream_finish(smalti__png *png, smalti_error *error);

/* png_slabs.c */
size_t smalti__png_slabs_bytes(const smalti__png *png);
smalti_result smalti__png_slabs_start(smalti__png *png, smalti_error *error);
/* An error when there is no use in going on: a stop, or a thread that is to end. */
smalti_result smalti__png_slabs_ended(smalti__png *png, smalti_error *error);
/* Ends the thread. */
void smalti__png_slabs_stop(smalti__png *png);
void smalti__png_slabs_free(smalti__png *png);
/* Makes the buffer hold a row of row_bytes behind its filter byte; keep bytes before begin are kept. False when there is
 * no such row (lenient: cut is set). */
smalti_result smalti__png_fill(smalti__png *png, size_t row_bytes, size_t keep, bool *have, smalti_error *error);

/* png_rows.c */
size_t smalti__png_work_bytes(const smalti__png *png);
smalti_result smalti__png_rows_start(smalti__png *png, smalti_error *error);
smalti_result smalti__png_rows_read(smalti__png *png, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error);
/* png_adam7.c */
uint64_t smalti__png_adam7_bytes(const smalti__png *png); /* of the filtered image */
smalti_result smalti__png_adam7_decode(smalti__png *png, smalti_error *error);
/* png_reduce.c */
void smalti__png_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height);
size_t smalti__png_sums_bytes(const smalti__png *png); /* SIZE_MAX: too many */
/* Adds a row of a pass, in delivered samples: pixels of the image's row y at x, x + step … */
void smalti__png_sums_add(smalti__png *png, const uint8_t *row, uint32_t width, uint32_t x, uint32_t step, uint32_t y);
/* Row y of the reduced image. */
void smalti__png_sums_row(const smalti__png *png, uint8_t *dst, uint32_t y);

/* png_expand.c: width pixels as they are delivered. */
void smalti__png_expand(smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width);

/* Bytes of a stored row of so many pixels, without the filter byte. */
static inline size_t smalti__png_row_bytes(const smalti__png *png, uint32_t width)
{
    return (size_t)(((uint64_t)width * png->stored_channels * png->depth + 7) / 8);
}

/* The filter of the row that begins at row, its filter byte. An unknown one is an error, or none at all when lenient. */
smalti_result smalti__png_filter_of(smalti__png *png, const uint8_t *row, uint32_t *filter, smalti_error *error);

#endif
