/* SPDX-License-Identifier: Apache-2.0
 * Decodes the Huffman code of PIZ. Five numbers of 32 bits (least and greatest symbol, bytes of the table, bits of the data,
 * reserved), the lengths of the codes, the codes. The greatest symbol is no value: 8 bits behind it say how many more times
 * the last value comes. */
#include "exr/huffman.h"

#include <string.h>

#include "exr/exr.h"

enum {
    HEAD_BYTES = 20,
    LENGTH_BITS = 6,
    SHORT_RUN = 59,  /* 59 … 62: 2 … 5 symbols without a code */
    LONG_RUN = 63,   /* 8 bits follow: so many and 6 */
    LONGEST_CODE =
        56, /* a code of L bits takes data of at least Fibonacci(L) values: 2³² bits do not need more than 45 */
    FAST = SMALTI__EXR_HUFFMAN_FAST
};

/* Bits from the highest to the lowest. */
typedef struct bit_reader {
    const uint8_t *at, *end;
    uint64_t window; /* the next ones, from the top; what is below the count is the bytes at at, or 0 */
    uint32_t count;
} bit_reader;

/* At least 57 bits, where there are so many. */
static inline void refill(bit_reader *bits)
{
    if (bits->end - bits->at >= 8) {
        uint64_t next = (uint64_t)smalti__be32(bits->at) << 32 | smalti__be32(bits->at + 4);
        bits->window |= next >> bits->count;
        bits->at += (63 - bits->count) >> 3;
        bits->count |= 56;
        return;
    }
    while (bits->count <= 56 && bits->at < bits->end) {
        bits->window |= (uint64_t)*bits->at++ << (56 - bits->count);
        bits->count += 8;
    }
}

/* false: there are not so many. count is 1 … 56. */
static inline bool take(bit_reader *bits, uint32_t count, uint32_t *value)
{
    if (bits->count < count)
        return false;
    *value = (uint32_t)(bits->window >> (64 - count));
    bits->window <<= count;
    bits->count -= count;
    return true;
}

/* ---- the table ---- */

/* Lengths of the codes of least … greatest; *used gets the bytes that they take. */
static bool read_lengths(smalti__exr_huffman *huffman, const uint8_t *src, size_t size, uint32_t least,
                         uint32_t greatest, size_t *used)
{
    bit_reader bits = {.at = src, .end = src + size};
    uint64_t taken = 0;
    memset(huffman->counts, 0, sizeof huffman->counts);
    for (uint32_t symbol = least; symbol <= greatest;) {
        uint32_t length, run = 1;
        refill(&bits);
        if (!take(&bits, LENGTH_BITS, &length))
            return false;
        taken += LENGTH_BITS;
        if (length == LONG_RUN) {
            if (!take(&bits, 8, &run))
                return false;
            taken += 8;
            run += 6;
        } else if (length >= SHORT_RUN) {
            run = length - SHORT_RUN + 2;
        }
        if (length >= SHORT_RUN)
            length = 0;
        if (run > greatest + 1 - symbol || length > LONGEST_CODE)
            return false;
        huffman->counts[length] += run;
        memset(huffman->lengths + symbol, (int)length, run);
        symbol += run;
    }
    *used = (size_t)((taken + 7) / 8);
    return true;
}

/* Codes of a length follow each other, and longer ones are smaller. Every bit string has to begin with a code, which is
 * so in all trees with two symbols and more, and is what decoding relies on. */
static bool number_codes(smalti__exr_huffman *huffman)
{
    uint64_t code = 0;
    uint32_t begin = 0;
    for (uint32_t length = SMALTI__EXR_HUFFMAN_LENGTHS - 1; length; length--) {
        huffman->first[length] = code;
        code += huffman->counts[length];
        if (code % 2)
            return false;
        code /= 2;
    }
    for (uint32_t length = 1; length < SMALTI__EXR_HUFFMAN_LENGTHS; length++) {
        huffman->begins[length] = begin;
        begin += huffman->counts[length];
    }
    return code == 1;
}

static void sort_symbols(smalti__exr_huffman *huffman, uint32_t least, uint32_t greatest)
{
    uint32_t next[SMALTI__EXR_HUFFMAN_LENGTHS];
    memcpy(next, huffman->begins, sizeof next);
    for (uint32_t symbol = least; symbol <= greatest; symbol++)
        if (huffman->lengths[symbol])
            huffman->symbols[next[huffman->lengths[symbol]]++] = symbol;
}

static void fill_fast(smalti__exr_huffman *huffman)
{
    memset(huffman->fast, 0, sizeof huffman->fast);
    for (uint32_t length = 1; length <= FAST; length++)
        for (uint32_t i = 0; i < huffman->counts[length]; i++) {
            uint32_t entry = huffman->symbols[huffman->begins[length] + i] << 8 | length;
            uint32_t *at = huffman->fast + ((huffman->first[length] + i) << (FAST - length));
            for (uint32_t k = 0; k < 1u << (FAST - length); k++)
                at[k] = entry;
        }
}

/* ---- the data ---- */

/* What begins with no short code; 0: nothing does. */
static uint32_t find_long(const smalti__exr_huffman *huffman, uint64_t window)
{
    for (uint32_t length = FAST + 1; length <= LONGEST_CODE; length++) {
        uint64_t code = window >> (64 - length), index = code - huffman->first[length];
        if (code >= huffman->first[length] && index < huffman->counts[length])
            return huffman->symbols[huffman->begins[length] + index] << 8 | length;
    }
    return 0;
}

static bool decode(const smalti__exr_huffman *huffman, bit_reader bits, uint32_t repeat, uint8_t *dst, size_t count)
{
    uint8_t *begin = dst, *end = dst + 2 * count;
    while (dst < end) {
        uint32_t code;
        refill(&bits);
        uint32_t entry = huffman->fast[bits.window >> (64 - FAST)];
        if (!entry)
            entry = find_long(huffman, bits.window);
        if (!entry || !take(&bits, entry & 255, &code))
            return false;
        uint32_t symbol = entry >> 8;
        if (symbol != repeat) {
            dst[0] = (uint8_t)symbol, dst[1] = (uint8_t)(symbol >> 8);
            dst += 2;
            continue;
        }
        uint32_t run;
        refill(&bits);
        if (!take(&bits, 8, &run) || dst == begin || 2 * (size_t)run > (size_t)(end - dst))
            return false;
        for (; run; run--, dst += 2)
            dst[0] = dst[-2], dst[1] = dst[-1];
    }
    return true;
}

bool smalti__exr_huffman_run(smalti__exr_huffman *huffman, const uint8_t *src, size_t size, uint8_t *dst, size_t count)
{
    size_t used;
    if (size < HEAD_BYTES)
        return false;
    uint32_t least = smalti__le32(src), greatest = smalti__le32(src + 4);
    uint64_t data_bytes = ((uint64_t)smalti__le32(src + 12) + 7) / 8;
    src += HEAD_BYTES, size -= HEAD_BYTES;
    if (least > greatest || greatest >= SMALTI__EXR_HUFFMAN_SYMBOLS ||
        !read_lengths(huffman, src, size, least, greatest, &used) || !number_codes(huffman) || data_bytes > size - used)
        return false;
    sort_symbols(huffman, least, greatest);
    fill_fast(huffman);
    const bit_reader bits = {.at = src + used, .end = src + used + data_bytes};
    return decode(huffman, bits, greatest, dst, count);
}
