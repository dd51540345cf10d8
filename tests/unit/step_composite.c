/* SPDX-License-Identifier: Apache-2.0
 * Putting an image on top, against the formulas of Compositing and Blending (W3C) in double. */
#include <math.h>

#include "step_run.h"
#include "files.h"

static const char *const blends[] = {"over", "multiply", "screen", "add", "darken", "lighten"};

static double blend_of(int blend, double below, double above)
{
    switch (blend) {
    case 1:
        return below * above;
    case 2:
        return 1 - (1 - below) * (1 - above);
    case 3:
        return fmin(1, below + above);
    case 4:
        return fmin(below, above);
    case 5:
        return fmax(below, above);
    default:
        return above;
    }
}

struct placed {
    int64_t x, y;
    bool tile;
    double opacity;
    int blend;
};

/* The pixel of the overlay that lies there, as RGBA of 0…1; alpha 0 where none does. */
static void above_at(const smalti_image *over, const struct placed *placed, int64_t x, int64_t y, double pixel[4])
{
    x -= placed->x, y -= placed->y;
    if (placed->tile)
        x = (x % over->width + over->width) % over->width, y = (y % over->height + over->height) % over->height;
    memset(pixel, 0, 4 * sizeof *pixel);
    if (x < 0 || y < 0 || x >= over->width || y >= over->height)
        return;
    for (size_t c = 0; c < 3; c++)
        pixel[c] = sample_at(over, (size_t)x, (size_t)y, over->channels < 3 ? 0 : c) / white_of(over);
    pixel[3] = over->channels % 2 ? 1 : sample_at(over, (size_t)x, (size_t)y, over->channels - 1) / white_of(over);
}

static void check_pixel(const smalti_image *in, const smalti_image *out, size_t x, size_t y, const double above[4],
                        const struct placed *placed, double levels)
{
    bool alpha = in->channels % 2 == 0;
    double white = white_of(in), as = above[3] * placed->opacity;
    double ab = alpha ? sample_at(in, x, y, in->channels - 1) / white : 1, ao = as + ab * (1 - as);
    for (size_t c = 0; c < out->channels - alpha; c++) {
        double below = sample_at(in, x, y, in->channels < 3 ? 0 : c) / white;
        double mixed = (1 - ab) * above[c] + ab * blend_of(placed->blend, below, above[c]);
        double wanted = as > 0 ? ((1 - as) * ab * below + as * mixed) / ao : below;
        check_sample(out, x, y, c, wanted, levels);
    }
    if (alpha)
        check_sample(out, x, y, out->channels - 1, ao, levels);
}

/* levels: off by at most so many of the image's. */
static void check_composite(const smalti_image *in, const smalti_image *over, const char *text,
                            const struct placed *placed, double levels)
{
    char full[700];
    CHECK_OK(smalti_image_write(over, file_path("over.png"), NULL, &error), error);
    snprintf(full, sizeof full, "composite %s:%s", file_path("over.png"), text);
    smalti_image out = run_steps(full, in, 1);
    CHECK(out.width == in->width && out.height == in->height);
    for (size_t y = 0; y < in->height; y++)
        for (size_t x = 0; x < in->width; x++) {
            double above[4];
            above_at(over, placed, (int64_t)x, (int64_t)y, above);
            check_pixel(in, &out, x, y, above, placed, levels);
        }
    smalti_image_free(&out);
}

static void check_blends(smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(37, 21, channels, sample);
    smalti_image over = make_picture(19, 13, channels < 3 ? 2 : 4, SMALTI_SAMPLE_U8);
    for (int blend = 0; blend < 6; blend++) {
        const struct placed placed = {9, 4, false, 0.7, blend};
        char text[60];
        snprintf(text, sizeof text, "blend=%s,opacity=0.7", blends[blend]);
        check_composite(&in, &over, text, &placed, 0.6);
    }
    smalti_image_free(&in), smalti_image_free(&over);
}
TEST("composite blends by the formulas, onto images with alpha and without")
{
    each_type(check_blends);
}

TEST("composite takes overlays of other samples and channels")
{
    for (uint32_t channels = 1; channels <= 4; channels++)
        for (uint32_t others = 1; others <= 4; others++) {
            smalti_image in = make_picture(37, 21, channels, SMALTI_SAMPLE_U8);
            smalti_image over = make_picture(37, 21, others, SMALTI_SAMPLE_U16);
            const struct placed placed = {0, 0, false, 1, 0};
            check_composite(&in, &over, "gravity=center", &placed, 1.1); /* u16 is rounded to u8 first */
            smalti_image_free(&in), smalti_image_free(&over);
        }
}

TEST("a coloured overlay makes a gray image coloured, a gray one does not")
{
    smalti_image in = make_picture(10, 10, 2, SMALTI_SAMPLE_U8), gray = make_picture(3, 3, 1, SMALTI_SAMPLE_U8);
    smalti_image color = make_picture(3, 3, 3, SMALTI_SAMPLE_U8);
    char text[600];
    CHECK_OK(smalti_image_write(&gray, file_path("gray.png"), NULL, &error), error);
    CHECK_OK(smalti_image_write(&color, file_path("color.png"), NULL, &error), error);
    snprintf(text, sizeof text, "composite %s", file_path("gray.png"));
    smalti_image out = run_steps(text, &in, 1);
    CHECK_INT(out.channels, 2);
    smalti_image_free(&out);
    snprintf(text, sizeof text, "composite %s", file_path("color.png"));
    out = run_steps(text, &in, 1);
    CHECK_INT(out.channels, 4);
    smalti_image_free(&out), smalti_image_free(&in), smalti_image_free(&gray), smalti_image_free(&color);
}

