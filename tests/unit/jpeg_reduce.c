/* SPDX-License-Identifier: Apache-2.0
 * Reduced sizes and planes of the JPEG decoder, against plain libjpeg; and what ends a long decode. */
#include "test.h"
#include "jpeg_make.h"

#include "decode/decode.h"

#include <malloc.h>

/* A file under the decoder's hands. */
typedef struct opened {
    uint8_t *data;
    size_t size;
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
} opened;

static void open_with(opened *file, const jpeg_spec *spec, smalti__decode_options options)
{
    file->data = make_jpeg(spec, NULL, &file->size);
    smalti__source_open_memory(&file->source, file->data, file->size, "test.jpg");
    CHECK_OK(smalti__decoder_open(&file->source, &options, &file->decoder, &file->error), file->error);
}

static void release(opened *file)
{
    smalti__decoder_close(file->decoder);
    smalti__source_close(&file->source);
    free(file->data);
}

/* Asks for the most that divisor is good for. */
static void reduce_by(opened *file, uint32_t divisor)
{
    const smalti_info *info = &file->decoder->info;
    smalti__decoder_reduce(file->decoder, info->width / (divisor + 1), info->height / (divisor + 1));
    CHECK_INT(file->decoder->reduced, divisor);
    CHECK_INT(file->decoder->out.width, (info->width + divisor - 1) / divisor);
    CHECK_INT(file->decoder->out.height, (info->height + divisor - 1) / divisor);
}

static const jpeg_spec specs[] = {
    {.width = 150, .height = 101, .components = 1},
    {.width = 150, .height = 101, .components = 1, .h = 2, .v = 2},
    {.width = 150, .height = 101, .components = 3},
    {.width = 153, .height = 107, .components = 3, .h = 2},
    {.width = 151, .height = 99, .components = 3, .h = 2, .v = 2},
    {.width = 150, .height = 101, .components = 3, .v = 2},
    {.width = 150, .height = 101, .components = 3, .h = 4},
    {.width = 150, .height = 101, .components = 3, .h = 4, .v = 2},
    {.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .restart_rows = 1},
    {.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .progressive = true},
    {.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .separate = true},
    {.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .arithmetic = true},
    {.width = 16, .height = 9, .components = 3, .h = 2, .v = 2},
    {.width = 3001, .height = 17, .components = 3, .h = 2, .v = 2},
    {.width = 150, .height = 101, .components = 3, .stored = JCS_RGB},
};

TEST("a half, a quarter and an eighth have the pixels that libjpeg gives")
{
    for (size_t i = 0; i < SMALTI__COUNT(specs); i++) {
        for (uint32_t divisor = 1; divisor <= 8; divisor *= 2) {
            opened file;
            open_with(&file, &specs[i], (smalti__decode_options){0});
            reduce_by(&file, divisor);
            CHECK_OK(smalti__decoder_start(file.decoder, &file.error), file.error);
            uint32_t width, height, channels = file.decoder->out.channels;
            uint8_t *expected = reference_reduced(file.data, file.size, divisor, false, &width, &height);
            CHECK_INT(file.decoder->out.width, width);
            CHECK_INT(file.decoder->out.height, height);
            uint8_t *found = malloc((size_t)width * height * channels);
            for (uint32_t y = 0; y < height; y += 3)
                CHECK_OK(smalti__decoder_read(file.decoder, found + (size_t)y * width * channels, width * channels,
                                              height - y < 3 ? height - y : 3, &file.error),
                         file.error);
            CHECK_OK(smalti__decoder_finish(file.decoder, &file.error), file.error);
            CHECK(!memcmp(found, expected, (size_t)width * height * channels));
            free(found);
            free(expected);
            release(&file);
        }
    }
}

