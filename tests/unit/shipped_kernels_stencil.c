/* SPDX-License-Identifier: Apache-2.0
 * Shipped kernels that look at neighbours. */
#include "shipped_kernels.h"

NATIVE_WIDE(gaussian_blur)
NATIVE_WIDE(sharpen)
NATIVE_WIDE(box_blur)
NATIVE(convolve3x3)
NATIVE(emboss)
NATIVE(sobel)
NATIVE(median)
extern const char pixelate_descriptor[];
int32_t pixelate_smalti_tile(const void *);
int32_t pixelate_smalti_halo(const double *);
static const struct native native_pixelate = {pixelate_descriptor, {pixelate_smalti_tile, pixelate_smalti_halo, NULL}};

/* weights of 2 × radius + 1 down and across, the same. */
static void separable(const struct picture *in, const double *weights, int radius, struct picture *out)
{
    struct picture between = *in;
    between.v = malloc(sizeof(double) * (size_t)in->width * (size_t)in->height * (size_t)in->channels);
    EACH_SAMPLE(in, x, y, c)
    {
        double sum = 0;
        for (int k = -radius; k <= radius; k++)
            sum += weights[k + radius] * *at(in, x, y + k, c);
        *at(&between, x, y, c) = sum;
    }
    EACH_SAMPLE(in, x, y, c)
    {
        double sum = 0;
        for (int k = -radius; k <= radius; k++)
            sum += weights[k + radius] * *at(&between, x + k, y, c);
        *at(out, x, y, c) = sum;
    }
    free(between.v);
}

static void gaussian(const struct picture *in, double sigma, struct picture *out)
{
    double weights[2 * 151 + 1], sum = 0;
    int radius = (int)ceil(3 * sigma) | 1;
    for (int k = -radius; k <= radius; k++)
        sum += weights[k + radius] = exp(-k * k / (2 * sigma * sigma));
    for (int k = -radius; k <= radius; k++)
        weights[k + radius] /= sum;
    separable(in, weights, radius, out);
}

static void gaussian_blur(const struct picture *in, const double *params, struct picture *out)
{
    gaussian(in, params[0], out);
}
TEST("gaussian-blur is within rounding of the exact one, for every sigma")
{
    static const char *const params[] = {"", "sigma=0.3", "sigma=1", "sigma=7.3", "sigma=50"};
    EACH(i, params)
    check_kernel("gaussian-blur", &native_gaussian_blur, params[i], gaussian_blur, (struct tolerance){0.6, 0.6, 1e-5});
}

static void sharpen(const struct picture *in, const double *params, struct picture *out)
{
    gaussian(in, params[1], out);
    EACH_SAMPLE(in, x, y, c)
    {
        double v = *at(in, x, y, c), *to = at(out, x, y, c);
        *to = c < colors(in) ? v + params[0] * (v - *to) : v;
    }
}
TEST("sharpen is within rounding of the exact unsharp mask")
{
    check_kernel("sharpen", &native_sharpen, "", sharpen, (struct tolerance){0.6, 0.6, 1e-5});
    check_kernel("sharpen", &native_sharpen, "amount=0", sharpen, (struct tolerance){0, 0, 0});
    check_kernel("sharpen", &native_sharpen, "amount=0.337,sigma=2.5", sharpen, (struct tolerance){0.6, 0.6, 1e-5});
    check_kernel("sharpen", &native_sharpen, "amount=10,sigma=10", sharpen, (struct tolerance){1, 1, 1e-4});
}

static void box_blur(const struct picture *in, const double *params, struct picture *out)
{
    double weights[201];
    int radius = (int)params[0];
    for (int k = 0; k <= 2 * radius; k++)
        weights[k] = 1.0 / (2 * radius + 1);
    separable(in, weights, radius, out);
}
TEST("box-blur rounds right for every radius")
{
    static const char *const params[] = {"", "radius=1", "radius=17", "radius=100"};
    EACH(i, params)
    check_kernel("box-blur", &native_box_blur, params[i], box_blur, (struct tolerance){0.501, 0.52, 0});
}

