/* SPDX-License-Identifier: Apache-2.0
 * Turning by any angle, against sums in double over the whole reach of the filter. */
#include <math.h>

#include "step_run.h"

static double linear_weight(double off)
{
    off = fabs(off);
    return off < 1 ? 1 - off : 0;
}

/* Keys' cubic with a = −1/2. */
static double cubic_weight(double off)
{
    off = fabs(off);
    return off < 1   ? 1.5 * off * off * off - 2.5 * off * off + 1
           : off < 2 ? -0.5 * off * off * off + 2.5 * off * off - 4 * off + 2
                     : 0;
}

/* A pixel of the image, or the background beside it; colours times alpha, 1 is white. */
static void pixel_at(const smalti_image *in, int64_t x, int64_t y, const double *beside, double pixel[4])
{
    bool inside = x >= 0 && y >= 0 && x < in->width && y < in->height;
    uint32_t last = in->channels - 1;
    for (uint32_t c = 0; c <= last; c++)
        pixel[c] = inside ? sample_at(in, (size_t)x, (size_t)y, c) / white_of(in) : beside[c];
    for (uint32_t c = 0; c < last && in->channels % 2 == 0; c++)
        pixel[c] *= pixel[last];
}

static void check_rotated(const smalti_image *in, const smalti_image *out, double angle, bool cubic,
                          const double *beside)
{
    const double radians = angle * acos(-1) / 180;
    uint32_t last = in->channels - 1;
    bool alpha = in->channels % 2 == 0;
    for (size_t y = 0; y < out->height; y++)
        for (size_t x = 0; x < out->width; x++) {
            double right = (double)x + 0.5 - out->width / 2.0, down = (double)y + 0.5 - out->height / 2.0;
            double at_x = right * cos(radians) + down * sin(radians) + in->width / 2.0 - 0.5;
            double at_y = down * cos(radians) - right * sin(radians) + in->height / 2.0 - 0.5, sum[4] = {0};
            bool near = at_x > -1 && at_y > -1 && at_x < in->width && at_y < in->height;
            for (int v = -3; v <= 3; v++)
                for (int h = -3; h <= 3; h++) {
                    double px = floor(at_x) + h, py = floor(at_y) + v, pixel[4];
                    double weight = cubic ? cubic_weight(at_x - px) * cubic_weight(at_y - py)
                                          : linear_weight(at_x - px) * linear_weight(at_y - py);
                    pixel_at(in, near ? (int64_t)px : -1, (int64_t)py, beside, pixel);
                    for (uint32_t c = 0; c <= last; c++)
                        sum[c] += weight * pixel[c];
                }
            double over = alpha ? sum[last] : 1;
            for (uint32_t c = 0; c <= last; c++) { /* as exact as the alpha that the colour is divided by */
                bool color = alpha && c < last;
                if (!color || over > 0.02)
                    check_sample(out, x, y, c, color ? sum[c] / over : sum[c], 1 + (color ? 0.02 / over : 0));
                else if (over <= 0)
                    CHECK(sample_at(out, x, y, c) == 0);
            }
        }
}

static void check_each(smalti_sample sample, uint32_t channels)
{
    static const double given[4] = {0x80 / 255.0, 0x80 / 255.0, 0x80 / 255.0, 1}, clear[4] = {0};
    const double paper_rgb[3] = {250 / 255.0, 240 / 255.0, 10 / 255.0};
    const double gray[1] = {0.2126 * paper_rgb[0] + 0.7152 * paper_rgb[1] + 0.0722 * paper_rgb[2]};
    double two[4] = {given[0], 1};
    smalti_image in = make_picture(23, 14, channels, sample);
    smalti_image out = run_steps("rotate 33:background=808080", &in, 1);
    CHECK(out.width == (uint32_t)ceil(23 * cos(0.5759587) + 14 * sin(0.5759587)) && out.channels == channels);
    check_rotated(&in, &out, 33, false, channels == 2 ? two : given);
    smalti_image_free(&out);
    out = run_steps("rotate -104.5:kernel=catmull-rom", &in, 1);
    /* a gray that is no whole level is rounded before it is mixed */
    const double level = floor(gray[0] * white_of(&in) + 0.5) / white_of(&in);
    check_rotated(&in, &out, -104.5, true,
                  channels % 2 == 0             ? clear
                  : channels == 3               ? paper_rgb
                  : sample == SMALTI_SAMPLE_F32 ? gray
                                                : &level);
    smalti_image_free(&in), smalti_image_free(&out);
}
TEST("rotate by any angle mixes pixels, alpha in their colours, with the background beside them")
{
    each_type(check_each);
}

TEST("rotate by right angles moves pixels and mixes none")
{
    static const uint32_t orientations[] = {6, 3, 8, 1};
    smalti_image in = make_picture(13, 8, 3, SMALTI_SAMPLE_U8);
    for (int turns = -4; turns <= 4; turns++) {
        char text[32];
        snprintf(text, sizeof text, "rotate %d", 90 * turns);
        smalti_image out = run_steps(text, &in, 1), wanted = run_steps("", &in, orientations[(turns + 7) % 4]);
        CHECK(same_images(&out, &wanted));
        smalti_image_free(&out), smalti_image_free(&wanted);
    }
    smalti_image_free(&in);
}

TEST("rotate there and back gives the image in its middle, nearly")
{
    smalti_image in = {.width = 61, .height = 61, .channels = 1, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&in, &error), error);
    for (size_t y = 0; y < 61; y++)
        for (size_t x = 0; x < 61; x++)
            set_sample(&in, x, y, 0, floor(127 + 60 * sin((double)x / 6) + 60 * cos((double)y / 7)));
    smalti_image out = run_steps("rotate 17:kernel=catmull-rom|rotate -17:kernel=catmull-rom", &in, 1);
    size_t left = (out.width - 61) / 2, top = (out.height - 61) / 2;
    CHECK((out.width - 61) % 2 == 0); /* else the middles differ by half a pixel */
    for (size_t y = 10; y < 51; y++)
        for (size_t x = 10; x < 51; x++)
            check_sample(&out, left + x, top + y, 0, sample_at(&in, x, y, 0) / 255, 4);
    smalti_image_free(&in), smalti_image_free(&out);
}

TEST("a canvas beyond the limit of pixels is refused")
{
    smalti_image in = make_picture(6000, 1, 1, SMALTI_SAMPLE_U8), out;
    CHECK_INT(try_steps("rotate 45", &in, 1, 0, &out), SMALTI_E_LIMIT_PIXELS);
    smalti_image_free(&in);
}