TEST("CMYK is reduced too")
{
    jpeg_spec spec = {.width = 61, .height = 37, .components = 4, .stored = JCS_YCCK, .h = 2, .v = 2};
    opened file;
    open_with(&file, &spec, (smalti__decode_options){0});
    reduce_by(&file, 4);
    CHECK_OK(smalti__decoder_start(file.decoder, &file.error), file.error);
    uint32_t width, height;
    uint8_t *cmyk = reference_reduced(file.data, file.size, 4, false, &width, &height), row[16 * 3];
    CHECK_INT(width, 16);
    for (uint32_t y = 0; y < height; y++) {
        CHECK_OK(smalti__decoder_read(file.decoder, row, sizeof row, 1, &file.error), file.error);
        for (uint32_t x = 0; x < width * 3; x++) {
            const uint8_t *ink = cmyk + (y * width + x / 3) * 4;
            CHECK_INT(row[x], (ink[x % 3] * ink[3] + 127) / 255);
        }
    }
    free(cmyk);
    release(&file);
}

TEST("a reduced image leaves some of the reduction to a better filter")
{
    static const struct {
        uint32_t width, height, divisor;
    } cases[] = {{403, 301, 1}, {5000, 5000, 1}, {135, 1, 1}, {134, 100, 2}, {1, 101, 1}, {81, 60, 2},  {80, 60, 4},
                 {80, 61, 2},   {45, 33, 4},     {44, 33, 8}, {1, 1, 8},     {0, 0, 8},   {~0u, ~0u, 1}};
    jpeg_spec spec = {.width = 403, .height = 301, .components = 1};
    opened file;
    open_with(&file, &spec, (smalti__decode_options){0});
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti__decoder_reduce(file.decoder, cases[i].width, cases[i].height);
        if (file.decoder->reduced != cases[i].divisor)
            TEST_FAIL("case %zu is reduced by %u", i, file.decoder->reduced);
    }
    release(&file);
    spec = (jpeg_spec){.width = 3, .height = 300, .components = 1};
    open_with(&file, &spec, (smalti__decode_options){0});
    smalti__decoder_reduce(file.decoder, 0, 0);
    CHECK_INT(file.decoder->reduced, 2);
    release(&file);
}

/* All planes, each tightly packed. */
static void read_all_planes(opened *file, bool fine, smalti__planes *image, uint8_t *planes[3])
{
    smalti__planes unit;
    uint32_t done[3] = {0};
    CHECK(smalti__decoder_planar(file->decoder, fine, image, &unit));
    CHECK_OK(smalti__decoder_start(file->decoder, &file->error), file->error);
    smalti__planes room = unit;
    for (uint32_t i = 0; i < image->count; i++) {
        CHECK(!unit.data[i]);
        planes[i] = malloc((size_t)image->width[i] * image->height[i]);
        room.data[i] = malloc(unit.pitch[i] * unit.height[i]); /* the sanitizer sees a byte too many */
    }
    while (file->decoder->row < image->height[0]) {
        CHECK_OK(smalti__decoder_read_planes(file->decoder, &room, &file->error), file->error);
        for (uint32_t i = 0; i < image->count; i++) {
            CHECK_INT(room.height[i] <= unit.height[i], 1);
            for (uint32_t y = 0; y < room.height[i]; y++)
                memcpy(planes[i] + (done[i] + y) * image->width[i], room.data[i] + y * room.pitch[i], image->width[i]);
            done[i] += room.height[i];
        }
    }
    for (uint32_t i = 0; i < image->count; i++) {
        CHECK_INT(done[i], image->height[i]);
        free(room.data[i]);
    }
    CHECK_OK(smalti__decoder_finish(file->decoder, &file->error), file->error);
}

TEST("planes have the samples that libjpeg has before it turns them into colours")
{
    for (size_t i = 0; i < SMALTI__COUNT(specs) - 1; i++) {
        for (uint32_t divisor = 1; divisor <= 8; divisor *= 2) {
            opened file;
            smalti__planes image;
            uint8_t *planes[3];
            open_with(&file, &specs[i], (smalti__decode_options){0});
            reduce_by(&file, divisor);
            read_all_planes(&file, true, &image, planes);
            uint32_t width, height, channels = file.decoder->out.channels;
            CHECK_INT(image.count, channels);
            CHECK_INT(image.width[0], file.decoder->out.width);
            uint8_t *expected = reference_reduced(file.data, file.size, divisor, true, &width, &height);
            for (uint32_t c = 0; c < channels; c++) {
                for (uint32_t y = 0; y < height; y++)
                    for (uint32_t x = 0; x < width; x++)
                        CHECK_INT(planes[c][y / image.down[c] * image.width[c] + x / image.across[c]],
                                  expected[((size_t)y * width + x) * channels + c]);
                free(planes[c]);
            }
            free(expected);
            release(&file);
        }
    }
}

