/* SPDX-License-Identifier: Apache-2.0
 * Contact sheets of EXR files: every layer is there, in its place, with the pixels that it has alone. */
#include "deep_make.h"

#include "codec.h"

#include "exr_write.h"
#include "pixel/font.h"

static smalti_error error;

enum { GAP = 4, LABEL = 12, CELL = 64, WIDTH = 40, HEIGHT = 30, CELL_HEIGHT = 48 };

/* A layer with colours, what stands beside it, a layer of vectors, one with a depth among its colours. */
static const exr_image layered = {.compression = EXR_COMPRESSION_ZIP,
                                  .data = {0, 0, WIDTH - 1, HEIGHT - 1},
                                  .channels = {{"A", EXR_PIXEL_HALF},
                                               {"B", EXR_PIXEL_HALF},
                                               {"G", EXR_PIXEL_HALF},
                                               {"R", EXR_PIXEL_HALF},
                                               {"Z", EXR_PIXEL_FLOAT},
                                               {"diffuse.Y", EXR_PIXEL_HALF},
                                               {"id", EXR_PIXEL_UINT}}};

static pixels read_sheet(const void *data, size_t size, smalti__decode_options options, smalti_info *info)
{
    pixels sheet;
    options.contact_sheet = true;
    options.sheet_cell = options.sheet_cell ? options.sheet_cell : CELL;
    CHECK_OK(codec_decode_frame(data, size, options, 0, 7, &sheet, info, NULL, &error), error);
    CHECK_INT(sheet.channels, 3);
    return sheet;
}

static const float *pixel_of(const pixels *sheet, uint32_t x, uint32_t y)
{
    return (const float *)(const void *)sheet->data + ((size_t)y * sheet->width + x) * 3;
}

/* Where the picture of a cell begins, when all are WIDTH × HEIGHT. */
static const float *cell_pixel(const pixels *sheet, uint32_t columns, uint32_t cell, uint32_t x, uint32_t y)
{
    return pixel_of(sheet, GAP + cell % columns * (CELL + GAP) + (CELL - WIDTH) / 2 + x,
                    GAP + cell / columns * (CELL_HEIGHT + LABEL + GAP) + (CELL_HEIGHT - HEIGHT) / 2 + y);
}

static bool same_float(float a, float b)
{
    return !memcmp(&a, &b, sizeof a) || (a != a && b != b) || a == b;
}

/* A cell has what its layer alone is decoded to. */
static void check_cell(const pixels *sheet, uint32_t columns, uint32_t cell, const exr_file *file, const char *part,
                       const char *layer)
{
    pixels alone;
    const smalti__decode_options options = {.part = part, .layer = layer};
    CHECK_OK(codec_decode_frame(file->data, file->size, options, 0, 7, &alone, NULL, NULL, &error), error);
    CHECK(alone.width == WIDTH && alone.height == HEIGHT);
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++)
            for (uint32_t c = 0; c < 3; c++) {
                const float *from = (float *)alone.data + ((size_t)y * WIDTH + x) * alone.channels;
                float is = cell_pixel(sheet, columns, cell, x, y)[c], expected = from[alone.channels < 3 ? 0 : c];
                if (!same_float(is, expected))
                    TEST_FAIL("cell %u, pixel %u, %u has %g in %u, not %g", cell, x, y, (double)is, c,
                              (double)expected);
            }
    free(alone.data);
}

static uint32_t columns_of(const pixels *sheet)
{
    return (sheet->width - GAP) / (CELL + GAP);
}

static uint32_t rows_of(const pixels *sheet)
{
    return (sheet->height - GAP) / (CELL_HEIGHT + LABEL + GAP);
}

/* Dots of a cell's label. */
static uint32_t ink_of(const pixels *sheet, uint32_t columns, uint32_t cell)
{
    uint32_t dots = 0;
    for (uint32_t y = 0; y < LABEL; y++)
        for (uint32_t x = 0; x < CELL; x++)
            dots += pixel_of(sheet, GAP + cell % columns * (CELL + GAP) + x,
                             GAP + cell / columns * (CELL_HEIGHT + LABEL + GAP) + CELL_HEIGHT + y)[0] > 0.5f;
    return dots;
}

