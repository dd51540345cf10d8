/* SPDX-License-Identifier: Apache-2.0
 * Running a program: stages are opened as soon as their shapes are known, and rows go from one to the next. */
#include "step/flow.h"

#include "step/tone.h"

struct smalti__flow {
    smalti__flow_setup setup;
    smalti__program program;
    size_t next_step;   /* to be lowered, after a node of unknown output */
    size_t stage_count;
    smalti__stage *stages[SMALTI__NODES_MAX];
    uint32_t pushed;    /* rows that have come */
    uint32_t strip_rows;
    uint8_t *strip;     /* for rows that come, where the first stage has no memory for them */
    size_t strip_pitch;
    uint64_t emit_ns;   /* spent in emit during the current push */
};

uint32_t smalti__strip_rows(const smalti__shape *shape, uint32_t requested)
{
    const smalti__chain_setup plain = {.in = *shape, .strip_rows = requested};
    return smalti__chain_strip_rows(&plain);
}

size_t smalti__row_pitch(const smalti__shape *shape)
{
    size_t pitch = smalti__align(shape->width * smalti__pixel_bytes(shape), 64);
    return pitch % 4096 ? pitch : pitch + 64; /* rows a page apart would share their cache sets */
}

/* ---- planning ---- */

static smalti_result end_program(const smalti__flow_setup *setup, smalti__program *program, smalti_error *error)
{
    /* rows need a way from the first to the last even when nothing is to be done */
    const smalti__kernels_params none = {0, 0, program->kernels};
    if (setup->shown && !program->unknown)
        SMALTI__TRY(smalti__program_show(program, setup->shown, error));
    if (setup->lit && !program->unknown)
        SMALTI__TRY(smalti__program_light(program, error));
    if (!program->count)
        SMALTI__TRY(smalti__program_add(program, &smalti__node_kernels, &none, sizeof none, &program->shape, error));
    smalti__node *first = &program->nodes[0];
    if (setup->pushed.width && (setup->pushed.width != first->in.width || setup->pushed.height != first->in.height))
        smalti__program_reduced(program, &setup->pushed, setup->reduced);
    return SMALTI_OK;
}

smalti_result smalti__flow_program(const smalti__flow_setup *setup, smalti__program *program, smalti_error *error)
{
    size_t next = 0;
    smalti__program_init(program, &setup->in, setup->orientation, setup->max_pixels);
    program->light = setup->light;
    do
        SMALTI__TRY(smalti__program_lower(program, setup->steps, setup->step_count, &next, error));
    while (program->unknown);
    return end_program(setup, program, error);
}

static smalti_result nodes_bytes(const smalti__flow_setup *setup, const smalti__program *program, size_t first,
                                 size_t *bytes, smalti_error *error)
{
    *bytes = 0;
    for (size_t i = first; i < program->count; i++) {
        size_t one = 0;
        SMALTI__TRY(program->nodes[i].kind->bytes(&program->nodes[i], setup, &one, error));
        if (!smalti__add(*bytes, one, bytes))
            return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    }
    return SMALTI_OK;
}

uint32_t smalti__flow_strip_rows(const smalti__flow_setup *setup, const smalti__program *program)
{
    const smalti__node *first = &program->nodes[0];
    const smalti__kernels_params *kernels = (const smalti__kernels_params *)first->params;
    smalti__chain_setup chain = {.in = first->in, .strip_rows = setup->strip_rows};
    if (first->kind == &smalti__node_kernels) {
        chain.steps = kernels->steps;
        chain.step_count = kernels->count;
    }
    return smalti__chain_strip_rows(&chain);
}

