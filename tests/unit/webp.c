/* SPDX-License-Identifier: Apache-2.0
 * The WebP decoder against plain libwebp, its metadata, and damaged files. */
#include "test.h"
#include "decoded.h"
#include "webp_make.h"

#include <malloc.h>

static void check_same_pixels(const decoded *out, const bytes *file)
{
    int width, height;
    CHECK_OK(out->result, out->error);
    CHECK_INT(out->warnings, 0);
    uint8_t *reference = (out->channels == 4 ? WebPDecodeRGBA : WebPDecodeRGB)(file->data, file->size, &width, &height);
    bool same = reference && (uint32_t)width == out->width && (uint32_t)height == out->height &&
                out->rows == out->height &&
                !memcmp(reference, out->pixels, (size_t)out->width * out->height * out->channels);
    WebPFree(reference);
    CHECK(same);
}

TEST("every kind of file decodes to the pixels that libwebp gives")
{
    static const struct {
        webp_spec spec;
        const char *color, *compression, *subsampling;
    } cases[] = {
        {{.width = 150, .height = 101, .channels = 3}, "ycbcr", "lossy", "4:2:0"},
        {{.width = 150, .height = 101, .channels = 4}, "ycbcra", "lossy", "4:2:0"},
        {{.width = 150, .height = 101, .channels = 3, .lossless = true}, "rgb", "lossless", ""},
        {{.width = 150, .height = 101, .channels = 4, .lossless = true}, "rgba", "lossless", ""},
        {{.width = 150, .height = 301, .channels = 3, .partitions = 3}, "ycbcr", "lossy", "4:2:0"},
        {{.width = 1, .height = 1, .channels = 3}, "ycbcr", "lossy", "4:2:0"},
        {{.width = 1, .height = 1, .channels = 3, .lossless = true}, "rgb", "lossless", ""},
        {{.width = 3000, .height = 3, .channels = 3}, "ycbcr", "lossy", "4:2:0"},
        {{.width = 3, .height = 3000, .channels = 4}, "ycbcra", "lossy", "4:2:0"},
        {{.width = 801, .height = 603, .channels = 3, .quality = 100}, "ycbcr", "lossy", "4:2:0"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++)
        for (uint32_t threads = 0; threads < 2; threads++) {
            bytes file = make_webp(&cases[i].spec);
            decoded out = decode_with(file.data, file.size, (smalti__decode_options){.spare_thread = threads}, 16);
            check_same_pixels(&out, &file);
            CHECK_STR(out.info.format, "webp");
            CHECK_STR(out.info.color, cases[i].color);
            CHECK_STR(out.info.compression, cases[i].compression);
            CHECK_STR(out.info.subsampling, cases[i].subsampling);
            CHECK_INT(out.info.channels, cases[i].spec.channels);
            CHECK_INT(out.info.has_alpha, cases[i].spec.channels == 4);
            CHECK_INT(out.info.bit_depth, 8);
            CHECK_INT(out.info.sample, SMALTI_SAMPLE_U8);
            CHECK_INT(out.info.frames, 1);
            CHECK_INT(out.info.duration_ms, 0);
            CHECK_INT(out.info.file_bytes, file.size);
            CHECK_INT(out.info.decoded_bytes, out.width * out.height * out.channels);
            decoded_release(&out);
            free(file.data);
        }
}

TEST("rows may be read in any groups")
{
    static const uint32_t groups[] = {1, 2, 3, 5, 7, 16, 33, 0};
    for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
        webp_spec spec = {.width = 77, .height = 91, .channels = 3 + i % 2, .lossless = i % 4 > 1};
        bytes file = make_webp(&spec);
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, groups[i]);
        check_same_pixels(&out, &file);
        decoded_release(&out);
        free(file.data);
    }
}

/* A still image with metadata around it. */
static bytes make_extended(const webp_spec *spec, const bytes *icc, const bytes *exif, const bytes *xmp)
{
    bytes image = make_webp(spec), part = webp_image_chunks(&image), chunks = {0};
    webp_add_vp8x(&chunks, WEBP_ICC | WEBP_EXIF | WEBP_XMP | (spec->channels == 4 ? WEBP_ALPHA : 0), spec->width,
                  spec->height);
    if (icc)
        webp_add_chunk(&chunks, "ICCP", icc->data, icc->size);
    webp_add_chunk(&chunks, "WHAT", "ever", 4);
    bytes_add(&chunks, part.data, part.size);
    free(image.data);
    if (exif)
        webp_add_chunk(&chunks, "EXIF", exif->data, exif->size);
    if (xmp)
        webp_add_chunk(&chunks, "XMP ", xmp->data, xmp->size);
    return webp_wrap(chunks);
}

