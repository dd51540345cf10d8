/* SPDX-License-Identifier: Apache-2.0
 * DWAA and DWAB, undone by our own code: dwa.c (a chunk's sections), dwa_rules.c (which channels are compressed how),
 * dwa_dct.c (blocks of 8 × 8 samples), huffman.c (their coefficients).
 *
 * A chunk has 11 numbers of 64 bits, rules for channels (from version 2 on), and four sections: channels that no rule names
 * (deflated), coefficients but the first of each block (Huffman or deflated), the first ones (in the form of ZIP), channels
 * like alpha (run lengths, then deflated). */
#ifndef SMALTI_SRC_EXR_DWA_H
#define SMALTI_SRC_EXR_DWA_H

#include "exr/huffman.h"
#include "exr/unpack.h"

#include "exr/exr.h"

typedef enum smalti__exr_dwa_scheme {
    SMALTI__EXR_DWA_PLAIN = 0, /* as they are in the file */
    SMALTI__EXR_DWA_DCT = 1,
    SMALTI__EXR_DWA_RLE = 2
} smalti__exr_dwa_scheme;

typedef struct smalti__exr_dwa_channel {
    const smalti_exr_channel *channel;
    const char *suffix; /* of its name: behind the last dot */
    size_t prefix_size; /* before that dot */
    bool wanted;
    smalti__exr_dwa_scheme scheme;
    int8_t color; /* 0 … 2: red, green, blue for the rules; −1 */
    bool in_set;  /* with two others, as luma and chroma */
    /* of the chunk at work */
    size_t width, height, blocks; /* samples; blocks of 8 × 8 */
    size_t first_row;             /* in smalti__exr_dwa.rows */
} smalti__exr_dwa_channel;

/* Channels that are one colour: red, green, blue. */
typedef struct smalti__exr_dwa_set {
    uint32_t channels[3];
} smalti__exr_dwa_set;

typedef struct smalti__exr_dwa {
    const smalti_exr_part *part;
    const smalti__exr_unpack *unpack;
    struct libdeflate_decompressor *inflate; /* borrowed */
    smalti__exr_dwa_channel *channels;       /* owned, like what follows */
    uint32_t *order; /* channels by what is before the last dot, then by their order: each group can be a set */
    smalti__exr_dwa_set *sets;
    uint32_t set_count;
    uint8_t *rules; /* of the last chunk, as stored: classified once while they stay */
    size_t rules_size, rules_room;
    bool classified;
    smalti__exr_huffman *huffman; /* once it is needed */
    uint8_t *work; /* sections of the chunk at work */
    size_t work_room;
    size_t *rows; /* where rows of channels begin in a chunk's bytes */
    size_t row_room;
} smalti__exr_dwa;

/* ---- dwa.c ---- */

/* inflate is borrowed until it is closed. NULL: no memory. */
smalti__exr_dwa *smalti__exr_dwa_open(const smalti_exr_part *part, struct libdeflate_decompressor *inflate);
void smalti__exr_dwa_close(smalti__exr_dwa *dwa);
/* Upper bound of its memory for chunks of width × rows pixels; SIZE_MAX: too much. */
size_t smalti__exr_dwa_bytes(const smalti_exr_part *part, uint64_t width, uint64_t rows);
/* room has the chunk's decoded size; rows of channels that are not wanted may stay as they are. FORMAT, NOMEM. */
smalti_result smalti__exr_dwa_run(smalti__exr_dwa *dwa, const smalti__exr_chunk *chunk, const uint8_t *packed,
                                  size_t packed_size, uint8_t *room);

/* ---- dwa_rules.c ---- */

/* Fills in what of the channels depends on their names alone. false: no memory. */
bool smalti__exr_dwa_name_channels(smalti__exr_dwa *dwa);
/* Sets scheme, color, in_set and the sets by the rules as they stand in a chunk; NULL: those of versions 0 and 1. false:
 * they are damaged, or say what cannot be. */
bool smalti__exr_dwa_classify(smalti__exr_dwa *dwa, const uint8_t *rules, size_t size);

/* ---- dwa_dct.c ---- */

/* Channels that are decoded together: three of a set, or one. */
typedef struct smalti__exr_dwa_blocks {
    const smalti__exr_unpack *unpack;
    const uint8_t *ac, *ac_end; /* coefficients: goes on */
    const uint8_t *dc; /* the first ones: a plane for each channel */
    const uint16_t *linear; /* what halves mean; NULL: themselves */
    uint32_t count; /* 1, 3 */
    size_t width, height;
    struct {
        const size_t *rows; /* where they begin in room */
        bool wide; /* floats */
    } planes[3];
    bool wanted;
} smalti__exr_dwa_blocks;

/* false: there are too few coefficients. */
bool smalti__exr_dwa_decode(smalti__exr_dwa_blocks *blocks, uint8_t *room);

/* Halves as DWA stores them → light. Made when first asked for. */
const uint16_t *smalti__exr_dwa_linear(void);

/* Coefficients in columns (the first 8 are those of the first column) → samples in rows. A table, like unpack.h. */
typedef void smalti__exr_dwa_inverse_fn(float samples[64], const float coefficients[64]);
smalti__exr_dwa_inverse_fn smalti__exr_dwa_inverse_c;

#endif
