/* SPDX-License-Identifier: Apache-2.0
 * The score, streamed: each scale holds the nine rows its blur needs, and passes two rows on as one to the next. */
#include "score/score.h"

#include <math.h>

#include "score/linear.h"
#include "score/weights.h"

enum {
    TAPS = SMALTI__SCORE_TAPS,
    RADIUS = SMALTI__SCORE_RADIUS,
    SCALES = SMALTI__SCORE_SCALES,
    COMPONENTS = SMALTI__SCORE_COMPONENTS,
    LEAST_SIDE = 8, /* of an image, and of the scale before the last */
    MARGIN = 16,    /* zeros beside a row */
    GROUNDS = 2
};

/* Planes that are blurred, of one component. */
enum { FIRST, SECOND, SQUARE, ERROR, PLANES };

static const float grounds[GROUNDS] = {0.1f, 0.9f};

/* What is wanted of a component at a scale. */
typedef struct score_need {
    bool ssim, edges;
} score_need;

typedef struct score_scale {
    uint32_t width, height, rows_in, rows_out;
    size_t stride; /* floats from a row to the next */
    score_need need[COMPONENTS];
    float *linear; /* [2 rows][2 images][3] rows */
    float *ring;   /* [TAPS][COMPONENTS][PLANES] rows */
    smalti__score_sums sums[COMPONENTS];
} score_scale;

/* Both images over one ground. */
typedef struct score_pyramid {
    score_scale scales[SCALES];
    float *memory;
} score_pyramid;

struct smalti__scorer {
    const smalti__score_rows *rows;
    smalti__pool *pool;
    uint32_t width, height, scale_count, row;
    size_t floats; /* of one pyramid */
    uint32_t ground_count; /* 2 from the first pixel on that is not opaque */
    score_pyramid pyramids[GROUNDS];
    float *blurred; /* [PLANES] rows of the first scale, each with MARGIN zeros before it */
    float *zeros;   /* a row of the first score_scale */
};

/* ---- geometry ---- */

static size_t stride_of(uint32_t width)
{
    return smalti__align(width, SMALTI__SCORE_LANES) + MARGIN;
}

static uint32_t at_least_8(uint32_t side)
{
    return side < LEAST_SIDE ? LEAST_SIDE : side;
}

/* Sizes of the scales there are; returns the floats they take. */
static size_t lay_out(score_scale scales[SCALES], uint32_t width, uint32_t height, uint32_t *count)
{
    size_t floats = 0;
    for (*count = 0; *count < SCALES && width >= LEAST_SIDE && height >= LEAST_SIDE; ++*count) {
        score_scale *scale = &scales[*count];
        width = *count ? (width + 1) / 2 : width;
        height = *count ? (height + 1) / 2 : height;
        *scale = (score_scale){.width = width, .height = height, .stride = stride_of(width)};
        for (uint32_t c = 0; c < COMPONENTS; c++) {
            const smalti__score_weight *w = &smalti__score_weights[c][*count];
            scale->need[c].ssim = w->mean[SMALTI__SCORE_SSIM] + w->norm4[SMALTI__SCORE_SSIM] > 0;
            scale->need[c].edges = w->mean[SMALTI__SCORE_RINGING] + w->norm4[SMALTI__SCORE_RINGING] +
                                       w->mean[SMALTI__SCORE_BLURRING] + w->norm4[SMALTI__SCORE_BLURRING] >
                                   0;
        }
        floats += scale->stride * (2 * 2 * 3 + TAPS * COMPONENTS * PLANES);
    }
    return floats;
}

size_t smalti__score_bytes(uint32_t width, uint32_t height)
{
    score_scale scales[SCALES];
    uint32_t count;
    size_t floats = lay_out(scales, at_least_8(width), at_least_8(height), &count);
    size_t rows = (PLANES + 1) * (scales[0].stride + MARGIN);
    return sizeof(smalti__scorer) + (GROUNDS * floats + rows) * sizeof(float) + 4 * 64;
}

static float *linear_row(const score_scale *scale, uint32_t row, uint32_t image, uint32_t component)
{
    return scale->linear + (((row & 1) * 2 + image) * 3 + component) * scale->stride;
}

static float *ring_row(const score_scale *scale, uint32_t row, uint32_t component, uint32_t plane)
{
    return scale->ring + ((row % TAPS * COMPONENTS + component) * PLANES + plane) * scale->stride;
}

/* ---- opening ---- */

static void place(score_scale scales[SCALES], uint32_t count, float *memory)
{
    for (uint32_t i = 0; i < count; i++) {
        scales[i].linear = memory;
        scales[i].ring = memory + scales[i].stride * 2 * 2 * 3;
        memory = scales[i].ring + scales[i].stride * TAPS * COMPONENTS * PLANES;
    }
}

