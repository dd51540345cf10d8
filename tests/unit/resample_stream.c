/* SPDX-License-Identifier: Apache-2.0
 * The resampler as a stream: which rows it reads, when it emits, what memory it takes, what it refuses. */
#include "resample_reference.h"

/* Fills rows that do not contribute with other values: the result must not change. */
TEST("only the rows that resample_rows names contribute, and all output is there with the last of them")
{
    static const double rectangles[][2] = {{0, 90}, {30, 20}, {40.25, 0.5}, {10, 80}, {70, 20}, {3.5, 61}};
    for (size_t i = 0; i < SMALTI__COUNT(rectangles); i++)
        for (int kind = 0; kind < SMALTI__FILTER_COUNT * 3; kind++) {
            static const uint32_t outs[] = {3, 20, 200};
            smalti__resample_setup s =
                setup_of(7, 90, 3, SMALTI_SAMPLE_U8, 5, outs[kind % 3], (smalti__filter)(kind / 3));
            s.y = rectangles[i][0], s.height = rectangles[i][1];
            uint32_t first, end;
            smalti__resample_rows(&s, &first, &end);
            CHECK(first < end && end <= 90);
            uint8_t *src = noise(&s, 1), *whole = scale(&s, src), *dst = calloc(1, samples_out(&s));
            memset(src, 0x55, first * 21), memset(src + end * 21, 0xAA, (90 - end) * 21);
            sink to = {dst, 15, 0, s.out_height};
            s.emit = sink_rows, s.user = &to;
            smalti__resample *resample = NULL;
            smalti_error error = {0};
            CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
            CHECK_OK(smalti__resample_push(resample, src, 21, end - 1, &error), error);
            CHECK(to.rows < s.out_height);
            CHECK_OK(smalti__resample_push(resample, src + (end - 1) * 21, 21, 1, &error), error);
            CHECK_INT(to.rows, s.out_height);
            CHECK_OK(smalti__resample_push(resample, src + end * 21, 21, 90 - end, &error), error);
            smalti__resample_close(resample);
            CHECK_INT(to.rows, s.out_height);
            CHECK(memcmp(whole, dst, samples_out(&s)) == 0);
            free(src), free(whole), free(dst);
        }
}

TEST("outputs come at most a few rows after the last one they need")
{
    enum { LAG = 8 };
    smalti__resample_setup s = setup_of(64, 640, 1, SMALTI_SAMPLE_U8, 8, 64, SMALTI__FILTER_LANCZOS3);
    uint8_t row[64] = {0}, result[8 * 64];
    sink to = {result, 8, 0, 64};
    s.emit = sink_rows, s.user = &to;
    smalti__resample *resample = NULL;
    smalti_error error = {0};
    CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
    for (uint32_t y = 0; y < 640; y++) {
        CHECK_OK(smalti__resample_push(resample, row, 64, 1, &error), error);
        for (uint32_t o = to.rows; o < 64; o++) /* output o needs the rows up to 30 behind its centre */
            CHECK(y < o * 10 + 5 + 30 + LAG);
    }
    smalti__resample_close(resample);
}

TEST("open takes one block of the pool, as large as resample_bytes says, and pushing takes none")
{
    for (int kind = 0; kind < SMALTI__FILTER_COUNT * 8; kind++) {
        static const uint32_t outs[] = {1, 7, 100, 300};
        smalti__pool pool = {0};
        smalti_error error = {0};
        smalti__resample_setup s =
            setup_of(100, 80, kind & 1 ? 4 : 3, SMALTI_SAMPLE_U8, outs[kind / 2 % 4], outs[kind / 2 % 4], kind / 8);
        uint8_t *src = noise(&s, 4), *dst = malloc(samples_out(&s));
        sink to = {dst, s.out_width * s.in.channels, 0, s.out_height};
        s.pool = &pool, s.emit = sink_rows, s.user = &to;
        size_t bytes = 0;
        smalti__resample *resample = NULL;
        CHECK_OK(smalti__resample_bytes(&s, &bytes, &error), error);
        CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
        CHECK_INT(pool.allocations, 1);
        CHECK(pool.used_bytes <= bytes + 4096 && bytes <= pool.used_bytes + SMALTI__POOL_SLACK);
        CHECK_OK(smalti__resample_push(resample, src, (size_t)100 * s.in.channels, 80, &error), error);
        CHECK_INT(pool.allocations, 1);
        smalti__resample_close(resample);
        CHECK_INT(pool.used_bytes, 0);
        smalti__pool_trim(&pool, 0);
        free(src), free(dst);
    }
}

