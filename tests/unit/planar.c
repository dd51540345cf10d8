/* SPDX-License-Identifier: Apache-2.0
 * Images that go from decoder to encoder as planes: where their samples land, and what can go wrong. */
#include <smalti/smalti.h>

#include "test.h"
#include "jpeg_make.h"

#include "pipeline/planar.h"

#include <malloc.h>
#include <math.h>

/* ---- an encoder that keeps its planes ---- */

typedef struct keeper {
    smalti__encoder base;
    smalti__planes image;
    uint32_t unit_rows, done[3];
} keeper;

static smalti__planes kept; /* of the last keeper; data is owned */
static uint32_t keeper_unit = 16, fail_at = ~0u;

static void forget(void)
{
    for (int i = 0; i < 3; i++)
        free(kept.data[i]);
    kept = (smalti__planes){0};
}

static smalti_result keep_open(const smalti__encoder *seed, smalti__planes *image, smalti__planes *unit,
                               smalti__encoder **encoder, smalti_error *error)
{
    keeper *self = calloc(1, sizeof *self);
    uint32_t across = seed->params.subsampling == 444 ? 1 : 2, down = seed->params.subsampling == 420 ? 2 : 1;
    (void)error;
    self->base = *seed;
    *image = (smalti__planes){.count = seed->channels};
    for (uint32_t i = 0; i < image->count; i++) {
        image->across[i] = i ? across : 1;
        image->down[i] = i ? down : 1;
        image->width[i] = (seed->width + image->across[i] - 1) / image->across[i];
        image->height[i] = (seed->height + image->down[i] - 1) / image->down[i];
    }
    *unit = *image;
    forget();
    kept = *image;
    for (uint32_t i = 0; i < image->count; i++) {
        unit->height[i] = keeper_unit / image->down[i];
        unit->pitch[i] = image->width[i];
        kept.pitch[i] = image->width[i];
        kept.data[i] = malloc((size_t)image->width[i] * image->height[i]);
    }
    self->image = *image;
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result keep_write(smalti__encoder *encoder, const smalti__planes *rows, smalti_error *error)
{
    keeper *self = (keeper *)encoder;
    if (encoder->row >= fail_at)
        return smalti__fail(error, SMALTI_E_IO, "no more room");
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t left = self->image.height[i] - self->done[i], unit = keeper_unit / self->image.down[i];
        CHECK_INT(rows->height[i], left < unit ? left : unit);
        for (uint32_t y = 0; y < rows->height[i]; y++)
            memcpy(kept.data[i] + (self->done[i] + y) * kept.pitch[i], rows->data[i] + y * rows->pitch[i],
                   kept.width[i]);
        self->done[i] += rows->height[i];
    }
    encoder->row = self->done[0];
    return SMALTI_OK;
}

static smalti_result keep_finish(smalti__encoder *encoder, smalti_error *error)
{
    const keeper *self = (const keeper *)encoder;
    (void)error;
    for (uint32_t i = 0; i < self->image.count; i++)
        CHECK_INT(self->done[i], self->image.height[i]);
    return SMALTI_OK;
}

static void keep_close(smalti__encoder *encoder)
{
    free(encoder);
}

static const smalti__encoder_format keeping = {
    .name = "keeper", .finish = keep_finish, .close = keep_close, .open_planes = keep_open, .write_planes = keep_write};

/* ---- one image ---- */

typedef struct work {
    uint32_t out_width, out_height, subsampling, reduce_width, reduce_height;
    double x, y, width, height; /* width 0: all */
    uint32_t orientation; /* 0: 1 */
    bool ahead, lenient;
    const smalti__stop *stop;
    smalti__pool *pool;
    const smalti__encoder_format *format; /* NULL: keeping */
} work;

