/* SPDX-License-Identifier: Apache-2.0
 * The perceptual score against its definition in double precision. */
#include "score/score.h"

#include "score/linear.h"
#include "score/rows.h"
#include "score_reference.h"
#include "test.h"

/* A picture with edges, a gradient, texture and a flat corner. */
static uint8_t *picture(uint32_t width, uint32_t height)
{
    uint8_t *rgb = malloc((size_t)width * height * 3);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                uint32_t noise = (x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u) * 2654435761u >> 27;
                uint32_t value = 40 + 100 * x / width + (c == 1) * 60 * y / height;
                if ((x / 11 + y / 7) % 3 == c)
                    value += 50;
                if (x > width / 2 || y > height / 2)
                    value += noise;
                rgb[(y * width + x) * 3 + c] = (uint8_t)value;
            }
    return rgb;
}

enum { NOISE, SOFTEN, BLOCKS, TINT, FAINT, DISTORTIONS };

static uint8_t *distorted(const uint8_t *rgb, uint32_t width, uint32_t height, int how)
{
    uint8_t *out = malloc((size_t)width * height * 3);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                size_t at = (y * width + x) * 3 + c;
                uint32_t noise = (x * 374761393u ^ y * 668265263u ^ c * 97u) * 2246822519u >> 28;
                switch (how) {
                case NOISE:
                    out[at] = (uint8_t)(rgb[at] + noise);
                    break;
                case SOFTEN:
                    out[at] = (uint8_t)((rgb[at] + rgb[x ? at - 3 : at] + rgb[y ? at - 3 * width : at]) / 3);
                    break;
                case BLOCKS:
                    out[at] = rgb[(y / 4 * 4 * width + x / 4 * 4) * 3 + c];
                    break;
                case TINT:
                    out[at] = (uint8_t)(rgb[at] + (c == 2 ? 20 : 0));
                    break;
                default:
                    out[at] = (uint8_t)(rgb[at] + ((x + y) % 16 == 0));
                }
            }
    return out;
}

static smalti_image image_of(void *data, uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample)
{
    return (smalti_image){.width = width,
                          .height = height,
                          .channels = channels,
                          .sample = sample,
                          .pitch = (size_t)width * channels * smalti_sample_bytes(sample),
                          .data = data};
}

static double score(const smalti_image *a, const smalti_image *b)
{
    double result = 0;
    smalti_error error;
    CHECK_OK(smalti__score(a, b, NULL, &result, &error), error);
    return result;
}

static double score_rgb(uint8_t *a, uint8_t *b, uint32_t width, uint32_t height)
{
    smalti_image first = image_of(a, width, height, 3, SMALTI_SAMPLE_U8), second = first;
    second.data = b;
    return score(&first, &second);
}

static void check_near(double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance))
        TEST_FAIL("%.6f is not %.6f ± %g", actual, expected, tolerance);
}

TEST("the blur's samples are a Gaussian's: sum 1, variance 2.25, as the truncated cosines give them")
{
    static const double taps[] = {SMALTI__SCORE_BLUR};
    double sum = taps[0], variance = 0;
    CHECK_INT(SMALTI__COUNT(taps), SMALTI__SCORE_RADIUS + 1);
    for (int n = 1; n <= SMALTI__SCORE_RADIUS; n++) {
        sum += 2 * taps[n];
        variance += 2 * n * n * taps[n];
    }
    check_near(sum, 1, 1e-7);
    check_near(variance, 2.25, 1e-6);
    for (int n = 0; n <= SMALTI__SCORE_RADIUS; n++)
        check_near(taps[n], reference_tap(n), 1e-8);
}

