/* SPDX-License-Identifier: Apache-2.0
 * The TIFF decoder on files of libtiff's: layouts, samples, colours, alpha, pages. */
#include "codec.h"
#include "tiff_make.h"

static bytes make(const tiff_spec *spec)
{
    bytes file;
    file.data = tiff_make(spec, &file.size);
    return file;
}

static pixels decoded(const tiff_spec *spec, smalti_info *info)
{
    bytes file = make(spec);
    pixels image;
    smalti_error error;
    CHECK_OK(codec_decode(&file, &image, info, &error), error);
    free(file.data);
    return image;
}

/* Of pixels as they are. */
static tiff_spec spec_of(const pixels *image)
{
    return (tiff_spec){.width = image->width,
                       .height = image->height,
                       .samples = (uint16_t)image->channels,
                       .bits = (uint16_t)(smalti_sample_bytes(image->sample) * 8),
                       .is_float = image->sample == SMALTI_SAMPLE_F32,
                       .photometric = image->channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB,
                       .compression = COMPRESSION_NONE,
                       .alpha = EXTRASAMPLE_UNASSALPHA,
                       .rows = image->data,
                       .row_bytes = pixels_row(image)};
}

/* The planes of an image, one after the other. */
static uint8_t *planes_of(const pixels *image)
{
    size_t sample = smalti_sample_bytes(image->sample), count = (size_t)image->width * image->height;
    uint8_t *planes = malloc(count * sample * image->channels);
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < image->channels; c++)
            memcpy(planes + (c * count + i) * sample, image->data + (i * image->channels + c) * sample, sample);
    return planes;
}

static void check_layouts(const pixels *image, uint16_t compression, uint16_t predictor)
{
    uint8_t *planes = planes_of(image);
    for (int layout = 0; layout < 16; layout++) {
        tiff_spec spec = spec_of(image);
        spec.compression = compression;
        spec.predictor = predictor;
        /* libtiff 4.5 writes this combination wrongly: it swaps before it predicts */
        spec.big_endian = layout & 1 && predictor != PREDICTOR_FLOATINGPOINT;
        spec.big_tiff = layout & 2;
        spec.tile = layout & 4 ? 16 : 0;
        spec.rows_per_strip = layout & 2 ? 7 : 0;
        spec.separate = layout & 8 && image->channels > 1;
        if (spec.separate) {
            spec.rows = planes;
            spec.row_bytes = image->width * smalti_sample_bytes(image->sample);
        }
        pixels back = decoded(&spec, NULL);
        if (!pixels_same(image, &back))
            TEST_FAIL("layout %d of compression %u, predictor %u is read wrongly", layout, compression, predictor);
        CHECK_STR(codec_warnings, "");
        free(back.data);
    }
    free(planes);
}

TEST("every layout, byte order and number of channels gives the same pixels")
{
    for (uint32_t channels = 1; channels <= 4; channels++)
        for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++) {
            if (sample == SMALTI_SAMPLE_F16)
                continue;
            pixels image = pixels_make(45, 38, channels, sample);
            check_layouts(&image, COMPRESSION_NONE, 0);
            free(image.data);
        }
}

TEST("every compression gives the same pixels, with and without predictors")
{
    static const uint16_t compressions[] = {COMPRESSION_LZW,      COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,
                                            COMPRESSION_PACKBITS, COMPRESSION_ZSTD,          COMPRESSION_LZMA};
    pixels image = pixels_make(45, 38, 3, SMALTI_SAMPLE_U8), wide = pixels_make(45, 38, 3, SMALTI_SAMPLE_U16);
    pixels floats = pixels_make(45, 38, 3, SMALTI_SAMPLE_F32);
    for (size_t i = 0; i < SMALTI__COUNT(compressions); i++) {
        bool predicts = compressions[i] != COMPRESSION_PACKBITS;
        check_layouts(&image, compressions[i], 0);
        check_layouts(&wide, compressions[i], predicts ? PREDICTOR_HORIZONTAL : 0);
        check_layouts(&floats, compressions[i], predicts ? PREDICTOR_FLOATINGPOINT : 0);
    }
    free(image.data);
    free(wide.data);
    free(floats.data);
}

TEST("strips too large to be decoded whole are read row by row, also of separate planes")
{
    static const uint16_t compressions[] = {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE};
    pixels image = pixels_make(1500, 800, 3, SMALTI_SAMPLE_U8);
    uint8_t *planes = planes_of(&image);
    for (size_t i = 0; i < SMALTI__COUNT(compressions); i++)
        for (int separate = 0; separate < 2; separate++) {
            tiff_spec spec = spec_of(&image);
            spec.compression = compressions[i];
            spec.separate = separate;
            spec.rows = separate ? planes : image.data;
            spec.row_bytes = separate ? 1500 : 4500;
            pixels back = decoded(&spec, NULL);
            CHECK(pixels_same(&image, &back));
            free(back.data);
        }
    free(planes);
    free(image.data);
}

