/* SPDX-License-Identifier: Apache-2.0
 * The stage of nodes that make each row of one row: into a strip that what follows borrows. */
#include "step/flow.h"

typedef struct rows_stage {
    smalti__stage base;
    smalti__row_fn row;
    uint8_t *strip;
    size_t pitch;
    uint32_t rows;
    void *state; /* may be NULL */
} rows_stage;

smalti_result smalti__rows_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t state_bytes,
                                 size_t *bytes, smalti_error *error)
{
    if (!smalti__mul(smalti__row_pitch(&node->out), smalti__strip_rows(&node->out, setup->strip_rows), bytes) ||
        !smalti__add(*bytes, state_bytes, bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

static smalti_result rows_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                               smalti_error *error)
{
    const rows_stage *self = (const rows_stage *)stage;
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        for (uint32_t y = 0; y < take; y++)
            self->row(stage, self->state, (const uint8_t *)rows + (done + y) * pitch, self->strip + y * self->pitch);
        SMALTI__TRY(smalti__stage_emit(stage, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static void rows_close(smalti__stage *stage)
{
    rows_stage *self = (rows_stage *)stage;
    smalti__pool_put(stage->setup->pool, self->state);
    smalti__pool_put(stage->setup->pool, self->strip);
    free(self);
}

smalti_result smalti__rows_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti__row_fn row, size_t state_bytes, smalti_error *error)
{
    static const smalti__stage_ops ops = {rows_push, rows_close, NULL, NULL};
    size_t strip = 0;
    SMALTI__TRY(smalti__rows_bytes(node, setup, 0, &strip, error));
    rows_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->row = row;
    made->pitch = smalti__row_pitch(&node->out);
    made->rows = smalti__strip_rows(&node->out, setup->strip_rows);
    made->strip = smalti__pool_get(setup->pool, strip);
    made->state = state_bytes ? smalti__pool_get(setup->pool, state_bytes) : NULL;
    if (!made->strip || (state_bytes && !made->state)) {
        rows_close(&made->base);
        return smalti__fail_nomem(error, strip + state_bytes);
    }
    if (state_bytes)
        memset(made->state, 0, state_bytes);
    *stage = &made->base;
    return SMALTI_OK;
}

void *smalti__rows_state(smalti__stage *stage)
{
    return ((rows_stage *)stage)->state;
}
