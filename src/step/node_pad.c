/* SPDX-License-Identifier: Apache-2.0
 * The node that puts an image into a larger canvas, filled with a colour, its edge pixels, or its mirror image. All but
 * the last as rows come. */
#include "pixel/orient.h"
#include "step/kinds.h"

typedef struct pad_params {
    uint32_t x, y; /* of the image in the canvas, as stored */
    uint32_t mode;
    smalti__fill fill;
} pad_params;

typedef struct pad_stage {
    smalti__stage base;
    uint8_t *strip;
    size_t pitch;
    uint32_t rows;
    uint32_t row; /* of the input, next */
    uint8_t pixel[16];
} pad_stage;

static const pad_params *params_of(const smalti__stage *stage)
{
    return (const pad_params *)stage->node->params;
}

/* One row of the canvas, with the image's row in its middle. */
static void make_row(const pad_stage *self, const uint8_t *src, uint8_t *dst)
{
    const smalti__node *node = self->base.node;
    const pad_params *params = params_of(&self->base);
    size_t bytes = smalti__pixel_bytes(&node->in), width = node->in.width, right = node->out.width - width - params->x;
    bool edge = params->mode == SMALTI__PAD_EDGE;
    smalti__fill_row(dst, edge ? src : self->pixel, bytes, params->x);
    memcpy(dst + params->x * bytes, src, width * bytes);
    smalti__fill_row(dst + (params->x + width) * bytes, edge ? src + (width - 1) * bytes : self->pixel, bytes, right);
}

/* count equal rows; row: the image's row at that edge. */
static smalti_result emit_edge(pad_stage *self, const uint8_t *row, uint32_t count, smalti_error *error)
{
    const smalti__node *node = self->base.node;
    size_t bytes = smalti__pixel_bytes(&node->out);
    for (uint32_t y = 0; y < count && y < self->rows; y++) {
        if (params_of(&self->base)->mode == SMALTI__PAD_EDGE)
            make_row(self, row, self->strip + y * self->pitch);
        else
            smalti__fill_row(self->strip + y * self->pitch, self->pixel, bytes, node->out.width);
    }
    while (count) {
        uint32_t take = count < self->rows ? count : self->rows;
        SMALTI__TRY(smalti__stop_check(self->base.setup->stop, error));
        SMALTI__TRY(smalti__stage_emit(&self->base, self->strip, self->pitch, take, error));
        count -= take;
    }
    return SMALTI_OK;
}

static smalti_result emit_middle(pad_stage *self, const uint8_t *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    const smalti__node *node = self->base.node;
    if (node->in.width == node->out.width)
        return smalti__stage_emit(&self->base, rows, pitch, count, error);
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        for (uint32_t y = 0; y < take; y++)
            make_row(self, rows + (done + y) * pitch, self->strip + y * self->pitch);
        self->base.setup->stats->copied_rows += take;
        self->base.setup->stats->copied_bytes += take * node->in.width * smalti__pixel_bytes(&node->in);
        SMALTI__TRY(smalti__stage_emit(&self->base, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static smalti_result pad_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    pad_stage *self = (pad_stage *)stage;
    const smalti__node *node = stage->node;
    uint32_t top = params_of(stage)->y;
    if (!self->row)
        SMALTI__TRY(emit_edge(self, rows, top, error));
    SMALTI__TRY(emit_middle(self, rows, pitch, count, error));
    self->row += count;
    if (self->row < node->in.height)
        return SMALTI_OK;
    return emit_edge(self, (const uint8_t *)rows + (count - 1) * pitch, node->out.height - node->in.height - top,
                     error);
}

/* Mirrored with the edge pixels twice: 2 1 0 │ 0 1 2 │ 2 1 0. */
static size_t mirrored(int64_t index, int64_t size)
{
    int64_t at = index % (2 * size);
    at = at < 0 ? at + 2 * size : at;
    return (size_t)(at < size ? at : 2 * size - 1 - at);
}

static smalti_result mirror_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const smalti__node *node = stage->node;
    const pad_params *params = params_of(stage);
    size_t bytes = smalti__pixel_bytes(&node->in), strip_pitch, end = params->x + (size_t)node->in.width;
    uint32_t rows;
    uint8_t *strip = smalti__frame_strip(stage, &strip_pitch, &rows);
    for (uint32_t y = 0; y < node->out.height; y += rows) {
        uint32_t take = node->out.height - y < rows ? node->out.height - y : rows;
        SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
        for (uint32_t r = 0; r < take; r++) {
            const uint8_t *src = frame + mirrored((int64_t)y + r - params->y, node->in.height) * pitch;
            uint8_t *dst = strip + r * strip_pitch;
            memcpy(dst + params->x * bytes, src, node->in.width * bytes);
            for (size_t x = 0; x < params->x; x++)
                memcpy(dst + x * bytes, src + mirrored((int64_t)x - params->x, node->in.width) * bytes, bytes);
            for (size_t x = end; x < node->out.width; x++)
                memcpy(dst + x * bytes, src + mirrored((int64_t)x - params->x, node->in.width) * bytes, bytes);
        }
        stage->setup->stats->copied_rows += take;
        stage->setup->stats->copied_bytes += take * node->out.width * bytes;
        SMALTI__TRY(smalti__stage_emit(stage, strip, strip_pitch, take, error));
    }
    return SMALTI_OK;
}

static smalti_result pad_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                               smalti_error *error)
{
    const pad_params *params = (const pad_params *)node->params;
    return params->mode == SMALTI__PAD_MIRROR ? smalti__frame_bytes(node, setup, bytes, error)
                                              : smalti__rows_bytes(node, setup, 0, bytes, error);
}

