/* SPDX-License-Identifier: Apache-2.0
 * WebP files for tests: images through plain libwebp, containers by hand. Include after test.h. */
#ifndef SMALTI_TEST_WEBP_MAKE_H
#define SMALTI_TEST_WEBP_MAKE_H

#include <stdbool.h>

#include <webp/decode.h>
#include <webp/encode.h>

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline void bytes_add(bytes *to, const void *data, size_t size)
{
    to->data = realloc(to->data, to->size + size + 1);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static inline void bytes_add_le(bytes *to, uint32_t value, int count)
{
    for (int i = 0; i < count; i++, value >>= 8)
        bytes_add(to, &(uint8_t){(uint8_t)value}, 1);
}

static inline void webp_add_chunk(bytes *to, const char *type, const void *data, size_t size)
{
    bytes_add(to, type, 4);
    bytes_add_le(to, (uint32_t)size, 4);
    bytes_add(to, data, size);
    if (size % 2)
        bytes_add(to, "", 1);
}

/* Smooth colours with some texture; with alpha, a gradient that reaches 0 and 255. */
static inline uint8_t *webp_pixels(uint32_t width, uint32_t height, uint32_t channels, uint32_t seed)
{
    uint8_t *pixels = malloc((size_t)width * height * channels), *p = pixels;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t color[3] = {x * 3 + y + seed * 40, y * 2 + (x * y >> 4), (x ^ y) + seed * 90};
            for (uint32_t i = 0; i < channels; i++)
                *p++ =
                    i == 3 ? (uint8_t)(y * 255 / (height > 1 ? height - 1 : 1)) : (uint8_t)color[channels < 3 ? 0 : i];
        }
    return pixels;
}

typedef struct webp_spec {
    uint32_t width, height, channels; /* 3 or 4 */
    bool lossless;
    float quality; /* 0: 90 */
    uint32_t seed;
    int partitions; /* of lossy data: 2 to that power */
} webp_spec;

/* A file as libwebp writes it. */
static inline bytes webp_encode(const webp_spec *spec, const uint8_t *pixels)
{
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    WebPMemoryWriterInit(&writer);
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        TEST_FAIL("no libwebp");
    config.lossless = spec->lossless;
    config.exact = 1;
    config.method = 1;
    config.quality = spec->quality > 0 ? spec->quality : 90;
    config.partitions = spec->partitions;
    picture.use_argb = spec->lossless;
    picture.width = (int)spec->width;
    picture.height = (int)spec->height;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    int pitch = (int)(spec->width * spec->channels);
    int good = spec->channels == 4 ? WebPPictureImportRGBA(&picture, pixels, pitch)
                                   : WebPPictureImportRGB(&picture, pixels, pitch);
    good = good && WebPEncode(&config, &picture);
    WebPPictureFree(&picture);
    if (!good)
        TEST_FAIL("libwebp does not encode");
    return (bytes){writer.mem, writer.size};
}

static inline bytes make_webp(const webp_spec *spec)
{
    uint8_t *pixels = webp_pixels(spec->width, spec->height, spec->channels, spec->seed);
    bytes file = webp_encode(spec, pixels);
    free(pixels);
    return file;
}

/* The ALPH and VP8, or VP8L, chunks of a file of libwebp's. */
static inline bytes webp_image_chunks(const bytes *file)
{
    size_t skip = memcmp(file->data + 12, "VP8X", 4) ? 12 : 30;
    return (bytes){file->data + skip, file->size - skip};
}

typedef struct webp_frame_spec {
    webp_spec image;
    uint32_t x, y, duration;
    bool no_blend, clear;
} webp_frame_spec;

enum { WEBP_ANIMATION = 0x02, WEBP_XMP = 0x04, WEBP_EXIF = 0x08, WEBP_ALPHA = 0x10, WEBP_ICC = 0x20 };

static inline void webp_add_vp8x(bytes *to, uint32_t flags, uint32_t width, uint32_t height)
{
    bytes body = {0};
    bytes_add_le(&body, flags, 4);
    bytes_add_le(&body, width - 1, 3);
    bytes_add_le(&body, height - 1, 3);
    webp_add_chunk(to, "VP8X", body.data, body.size);
    free(body.data);
}

/* RIFF around chunks, which are freed. */
static inline bytes webp_wrap(bytes chunks)
{
    bytes file = {0};
    bytes_add(&file, "RIFF", 4);
    bytes_add_le(&file, (uint32_t)chunks.size + 4, 4);
    bytes_add(&file, "WEBP", 4);
    bytes_add(&file, chunks.data, chunks.size);
    free(chunks.data);
    return file;
}

static inline bytes make_animation(uint32_t width, uint32_t height, uint32_t loops, const webp_frame_spec *frames,
                                   size_t count)
{
    bytes chunks = {0}, anim = {0};
    uint32_t flags = WEBP_ANIMATION;
    for (size_t i = 0; i < count; i++)
        flags |= frames[i].image.channels == 4 ? WEBP_ALPHA : 0;
    webp_add_vp8x(&chunks, flags, width, height);
    bytes_add_le(&anim, 0xff00ff80, 4);
    bytes_add_le(&anim, loops, 2);
    webp_add_chunk(&chunks, "ANIM", anim.data, anim.size);
    free(anim.data);
    for (size_t i = 0; i < count; i++) {
        const webp_frame_spec *frame = &frames[i];
        bytes body = {0}, image = make_webp(&frame->image), part = webp_image_chunks(&image);
        bytes_add_le(&body, frame->x / 2, 3);
        bytes_add_le(&body, frame->y / 2, 3);
        bytes_add_le(&body, frame->image.width - 1, 3);
        bytes_add_le(&body, frame->image.height - 1, 3);
        bytes_add_le(&body, frame->duration, 3);
        bytes_add_le(&body, (uint32_t)(frame->no_blend * 2 + frame->clear), 1);
        bytes_add(&body, part.data, part.size);
        webp_add_chunk(&chunks, "ANMF", body.data, body.size);
        free(body.data);
        free(image.data);
    }
    return webp_wrap(chunks);
}

#endif
