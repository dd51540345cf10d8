/* SPDX-License-Identifier: Apache-2.0
 * Cutting to the part that says most: what is to be in it, is. */
#include "step_run.h"

/* Gray, with a busy and coloured patch of size × size at x, y. */
static smalti_image patched(uint32_t width, uint32_t height, uint32_t x, uint32_t y, uint32_t size, uint32_t channels,
                            smalti_sample sample)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = sample};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t column = 0; column < width; column++)
            for (uint32_t c = 0; c < channels; c++) {
                bool inside = column >= x && column < x + size && row >= y && row < y + size;
                bool alpha = channels % 2 == 0 && c == channels - 1;
                uint32_t wild = (column * 7919 + row * 104729 + c * 31) * 2654435761u >> 24;
                double v = alpha ? 255 : inside ? wild : 100;
                set_sample(&image, column, row, c, sample == SMALTI_SAMPLE_U16 ? v * 257 : v * white_of(&image) / 255);
            }
    return image;
}

/* How many samples are not the gray around the patch. */
static size_t count_wild(const smalti_image *image)
{
    size_t count = 0;
    double gray = image->sample == SMALTI_SAMPLE_U16 ? 25700 : (double)(float)(100 * white_of(image) / 255);
    for (size_t y = 0; y < image->height; y++)
        for (size_t x = 0; x < image->width; x++)
            count += sample_at(image, x, y, 0) != gray;
    return count;
}

static void check_found(uint32_t width, uint32_t height, uint32_t x, uint32_t y, uint32_t size, uint32_t channels,
                        smalti_sample sample)
{
    uint32_t side = width < height ? width : height;
    smalti_image in = patched(width, height, x, y, size, channels, sample);
    for (int strategy = 0; strategy < 2; strategy++) {
        char text[100];
        snprintf(text, sizeof text, "smartcrop %ux%u:strategy=%s", side, side, strategy ? "attention" : "entropy");
        smalti_image out = run_steps(text, &in, 1);
        CHECK(out.width == side && out.height == side && out.channels == channels);
        if (count_wild(&out) != count_wild(&in))
            TEST_FAIL("%s cuts the patch at %u, %u of %u × %u", text, x, y, width, height);
        smalti_image_free(&out);
    }
    smalti_image_free(&in);
}

static void check_each(smalti_sample sample, uint32_t channels)
{
    check_found(120, 40, 5, 8, 22, channels, sample);
    check_found(120, 40, 90, 3, 28, channels, sample);
    check_found(40, 120, 7, 85, 26, channels, sample);
}
TEST("smartcrop keeps a patch that is the only thing to see, wherever it is")
{
    each_type(check_each);
}

TEST("smartcrop finds it in images larger than its grid, too")
{
    check_found(900, 200, 30, 40, 120, 3, SMALTI_SAMPLE_U8);
    check_found(900, 200, 700, 40, 120, 3, SMALTI_SAMPLE_U8);
    check_found(150, 701, 20, 560, 100, 3, SMALTI_SAMPLE_U8);
}

TEST("where nothing is to see the centre is kept")
{
    smalti_image in = {.width = 90, .height = 30, .channels = 1, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&in, &error), error);
    for (int strategy = 0; strategy < 2; strategy++) {
        memset(in.data, 50, in.pitch * in.height);
        for (size_t y = 0; y < 30; y++) /* marks that do not count: a level is less than a tone */
            set_sample(&in, 30, y, 0, 51), set_sample(&in, 59, y, 0, 51);
        smalti_image out = run_steps(strategy ? "smartcrop 30x30" : "resize 30x30:fit=cover,gravity=entropy", &in, 1);
        CHECK_INT(sample_at(&out, 0, 9, 0), 51);
        CHECK_INT(sample_at(&out, 29, 9, 0), 51);
        smalti_image_free(&out);
    }
    smalti_image_free(&in);
}

TEST("smartcrop scales first, and resize with such a gravity is the same")
{
    smalti_image in = make_picture(200, 90, 3, SMALTI_SAMPLE_U8),
                 a = run_steps("smartcrop 31x47:strategy=entropy", &in, 1);
    smalti_image b = run_steps("resize 31x47:fit=cover,gravity=entropy", &in, 1);
    CHECK(a.width == 31 && a.height == 47 && same_images(&a, &b));
    smalti_image large = run_steps("smartcrop 400x400", &in, 1);
    CHECK(large.width == 400 && large.height == 400);
    smalti_image both = run_steps("resize 50x400:fit=cover,gravity=attention,enlarge=false", &in, 1);
    CHECK(both.width == 50 && both.height == 90);
    smalti_image_free(&in), smalti_image_free(&a), smalti_image_free(&b), smalti_image_free(&large);
    smalti_image_free(&both);
}

TEST("floats that are no numbers are cut like others")
{
    smalti_image in = make_picture(60, 20, 3, SMALTI_SAMPLE_F32);
    for (size_t x = 0; x < 60; x += 3)
        set_sample(&in, x, 5, 0, x % 2 ? __builtin_nan("") : __builtin_inf());
    smalti_image out = run_steps("smartcrop 20x20", &in, 1);
    CHECK(out.width == 20);
    smalti_image_free(&in), smalti_image_free(&out);
}
