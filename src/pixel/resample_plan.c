/* SPDX-License-Identifier: Apache-2.0
 * Checks the setup of a scaling, decides how it is done and in how much memory, and makes the weights across. */
#include "pixel/resample_plan.h"

#include <math.h>

enum {
    EMIT_ROWS = 16,         /* given out together, if they have at most … */
    EMIT_BYTES = 64 << 10,
    INTEGER_REDUCTION = 128 /* the most for integers: rounded weights of thousands of samples would add up to a level */
};

/* As many as leave the weights down, which share 22 bits with them, so many that their errors do not add up. */
static uint32_t fraction_bits(double reduction)
{
    return reduction <= 8 ? 6 : reduction <= 32 ? 4 : 3;
}

/* Puts bytes at the end of the block, aligned. */
static bool place(smalti__resample_plan *plan, size_t *at, size_t count, size_t bytes)
{
    size_t size, end;
    *at = plan->bytes;
    if (!smalti__mul(count, bytes, &size) || !smalti__add(size, plan->bytes, &end) || end > SIZE_MAX / 4)
        return false;
    plan->bytes = smalti__align(end, SMALTI__ROWS_ALIGN);
    return true;
}

static size_t padded(size_t bytes)
{
    return smalti__align(bytes, SMALTI__ROWS_ALIGN);
}

static bool place_filter(const smalti__resample_setup *setup, smalti__resample_plan *plan)
{
    bool integer = plan->way == SMALTI__RESAMPLE_INTEGER;
    uint32_t channels = setup->in.channels, taps = plan->down.taps;
    size_t weight = integer ? sizeof(int16_t) : sizeof(float), value = weight;
    plan->gather = taps <= SMALTI__RESAMPLE_GATHER;
    plan->slots = plan->gather ? 1 : SMALTI__RESAMPLE_SUMS;
    plan->stride = smalti__across_stride(integer, channels, plan->across.taps);
    plan->ring_rows = plan->gather ? taps + SMALTI__ROWS_AT_ONCE - 1 : SMALTI__RESAMPLE_CHUNK;
    plan->row_pitch = padded(plan->samples * value + 16); /* stores of 8 and 16 bytes for 6 and 12 */
    plan->sum_pitch = padded(plan->samples) * sizeof(float); /* i32 of whole blocks of i16 */
    plan->weight_pitch = padded(taps * weight);
    size_t load = (size_t)setup->in.width * channels * sizeof(float);
    plan->load_pitch = padded(load + SMALTI__ROWS_SLACK);
    size_t across_weights = (size_t)plan->stride * weight;
    uint32_t most_taps = plan->across.taps > taps ? plan->across.taps : taps;
    plan->tail_pitch = padded((size_t)plan->stride * channels + SMALTI__ROWS_SLACK);
    return place(plan, &plan->first, setup->out_width, sizeof(uint32_t)) &&
           place(plan, &plan->weights, setup->out_width, across_weights) &&
           place(plan, &plan->scratch, most_taps, sizeof(double)) &&
           place(plan, &plan->down_weights, plan->slots, plan->weight_pitch) &&
           place(plan, &plan->tails, integer ? SMALTI__ROWS_AT_ONCE : 0, plan->tail_pitch) &&
           place(plan, &plan->loaded, integer ? 0 : SMALTI__ROWS_AT_ONCE, plan->load_pitch) &&
           place(plan, &plan->rows, plan->ring_rows, plan->row_pitch) &&
           place(plan, &plan->sums, plan->gather ? 0 : SMALTI__RESAMPLE_SUMS, plan->sum_pitch) &&
           place(plan, &plan->result, integer ? 0 : 1, plan->sum_pitch);
}

static smalti_result check(const smalti__resample_setup *setup, smalti_error *error)
{
    const smalti__shape *in = &setup->in;
    if (in->width == 0 || in->height == 0 || setup->out_width == 0 || setup->out_height == 0 || in->width > INT32_MAX ||
        in->height > INT32_MAX || setup->out_width > INT32_MAX || setup->out_height > INT32_MAX)
        return smalti__fail(error, SMALTI_E_INVALID, "resize: %u × %u to %u × %u pixels is not possible", in->width,
                            in->height, setup->out_width, setup->out_height);
    if (in->channels < 1 || in->channels > 4 ||
        (in->sample != SMALTI_SAMPLE_U8 && in->sample != SMALTI_SAMPLE_U16 && in->sample != SMALTI_SAMPLE_F32))
        return smalti__fail(error, SMALTI_E_INVALID, "resize: samples of type %d in %u channels are not possible",
                            (int)in->sample, in->channels);
    const double slip = 1e-6; /* what arithmetic may leave */
    if (!(setup->x >= -slip && setup->y >= -slip && setup->width > 0 && setup->height > 0 &&
          setup->x + setup->width <= in->width + slip && setup->y + setup->height <= in->height + slip))
        return smalti__fail(error, SMALTI_E_INVALID, "resize: the rectangle %g × %g at %g, %g is not in the image",
                            setup->width, setup->height, setup->x, setup->y);
    if ((unsigned)setup->filter >= SMALTI__FILTER_COUNT)
        return smalti__fail(error, SMALTI_E_INVALID, "resize: no filter has number %d", (int)setup->filter);
    return SMALTI_OK;
}

