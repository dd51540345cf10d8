/* SPDX-License-Identifier: Apache-2.0
 * From linear light to what is shown: curves, transfer functions, primaries, alpha, and the node that nobody asked for. */
#include "step_run.h"

#include <math.h>

#include "pixel/srgb.h"
#include "step/tone.h"

enum { WIDTH = 64 };

static smalti_image image_of(float *data, uint32_t channels, uint32_t height)
{
    return (smalti_image){WIDTH, height, channels, SMALTI_SAMPLE_F32, WIDTH * channels * sizeof(float), data};
}

/* From far below 0 to far above 1, with what is no number. */
static float light_at(size_t i)
{
    return i == 5   ? NAN
           : i == 6 ? INFINITY
           : i == 7 ? -INFINITY
           : i == 8 ? 1e30f
                    : (float)(exp2((double)i / 8 - 12) - 0.001);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 2e-5;
}

TEST("curves rise from 0, and not over 1 where they fold highlights in")
{
    for (int curve = SMALTI__TONE_ACES; curve <= SMALTI__TONE_REINHARD; curve++) {
        float last = smalti__tone_value(curve, 0);
        CHECK(last >= 0 && last < 0.02f);
        for (float v = 0.001f; v < 1e30f; v *= 1.5f) {
            float now = smalti__tone_value(curve, v);
            CHECK(now >= last * 0.9999f && now < 1.5f);
            last = now;
        }
        CHECK(last > 0.99f);
    }
    CHECK(near(smalti__tone_value(SMALTI__TONE_REINHARD, 1), 0.5));
    CHECK(near(smalti__tone_value(SMALTI__TONE_FILMIC, 5.6f), 1));
    CHECK(fabs(smalti__tone_value(SMALTI__TONE_ACES, 0.18f) - 0.2668) < 1e-3);
    CHECK(smalti__tone_value(SMALTI__TONE_NONE, 7) == 7);
}

/* One step over an image of gray, with light of that kind. */
static void tone(const char *text, const float *src, uint32_t channels, smalti__light light, bool premultiplied,
                 smalti_sample shown, void *dst)
{
    static smalti__step steps[SMALTI__STEPS_MAX];
    smalti_stats stats = {0};
    smalti__flow *flow = NULL;
    smalti__collector collector = {.sample = shown ? shown : SMALTI_SAMPLE_F32};
    size_t count = text ? make_steps(steps, text) : 0;
    smalti__flow_setup setup = {.steps = steps,
                                .step_count = count,
                                .in = {WIDTH, 1, channels, SMALTI_SAMPLE_F32, premultiplied},
                                .light = light,
                                .shown = shown,
                                .orientation = 1,
                                .stats = &stats,
                                .begin = smalti__collect_begin,
                                .emit = smalti__collect_rows,
                                .user = &collector};
    setup.pushed = setup.in;
    CHECK_OK(smalti__flow_open(&setup, &flow, &error), error);
    CHECK_OK(smalti__flow_push(flow, src, 0, 1, &error), error);
    smalti__flow_close(flow);
    CHECK_INT(collector.image.sample, shown ? shown : SMALTI_SAMPLE_F32);
    CHECK_INT(collector.image.channels, channels);
    memcpy(dst, collector.image.data, WIDTH * channels * smalti_sample_bytes(collector.image.sample));
    smalti_image_free(&collector.image);
    for (size_t i = 0; i < count; i++)
        smalti__step_clear(&steps[i]);
}

static const smalti__light linear = {.linear = true};

static double clamp(double v)
{
    return v > 0 ? v < 1 ? v : 1 : 0;
}