static smalti_result run(const uint8_t *data, size_t size, const work *what, smalti__planar_plan *plan,
                         smalti_error *error)
{
    smalti__source source;
    smalti__decoder *decoder;
    smalti_stats stats = {0};
    uint64_t scale_ns;
    smalti__source_open_memory(&source, data, size, "test.jpg");
    const smalti__decode_options options = {.lenient = what->lenient};
    CHECK_OK(smalti__decoder_open(&source, &options, &decoder, error), *error);
    if (what->reduce_width)
        smalti__decoder_reduce(decoder, what->reduce_width, what->reduce_height);
    const smalti__encoder seed = {.format = what->format ? what->format : &keeping,
                                  .params = {.subsampling = what->subsampling},
                                  .width = what->out_width,
                                  .height = what->out_height,
                                  .channels = decoder->out.channels,
                                  .sample = SMALTI_SAMPLE_U8};
    const smalti__planar_setup setup = {.decoder = decoder,
                                        .x = what->x,
                                        .y = what->y,
                                        .width = what->width > 0 ? what->width : decoder->info.width,
                                        .height = what->width > 0 ? what->height : decoder->info.height,
                                        .filter = SMALTI__FILTER_LANCZOS3,
                                        .orientation = what->orientation ? what->orientation : 1,
                                        .seed = &seed,
                                        .spare_thread = what->ahead,
                                        .stop = what->stop,
                                        .pool = what->pool,
                                        .stats = &stats};
    smalti_result result = smalti__fail(error, SMALTI_E_UNSUPPORTED, "not by planes");
    if (smalti__planar_make(&setup, plan))
        result = smalti__planar_run(&setup, plan, &scale_ns, error);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return result;
}

/* ---- where samples land ---- */

/* Values that change evenly from edge to edge, in each plane by another rule. */
static double ramp(uint32_t plane, double x, double y, const jpeg_spec *spec)
{
    double across = x / spec->width, down = y / spec->height;
    return plane == 0 ? 20 + 100 * across + 110 * down : plane == 1 ? 30 + 190 * across : 220 - 180 * down;
}

static uint8_t *make_ramps(jpeg_spec *spec, size_t *size)
{
    uint8_t *pixels = malloc((size_t)spec->width * spec->height * 3);
    for (uint32_t y = 0; y < spec->height; y++)
        for (uint32_t x = 0; x < spec->width; x++)
            for (uint32_t c = 0; c < 3; c++)
                pixels[(y * spec->width + x) * 3 + c] = (uint8_t)lround(ramp(c, x + 0.5, y + 0.5, spec));
    spec->ycbcr = true;
    spec->quality = 100;
    uint8_t *data = make_jpeg(spec, pixels, size);
    free(pixels);
    return data;
}

/* A symmetric filter keeps an even change: but near the edges each sample is the value at its own place. A shift by half a
 * pixel would be a quarter of a level or more on average. */
static void check_ramps(const jpeg_spec *spec, const work *what)
{
    double left = what->x, top = what->y, width = what->width > 0 ? what->width : spec->width;
    double height = what->width > 0 ? what->height : spec->height;
    double step_x = width / what->out_width, step_y = height / what->out_height;
    for (uint32_t c = 0; c < 3; c++) {
        double sum = 0;
        uint32_t count = 0;
        for (uint32_t j = 0; j < kept.height[c]; j++)
            for (uint32_t i = 0; i < kept.width[c]; i++) {
                double x = left + (i + 0.5) * kept.across[c] * step_x, y = top + (j + 0.5) * kept.down[c] * step_y;
                double margin_x = 4 * fmax(step_x * kept.across[c], 2), margin_y = 4 * fmax(step_y * kept.down[c], 2);
                if (x < margin_x || y < margin_y || x > spec->width - margin_x || y > spec->height - margin_y)
                    continue;
                double off = kept.data[c][j * kept.pitch[c] + i] - ramp(c, x, y, spec);
                sum += off;
                count++;
                if (fabs(off) > 2.5)
                    TEST_FAIL("%ux%u to %ux%u, %u: plane %u at %u,%u is %.1f off", spec->width, spec->height,
                              what->out_width, what->out_height, what->subsampling, c, i, j, off);
            }
        CHECK_INT(count > 0, 1);
        /* libjpeg rounds halves up where it averages 1 × 2 and 4 × 1 samples, and to and fro where 2 × 1 and 2 × 2 */
        bool fair = spec->v <= spec->h && spec->h <= 2;
        if (fair && fabs(sum / count) > fmax(0.2, 0.1 * fmax(step_x, step_y)))
            TEST_FAIL("%ux%u, %u to %ux%u, %u: plane %u is %.2f off on average", spec->width, spec->height,
                      spec->h * 10u + spec->v, what->out_width, what->out_height, what->subsampling, c, sum / count);
    }
}

