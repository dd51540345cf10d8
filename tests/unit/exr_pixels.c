/* SPDX-License-Identifier: Apache-2.0
 * Pixels of EXR files: the bits that were written, in every compression, type and layout, or those that OpenEXRCore reads
 * where a compression loses some. */
#include "codec.h"

#include "exr_write.h"
#include "exr/exr.h"
#include "files.h"

static smalti_error error;

/* Reads one image of a file as it is. */
static pixels read_file(const exr_file *file, smalti__decode_options options, smalti_info *info)
{
    pixels image;
    CHECK_OK(codec_decode_frame(file->data, file->size, options, 0, 7, &image, info, NULL, &error), error);
    return image;
}

static bool same_float(float a, float b)
{
    return !memcmp(&a, &b, sizeof a) || (a != a && b != b);
}

/* What a channel's sample is, as it was written. */
static float written(const exr_image *image, uint32_t c, uint32_t level, uint32_t x, uint32_t y)
{
    const exr_channel *channel = &image->channels[c];
    return exr_value(channel, exr_bits(channel, c, level, x, y));
}

/* Channels B, G, R of types; tiles of 13 × 9 when tiled. */
static exr_image bgr(exr_compression_t compression, exr_pixel_type_t type, bool tiled)
{
    exr_image image = {.compression = compression, .data = {-3, 5, 43, 74}, .channels = {{"B", type}, {"G", type}}};
    image.channels[2] = (exr_channel){"R", type, 1};
    if (tiled)
        image.tile_width = 13, image.tile_height = 9;
    return image;
}

static void check_written(const exr_image *image, const pixels *got)
{
    uint32_t width = exr_width(image), height = exr_height(image);
    CHECK_INT(got->width, width);
    CHECK_INT(got->height, height);
    CHECK_INT(got->channels, 3);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                float is = ((const float *)got->data)[(y * (size_t)width + x) * 3 + c];
                float expected = written(image, 2 - c, 0, x, y);
                if (!same_float(is, expected))
                    TEST_FAIL("compression %d: pixel %u, %u has %g in %u, not %g", image->compression, x, y, (double)is,
                              c, (double)expected);
            }
}

static void check_core(const exr_image *image, const exr_file *file, const pixels *got)
{
    size_t count = (size_t)exr_width(image) * exr_height(image);
    float *planes[3];
    for (int p = 0; p < 3; p++)
        planes[p] = calloc(count, sizeof(float));
    exr_read(file, 0, planes, 3);
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < 3; c++) {
            float is = ((const float *)got->data)[i * 3 + c];
            if (!same_float(is, planes[2 - c][i]))
                TEST_FAIL("compression %d: sample %zu of %u is %g, not %g", image->compression, i, c, (double)is,
                          (double)planes[2 - c][i]);
        }
    for (int p = 0; p < 3; p++)
        free(planes[p]);
}

/* Where the first part's offset table is; *count its entries. */
static uint64_t table_of(const exr_file *file, uint32_t *count)
{
    smalti_exr *exr;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open_memory(exr, file->data, file->size, "in", &error), error);
    const smalti_exr_part *part = smalti_exr_header_get(exr)->parts;
    uint64_t offset = part->table_offset;
    *count = (uint32_t)part->chunk_count;
    smalti_exr_free(exr);
    return offset;
}

static bool is_lossless(exr_compression_t compression, exr_pixel_type_t type)
{
    return compression <= EXR_COMPRESSION_PIZ || (compression == EXR_COMPRESSION_PXR24 && type != EXR_PIXEL_FLOAT);
}

TEST("every compression, type and layout is decoded to the bits that were written")
{
    static const exr_pixel_type_t types[] = {EXR_PIXEL_UINT, EXR_PIXEL_HALF, EXR_PIXEL_FLOAT};
    for (exr_compression_t compression = EXR_COMPRESSION_NONE; compression <= EXR_COMPRESSION_B44A; compression++)
        for (size_t type = 0; type < 3; type++)
            for (int layout = 0; layout < 4; layout++) { /* scan lines, decreasing scan lines, tiles, with a thread */
                exr_image image = bgr(compression, types[type], layout == 2);
                image.line_order = layout == 1;
                bool b44 = compression >= EXR_COMPRESSION_B44;
                if (b44 && types[type] != EXR_PIXEL_HALF)
                    image.channels[1].type = EXR_PIXEL_HALF; /* or it would compress nothing */
                exr_file file = exr_write(&image, 1);
                uint32_t count;
                uint64_t table = table_of(&file, &count);
                if (layout == 1)
                    exr_turn_around(&file, table, count);
                pixels got = read_file(&file, (smalti__decode_options){.spare_thread = layout == 3}, NULL);
                if (is_lossless(compression, types[type]))
                    check_written(&image, &got);
                else
                    check_core(&image, &file, &got);
                free(got.data);
                free(file.data);
            }
}

