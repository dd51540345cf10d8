/* SPDX-License-Identifier: Apache-2.0
 * AVIF, both ways: lossless exactly, lossy closely, metadata, orientation, crops, sequences, and what is refused. */
#include "codec.h"

#include <avif/avif.h>

static const smalti__encode_params lossless = {.lossless = true, .avif_effort = 1};

static bytes encoded(const pixels *image, smalti__encode_params params)
{
    bytes file;
    smalti_error error;
    CHECK_OK(codec_encode(&smalti__encoder_avif, params, image, 5, &file, &error), error);
    return file;
}

static pixels decoded(const bytes *file, smalti_info *info)
{
    pixels image;
    smalti_error error;
    CHECK_OK(codec_decode(file, &image, info, &error), error);
    return image;
}

static bytes finish(avifEncoder *encoder)
{
    avifRWData output = AVIF_DATA_EMPTY;
    CHECK_INT(avifEncoderFinish(encoder, &output), AVIF_RESULT_OK);
    bytes file = {malloc(output.size), output.size};
    memcpy(file.data, output.data, output.size);
    avifRWDataFree(&output);
    avifEncoderDestroy(encoder);
    return file;
}

static avifEncoder *exact_encoder(void)
{
    avifEncoder *encoder = avifEncoderCreate();
    encoder->codecChoice = AVIF_CODEC_CHOICE_AOM;
    encoder->speed = 9;
    encoder->maxQuantizer = encoder->maxQuantizerAlpha = 0;
    return encoder;
}

/* Exactly as it is. */
static bytes written(const avifImage *image)
{
    avifEncoder *encoder = exact_encoder();
    CHECK_INT(avifEncoderAddImage(encoder, image, 1, AVIF_ADD_IMAGE_FLAG_SINGLE), AVIF_RESULT_OK);
    return finish(encoder);
}

/* A monochrome image of even rows from low to high. */
static avifImage *make_gray(uint32_t width, uint32_t height, uint32_t depth, bool alpha)
{
    avifImage *image = avifImageCreate(width, height, depth, AVIF_PIXEL_FORMAT_YUV400);
    avifImageAllocatePlanes(image, AVIF_PLANES_YUV | (alpha ? AVIF_PLANES_A : 0));
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t value = (x + y * width) * ((1u << depth) - 1) / (width * height - 1);
            if (depth > 8)
                ((uint16_t *)(image->yuvPlanes[0] + y * image->yuvRowBytes[0]))[x] = (uint16_t)value;
            else
                image->yuvPlanes[0][y * image->yuvRowBytes[0] + x] = (uint8_t)value;
            if (alpha)
                image->alphaPlane[y * image->alphaRowBytes + x] = (uint8_t)(x * 255 / (width - 1));
        }
    return image;
}

TEST("lossless images of 8 bits come back exactly, in every number of channels")
{
    for (uint32_t channels = 1; channels <= 4; channels++) {
        pixels image = pixels_make(67, 41, channels, SMALTI_SAMPLE_U8);
        bytes file = encoded(&image, lossless);
        smalti_info info;
        pixels back = decoded(&file, &info);
        CHECK(pixels_same(&image, &back));
        static const char *const colors[] = {"", "gray", "gray-alpha", "rgb", "rgba"};
        CHECK_STR(info.format, "avif");
        CHECK_STR(info.color, colors[channels]);
        CHECK_INT(info.has_alpha, channels % 2 == 0);
        CHECK_INT(info.bit_depth, 8);
        CHECK_INT(info.frames, 1);
        free(back.data);
        free(file.data);
        free(image.data);
    }
}

TEST("16 bits become 12 when lossless, with a warning, and 10 otherwise, over the whole range")
{
    for (uint32_t channels = 1; channels <= 4; channels++)
        for (int exact = 0; exact < 2; exact++) {
            pixels image = pixels_make(40, 30, channels, SMALTI_SAMPLE_U16);
            for (uint32_t c = 0; c < channels; c++) { /* both ends */
                ((uint16_t *)image.data)[c] = 0;
                ((uint16_t *)image.data)[channels + c] = 65535;
            }
            bytes file = encoded(&image, exact ? lossless : (smalti__encode_params){.quality = 100, .avif_effort = 1});
            CHECK(!strstr(codec_warnings, "12-bit") == !exact);
            smalti_info info;
            pixels back = decoded(&file, &info);
            CHECK_INT(info.bit_depth, exact ? 12 : 10);
            CHECK_INT(info.sample, SMALTI_SAMPLE_U16);
            int distance = pixels_distance(&image, &back);
            CHECK(exact ? distance <= 8 : distance < 1000);
            if (exact)
                CHECK(!memcmp(back.data, image.data, pixels_row(&image) / 20)); /* 0 and 65535 */
            free(back.data);
            free(file.data);
            free(image.data);
        }
}

