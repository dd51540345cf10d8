/* SPDX-License-Identifier: Apache-2.0
 * Steps that add a border or cut one off: extend, resize with contain, trim. */
#include "step_run.h"

/* Whether a pixel of out is the pixel of in. */
static bool same_pixel(const smalti_image *out, size_t x, size_t y, const smalti_image *in, size_t from_x,
                       size_t from_y)
{
    for (size_t c = 0; c < in->channels; c++)
        if (sample_at(out, x, y, c) != sample_at(in, from_x, from_y, c))
            return false;
    return true;
}

/* Where a coordinate behind an edge comes from, by walking there. */
static size_t walk(int64_t at, int64_t size, bool mirror)
{
    int64_t step = at < 0 ? 1 : -1, place = at < 0 ? 0 : size - 1;
    if (at >= 0 && at < size)
        return (size_t)at;
    if (!mirror)
        return (size_t)place;
    int64_t distance = at < 0 ? -1 - at : at - size; /* steps beyond the first repeated pixel */
    while (distance--) {
        if (place + step < 0 || place + step >= size)
            step = -step; /* the edge's pixel stands twice */
        else
            place += step;
    }
    return (size_t)place;
}

static void check_edges(const char *text, bool mirror, smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(13, 9, channels, sample), out = run_steps(text, &in, 1);
    CHECK(out.width == 13 + 5 + 30 && out.height == 9 + 3 + 21 && out.channels == channels);
    for (size_t y = 0; y < out.height; y++)
        for (size_t x = 0; x < out.width; x++)
            if (!same_pixel(&out, x, y, &in, walk((int64_t)x - 30, 13, mirror), walk((int64_t)y - 3, 9, mirror)))
                TEST_FAIL("%s: pixel %zu, %zu is another", text, x, y);
    smalti_image_free(&in), smalti_image_free(&out);
}

static void check_extend(smalti_sample sample, uint32_t channels)
{
    check_edges("extend 3x5x21x30:mode=edge", false, sample, channels);
    check_edges("extend 3x5x21x30:mode=mirror", true, sample, channels);
}
TEST("extend repeats edges or mirrors the image, also farther than the image is large")
{
    each_type(check_extend);
}

/* All of out but the rectangle of in's size at left, top is the pixel. */
static void check_border(const smalti_image *out, const smalti_image *in, size_t left, size_t top, const double *pixel)
{
    for (size_t y = 0; y < out->height; y++)
        for (size_t x = 0; x < out->width; x++) {
            bool inside = x >= left && x < left + in->width && y >= top && y < top + in->height;
            for (size_t c = 0; c < out->channels && !inside; c++)
                check_sample(out, x, y, c, pixel[c], 0.51);
        }
}

TEST("extend takes a colour that the image can hold, or the image changes to hold it")
{
    static const struct {
        const char *text;
        uint32_t channels, out_channels;
        double pixel[4];
    } cases[] = {
        {"extend 4:background=808080", 1, 1, {128 / 255.0}},
        {"extend 4:background=80808040", 1, 2, {128 / 255.0, 64 / 255.0}},
        {"extend 4:background=ff8000", 1, 3, {1, 128 / 255.0, 0}},
        {"extend 4:background=ff8000", 2, 4, {1, 128 / 255.0, 0, 1}},
        {"extend 4:background=ff800033", 3, 4, {1, 128 / 255.0, 0, 0.2}},
        {"extend 4", 3, 3, {250 / 255.0, 240 / 255.0, 10 / 255.0}}, /* the job's */
        {"extend 4", 1, 1, {(0.2126 * 250 + 0.7152 * 240 + 0.0722 * 10) / 255}},
        {"extend 4", 4, 4, {0, 0, 0, 0}},
        {"extend 4", 2, 2, {0, 0}},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++)
        for (int sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_U16; sample++) {
            smalti_image in = make_picture(20, 11, cases[i].channels, (smalti_sample)sample);
            smalti_image out = run_steps(cases[i].text, &in, 1);
            CHECK_INT(out.channels, cases[i].out_channels);
            CHECK(out.width == 28 && out.height == 19);
            check_border(&out, &in, 4, 4, cases[i].pixel);
            CHECK(sample_at(&out, 4 + 7, 4 + 5, 0) == sample_at(&in, 7, 5, 0));
            smalti_image_free(&in), smalti_image_free(&out);
        }
}

