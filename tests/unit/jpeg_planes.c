/* SPDX-License-Identifier: Apache-2.0
 * The JPEG encoder fed with planes, against plain libjpeg fed with the same samples. */
#include "test.h"
#include "jpeg_make.h"

#include "encode/encode.h"

/* Samples of the planes of an image: smooth, so that chroma can be told from luma. */
static uint8_t plane_sample(uint32_t plane, uint32_t x, uint32_t y)
{
    return (uint8_t)(60 + plane * 20 + x * (1 + plane) % 90 + y * (2 - plane % 2) % 70);
}

static smalti_result encode_planes(const smalti__encoder *seed, uint8_t **data, size_t *size, smalti_error *error)
{
    smalti__sink sink;
    smalti__encoder *encoder = NULL, mine = *seed;
    smalti__planes image, unit;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, error), *error);
    mine.sink = &sink;
    mine.sample = SMALTI_SAMPLE_U8;
    mine.format = &smalti__encoder_jpeg;
    smalti_result result = smalti__encoder_jpeg.open_planes(&mine, &image, &unit, &encoder, error);
    if (result == SMALTI_OK)
        CHECK_INT(image.width[0] == seed->width && image.height[0] == seed->height && image.count == seed->channels, 1);
    uint32_t row[3] = {0};
    while (result == SMALTI_OK && row[0] < image.height[0]) {
        smalti__planes rows = unit;
        for (uint32_t i = 0; i < unit.count; i++) {
            uint32_t left = image.height[i] - row[i];
            rows.height[i] = unit.height[i] < left ? unit.height[i] : left;
            rows.data[i] = malloc(rows.pitch[i] * rows.height[i]);
            for (uint32_t y = 0; y < rows.height[i]; y++)
                for (uint32_t x = 0; x < rows.width[i]; x++)
                    rows.data[i][y * rows.pitch[i] + x] = plane_sample(i, x, row[i] + y);
            row[i] += rows.height[i];
        }
        result = smalti__encoder_jpeg.write_planes(encoder, &rows, error);
        for (uint32_t i = 0; i < unit.count; i++)
            free(rows.data[i]);
    }
    if (result == SMALTI_OK)
        result = smalti__encoder_jpeg.finish(encoder, error);
    if (encoder)
        smalti__encoder_jpeg.close(encoder);
    *data = result == SMALTI_OK ? smalti__sink_take(&sink, size) : NULL;
    smalti__sink_close(&sink);
    return result;
}

/* YCbCr by libjpeg, of our file and of one that libjpeg made of the same planes with each sample repeated. */
static void check_planes(uint32_t width, uint32_t height, uint32_t channels, uint32_t subsampling, bool optimize)
{
    smalti__encoder seed = {.width = width,
                            .height = height,
                            .channels = channels,
                            .params = {.quality = 85, .subsampling = subsampling, .optimize = optimize}};
    uint8_t *data;
    size_t size, plain_size;
    smalti_error error;
    CHECK_OK(encode_planes(&seed, &data, &size, &error), error);
    uint32_t across = channels == 3 && subsampling != 444 ? 2 : 1, down = channels == 3 && subsampling == 420 ? 2 : 1;
    uint8_t *pixels = malloc((size_t)width * height * channels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++)
                pixels[(y * width + x) * channels + c] = plane_sample(c, c ? x / across : x, c ? y / down : y);
    jpeg_spec spec = {.width = width,
                      .height = height,
                      .components = (int)channels,
                      .stored = channels == 3 ? JCS_YCbCr : JCS_UNKNOWN,
                      .ycbcr = true,
                      .quality = 85,
                      .h = (int)across,
                      .v = (int)down};
    uint8_t *plain = make_jpeg(&spec, pixels, &plain_size);
    uint32_t found_width, found_height;
    uint8_t *found = reference_reduced(data, size, 1, true, &found_width, &found_height);
    CHECK_INT(found_width, width);
    CHECK_INT(found_height, height);
    uint8_t *expected = reference_reduced(plain, plain_size, 1, true, &found_width, &found_height);
    if (memcmp(found, expected, (size_t)width * height * channels))
        TEST_FAIL("%ux%u of %u channels, %u: other samples", width, height, channels, subsampling);
    free(expected);
    free(found);
    free(plain);
    free(pixels);
    free(data);
}

TEST("planes come out as they went in, of all sizes from 1 to 40 and subsamplings")
{
    static const uint32_t subsamplings[] = {420, 422, 444};
    for (uint32_t side = 1; side <= 40; side++)
        for (uint32_t i = 0; i < 4; i++)
            check_planes(side, 1 + side * 7 % 40, i == 3 ? 1 : 3, subsamplings[i % 3], side % 2);
}

TEST("planes of the wrong number of rows are refused")
{
    smalti__sink sink;
    smalti_error error;
    smalti__planes image, unit;
    smalti__encoder *encoder, seed = {.width = 20, .height = 20, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    static uint8_t samples[3][32 * 16];
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    seed.sink = &sink;
    CHECK_OK(smalti__encoder_jpeg.open_planes(&seed, &image, &unit, &encoder, &error), error);
    CHECK_INT(unit.height[0], 16);
    CHECK_INT(unit.height[2], 8);
    CHECK_INT(image.width[1], 10);
    for (uint32_t i = 0; i < 3; i++)
        unit.data[i] = samples[i];
    smalti__planes rows = unit;
    rows.height[1] = 7;
    CHECK_INT(smalti__encoder_jpeg.write_planes(encoder, &rows, &error), SMALTI_E_INVALID);
    CHECK_OK(smalti__encoder_jpeg.write_planes(encoder, &unit, &error), error);
    CHECK_INT(smalti__encoder_jpeg.write_planes(encoder, &unit, &error), SMALTI_E_INVALID); /* 4 and 2 are left */
    unit.height[0] = 4, unit.height[1] = unit.height[2] = 2;
    CHECK_OK(smalti__encoder_jpeg.write_planes(encoder, &unit, &error), error);
    CHECK_INT(smalti__encoder_jpeg.write_planes(encoder, &unit, &error), SMALTI_E_INVALID);
    CHECK_OK(smalti__encoder_jpeg.finish(encoder, &error), error);
    smalti__encoder_jpeg.close(encoder);
    smalti__sink_close(&sink);
}
