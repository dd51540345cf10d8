/* SPDX-License-Identifier: Apache-2.0
 * EXR files written and read by OpenEXRCore, for tests of our own reading and writing: whatever it reads of a file that we
 * wrote, or wrote of what we read, is the truth. */
#ifndef SMALTI_TEST_EXR_WRITE_H
#define SMALTI_TEST_EXR_WRITE_H

#include "test.h"

#include <openexr.h>

enum { EXR_CHANNELS = 8, EXR_PARTS = 4 };

typedef struct exr_channel {
    const char *name;
    exr_pixel_type_t type;
    int sampling; /* 0: 1 */
} exr_channel;

typedef struct exr_image {
    const char *name; /* of the part, when there are several */
    exr_compression_t compression;
    int32_t data[4];    /* data window: min x, min y, max x, max y */
    int32_t display[4]; /* all 0: the same */
    uint32_t tile_width, tile_height; /* 0: scan lines */
    int levels; /* 0 one, 1 mipmap, 2 ripmap */
    int line_order;
    exr_channel channels[EXR_CHANNELS]; /* in order of their names; ends with one without a name */
} exr_image;

typedef struct exr_file {
    uint8_t *data;
    size_t size, room;
} exr_file;

#define EXR_CHECK(call) CHECK_INT(call, EXR_ERR_SUCCESS)

static int64_t exr_file_write(exr_const_context_t context, void *user, const void *buffer, uint64_t size,
                              uint64_t offset, exr_stream_error_func_ptr_t fail)
{
    exr_file *file = user;
    (void)context, (void)fail;
    if (offset + size > file->room) {
        file->room = (offset + size) * 2;
        file->data = realloc(file->data, file->room);
    }
    memcpy(file->data + offset, buffer, size);
    file->size = offset + size > file->size ? offset + size : file->size;
    return (int64_t)size;
}

static int64_t exr_file_read(exr_const_context_t context, void *user, void *buffer, uint64_t size, uint64_t offset,
                             exr_stream_error_func_ptr_t fail)
{
    const exr_file *file = user;
    (void)context, (void)fail;
    uint64_t left = offset < file->size ? file->size - offset : 0, count = size < left ? size : left;
    memcpy(buffer, file->data + offset, count);
    return (int64_t)count;
}

static int64_t exr_file_size(exr_const_context_t context, void *user)
{
    (void)context;
    return (int64_t)((const exr_file *)user)->size;
}

static inline uint32_t exr_sampling(const exr_channel *channel)
{
    return channel->sampling ? (uint32_t)channel->sampling : 1;
}

static inline size_t exr_sample_size(const exr_channel *channel)
{
    return channel->type == EXR_PIXEL_HALF ? 2 : 4;
}

static inline uint32_t exr_width(const exr_image *image)
{
    return (uint32_t)(image->data[2] - image->data[0] + 1);
}
static inline uint32_t exr_height(const exr_image *image)
{
    return (uint32_t)(image->data[3] - image->data[1] + 1);
}

/* The bits of a sample at x, y of the data window (in samples): waves, flat places, a little noise, and now and then
 * something odd (infinity, NaN, a subnormal). */
static inline uint32_t exr_bits(const exr_channel *channel, uint32_t c, uint32_t level, uint32_t x, uint32_t y)
{
    static const uint16_t odd[] = {0x7c00, 0xfc00, 0x7e00, 0x0001, 0x83ff, 0x8000};
    uint32_t noise = (x * 2654435761u ^ y * 2246822519u ^ (c + level * 7) * 3266489917u) >> 24;
    uint32_t half = 0x3000 + (x * 9 + y * 5 + c * 300 + level * 77) % 0x800 + (x / 16 + y / 8) % 2 * (noise & 15);
    if (noise == 77 && x % 3 == 1)
        half = odd[(x + y) % 6];
    if (channel->type == EXR_PIXEL_HALF)
        return half;
    if (channel->type == EXR_PIXEL_UINT)
        return x * 70000 + y * 3 + noise;
    return noise == 77 ? (uint32_t)odd[(x + y) % 6] << 16 : 0x3e000000 + half * 1021 + x * x;
}

static inline float exr_value(const exr_channel *channel, uint32_t bits)
{
    float value;
    if (channel->type == EXR_PIXEL_UINT)
        return (float)bits;
    if (channel->type == EXR_PIXEL_HALF) {
        uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023, sign = (bits & 0x8000) << 16;
        if (exponent == 31) {
            bits = sign | 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0);
        } else {
            value = exponent ? (float)(1024 + mantissa) : (float)mantissa;
            for (uint32_t e = exponent ? exponent : 1; e < 25; e++)
                value /= 2;
            for (uint32_t e = 25; e < exponent; e++)
                value *= 2;
            memcpy(&bits, &value, 4);
            bits |= sign;
        }
    }
    memcpy(&value, &bits, 4);
    return value;
}

/* ---- writing ---- */

