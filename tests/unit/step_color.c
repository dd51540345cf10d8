/* SPDX-License-Identifier: Apache-2.0
 * Changes of the space of colours: pixels against the matrices of both spaces, profiles in files. */
#include <math.h>

#include "step_run.h"
#include "files.h"
#include "decode/decode.h"

static double decode(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double encode(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* Linear light: CSS Color 4 gives both (through XYZ at D65). */
static const double p3_of_srgb[3][3] = {
    {0.8224619688, 0.1775380312, 0}, {0.0331941989, 0.9668058011, 0}, {0.0170826307, 0.0723974407, 0.9105199286}};

static void to_p3(const double rgb[3], double wanted[3])
{
    for (int c = 0; c < 3; c++) {
        wanted[c] = 0;
        for (int i = 0; i < 3; i++)
            wanted[c] += p3_of_srgb[c][i] * decode(rgb[i]);
        wanted[c] = encode(wanted[c]);
    }
}

/* A level of u8; of larger samples a part of it: profiles hold 16 bits. */
static double levels_of(smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8 ? 0.8 : 40;
}

static void check_p3(smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(31, 9, channels, sample), out = run_steps("colorspace p3", &in, 1);
    CHECK(out.channels == channels);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            double rgb[3], wanted[3];
            for (size_t c = 0; c < 3; c++)
                rgb[c] = sample_at(&in, x, y, channels < 3 ? 0 : c) / white_of(&in);
            to_p3(rgb, wanted);
            for (size_t c = 0; c < channels; c++) {
                bool alpha = channels % 2 == 0 && c == channels - 1;
                double same = sample_at(&in, x, y, c) / white_of(&in);
                check_sample(&out, x, y, c, alpha || channels < 3 ? same : wanted[c], alpha ? 0 : levels_of(sample));
            }
        }
    /* and back, twice through the flow's own profiles */
    smalti_image back = run_steps("colorspace p3|colorspace srgb|colorspace srgb", &in, 1);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++)
            for (size_t c = 0; c < channels; c++)
                check_sample(&back, x, y, c, sample_at(&in, x, y, c) / white_of(&in), 2.5 * levels_of(sample));
    smalti_image_free(&in), smalti_image_free(&out), smalti_image_free(&back);
}
TEST("colorspace p3 is the matrix from sRGB, and srgb the way back")
{
    each_type(check_p3);
}

TEST("the input's profile says what its pixels are; srgb and keep differ")
{
    smalti_image in = make_picture(31, 9, 3, SMALTI_SAMPLE_U8), wide = run_steps("colorspace p3", &in, 1);
    smalti__color_profile(SMALTI__COLOR_P3, 3, &step_icc, &step_icc_size);
    smalti_image back = run_steps("colorspace srgb", &wide, 1), kept = run_steps("colorspace keep", &wide, 1);
    smalti_image same = run_steps("colorspace p3", &wide, 1);
    CHECK(same_images(&kept, &wide) && same_images(&same, &wide) && !same_images(&back, &wide));
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++)
            for (size_t c = 0; c < 3; c++)
                check_sample(&back, x, y, c, sample_at(&in, x, y, c) / 255, 2);
    step_icc = NULL;
    smalti_image plain = run_steps("colorspace srgb", &wide, 1);
    CHECK(same_images(&plain, &wide));
    smalti_image_free(&in), smalti_image_free(&wide), smalti_image_free(&back), smalti_image_free(&kept);
    smalti_image_free(&same), smalti_image_free(&plain);
}

