/* SPDX-License-Identifier: Apache-2.0
 * The WebP encoder: what it writes, decoded by plain libwebp and by our decoder. */
#include "test.h"
#include "decoded.h"
#include "webp_make.h"

#include "encode/encode.h"

#include <malloc.h>
#include <math.h>

typedef struct picture {
    uint32_t width, height, channels;
    uint8_t *pixels;
} picture;

static picture make_image(uint32_t width, uint32_t height, uint32_t channels)
{
    return (picture){width, height, channels, webp_pixels(width, height, channels, 1)};
}

static smalti__encoder seed_of(const picture *image, const smalti__encode_params *params, smalti__sink *sink)
{
    return (smalti__encoder){.format = &smalti__encoder_webp,
                             .params = *params,
                             .sink = sink,
                             .width = image->width,
                             .height = image->height,
                             .channels = image->channels,
                             .sample = SMALTI_SAMPLE_U8};
}

static smalti_result encode_rows(smalti__encoder *encoder, const picture *image, uint32_t group, smalti_error *error)
{
    size_t pitch = (size_t)image->width * image->channels;
    for (uint32_t y = 0; y < image->height; y += group) {
        uint32_t count = group < image->height - y ? group : image->height - y;
        SMALTI__TRY(encoder->format->write(encoder, image->pixels + y * pitch, pitch, count, error));
    }
    return SMALTI_OK;
}

static smalti_result encode(const picture *image, const smalti__encode_params *params, uint32_t group, bytes *file,
                            smalti_error *error)
{
    smalti__sink sink;
    smalti__encoder *encoder = NULL;
    SMALTI__TRY(smalti__sink_open_memory(&sink, 0, error));
    smalti__encoder seed = seed_of(image, params, &sink);
    smalti_result result = seed.format->open(&seed, &encoder, error);
    if (result == SMALTI_OK) {
        result = encode_rows(encoder, image, group, error);
        if (result == SMALTI_OK)
            result = seed.format->finish(encoder, error);
        seed.format->close(encoder);
    }
    if (result == SMALTI_OK)
        file->data = smalti__sink_take(&sink, &file->size);
    smalti__sink_close(&sink);
    return result;
}

/* With 1 or 2 channels compares gray. */
static double psnr(const picture *image, const uint8_t *pixels, uint32_t channels)
{
    double sum = 0;
    size_t count = (size_t)image->width * image->height;
    uint32_t colors = image->channels < 3 ? 1 : 3;
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = 0; c < 3; c++) {
            double d = (double)image->pixels[i * image->channels + c % colors] - pixels[i * channels + c];
            sum += d * d;
        }
    return sum > 0 ? 10 * log10(255 * 255 / (sum / (double)(count * 3))) : 99;
}

TEST("lossless images come back as they were, with and without alpha")
{
    static const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {61, 47}, {300, 2}, {3, 300}};
    for (uint32_t channels = 1; channels <= 4; channels++)
        for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
            for (uint32_t effort = 0; effort <= 6; effort += 2) {
                picture image = make_image(sizes[i][0], sizes[i][1], channels);
                smalti__encode_params params = {.lossless = true, .webp_effort = effort};
                bytes file = {0};
                smalti_error error;
                CHECK_OK(encode(&image, &params, 7, &file, &error), error);
                int width, height;
                uint8_t *pixels = WebPDecodeRGBA(file.data, file.size, &width, &height);
                CHECK(pixels && (uint32_t)width == image.width && (uint32_t)height == image.height);
                for (size_t k = 0; k < (size_t)image.width * image.height; k++) {
                    const uint8_t *from = image.pixels + k * channels;
                    uint8_t alpha = channels % 2 ? 255 : from[channels - 1];
                    CHECK_INT(pixels[k * 4 + 3], alpha);
                    for (uint32_t c = 0; c < 3 && alpha; c++) /* colours of what cannot be seen are not kept */
                        CHECK_INT(pixels[k * 4 + c], from[channels < 3 ? 0 : c]);
                }
                WebPFree(pixels);
                free(image.pixels);
                free(file.data);
            }
}

