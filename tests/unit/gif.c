/* SPDX-License-Identifier: Apache-2.0
 * The GIF decoder against pixels known by how the files were made, and against damaged files. */
#include "test.h"
#include "decoded.h"
#include "gif_make.h"

#include <malloc.h>

/* Indices below 1 << bits, with runs, repeats and noise. */
static uint8_t *make_indices(uint32_t width, uint32_t height, uint32_t bits, uint32_t seed)
{
    uint8_t *indices = malloc((size_t)width * height + 1);
    uint32_t random = seed * 7919 + 1;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            random = random * 1664525 + 1013904223;
            uint32_t value = y % 5 == 0 ? y / 5 : y % 5 < 3 ? (x / 3) ^ y : random >> 24;
            indices[(size_t)y * width + x] = (uint8_t)(value & ((1u << bits) - 1));
        }
    return indices;
}

static void check_pixels(const decoded *out, const uint8_t *expected)
{
    CHECK_OK(out->result, out->error);
    CHECK_INT(out->warnings, 0);
    size_t size = (size_t)out->width * out->height * out->frames;
    for (size_t i = 0; i < size; i++)
        if (memcmp(out->pixels + i * out->channels, expected + i * 4, out->channels))
            TEST_FAIL("pixel %zu of %zu differs", i, size);
}

TEST("every depth, interlaced or not, decodes to the pixels that went in")
{
    for (uint32_t bits = 1; bits <= 8; bits++)
        for (int kind = 0; kind < 8; kind++) {
            uint32_t width = kind < 4 ? 70 + bits : 1 + bits, height = kind % 4 < 2 ? 90 : bits;
            uint8_t palette[768], *indices = make_indices(width, height, bits, bits);
            gif_palette(palette, bits, 1);
            gif_frame_spec frame = {.width = width,
                                    .height = height,
                                    .indices = indices,
                                    .bits = bits,
                                    .transparent = -1,
                                    .interlaced = kind % 2,
                                    .palette = kind % 3 ? palette : NULL,
                                    .clear_after = kind == 3 ? 40 : 0};
            bytes file = gif_begin(width, height, kind % 3 ? NULL : palette, bits);
            gif_add_frame(&file, &frame);
            gif_end(&file);
            uint8_t *expected = malloc((size_t)width * height * 4);
            for (size_t i = 0; i < (size_t)width * height; i++)
                memcpy(expected + i * 4, palette + indices[i] * 3, 3), expected[i * 4 + 3] = 255;
            decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 1 + (uint32_t)kind * 3);
            check_pixels(&out, expected);
            CHECK_STR(out.info.format, "gif");
            CHECK_STR(out.info.color, "palette");
            CHECK_STR(out.info.compression, "lzw");
            CHECK_INT(out.info.bit_depth, bits);
            CHECK_INT(out.info.channels, 3);
            CHECK_INT(out.info.interlaced, kind % 2);
            CHECK_INT(out.info.frames, 1);
            CHECK_INT(out.info.duration_ms, 0);
            CHECK_INT(out.info.orientation, 1);
            decoded_release(&out);
            free(expected);
            free(indices);
            free(file.data);
        }
}

TEST("a large image fills the table of codes again and again")
{
    enum { WIDTH = 700, HEIGHT = 500 };
    uint8_t palette[768], *indices = make_indices(WIDTH, HEIGHT, 8, 3);
    gif_palette(palette, 8, 1);
    bytes file = gif_begin(WIDTH, HEIGHT, palette, 8);
    gif_add_frame(
        &file, &(gif_frame_spec){.width = WIDTH, .height = HEIGHT, .indices = indices, .bits = 8, .transparent = -1});
    gif_end(&file);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
    CHECK_OK(out.result, out.error);
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
        CHECK(!memcmp(out.pixels + i * 3, palette + indices[i] * 3, 3));
    decoded_release(&out);
    free(indices);
    free(file.data);
}

/* ---- animations, against a canvas kept here ---- */

enum { SIDE = 12 };

typedef struct surface {
    uint8_t pixels[SIDE * SIDE * 4];
} surface;