TEST("scores are those of the method in double precision, for every kind of damage and sizes that do not divide")
{
    static const uint32_t sizes[][2] = {{200, 150}, {131, 97}, {64, 8}, {9, 300}, {33, 15}, {66, 90}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (int how = 0; how < DISTORTIONS; how++) {
            uint32_t width = sizes[i][0], height = sizes[i][1];
            uint8_t *a = picture(width, height), *b = distorted(a, width, height, how);
            double expected = reference_score(a, b, (int)width, (int)height);
            CHECK(expected < 99); /* or there is nothing to compare */
            check_near(score_rgb(a, b, width, height), expected, 0.01);
            free(a), free(b);
        }
}

TEST("equal images score 100")
{
    uint8_t *a = picture(77, 50);
    CHECK(score_rgb(a, a, 77, 50) == 100);
    free(a);
}

TEST("plain C and vectors agree")
{
    enum { WIDTH = 61, COUNT = 64, ROOM = COUNT + 32 };
    static float data[SMALTI__SCORE_TAPS][ROOM], got[2][4][ROOM];
    const smalti__score_rows *tables[] = {&smalti__score_rows_c, smalti__score_rows_get()};
    if (tables[0] == tables[1])
        TEST_SKIP("this processor has only plain C");
    uint32_t random = 1;
    for (int i = 0; i < SMALTI__SCORE_TAPS; i++)
        for (int x = 16; x < 16 + WIDTH; x++)
            data[i][x] = (float)((random = random * 1664525u + 1013904223u) >> 8) / (1 << 24);
    smalti__score_sums sums[2] = {{{0}}};
    for (int t = 0; t < 2; t++) {
        const float *rows[SMALTI__SCORE_TAPS];
        float *xyb[3] = {got[t][0] + 16, got[t][1] + 16, got[t][2] + 16};
        for (int i = 0; i < SMALTI__SCORE_TAPS; i++)
            rows[i] = data[i] + 16;
        tables[t]->xyb(xyb, rows, COUNT);
        tables[t]->blur(got[t][3] + 16, rows, COUNT);
        smalti__score_row row = {{rows[0], rows[1]}, rows[2], rows[3], {rows[4], rows[5]}};
        tables[t]->compare(&sums[t], &row, WIDTH, true, true);
        tables[t]->products(got[t][0] + 16, got[t][1] + 16, rows[6], rows[7], COUNT);
        tables[t]->halve(got[t][2] + 16, rows[8], rows[0], COUNT / 2);
    }
    for (int i = 0; i < 4; i++)
        for (int x = 0; x < ROOM; x++)
            check_near((double)got[1][i][x], (double)got[0][i][x], 1e-6);
    for (int map = 0; map < SMALTI__SCORE_MAPS; map++) {
        CHECK(sums[0].sum[map] > 0 && sums[0].sum4[map] > 0);
        check_near(sums[1].sum[map] / sums[0].sum[map], 1, 1e-4);
        check_near(sums[1].sum4[map] / sums[0].sum4[map], 1, 1e-3);
    }
}

TEST("a lower JPEG quality scores lower")
{
    enum { WIDTH = 160, HEIGHT = 120 };
    uint8_t *rgb = picture(WIDTH, HEIGHT);
    smalti_image image = image_of(rgb, WIDTH, HEIGHT, 3, SMALTI_SAMPLE_U8);
    double last = -1000;
    for (uint32_t quality = 5; quality <= 100; quality += 19) {
        smalti_encode_options options = {
            .size = sizeof options, .format = "jpeg", .quality = quality, .subsampling = 444};
        smalti_error error;
        smalti_image back;
        void *data;
        size_t size;
        CHECK_OK(smalti_image_write_memory(&image, &options, &data, &size, &error), error);
        CHECK_OK(smalti_image_read_memory(data, size, "jpeg", &back, &error), error);
        double now = score(&image, &back);
        CHECK(now > last && now < 100);
        last = now;
        smalti_image_free(&back);
        free(data);
    }
    CHECK(last > 90);
    free(rgb);
}

TEST("the result does not depend on how rows are grouped")
{
    enum { WIDTH = 50, HEIGHT = 71 };
    uint8_t *a = picture(WIDTH, HEIGHT), *b = distorted(a, WIDTH, HEIGHT, NOISE);
    double whole = score_rgb(a, b, WIDTH, HEIGHT);
    const smalti__shape shape = {WIDTH, HEIGHT, 3, SMALTI_SAMPLE_U8, false};
    for (uint32_t group = 1; group < 80; group = group * 3 + 1) {
        smalti__scorer *scorer;
        smalti_error error;
        CHECK_OK(smalti__scorer_open(WIDTH, HEIGHT, NULL, &scorer, &error), error);
        for (uint32_t y = 0; y < HEIGHT; y += group) {
            size_t at = (size_t)y * WIDTH * 3;
            smalti__scorer_push(scorer, &shape, a + at, WIDTH * 3, &shape, b + at, WIDTH * 3,
                                HEIGHT - y < group ? HEIGHT - y : group);
        }
        CHECK(smalti__scorer_finish(scorer) == whole);
        smalti__scorer_close(scorer);
    }
    free(a), free(b);
}

/* The same pixels with other samples and channels. */
static void *widened(const uint8_t *rgb, size_t count, smalti_sample sample, uint32_t channels)
{
    uint8_t *out = malloc(count * channels * smalti_sample_bytes(sample));
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t value = c < 3 ? rgb[3 * i + c] : 255;
            if (sample == SMALTI_SAMPLE_U8)
                out[i * channels + c] = (uint8_t)value;
            else if (sample == SMALTI_SAMPLE_U16)
                ((uint16_t *)out)[i * channels + c] = (uint16_t)(value * 257);
            else
                ((float *)out)[i * channels + c] = (float)value / 255.0f;
        }
    return out;
}

