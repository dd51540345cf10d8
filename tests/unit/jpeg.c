/* SPDX-License-Identifier: Apache-2.0
 * The JPEG decoder against plain libjpeg, and against damaged files. */
#include "test.h"
#include "jpeg_make.h"

#include "decode/decode.h"

#include <malloc.h>
#include <math.h>

/* What decoding a file gave. Everything that can be checked is kept. */
typedef struct decoded {
    smalti_result result;
    smalti_error error;
    smalti_info info;
    smalti__metadata metadata;
    uint8_t *pixels; /* tightly packed */
    uint32_t rows;   /* delivered */
    size_t work_bytes;
    uint32_t warnings;
    char warning[400]; /* the first */
} decoded;

static void on_warning(void *user, const char *message)
{
    decoded *out = user;
    if (out->warnings++ == 0)
        snprintf(out->warning, sizeof out->warning, "%s", message);
}

enum { MARGIN = 128, GUARD = 0xa5 };

/* Reads all rows, group at a time, into memory whose margin must stay as it is beyond the next 64-byte boundary. */
static smalti_result read_all(smalti__decoder *decoder, uint32_t group, decoded *out)
{
    size_t row_bytes = (size_t)out->info.width * out->info.channels, pitch = row_bytes + MARGIN;
    uint8_t *rows = aligned_alloc(64, smalti__align(pitch * group, 64));
    smalti_result result = SMALTI_OK;
    out->pixels = malloc(row_bytes * out->info.height);
    while (result == SMALTI_OK && out->rows < out->info.height) {
        uint32_t left = out->info.height - out->rows, count = group < left ? group : left;
        memset(rows, GUARD, pitch * group);
        result = smalti__decoder_read(decoder, rows, pitch, count, &out->error);
        for (uint32_t i = 0; result == SMALTI_OK && i < count; i++) {
            memcpy(out->pixels + (out->rows + i) * row_bytes, rows + i * pitch, row_bytes);
            for (size_t x = row_bytes + 64; x < pitch; x++)
                if (rows[i * pitch + x] != GUARD)
                    result = -1;
        }
        out->rows += result == SMALTI_OK ? count : 0;
    }
    free(rows);
    return result;
}

static decoded decode_with(const uint8_t *data, size_t size, smalti__decode_options options, uint32_t group)
{
    decoded out = {0};
    smalti__source source;
    smalti__decoder *decoder = NULL;
    uint8_t *exact = malloc(size ? size : 1); /* the sanitizer sees a byte too many */
    memcpy(exact, data, size);
    options.warn = on_warning;
    options.user = &out;
    smalti__source_open_memory(&source, exact, size, "test.jpg");
    out.result = smalti__decoder_open(&source, &options, &decoder, &out.error);
    if (out.result == SMALTI_OK) {
        out.info = decoder->info;
        out.work_bytes = decoder->work_bytes;
        out.metadata = decoder->metadata;
        decoder->metadata = (smalti__metadata){0};
        if (!options.head_only) {
            out.result = smalti__decoder_start(decoder, &out.error);
            if (out.result == SMALTI_OK)
                out.result = read_all(decoder, group, &out);
            if (out.result == SMALTI_OK)
                out.result = smalti__decoder_finish(decoder, &out.error);
        }
    }
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    free(exact);
    return out;
}

static decoded decode(const uint8_t *data, size_t size, bool lenient)
{
    return decode_with(data, size, (smalti__decode_options){.lenient = lenient, .metadata = true}, 16);
}

static void release(decoded *out)
{
    smalti__metadata_clear(&out->metadata);
    free(out->pixels);
    *out = (decoded){0};
}

static void check_same_pixels(const decoded *out, const uint8_t *data, size_t size)
{
    uint32_t width, height;
    CHECK_OK(out->result, out->error);
    CHECK_INT(out->warnings, 0);
    uint8_t *reference = reference_pixels(data, size, &width, &height);
    bool same = width == out->info.width && height == out->info.height && out->rows == height &&
                !memcmp(reference, out->pixels, (size_t)width * height * out->info.channels);
    free(reference);
    CHECK(same);
}

