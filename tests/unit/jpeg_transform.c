/* SPDX-License-Identifier: Apache-2.0
 * Lossless transforms of JPEG, against turned samples. */
#include <smalti/smalti.h>

#include "test.h"
#include "jpeg_make.h"

#include "encode/jpeg_transform.h"

#include <malloc.h>

typedef struct moved {
    smalti_result result;
    smalti_error error;
    uint8_t *data;
    size_t size;
    smalti__jpeg_transform_plan plan;
} moved;

static moved move(const uint8_t *data, size_t size, const smalti__jpeg_transform *what,
                  const smalti__decode_options *options, const smalti__encode_params *params)
{
    moved out = {0};
    smalti__source source;
    smalti__sink sink;
    smalti__decoder *decoder;
    uint8_t *exact = malloc(size);
    memcpy(exact, data, size);
    smalti__source_open_memory(&source, exact, size, "test.jpg");
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &out.error), out.error);
    CHECK_OK(smalti__decoder_open(&source, options, &decoder, &out.error), out.error);
    out.result = smalti__jpeg_transform_make(decoder, what, &out.plan, &out.error);
    if (out.result == SMALTI_OK)
        out.result = smalti__decoder_start(decoder, &out.error);
    if (out.result == SMALTI_OK)
        out.result = smalti__jpeg_transform_write(decoder, &out.plan, &sink, params, &out.error);
    if (out.result == SMALTI_OK)
        out.data = smalti__sink_take(&sink, &out.size);
    smalti__sink_close(&sink);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    free(exact);
    return out;
}

static moved move_plainly(const uint8_t *data, size_t size, const smalti__jpeg_transform *what)
{
    return move(data, size, what, &(smalti__decode_options){0}, &(smalti__encode_params){0});
}

/* Where pixel x, y of the upright image is in a stored one of width × height (EXIF 2.3, 4.6.4 A, orientation). */
static size_t stored_at(uint32_t orientation, uint32_t width, uint32_t height, uint32_t x, uint32_t y)
{
    uint32_t last_x = width - 1, last_y = height - 1, at_x = x, at_y = y;
    switch (orientation) {
    case 2:
        at_x = last_x - x;
        break;
    case 3:
        at_x = last_x - x, at_y = last_y - y;
        break;
    case 4:
        at_y = last_y - y;
        break;
    case 5:
        at_x = y, at_y = x;
        break;
    case 6:
        at_x = y, at_y = last_y - x;
        break;
    case 7:
        at_x = last_x - y, at_y = last_y - x;
        break;
    case 8:
        at_x = last_x - y, at_y = x;
        break;
    }
    return (size_t)at_y * width + at_x;
}

/* Of the stored image's samples those of what's rectangle, turned, may differ by the rounding of an inverse transform whose
 * passes are in the other order. */
static void check_samples(const jpeg_spec *spec, const uint8_t *data, size_t size, const moved *out,
                          const smalti__jpeg_transform *what, uint32_t stored_width, uint32_t stored_height)
{
    uint32_t width, height, full_width, full_height, worst = 0;
    bool ycbcr = spec->components == 3;
    size_t channels = (size_t)spec->components;
    uint8_t *stored = reference_reduced(data, size, 1, ycbcr, &full_width, &full_height);
    uint8_t *found = reference_reduced(out->data, out->size, 1, ycbcr, &width, &height);
    CHECK_INT(width, out->plan.width);
    CHECK_INT(height, out->plan.height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            size_t at = stored_at(what->orientation, stored_width, stored_height, x + what->x, y + what->y);
            at = at / stored_width * full_width + at % stored_width;
            for (size_t c = 0; c < channels; c++) {
                uint32_t difference = (uint32_t)abs(found[(y * width + x) * channels + c] - stored[at * channels + c]);
                worst = difference > worst ? difference : worst;
            }
        }
    free(stored);
    free(found);
    if (worst > (spec->stored == JCS_YCCK ? 4u : 2u)) /* its colours are converted */
        TEST_FAIL("orientation %u, %dx%d: %u from what it was", what->orientation, spec->h, spec->v, worst);
}