static void draw(surface *canvas, const gif_frame_spec *frame, const uint8_t *palette)
{
    for (uint32_t y = 0; y < frame->height && frame->y + y < SIDE; y++)
        for (uint32_t x = 0; x < frame->width && frame->x + x < SIDE; x++) {
            uint8_t index = frame->indices[y * frame->width + x];
            uint8_t *to = canvas->pixels + ((frame->y + y) * SIDE + frame->x + x) * 4;
            if (index == frame->transparent)
                continue;
            memcpy(to, palette + index * 3, 3);
            to[3] = 255;
        }
}

static void dispose(surface *canvas, const gif_frame_spec *frame, const surface *before)
{
    for (uint32_t y = frame->y; y < frame->y + frame->height && y < SIDE; y++)
        for (uint32_t x = frame->x; x < frame->x + frame->width && x < SIDE; x++) {
            uint8_t *to = canvas->pixels + (y * SIDE + x) * 4;
            if (frame->disposal == 2)
                memset(to, 0, 4);
            else if (frame->disposal == 3)
                memcpy(to, before->pixels + (y * SIDE + x) * 4, 4);
        }
}

TEST("frames are composed with every disposal, offset, palette and transparency")
{
    uint8_t shared[768], own[768];
    gif_palette(shared, 4, 1);
    gif_palette(own, 3, 9);
    uint8_t *indices[6];
    gif_frame_spec frames[6] = {
        {.width = 12, .height = 12, .bits = 4, .transparent = -1, .delay = 5, .disposal = 1},
        {.x = 3,
         .y = 2,
         .width = 5,
         .height = 7,
         .bits = 3,
         .transparent = 2,
         .delay = 0,
         .disposal = 2,
         .palette = own},
        {.x = 6,
         .y = 6,
         .width = 40,
         .height = 30,
         .bits = 4,
         .transparent = 5,
         .delay = 1,
         .disposal = 3,
         .interlaced = true},
        {.x = 0, .y = 11, .width = 12, .height = 9, .bits = 4, .transparent = -1, .delay = 2, .disposal = 0},
        {.x = 20, .y = 20, .width = 4, .height = 4, .bits = 4, .transparent = -1, .delay = 300, .disposal = 3},
        {.x = 1,
         .y = 1,
         .width = 9,
         .height = 9,
         .bits = 4,
         .transparent = 0,
         .delay = 7,
         .disposal = 2,
         .interlaced = true},
    };
    static const uint32_t milliseconds[] = {50, 100, 100, 20, 3000, 70};
    bytes file = gif_begin(SIDE, SIDE, shared, 4);
    gif_add_loops(&file, 4);
    surface canvas = {0}, before, expected[6];
    for (int i = 0; i < 6; i++) {
        frames[i].indices = indices[i] = make_indices(frames[i].width, frames[i].height, frames[i].bits, (uint32_t)i);
        gif_add_frame(&file, &frames[i]);
        before = canvas;
        draw(&canvas, &frames[i], frames[i].palette ? own : shared);
        expected[i] = canvas;
        dispose(&canvas, &frames[i], &before);
    }
    gif_end(&file);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, 5);
    CHECK_INT(out.info.frames, 6);
    CHECK_INT(out.info.loops, 5); /* played once, and repeated four times */
    CHECK_INT(out.info.duration_ms, 50 + 100 + 100 + 20 + 3000 + 70);
    CHECK_INT(out.channels, 4);
    CHECK_INT(out.frames, 6);
    for (int i = 0; i < 6; i++)
        CHECK_INT(out.frame_ms[i], milliseconds[i]);
    check_pixels(&out, expected[0].pixels);
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){0}, 5);
    CHECK_INT(out.frames, 1);
    check_pixels(&out, expected[0].pixels);
    decoded_release(&out);
    for (int i = 0; i < 6; i++)
        free(indices[i]);
    free(file.data);
}

