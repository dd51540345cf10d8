/* SPDX-License-Identifier: Apache-2.0
 * Chunks of DWA, made from coefficients without any library but the one for deflate: for tests of the decoder and for seeds.
 * Everything is small; nothing is freed but by the caller. */
#ifndef SMALTI_TEST_EXR_DWA_H
#define SMALTI_TEST_EXR_DWA_H

#include "test.h"

#include <libdeflate.h>

typedef struct dwa_bytes {
    uint8_t data[1 << 18];
    size_t size;
} dwa_bytes;

static inline void dwa_put(dwa_bytes *to, uint64_t value, uint32_t width)
{
    for (uint32_t i = 0; i < width; i++)
        to->data[to->size++] = (uint8_t)(value >> 8 * i);
}

static inline void dwa_append(dwa_bytes *to, const dwa_bytes *from)
{
    memcpy(to->data + to->size, from->data, from->size);
    to->size += from->size;
}

static inline void dwa_deflate(dwa_bytes *buffer)
{
    static uint8_t packed[1 << 18];
    struct libdeflate_compressor *deflate = libdeflate_alloc_compressor(6);
    if (buffer->size)
        buffer->size = libdeflate_zlib_compress(deflate, buffer->data, buffer->size, packed, sizeof packed);
    libdeflate_free_compressor(deflate);
    memcpy(buffer->data, packed, buffer->size);
}

/* The form of ZIP. */
static inline void dwa_split(dwa_bytes *buffer)
{
    static uint8_t split[1 << 18];
    size_t half = buffer->size / 2;
    for (size_t i = 0; i < half; i++)
        split[i] = buffer->data[2 * i], split[half + i] = buffer->data[2 * i + 1];
    for (size_t i = buffer->size; i-- > 1;)
        split[i] = (uint8_t)(split[i] - split[i - 1] + 128);
    memcpy(buffer->data, split, buffer->size);
}

/* ---- run lengths ---- */

static inline void dwa_runs(dwa_bytes *buffer)
{
    static dwa_bytes out;
    out.size = 0;
    for (size_t i = 0, run; i < buffer->size; i += run) {
        for (run = 1; run < 128 && i + run < buffer->size && buffer->data[i + run] == buffer->data[i];)
            run++;
        dwa_put(&out, run > 2 ? run - 1 : (uint64_t)-(int64_t)run, 1);
        for (size_t k = 0; k < (run > 2 ? 1 : run); k++)
            dwa_put(&out, buffer->data[i + k], 1);
    }
    *buffer = out;
}

/* ---- Huffman ---- */

typedef struct dwa_bits {
    dwa_bytes *to;
    uint32_t used; /* bits of the last byte */
    uint64_t total;
} dwa_bits;

static inline void dwa_bits_put(dwa_bits *bits, uint64_t value, uint32_t count)
{
    while (count-- > 0) {
        if (bits->used % 8 == 0)
            dwa_put(bits->to, 0, 1);
        bits->to->data[bits->to->size - 1] |= (uint8_t)((value >> count & 1) << (7 - bits->used % 8));
        bits->used++, bits->total++;
    }
}

/* Lengths for count symbols: nearly the same, or (skewed) 1, 2, 3, … */
static inline uint32_t dwa_code_length(uint32_t index, uint32_t count, bool skewed)
{
    uint32_t longest = 1;
    if (skewed)
        return index + 1 < count ? index + 1 : count - 1;
    while (1u << longest < count)
        longest++;
    return index < (1u << longest) - count ? longest - 1 : longest;
}

/* Codes are numbered from the longest ones. */
static inline void dwa_number_codes(const uint8_t *lengths, uint64_t *codes, uint32_t count)
{
    uint64_t code = 0;
    for (uint32_t length = 58; length; length--, code /= 2)
        for (uint32_t i = 0; i < count; i++)
            if (lengths[i] == length)
                codes[i] = code++;
}

static inline void dwa_put_lengths(dwa_bits *bits, const uint8_t *lengths, uint32_t least, uint32_t greatest)
{
    for (uint32_t i = least, run; i <= greatest; i += run) {
        for (run = 0; run < 261 && i + run <= greatest && !lengths[i + run];)
            run++;
        if (run >= 6) {
            dwa_bits_put(bits, 63, 6);
            dwa_bits_put(bits, run - 6, 8);
        } else if (run >= 2) {
            dwa_bits_put(bits, 59 + run - 2, 6);
        } else {
            dwa_bits_put(bits, lengths[i], 6);
            run = 1;
        }
    }
}

