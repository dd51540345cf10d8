/* SPDX-License-Identifier: Apache-2.0
 * One encoding of the image in memory, and how it looks decoded again. */
#ifndef SMALTI_SRC_SEARCH_TRIAL_H
#define SMALTI_SRC_SEARCH_TRIAL_H

#include "encode/search.h"

enum { SMALTI__SEARCH_ROWS = 64, SMALTI__SEARCH_NOTES = 4 };

/* The image that is tried. */
typedef struct smalti__search_frame {
    smalti__shape shape;
    size_t pitch;
    uint8_t *data;  /* pool */
    uint8_t *strip; /* SMALTI__SEARCH_ROWS rows of shape.width × 4 × 4 bytes, twice; pool */
    bool opaque;    /* or has no alpha */
    const uint8_t *background;
} smalti__search_frame;

typedef struct smalti__trial {
    smalti__encode_params params; /* what it was encoded with */
    const smalti__encoder_format *format;
    double score; /* NaN: not known */
    uint8_t *data; /* owned; NULL: larger than the limit */
    size_t size;
    uint32_t note_count;
    char notes[SMALTI__SEARCH_NOTES][160]; /* what the encoder warned of */
} smalti__trial;

/* No pixel lets anything through. */
bool smalti__search_opaque(const smalti__search_frame *frame);
/* The shape in which a format gets the image. */
smalti_result smalti__trial_shape(const smalti__search_frame *frame, const smalti__encoder_format *format,
                                  smalti__shape *shape, smalti_error *error);
/* Encodes with trial->format and params. More than limit bytes: OK, with no data, and size SIZE_MAX. */
smalti_result smalti__trial_encode(smalti__trial *trial, const smalti__search_frame *frame, size_t limit,
                                   smalti_error *error);
/* Decodes trial->data and scores it. */
smalti_result smalti__trial_score(smalti__trial *trial, const smalti__search_frame *frame, smalti_error *error);
void smalti__trial_clear(smalti__trial *trial);

/* What decoding and scoring take, at most. */
size_t smalti__trial_score_bytes(uint32_t width, uint32_t height);

#endif