TEST("every kind of file decodes to the pixels that libjpeg gives")
{
    static const struct {
        jpeg_spec spec;
        const char *color, *subsampling;
        bool interlaced;
    } cases[] = {
        {{.width = 150, .height = 101, .components = 1}, "gray", "", false},
        {{.width = 150, .height = 101, .components = 1, .h = 2, .v = 2}, "gray", "", false},
        {{.width = 150, .height = 101, .components = 1, .progressive = true}, "gray", "", true},
        {{.width = 150, .height = 101, .components = 3}, "ycbcr", "4:4:4", false},
        {{.width = 150, .height = 101, .components = 3, .h = 2}, "ycbcr", "4:2:2", false},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .v = 2}, "ycbcr", "4:2:0", false},
        {{.width = 150, .height = 101, .components = 3, .v = 2}, "ycbcr", "4:4:0", false},
        {{.width = 150, .height = 101, .components = 3, .h = 4}, "ycbcr", "4:1:1", false},
        {{.width = 150, .height = 101, .components = 3, .h = 4, .v = 2}, "ycbcr", "other", false},
        {{.width = 150, .height = 101, .components = 3, .stored = JCS_RGB}, "rgb", "4:4:4", false},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .restart_rows = 1}, "ycbcr", "4:2:0", false},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .progressive = true}, "ycbcr", "4:2:0", true},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .progressive = true, .restart_rows = 2},
         "ycbcr",
         "4:2:2",
         true},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .separate = true}, "ycbcr", "4:2:0", false},
        {{.width = 150, .height = 101, .components = 3, .h = 2, .v = 2, .arithmetic = true}, "ycbcr", "4:2:0", false},
        {{.width = 1, .height = 1, .components = 3, .h = 2, .v = 2}, "ycbcr", "4:2:0", false},
        {{.width = 2000, .height = 3, .components = 3, .h = 2, .v = 2}, "ycbcr", "4:2:0", false},
        {{.width = 3, .height = 2000, .components = 3, .h = 2, .v = 2, .quality = 100}, "ycbcr", "4:2:0", false},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        size_t size;
        uint8_t *data = make_jpeg(&cases[i].spec, NULL, &size);
        decoded out = decode(data, size, false);
        check_same_pixels(&out, data, size);
        CHECK_STR(out.info.format, "jpeg");
        CHECK_STR(out.info.color, cases[i].color);
        CHECK_STR(out.info.subsampling, cases[i].subsampling);
        CHECK_INT(out.info.interlaced, cases[i].interlaced);
        CHECK_INT(out.info.bit_depth, 8);
        CHECK_INT(out.info.sample, SMALTI_SAMPLE_U8);
        CHECK_INT(out.info.file_bytes, size);
        CHECK_INT(out.info.decoded_bytes, cases[i].spec.width * cases[i].spec.height * cases[i].spec.components);
        release(&out);
        free(data);
    }
}

TEST("odd sizes from 1 to 40 decode to the pixels that libjpeg gives")
{
    for (uint32_t side = 1; side <= 40; side++) {
        jpeg_spec spec = {
            .width = side, .height = 41 - side, .components = 3, .h = 1 + side % 2, .v = 1 + side / 2 % 2};
        spec.progressive = side % 3 == 0;
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        decoded out = decode(data, size, false);
        check_same_pixels(&out, data, size);
        release(&out);
        free(data);
    }
}

TEST("rows may be read in any groups")
{
    jpeg_spec spec = {.width = 77, .height = 91, .components = 3, .h = 2, .v = 2};
    static const uint32_t groups[] = {1, 2, 3, 5, 7, 16, 33, 91};
    for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
        spec.progressive = i % 2;
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        decoded out = decode_with(data, size, (smalti__decode_options){0}, groups[i]);
        check_same_pixels(&out, data, size);
        release(&out);
        free(data);
    }
}