TEST("work memory of strips does not depend on the height")
{
    size_t work[2];
    for (int i = 0; i < 2; i++) {
        pixels image = pixels_make(300, i ? 4000 : 1000, 3, SMALTI_SAMPLE_U8);
        tiff_spec spec = spec_of(&image);
        spec.rows_per_strip = 16;
        bytes file = make(&spec);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti__source_open_memory(&source, file.data, file.size, "in");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){0}, &decoder, &error), error);
        work[i] = decoder->work_bytes;
        smalti__decoder_close(decoder);
        free(file.data);
        free(image.data);
    }
    CHECK(work[1] - work[0] < 8192); /* but for 16 bytes of each strip */
    CHECK(work[1] < 400 << 10);
}

TEST("gray of few bits is spread over the whole range, and 0 may be white")
{
    static const uint8_t packed[] = {0x1b, 0xb4}; /* of 2 bits: 0 1 2 3, 2 3 1 0 */
    tiff_spec spec = {.width = 4,
                      .height = 2,
                      .samples = 1,
                      .bits = 2,
                      .photometric = PHOTOMETRIC_MINISBLACK,
                      .compression = COMPRESSION_NONE,
                      .alpha = -1,
                      .rows = packed,
                      .row_bytes = 1};
    smalti_info info;
    for (int turn = 0; turn < 4; turn++) {
        spec.photometric = turn & 1 ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_MINISBLACK;
        spec.lsb_first = turn & 2;
        pixels image = decoded(&spec, &info);
        for (int i = 0; i < 8; i++) {
            int value = (packed[i / 4] >> (6 - 2 * (i % 4)) & 3) * 85;
            CHECK_INT(image.data[i], turn & 1 ? 255 - value : value);
        }
        CHECK_INT(info.bit_depth, 2);
        CHECK_STR(info.color, "gray");
        free(image.data);
    }
}

TEST("samples of 12 bits are spread over 16")
{
    static const uint8_t packed[] = {0xff, 0xf0, 0x00, 0x80, 0x00, 0x01};
    const tiff_spec spec = {.width = 4,
                            .height = 1,
                            .samples = 1,
                            .bits = 12,
                            .photometric = PHOTOMETRIC_MINISBLACK,
                            .compression = COMPRESSION_NONE,
                            .alpha = -1,
                            .rows = packed,
                            .row_bytes = 6};
    pixels image = decoded(&spec, NULL);
    const uint16_t expected[] = {65535, 0, 32776, 16};
    CHECK_INT(image.sample, SMALTI_SAMPLE_U16);
    CHECK(!memcmp(image.data, expected, sizeof expected));
    free(image.data);
}

TEST("fax compressions of bilevel images are read")
{
    static const uint16_t compressions[] = {COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4};
    uint8_t rows[20][8];
    for (int y = 0; y < 20; y++)
        for (int x = 0; x < 8; x++)
            rows[y][x] = (uint8_t)(y % 3 ? 0xf0 >> (x % 4) : 0xff);
    for (size_t i = 0; i < SMALTI__COUNT(compressions); i++) {
        const tiff_spec spec = {.width = 64,
                                .height = 20,
                                .samples = 1,
                                .bits = 1,
                                .photometric = PHOTOMETRIC_MINISWHITE,
                                .compression = compressions[i],
                                .alpha = -1,
                                .rows_per_strip = 8,
                                .rows = rows[0],
                                .row_bytes = 8};
        smalti_info info;
        pixels image = decoded(&spec, &info);
        for (int y = 0; y < 20; y++)
            for (int x = 0; x < 64; x++)
                CHECK_INT(image.data[y * 64 + x], rows[y][x / 8] >> (7 - x % 8) & 1 ? 0 : 255);
        CHECK_STR(info.compression, "ccitt");
        free(image.data);
    }
}

TEST("palettes of 4 and 8 bits become RGB, whether their entries have 16 bits or wrongly 8")
{
    uint16_t map[3 * 256];
    uint8_t rows[2][16];
    for (int bits = 4; bits <= 8; bits += 4)
        for (int narrow = 0; narrow < 2; narrow++) {
            int count = 1 << bits;
            for (int i = 0; i < 3 * count; i++)
                map[i] = (uint16_t)((i * 37 % 256) * (narrow ? 1 : 257));
            for (int i = 0; i < 32; i++)
                rows[i / 16][i % 16] = (uint8_t)(i * 8);
            const tiff_spec spec = {.width = bits == 8 ? 16 : 32,
                                    .height = 2,
                                    .samples = 1,
                                    .bits = (uint16_t)bits,
                                    .photometric = PHOTOMETRIC_PALETTE,
                                    .compression = COMPRESSION_LZW,
                                    .alpha = -1,
                                    .map = map,
                                    .rows = rows[0],
                                    .row_bytes = 16};
            smalti_info info;
            pixels image = decoded(&spec, &info);
            CHECK_INT(image.channels, 3);
            CHECK_STR(info.color, "palette");
            for (uint32_t y = 0; y < 2; y++)
                for (uint32_t x = 0; x < spec.width; x++)
                    for (int c = 0; c < 3; c++) {
                        int index = bits == 8 ? rows[y][x] : rows[y][x / 2] >> (x % 2 ? 0 : 4) & 15;
                        CHECK_INT(image.data[(y * spec.width + x) * 3 + c], (c * count + index) * 37 % 256);
                    }
            free(image.data);
        }
}

