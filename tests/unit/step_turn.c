/* SPDX-License-Identifier: Apache-2.0
 * Turns are put off behind other steps: the result is as if they had been done at once. */
#include "step_run.h"

TEST("two turns are one turn, for all 64 pairs")
{
    smalti_image in = make_picture(7, 4, 3, SMALTI_SAMPLE_U8);
    const smalti__shape stored = smalti__image_shape(&in);
    static smalti__program program;
    for (uint32_t first = 1; first <= 8; first++)
        for (uint32_t second = 1; second <= 8; second++) {
            uint8_t once[7 * 7 * 3], twice[7 * 7 * 3], both[7 * 7 * 3];
            smalti__program_init(&program, &stored, first, 0);
            smalti__shape turned = smalti__program_upright(&program);
            smalti__orient_rows(&stored, in.data, in.pitch, first, 0, turned.height, once, turned.width * 3);
            smalti__program_turn(&program, second);
            smalti__shape end = smalti__program_upright(&program);
            CHECK(end.width == (smalti__orient_swaps(second) ? turned.height : turned.width));
            smalti__orient_rows(&turned, once, turned.width * 3, second, 0, end.height, twice, end.width * 3);
            smalti__orient_rows(&stored, in.data, in.pitch, program.orientation, 0, end.height, both, end.width * 3);
            if (memcmp(twice, both, (size_t)end.width * end.height * 3))
                TEST_FAIL("%u and then %u is not %u", first, second, program.orientation);
        }
    smalti_image_free(&in);
}

TEST("a rectangle of the upright image is found in the stored one, for all orientations")
{
    smalti_image in = make_picture(7, 4, 1, SMALTI_SAMPLE_U8);
    const smalti__shape stored = smalti__image_shape(&in);
    static smalti__program program;
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        uint8_t whole[49];
        smalti__program_init(&program, &stored, orientation, 0);
        const smalti__shape upright = smalti__program_upright(&program);
        smalti__orient_rows(&stored, in.data, in.pitch, orientation, 0, upright.height, whole, upright.width);
        for (uint32_t y = 0; y < upright.height; y++)
            for (uint32_t x = 0; x < upright.width; x++) {
                double left = x, top = y, width = 1, height = 1;
                smalti__program_place(&program, &left, &top, &width, &height);
                CHECK(whole[y * upright.width + x] == sample_at(&in, (size_t)left, (size_t)top, 0));
                left = x, top = y, width = upright.width - x, height = upright.height - y;
                smalti__program_place(&program, &left, &top, &width, &height);
                CHECK(left >= 0 && top >= 0 && left + width <= stored.width && top + height <= stored.height);
                CHECK_INT(width * height, (upright.width - x) * (upright.height - y));
            }
    }
    smalti_image_free(&in);
}

/* Steps with the orientation pending, and behind it: off by most levels of u8. */
static void check_commutes(const char *text, uint32_t channels, double most)
{
    smalti_image in = make_picture(47, 31, channels, SMALTI_SAMPLE_U8);
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        smalti_image upright = run_steps("", &in, orientation), wanted = run_steps(text, &upright, 1);
        smalti_image out = run_steps(text, &in, orientation);
        if (out.width != wanted.width || out.height != wanted.height || out.channels != wanted.channels)
            TEST_FAIL("%s with orientation %u gives %u × %u, not %u × %u", text, orientation, out.width, out.height,
                      wanted.width, wanted.height);
        for (size_t y = 0; y < out.height; y++)
            for (size_t x = 0; x < out.width; x++)
                for (size_t c = 0; c < out.channels; c++)
                    check_sample(&out, x, y, c, sample_at(&wanted, x, y, c) / 255, most);
        smalti_image_free(&upright), smalti_image_free(&wanted), smalti_image_free(&out);
    }
    smalti_image_free(&in);
}

TEST("cutting, turning and borders are the same before and behind a turn")
{
    static const char *const texts[] = {
        "crop 11x9+3+5",
        "crop 20x20:gravity=southeast",
        "flip|crop 11x9+3+5",
        "rotate 90|crop 11x9+3+5|flop",
        "rotate 270|flip|rotate 180",
        "extend 3x1x4x9:background=ff0000",
        "extend 3x1x4x9:mode=edge|crop 30x20+1+0",
        "extend 40x1x4x9:mode=mirror",
        "linear 0.5|crop 11x9+3+5|negate",
        "extend 4:background=102030|trim",
        "flop|extend 1x2x3x4:background=102030|trim|extend 2x1x0x0",
        "normalise",
        "modulate 1.1:hue=20",
        "tint 204060",
        "flatten 204060",
        "smartcrop 47x11",
        "rotate 20:background=ff0000",
        "colorspace p3",
    };
    for (size_t i = 0; i < SMALTI__COUNT(texts); i++)
        check_commutes(texts[i], 3 + i % 2, 0);
}

TEST("scaling is the same before and behind a turn, but for rounding")
{
    static const char *const texts[] = {
        "resize 20x",
        "resize x50:kernel=mitchell",
        "resize 17x19:fit=cover,gravity=northeast",
        "resize 17x19:fit=fill|rotate 90|crop 5x6+2+3",
        "resize 40x40:fit=contain,gravity=west",
        "flip|resize 15x15:fit=outside,linear=true",
        "rotate 90|resize 30x30:fit=cover,gravity=entropy",
    };
    for (size_t i = 0; i < SMALTI__COUNT(texts); i++)
        check_commutes(texts[i], 3, 2);
}