TEST("rows are the same however many are read at once, with a thread and without")
{
    exr_image image = bgr(EXR_COMPRESSION_ZIP, EXR_PIXEL_HALF, false);
    exr_file file = exr_write(&image, 1);
    for (uint32_t group = 1; group < 80; group += 13)
        for (int thread = 0; thread < 2; thread++) {
            pixels got;
            smalti__decode_options options = {.spare_thread = thread};
            CHECK_OK(codec_decode_frame(file.data, file.size, options, 0, group, &got, NULL, NULL, &error), error);
            check_written(&image, &got);
            free(got.data);
        }
    free(file.data);
}

TEST("channels of different types stand side by side, and only those wanted are read")
{
    exr_image image = {.compression = EXR_COMPRESSION_ZIP,
                       .data = {0, 0, 99, 39},
                       .channels = {{"A", EXR_PIXEL_HALF},
                                    {"B", EXR_PIXEL_FLOAT},
                                    {"G", EXR_PIXEL_UINT},
                                    {"R", EXR_PIXEL_HALF},
                                    {"Z", EXR_PIXEL_FLOAT},
                                    {"diffuse.Y", EXR_PIXEL_HALF}}};
    exr_file file = exr_write(&image, 1);
    smalti_info info;
    pixels got = read_file(&file, (smalti__decode_options){0}, &info);
    CHECK_STR(info.color, "rgba");
    CHECK_INT(info.has_alpha, true);
    static const uint32_t order[] = {3, 2, 1, 0};
    for (uint32_t i = 0; i < 100 * 40; i++)
        for (uint32_t c = 0; c < 4; c++)
            CHECK(same_float(((float *)got.data)[4 * i + c], written(&image, order[c], 0, i % 100, i / 100)));
    free(got.data);
    static const char *const layers[] = {"Z", "diffuse", "diffuse.Y", "R"};
    static const uint32_t channels[] = {4, 5, 5, 3};
    for (int l = 0; l < 4; l++) {
        got = read_file(&file, (smalti__decode_options){.layer = layers[l]}, &info);
        CHECK_STR(info.color, "gray");
        for (uint32_t i = 0; i < 100 * 40; i++)
            CHECK(same_float(((float *)got.data)[i], written(&image, channels[l], 0, i % 100, i / 100)));
        free(got.data);
    }
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.layer = "specular"}), SMALTI_E_INVALID);
    free(file.data);
}

TEST("layers, views and parts are found by their names")
{
    exr_image images[] = {{.name = "beauty",
                           .compression = EXR_COMPRESSION_ZIPS,
                           .data = {0, 0, 30, 20},
                           .channels = {{"B", EXR_PIXEL_HALF}, {"G", EXR_PIXEL_HALF}, {"R", EXR_PIXEL_HALF}}},
                          {.name = "data",
                           .compression = EXR_COMPRESSION_PIZ,
                           .data = {0, 0, 19, 50},
                           .tile_width = 16,
                           .tile_height = 16,
                           .channels = {{"N.X", EXR_PIXEL_FLOAT},
                                        {"N.Y", EXR_PIXEL_FLOAT},
                                        {"N.Z", EXR_PIXEL_FLOAT},
                                        {"right.Z", EXR_PIXEL_FLOAT}}}};
    exr_file file = exr_write(images, 2);
    static const smalti__decode_options ways[] = {
        {.part = "data", .layer = "N"}, {.part = "1", .layer = "N"}, {.layer = "N"}, {.part = "1"}};
    for (size_t w = 0; w < SMALTI__COUNT(ways); w++) {
        pixels got = read_file(&file, ways[w], NULL);
        CHECK_INT(got.width, 20);
        CHECK_INT(got.height, 51);
        CHECK_INT(got.channels, 3);
        for (uint32_t i = 0; i < 20 * 51 * 3; i++)
            CHECK(same_float(((float *)got.data)[i], written(&images[1], i % 3, 0, i / 3 % 20, i / 60)));
        free(got.data);
    }
    pixels got = read_file(&file, (smalti__decode_options){0}, NULL);
    CHECK(got.width == 31 && got.channels == 3);
    free(got.data);
    got = read_file(&file, (smalti__decode_options){.view = "right"}, NULL);
    CHECK(got.width == 20 && got.channels == 1);
    CHECK(same_float(((float *)got.data)[0], written(&images[1], 3, 0, 0, 0)));
    free(got.data);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.part = "2"}), SMALTI_E_INVALID);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.view = "left"}), SMALTI_E_INVALID);
    free(file.data);
}