/* A TIFF structure with an orientation and nothing else. */
static bytes make_exif(uint32_t orientation, bool marker)
{
    uint8_t tiff[32] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    tiff[24] = (uint8_t)orientation;
    bytes exif = {0};
    bytes_add(&exif, tiff + (marker ? 0 : 6), marker ? 32 : 26);
    return exif;
}

TEST("ICC, EXIF and XMP come out as they went in, and the orientation with them")
{
    bytes icc = {0}, xmp = {0};
    for (uint32_t i = 0; i < 70001; i++)
        bytes_add_le(&icc, i * 7 + i / 256, 1);
    bytes_add(&xmp, "<x:xmpmeta/>", 12);
    for (uint32_t i = 0; i < 16; i++) {
        webp_spec spec = {.width = 20, .height = 10, .channels = 3 + i % 2, .lossless = i % 4 > 1};
        bytes exif = make_exif(1 + i % 8, i / 8), file = make_extended(&spec, &icc, &exif, &xmp);
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){.metadata = true}, 4);
        check_same_pixels(&out, &file);
        CHECK_INT(out.info.orientation, 1 + i % 8);
        CHECK_INT(out.info.icc_bytes, icc.size);
        CHECK_INT(out.info.exif_bytes, 26);
        CHECK_INT(out.info.xmp_bytes, xmp.size);
        CHECK_INT(out.metadata.icc.size, icc.size);
        CHECK(!memcmp(out.metadata.icc.data, icc.data, icc.size));
        CHECK_INT(out.metadata.exif.size, 26);
        CHECK(!memcmp(out.metadata.exif.data, "II*", 4));
        CHECK_INT(out.metadata.xmp.size, xmp.size);
        CHECK(!memcmp(out.metadata.xmp.data, xmp.data, xmp.size));
        decoded_release(&out);

        out = decode_with(file.data, file.size, (smalti__decode_options){.max_metadata = 70000}, 4);
        CHECK_OK(out.result, out.error);
        CHECK(!out.metadata.icc.data && !out.metadata.exif.data && !out.metadata.xmp.data);
        CHECK_HAS(out.warning, "ICC profile of 70001 bytes dropped");
        decoded_release(&out);

        out = decode_with(file.data, file.size, (smalti__decode_options){.head_only = true, .metadata = true}, 1);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.info.orientation, 1 + i % 8);
        CHECK(!out.metadata.icc.data && !out.metadata.exif.data && !out.metadata.xmp.data);
        decoded_release(&out);
        free(exif.data);
        free(file.data);
    }
    free(icc.data);
    free(xmp.data);
}

TEST("a file cut at any sixteenth byte is an error, and keeps its first rows when lenient")
{
    for (int kind = 0; kind < 4; kind++) {
        webp_spec spec = {.width = 100, .height = 160, .channels = 3 + kind % 2, .lossless = kind > 1};
        bytes file = make_webp(&spec);
        decoded whole = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
        uint32_t kept = 0;
        for (size_t size = 0; size < file.size; size += 16) {
            decoded out = decode_with(file.data, size, (smalti__decode_options){0}, 16);
            CHECK_INT(out.result, size && size < 12 ? SMALTI_E_FORMAT_UNKNOWN : SMALTI_E_FORMAT_TRUNCATED);
            CHECK_INT(out.error.offset, size);
            decoded_release(&out);
            out = decode_with(file.data, size, (smalti__decode_options){.lenient = true}, 16);
            if (out.result != SMALTI_OK) { /* there must be an image's header */
                CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
                CHECK(size < 64 || (kind == 1 && size < 1024));
                continue;
            }
            CHECK_INT(out.rows, 160);
            CHECK(out.warnings >= 1);
            size_t row = (size_t)spec.width * spec.channels;
            kept = 0;
            while (kept < 160 && !memcmp(out.pixels + kept * row, whole.pixels + kept * row, row))
                kept++;
            decoded_release(&out);
        }
        CHECK(kept >= 100); /* of the last one, which lacks less than sixteen bytes */
        decoded_release(&whole);
        free(file.data);
    }
}

