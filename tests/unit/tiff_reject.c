/* SPDX-License-Identifier: Apache-2.0
 * TIFF files that are cut, damaged, too large or of kinds that are not supported. */
#include "codec.h"
#include "tiff_make.h"

static bytes make_gray(uint16_t compression, uint32_t rows_per_strip)
{
    pixels image = pixels_make(40, 30, 1, SMALTI_SAMPLE_U8);
    const tiff_spec spec = {.width = 40,
                            .height = 30,
                            .samples = 1,
                            .bits = 8,
                            .alpha = -1,
                            .photometric = PHOTOMETRIC_MINISBLACK,
                            .compression = compression,
                            .rows_per_strip = rows_per_strip,
                            .rows = image.data,
                            .row_bytes = 40};
    bytes file;
    file.data = tiff_make(&spec, &file.size);
    free(image.data);
    return file;
}

/* Changes the value of a tag in the little-endian directory; its type stays. */
static void set_tag(bytes *file, uint16_t tag, uint32_t value)
{
    uint32_t at;
    uint16_t count, found;
    memcpy(&at, file->data + 4, 4);
    memcpy(&count, file->data + at, 2);
    for (uint32_t entry = at + 2; entry < at + 2 + count * 12u; entry += 12) {
        memcpy(&found, file->data + entry, 2);
        if (found == tag)
            memcpy(file->data + entry + 8, &value, 4);
    }
}

static smalti_result code_with(uint16_t tag, uint32_t value)
{
    bytes file = make_gray(COMPRESSION_NONE, 8);
    set_tag(&file, tag, value);
    smalti_result code = codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 1 << 24});
    free(file.data);
    return code;
}

TEST("a file that is cut anywhere is an error")
{
    bytes file = make_gray(COMPRESSION_LZW, 8);
    for (size_t size = 0; size < file.size; size++) {
        smalti_result code = codec_code(file.data, size, (smalti__decode_options){0});
        if (smalti_result_class(code) != smalti_result_class(SMALTI_E_FORMAT))
            TEST_FAIL("cut at %zu of %zu: %d", size, file.size, code);
    }
    free(file.data);
}

TEST("a damaged strip is an error, or black with a warning when lenient, and the others are there")
{
    static const uint16_t compressions[] = {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE};
    pixels image = pixels_make(40, 30, 1, SMALTI_SAMPLE_U8), back;
    for (size_t i = 0; i < SMALTI__COUNT(compressions); i++) {
        bytes file = make_gray(compressions[i], 8);
        smalti_error error;
        memset(file.data + 8, 0xff, 40); /* strips follow the header */
        CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){0}), SMALTI_E_FORMAT);
        CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.lenient = true}, 0, 4, &back, NULL,
                                    NULL, &error),
                 error);
        CHECK(!memcmp(back.data + 8 * 40, image.data + 8 * 40, 22 * 40));
        CHECK_HAS(codec_warnings, "pixels may be missing");
        free(back.data);
        free(file.data);
    }
    free(image.data);
}

TEST("a strip beyond the end of the file is FORMAT_TRUNCATED")
{
    bytes file = make_gray(COMPRESSION_NONE, 0);
    set_tag(&file, TIFFTAG_STRIPOFFSETS, 1 << 20);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){0}), SMALTI_E_FORMAT_TRUNCATED);
    free(file.data);
}

TEST("what is not supported says so")
{
    CHECK_INT(code_with(TIFFTAG_COMPRESSION, COMPRESSION_OJPEG), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_with(TIFFTAG_COMPRESSION, 12345), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_with(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_CIELAB), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_with(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_INT), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_with(TIFFTAG_BITSPERSAMPLE, 32), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_with(TIFFTAG_SAMPLESPERPIXEL, 9), SMALTI_E_UNSUPPORTED);
}

TEST("sizes are limited before anything is allocated")
{
    CHECK_INT(code_with(TIFFTAG_IMAGEWIDTH, 0), SMALTI_E_FORMAT);
    CHECK_INT(code_with(TIFFTAG_IMAGELENGTH, 0x7fffffff), SMALTI_E_FORMAT); /* strips are missing */
    bytes file = make_gray(COMPRESSION_NONE, 0);
    set_tag(&file, TIFFTAG_IMAGELENGTH, 0x7fffffff);
    set_tag(&file, TIFFTAG_ROWSPERSTRIP, 0x7fffffff);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 1 << 20}), SMALTI_E_LIMIT_PIXELS);
    free(file.data);
}

TEST("tiles that reach far over the edges of a small image count for the limit of pixels")
{
    pixels image = pixels_make(16, 64, 1, SMALTI_SAMPLE_U8);
    const tiff_spec spec = {.width = 16,
                            .height = 64,
                            .samples = 1,
                            .bits = 8,
                            .alpha = -1,
                            .photometric = PHOTOMETRIC_MINISBLACK,
                            .compression = COMPRESSION_NONE,
                            .tile = 128,
                            .rows = image.data,
                            .row_bytes = 16};
    bytes file;
    file.data = tiff_make(&spec, &file.size);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 128 * 128 - 1}),
              SMALTI_E_LIMIT_PIXELS);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 128 * 128}), SMALTI_OK);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){0}), SMALTI_OK);
    free(file.data);
    free(image.data);
}

TEST("a ring of directories ends")
{
    bytes file = make_gray(COMPRESSION_NONE, 0);
    uint32_t at;
    uint16_t count;
    memcpy(&at, file.data + 4, 4);
    memcpy(&count, file.data + at, 2);
    memcpy(file.data + at + 2 + count * 12u, &at, 4);
    pixels image;
    smalti_info info = {0};
    smalti_error error;
    smalti_result result = codec_decode(&file, &image, &info, &error);
    CHECK(result < 0 || info.frames < 3);
    if (result == SMALTI_OK)
        free(image.data);
    free(file.data);
}
