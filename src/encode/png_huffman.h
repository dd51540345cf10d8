/* SPDX-License-Identifier: Apache-2.0
 * Deflate (RFC 1951) without a search for matches: runs of one byte, and a dynamic Huffman code per block. Filtered rows
 * of photographs hardly repeat, so that this makes of them what zlib's level 6 makes, several times faster than any
 * search. The same bytes on every processor. */
#ifndef SMALTI_SRC_ENCODE_PNG_HUFFMAN_H
#define SMALTI_SRC_ENCODE_PNG_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMALTI__HUFFMAN_BLOCK = 65535,   /* most bytes of a block; also what one stored block can hold */
    SMALTI__HUFFMAN_SYMBOLS = 286,   /* literals, the end of the block, lengths */
    SMALTI__HUFFMAN_SHORTEST_RUN = 8,
    SMALTI__HUFFMAN_END_BYTES = 6,   /* of what smalti__huffman_put_end writes, at most */
    SMALTI__HUFFMAN_SLACK = 8,       /* overwritten behind what is written */
};

/* A stretch of literals, then a run of the byte before it; both may be 0 bytes long. */
typedef struct smalti__huffman_run {
    uint16_t literals, length;
} smalti__huffman_run;

/* A block on its way; nothing in it needs to be set before plan. */
typedef struct smalti__huffman {
    uint32_t run_count;
    uint32_t body_bits; /* of the block behind its code lengths */
    uint32_t head_bits;
    bool stored;
    uint32_t counts[SMALTI__HUFFMAN_SYMBOLS];
    uint8_t lengths[SMALTI__HUFFMAN_SYMBOLS];
    uint32_t codes[SMALTI__HUFFMAN_SYMBOLS]; /* bits to be written << 8 | how many */
    uint8_t head[SMALTI__HUFFMAN_SYMBOLS + 16];  /* code lengths as the block's head gives them: symbols 0…18 … */
    uint8_t head_extra[SMALTI__HUFFMAN_SYMBOLS + 16]; /* … and what follows them */
    uint32_t head_count, head_lengths, head_codes[19]; /* head_codes as codes */
    smalti__huffman_run runs[SMALTI__HUFFMAN_BLOCK / SMALTI__HUFFMAN_SHORTEST_RUN + 2];
} smalti__huffman;

/* Where bits go; begins with zeros and out. */
typedef struct smalti__huffman_bits {
    uint8_t *out;
    uint64_t bits;
    uint32_t count; /* 0…7 between blocks */
} smalti__huffman_bits;

/* Makes the code of a block of 1…SMALTI__HUFFMAN_BLOCK bytes. Returns the most bytes that put will write. */
size_t smalti__huffman_plan(smalti__huffman *block, const uint8_t *in, size_t size);
/* Writes the block that was planned last, of the same bytes. */
void smalti__huffman_put(const smalti__huffman *block, smalti__huffman_bits *bits, const uint8_t *in, size_t size,
                         bool last);
/* Fills up the last byte: with zeros behind the last block, with an empty stored block (byte-aligned) otherwise. */
void smalti__huffman_put_end(smalti__huffman_bits *bits, bool last);

#endif