/* The bytes that libwebp makes of the same pixels when it imports them whole. */
static bytes reference_file(const picture *image, float quality, int method)
{
    WebPConfig config;
    WebPPicture whole;
    WebPMemoryWriter writer;
    WebPMemoryWriterInit(&writer);
    CHECK(WebPConfigInit(&config) && WebPPictureInit(&whole));
    config.quality = quality;
    config.method = method;
    whole.width = (int)image->width;
    whole.height = (int)image->height;
    whole.writer = WebPMemoryWrite;
    whole.custom_ptr = &writer;
    int pitch = (int)(image->width * image->channels);
    CHECK(image->channels == 4 ? WebPPictureImportRGBA(&whole, image->pixels, pitch)
                               : WebPPictureImportRGB(&whole, image->pixels, pitch));
    CHECK(WebPEncode(&config, &whole));
    WebPPictureFree(&whole);
    return (bytes){writer.mem, writer.size};
}

TEST("lossy images decode to what libwebp makes of the whole picture, however the rows are grouped")
{
    static const uint32_t groups[] = {1, 2, 3, 7, 16, 17, 1000};
    for (uint32_t channels = 3; channels <= 4; channels++)
        for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
            picture image = make_image(133 + (uint32_t)i % 2, 75 + (uint32_t)i % 3, channels);
            smalti__encode_params params = {.quality = 70, .webp_effort = 3};
            bytes file = {0}, reference = reference_file(&image, 70, 3);
            smalti_error error;
            CHECK_OK(encode(&image, &params, groups[i], &file, &error), error);
            decoded ours = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
            decoded theirs = decode_with(reference.data, reference.size, (smalti__decode_options){0}, 16);
            CHECK_OK(ours.result, ours.error);
            CHECK_INT(ours.channels, channels);
            CHECK(!memcmp(ours.pixels, theirs.pixels, (size_t)image.width * image.height * channels));
            decoded_release(&ours);
            decoded_release(&theirs);
            free(image.pixels);
            free(file.data);
            free(reference.data);
        }
}

TEST("quality, effort and gray do what they say")
{
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        picture image = make_image(200, 150, channels);
        size_t sizes[3];
        double qualities[3];
        for (int i = 0; i < 3; i++) {
            smalti__encode_params params = {.quality = (uint32_t[]){30, 0, 95}[i], .webp_effort = 4};
            bytes file = {0};
            smalti_error error;
            CHECK_OK(encode(&image, &params, 16, &file, &error), error);
            int width, height;
            uint8_t *pixels = WebPDecodeRGB(file.data, file.size, &width, &height);
            CHECK(pixels);
            sizes[i] = file.size;
            qualities[i] = psnr(&image, pixels, 3);
            WebPFree(pixels);
            free(file.data);
        }
        CHECK(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
        CHECK(qualities[0] < qualities[1] && qualities[1] < qualities[2]);
        CHECK(channels == 3 || qualities[1] > 28);
        free(image.pixels);
    }
}

TEST("alpha that is opaque everywhere is not written")
{
    for (int lossless = 0; lossless < 2; lossless++) {
        picture image = make_image(40, 30, 4);
        for (size_t i = 0; i < 40 * 30; i++)
            image.pixels[i * 4 + 3] = 255;
        smalti__encode_params params = {.lossless = lossless, .webp_effort = 1};
        bytes file = {0};
        smalti_error error;
        CHECK_OK(encode(&image, &params, 16, &file, &error), error);
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.channels, 3);
        decoded_release(&out);
        free(image.pixels);
        free(file.data);
    }
}

TEST("ICC, EXIF and XMP come out as they went in, around every kind of image")
{
    uint8_t icc[1001], exif[] = "II*\0\x08\0\0\0\0\0\0\0\0", xmp[] = "<x:xmpmeta/>";
    for (size_t i = 0; i < sizeof icc; i++)
        icc[i] = (uint8_t)(i * 7);
    for (uint32_t which = 0; which < 8; which++)
        for (uint32_t kind = 0; kind < 4; kind++) {
            smalti__metadata metadata = {0};
            if (which & 1)
                metadata.icc = (smalti__blob){icc, sizeof icc};
            if (which & 2)
                metadata.exif = (smalti__blob){exif, sizeof exif};
            if (which & 4)
                metadata.xmp = (smalti__blob){xmp, sizeof xmp - 1};
            picture image = make_image(kind == 3 ? 1 : 40, kind == 3 ? 1 : 30, 3 + kind % 2);
            smalti__encode_params params = {.lossless = kind > 1, .webp_effort = 1, .metadata = &metadata};
            bytes file = {0};
            smalti_error error;
            CHECK_OK(encode(&image, &params, 16, &file, &error), error);
            WebPBitstreamFeatures features;
            CHECK_INT(WebPGetFeatures(file.data, file.size, &features), VP8_STATUS_OK);
            CHECK_INT(features.width, image.width);
            decoded out = decode_with(file.data, file.size, (smalti__decode_options){.metadata = true}, 16);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.warnings, 0);
            CHECK_INT(out.metadata.icc.size, metadata.icc.size);
            CHECK_INT(out.metadata.exif.size, metadata.exif.size);
            CHECK_INT(out.metadata.xmp.size, metadata.xmp.size);
            CHECK(!metadata.icc.size || !memcmp(out.metadata.icc.data, icc, sizeof icc));
            CHECK(!metadata.exif.size || !memcmp(out.metadata.exif.data, exif, sizeof exif));
            CHECK(!metadata.xmp.size || !memcmp(out.metadata.xmp.data, xmp, sizeof xmp - 1));
            decoded_release(&out);
            free(image.pixels);
            free(file.data);
        }
}