/* r = (1 - c)(1 - k), on the samples that libjpeg gives; Adobe stores them inverted. */
static void check_cmyk(const jpeg_spec *spec, const char *color, bool inverted)
{
    size_t size;
    uint32_t width, height;
    uint8_t *data = make_jpeg(spec, NULL, &size);
    decoded out = decode(data, size, false);
    CHECK_OK(out.result, out.error);
    CHECK_STR(out.info.color, color);
    CHECK_INT(out.info.channels, 3);
    uint8_t *reference = reference_pixels(data, size, &width, &height);
    for (size_t i = 0; i < (size_t)width * height * 3; i++) {
        double ink = reference[i / 3 * 4 + i % 3] / 255.0, black = reference[i / 3 * 4 + 3] / 255.0;
        if (inverted)
            ink = 1 - ink, black = 1 - black;
        CHECK_INT(out.pixels[i], lround(255 * (1 - ink) * (1 - black)));
    }
    free(reference);
    release(&out);
    free(data);
}

TEST("CMYK and YCCK become RGB, inverted with the marker of Adobe")
{
    check_cmyk(&(jpeg_spec){.width = 61, .height = 37, .components = 4}, "cmyk", true);
    check_cmyk(&(jpeg_spec){.width = 61, .height = 37, .components = 4, .no_adobe = true}, "cmyk", false);
    check_cmyk(&(jpeg_spec){.width = 61, .height = 37, .components = 4, .stored = JCS_YCCK}, "ycck", true);
    check_cmyk(&(jpeg_spec){.width = 61, .height = 37, .components = 4, .stored = JCS_YCCK, .h = 2, .v = 2}, "ycck",
               true);
    check_cmyk(&(jpeg_spec){.width = 61, .height = 37, .components = 4, .stored = JCS_YCCK, .progressive = true},
               "ycck", true);
}

TEST("the orientation in EXIF is reported in both byte orders")
{
    for (uint32_t i = 0; i < 16; i++) {
        uint8_t exif[EXIF_BYTES];
        make_exif(exif, i / 8, 1 + i % 8);
        jpeg_spec spec = {.width = 8, .height = 8, .components = 1, .exif = exif, .exif_size = sizeof exif};
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        decoded out = decode_with(data, size, (smalti__decode_options){.head_only = true}, 1);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.info.orientation, 1 + i % 8);
        CHECK_INT(out.info.exif_bytes, sizeof exif);
        CHECK(!out.metadata.exif.data);
        release(&out);
        free(data);
    }
}

static uint8_t *make_profile(size_t size, const char *space)
{
    uint8_t *profile = malloc(size);
    for (size_t i = 0; i < size; i++)
        profile[i] = (uint8_t)(i * 31 + i / 256);
    memcpy(profile + 16, space, 4);
    return profile;
}

TEST("ICC of many segments, EXIF and XMP come out as they went in")
{
    enum { ICC_BYTES = 200000 };
    uint8_t *profile = make_profile(ICC_BYTES, "RGB "), exif[EXIF_BYTES];
    make_exif(exif, false, 3);
    jpeg_spec spec = {.width = 20,
                      .height = 10,
                      .components = 3,
                      .exif = exif,
                      .exif_size = sizeof exif,
                      .xmp = "<x:xmpmeta/>",
                      .xmp_size = 12,
                      .icc = profile,
                      .icc_size = ICC_BYTES};
    static const size_t parts[] = {65000, 65519, 1000};
    for (size_t i = 0; i < SMALTI__COUNT(parts); i++) {
        spec.icc_part = parts[i];
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        decoded out = decode(data, size, false);
        check_same_pixels(&out, data, size);
        CHECK_INT(out.info.icc_bytes, ICC_BYTES);
        CHECK_INT(out.metadata.icc.size, ICC_BYTES);
        CHECK(!memcmp(out.metadata.icc.data, profile, ICC_BYTES));
        CHECK_INT(out.metadata.exif.size, sizeof exif);
        CHECK(!memcmp(out.metadata.exif.data, exif, sizeof exif));
        CHECK_INT(out.metadata.xmp.size, 12);
        CHECK(!memcmp(out.metadata.xmp.data, "<x:xmpmeta/>", 12));
        release(&out);
        out = decode_with(data, size, (smalti__decode_options){.max_metadata = ICC_BYTES - 1}, 4);
        CHECK_OK(out.result, out.error);
        CHECK(!out.metadata.icc.data && !out.metadata.exif.data && !out.metadata.xmp.data);
        CHECK_HAS(out.warning, "ICC profile of 200000 bytes dropped");
        release(&out);
        free(data);
    }
    free(profile);
}