static void nine(const struct picture *in, const double *k, double bias, struct picture *out)
{
    EACH_SAMPLE(in, x, y, c)
    {
        double sum = bias * in->most;
        for (int i = 0; i < 9; i++)
            sum += k[i] * *at(in, x + i % 3 - 1, y + i / 3 - 1, c);
        *at(out, x, y, c) = c < colors(in) ? sum : *at(in, x, y, c);
    }
}
static void convolve3x3(const struct picture *in, const double *params, struct picture *out)
{
    double k[9];
    for (int i = 0; i < 9; i++)
        k[i] = params[i] / params[9];
    nine(in, k, params[10], out);
}
TEST("convolve3x3 is exact for whole weights and rounds right for others")
{
    static const char *const whole[] = {"", "k0=1,k1=2,k2=3,k3=-4,k4=5,k5=-6,k6=7,k7=-8,k8=1",
                                        "k1=-30,k3=-30,k4=40,k5=30,k7=-10"};
    static const char *const others[] = {"k0=1,k1=2,k2=1,k3=2,k4=4,k5=2,k6=1,k7=2,k8=1,divisor=16", "bias=0.337",
                                         "k0=0.1,k1=-0.2,k2=0.3,k3=-0.4,k4=1.5,k5=0.6,k6=-0.7,k7=0.8,k8=-0.9,bias=-0.1",
                                         "k4=0,k1=0,k3=0,k5=0,k7=0,bias=1"};
    EACH(i, whole)
    check_kernel("convolve3x3", &native_convolve3x3, whole[i], convolve3x3, (struct tolerance){0, 0.6, 2e-5});
    EACH(i, others)
    check_kernel("convolve3x3", &native_convolve3x3, others[i], convolve3x3, (struct tolerance){0.6, 0.6, 1e-5});
    check_kernel("convolve3x3", &native_convolve3x3,
                 "k0=1024,k1=1024,k2=1024,k3=1024,k4=-1024,k5=-1024,k6=-1024,k7=-1024,k8=1023.5,divisor=0.0625",
                 convolve3x3, (struct tolerance){1, 2e4, 1});
}

static void emboss(const struct picture *in, const double *params, struct picture *out)
{
    double k[9] = {-2, -1, 0, -1, 0, 1, 0, 1, 2};
    for (int i = 0; i < 9; i++)
        k[i] *= params[0];
    k[4] += 1;
    nine(in, k, 0, out);
}
TEST("emboss rounds right")
{
    static const char *const params[] = {"", "strength=0", "strength=0.37", "strength=8"};
    EACH(i, params)
    check_kernel("emboss", &native_emboss, params[i], emboss, (struct tolerance){0.8, 0.7, 1e-5});
}

static void sobel(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(in, x, y, c)
    {
        double gx = 0, gy = 0;
        for (int k = -1; k <= 1; k++) {
            gx += (2 - abs(k)) * (*at(in, x + 1, y + k, c) - *at(in, x - 1, y + k, c));
            gy += (2 - abs(k)) * (*at(in, x + k, y + 1, c) - *at(in, x + k, y - 1, c));
        }
        *at(out, x, y, c) = c < colors(in) ? hypot(gx, gy) * params[0] : *at(in, x, y, c);
    }
}
TEST("sobel rounds right")
{
    static const char *const params[] = {"", "scale=0", "scale=0.21", "scale=16"};
    EACH(i, params)
    check_kernel("sobel", &native_sobel, params[i], sobel, (struct tolerance){0.501, 0.6, 2e-5});
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static void median(const struct picture *in, const double *params, struct picture *out)
{
    (void)params;
    EACH_SAMPLE(in, x, y, c)
    {
        double v[9];
        for (int i = 0; i < 9; i++)
            v[i] = *at(in, x + i % 3 - 1, y + i / 3 - 1, c);
        qsort(v, 9, sizeof *v, compare_doubles);
        *at(out, x, y, c) = v[4];
    }
}
TEST("median is exact")
{
    check_kernel("median", &native_median, "", median, (struct tolerance){0, 0, 0});
}

static void pixelate(const struct picture *in, const double *params, struct picture *out)
{
    int size = (int)params[0];
    EACH_SAMPLE(in, x, y, c)
    {
        double sum = 0;
        int count = 0;
        for (int v = y / size * size; v < y / size * size + size && v < in->height; v++)
            for (int u = x / size * size; u < x / size * size + size && u < in->width; u++, count++)
                sum += *at(in, u, v, c);
        *at(out, x, y, c) = sum / count;
    }
}
TEST("pixelate sees whole squares in every strip, and only what the image has")
{
    static const char *const params[] = {"", "size=1", "size=5", "size=256"};
    EACH(i, params)
    check_kernel("pixelate", &native_pixelate, params[i], pixelate, (struct tolerance){0.5, 0.5, 1e-6});
}

TEST("what is transparent gives no colour to a blur")
{
    static const char *const kernels[] = {"gaussian-blur", "box-blur", "pixelate"};
    EACH(i, kernels)
    {
        smalti_image in = {.width = 40, .height = 8, .channels = 4, .sample = SMALTI_SAMPLE_U8}, out;
        smalti_kernel *kernel;
        smalti_error error;
        CHECK_OK(smalti_image_alloc(&in, &error), error);
        for (uint32_t y = 0; y < in.height; y++) /* opaque green on the left, transparent red on the right */
            for (uint32_t x = 0; x < in.width; x++)
                memcpy((uint8_t *)in.data + y * in.pitch + x * 4, x < 20 ? "\0\xff\0\xff" : "\xff\0\0\0", 4);
        CHECK_OK(smalti_kernel_load(kernels[i], NULL, &kernel, &error), error);
        CHECK_OK(smalti_kernel_apply(kernel, NULL, &in, 0, &out, &error), error);
        const uint8_t *edge = (const uint8_t *)out.data + 19 * 4;
        CHECK(edge[3] > 0 && edge[0] == 0 && edge[1] > 250);
        smalti_image_free(&in);
        smalti_image_free(&out);
        smalti_kernel_unref(kernel);
    }
}