TEST("depth in a layer of colours is not one of them, and vectors are shown as colours")
{
    exr_image image = {.compression = EXR_COMPRESSION_ZIP,
                       .data = {0, 0, 9, 9},
                       .channels = {{"N.x", EXR_PIXEL_HALF},
                                    {"N.y", EXR_PIXEL_HALF},
                                    {"N.z", EXR_PIXEL_HALF},
                                    {"l.B", EXR_PIXEL_HALF},
                                    {"l.G", EXR_PIXEL_HALF},
                                    {"l.R", EXR_PIXEL_HALF},
                                    {"l.Z", EXR_PIXEL_HALF}}};
    static const uint32_t order[2][3] = {{0, 1, 2}, {5, 4, 3}};
    exr_file file = exr_write(&image, 1);
    for (int l = 0; l < 2; l++) {
        pixels got = read_file(&file, (smalti__decode_options){.layer = l ? "l" : "N"}, NULL);
        CHECK_INT(got.channels, 3);
        for (uint32_t i = 0; i < 300; i++)
            CHECK(same_float(((float *)got.data)[i], written(&image, order[l][i % 3], 0, i / 3 % 10, i / 30)));
        free(got.data);
    }
    free(file.data);
}

TEST("levels of mipmaps are images of their own")
{
    for (int mode = 0; mode < 2; mode++) {
        exr_image image = {.compression = EXR_COMPRESSION_ZIP,
                           .data = {2, 3, 61, 40},
                           .display = {0, 0, 99, 99},
                           .tile_width = 8,
                           .tile_height = 16,
                           .levels = mode,
                           .channels = {{"Y", EXR_PIXEL_HALF}}};
        exr_file file = exr_write(&image, 1);
        for (uint32_t level = 1; level < 4 && mode; level++) {
            pixels got = read_file(&file, (smalti__decode_options){.level = level}, NULL);
            CHECK_INT(got.width, 60 >> level);
            CHECK_INT(got.height, 38 >> level);
            for (uint32_t i = 0; i < got.width * got.height; i++)
                CHECK(same_float(((float *)got.data)[i], written(&image, 0, level, i % got.width, i / got.width)));
            free(got.data);
        }
        CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.level = mode ? 6 : 1}),
                  SMALTI_E_INVALID_RANGE);
        free(file.data);
    }
}

/* Opens a file and asks for a smaller image; the pixels of what is delivered. */
static pixels read_reduced(const exr_file *file, smalti__decode_options options, uint32_t width, uint32_t height,
                           uint32_t *level)
{
    smalti__source source;
    smalti__decoder *decoder;
    smalti__source_open_memory(&source, file->data, file->size, "in");
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
    size_t work = decoder->work_bytes;
    smalti__decoder_reduce(decoder, width, height);
    CHECK(decoder->work_bytes <= work);
    pixels got = {decoder->out.width, decoder->out.height, decoder->out.channels, decoder->out.sample, NULL};
    got.data = malloc(pixels_row(&got) * got.height + 64);
    CHECK_OK(smalti__decoder_start(decoder, &error), error);
    CHECK_OK(smalti__decoder_read(decoder, got.data, pixels_row(&got), got.height, &error), error);
    CHECK_OK(smalti__decoder_finish(decoder, &error), error);
    *level = decoder->level;
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return got;
}

