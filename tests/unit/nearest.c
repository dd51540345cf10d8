/* SPDX-License-Identifier: Apache-2.0
 * The search for the nearest color: every level of the processor against a search written here. */
#include "pixel/nearest.h"
#include "test.h"

static uint32_t noise(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static smalti__color random_color(uint32_t *state)
{
    smalti__color color;
    for (int c = 0; c < 4; c++) {
        uint32_t r = noise(state); /* the extremes often */
        color.v[c] = (int16_t)(r % 7 == 0 ? 0 : r % 7 == 1 ? SMALTI__COLOR_MOST : r / 7 % (SMALTI__COLOR_MOST + 1));
    }
    return color;
}

static uint32_t expected(const smalti__color *colors, uint32_t count, smalti__color color)
{
    uint32_t best = 0, best_distance = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sum = 0;
        for (int c = 0; c < 4; c++)
            sum += (uint32_t)((colors[i].v[c] - color.v[c]) * (colors[i].v[c] - color.v[c]));
        if (sum < best_distance) {
            best_distance = sum;
            best = i;
        }
    }
    return best_distance << 8 | best;
}

static void check(smalti__nearest_find *find, const char *name)
{
    static smalti__nearest nearest;
    uint32_t state = 7;
    for (uint32_t count = 1; count <= 256; count += count < 20 ? 1 : 59) {
        smalti__color colors[256];
        for (uint32_t i = 0; i < count; i++)
            colors[i] = i % 5 == 4 ? colors[i - 3] : random_color(&state); /* some are there twice */
        smalti__nearest_set(&nearest, colors, count);
        for (int i = 0; i < 300; i++) {
            smalti__color color = i % 3 ? random_color(&state) : colors[noise(&state) % count];
            uint32_t found = find(&nearest, color), right = expected(colors, count, color);
            if (found != right)
                TEST_FAIL("%s: %u of %u colors at distance %u, not %u at %u", name, found & 255, count, found >> 8,
                          right & 255, right >> 8);
        }
    }
}

TEST("every level finds the lowest index of the nearest color")
{
    check(smalti__nearest_find_c, "c");
    check(smalti__nearest_get(), "best");
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.1"))
        check(smalti__nearest_find_sse4, "sse4");
    if (__builtin_cpu_supports("avx2"))
        check(smalti__nearest_find_avx2, "avx2");
#endif
}
