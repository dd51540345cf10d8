/* SPDX-License-Identifier: Apache-2.0
 * Steps that change pixels one by one: each against its formula. */
#include <math.h>

#include "step_run.h"

/* A pixel's colours as 0…1; gray as three. */
static void colors_at(const smalti_image *image, size_t x, size_t y, double rgb[3])
{
    for (size_t c = 0; c < 3; c++)
        rgb[c] = sample_at(image, x, y, image->channels < 3 ? 0 : c) / white_of(image);
}

static double luma_of(const double rgb[3])
{
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
}

static bool has_alpha(const smalti_image *image)
{
    return image->channels % 2 == 0;
}

typedef void (*pixel_fn)(const double rgb[3], double wanted[3]);

/* Runs steps whose result is the formula's, and alpha what it was. */
static void check_formula(const char *text, smalti_sample sample, uint32_t channels, pixel_fn formula, double levels)
{
    smalti_image in = make_picture(61, 23, channels, sample), out = run_steps(text, &in, 1);
    CHECK(out.width == in.width && out.height == in.height);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            double rgb[3], wanted[3];
            colors_at(&in, x, y, rgb);
            formula(rgb, wanted);
            for (size_t c = 0; c < out.channels - has_alpha(&out); c++)
                check_sample(&out, x, y, c, wanted[c], levels);
            if (has_alpha(&out))
                CHECK(sample_at(&out, x, y, out.channels - 1) == sample_at(&in, x, y, in.channels - 1));
        }
    smalti_image_free(&in);
    smalti_image_free(&out);
}

static void linear_formula(const double rgb[3], double wanted[3])
{
    for (int c = 0; c < 3; c++)
        wanted[c] = 1.7 * rgb[c] - 0.2;
}

static void check_linear(smalti_sample sample, uint32_t channels)
{
    check_formula("linear 1.7:offset=-0.2", sample, channels, linear_formula, 0.51);
}
TEST("linear multiplies and adds, clamped where samples are whole")
{
    each_type(check_linear);
}

static void negate_formula(const double rgb[3], double wanted[3])
{
    for (int c = 0; c < 3; c++)
        wanted[c] = 1 - rgb[c];
}

static void check_negate(smalti_sample sample, uint32_t channels)
{
    check_formula("negate", sample, channels, negate_formula, 0.01);
}
TEST("negate is white minus the sample")
{
    each_type(check_negate);
}

static void gamma_formula(const double rgb[3], double wanted[3])
{
    for (int c = 0; c < 3; c++)
        wanted[c] = pow(rgb[c], 1 / 1.8);
}

static void check_gamma(smalti_sample sample, uint32_t channels)
{
    check_formula("gamma 1.8", sample, channels, gamma_formula, 0.51);
}
TEST("gamma is a power")
{
    each_type(check_gamma);
}

static void threshold_formula(const double rgb[3], double wanted[3])
{
    for (int c = 0; c < 3; c++)
        wanted[c] = rgb[c] >= 0.3001;
}

static void check_threshold(smalti_sample sample, uint32_t channels)
{
    check_formula("threshold 0.3001", sample, channels, threshold_formula, 0.01);
}
TEST("threshold makes black and white of each sample")
{
    each_type(check_threshold);
}

