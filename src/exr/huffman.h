/* SPDX-License-Identifier: Apache-2.0
 * The Huffman code of PIZ, which DWA has for its coefficients of 16 bits. */
#ifndef SMALTI_SRC_EXR_HUFFMAN_H
#define SMALTI_SRC_EXR_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMALTI__EXR_HUFFMAN_SYMBOLS = 65537, /* values, and one that repeats the last value */
    SMALTI__EXR_HUFFMAN_LENGTHS = 59,
    SMALTI__EXR_HUFFMAN_FAST = 12 /* bits that are looked up at once */
};

/* Scratch of a decoder, a third of a megabyte: of one thread. */
typedef struct smalti__exr_huffman {
    uint8_t lengths[SMALTI__EXR_HUFFMAN_SYMBOLS];
    uint32_t symbols[SMALTI__EXR_HUFFMAN_SYMBOLS];      /* in the order of their lengths, then of their values */
    uint32_t counts[SMALTI__EXR_HUFFMAN_LENGTHS];       /* of symbols of a length */
    uint32_t begins[SMALTI__EXR_HUFFMAN_LENGTHS];       /* in symbols */
    uint64_t first[SMALTI__EXR_HUFFMAN_LENGTHS];        /* the smallest code of a length */
    uint32_t fast[1 << SMALTI__EXR_HUFFMAN_FAST];       /* symbol × 256 + length; 0: longer */
} smalti__exr_huffman;

/* Decodes exactly count values to little-endian bytes at dst. false: src does not hold them. */
bool smalti__exr_huffman_run(smalti__exr_huffman *huffman, const uint8_t *src, size_t size, uint8_t *dst, size_t count);

#endif