TEST("every layer of a file has its picture and its name, in every compression and layout, with a thread and without")
{
    static const exr_compression_t compressions[] = {EXR_COMPRESSION_NONE, EXR_COMPRESSION_ZIP, EXR_COMPRESSION_PIZ};
    for (int way = 0; way < 12; way++) {
        exr_image image = layered;
        image.compression = compressions[way % 3];
        image.tile_width = way / 3 % 2 ? 16 : 0;
        image.tile_height = 8;
        exr_file file = exr_write(&image, 1);
        smalti_info info;
        pixels sheet = read_sheet(file.data, file.size, (smalti__decode_options){.spare_thread = way >= 6}, &info);
        CHECK_STR(info.color, "rgb");
        CHECK(columns_of(&sheet) == 3 && rows_of(&sheet) == 2);
        check_cell(&sheet, columns_of(&sheet), 0, &file, NULL, NULL);
        check_cell(&sheet, columns_of(&sheet), 2, &file, NULL, "diffuse");
        for (uint32_t i = 0; i < 6; i++)
            CHECK_INT(ink_of(&sheet, 3, i) > 10, i < 4);
        free(sheet.data), free(file.data);
    }
}

TEST("numbers that are no light are stretched from the least to the most")
{
    exr_file file = exr_write(&layered, 1);
    pixels sheet = read_sheet(file.data, file.size, (smalti__decode_options){0}, NULL), alone;
    const smalti__decode_options options = {.layer = "id"};
    CHECK_OK(codec_decode_frame(file.data, file.size, options, 0, 7, &alone, NULL, NULL, &error), error);
    uint32_t columns = columns_of(&sheet), least = 0, most = 0;
    const float *ids = (float *)alone.data;
    for (uint32_t i = 1; i < WIDTH * HEIGHT; i++) {
        least = ids[i] < ids[least] ? i : least;
        most = ids[i] > ids[most] ? i : most;
    }
    CHECK(cell_pixel(&sheet, columns, 3, least % WIDTH, least / WIDTH)[1] == 0);
    CHECK(cell_pixel(&sheet, columns, 3, most % WIDTH, most / WIDTH)[1] > 0.9999f);
    for (uint32_t i = 1; i < WIDTH * HEIGHT; i++) { /* the order stays */
        const float *a = cell_pixel(&sheet, columns, 3, (i - 1) % WIDTH, (i - 1) / WIDTH);
        const float *b = cell_pixel(&sheet, columns, 3, i % WIDTH, i / WIDTH);
        CHECK(ids[i - 1] < ids[i] ? a[0] <= b[0] : a[0] >= b[0]);
    }
    free(alone.data), free(sheet.data), free(file.data);
}

TEST("a depth is not the blue of the layer it stands in; vectors are colours")
{
    const exr_image image = {.compression = EXR_COMPRESSION_ZIPS,
                             .data = {0, 0, WIDTH - 1, HEIGHT - 1},
                             .channels = {{"N.X", EXR_PIXEL_HALF},
                                          {"N.Y", EXR_PIXEL_HALF},
                                          {"N.Z", EXR_PIXEL_HALF},
                                          {"left.B", EXR_PIXEL_HALF},
                                          {"left.G", EXR_PIXEL_HALF},
                                          {"left.R", EXR_PIXEL_HALF},
                                          {"left.Z", EXR_PIXEL_HALF}}};
    exr_file file = exr_write(&image, 1);
    pixels alone, sheet = read_sheet(file.data, file.size, (smalti__decode_options){0}, NULL);
    check_cell(&sheet, columns_of(&sheet), 0, &file, NULL, "N");
    check_cell(&sheet, columns_of(&sheet), 1, &file, NULL, "left");
    CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.layer = "left"}, 0, 7, &alone, NULL,
                                NULL, &error),
             error);
    CHECK_INT(alone.channels, 3);
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        CHECK(same_float(((float *)alone.data)[3 * i + 2],
                         exr_value(&image.channels[3], exr_bits(&image.channels[3], 3, 0, i % WIDTH, i / WIDTH))));
    free(alone.data), free(sheet.data), free(file.data);
}

