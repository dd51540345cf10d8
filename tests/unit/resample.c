/* SPDX-License-Identifier: Apache-2.0
 * The resampler: against a reference in double precision, at every processor level, however rows are grouped. */
#include "resample_reference.h"

static const uint32_t masks[] = {0, SMALTI__RESAMPLE_SSE4, UINT32_MAX};

/* Without alpha and not in linear light: no sample may be more than tolerance from the reference. */
static void check_against_reference(const smalti__resample_setup *s, double tolerance)
{
    void *src = noise(s, s->in.width * 31 + s->in.height), *dst = scale(s, src);
    double *values = doubles_of(s, src), *expected = ref_scale(s, values), worst = 0;
    for (size_t i = 0; i < samples_out(s); i++) {
        double e = expected[i];
        if (s->in.sample != SMALTI_SAMPLE_F32)
            e = round(clamped(e, most_of(s->in.sample)));
        worst = fmax(worst, fabs(value_at(s->in.sample, dst, i) - e));
    }
    free(src), free(dst), free(values), free(expected);
    if (!(worst <= tolerance))
        TEST_FAIL("%u × %u × %u to %u × %u, filter %d: off by %g", s->in.width, s->in.height, s->in.channels,
                  s->out_width, s->out_height, (int)s->filter, worst);
}

/* Widths and heights, in and out: one pixel, primes, enlargements, odd reductions. */
static const uint16_t sizes[][4] = {
    {1, 1, 1, 1},     {1, 1, 7, 5},      {7, 5, 1, 1},      {2, 3, 3, 2},     {3, 1, 64, 1},    {1, 97, 1, 13},
    {17, 19, 17, 19}, {17, 19, 17, 7},   {17, 19, 5, 19},   {23, 29, 31, 37}, {31, 37, 23, 29}, {64, 64, 32, 32},
    {101, 67, 13, 7}, {13, 7, 101, 67},  {127, 131, 9, 63}, {300, 40, 33, 2}, {40, 300, 2, 33}, {257, 3, 256, 3},
    {50, 50, 49, 51}, {16, 400, 16, 24}, {97, 89, 96, 5},   {512, 9, 3, 9},   {9, 512, 9, 3},   {61, 47, 122, 94},
};

TEST("u8 is within one level of the exact result for every filter, size and channel count")
{
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
            for (uint32_t channels = 1; channels <= 3; channels += 2) {
                smalti__resample_setup s =
                    setup_of(sizes[i][0], sizes[i][1], channels, SMALTI_SAMPLE_U8, sizes[i][2], sizes[i][3], filter);
                check_against_reference(&s, 1);
            }
}

TEST("u16 is within one level, f32 within a few units of its last place")
{
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
            for (uint32_t channels = 1; channels <= 3; channels += 2) {
                smalti__resample_setup s =
                    setup_of(sizes[i][0], sizes[i][1], channels, SMALTI_SAMPLE_U16, sizes[i][2], sizes[i][3], filter);
                check_against_reference(&s, 1);
                s.in.sample = SMALTI_SAMPLE_F32;
                check_against_reference(&s, 4e-6);
            }
}

TEST("a rectangle with fractions is scaled as the whole image would be, seen through it")
{
    static const double rectangles[][4] = {{0, 0, 41, 37},        {3, 5, 20, 17},  {0.5, 0.25, 40, 36.5},
                                           {10.3, 8.7, 0.2, 0.1}, {20, 0, 21, 37}, {12.5, 3, 8, 8}};
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (size_t i = 0; i < SMALTI__COUNT(rectangles); i++)
            for (uint32_t out = 1; out <= 41; out += 20) {
                smalti__resample_setup s = setup_of(41, 37, 3, SMALTI_SAMPLE_U8, out, 21, filter);
                s.x = rectangles[i][0], s.y = rectangles[i][1], s.width = rectangles[i][2], s.height = rectangles[i][3];
                check_against_reference(&s, 1);
                s.in.sample = SMALTI_SAMPLE_U16, s.in.channels = 1;
                check_against_reference(&s, 1);
            }
}