static double srgb(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

TEST("light is exposed, put on a curve, cut off and encoded")
{
    float src[WIDTH], dst[WIDTH];
    for (size_t i = 0; i < WIDTH; i++)
        src[i] = light_at(i);
    tone("tonemap none:exposure=1,transfer=linear", src, 1, linear, false, 0, dst);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(near(dst[i], clamp(2 * (double)src[i])));
    tone("tonemap reinhard:exposure=-2", src, 1, linear, false, 0, dst);
    for (size_t i = 0; i < WIDTH; i++) {
        double v = (double)src[i] / 4, folded = v > 1e9 ? 1 : v / (1 + v);
        CHECK(near(dst[i], srgb(clamp(folded))));
    }
    tone("tonemap none:transfer=gamma,gamma=2", src, 1, linear, false, 0, dst);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(near(dst[i], sqrt(clamp(src[i]))));
}

TEST("without a step, light is cut off and encoded as sRGB where it is shown, and only there")
{
    float src[WIDTH], kept[WIDTH];
    uint8_t bytes[WIDTH];
    uint16_t words[WIDTH];
    for (size_t i = 0; i < WIDTH; i++)
        src[i] = light_at(i);
    tone(NULL, src, 1, linear, false, SMALTI_SAMPLE_U8, bytes);
    tone(NULL, src, 1, linear, false, SMALTI_SAMPLE_U16, words);
    tone(NULL, src, 1, linear, false, 0, kept);
    CHECK(!memcmp(src, kept, sizeof src));
    for (size_t i = 0; i < WIDTH; i++) {
        CHECK(fabs(bytes[i] - 255 * srgb(clamp(src[i]))) <= 0.5001);
        CHECK(fabs(words[i] - 65535 * srgb(clamp(src[i]))) < 0.56);
    }
    /* a step that has shown it is not followed by another */
    tone("tonemap none:transfer=linear", src, 1, linear, false, SMALTI_SAMPLE_U8, bytes);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(fabs(bytes[i] - 255 * clamp(src[i])) <= 0.5001);
    /* what is no light stays as it is */
    for (size_t i = 0; i < WIDTH; i++)
        src[i] = (float)i / WIDTH;
    tone(NULL, src, 1, (smalti__light){0}, false, SMALTI_SAMPLE_U8, bytes);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(fabs(bytes[i] - 255 * (double)src[i]) <= 0.5001);
}

TEST("colours are divided by alpha before the curve, and alpha stays")
{
    float src[WIDTH * 4], dst[WIDTH * 4];
    uint8_t bytes[WIDTH * 4];
    for (size_t x = 0; x < WIDTH; x++) {
        float alpha = (float)x / (WIDTH - 4);
        for (size_t c = 0; c < 3; c++)
            src[4 * x + c] = (float)(c + 1) * 0.3f * alpha;
        src[4 * x + 3] = alpha;
    }
    tone("tonemap reinhard:transfer=linear", src, 4, linear, true, 0, dst);
    tone(NULL, src, 4, linear, true, SMALTI_SAMPLE_U8, bytes);
    for (size_t x = 1; x < WIDTH - 3; x++)
        for (size_t c = 0; c < 3; c++) {
            double v = (double)(c + 1) * 0.3;
            CHECK(near(dst[4 * x + c], v / (1 + v)));
            CHECK(fabs(bytes[4 * x + c] - 255 * srgb(v)) <= 0.51);
            CHECK(near(dst[4 * x + 3], src[4 * x + 3]));
        }
    CHECK(dst[0] == 0 && dst[3] == 0 && bytes[0] == 0 && bytes[3] == 0);
    CHECK_INT(bytes[4 * WIDTH - 1], 255);
}

TEST("an image that is encoded already becomes light first")
{
    float src[WIDTH], dst[WIDTH];
    for (size_t i = 0; i < WIDTH; i++)
        src[i] = (float)i / (WIDTH - 1);
    tone("tonemap none", src, 1, (smalti__light){0}, false, 0, dst);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(fabs(dst[i] - src[i]) < 1e-4f);
    tone("tonemap none:exposure=-1,transfer=linear", src, 1, (smalti__light){0}, false, 0, dst);
    for (size_t i = 0; i < WIDTH; i++)
        CHECK(near(dst[i], (double)smalti__srgb_decode(src[i]) / 2));
}

TEST("primaries other than sRGB's are converted to them")
{
    /* AP0 (SMPTE ST 2065-1): its white, adapted, stays white; its green is out of sRGB */
    const smalti__primaries ap0 = {{{0.7347f, 0.2653f}, {0.0f, 1.0f}, {0.0001f, -0.077f}, {0.32168f, 0.33767f}}};
    const smalti__light light = smalti__light_linear(&ap0);
    float src[WIDTH * 3] = {0}, dst[WIDTH * 3];
    CHECK(light.linear && light.convert);
    CHECK(!smalti__light_linear(&smalti__primaries_srgb).convert && smalti__light_linear(NULL).linear);
    /* the matrix as ACES's documents give it (AP0 to Rec. 709, D60 to D65 by CAT02 there: Bradford is near) */
    const double known[3][3] = {{2.5216, -1.1369, -0.3849}, {-0.2752, 1.3697, -0.0943}, {-0.0159, -0.1478, 1.1638}};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            CHECK(fabs((double)light.matrix[i][j] - known[i][j]) < 0.02);
    for (size_t i = 0; i < WIDTH * 3; i++)
        src[i] = 0.5f;
    src[3] = src[5] = 0;
    tone("tonemap none:transfer=linear", src, 3, light, false, 0, dst);
    for (int c = 0; c < 3; c++)
        CHECK(fabs((double)dst[c] - 0.5) < 1e-3);
    CHECK(dst[3] == 0 && dst[4] > 0.6f && dst[5] == 0);
    float luma[3];
    CHECK(smalti__primaries_luma(&smalti__primaries_srgb, luma));
    CHECK(fabs((double)luma[0] - 0.2126) < 1e-3 && fabs((double)luma[1] - 0.7152) < 1e-3);
    const smalti__primaries flat = {{{0.3f, 0.3f}, {0.3f, 0.3f}, {0.3f, 0.3f}, {0.3f, 0.3f}}};
    CHECK(!smalti__primaries_luma(&flat, luma) && !smalti__light_linear(&flat).convert);
}

TEST("the same for strips of every height, on images of 1 to 4 channels")
{
    float data[WIDTH * 4 * 20];
    for (size_t i = 0; i < SMALTI__COUNT(data); i++)
        data[i] = (float)(i % 97) / 60;
    for (uint32_t channels = 1; channels <= 4; channels++) {
        const smalti_image in = image_of(data, channels, 20);
        smalti_image out = run_steps("tonemap filmic:exposure=0.5", &in, 1);
        CHECK(out.channels == channels && out.sample == SMALTI_SAMPLE_F32);
        smalti_image_free(&out);
    }
}