TEST("CMYK becomes RGB by the plain formula")
{
    static const uint8_t inks[] = {0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 128, 10, 20, 30, 255};
    static const uint8_t expected[] = {255, 255, 255, 0, 255, 255, 127, 0, 127, 0, 0, 0};
    const tiff_spec spec = {.width = 4,
                            .height = 1,
                            .samples = 4,
                            .bits = 8,
                            .photometric = PHOTOMETRIC_SEPARATED,
                            .compression = COMPRESSION_LZW,
                            .alpha = -1,
                            .rows = inks,
                            .row_bytes = 16,
                            .icc = "profile",
                            .icc_size = 7};
    smalti_info info;
    pixels image = decoded(&spec, &info);
    CHECK(!memcmp(image.data, expected, sizeof expected));
    CHECK_STR(info.color, "cmyk");
    CHECK_HAS(codec_warnings, "CMYK");
    free(image.data);
}

TEST("associated alpha is divided out, stated alpha kept, and samples of no stated meaning are dropped")
{
    static const uint8_t rows[] = {100, 50, 0, 200, 128, 128, 128, 128, 0, 0, 0, 0, 255, 255, 255, 100};
    static const uint8_t straight[] = {128, 64, 0, 200, 255, 255, 255, 128, 0, 0, 0, 0, 255, 255, 255, 100};
    tiff_spec spec = {.width = 4,
                      .height = 1,
                      .samples = 4,
                      .bits = 8,
                      .photometric = PHOTOMETRIC_RGB,
                      .compression = COMPRESSION_NONE,
                      .rows = rows,
                      .row_bytes = 16};
    spec.alpha = EXTRASAMPLE_ASSOCALPHA;
    pixels image = decoded(&spec, NULL);
    CHECK(!memcmp(image.data, straight, sizeof straight));
    free(image.data);
    spec.alpha = EXTRASAMPLE_UNASSALPHA;
    image = decoded(&spec, NULL);
    CHECK(!memcmp(image.data, rows, sizeof rows));
    free(image.data);
    spec.alpha = EXTRASAMPLE_UNSPECIFIED;
    image = decoded(&spec, NULL);
    CHECK_INT(image.channels, 3);
    CHECK_INT(image.data[3], 128);
    CHECK_HAS(codec_warnings, "extra samples");
    free(image.data);
}

TEST("JPEG in TIFF is read as RGB, in strips and tiles")
{
    pixels image = {64, 64, 3, SMALTI_SAMPLE_U8, malloc(64 * 64 * 3)};
    for (int i = 0; i < 64 * 64; i++) {
        image.data[i * 3] = (uint8_t)(i % 64 * 3);
        image.data[i * 3 + 1] = (uint8_t)(i / 64 * 3);
        image.data[i * 3 + 2] = 90;
    }
    for (int tiled = 0; tiled < 2; tiled++)
        for (int ycc = 0; ycc < 2; ycc++) {
            tiff_spec spec = spec_of(&image);
            spec.compression = COMPRESSION_JPEG;
            spec.photometric = ycc ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB;
            spec.tile = tiled ? 32 : 0;
            spec.rows_per_strip = 16;
            smalti_info info;
            pixels back = decoded(&spec, &info);
            CHECK(pixels_distance(&image, &back) < 24);
            CHECK_STR(info.color, ycc ? "ycbcr" : "rgb");
            CHECK_STR(info.compression, "jpeg");
            free(back.data);
        }
    free(image.data);
}

TEST("orientation, ICC profile, XMP and pages are found")
{
    pixels image = pixels_make(20, 10, 3, SMALTI_SAMPLE_U8), back;
    tiff_spec spec = spec_of(&image);
    spec.orientation = 6;
    spec.icc = "a profile";
    spec.icc_size = 9;
    spec.xmp = "<x/>";
    spec.xmp_size = 4;
    spec.pages = 3;
    bytes file = make(&spec);
    smalti_info info;
    smalti_error error;
    smalti__metadata metadata;
    CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.metadata = true, .all_frames = true}, 2,
                                3, &back, &info, &metadata, &error),
             error);
    CHECK(pixels_same(&image, &back));
    CHECK_INT(info.orientation, 6);
    CHECK_INT(info.frames, 3);
    CHECK_INT(info.icc_bytes, 9);
    CHECK_INT(info.xmp_bytes, 4);
    CHECK_INT(metadata.icc.size, 9);
    CHECK(!memcmp(metadata.xmp.data, "<x/>", 4));
    smalti__metadata_clear(&metadata);
    free(back.data);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.all_frames = true, .max_frames = 2}),
              SMALTI_E_LIMIT_FRAMES);
    free(file.data);
    free(image.data);
}
