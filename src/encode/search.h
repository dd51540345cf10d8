/* SPDX-License-Identifier: Apache-2.0
 * An encoder that looks for its own settings: it keeps the image, encodes it several times into memory, and lets the best
 * result through: the most that fits so many bytes, the least that looks so good, the smallest of several formats. */
#ifndef SMALTI_SRC_SEARCH_H
#define SMALTI_SRC_SEARCH_H

#include "encode/encode.h"

enum {
    SMALTI__SEARCH_CANDIDATES = 6,
    SMALTI__SEARCH_TRIALS = 8 /* encodings of one format, at most */
};

typedef struct smalti__search_options {
    const smalti__encoder_format *candidates[SMALTI__SEARCH_CANDIDATES];
    uint32_t candidate_count; /* 1… */
    size_t max_bytes; /* 0: no limit. Where a format has no quality (PNG), effort and then colours give way. */
    double target_score; /* 0: none; as smalti__score, up to 100 */
    uint32_t least_quality, most_quality; /* 0: 1, 100 */
    bool score; /* score the result also when nothing depends on it */
    uint8_t background[3]; /* for formats without alpha */
} smalti__search_options;

/* What was chosen. */
typedef struct smalti__search_outcome {
    const smalti__encoder_format *format;
    uint32_t quality; /* 0: the format has none, or is lossless */
    uint32_t colors; /* of a palette made to fit; 0: none */
    double score; /* NaN: not known. Below target_score when most_quality does not reach it */
    size_t bytes;
    uint32_t encodes, scores;
    uint64_t encode_ns, score_ns; /* of all of them; decoding counts as scoring */
} smalti__search_outcome;

/* Upper bound of what the search takes, its encoders, decoders and outputs included. */
size_t smalti__search_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                                 const smalti__encode_params *params, const smalti__search_options *options);
/* Used like any encoder: (*encoder)->format has write, finish and close. seed: as for the formats' own open, but of any
 * samples and channels; format is not looked at. params.quality holds where nothing else says one; among several formats it
 * is JPEG's, and the others get what looks alike. Finish writes the winner to the sink. Its errors: LIMIT names the
 * smallest size that was reached when nothing fits; what params.stop says, between encodings too. A format that cannot hold
 * the image (its size, its alpha) is left out while there is another. */
smalti_result smalti__search_open(const smalti__encoder *seed, const smalti__search_options *options,
                                  smalti__encoder **encoder, smalti_error *error);
/* After finish; borrowed until close. */
const smalti__search_outcome *smalti__search_outcome_of(const smalti__encoder *encoder);

#endif
