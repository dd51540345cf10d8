/* SPDX-License-Identifier: Apache-2.0
 * The stream of a scaling: rows in, resampled across, weighted down, rows out. */
#include "pixel/resample.h"

#include <math.h>

#include "pixel/resample_plan.h"

/* The weights of one output row. */
typedef struct slot {
    uint32_t first, count, shift;
    void *weights;
} slot;

struct smalti__resample {
    smalti__resample_setup setup;
    smalti__resample_plan plan;
    const smalti__resample_table *table;
    smalti__across across;
    double positive;             /* the largest sum of positive weights across */
    uint32_t safe, tail;         /* outputs across from safe on read a copy of the row from pixel tail on */
    uint32_t first, end;         /* rows that contribute */
    uint32_t y;                  /* the next input row */
    uint32_t chunk;              /* resampled rows that wait to be added to sums; the last is y - 1 */
    uint32_t o, prepared, ready; /* output rows: the next; those whose weights were made; finished, not yet emitted */
    slot slots[SMALTI__RESAMPLE_SUMS];
};

static void *at(smalti__resample *r, size_t offset)
{
    return (uint8_t *)r + offset;
}

smalti_result smalti__resample_bytes(const smalti__resample_setup *setup, size_t *bytes, smalti_error *error)
{
    smalti__resample_plan plan;
    SMALTI__TRY(smalti__resample_plan_make(setup, sizeof(smalti__resample), &plan, error));
    *bytes = plan.bytes + SMALTI__POOL_SLACK;
    return SMALTI_OK;
}

void smalti__resample_rows(const smalti__resample_setup *setup, uint32_t *first, uint32_t *end)
{
    smalti__axis down = smalti__axis_make(setup->in.height, setup->out_height, setup->y, setup->height, setup->filter);
    uint32_t other;
    smalti__axis_window(&down, 0, first, &other);
    smalti__axis_window(&down, setup->out_height - 1, &other, end);
}

/* Outputs whose reads pass the end of a u8 row are made from a copy of its tail: their first pixels count from there. */
static void cut_tail(smalti__resample *r)
{
    uint32_t channels = r->setup.in.channels, out = r->setup.out_width, *first = at(r, r->plan.first);
    size_t reach = (size_t)r->plan.stride * channels + (channels == 3 ? 4 : 0);
    size_t row = (size_t)r->setup.in.width * channels;
    r->safe = out;
    while (r->safe > 0 && (size_t)first[r->safe - 1] * channels + reach > row)
        r->safe--;
    if (r->safe < out)
        r->tail = first[r->safe];
    for (uint32_t o = r->safe; o < out; o++)
        first[o] -= r->tail;
    memset(at(r, r->plan.tails), 0, SMALTI__ROWS_AT_ONCE * r->plan.tail_pitch);
}

static void prepare(smalti__resample *r)
{
    smalti__resample_plan *plan = &r->plan;
    smalti__resample_rows(&r->setup, &r->first, &r->end);
    if (plan->way == SMALTI__RESAMPLE_COPY)
        return;
    if (plan->way == SMALTI__RESAMPLE_NEAREST) {
        uint32_t *first = at(r, plan->first);
        for (uint32_t o = 0; o < r->setup.out_width; o++)
            first[o] = smalti__axis_nearest(&plan->across, o);
        return;
    }
    r->table = smalti__resample_table_get();
    smalti__axis_turn(&plan->across);
    smalti__axis_turn(&plan->down);
    r->across = smalti__resample_plan_across(plan, (uint8_t *)r, &r->positive);
    for (uint32_t i = 0; i < plan->slots; i++)
        r->slots[i].weights = at(r, plan->down_weights + i * plan->weight_pitch);
    if (plan->way == SMALTI__RESAMPLE_INTEGER) {
        cut_tail(r);
        return;
    }
    size_t row = (size_t)r->setup.in.width * r->setup.in.channels * sizeof(float);
    for (uint32_t i = 0; i < SMALTI__ROWS_AT_ONCE; i++) /* what is multiplied by 0 must be a number */
        memset(at(r, plan->loaded + i * plan->load_pitch + row), 0, plan->load_pitch - row);
}

smalti_result smalti__resample_open(const smalti__resample_setup *setup, smalti__resample **resample,
                                    smalti_error *error)
{
    smalti__resample_plan plan;
    SMALTI__TRY(smalti__resample_plan_make(setup, sizeof(smalti__resample), &plan, error));
    smalti__resample *r = smalti__pool_get(setup->pool, plan.bytes + SMALTI__POOL_SLACK);
    if (!r)
        return smalti__fail_nomem(error, plan.bytes);
    *r = (smalti__resample){.setup = *setup, .plan = plan};
    prepare(r);
    *resample = r;
    return SMALTI_OK;
}

void smalti__resample_close(smalti__resample *resample)
{
    if (resample)
        smalti__pool_put(resample->setup.pool, resample);
}