TEST("lossy images stay close, smaller with lower quality, in every subsampling")
{
    static const uint32_t modes[] = {420, 422, 444, 0};
    static const char *const names[] = {"4:2:0", "4:2:2", "4:4:4", "4:4:4"};
    pixels image = {65, 43, 3, SMALTI_SAMPLE_U8, malloc(65 * 43 * 3)};
    for (int i = 0; i < 65 * 43; i++) {
        image.data[i * 3] = (uint8_t)(i % 65 * 3);
        image.data[i * 3 + 1] = (uint8_t)(i / 65 * 5);
        image.data[i * 3 + 2] = (uint8_t)(255 - i % 65 * 3);
    }
    for (int i = 0; i < 4; i++) {
        bytes file = encoded(&image, (smalti__encode_params){.quality = 95, .subsampling = modes[i], .avif_effort = 2});
        bytes worse =
            encoded(&image, (smalti__encode_params){.quality = 20, .subsampling = modes[i], .avif_effort = 2});
        smalti_info info;
        pixels back = decoded(&file, &info);
        CHECK(pixels_distance(&image, &back) < 14);
        CHECK_STR(info.subsampling, names[i]);
        CHECK_STR(info.color, "ycbcr");
        CHECK(worse.size < file.size);
        free(back.data);
        free(worse.data);
        free(file.data);
    }
    free(image.data);
}

TEST("the same bytes for every grouping of rows, with and without a thread")
{
    pixels image = pixels_make(200, 131, 3, SMALTI_SAMPLE_U8);
    smalti__encode_params params = {.quality = 60, .subsampling = 420, .avif_effort = 3};
    bytes one, other;
    smalti_error error;
    CHECK_OK(codec_encode(&smalti__encoder_avif, params, &image, 1, &one, &error), error);
    params.spare_thread = true;
    CHECK_OK(codec_encode(&smalti__encoder_avif, params, &image, 131, &other, &error), error);
    CHECK(one.size == other.size && !memcmp(one.data, other.data, one.size));
    pixels back, again;
    CHECK_OK(codec_decode_frame(one.data, one.size, (smalti__decode_options){0}, 0, 1, &back, NULL, NULL, &error),
             error);
    CHECK_OK(codec_decode_frame(one.data, one.size, (smalti__decode_options){.spare_thread = true}, 0, 131, &again,
                                NULL, NULL, &error),
             error);
    CHECK(pixels_same(&back, &again));
    free(back.data);
    free(again.data);
    free(one.data);
    free(other.data);
    free(image.data);
}

TEST("rows converted in groups are those of libavif's conversion of the whole image")
{
    pixels image = pixels_make(90, 200, 3, SMALTI_SAMPLE_U8);
    bytes file = encoded(&image, (smalti__encode_params){.quality = 90, .subsampling = 420, .avif_effort = 1});
    pixels back = decoded(&file, NULL);
    avifDecoder *decoder = avifDecoderCreate();
    avifImage *whole = avifImageCreateEmpty();
    CHECK_INT(avifDecoderReadMemory(decoder, whole, file.data, file.size), AVIF_RESULT_OK);
    avifRGBImage rgb;
    avifRGBImageSetDefaults(&rgb, whole);
    avifRGBImageAllocatePixels(&rgb);
    CHECK_INT(avifImageYUVToRGB(whole, &rgb), AVIF_RESULT_OK);
    for (uint32_t y = 0; y < 200; y++)
        for (uint32_t x = 0; x < 90; x++)
            CHECK(!memcmp(rgb.pixels + y * rgb.rowBytes + x * 4, back.data + (y * 90 + x) * 3, 3));
    avifRGBImageFreePixels(&rgb);
    avifImageDestroy(whole);
    avifDecoderDestroy(decoder);
    free(back.data);
    free(file.data);
    free(image.data);
}

TEST("monochrome of the limited range, and of 10 bits, is spread over the whole")
{
    avifImage *image = make_gray(20, 20, 8, false);
    image->yuvRange = AVIF_RANGE_LIMITED;
    bytes file = written(image);
    pixels back = decoded(&file, NULL);
    for (int i = 0; i < 400; i++) {
        int value = i * 255 / 399, expected = ((value - 16) * 255 + 109) / 219;
        expected = value < 16 ? 0 : expected > 255 ? 255 : expected;
        CHECK_INT(back.data[i], expected);
    }
    free(back.data);
    free(file.data);
    avifImageDestroy(image);
    image = make_gray(20, 20, 10, false);
    file = written(image);
    back = decoded(&file, NULL);
    for (int i = 0; i < 400; i++)
        CHECK_INT(((uint16_t *)back.data)[i], ((i * 1023 / 399) * 65535 + 511) / 1023);
    free(back.data);
    free(file.data);
    avifImageDestroy(image);
}

