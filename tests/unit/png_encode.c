/* SPDX-License-Identifier: Apache-2.0
 * The PNG encoder: what it writes is read by a decoder made for the test alone, and does not depend on how rows come. */
#include "png_picture.h"

/* Decodes what the encoder writes, by the specification: chunks checked, one zlib stream, filters undone. */
static bytes reference_decode(const bytes *file, const picture *p)
{
    bytes stream = {0}, rows = {0};
    size_t at = 8, wide = smalti_sample_bytes(p->sample), bpp = p->channels * wide;
    CHECK(file->size > 57 && !memcmp(file->data, "\x89PNG\r\n\x1a\n", 8));
    for (bool end = false; !end; at += 12 + smalti__be32(file->data + at)) {
        const uint8_t *chunk = file->data + at;
        CHECK(at + 12 <= file->size && smalti__be32(chunk) <= file->size - at - 12);
        size_t size = smalti__be32(chunk);
        CHECK_INT(smalti__be32(chunk + 8 + size), libdeflate_crc32(0, chunk + 4, size + 4));
        if (at == 8) {
            static const uint8_t types[] = {0, 0, 4, 2, 6};
            CHECK(size == 13 && !memcmp(chunk + 4, "IHDR", 4));
            CHECK(smalti__be32(chunk + 8) == p->width && smalti__be32(chunk + 12) == p->height);
            CHECK(chunk[16] == wide * 8 && chunk[17] == types[p->channels]);
            CHECK(!chunk[18] && !chunk[19] && !chunk[20]);
        }
        if (!memcmp(chunk + 4, "IDAT", 4))
            put(&stream, chunk + 8, size);
        end = !memcmp(chunk + 4, "IEND", 4);
    }
    CHECK_INT(at, file->size);
    size_t raw_size = (p->row_bytes + 1) * p->height, got;
    uint8_t *raw = malloc(raw_size);
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    CHECK_INT(libdeflate_zlib_decompress(inflater, stream.data, stream.size, raw, raw_size, &got), 0);
    libdeflate_free_decompressor(inflater);
    CHECK_INT(got, raw_size);
    for (uint32_t y = 0; y < p->height; y++) {
        uint8_t *row = raw + y * (p->row_bytes + 1) + 1, *above = y ? row - p->row_bytes - 1 : NULL;
        for (size_t i = 0; i < p->row_bytes; i++)
            row[i] = (uint8_t)(row[i] + predicted(row[-1], i >= bpp ? row[i - bpp] : 0, above ? above[i] : 0,
                                                  i >= bpp && above ? above[i - bpp] : 0));
    }
    for (uint32_t y = 0; y < p->height; y++)
        for (size_t i = 0; i < p->row_bytes; i++) /* big-endian to host order */
            put_u8(&rows, raw[y * (p->row_bytes + 1) + 1 + (wide == 2 ? i ^ 1 : i)]);
    free(raw);
    free(stream.data);
    return rows;
}

static void check_round_trip(const picture *p, uint32_t effort, uint32_t group, smalti__pool *pool)
{
    bytes file = encode(p, &(smalti__encode_params){.png_effort = effort, .pool = pool}, group, NULL);
    bytes reference = reference_decode(&file, p);
    decoded own = decode(&file, (smalti__decode_options){.pool = pool}, 3);
    bool same = reference.size == p->row_bytes * p->height && !memcmp(reference.data, p->data, reference.size) &&
                own.result == SMALTI_OK && own.pixels.size == reference.size &&
                !memcmp(own.pixels.data, p->data, own.pixels.size) && own.info.channels == p->channels &&
                own.info.sample == p->sample && !own.warnings;
    free(file.data);
    free(reference.data);
    free_decoded(&own);
    if (!same)
        TEST_FAIL("%ux%u with %u channels, sample type %d, effort %u", p->width, p->height, p->channels, p->sample,
                  effort);
}

TEST("every width to 70, height to 20, channel count, sample type and effort comes back")
{
    smalti__pool pool = {0};
    uint32_t turn = 0;
    for (uint32_t width = 1; width <= 70; width++)
        for (uint32_t height = 1; height <= 20; height++, turn++) {
            /* cheap efforts everywhere, the others in turn: libdeflate's tables take long to set up */
            uint32_t effort = turn % 11 ? turn % 5 + 1 : turn / 11 % 4 + 6;
            picture p = make_picture(width, height, turn % 4 + 1, turn / 4 % 2 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8);
            check_round_trip(&p, effort, height % 5 + 1, &pool);
            free(p.data);
        }
    smalti__pool_trim(&pool, 0);
}

TEST("every effort, channel count and sample type comes back from a larger image, and efforts above 9 are 9")
{
    for (uint32_t effort = 0; effort <= 10; effort++)
        for (uint32_t kind = 0; kind < 8; kind++) {
            picture p = make_picture(211, 150, kind % 4 + 1, kind / 4 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8);
            check_round_trip(&p, effort, 16, NULL);
            free(p.data);
        }
}

