/* SPDX-License-Identifier: Apache-2.0
 * Encoding to memory and decoding from it through the vtables, for tests of any format. */
#ifndef SMALTI_CODEC_H
#define SMALTI_CODEC_H

#include "test.h"

#include "decode/decode.h"
#include "encode/encode.h"

/* Pixels without padding between rows. */
typedef struct pixels {
    uint32_t width, height, channels;
    smalti_sample sample;
    uint8_t *data;
} pixels;

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static inline size_t pixels_row(const pixels *image)
{
    return image->width * (size_t)image->channels * smalti_sample_bytes(image->sample);
}

/* Waves with some noise; floats between 0 and 1. */
static inline pixels pixels_make(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    pixels image = {width, height, channels, sample, NULL};
    image.data = calloc(pixels_row(&image), height);
    size_t i = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++, i++) {
                uint32_t noise = (x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u) >> 13;
                uint32_t wave = (x * (3 + c) + y * 2) % 256, fold = wave < 128 ? wave : 255 - wave;
                uint32_t value = (40 + fold) * 257 + noise % (24 * 257);
                if (sample == SMALTI_SAMPLE_U8)
                    image.data[i] = (uint8_t)(value / 257);
                else if (sample == SMALTI_SAMPLE_U16)
                    ((uint16_t *)image.data)[i] = (uint16_t)value;
                else
                    ((float *)image.data)[i] = (float)value / 65535;
            }
    return image;
}

static char codec_warnings[4096]; /* of the last encode or decode, each in a line */

static inline void codec_warn(void *user, const char *message)
{
    (void)user;
    size_t used = strlen(codec_warnings);
    snprintf(codec_warnings + used, sizeof codec_warnings - used, "%s\n", message);
}

/* Rows go in groups of group. */
static inline smalti_result codec_encode(const smalti__encoder_format *format, smalti__encode_params params,
                                         const pixels *image, uint32_t group, bytes *out, smalti_error *error)
{
    smalti__sink sink;
    smalti__encoder *encoder = NULL;
    params.warn = codec_warn;
    codec_warnings[0] = '\0';
    SMALTI__TRY(smalti__sink_open_memory(&sink, 0, error));
    const smalti__encoder seed = {.format = format,
                                  .params = params,
                                  .sink = &sink,
                                  .width = image->width,
                                  .height = image->height,
                                  .channels = image->channels,
                                  .sample = image->sample};
    smalti_result result = format->open(&seed, &encoder, error);
    for (uint32_t y = 0; result == SMALTI_OK && y < image->height; y += group) {
        uint32_t count = image->height - y < group ? image->height - y : group;
        result = format->write(encoder, image->data + y * pixels_row(image), pixels_row(image), count, error);
    }
    if (result == SMALTI_OK)
        result = format->finish(encoder, error);
    if (encoder)
        format->close(encoder);
    if (result == SMALTI_OK)
        out->data = smalti__sink_take(&sink, &out->size);
    smalti__sink_close(&sink);
    return result;
}

/* Frame number frame of a file, in groups of group rows, as stored. info and metadata may be NULL (metadata is owned). */
static inline smalti_result codec_decode_frame(const void *data, size_t size, smalti__decode_options options,
                                               uint32_t frame, uint32_t group, pixels *image, smalti_info *info,
                                               smalti__metadata *metadata, smalti_error *error)
{
    smalti__source source;
    smalti__decoder *decoder;
    options.warn = codec_warn;
    codec_warnings[0] = '\0';
    /* exactly as large as the input, so that a memory checker sees a read past its end */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    smalti__source_open_memory(&source, copy, size, "in");
    *image = (pixels){0};
    smalti_result result = smalti__decoder_open(&source, &options, &decoder, error);
    if (result == SMALTI_OK) {
        const smalti__shape *shape = &decoder->out;
        *image = (pixels){shape->width, shape->height, shape->channels, shape->sample, NULL};
        if (info)
            *info = decoder->info;
        result = options.head_only ? SMALTI_OK : smalti__decoder_start(decoder, error);
        image->data = result == SMALTI_OK ? malloc(pixels_row(image) * image->height + 64) : NULL;
        for (uint32_t f = 0; result == SMALTI_OK && !options.head_only && f <= frame; f++) {
            for (uint32_t y = 0; result == SMALTI_OK && y < image->height; y += group) {
                uint32_t count = image->height - y < group ? image->height - y : group;
                result =
                    smalti__decoder_read(decoder, image->data + y * pixels_row(image), pixels_row(image), count, error);
            }
            if (result == SMALTI_OK && f < frame)
                result = smalti__decoder_next_frame(decoder, error);
        }
        if (result == SMALTI_OK && !options.head_only)
            result = smalti__decoder_finish(decoder, error);
        if (result < 0) {
            free(image->data);
            image->data = NULL;
        }
        if (metadata) {
            *metadata = decoder->metadata;
            decoder->metadata = (smalti__metadata){0};
        }
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    free(copy);
    return result;
}

static inline smalti_result codec_decode(const bytes *file, pixels *image, smalti_info *info, smalti_error *error)
{
    return codec_decode_frame(file->data, file->size, (smalti__decode_options){0}, 0, 7, image, info, NULL, error);
}

/* The code of decoding these bytes. */
static inline smalti_result codec_code(const void *data, size_t size, smalti__decode_options options)
{
    pixels image;
    smalti_error error;
    smalti_result result = codec_decode_frame(data, size, options, 0, 7, &image, NULL, NULL, &error);
    free(image.data);
    return result;
}

static inline bool pixels_same(const pixels *a, const pixels *b)
{
    return a->width == b->width && a->height == b->height && a->channels == b->channels && a->sample == b->sample &&
           !memcmp(a->data, b->data, pixels_row(a) * a->height);
}

/* The largest difference of two samples, of 8 or 16 bits. */
static inline int pixels_distance(const pixels *a, const pixels *b)
{
    int most = 0;
    for (size_t i = 0; i < (size_t)a->width * a->height * a->channels; i++) {
        int d = a->sample == SMALTI_SAMPLE_U8 ? a->data[i] - b->data[i]
                                              : ((const uint16_t *)a->data)[i] - ((const uint16_t *)b->data)[i];
        d = d < 0 ? -d : d;
        most = d > most ? d : most;
    }
    return most;
}

/* An EXIF block that holds nothing but an orientation. */
static inline smalti__blob exif_make(uint8_t orientation)
{
    static const uint8_t head[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                   0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0, 0};
    smalti__blob blob = {malloc(sizeof head), sizeof head};
    memcpy(blob.data, head, sizeof head);
    blob.data[18] = orientation;
    return blob;
}

/* Something with a profile's signature and colour space. */
static inline smalti__blob icc_make(size_t size, const char *space)
{
    smalti__blob blob = {calloc(size, 1), size};
    for (size_t i = 132; i < size; i++)
        blob.data[i] = (uint8_t)(i * 7);
    memcpy(blob.data,
           (const uint8_t[]){(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size}, 4);
    memcpy(blob.data + 12, "mntr", 4);
    memcpy(blob.data + 16, space, 4);
    memcpy(blob.data + 36, "acsp", 4);
    return blob;
}

#endif