TEST("all parts are there, or the one that is asked for, with luminance and chroma as colours")
{
    exr_image parts[] = {{.name = "first", .compression = EXR_COMPRESSION_ZIP, .data = {0, 0, WIDTH - 1, HEIGHT - 1}},
                         {.name = "second", .compression = EXR_COMPRESSION_ZIP, .data = {0, 0, WIDTH - 1, HEIGHT - 1}}};
    parts[0].channels[0] = (exr_channel){"BY", EXR_PIXEL_HALF, 2};
    parts[0].channels[1] = (exr_channel){"RY", EXR_PIXEL_HALF, 2};
    parts[0].channels[2] = (exr_channel){"Y", EXR_PIXEL_HALF, 1};
    parts[0].channels[3] = (exr_channel){"mask.Y", EXR_PIXEL_HALF, 1};
    for (int c = 0; c < 4; c++)
        parts[1].channels[c] = layered.channels[c];
    exr_file file = exr_write(parts, 2);
    pixels sheet = read_sheet(file.data, file.size, (smalti__decode_options){0}, NULL);
    check_cell(&sheet, columns_of(&sheet), 0, &file, "first", NULL);
    check_cell(&sheet, columns_of(&sheet), 1, &file, "first", "mask");
    check_cell(&sheet, columns_of(&sheet), 2, &file, "second", NULL);
    free(sheet.data);
    sheet = read_sheet(file.data, file.size, (smalti__decode_options){.part = "second"}, NULL);
    CHECK(columns_of(&sheet) == 1 && rows_of(&sheet) == 1);
    check_cell(&sheet, 1, 0, &file, "second", NULL);
    free(sheet.data);
    smalti__decode_options odd = {.contact_sheet = true, .layer = "mask"};
    CHECK_INT(codec_code(file.data, file.size, odd), SMALTI_E_INVALID_CONFLICT);
    odd = (smalti__decode_options){.contact_sheet = true, .part = "third"};
    CHECK_INT(codec_code(file.data, file.size, odd), SMALTI_E_INVALID);
    odd = (smalti__decode_options){.contact_sheet = true, .max_pixels = 5000};
    CHECK_INT(codec_code(file.data, file.size, odd), SMALTI_E_LIMIT_PIXELS);
    free(file.data);
}

TEST("images that are larger than a cell are made to fit, from a smaller level where there is one")
{
    exr_image image = {.compression = EXR_COMPRESSION_ZIP,
                       .data = {0, 0, 255, 127},
                       .tile_width = 32,
                       .tile_height = 32,
                       .levels = 1,
                       .channels = {{"B", EXR_PIXEL_HALF}, {"G", EXR_PIXEL_HALF}, {"R", EXR_PIXEL_HALF}}};
    exr_file file = exr_write(&image, 1);
    pixels sheet = read_sheet(file.data, file.size, (smalti__decode_options){0}, NULL), level;
    CHECK_INT(sheet.width, CELL + 2 * GAP);
    CHECK_INT(sheet.height, 32 + LABEL + 2 * GAP);
    CHECK_OK(codec_decode_frame(file.data, file.size, (smalti__decode_options){.level = 2}, 0, 7, &level, NULL, NULL,
                                &error),
             error);
    for (uint32_t y = 0; y < 32; y++)
        for (uint32_t i = 0; i < CELL * 3; i++)
            CHECK(same_float(pixel_of(&sheet, GAP, GAP + y)[i], ((float *)level.data)[y * CELL * 3 + i]));
    free(level.data), free(sheet.data), free(file.data);
}

static uint32_t two(int32_t x, int32_t y)
{
    return (uint32_t)(x + y) % 3;
}

