/* SPDX-License-Identifier: Apache-2.0
 * Any pixels as PNG with a palette: few colors come back exactly, many as no more than were asked for.
 * Input: width, channels, colors, dither, effort (a byte each), then samples. */
#include "encode/encode.h"

enum { HEAD = 5, PIXELS_MOST = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t rgba_of(const uint8_t *pixel, uint32_t channels)
{
    uint8_t rgba[4] = {pixel[0], pixel[channels > 2 ? 1 : 0], pixel[channels > 2 ? 2 : 0],
                       channels % 2 ? 255 : pixel[channels - 1]};
    uint32_t value;
    memcpy(&value, rgba, 4);
    return value;
}

/* At most most + 1. */
static uint32_t count_colors(const uint8_t *pixels, uint32_t count, uint32_t channels, uint32_t most)
{
    uint32_t seen[257], found = 0;
    for (uint32_t i = 0; i < count && found <= most; i++) {
        uint32_t color = rgba_of(pixels + (size_t)i * channels, channels), at = 0;
        while (at < found && seen[at] != color)
            at++;
        if (at == found)
            seen[found++] = color;
    }
    return found;
}

static void check(const uint8_t *file, size_t size, const uint8_t *pixels, const smalti__encoder *seed)
{
    smalti__source source = {0};
    smalti__decoder *decoder = NULL;
    smalti__decode_options options = {0};
    smalti__source_open_memory(&source, file, size, "fuzz.png");
    if (smalti__decoder_open(&source, &options, &decoder, NULL) || smalti__decoder_start(decoder, NULL))
        abort();
    uint32_t channels = decoder->out.channels, count = seed->width * seed->height, most = seed->params.colors;
    size_t pitch = (size_t)seed->width * channels;
    uint8_t *rows = malloc(pitch * seed->height + SMALTI__POOL_SLACK);
    if (smalti__decoder_read(decoder, rows, pitch, seed->height, NULL) || smalti__decoder_finish(decoder, NULL))
        abort();
    if (count_colors(rows, count, channels, most) > most)
        abort();
    if (count_colors(pixels, count, seed->channels, most) <= most)
        for (size_t i = 0; i < count; i++)
            if (rgba_of(rows + i * channels, channels) != rgba_of(pixels + i * seed->channels, seed->channels))
                abort();
    free(rows);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= HEAD)
        return 0;
    uint32_t width = data[0] + 1u, channels = data[1] % 4 + 1u;
    size_t height = (size - HEAD) / (width * channels);
    if (!height || width * height > PIXELS_MOST)
        return 0;
    smalti__sink sink = {0};
    if (smalti__sink_open_memory(&sink, 0, NULL))
        return 0;
    const smalti__encoder_format *format = &smalti__encoder_png;
    smalti__encoder seed = {.params = {.colors = data[2] % 255 + 2u,
                                       .dither = data[3] % 101u,
                                       .png_effort = data[4] % 5 + 1u},
                            .format = format,
                            .sink = &sink,
                            .width = width,
                            .height = (uint32_t)height,
                            .channels = channels,
                            .sample = SMALTI_SAMPLE_U8},
                    *encoder = NULL;
    /* a copy of just the right size, so that a sanitizer sees reads beyond it */
    size_t bytes = width * channels * height;
    uint8_t *pixels = malloc(bytes);
    memcpy(pixels, data + HEAD, bytes);
    if (format->open(&seed, &encoder, NULL) ||
        format->write(encoder, pixels, width * channels, (uint32_t)height, NULL) || format->finish(encoder, NULL))
        abort();
    format->close(encoder);
    size_t file_size;
    uint8_t *file = smalti__sink_take(&sink, &file_size);
    smalti__sink_close(&sink);
    check(file, file_size, pixels, &seed);
    free(file);
    free(pixels);
    return 0;
}
