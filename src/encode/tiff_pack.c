/* SPDX-License-Identifier: Apache-2.0
 * TIFF's own ways of making rows smaller: predictors 2 and 3, LZW (section 13), PackBits (section 9). */
#include "encode/tiff.h"

/* ---- predictors ---- */

static void difference8(uint8_t *row, size_t count, uint32_t step)
{
    for (size_t i = count; i-- > step;)
        row[i] = (uint8_t)(row[i] - row[i - step]);
}

static void difference16(uint16_t *row, size_t count, uint32_t step)
{
    for (size_t i = count; i-- > step;)
        row[i] = (uint16_t)(row[i] - row[i - step]);
}

/* Adobe's Technical Note 3: first the highest bytes of all samples, at last the lowest, then differences of bytes. */
static void sort_bytes(uint8_t *row, size_t count, uint8_t *line)
{
    memcpy(line, row, count * 4);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, line + i * 4, 4);
        for (int byte = 0; byte < 4; byte++)
            row[(size_t)byte * count + i] = (uint8_t)(bits >> (24 - 8 * byte));
    }
}

void smalti__tiff_predict(void *row, uint32_t width, uint32_t channels, smalti_sample sample, uint8_t *line)
{
    size_t count = (size_t)width * channels;
    if (sample == SMALTI_SAMPLE_U8) {
        difference8(row, count, channels);
    } else if (sample == SMALTI_SAMPLE_U16) {
        difference16(row, count, channels);
    } else {
        sort_bytes(row, count, line);
        difference8(row, count * 4, channels);
    }
}

/* ---- LZW ---- */

enum {
    CLEAR = 256,
    END = 257,
    FIRST = 258,
    LEAST_BITS = 9,
    MOST_BITS = 12,
    LAST = (1 << MOST_BITS) - 2 /* a decoder that is one code behind still reads MOST_BITS */
};

typedef struct bit_writer {
    uint8_t *out;
    uint64_t bits;
    uint32_t count;
} bit_writer;

static inline void put(bit_writer *to, uint32_t code, uint32_t width)
{
    to->bits = to->bits << width | code;
    to->count += width;
    while (to->count >= 8) {
        to->count -= 8;
        *to->out++ = (uint8_t)(to->bits >> to->count);
    }
}

/* A code takes at most 12 bits and stands for at least a byte; clears are one in thousands. */
size_t smalti__tiff_lzw_bound(size_t size)
{
    return size + size / 2 + size / 512 + 16;
}

/* The place of a string, or the free one where it belongs. */
static inline size_t find(const smalti__tiff_lzw *lzw, uint32_t key)
{
    size_t at = (key * 2654435761u) >> (32 - 13);
    while (lzw->key[at] && lzw->key[at] != key + 1)
        at = (at + 1) % SMALTI__TIFF_LZW_TABLE;
    return at;
}

size_t smalti__tiff_lzw_encode(smalti__tiff_lzw *lzw, const uint8_t *in, size_t size, uint8_t *out)
{
    bit_writer to = {.out = out};
    uint32_t next = FIRST, width = LEAST_BITS, prefix = in[0]; /* size is at least 1 */
    memset(lzw->key, 0, sizeof lzw->key);
    put(&to, CLEAR, width);
    for (size_t i = 1; i < size; i++) {
        uint32_t key = prefix << 8 | in[i];
        size_t at = find(lzw, key);
        if (lzw->key[at]) {
            prefix = lzw->code[at];
            continue;
        }
        put(&to, prefix, width);
        prefix = in[i];
        lzw->key[at] = key + 1;
        lzw->code[at] = (uint16_t)next++;
        if (next == LAST) {
            put(&to, CLEAR, width);
            memset(lzw->key, 0, sizeof lzw->key);
            next = FIRST;
            width = LEAST_BITS;
        } else if (next == 1u << width && width < MOST_BITS) {
            width++; /* the decoder, one string behind, is at its (1 << width) - 1: TIFF's early change */
        }
    }
    put(&to, prefix, width);
    /* a decoder makes an entry of this code too, and may go to the next width */
    if (++next == 1u << width && width < MOST_BITS)
        width++;
    put(&to, END, width);
    if (to.count)
        put(&to, 0, 8 - to.count);
    return (size_t)(to.out - out);
}

/* ---- PackBits ---- */

enum { LONGEST = 128 };

size_t smalti__tiff_packbits_bound(size_t row_bytes)
{
    return row_bytes + row_bytes / LONGEST + 2;
}

static size_t run_length(const uint8_t *in, size_t size)
{
    size_t length = 1;
    while (length < size && length < LONGEST && in[length] == in[0])
        length++;
    return length;
}

size_t smalti__tiff_packbits_row(const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t *start = out;
    while (size) {
        size_t run = run_length(in, size), count = run;
        if (run >= 3) {
            *out++ = (uint8_t)(257 - run);
            *out++ = in[0];
        } else {
            /* bytes up to the next run that is worth one */
            while (count < size && count < LONGEST && run_length(in + count, size - count) < 3)
                count++;
            *out++ = (uint8_t)(count - 1);
            memcpy(out, in, count);
            out += count;
        }
        in += count;
        size -= count;
    }
    return (size_t)(out - start);
}