TEST("premultiplied alpha is divided out")
{
    avifImage *image = make_gray(16, 16, 8, true);
    for (int i = 0; i < 256; i++)
        image->yuvPlanes[0][i / 16 * image->yuvRowBytes[0] + i % 16] = (uint8_t)(i % 16 * 255 / 15 / 2);
    image->alphaPremultiplied = true;
    bytes file = written(image);
    pixels back = decoded(&file, NULL);
    CHECK_INT(back.channels, 2);
    CHECK_INT(back.data[0], 0); /* no cover */
    for (int i = 1; i < 16; i++) {
        int cover = i * 255 / 15, gray = cover / 2;
        CHECK_INT(back.data[i * 2 + 1], cover);
        CHECK_INT(back.data[i * 2], (gray * 255 + cover / 2) / cover);
    }
    free(back.data);
    free(file.data);
    avifImageDestroy(image);
}

TEST("turning and mirroring are orientations, and EXIF is made to agree")
{
    /* irot's quarters anticlockwise, then imir: 0 top and bottom, 1 left and right; none: -1 */
    static const struct {
        uint8_t angle;
        int mirror;
        uint32_t orientation;
    } cases[] = {{0, -1, 1}, {0, 1, 2},  {2, -1, 3}, {0, 0, 4}, {1, 0, 5}, {3, -1, 6},
                 {3, 0, 7},  {1, -1, 8}, {2, 0, 2},  {2, 1, 4}, {1, 1, 7}, {3, 1, 5}};
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        avifImage *image = make_gray(16, 16, 8, false);
        smalti__blob exif = exif_make(1);
        avifImageSetMetadataExif(image, exif.data, exif.size);
        image->transformFlags =
            (cases[i].angle ? AVIF_TRANSFORM_IROT : 0) | (cases[i].mirror >= 0 ? AVIF_TRANSFORM_IMIR : 0);
        image->irot.angle = cases[i].angle;
        image->imir.mode = (uint8_t)(cases[i].mirror > 0);
        bytes file = written(image);
        smalti_info info;
        smalti__metadata metadata;
        smalti_error error;
        pixels back;
        CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.metadata = true}, 0, 16, &back,
                                    &info, &metadata, &error),
                 error);
        CHECK_INT(info.orientation, cases[i].orientation);
        CHECK_INT(smalti__exif_orientation(metadata.exif.data, metadata.exif.size, NULL), cases[i].orientation);
        smalti__metadata_clear(&metadata);
        free(exif.data);
        free(back.data);
        free(file.data);
        avifImageDestroy(image);
    }
}

TEST("ICC profile, EXIF, XMP and orientation go through")
{
    smalti__metadata metadata = {.icc = icc_make(700, "RGB "), .exif = exif_make(6)}, found;
    metadata.xmp = (smalti__blob){(uint8_t *)strdup("<xmp/>"), 6};
    pixels image = pixels_make(30, 20, 3, SMALTI_SAMPLE_U8), back;
    smalti__encode_params params = {.quality = 50, .avif_effort = 0, .metadata = &metadata};
    bytes file = encoded(&image, params);
    smalti_info info;
    smalti_error error;
    CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.metadata = true}, 0, 20, &back, &info,
                                &found, &error),
             error);
    CHECK_INT(info.orientation, 6);
    CHECK_INT(found.icc.size, 700);
    CHECK(!memcmp(found.icc.data, metadata.icc.data, 700));
    CHECK(found.exif.size == metadata.exif.size && !memcmp(found.exif.data, metadata.exif.data, found.exif.size));
    CHECK(found.xmp.size == 6 && !memcmp(found.xmp.data, "<xmp/>", 6));
    CHECK_INT(info.icc_bytes, 700);
    smalti__metadata_clear(&found);
    smalti__metadata_clear(&metadata);
    free(back.data);
    free(file.data);
    free(image.data);
}

TEST("a clean aperture is cut out")
{
    avifImage *image = make_gray(20, 20, 8, false);
    const avifCropRect rect = {4, 6, 10, 8};
    avifDiagnostics diag;
    CHECK(avifCleanApertureBoxConvertCropRect(&image->clap, &rect, 20, 20, AVIF_PIXEL_FORMAT_YUV400, &diag));
    image->transformFlags = AVIF_TRANSFORM_CLAP;
    bytes file = written(image);
    smalti_info info;
    pixels back = decoded(&file, &info);
    CHECK_INT(info.width, 10);
    CHECK_INT(info.height, 8);
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 10; x++)
            CHECK_INT(back.data[y * 10 + x], ((y + 6) * 20 + x + 4) * 255 / 399);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 399}), SMALTI_E_LIMIT_PIXELS);
    free(back.data);
    free(file.data);
    avifImageDestroy(image);
}