TEST("samples of any type and opaque alpha change nothing")
{
    enum { WIDTH = 40, HEIGHT = 30 };
    uint8_t *a = picture(WIDTH, HEIGHT), *b = distorted(a, WIDTH, HEIGHT, BLOCKS);
    double expected = score_rgb(a, b, WIDTH, HEIGHT);
    static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    smalti_image first = image_of(a, WIDTH, HEIGHT, 3, SMALTI_SAMPLE_U8);
    for (size_t i = 0; i < SMALTI__COUNT(samples); i++)
        for (uint32_t channels = 3; channels <= 4; channels++) {
            void *data = widened(b, WIDTH * HEIGHT, samples[i], channels);
            smalti_image second = image_of(data, WIDTH, HEIGHT, channels, samples[i]);
            check_near(score(&first, &second), expected, 0.001);
            free(data);
        }
    free(a), free(b);
}

TEST("gray is equal red, green and blue")
{
    enum { WIDTH = 40, HEIGHT = 30, COUNT = WIDTH * HEIGHT };
    uint8_t *rgb = picture(WIDTH, HEIGHT), gray[2][COUNT], same[2][COUNT * 3];
    for (size_t i = 0; i < COUNT * 3; i++) {
        gray[0][i / 3] = same[0][i] = rgb[i / 3 * 3];
        gray[1][i / 3] = same[1][i] = (uint8_t)(rgb[i / 3 * 3] + i / 3 % 7);
    }
    smalti_image a = image_of(gray[0], WIDTH, HEIGHT, 1, SMALTI_SAMPLE_U8),
                 b = image_of(gray[1], WIDTH, HEIGHT, 1, SMALTI_SAMPLE_U8);
    double expected = score_rgb(same[0], same[1], WIDTH, HEIGHT);
    CHECK(expected < 99);
    CHECK(score(&a, &b) == expected);
    free(rgb);
}

