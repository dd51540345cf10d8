/* SPDX-License-Identifier: Apache-2.0
 * The stage of nodes that need their whole input at once: it is gathered in a frame, which is accounted for. */
#include "step/flow.h"

typedef struct frame_stage {
    smalti__stage base;
    smalti__frame_fn work;
    uint8_t *frame, *strip;
    size_t pitch;
    uint32_t filled; /* rows */
} frame_stage;

static smalti_result sizes(const smalti__node *node, const smalti__flow_setup *setup, size_t *frame, size_t *strip,
                           smalti_error *error)
{
    if (!smalti__mul(smalti__row_pitch(&node->in), node->in.height, frame) ||
        !smalti__mul(smalti__row_pitch(&node->out), smalti__strip_rows(&node->out, setup->strip_rows), strip))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

smalti_result smalti__frame_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                  smalti_error *error)
{
    size_t frame = 0, strip = 0;
    SMALTI__TRY(sizes(node, setup, &frame, &strip, error));
    if (!smalti__add(frame, strip, bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

static void frame_space(smalti__stage *stage, void **dst, size_t *pitch, uint32_t *rows)
{
    frame_stage *self = (frame_stage *)stage;
    *dst = self->frame + self->filled * self->pitch;
    *pitch = self->pitch;
    *rows = smalti__strip_rows(&stage->node->in, stage->setup->strip_rows);
}

static smalti_result frame_commit(smalti__stage *stage, uint32_t rows, smalti_error *error)
{
    frame_stage *self = (frame_stage *)stage;
    self->filled += rows;
    if (self->filled < stage->node->in.height)
        return SMALTI_OK;
    smalti_result result = self->work(stage, self->frame, self->pitch, error);
    smalti__pool_put(stage->setup->pool, self->frame); /* what follows may be large */
    self->frame = NULL;
    return result;
}

static smalti_result frame_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    frame_stage *self = (frame_stage *)stage;
    size_t bytes = stage->node->in.width * smalti__pixel_bytes(&stage->node->in);
    for (uint32_t y = 0; y < count; y++)
        memcpy(self->frame + (self->filled + y) * self->pitch, (const uint8_t *)rows + y * pitch, bytes);
    stage->setup->stats->copied_rows += count;
    stage->setup->stats->copied_bytes += count * bytes;
    return frame_commit(stage, count, error);
}

static void frame_close(smalti__stage *stage)
{
    frame_stage *self = (frame_stage *)stage;
    smalti__pool_put(stage->setup->pool, self->frame);
    smalti__pool_put(stage->setup->pool, self->strip);
    free(self);
}

smalti_result smalti__frame_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                 smalti__frame_fn work, smalti_error *error)
{
    static const smalti__stage_ops ops = {frame_push, frame_close, frame_space, frame_commit};
    size_t frame = 0, strip = 0;
    SMALTI__TRY(sizes(node, setup, &frame, &strip, error));
    frame_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->work = work;
    made->pitch = smalti__row_pitch(&node->in);
    made->frame = smalti__pool_get(setup->pool, frame);
    made->strip = smalti__pool_get(setup->pool, strip);
    if (!made->frame || !made->strip) {
        frame_close(&made->base);
        return smalti__fail_nomem(error, frame);
    }
    *stage = &made->base;
    return SMALTI_OK;
}

uint8_t *smalti__frame_strip(smalti__stage *stage, size_t *pitch, uint32_t *rows)
{
    *pitch = smalti__row_pitch(&stage->node->out);
    *rows = smalti__strip_rows(&stage->node->out, stage->setup->strip_rows);
    return ((frame_stage *)stage)->strip;
}