static void pad_close(smalti__stage *stage)
{
    smalti__pool_put(stage->setup->pool, ((pad_stage *)stage)->strip);
    free(stage);
}

static smalti_result pad_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                              smalti_error *error)
{
    static const smalti__stage_ops ops = {pad_push, pad_close, NULL, NULL};
    const pad_params *params = (const pad_params *)node->params;
    size_t bytes = 0;
    if (params->mode == SMALTI__PAD_MIRROR)
        return smalti__frame_open(node, stage, setup, mirror_frame, error);
    SMALTI__TRY(smalti__rows_bytes(node, setup, 0, &bytes, error));
    pad_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->pitch = smalti__row_pitch(&node->out);
    made->rows = smalti__strip_rows(&node->out, setup->strip_rows);
    smalti__fill_pixel(&params->fill, &node->out, setup->background, made->pixel);
    made->strip = smalti__pool_get(setup->pool, bytes);
    if (!made->strip) {
        free(made);
        return smalti__fail_nomem(error, bytes);
    }
    *stage = &made->base;
    return SMALTI_OK;
}

static void pad_describe(const smalti__node *node, char *out, size_t out_size)
{
    static const char *const words[] = {"", ", edges repeated", ", mirrored, whole frame"};
    const pad_params *params = (const pad_params *)node->params;
    snprintf(out, out_size, "image at %u, %u%s", params->x, params->y, words[params->mode]);
}

static const smalti__node_kind node_pad = {"pad", pad_bytes, pad_open, pad_describe};

smalti_result smalti__program_pad(smalti__program *program, uint64_t width, uint64_t height, uint64_t left,
                                  uint64_t top, uint32_t mode, const smalti__fill *fill, smalti_error *error)
{
    const smalti__shape upright = smalti__program_upright(program);
    if (width == upright.width && height == upright.height)
        return SMALTI_OK;
    if (width > INT32_MAX || height > INT32_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT_PIXELS, "step %s makes an image of %llu × %llu pixels",
                            program->step->kind->info.name, (unsigned long long)width, (unsigned long long)height);
    if (mode == SMALTI__PAD_FILL)
        SMALTI__TRY(smalti__program_hold(program, fill, error));
    const smalti__shape inner = program->shape;
    smalti__shape canvas = inner;
    bool swaps = smalti__orient_swaps(program->orientation);
    canvas.width = (uint32_t)(swaps ? height : width);
    canvas.height = (uint32_t)(swaps ? width : height);
    double x = (double)left, y = (double)top, across = upright.width, down = upright.height;
    program->shape = canvas; /* the image is a part of it, to be found as it is stored */
    smalti__program_place(program, &x, &y, &across, &down);
    program->shape = inner;
    const pad_params params = {(uint32_t)x, (uint32_t)y, mode, *fill};
    return smalti__program_add(program, &node_pad, &params, sizeof params, &canvas, error);
}
