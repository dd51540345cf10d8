/* SPDX-License-Identifier: Apache-2.0
 * The TIFF encoder: everything comes back, from our decoder and from libtiff's own. */
#include "codec.h"

#include <tiffio.h>

enum { COMPRESSIONS = SMALTI__TIFF_NONE + 1 };

static void check_round_trip(const pixels *image, uint32_t compression)
{
    const smalti__encode_params params = {.tiff_compression = compression};
    bytes one, other;
    pixels back;
    smalti_info info;
    smalti_error error;
    static const char *const names[] = {"lzw", "deflate", "packbits", "none"};
    CHECK_OK(codec_encode(&smalti__encoder_tiff, params, image, 5, &one, &error), error);
    CHECK_OK(codec_encode(&smalti__encoder_tiff, params, image, image->height, &other, &error), error);
    CHECK(one.size == other.size && !memcmp(one.data, other.data, one.size));
    CHECK_OK(codec_decode(&one, &back, &info, &error), error);
    CHECK(pixels_same(image, &back));
    CHECK_STR(info.compression, names[compression]);
    CHECK_STR(codec_warnings, "");
    free(back.data);
    free(one.data);
    free(other.data);
}

TEST("every compression, sample type and number of channels comes back, in any grouping of rows")
{
    for (uint32_t compression = 0; compression < COMPRESSIONS; compression++)
        for (uint32_t channels = 1; channels <= 4; channels++)
            for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++) {
                if (sample == SMALTI_SAMPLE_F16)
                    continue;
                pixels image = pixels_make(61, 47, channels, sample);
                check_round_trip(&image, compression);
                free(image.data);
            }
}

TEST("images of several strips, of one pixel, and rows larger than a strip come back")
{
    static const uint32_t sizes[][2] = {{900, 700}, {1, 1}, {1, 3000}, {200000, 2}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (uint32_t compression = 0; compression < COMPRESSIONS; compression++) {
            pixels image = pixels_make(sizes[i][0], sizes[i][1], 3, SMALTI_SAMPLE_U8);
            check_round_trip(&image, compression);
            free(image.data);
        }
}

/* Bytes that make strings of every length, so that LZW's table fills up and codes of all widths are used. */
TEST("LZW comes back for random, even and repeating rows")
{
    for (int kind = 0; kind < 4; kind++) {
        pixels image = {512, 300, 1, SMALTI_SAMPLE_U8, malloc(512 * 300)};
        uint32_t random = 1;
        for (int i = 0; i < 512 * 300; i++) {
            random = random * 1664525 + 1013904223;
            image.data[i] = (uint8_t)(kind == 0   ? random >> 24
                                      : kind == 1 ? 7
                                      : kind == 2 ? (random >> 30)
                                                  : i % 256 * (i / 512 % 5));
        }
        check_round_trip(&image, SMALTI__TIFF_LZW);
        free(image.data);
    }
}

TEST("LZW at every size ends where a decoder expects it")
{
    for (uint32_t width = 1; width < 5200; width += width < 600 ? 1 : 37) {
        pixels image = {width, 1, 1, SMALTI_SAMPLE_U8, malloc(width)};
        uint32_t random = width;
        for (uint32_t i = 0; i < width; i++) {
            random = random * 1664525 + 1013904223;
            image.data[i] = (uint8_t)(random >> 24);
        }
        check_round_trip(&image, SMALTI__TIFF_LZW);
        free(image.data);
    }
}

static toff_t place;

static tmsize_t read_bytes(thandle_t user, void *data, tmsize_t size)
{
    const bytes *file = user;
    size_t left = place < file->size ? file->size - place : 0, count = (size_t)size < left ? (size_t)size : left;
    memcpy(data, file->data + place, count);
    place += count;
    return (tmsize_t)count;
}

static toff_t seek_bytes(thandle_t user, toff_t offset, int whence)
{
    (void)user;
    place = whence == SEEK_CUR ? place + offset : offset;
    return place;
}

static int close_bytes(thandle_t user)
{
    (void)user;
    return 0;
}

static toff_t size_of_bytes(thandle_t user)
{
    return ((bytes *)user)->size;
}

static int map_bytes(thandle_t user, void **data, toff_t *size)
{
    *data = ((bytes *)user)->data;
    *size = ((bytes *)user)->size;
    return 1;
}

static void unmap_bytes(thandle_t user, void *data, toff_t size)
{
    (void)user, (void)data, (void)size;
}

TEST("libtiff reads what was written as it is meant, with profile, XMP and orientation")
{
    smalti__metadata metadata = {.icc = icc_make(500, "RGB "), .exif = exif_make(8)};
    metadata.xmp = (smalti__blob){(uint8_t *)strdup("<xmp/>"), 6};
    pixels image = pixels_make(100, 900, 4, SMALTI_SAMPLE_U8);
    bytes file;
    smalti_error error;
    CHECK_OK(
        codec_encode(&smalti__encoder_tiff, (smalti__encode_params){.metadata = &metadata}, &image, 9, &file, &error),
        error);
    CHECK_HAS(codec_warnings, "EXIF dropped");
    TIFF *in = TIFFClientOpen("in", "r", &file, read_bytes, read_bytes, seek_bytes, close_bytes, size_of_bytes,
                              map_bytes, unmap_bytes);
    CHECK(in);
    uint32_t width = 0, size = 0, *raster = malloc(100 * 900 * 4);
    uint16_t value = 0, *types;
    void *data;
    CHECK(TIFFGetField(in, TIFFTAG_IMAGEWIDTH, &width) && width == 100);
    CHECK(TIFFGetField(in, TIFFTAG_ORIENTATION, &value) && value == 8);
    CHECK(TIFFGetField(in, TIFFTAG_EXTRASAMPLES, &value, &types) && value == 1 && types[0] == EXTRASAMPLE_UNASSALPHA);
    CHECK(TIFFGetField(in, TIFFTAG_ICCPROFILE, &size, &data) && size == 500 && !memcmp(data, metadata.icc.data, 500));
    CHECK(TIFFGetField(in, TIFFTAG_XMLPACKET, &size, &data) && size == 6 && !memcmp(data, "<xmp/>", 6));
    for (uint32_t strip = 0, y = 0; strip < TIFFNumberOfStrips(in); strip++) {
        tmsize_t got = TIFFReadEncodedStrip(in, strip, raster, -1);
        CHECK(got > 0 && got % 400 == 0);
        CHECK(!memcmp(raster, image.data + (size_t)y * 400, (size_t)got));
        y += (uint32_t)(got / 400);
        CHECK(strip + 1 < TIFFNumberOfStrips(in) || y == 900);
    }
    TIFFClose(in);
    free(raster);
    free(file.data);
    free(image.data);
    smalti__metadata_clear(&metadata);
}

TEST("rows that are missing are an error")
{
    pixels image = pixels_make(10, 10, 1, SMALTI_SAMPLE_U8);
    smalti__sink sink;
    smalti__encoder *encoder;
    smalti_error error;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    const smalti__encoder seed = {.format = &smalti__encoder_tiff,
                                  .sink = &sink,
                                  .width = 10,
                                  .height = 10,
                                  .channels = 1,
                                  .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti__encoder_tiff.open(&seed, &encoder, &error), error);
    CHECK_OK(smalti__encoder_tiff.write(encoder, image.data, 10, 9, &error), error);
    CHECK_INT(smalti__encoder_tiff.finish(encoder, &error), SMALTI_E_INVALID);
    smalti__encoder_tiff.close(encoder);
    smalti__sink_close(&sink);
    free(image.data);
}