static const jpeg_spec specs[] = {
    {.width = 96, .height = 64, .components = 1, .h = 2, .v = 2},
    {.width = 96, .height = 64, .components = 3},
    {.width = 96, .height = 64, .components = 3, .h = 2},
    {.width = 96, .height = 64, .components = 3, .v = 2},
    {.width = 96, .height = 64, .components = 3, .h = 2, .v = 2},
    {.width = 96, .height = 64, .components = 3, .h = 4, .v = 2},
    {.width = 96, .height = 64, .components = 3, .h = 2, .v = 2, .progressive = true},
    {.width = 96, .height = 64, .components = 3, .h = 2, .v = 2, .arithmetic = true},
    {.width = 96, .height = 64, .components = 4, .stored = JCS_YCCK, .h = 2, .v = 2},
    {.width = 96, .height = 64, .components = 4, .no_adobe = true},
};

TEST("all orientations of all kinds of files are turned upright, and back to the same pixels")
{
    static const uint32_t inverse[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    for (size_t i = 0; i < SMALTI__COUNT(specs); i++) {
        for (uint32_t orientation = 1; orientation <= 8; orientation++) {
            size_t size;
            uint8_t *data = make_jpeg(&specs[i], NULL, &size);
            smalti__jpeg_transform what = {.orientation = orientation}, undo = {.orientation = inverse[orientation]};
            moved out = move_plainly(data, size, &what);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.plan.width, orientation > 4 ? 64 : 96);
            check_samples(&specs[i], data, size, &out, &what, 96, 64);
            moved back = move_plainly(out.data, out.size, &undo);
            CHECK_OK(back.result, back.error);
            uint32_t width, height;
            uint8_t *before = reference_pixels(data, size, &width, &height);
            uint8_t *after = reference_pixels(back.data, back.size, &width, &height);
            CHECK_INT(width == 96 && height == 64, 1);
            CHECK(!memcmp(before, after, (size_t)96 * 64 * (size_t)specs[i].components));
            free(before);
            free(after);
            free(back.data);
            free(out.data);
            free(data);
        }
    }
}

TEST("a rectangle whose first edges lie between blocks is cut out, of any size")
{
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        for (size_t i = 1; i < 5; i++) {
            size_t size;
            uint8_t *data = make_jpeg(&specs[i], NULL, &size);
            smalti__jpeg_transform what = {orientation, 16, 32, 37, 21, false, false};
            moved out = move_plainly(data, size, &what);
            CHECK_OK(out.result, out.error);
            CHECK_INT(out.plan.width, 37);
            CHECK_INT(out.plan.height, 21);
            check_samples(&specs[i], data, size, &out, &what, 96, 64);
            free(out.data);
            free(data);
        }
    }
}

TEST("partial blocks at an edge that is to be the first are an error, or trimmed when asked")
{
    jpeg_spec spec = {.width = 90, .height = 59, .components = 3, .h = 2, .v = 2};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        /* which edges of the stored image come first in the upright one */
        bool right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        bool bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        smalti__jpeg_transform what = {.orientation = orientation};
        moved out = move_plainly(data, size, &what);
        if (right || bottom) {
            CHECK_INT(out.result, SMALTI_E_UNSUPPORTED);
            CHECK_HAS(out.error.message, right ? "column 90" : "row 59");
        } else {
            CHECK_OK(out.result, out.error);
            check_samples(&spec, data, size, &out, &what, 90, 59);
        }
        free(out.data);
        what.trim = true;
        out = move_plainly(data, size, &what);
        CHECK_OK(out.result, out.error);
        uint32_t width = right ? 80 : 90, height = bottom ? 48 : 59;
        CHECK_INT(out.plan.width, orientation > 4 ? height : width);
        CHECK_INT(out.plan.height, orientation > 4 ? width : height);
        check_samples(&spec, data, size, &out, &what, width, height);
        free(out.data);
    }
    smalti__jpeg_transform inside = {1, 17, 0, 20, 20, false, false};
    moved out = move_plainly(data, size, &inside);
    CHECK_INT(out.result, SMALTI_E_UNSUPPORTED);
    inside.trim = true;
    out = move_plainly(data, size, &inside);
    CHECK_OK(out.result, out.error);
    CHECK_INT(out.plan.left, 32);
    CHECK_INT(out.plan.width, 5);
    free(out.data);
    free(data);
}

