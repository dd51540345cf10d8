/* SPDX-License-Identifier: Apache-2.0
 * Makes PNG files of every kind together with the pixels that must come out of them, written from the specification and
 * apart from the code under test: bit by bit, pixel by pixel. */
#ifndef SMALTI_TEST_PNG_MAKE_H
#define SMALTI_TEST_PNG_MAKE_H

#include "test.h"

#include "decode/decode.h"
#include "encode/encode.h"
#include "pixel/png_filter.h"

#include <libdeflate.h>

typedef struct bytes {
    uint8_t *data;
    size_t size, room;
} bytes;

static inline void put(bytes *out, const void *data, size_t size)
{
    if (out->size + size > out->room) {
        out->room = 2 * (out->size + size) + 64;
        out->data = realloc(out->data, out->room);
    }
    if (size)
        memcpy(out->data + out->size, data, size);
    out->size += size;
}

static inline void put_u8(bytes *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(out, &byte, 1);
}

static inline void put_u32(bytes *out, uint32_t value)
{
    uint8_t be[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    put(out, be, 4);
}

static inline void put_chunk(bytes *out, const char *type, const void *data, size_t size)
{
    put_u32(out, (uint32_t)size);
    size_t from = out->size;
    put(out, type, 4);
    put(out, data, size);
    put_u32(out, libdeflate_crc32(0, out->data + from, out->size - from));
}

/* A counter through a mixing function (MurmurHash3's): all bits are noise, at every distance. */
static inline uint32_t next_random(uint32_t *state)
{
    uint32_t mixed = *state += 0x9E3779B9u;
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6Bu;
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35u;
    return mixed ^ mixed >> 16;
}

typedef struct png_spec {
    uint32_t width, height, color, depth;
    bool interlaced, transparent;
    int filter;        /* 0…4, 5: another one in each row */
    size_t idat_bytes; /* in a chunk; 0: all in one */
    uint32_t seed;
} png_spec;

typedef struct png_made {
    bytes file;
    bytes pixels; /* as they must be delivered */
    uint32_t channels;
    size_t pixel_bytes;
} png_made;

static inline uint32_t stored_channels(uint32_t color)
{
    return color == 2 ? 3 : color == 4 ? 2 : color == 6 ? 4 : 1;
}

/* Sample c of the pixel, as it is stored: smooth with some noise and some equal neighbours. */
static inline uint32_t stored_sample(const png_spec *spec, uint32_t x, uint32_t y, uint32_t c)
{
    uint32_t state = spec->seed ^ (x * 73856093u ^ y * 19349663u ^ c * 83492791u);
    uint32_t noise = next_random(&state) % 5;
    uint32_t value =
        spec->depth == 16 ? (x / 3 * 900 + y * 1111 + c * 20000 + noise * 77) : x / 3 * 5 + y * 3 + c * 60 + noise;
    return value & ((1u << spec->depth) - 1);
}

static inline uint32_t palette_size(const png_spec *spec)
{
    return 1u << spec->depth;
}

static inline void palette_entry(uint32_t index, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(index * 37 + 11), rgb[1] = (uint8_t)(255 - index * 3), rgb[2] = (uint8_t)(index * index);
}

/* The transparent color is the one of the pixel in the middle. */
static inline uint32_t key_sample(const png_spec *spec, uint32_t c)
{
    return stored_sample(spec, spec->width / 2, spec->height / 2, c);
}

static inline void expect_pixel(const png_spec *spec, uint32_t x, uint32_t y, bytes *out)
{
    uint32_t most = (1u << spec->depth) - 1, count = stored_channels(spec->color);
    if (spec->color == 3) {
        uint32_t index = stored_sample(spec, x, y, 0);
        uint8_t rgb[3];
        palette_entry(index, rgb);
        put(out, rgb, 3);
        if (spec->transparent)
            put_u8(out, index < palette_size(spec) / 2 ? index * 50 % 256 : 255);
        return;
    }
    bool clear = true;
    for (uint32_t c = 0; c < count; c++) {
        uint32_t sample = stored_sample(spec, x, y, c);
        uint16_t wide = (uint16_t)sample;
        clear = clear && sample == key_sample(spec, c);
        if (spec->depth == 16)
            put(out, &wide, 2);
        else
            put_u8(out, sample * 255 / most);
    }
    uint16_t alpha = clear ? 0 : 0xffff;
    if (spec->transparent)
        put(out, &alpha, spec->depth == 16 ? 2 : 1);
}

static inline int paeth_of(int a, int b, int c)
{
    int p = a + b - c;
    int pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    if (pa <= pb && pa <= pc)
        return a;
    return pb <= pc ? b : c;
}

static inline int predicted(int filter, int a, int b, int c)
{
    return filter == 1 ? a : filter == 2 ? b : filter == 3 ? (a + b) / 2 : filter == 4 ? paeth_of(a, b, c) : 0;
}

/* The rows of one pass (or of the image: pass 0 without interlacing), filtered. */
static inline void put_pass(const png_spec *spec, int pass, bytes *out)
{
    static const char adam7[8][9] = {"16462646", "77777777", "56565656", "77777777",
                                     "36463646", "77777777", "56565656", "77777777"};
    uint32_t channels = stored_channels(spec->color);
    size_t bpp = channels * spec->depth / 8 ? channels * spec->depth / 8 : 1;
    bytes above = {0};
    uint32_t row_number = 0;
    for (uint32_t y = 0; y < spec->height; y++) {
        bytes row = {0};
        uint32_t bits = 0;
        for (uint32_t x = 0; x < spec->width; x++) {
            if (spec->interlaced && adam7[y % 8][x % 8] - '0' != pass)
                continue;
            for (uint32_t c = 0; c < channels; c++)
                for (uint32_t bit = spec->depth; bit-- > 0; bits++) {
                    if (bits % 8 == 0)
                        put_u8(&row, 0);
                    row.data[bits / 8] |= (uint8_t)((stored_sample(spec, x, y, c) >> bit & 1) << (7 - bits % 8));
                }
        }
        if (!row.size)
            continue;
        int filter = spec->filter == 5 ? (int)((row_number * 7 / 2 + spec->seed) % 5) : spec->filter;
        row_number++;
        put_u8(out, (unsigned)filter);
        for (size_t i = 0; i < row.size; i++) {
            int a = i >= bpp ? row.data[i - bpp] : 0, b = above.size ? above.data[i] : 0;
            int c = i >= bpp && above.size ? above.data[i - bpp] : 0;
            put_u8(out, (unsigned)(row.data[i] - predicted(filter, a, b, c)) & 255);
        }
        free(above.data);
        above = row;
    }
    free(above.data);
}

static inline void put_head(const png_spec *spec, bytes *out)
{
    put(out, "\x89PNG\r\n\x1a\n", 8);
    bytes head = {0};
    put_u32(&head, spec->width);
    put_u32(&head, spec->height);
    put_u8(&head, spec->depth);
    put_u8(&head, spec->color);
    put(&head, "\0", 2);
    put_u8(&head, spec->interlaced);
    put_chunk(out, "IHDR", head.data, head.size);
    free(head.data);
}

static inline void put_colors(const png_spec *spec, bytes *out)
{
    bytes palette = {0}, transparent = {0};
    for (uint32_t i = 0; i < palette_size(spec) && spec->color == 3; i++) {
        uint8_t rgb[3];
        palette_entry(i, rgb);
        put(&palette, rgb, 3);
        if (i < palette_size(spec) / 2)
            put_u8(&transparent, i * 50 % 256);
    }
    for (uint32_t c = 0; c < stored_channels(spec->color) && spec->color != 3; c++) {
        put_u8(&transparent, key_sample(spec, c) >> 8);
        put_u8(&transparent, key_sample(spec, c) & 255);
    }
    if (spec->color == 3)
        put_chunk(out, "PLTE", palette.data, palette.size);
    if (spec->transparent)
        put_chunk(out, "tRNS", transparent.data, transparent.size);
    free(palette.data);
    free(transparent.data);
}

static inline bytes deflated(const void *data, size_t size)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(3);
    bytes out = {.room = libdeflate_zlib_compress_bound(compressor, size)};
    out.data = malloc(out.room);
    out.size = libdeflate_zlib_compress(compressor, data, size, out.data, out.room);
    libdeflate_free_compressor(compressor);
    return out;
}