TEST("an image that is made smaller comes from the smallest level that has the pixels")
{
    static const struct {
        uint32_t width, height, level;
    } wanted[] = {{60, 38, 0}, {31, 19, 0}, {30, 19, 1}, {16, 5, 1}, {15, 9, 2}, {1, 1, 5}};
    exr_image image = {.compression = EXR_COMPRESSION_ZIP,
                       .data = {2, 3, 61, 40},
                       .tile_width = 8,
                       .tile_height = 16,
                       .channels = {{"Y", EXR_PIXEL_HALF}}};
    for (image.levels = 0; image.levels < 2; image.levels++) {
        exr_file file = exr_write(&image, 1);
        for (size_t i = 0; i < SMALTI__COUNT(wanted); i++) {
            uint32_t level, expected = image.levels ? wanted[i].level : 0;
            pixels got = read_reduced(&file, (smalti__decode_options){0}, wanted[i].width, wanted[i].height, &level);
            CHECK_INT(level, expected);
            CHECK_INT(got.width, 60 >> level);
            for (uint32_t p = 0; p < got.width * got.height; p++)
                CHECK(same_float(((float *)got.data)[p], written(&image, 0, level, p % got.width, p / got.width)));
            free(got.data);
        }
        free(file.data);
    }
    image.levels = 1;
    memcpy(image.display, (int32_t[4]){0, 0, 63, 63}, sizeof image.display); /* no level shows that */
    exr_file file = exr_write(&image, 1);
    uint32_t level;
    pixels got = read_reduced(&file, (smalti__decode_options){0}, 8, 8, &level);
    CHECK(!level && got.width == 64);
    free(got.data);
    got = read_reduced(&file, (smalti__decode_options){.level = 1}, 4, 4,
                       &level); /* nor is one that was asked for left */
    CHECK(!level && got.width == 30);
    free(got.data);
    free(file.data);
}

TEST("the canvas is the display window, and black where there is no data")
{
    static const int32_t displays[][4] = {{0, 0, 63, 63},       {-20, -20, 20, 30}, {10, 12, 13, 20},
                                          {200, 200, 203, 209}, {40, 0, 90, 6},     {-9, 70, 0, 90}};
    for (int tiled = 0; tiled < 2; tiled++)
        for (size_t d = 0; d < SMALTI__COUNT(displays); d++) {
            exr_image image = bgr(EXR_COMPRESSION_ZIP, EXR_PIXEL_HALF, tiled);
            memcpy(image.display, displays[d], sizeof image.display);
            exr_file file = exr_write(&image, 1);
            pixels got = read_file(&file, (smalti__decode_options){.spare_thread = d == 1}, NULL);
            CHECK_INT(got.width, displays[d][2] - displays[d][0] + 1);
            CHECK_INT(got.height, displays[d][3] - displays[d][1] + 1);
            for (uint32_t i = 0; i < got.width * got.height * 3; i++) {
                int32_t x = displays[d][0] + (int32_t)(i / 3 % got.width) - image.data[0];
                int32_t y = displays[d][1] + (int32_t)(i / 3 / got.width) - image.data[1];
                bool inside = x >= 0 && y >= 0 && x < (int32_t)exr_width(&image) && y < (int32_t)exr_height(&image);
                float expected = inside ? written(&image, 2 - i % 3, 0, (uint32_t)x, (uint32_t)y) : 0;
                CHECK(same_float(((float *)got.data)[i], expected));
            }
            free(got.data);
            free(file.data);
        }
}

/* ---- luminance and chroma ---- */