TEST("what is not there cannot be cut out, nor less than a block be trimmed")
{
    static const smalti__jpeg_transform outside[] = {{1, 0, 0, 97, 1, false, false}, {1, 96, 0, 1, 1, false, false},
                                                     {1, 0, 60, 1, 5, false, false}, {6, 0, 0, 65, 1, false, false},
                                                     {1, 0, 0, 1, 0, false, false},  {0, 0, 0, 0, 0, false, false},
                                                     {9, 0, 0, 0, 0, false, false},  {1, ~0u, 0, 2, 1, false, false}};
    size_t size;
    uint8_t *data = make_jpeg(&specs[1], NULL, &size);
    for (size_t i = 0; i < SMALTI__COUNT(outside); i++)
        CHECK_INT(move_plainly(data, size, &outside[i]).result, SMALTI_E_INVALID_RANGE);
    free(data);
    jpeg_spec tiny = {.width = 7, .height = 7, .components = 1};
    data = make_jpeg(&tiny, NULL, &size);
    CHECK_INT(move_plainly(data, size, &(smalti__jpeg_transform){.orientation = 2, .trim = true}).result,
              SMALTI_E_UNSUPPORTED);
    free(data);
}

TEST("a transformed file may be progressive, and has the metadata that it is given")
{
    size_t size;
    uint8_t *data = make_jpeg(&specs[4], NULL, &size), exif[EXIF_BYTES];
    make_exif(exif, false, 1);
    smalti__metadata metadata = {.exif = {exif, sizeof exif}};
    moved out = move(data, size, &(smalti__jpeg_transform){.orientation = 6}, &(smalti__decode_options){0},
                     &(smalti__encode_params){.progressive = true, .metadata = &metadata});
    CHECK_OK(out.result, out.error);
    smalti__source source;
    smalti__decoder *decoder;
    smalti_error error;
    smalti__source_open_memory(&source, out.data, out.size, "out.jpg");
    CHECK_OK(smalti__decoder_open(&source, &(smalti__decode_options){.metadata = true}, &decoder, &error), error);
    CHECK_INT(decoder->info.interlaced, 1);
    CHECK_STR(decoder->info.subsampling, "4:2:0");
    CHECK_INT(decoder->metadata.exif.size, sizeof exif);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    free(out.data);
    free(data);
}

/* Behind a marker's two bytes. */
static uint8_t *find_marker(uint8_t *data, size_t size, uint8_t marker)
{
    for (size_t i = 0; i + 1 < size; i++)
        if (data[i] == 0xff && data[i + 1] == marker)
            return data + i + 2;
    TEST_FAIL("no marker %02x", marker);
}

TEST("components of the same name are told apart in what is written")
{
    size_t size;
    uint32_t width, height;
    uint8_t *data = make_jpeg(&specs[1], NULL, &size);
    find_marker(data, size, 0xc0)[8 + 6] = 1; /* the third component's name, of the frame and of the scan */
    find_marker(data, size, 0xda)[3 + 4] = 1;
    moved out = move(data, size, &(smalti__jpeg_transform){.orientation = 2}, &(smalti__decode_options){0},
                     &(smalti__encode_params){.progressive = true});
    CHECK_OK(out.result, out.error);
    uint8_t *pixels = reference_pixels(out.data, out.size, &width, &height);
    moved back = move_plainly(out.data, out.size, &(smalti__jpeg_transform){.orientation = 2});
    CHECK_OK(back.result, back.error);
    uint8_t *again = reference_pixels(back.data, back.size, &width, &height);
    uint8_t *plain = make_jpeg(&specs[1], NULL, &size), *before = reference_pixels(plain, size, &width, &height);
    CHECK(!memcmp(before, again, (size_t)width * height * 3));
    free(before);
    free(plain);
    free(again);
    free(back.data);
    free(pixels);
    free(out.data);
    free(data);
}

TEST("damage is an error and leaves nothing; a transform can be stopped")
{
    size_t size;
    uint8_t *data = make_jpeg(&specs[4], NULL, &size);
    smalti__jpeg_transform what = {.orientation = 3};
    moved out = move_plainly(data, size / 2, &what);
    CHECK_INT(out.result, SMALTI_E_FORMAT_TRUNCATED);
    CHECK(!out.data);
    out = move(data, size / 2, &what, &(smalti__decode_options){.lenient = true}, &(smalti__encode_params){0});
    CHECK_OK(out.result, out.error);
    free(out.data);
    int cancelled = 1;
    smalti__stop stop = {.cancelled = &cancelled};
    out = move(data, size, &what, &(smalti__decode_options){.stop = &stop}, &(smalti__encode_params){0});
    CHECK_INT(out.result, SMALTI_E_CANCELLED);
    out = move(data, size, &what, &(smalti__decode_options){0}, &(smalti__encode_params){.stop = &stop});
    CHECK_INT(out.result, SMALTI_E_CANCELLED);
    free(data);
}