TEST("a profile that is broken, or for other pixels, is not believed")
{
    static uint8_t broken[400];
    smalti_image in = make_picture(31, 9, 3, SMALTI_SAMPLE_U8), plain = run_steps("colorspace p3", &in, 1);
    step_icc = broken, step_icc_size = sizeof broken;
    smalti_image out = run_steps("colorspace p3", &in, 1), same = run_steps("colorspace srgb", &in, 1);
    CHECK(same_images(&out, &plain) && same_images(&same, &in));
    smalti__color_profile(SMALTI__COLOR_P3, 1, &step_icc, &step_icc_size); /* of gray */
    smalti_image gray = run_steps("colorspace srgb", &in, 1);
    CHECK(same_images(&gray, &in));
    step_icc = NULL;
    smalti_image_free(&in), smalti_image_free(&plain), smalti_image_free(&out), smalti_image_free(&same);
    smalti_image_free(&gray);
}

static void check_gray(smalti_sample sample, uint32_t channels)
{
    smalti_image in = make_picture(31, 9, channels, sample), out = run_steps("colorspace gray", &in, 1);
    bool alpha = channels % 2 == 0;
    CHECK_INT(out.channels, 1 + alpha);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            double linear[3];
            for (size_t c = 0; c < 3; c++)
                linear[c] = decode(sample_at(&in, x, y, channels < 3 ? 0 : c) / white_of(&in));
            check_sample(&out, x, y, 0, encode(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]),
                         sample == SMALTI_SAMPLE_U8 ? 0.51 : 1.5);
            if (alpha)
                CHECK(sample_at(&out, x, y, 1) == sample_at(&in, x, y, channels - 1));
        }
    smalti_image_free(&in), smalti_image_free(&out);
}
TEST("colorspace gray is the luminance of linear light")
{
    each_type(check_gray);
}

/* ---- files ---- */

static void run_job(const char *steps, const char *from, const char *to, const char *metadata)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    char json[1500];
    snprintf(json, sizeof json,
             "{\"inputs\": [\"%s\"], \"steps\": [%s], \"output\": {\"file\": \"%s\", \"metadata\": \"%s\"}}", from,
             steps, to, metadata);
    CHECK_OK(smalti_job_parse(json, strlen(json), "job", &job, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    CHECK_OK(smalti_plan_run(plan, NULL, NULL, &error), error);
    smalti_plan_free(plan);
    smalti_job_free(job);
}

/* The profile in a file: size, and whether it is Display P3's for so many channels. */
static size_t profile_in(const char *path, uint32_t channels, bool *is_p3)
{
    const smalti__decode_options options = {0};
    smalti__source source;
    smalti__decoder *decoder = NULL;
    const void *p3;
    size_t p3_size;
    CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){0}, &error), error);
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
    CHECK_OK(smalti__decoder_start(decoder, &error), error);
    const smalti__blob *icc = &decoder->metadata.icc;
    size_t size = icc->size;
    smalti__color_profile(SMALTI__COLOR_P3, channels, &p3, &p3_size);
    *is_p3 = size == p3_size && !memcmp(icc->data, p3, size);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return size;
}

TEST("a file says which space it is in: P3 by its profile, sRGB by none, keep by the input's")
{
    static const char *const kinds[] = {"png", "jpg", "webp", "tiff"};
    bool is_p3 = false;
    smalti_image in = make_picture(40, 30, 3, SMALTI_SAMPLE_U8);
    CHECK_OK(smalti_image_write(&in, file_path("in.png"), NULL, &error), error);
    for (size_t i = 0; i < SMALTI__COUNT(kinds); i++) {
        char wide[16], back[16];
        snprintf(wide, sizeof wide, "wide.%s", kinds[i]);
        snprintf(back, sizeof back, "back.%s", kinds[i]);
        run_job("{\"colorspace\": {\"to\": \"p3\"}}", file_path("in.png"), file_path(wide), "none");
        if (!profile_in(file_path(wide), 3, &is_p3) || !is_p3)
            TEST_FAIL("%s has no profile of P3", wide);
        run_job("{\"resize\": {\"width\": 20}}", file_path(wide), file_path(back), "icc");
        CHECK(profile_in(file_path(back), 3, &is_p3) && is_p3);
        run_job("{\"resize\": {\"width\": 20}}, {\"colorspace\": true}", file_path(wide), file_path(back), "all");
        CHECK_INT(profile_in(file_path(back), 3, &is_p3), 0);
        run_job("{\"grayscale\": true}, {\"colorspace\": {\"to\": \"p3\"}}", file_path("in.png"), file_path(back),
                "icc");
        CHECK(profile_in(file_path(back), 1, &is_p3));
    }
    run_job("{\"colorspace\": true}", file_path("wide.png"), file_path("back.png"), "icc");
    smalti_image back;
    CHECK_OK(smalti_image_read(file_path("back.png"), &back, &error), error);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++)
            for (size_t c = 0; c < 3; c++)
                check_sample(&back, x, y, c, sample_at(&in, x, y, c) / 255, 2);
    smalti_image_free(&in), smalti_image_free(&back);
}

