/* SPDX-License-Identifier: Apache-2.0
 * What the files of the EXR decoder share: exr.c (opening, life), exr_select.c (which part and channels), exr_bands.c (chunks
 * → bands of rows, also ahead of the caller), exr_rows.c (bands → pixels), exr_deep.c (deep data, which is flattened chunk by chunk), exr_preview.c. */
#ifndef SMALTI_SRC_DECODE_EXR_H
#define SMALTI_SRC_DECODE_EXR_H

#include "base/handoff.h"
#include "decode/decode.h"
#include "exr/deep.h"
#include "exr/pixels.h"

enum { SMALTI__EXR_SLOTS = 3, SMALTI__EXR_PLANES = 4 };

/* A channel that is wanted. */
typedef struct smalti__exr_pick {
    uint32_t channel; /* of the part */
    uint32_t plane;   /* 0 red or gray or luma, 1 green or RY, 2 blue or BY, 3 alpha */
} smalti__exr_pick;

/* A row of chunks. */
typedef struct smalti__exr_slot {
    uint8_t *memory;  /* decoded bytes: chunks_across × chunk_bytes */
    smalti__exr_cursor *cursors; /* of its chunks */
    smalti__exr_bytes *bytes;    /* of its chunks */
    smalti_result result;
    smalti_error error;     /* what result says, or what was lost */
    uint32_t lost;          /* lenient: chunks that are black */
    uint64_t offset;        /* in the file: behind its last chunk */
} smalti__exr_slot;

typedef struct smalti__exr_decoder {
    smalti__decoder base; /* first */
    smalti_exr *exr;      /* owned */
    const smalti_exr_part *part;
    uint32_t part_index, level;
    smalti_exr_box window; /* of the level's pixels */
    smalti_exr_box canvas; /* what is delivered */

    /* exr_select.c: in the order of the file */
    smalti__exr_pick picks[SMALTI__EXR_PLANES];
    uint32_t pick_count;
    bool chroma;     /* Y, RY, BY */
    bool subsampled; /* any pick */
    float luma[3];   /* of the primaries */

    /* exr_bands.c */
    struct smalti__exr_decoder *leader; /* whose bands are read too, row by row behind it; NULL: its own */
    bool leads; /* others: all channels are decoded */
    uint32_t band_rows, band_count, first_band; /* rows of a band; bands of the level; the first that is wanted */
    uint32_t first_chunk, chunks_across;        /* tiles that are wanted: from … so many */
    size_t chunk_bytes;                         /* most, decoded */
    uint32_t slot_count;
    smalti__exr_slot slots[SMALTI__EXR_SLOTS];
    smalti__exr_codec codec;
    smalti__handoff ahead;
    bool threaded;
    bool warned;
    uint32_t band, slot; /* of the rows that are being read */
    uint64_t furthest;   /* in the file: what has been read of it, while that grows */

    /* exr_preview.c */
    const uint8_t
        *preview; /* in the file: pixels of the preview, which is delivered instead of the part's; NULL: not */

    /* exr_deep.c */
    bool is_deep; /* chunks become rows of the picks, as floats */
    smalti__exr_deep deep;
    uint64_t deep_bytes; /* of all samples, unpacked */

    /* exr_rows.c */
    const smalti__exr_unpack *unpack;
    uint32_t row;                        /* of the window: the next one to be fetched */
    uint8_t *scratch;                    /* pool: everything below */
    uint8_t *bytes;                      /* of a channel's row in a chunk, twice */
    float *samples;                      /* of a channel's row, subsampled */
    float *planes[2][SMALTI__EXR_PLANES]; /* rows that were fetched; chroma's are for two rows */
    float *mixed[3];                     /* chroma: the row as R, G, B */
} smalti__exr_decoder;

/* exr_select.c: sets part, level, windows and picks by the options. */
smalti_result smalti__exr_select(smalti__exr_decoder *self, smalti_error *error);
/* Changes level and windows to the smallest level that has at least so many pixels in each direction, where a level of the
 * whole image may stand for it. */
