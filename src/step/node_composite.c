/* SPDX-License-Identifier: Apache-2.0
 * The node that blends another image over rows as they pass. Formulas: Compositing and Blending Level 1 (W3C), on straight
 * alpha: αo = αs + αb − αs αb, co = (αs (1 − αb) cs + αb (1 − αs) cb + αs αb B(cb, cs)) / αo. */
#include <math.h>

#include "step/composite.h"
#include "step/flow.h"

typedef struct composite_stage {
    smalti__stage base;
    uint8_t *strip; /* rows of the image that are blended into */
    size_t pitch;
    uint32_t rows;
    uint32_t row;       /* of the image, next */
    uint8_t *over;      /* a row of the overlay, in the image's samples */
    smalti__shape shape; /* of that row: the image's with alpha */
} composite_stage;

static const smalti__composite_params *params_of(const smalti__node *node)
{
    return (const smalti__composite_params *)node->params;
}

static inline float blended(uint32_t blend, float below, float above)
{
    switch (blend) {
    case SMALTI__BLEND_MULTIPLY:
        return below * above;
    case SMALTI__BLEND_SCREEN:
        return below + above - below * above;
    case SMALTI__BLEND_ADD:
        return below + above < 1 ? below + above : 1;
    case SMALTI__BLEND_DARKEN:
        return below < above ? below : above;
    case SMALTI__BLEND_LIGHTEN:
        return below > above ? below : above;
    default:
        return above;
    }
}

static uint8_t to_u8(float v)
{
    return (uint8_t)(v > 0 ? v < 1 ? v * 255 + 0.5f : 255 : 0);
}
static uint16_t to_u16(float v)
{
    return (uint16_t)(v > 0 ? v < 1 ? v * 65535 + 0.5f : 65535 : 0);
}
static float to_f32(float v)
{
    return v;
}

/* count pixels of over, which has alpha, into dst, which has some when channels says so. */
#define BLEND(name, T, white)                                                                                          \
    static void blend_##name(const T *restrict over, T *restrict dst, size_t count, uint32_t channels, uint32_t blend, \
                             float opacity)                                                                            \
    {                                                                                                                  \
        const uint32_t colors = channels < 3 ? 1 : 3, from = colors + 1;                                               \
        const bool alpha = channels == from;                                                                           \
        for (size_t i = 0; i < count; i++, over += from, dst += channels) {                                            \
            float as = (float)over[colors] * (opacity / (white)),                                                      \
                  ab = alpha ? (float)dst[colors] * (1.0f / (white)) : 1;                                              \
            if (!(as > 0))                                                                                             \
                continue;                                                                                              \
            float ao = as + ab - as * ab, only = as * (1 - ab) / ao, stays = ab * (1 - as) / ao, both = as * ab / ao;  \
            for (uint32_t c = 0; c < colors; c++) {                                                                    \
                float cs = (float)over[c] * (1.0f / (white)), cb = (float)dst[c] * (1.0f / (white));                   \
                dst[c] = to_##name(only * cs + stays * cb + both * blended(blend, cb, cs));                            \
            }                                                                                                          \
            if (alpha)                                                                                                 \
                dst[colors] = to_##name(ao);                                                                           \
        }                                                                                                              \
    }
BLEND(u8, uint8_t, 255.0f)
BLEND(u16, uint16_t, 65535.0f)
BLEND(f32, float, 1.0f)

/* What watermarks mostly are: over 8 bits that are opaque. weight is of full alpha: 65536 × opacity. */
static void over_opaque_u8(const uint8_t *restrict over, uint8_t *restrict dst, size_t count, uint32_t weight)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t as = (over[4 * i + 3] * weight + 127) / 255;
        for (size_t c = 0; c < 3; c++)
            dst[3 * i + c] = (uint8_t)((over[4 * i + c] * as + dst[3 * i + c] * (65536 - as) + 32768) >> 16);
    }
}

static void blend_pixels(const composite_stage *self, const uint8_t *over, uint8_t *dst, size_t count)
{
    const smalti__composite_params *params = params_of(self->base.node);
    uint32_t channels = self->base.node->in.channels;
    void *to = dst;
    const void *from = over;
    if (self->shape.sample == SMALTI_SAMPLE_U16)
        blend_u16(from, to, count, channels, params->blend, params->opacity);
    else if (self->shape.sample == SMALTI_SAMPLE_F32)
        blend_f32(from, to, count, channels, params->blend, params->opacity);
    else if (channels == 3 && params->blend == SMALTI__BLEND_OVER)
        over_opaque_u8(from, to, count, (uint32_t)lroundf(params->opacity * 65536));
    else
        blend_u8(from, to, count, channels, params->blend, params->opacity);
}

/* ---- places ---- */

/* The first of the overlay's size from start on, in steps of size, that reaches beyond 0. */
static int64_t first_tile(int64_t start, int64_t size)
{
    int64_t past = start % size;
    return past > 0 ? past - size : past;
}

/* Rows from to to of the image are those that the overlay lies over. */
static void covered(const smalti__node *node, int64_t *from, int64_t *to)
{
    const smalti__composite_params *params = params_of(node);
    const smalti_image *image = &params->overlay->image;
    int64_t height = node->in.height, bottom = params->y + image->height;
    bool beside = params->x >= node->in.width || params->x + image->width <= 0;
    *from = params->tile ? 0 : params->y > 0 ? params->y : 0;
    *to = params->tile ? height : beside ? 0 : bottom < height ? bottom : height;
}

