/* SPDX-License-Identifier: Apache-2.0
 * Makes EXR files of deep data in memory, whatever the samples; written from the file's layout, apart from the code that is
 * tested. */
#ifndef SMALTI_TEST_DEEP_MAKE_H
#define SMALTI_TEST_DEEP_MAKE_H

#include "exr_make.h"

#include <libdeflate.h>
#include <math.h>

/* What a file has, for the make that is going on. */
typedef struct deep_content {
    uint32_t (*count)(int32_t x, int32_t y);                                /* of a pixel's samples */
    float (*value)(uint32_t channel, int32_t x, int32_t y, uint32_t sample); /* integers too */
} deep_content;

static deep_content deep_made;

/* Of a number that a normal half holds, or 0. */
static inline uint16_t deep_half(float value)
{
    int exponent;
    float fraction = frexpf(value, &exponent);
    return value > 0 ? (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048) & 1023)) : 0;
}

static inline void deep_put_sample(make *m, uint32_t type, float value)
{
    if (type == 1)
        make_bytes(m, &(uint16_t){deep_half(value)}, 2);
    else if (type == 2)
        make_f32(m, value);
    else
        make_u32(m, (uint32_t)value);
}

/* A run of at least three equal bytes, or bytes as they are. */
static inline size_t deep_rle(const uint8_t *from, size_t size, uint8_t *to)
{
    size_t made = 0;
    for (size_t at = 0; at < size;) {
        size_t run = 1, literal = 0;
        while (at + run < size && run < 128 && from[at + run] == from[at])
            run++;
        if (run >= 3) {
            to[made++] = (uint8_t)(run - 1), to[made++] = from[at], at += run;
            continue;
        }
        while (at + literal < size && literal < 127 &&
               !(at + literal + 2 < size && from[at + literal] == from[at + literal + 1] &&
                 from[at + literal] == from[at + literal + 2]))
            literal++;
        to[made++] = (uint8_t)-(int)literal;
        memcpy(to + made, from + at, literal);
        made += literal, at += literal;
    }
    return made;
}

/* Packs bytes as the compression does; as they are where that is not smaller. The result is owned. */
static inline uint8_t *deep_pack(int compression, const uint8_t *bytes, size_t size, size_t *packed_size)
{
    uint8_t *split = malloc(size + 1), *packed = malloc(2 * size + 64);
    for (size_t i = 0; i < size; i++)
        split[i / 2 + (i % 2 ? (size + 1) / 2 : 0)] = bytes[i];
    for (size_t i = size; i-- > 1;)
        split[i] = (uint8_t)(split[i] - split[i - 1] + 128);
    *packed_size = size;
    if (compression == 1) {
        *packed_size = deep_rle(split, size, packed);
    } else if (compression) {
        struct libdeflate_compressor *deflate = libdeflate_alloc_compressor(6);
        *packed_size = libdeflate_zlib_compress(deflate, split, size, packed, 2 * size + 64);
        libdeflate_free_compressor(deflate);
    }
    if (!compression || *packed_size >= size)
        memcpy(packed, size ? bytes : split, *packed_size = size);
    free(split);
    return packed;
}

/* Where a chunk is, in pixels of the data window. */
typedef struct deep_place {
    int32_t x, y;
    uint32_t width, height;
} deep_place;

static inline deep_place deep_locate(const make_part *part, int level, uint32_t x, uint32_t y)
{
    deep_place at = {part->window[0], part->window[1] + (int32_t)y, make_width(part), 1};
    if (!make_is_tiled(part))
        return at;
    uint32_t right = make_level(at.width, level, part->mode >> 4) - x * part->tile;
    uint32_t bottom = make_level(make_height(part), level, part->mode >> 4) - y * part->tile;
    return (deep_place){part->window[0] + (int32_t)(x * part->tile), part->window[1] + (int32_t)(y * part->tile),
                        right < part->tile ? right : part->tile, bottom < part->tile ? bottom : part->tile};
}

static inline void deep_bytes(const make_part *part, deep_place at, make *counts, make *samples)
{
    for (int32_t y = at.y; y < at.y + (int32_t)at.height; y++) {
        uint32_t sum = 0, c = 0;
        for (uint32_t x = 0; x < at.width; x++)
            make_u32(counts, sum += deep_made.count(at.x + (int32_t)x, y));
        const char *list = part->channels;
        for (make_channel channel; make_next_channel(&list, &channel); c++)
            for (int32_t x = at.x; x < at.x + (int32_t)at.width; x++)
                for (uint32_t s = 0; s < deep_made.count(x, y); s++)
                    deep_put_sample(samples, channel.type, deep_made.value(c, x, y, s));
    }
}

static inline void deep_chunk(make *m, int index, int level_x, int level_y, uint32_t x, uint32_t y, uint64_t number)
{
    const make_part *part = &m->parts[index];
    if (!make_is_deep(part)) {
        make_chunk(m, index, level_x, level_y, x, y, number);
        return;
    }
    make counts = {0}, samples = {0};
    size_t sizes[2];
    deep_bytes(part, deep_locate(part, level_x, x, y), &counts, &samples);
    uint8_t *packed_counts = deep_pack(part->compression, counts.data, counts.size, &sizes[0]);
    uint8_t *packed = deep_pack(part->compression, samples.data, samples.size, &sizes[1]);
    make_put_u64(m, make_table(m, index) + number * 8, m->size);
    if (m->flags & 0x1000)
        make_u32(m, (uint32_t)index);
    if (make_is_tiled(part))
        make_u32(m, x), make_u32(m, y), make_u32(m, (uint32_t)level_x), make_u32(m, (uint32_t)level_y);
    else
        make_u32(m, (uint32_t)((int32_t)y + part->window[1]));
    make_u64(m, sizes[0]), make_u64(m, sizes[1]), make_u64(m, samples.size);
    make_bytes(m, packed_counts, sizes[0]);
    make_bytes(m, packed, sizes[1]);
    free(packed_counts), free(packed);
    make_free(&counts), make_free(&samples);
}

/* Ends the headers, and writes tables and chunks: those of deep parts with the content. */
static inline void deep_finish(make *m, deep_content content)
{
    deep_made = content;
    if (m->flags & 0x1000)
        make_u8(m, 0);
    m->header_end = m->size;
    for (int i = 0; i < m->part_count; i++) {
        m->chunks[i] = make_each_chunk(m, i, NULL);
        make_bytes(m, NULL, m->chunks[i] * 8);
    }
    for (int i = 0; i < m->part_count; i++)
        make_each_chunk(m, i, deep_chunk);
}

/* A whole file of one part; m->data is owned: make_free. */
static inline void deep_simple(make *m, make_part part, deep_content content)
{
    make_begin(m, 0x800);
    make_add(m, part);
    deep_finish(m, content);
}

#endif