static float some(uint32_t channel, int32_t x, int32_t y, uint32_t sample)
{
    return channel == 0 ? 0.5f : (float)((uint32_t)(x * 5 + y * 3) % 16 + sample) / 16;
}

TEST("deep parts are left out with a word, unless they are flattened")
{
    make m;
    make_begin(&m, 0x1800);
    make_add(&m, (make_part){.name = "deep", .kind = MAKE_DEEP_SCANLINE, .compression = 2, .channels = "A B G R Z"});
    make_add(&m, (make_part){.name = "flat", .channels = "id:u"});
    deep_finish(&m, (deep_content){two, some});
    for (int flatten = 0; flatten < 2; flatten++) {
        pixels sheet = read_sheet(m.data, m.size, (smalti__decode_options){.flatten_deep = flatten}, NULL);
        CHECK_INT((sheet.width - GAP) / (CELL + GAP) * ((sheet.height - GAP) / (CELL_HEIGHT + LABEL + GAP)) >= 3,
                  flatten);
        if (!flatten)
            CHECK_HAS(codec_warnings, "part 0 is left out");
        free(sheet.data);
    }
    CHECK_INT(codec_code(m.data, m.size, (smalti__decode_options){.contact_sheet = true, .part = "deep"}),
              SMALTI_E_UNSUPPORTED);
    make_free(&m);
}

TEST("a sheet keeps to the memory that was said")
{
    for (int way = 0; way < 4; way++) {
        exr_image image = layered;
        image.tile_width = way / 2 ? 16 : 0, image.tile_height = 16;
        exr_file file = exr_write(&image, 1);
        smalti__pool pool = {0};
        smalti__source source;
        smalti__decoder *decoder;
        smalti__decode_options options = {
            .pool = &pool, .spare_thread = way % 2, .contact_sheet = true, .sheet_cell = 32};
        smalti__source_open_memory(&source, file.data, file.size, "in");
        CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
        CHECK_INT(pool.peak_used_bytes, 0);
        CHECK_OK(smalti__decoder_start(decoder, &error), error);
        float *row = malloc(decoder->out.width * 12 + 64);
        for (uint32_t y = 0; y < decoder->out.height; y++)
            CHECK_OK(smalti__decoder_read(decoder, row, decoder->out.width * 12, 1, &error), error);
        CHECK(pool.peak_used_bytes && pool.peak_used_bytes <= decoder->work_bytes);
        smalti__decoder_close(decoder);
        CHECK_INT(pool.used_bytes, 0);
        smalti__pool_trim(&pool, 0);
        smalti__source_close(&source);
        free(row), free(file.data);
    }
}

TEST("damaged files are refused or shown, never more")
{
    exr_file file = exr_write(&layered, 1);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t *copy = malloc(file.size);
        memcpy(copy, file.data, file.size);
        copy[(i * 2654435761u >> 4) % file.size] ^= (uint8_t)(1u << i % 8);
        (void)codec_code(
            copy, file.size,
            (smalti__decode_options){.contact_sheet = true, .sheet_cell = 32, .max_pixels = 1 << 20, .lenient = i % 2});
        CHECK(codec_code(copy, file.size * i / 200, (smalti__decode_options){.contact_sheet = true}) < 0);
        free(copy);
    }
    free(file.data);
}

TEST("letters can be told from each other")
{
    for (char a = '!'; a <= '~'; a++)
        for (char b = ' '; b < a; b++) {
            uint32_t differences = 0;
            for (uint32_t row = 0; row < SMALTI__FONT_HEIGHT; row++)
                differences += (uint32_t)__builtin_popcount(smalti__font_row(a, row) ^ smalti__font_row(b, row));
            if (!differences)
                TEST_FAIL("%c looks like %c", a, b);
        }
    CHECK(smalti__font_row('\n', 0) == smalti__font_row('?', 0) &&
          smalti__font_row((char)200, 3) == smalti__font_row('?', 3));
}
