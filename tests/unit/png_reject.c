/* SPDX-License-Identifier: Apache-2.0
 * Damaged and hostile PNG files: each ends as its own error, and a lenient decoder keeps what can be had. */
#include "png_make.h"

static const smalti__decode_options strict = {0}, lenient = {.lenient = true, .metadata = true};

static const png_spec rgb = {60, 40, 2, 8, false, false, 5, 700, 4};

static void expect(const bytes *file, smalti_result code, const char *part)
{
    decoded out = decode(file, strict, 7);
    smalti_error error = out.error;
    smalti_result result = out.result;
    free_decoded(&out);
    if (result != code || (code && !strstr(error.message, part)))
        TEST_FAIL("%d (%s) instead of %d (%s)", result, error.message, code, part);
    if (code)
        CHECK_INT(error.code, code);
}

TEST("an empty file, a wrong signature and a bare signature are told apart")
{
    png_made made = make_png(&rgb);
    bytes empty = {0}, cut = {made.file.data, 8, 0};
    expect(&empty, SMALTI_E_FORMAT_TRUNCATED, "test.png: ");
    expect(&cut, SMALTI_E_FORMAT_TRUNCATED, "at byte 8");
    for (int i = 0; i < 8; i++) {
        made.file.data[i] ^= 0x20;
        expect(&made.file, SMALTI_E_FORMAT_UNKNOWN, "test.png: ");
        made.file.data[i] ^= 0x20;
    }
    expect(&made.file, SMALTI_OK, "");
    free_made(&made);
}

/* Whole rows of the lenient result are right up to some row, and zero from there. */
static uint32_t good_rows(const png_made *made, const decoded *out, uint32_t height)
{
    size_t size = made->pixels.size / height;
    uint32_t good = 0;
    while (good < height && !memcmp(out->pixels.data + good * size, made->pixels.data + good * size, size))
        good++;
    for (size_t i = good * size; i < out->pixels.size; i++)
        if (out->pixels.data[i])
            return UINT32_MAX;
    return good;
}

TEST("a file cut at every 1/16th is an error, and lenient gives the rows in front of the cut")
{
    png_made made = make_png(&rgb);
    uint32_t before = 0;
    for (size_t i = 1; i < 16; i++) {
        bytes cut = {made.file.data, made.file.size * i / 16, 0};
        expect(&cut, SMALTI_E_FORMAT_TRUNCATED, "at byte");
        decoded out = decode(&cut, lenient, 7);
        CHECK_OK(out.result, out.error);
        CHECK(out.warnings > 0);
        uint32_t good = good_rows(&made, &out, rgb.height);
        CHECK(good >= before && good < rgb.height);
        char said[60];
        snprintf(said, sizeof said, "%u of %u rows are missing", rgb.height - good, rgb.height);
        CHECK_HAS(out.warned, said);
        before = good;
        free_decoded(&out);
    }
    CHECK(before > rgb.height / 2);
    free_made(&made);
}

TEST("a file cut at any byte is an error")
{
    png_spec spec = {9, 7, 3, 4, false, true, 5, 20, 1};
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        spec.interlaced = interlaced;
        png_made made = make_png(&spec);
        for (size_t size = 8; size < made.file.size; size++) {
            bytes cut = {made.file.data, size, 0};
            expect(&cut, SMALTI_E_FORMAT_TRUNCATED, "");
            decoded out = decode(&cut, lenient, 3);
            CHECK(out.result == SMALTI_OK || out.result == SMALTI_E_FORMAT_TRUNCATED);
            CHECK(out.result < 0 || out.warnings);
            free_decoded(&out);
        }
        free_made(&made);
    }
}

TEST("a cut interlaced image has zeros for the pixels of the passes that are missing")
{
    png_spec spec = rgb;
    spec.interlaced = true;
    png_made made = make_png(&spec);
    bytes cut = {made.file.data, made.file.size / 2, 0};
    decoded out = decode(&cut, lenient, 7);
    CHECK_OK(out.result, out.error);
    CHECK_HAS(out.warned, "interlace pass");
    CHECK(!memcmp(out.pixels.data, made.pixels.data, 3)); /* the first pixel is in the first pass */
    for (size_t row = 1; row < spec.height; row += 2) /* every second row is in the last */
        for (size_t i = 0; i < spec.width * 3; i++)
            CHECK_INT(out.pixels.data[row * spec.width * 3 + i], 0);
    free_decoded(&out);
    free_made(&made);
}