/* A chain of its own behind another's steps, to be freed. */
static smalti_chain *branch(const smalti_chain *chain, const char *space)
{
    smalti_chain *copy = NULL;
    CHECK_OK(smalti_chain_clone(chain, &copy, &error), error);
    CHECK_OK(smalti_chain_step(copy, "colorspace", space, &error), error);
    CHECK_OK(smalti_chain_set(copy, "output.metadata", "icc", &error), error);
    return copy;
}

TEST("outputs of one decoding are each in the space of their own, from the input's or the one before them")
{
    smalti_image in = make_picture(40, 30, 3, SMALTI_SAMPLE_U8), plain, wide;
    CHECK_OK(smalti_image_write(&in, file_path("in.png"), NULL, &error), error);
    run_job("{\"colorspace\": {\"to\": \"p3\"}}", file_path("in.png"), file_path("in-p3.png"), "none");
    for (int before = 0; before < 2; before++) { /* a step in common says another space, or the input does */
        smalti_chain *chain = NULL;
        CHECK_OK(smalti_chain_open(file_path(before ? "in.png" : "in-p3.png"), NULL, &chain, &error), error);
        if (before)
            CHECK_OK(smalti_chain_step(chain, "colorspace", "p3", &error), error);
        smalti_chain *srgb = branch(chain, "srgb"), *p3 = branch(chain, "p3"), *keep = branch(chain, "keep");
        char srgb_path[4096], p3_path[4096], keep_path[4096];
        snprintf(srgb_path, sizeof srgb_path, "%s", file_path("srgb.png"));
        snprintf(p3_path, sizeof p3_path, "%s", file_path("p3.png"));
        snprintf(keep_path, sizeof keep_path, "%s", file_path("keep.png"));
        const smalti_chain_output outputs[] = {
            {.size = sizeof *outputs, .chain = srgb, .path = srgb_path},
            {.size = sizeof *outputs, .chain = p3, .path = p3_path},
            {.size = sizeof *outputs, .chain = keep, .path = keep_path},
        };
        CHECK_OK(smalti_chain_write(outputs, 3, NULL, NULL, &error), error);
        bool is_p3 = false;
        CHECK_INT(profile_in(srgb_path, 3, &is_p3), 0);
        CHECK(profile_in(p3_path, 3, &is_p3) && is_p3);
        CHECK(profile_in(keep_path, 3, &is_p3) && is_p3);
        CHECK_OK(smalti_image_read(srgb_path, &plain, &error), error);
        for (size_t y = 0; y < in.height; y++)
            for (size_t x = 0; x < in.width; x++)
                for (size_t c = 0; c < 3; c++)
                    check_sample(&plain, x, y, c, sample_at(&in, x, y, c) / 255, 2);
        smalti_image_free(&plain);
        CHECK_OK(smalti_image_read(file_path("in-p3.png"), &wide, &error), error);
        CHECK_OK(smalti_image_read(keep_path, &plain, &error), error);
        CHECK(same_images(&plain, &wide));
        smalti_image_free(&plain), smalti_image_free(&wide);
        smalti_chain_free(chain), smalti_chain_free(srgb), smalti_chain_free(p3), smalti_chain_free(keep);
    }
    smalti_image_free(&in);
}