TEST("large reductions are as exact, on both sides of where integers give way to floats")
{
    static const uint16_t reductions[][4] = {{3000, 40, 1, 40}, {40, 3000, 40, 1},   {2560, 9, 20, 9},
                                             {9, 2560, 9, 20},  {1300, 1300, 10, 9}, {2000, 1500, 1, 1},
                                             {700, 600, 23, 19}};
    for (int filter = SMALTI__FILTER_LINEAR; filter < SMALTI__FILTER_COUNT; filter += 4)
        for (size_t i = 0; i < SMALTI__COUNT(reductions); i++)
            for (uint32_t channels = 1; channels <= 3; channels += 2) {
                smalti__resample_setup s = setup_of(reductions[i][0], reductions[i][1], channels, SMALTI_SAMPLE_U8,
                                                    reductions[i][2], reductions[i][3], filter);
                check_against_reference(&s, 1);
            }
}

TEST("24 million pixels of one colour in stripes become their mean")
{
    enum { WIDTH = 6000, HEIGHT = 4000, GROUP = 100 };
    smalti_error error = {0};
    uint8_t pixel[3];
    sink to = {.data = pixel, .row_bytes = 3, .most = 1};
    smalti__resample_setup s = setup_of(WIDTH, HEIGHT, 3, SMALTI_SAMPLE_U8, 1, 1, SMALTI__FILTER_LANCZOS3);
    s.emit = sink_rows, s.user = &to;
    uint8_t *rows = malloc((size_t)WIDTH * GROUP * 3);
    for (size_t i = 0; i < (size_t)WIDTH * GROUP; i++)
        rows[3 * i] = i & 1 ? 255 : 0, rows[3 * i + 1] = 200, rows[3 * i + 2] = i / WIDTH & 1 ? 10 : 20;
    smalti__resample *resample = NULL;
    CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
    for (uint32_t y = 0; y < HEIGHT; y += GROUP)
        CHECK_OK(smalti__resample_push(resample, rows, (size_t)WIDTH * 3, GROUP, &error), error);
    smalti__resample_close(resample);
    free(rows);
    CHECK_INT(to.rows, 1);
    CHECK(abs(pixel[0] - 128) <= 5); /* the repeated edges weigh their part */
    CHECK_INT(pixel[1], 200);
    CHECK(abs(pixel[2] - 15) <= 1);
}

/* The peak signal-to-noise ratio of u8 against the reference's unrounded values, clamped, in dB. */
static double psnr_of(const smalti__resample_setup *s, const void *src)
{
    uint8_t *dst = scale(s, src);
    double *values = doubles_of(s, src), *expected = ref_scale(s, values), sum = 0;
    for (size_t i = 0; i < samples_out(s); i++)
        sum += pow(dst[i] - clamped(expected[i], 255), 2);
    double error = sum / (double)samples_out(s);
    free(dst), free(values), free(expected);
    return 10 * log10(255.0 * 255 / error);
}

TEST("against the unrounded reference noise and smooth images keep 58 dB: little more than rounding is lost")
{
    static const uint16_t pairs[][4] = {
        {300, 200, 40, 27}, {300, 200, 200, 133}, {60, 40, 200, 133}, {600, 500, 20, 11}};
    for (size_t i = 0; i < SMALTI__COUNT(pairs); i++)
        for (int filter = SMALTI__FILTER_LINEAR; filter < SMALTI__FILTER_COUNT; filter++) {
            smalti__resample_setup s =
                setup_of(pairs[i][0], pairs[i][1], 3, SMALTI_SAMPLE_U8, pairs[i][2], pairs[i][3], filter);
            uint8_t *src = noise(&s, 5);
            double rough = psnr_of(&s, src);
            for (size_t j = 0; j < samples_in(&s); j++) {
                size_t x = j / 3 % s.in.width, y = j / 3 / s.in.width;
                src[j] =
                    (uint8_t)(127 + 60 * sin((double)x / 9) + 50 * cos((double)(y + j % 3 * 20) / 14) + src[j] / 20.0);
            }
            double smooth = psnr_of(&s, src);
            free(src);
            if (rough < 58 || smooth < 58)
                TEST_FAIL("%u × %u to %u × %u, filter %d: %.1f and %.1f dB", s.in.width, s.in.height, s.out_width,
                          s.out_height, filter, rough, smooth);
        }
}