TEST("every sample of every plane lies in the centre of its pixels, whatever the sizes and subsamplings")
{
    static const uint32_t sampling[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}}, subsamplings[] = {420, 422, 444};
    static const work works[] = {
        {.out_width = 97, .out_height = 65},
        {.out_width = 100, .out_height = 65, .reduce_width = 80, .reduce_height = 52},
        {.out_width = 44, .out_height = 28, .reduce_width = 44, .reduce_height = 28},
        {.out_width = 403, .out_height = 261},
        {.out_width = 61, .out_height = 100, .x = 33.5, .y = 21.25, .width = 250.5, .height = 201},
        {.out_width = 201, .out_height = 129, .reduce_width = 134, .reduce_height = 86}};
    for (size_t s = 0; s < SMALTI__COUNT(sampling); s++) {
        jpeg_spec spec = {
            .width = 403, .height = 261, .components = 3, .h = (int)sampling[s][0], .v = (int)sampling[s][1]};
        size_t size;
        uint8_t *data = make_ramps(&spec, &size);
        for (size_t i = 0; i < SMALTI__COUNT(works) * 3; i++) {
            work what = works[i / 3];
            smalti__planar_plan plan;
            smalti_error error;
            what.subsampling = subsamplings[i % 3];
            CHECK_OK(run(data, size, &what, &plan, &error), error);
            check_ramps(&spec, &what);
        }
        free(data);
    }
    forget();
}

TEST("the planes are the same with a thread that decodes ahead, and for any unit of the encoder")
{
    jpeg_spec spec = {.width = 301, .height = 403, .components = 3, .h = 2, .v = 2};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    smalti__planes first = {0};
    for (int i = 0; i < 8; i++) {
        static const uint32_t units[] = {16, 2, 64, 8};
        work what = {.out_width = 75, .out_height = 101, .subsampling = 420, .ahead = i % 2};
        smalti__planar_plan plan;
        smalti_error error;
        keeper_unit = units[i / 2];
        CHECK_OK(run(data, size, &what, &plan, &error), error);
        CHECK_INT(plan.ahead, i % 2);
        for (int c = 0; c < 3 && i; c++)
            CHECK(!memcmp(first.data[c], kept.data[c], kept.pitch[c] * kept.height[c]));
        if (!i)
            first = kept, kept = (smalti__planes){0};
    }
    keeper_unit = 16;
    forget();
    kept = first;
    forget();
    free(data);
}

TEST("turned planes are those of an image that was turned before")
{
    for (uint32_t orientation = 2; orientation <= 8; orientation++) {
        static const uint32_t subsamplings[] = {420, 422, 444};
        jpeg_spec spec = {.width = 300, .height = 200, .components = 3};
        size_t size;
        uint8_t *data = make_jpeg(&spec, NULL, &size);
        bool swaps = orientation >= 5;
        for (int k = 0; k < 6; k++) {
            smalti__planar_plan plan;
            smalti_error error;
            uint32_t subsampling = subsamplings[k % 3];
            work what = {.out_width = 90, .out_height = 70, .subsampling = subsampling, .ahead = k > 2};
            work turned = what;
            turned.orientation = orientation;
            /* 4:2:2 turned is subsampled the other way: only its luma can be compared */
            if (swaps)
                turned.out_width = 70, turned.out_height = 90;
            CHECK_OK(run(data, size, &what, &plan, &error), error);
            smalti__planes first = kept;
            kept = (smalti__planes){0};
            CHECK_OK(run(data, size, &turned, &plan, &error), error);
            for (uint32_t c = 0; c < (swaps && subsampling == 422 ? 1 : 3); c++) {
                uint32_t width = first.width[c], height = first.height[c];
                CHECK_INT(kept.width[c], swaps ? height : width);
                for (uint32_t y = 0; y < kept.height[c]; y++)
                    for (uint32_t x = 0; x < kept.width[c]; x++) {
                        /* EXIF 2.3, 4.6.4 A: where the upright image's pixel is stored */
                        uint32_t u = swaps ? y : x, v = swaps ? x : y;
                        if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                            u = width - 1 - u;
                        if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                            v = height - 1 - v;
                        CHECK_INT(kept.data[c][y * kept.pitch[c] + x], first.data[c][v * first.pitch[c] + u]);
                    }
            }
            for (int c = 0; c < 3; c++)
                free(first.data[c]);
        }
        free(data);
    }
    forget();
}

