/* SPDX-License-Identifier: Apache-2.0
 * The PNG decoder against files made bit by bit: every kind of pixel, metadata, memory. */
#include "png_make.h"

static const uint8_t kinds[15][2] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                                     {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};

static void check_spec(const png_spec *spec, smalti__pool *pool, uint32_t group)
{
    png_made made = make_png(spec);
    decoded out = decode(&made.file, (smalti__decode_options){.pool = pool}, group);
    bool same = out.result == SMALTI_OK && out.info.channels == made.channels && out.pixels.size == made.pixels.size &&
                !memcmp(out.pixels.data, made.pixels.data, made.pixels.size) && !out.warnings;
    char why[600];
    snprintf(why, sizeof why, "%ux%u color %u depth %u%s%s filter %d in groups of %u: %.200s %.200s", spec->width,
             spec->height, spec->color, spec->depth, spec->interlaced ? " interlaced" : "",
             spec->transparent ? " transparent" : "", spec->filter, group,
             out.result ? out.error.message : "wrong pixels", out.warned);
    free_made(&made);
    free_decoded(&out);
    if (!same)
        TEST_FAIL("%s", why);
}

static void check_kinds(uint32_t cpu_mask)
{
    static const uint32_t sizes[][2] = {{1, 1}, {2, 3}, {5, 4}, {9, 17}, {33, 8}, {70, 11}};
    smalti__pool pool = {0};
    smalti__png_filters_allow(cpu_mask);
    for (size_t kind = 0; kind < 15; kind++)
        for (size_t size = 0; size < SMALTI__COUNT(sizes); size++)
            for (int variant = 0; variant < 4; variant++)
                for (int filter = 0; filter < 6; filter++) {
                    png_spec spec = {sizes[size][0], sizes[size][1],      kinds[kind][0],
                                     kinds[kind][1], variant & 1,         variant & 2,
                                     filter,         filter == 5 ? 7 : 0, (uint32_t)(size + 1)};
                    if (spec.transparent && (spec.color == 4 || spec.color == 6))
                        continue;
                    check_spec(&spec, &pool, 1 + (uint32_t)filter * 2);
                }
    smalti__png_filters_allow(UINT32_MAX);
    smalti__pool_trim(&pool, 0);
}

TEST("every color type, depth, interlacing, filter and transparency gives the pixels of the reference")
{
    check_kinds(UINT32_MAX);
}

TEST("plain C and SSE4.1 give the same pixels")
{
    check_kinds(0);
    check_kinds(SMALTI__CPU_SSE4);
}

TEST("an image larger than all buffers is the same for every group of rows")
{
    static const uint32_t groups[] = {1, 2, 7, 64, 1000};
    for (size_t kind = 0; kind < 15; kind += 2)
        for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
            png_spec spec = {301, 400, kinds[kind][0], kinds[kind][1], i == 3, false, 5, 1000, 9};
            check_spec(&spec, NULL, groups[i]);
        }
}

TEST("rows wider than the buffer decode")
{
    png_spec spec = {40000, 5, 2, 8, false, false, 4, 0, 3};
    check_spec(&spec, NULL, 2);
    spec.color = 6, spec.depth = 16, spec.interlaced = true;
    check_spec(&spec, NULL, 2);
}

