/* SPDX-License-Identifier: Apache-2.0
 * Pixels of EXR chunks: decompressing one (pixels.c, core.c), and going through its samples row by row and channel by
 * channel without touching those that nobody wants. */
#ifndef SMALTI_SRC_EXR_PIXELS_H
#define SMALTI_SRC_EXR_PIXELS_H

#include "exr/dwa.h"
#include "exr/exr.h"
#include "exr/unpack.h"

/* What decompresses the chunks of a part: of one thread. */
typedef struct smalti__exr_codec {
    const smalti_exr_part *part;
    struct libdeflate_decompressor *inflate; /* ZIP, ZIPS, DWAA, DWAB */
    struct smalti__exr_dwa *dwa;             /* DWAA, DWAB */
    struct smalti__exr_core *core;           /* PIZ, PXR24, B44, B44A: the library's */
} smalti__exr_codec;

/* A chunk's bytes. */
typedef struct smalti__exr_bytes {
    const uint8_t *data; /* in the packed bytes, or in the room */
    size_t size;
    bool split; /* in the form of ZIP (unpack.h); else rows of channels of little-endian samples */
} smalti__exr_bytes;

/* UNSUPPORTED and a reason (static or in text), when chunks of this part cannot be decoded. */
smalti_result smalti__exr_codec_check(const smalti_exr_part *part, char *text, size_t text_size);
/* Upper bound of what a codec takes for chunks of at most so many bytes. */
size_t smalti__exr_codec_bytes(const smalti_exr_part *part, size_t chunk_bytes);
smalti_result smalti__exr_codec_open(smalti__exr_codec *codec, const smalti_exr_part *part, smalti_error *error);
/* Samples of no other channels (of the part) will be looked at: these alone need be decompressed. */
void smalti__exr_codec_want(smalti__exr_codec *codec, const uint32_t *channels, uint32_t count);
void smalti__exr_codec_close(smalti__exr_codec *codec); /* fine for a zeroed struct */
/* Decompresses a chunk. room has its decoded size. FORMAT, or NOMEM; *problem says what. */
smalti_result smalti__exr_codec_run(smalti__exr_codec *codec, const smalti__exr_chunk *chunk, const uint8_t *packed,
                                    size_t packed_size, uint8_t *room, smalti__exr_bytes *bytes, const char **problem);

/* Runs → exactly size bytes. false: src does not hold them. */
bool smalti__exr_rle_undo(const uint8_t *src, size_t src_size, uint8_t *dst, size_t size);

/* RLE, ZIPS and ZIP undone: exactly size bytes, in the form of ZIP. false: they are damaged. */
bool smalti__exr_codec_undo(const smalti__exr_codec *codec, const uint8_t *packed, size_t packed_size, uint8_t *room,
                            size_t size);

/* The chunk at begin, the entry of its offset table: what is stored of it lies in the file's size bytes at data (deep: the table of counts, then the samples). FORMAT and
 * *problem, which says what is wrong. */
smalti_result smalti__exr_chunk_locate(const smalti_exr *exr, const smalti__exr_chunk *chunk, uint32_t part_index,
                                       const uint8_t *data, uint64_t size, const uint8_t **packed, size_t *packed_size,
                                       const char **problem);

/* Most bytes that a chunk of a level of this part has, decoded; SIZE_MAX: too many. */
size_t smalti__exr_chunk_most(const smalti_exr_part *part);

/* ---- The library, behind one file ---- */

struct smalti__exr_core *smalti__exr_core_open(const smalti_exr_part *part); /* NULL: no memory */
void smalti__exr_core_close(struct smalti__exr_core *core);
/* false: the bytes are not what the compression makes. */
bool smalti__exr_core_run(struct smalti__exr_core *core, const smalti__exr_chunk *chunk, const uint8_t *packed,
                          size_t packed_size, uint8_t *room, size_t size);

/* Makes PIZ of chunks of at most rows rows; all channels have this type. NULL: no memory. */
struct smalti__exr_core_encoder *smalti__exr_core_encoder_open(uint32_t width, uint32_t rows, uint32_t channels,
                                                               smalti_exr_sample sample);
void smalti__exr_core_encoder_close(struct smalti__exr_core_encoder *encoder);
/* Upper bound of what it takes for chunks of so many bytes. */
size_t smalti__exr_core_encoder_bytes(size_t chunk_bytes);
/* Compresses rows of channels. to has as much room as they take, and gets something when *packed_size is less than that.
 * false: no memory. */
bool smalti__exr_core_encoder_run(struct smalti__exr_core_encoder *encoder, const uint8_t *bytes, uint32_t rows,
                                  uint8_t *to, size_t *packed_size);

/* ---- Samples ---- */

/* A place in a chunk's bytes, which only goes on. */
typedef struct smalti__exr_cursor {
    const smalti__exr_unpack *unpack;
    const uint8_t *bytes; /* NULL: there are none, all samples are 0 */
    size_t at, passed; /* bytes taken and passed over; passed: since they were last accounted for */
    size_t half; /* split: bytes of each kind */
    bool split;
    uint8_t even, odd; /* split: sums so far */
} smalti__exr_cursor;

void smalti__exr_cursor_begin(smalti__exr_cursor *cursor, const smalti__exr_unpack *unpack,
                              const smalti__exr_bytes *bytes);
static inline void smalti__exr_cursor_skip(smalti__exr_cursor *cursor, size_t size)
{
    cursor->passed += size;
}
/* The next size bytes (an even number), in the order of the file; perhaps in scratch, which has 2 × size. */
const uint8_t *smalti__exr_cursor_take(smalti__exr_cursor *cursor, size_t size, uint8_t *scratch);

/* Samples to float: halves and floats as they are, integers as numbers. */
void smalti__exr_samples_float(const smalti__exr_unpack *unpack, smalti_exr_sample sample, const uint8_t *bytes,
                               float *dst, size_t count);

#endif