smalti_result smalti__scorer_open(uint32_t width, uint32_t height, smalti__pool *pool, smalti__scorer **scorer,
                                  smalti_error *error)
{
    if (!width || !height || width > INT32_MAX || height > INT32_MAX)
        return smalti__fail(error, SMALTI_E_INVALID, "an image of %u × %u pixels cannot be scored", width, height);
    smalti__scorer *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->rows = smalti__score_rows_get();
    self->pool = pool;
    self->width = width;
    self->height = height;
    self->ground_count = 1;
    self->floats = lay_out(self->pyramids[0].scales, at_least_8(width), at_least_8(height), &self->scale_count);
    size_t row = self->pyramids[0].scales[0].stride + MARGIN, extra = (PLANES + 1) * row;
    size_t bytes = (GROUNDS * self->floats + extra) * sizeof(float);
    float *memory = smalti__pool_get(pool, bytes);
    if (!memory) {
        free(self);
        return smalti__fail_nomem(error, bytes);
    }
    memset(memory, 0, (self->floats + extra) * sizeof *memory);
    self->blurred = memory;
    self->zeros = memory + PLANES * row;
    self->pyramids[0].memory = memory + extra;
    self->pyramids[1].memory = self->pyramids[0].memory + self->floats;
    place(self->pyramids[0].scales, self->scale_count, self->pyramids[0].memory);
    *scorer = self;
    return SMALTI_OK;
}

void smalti__scorer_close(smalti__scorer *scorer)
{
    if (!scorer)
        return;
    smalti__pool_put(scorer->pool, scorer->blurred);
    free(scorer);
}

/* ---- one scale ---- */

/* Compares row rows_out, when all rows around it have come or there are none. */
static void compare_row(smalti__scorer *self, score_scale *scale)
{
    const smalti__score_rows *rows = self->rows;
    const size_t count = smalti__align(scale->width, SMALTI__SCORE_LANES),
                 pitch = self->pyramids[0].scales[0].stride + MARGIN;
    const uint32_t row = scale->rows_out++;
    for (uint32_t c = 0; c < COMPONENTS; c++) {
        const score_need need = scale->need[c];
        if (!need.ssim && !need.edges)
            continue;
        for (uint32_t plane = 0; plane < (need.ssim ? PLANES : SQUARE); plane++) {
            const float *around[TAPS];
            for (uint32_t i = 0; i < TAPS; i++) {
                uint32_t at = row + i - RADIUS; /* wraps above the image */
                around[i] = at < scale->height ? ring_row(scale, at, c, plane) : self->zeros;
            }
            float *out = self->blurred + plane * pitch + MARGIN;
            rows->blur(out, around, count);
            memset(out + count, 0, RADIUS * sizeof *out); /* a wider scale was here */
        }
        const float *blurred = self->blurred + MARGIN;
        const smalti__score_row compared = {
            .mean = {blurred, blurred + pitch},
            .square = blurred + SQUARE * pitch,
            .error = blurred + ERROR * pitch,
            .pixels = {ring_row(scale, row, c, FIRST), ring_row(scale, row, c, SECOND)},
        };
        rows->compare(&scale->sums[c], &compared, scale->width, need.ssim, need.edges);
    }
}

/* Takes the linear row that was laid in place. */
static void take_row(smalti__scorer *self, score_scale *scale)
{
    const smalti__score_rows *rows = self->rows;
    const size_t count = smalti__align(scale->width, SMALTI__SCORE_LANES);
    const uint32_t row = scale->rows_in++;
    for (uint32_t image = 0; image < 2; image++) {
        const float *rgb[3];
        float *xyb[3];
        for (uint32_t c = 0; c < COMPONENTS; c++) {
            rgb[c] = linear_row(scale, row, image, c);
            xyb[c] = scale->need[c].ssim || scale->need[c].edges ? ring_row(scale, row, c, image) : NULL;
        }
        rows->xyb(xyb, rgb, count);
        for (uint32_t c = 0; c < COMPONENTS; c++)
            if (xyb[c]) /* what is beside the image counts as 0 in a blur */
                memset(xyb[c] + scale->width, 0, (scale->stride - scale->width) * sizeof *xyb[c]);
    }
    for (uint32_t c = 0; c < COMPONENTS; c++)
        if (scale->need[c].ssim)
            rows->products(ring_row(scale, row, c, SQUARE), ring_row(scale, row, c, ERROR),
                           ring_row(scale, row, c, FIRST), ring_row(scale, row, c, SECOND), count);
    if (row >= RADIUS)
        compare_row(self, scale);
}

/* Two rows of a scale (or its last one twice) are one of the next. */
static void pass_on(smalti__scorer *self, score_scale *from, score_scale *to)
{
    const uint32_t bottom = from->rows_in - 1, top = bottom & ~1u;
    for (uint32_t image = 0; image < 2; image++)
        for (uint32_t c = 0; c < COMPONENTS; c++) {
            float *a = linear_row(from, top, image, c), *b = linear_row(from, bottom, image, c);
            a[from->width] = a[from->width - 1]; /* of an odd width */
            b[from->width] = b[from->width - 1];
            self->rows->halve(linear_row(to, to->rows_in, image, c), a, b, to->width);
        }
}