static size_t peak, in_use;
static void note_memory(void)
{
    struct mallinfo2 now = mallinfo2();
    in_use = now.uordblks + now.hblkhd;
    peak = in_use > peak ? in_use : peak;
}
static void note_warning(void *user, const char *message)
{
    (void)user, (void)message;
    note_memory();
}

TEST("a transform takes no more memory than it says")
{
    /* a profile that is too large is warned of in the middle, when all memory is held */
    static uint8_t profile[255 * 65519 + 1];
    smalti__metadata metadata = {.icc = {profile, sizeof profile}};
    for (size_t i = 0; i < SMALTI__COUNT(specs); i++) {
        jpeg_spec spec = specs[i];
        size_t size;
        spec.width = 1600, spec.height = 800;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        note_memory();
        size_t before = in_use + size; /* and the copy of the file */
        peak = 0;
        moved out = move(data, size, &(smalti__jpeg_transform){.orientation = 6}, &(smalti__decode_options){0},
                         &(smalti__encode_params){.metadata = &metadata, .warn = note_warning});
        CHECK_OK(out.result, out.error);
        CHECK_INT(peak == 0 || peak > before + 1600 * 800 * 2, 1); /* 0: a sanitizer has the memory */
        if (peak > before + out.plan.work_bytes + 32768)
            TEST_FAIL("case %zu takes %zu bytes, not %zu", i, peak - before, out.plan.work_bytes);
        free(out.data);
        free(data);
    }
}

/* ---- whole jobs ---- */

/* Steps in order, "name:params". */
static smalti_result run_job(const uint8_t *data, size_t size, const char *const *steps, moved *out)
{
    smalti_job *job;
    smalti_plan *plan;
    *out = (moved){0};
    CHECK_OK(smalti_job_new(&job, &out->error), out->error);
    for (; *steps; steps++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*steps, ":"), *steps);
        const char *params = strchr(*steps, ':');
        CHECK_OK(smalti_job_step_add(job, name, params ? params + 1 : NULL, &out->error), out->error);
    }
    CHECK_OK(smalti_job_set(job, "output.format", "jpeg", &out->error), out->error);
    CHECK_OK(smalti_job_set(job, "output.lossless", "true", &out->error), out->error);
    CHECK_OK(smalti_plan_new(job, &plan, &out->error), out->error);
    void *made = NULL;
    out->result = smalti_plan_run_memory(plan, NULL, data, size, "in.jpg", &made, &out->size, NULL, &out->error);
    out->data = made;
    smalti_plan_free(plan);
    smalti_job_free(job);
    return out->result;
}

TEST("a job that asks for no loss turns and cuts coefficients, and refuses what would cost something")
{
    uint8_t exif[EXIF_BYTES];
    make_exif(exif, true, 6);
    jpeg_spec spec = specs[4];
    size_t size;
    moved out;
    spec.exif = exif, spec.exif_size = sizeof exif;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    /* upright it has 64 × 96 pixels; what is 16,32 there lies at 32,11 from the other side, stored */
    CHECK_OK(run_job(data, size, (const char *const[]){"crop:width=32,height=40,x=16,y=32", NULL}, &out), out.error);
    smalti__jpeg_transform what = {6, 16, 32, 32, 40, false, false};
    out.plan.width = 32, out.plan.height = 40;
    check_samples(&spec, data, size, &out, &what, 96, 64);
    free(out.data);
    CHECK_OK(run_job(data, size, (const char *const[]){"rotate:angle=90", "flip", NULL}, &out), out.error);
    what = (smalti__jpeg_transform){.orientation = 2}; /* 90° by EXIF, 90° more, upside down: left and right change */
    out.plan.width = 96, out.plan.height = 64;
    check_samples(&spec, data, size, &out, &what, 96, 64);
    free(out.data);
    CHECK_OK(run_job(data, size, (const char *const[]){NULL}, &out), out.error);
    free(out.data);
    size_t plain_size;
    uint8_t *plain = make_jpeg(&specs[4], NULL, &plain_size);
    CHECK_OK(run_job(plain, plain_size, (const char *const[]){NULL}, &out), out.error);
    free(out.data);
    free(plain);
    CHECK_INT(run_job(data, size, (const char *const[]){"resize:width=20", NULL}, &out), SMALTI_E_UNSUPPORTED);
    CHECK_HAS(out.error.message, "in.jpg: resize: JPEG without loss");
    CHECK_INT(run_job(data, size, (const char *const[]){"crop:width=32,height=40,x=17,y=32", NULL}, &out),
              SMALTI_E_UNSUPPORTED);
    CHECK_HAS(out.error.message, "not without loss");
    free(data);
}