static uint8_t *find(bytes *file, const char *text)
{
    uint8_t *found = memmem(file->data, file->size, text, strlen(text));
    if (!found)
        TEST_FAIL("the test's input lacks %s", text);
    return found;
}

TEST("what cannot be is refused with the right code and place")
{
    static const struct {
        const char *chunk;
        int offset; /* behind it */
        uint8_t value;
        smalti_result code;
        const char *message;
    } cases[] = {
        {"RIFF", 0, 1, SMALTI_E_FORMAT, "a container too small"},
        {"RIFF", 2, 2, SMALTI_E_FORMAT_TRUNCATED, "the file ends"},
        {"VP8X", 4, 99, SMALTI_E_FORMAT, "a canvas of 20x"},
        {"VP8 ", 3, 1, SMALTI_E_FORMAT, "reaches beyond its container"},
        {"VP8 ", 4, 1, SMALTI_E_FORMAT, "no VP8 key frame"},
        {"VP8 ", 7, 1, SMALTI_E_FORMAT, "no VP8 key frame"},
        {"VP8 ", 10, 0, SMALTI_E_FORMAT, "an image of 0x10 pixels"},
        {"VP8X", 8, 255, SMALTI_E_FORMAT, "holds an image of 20x10"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        webp_spec spec = {.width = 20, .height = 10, .channels = 3};
        bytes exif = make_exif(1, false), file = make_extended(&spec, NULL, &exif, NULL);
        uint8_t *at = find(&file, cases[i].chunk) + 4 + cases[i].offset;
        *at = cases[i].value;
        if (i == 2) /* width stays 20: height's lowest byte */
            *at = WEBP_EXIF, at[7] = 99;
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 4);
        CHECK_INT(out.result, cases[i].code);
        CHECK_HAS(out.error.message, cases[i].message);
        decoded_release(&out);
        free(exif.data);
        free(file.data);
    }
}

TEST("malformed lossless data is an error, and a warning when lenient")
{
    webp_spec spec = {.width = 100, .height = 100, .channels = 4, .lossless = true};
    bytes file = make_webp(&spec);
    uint32_t failures = 0;
    for (size_t at = 26; at < file.size; at += 3) {
        uint8_t before = file.data[at];
        file.data[at] ^= 0x5a;
        decoded out = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
        if (out.result != SMALTI_OK) {
            failures++;
            CHECK_INT(smalti_result_class(out.result), smalti_result_class(SMALTI_E_FORMAT));
            CHECK_HAS(out.error.message, "of 100 rows");
            decoded_release(&out);
            out = decode_with(file.data, file.size, (smalti__decode_options){.lenient = true}, 16);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.warnings, 1);
        }
        decoded_release(&out);
        file.data[at] = before;
    }
    CHECK(failures > 10);
    free(file.data);
}

TEST("limits on pixels are looked at before anything is allocated")
{
    webp_spec spec = {.width = 101, .height = 100, .channels = 3};
    bytes file = make_webp(&spec);
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.max_pixels = 10000}, 16);
    CHECK_INT(out.result, SMALTI_E_LIMIT_PIXELS);
    CHECK_HAS(out.error.message, "101x100 pixels, more than the limit of 10000");
    decoded_release(&out);
    out = decode_with(file.data, file.size, (smalti__decode_options){.max_pixels = 10100}, 16);
    CHECK_OK(out.result, out.error);
    decoded_release(&out);
    free(file.data);
}

TEST("a cancelled decoder stops in the middle")
{
    webp_spec spec = {.width = 400, .height = 400, .channels = 3, .lossless = true};
    bytes file = make_webp(&spec);
    int cancelled = 1;
    smalti__stop stop = {.cancelled = &cancelled};
    decoded out = decode_with(file.data, file.size, (smalti__decode_options){.stop = &stop}, 16);
    CHECK_INT(out.result, SMALTI_E_CANCELLED);
    decoded_release(&out);
    free(file.data);
}