TEST("a sequence is counted, and its frames come one after the other")
{
    avifEncoder *encoder = exact_encoder();
    encoder->timescale = 100;
    avifImage *image = make_gray(16, 16, 8, false);
    for (int frame = 0; frame < 3; frame++) {
        memset(image->yuvPlanes[0], 50 * frame, 16 * image->yuvRowBytes[0]);
        CHECK_INT(avifEncoderAddImage(encoder, image, 10, AVIF_ADD_IMAGE_FLAG_NONE), AVIF_RESULT_OK);
    }
    bytes file = finish(encoder);
    for (uint32_t frame = 0; frame < 3; frame++) {
        smalti_info info;
        smalti_error error;
        pixels back;
        CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.all_frames = true}, frame, 5, &back,
                                    &info, NULL, &error),
                 error);
        CHECK_INT(info.frames, 3);
        CHECK_INT(info.duration_ms, 300);
        CHECK_INT(back.data[100], 50 * frame);
        free(back.data);
    }
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.all_frames = true, .max_frames = 2}),
              SMALTI_E_LIMIT_FRAMES);
    free(file.data);
    avifImageDestroy(image);
}

TEST("grids of tiles are put together within the work memory's account")
{
    avifImage *cells[4];
    const avifImage *const *list = (const avifImage *const *)cells;
    for (int i = 0; i < 4; i++) {
        cells[i] = make_gray(64, 64, 8, false);
        memset(cells[i]->yuvPlanes[0], i * 60, 64 * cells[i]->yuvRowBytes[0]);
    }
    avifEncoder *encoder = exact_encoder();
    CHECK_INT(avifEncoderAddImageGrid(encoder, 2, 2, list, AVIF_ADD_IMAGE_FLAG_SINGLE), AVIF_RESULT_OK);
    bytes file = finish(encoder);
    pixels back = decoded(&file, NULL);
    CHECK_INT(back.width, 128);
    CHECK_INT(back.height, 128);
    for (int i = 0; i < 4; i++)
        CHECK_INT(back.data[(i / 2 * 64 + 30) * 128 + i % 2 * 64 + 30], i * 60);
    free(back.data);
    free(file.data);
    for (int i = 0; i < 4; i++)
        avifImageDestroy(cells[i]);
}

TEST("a file that is cut anywhere is an error")
{
    pixels image = pixels_make(40, 40, 4, SMALTI_SAMPLE_U8);
    bytes file = encoded(&image, lossless);
    for (size_t size = 0; size < file.size; size += size < 600 ? 1 : 97) {
        smalti_result code = codec_code(file.data, size, (smalti__decode_options){0});
        if (smalti_result_class(code) != smalti_result_class(SMALTI_E_FORMAT))
            TEST_FAIL("cut at %zu of %zu: %d", size, file.size, code);
    }
    free(file.data);
    free(image.data);
}

TEST("damaged pixels are an error, or are decoded to something")
{
    pixels image = pixels_make(64, 64, 3, SMALTI_SAMPLE_U8);
    bytes file = encoded(&image, lossless);
    for (size_t at = file.size / 2; at < file.size; at += 61) {
        file.data[at] ^= 0x5a;
        smalti_result code = codec_code(file.data, file.size, (smalti__decode_options){0});
        CHECK(code == SMALTI_OK || smalti_result_class(code) == smalti_result_class(SMALTI_E_FORMAT));
        file.data[at] ^= 0x5a;
    }
    free(file.data);
    free(image.data);
}

TEST("what cannot be encoded is refused")
{
    pixels image = pixels_make(2, 2, 3, SMALTI_SAMPLE_U8);
    bytes file;
    smalti_error error;
    smalti__encode_params params = {.quality = 101};
    CHECK_INT(codec_encode(&smalti__encoder_avif, params, &image, 1, &file, &error), SMALTI_E_INVALID_RANGE);
    params = (smalti__encode_params){.quality = 50, .subsampling = 411};
    CHECK_INT(codec_encode(&smalti__encoder_avif, params, &image, 1, &file, &error), SMALTI_E_INVALID_RANGE);
    image.width = 65537;
    params.subsampling = 420;
    CHECK_INT(codec_encode(&smalti__encoder_avif, params, &image, 1, &file, &error), SMALTI_E_INVALID_RANGE);
    free(image.data);
}