/* Takes the linear row that was laid in place, and what it completes in smaller scales. */
static void advance(smalti__scorer *self, score_pyramid *pyramid, uint32_t i)
{
    for (;; i++) {
        score_scale *scale = &pyramid->scales[i];
        take_row(self, scale);
        if (i + 1 == self->scale_count || scale->rows_in & 1)
            break;
        pass_on(self, scale, scale + 1);
    }
}

/* ---- rows of the images ---- */

/* The first pixel that is not opaque: from here on there are two pyramids, which were one. */
static void fork_ground(smalti__scorer *self)
{
    float *memory = self->pyramids[1].memory;
    memcpy(memory, self->pyramids[0].memory, self->floats * sizeof *memory);
    memcpy(self->pyramids[1].scales, self->pyramids[0].scales, sizeof self->pyramids[1].scales);
    place(self->pyramids[1].scales, self->scale_count, memory);
    self->ground_count = 2;
}

static void push_row(smalti__scorer *self, const smalti__shape *const shapes[2], const void *const rows[2])
{
    if (self->ground_count == 1 &&
        !(smalti__score_opaque(shapes[0], rows[0]) && smalti__score_opaque(shapes[1], rows[1])))
        fork_ground(self);
    for (uint32_t g = 0; g < self->ground_count; g++) {
        score_scale *first = &self->pyramids[g].scales[0];
        for (uint32_t image = 0; image < 2; image++) {
            float *rgb[3];
            for (uint32_t c = 0; c < 3; c++)
                rgb[c] = linear_row(first, first->rows_in, image, c);
            smalti__score_linear(rgb, shapes[image], rows[image], grounds[g]);
            for (uint32_t c = 0; c < 3; c++)
                for (uint32_t x = self->width; x < first->width; x++)
                    rgb[c][x] = rgb[c][self->width - 1];
        }
        advance(self, &self->pyramids[g], 0);
    }
}

void smalti__scorer_push(smalti__scorer *scorer, const smalti__shape *reference, const void *reference_rows,
                         size_t reference_pitch, const smalti__shape *distorted, const void *distorted_rows,
                         size_t distorted_pitch, uint32_t count)
{
    const smalti__shape *const shapes[2] = {reference, distorted};
    for (uint32_t y = 0; y < count && scorer->row < scorer->height; y++) {
        const void *const rows[2] = {(const uint8_t *)reference_rows + y * reference_pitch,
                                     (const uint8_t *)distorted_rows + y * distorted_pitch};
        push_row(scorer, shapes, rows);
        if (++scorer->row == scorer->height) /* the last row again, up to the least height */
            for (uint32_t more = scorer->height; more < LEAST_SIDE; more++)
                push_row(scorer, shapes, rows);
    }
}

static double score_of(smalti__scorer *self, score_pyramid *pyramid)
{
    double errors = 0;
    for (uint32_t i = 0; i < self->scale_count; i++) {
        score_scale *scale = &pyramid->scales[i];
        if (i && pyramid->scales[i - 1].height & 1) {
            pass_on(self, scale - 1, scale);
            advance(self, pyramid, i);
        }
        while (scale->rows_out < scale->height)
            compare_row(self, scale);
        double pixels = (double)scale->width * scale->height;
        for (uint32_t c = 0; c < COMPONENTS; c++)
            for (uint32_t map = 0; map < SMALTI__SCORE_MAPS; map++) {
                const smalti__score_weight *weight = &smalti__score_weights[c][i];
                errors += weight->mean[map] * (scale->sums[c].sum[map] / pixels) +
                          weight->norm4[map] * sqrt(sqrt(scale->sums[c].sum4[map] / pixels));
            }
    }
    return smalti__score_map(errors);
}

double smalti__scorer_finish(smalti__scorer *scorer)
{
    double score = score_of(scorer, &scorer->pyramids[0]);
    for (uint32_t g = 1; g < scorer->ground_count; g++)
        score = fmin(score, score_of(scorer, &scorer->pyramids[g]));
    return score;
}

smalti_result smalti__score(const smalti_image *reference, const smalti_image *distorted, smalti__pool *pool,
                            double *score, smalti_error *error)
{
    SMALTI__TRY(smalti__image_check(reference, error));
    SMALTI__TRY(smalti__image_check(distorted, error));
    if (reference->width != distorted->width || reference->height != distorted->height)
        return smalti__fail(error, SMALTI_E_INVALID, "%u × %u pixels cannot be compared with %u × %u", reference->width,
                            reference->height, distorted->width, distorted->height);
    smalti__scorer *scorer;
    SMALTI__TRY(smalti__scorer_open(reference->width, reference->height, pool, &scorer, error));
    const smalti__shape first = smalti__image_shape(reference), second = smalti__image_shape(distorted);
    smalti__scorer_push(scorer, &first, reference->data, reference->pitch, &second, distorted->data, distorted->pitch,
                        reference->height);
    *score = smalti__scorer_finish(scorer);
    smalti__scorer_close(scorer);
    return SMALTI_OK;
}
