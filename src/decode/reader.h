/* SPDX-License-Identifier: Apache-2.0
 * A decoder whose rows come upright: as they are where the orientation allows, else out of a whole frame. */
#ifndef SMALTI_SRC_DECODE_READER_H
#define SMALTI_SRC_DECODE_READER_H

#include <smalti/job.h>

#include "decode/decode.h"
#include "pixel/convert.h"

typedef struct smalti__reader {
    smalti__decoder *decoder; /* owned */
    smalti__pool *pool;
    smalti_stats *stats;  /* decode_ns and converted_bytes are added to */
    uint32_t orientation; /* applied: 1…8 */
    smalti__shape stored, upright;
    size_t frame_bytes; /* what start will take for a frame; 0 when rows are streamed */
    size_t frame_pitch;
    uint8_t *frame;
    uint32_t row; /* next row that read gives */
} smalti__reader;

/* Opens the decoder of a source (borrowed until reader_close); orient: apply the EXIF orientation. */
smalti_result smalti__reader_open(smalti__reader *reader, smalti__source *source, const smalti__decode_options *options,
                                  bool orient, smalti_stats *stats, smalti_error *error);
smalti_result smalti__reader_start(smalti__reader *reader, smalti_error *error);
smalti_result smalti__reader_read(smalti__reader *reader, void *dst, size_t pitch, uint32_t rows, smalti_error *error);
smalti_result smalti__reader_finish(smalti__reader *reader, smalti_error *error);
void smalti__reader_close(smalti__reader *reader); /* fine for a zeroed struct */

#endif
