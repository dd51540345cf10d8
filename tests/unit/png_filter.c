/* SPDX-License-Identifier: Apache-2.0
 * PNG row filters: every instruction set against plain C, and back. */
#include "test.h"

#include "pixel/png_filter.h"

enum { MOST = 700, SLACK = 64 };

static const uint32_t masks[] = {SMALTI__CPU_SSE4, SMALTI__CPU_SSE4 | SMALTI__CPU_AVX2};

/* Noise, with runs of equal bytes and extremes, where predictions tie and saturate. */
static void fill(uint8_t *row, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t kind = seed >> 28;
        row[i] = kind < 3 ? 0 : kind < 6 ? 255 : kind < 8 && i ? row[i - 1] : (uint8_t)(seed >> 16);
    }
}

static const smalti__png_filters *filters_of(uint32_t mask)
{
    smalti__png_filters_allow(mask);
    const smalti__png_filters *filters = smalti__png_filters_get();
    smalti__png_filters_allow(UINT32_MAX);
    return filters;
}

typedef struct rows {
    uint8_t src[MOST + SLACK], prev[MOST + SLACK], a[MOST + SLACK], b[MOST + SLACK], below[MOST + SLACK];
} rows;

static void make_rows(rows *r, size_t size, uint32_t seed)
{
    fill(r->src, size + SLACK, seed);
    fill(r->prev, size + SLACK, seed * 31 + 7);
    memset(r->a, 0x5A, sizeof r->a);
    memset(r->b, 0x5A, sizeof r->b);
}

/* Calls check for every instruction set, pixel size and row width. */
static void for_all(void (*check)(const smalti__png_filters *filters, rows *r, size_t size, size_t bpp))
{
    static const size_t bpps[] = {1, 2, 3, 4, 6, 8};
    static rows r;
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++)
        for (size_t b = 0; b < sizeof bpps / sizeof *bpps; b++)
            for (size_t width = 1; width <= 80; width++) {
                make_rows(&r, width * bpps[b], (uint32_t)(width * 977 + b));
                check(filters_of(masks[m]), &r, width * bpps[b], bpps[b]);
            }
}

static void check_unfilter(const smalti__png_filters *filters, rows *r, size_t size, size_t bpp)
{
    for (uint32_t filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++) {
        memset(r->a, 0x5A, sizeof r->a);
        memset(r->b, 0x5A, sizeof r->b);
        smalti__png_unfilter_c(filter, r->a, r->src, r->prev, size, bpp);
        filters->unfilter(filter, r->b, r->src, r->prev, size, bpp);
        if (memcmp(r->a, r->b, sizeof r->a))
            TEST_FAIL("%s: filter %u of %zu bytes, %zu a pixel", filters->name, filter, size, bpp);
        memcpy(r->b, r->src, size);
        filters->unfilter(filter, r->b, r->b, r->prev, size, bpp);
        if (memcmp(r->a, r->b, size))
            TEST_FAIL("%s: filter %u of %zu bytes in place, %zu a pixel", filters->name, filter, size, bpp);
    }
}

TEST("undoing a filter with vectors gives what plain C gives, and writes nothing behind the row")
{
    for_all(check_unfilter);
}

static void check_pair(const smalti__png_filters *filters, rows *r, size_t size, size_t bpp)
{
    static uint8_t second[MOST + SLACK], c[MOST + SLACK], d[MOST + SLACK];
    fill(second, size + SLACK, (uint32_t)size);
    memset(c, 0x5A, sizeof c);
    memset(d, 0x5A, sizeof d);
    smalti__png_unfilter_c(SMALTI__PNG_PAETH, r->a, r->src, r->prev, size, bpp);
    smalti__png_unfilter_c(SMALTI__PNG_PAETH, c, second, r->a, size, bpp);
    filters->unfilter_paeth_pair((uint8_t *[]){r->b, d}, (const uint8_t *[]){r->src, second}, r->prev, size, bpp);
    if (memcmp(r->a, r->b, sizeof r->a) || memcmp(c, d, sizeof c))
        TEST_FAIL("%s: %zu bytes, %zu a pixel", filters->name, size, bpp);
}

