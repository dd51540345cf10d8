/* SPDX-License-Identifier: Apache-2.0
 * Drives a decoder over a fuzzer's input in the ways that a task would. */
#ifndef SMALTI_FUZZ_DECODE_H
#define SMALTI_FUZZ_DECODE_H

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_MOST_PIXELS = 1 << 18, FUZZ_MOST_FRAMES = 20, FUZZ_MOST_WORK = 64 << 20, FUZZ_GROUP = 5 };

typedef struct fuzz_way {
    bool lenient, all_frames, reduced;
} fuzz_way;

/* Reads all rows of a frame into *sum. */
static inline smalti_result fuzz_read_frame(smalti__decoder *decoder, uint64_t *sum, smalti_error *error)
{
    size_t row_bytes = (size_t)decoder->out.width * decoder->out.channels, pitch = smalti__align(row_bytes, 64);
    smalti_result result = SMALTI_OK;
    while (result == SMALTI_OK && decoder->row < decoder->out.height) {
        uint32_t left = decoder->out.height - decoder->row, count = left < FUZZ_GROUP ? left : FUZZ_GROUP;
        uint8_t *rows = malloc(pitch * count);
        if (!rows)
            abort();
        result = smalti__decoder_read(decoder, rows, pitch, count, error);
        for (uint32_t y = 0; result == SMALTI_OK && y < count; y++)
            for (size_t x = 0; x < row_bytes; x++)
                *sum = (*sum ^ rows[y * pitch + x]) * 1099511628211u;
        free(rows);
    }
    return result;
}

static inline uint64_t fuzz_read(smalti__decoder *decoder, const fuzz_way *way)
{
    uint64_t sum = 1469598103934665603u;
    smalti_error error;
    if (way->reduced)
        smalti__decoder_reduce(decoder, 3, 2);
    smalti_result result = smalti__decoder_start(decoder, &error);
    for (uint32_t i = 0; result == SMALTI_OK && i < (way->all_frames ? decoder->info.frames : 1); i++) {
        if (i)
            result = smalti__decoder_next_frame(decoder, &error);
        if (result == SMALTI_OK)
            result = fuzz_read_frame(decoder, &sum, &error);
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_finish(decoder, &error);
    return result == SMALTI_OK ? sum | 1 : 0;
}

static inline void fuzz_count_warning(void *user, const char *message)
{
    (*(uint32_t *)user)++;
    if (!message[0] || strchr(message, '\n'))
        abort();
}

/* A sum over the pixels, or 0 for an error. */
static inline uint64_t fuzz_decode(const smalti__decoder_format *format, const uint8_t *data, size_t size, fuzz_way way,
                                   uint32_t *warnings)
{
    uint64_t sum = 0;
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
    const smalti__decode_options options = {.lenient = way.lenient,
                                            .metadata = way.lenient,
                                            .all_frames = way.all_frames,
                                            .max_pixels = FUZZ_MOST_PIXELS,
                                            .max_frames = FUZZ_MOST_FRAMES,
                                            .warn = fuzz_count_warning,
                                            .user = warnings};
    *warnings = 0;
    smalti__source_open_memory(&source, data, size, "fuzz");
    smalti_result result = smalti__decoder_open(&source, &options, &decoder, &error);
    if (result == SMALTI_OK) {
        const smalti_info *info = &decoder->info;
        if (strcmp(info->format, format->name) || !info->width || !info->height || info->orientation < 1 ||
            info->orientation > 8 || !info->frames || info->has_alpha != (info->channels % 2 == 0))
            abort();
        if (decoder->work_bytes <= FUZZ_MOST_WORK)
            sum = fuzz_read(decoder, &way);
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    return sum;
}

static inline int fuzz_decoder(const smalti__decoder_format *format, const uint8_t *data, size_t size)
{
    uint32_t warnings;
    if (!format->probe(data, size))
        return 0;
    for (int all = 0; all < 2; all++) {
        uint64_t strict = fuzz_decode(format, data, size, (fuzz_way){.all_frames = all}, &warnings);
        uint64_t lenient = fuzz_decode(format, data, size, (fuzz_way){.all_frames = all, .lenient = true}, &warnings);
        if (strict && (strict != lenient || warnings))
            abort();
    }
    fuzz_decode(format, data, size, (fuzz_way){.lenient = true, .reduced = true}, &warnings);
    return 0;
}

#endif
