/* SPDX-License-Identifier: Apache-2.0
 * What writing a JPEG file with libjpeg takes, from pixels or from coefficients: the way to a sink, errors by longjmp,
 * metadata. */
#ifndef SMALTI_SRC_JPEG_OUTPUT_H
#define SMALTI_SRC_JPEG_OUTPUT_H

#include "encode/encode.h"

#include <setjmp.h>

#include <jpeglib.h>

enum { SMALTI__JPEG_BLOCK = 64 * 1024 /* bytes written at a time */ };

typedef struct smalti__jpeg_output {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    struct jpeg_progress_mgr progress;
    smalti__sink *sink;                  /* borrowed */
    const smalti__encode_params *params; /* borrowed */
    uint8_t *block; /* SMALTI__JPEG_BLOCK bytes; pool */

    /* of the call under way */
    smalti_error *error;
    jmp_buf jump;
    smalti_result code;
} smalti__jpeg_output;

/* Takes the block; sink and params (pool, metadata, stop, warn) are borrowed until close. */
smalti_result smalti__jpeg_output_open(smalti__jpeg_output *out, smalti__sink *sink,
                                       const smalti__encode_params *params, smalti_error *error);
/* Makes out->jpeg, in a protected call. */
void smalti__jpeg_output_create(smalti__jpeg_output *out);
/* Fine for a zeroed struct. */
void smalti__jpeg_output_close(smalti__jpeg_output *out);
/* libjpeg leaves by longjmp when something is wrong: here is where it lands. */
smalti_result smalti__jpeg_output_protect(smalti__jpeg_output *out, void (*call)(void *user), void *user,
                                          smalti_error *error);
/* In a protected call: ends it. */
_Noreturn void smalti__jpeg_output_leave(smalti__jpeg_output *out, smalti_result code);
/* Behind jpeg_start_compress or jpeg_write_coefficients, in a protected call: EXIF, XMP and ICC of params->metadata. */
void smalti__jpeg_output_metadata(smalti__jpeg_output *out);

#endif