static uint8_t *find(uint8_t *data, size_t size, const void *bytes, size_t count)
{
    uint8_t *found = memmem(data, size, bytes, count);
    if (!found)
        TEST_FAIL("the test's input lacks what it should have");
    return found;
}

TEST("a profile whose segments do not fit together is dropped with a warning")
{
    uint8_t *profile = make_profile(3000, "RGB ");
    jpeg_spec spec = {.width = 8, .height = 8, .components = 3, .icc = profile, .icc_size = 3000, .icc_part = 1000};
    /* of the second segment: which byte behind the identifier, and its value */
    static const uint8_t spoils[][2] = {{0, 0}, {0, 1}, {0, 3}, {0, 4}, {1, 2}, {1, 4}, {1, 0}};
    for (size_t i = 0; i < SMALTI__COUNT(spoils); i++) {
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        find(data, size, "ICC_PROFILE\0\2", 13)[12 + spoils[i][0]] = spoils[i][1];
        decoded out = decode(data, size, false);
        CHECK_OK(out.result, out.error);
        CHECK(!out.metadata.icc.data);
        CHECK_INT(out.info.icc_bytes, 0);
        CHECK_HAS(out.warning, "segments do not fit together");
        release(&out);
        free(data);
    }
    free(profile);
}

TEST("a profile of CMYK is dropped, for the pixels become RGB")
{
    uint8_t *profile = make_profile(500, "CMYK");
    jpeg_spec spec = {.width = 8, .height = 8, .components = 4, .icc = profile, .icc_size = 500};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    decoded out = decode(data, size, false);
    CHECK_OK(out.result, out.error);
    CHECK(!out.metadata.icc.data);
    CHECK_HAS(out.warning, "ICC profile of CMYK dropped");
    release(&out);
    free(data);
    free(profile);
}

TEST("a file cut at any sixteenth is an error, and keeps its first rows when lenient")
{
    jpeg_spec spec = {.width = 200, .height = 320, .components = 3, .h = 2, .v = 2};
    for (int kind = 0; kind < 4; kind++) {
        spec.progressive = kind == 1;
        spec.separate = kind == 2;
        spec.restart_rows = kind == 3;
        size_t size;
        uint32_t width, height;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        uint8_t *reference = reference_pixels(data, size, &width, &height);
        for (size_t k = 0; k < 16; k++) {
            decoded out = decode(data, size * k / 16, false);
            CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
            CHECK_INT(out.error.offset, size * k / 16);
            release(&out);
            out = decode(data, size * k / 16, true);
            if (k == 0) {
                CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
            } else {
                CHECK_OK(out.result, out.error);
                CHECK_INT(out.rows, height);
                CHECK_INT(out.warnings > 0, 1);
                /* coded bytes spread evenly over the rows of a single scan */
                size_t kept = kind == 1 || kind == 2 || k < 4 ? 0 : (k - 3) * height / 16;
                CHECK(!memcmp(out.pixels, reference, kept * width * 3));
                CHECK(memcmp(out.pixels, reference, (size_t)height * width * 3));
            }
            release(&out);
        }
        free(reference);
        free(data);
    }
}

TEST("a missing end marker is an error, and a warning when lenient; bytes behind it are no matter")
{
    for (int kind = 0; kind < 2; kind++) {
        jpeg_spec spec = {.width = 60, .height = 60, .components = 3, .progressive = kind};
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        decoded out = decode(data, size - 2, false);
        CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
        release(&out);
        out = decode(data, size - 2, true);
        CHECK_INT(out.warnings, 1);
        CHECK_HAS(out.warning, "without an end marker");
        out.warnings = 0;
        check_same_pixels(&out, data, size);
        release(&out);

        uint8_t *longer = calloc(1, size + 1000);
        memcpy(longer, data, size);
        memset(longer + size + 500, 0xff, 500);
        out = decode(longer, size + 1000, false);
        check_same_pixels(&out, data, size);
        release(&out);
        free(longer);
        free(data);
    }
}