/* The zlib stream of an image. */
static inline bytes image_stream(const png_spec *spec)
{
    bytes raw = {0};
    for (int pass = 1; pass <= (spec->interlaced ? 7 : 1); pass++)
        put_pass(spec, pass, &raw);
    bytes stream = deflated(raw.data, raw.size);
    free(raw.data);
    return stream;
}

/* With an empty chunk in front of, between and behind the others. */
static inline void put_idats(const png_spec *spec, const bytes *stream, bytes *out)
{
    size_t most = spec->idat_bytes ? spec->idat_bytes : stream->size;
    for (size_t at = 0; at < stream->size; at += most) {
        if (spec->idat_bytes)
            put_chunk(out, "IDAT", NULL, 0);
        put_chunk(out, "IDAT", stream->data + at, stream->size - at < most ? stream->size - at : most);
    }
    if (spec->idat_bytes)
        put_chunk(out, "IDAT", NULL, 0);
}

static inline png_made make_png(const png_spec *spec)
{
    png_made made = {0};
    put_head(spec, &made.file);
    put_colors(spec, &made.file);
    bytes stream = image_stream(spec);
    put_idats(spec, &stream, &made.file);
    put_chunk(&made.file, "IEND", NULL, 0);
    free(stream.data);
    for (uint32_t y = 0; y < spec->height; y++)
        for (uint32_t x = 0; x < spec->width; x++)
            expect_pixel(spec, x, y, &made.pixels);
    made.channels = (spec->color == 3 ? 3 : stored_channels(spec->color)) + spec->transparent;
    made.pixel_bytes = made.channels * (spec->depth == 16 ? 2 : 1);
    return made;
}