static smalti_result emit_ready(smalti__resample *r, smalti_error *error)
{
    uint32_t ready = r->ready;
    r->ready = 0;
    return ready == 0 ? SMALTI_OK : r->setup.emit(r->setup.user, at(r, r->plan.out), r->plan.out_pitch, ready, error);
}

/* Where the next output row goes. */
static void *out_row(smalti__resample *r)
{
    return at(r, r->plan.out + r->ready * r->plan.out_pitch);
}

static smalti_result row_done(smalti__resample *r, smalti_error *error)
{
    r->ready++, r->o++;
    return r->ready < r->plan.emit_rows ? SMALTI_OK : emit_ready(r, error);
}

/* As many bits for the weights down as 16 bits, 22 together with the fraction of rows, and sums below 2^31 allow. */
static void round_weights(smalti__resample *r, slot *s, const double *weights, double sum)
{
    uint32_t bits = 22 - r->plan.fraction_bits, positive;
    double magnitudes = 0;
    for (uint32_t i = 0; i < s->count; i++)
        magnitudes += fabs(weights[i]);
    double most = 255 * r->positive * magnitudes / sum + 1; /* and half a unit, for rounding */
    while (most * (double)(1u << (r->plan.fraction_bits + bits)) > INT32_MAX ||
           !smalti__axis_round(weights, s->count, sum, bits, s->weights, &positive))
        bits--;
    s->shift = r->plan.fraction_bits + bits;
}

static slot *slot_of(smalti__resample *r, uint32_t o)
{
    return &r->slots[r->plan.gather ? 0 : o % SMALTI__RESAMPLE_SUMS];
}

/* Makes the weights of the next output that has none. */
static void prepare_down(smalti__resample *r)
{
    slot *s = slot_of(r, r->prepared);
    double *weights = at(r, r->plan.scratch);
    double sum = smalti__axis_weights(&r->plan.down, r->prepared, weights, &s->first, &s->count);
    r->prepared++;
    if (r->plan.way == SMALTI__RESAMPLE_INTEGER)
        round_weights(r, s, weights, sum);
    else
        for (uint32_t i = 0; i < s->count; i++)
            ((float *)s->weights)[i] = (float)(weights[i] / sum);
}

/* Adds input rows from … to to an output; with its last one it is finished. */
static smalti_result add_down(smalti__resample *r, uint32_t o, uint32_t from, uint32_t to, smalti_error *error)
{
    const smalti__resample_plan *plan = &r->plan;
    const slot *s = slot_of(r, o);
    bool integer = plan->way == SMALTI__RESAMPLE_INTEGER, last = to == s->first + s->count;
    const void *rows[SMALTI__RESAMPLE_GATHER]; /* a chunk is smaller */
    for (uint32_t y = from; y < to; y++)
        rows[y - from] = at(r, plan->rows + y % plan->ring_rows * plan->row_pitch);
    size_t weight = integer ? sizeof(int16_t) : sizeof(float);
    smalti__down down = {.rows = rows,
                         .weights = (const uint8_t *)s->weights + (from - s->first) * weight,
                         .count = to - from,
                         .shift = s->shift,
                         .samples = plan->samples,
                         .from = from > s->first,
                         .sums = plan->gather ? NULL : at(r, plan->sums + o % SMALTI__RESAMPLE_SUMS * plan->sum_pitch)};
    if (integer) {
        down.dst = last ? out_row(r) : NULL;
        r->table->down_i16(&down);
        return last ? row_done(r, error) : SMALTI_OK;
    }
    down.dst = last ? at(r, plan->result) : NULL;
    r->table->down_f32(&down);
    if (!last)
        return SMALTI_OK;
    r->table->store(&plan->pixels, out_row(r), down.dst, r->setup.out_width);
    return row_done(r, error);
}

/* Finishes the outputs whose last row is in the ring. */
static smalti_result gather(smalti__resample *r, smalti_error *error)
{
    while (r->o < r->setup.out_height) {
        if (r->prepared == r->o)
            prepare_down(r);
        const slot *s = &r->slots[0];
        if (s->first + s->count > r->y)
            break;
        SMALTI__TRY(add_down(r, r->o, s->first, s->first + s->count, error));
    }
    return SMALTI_OK;
}

/* Adds the chunk to every output that begins before its end. */
static smalti_result scatter(smalti__resample *r, smalti_error *error)
{
    uint32_t begin = r->y - r->chunk;
    r->chunk = 0;
    for (uint32_t o = r->o; o < r->setup.out_height; o++) {
        if (o == r->prepared) {
            uint32_t first, end;
            smalti__axis_window(&r->plan.down, o, &first, &end);
            if (first >= r->y)
                break;
            prepare_down(r);
        }
        const slot *s = slot_of(r, o);
        uint32_t end = s->first + s->count;
        uint32_t from = s->first > begin ? s->first : begin, to = end < r->y ? end : r->y;
        if (from < to)
            SMALTI__TRY(add_down(r, o, from, to, error));
    }
    return SMALTI_OK;
}