/* Spoils a copy, which must then be an error by default and a warning when lenient. */
static void check_damage(const jpeg_spec *spec, void (*spoil)(uint8_t *data, size_t size), const char *message)
{
    size_t size;
    uint8_t *data = make_jpeg(spec, NULL, &size);
    spoil(data, size);
    decoded out = decode(data, size, false);
    if (out.result != SMALTI_E_FORMAT)
        TEST_FAIL("%d, not \"%s\": %s", out.result, message, out.error.message);
    CHECK_HAS(out.error.message, "test.jpg: ");
    CHECK_HAS(out.error.message, message);
    CHECK_INT(out.error.offset < size, 1);
    release(&out);
    out = decode(data, size, true);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.rows, spec->height);
    CHECK_INT(out.warnings > 0, 1);
    release(&out);
    free(data);
}

/* Bits of ones are no Huffman code. libjpeg says so only in the last few KiB of a sequential file, where its fast path, which
 * takes such a code as zero, no longer goes. */
static void spoil_codes(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < 12; i++)
        data[size - 1500 + i] = i % 2 ? 0 : 0xff;
}
static void spoil_first_codes(uint8_t *data, size_t size)
{
    uint8_t *scan = find(data, size, "\xff\xda", 2);
    for (size_t i = 0; i < 12; i++)
        scan[200 + i] = i % 2 ? 0 : 0xff;
}
static void spoil_restart(uint8_t *data, size_t size)
{
    find(data, size, "\xff\xd2", 2)[1] = 0xd7;
}
static void end_early(uint8_t *data, size_t size)
{
    memcpy(data + size * 3 / 4, "\xff\xd9", 2);
}
static void spoil_padding(uint8_t *data, size_t size)
{
    /* the last bytes of the pixels become a marker segment's worth of zeros in front of the end marker */
    memset(data + size - 42, 0, 40);
}
static void add_unknown_marker(uint8_t *data, size_t size)
{
    memcpy(data + size * 3 / 4, "\xff\x02", 2);
}

TEST("damaged coded data is an error with its offset, and a warning when lenient")
{
    jpeg_spec baseline = {.width = 200, .height = 200, .components = 3, .h = 2, .v = 2};
    jpeg_spec restarts = baseline, progressive = baseline, gray = {.width = 200, .height = 200, .components = 1};
    restarts.restart_rows = 1;
    progressive.progressive = true;
    check_damage(&baseline, spoil_codes, "bad Huffman code");
    check_damage(&progressive, spoil_first_codes, "bad Huffman code");
    check_damage(&restarts, spoil_restart, "corrupt JPEG data");
    check_damage(&baseline, end_early, "premature end");
    check_damage(&gray, end_early, "premature end");
    check_damage(&gray, spoil_padding, "corrupt JPEG data");
    check_damage(&baseline, add_unknown_marker, "");
    check_damage(&progressive, add_unknown_marker, "");
}

TEST("what is not a JPEG file, or only its beginning, is an error")
{
    decoded out = decode((const uint8_t *)"", 0, false);
    CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
    CHECK(!smalti__decoder_jpeg.probe((const uint8_t *)"\x89PNG\r\n\x1a\n", 8));
    CHECK(!smalti__decoder_jpeg.probe((const uint8_t *)"\xff\xd8", 2));
    CHECK(smalti__decoder_jpeg.probe((const uint8_t *)"\xff\xd8\xff", 3));
    static const struct {
        const char *bytes;
        size_t size;
        smalti_result result;
    } cases[] = {{"\xff\xd8\xff", 3, SMALTI_E_FORMAT_TRUNCATED},
                 {"\xff\xd8\xff\xd9", 4, SMALTI_E_FORMAT},
                 {"\xff\xd8\xff\xd8", 4, SMALTI_E_FORMAT},
                 {"\xff\xd8\xff\xe0\0\1", 6, SMALTI_E_FORMAT},
                 {"\xff\xd8\xff\xe0\xff\xff", 6, SMALTI_E_FORMAT_TRUNCATED},
                 {"\xff\xd8\xff\xda\0\x8\1\1\0\0\x3f\0", 12, SMALTI_E_FORMAT},
                 {"\xff\xd8\xff\xc0\0\x0b\x0c\0\1\0\1\1\1\x11\0", 15, SMALTI_E_UNSUPPORTED}, /* 12 bits */
                 {"\xff\xd8\xff\xc3\0\x0b\x08\0\1\0\1\1\1\x11\0", 15, SMALTI_E_UNSUPPORTED}, /* lossless */
                 {"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\1\1\1\x11\0", 15, SMALTI_E_UNSUPPORTED}, /* height to come */
                 {"\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\0\1\1\x11\0", 15, SMALTI_E_FORMAT}, /* no width */
                 {"\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x51\0", 15, SMALTI_E_FORMAT}, /* sampling */
                 {"\xff\xd8\xff\xc0\0\x0b\x08\0\1\0\1\3\1\x11\0", 15, SMALTI_E_FORMAT}}; /* too short */
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        out = decode((const uint8_t *)cases[i].bytes, cases[i].size, false);
        if (out.result != cases[i].result)
            TEST_FAIL("case %zu gives %d: %s", i, out.result, out.error.message);
        CHECK_HAS(out.error.message, "test.jpg: ");
    }
}

