/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the JPEG decoder, strict and lenient, at all sizes, rows and planes; and lossless transforms. A strict
 * success must also be a lenient one, with the same pixels; what was transformed must decode. */
#include "encode/jpeg_transform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PIXELS = 1 << 18, MOST_WORK = 64 << 20, GROUP = 5 };

static uint64_t sum_row(uint64_t sum, const uint8_t *row, size_t count)
{
    for (size_t x = 0; x < count; x++)
        sum = (sum ^ row[x]) * 1099511628211u;
    return sum;
}

/* Reads all rows; returns a sum over them, or 0 for an error. */
static uint64_t read_rows(smalti__decoder *decoder)
{
    const smalti__shape *out = &decoder->out;
    size_t row_bytes = (size_t)out->width * out->channels, pitch = smalti__align(row_bytes, 64);
    uint64_t sum = 1469598103934665603u;
    smalti_error error;
    smalti_result result = smalti__decoder_start(decoder, &error);
    while (result == SMALTI_OK && decoder->row < out->height) {
        uint32_t left = out->height - decoder->row, count = left < GROUP ? left : GROUP;
        uint8_t *rows = malloc(pitch * count);
        if (!rows)
            abort();
        result = smalti__decoder_read(decoder, rows, pitch, count, &error);
        for (uint32_t y = 0; result == SMALTI_OK && y < count; y++)
            sum = sum_row(sum, rows + y * pitch, row_bytes);
        free(rows);
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_finish(decoder, &error);
    return result == SMALTI_OK ? sum | 1 : 0;
}

/* The same of the planes; 0 too when there are none. */
static uint64_t read_planes(smalti__decoder *decoder)
{
    uint64_t sum = 1469598103934665603u;
    smalti_error error;
    smalti__planes image, unit, room;
    if (!smalti__decoder_planar(decoder, decoder->info.width % 2, &image, &unit))
        return 0;
    room = unit;
    for (uint32_t i = 0; i < unit.count; i++)
        if (!(room.data[i] = malloc(unit.pitch[i] * unit.height[i])))
            abort();
    smalti_result result = smalti__decoder_start(decoder, &error);
    while (result == SMALTI_OK && decoder->row < image.height[0]) {
        result = smalti__decoder_read_planes(decoder, &room, &error);
        for (uint32_t i = 0; result == SMALTI_OK && i < unit.count; i++) {
            if (room.height[i] > unit.height[i])
                abort();
            for (uint32_t y = 0; y < room.height[i]; y++)
                sum = sum_row(sum, room.data[i] + y * room.pitch[i], room.width[i]);
        }
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_finish(decoder, &error);
    for (uint32_t i = 0; i < unit.count; i++)
        free(room.data[i]);
    return result == SMALTI_OK ? sum | 1 : 0;
}

static void count_warning(void *user, const char *message)
{
    (*(uint32_t *)user)++;
    if (!message[0] || strchr(message, '\n'))
        abort();
}

static uint64_t decode(const uint8_t *data, size_t size, bool lenient, bool head_only, uint32_t divisor, bool planar)
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
        decoder->ops->reduce(decoder, decoder->info.width / (divisor + 1), decoder->info.height / (divisor + 1));
        if (!head_only && decoder->work_bytes <= MOST_WORK)
            sum = planar ? read_planes(decoder) : read_rows(decoder);
        smalti__decoder_close(decoder);
    }
    smalti__source_close(&source);
    return sum;
}

/* Returns whether it came to the end; *out is owned then. */
static bool transform(const uint8_t *data, size_t size, bool lenient, uint32_t variant, void **out, size_t *out_size)
{
    smalti__source source;
    smalti__sink sink;
    smalti__decoder *decoder;
    smalti_error error;
    smalti__jpeg_transform_plan plan;
    const smalti__decode_options options = {.lenient = lenient, .max_pixels = MOST_PIXELS, .max_metadata = 4096};
    const smalti__encode_params params = {.progressive = variant / 8 % 2};
    smalti__jpeg_transform what = {.orientation = 1 + variant % 8, .trim = true};
    smalti__source_open_memory(&source, data, size, "fuzz.jpg");
    smalti_result result = smalti__decoder_jpeg.open(&source, &options, &decoder, &error);
    if (result < 0) {
        smalti__source_close(&source);
        return false;
    }
    if (variant / 16 % 2)
        what.width = (decoder->info.height + 1) / 2, what.height = 1, what.x = decoder->info.height / 3;
    if (smalti__sink_open_memory(&sink, 0, &error) < 0)
        abort();
    result = smalti__jpeg_transform_make(decoder, &what, &plan, &error);
    if (result == SMALTI_OK && plan.work_bytes <= MOST_WORK)
        result = smalti__decoder_start(decoder, &error);
    else
        result = SMALTI_E_LIMIT;
    if (result == SMALTI_OK)
        result = smalti__jpeg_transform_write(decoder, &plan, &sink, &params, &error);
    *out = result == SMALTI_OK ? smalti__sink_take(&sink, out_size) : NULL;
    smalti__sink_close(&sink);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return result == SMALTI_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && !smalti__decoder_jpeg.probe(data, size))
        return 0;
    decode(data, size, false, true, 1, false);
    for (int planar = 0; planar < 2; planar++) {
        uint32_t divisor = planar ? 1u << size % 4 : 1u << size / 4 % 4;
        uint64_t strict = decode(data, size, false, false, divisor, planar);
        uint64_t lenient = decode(data, size, true, false, divisor, planar);
        /* of an eighth in planes detail is not looked at when strict: where it is damaged there is more to forgive */
        if (strict && (planar && divisor == 8 ? !lenient : strict != lenient))
            abort();
    }
    void *moved;
    size_t moved_size;
    for (int lenient = 0; lenient < 2; lenient++) {
        if (!transform(data, size, lenient, (uint32_t)size, &moved, &moved_size))
            continue;
        /* samplings that libjpeg cannot decode can be moved */
        if (!decode(moved, moved_size, false, false, 1, false) && decode(data, size, lenient, false, 1, false))
            abort();
        free(moved);
    }
    return 0;
}
