/* SPDX-License-Identifier: Apache-2.0
 * Makes EXR files in memory: any kind of part, with chunks whose sizes are right and whose bytes are noise (or, without
 * compression, a pattern). Written from the file's layout, apart from the code that is tested. */
#ifndef SMALTI_TEST_EXR_MAKE_H
#define SMALTI_TEST_EXR_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAKE_PARTS = 16, MAKE_SCANLINE = 0, MAKE_TILED, MAKE_DEEP_SCANLINE, MAKE_DEEP_TILED };

typedef struct make make;

typedef struct make_part {
    const char *name, *view; /* NULL: none */
    int kind, compression, line_order;
    int32_t window[4];    /* data window; all 0: 0 0 to 15 11 */
    const char *channels; /* "R G B" of half, "Z:f" float, "id:u" uint, "BY:h:2" subsampled by 2; NULL: "B G R" */
    uint32_t tile, mode;  /* edge of a tile (0: 8), its mode byte */
    void (*more)(make *m); /* writes more attributes before the end of the part's header; may be NULL */
} make_part;

struct make {
    uint8_t *data;
    size_t size, room;
    uint32_t flags;
    make_part parts[MAKE_PARTS];
    uint64_t chunks[MAKE_PARTS];
    int part_count;
    size_t header_end; /* where the tables begin */
    size_t gap;        /* bytes to leave between tables and chunks */
    uint32_t noise;
};

static inline void make_bytes(make *m, const void *bytes, size_t size)
{
    while (m->size + size > m->room) {
        m->room = m->room ? m->room * 2 : 4096;
        m->data = realloc(m->data, m->room);
    }
    if (bytes)
        memcpy(m->data + m->size, bytes, size);
    else
        memset(m->data + m->size, 0, size);
    m->size += size;
}

static inline void make_u8(make *m, unsigned value)
{
    make_bytes(m, &(uint8_t){(uint8_t)value}, 1);
}

static inline void make_u32(make *m, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        make_u8(m, value >> (8 * i) & 0xff);
}

static inline void make_u64(make *m, uint64_t value)
{
    make_u32(m, (uint32_t)value);
    make_u32(m, (uint32_t)(value >> 32));
}

static inline void make_f32(make *m, float value)
{
    uint32_t word;
    memcpy(&word, &value, 4);
    make_u32(m, word);
}

static inline void make_text(make *m, const char *text) /* with its NUL */
{
    make_bytes(m, text, strlen(text) + 1);
}

/* Name, type and size of an attribute; its value follows. */
static inline void make_attribute(make *m, const char *name, const char *type, uint32_t size)
{
    make_text(m, name);
    make_text(m, type);
    make_u32(m, size);
}

static inline void make_string(make *m, const char *name, const char *text)
{
    make_attribute(m, name, "string", (uint32_t)strlen(text));
    make_bytes(m, text, strlen(text));
}

static inline void make_int(make *m, const char *name, int32_t value)
{
    make_attribute(m, name, "int", 4);
    make_u32(m, (uint32_t)value);
}

static inline void make_float(make *m, const char *name, float value)
{
    make_attribute(m, name, "float", 4);
    make_f32(m, value);
}

static inline uint32_t make_noise(make *m)
{
    m->noise = m->noise * 1664525 + 1013904223;
    return m->noise >> 8;
}

/* One channel of a list: its name, type and sampling. */
typedef struct make_channel {
    char name[256];
    uint32_t type;
    int32_t sampling;
} make_channel;

/* The next channel of a list; false at its end. */
static inline bool make_next_channel(const char **list, make_channel *channel)
{
    *list += strspn(*list, " ");
    size_t word = strcspn(*list, " ");
    if (!word)
        return false;
    char text[300];
    snprintf(text, sizeof text, "%.*s", (int)word, *list);
    *list += word;
    char *type = strchr(text, ':'), *sampling = type ? strchr(type + 1, ':') : NULL;
    channel->type = type && type[1] == 'f' ? 2 : type && type[1] == 'u' ? 0 : 1;
    channel->sampling = sampling ? atoi(sampling + 1) : 1;
    snprintf(channel->name, sizeof channel->name, "%.*s", type ? (int)(type - text) : (int)strlen(text), text);
    return true;
}