/* Weighed by alpha: transparent pixels have no colour. */
static double mean(const decoded *image, uint32_t x0, uint32_t y0, uint32_t x1, uint32_t y1)
{
    double sum = 0, weights = 0;
    for (uint32_t y = y0; y < y1; y++)
        for (uint32_t x = x0; x < x1; x++) {
            const uint8_t *pixel = image->pixels + ((size_t)y * image->width + x) * image->channels;
            double alpha = image->channels == 4 ? pixel[3] : 255;
            sum += pixel[1] * alpha;
            weights += alpha;
        }
    return sum / weights;
}

TEST("a reduced image has at least twice the pixels wanted and the same light everywhere")
{
    for (int kind = 0; kind < 4; kind++) {
        webp_spec spec = {.width = 800, .height = 640, .channels = 3 + kind % 2, .lossless = kind > 1};
        bytes file = make_webp(&spec);
        decoded whole = decode_with(file.data, file.size, (smalti__decode_options){0}, 16);
        decoded small = decode_reduced(file.data, file.size, (smalti__decode_options){0}, 16, 100, 75);
        CHECK_OK(small.result, small.error);
        bool reduced = kind != 1; /* lossy with alpha is not */
        CHECK_INT(small.width, reduced ? 200 : 800);
        CHECK_INT(small.height, reduced ? 160 : 640);
        CHECK_INT(small.rows, small.height);
        CHECK_INT(small.work_bytes < whole.work_bytes, reduced);
        for (uint32_t y = 0; reduced && y < 4; y++)
            for (uint32_t x = 0; x < 4; x++) {
                double a = mean(&whole, x * 200, y * 160, x * 200 + 200, y * 160 + 160);
                double b = mean(&small, x * 50, y * 40, x * 50 + 50, y * 40 + 40);
                if (a - b > 1.5 || b - a > 1.5)
                    TEST_FAIL("kind %d: %f became %f at %u, %u", kind, a, b, x, y);
            }
        decoded_release(&small);
        small = decode_reduced(file.data, file.size, (smalti__decode_options){0}, 16, 201, 20);
        CHECK_INT(small.width, 800); /* twice 201 is more than half of 800 */
        decoded_release(&small);
        decoded_release(&whole);
        free(file.data);
    }
}

static void put_bits(bytes *to, uint32_t *used, uint32_t value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, *used = (*used + 1) % 8) {
        if (!*used)
            bytes_add_le(to, 0, 1);
        to->data[to->size - 1] |= (uint8_t)((value >> i & 1) << *used);
    }
}

/* A lossless image of side² pixels that has Huffman groups of its own for each 4 × 4 of them, all of one symbol: 20 bits
 * each. The image that says which is which has codes of 8 bits for green and red. */
static bytes make_many_groups(uint32_t side)
{
    bytes body = {0}, chunks = {0};
    uint32_t used = 0, blocks = side / 4;
    bytes_add_le(&body, 0x2f, 1);
    put_bits(&body, &used, side - 1, 14);
    put_bits(&body, &used, side - 1, 14);
    put_bits(&body, &used, 0, 4); /* no alpha, version 0 */
    put_bits(&body, &used, 0, 2); /* no transform, no cache */
    put_bits(&body, &used, 1, 4); /* groups, of blocks of 4 */
    put_bits(&body, &used, 0, 1); /* no cache */
    for (int code = 0; code < 5; code++) {
        if (code > 1) {
            put_bits(&body, &used, 1, 4); /* one symbol, 0 */
            continue;
        }
        put_bits(&body, &used, 8 << 1, 5); /* coded lengths: twelve of them, of which the last, of 8, is used alone */
        put_bits(&body, &used, 0, 24);
        put_bits(&body, &used, 1 << 9, 12);
        if (code == 0) /* of 280 symbols the first 256 */
            put_bits(&body, &used, 1 | 3 << 1 | 254 << 4, 12);
        else
            put_bits(&body, &used, 0, 1);
    }
    for (uint32_t i = 0; i < blocks * blocks; i++)
        for (uint32_t bit = 16; bit-- > 0;) /* green, then red; codes lie the other way round */
            put_bits(&body, &used, ((i & 255) << 8 | i >> 8) >> bit & 1, 1);
    for (uint32_t i = 0; i < blocks * blocks * 5; i++)
        put_bits(&body, &used, 1, 4);
    webp_add_chunk(&chunks, "VP8L", body.data, body.size);
    free(body.data);
    return webp_wrap(chunks);
}

