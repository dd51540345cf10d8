/* SPDX-License-Identifier: Apache-2.0
 * PNM, PAM and PFM: every kind, both ways, and what is refused. */
#include "codec.h"

/* A file of head and samples. */
static bytes file_of(const char *head, const void *samples, size_t size)
{
    bytes file = {malloc(strlen(head) + size + 1), strlen(head) + size};
    memcpy(file.data, head, strlen(head));
    if (size)
        memcpy(file.data + strlen(head), samples, size);
    return file;
}

static pixels decoded(const char *head, const void *samples, size_t size, smalti_info *info)
{
    bytes file = file_of(head, samples, size);
    pixels image;
    smalti_error error;
    CHECK_OK(codec_decode(&file, &image, info, &error), error);
    free(file.data);
    return image;
}

static smalti_result code_of(const char *head, const void *samples, size_t size, bool lenient)
{
    bytes file = file_of(head, samples, size);
    smalti_result code = codec_code(file.data, file.size, (smalti__decode_options){.lenient = lenient});
    free(file.data);
    return code;
}

static void check_bytes(const pixels *image, const void *expected, size_t size)
{
    CHECK_INT(pixels_row(image) * image->height, size);
    CHECK(!memcmp(image->data, expected, size));
    free(image->data);
}

TEST("plain bitmaps need no space between their digits, and 1 is black")
{
    smalti_info info;
    pixels image = decoded("P1 # a comment\n3 2\n010\n1 0 1", NULL, 0, &info);
    check_bytes(&image, (uint8_t[]){255, 0, 255, 0, 255, 0}, 6);
    CHECK_INT(info.bit_depth, 1);
    CHECK_STR(info.color, "gray");
    CHECK_STR(info.format, "pnm");
}

TEST("raw bitmaps fill up each row to a byte")
{
    pixels image = decoded("P4\n9 2\n", (uint8_t[]){0x80, 0x80, 0x01, 0x00}, 4, NULL);
    check_bytes(&image, (uint8_t[]){0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 255, 255, 255, 255, 0, 255},
                18);
}

TEST("plain graymaps and pixmaps are scaled from their maxval to the whole range")
{
    smalti_info info;
    pixels image = decoded("P2\n4 1\n3\n0 1 #x\n 2 3", NULL, 0, &info);
    check_bytes(&image, (uint8_t[]){0, 85, 170, 255}, 4);
    CHECK_INT(info.bit_depth, 2);
    image = decoded("P3 1 1 1000 0 500 1000", NULL, 0, &info);
    CHECK_INT(image.sample, SMALTI_SAMPLE_U16);
    CHECK_INT(image.channels, 3);
    check_bytes(&image, (uint16_t[]){0, 32768, 65535}, 6);
}

TEST("raw samples above 255 are big-endian words")
{
    pixels image = decoded("P5 2 1 65535\n", (uint8_t[]){0x12, 0x34, 0xff, 0xfe}, 4, NULL);
    check_bytes(&image, (uint16_t[]){0x1234, 0xfffe}, 4);
    image = decoded("P6 1 1 511\n", (uint8_t[]){0, 0, 1, 0xff, 0, 1}, 6, NULL);
    check_bytes(&image, (uint16_t[]){0, 65535, 128}, 6);
}

TEST("PAM holds gray and RGB with alpha, and its lines come in any order")
{
    smalti_info info;
    pixels image = decoded("P7\n# c\nDEPTH 2\nMAXVAL 255\nHEIGHT 1\n\nWIDTH 2\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n",
                           (uint8_t[]){1, 2, 3, 4}, 4, &info);
    check_bytes(&image, (uint8_t[]){1, 2, 3, 4}, 4);
    CHECK(info.has_alpha);
    CHECK_STR(info.color, "gray-alpha");
    image = decoded("P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n", (uint8_t[]){0, 1}, 2,
                    &info);
    check_bytes(&image, (uint8_t[]){0, 255}, 2); /* 1 is white here */
    image = decoded("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nENDHDR\n", (uint8_t[]){9, 8, 7, 6}, 4, &info);
    CHECK_STR(info.color, "rgba");
    check_bytes(&image, (uint8_t[]){9, 8, 7, 6}, 4);
}