static inline void make_channels(make *m, const char *list)
{
    size_t at = m->size;
    make_channel channel;
    make_attribute(m, "channels", "chlist", 0);
    size_t begin = m->size;
    while (make_next_channel(&list, &channel)) {
        make_text(m, channel.name);
        make_u32(m, channel.type);
        make_u32(m, 0);
        make_u32(m, (uint32_t)channel.sampling);
        make_u32(m, (uint32_t)channel.sampling);
    }
    make_u8(m, 0);
    size_t end = m->size;
    m->size = at;
    make_attribute(m, "channels", "chlist", (uint32_t)(end - begin));
    m->size = end;
}

static inline uint32_t make_rows(int compression)
{
    static const uint32_t rows[] = {1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32};
    return rows[compression];
}

static inline uint32_t make_level(uint32_t size, int level, bool up)
{
    size = (size + (up ? (1u << level) - 1 : 0)) >> level;
    return size ? size : 1;
}

static inline int make_levels(uint32_t size, bool up)
{
    int count = 1;
    while (make_level(size, count - 1, up) > 1)
        count++;
    return count;
}

static inline void make_put_u64(make *m, size_t at, uint64_t value)
{
    size_t size = m->size;
    m->size = at;
    make_u64(m, value);
    m->size = size;
}

/* ---- Headers ---- */

static inline void make_begin(make *m, uint32_t flags)
{
    *m = (make){.flags = flags, .noise = 1};
    make_u32(m, 20000630);
    make_u32(m, 2 | flags);
}

static inline void make_window(make *m, const char *name, const int32_t window[4])
{
    make_attribute(m, name, "box2i", 16);
    for (int i = 0; i < 4; i++)
        make_u32(m, (uint32_t)window[i]);
}

static inline uint32_t make_width(const make_part *part)
{
    return (uint32_t)(part->window[2] - part->window[0] + 1);
}

static inline uint32_t make_height(const make_part *part)
{
    return (uint32_t)(part->window[3] - part->window[1] + 1);
}

static inline bool make_is_tiled(const make_part *part)
{
    return part->kind == MAKE_TILED || part->kind == MAKE_DEEP_TILED;
}

static inline bool make_is_deep(const make_part *part)
{
    return part->kind == MAKE_DEEP_SCANLINE || part->kind == MAKE_DEEP_TILED;
}

typedef void make_chunk_fn(make *m, int part, int level_x, int level_y, uint32_t x, uint32_t y, uint64_t index);

/* Calls chunk for each of a part's, in the order of its table; gives their number. */
static inline uint64_t make_each_chunk(make *m, int index, make_chunk_fn *chunk)
{
    const make_part *part = &m->parts[index];
    uint64_t count = 0;
    uint32_t width = make_width(part), height = make_height(part);
    if (!make_is_tiled(part)) {
        for (uint32_t y = 0; y < height; y += make_rows(part->compression), count++)
            if (chunk)
                chunk(m, index, 0, 0, 0, y, count);
        return count;
    }
    int mode = part->mode & 15, up = part->mode >> 4;
    int across = mode == 2 ? make_levels(width, up) : 1;
    int down = mode == 2 ? make_levels(height, up) : mode == 1 ? make_levels(width > height ? width : height, up) : 1;
    for (int level_y = 0; level_y < down; level_y++)
        for (int i = 0; i < across; i++) {
            int level_x = mode == 2 ? i : level_y;
            uint32_t level_width = make_level(width, level_x, up), level_height = make_level(height, level_y, up);
            for (uint32_t y = 0; y * part->tile < level_height; y++)
                for (uint32_t x = 0; x * part->tile < level_width; x++, count++)
                    if (chunk)
                        chunk(m, index, level_x, level_y, x, y, count);
        }
    return count;
}