TEST("planes of full range become the same picture as the pixels they stand for")
{
    for (uint32_t channels = 1; channels <= 3; channels += 2)
        for (uint32_t odd = 0; odd < 2; odd++) {
            smalti_error error;
            smalti__sink sink;
            smalti__encoder *encoder;
            picture image = {150 + odd, 90 + odd, channels, NULL};
            smalti__encode_params params = {.quality = 95, .webp_effort = 2};
            CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
            smalti__encoder seed = seed_of(&image, &params, &sink);
            smalti__planes whole, unit;
            CHECK_OK(seed.format->open_planes(&seed, &whole, &unit, &encoder, &error), error);
            CHECK_INT(whole.count, channels);
            CHECK_INT(whole.width[0], image.width);
            CHECK(channels == 1 || (whole.width[2] == 75 + odd && whole.height[1] == 45 + odd));
            /* luma rises across, Cb down; Cr stays */
            for (uint32_t y = 0; y < image.height; y += unit.height[0]) {
                smalti__planes part = unit;
                for (uint32_t i = 0; i < part.count; i++) {
                    uint32_t down = i ? 2 : 1, first = y / down, left = whole.height[i] - first;
                    part.height[i] = unit.height[i] < left ? unit.height[i] : left;
                    part.data[i] = malloc(part.pitch[i] * part.height[i]);
                    for (uint32_t r = 0; r < part.height[i]; r++)
                        for (uint32_t x = 0; x < part.width[i]; x++)
                            part.data[i][r * part.pitch[i] + x] = (uint8_t)(i == 0   ? x * 255 / (image.width - 1)
                                                                            : i == 1 ? 100 + first + r
                                                                                     : 140);
                }
                CHECK_OK(seed.format->write_planes(encoder, &part, &error), error);
                for (uint32_t i = 0; i < part.count; i++)
                    free(part.data[i]);
            }
            CHECK_OK(seed.format->finish(encoder, &error), error);
            seed.format->close(encoder);
            bytes file = {0};
            file.data = smalti__sink_take(&sink, &file.size);
            smalti__sink_close(&sink);
            int width, height;
            uint8_t *pixels = WebPDecodeRGB(file.data, file.size, &width, &height);
            CHECK(pixels && (uint32_t)width == image.width && (uint32_t)height == image.height);
            for (uint32_t y = 8; y < image.height - 8; y += 5)
                for (uint32_t x = 8; x < image.width - 8; x += 5) {
                    /* JFIF */
                    double luma = x * 255.0 / (image.width - 1), cb = channels == 1 ? 0 : 100 + y / 2.0 - 128;
                    double cr = channels == 1 ? 0 : 12;
                    double rgb[3] = {luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb};
                    for (int c = 0; c < 3; c++) {
                        double expected = rgb[c] < 0 ? 0 : rgb[c] > 255 ? 255 : rgb[c];
                        double d = pixels[(y * image.width + x) * 3 + c] - expected;
                        if (d > 9 || d < -9)
                            TEST_FAIL("at %u, %u sample %d is off by %f", x, y, c, d);
                    }
                }
            WebPFree(pixels);
            free(file.data);
        }
}