/* Resamples the next count rows across, into the ring. */
static void across(smalti__resample *r, const uint8_t *rows, size_t pitch, uint32_t count)
{
    const smalti__resample_plan *plan = &r->plan;
    void *dst[SMALTI__ROWS_AT_ONCE];
    const void *src[SMALTI__ROWS_AT_ONCE];
    for (uint32_t i = 0; i < count; i++) {
        dst[i] = at(r, plan->rows + (r->y + i) % plan->ring_rows * plan->row_pitch);
        src[i] = rows + i * pitch;
    }
    uint32_t channels = r->setup.in.channels, out = r->setup.out_width;
    if (plan->way == SMALTI__RESAMPLE_FLOAT) {
        for (uint32_t i = 0; i < count; i++) {
            float *loaded = at(r, plan->loaded + i * plan->load_pitch);
            r->table->load(&plan->pixels, loaded, src[i], r->setup.in.width);
            src[i] = loaded;
        }
        r->table->across_f32(&r->across, 0, out, (float *const *)dst, (const float *const *)src, count);
        return;
    }
    r->table->across_u8(&r->across, 0, r->safe, (int16_t *const *)dst, (const uint8_t *const *)src, count);
    if (r->safe == out)
        return;
    size_t skip = (size_t)r->tail * channels, size = (size_t)r->setup.in.width * channels - skip;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *tail = at(r, plan->tails + i * plan->tail_pitch);
        src[i] = memcpy(tail, (const uint8_t *)src[i] + skip, size);
        dst[i] = (int16_t *)dst[i] + (size_t)r->safe * channels;
    }
    r->table->across_u8(&r->across, r->safe, out, (int16_t *const *)dst, (const uint8_t *const *)src, count);
}

/* As many rows at a time as share weights, and as the chunk has room for. */
static smalti_result filter_rows(smalti__resample *r, const uint8_t *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    const smalti__resample_plan *plan = &r->plan;
    while (count > 0) {
        uint32_t n = count < SMALTI__ROWS_AT_ONCE ? count : SMALTI__ROWS_AT_ONCE;
        if (!plan->gather && n > SMALTI__RESAMPLE_CHUNK - r->chunk)
            n = SMALTI__RESAMPLE_CHUNK - r->chunk;
        across(r, rows, pitch, n);
        r->y += n, r->chunk += n, rows += n * pitch, count -= n;
        if (plan->gather)
            SMALTI__TRY(gather(r, error));
        else if (r->chunk == SMALTI__RESAMPLE_CHUNK || r->y == r->end)
            SMALTI__TRY(scatter(r, error));
    }
    return emit_ready(r, error);
}

static smalti_result nearest_rows(smalti__resample *r, const uint8_t *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    const uint32_t *first = at(r, r->plan.first);
    size_t pixel = smalti__pixel_bytes(&r->setup.in);
    for (; count > 0; count--, r->y++, rows += pitch)
        while (r->o < r->setup.out_height && smalti__axis_nearest(&r->plan.down, r->o) == r->y) {
            uint8_t *dst = out_row(r);
            for (uint32_t o = 0; o < r->setup.out_width; o++)
                memcpy(dst + o * pixel, rows + first[o] * pixel, pixel);
            SMALTI__TRY(row_done(r, error));
        }
    return emit_ready(r, error);
}

smalti_result smalti__resample_push(smalti__resample *r, const void *rows, size_t pitch, uint32_t count,
                                    smalti_error *error)
{
    if (count > r->setup.in.height - r->y)
        return smalti__fail(error, SMALTI_E_INVALID, "resize: more than the image's %u rows", r->setup.in.height);
    const uint8_t *next = rows;
    if (r->y < r->first) {
        uint32_t skip = r->first - r->y < count ? r->first - r->y : count;
        r->y += skip, count -= skip, next += skip * pitch;
    }
    uint32_t left = r->y < r->end ? r->end - r->y : 0, useful = count < left ? count : left, rest = count - useful;
    if (useful > 0 && r->plan.way == SMALTI__RESAMPLE_COPY) {
        next += r->plan.across.shift * smalti__pixel_bytes(&r->setup.in);
        SMALTI__TRY(r->setup.emit(r->setup.user, next, pitch, useful, error));
        r->y += useful;
    } else if (useful > 0 && r->plan.way == SMALTI__RESAMPLE_NEAREST)
        SMALTI__TRY(nearest_rows(r, next, pitch, useful, error));
    else if (useful > 0)
        SMALTI__TRY(filter_rows(r, next, pitch, useful, error));
    r->y += rest;
    return SMALTI_OK;
}