/* The offset of the nth chunk of the type. */
static size_t find_chunk(const bytes *file, const char *type, int nth)
{
    for (size_t at = 8; at + 12 <= file->size; at += 12 + smalti__be32(file->data + at))
        if (!memcmp(file->data + at + 4, type, 4) && !nth--)
            return at;
    TEST_FAIL("no %s chunk", type);
}

/* One chunk of every kind that is looked at. */
static bytes rich_file(png_made *made)
{
    static const png_spec spec = {60, 40, 3, 8, false, true, 5, 700, 4};
    *made = make_png(&spec);
    bytes file = {0}, stream = image_stream(&spec);
    put_head(&spec, &file);
    put_chunk(&file, "tEXt", "Title\0x", 7);
    put_chunk(&file, "iCCP", "name\0\0no zlib stream", 20);
    put_colors(&spec, &file);
    put_chunk(&file, "eXIf", "II*\0\x08\0\0\0\0\0", 10);
    put_chunk(&file, "iTXt", "XML:com.adobe.xmp\0\0\0\0\0<x/>", 26);
    put_idats(&spec, &stream, &file);
    put_chunk(&file, "tIME", "\x07\xE4\x01\x01\x01\x01\x01", 7);
    put_chunk(&file, "IEND", NULL, 0);
    free(stream.data);
    return file;
}

TEST("a wrong CRC is an error in every kind of chunk, and a warning when lenient")
{
    static const char *const types[] = {"IHDR", "tEXt", "iCCP", "PLTE", "tRNS", "eXIf", "iTXt", "IDAT", "tIME", "IEND"};
    png_made made;
    bytes file = rich_file(&made);
    for (size_t i = 0; i < SMALTI__COUNT(types); i++) {
        size_t at = find_chunk(&file, types[i], i == 7 ? 3 : 0), crc = at + 8 + smalti__be32(file.data + at);
        char said[60];
        snprintf(said, sizeof said, "test.png: bad CRC in %s at byte %zu", types[i], at);
        file.data[crc + i % 4] ^= 0x40;
        expect(&file, SMALTI_E_FORMAT_CHECKSUM, said);
        decoded out = decode(&file, lenient, 7);
        CHECK_OK(out.result, out.error);
        CHECK_HAS(out.warned, said + strlen("test.png: "));
        CHECK(out.pixels.size == made.pixels.size && !memcmp(out.pixels.data, made.pixels.data, made.pixels.size));
        free_decoded(&out);
        file.data[crc + i % 4] ^= 0x40;
    }
    expect(&file, SMALTI_OK, "");
    free(file.data);
    free_made(&made);
}

TEST("damaged pixels are reported as the damaged chunk they are in")
{
    png_made made = make_png(&rgb);
    size_t at = find_chunk(&made.file, "IDAT", 3);
    for (size_t i = 0; i < smalti__be32(made.file.data + at); i += 37) {
        char said[40];
        snprintf(said, sizeof said, "bad CRC in IDAT at byte %zu", at);
        made.file.data[at + 8 + i] ^= 0x55;
        expect(&made.file, SMALTI_E_FORMAT_CHECKSUM, said);
        decoded out = decode(&made.file, lenient, 7);
        CHECK_OK(out.result, out.error);
        CHECK_HAS(out.warned, said);
        CHECK_INT(out.pixels.size, made.pixels.size);
        free_decoded(&out);
        made.file.data[at + 8 + i] ^= 0x55;
    }
    free_made(&made);
}

/* An image of the spec around another zlib stream. */
static bytes with_stream(const png_spec *spec, const bytes *stream)
{
    bytes file = {0};
    put_head(spec, &file);
    put_colors(spec, &file);
    put_idats(spec, stream, &file);
    put_chunk(&file, "IEND", NULL, 0);
    return file;
}

