/* SPDX-License-Identifier: Apache-2.0
 * What the fuzz targets of image formats do with their input: the head alone, strict, lenient. A strict success has to be a
 * lenient one with the same pixels. */
#ifndef SMALTI_FUZZ_DECODE_ANY_H
#define SMALTI_FUZZ_DECODE_ANY_H

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_PIXELS = 1 << 18, FUZZ_WORK = 192 << 20, FUZZ_GROUP = 5, FUZZ_FRAMES = 4 };

static inline void fuzz_check_info(const smalti__decoder *decoder)
{
    const smalti_info *info = &decoder->info;
    if (!info->width || !info->height || info->channels < 1 || info->channels > 4 || info->orientation < 1 ||
        info->orientation > 8 || !info->frames || !info->format[0] || !info->color[0] || !info->bit_depth ||
        info->has_alpha != (info->channels % 2 == 0))
        abort();
}

/* A sum over the rows of a frame, each of which has exactly the room it needs; 0 for an error. */
static inline uint64_t fuzz_rows(smalti__decoder *decoder, uint64_t sum)
{
    const smalti__shape *out = &decoder->out;
    size_t pitch = out->width * smalti__pixel_bytes(out);
    uint8_t *rows = malloc(pitch * FUZZ_GROUP);
    smalti_error error;
    while (sum && decoder->row < out->height) {
        uint32_t left = out->height - decoder->row, count = left < FUZZ_GROUP ? left : FUZZ_GROUP;
        smalti_result result = smalti__decoder_read(decoder, rows, pitch, count, &error);
        for (size_t i = 0; result == SMALTI_OK && i < pitch * count; i++)
            sum = (sum ^ rows[i]) * 1099511628211u;
        sum = result == SMALTI_OK ? sum | 1 : 0;
    }
    free(rows);
    return sum;
}

static inline void fuzz_warn(void *user, const char *message)
{
    (void)user;
    if (!message[0] || strchr(message, '\n'))
        abort();
}

static inline uint64_t fuzz_decode(const smalti__decoder_format *format, const uint8_t *data, size_t size,
                                   smalti__decode_options options)
{
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
    uint64_t sum = 0;
    options.max_pixels = FUZZ_PIXELS;
    options.max_frames = FUZZ_FRAMES;
    options.max_metadata = 4096;
    options.warn = fuzz_warn;
    smalti__source_open_memory(&source, data, size, "fuzz");
    smalti_result result = format->open(&source, &options, &decoder, &error);
    if (result > 0)
        abort();
    if (result == SMALTI_OK) {
        fuzz_check_info(decoder);
        decoder->out = (smalti__shape){decoder->info.width, decoder->info.height, decoder->info.channels,
                                       decoder->info.sample, false};
        if (!options.head_only && decoder->work_bytes <= FUZZ_WORK &&
            smalti__decoder_start(decoder, &error) == SMALTI_OK)
            sum = fuzz_rows(decoder, 1469598103934665603u);
        while (sum && options.all_frames && decoder->frame + 1 < decoder->info.frames) {
            result = smalti__decoder_next_frame(decoder, &error);
            sum = result == SMALTI_OK ? fuzz_rows(decoder, sum) : 0;
        }
        if (sum && smalti__decoder_finish(decoder, &error) < 0)
            sum = 0;
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    return sum;
}

static inline void fuzz_format(const smalti__decoder_format *format, const uint8_t *data, size_t size)
{
    if (!size || !format->probe(data, size))
        return;
    fuzz_decode(format, data, size, (smalti__decode_options){.head_only = true, .metadata = true});
    uint64_t strict = fuzz_decode(format, data, size, (smalti__decode_options){.metadata = true});
    uint64_t lenient = fuzz_decode(format, data, size, (smalti__decode_options){.lenient = true});
    if (strict && strict != lenient)
        abort();
    fuzz_decode(format, data, size, (smalti__decode_options){.all_frames = true});
}

#endif