smalti_result smalti__resample_plan_make(const smalti__resample_setup *setup, size_t head, smalti__resample_plan *plan,
                                         smalti_error *error)
{
    SMALTI__TRY(check(setup, error));
    const smalti__shape *in = &setup->in;
    *plan = (smalti__resample_plan){
        .across = smalti__axis_make(in->width, setup->out_width, setup->x, setup->width, setup->filter),
        .down = smalti__axis_make(in->height, setup->out_height, setup->y, setup->height, setup->filter),
        .pixels = {in->sample, in->channels, in->channels % 2 == 0, in->premultiplied, setup->linear}};
    bool integer = in->sample == SMALTI_SAMPLE_U8 && !plan->pixels.alpha && !setup->linear &&
                   plan->across.scale <= INTEGER_REDUCTION && plan->down.scale <= INTEGER_REDUCTION;
    plan->way = plan->across.same && plan->down.same      ? SMALTI__RESAMPLE_COPY
                : setup->filter == SMALTI__FILTER_NEAREST ? SMALTI__RESAMPLE_NEAREST
                : integer                                 ? SMALTI__RESAMPLE_INTEGER
                                                          : SMALTI__RESAMPLE_FLOAT;
    plan->fraction_bits = fraction_bits(plan->down.scale);
    bool fits = smalti__mul(setup->out_width, in->channels, &plan->samples) &&
                smalti__mul(plan->samples, smalti_sample_bytes(in->sample), &plan->out_pitch) &&
                plan->out_pitch < SIZE_MAX / 64;
    if (fits) {
        plan->out_pitch = padded(plan->out_pitch);
        size_t rows = EMIT_BYTES / plan->out_pitch;
        plan->emit_rows = rows < 1 ? 1 : rows > EMIT_ROWS ? EMIT_ROWS : (uint32_t)rows;
        plan->bytes = padded(head);
        if (plan->way == SMALTI__RESAMPLE_NEAREST)
            fits = place(plan, &plan->first, setup->out_width, sizeof(uint32_t));
        else if (plan->way != SMALTI__RESAMPLE_COPY)
            fits = place_filter(setup, plan);
        if (plan->way != SMALTI__RESAMPLE_COPY)
            fits = fits && place(plan, &plan->out, plan->emit_rows, plan->out_pitch);
    }
    if (!fits)
        return smalti__fail(error, SMALTI_E_LIMIT_PIXELS, "resize: %u × %u pixels are too many", setup->out_width,
                            setup->out_height);
    return SMALTI_OK;
}

/* The weights of outputs across, with leading zeros where a whole stride would pass the end of the row by more than its
 * padding. Integer: with so many bits; false when a weight does not fit. */
static bool weigh_across(const smalti__resample_plan *plan, uint8_t *block, uint32_t bits, double *positive)
{
    const smalti__axis *axis = &plan->across;
    uint32_t *first = (uint32_t *)(block + plan->first), stride = plan->stride, last = axis->in - axis->taps;
    double *scratch = (double *)(block + plan->scratch);
    bool integer = plan->way == SMALTI__RESAMPLE_INTEGER;
    memset(block + plan->weights, 0, (size_t)axis->out * stride * (integer ? sizeof(int16_t) : sizeof(float)));
    uint32_t most = 0;
    for (uint32_t o = 0; o < axis->out; o++) {
        uint32_t count, start, above;
        double sum = smalti__axis_weights(axis, o, scratch, &start, &count);
        uint32_t begin = start;
        if (axis->stretch == 1) { /* windows begin in order, weights that are not 0 need not */
            uint32_t end;
            smalti__axis_window(axis, o, &begin, &end);
        }
        first[o] = begin < last ? begin : last;
        size_t at = (size_t)o * stride + (start - first[o]);
        if (integer) {
            if (!smalti__axis_round(scratch, count, sum, bits, (int16_t *)(block + plan->weights) + at, &above))
                return false;
            most = above > most ? above : most;
            continue;
        }
        float *weights = (float *)(block + plan->weights) + at;
        for (uint32_t i = 0; i < count; i++)
            weights[i] = (float)(scratch[i] / sum);
    }
    *positive = ldexp(most, -(int)bits);
    return true;
}

/* Sums of u8 × weights stay below 2^31 with 22 bits: the magnitudes of weights sum to less than 2. */
smalti__across smalti__resample_plan_across(const smalti__resample_plan *plan, uint8_t *block, double *positive)
{
    uint32_t bits = 22;
    while (bits > 14 && ldexp(1.1 / plan->across.stretch, (int)bits) > INT16_MAX)
        bits--;
    while (!weigh_across(plan, block, bits, positive))
        bits--;
    return (smalti__across){.first = (uint32_t *)(block + plan->first),
                            .weights = block + plan->weights,
                            .stride = plan->stride,
                            .channels = plan->pixels.channels,
                            .shift = bits - plan->fraction_bits};
}