TEST("gray is one plane")
{
    jpeg_spec spec = {.width = 200, .height = 100, .components = 1};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    work what = {.out_width = 200, .out_height = 100, .subsampling = 420};
    smalti__planar_plan plan;
    smalti_error error;
    CHECK_OK(run(data, size, &what, &plan, &error), error);
    CHECK_INT(kept.count, 1);
    uint32_t width, height;
    uint8_t *expected = reference_pixels(data, size, &width, &height);
    CHECK(!memcmp(kept.data[0], expected, 200 * 100)); /* not scaled: copied */
    free(expected);
    free(data);
    forget();
}

TEST("what has no planes, would be enlarged, or has no encoder for them goes another way")
{
    static const smalti__encoder_format rows_only = {.name = "rows"};
    jpeg_spec specs[] = {{.width = 40, .height = 40, .components = 3, .stored = JCS_RGB},
                         {.width = 40, .height = 40, .components = 4},
                         {.width = 40, .height = 40, .components = 3},
                         {.width = 40, .height = 40, .components = 3},
                         {.width = 40, .height = 40, .components = 3}};
    for (size_t i = 0; i < SMALTI__COUNT(specs); i++) {
        size_t size;
        uint8_t *data = make_jpeg(&specs[i], NULL, &size);
        work what = {.out_width = 20, .out_height = i == 2 ? 41 : 20, .subsampling = 420};
        if (i == 4)
            what.orientation = 2, what.out_width = 19; /* chroma's last column would be the first */
        smalti__planar_plan plan;
        smalti_error error;
        what.format = i == 3 ? &rows_only : NULL;
        CHECK_INT(run(data, size, &what, &plan, &error), SMALTI_E_UNSUPPORTED);
        free(data);
    }
}

TEST("errors of decoder, encoder and requests to stop come out, with and without a thread")
{
    jpeg_spec spec = {.width = 300, .height = 400, .components = 3, .h = 2, .v = 2};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    int cancelled = 1;
    smalti__stop stop = {.cancelled = &cancelled};
    for (int ahead = 0; ahead < 2; ahead++) {
        work what = {.out_width = 150, .out_height = 200, .subsampling = 420, .ahead = ahead};
        smalti__planar_plan plan;
        smalti_error error;
        CHECK_INT(run(data, size / 2, &what, &plan, &error), SMALTI_E_FORMAT_TRUNCATED);
        CHECK_HAS(error.message, "test.jpg: ");
        fail_at = 64;
        CHECK_INT(run(data, size, &what, &plan, &error), SMALTI_E_IO);
        fail_at = ~0u;
        what.stop = &stop;
        CHECK_INT(run(data, size, &what, &plan, &error), SMALTI_E_CANCELLED);
        what.stop = NULL;
        what.lenient = true;
        CHECK_OK(run(data, size / 2, &what, &plan, &error), error);
        CHECK(!plan.ahead); /* warnings come from the lane */
    }
    free(data);
    forget();
}