static void check_levels(const smalti__resample_setup *s)
{
    void *src = noise(s, 77), *plain = NULL;
    size_t bytes = samples_out(s) * smalti_sample_bytes(s->in.sample);
    for (size_t m = 0; m < SMALTI__COUNT(masks); m++) {
        smalti__resample_allow(masks[m]);
        void *dst = scale(s, src);
        smalti__resample_allow(UINT32_MAX);
        if (!plain)
            plain = dst;
        else {
            bool same = memcmp(plain, dst, bytes) == 0;
            free(dst);
            if (!same)
                TEST_FAIL("level %zu, sample %d × %u, %u × %u to %u × %u", m, (int)s->in.sample, s->in.channels,
                          s->in.width, s->in.height, s->out_width, s->out_height);
        }
    }
    free(src), free(plain);
}

/* Calls check for every sample, channel count, alpha, light and size. */
static void for_all_kinds(void (*check)(const smalti__resample_setup *s))
{
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (uint32_t kind = 0; kind < 3 * 4 * 2 * 2; kind++) {
            static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
            smalti__resample_setup s = setup_of(sizes[i][0], sizes[i][1], kind / 3 % 4 + 1, samples[kind % 3],
                                                sizes[i][2], sizes[i][3], SMALTI__FILTER_LANCZOS3);
            s.linear = kind / 12 % 2;
            s.in.premultiplied = kind / 24 && s.in.channels % 2 == 0;
            check(&s);
        }
}

TEST("every processor level gives the same bits")
{
    for_all_kinds(check_levels);
}

static void check_groups(const smalti__resample_setup *s)
{
    static const uint32_t groups[] = {1, 2, 3, 5, 13, 1000};
    void *src = noise(s, 78), *whole = scale(s, src);
    for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
        void *dst = scale_in_groups(*s, src, groups[i]);
        bool same = memcmp(whole, dst, samples_out(s) * smalti_sample_bytes(s->in.sample)) == 0;
        free(dst);
        if (!same)
            TEST_FAIL("%u rows at a time, sample %d × %u, %u × %u to %u × %u", groups[i], (int)s->in.sample,
                      s->in.channels, s->in.width, s->in.height, s->out_width, s->out_height);
    }
    free(src), free(whole);
}

TEST("the result does not depend on how rows are grouped")
{
    for_all_kinds(check_groups);
}

TEST("the same size gives the same pixels, and a whole-pixel rectangle is a crop, whatever the filter")
{
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (uint32_t channels = 1; channels <= 4; channels++) {
            smalti__resample_setup s = setup_of(19, 23, channels, SMALTI_SAMPLE_U8, 19, 23, filter);
            s.linear = channels & 1;
            uint8_t *src = noise(&s, 3), *dst = scale(&s, src);
            bool same = memcmp(src, dst, samples_in(&s)) == 0;
            free(dst);
            s.x = 4, s.y = 6, s.width = s.out_width = 11, s.height = s.out_height = 9;
            dst = scale(&s, src);
            for (size_t y = 0; y < 9; y++)
                same = same && !memcmp(dst + y * 11 * channels, src + ((y + 6) * 19 + 4) * channels, 11 * channels);
            free(src), free(dst);
            if (!same)
                TEST_FAIL("filter %d, %u channels", filter, channels);
        }
}

TEST("one colour stays as it is")
{
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
            for (uint32_t kind = 0; kind < 8; kind++) {
                smalti__resample_setup s = setup_of(sizes[i][0], sizes[i][1], kind % 4 + 1, SMALTI_SAMPLE_U8,
                                                    sizes[i][2], sizes[i][3], filter);
                s.linear = kind / 4;
                static const uint8_t colour[4] = {3, 128, 254, 77};
                uint8_t *src = malloc(samples_in(&s));
                for (size_t j = 0; j < samples_in(&s); j++)
                    src[j] = colour[j % s.in.channels];
                uint8_t *dst = scale(&s, src);
                bool same = true;
                for (size_t j = 0; j < samples_out(&s); j++)
                    same = same && dst[j] == colour[j % s.in.channels];
                free(src), free(dst);
                if (!same)
                    TEST_FAIL("filter %d, %u channels, linear %d, size %zu", filter, s.in.channels, s.linear, i);
            }
}