static void gray_formula(const double rgb[3], double wanted[3])
{
    wanted[0] = wanted[1] = wanted[2] = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static void check_gray(smalti_sample sample, uint32_t channels)
{
    check_formula("grayscale rec601", sample, channels, gray_formula, 0.51);
}
TEST("grayscale is luma in one channel")
{
    each_type(check_gray);
    smalti_image in = make_picture(20, 10, 4, SMALTI_SAMPLE_U8), out = run_steps("grayscale", &in, 1);
    CHECK_INT(out.channels, 2);
    smalti_image_free(&in);
    smalti_image_free(&out);
}

/* ---- modulate ---- */

/* Saturation alone: away from luma. Brightness and lightness behind it. */
static void saturation_formula(const double rgb[3], double wanted[3])
{
    double y = luma_of(rgb);
    for (int c = 0; c < 3; c++)
        wanted[c] = 1.2 * (y + 0.4 * (rgb[c] - y)) - 0.1;
}

static void check_saturation(smalti_sample sample, uint32_t channels)
{
    check_formula("modulate 1.2:saturation=0.4,lightness=-0.1", sample, channels, saturation_formula, 1);
}
TEST("modulate changes saturation about the luma, then brightness and lightness")
{
    each_type(check_saturation);
}

TEST("modulate turns hues, keeps luma and grays, and a whole turn changes nothing")
{
    smalti_image in = make_picture(61, 23, 3, SMALTI_SAMPLE_F32), out = run_steps("modulate hue=75", &in, 1);
    smalti_image back = run_steps("modulate hue=360", &in, 1), gray = make_picture(61, 23, 1, SMALTI_SAMPLE_U8);
    smalti_image same = run_steps("modulate hue=75,saturation=3", &gray, 1);
    double moved = 0;
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            double from[3], to[3];
            colors_at(&in, x, y, from);
            colors_at(&out, x, y, to);
            CHECK(fabs(luma_of(from) - luma_of(to)) < 1e-5);
            moved = fmax(moved, fabs(from[0] - to[0]));
            for (size_t c = 0; c < 3; c++)
                check_sample(&back, x, y, c, from[c], 1);
        }
    CHECK(moved > 0.2 && same_images(&gray, &same));
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&back);
    smalti_image_free(&gray), smalti_image_free(&same);
}

TEST("modulate by 120 degrees makes red mostly green")
{
    smalti_image in = {.width = 1, .height = 1, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&in, &error), error);
    memcpy(in.data, (const uint8_t[]){200, 40, 40}, 3);
    smalti_image out = run_steps("modulate hue=120", &in, 1);
    CHECK(sample_at(&out, 0, 0, 1) > sample_at(&out, 0, 0, 0) && sample_at(&out, 0, 0, 1) > sample_at(&out, 0, 0, 2));
    smalti_image_free(&in), smalti_image_free(&out);
}

/* ---- tint ---- */

static void tint_formula(const double rgb[3], double wanted[3])
{
    const double tint[3] = {0xff / 255.0, 0x80 / 255.0, 0x20 / 255.0};
    double y = luma_of(rgb), middle = 4 * y * (1 - y);
    for (int c = 0; c < 3; c++)
        wanted[c] = y + middle * (tint[c] - luma_of(tint));
}

static void check_tint(smalti_sample sample, uint32_t channels)
{
    check_formula("tint ff8020", sample, channels, tint_formula, 1);
}
TEST("tint gives the middle tones a colour; gray images become coloured")
{
    each_type(check_tint);
    smalti_image in = make_picture(20, 10, 2, SMALTI_SAMPLE_U8), out = run_steps("tint ff8020", &in, 1);
    CHECK_INT(out.channels, 4);
    smalti_image_free(&in), smalti_image_free(&out);
}

/* ---- normalise ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_normalise(smalti_sample sample, uint32_t channels)
{
    smalti_image whole = make_picture(61, 23, channels, sample);
    smalti_image in = run_steps("linear 0.5:offset=0.2", &whole, 1),
                 out = run_steps("normalise lower=5,upper=90", &in, 1);
    double lumas[61 * 23];
    size_t count = 0;
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            double rgb[3];
            colors_at(&in, x, y, rgb);
            if (!has_alpha(&in) || sample_at(&in, x, y, in.channels - 1) > 0)
                lumas[count++] = luma_of(rgb);
        }
    qsort(lumas, count, sizeof *lumas, by_value);
    double low = lumas[(size_t)ceil(0.05 * (double)count) - 1], high = lumas[(size_t)ceil(0.9 * (double)count) - 1];
    CHECK(high - low > 0.1 && high - low < 0.6);
    double levels = white_of(&in) > 1 ? white_of(&in) : 65535;
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            for (size_t c = 0; c < in.channels - has_alpha(&in); c++) /* luma is known to a 4096th */
                check_sample(&out, x, y, c, (sample_at(&in, x, y, c) / white_of(&in) - low) / (high - low),
                             0.51 + levels / 4096 / (high - low) * 1.5);
            if (has_alpha(&in))
                CHECK(sample_at(&out, x, y, in.channels - 1) == sample_at(&in, x, y, in.channels - 1));
        }
    smalti_image_free(&whole), smalti_image_free(&in), smalti_image_free(&out);
}
TEST("normalise stretches what lies between two shares of the seen pixels to black and white")
{
    each_type(check_normalise);
}