/* Writes another size into the frame header. */
static void resize_header(uint8_t *data, size_t size, bool progressive, uint32_t width, uint32_t height)
{
    uint8_t *frame = find(data, size, progressive ? "\xff\xc2\0" : "\xff\xc0\0", 3);
    frame[5] = (uint8_t)(height >> 8), frame[6] = (uint8_t)height;
    frame[7] = (uint8_t)(width >> 8), frame[8] = (uint8_t)width;
}

TEST("a huge image in a tiny file is refused without memory for it")
{
    for (int progressive = 0; progressive < 2; progressive++) {
        jpeg_spec spec = {.width = 16, .height = 16, .components = 3, .progressive = progressive};
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        resize_header(data, size, progressive, 65500, 65500);
        decoded out = decode_with(data, size, (smalti__decode_options){.max_pixels = 100000000}, 1);
        CHECK_INT(out.result, SMALTI_E_LIMIT_PIXELS);
        release(&out);

        struct mallinfo2 before = mallinfo2();
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti__source_open_memory(&source, data, size, "test.jpg");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){0}, &decoder, &error), error);
        /* what it would take is known in advance: coefficients of two bytes each, or rows */
        uint64_t coefficients = 65504ull * 65504 * 3 * 2;
        CHECK_INT(progressive ? decoder->work_bytes > coefficients : decoder->work_bytes < 16 << 20, 1);
        CHECK_INT(smalti__decoder_start(decoder, &error), SMALTI_E_FORMAT_TRUNCATED);
        struct mallinfo2 after = mallinfo2();
        CHECK_INT(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + (64 << 10), 1);
        smalti__decoder_close(decoder);

        resize_header(data, size, progressive, 65501, 10);
        out = decode(data, size, false);
        CHECK_INT(out.result, SMALTI_E_UNSUPPORTED);
        release(&out);
        free(data);
    }
}

TEST("a decoder takes no more memory than it says")
{
    static const jpeg_spec specs[] = {
        {.width = 16, .height = 16, .components = 1},
        {.width = 3000, .height = 100, .components = 1, .progressive = true},
        {.width = 3000, .height = 100, .components = 3, .h = 2, .v = 2},
        {.width = 3001, .height = 100, .components = 3, .h = 4, .v = 2},
        {.width = 3001, .height = 111, .components = 3, .h = 2, .v = 2, .progressive = true},
        {.width = 1001, .height = 500, .components = 3, .h = 2, .separate = true},
        {.width = 3001, .height = 20, .components = 4, .h = 2, .v = 2},
    };
    for (size_t i = 0; i < SMALTI__COUNT(specs); i++) {
        size_t size;
        uint8_t *data = make_jpeg(&specs[i], NULL, &size), *row = malloc(specs[i].width * 3);
        smalti__source source;
        smalti__decoder *decoder;
        smalti_error error;
        smalti__source_open_memory(&source, data, size, "test.jpg");
        CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){0}, &decoder, &error), error);
        struct mallinfo2 before = mallinfo2();
        CHECK_OK(smalti__decoder_start(decoder, &error), error);
        CHECK_OK(smalti__decoder_read(decoder, row, specs[i].width * 3, 1, &error), error);
        struct mallinfo2 after = mallinfo2();
        size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        if (taken > decoder->work_bytes)
            TEST_FAIL("case %zu takes %zu bytes, not %zu", i, taken, decoder->work_bytes);
        smalti__decoder_close(decoder);
        free(row);
        free(data);
    }
}