/* Columns of the overlay that are seen: a row of them is converted. */
static void seen(const smalti__node *node, int64_t *first, int64_t *count)
{
    const smalti__composite_params *params = params_of(node);
    int64_t width = params->overlay->image.width, right = (int64_t)node->in.width - params->x;
    *first = params->tile || params->x > 0 ? 0 : -params->x;
    *count = (params->tile || right > width ? width : right) - *first;
}

static void blend_row(const composite_stage *self, uint32_t y, uint8_t *dst)
{
    static const uint8_t none[3];
    const smalti__node *node = self->base.node;
    const smalti__composite_params *params = params_of(node);
    const smalti_image *image = &params->overlay->image;
    size_t bytes = smalti__pixel_bytes(&node->in), over_bytes = smalti__pixel_bytes(&self->shape);
    int64_t first, count, width = node->in.width, down = (int64_t)y - params->y;
    if (params->tile)
        down = (int64_t)y - first_tile(params->y, image->height);
    seen(node, &first, &count);
    smalti__shape from = smalti__image_shape(image), to = self->shape;
    from.width = to.width = (uint32_t)count;
    const uint8_t *row = (const uint8_t *)image->data + (size_t)(down % image->height) * image->pitch +
                         (size_t)first * smalti__pixel_bytes(&from);
    const uint8_t *over = row;
    if (from.sample != to.sample || from.channels != to.channels) {
        smalti__convert_rows(&from, row, 0, &to, self->over, 0, 1, none);
        over = self->over;
    }
    if (!params->tile) {
        blend_pixels(self, over, dst + (size_t)(params->x + first) * bytes, (size_t)count);
        return;
    }
    for (int64_t x = first_tile(params->x, image->width); x < width; x += image->width) {
        int64_t skip = x < 0 ? -x : 0, end = x + image->width < width ? image->width : width - x;
        blend_pixels(self, over + (size_t)skip * over_bytes, dst + (size_t)(x + skip) * bytes, (size_t)(end - skip));
    }
}

/* ---- the stage ---- */

static smalti_result blend_rows(composite_stage *self, const uint8_t *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    const smalti__node *node = self->base.node;
    size_t bytes = node->in.width * smalti__pixel_bytes(&node->in);
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        for (uint32_t r = 0; r < take; r++) {
            uint8_t *dst = self->strip + r * self->pitch;
            memcpy(dst, rows + (done + r) * pitch, bytes);
            blend_row(self, self->row + r, dst);
        }
        self->base.setup->stats->copied_rows += take;
        self->base.setup->stats->copied_bytes += take * bytes;
        self->row += take;
        SMALTI__TRY(smalti__stage_emit(&self->base, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static smalti_result composite_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                    smalti_error *error)
{
    composite_stage *self = (composite_stage *)stage;
    const uint8_t *at = rows;
    int64_t from, to;
    covered(stage->node, &from, &to);
    while (count) {
        bool inside = self->row >= from && self->row < to;
        int64_t end = inside ? to : self->row < from && from < to ? from : (int64_t)self->row + count;
        uint32_t take = end - self->row < count ? (uint32_t)(end - self->row) : count;
        if (inside) {
            SMALTI__TRY(blend_rows(self, at, pitch, take, error));
        } else {
            self->row += take;
            SMALTI__TRY(smalti__stage_emit(stage, at, pitch, take, error));
        }
        at += take * pitch;
        count -= take;
    }
    return SMALTI_OK;
}

static void composite_close(smalti__stage *stage)
{
    composite_stage *self = (composite_stage *)stage;
    smalti__pool_put(stage->setup->pool, self->strip);
    smalti__pool_put(stage->setup->pool, self->over);
    free(self);
}

/* The row of the overlay: of its own width, for tiles repeat it. */
static size_t over_bytes(const smalti__node *node)
{
    smalti__shape shape = node->in;
    shape.width = params_of(node)->overlay->image.width;
    shape.channels = node->in.channels < 3 ? 2 : 4;
    return smalti__row_pitch(&shape);
}

static smalti_result composite_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                     smalti_error *error)
{
    return smalti__rows_bytes(node, setup, over_bytes(node), bytes, error);
}

static smalti_result composite_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                    smalti_error *error)
{
    static const smalti__stage_ops ops = {composite_push, composite_close, NULL, NULL};
    size_t strip = 0;
    SMALTI__TRY(smalti__rows_bytes(node, setup, 0, &strip, error));
    composite_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->pitch = smalti__row_pitch(&node->out);
    made->rows = smalti__strip_rows(&node->out, setup->strip_rows);
    made->shape = node->in;
    made->shape.channels = node->in.channels < 3 ? 2 : 4;
    made->strip = smalti__pool_get(setup->pool, strip);
    made->over = smalti__pool_get(setup->pool, over_bytes(node));
    if (!made->strip || !made->over) {
        composite_close(&made->base);
        return smalti__fail_nomem(error, strip + over_bytes(node));
    }
    *stage = &made->base;
    return SMALTI_OK;
}

static void composite_describe(const smalti__node *node, char *out, size_t out_size)
{
    const smalti__composite_params *params = params_of(node);
    snprintf(out, out_size, "%u × %u at %lld, %lld%s", params->overlay->image.width, params->overlay->image.height,
             (long long)params->x, (long long)params->y, params->tile ? ", repeated" : "");
}

const smalti__node_kind smalti__node_composite = {"composite", composite_bytes, composite_open, composite_describe};