TEST("luminance and subsampled chroma become R, G and B")
{
    for (exr_compression_t compression = EXR_COMPRESSION_NONE; compression <= EXR_COMPRESSION_PXR24; compression++) {
        exr_image image = {.compression = compression,
                           .data = {-4, 2, 35, 41},
                           .channels = {{"BY", EXR_PIXEL_HALF, 2}, {"RY", EXR_PIXEL_HALF, 2}, {"Y", EXR_PIXEL_FLOAT}}};
        exr_file file = exr_write(&image, 1);
        smalti_info info;
        pixels got = read_file(&file, (smalti__decode_options){.spare_thread = compression & 1}, &info);
        CHECK_STR(info.color, "ycbcr");
        CHECK_STR(info.subsampling, "4:2:0");
        for (uint32_t y = 0; y < got.height; y++)
            for (uint32_t x = 0; x < got.width; x++) {
                double chroma[2], luma = (double)written(&image, 2, 0, x, y);
                for (uint32_t c = 0; c < 2; c++) {
                    uint32_t x0 = x / 2, y0 = y / 2, x1 = x % 2 && x0 < 19 ? x0 + 1 : x0;
                    uint32_t y1 = y % 2 && y0 < 19 ? y0 + 1 : y0;
                    chroma[c] =
                        ((double)written(&image, 1 - c, 0, x0, y0) + (double)written(&image, 1 - c, 0, x1, y0) +
                         (double)written(&image, 1 - c, 0, x0, y1) + (double)written(&image, 1 - c, 0, x1, y1)) /
                        4;
                }
                double r = (chroma[0] + 1) * luma, b = (chroma[1] + 1) * luma;
                double g = (luma - 0.2126 * r - 0.0722 * b) / 0.7152;
                const float *is = (const float *)got.data + ((size_t)y * got.width + x) * 3;
                double most = 1e-3 * (1 + (luma < 0 ? -luma : luma));
                if (!(luma < 1e6 && luma > -1e6 && r < 1e6 && r > -1e6 && b < 1e6 && b > -1e6))
                    continue; /* the odd ones */
                CHECK(is[0] - r < most && r - is[0] < most && is[2] - b < most && b - is[2] < most);
                CHECK(is[1] - g < 4 * most && g - is[1] < 4 * most);
            }
        free(got.data);
        free(file.data);
    }
}

TEST("other channels that are subsampled are repeated")
{
    exr_image image = {.compression = EXR_COMPRESSION_ZIPS,
                       .data = {0, 0, 29, 59},
                       .display = {5, 7, 29, 59},
                       .channels = {{"Y", EXR_PIXEL_HALF}, {"mask", EXR_PIXEL_FLOAT, 3}}};
    exr_file file = exr_write(&image, 1);
    pixels got = read_file(&file, (smalti__decode_options){.layer = "mask"}, NULL);
    CHECK_INT(got.width, 25);
    for (uint32_t i = 0; i < 25 * 53; i++)
        CHECK(same_float(((float *)got.data)[i], written(&image, 1, 0, (5 + i % 25) / 3, (7 + i / 25) / 3)));
    free(got.data);
    free(file.data);
}

/* ---- damage ---- */

TEST("a chunk that is not there is an error, or black with a warning")
{
    for (int tiled = 0; tiled < 2; tiled++) {
        exr_image image = bgr(EXR_COMPRESSION_ZIP, EXR_PIXEL_HALF, tiled);
        exr_file file = exr_write(&image, 1);
        uint32_t count;
        memset(file.data + table_of(&file, &count) + 8, 0, 8); /* rows 16 to 31, or the second tile of the first row */
        CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){0}), SMALTI_E_FORMAT_TRUNCATED);
        for (int thread = 0; thread < 2; thread++) {
            pixels got = read_file(&file, (smalti__decode_options){.lenient = true, .spare_thread = thread}, NULL);
            CHECK_HAS(codec_warnings,
                      tiled ? "the tile 1, 0 of level 0 is not there" : "the chunk of row 21 is not there");
            for (uint32_t y = 0; y < exr_height(&image); y++)
                for (uint32_t x = 0; x < exr_width(&image); x++) {
                    bool lost = tiled ? y < 9 && x >= 13 && x < 26 : y >= 16 && y < 32;
                    float expected = lost ? 0 : written(&image, 2, 0, x, y);
                    CHECK(same_float(((float *)got.data)[((size_t)y * got.width + x) * 3], expected));
                }
            free(got.data);
        }
        free(file.data);
    }
}

TEST("damaged files of every compression are refused or decoded, never more")
{
    for (exr_compression_t compression = EXR_COMPRESSION_NONE; compression <= EXR_COMPRESSION_B44A; compression++)
        for (int tiled = 0; tiled < 2; tiled++) {
            exr_image image = bgr(compression, EXR_PIXEL_HALF, tiled);
            exr_file file = exr_write(&image, 1);
            uint32_t count;
            uint64_t table = table_of(&file, &count);
            for (uint32_t i = 0; i < 60; i++) {
                uint8_t *copy = malloc(file.size);
                memcpy(copy, file.data, file.size);
                size_t at = table + (i * 2654435761u) % (file.size - table);
                copy[at] ^= (uint8_t)(1u << i % 8);
                copy[table + (at * 7) % (file.size - table)] += 3;
                (void)codec_code(copy, file.size,
                                 (smalti__decode_options){.lenient = i % 2, .spare_thread = i % 3 == 0});
                size_t cut = file.size * i / 60;
                CHECK(codec_code(file.data, cut, (smalti__decode_options){0}) < 0);
                free(copy);
            }
            free(file.data);
        }
}