/* Values of 16 bits; runs: with the symbol that repeats. */
static inline void dwa_huffman(dwa_bytes *buffer, bool skewed, bool runs)
{
    static dwa_bytes out;
    static uint8_t lengths[65537];
    static uint64_t codes[65537];
    uint32_t least = 65536, greatest = 0, used = 1, index = 0;
    memset(lengths, 0, sizeof lengths);
    for (size_t i = 0; i < buffer->size; i += 2) {
        uint32_t value = buffer->data[i] | (uint32_t)buffer->data[i + 1] << 8;
        used += !lengths[value], lengths[value] = 1;
        least = value < least ? value : least, greatest = value > greatest ? value : greatest;
    }
    lengths[++greatest] = 1; /* the one that repeats */
    for (uint32_t i = least; i <= greatest; i++)
        if (lengths[i])
            lengths[i] = (uint8_t)dwa_code_length(index++, used, skewed);
    dwa_number_codes(lengths, codes, greatest + 1);
    out.size = 0;
    for (int i = 0; i < 5; i++)
        dwa_put(&out, i == 0 ? least : i == 1 ? greatest : 0, 4);
    dwa_bits bits = {.to = &out};
    dwa_put_lengths(&bits, lengths, least, greatest);
    bits = (dwa_bits){.to = &out};
    for (size_t i = 0, run; i < buffer->size; i += 2 * run) {
        uint32_t value = buffer->data[i] | (uint32_t)buffer->data[i + 1] << 8;
        dwa_bits_put(&bits, codes[value], lengths[value]);
        for (run = 1; runs && run < 256 && i + 2 * run < buffer->size &&
                      !memcmp(buffer->data + i, buffer->data + i + 2 * run, 2);)
            run++;
        if (run > 1) {
            dwa_bits_put(&bits, codes[greatest], lengths[greatest]);
            dwa_bits_put(&bits, run - 1, 8);
        }
    }
    for (uint32_t i = 0; i < 4; i++)
        out.data[12 + i] = (uint8_t)(bits.total >> 8 * i);
    *buffer = out;
}

/* ---- a chunk ---- */

/* Sections before they are packed. */
typedef struct dwa_chunk {
    uint32_t version;
    bool deflated, skewed, runs; /* how the coefficients are packed */
    dwa_bytes rules, plain, ac, dc, raw;
    dwa_bytes packed; /* the result */
} dwa_chunk;

static inline void dwa_rule(dwa_chunk *chunk, const char *suffix, int color, uint32_t scheme, bool any_case,
                            uint32_t type)
{
    for (const char *c = suffix; *c; c++)
        dwa_put(&chunk->rules, (uint8_t)*c, 1);
    dwa_put(&chunk->rules, 0, 1);
    dwa_put(&chunk->rules, (uint64_t)(color + 1) << 4 | scheme << 2 | any_case, 1);
    dwa_put(&chunk->rules, type, 1);
}

static inline void dwa_pack(dwa_chunk *chunk)
{
    uint64_t numbers[11] = {chunk->version, chunk->plain.size};
    numbers[7] = chunk->raw.size, numbers[8] = chunk->ac.size / 2, numbers[9] = chunk->dc.size / 2;
    numbers[10] = chunk->deflated;
    dwa_runs(&chunk->raw);
    numbers[6] = chunk->raw.size;
    dwa_split(&chunk->dc);
    if (!chunk->deflated && chunk->ac.size)
        dwa_huffman(&chunk->ac, chunk->skewed, chunk->runs);
    else
        dwa_deflate(&chunk->ac);
    dwa_deflate(&chunk->plain), dwa_deflate(&chunk->dc), dwa_deflate(&chunk->raw);
    numbers[2] = chunk->plain.size, numbers[3] = chunk->ac.size;
    numbers[4] = chunk->dc.size, numbers[5] = chunk->raw.size;
    chunk->packed.size = 0;
    for (int i = 0; i < 11; i++)
        dwa_put(&chunk->packed, numbers[i], 8);
    if (chunk->version == 2) {
        dwa_put(&chunk->packed, chunk->rules.size + 2, 2);
        dwa_append(&chunk->packed, &chunk->rules);
    }
    dwa_append(&chunk->packed, &chunk->plain);
    dwa_append(&chunk->packed, &chunk->ac);
    dwa_append(&chunk->packed, &chunk->dc);
    dwa_append(&chunk->packed, &chunk->raw);
}

#endif