static inline void exr_encode(exr_context_t context, int part, const exr_image *image, const exr_chunk_info_t *chunk,
                              uint32_t level, uint32_t left, uint32_t top)
{
    exr_encode_pipeline_t pipeline = EXR_ENCODE_PIPELINE_INITIALIZER;
    uint8_t *rows[EXR_CHANNELS] = {0};
    EXR_CHECK(exr_encoding_initialize(context, part, chunk, &pipeline));
    for (uint32_t c = 0; image->channels[c].name; c++) {
        const exr_channel *channel = &image->channels[c];
        exr_coding_channel_info_t *coding = &pipeline.channels[c];
        uint32_t step = exr_sampling(channel), width = (uint32_t)coding->width, height = (uint32_t)coding->height;
        size_t size = exr_sample_size(channel);
        rows[c] = calloc((size_t)width * height + 1, size);
        for (uint32_t y = 0; y < height; y++)
            for (uint32_t x = 0; x < width; x++) {
                uint32_t bits = exr_bits(channel, c, level, left / step + x, (top + step - 1) / step + y);
                memcpy(rows[c] + (y * (size_t)width + x) * size, &bits, size); /* little-endian */
            }
        coding->encode_from_ptr = rows[c];
        coding->user_pixel_stride = (int32_t)size;
        coding->user_line_stride = (int32_t)(size * width);
    }
    EXR_CHECK(exr_encoding_choose_default_routines(context, part, &pipeline));
    EXR_CHECK(exr_encoding_run(context, part, &pipeline));
    EXR_CHECK(exr_encoding_destroy(context, &pipeline));
    for (uint32_t c = 0; c < EXR_CHANNELS; c++)
        free(rows[c]);
}

static inline void exr_write_rows(exr_context_t context, int part, const exr_image *image)
{
    int32_t lines;
    EXR_CHECK(exr_get_scanlines_per_chunk(context, part, &lines));
    int32_t count = (image->data[3] - image->data[1]) / lines + 1;
    for (int32_t i = 0; i < count; i++) {
        exr_chunk_info_t chunk;
        int32_t y = image->data[1] + i * lines; /* the library writes in no other order */
        EXR_CHECK(exr_write_scanline_chunk_info(context, part, y, &chunk));
        exr_encode(context, part, image, &chunk, 0, 0, (uint32_t)(y - image->data[1]));
    }
}

/* The library (3.1.5) cuts tiles at the edges of the largest level only. */
static inline void exr_cut_tile(const exr_image *image, exr_chunk_info_t *chunk, uint32_t right, uint32_t bottom)
{
    uint64_t pixel = 0;
    for (uint32_t c = 0; image->channels[c].name; c++)
        pixel += exr_sample_size(&image->channels[c]);
    chunk->width = (int32_t)(right < image->tile_width ? right : image->tile_width);
    chunk->height = (int32_t)(bottom < image->tile_height ? bottom : image->tile_height);
    chunk->unpacked_size = pixel * (uint64_t)chunk->width * (uint64_t)chunk->height;
}

static inline void exr_write_tiles(exr_context_t context, int part, const exr_image *image)
{
    int32_t levels_x = 1, levels_y = 1;
    EXR_CHECK(exr_get_tile_levels(context, part, &levels_x, &levels_y));
    for (int32_t ly = 0; ly < levels_y; ly++)
        for (int32_t lx = image->levels == 2 ? 0 : ly; lx < (image->levels == 2 ? levels_x : ly + 1); lx++) {
            int32_t width, height;
            EXR_CHECK(exr_get_level_sizes(context, part, lx, ly, &width, &height));
            for (uint32_t y = 0; y * image->tile_height < (uint32_t)height; y++)
                for (uint32_t x = 0; x * image->tile_width < (uint32_t)width; x++) {
                    exr_chunk_info_t chunk;
                    EXR_CHECK(exr_write_tile_chunk_info(context, part, (int)x, (int)y, lx, ly, &chunk));
                    exr_cut_tile(image, &chunk, (uint32_t)width - x * image->tile_width,
                                 (uint32_t)height - y * image->tile_height);
                    exr_encode(context, part, image, &chunk, (uint32_t)lx, x * image->tile_width,
                               y * image->tile_height);
                }
        }
}

static inline void exr_add_image(exr_context_t context, const exr_image *image, const char *name)
{
    exr_attr_box2i_t data, display;
    const int32_t *shown = image->display[2] || image->display[3] ? image->display : image->data;
    exr_attr_v2f_t center;
    memcpy(&data, image->data, sizeof data);
    memcpy(&display, shown, sizeof display);
    memset(&center, 0, sizeof center);
    int part;
    EXR_CHECK(exr_add_part(context, name, image->tile_width ? EXR_STORAGE_TILED : EXR_STORAGE_SCANLINE, &part));
    EXR_CHECK(exr_initialize_required_attr(context, part, &display, &data, 1, &center, 1,
                                           (exr_lineorder_t)image->line_order, image->compression));
    for (uint32_t c = 0; image->channels[c].name; c++)
        EXR_CHECK(exr_add_channel(context, part, image->channels[c].name, image->channels[c].type,
                                  EXR_PERCEPTUALLY_LOGARITHMIC, (int32_t)exr_sampling(&image->channels[c]),
                                  (int32_t)exr_sampling(&image->channels[c])));
    if (image->tile_width)
        EXR_CHECK(exr_set_tile_descriptor(context, part, image->tile_width, image->tile_height,
                                          (exr_tile_level_mode_t)image->levels, EXR_TILE_ROUND_DOWN));
}

