/* SPDX-License-Identifier: Apache-2.0
 * Decodes a file in memory through the registry, and keeps everything that can be checked. Include after test.h. */
#ifndef SMALTI_TEST_DECODED_H
#define SMALTI_TEST_DECODED_H

#include "decode/decode.h"

typedef struct decoded {
    smalti_result result;
    smalti_error error;
    smalti_info info;
    smalti__metadata metadata;
    uint8_t *pixels; /* tightly packed; of all frames, one behind the other */
    uint32_t width, height, channels; /* delivered */
    uint32_t rows, frames; /* delivered */
    uint32_t frame_ms[16]; /* of the first frames */
    size_t work_bytes;
    uint32_t warnings;
    char warning[400]; /* the first */
} decoded;

static void decoded_warn(void *user, const char *message)
{
    decoded *out = user;
    if (out->warnings++ == 0)
        snprintf(out->warning, sizeof out->warning, "%s", message);
}

enum { DECODED_MARGIN = 128, DECODED_GUARD = 0xa5 };

/* Reads all rows of a frame, group at a time, into memory whose margin must stay as it is beyond the next 64-byte boundary. */
static inline smalti_result decoded_frame(smalti__decoder *decoder, uint32_t group, decoded *out)
{
    size_t row_bytes = (size_t)out->width * out->channels, pitch = row_bytes + DECODED_MARGIN;
    uint8_t *rows = aligned_alloc(64, smalti__align(pitch * group, 64));
    uint8_t *to = out->pixels + row_bytes * out->height * decoder->frame;
    smalti_result result = SMALTI_OK;
    for (out->rows = 0; result == SMALTI_OK && out->rows < out->height;) {
        uint32_t left = out->height - out->rows, count = group < left ? group : left;
        memset(rows, DECODED_GUARD, pitch * group);
        result = smalti__decoder_read(decoder, rows, pitch, count, &out->error);
        for (uint32_t i = 0; result == SMALTI_OK && i < count; i++) {
            memcpy(to + (out->rows + i) * row_bytes, rows + i * pitch, row_bytes);
            for (size_t x = row_bytes + 64; x < pitch; x++)
                if (rows[i * pitch + x] != DECODED_GUARD)
                    result = -1;
        }
        out->rows += result == SMALTI_OK ? count : 0;
    }
    free(rows);
    return result;
}

static inline smalti_result decoded_frames(smalti__decoder *decoder, uint32_t group, decoded *out)
{
    uint32_t frames = decoder->options.all_frames ? out->info.frames : 1;
    out->pixels = malloc((size_t)out->width * out->height * out->channels * frames);
    smalti_result result = smalti__decoder_start(decoder, &out->error);
    for (uint32_t i = 0; result == SMALTI_OK && i < frames; i++) {
        if (i)
            result = smalti__decoder_next_frame(decoder, &out->error);
        if (result == SMALTI_OK)
            result = decoded_frame(decoder, group, out);
        if (i < sizeof out->frame_ms / sizeof *out->frame_ms)
            out->frame_ms[i] = decoder->frame_ms;
        out->frames += result == SMALTI_OK;
    }
    return result == SMALTI_OK ? smalti__decoder_finish(decoder, &out->error) : result;
}

/* reduce: a width and height to call reduce with, or 0. */
static inline decoded decode_reduced(const uint8_t *data, size_t size, smalti__decode_options options, uint32_t group,
                                     uint32_t width, uint32_t height)
{
    decoded out = {0};
    smalti__source source;
    smalti__decoder *decoder = NULL;
    uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees a byte too many */
    memcpy(exact, data, size);
    options.warn = decoded_warn;
    options.user = &out;
    smalti__source_open_memory(&source, exact, size, "test.img");
    out.result = smalti__decoder_open(&source, &options, &decoder, &out.error);
    if (out.result == SMALTI_OK) {
        if (width)
            smalti__decoder_reduce(decoder, width, height);
        out.info = decoder->info;
        out.width = decoder->out.width;
        out.height = decoder->out.height;
        out.channels = decoder->out.channels;
        out.work_bytes = decoder->work_bytes;
        out.metadata = decoder->metadata;
        decoder->metadata = (smalti__metadata){0};
        if (!options.head_only)
            out.result = decoded_frames(decoder, group ? group : out.height, &out);
    }
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    free(exact);
    return out;
}

/* group: rows read at a time; 0: all at once. */
static inline decoded decode_with(const uint8_t *data, size_t size, smalti__decode_options options, uint32_t group)
{
    return decode_reduced(data, size, options, group, 0, 0);
}

static inline void decoded_release(decoded *out)
{
    smalti__metadata_clear(&out->metadata);
    free(out->pixels);
    *out = (decoded){0};
}

#endif