TEST("memory does not grow with the height, and little with the reduction")
{
    size_t low = 0, high = 0, one = 0;
    smalti_error error = {0};
    smalti__resample_setup s = setup_of(6000, 4000, 3, SMALTI_SAMPLE_U8, 800, 533, SMALTI__FILTER_LANCZOS3);
    CHECK_OK(smalti__resample_bytes(&s, &low, &error), error);
    s.in.height = 400000, s.height = 400000, s.out_height = 53300;
    CHECK_OK(smalti__resample_bytes(&s, &high, &error), error);
    CHECK(high <= low + 1024);
    CHECK(low < 512 << 10);
    s.out_width = 6000, s.out_height = 1, s.in.height = 4000, s.height = 4000;
    CHECK_OK(smalti__resample_bytes(&s, &one, &error), error);
    CHECK(one < 4 << 20);
}

static smalti_result fail_third(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    (void)rows, (void)pitch, (void)count;
    return ++*(int *)user < 3 ? SMALTI_OK : smalti__fail(error, SMALTI_E_CANCELLED, "the third");
}

TEST("an error of emit ends the push, whatever the way of scaling")
{
    for (int filter = 0; filter < SMALTI__FILTER_COUNT; filter++)
        for (uint32_t out = 10; out <= 100; out += 45)
            for (uint32_t channels = 1; channels <= 2; channels++) {
                int calls = 0;
                smalti_error error = {0};
                smalti__resample *resample = NULL;
                smalti__resample_setup s = setup_of(100, 100, channels, SMALTI_SAMPLE_U8, out, out, filter);
                uint8_t row[200] = {0};
                s.emit = fail_third, s.user = &calls;
                CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
                smalti_result result = SMALTI_OK;
                for (int y = 0; y < 100 && result == SMALTI_OK; y++)
                    result = smalti__resample_push(resample, row, 100 * channels, 1, &error);
                smalti__resample_close(resample);
                CHECK_INT(result, SMALTI_E_CANCELLED);
                CHECK_INT(calls, 3);
            }
}

TEST("setups that cannot be are refused, with a message that says what is wrong")
{
    static const struct {
        smalti__resample_setup setup;
        const char *message;
    } cases[] = {
        {{.in = {0, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, 0, 0, 1, 1}, "0 × 4"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 0, 1, 0, 0, 4, 4}, "to 0 × 1"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 0x80000000u, 0, 0, 4, 4}, "2147483648"},
        {{.in = {4, 4, 5, SMALTI_SAMPLE_U8}, 1, 1, 0, 0, 4, 4}, "5 channels"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_F16}, 1, 1, 0, 0, 4, 4}, "type 3"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, -1, 0, 4, 4}, "rectangle"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, 1, 0, 4, 4}, "rectangle"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, 0, 0, 4, 0}, "4 × 0"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, 0, NAN, 4, 4}, "rectangle"},
        {{.in = {4, 4, 3, SMALTI_SAMPLE_U8}, 1, 1, 0, 0, 4, 4, SMALTI__FILTER_COUNT}, "filter"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_error error = {0};
        smalti__resample *resample = NULL;
        size_t bytes = 1;
        CHECK_INT(smalti__resample_open(&cases[i].setup, &resample, &error), SMALTI_E_INVALID);
        CHECK_HAS(error.message, cases[i].message);
        CHECK(resample == NULL);
        CHECK_INT(smalti__resample_bytes(&cases[i].setup, &bytes, NULL), SMALTI_E_INVALID);
        CHECK_INT(bytes, 1);
    }
}

TEST("more rows than the image has are refused")
{
    smalti_error error = {0};
    smalti__resample *resample = NULL;
    smalti__resample_setup s = setup_of(4, 4, 1, SMALTI_SAMPLE_U8, 2, 2, SMALTI__FILTER_LINEAR);
    uint8_t data[20] = {0}, result[4];
    sink to = {result, 2, 0, 2};
    s.emit = sink_rows, s.user = &to;
    CHECK_OK(smalti__resample_open(&s, &resample, &error), error);
    CHECK_OK(smalti__resample_push(resample, data, 4, 3, &error), error);
    CHECK_INT(smalti__resample_push(resample, data, 4, 2, &error), SMALTI_E_INVALID);
    smalti__resample_close(resample);
    smalti__resample_close(NULL);
}

TEST("the mask of processor levels is obeyed")
{
    static const struct {
        uint32_t mask;
        const char *name;
    } levels[] = {{0, "c"}, {SMALTI__RESAMPLE_SSE4, "sse4"}, {SMALTI__RESAMPLE_SSE4 | SMALTI__RESAMPLE_AVX2, "avx2"}};
    for (size_t i = 0; i < SMALTI__COUNT(levels); i++) {
#if defined(__x86_64__)
        if ((i == 1 && !__builtin_cpu_supports("sse4.1")) || (i == 2 && !__builtin_cpu_supports("avx2")))
            continue;
#else
        if (i)
            continue;
#endif
        smalti__resample_allow(levels[i].mask);
        const char *name = smalti__resample_table_get()->name;
        smalti__resample_allow(UINT32_MAX);
        CHECK_STR(name, levels[i].name);
    }
}