TEST("the first image lies where it says on a transparent canvas")
{
    uint8_t palette[768], *indices = make_indices(20, 20, 4, 2);
    gif_palette(palette, 4, 1);
    static const uint32_t places[][2] = {{0, 0}, {3, 4}, {0, 5}, {5, 0}, {11, 11}, {12, 0}, {0, 30}};
    for (size_t i = 0; i < SMALTI__COUNT(places); i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            gif_frame_spec frame = {.x = places[i][0],
                                    .y = places[i][1],
                                    .width = 20,
                                    .height = 6 + (uint32_t)i * 2,
                                    .bits = 4,
                                    .indices = indices,
                                    .transparent = i % 2 ? 3 : -1,
                                    .interlaced = interlaced};
            bytes file = gif_begin(SIDE, SIDE, palette, 4);
            gif_add_frame(&file, &frame);
            gif_end(&file);
            surface canvas = {0};
            draw(&canvas, &frame, palette);
            decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 5);
            CHECK_INT(out.channels, 4);
            check_pixels(&out, canvas.pixels);
            decoded_release(&out);
            free(file.data);
        }
    free(indices);
}

static bytes make_small(uint32_t frames)
{
    uint8_t palette[768], *indices = make_indices(40, 50, 4, 2);
    gif_palette(palette, 4, 1);
    bytes file = gif_begin(40, 50, palette, 4);
    for (uint32_t i = 0; i < frames; i++)
        gif_add_frame(&file, &(gif_frame_spec){.width = 40,
                                               .height = 50,
                                               .bits = 4,
                                               .indices = indices,
                                               .transparent = -1,
                                               .delay = 10,
                                               .interlaced = i % 2});
    gif_end(&file);
    free(indices);
    return file;
}

TEST("a file cut at any byte is an error, and keeps what is there when lenient")
{
    bytes file = make_small(2);
    for (size_t size = 0; size < file.size; size++)
        for (int all = 0; all < 2; all++) {
            decoded out = decode_with(file.data, size, (smalti__decode_options){.all_frames = all}, 16);
            CHECK_INT(out.result, size && size < 6 ? SMALTI_E_FORMAT_UNKNOWN : SMALTI_E_FORMAT_TRUNCATED);
            decoded_release(&out);
            out = decode_with(file.data, size, (smalti__decode_options){.lenient = true, .all_frames = all}, 16);
            if (size < 13 + 48 + 8 + 10 + 1) { /* to the LZW code size of the first image */
                CHECK(out.result < 0);
            } else {
                CHECK_OK(out.result, out.error);
                CHECK_INT(out.frames, all ? out.info.frames : 1);
                CHECK(out.warnings >= 1);
            }
            decoded_release(&out);
        }
    free(file.data);
}

TEST("a lenient reading of a cut image keeps its first rows")
{
    bytes file = make_small(1);
    decoded whole = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
    CHECK_OK(whole.result, whole.error);
    decoded cut = decode_with(file.data, file.size * 3 / 4, (smalti__decode_options){.lenient = true}, 16);
    CHECK_OK(cut.result, cut.error);
    CHECK(!memcmp(cut.pixels, whole.pixels, (size_t)40 * 20 * 3));
    CHECK(memcmp(cut.pixels, whole.pixels, (size_t)40 * 50 * 3) != 0);
    CHECK_HAS(cut.warning, "before its trailer");
    decoded_release(&cut);
    decoded_release(&whole);
    free(file.data);
}

TEST("what cannot be is refused with the right code and place")
{
    enum { DESCRIPTOR = 13 + 48 + 8, CODE_SIZE = DESCRIPTOR + 10 };
    static const struct {
        size_t offset;
        uint8_t value;
        const char *message;
    } cases[] = {
        {6, 0, "a canvas of 0x50 pixels at byte 6"},
        {CODE_SIZE, 0, "a bad LZW code size"},
        {CODE_SIZE, 9, "a bad LZW code size"},
        {CODE_SIZE + 2, 0xff, "a bad LZW code after 0 of 50 rows"},
        {DESCRIPTOR, 0x2d, "no GIF block begins with 0x2d"},
        {CODE_SIZE + 1, 0, "no GIF block begins with"},
        {CODE_SIZE - 10 + 7, 60, "an image ends after 50 of 60 rows"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        bytes file = make_small(1);
        file.data[cases[i].offset] = cases[i].value;
        if (i == 6)
            file.data[8] = 60;
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 4);
        CHECK_INT(out.result, SMALTI_E_FORMAT);
        CHECK_HAS(out.error.message, cases[i].message);
        decoded_release(&out);
        free(file.data);
    }
}