/* parts images in one file, whose bytes are owned. */
static inline exr_file exr_write(const exr_image *images, int parts)
{
    exr_file file = {0};
    exr_context_t context;
    exr_context_initializer_t options = EXR_DEFAULT_CONTEXT_INITIALIZER;
    options.write_fn = exr_file_write;
    options.user_data = &file;
    EXR_CHECK(exr_start_write(&context, "test.exr", EXR_WRITE_FILE_DIRECTLY, &options));
    for (int p = 0; p < parts; p++)
        exr_add_image(context, &images[p], parts > 1 ? images[p].name : NULL);
    EXR_CHECK(exr_write_header(context));
    for (int p = 0; p < parts; p++) {
        if (images[p].tile_width)
            exr_write_tiles(context, p, &images[p]);
        else
            exr_write_rows(context, p, &images[p]);
    }
    EXR_CHECK(exr_finish(&context));
    return file;
}

/* Turns the order of the chunks in a file of one part around. */
static inline void exr_turn_around(exr_file *file, uint64_t table, uint32_t count)
{
    uint8_t *turned = malloc(file->size);
    uint64_t begin, end, to = table + 8 * (uint64_t)count;
    memcpy(turned, file->data, to);
    for (uint32_t i = count; i-- > 0;) {
        memcpy(&begin, file->data + table + 8 * (uint64_t)i, 8);
        end = file->size;
        if (i + 1 < count)
            memcpy(&end, file->data + table + 8 * (uint64_t)(i + 1), 8);
        memcpy(turned + table + 8 * (uint64_t)i, &to, 8);
        memcpy(turned + to, file->data + begin, end - begin);
        to += end - begin;
    }
    free(file->data);
    file->data = turned;
}

/* ---- reading ---- */

/* Decodes one chunk to planes of floats of the level, each width wide. */
static inline void exr_decode(exr_context_t context, int part, const exr_chunk_info_t *chunk, float *const *planes,
                              uint32_t count, uint32_t width, uint32_t left, uint32_t top)
{
    exr_decode_pipeline_t pipeline = EXR_DECODE_PIPELINE_INITIALIZER;
    EXR_CHECK(exr_decoding_initialize(context, part, chunk, &pipeline));
    CHECK_INT(pipeline.channel_count, count);
    for (uint32_t c = 0; c < count; c++) {
        exr_coding_channel_info_t *coding = &pipeline.channels[c];
        coding->user_bytes_per_element = 4;
        coding->user_data_type = EXR_PIXEL_FLOAT;
        coding->user_pixel_stride = 4;
        coding->user_line_stride = (int32_t)(4 * width);
        coding->decode_to_ptr = (uint8_t *)(planes[c] + (size_t)top * width + left);
    }
    EXR_CHECK(exr_decoding_choose_default_routines(context, part, &pipeline));
    EXR_CHECK(exr_decoding_run(context, part, &pipeline));
    EXR_CHECK(exr_decoding_destroy(context, &pipeline));
}

/* All channels of a part's largest level, not subsampled; planes has memory of the data window for each. */
static inline void exr_read(const exr_file *file, int part, float *const *planes, uint32_t count)
{
    exr_context_t context;
    exr_context_initializer_t options = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_attr_box2i_t window;
    exr_storage_t storage;
    options.read_fn = exr_file_read;
    options.size_fn = exr_file_size;
    options.user_data = (void *)(uintptr_t)file;
    EXR_CHECK(exr_start_read(&context, "test.exr", &options));
    EXR_CHECK(exr_get_data_window(context, part, &window));
    EXR_CHECK(exr_get_storage(context, part, &storage));
    uint32_t width = (uint32_t)(window.max.x - window.min.x + 1), height = (uint32_t)(window.max.y - window.min.y + 1);
    exr_chunk_info_t chunk;
    if (storage == EXR_STORAGE_TILED) {
        int32_t tile_width, tile_height;
        EXR_CHECK(exr_get_tile_sizes(context, part, 0, 0, &tile_width, &tile_height));
        for (uint32_t y = 0; y * (uint32_t)tile_height < height; y++)
            for (uint32_t x = 0; x * (uint32_t)tile_width < width; x++) {
                EXR_CHECK(exr_read_tile_chunk_info(context, part, (int)x, (int)y, 0, 0, &chunk));
                exr_decode(context, part, &chunk, planes, count, width, x * (uint32_t)tile_width,
                           y * (uint32_t)tile_height);
            }
    } else {
        int32_t lines;
        EXR_CHECK(exr_get_scanlines_per_chunk(context, part, &lines));
        for (uint32_t y = 0; y < height; y += (uint32_t)lines) {
            EXR_CHECK(exr_read_scanline_chunk_info(context, part, window.min.y + (int32_t)y, &chunk));
            exr_decode(context, part, &chunk, planes, count, width, 0, y);
        }
    }
    EXR_CHECK(exr_finish(&context));
}

#endif
