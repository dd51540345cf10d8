/* SPDX-License-Identifier: Apache-2.0
 * What size and score to expect of a quality: where a search begins, and how it goes on from what it has seen. */
#ifndef SMALTI_SRC_SEARCH_MODEL_H
#define SMALTI_SRC_SEARCH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct smalti__search_model smalti__search_model;

/* Of a format whose quality is a choice; NULL of others. */
const smalti__search_model *smalti__search_model_of(const char *format);
/* The mean over photographs. */
double smalti__search_expect_score(const smalti__search_model *model, uint32_t quality);
double smalti__search_expect_bits(const smalti__search_model *model, uint32_t quality); /* log2 of bits of a pixel */
/* The quality from which as good a look is to be expected as from JPEG's. */
uint32_t smalti__search_match(const smalti__search_model *model, uint32_t jpeg_quality);

/* A search for the lowest quality whose value (a score, or bits) reaches wanted, between two that are known or may not be
 * passed. */
typedef struct smalti__search_bracket {
    double (*expect)(const smalti__search_model *model, uint32_t quality);
    const smalti__search_model *model;
    double wanted;
    uint32_t low, high; /* below, and reaching it; at first one less and one more than allowed */
    bool low_seen, high_seen; /* their values are known, and are so much above what is expected: */
    double low_offset, high_offset;
    uint32_t steps; /* values seen */
} smalti__search_bracket;

/* low and high are next to each other. */
bool smalti__search_done(const smalti__search_bracket *bracket);
/* The next quality to try. */
uint32_t smalti__search_next(const smalti__search_bracket *bracket);
/* Its value; NaN: it counts as reaching wanted, but is not known. */
void smalti__search_seen(smalti__search_bracket *bracket, uint32_t quality, double value);

#endif