TEST("a wrong Adler-32 is an error, and a warning when lenient")
{
    png_made made = make_png(&rgb);
    bytes stream = image_stream(&rgb);
    stream.data[stream.size - 1] ^= 1;
    bytes file = with_stream(&rgb, &stream);
    expect(&file, SMALTI_E_FORMAT_CHECKSUM, "Adler-32");
    decoded out = decode(&file, lenient, 7);
    CHECK_OK(out.result, out.error);
    CHECK_HAS(out.warned, "Adler-32");
    CHECK(!memcmp(out.pixels.data, made.pixels.data, made.pixels.size));
    free_decoded(&out);
    free(file.data);
    free(stream.data);
    free_made(&made);
}

TEST("compressed data that is malformed, too short, too long or followed by more is noticed")
{
    bytes stream = image_stream(&rgb);
    uint8_t kept = stream.data[0];
    stream.data[0] = 0x79; /* no deflate */
    bytes file = with_stream(&rgb, &stream);
    expect(&file, SMALTI_E_FORMAT, "bad compressed data in IDAT");
    free(file.data);
    stream.data[0] = kept;

    bytes shorter = {stream.data, stream.size - 4, 0}; /* all pixels, but no checksum */
    file = with_stream(&rgb, &shorter);
    expect(&file, SMALTI_E_FORMAT_TRUNCATED, "no end");
    free(file.data);
    free(stream.data);

    bytes raw = {0};
    put_pass(&rgb, 1, &raw);
    bytes few = deflated(raw.data, raw.size - 1);
    file = with_stream(&rgb, &few);
    expect(&file, SMALTI_E_FORMAT_TRUNCATED, "the pixel data ends early");
    free(file.data);
    free(few.data);

    put(&raw, "more", 4);
    bytes many = deflated(raw.data, raw.size);
    file = with_stream(&rgb, &many);
    decoded out = decode(&file, strict, 7);
    CHECK_OK(out.result, out.error);
    CHECK_STR(out.warned, "more pixel data than the image needs\n");
    free_decoded(&out);
    free(file.data);
    free(many.data);

    bytes exact = deflated(raw.data, raw.size - 4);
    put(&exact, "behind", 6);
    file = with_stream(&rgb, &exact);
    out = decode(&file, strict, 7);
    CHECK_OK(out.result, out.error);
    CHECK_STR(out.warned, "data behind the end of the compressed pixels is ignored\n");
    free_decoded(&out);
    free(file.data);
    free(exact.data);
    free(raw.data);
}

TEST("an unknown row filter is an error, and no filter when lenient")
{
    png_spec spec = {10, 2, 0, 8, false, false, 0, 0, 1};
    bytes raw = {0};
    put_pass(&spec, 1, &raw);
    raw.data[11] = 5;
    bytes stream = deflated(raw.data, raw.size), file = with_stream(&spec, &stream);
    png_made made = make_png(&spec);
    expect(&file, SMALTI_E_FORMAT, "unknown row filter 5");
    decoded out = decode(&file, lenient, 7);
    CHECK_OK(out.result, out.error);
    CHECK(!memcmp(out.pixels.data, made.pixels.data, made.pixels.size));
    free_decoded(&out);
    free(file.data);
    free(stream.data);
    free(raw.data);
    free_made(&made);
}

static bytes head_only(uint32_t width, uint32_t height, uint32_t color, uint32_t depth, bool interlaced)
{
    png_spec spec = {width, height, color, depth, interlaced, false, 0, 0, 1};
    bytes file = {0}, nothing = deflated("", 0);
    put_head(&spec, &file);
    put_chunk(&file, "IDAT", nothing.data, nothing.size);
    put_chunk(&file, "IEND", NULL, 0);
    free(nothing.data);
    return file;
}

