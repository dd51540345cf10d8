/* SPDX-License-Identifier: Apache-2.0
 * Animated WebP: frames as libwebp's own WebPAnimDecoder composes them, and what is told of them without decoding. */
#include "test.h"
#include "decoded.h"
#include "webp_make.h"

#include <webp/demux.h>

static const webp_frame_spec frames[] = {
    {.image = {.width = 60, .height = 50, .channels = 3, .seed = 1}, .duration = 40},
    {.image = {.width = 20, .height = 31, .channels = 4, .seed = 2}, .x = 10, .y = 6, .duration = 0, .clear = true},
    {.image = {.width = 31, .height = 20, .channels = 4, .lossless = true, .seed = 3},
     .x = 4,
     .y = 20,
     .duration = 100},
    {.image = {.width = 60, .height = 50, .channels = 4, .lossless = true, .seed = 4}, .duration = 7, .clear = true},
    {.image = {.width = 11, .height = 7, .channels = 4, .seed = 5},
     .x = 48,
     .y = 42,
     .duration = 70000,
     .no_blend = true},
    {.image = {.width = 40, .height = 40, .channels = 4, .seed = 6}, .x = 20, .y = 10, .duration = 1},
};

static void check_composed(const decoded *out, const bytes *file)
{
    WebPAnimDecoderOptions options;
    WebPData data = {file->data, file->size};
    CHECK(WebPAnimDecoderOptionsInit(&options));
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *reference = WebPAnimDecoderNew(&data, &options);
    CHECK(reference);
    size_t size = (size_t)out->width * out->height;
    for (uint32_t f = 0; f < out->frames; f++) {
        uint8_t *pixels;
        int time;
        CHECK(WebPAnimDecoderGetNext(reference, &pixels, &time));
        const uint8_t *ours = out->pixels + f * size * out->channels;
        for (size_t i = 0; i < size; i++, ours += out->channels, pixels += 4) {
            int alpha = out->channels == 4 ? ours[3] : 255;
            if (abs(alpha - pixels[3]) > 2) /* libwebp's blending is approximate, and errors add up over frames */
                TEST_FAIL("frame %u, pixel %zu: alpha %d, not %d", f, i, alpha, pixels[3]);
            for (int c = 0; c < 3 && alpha; c++)
                if (abs(ours[c] - pixels[c]) > 3)
                    TEST_FAIL("frame %u, pixel %zu, sample %d: %d, not %d", f, i, c, ours[c], pixels[c]);
        }
    }
    WebPAnimDecoderDelete(reference);
}

TEST("frames are composed as libwebp does, with every way of blending and clearing")
{
    for (uint32_t first = 0; first < SMALTI__COUNT(frames); first++) {
        bytes file = make_animation(60, 50, 3, frames + first, SMALTI__COUNT(frames) - first);
        for (uint32_t group = 0; group < 10; group += 7) {
            decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, group);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.frames, SMALTI__COUNT(frames) - first);
            for (uint32_t i = 0; i < out.frames; i++)
                CHECK_INT(out.frame_ms[i], frames[first + i].duration);
            check_composed(&out, &file);
            decoded_release(&out);
        }
        free(file.data);
    }
}

TEST("the first frame alone is the still image, on its canvas")
{
    for (uint32_t first = 0; first < SMALTI__COUNT(frames); first++) {
        bytes file = make_animation(60, 50, 3, frames + first, SMALTI__COUNT(frames) - first);
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.frames, 1);
        CHECK_INT(out.width, 60);
        CHECK_INT(out.height, 50);
        check_composed(&out, &file);
        decoded_release(&out);
        free(file.data);
    }
}

TEST("frames, loops and duration are told without decoding")
{
    bytes file = make_animation(60, 50, 3, frames, SMALTI__COUNT(frames));
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.head_only = true}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.info.frames, 6);
    CHECK_INT(out.info.loops, 3);
    CHECK_INT(out.info.duration_ms, 40 + 0 + 100 + 7 + 70000 + 1);
    CHECK_STR(out.info.compression, "mixed");
    CHECK_STR(out.info.color, "ycbcra");
    CHECK_INT(out.info.channels, 4);
    decoded_release(&out);
    free(file.data);
}

TEST("an animation of opaque frames that cover their canvas has three channels")
{
    webp_frame_spec opaque[3] = {frames[0], frames[0], frames[0]};
    opaque[1].image.seed = 7;
    opaque[2].clear = true; /* the last one: nothing is drawn after it */
    bytes file = make_animation(60, 50, 0, opaque, 3);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, 16);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.channels, 3);
    CHECK_INT(out.info.loops, 0);
    check_composed(&out, &file);
    decoded_release(&out);
    opaque[1].clear = true;
    free(file.data);
    file = make_animation(60, 50, 0, opaque, 3);
    out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, 16);
    CHECK_INT(out.channels, 4);
    check_composed(&out, &file);
    decoded_release(&out);
    free(file.data);
}

TEST("more frames than allowed are refused, but not when one is wanted")
{
    bytes file = make_animation(60, 50, 3, frames, SMALTI__COUNT(frames));
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true, .max_frames = 5}, 16);
    CHECK_INT(out.result, SMALTI_E_LIMIT_FRAMES);
    CHECK_HAS(out.error.message, "6 frames, more than the limit of 5: raise limits.frames");
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){.max_frames = 5}, 16);
    CHECK_OK(out.result, out.error);
    decoded_release(&out);
    free(file.data);
}

TEST("an animation cut at any sixteenth byte is an error, and keeps its frames when lenient")
{
    bytes file = make_animation(60, 50, 3, frames, SMALTI__COUNT(frames));
    uint32_t most = 0;
    for (size_t size = 16; size < file.size; size += 16) {
        decoded out = decode_with(file.data, size, (smalti__decode_options){.all_frames = true}, 16);
        CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
        decoded_release(&out);
        out = decode_with(file.data, size, (smalti__decode_options){.all_frames = true, .lenient = true}, 16);
        if (out.result == SMALTI_OK) {
            CHECK_INT(out.frames, out.info.frames);
            CHECK(out.frames >= most);
            CHECK(out.warnings >= 1);
            most = out.frames;
        }
        decoded_release(&out);
    }
    CHECK_INT(most, 6);
    free(file.data);
}

TEST("a frame that does not fit its canvas or its image is refused")
{
    for (int kind = 0; kind < 4; kind++) {
        bytes file = make_animation(60, 50, 3, frames, SMALTI__COUNT(frames));
        uint8_t *first = memmem(file.data, file.size, "ANMF", 4), *rest = first + 4;
        uint8_t *second = memmem(rest, file.size - (size_t)(rest - file.data), "ANMF", 4);
        second[8 + kind * 3] = kind < 2 ? 25 : 21; /* x and y are halves; width and height lack 1 */
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, 16);
        CHECK_INT(out.result, SMALTI_E_FORMAT);
        CHECK_HAS(out.error.message, kind < 2 ? "reaches beyond the canvas" : "holds an image of 20x31");
        decoded_release(&out);
        free(file.data);
    }
}
