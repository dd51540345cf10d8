/* SPDX-License-Identifier: Apache-2.0
 * The smaller images that an EXR file may have: the preview in its header, and levels of ripmaps. */
#include "exr_make.h"

#include "codec.h"

static smalti_error error;
static uint32_t preview_width, preview_height, preview_pixels;

static void more(make *m)
{
    make_attribute(m, "preview", "preview", 8 + 4 * preview_pixels);
    make_u32(m, preview_width);
    make_u32(m, preview_height);
    for (uint32_t i = 0; i < 4 * preview_pixels; i++)
        make_u8(m, i * 7 & 255);
}

static void make_preview(make *m, uint32_t width, uint32_t height, uint32_t count)
{
    preview_width = width, preview_height = height, preview_pixels = count;
    make_begin(m, 0x1000);
    make_add(m, (make_part){.name = "plain"});
    make_add(m, (make_part){.name = "shown", .more = more});
    make_finish(m);
}

TEST("a preview is an image of 8 bits that is shown as it is")
{
    static const char *const parts[] = {NULL, "shown"};
    make m;
    make_preview(&m, 40, 30, 40 * 30); /* larger than what the reader keeps of a value */
    for (int p = 0; p < 2; p++) {
        pixels got;
        smalti_info info;
        smalti__decode_options options = {.preview = true, .part = parts[p]};
        CHECK_OK(codec_decode_frame(m.data, m.size, options, 0, 7, &got, &info, NULL, &error), error);
        CHECK(got.width == 40 && got.height == 30 && got.channels == 4 && got.sample == SMALTI_SAMPLE_U8);
        CHECK_INT(info.bit_depth, 8);
        for (uint32_t i = 0; i < 4 * 40 * 30; i++)
            CHECK_INT(got.data[i], i * 7 & 255);
        free(got.data);
    }
    CHECK_INT(codec_code(m.data, m.size, (smalti__decode_options){.preview = true, .part = "plain"}), SMALTI_E_INVALID);
    CHECK_INT(codec_code(m.data, m.size, (smalti__decode_options){.preview = true, .max_pixels = 1199}),
              SMALTI_E_LIMIT_PIXELS);
    make_free(&m);
}

TEST("a preview of another size than it says is refused")
{
    static const uint32_t sizes[][2] = {{40, 31}, {0, 30}, {0x40000000, 0x40000000}, {0xffffffff, 1}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        make m;
        make_preview(&m, sizes[i][0], sizes[i][1], 40 * 30);
        CHECK(codec_code(m.data, m.size, (smalti__decode_options){.preview = true}) < 0);
        make_free(&m);
    }
}

/* Where the raw samples of the tiles of one level stand, as they were made. */
static struct {
    int level;
    uint64_t chunks[64];
    uint32_t x[64], y[64], count;
} tiles;

static void note_tile(make *m, int part, int level_x, int level_y, uint32_t x, uint32_t y, uint64_t index)
{
    (void)m, (void)part;
    if (level_x != tiles.level || level_y != tiles.level)
        return;
    tiles.chunks[tiles.count] = index;
    tiles.x[tiles.count] = x, tiles.y[tiles.count++] = y;
}

TEST("levels of ripmaps are those with both sides halved as often, among all the others")
{
    for (uint32_t way = 0; way < 8; way++) { /* levels 0 to 3, rounded down or up */
        make m;
        make_part part = {.kind = MAKE_TILED, .mode = 2 | way / 4 << 4, .window = {0, 0, 60, 37}, .channels = "Y:f"};
        pixels image;
        make_simple(&m, part);
        tiles.level = (int)way % 4, tiles.count = 0;
        make_each_chunk(&m, 0, note_tile);
        smalti__decode_options options = {.level = (uint32_t)tiles.level};
        CHECK_OK(codec_decode_frame(m.data, m.size, options, 0, 5, &image, NULL, NULL, &error), error);
        CHECK_INT(image.width, make_level(61, tiles.level, way / 4));
        CHECK_INT(image.height, make_level(38, tiles.level, way / 4));
        CHECK_INT(tiles.count, ((image.width + 7) / 8) * ((image.height + 7) / 8));
        for (uint32_t i = 0; i < tiles.count; i++) {
            uint64_t at;
            memcpy(&at, m.data + make_table(&m, 0) + tiles.chunks[i] * 8, 8);
            uint32_t left = tiles.x[i] * 8, top = tiles.y[i] * 8;
            uint32_t width = image.width - left < 8 ? image.width - left : 8;
            for (uint32_t row = 0; row < 8 && top + row < image.height; row++)
                CHECK(!memcmp(m.data + at + 20 + row * width * 4,
                              (float *)image.data + (top + row) * (size_t)image.width + left, width * 4));
        }
        free(image.data);
        make_free(&m);
    }
}