TEST("a progressive file of a thousand scans is refused")
{
    jpeg_spec spec = {.width = 16, .height = 16, .components = 1, .two_scans = true};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    /* the second scan: from the Huffman table behind the first one's data to the end marker */
    uint8_t *first = find(data, size, "\xff\xda", 2);
    uint8_t *second = find(first, size - (size_t)(first - data), "\xff\xc4", 2);
    size_t head = (size_t)(second - data), scan = size - 2 - head;
    for (size_t scans = 90; scans <= 1000; scans += 910) {
        uint8_t *many = malloc(head + scans * scan + 2);
        memcpy(many, data, head);
        for (size_t i = 0; i < scans; i++)
            memcpy(many + head + i * scan, second, scan);
        memcpy(many + head + scans * scan, "\xff\xd9", 2);
        for (int lenient = 0; lenient < 2; lenient++) {
            decoded out = decode(many, head + scans * scan + 2, lenient);
            CHECK_INT(out.result, scans == 90 ? SMALTI_OK : SMALTI_E_LIMIT);
            release(&out);
        }
        free(many);
    }
    free(data);
}

TEST("a component whose data is missing is an error, and a warning when lenient")
{
    jpeg_spec spec = {.width = 40, .height = 40, .components = 3, .separate = true};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    /* cut off the scan of the last component: its header names component 3 */
    uint8_t *last = find(data, size, "\xff\xda\0\x08\1\3", 6);
    size_t cut = (size_t)(last - data);
    memcpy(last, "\xff\xd9", 2);
    decoded out = decode(data, cut + 2, false);
    CHECK_INT(out.result, SMALTI_E_FORMAT);
    CHECK_HAS(out.error.message, "no data for component 3");
    release(&out);
    out = decode(data, cut + 2, true);
    CHECK_OK(out.result, out.error);
    CHECK_HAS(out.warning, "no data for component 3");
    release(&out);
    free(data);
}

TEST("two thousand mutated files give all their rows or an error")
{
    static const jpeg_spec specs[] = {{.width = 50, .height = 40, .components = 3, .h = 2, .v = 2},
                                      {.width = 50, .height = 40, .components = 3, .h = 2, .progressive = true},
                                      {.width = 50, .height = 40, .components = 3, .v = 2, .restart_rows = 1},
                                      {.width = 50, .height = 40, .components = 4, .stored = JCS_YCCK},
                                      {.width = 50, .height = 40, .components = 3, .arithmetic = true}};
    uint32_t random = 12345, succeeded = 0, failed = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        size_t size;
        uint8_t *data = make_jpeg(&specs[i % SMALTI__COUNT(specs)], NULL, &size);
        for (uint32_t n = 0; n <= i % 4; n++) {
            random = random * 1664525 + 1013904223;
            /* one in two in the headers */
            size_t at = (random >> 8) % (random >> 31 ? size : size < 700 ? size : 700);
            data[at] = (uint8_t)(random >> 3);
        }
        smalti__decode_options options = {.lenient = i / 5 % 2, .metadata = true, .max_pixels = 1 << 20};
        decoded out = decode_with(data, size, options, 7);
        if (out.result == SMALTI_OK) {
            CHECK_INT(out.rows, out.info.height);
            succeeded++;
        } else {
            CHECK_INT(out.error.code, out.result);
            CHECK_HAS(out.error.message, out.result == SMALTI_E_FORMAT_UNKNOWN ? "" : "test.jpg: ");
            failed++;
        }
        release(&out);
        free(data);
    }
    CHECK_INT(succeeded > 200 && failed > 200, 1);
}