static bytes encode_animation(const picture *images, const uint32_t *durations, uint32_t count,
                              const smalti__encode_params *params)
{
    smalti_error error;
    smalti__sink sink;
    smalti__encoder *encoder;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    smalti__encoder seed = seed_of(&images[0], params, &sink);
    CHECK_OK(seed.format->open(&seed, &encoder, &error), error);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(seed.format->next_frame(encoder, durations[i], &error), error);
        CHECK_OK(encode_rows(encoder, &images[i], 11, &error), error);
    }
    CHECK_OK(seed.format->finish(encoder, &error), error);
    seed.format->close(encoder);
    bytes file = {0};
    file.data = smalti__sink_take(&sink, &file.size);
    smalti__sink_close(&sink);
    return file;
}

TEST("an animation comes back with its frames, times, loops and metadata")
{
    static const uint32_t durations[] = {40, 200, 1000};
    uint8_t icc[300] = {1, 2, 3};
    smalti__metadata metadata = {.icc = {icc, sizeof icc}};
    for (uint32_t kind = 0; kind < 4; kind++) {
        picture images[3];
        for (uint32_t i = 0; i < 3; i++)
            images[i] = (picture){48, 40, 3 + kind % 2, webp_pixels(48, 40, 3 + kind % 2, i)};
        smalti__encode_params params = {.quality = 90,
                                        .webp_effort = 2,
                                        .lossless = kind > 1,
                                        .animation = true,
                                        .loops = 7,
                                        .metadata = &metadata};
        bytes file = encode_animation(images, durations, 3, &params);
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){.all_frames = true}, 16);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.frames, 3);
        CHECK_INT(out.info.loops, 7);
        CHECK_INT(out.info.duration_ms, 1240);
        CHECK_INT(out.metadata.icc.size, sizeof icc);
        for (uint32_t i = 0; i < 3; i++) {
            CHECK_INT(out.frame_ms[i], durations[i]);
            const uint8_t *frame = out.pixels + (size_t)i * 48 * 40 * out.channels;
            for (size_t k = 0; k < 48 * 40 && kind > 1; k++)
                if (kind == 2 || images[i].pixels[k * 4 + 3])
                    CHECK(!memcmp(frame + k * out.channels, images[i].pixels + k * images[i].channels, 3));
            CHECK(kind || psnr(&images[i], frame, out.channels) > 24);
            free(images[i].pixels);
        }
        decoded_release(&out);
        free(file.data);
    }
}

TEST("what cannot be encoded is refused")
{
    static const struct {
        picture image;
        smalti__encode_params params;
        const char *message;
    } cases[] = {
        {{16384, 1, 3, NULL}, {0}, "16384x1 pixels do not fit WebP"},
        {{1, 0, 3, NULL}, {0}, "1x0 pixels do not fit WebP"},
        {{1, 1, 5, NULL}, {0}, "1 to 4 channels"},
        {{1, 1, 3, NULL}, {.quality = 101}, "quality 101"},
        {{1, 1, 3, NULL}, {.webp_effort = 7}, "webp_effort 7"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        bytes file = {0};
        smalti_error error;
        CHECK(encode(&cases[i].image, &cases[i].params, 1, &file, &error) < 0);
        CHECK_INT(smalti_result_class(error.code), smalti_result_class(SMALTI_E_INVALID));
        CHECK_HAS(error.message, cases[i].message);
    }
}

TEST("a cancelled encoder stops in the middle, and a full sink is told of")
{
    int cancelled = 1;
    smalti__stop stop = {.cancelled = &cancelled};
    picture image = make_image(300, 300, 3);
    for (int lossless = 0; lossless < 2; lossless++) {
        bytes file = {0};
        smalti_error error;
        smalti__encode_params params = {.webp_effort = 4, .lossless = lossless, .stop = &stop};
        CHECK_INT(encode(&image, &params, 16, &file, &error), SMALTI_E_CANCELLED);
        smalti__sink sink;
        smalti__encoder *encoder;
        params.stop = NULL;
        CHECK_OK(smalti__sink_open_memory(&sink, 1000, &error), error);
        smalti__encoder seed = seed_of(&image, &params, &sink);
        CHECK_OK(seed.format->open(&seed, &encoder, &error), error);
        CHECK_OK(encode_rows(encoder, &image, 16, &error), error);
        CHECK_INT(smalti_result_class(seed.format->finish(encoder, &error)), smalti_result_class(SMALTI_E_LIMIT));
        seed.format->close(encoder);
        smalti__sink_close(&sink);
    }
    free(image.pixels);
}