TEST("planes take no more memory than was said")
{
    static const work works[] = {
        {.out_width = 1600, .out_height = 1200, .subsampling = 420},
        {.out_width = 800, .out_height = 600, .subsampling = 444},
        {.out_width = 100, .out_height = 75, .subsampling = 420, .ahead = true},
        {.out_width = 600, .out_height = 800, .subsampling = 444, .orientation = 6},
        {.out_width = 40, .out_height = 30, .subsampling = 422, .reduce_width = 40, .reduce_height = 30}};
    jpeg_spec spec = {.width = 1600, .height = 1200, .components = 3, .h = 2, .v = 2};
    size_t size;
    uint8_t *data = make_jpeg(&spec, NULL, &size);
    for (size_t i = 0; i < SMALTI__COUNT(works); i++) {
        smalti__pool pool = {0};
        work what = works[i];
        smalti__planar_plan plan;
        smalti_error error;
        what.pool = &pool;
        CHECK_OK(run(data, size, &what, &plan, &error), error);
        if (pool.peak_used_bytes > plan.work_bytes)
            TEST_FAIL("case %zu takes %zu bytes, not %zu", i, pool.peak_used_bytes, plan.work_bytes);
        CHECK_INT(pool.used_bytes, 0);
        CHECK_INT(pool.peak_used_bytes > plan.work_bytes / 16, 1);
        smalti__pool_trim(&pool, 0);
    }
    free(data);
    forget();
}

/* ---- whole jobs ---- */

static void run_job(const uint8_t *data, size_t size, const char *format, const char *resize, smalti_image *image)
{
    smalti_job *job;
    smalti_plan *plan;
    smalti_error error;
    void *out;
    size_t out_size;
    CHECK_OK(smalti_job_new(&job, &error), error);
    if (resize)
        CHECK_OK(smalti_job_step_add(job, "resize", resize, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", format, &error), error);
    CHECK_OK(smalti_job_set(job, "output.quality", "98", &error), error);
    CHECK_OK(smalti_job_set(job, "output.subsampling", "444", &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    CHECK_OK(smalti_plan_run_memory(plan, NULL, data, size, "in.jpg", &out, &out_size, NULL, &error), error);
    CHECK_OK(smalti_image_read_memory(out, out_size, "out", image, &error), error);
    free(out);
    smalti_plan_free(plan);
    smalti_job_free(job);
}

TEST("a job that goes by planes gives the picture that one by rows gives")
{
    static const struct {
        const char *resize;
        uint32_t orientation;
    } cases[] = {{NULL, 1},        {"width=200", 1}, {"width=90", 1},        {"width=60", 6},
                 {"width=100", 8}, {NULL, 5},        {"80x80:fit=cover", 1}, {"120x50:fit=fill", 3}};
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        jpeg_spec spec = {.width = 403, .height = 301, .components = 3, .h = 1 + i % 2, .v = 1 + i % 2};
        uint8_t exif[EXIF_BYTES], *pixels = malloc(403 * 301 * 3);
        make_exif(exif, false, cases[i].orientation);
        spec.exif = exif, spec.exif_size = sizeof exif;
        for (uint32_t k = 0; k < 403 * 301 * 3; k++) {
            double x = k / 3 % 403 / 40.0, y = k / 3 / 403 / 30.0;
            pixels[k] = (uint8_t)(128 + 50 * sin(x * (1 + k % 3) + y) + 40 * cos(y * 2 - x));
        }
        size_t size;
        uint8_t *data = make_jpeg(&spec, pixels, &size);
        smalti_image planes, rows;
        run_job(data, size, "jpeg", cases[i].resize, &planes);
        run_job(data, size, "png", cases[i].resize, &rows);
        CHECK_INT(planes.width, rows.width);
        CHECK_INT(planes.height, rows.height);
        double sum = 0;
        for (uint32_t y = 0; y < rows.height; y++)
            for (uint32_t x = 0; x < rows.width * 3; x++) {
                int difference =
                    ((uint8_t *)planes.data)[y * planes.pitch + x] - ((uint8_t *)rows.data)[y * rows.pitch + x];
                sum += difference * difference;
            }
        double psnr = 10 * log10(255.0 * 255 * rows.width * rows.height * 3 / sum);
        if (psnr < 36)
            TEST_FAIL("case %zu: %.1f dB", i, psnr);
        smalti_image_free(&planes);
        smalti_image_free(&rows);
        free(data);
        free(pixels);
    }
}