smalti_result smalti__flow_bytes(const smalti__flow_setup *setup, const smalti__program *program,
                                 const smalti__shape *out, size_t *bytes, smalti_error *error)
{
    const smalti__node *first = &program->nodes[0];
    size_t strips;
    SMALTI__TRY(nodes_bytes(setup, program, 0, bytes, error));
    /* a strip before the first node and one behind the last */
    if (!smalti__mul(smalti__row_pitch(&first->in) + (out ? smalti__row_pitch(out) : 0),
                     smalti__flow_strip_rows(setup, program) + 1, &strips) ||
        !smalti__add(*bytes, strips, bytes) || !smalti__add(*bytes, sizeof(smalti__flow), bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

bool smalti__flow_can_stay(const smalti__program *program)
{
    const smalti__kernels_params *kernels = (const smalti__kernels_params *)program->nodes[0].params;
    if (program->count != 1 || program->nodes[0].kind != &smalti__node_kernels)
        return false;
    const smalti__chain_setup chain = {.steps = kernels->steps, .step_count = kernels->count};
    return smalti__chain_can_stay(&chain);
}

/* ---- opening ---- */

static smalti_result open_stages(smalti__flow *flow, smalti_error *error)
{
    while (flow->stage_count < flow->program.count) {
        const smalti__node *node = &flow->program.nodes[flow->stage_count];
        smalti__stage *stage = NULL;
        SMALTI__TRY(node->kind->open(node, &stage, &flow->setup, error));
        stage->flow = flow;
        stage->index = flow->stage_count;
        flow->stages[flow->stage_count++] = stage;
    }
    return SMALTI_OK;
}

/* Behind the last step: what is emitted is settled. */
static smalti_result begin_output(smalti__flow *flow, smalti_error *error)
{
    smalti__shape out = flow->program.shape;
    if (flow->setup.begin)
        SMALTI__TRY(flow->setup.begin(flow->setup.user, &flow->program.shape, &out, error));
    return smalti__program_convert(&flow->program, &out, error);
}

/* Nodes from first on were made for what a node of unknown output gave; the estimate took that to be its input. A thin
 * rest of an image, made as wide as the whole was to be, can need more. */
static smalti_result ask_for_more(smalti__flow *flow, size_t first, smalti_error *error)
{
    size_t now = 0, then = 0;
    SMALTI__CLEANUP_FREE smalti__program *whole = malloc(sizeof *whole);
    if (!whole)
        return smalti__fail_nomem(error, sizeof *whole);
    SMALTI__TRY(smalti__flow_program(&flow->setup, whole, error));
    SMALTI__TRY(nodes_bytes(&flow->setup, whole, first < whole->count ? first : whole->count, &then, error));
    SMALTI__TRY(nodes_bytes(&flow->setup, &flow->program, first, &now, error));
    return now > then && flow->setup.more ? flow->setup.more(flow->setup.user, now - then, error) : SMALTI_OK;
}

/* Lowers what can be lowered, and opens it. */
static smalti_result go_on(smalti__flow *flow, smalti_error *error)
{
    size_t count = flow->program.count;
    SMALTI__TRY(
        smalti__program_lower(&flow->program, flow->setup.steps, flow->setup.step_count, &flow->next_step, error));
    if (!count || !flow->program.unknown)
        SMALTI__TRY(end_program(&flow->setup, &flow->program, error));
    if (!flow->program.unknown)
        SMALTI__TRY(begin_output(flow, error));
    if (flow->stage_count && count < flow->program.count)
        SMALTI__TRY(ask_for_more(flow, count, error));
    return open_stages(flow, error);
}

smalti_result smalti__flow_open(const smalti__flow_setup *setup, smalti__flow **flow, smalti_error *error)
{
    smalti__flow *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    made->setup = *setup;
    uint64_t start = smalti__now_ns(), kernels = setup->stats->kernel_ns;
    smalti__program_init(&made->program, &setup->in, setup->orientation, setup->max_pixels);
    made->program.light = setup->light;
    smalti_result result = go_on(made, error);
    if (result == SMALTI_OK) {
        made->strip_rows = smalti__flow_strip_rows(setup, &made->program);
        made->strip_pitch = smalti__row_pitch(&made->program.nodes[0].in);
        if (!made->stages[0]->ops->space) {
            size_t bytes = made->strip_pitch * made->strip_rows;
            made->strip = smalti__pool_get(setup->pool, bytes);
            result = made->strip ? SMALTI_OK : smalti__fail_nomem(error, bytes);
        }
    }
    setup->stats->step_ns += smalti__now_ns() - start - (setup->stats->kernel_ns - kernels);
    if (result < 0)
        smalti__flow_close(made);
    else
        *flow = made;
    return result;
}

void smalti__flow_close(smalti__flow *flow)
{
    if (!flow)
        return;
    for (size_t i = 0; i < flow->stage_count; i++)
        flow->stages[i]->ops->close(flow->stages[i]);
    smalti__pool_put(flow->setup.pool, flow->strip);
    free(flow);
}

/* ---- rows ---- */

smalti_result smalti__stage_emit(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    smalti__flow *flow = stage->flow;
    if (stage->index + 1 < flow->stage_count) {
        smalti__stage *next = flow->stages[stage->index + 1];
        return next->ops->push(next, rows, pitch, count, error);
    }
    if (!flow->setup.emit)
        return SMALTI_OK;
    uint64_t start = smalti__now_ns();
    smalti_result result = flow->setup.emit(flow->setup.user, rows, pitch, count, error);
    flow->emit_ns += smalti__now_ns() - start;
    return result;
}

smalti_result smalti__stage_emit_rows(void *stage, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    return smalti__stage_emit(stage, rows, pitch, count, error);
}

smalti_result smalti__stage_shape(smalti__stage *stage, const smalti__shape *out, smalti_error *error)
{
    smalti__flow *flow = stage->flow;
    smalti__node *node = &flow->program.nodes[stage->index];
    flow->program.shape = node->out = *out;
    return go_on(flow, error);
}

smalti_result smalti__flow_measures(smalti__flow *flow, smalti__measure_fn fn, void *user, smalti_error *error)
{
    for (size_t i = 0; i < flow->stage_count; i++)
        if (flow->stages[i]->node->kind == &smalti__node_kernels)
            SMALTI__TRY(smalti__kernels_measures(flow->stages[i], fn, user, error));
    return SMALTI_OK;
}

void smalti__flow_space(smalti__flow *flow, void **dst, size_t *pitch, uint32_t *rows)
{
    smalti__stage *first = flow->stages[0];
    uint32_t left = first->node->in.height - flow->pushed;
    *rows = flow->strip_rows;
    if (first->ops->space) {
        first->ops->space(first, dst, pitch, rows);
    } else {
        *dst = flow->strip;
        *pitch = flow->strip_pitch;
    }
    *rows = *rows < left ? *rows : left;
}

static smalti_result run(smalti__flow *flow, const void *rows, size_t pitch, uint32_t count, bool placed,
                         smalti_error *error)
{
    smalti__stage *first = flow->stages[0];
    smalti_stats *stats = flow->setup.stats;
    uint64_t start = smalti__now_ns(), kernels = stats->kernel_ns;
    flow->emit_ns = 0;
    flow->pushed += count;
    smalti_result result = smalti__stop_check(flow->setup.stop, error);
    if (result == SMALTI_OK)
        result = placed ? first->ops->commit(first, count, error) : first->ops->push(first, rows, pitch, count, error);
    uint64_t spent = smalti__now_ns() - start, other = flow->emit_ns + (stats->kernel_ns - kernels);
    stats->step_ns += spent > other ? spent - other : 0;
    return result;
}

smalti_result smalti__flow_commit(smalti__flow *flow, uint32_t rows, smalti_error *error)
{
    return run(flow, flow->strip, flow->strip_pitch, rows, flow->stages[0]->ops->space != NULL, error);
}

smalti_result smalti__flow_push(smalti__flow *flow, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    return run(flow, rows, pitch, count, false, error);
}

void *smalti__stage_new(size_t size, const smalti__stage_ops *ops, const smalti__node *node,
                        const smalti__flow_setup *setup, smalti_error *error)
{
    smalti__stage *stage = calloc(1, size);
    if (!stage) {
        (void)!smalti__fail_nomem(error, size);
        return NULL;
    }
    stage->ops = ops;
    stage->node = node;
    stage->setup = setup;
    return stage;
}
