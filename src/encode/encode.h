/* SPDX-License-Identifier: Apache-2.0
 * Encoders: the mirror of decoders; rows come in order and leave through a sink. */
#ifndef SMALTI_SRC_ENCODE_H
#define SMALTI_SRC_ENCODE_H

#include "decode/decode.h"
#include "pixel/convert.h"
#include "sink/sink.h"

typedef struct smalti__encode_params {
    uint32_t quality;     /* JPEG 1…100 */
    uint32_t subsampling; /* JPEG 420, 422, 444 */
    uint32_t png_effort;  /* PNG 1…9 */
    const smalti__metadata *metadata; /* what to write of it is already decided; borrowed; may be NULL */
    smalti__pool *pool;   /* may be NULL */
    void (*warn)(void *user, const char *message); /* of metadata that had to be dropped, by open; may be NULL */
    void *user;
} smalti__encode_params;

typedef struct smalti__encoder {
    const struct smalti__encoder_format *format;
    smalti__encode_params params;
    smalti__sink *sink; /* borrowed */
    uint32_t width, height, channels;
    smalti_sample sample;
    uint32_t row; /* next row that write expects */
} smalti__encoder;

typedef struct smalti__encoder_format {
    const char *name;
    const char *const *extensions; /* the first is used for new files */
    uint32_t samples;              /* bit (1 << smalti_sample) for each accepted */
    uint32_t channels;             /* bit (1 << n) for each accepted */
    uint32_t max_width, max_height;
    /* Upper bound of the memory that open and write take. */
    size_t (*work_bytes)(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params);
    /* Geometry, params and sink in *seed are set; *encoder is owned on success. */
    smalti_result (*open)(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error);
    /* Takes the next rows. May not depend on how they are grouped: the same bytes for every grouping. */
    smalti_result (*write)(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                           smalti_error *error);
    /* After the last row. */
    smalti_result (*finish)(smalti__encoder *encoder, smalti_error *error);
    void (*close)(smalti__encoder *encoder);
} smalti__encoder_format;

extern const smalti__encoder_format smalti__encoder_png;
extern const smalti__encoder_format smalti__encoder_jpeg;

extern const smalti__encoder_format *const smalti__encoder_formats[]; /* NULL-terminated */

/* Makes rows fit a format: its sample types (the widest it has, where the rows' own is missing), alpha only where it can.
 * LIMIT when the image is larger than the format allows. */
smalti_result smalti__encoder_fit(const smalti__encoder_format *format, smalti__shape *shape, smalti_error *error);

/* By name ("png") or extension ("jpg"), any case; NULL when there is none. */
const smalti__encoder_format *smalti__encoder_find(const char *name);

#endif