/* Fills the pool's free blocks of many sizes with a byte. */
static void soil(smalti__pool *pool, int byte)
{
    void *blocks[24];
    for (size_t i = 0; i < SMALTI__COUNT(blocks); i++) {
        blocks[i] = smalti__pool_get(pool, (size_t)1 << (i % 12 + 9));
        memset(blocks[i], byte, (size_t)1 << (i % 12 + 9));
    }
    for (size_t i = 0; i < SMALTI__COUNT(blocks); i++)
        smalti__pool_put(pool, blocks[i]);
}

TEST("the bytes are the same for every group of rows, instruction set and whatever buffers held before")
{
    static const uint32_t groups[] = {1, 2, 13, 64, 5000};
    for (uint32_t effort = 1; effort <= 7; effort++)
        for (int wide = 0; wide < 2; wide++) {
            picture p = make_picture(333, 600, 3, wide ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8);
            smalti__encode_params params = {.png_effort = effort};
            bytes first = encode(&p, &params, p.height, NULL);
            for (size_t i = 0; i < SMALTI__COUNT(groups); i++) {
                smalti__pool pool = {0};
                soil(&pool, (int)(i * 0x55));
                params.pool = &pool;
                smalti__png_filters_allow(i == 1 ? 0 : i == 2 ? SMALTI__CPU_SSE4 : UINT32_MAX);
                bytes other = encode(&p, &params, groups[i], NULL);
                smalti__png_filters_allow(UINT32_MAX);
                bool same = other.size == first.size && !memcmp(other.data, first.data, first.size);
                free(other.data);
                smalti__pool_trim(&pool, 0);
                if (!same)
                    TEST_FAIL("effort %u, groups of %u", effort, groups[i]);
            }
            free(first.data);
            free(p.data);
        }
}

/* Bands of what is best coded in different ways: noise on a slope, and a pattern that repeats. */
static picture make_bands(uint32_t width, uint32_t height, uint32_t band, smalti_sample sample)
{
    picture p = make_picture(width, height, 3, sample);
    uint32_t state = 8;
    for (uint32_t y = 0; y < height; y++)
        for (size_t i = 0; i < p.row_bytes; i++)
            p.data[y * p.row_bytes + i] = y / band % 2 && (y % band > 40 || i > 200)
                                              ? p.data[(i > 200 ? y : y - 41) * p.row_bytes + i % 201]
                                              : (uint8_t)(i / 9 + y + next_random(&state) % 12);
    return p;
}

TEST("bands that go through different coders come back, the same bytes for every group of rows")
{
    static const struct {
        uint32_t width, height, band;
    } sizes[] = {{700, 900, 150}, {700, 900, 61}, {300, 1500, 700}, {50000, 12, 2}};
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (uint32_t effort = 1; effort <= 5; effort++) {
            picture p = make_bands(sizes[i].width, sizes[i].height, sizes[i].band,
                                   i % 2 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8);
            check_round_trip(&p, effort, 16, NULL);
            bytes first = encode(&p, &(smalti__encode_params){.png_effort = effort}, p.height, NULL);
            bytes other = encode(&p, &(smalti__encode_params){.png_effort = effort}, 7, NULL);
            bool same = other.size == first.size && !memcmp(other.data, first.data, first.size);
            free(first.data);
            free(other.data);
            free(p.data);
            CHECK(same);
        }
}

TEST("what repeats is searched for repeats, what does not repeat is not made larger by it")
{
    size_t sizes[2][2];
    for (uint32_t effort = 1; effort <= 2; effort++)
        for (uint32_t repeats = 0; repeats < 2; repeats++) {
            picture p = make_bands(600, 600, repeats ? 300 : 600, SMALTI_SAMPLE_U8);
            bytes file = encode(&p, &(smalti__encode_params){.png_effort = effort}, 16, NULL);
            sizes[effort - 1][repeats] = file.size;
            free(file.data);
            free(p.data);
        }
    CHECK_INT(sizes[0][0], sizes[1][0]);
    CHECK(sizes[1][1] < sizes[0][1] * 4 / 5);
}

TEST("rows wider than all buffers are written, in chunks of at most 128 KiB while streaming")
{
    picture p = make_picture(70000, 3, 4, SMALTI_SAMPLE_U16);
    check_round_trip(&p, 4, 1, NULL);
    check_round_trip(&p, 6, 2, NULL);
    bytes file = encode(&p, &(smalti__encode_params){0}, 1, NULL);
    int idats = 0;
    for (size_t at = 8; at < file.size; at += 12 + smalti__be32(file.data + at)) {
        CHECK(smalti__be32(file.data + at) <= 128 * 1024);
        idats += !memcmp(file.data + at + 4, "IDAT", 4);
    }
    CHECK(idats > 3);
    free(file.data);
    free(p.data);
}

