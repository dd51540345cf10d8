/* SPDX-License-Identifier: Apache-2.0
 * The head of a PNM, PAM or PFM file (netpbm's pbm(5), pgm(5), ppm(5), pam(5), pfm(5)). */
#ifndef SMALTI_SRC_DECODE_PNM_H
#define SMALTI_SRC_DECODE_PNM_H

#include "decode/decode.h"

typedef struct smalti__pnm_head {
    char kind; /* what stands behind the P: '1' … '7', 'f', 'F' */
    uint32_t width, height;
    uint32_t channels; /* as stored and as delivered */
    uint32_t maxval;   /* 1 … 65535; of PFM 0 */
    bool ascii;
    bool bits;          /* P4: packed, 1 is black */
    bool black_is_one;  /* P1, P4 */
    bool little_endian; /* PFM */
    size_t offset;      /* of the first sample */
} smalti__pnm_head;

bool smalti__pnm_probe(const uint8_t *data, size_t size);
/* FORMAT, FORMAT_TRUNCATED or UNSUPPORTED with the offset. */
smalti_result smalti__pnm_head_parse(const smalti__source *source, smalti__pnm_head *head, smalti_error *error);

/* Where tokens are read; errors name their offset. */
typedef struct smalti__pnm_text {
    const smalti__source *source;
    size_t at;
} smalti__pnm_text;

/* The next decimal number behind white space and comments. */
smalti_result smalti__pnm_number(smalti__pnm_text *text, uint32_t most, uint32_t *number, smalti_error *error);
/* P1: the next digit 0 or 1, which no space need follow. */
smalti_result smalti__pnm_bit(smalti__pnm_text *text, uint32_t *bit, smalti_error *error);

#endif
