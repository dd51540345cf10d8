/* SPDX-License-Identifier: Apache-2.0
 * Shipped measures, over one part of an image and several. */
#include "shipped_kernels.h"

typedef void measure_reference(const struct picture *in, double *values);

static void check_measure(const char *name, measure_reference *expect, int count, double tolerance)
{
    smalti_kernel *kernel;
    smalti_error error;
    CHECK_OK(smalti_kernel_load(name, &(smalti_kernel_options){.size = sizeof(smalti_kernel_options), .cache_dir = ""},
                                &kernel, &error),
             error);
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++)
        for (int channels = 1; channels <= 4; channels++)
            EACH(size, sizes)
    EACH(strip, strips)
    {
        smalti_image image;
        struct picture in;
        double expected[1024] = {0}, values[1024], merged[1024];
        if (!(info->samples >> sample & 1))
            continue;
        make_image(&image, &in, sizes[size][0], sizes[size][1], channels, sample);
        expect(&in, expected);
        CHECK_OK(smalti_kernel_measure(kernel, NULL, &image, strips[strip], 1, values, &error), error);
        CHECK_OK(smalti_kernel_measure(kernel, NULL, &image, strips[strip], 3, merged, &error), error);
        if (memcmp(values, merged, sizeof *values * (size_t)count))
            TEST_FAIL("%s: %ux%u in 3 parts differs", name, image.width, image.height);
        for (int i = 0; i < count; i++)
            if (!(fabs(values[i] - expected[i]) <= tolerance * (1 + fabs(expected[i]))) &&
                memcmp(&values[i], &expected[i], sizeof *values))
                TEST_FAIL("%s: %ux%u, %d channels, sample type %d: value %d is %.12g, not %.12g", name, image.width,
                          image.height, channels, sample, i, values[i], expected[i]);
        smalti_image_free(&image);
        free(in.v);
    }
    smalti_kernel_unref(kernel);
}

static void histogram(const struct picture *in, double *values)
{
    EACH_SAMPLE(in, x, y, c)
    {
        double v = *at(in, x, y, c), levels = in->sample == SMALTI_SAMPLE_F32 ? 1 : in->most + 1;
        values[c * 256 + (int)clamp(v * 256 / levels, 0, 255)]++;
    }
}
TEST("histogram counts every sample once")
{
    check_measure("histogram", histogram, 1024, 0);
}

static void mean_deviation(const struct picture *in, double *values)
{
    double count = (double)in->width * in->height;
    EACH_SAMPLE(in, x, y, c)
    values[c] += *at(in, x, y, c) / in->most / count;
    EACH_SAMPLE(in, x, y, c)
    {
        double off = *at(in, x, y, c) / in->most - values[c];
        values[4 + c] += off * off / count;
    }
    for (int c = 0; c < 4; c++)
        values[4 + c] = sqrt(values[4 + c]);
}
TEST("mean-deviation agrees with the two-pass formula")
{
    check_measure("mean-deviation", mean_deviation, 8, 1e-7);
}

static double luma(const struct picture *in, int x, int y)
{
    return floor(0.2126 * color(in, x, y, 0) + 0.7152 * color(in, x, y, 1) + 0.0722 * color(in, x, y, 2) + 0.5);
}
static double laplacian(const struct picture *in, int x, int y)
{
    return 4 * luma(in, x, y) - luma(in, x - 1, y) - luma(in, x + 1, y) - luma(in, x, y - 1) - luma(in, x, y + 1);
}
static void sharpness(const struct picture *in, double *values)
{
    double count = (double)in->width * in->height, mean = 0, scale = in->most / 255;
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++)
            mean += laplacian(in, x, y) / count;
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++)
            values[0] += pow((laplacian(in, x, y) - mean) / scale, 2) / count;
}
TEST("sharpness is the variance of the Laplacian of luma")
{
    /* Luma from weights of 16 bits is rounded the other way now and then. */
    check_measure("sharpness", sharpness, 1, 2e-3);
}

/* By area, in double precision: cells that tie are the same sums here and there, as luma is whole. */
static void perceptual_hash(const struct picture *in, double *values)
{
    double cells[8][9] = {{0}};
    uint64_t hash = 0;
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 9; i++)
            for (int y = 0; y < in->height; y++)
                for (int x = 0; x < in->width; x++) {
                    double w = fmin((x + 1) * 9.0, (i + 1.0) * in->width) - fmax(x * 9.0, i * (double)in->width);
                    double h = fmin((y + 1) * 8.0, (j + 1.0) * in->height) - fmax(y * 8.0, j * (double)in->height);
                    if (w > 0 && h > 0)
                        cells[j][i] += w * h * luma(in, x, y);
                }
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 8; i++)
            hash = hash << 1 | (cells[j][i + 1] > cells[j][i]);
    memcpy(values, &hash, sizeof hash);
}
TEST("perceptual-hash compares neighbouring cells of luma")
{
    check_measure("perceptual-hash", perceptual_hash, 1, 0);
}
