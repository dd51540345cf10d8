/* SPDX-License-Identifier: Apache-2.0
 * The PNG decoder with a thread of its own: everything is as without one. */
#include "png_make.h"

/* Large enough for a thread: more than a megabyte. */
static const png_spec large = {1201, 320, 2, 8, false, false, 5, 5000, 3};

static const smalti__decode_options alone = {0}, ahead = {.spare_thread = true};

typedef struct opened {
    smalti__source source;
    smalti__decoder *decoder;
    smalti__pool pool;
} opened;

static void open_ahead(opened *o, const bytes *file, smalti__decode_options options)
{
    smalti_error error = {0};
    options.pool = &o->pool;
    smalti__source_open_memory(&o->source, file->data, file->size, "test.png");
    CHECK_OK(smalti__decoder_open(&o->source, &options, &o->decoder, &error), error);
    CHECK_OK(smalti__decoder_start(o->decoder, &error), error);
}

static void close_all(opened *o)
{
    smalti__decoder_close(o->decoder);
    smalti__source_close(&o->source);
    size_t used = o->pool.used_bytes;
    smalti__pool_trim(&o->pool, 0);
    CHECK_INT(used, 0);
}

TEST("large images of every kind are the same for every group of rows, within the memory that is announced")
{
    static const uint8_t kinds[7][2] = {{0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 4}, {4, 8}, {6, 8}};
    for (size_t i = 0; i < 2 * SMALTI__COUNT(kinds); i++) {
        const uint8_t *kind = kinds[i / 2];
        uint32_t row_bytes = 1201 * stored_channels(kind[0]) * kind[1] / 8;
        png_spec spec = {1201, 1100000 / row_bytes, kind[0], kind[1], i % 2, false, 5, 30000, 2};
        png_made made = make_png(&spec);
        opened o = {0};
        decoded out = {0};
        open_ahead(&o, &made.file, ahead);
        smalti_result result = read_all(o.decoder, i % 3 ? 7 : 64, &out);
        uint64_t helper = o.decoder->helper_cpu_ns;
        bool fits =
            o.pool.peak_used_bytes <= o.decoder->work_bytes && o.decoder->work_bytes <= o.pool.peak_used_bytes + 4096;
        bool same = out.pixels.size == made.pixels.size && !memcmp(out.pixels.data, made.pixels.data, out.pixels.size);
        close_all(&o);
        free_decoded(&out);
        free_made(&made);
        CHECK_INT(result, SMALTI_OK);
        CHECK(same);
        CHECK(helper > 0); /* there was a thread */
        CHECK(fits);
    }
}

/* Both ways the same result, message, rows before the error and warnings. */
static void check_same(const bytes *file, const char *what, size_t at)
{
    decoded a = decode(file, alone, 5), b = decode(file, ahead, 5);
    bool rows =
        a.pixels.size == b.pixels.size && (!a.pixels.size || !memcmp(a.pixels.data, b.pixels.data, a.pixels.size));
    bool same = rows && a.result == b.result && !strcmp(a.error.message, b.error.message) &&
                a.error.offset == b.error.offset && !strcmp(a.warned, b.warned);
    char why[600];
    snprintf(why, sizeof why, "%s at %zu: %.250s / %.250s", what, at, a.error.message, b.error.message);
    free_decoded(&a);
    free_decoded(&b);
    if (!same)
        TEST_FAIL("%s", why);
}

TEST("a damaged or cut file gives the same rows and the same error")
{
    png_made made = make_png(&large);
    uint32_t state = 5;
    for (int i = 0; i < 40; i++) {
        size_t at = next_random(&state) % made.file.size;
        bytes cut = {made.file.data, at < 100 ? 100 : at, 0};
        check_same(&cut, "cut", at);
        uint8_t kept = made.file.data[at];
        made.file.data[at] ^= (uint8_t)(1 + next_random(&state) % 255);
        check_same(&made.file, "damaged", at);
        made.file.data[at] = kept;
    }
    free_made(&made);
}