/* The header of one part: what must be there, and more. */
static inline void make_add(make *m, make_part part)
{
    static const char *const kinds[] = {"scanlineimage", "tiledimage", "deepscanline", "deeptile"};
    static const int32_t usual[4] = {0, 0, 15, 11}, none[4] = {0};
    bool multi = m->flags & 0x1000, typed = m->flags & 0x1800;
    if (!memcmp(part.window, none, sizeof none))
        memcpy(part.window, usual, sizeof usual);
    part.channels = part.channels ? part.channels : "B G R";
    part.tile = part.tile ? part.tile : 8;
    m->parts[m->part_count] = part;
    make_channels(m, part.channels);
    make_attribute(m, "compression", "compression", 1);
    make_u8(m, (unsigned)part.compression);
    make_window(m, "dataWindow", part.window);
    make_window(m, "displayWindow", part.window);
    make_attribute(m, "lineOrder", "lineOrder", 1);
    make_u8(m, (unsigned)part.line_order);
    make_float(m, "pixelAspectRatio", 1);
    make_attribute(m, "screenWindowCenter", "v2f", 8);
    make_u64(m, 0);
    make_float(m, "screenWindowWidth", 1);
    if (make_is_tiled(&part)) {
        make_attribute(m, "tiles", "tiledesc", 9);
        make_u32(m, part.tile);
        make_u32(m, part.tile);
        make_u8(m, part.mode);
    }
    if (part.name || multi)
        make_string(m, "name", part.name ? part.name : "part");
    if (part.view)
        make_string(m, "view", part.view);
    if (typed) {
        make_string(m, "type", kinds[part.kind]);
        make_int(m, "chunkCount", (int32_t)make_each_chunk(m, m->part_count, NULL));
    }
    if (make_is_deep(&part)) {
        make_int(m, "version", 1);
        make_int(m, "maxSamplesPerPixel", 3);
    }
    if (part.more)
        part.more(m);
    make_u8(m, 0);
    m->part_count++;
}

/* ---- Chunks ---- */

static inline uint64_t make_table(const make *m, int part)
{
    uint64_t at = m->header_end;
    for (int i = 0; i < part; i++)
        at += m->chunks[i] * 8;
    return at;
}

/* Bytes of rows from y on in all channels, decoded. Only windows that begin at 0 may be subsampled. */
static inline uint32_t make_pixel_bytes(const make_part *part, uint32_t width, uint32_t y, uint32_t height)
{
    const char *list = part->channels;
    make_channel channel;
    uint32_t total = 0;
    while (make_next_channel(&list, &channel)) {
        uint32_t sampling = (uint32_t)channel.sampling;
        uint32_t columns = (width + sampling - 1) / sampling;
        uint32_t rows = (y + height + sampling - 1) / sampling - (y + sampling - 1) / sampling;
        total += columns * rows * (channel.type == 1 ? 2 : 4);
    }
    return total;
}

static inline void make_chunk(make *m, int index, int level_x, int level_y, uint32_t x, uint32_t y, uint64_t number)
{
    const make_part *part = &m->parts[index];
    bool up = part->mode >> 4;
    make_put_u64(m, make_table(m, index) + number * 8, m->size);
    if (m->flags & 0x1000)
        make_u32(m, (uint32_t)index);
    uint32_t width = make_width(part), height = make_height(part), rows = make_rows(part->compression);
    if (make_is_tiled(part)) {
        make_u32(m, x), make_u32(m, y), make_u32(m, (uint32_t)level_x), make_u32(m, (uint32_t)level_y);
        width = make_level(width, level_x, up) - x * part->tile;
        height = make_level(height, level_y, up) - y * part->tile;
        width = width < part->tile ? width : part->tile;
        rows = part->tile;
    } else {
        make_u32(m, (uint32_t)((int32_t)y + part->window[1]));
        height -= y;
    }
    height = height < rows ? height : rows;
    uint32_t bytes = make_pixel_bytes(part, width, y, height);
    if (make_is_deep(part)) {
        uint32_t packed = 4 * width * height;
        make_u64(m, packed), make_u64(m, bytes), make_u64(m, bytes);
        bytes += packed;
    } else {
        if (part->compression && bytes > 8)
            bytes -= make_noise(m) % (bytes / 2);
        make_u32(m, bytes);
    }
    for (uint32_t i = 0; i < bytes; i++)
        make_u8(m, make_noise(m));
}

/* Ends the headers, and writes tables and chunks. */
static inline void make_finish(make *m)
{
    if (m->flags & 0x1000)
        make_u8(m, 0);
    m->header_end = m->size;
    for (int i = 0; i < m->part_count; i++) {
        m->chunks[i] = make_each_chunk(m, i, NULL);
        make_bytes(m, NULL, m->chunks[i] * 8);
    }
    make_bytes(m, NULL, m->gap);
    for (int i = 0; i < m->part_count; i++)
        make_each_chunk(m, i, make_chunk);
}

static inline void make_free(make *m)
{
    free(m->data);
    m->data = NULL;
}

/* A whole file of one part. */
static inline void make_simple(make *m, make_part part)
{
    make_begin(m, part.kind == MAKE_TILED ? 0x200 : make_is_deep(&part) ? 0x800 : 0);
    make_add(m, part);
    make_finish(m);
}

#endif