/* The most that is taken while all rows are read. */
static size_t most_taken(smalti__decoder *decoder, smalti_result *result, smalti_error *error)
{
    size_t most = 0, pitch = (size_t)decoder->out.width * decoder->out.channels;
    uint8_t *rows = malloc(16 * pitch);
    struct mallinfo2 before = mallinfo2();
    *result = smalti__decoder_start(decoder, error);
    while (*result == SMALTI_OK && decoder->row < decoder->out.height) {
        uint32_t left = decoder->out.height - decoder->row, count = left < 16 ? left : 16;
        *result = smalti__decoder_read(decoder, rows, pitch, count, error);
        struct mallinfo2 now = mallinfo2();
        size_t taken = now.uordblks + now.hblkhd - before.uordblks - before.hblkhd;
        most = taken > most ? taken : most;
    }
    free(rows);
    return most;
}

TEST("the tables that a small file demands are counted before they are made")
{
    static const uint32_t sides[] = {64, 512, 1024};
    for (size_t i = 0; i < SMALTI__COUNT(sides); i++) {
        bytes file = make_many_groups(sides[i]);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti_result result;
        smalti__source_open_memory(&source, file.data, file.size, "test.webp");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){0}, &decoder, &error), error);
        size_t groups = (size_t)sides[i] * sides[i] / 16, work = decoder->work_bytes;
        CHECK(work > groups * 2956 * 4); /* 1024: 65,536 groups, 770 MB, of 290 KB */
        if (i < 2) {
            size_t taken = most_taken(decoder, &result, &error);
            CHECK_OK(result, error);
            CHECK(taken <= work);
        }
        smalti__decoder_close(decoder);
        free(file.data);
    }
}

TEST("a thumbnail of the largest lossy image needs little memory, and a lossless one is known not to")
{
    for (int lossless = 0; lossless < 2; lossless++) {
        webp_spec spec = {.width = 16, .height = 16, .channels = 3, .lossless = lossless};
        bytes file = make_webp(&spec);
        if (lossless)
            memcpy(file.data + 21, (uint8_t[]){0x7f, 0xfe, 0x9f, 0x0f}, 4); /* 15,999 twice in 14 bits */
        else
            memcpy(file.data + 26, (uint8_t[]){0x80, 0x3e, 0x80, 0x3e}, 4);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti_result result;
        smalti__source_open_memory(&source, file.data, file.size, "test.webp");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){0}, &decoder, &error), error);
        CHECK_INT(decoder->info.width, 16000);
        CHECK_INT(decoder->info.height, 16000);
        CHECK(decoder->work_bytes > 700u << 20);
        smalti__decoder_reduce(decoder, 320, 320);
        CHECK_INT(decoder->out.width, 640);
        CHECK_INT(decoder->work_bytes < 16 << 20, !lossless);
        if (!lossless) {
            CHECK(most_taken(decoder, &result, &error) <= decoder->work_bytes);
            CHECK_INT(result, SMALTI_E_FORMAT); /* the data is that of 16 × 16 pixels */
        }
        smalti__decoder_close(decoder);
        free(file.data);
    }
}

TEST("decoding takes no more than it says")
{
    free(malloc(1));
    if (!mallinfo2().arena)
        TEST_SKIP("the sanitizer's allocator does not count");
    for (int kind = 0; kind < 8; kind++) {
        webp_spec spec = {.width = 900, .height = 700, .channels = 3 + kind % 2, .lossless = kind / 2 % 2};
        bytes file = make_webp(&spec);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti__source_open_memory(&source, file.data, file.size, "test.webp");
        CHECK_OK(
            smalti__decoder_open(&source, &(smalti__decode_options){.spare_thread = kind % 3 == 0}, &decoder, &error),
            error);
        if (kind > 3)
            smalti__decoder_reduce(decoder, 100, 100);
        smalti_result result;
        size_t most = most_taken(decoder, &result, &error);
        CHECK_OK(result, error);
        if (most > decoder->work_bytes)
            TEST_FAIL("case %d takes %zu bytes, not %zu", kind, most, decoder->work_bytes);
        CHECK(decoder->work_bytes < most * 5 / 2 + (1 << 20)); /* but not much more either */
        smalti__decoder_close(decoder);
        free(file.data);
    }
}