TEST("two Paeth rows undone together are the two undone one after the other")
{
    for_all(check_pair);
}

static void check_filter(const smalti__png_filters *filters, rows *r, size_t size, size_t bpp)
{
    for (uint32_t filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++)
        for (int swap = 0; swap <= (bpp % 2 == 0); swap++) {
            memset(r->b, 0x5A, sizeof r->b);
            filters->filter(filter, r->b, r->src, r->prev, size, bpp, swap);
            if (r->b[size] != 0x5A)
                TEST_FAIL("%s: filter %u writes behind %zu bytes", filters->name, filter, size);
            uint8_t src[MOST], prev[MOST];
            for (size_t i = 0; i < size; i++)
                src[i] = r->src[i ^ (size_t)swap], prev[i] = r->prev[i ^ (size_t)swap];
            smalti__png_unfilter_c(filter, r->a, r->b, prev, size, bpp);
            if (memcmp(r->a, src, size))
                TEST_FAIL("%s: filter %u of %zu bytes, %zu a pixel, swap %d", filters->name, filter, size, bpp, swap);
        }
}

TEST("a filtered row comes back when the filter is undone, also from little-endian samples")
{
    for_all(check_filter);
}

static void check_score(const smalti__png_filters *filters, rows *r, size_t size, size_t bpp)
{
    for (size_t stride = 1; stride <= 4; stride += 3)
        for (int swap = 0; swap <= (bpp % 2 == 0); swap++) {
            uint64_t plain[SMALTI__PNG_FILTER_COUNT], fast[SMALTI__PNG_FILTER_COUNT];
            filters_of(0)->score(plain, r->src, r->prev, size, bpp, swap, stride);
            filters->score(fast, r->src, r->prev, size, bpp, swap, stride);
            if (memcmp(plain, fast, sizeof plain))
                TEST_FAIL("%s: %zu bytes, %zu a pixel, swap %d", filters->name, size, bpp, swap);
        }
}

TEST("scores of vectors are those of plain C")
{
    for_all(check_score);
}

TEST("a score is the sum of the magnitudes that the filter leaves")
{
    static rows r;
    enum { SIZE = 3 + 4 * SMALTI__PNG_SCORE_BLOCK };
    make_rows(&r, SIZE, 5);
    uint64_t score[SMALTI__PNG_FILTER_COUNT];
    filters_of(UINT32_MAX)->score(score, r.src, r.prev, SIZE, 3, false, 1);
    for (uint32_t filter = 0; filter < SMALTI__PNG_FILTER_COUNT; filter++) {
        uint64_t sum = 0;
        filters_of(0)->filter(filter, r.a, r.src, r.prev, SIZE, 3, false);
        for (size_t i = 3; i < SIZE; i++)
            sum += (uint64_t)abs((int8_t)r.a[i]);
        CHECK_INT(score[filter], sum);
    }
}

TEST("the Paeth predictor is the specification's for every left, up and upper left")
{
    for (int i = 0; i < 1 << 24; i++) {
        int a = i & 255, b = i >> 8 & 255, c = i >> 16;
        int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
        int right = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        if (smalti__png_paeth((uint8_t)a, (uint8_t)b, (uint8_t)c) != right)
            TEST_FAIL("left %d, up %d, upper left %d", a, b, c);
    }
}

TEST("the mask of instruction sets is obeyed")
{
    CHECK_STR(filters_of(0)->name, "c");
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.1"))
        CHECK_STR(filters_of(SMALTI__CPU_SSE4)->name, "sse4");
    if (__builtin_cpu_supports("avx2"))
        CHECK_STR(filters_of(UINT32_MAX)->name, "avx2");
#endif
}
