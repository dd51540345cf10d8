/* SPDX-License-Identifier: Apache-2.0
 * GIF files for tests, with a small LZW writer of their own. Include after test.h. */
#ifndef SMALTI_TEST_GIF_MAKE_H
#define SMALTI_TEST_GIF_MAKE_H

#include "webp_make.h" /* bytes */

typedef struct gif_frame_spec {
    uint32_t x, y, width, height;
    const uint8_t *indices;
    const uint8_t *palette; /* of its own, 1 << bits colours; may be NULL */
    uint32_t bits; /* of an index: 1…8 */
    uint32_t delay; /* hundredths */
    uint32_t disposal;
    int transparent; /* index; -1: none */
    bool interlaced;
    bool no_control; /* leave the graphic control extension out */
    uint32_t clear_after; /* codes between clear codes; 0: when the table is full */
} gif_frame_spec;

/* The order of rows in the file. */
static inline void gif_row_order(uint32_t *order, uint32_t height, bool interlaced)
{
    uint32_t count = 0;
    if (!interlaced)
        for (uint32_t y = 0; y < height; y++)
            order[count++] = y;
    for (uint32_t y = 0; interlaced && y < height; y += 8)
        order[count++] = y;
    for (uint32_t y = 4; interlaced && y < height; y += 8)
        order[count++] = y;
    for (uint32_t y = 2; interlaced && y < height; y += 4)
        order[count++] = y;
    for (uint32_t y = 1; interlaced && y < height; y += 2)
        order[count++] = y;
}

typedef struct gif_bits {
    bytes out;
    uint32_t value, count;
} gif_bits;

static inline void gif_put(gif_bits *bits, uint32_t code, uint32_t size)
{
    bits->value |= code << bits->count;
    for (bits->count += size; bits->count >= 8; bits->count -= 8, bits->value >>= 8)
        bytes_add_le(&bits->out, bits->value & 255, 1);
}

/* LZW by searching a table of children: [code][index]. */
static inline bytes gif_lzw(const uint8_t *indices, size_t count, uint32_t root_bits, uint32_t clear_after)
{
    uint16_t(*child)[256] = calloc(4096, sizeof *child);
    gif_bits bits = {0};
    uint32_t clear = 1u << root_bits, next = clear + 2, size = root_bits + 1, since = 0;
    gif_put(&bits, clear, size);
    uint32_t code = count ? indices[0] : clear + 1;
    for (size_t i = 1; i < count; i++) {
        uint32_t longer = child[code][indices[i]];
        if (longer) {
            code = longer;
            continue;
        }
        gif_put(&bits, code, size);
        if (next < 4096) {
            child[code][indices[i]] = (uint16_t)next;
            if (next++ == 1u << size && size < 12)
                size++;
        }
        code = indices[i];
        if (clear_after ? ++since == clear_after
                        : next == 4096 && ++since == 100) { /* some codes with the table full */
            gif_put(&bits, clear, size);
            memset(child, 0, 4096 * sizeof *child);
            next = clear + 2, size = root_bits + 1, since = 0;
        }
    }
    if (count)
        gif_put(&bits, code, size);
    /* the decoder's table grows one code behind: it may have come to the next size now */
    if (next < 4096 && next == 1u << size && size < 12)
        size++;
    if (count)
        gif_put(&bits, clear + 1, size);
    gif_put(&bits, 0, 7);
    free(child);
    return bits.out;
}

static inline void gif_add_blocks(bytes *to, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at += 255) {
        size_t part = size - at < 255 ? size - at : 255;
        bytes_add_le(to, (uint32_t)part, 1);
        bytes_add(to, data + at, part);
    }
    bytes_add_le(to, 0, 1);
}

static inline void gif_add_frame(bytes *to, const gif_frame_spec *frame)
{
    if (!frame->no_control) {
        bytes_add(to, "\x21\xf9\x04", 3);
        bytes_add_le(to, frame->disposal << 2 | (frame->transparent >= 0), 1);
        bytes_add_le(to, frame->delay, 2);
        bytes_add_le(to, frame->transparent >= 0 ? (uint32_t)frame->transparent : 0, 2);
    }
    bytes_add(to, "\x2c", 1);
    bytes_add_le(to, frame->x | frame->y << 16, 4);
    bytes_add_le(to, frame->width | frame->height << 16, 4);
    bytes_add_le(to, (frame->palette ? 0x80 | (frame->bits - 1) : 0) | (frame->interlaced ? 0x40 : 0), 1);
    if (frame->palette)
        bytes_add(to, frame->palette, (size_t)3 << frame->bits);
    uint32_t *order = malloc((frame->height + 1) * sizeof *order);
    size_t count = (size_t)frame->width * frame->height;
    uint8_t *ordered = malloc(count + 1);
    gif_row_order(order, frame->height, frame->interlaced);
    for (uint32_t y = 0; y < frame->height; y++)
        memcpy(ordered + (size_t)y * frame->width, frame->indices + (size_t)order[y] * frame->width, frame->width);
    uint32_t root_bits = frame->bits < 2 ? 2 : frame->bits;
    bytes coded = gif_lzw(ordered, count, root_bits, frame->clear_after);
    bytes_add_le(to, root_bits, 1);
    gif_add_blocks(to, coded.data, coded.size);
    free(coded.data);
    free(ordered);
    free(order);
}

/* Header, screen and global palette (1 << bits colours; NULL: none). */
static inline bytes gif_begin(uint32_t width, uint32_t height, const uint8_t *palette, uint32_t bits)
{
    bytes file = {0};
    bytes_add(&file, "GIF89a", 6);
    bytes_add_le(&file, width | height << 16, 4);
    bytes_add_le(&file, palette ? 0x80 | (bits - 1) : 0, 1);
    bytes_add_le(&file, 1, 2); /* background 1, which nobody is to see */
    if (palette)
        bytes_add(&file, palette, (size_t)3 << bits);
    return file;
}

static inline void gif_add_loops(bytes *to, uint32_t repeats)
{
    bytes_add(to, "\x21\xff\x0bNETSCAPE2.0\x03\x01", 16);
    bytes_add_le(to, repeats, 3);
}

static inline void gif_end(bytes *to)
{
    bytes_add(to, "\x3b", 1);
}

/* 1 << bits colours that differ. */
static inline void gif_palette(uint8_t *palette, uint32_t bits, uint32_t seed)
{
    for (uint32_t i = 0; i < 3u << bits; i++)
        palette[i] = (uint8_t)(i * 37 + seed * 101 + i / 3 * 5);
}

#endif
