/* SPDX-License-Identifier: Apache-2.0
 * Deep data to flat pixels: the samples of a chunk (deep.c), and one pixel's samples put over each other (deep_pixel.c). */
#ifndef SMALTI_SRC_EXR_DEEP_H
#define SMALTI_SRC_EXR_DEEP_H

#include "exr/pixels.h"

enum { SMALTI__EXR_DEEP_CHANNELS = 4 };

/* What becomes of a channel's samples. */
typedef enum smalti__exr_deep_rule {
    SMALTI__EXR_DEEP_OVER,    /* colours, premultiplied: put over each other */
    SMALTI__EXR_DEEP_ALPHA,   /* the alpha of all together */
    SMALTI__EXR_DEEP_NEAREST, /* depths and integers, which cannot be mixed: the nearest sample's that is seen */
} smalti__exr_deep_rule;

/* The samples of a pixel, or of a row of them: floats, one after the other. */
typedef struct smalti__exr_deep_samples {
    const float *z, *back; /* where a sample begins and ends; the same for a surface. NULL: they come in order */
    const float *alpha;    /* NULL: all are opaque */
    const float *values[SMALTI__EXR_DEEP_CHANNELS];
} smalti__exr_deep_samples;

/* Memory for one pixel: indices of its samples. */
typedef struct smalti__exr_deep_order {
    uint32_t *near, *far, *spare; /* count each */
} smalti__exr_deep_order;

/* Puts count samples over each other; out gets a number for each of channels. Surfaces that lie at one depth are taken in the
 * order of the file. Volumes (those with a back behind their front) absorb and glow evenly along their length; where they overlap, what
 * lies in a slice of depth is mixed as the document "Interpreting OpenEXR Deep Pixels" says, for all slices in
 * n log n. */
void smalti__exr_deep_pixel(const smalti__exr_deep_samples *samples, uint32_t count, uint32_t channels,
                            const smalti__exr_deep_rule *rules, const smalti__exr_deep_order *order, float *out);

/* ---- Chunks ---- */

typedef struct smalti__exr_deep {
    const smalti_exr_part *part;
    const smalti__exr_unpack *unpack;
    smalti__exr_codec *codec; /* borrowed */
    uint32_t channels; /* that are wanted */
    uint32_t wanted[SMALTI__EXR_DEEP_CHANNELS]; /* in the order of the file */
    smalti__exr_deep_rule rules[SMALTI__EXR_DEEP_CHANNELS];
    int32_t z, back, alpha; /* channels; -1: there is none */
    size_t sample_bytes; /* of all channels */
    size_t pixels_most, unpacked_most; /* of a chunk, from the heads that were looked at */
    uint8_t *memory; /* the caller's, of smalti__exr_deep_bytes */
} smalti__exr_deep;

/* Which channels are what: wanted ones in the order of the file, in layer (for its alpha; NULL: none). */
void smalti__exr_deep_begin(smalti__exr_deep *deep, const smalti_exr_part *part, const uint32_t *wanted,
                            uint32_t channels, const char *layer);
/* Looks at a chunk's head, before there is memory: what stands there is not believed where the stored bytes cannot become so
 * many. *unpacked gets the bytes of its samples; 0 for a chunk that is not there or wrong, which fails when it is read. */
void smalti__exr_deep_measure(smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                              uint32_t part_index, const uint8_t *data, uint64_t size, uint64_t *unpacked);
/* Memory for the chunks that were measured; SIZE_MAX: too much. */
size_t smalti__exr_deep_bytes(const smalti__exr_deep *deep);
/* Decompresses a chunk and flattens it: rows of channels of floats to dst, as wide as the chunk. stored: as
 * smalti__exr_chunk_locate gives it. FORMAT and *problem. */
smalti_result smalti__exr_deep_run(smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                                   const uint8_t *stored, size_t stored_size, float *dst, const char **problem);

/* The check of a chunk that the structural one found good, without flattening: stored is what is behind its head. The bytes of
 * memory that it needs; false: its sizes are impossible. Then whether it can be decompressed, and its counts are those of its
 * samples; FORMAT and *problem. */
bool smalti__exr_deep_check_bytes(const smalti__exr_deep *deep, const smalti_exr *exr, const smalti__exr_chunk *chunk,
                                  const uint8_t *stored, size_t *bytes);
smalti_result smalti__exr_deep_check(const smalti__exr_deep *deep, const smalti_exr *exr,
                                     const smalti__exr_chunk *chunk, const uint8_t *stored, uint8_t *memory,
                                     const char **problem);

#endif
