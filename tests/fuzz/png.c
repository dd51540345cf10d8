/* SPDX-License-Identifier: Apache-2.0
 * PNG files: opened for their head alone, decoded strictly, with all that can be had of damaged ones, and reduced. */
#include "decode/decode.h"

enum { MAX_PIXELS = 1 << 18, ROWS = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every delivered byte is looked at, so that a memory checker sees what was never written. */
static unsigned checksum;

static void ignore(void *user, const char *message)
{
    (void)user;
    checksum += (unsigned)strlen(message);
}

static smalti_result read_rows(smalti__decoder *decoder)
{
    const smalti__shape *shape = &decoder->out;
    size_t pitch = shape->width * smalti__pixel_bytes(shape);
    uint8_t *rows = malloc(pitch * ROWS);
    smalti_result result = SMALTI_OK;
    for (uint32_t y = 0; y < shape->height && result == SMALTI_OK; y += ROWS) {
        uint32_t count = shape->height - y < ROWS ? shape->height - y : ROWS;
        result = smalti__decoder_read(decoder, rows, pitch, count, NULL);
        for (size_t i = 0; i < count * pitch && result == SMALTI_OK; i++)
            checksum += rows[i];
    }
    free(rows);
    return result;
}

static void decode(const uint8_t *data, size_t size, smalti__decode_options options, uint32_t reduced)
{
    smalti__source source = {0};
    smalti__decoder *decoder = NULL;
    smalti_error error = {0};
    options.max_pixels = MAX_PIXELS;
    options.max_metadata = 1 << 16;
    options.warn = ignore;
    smalti__source_open_memory(&source, data, size, "fuzz.png");
    smalti_result result = smalti__decoder_open(&source, &options, &decoder, &error);
    if (result == SMALTI_OK && !options.head_only) {
        if (reduced)
            smalti__decoder_reduce(decoder, reduced, reduced);
        result = smalti__decoder_start(decoder, &error);
        result = result == SMALTI_OK ? read_rows(decoder) : result;
        result = result == SMALTI_OK ? smalti__decoder_finish(decoder, &error) : result;
    }
    if (result > 0)
        abort();
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size, (smalti__decode_options){.head_only = true, .metadata = true}, 0);
    decode(data, size, (smalti__decode_options){.spare_thread = true}, 0);
    decode(data, size, (smalti__decode_options){.lenient = true, .metadata = true}, 0);
    decode(data, size, (smalti__decode_options){.lenient = true}, 1 + size % 7);
    return 0;
}