TEST("what is said about a file is right")
{
    png_spec spec = {20, 10, 3, 4, true, true, 0, 0, 1};
    png_made made = make_png(&spec);
    decoded out = decode(&made.file, (smalti__decode_options){.head_only = true}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_STR(out.info.format, "png");
    CHECK_STR(out.info.color, "palette");
    CHECK_INT(out.info.bit_depth, 4);
    CHECK_INT(out.info.channels, 4);
    CHECK(out.info.has_alpha);
    CHECK_INT(out.info.sample, SMALTI_SAMPLE_U8);
    CHECK(out.info.interlaced);
    CHECK_INT(out.info.orientation, 1);
    CHECK_INT(out.info.file_bytes, made.file.size);
    CHECK_INT(out.info.decoded_bytes, 20 * 10 * 4);
    free_decoded(&out);
    free_made(&made);
}

TEST("memory stays within what the head announces, and a second image takes none from the system")
{
    for (size_t kind = 0; kind < 15; kind++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            smalti__pool pool = {0};
            png_spec spec = {200, 50, kinds[kind][0], kinds[kind][1], interlaced, false, 5, 0, 1};
            png_made made = make_png(&spec);
            smalti__source source = {0};
            smalti__decode_options options = {.pool = &pool};
            smalti__decoder *decoder = NULL;
            smalti_error error;
            smalti__source_open_memory(&source, made.file.data, made.file.size, "test.png");
            CHECK_OK(smalti__decoder_open(&source, &options, &decoder, &error), error);
            CHECK_INT(pool.peak_used_bytes, 0);
            decoded out = {0};
            CHECK_OK(smalti__decoder_start(decoder, &error), error);
            CHECK_OK(read_all(decoder, 8, &out), out.error);
            CHECK(pool.peak_used_bytes <= decoder->work_bytes);
            CHECK(decoder->work_bytes <= pool.peak_used_bytes + 4096);
            smalti__decoder_close(decoder);
            smalti__source_close(&source);
            free_decoded(&out);
            CHECK_INT(pool.used_bytes, 0);
            uint64_t allocations = pool.allocations;
            out = decode(&made.file, options, 8);
            CHECK_OK(out.result, out.error);
            CHECK_INT(pool.allocations, allocations);
            free_decoded(&out);
            free_made(&made);
            smalti__pool_trim(&pool, 0);
        }
}

/* A PNG of 3 × 2 with chunks in front of and behind its pixels. */
static bytes with_chunks(const bytes *front, const bytes *behind)
{
    png_spec spec = {3, 2, 2, 8, false, false, 1, 0, 1};
    bytes file = {0}, stream = image_stream(&spec);
    put_head(&spec, &file);
    put(&file, front->data, front->size);
    put_idats(&spec, &stream, &file);
    put(&file, behind->data, behind->size);
    put_chunk(&file, "IEND", NULL, 0);
    free(stream.data);
    return file;
}

static const char exif_block[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
static const char xmp_head[] = "XML:com.adobe.xmp\0\0\0en\0title";
static const char xmp_text[] = "<x:xmpmeta/>";

static bytes icc_profile(size_t size)
{
    bytes icc = {0};
    for (size_t i = 0; i < size; i++)
        put_u8(&icc, (unsigned)(i * i >> 3) & 255);
    memcpy(icc.data + 36, "acsp", 4);
    return icc;
}

static void put_icc(bytes *out, const bytes *icc)
{
    bytes packed = deflated(icc->data, icc->size), chunk = {0};
    put(&chunk, "name\0", 6);
    put(&chunk, packed.data, packed.size);
    put_chunk(out, "iCCP", chunk.data, chunk.size);
    free(packed.data);
    free(chunk.data);
}

static void put_xmp(bytes *out, bool compressed)
{
    bytes chunk = {0}, packed = deflated(xmp_text, strlen(xmp_text));
    put(&chunk, xmp_head, sizeof xmp_head);
    chunk.data[18] = compressed;
    put(&chunk, compressed ? (const char *)packed.data : xmp_text, compressed ? packed.size : strlen(xmp_text));
    put_chunk(out, "iTXt", chunk.data, chunk.size);
    free(chunk.data);
    free(packed.data);
}

static void check_metadata(const bytes *file, const bytes *icc, const char *what)
{
    decoded out = decode(file, (smalti__decode_options){.metadata = true}, 1);
    bool right = out.result == SMALTI_OK && out.icc.size == icc->size && !memcmp(out.icc.data, icc->data, icc->size) &&
                 out.exif.size == sizeof exif_block - 1 && !memcmp(out.exif.data, exif_block, sizeof exif_block - 1) &&
                 out.xmp.size == strlen(xmp_text) && !memcmp(out.xmp.data, xmp_text, strlen(xmp_text)) &&
                 out.info.orientation == 6 && !out.warnings;
    decoded without = decode(file, (smalti__decode_options){0}, 1);
    right = right && without.icc.size == icc->size && !without.exif.size && !without.xmp.size &&
            without.info.orientation == 6;
    free_decoded(&out);
    free_decoded(&without);
    if (!right)
        TEST_FAIL("%s: %s", what, out.error.message);
}

TEST("ICC profile, EXIF and XMP are found in front of and behind the pixels")
{
    bytes icc = icc_profile(70000), front = {0}, behind = {0};
    put_icc(&front, &icc);
    put_chunk(&behind, "eXIf", exif_block, sizeof exif_block - 1);
    put_xmp(&behind, false);
    bytes file = with_chunks(&front, &behind);
    check_metadata(&file, &icc, "behind");
    free(file.data);
    put_chunk(&front, "eXIf", exif_block, sizeof exif_block - 1);
    put_xmp(&front, true);
    behind.size = 0;
    file = with_chunks(&front, &behind);
    check_metadata(&file, &icc, "in front, compressed");
    free(file.data);
    free(front.data);
    free(behind.data);
    free(icc.data);
}

TEST("metadata that is too large or malformed is dropped with a warning, the pixels are there")
{
    bytes icc = icc_profile(70000), front = {0}, none = {0};
    put_icc(&front, &icc);
    put_chunk(&front, "eXIf", exif_block, sizeof exif_block - 1);
    put_xmp(&front, true);
    bytes file = with_chunks(&front, &none);
    decoded out = decode(&file, (smalti__decode_options){.metadata = true, .max_metadata = 10}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.warnings, 3);
    CHECK_INT(out.icc.size + out.exif.size + out.xmp.size, 0);
    free_decoded(&out);
    free(file.data);

    front.size = 0;
    put_chunk(&front, "iCCP", "name\0\0not a zlib stream", 23);
    file = with_chunks(&front, &none);
    out = decode(&file, (smalti__decode_options){.metadata = true}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.warnings, 1);
    CHECK_INT(out.pixels.size, 3 * 2 * 3);
    free_decoded(&out);
    free(file.data);

    front.size = 0;
    put_chunk(&front, "iCCP", "no end of the name", 18);
    put_chunk(&front, "iTXt", "XML:com.adobe.xmp\0\0\0no end", 26);
    put_chunk(&front, "eXIf", NULL, 0);
    file = with_chunks(&front, &none);
    out = decode(&file, (smalti__decode_options){.metadata = true}, 1);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.warnings, 2);
    CHECK_INT(out.icc.size + out.exif.size + out.xmp.size, 0);
    free_decoded(&out);
    free(file.data);
    free(front.data);
    free(icc.data);
}