void smalti__exr_choose_level(smalti__exr_decoder *self, uint32_t width, uint32_t height);
/* UNSUPPORTED and a reason when the part's chunks cannot be decoded, or not as the options are. */
smalti_result smalti__exr_can_decode(const smalti__exr_decoder *self, const smalti_exr_part *part, char *text,
                                     size_t text_size);
/* By number or name; -1: there is none. */
int64_t smalti__exr_find_part(const smalti_exr_header *header, const char *wanted);
/* Sets the same by a channel: the image that its layer makes (no picks: none), or the channel alone. */
smalti_result smalti__exr_select_cell(smalti__exr_decoder *self, uint32_t part_index, uint32_t channel, bool alone,
                                      smalti_error *error);
/* Limits of pixels, of what is delivered and of what is decoded for it. */
smalti_result smalti__exr_check_pixels(const smalti__exr_decoder *self, smalti_error *error);
/* … and fills in info by them. */
void smalti__exr_describe(smalti__exr_decoder *self);

/* … and keeps the part's attributes, for an output that can hold them. */
smalti_result smalti__exr_keep_attributes(smalti__exr_decoder *self, smalti_error *error);

/* exr_bands.c */
size_t smalti__exr_bands_bytes(smalti__exr_decoder *self); /* upper bound of its memory; SIZE_MAX: too much */
smalti_result smalti__exr_bands_start(smalti__exr_decoder *self, smalti_error *error);
/* Makes the band that has a row of the window, counted from 0, the slot's. Rows come in order. */
smalti_result smalti__exr_bands_get(smalti__exr_decoder *self, uint32_t row, smalti_error *error);
void smalti__exr_bands_end(smalti__exr_decoder *self);

/* Which chunk is the i-th of the band's that are wanted. */
void smalti__exr_bands_chunk(const smalti__exr_decoder *self, uint32_t band, uint32_t i, smalti__exr_chunk *chunk);

/* exr_deep.c */
/* Which of a part's channels are what, by the picks; looks at the heads of the chunks that are wanted. Gives the upper bound
 * of what flattening takes beside the slots; SIZE_MAX: too much. */
size_t smalti__exr_deep_prepare(smalti__exr_decoder *self);
/* Most bytes that a chunk has, flattened. */
size_t smalti__exr_deep_chunk_most(const smalti__exr_decoder *self);
smalti_result smalti__exr_deep_start(smalti__exr_decoder *self, smalti_error *error);
smalti_result smalti__exr_deep_make(smalti__exr_decoder *self, const smalti__exr_chunk *chunk, const uint8_t *stored,
                                    size_t stored_size, uint8_t *room, smalti__exr_bytes *bytes, const char **problem);
void smalti__exr_deep_end(smalti__exr_decoder *self);

/* exr_preview.c */
smalti_result smalti__exr_preview_take(smalti__exr_decoder *self, smalti_error *error);
void smalti__exr_preview_row(const smalti__exr_decoder *self, uint32_t row, uint8_t *dst);

/* exr_rows.c */
size_t smalti__exr_rows_bytes(const smalti__exr_decoder *self);
smalti_result smalti__exr_rows_start(smalti__exr_decoder *self, smalti_error *error);
smalti_result smalti__exr_rows_get(smalti__exr_decoder *self, uint32_t row, float *dst, smalti_error *error);
void smalti__exr_rows_end(smalti__exr_decoder *self);

static inline uint32_t smalti__exr_box_width(const smalti_exr_box *box)
{
    return (uint32_t)((int64_t)box->max_x - box->min_x + 1);
}
static inline uint32_t smalti__exr_box_height(const smalti_exr_box *box)
{
    return (uint32_t)((int64_t)box->max_y - box->min_y + 1);
}
/* First and last row or column of a that is in b, counted from a's first; false: none. */
static inline bool smalti__exr_overlap(int32_t a_min, int32_t a_max, int32_t b_min, int32_t b_max, uint32_t *first,
                                       uint32_t *last)
{
    int32_t from = a_min > b_min ? a_min : b_min, to = a_max < b_max ? a_max : b_max;
    *first = (uint32_t)((int64_t)from - a_min);
    *last = (uint32_t)((int64_t)to - a_min);
    return from <= to;
}

#endif