TEST("a decoder keeps to the memory that it said")
{
    for (exr_compression_t compression = EXR_COMPRESSION_NONE; compression <= EXR_COMPRESSION_B44A; compression++)
        for (int way = 0; way < 4; way++) {
            exr_image image = bgr(compression, EXR_PIXEL_HALF, way / 2);
            exr_file file = exr_write(&image, 1);
            smalti__pool pool = {0};
            smalti__source source;
            smalti__decoder *decoder;
            smalti__decode_options options = {.pool = &pool, .spare_thread = way % 2};
            float row[47 * 3 + 16];
            smalti__source_open_memory(&source, file.data, file.size, "in");
            CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
            CHECK_INT(pool.peak_used_bytes, 0);
            CHECK_OK(smalti__decoder_start(decoder, &error), error);
            for (uint32_t y = 0; y < decoder->out.height; y++)
                CHECK_OK(smalti__decoder_read(decoder, row, sizeof row, 1, &error), error);
            CHECK(pool.peak_used_bytes && pool.peak_used_bytes <= decoder->work_bytes);
            smalti__decoder_close(decoder);
            CHECK_INT(pool.used_bytes, 0);
            smalti__pool_trim(&pool, 0);
            smalti__source_close(&source);
            free(file.data);
        }
}

TEST("a deep check finds flipped bits that the structure does not show, in memory and in files")
{
    for (exr_compression_t compression = EXR_COMPRESSION_RLE; compression <= EXR_COMPRESSION_PXR24; compression++) {
        exr_image image = bgr(compression, EXR_PIXEL_HALF, compression % 2);
        memcpy(image.data, (int32_t[4]){0, 0, 799, 40}, sizeof image.data); /* so wide that it gets smaller */
        image.tile_width *= 20;
        exr_file file = exr_write(&image, 1);
        smalti_exr *exr;
        smalti_exr_check check;
        uint64_t begin;
        uint32_t count;
        memcpy(&begin, file.data + table_of(&file, &count) + 8, 8); /* of the second chunk */
        CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
        CHECK_OK(smalti_exr_open_memory(exr, file.data, file.size, "in", &error), error);
        CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
        CHECK(check.verdict == SMALTI_EXR_GOOD && check.good == count && !check.undecodable && !check.unchecked);
        file.data[begin + (image.tile_width ? 20 : 8)] ^= 0x15; /* the first byte of what is packed */
        CHECK_OK(smalti_exr_open_memory(exr, file.data, file.size, "in", &error), error);
        CHECK_OK(smalti_exr_check_structure(exr, &check, &error), error);
        CHECK_INT(check.verdict, SMALTI_EXR_GOOD);
        CHECK(file_write(file_path("a.exr"), file.data, file.size));
        for (int from_file = 0; from_file < 2; from_file++) {
            if (from_file)
                CHECK_OK(smalti_exr_open(exr, file_path("a.exr"), &error), error);
            CHECK_OK(smalti_exr_check_pixels(exr, &check, &error), error);
            CHECK(check.verdict == SMALTI_EXR_DAMAGED && check.undecodable == 1 && check.good == count - 1);
            CHECK_INT(check.fault_offset, begin);
            CHECK_HAS(check.fault, "chunk 1 of part 0 cannot be decompressed");
        }
        smalti_exr_free(exr);
        free(file.data);
    }
}

TEST("windows larger than the limit are refused before there is memory for them")
{
    exr_image image = bgr(EXR_COMPRESSION_ZIP, EXR_PIXEL_HALF, false);
    memcpy(image.display, (int32_t[4]){0, 0, 99999, 99999}, sizeof image.display);
    exr_file file = exr_write(&image, 1);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 1 << 20}), SMALTI_E_LIMIT_PIXELS);
    free(file.data);
    memcpy(image.display, (int32_t[4]){0, 0, 9, 9}, sizeof image.display);
    file = exr_write(&image, 1);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 47 * 70 - 1}),
              SMALTI_E_LIMIT_PIXELS);
    CHECK_INT(codec_code(file.data, file.size, (smalti__decode_options){.max_pixels = 47 * 70}), SMALTI_OK);
    free(file.data);
}