TEST("PFM is read from its last row up, in both byte orders")
{
    const float rows[2][2] = {{1, 2}, {3, 4}}, expected[2][2] = {{3, 4}, {1, 2}};
    smalti_info info;
    pixels image = decoded("Pf\n2 2\n-1.0\n", rows, sizeof rows, &info);
    CHECK_INT(info.sample, SMALTI_SAMPLE_F32);
    CHECK_INT(info.bit_depth, 32);
    check_bytes(&image, expected, sizeof expected);
    uint8_t swapped[12] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0xbf, 0, 0, 0};
    image = decoded("PF\n1 1\n1\n", swapped, sizeof swapped, NULL);
    check_bytes(&image, (float[]){1, 2, -0.5f}, sizeof swapped);
}

TEST("what is written is read again, in every kind and any grouping of rows")
{
    for (uint32_t channels = 1; channels <= 4; channels++)
        for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_U16; sample++) {
            pixels image = pixels_make(37, 23, channels, sample), back;
            bytes one, other;
            smalti_error error;
            CHECK_OK(codec_encode(&smalti__encoder_pnm, (smalti__encode_params){0}, &image, 5, &one, &error), error);
            CHECK_OK(codec_encode(&smalti__encoder_pnm, (smalti__encode_params){0}, &image, 23, &other, &error), error);
            CHECK(one.size == other.size && !memcmp(one.data, other.data, one.size));
            CHECK_OK(codec_decode(&one, &back, NULL, &error), error);
            CHECK(pixels_same(&image, &back));
            CHECK_INT(one.data[1], channels == 1 ? '5' : channels == 3 ? '6' : '7');
            free(back.data);
            free(one.data);
            free(other.data);
            free(image.data);
        }
}

TEST("a file that is cut anywhere is an error, and the rows it has are there when lenient")
{
    pixels image = pixels_make(10, 10, 3, SMALTI_SAMPLE_U8), back;
    bytes file;
    smalti_error error;
    CHECK_OK(codec_encode(&smalti__encoder_pnm, (smalti__encode_params){0}, &image, 10, &file, &error), error);
    for (size_t size = 0; size < file.size; size++)
        CHECK(smalti_result_class(codec_code(file.data, size, (smalti__decode_options){0})) ==
              smalti_result_class(SMALTI_E_FORMAT));
    CHECK_OK(codec_decode_frame(file.data, file.size - 45, (smalti__decode_options){.lenient = true}, 0, 3, &back, NULL,
                                NULL, &error),
             error);
    CHECK(!memcmp(back.data, image.data, 8 * 30));
    for (int i = 0; i < 60; i++)
        CHECK_INT(back.data[240 + i], 0);
    CHECK_HAS(codec_warnings, "rows are missing");
    free(back.data);
    free(file.data);
    free(image.data);
}

TEST("malformed files have the right code")
{
    const uint8_t samples[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    CHECK_INT(code_of("P5 0 1 255\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P5 1 1 0\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P5 1 1 65536\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P5 2147483648 1 255\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P6 2147483647 1 255\n", samples, 8, false), SMALTI_E_LIMIT);
    CHECK_INT(code_of("P5 x 1 255\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P5 2 2 7\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P5 2 2 7\n", samples, 8, true), SMALTI_OK);
    CHECK_INT(code_of("P5 3 3 255\n", samples, 8, false), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_INT(code_of("P2 2 2 255\n1 2 3 x", NULL, 0, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P2 2 2 255\n1 2 3 256", NULL, 0, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P1 2 2\n1 0 2 1", NULL, 0, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("Pf 1 1 0\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n", samples, 8, false), SMALTI_E_UNSUPPORTED);
    CHECK_INT(code_of("P7\nWIDTH 1\nHEIGHT 1\nMAXVAL 255\nENDHDR\n", samples, 8, false), SMALTI_E_FORMAT);
    CHECK_INT(code_of("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n", samples, 8, false),
              SMALTI_E_FORMAT);
    CHECK_INT(code_of("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE XYZ\nENDHDR\n", samples, 8, false),
              SMALTI_E_UNSUPPORTED);
}

TEST("the limit of pixels holds before anything is read")
{
    bytes file = file_of("P5 1000 1000 255\n", "", 1);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 999999}), SMALTI_E_LIMIT_PIXELS);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 1000000}),
              SMALTI_E_FORMAT_TRUNCATED);
    free(file.data);
}
