/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the JPEG decoder, strict and lenient. A strict success must also be a lenient one, with the same pixels and
 * no warning of damage. */
#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PIXELS = 1 << 18, MOST_WORK = 64 << 20, GROUP = 5 };

/* Reads all rows; returns a sum over them, or 0 for an error. */
static uint64_t read_rows(smalti__decoder *decoder)
{
    size_t pitch = smalti__align((size_t)decoder->info.width * decoder->info.channels, 64);
    uint64_t sum = 1469598103934665603u;
    smalti_error error;
    smalti_result result = smalti__decoder_start(decoder, &error);
    while (result == SMALTI_OK && decoder->row < decoder->info.height) {
        uint32_t left = decoder->info.height - decoder->row, count = left < GROUP ? left : GROUP;
        uint8_t *rows = malloc(pitch * count);
        if (!rows)
            abort();
        result = smalti__decoder_read(decoder, rows, pitch, count, &error);
        for (uint32_t y = 0; result == SMALTI_OK && y < count; y++)
            for (size_t x = 0; x < (size_t)decoder->info.width * decoder->info.channels; x++)
                sum = (sum ^ rows[y * pitch + x]) * 1099511628211u;
        free(rows);
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_finish(decoder, &error);
    return result == SMALTI_OK ? sum | 1 : 0;
}

static void count_warning(void *user, const char *message)
{
    (*(uint32_t *)user)++;
    if (!message[0] || strchr(message, '\n'))
        abort();
}

static uint64_t decode(const uint8_t *data, size_t size, bool lenient, bool head_only)
{
    uint32_t warnings = 0;
    uint64_t sum = 0;
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
    smalti__decode_options options = {.lenient = lenient,
                                      .metadata = lenient,
                                      .head_only = head_only,
                                      .max_pixels = MOST_PIXELS,
                                      .max_metadata = 4096,
                                      .warn = count_warning,
                                      .user = &warnings};
    smalti__source_open_memory(&source, data, size, "fuzz.jpg");
    smalti_result result = smalti__decoder_jpeg.open(&source, &options, &decoder, &error);
    if (result == SMALTI_OK) {
        if (decoder->info.width == 0 || decoder->info.height == 0 || decoder->info.orientation < 1 ||
            decoder->info.orientation > 8)
            abort();
        if (!head_only && decoder->work_bytes <= MOST_WORK)
            sum = read_rows(decoder);
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && !smalti__decoder_jpeg.probe(data, size))
        return 0;
    decode(data, size, false, true);
    uint64_t strict = decode(data, size, false, false), lenient = decode(data, size, true, false);
    if (strict && strict != lenient)
        abort();
    return 0;
}
