/* SPDX-License-Identifier: Apache-2.0
 * Huffman tables for photographs: fixed, but made from photographs, by bench/jpeg_tables.c. */
#ifndef SMALTI_SRC_JPEG_TABLES_H
#define SMALTI_SRC_JPEG_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SMALTI__JPEG_TABLES = 6 };

/* How many codes have 1 … 16 bits; their symbols in the order of the codes. */
typedef struct smalti__jpeg_dc_table {
    uint8_t counts[16], symbols[12];
} smalti__jpeg_dc_table;
typedef struct smalti__jpeg_ac_table {
    uint8_t counts[16], symbols[162];
} smalti__jpeg_ac_table;

typedef struct smalti__jpeg_table_set {
    int quality; /* the highest that it was made for */
    smalti__jpeg_dc_table dc[2]; /* luma, chroma */
    smalti__jpeg_ac_table ac[2];
} smalti__jpeg_table_set;

extern const smalti__jpeg_table_set smalti__jpeg_table_sets[SMALTI__JPEG_TABLES];

/* Those for a quality of 1 … 100. */
const smalti__jpeg_table_set *smalti__jpeg_tables(int quality);
/* Whether a symbol can occur at all in 8-bit JPEG made from samples, quantised by quant (zigzag order): what cannot need
 * not stand in the file. */
bool smalti__jpeg_dc_possible(uint8_t symbol, const uint16_t quant[64]);
bool smalti__jpeg_ac_possible(uint8_t symbol, const uint16_t quant[64]);

#endif