TEST("huge dimensions in a tiny file take no memory")
{
    static const uint32_t sizes[][2] = {{INT32_MAX, INT32_MAX}, {INT32_MAX, 1}, {100000, 100000}, {1, INT32_MAX}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (int variant = 0; variant < 4; variant++) {
            if (variant == 2 && sizes[i][0] == 1)
                continue; /* two billion rows of a pixel may well be missing, if the caller's limit allows that many */
            smalti__pool pool = {0};
            bytes file = head_only(sizes[i][0], sizes[i][1], 6, 16, variant & 1);
            decoded out = decode(&file, (smalti__decode_options){.pool = &pool, .lenient = variant & 2}, 1);
            CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
            CHECK_INT(pool.allocations, 0);
            free_decoded(&out);
            out = decode(&file, (smalti__decode_options){.max_pixels = 1000}, 1);
            CHECK_INT(out.result, SMALTI_E_LIMIT_PIXELS);
            CHECK_HAS(out.error.message, "the limit of 1000");
            free_decoded(&out);
            out = decode(&file, (smalti__decode_options){.head_only = true}, 1);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.info.width, sizes[i][0]);
            free_decoded(&out);
            free(file.data);
        }
}

TEST("impossible heads are errors")
{
    static const struct {
        uint32_t width, height, color, depth;
    } heads[] = {{0, 1, 0, 8},  {1, 0, 0, 8}, {0x80000000u, 1, 0, 8}, {1, 1, 0, 3}, {1, 1, 1, 8}, {1, 1, 2, 4},
                 {1, 1, 3, 16}, {1, 1, 4, 4}, {1, 1, 5, 8},           {1, 1, 6, 2}, {1, 1, 7, 8}, {1, 1, 0, 0}};
    for (size_t i = 0; i < SMALTI__COUNT(heads); i++) {
        bytes file = head_only(heads[i].width, heads[i].height, heads[i].color, heads[i].depth, false);
        expect(&file, SMALTI_E_FORMAT, "at byte 8");
        free(file.data);
    }
    for (size_t field = 26; field <= 28; field++) {
        bytes file = head_only(1, 1, 0, 8, false);
        file.data[field] = 2;
        smalti__put_be32(file.data + 29, libdeflate_crc32(0, file.data + 12, 17));
        expect(&file, SMALTI_E_FORMAT, "method");
        free(file.data);
    }
}

/* A file of named chunks: "IDAT" and "PLTE" with their right contents, others empty. */
static bytes sequence(uint32_t color, const char *const *types)
{
    png_spec spec = {4, 4, color, 8, false, false, 1, 0, 1};
    bytes file = {0}, stream = image_stream(&spec), palette = {0};
    uint8_t entries[768] = {0};
    put(&palette, entries, sizeof entries);
    put_head(&spec, &file);
    for (; *types; types++) {
        bool idat = !strcmp(*types, "IDAT"), first_half = !strcmp(*types, "half"), plte = !strcmp(*types, "PLTE");
        if (idat || first_half)
            put_chunk(&file, "IDAT", stream.data, first_half ? stream.size / 2 : stream.size);
        else
            put_chunk(&file, *types, plte ? palette.data : NULL, plte ? palette.size : 0);
    }
    free(stream.data);
    free(palette.data);
    return file;
}