static inline void free_made(png_made *made)
{
    free(made->file.data);
    free(made->pixels.data);
    *made = (png_made){0};
}

/* What came out of a decoder. */
typedef struct decoded {
    smalti_result result; /* of the first step that failed */
    smalti_error error;
    smalti_info info;
    bytes pixels; /* rows without gaps; what was read before an error */
    bytes icc, exif, xmp;
    int warnings;
    char warned[800]; /* all of them */
} decoded;

static inline void collect_warning(void *user, const char *message)
{
    decoded *into = user;
    into->warnings++;
    size_t used = strlen(into->warned);
    snprintf(into->warned + used, sizeof into->warned - used, "%s\n", message);
}

/* Reads rows at a time into rows that lie pitch apart, and checks that nothing else is written. */
static inline smalti_result read_all(smalti__decoder *decoder, uint32_t group, decoded *into)
{
    const smalti__shape *shape = &decoder->out;
    size_t size = shape->width * smalti__pixel_bytes(shape), pitch = size + 13;
    group = group < shape->height ? group : shape->height;
    SMALTI__CLEANUP_FREE uint8_t *rows = malloc(group * pitch);
    for (uint32_t y = 0; y < shape->height; y += group) {
        uint32_t count = shape->height - y < group ? shape->height - y : group;
        memset(rows, 0xA5, group * pitch);
        smalti_result result = smalti__decoder_read(decoder, rows, pitch, count, &into->error);
        if (result < 0)
            return result;
        for (uint32_t row = 0; row < count; row++) {
            put(&into->pixels, rows + row * pitch, size);
            if (rows[row * pitch + size + 12] != 0xA5)
                return smalti__fail(&into->error, SMALTI_E_INVALID, "written beyond the row");
        }
    }
    return smalti__decoder_finish(decoder, &into->error);
}

static inline decoded decode(const bytes *file, smalti__decode_options options, uint32_t group)
{
    decoded out = {0};
    smalti__source source = {0};
    smalti__decoder *decoder = NULL;
    /* a copy of just the right size, so that a sanitizer sees reads beyond it */
    SMALTI__CLEANUP_FREE uint8_t *copy = malloc(file->size ? file->size : 1);
    if (file->size)
        memcpy(copy, file->data, file->size);
    smalti__source_open_memory(&source, copy, file->size, "test.png");
    options.warn = collect_warning;
    options.user = &out;
    out.result = smalti__decoder_open(&source, &options, &decoder, &out.error);
    if (out.result == SMALTI_OK) {
        out.info = decoder->info;
        put(&out.icc, decoder->metadata.icc.data, decoder->metadata.icc.size);
        put(&out.exif, decoder->metadata.exif.data, decoder->metadata.exif.size);
        put(&out.xmp, decoder->metadata.xmp.data, decoder->metadata.xmp.size);
        if (!options.head_only)
            out.result = smalti__decoder_start(decoder, &out.error);
        if (out.result == SMALTI_OK && !options.head_only)
            out.result = read_all(decoder, group, &out);
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    return out;
}

static inline void free_decoded(decoded *out)
{
    free(out->pixels.data);
    free(out->icc.data);
    free(out->exif.data);
    free(out->xmp.data);
    *out = (decoded){0};
}

#endif
