/* SPDX-License-Identifier: Apache-2.0
 * Pictures for the tests of the PNG encoder, and what it makes of them. */
#ifndef SMALTI_TEST_PNG_PICTURE_H
#define SMALTI_TEST_PNG_PICTURE_H

#include "png_make.h"

typedef struct picture {
    uint32_t width, height, channels;
    smalti_sample sample;
    uint8_t *data;
    size_t row_bytes;
} picture;

static inline picture make_picture(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    picture p = {width, height, channels, sample, NULL, width * channels * smalti_sample_bytes(sample)};
    p.data = malloc(p.row_bytes * height);
    uint32_t state = width * 31 + height;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width * channels; x++) {
            uint32_t noise = next_random(&state), value = x * 300 + y * 500 + (noise & 4095);
            if (y % 5 == 4)
                value = noise;
            if (y % 7 == 6)
                value = 0x1234;
            size_t at = y * p.row_bytes + x * smalti_sample_bytes(sample);
            uint16_t wide = (uint16_t)value;
            if (sample == SMALTI_SAMPLE_U16)
                memcpy(p.data + at, &wide, 2);
            else
                p.data[at] = (uint8_t)(value >> 8);
        }
    return p;
}

/* Rows in groups of so many, each handed over in memory that is overwritten afterwards. */
static inline bytes encode(const picture *p, const smalti__encode_params *params, uint32_t group, size_t *work_bytes)
{
    smalti__sink sink = {0};
    smalti_error error = {0};
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    const smalti__encoder_format *format = smalti__encoder_find("PNG");
    smalti__encoder seed = {.format = format,
                            .params = *params,
                            .sink = &sink,
                            .width = p->width,
                            .height = p->height,
                            .channels = p->channels,
                            .sample = p->sample},
                    *encoder = NULL;
    if (work_bytes)
        *work_bytes = format->work_bytes(p->width, p->height, p->channels, p->sample, params);
    CHECK_OK(format->open(&seed, &encoder, &error), error);
    size_t pitch = p->row_bytes + 6;
    uint8_t *rows = malloc(pitch * group);
    for (uint32_t y = 0; y < p->height; y += group) {
        uint32_t count = p->height - y < group ? p->height - y : group;
        memset(rows, 0xEE, pitch * group);
        for (uint32_t row = 0; row < count; row++)
            memcpy(rows + row * pitch, p->data + (y + row) * p->row_bytes, p->row_bytes);
        CHECK_OK(format->write(encoder, rows, pitch, count, &error), error);
    }
    free(rows);
    CHECK_OK(format->finish(encoder, &error), error);
    format->close(encoder);
    bytes file = {0};
    file.data = smalti__sink_take(&sink, &file.size);
    smalti__sink_close(&sink);
    return file;
}

#endif