TEST("chunks out of order, missing, doubled or unknown are errors, unknown ancillary ones are not")
{
    static const struct {
        uint32_t color;
        const char *types[6];
        smalti_result code;
        const char *part;
    } cases[] = {
        {2, {"IDAT", "IEND"}, SMALTI_OK, ""},
        {2, {"zzZz", "IDAT", "zzZz", "IEND"}, SMALTI_OK, ""},
        {2, {"PLTE", "IDAT", "IEND"}, SMALTI_OK, ""},
        {3, {"PLTE", "IDAT", "IEND"}, SMALTI_OK, ""},
        {3, {"IDAT", "IEND"}, SMALTI_E_FORMAT, "no PLTE chunk"},
        {3, {"IDAT", "PLTE", "IEND"}, SMALTI_E_FORMAT, "no PLTE chunk"},
        {3, {"PLTE", "PLTE", "IDAT", "IEND"}, SMALTI_E_FORMAT, "second PLTE"},
        {0, {"PLTE", "IDAT", "IEND"}, SMALTI_E_FORMAT, "PLTE chunk in a gray image"},
        {2, {"IDAT", "PLTE", "IEND"}, SMALTI_E_FORMAT, "PLTE chunk out of place"},
        {2, {"IHDR", "IDAT", "IEND"}, SMALTI_E_FORMAT, "IHDR chunk out of place"},
        {2, {"IDAT", "tEXt", "IDAT", "IEND"}, SMALTI_E_FORMAT, "IDAT chunk out of place"},
        {2, {"half", "tEXt", "IDAT", "IEND"}, SMALTI_E_FORMAT_TRUNCATED, "the pixel data ends early"},
        {2, {"IEND"}, SMALTI_E_FORMAT, "no pixels"},
        {2, {"IDAT"}, SMALTI_E_FORMAT_TRUNCATED, "before its IEND"},
        {2, {"CRIT", "IDAT", "IEND"}, SMALTI_E_UNSUPPORTED, "unknown critical chunk CRIT"},
        {2, {"IDAT", "CRIT", "IEND"}, SMALTI_E_FORMAT, "CRIT chunk out of place"},
        {2, {"te t", "IDAT", "IEND"}, SMALTI_E_FORMAT, "no chunk where one should be"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        bytes file = sequence(cases[i].color, cases[i].types);
        expect(&file, cases[i].code, cases[i].part);
        free(file.data);
    }
    static const char *const no_head[] = {"IDAT", "IEND", NULL};
    bytes file = sequence(2, no_head);
    memmove(file.data + 8, file.data + 8 + 25, file.size - 8 - 25);
    file.size -= 25;
    expect(&file, SMALTI_E_FORMAT, "no IHDR");
    free(file.data);
}

TEST("a chunk length beyond 2^31 is an error")
{
    static const char *const types[] = {"tEXt", "IDAT", "tEXt", "IEND", NULL};
    for (int nth = 0; nth < 2; nth++) {
        bytes file = sequence(2, types);
        file.data[find_chunk(&file, "tEXt", nth)] = 0x80;
        expect(&file, SMALTI_E_FORMAT, "impossible length");
        free(file.data);
    }
    bytes file = sequence(2, types);
    file.data[find_chunk(&file, "IDAT", 0)] = 0xff;
    expect(&file, SMALTI_E_FORMAT, "impossible length");
    free(file.data);
}

TEST("a palette index without an entry is black and warned of, a wrong tRNS is ignored with a warning")
{
    png_spec spec = {16, 1, 3, 8, false, false, 0, 0, 1};
    uint8_t raw[17] = {0, 0, 1, 2, 3, 200};
    bytes stream = deflated(raw, sizeof raw), file = {0};
    put_head(&spec, &file);
    put_chunk(&file, "PLTE", "\1\2\3\4\5\6\7\x08\x09", 9);
    put_chunk(&file, "tRNS", "\1\2\3\4", 4);
    put_idats(&spec, &stream, &file);
    put_chunk(&file, "IEND", NULL, 0);
    decoded out = decode(&file, strict, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.warnings, 2);
    CHECK_HAS(out.warned, "tRNS chunk");
    CHECK_HAS(out.warned, "beyond the 3 entries");
    CHECK(!memcmp(out.pixels.data, "\1\2\3\4\5\6\7\x08\x09\0\0\0\0\0\0", 15));
    free_decoded(&out);
    free(file.data);
    free(stream.data);
}

TEST("a thousand mutations of a file never crash it, strict or lenient")
{
    static const uint32_t colors[] = {0, 2, 3, 6};
    uint32_t state = 1;
    for (int i = 0; i < 1000; i++) {
        png_spec spec = {24, 16, colors[i % 4], 8, i & 4, i % 4 < 3 && i & 8, 5, 100, (uint32_t)i % 10};
        png_made made = make_png(&spec);
        for (uint32_t flips = next_random(&state) % 4 + 1; flips--;)
            made.file.data[next_random(&state) % made.file.size] = (uint8_t)next_random(&state);
        decoded out = decode(&made.file, (smalti__decode_options){.max_pixels = 100000}, 5);
        CHECK(out.result <= 0);
        free_decoded(&out);
        out = decode(&made.file, (smalti__decode_options){.max_pixels = 100000, .lenient = true, .metadata = true}, 5);
        CHECK(out.result < 0 || out.pixels.size == out.info.decoded_bytes);
        free_decoded(&out);
        free_made(&made);
    }
}