TEST("memory stays within what is announced, and a second image takes none from the system")
{
    for (uint32_t effort = 1; effort <= 9; effort++) {
        smalti__pool pool = {0};
        smalti__encode_params params = {.png_effort = effort, .pool = &pool};
        picture p = make_picture(500, 200, 3, SMALTI_SAMPLE_U8);
        size_t work_bytes;
        bytes file = encode(&p, &params, 16, &work_bytes);
        CHECK(pool.peak_used_bytes <= work_bytes);
        CHECK(work_bytes <= pool.peak_used_bytes + (effort < 6 ? 4096 : 10 << 20));
        CHECK_INT(pool.used_bytes, 0);
        free(file.data);
        uint64_t allocations = pool.allocations;
        file = encode(&p, &params, 16, NULL);
        CHECK_INT(pool.allocations, allocations);
        free(file.data);
        free(p.data);
        smalti__pool_trim(&pool, 0);
    }
    smalti__encode_params most = {.png_effort = 9};
    CHECK(smalti__encoder_png.work_bytes(INT32_MAX, INT32_MAX, 4, SMALTI_SAMPLE_U16, &most) == SIZE_MAX);
}

TEST("efforts pay: 9 is smaller than 4, and 4 is smaller than 1")
{
    size_t sizes[10];
    picture p = make_picture(400, 300, 3, SMALTI_SAMPLE_U8);
    uint32_t state = 1;
    for (uint32_t i = 0; i < p.row_bytes * p.height;
         i++) { /* something like a photograph: smooth, edges, a little noise */
        uint32_t x = i % (uint32_t)p.row_bytes / 3, y = i / (uint32_t)p.row_bytes, c = i % 3;
        uint32_t edge = (x / 37 + y / 53) % 3 * 40;
        p.data[i] = (uint8_t)((x * x / 700 + y * (c + 2) / 3 + edge + next_random(&state) % 6) & 255);
    }
    for (uint32_t effort = 1; effort <= 9; effort++) {
        bytes file = encode(&p, &(smalti__encode_params){.png_effort = effort}, 16, NULL);
        sizes[effort] = file.size;
        printf("# effort %u: %zu bytes\n", effort, file.size);
        free(file.data);
    }
    free(p.data);
    CHECK(sizes[9] < sizes[4] && sizes[4] < sizes[1]);
}

TEST("ICC profile, EXIF and XMP are written and come back")
{
    uint8_t icc[3000] = {0}, exif[20] = "MM\0*", xmp[] = "<x:xmpmeta>\xc3\xa4</x:xmpmeta>";
    memcpy(icc + 36, "acsp", 4);
    smalti__metadata metadata = {{icc, sizeof icc}, {exif, sizeof exif}, {xmp, sizeof xmp - 1}};
    picture p = make_picture(20, 10, 3, SMALTI_SAMPLE_U8);
    for (uint32_t effort = 4; effort <= 6; effort += 2) {
        bytes file = encode(&p, &(smalti__encode_params){.png_effort = effort, .metadata = &metadata}, 4, NULL);
        decoded out = decode(&file, (smalti__decode_options){.metadata = true}, 3);
        CHECK_OK(out.result, out.error);
        CHECK_INT(out.warnings, 0);
        CHECK(out.icc.size == sizeof icc && !memcmp(out.icc.data, icc, sizeof icc));
        CHECK(out.exif.size == sizeof exif && !memcmp(out.exif.data, exif, sizeof exif));
        CHECK(out.xmp.size == sizeof xmp - 1 && !memcmp(out.xmp.data, xmp, sizeof xmp - 1));
        CHECK(!memcmp(out.pixels.data, p.data, out.pixels.size));
        free_decoded(&out);
        free(file.data);
    }
    free(p.data);
}

TEST("a sink that is full ends the encoder with the sink's error")
{
    picture p = make_picture(300, 300, 3, SMALTI_SAMPLE_U8);
    for (uint32_t effort = 4; effort <= 6; effort += 2)
        for (size_t room = 10; room < 300000; room *= 9) {
            smalti__sink sink = {0};
            smalti_error error = {0};
            CHECK_OK(smalti__sink_open_memory(&sink, room, &error), error);
            smalti__encoder seed = {.params = {.png_effort = effort},
                                    .sink = &sink,
                                    .width = p.width,
                                    .height = p.height,
                                    .channels = 3,
                                    .sample = SMALTI_SAMPLE_U8},
                            *encoder = NULL;
            smalti_result result = smalti__encoder_png.open(&seed, &encoder, &error);
            CHECK_INT(result, SMALTI_OK);
            result = smalti__encoder_png.write(encoder, p.data, p.row_bytes, p.height, &error);
            if (result == SMALTI_OK)
                result = smalti__encoder_png.finish(encoder, &error);
            smalti__encoder_png.close(encoder);
            smalti__sink_close(&sink);
            CHECK_INT(smalti_result_class(result), smalti_result_class(SMALTI_E_LIMIT));
        }
    free(p.data);
}

TEST("encoders are found by name and extension in any case")
{
    CHECK(smalti__encoder_find("png") == &smalti__encoder_png);
    CHECK(smalti__encoder_find("PnG") == &smalti__encoder_png);
    CHECK(smalti__encoder_find("jpg") == smalti__encoder_find("JPEG"));
    CHECK(smalti__encoder_find("jpg") == &smalti__encoder_jpeg);
    CHECK(!smalti__encoder_find("gif"));
    CHECK(!smalti__encoder_find(""));
}
