/* SPDX-License-Identifier: Apache-2.0
 * The node of kernels that follow each other: a chain of strips (strip/chain.h). */
#include "step/flow.h"

typedef struct kernels_stage {
    smalti__stage base;
    smalti__chain *chain;
} kernels_stage;

static smalti__chain_setup chain_setup(const smalti__node *node, const smalti__flow_setup *setup)
{
    const smalti__kernels_params *params = (const smalti__kernels_params *)node->params;
    smalti__chain_setup chain = {
        .steps = params->steps,
        .step_count = params->count,
        .in = node->in,
        .out = node->out,
        .strip_rows = setup->strip_rows,
        .rows_stay = setup->rows_stay,
        .pool = setup->pool,
        .stats = setup->stats,
    };
    memcpy(chain.background, setup->background, sizeof chain.background);
    return chain;
}

static smalti_result kernels_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                   smalti_error *error)
{
    const smalti__chain_setup chain = chain_setup(node, setup);
    return smalti__chain_bytes(&chain, bytes, error);
}

static smalti_result kernels_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    return smalti__chain_push(((kernels_stage *)stage)->chain, rows, pitch, count, error);
}

static void kernels_space(smalti__stage *stage, void **dst, size_t *pitch, uint32_t *rows)
{
    smalti__chain_space(((kernels_stage *)stage)->chain, dst, pitch, rows);
}

static smalti_result kernels_commit(smalti__stage *stage, uint32_t rows, smalti_error *error)
{
    return smalti__chain_commit(((kernels_stage *)stage)->chain, rows, error);
}

static void kernels_close(smalti__stage *stage)
{
    smalti__chain_close(((kernels_stage *)stage)->chain);
    free(stage);
}

static smalti_result kernels_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                  smalti_error *error)
{
    static const smalti__stage_ops ops = {kernels_push, kernels_close, kernels_space, kernels_commit};
    kernels_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    smalti__chain_setup chain = chain_setup(node, setup);
    chain.emit = smalti__stage_emit_rows;
    chain.user = made;
    smalti_result result = smalti__chain_open(&chain, &made->chain, error);
    if (result < 0)
        free(made);
    else
        *stage = &made->base;
    return result;
}

const smalti__node_kind smalti__node_kernels = {"kernels", kernels_bytes, kernels_open, NULL};

smalti_result smalti__kernels_measures(const smalti__stage *stage, smalti__measure_fn fn, void *user,
                                       smalti_error *error)
{
    const smalti__kernels_params *params = (const smalti__kernels_params *)stage->node->params;
    for (size_t i = 0; i < params->count; i++) {
        const smalti_kernel_info *info = smalti_kernel_describe(params->steps[i].kernel);
        size_t room = 0;
        if (info->kind != SMALTI_KERNEL_MEASURE)
            continue;
        for (uint32_t v = 0; v < info->value_count; v++)
            room += info->values[v].count;
        SMALTI__CLEANUP_FREE double *values = calloc(room + 1, sizeof *values);
        if (!values)
            return smalti__fail_nomem(error, room * sizeof *values);
        SMALTI__TRY(smalti__chain_measure(((const kernels_stage *)stage)->chain, i, values, error));
        SMALTI__TRY(fn(user, info, values, error));
    }
    return SMALTI_OK;
}
