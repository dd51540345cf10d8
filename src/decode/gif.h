/* SPDX-License-Identifier: Apache-2.0
 * Inside of the GIF decoder (GIF89a specification): blocks, and the LZW data of one image. No library: the format is small. */
#ifndef SMALTI_SRC_GIF_H
#define SMALTI_SRC_GIF_H

#include "decode/decode.h"

/* What becomes of a frame before the next is drawn. */
enum { SMALTI__GIF_KEEP = 1, SMALTI__GIF_CLEAR = 2, SMALTI__GIF_RESTORE = 3 };

typedef struct smalti__gif_frame {
    uint32_t x, y, width, height; /* as stored: may reach beyond the canvas */
    uint32_t duration_ms;
    uint32_t disposal;
    int32_t transparent; /* index, or -1 */
    bool interlaced;
    size_t palette_offset; /* in the source */
    uint32_t colors;
    size_t data_offset; /* of the LZW code size */
    size_t next; /* offset of what follows */
} smalti__gif_frame;

typedef struct smalti__gif_span {
    size_t offset, size; /* in the source; 0, 0: absent */
} smalti__gif_span;

typedef struct smalti__gif_head {
    uint32_t width, height; /* of the canvas */
    size_t palette_offset; /* the global one */
    uint32_t colors; /* 0: there is none */
    uint32_t frames, loops, duration_ms;
    uint32_t depth; /* bits of an index of the first frame */
    bool alpha; /* something may be transparent */
    bool restores; /* some frame is to be taken away again */
    bool truncated; /* the file ends before its trailer */
    size_t largest_width; /* of a frame */
    size_t first_block;
    smalti__gif_span xmp; /* packet */
    smalti__gif_span icc; /* sub-blocks; size is that of the profile */
    smalti__gif_frame first;
} smalti__gif_head;

/* Walks all blocks, without decoding an image. FORMAT, FORMAT_TRUNCATED with the offset. */
smalti_result smalti__gif_head_parse(const smalti__source *source, smalti__gif_head *head, smalti_error *error);
/* The next frame at or behind offset; FORMAT_TRUNCATED when there is none. */
smalti_result smalti__gif_frame_at(const smalti__source *source, const smalti__gif_head *head, size_t offset,
                                   smalti__gif_frame *frame, smalti_error *error);
/* Joins the sub-blocks of a span. */
void smalti__gif_join(const smalti__source *source, const smalti__gif_span *span, uint8_t *out);

enum { SMALTI__GIF_CODES = 4096 };

typedef enum smalti__gif_state {
    SMALTI__GIF_GOING,
    SMALTI__GIF_ENDED, /* by its end code, or no more sub-blocks */
    SMALTI__GIF_CUT,   /* by the end of the file */
    SMALTI__GIF_BAD    /* a code that cannot be */
} smalti__gif_state;

/* The indices of one image. */
typedef struct smalti__gif_lzw {
    const uint8_t *data; /* of the source */
    size_t size, at;
    uint32_t block; /* bytes left in the sub-block */
    uint64_t bits;
    uint32_t bit_count;
    uint32_t root_bits, code_bits, next_code, previous; /* previous: SMALTI__GIF_CODES: none */
    smalti__gif_state state;
    uint32_t pending; /* indices that did not fit, at the end of string */
    uint16_t prefix[SMALTI__GIF_CODES], length[SMALTI__GIF_CODES];
    uint8_t suffix[SMALTI__GIF_CODES], first[SMALTI__GIF_CODES];
    uint8_t string[SMALTI__GIF_CODES];
} smalti__gif_lzw;

/* false: a code size that cannot be, or none. */
bool smalti__gif_lzw_begin(smalti__gif_lzw *lzw, const smalti__source *source, size_t offset);
/* Writes up to count indices; fewer when state is no longer GOING. */
size_t smalti__gif_lzw_read(smalti__gif_lzw *lzw, uint8_t *out, size_t count);

#endif