TEST("contain makes exactly the size, with the image where gravity puts it")
{
    static const struct {
        const char *gravity;
        size_t top;
    } cases[] = {{"center", 10}, {"north", 0}, {"southwest", 20}};
    const double pixel[3] = {1, 0, 0};
    smalti_image in = make_picture(80, 40, 3, SMALTI_SAMPLE_U8), small = run_steps("resize 40x20", &in, 1);
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        char text[100];
        snprintf(text, sizeof text, "resize 40x40:fit=contain,background=ff0000,gravity=%s", cases[i].gravity);
        smalti_image out = run_steps(text, &in, 1);
        CHECK(out.width == 40 && out.height == 40);
        check_border(&out, &small, 0, cases[i].top, pixel);
        for (size_t y = 0; y < 20; y++)
            for (size_t x = 0; x < 40; x++)
                CHECK(same_pixel(&out, x, y + cases[i].top, &small, x, y));
        smalti_image_free(&out);
    }
    smalti_image out = run_steps("resize 120x100:fit=contain,enlarge=false,background=ff0000", &in, 1);
    CHECK(out.width == 120 && out.height == 100 && same_pixel(&out, 20, 30, &in, 0, 0));
    smalti_image_free(&out), smalti_image_free(&small), smalti_image_free(&in);
}

/* ---- trim ---- */

/* The picture with a border of one colour around it. */
static smalti_image framed(smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(33, 17, channels, sample), out = {0};
    for (size_t c = 0; c < channels; c++) { /* corners that are certainly not the border */
        set_sample(&in, 0, 0, c, 0.75 * white_of(&in));
        set_sample(&in, 32, 16, c, 0.75 * white_of(&in));
    }
    out = run_steps("extend 4x7x2x9:background=203020ff", &in, 1);
    smalti_image_free(&in);
    return out;
}

static void check_trim(smalti_sample sample, uint32_t channels)
{
    smalti_image in = framed(sample, channels), out = run_steps("trim", &in, 1);
    smalti_image named = run_steps("trim background=203020", &in, 1);
    CHECK(out.width == 33 && out.height == 17 && same_images(&out, &named));
    for (size_t y = 0; y < out.height; y++)
        for (size_t x = 0; x < out.width; x++)
            CHECK(same_pixel(&out, x, y, &in, x + 9, y + 4));
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&named);
}
TEST("trim cuts off what extend added")
{
    each_type(check_trim);
}

TEST("trim is followed by steps that are made for what it left")
{
    smalti_image in = framed(SMALTI_SAMPLE_U8, 3), out = run_steps("trim|extend 1|resize 70x38:fit=fill|flip", &in, 1);
    smalti_image trimmed = run_steps("trim", &in, 1),
                 whole = run_steps("extend 1|resize 70x38:fit=fill|flip", &trimmed, 1);
    CHECK(same_images(&out, &whole));
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&trimmed), smalti_image_free(&whole);
}

TEST("trim leaves an image alone that has no border, or nothing in it")
{
    smalti_image in = make_picture(33, 17, 3, SMALTI_SAMPLE_U8), out = run_steps("trim 0:background=010203", &in, 1);
    CHECK(same_images(&in, &out));
    smalti_image_free(&out);
    memset(in.data, 99, in.pitch * in.height);
    out = run_steps("trim", &in, 1);
    CHECK(same_images(&in, &out));
    smalti_image_free(&in), smalti_image_free(&out);
}

TEST("trim takes all that is transparent for the same, and a threshold for near enough")
{
    smalti_image in = make_picture(9, 9, 4, SMALTI_SAMPLE_U8);
    for (size_t y = 0; y < 9; y++)
        for (size_t x = 0; x < 9; x++)
            set_sample(&in, x, y, 3, x == 4 && y == 6 ? 255 : x == 2 && y == 2 ? 8 : 0);
    smalti_image out = run_steps("trim 0.04", &in, 1), exact = run_steps("trim 0.03", &in, 1);
    CHECK(out.width == 1 && out.height == 1 && exact.width == 3 && exact.height == 5);
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&exact);
}

TEST("a border that cannot be is refused before anything is allocated")
{
    smalti_image in = make_picture(9, 9, 3, SMALTI_SAMPLE_U8), out;
    CHECK_INT(try_steps("extend 2147483647", &in, 1, 0, &out), SMALTI_E_LIMIT_PIXELS);
    CHECK_INT(try_steps("extend 2000000000:mode=mirror", &in, 1, 0, &out), SMALTI_E_LIMIT_PIXELS);
    CHECK_INT(try_steps("extend 100000:mode=edge", &in, 1, 0, &out), SMALTI_E_LIMIT_PIXELS);
    smalti_image_free(&in);
}