TEST("an image without a palette, and a file without an image, are refused")
{
    uint8_t index = 0;
    bytes file = gif_begin(1, 1, NULL, 0);
    gif_add_frame(&file, &(gif_frame_spec){.width = 1, .height = 1, .bits = 2, .indices = &index, .transparent = -1});
    gif_end(&file);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 1);
    CHECK_INT(out.result, SMALTI_E_FORMAT);
    CHECK_HAS(out.error.message, "an image without a palette");
    decoded_release(&out);
    free(file.data);
    file = gif_begin(1, 1, NULL, 0);
    gif_end(&file);
    out = decode_with(file.data, file.size, (smalti__decode_options){0}, 1);
    CHECK_INT(out.result, SMALTI_E_FORMAT);
    CHECK_HAS(out.error.message, "no image");
    decoded_release(&out);
    free(file.data);
}

TEST("limits on pixels and frames are kept")
{
    bytes file = make_small(5);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.max_pixels = 1999}, 16);
    CHECK_INT(out.result, SMALTI_E_LIMIT_PIXELS);
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true, .max_frames = 4}, 16);
    CHECK_INT(out.result, SMALTI_E_LIMIT_FRAMES);
    CHECK_HAS(out.error.message, "5 frames, more than the limit of 4: raise limits.frames");
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){.max_frames = 4}, 16);
    CHECK_OK(out.result, out.error); /* one frame is wanted */
    decoded_release(&out);
    free(file.data);
}

TEST("XMP and an ICC profile come out as they went in")
{
    uint8_t palette[12], index = 0, trailer[258] = {1};
    gif_palette(palette, 2, 1);
    for (int i = 0; i < 256; i++)
        trailer[1 + i] = (uint8_t)(255 - i);
    uint8_t profile[700];
    for (size_t i = 0; i < sizeof profile; i++)
        profile[i] = (uint8_t)(i * 31);
    char xmp[600];
    memset(xmp, 'x', sizeof xmp);
    bytes file = gif_begin(1, 1, palette, 2);
    bytes_add(&file, "\x21\xff\x0bXMP DataXMP", 14);
    bytes_add(&file, xmp, sizeof xmp);
    bytes_add(&file, trailer, sizeof trailer);
    bytes_add(&file, "\x21\xff\x0bICCRGBG1012", 14);
    gif_add_blocks(&file, profile, sizeof profile);
    bytes_add(&file, "\x21\xfe\x05hello\0", 9);
    gif_add_frame(&file, &(gif_frame_spec){.width = 1, .height = 1, .bits = 2, .indices = &index, .transparent = -1});
    gif_end(&file);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.metadata = true}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.info.xmp_bytes, sizeof xmp);
    CHECK_INT(out.metadata.xmp.size, sizeof xmp);
    CHECK(!memcmp(out.metadata.xmp.data, xmp, sizeof xmp));
    CHECK_INT(out.metadata.icc.size, sizeof profile);
    CHECK(!memcmp(out.metadata.icc.data, profile, sizeof profile));
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){.metadata = true, .max_metadata = 650}, 1);
    CHECK_INT(out.metadata.icc.size, 0);
    CHECK_INT(out.metadata.xmp.size, sizeof xmp);
    CHECK_HAS(out.warning, "ICC profile of 700 bytes dropped");
    decoded_release(&out);
    free(file.data);
}

TEST("decoding takes no more than it says")
{
    free(malloc(1));
    if (!mallinfo2().arena)
        TEST_SKIP("the sanitizer's allocator does not count");
    for (int all = 0; all < 2; all++) {
        bytes file = make_small(3);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti__source_open_memory(&source, file.data, file.size, "test.gif");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){.all_frames = all}, &decoder, &error), error);
        struct mallinfo2 before = mallinfo2();
        CHECK_OK(smalti__decoder_start(decoder, &error), error);
        struct mallinfo2 after = mallinfo2();
        size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        CHECK(taken <= decoder->work_bytes + 8 * 192); /* and what the allocator puts around each block */
        CHECK(decoder->work_bytes < taken + 1024);
        smalti__decoder_close(decoder);
        free(file.data);
    }
}
