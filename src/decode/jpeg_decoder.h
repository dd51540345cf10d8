/* SPDX-License-Identifier: Apache-2.0
 * The state of a JPEG decoder, shared by its files: jpeg.c (rows), jpeg_planes.c (planes), jpeg_dc.c (an
 * eighth, from little), jpeg_guard.c (what libjpeg calls back: input, messages, progress; and where its longjmp lands). */
#ifndef SMALTI_SRC_JPEG_DECODER_H
#define SMALTI_SRC_JPEG_DECODER_H

#include "decode/decode.h"
#include "decode/jpeg_head.h"

#include <setjmp.h>

#include <jpeglib.h>

struct smalti__jpeg_means;

typedef struct smalti__jpeg_decoder {
    smalti__decoder base; /* first */
    smalti__jpeg_head head;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    size_t input_bytes; /* of the source that libjpeg may see, for now */
    size_t safe_offset; /* in front of what is being parsed (files of several scans) */
    bool planar;        /* read_planes is used, not read */
    bool coarse;        /* planes of subsampled components are reduced as much as the others */
    void (*realize)(j_common_ptr common); /* libjpeg's own */
    smalti__planes unit; /* of read_planes */
    bool coefficients;  /* neither: start reads the coefficients */
    jvirt_barray_ptr *arrays; /* of each component's; jpeg's */
    bool dc_only;       /* see jpeg_dc.c */
    struct smalti__jpeg_means *means[4];
    uint32_t means_count;
    bool ended;         /* the input ran dry, an end marker was put in its place */
    bool broken;        /* lenient: no more rows to be had */
    uint32_t damages;   /* lenient: how often libjpeg warned */
    uint8_t *cmyk;      /* a few rows; pool */

    /* of the call under way */
    uint8_t *dst;
    size_t pitch;
    uint32_t rows;
    const smalti__planes *room;

    /* of the failure that ended it */
    jmp_buf jump;
    smalti_result code;
    uint64_t offset;
    char message[JMSG_LENGTH_MAX + 1];
} smalti__jpeg_decoder;

enum { SMALTI__JPEG_MISSING = 128 /* sample of rows that could not be decoded */ };

/* Makes jpeg with what it calls back; in a protected call. */
void smalti__jpeg_guard(smalti__jpeg_decoder *self);
/* Calls; returns the code of smalti__jpeg_leave or of libjpeg's own error, which is kept in self. */
smalti_result smalti__jpeg_protect(smalti__jpeg_decoder *self, void (*call)(smalti__jpeg_decoder *));
/* message may be self->message. */
_Noreturn void smalti__jpeg_leave(smalti__jpeg_decoder *self, smalti_result code, const char *message);
/* Reports the failure that protect returned. */
smalti_result smalti__jpeg_failed(const smalti__jpeg_decoder *self, smalti_error *error);
/* lenient, and what failed was the data. */
bool smalti__jpeg_forgivable(const smalti__jpeg_decoder *self);
/* Warns, when lenient, that rows from the next one on are missing; true: go on without them. false: an error. */
bool smalti__jpeg_forgive_rows(smalti__jpeg_decoder *self);
/* Offset in the source of what libjpeg reads next. */
size_t smalti__jpeg_position(const smalti__jpeg_decoder *self);
/* Tells the source what was used up. */
void smalti__jpeg_consumed(const smalti__jpeg_decoder *self);

/* Between open and start: start is to read the whole file and leave its coefficients in arrays. Sets work_bytes. */
void smalti__jpeg_want_coefficients(smalti__jpeg_decoder *self);

/* Between jpeg_read_header and jpeg_start_decompress, in a protected call. */
void smalti__jpeg_want_planes(smalti__jpeg_decoder *self);

/* In jpeg_dc.c. will_do: whether the planes that are wanted can be had from means alone. */
bool smalti__jpeg_dc_will_do(const smalti__jpeg_decoder *self);
uint64_t smalti__jpeg_dc_work_bytes(const smalti__jpeg_head *head);
/* Before input begins: how much of it libjpeg may see at first. And the next part; false: there is none. */
void smalti__jpeg_dc_begin(smalti__jpeg_decoder *self);
bool smalti__jpeg_dc_next(smalti__jpeg_decoder *self);
/* Between jpeg_read_header and jpeg_start_decompress, in a protected call. */
void smalti__jpeg_want_dc(smalti__jpeg_decoder *self);
void smalti__jpeg_dc_close(smalti__jpeg_decoder *self);

/* Of smalti__decoder_ops. */
bool smalti__jpeg_planar(smalti__decoder *decoder, bool fine, smalti__planes *image, smalti__planes *unit);
smalti_result smalti__jpeg_read_planes(smalti__decoder *decoder, smalti__planes *room, smalti_error *error);

#endif
