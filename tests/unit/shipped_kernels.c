/* SPDX-License-Identifier: Apache-2.0
 * Shipped kernels that look at single pixels, and the list of them all. */
#include "shipped_kernels.h"

NATIVE(invert)
NATIVE(brightness_contrast)
NATIVE(gamma)
NATIVE(saturation)
NATIVE(sepia)
NATIVE(threshold)
NATIVE(grayscale)
NATIVE(vignette)

static void invert(const struct picture *in, const double *params, struct picture *out)
{
    (void)params;
    EACH_SAMPLE(out, x, y, c)
    *at(out, x, y, c) = c < colors(in) ? in->most - *at(in, x, y, c) : *at(in, x, y, c);
}
TEST("invert is exact")
{
    check_kernel("invert", &native_invert, "", invert, (struct tolerance){0, 0, 1e-7});
}

static void brightness_contrast(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(out, x, y, c)
    {
        double v = *at(in, x, y, c) / in->most;
        *at(out, x, y, c) = in->most * (c < colors(in) ? (v - 0.5) * (1 + params[1]) + 0.5 + params[0] : v);
    }
}
TEST("brightness-contrast rounds right, also at its extremes")
{
    static const char *const params[] = {"",
                                         "brightness=0.25,contrast=-0.5",
                                         "brightness=-1,contrast=1",
                                         "brightness=1,contrast=-1",
                                         "brightness=1,contrast=1",
                                         "contrast=0.337"};
    EACH(i, params)
    check_kernel("brightness-contrast", &native_brightness_contrast, params[i], brightness_contrast,
                 (struct tolerance){0.52, 0.52, 1e-6});
}

static void gamma_reference(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(out, x, y, c)
    {
        double v = *at(in, x, y, c) / in->most;
        *at(out, x, y, c) = in->most * (c < colors(in) ? pow(v, 1 / params[0]) : v);
    }
}
TEST("gamma rounds right, also at its extremes")
{
    static const char *const params[] = {"", "gamma=0.1", "gamma=10", "gamma=1", "gamma=0.45"};
    EACH(i, params)
    check_kernel("gamma", &native_gamma, params[i], gamma_reference, (struct tolerance){0.5001, 0.5001, 1e-7});
}

static void saturation(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(out, x, y, c)
    {
        double v = *at(in, x, y, c);
        double luma = 0.2126 * color(in, x, y, 0) + 0.7152 * color(in, x, y, 1) + 0.0722 * color(in, x, y, 2);
        *at(out, x, y, c) = in->channels > 2 && c < 3 ? luma + (v - luma) * params[0] : v;
    }
}
TEST("saturation rounds right, also at its extremes")
{
    static const char *const params[] = {"", "amount=0", "amount=1", "amount=4"};
    EACH(i, params)
    check_kernel("saturation", &native_saturation, params[i], saturation, (struct tolerance){0.501, 0.6, 1e-5});
}

static void sepia(const struct picture *in, const double *params, struct picture *out)
{
    static const double m[3][3] = {{0.393, 0.769, 0.189}, {0.349, 0.686, 0.168}, {0.272, 0.534, 0.131}};
    EACH_SAMPLE(out, x, y, c)
    {
        double brown = 0;
        for (int k = 0; c < 3 && k < 3; k++)
            brown += m[c][k] * color(in, x, y, k);
        *at(out, x, y, c) =
            c < 3 ? params[0] * brown + (1 - params[0]) * color(in, x, y, c) : *at(in, x, y, in->channels - 1);
    }
}
TEST("sepia rounds right and makes gray images colour")
{
    static const char *const params[] = {"", "amount=0", "amount=0.3"};
    EACH(i, params)
    check_kernel("sepia", &native_sepia, params[i], sepia, (struct tolerance){0.501, 0.6, 1e-6});
}

static void threshold(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(out, x, y, c)
    {
        double v = *at(in, x, y, c), level = params[0] * in->most;
        level = in->sample == SMALTI_SAMPLE_F32 ? (double)(float)level : level;
        *at(out, x, y, c) = c >= colors(in) ? v : v >= level ? in->most : 0;
    }
}
TEST("threshold is exact")
{
    static const char *const params[] = {"", "level=0", "level=1", "level=0.3"};
    EACH(i, params)
    check_kernel("threshold", &native_threshold, params[i], threshold, (struct tolerance){0, 0, 0});
}

static void grayscale(const struct picture *in, const double *params, struct picture *out)
{
    static const double weights[2][3] = {{0.2126, 0.7152, 0.0722}, {0.299, 0.587, 0.114}};
    const double *w = weights[(int)params[0]];
    EACH_SAMPLE(out, x, y, c)
    *at(out, x, y, c) = c == 1 ? *at(in, x, y, in->channels - 1)
                               : w[0] * color(in, x, y, 0) + w[1] * color(in, x, y, 1) + w[2] * color(in, x, y, 2);
}
TEST("grayscale rounds right with the weights of both recommendations")
{
    check_kernel("grayscale", &native_grayscale, "", grayscale, (struct tolerance){0.52, 0.52, 1e-6});
    check_kernel("grayscale", &native_grayscale, "standard=1", grayscale, (struct tolerance){0.52, 0.52, 1e-6});
}

static void vignette(const struct picture *in, const double *params, struct picture *out)
{
    EACH_SAMPLE(out, x, y, c)
    {
        double distance = hypot(x + 0.5 - in->width / 2.0, y + 0.5 - in->height / 2.0);
        distance /= hypot(in->width, in->height) / 2;
        double t = clamp((distance - params[1]) / (1 - params[1]), 0, 1);
        *at(out, x, y, c) = *at(in, x, y, c) * (c < colors(in) ? 1 - params[0] * t * t * (3 - 2 * t) : 1);
    }
}
TEST("vignette knows where it is in the image")
{
    static const char *const params[] = {"", "amount=1,radius=0", "amount=0.7,radius=0.99", "amount=0"};
    EACH(i, params)
    check_kernel("vignette", &native_vignette, params[i], vignette, (struct tolerance){0.51, 3, 5e-5});
}

TEST("every shipped kernel loads by its name, says what it is, and its defaults lie in its ranges")
{
    int count = 0;
    for (const char *const *name = smalti_kernel_names(); *name; name++, count++) {
        smalti_kernel *kernel;
        smalti_error error;
        double params[16];
        CHECK_OK(smalti_kernel_inspect(*name, &kernel, &error), error);
        const smalti_kernel_info *info = smalti_kernel_describe(kernel);
        CHECK_STR(info->name, *name);
        CHECK(strlen(info->summary) > 10);
        CHECK(info->samples >> SMALTI_SAMPLE_U8 & info->samples >> SMALTI_SAMPLE_U16 & 1);
        CHECK_INT(info->channels, 0x1e);
        CHECK_OK(smalti_kernel_params_parse(kernel, "", params, &error), error);
        for (uint32_t i = 0; i < info->param_count; i++)
            CHECK(params[i] >= info->params[i].min && params[i] <= info->params[i].max);
        smalti_kernel_unref(kernel);
    }
    CHECK_INT(count, 20);
}