TEST("coarse planes are reduced as luma is, each as if it were a file of its own")
{
    for (size_t i = 0; i < SMALTI__COUNT(specs) - 1; i++) {
        for (uint32_t divisor = 1; divisor <= 8; divisor *= 2) {
            opened file;
            smalti__planes image;
            uint8_t *planes[3];
            open_with(&file, &specs[i], (smalti__decode_options){0});
            reduce_by(&file, divisor);
            read_all_planes(&file, false, &image, planes);
            for (uint32_t c = 0; c < image.count; c++) {
                size_t size;
                uint32_t width, height;
                uint8_t *gray = make_component(file.data, file.size, (int)c, &size);
                uint8_t *expected = reference_reduced(gray, size, divisor, false, &width, &height);
                CHECK_INT(image.width[c], width);
                CHECK_INT(image.height[c], height);
                if (memcmp(planes[c], expected, (size_t)width * height))
                    TEST_FAIL("plane %u of case %zu, by %u, is another", c, i, divisor);
                free(expected);
                free(gray);
                free(planes[c]);
            }
            release(&file);
        }
    }
}

TEST("planes are only to be had of what is stored as luma and chroma")
{
    static const jpeg_spec others[] = {{.width = 20, .height = 20, .components = 3, .stored = JCS_RGB},
                                       {.width = 20, .height = 20, .components = 4},
                                       {.width = 20, .height = 20, .components = 4, .stored = JCS_YCCK}};
    for (size_t i = 0; i < SMALTI__COUNT(others); i++) {
        opened file;
        smalti__planes image, unit;
        uint8_t row[64];
        open_with(&file, &others[i], (smalti__decode_options){0});
        CHECK(!smalti__decoder_planar(file.decoder, true, &image, &unit));
        CHECK_OK(smalti__decoder_start(file.decoder, &file.error), file.error);
        CHECK_OK(smalti__decoder_read(file.decoder, row, sizeof row, 1, &file.error), file.error);
        release(&file);
    }
}

TEST("an eighth of a file of several scans takes a fraction of its coefficients' memory")
{
    jpeg_spec several[] = {{.width = 2003, .height = 1001, .components = 3, .h = 2, .v = 2, .progressive = true},
                           {.width = 2003, .height = 1001, .components = 3, .h = 2, .v = 1, .separate = true},
                           {.width = 2003, .height = 1001, .components = 1, .two_scans = true},
                           {.width = 2003, .height = 1001, .components = 3, .progressive = true, .restart_rows = 3}};
    for (size_t i = 0; i < SMALTI__COUNT(several); i++) {
        opened file;
        smalti__planes image;
        uint8_t *little[3], *all[3];
        open_with(&file, &several[i], (smalti__decode_options){.lenient = true}); /* reads all */
        reduce_by(&file, 8);
        read_all_planes(&file, false, &image, all);
        size_t whole = file.decoder->work_bytes;
        release(&file);
        open_with(&file, &several[i], (smalti__decode_options){0});
        reduce_by(&file, 8);
        read_all_planes(&file, false, &image, little);
        CHECK_INT(file.decoder->work_bytes < whole / 5, 1);
        for (uint32_t c = 0; c < image.count; c++) {
            CHECK(!memcmp(little[c], all[c], (size_t)image.width[c] * image.height[c]));
            free(little[c]);
            free(all[c]);
        }
        /* detail is not even looked at, but an end that is missing is seen */
        smalti__decoder_close(file.decoder);
        file.source.size--;
        CHECK_OK(smalti__decoder_open(&file.source, &(smalti__decode_options){0}, &file.decoder, &file.error),
                 file.error);
        reduce_by(&file, 8);
        smalti__planes unit;
        CHECK(smalti__decoder_planar(file.decoder, false, &image, &unit));
        CHECK_INT(smalti__decoder_start(file.decoder, &file.error), SMALTI_E_FORMAT_TRUNCATED);
        release(&file);
    }
}