TEST("normalise leaves an image of one tone, or one that is not seen, as it is")
{
    smalti_image in = {.width = 9, .height = 5, .channels = 2, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&in, &error), error);
    for (int alpha = 0; alpha < 2; alpha++) {
        for (size_t y = 0; y < in.height; y++)
            for (size_t x = 0; x < in.width; x++)
                set_sample(&in, x, y, 0, alpha ? 77 : (double)(10 * x)), set_sample(&in, x, y, 1, alpha);
        smalti_image out = run_steps("normalise", &in, 1);
        CHECK(same_images(&in, &out));
        smalti_image_free(&out);
    }
    smalti_image_free(&in);
}

/* ---- flatten ---- */

static void check_flatten(smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(61, 23, channels, sample), out = run_steps("flatten 3060c0", &in, 1);
    smalti_image plain = run_steps("flatten", &in, 1);
    const double below[3] = {0x30 / 255.0, 0x60 / 255.0, 0xc0 / 255.0};
    double gray = luma_of(below), white = white_of(&in);
    if (!has_alpha(&in)) {
        CHECK(same_images(&in, &out));
    } else {
        CHECK(out.channels == channels - 1 && plain.channels == channels - 1);
        for (size_t y = 0; y < in.height; y++)
            for (size_t x = 0; x < in.width; x++)
                for (size_t c = 0; c < out.channels; c++) {
                    double alpha = sample_at(&in, x, y, channels - 1) / white, v = sample_at(&in, x, y, c) / white;
                    double back = out.channels == 1 ? gray : below[c], job = paper[c] / 255.0;
                    check_sample(&out, x, y, c, v * alpha + back * (1 - alpha), 0.51);
                    if (out.channels == 3)
                        check_sample(&plain, x, y, c, v * alpha + job * (1 - alpha), 0.51);
                }
    }
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&plain);
}
TEST("flatten puts the image over a colour, by default the job's, and drops alpha")
{
    each_type(check_flatten);
}

/* ---- blur and sharpen ---- */

TEST("blur and sharpen are the kernels of those names with their parameters")
{
    smalti_image in = make_picture(61, 23, 3, SMALTI_SAMPLE_U8);
    smalti_image blurred = run_steps("blur 1.5", &in, 1),
                 kernel = run_steps("kernel gaussian-blur:params=sigma=1.5", &in, 1);
    CHECK(same_images(&blurred, &kernel) && !same_images(&blurred, &in));
    smalti_image sharp = run_steps("sharpen 2:sigma=0.7", &in, 1);
    smalti_image again = run_steps("kernel sharpen:params=amount=2\\,sigma=0.7", &in, 1);
    CHECK(same_images(&sharp, &again) && !same_images(&sharp, &in));
    smalti_image_free(&in), smalti_image_free(&blurred), smalti_image_free(&kernel);
    smalti_image_free(&sharp), smalti_image_free(&again);
}

TEST("steps follow a blur that leaves colours premultiplied")
{
    smalti_image in = make_picture(61, 23, 4, SMALTI_SAMPLE_U8), out = run_steps("blur 1|linear 1|extend 2", &in, 1);
    smalti_image blurred = run_steps("blur 1|extend 2", &in, 1);
    CHECK(same_images(&out, &blurred));
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&blurred);
}