TEST("an unknown filter, too little and too much data give the same rows, errors and warnings")
{
    bytes raw = {0};
    put_pass(&large, 1, &raw);
    for (int i = 0; i < 6; i++) {
        size_t row = 100 * (size_t)(i % 3) * (1201 * 3 + 1);
        bytes file = {0}, stream = {0};
        if (i < 3)
            raw.data[row] = 9;
        stream = deflated(raw.data, i == 3 ? raw.size - 1 : i == 4 ? raw.size / 2 : raw.size);
        if (i == 5)
            put(&stream, "behind", 6);
        raw.data[row] = 0;
        put_head(&large, &file);
        put_idats(&large, &stream, &file);
        put_chunk(&file, "IEND", NULL, 0);
        check_same(&file, "case", (size_t)i);
        decoded out = decode(&file, ahead, 5);
        int result = out.result, warnings = out.warnings;
        free_decoded(&out);
        free(file.data);
        free(stream.data);
        CHECK_INT(result, i < 3 ? SMALTI_E_FORMAT : i < 5 ? SMALTI_E_FORMAT_TRUNCATED : SMALTI_OK);
        CHECK_INT(warnings, i == 5);
    }
    free(raw.data);
}

TEST("a decoder that is closed before, in the middle of and after its rows leaves nothing behind")
{
    png_made made = make_png(&large);
    static const uint32_t counts[] = {0, 1, 150, 320};
    for (size_t i = 0; i < SMALTI__COUNT(counts); i++) {
        opened o = {0};
        smalti_error error = {0};
        open_ahead(&o, &made.file, ahead);
        size_t pitch = 1201 * 3;
        uint8_t *rows = malloc(pitch * 320);
        smalti_result result = smalti__decoder_read(o.decoder, rows, pitch, counts[i], &error);
        bool same = !memcmp(rows, made.pixels.data, counts[i] * pitch);
        free(rows);
        close_all(&o);
        CHECK_OK(result, error);
        CHECK(same);
    }
    free_made(&made);
}

TEST("a stop is seen while rows are decoded, with a thread and without")
{
    png_made made = make_png(&large);
    for (int threads = 0; threads < 2; threads++)
        for (int late = 0; late < 2; late++) {
            opened o = {0};
            smalti_error error = {0};
            /* a time that was over long ago; two rows are made before it is looked at */
            smalti__stop stop = {.deadline_ns = late ? UINT64_MAX : 1, .limit_ms = 5};
            open_ahead(&o, &made.file, (smalti__decode_options){.spare_thread = threads, .stop = &stop});
            uint8_t *rows = malloc(1201 * 3 * 320);
            smalti_result result = smalti__decoder_read(o.decoder, rows, 1201 * 3, 320, &error);
            free(rows);
            close_all(&o);
            CHECK_INT(result, late ? SMALTI_OK : SMALTI_E_LIMIT_TIME);
        }
    free_made(&made);
}

TEST("endless input without output ends at a stop")
{
    /* a stream of empty stored blocks, and empty chunks behind it */
    bytes stream = {0}, file = {0};
    put(&stream, "\x78\x01", 2);
    for (int i = 0; i < 50000; i++)
        put(&stream, "\0\0\0\xff\xff", 5);
    put_head(&large, &file);
    put_chunk(&file, "IDAT", stream.data, stream.size);
    for (int i = 0; i < 5000; i++)
        put_chunk(&file, "IDAT", NULL, 0);
    put_chunk(&file, "IEND", NULL, 0);
    smalti__stop stop = {.deadline_ns = 1, .limit_ms = 5};
    decoded out = decode(&file, (smalti__decode_options){.stop = &stop}, 1);
    int result = out.result;
    free_decoded(&out);
    check_same(&file, "empty blocks", 0);
    free(stream.data);
    free(file.data);
    CHECK_INT(result, SMALTI_E_LIMIT_TIME);
}