static void count_warning(void *user, const char *message)
{
    (void)message;
    (*(uint32_t *)user)++;
}

TEST("of a cut file the planes' first rows are kept when lenient, the others are gray")
{
    jpeg_spec spec = {.width = 200, .height = 320, .components = 3, .h = 2, .v = 2};
    for (uint32_t divisor = 1; divisor <= 2; divisor++) {
        uint32_t warnings = 0;
        opened file;
        smalti__planes image;
        uint8_t *planes[3], *whole[3];
        open_with(&file, &spec, (smalti__decode_options){0});
        reduce_by(&file, divisor);
        read_all_planes(&file, true, &image, whole);
        release(&file);
        open_with(&file, &spec, (smalti__decode_options){.lenient = true, .warn = count_warning, .user = &warnings});
        file.source.size /= 2;
        reduce_by(&file, divisor);
        read_all_planes(&file, true, &image, planes);
        CHECK_INT(warnings > 0, 1);
        for (uint32_t i = 0; i < 3; i++) {
            size_t size = (size_t)image.width[i] * image.height[i];
            CHECK(!memcmp(planes[i], whole[i], size * 3 / 8));
            CHECK(memcmp(planes[i], whole[i], size));
            free(planes[i]);
            free(whole[i]);
        }
        release(&file);
    }
}

TEST("reduced and planar decoders take no more memory than they say, and less than whole ones")
{
    for (size_t i = 0; i < SMALTI__COUNT(specs) - 1; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            opened file;
            smalti__planes image, unit;
            open_with(&file, &specs[i], (smalti__decode_options){0});
            size_t whole = file.decoder->work_bytes;
            reduce_by(&file, 1u << k / 2);
            smalti__planes room = {.count = 0};
            if (k % 2) {
                CHECK(smalti__decoder_planar(file.decoder, k % 4 == 1, &image, &unit));
                room = unit;
                for (uint32_t c = 0; c < unit.count; c++)
                    room.data[c] = malloc(unit.pitch[c] * unit.height[c]);
            }
            CHECK_INT(file.decoder->work_bytes <= whole, 1);
            uint8_t *row = malloc(file.decoder->out.width * 3);
            struct mallinfo2 before = mallinfo2();
            CHECK_OK(smalti__decoder_start(file.decoder, &file.error), file.error);
            if (k % 2)
                CHECK_OK(smalti__decoder_read_planes(file.decoder, &room, &file.error), file.error);
            else
                CHECK_OK(smalti__decoder_read(file.decoder, row, file.decoder->out.width * 3, 1, &file.error),
                         file.error);
            struct mallinfo2 after = mallinfo2();
            size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
            if (taken > file.decoder->work_bytes)
                TEST_FAIL("case %zu/%u takes %zu bytes, not %zu", i, k, taken, file.decoder->work_bytes);
            free(row);
            for (uint32_t c = 0; c < room.count; c++)
                free(room.data[c]);
            release(&file);
        }
    }
}

TEST("a file of several scans can be stopped before its first row, by request or by time")
{
    static const jpeg_spec several[] = {{.width = 300, .height = 200, .components = 3, .progressive = true},
                                        {.width = 300, .height = 200, .components = 3, .separate = true}};
    for (int i = 0; i < 4; i++) {
        int cancelled = i < 2;
        smalti__stop stop = {.cancelled = &cancelled, .deadline_ns = i < 2 ? 0 : 1, .limit_ms = 7};
        opened file;
        open_with(&file, &several[i % 2], (smalti__decode_options){.stop = &stop, .lenient = i % 3 == 0});
        CHECK_INT(smalti__decoder_start(file.decoder, &file.error), i < 2 ? SMALTI_E_CANCELLED : SMALTI_E_LIMIT_TIME);
        CHECK_INT(file.error.offset, SMALTI_NO_OFFSET);
        CHECK_HAS(file.error.message, i < 2 ? "test.jpg: cancelled" : "limit of 7 ms");
        release(&file);
    }
}