TEST("colours that nobody sees do not count, and of two grounds the one where the damage shows")
{
    enum { WIDTH = 48, HEIGHT = 40, COUNT = WIDTH * HEIGHT };
    static uint8_t a[COUNT * 4], b[COUNT * 4], over[2][2][COUNT * 3];
    static const double grounds[] = {0.1, 0.9};
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t x = i % WIDTH, y = i / WIDTH;
        for (uint32_t c = 0; c < 3; c++) {
            a[4 * i + c] = (uint8_t)(x * 5);
            b[4 * i + c] = (uint8_t)(y < 10 ? x * 5 : 255 - x);
        }
        a[4 * i + 3] = b[4 * i + 3] = y < 10 ? 255 : 0;
    }
    smalti_image first = image_of(a, WIDTH, HEIGHT, 4, SMALTI_SAMPLE_U8), second = first;
    second.data = b;
    CHECK(score(&first, &second) == 100);
    for (uint32_t i = 10 * WIDTH; i < COUNT; i++) { /* light edges, visible only over dark; from row 10 on */
        a[4 * i] = a[4 * i + 1] = a[4 * i + 2] = b[4 * i] = b[4 * i + 1] = b[4 * i + 2] = 230;
        b[4 * i + 3] = (uint8_t)(i % WIDTH * 4);
    }
    for (uint32_t i = 0; i < COUNT * 3; i++)
        for (int g = 0; g < 2; g++) {
            double alpha[2] = {a[i / 3 * 4 + 3] / 255.0, b[i / 3 * 4 + 3] / 255.0};
            over[g][0][i] = (uint8_t)lround(a[i / 3 * 4 + i % 3] * alpha[0] + 255 * grounds[g] * (1 - alpha[0]));
            over[g][1][i] = (uint8_t)lround(b[i / 3 * 4 + i % 3] * alpha[1] + 255 * grounds[g] * (1 - alpha[1]));
        }
    double dark = score_rgb(over[0][0], over[0][1], WIDTH, HEIGHT);
    double light = score_rgb(over[1][0], over[1][1], WIDTH, HEIGHT);
    CHECK(dark < light - 10);
    check_near(score(&first, &second), dark, 2.0); /* but for rounding to bytes */
}

TEST("images of less than 8 pixels are continued by their last column and row")
{
    uint8_t *a = picture(8, 8), *b = distorted(a, 8, 8, NOISE), small[2][5 * 3 * 3];
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 8; x++)
            for (uint32_t c = 0; c < 3; c++) {
                uint32_t from_x = x < 5 ? x : 4, from_y = y < 3 ? y : 2;
                a[(y * 8 + x) * 3 + c] = small[0][(from_y * 5 + from_x) * 3 + c] = a[(from_y * 8 + from_x) * 3 + c];
                b[(y * 8 + x) * 3 + c] = small[1][(from_y * 5 + from_x) * 3 + c] = b[(from_y * 8 + from_x) * 3 + c];
            }
    double expected = score_rgb(a, b, 8, 8);
    CHECK(expected < 99);
    CHECK(score_rgb(small[0], small[1], 5, 3) == expected);
    free(a), free(b);
}

TEST("no more memory is taken than was said, and less than a frame")
{
    static const uint32_t sizes[][2] = {{1, 1}, {3, 100}, {640, 480}, {1000, 2000}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++) {
        smalti__pool pool = {0};
        smalti__scorer *scorer;
        smalti_error error;
        CHECK_OK(smalti__scorer_open(sizes[i][0], sizes[i][1], &pool, &scorer, &error), error);
        size_t bound = smalti__score_bytes(sizes[i][0], sizes[i][1]);
        CHECK(pool.peak_used_bytes <= bound && bound < pool.peak_used_bytes + 8192);
        smalti__scorer_close(scorer);
        CHECK_INT(pool.used_bytes, 0);
        smalti__pool_trim(&pool, 0);
    }
    CHECK(smalti__score_bytes(1000, 2000) == smalti__score_bytes(1000, 4000));
}

TEST("images of different sizes are refused")
{
    uint8_t *a = picture(20, 20);
    smalti_image first = image_of(a, 20, 20, 3, SMALTI_SAMPLE_U8), second = image_of(a, 20, 19, 3, SMALTI_SAMPLE_U8);
    double result = -1;
    smalti_error error;
    CHECK_INT(smalti__score(&first, &second, NULL, &result, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "20 × 20 pixels cannot be compared with 20 × 19");
    CHECK(result == -1);
    free(a);
}
