/* SPDX-License-Identifier: Apache-2.0
 * Undoing ZIP's form and converting samples: every level gives what plain C gives, and plain C what the format says. */
#include "test.h"

#include <math.h>

#include "exr/unpack.h"
#include "exr_write.h"
#include "pixel/png_filter.h"

enum { MOST = 300, PAD = 40 };

static const uint32_t levels[] = {0, SMALTI__CPU_SSE4, SMALTI__CPU_SSE4 | SMALTI__CPU_AVX2};

static void fill(uint8_t *bytes, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)((i * 2654435761u + seed) >> 13);
}

TEST("differences are summed up, and passed over, at every level and length")
{
    for (size_t level = 0; level < 3; level++) {
        smalti__exr_unpack_allow(levels[level]);
        const smalti__exr_unpack *unpack = smalti__exr_unpack_get();
        for (size_t count = 0; count < MOST; count++) {
            uint8_t src[MOST + PAD], dst[MOST + PAD], before = (uint8_t)(count * 3), sum = before;
            fill(src, sizeof src, (uint32_t)count);
            memset(dst, 0xee, sizeof dst);
            CHECK_INT(unpack->skip(src, count, before), smalti__exr_skip_c(src, count, before));
            uint8_t last = unpack->sum(dst, src, count, before);
            for (size_t i = 0; i < count; i++) {
                sum = (uint8_t)(sum + src[i] - 128);
                CHECK_INT(dst[i], sum);
            }
            CHECK_INT(last, sum);
            CHECK_INT(unpack->skip(src, count, before), sum);
            CHECK_INT(dst[count], 0xee);
            CHECK_INT(unpack->sum(src, src, count, before), sum); /* in place */
            CHECK(!memcmp(src, dst, count));
        }
    }
    smalti__exr_unpack_allow(UINT32_MAX);
}

TEST("bytes are woven at every level and length")
{
    for (size_t level = 0; level < 3; level++) {
        smalti__exr_unpack_allow(levels[level]);
        for (size_t count = 0; count < MOST; count++) {
            uint8_t even[MOST], odd[MOST], dst[2 * MOST + PAD];
            fill(even, MOST, 1);
            fill(odd, MOST, 77);
            memset(dst, 0xee, sizeof dst);
            smalti__exr_unpack_get()->weave(dst, even, odd, count);
            for (size_t i = 0; i < count; i++)
                CHECK(dst[2 * i] == even[i] && dst[2 * i + 1] == odd[i]);
            CHECK_INT(dst[2 * count], 0xee);
        }
    }
    smalti__exr_unpack_allow(UINT32_MAX);
}

TEST("all halves become the right floats at every level")
{
    static uint8_t src[65536 * 2 + 1];
    static float dst[65536];
    const exr_channel channel = {"R", EXR_PIXEL_HALF, 1};
    for (uint32_t i = 0; i < 65536; i++)
        src[1 + 2 * i] = (uint8_t)i, src[2 + 2 * i] = (uint8_t)(i >> 8);
    for (size_t level = 0; level < 3; level++) {
        smalti__exr_unpack_allow(levels[level]);
        smalti__exr_unpack_get()->half(dst, src + 1, 65536);
        for (uint32_t i = 0; i < 65536; i++) {
            float expected = exr_value(&channel, i);
            if (memcmp(&dst[i], &expected, 4))
                TEST_FAIL("half %04x is %g, not %g, at level %zu", i, (double)dst[i], (double)expected, level);
        }
        for (size_t count = 0; count < 40; count++) {
            float few[48];
            memset(few, 0xee, sizeof few);
            smalti__exr_unpack_get()->half(few, src + 1, count);
            CHECK(!memcmp(few, dst, count * 4) && ((uint8_t *)few)[count * 4] == 0xee);
        }
    }
    smalti__exr_unpack_allow(UINT32_MAX);
}

TEST("floats become the nearest half at every level, and halves themselves")
{
    static float src[65536 + 9];
    static uint8_t plain[2 * 65536 + 20], dst[2 * 65536 + 20];
    const exr_channel channel = {"R", EXR_PIXEL_HALF, 1};
    for (size_t level = 0; level < 3; level++) {
        smalti__exr_unpack_allow(levels[level]);
        for (uint32_t i = 0; i < 65536; i++)
            src[i] = exr_value(&channel, i);
        smalti__exr_unpack_get()->to_half(dst, src, 65536);
        for (uint32_t i = 0; i < 65536; i++) {
            uint32_t is = dst[2 * i] | (uint32_t)dst[2 * i + 1] << 8, quiet = (i & 0x7fff) > 0x7c00 ? 0x200 : 0;
            if (is != (i | quiet))
                TEST_FAIL("half %04x came back as %04x at level %zu", i, is, level);
        }
        /* between two halves: the nearer one, or the even one */
        for (uint32_t i = 0; i < 0x7bff; i++) {
            float low = src[i], high = src[i + 1], middle = low + (high - low) / 2;
            float three[] = {middle, nextafterf(middle, low), nextafterf(middle, high)};
            uint32_t expected[] = {i % 2 ? i + 1 : i, i, i + 1};
            smalti__exr_unpack_get()->to_half(dst, three, 3);
            for (int k = 0; k < 3; k++)
                CHECK_INT(dst[2 * k] | (uint32_t)dst[2 * k + 1] << 8, expected[k]);
        }
        for (uint32_t i = 0; i < 65536; i++) { /* any bits: as plain C has them */
            uint32_t bits = i * 65537u + i * 40503u;
            memcpy(&src[i], &bits, 4);
        }
        smalti__exr_to_half_c(plain, src, 65535);
        smalti__exr_unpack_get()->to_half(dst, src, 65535);
        CHECK(!memcmp(plain, dst, 2 * 65535));
    }
    smalti__exr_unpack_allow(UINT32_MAX);
}

TEST("planes are mixed at every level and length")
{
    float planes[4][MOST], dst[4 * MOST + 1];
    const float *const all[4] = {planes[0], planes[1], planes[2], planes[3]};
    for (int p = 0; p < 4; p++)
        for (int i = 0; i < MOST; i++)
            planes[p][i] = (float)(p * 1000 + i);
    for (size_t level = 0; level < 3; level++) {
        smalti__exr_unpack_allow(levels[level]);
        for (uint32_t channels = 2; channels <= 4; channels++)
            for (size_t count = 0; count < 40; count++) {
                dst[count * channels] = -5;
                smalti__exr_unpack_get()->mix(dst, all, channels, count);
                for (size_t i = 0; i < count * channels; i++)
                    CHECK_INT(dst[i], planes[i % channels][i / channels]);
                CHECK_INT(dst[count * channels], -5);
            }
    }
    smalti__exr_unpack_allow(UINT32_MAX);
}