TEST("composite puts the overlay where gravity and offsets say, cut at the image's edges")
{
    static const struct {
        const char *text;
        int64_t x, y;
        bool tile;
    } cases[] = {
        {"gravity=northwest", 0, 0, false},
        {"gravity=southeast", 37 - 19, 21 - 13, false},
        {"gravity=southeast,x=-2,y=-3", 37 - 21, 21 - 16, false},
        {"gravity=northwest,x=-5,y=-6", -5, -6, false},
        {"gravity=southeast,x=4,y=7", 37 - 15, 21 - 6, false},
        {"x=100", 109, 4, false},
        {"x=-2147483647,y=2147483647", -2147483638, 2147483651, false},
        {"tile=true", 9, 4, true},
        {"tile=true,gravity=northwest,x=3,y=-40", 3, -40, true},
        {"tile=true,x=2147483647,y=-2147483647", 2147483656, -2147483643, true},
    };
    for (uint32_t channels = 3; channels <= 4; channels++)
        for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
            smalti_image in = make_picture(37, 21, channels, SMALTI_SAMPLE_U8);
            smalti_image over = make_picture(19, 13, 4, SMALTI_SAMPLE_U8);
            const struct placed placed = {cases[i].x, cases[i].y, cases[i].tile, 1, 0};
            check_composite(&in, &over, cases[i].text, &placed, 0.6);
            smalti_image_free(&in), smalti_image_free(&over);
        }
}

TEST("an overlay larger than the image is cut to it")
{
    smalti_image in = make_picture(11, 7, 3, SMALTI_SAMPLE_U8), over = make_picture(90, 81, 4, SMALTI_SAMPLE_U8);
    const struct placed center = {-39, -37, false, 1, 1}, tiled = {-79, 0, true, 1, 0};
    check_composite(&in, &over, "blend=multiply", &center, 0.6);
    check_composite(&in, &over, "tile=true,gravity=northeast", &tiled, 0.6);
    smalti_image_free(&in), smalti_image_free(&over);
}

TEST("opacity 0 changes nothing")
{
    smalti_image in = make_picture(11, 7, 4, SMALTI_SAMPLE_U16), over = make_picture(5, 5, 3, SMALTI_SAMPLE_U8);
    const struct placed placed = {3, 1, false, 0, 0};
    check_composite(&in, &over, "opacity=0", &placed, 0);
    smalti_image_free(&in), smalti_image_free(&over);
}

TEST("composite is done on the upright image")
{
    smalti_image in = make_picture(37, 21, 3, SMALTI_SAMPLE_U8), over = make_picture(9, 5, 3, SMALTI_SAMPLE_U8);
    char text[600];
    CHECK_OK(smalti_image_write(&over, file_path("over.png"), NULL, &error), error);
    snprintf(text, sizeof text, "composite %s:gravity=northeast", file_path("over.png"));
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        smalti_image upright = run_steps("", &in, orientation), wanted = run_steps(text, &upright, 1);
        smalti_image out = run_steps(text, &in, orientation);
        CHECK(same_images(&out, &wanted));
        smalti_image_free(&upright), smalti_image_free(&wanted), smalti_image_free(&out);
    }
    smalti_image_free(&in), smalti_image_free(&over);
}

/* Of a job: what making its plan gives. */
static smalti_result plan_result(const char *file, const char *limit)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    char json[700];
    snprintf(json, sizeof json, "{\"steps\": [{\"composite\": {\"file\": \"%s\"}}], \"limits\": {\"pixels\": %s}}",
             file, limit);
    CHECK_OK(smalti_job_parse(json, strlen(json), "job", &job, &error), error);
    smalti_result result = smalti_plan_new(job, &plan, &error);
    smalti_plan_free(plan);
    smalti_job_free(job);
    return result;
}

TEST("an overlay that is not there, is no image, or is too large fails the plan with its name")
{
    smalti_image over = make_picture(30, 30, 3, SMALTI_SAMPLE_U8);
    CHECK_OK(smalti_image_write(&over, file_path("over.png"), NULL, &error), error);
    CHECK_OK(plan_result(file_path("over.png"), "1000"), error);
    CHECK_INT(plan_result(file_path("over.png"), "800"), SMALTI_E_LIMIT_PIXELS);
    CHECK_HAS(error.message, "over.png");
    CHECK(plan_result(file_path("none.png"), "1000") <= SMALTI_E_IO);
    CHECK_HAS(error.message, "none.png");
    CHECK(file_write(file_path("text.png"), "no image", 8));
    CHECK_INT(plan_result(file_path("text.png"), "1000"), SMALTI_E_FORMAT_UNKNOWN);
    CHECK_HAS(error.message, "text.png");
    smalti_image_free(&over);
}
