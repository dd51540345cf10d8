/* SPDX-License-Identifier: Apache-2.0
 * The nodes that geometry comes to: scale, crop, orient; and the change of sample type and channels. */
#include "pixel/orient.h"
#include "step/flow.h"

/* ---- scale ---- */

typedef struct scale_stage {
    smalti__stage base;
    smalti__resample *resample;
} scale_stage;

static smalti__resample_setup resample_setup(const smalti__node *node, const smalti__flow_setup *setup)
{
    const smalti__scale_params *params = (const smalti__scale_params *)node->params;
    return (smalti__resample_setup){
        .in = node->in,
        .out_width = node->out.width,
        .out_height = node->out.height,
        .x = params->x,
        .y = params->y,
        .width = params->width,
        .height = params->height,
        .filter = params->filter,
        .linear = params->linear,
        .pool = setup->pool,
    };
}

static smalti_result scale_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                 smalti_error *error)
{
    const smalti__resample_setup resample = resample_setup(node, setup);
    return smalti__resample_bytes(&resample, bytes, error);
}

static smalti_result scale_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    return smalti__resample_push(((scale_stage *)stage)->resample, rows, pitch, count, error);
}

static void scale_close(smalti__stage *stage)
{
    smalti__resample_close(((scale_stage *)stage)->resample);
    free(stage);
}

static smalti_result scale_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                smalti_error *error)
{
    static const smalti__stage_ops ops = {scale_push, scale_close, NULL, NULL};
    scale_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    smalti__resample_setup resample = resample_setup(node, setup);
    resample.emit = smalti__stage_emit_rows;
    resample.user = made;
    smalti_result result = smalti__resample_open(&resample, &made->resample, error);
    if (result < 0)
        free(made);
    else
        *stage = &made->base;
    return result;
}

static void scale_describe(const smalti__node *node, char *out, size_t out_size)
{
    static const char *const names[] = {"nearest", "linear", "catmull-rom", "mitchell", "lanczos2", "lanczos3"};
    const smalti__scale_params *params = (const smalti__scale_params *)node->params;
    snprintf(out, out_size, "%s%s", names[params->filter], params->linear ? " in linear light" : "");
}

const smalti__node_kind smalti__node_scale = {"scale", scale_bytes, scale_open, scale_describe};

/* ---- crop ---- */

typedef struct crop_stage {
    smalti__stage base;
    uint32_t row; /* next row of the input */
} crop_stage;

static smalti_result no_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                              smalti_error *error)
{
    (void)node, (void)setup, (void)error;
    *bytes = 0;
    return SMALTI_OK;
}

static smalti_result crop_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                               smalti_error *error)
{
    crop_stage *self = (crop_stage *)stage;
    const smalti__crop_params *params = (const smalti__crop_params *)stage->node->params;
    uint64_t end = (uint64_t)params->y + stage->node->out.height, first = self->row, last = first + count;
    self->row += count;
    first = first < params->y ? params->y : first;
    last = last < end ? last : end;
    if (first >= last)
        return SMALTI_OK;
    const uint8_t *from = (const uint8_t *)rows + (first - (self->row - count)) * pitch;
    return smalti__stage_emit(stage, from + params->x * smalti__pixel_bytes(&stage->node->in), pitch,
                              (uint32_t)(last - first), error);
}

static void plain_close(smalti__stage *stage)
{
    free(stage);
}

static smalti_result crop_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                               smalti_error *error)
{
    static const smalti__stage_ops ops = {crop_push, plain_close, NULL, NULL};
    crop_stage *made = smalti__stage_new(sizeof *made, &ops, node, setup, error);
    *stage = made ? &made->base : NULL;
    return made ? SMALTI_OK : SMALTI_E_NOMEM;
}

static void crop_describe(const smalti__node *node, char *out, size_t out_size)
{
    const smalti__crop_params *params = (const smalti__crop_params *)node->params;
    snprintf(out, out_size, "from %u, %u on", params->x, params->y);
}

const smalti__node_kind smalti__node_crop = {"crop", no_bytes, crop_open, crop_describe};

/* ---- convert; mirrored rows ---- */

typedef struct strip_stage {
    smalti__stage base;
    uint8_t *strip; /* one, of the output */
    size_t pitch;
    uint32_t rows;
} strip_stage;

static smalti_result strip_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                 smalti_error *error)
{
    if (!smalti__mul(smalti__row_pitch(&node->out), smalti__strip_rows(&node->out, setup->strip_rows), bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

static void strip_close(smalti__stage *stage)
{
    smalti__pool_put(stage->setup->pool, ((strip_stage *)stage)->strip);
    free(stage);
}

static smalti_result strip_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                const smalti__stage_ops *ops, smalti_error *error)
{
    size_t bytes = 0;
    SMALTI__TRY(strip_bytes(node, setup, &bytes, error));
    strip_stage *made = smalti__stage_new(sizeof *made, ops, node, setup, error);
    if (!made)
        return SMALTI_E_NOMEM;
    made->pitch = smalti__row_pitch(&node->out);
    made->rows = smalti__strip_rows(&node->out, setup->strip_rows);
    made->strip = smalti__pool_get(setup->pool, bytes);
    if (!made->strip) {
        free(made);
        return smalti__fail_nomem(error, bytes);
    }
    *stage = &made->base;
    return SMALTI_OK;
}

static smalti_result convert_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error)
{
    strip_stage *self = (strip_stage *)stage;
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        smalti__convert_rows(in, (const uint8_t *)rows + done * pitch, pitch, out, self->strip, self->pitch, take,
                             stage->setup->background);
        stage->setup->stats->converted_bytes += (uint64_t)take * out->width * smalti__pixel_bytes(out);
        SMALTI__TRY(smalti__stage_emit(stage, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static smalti_result convert_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                  smalti_error *error)
{
    static const smalti__stage_ops ops = {convert_push, strip_close, NULL, NULL};
    return strip_open(node, stage, setup, &ops, error);
}

const smalti__node_kind smalti__node_convert = {"convert", strip_bytes, convert_open, NULL};

/* ---- orient ---- */

static uint32_t orientation_of(const smalti__node *node)
{
    uint32_t orientation;
    memcpy(&orientation, node->params, sizeof orientation);
    return orientation;
}

static smalti_result mirror_push(smalti__stage *stage, const void *rows, size_t pitch, uint32_t count,
                                 smalti_error *error)
{
    strip_stage *self = (strip_stage *)stage;
    const smalti__shape *shape = &stage->node->in;
    for (uint32_t done = 0; done < count;) {
        uint32_t take = count - done < self->rows ? count - done : self->rows;
        smalti__orient_rows(shape, (const uint8_t *)rows + done * pitch, pitch, 2, 0, take, self->strip, self->pitch);
        stage->setup->stats->converted_bytes += (uint64_t)take * shape->width * smalti__pixel_bytes(shape);
        SMALTI__TRY(smalti__stage_emit(stage, self->strip, self->pitch, take, error));
        done += take;
    }
    return SMALTI_OK;
}

static smalti_result turn_frame(smalti__stage *stage, uint8_t *frame, size_t pitch, smalti_error *error)
{
    const smalti__shape *in = &stage->node->in, *out = &stage->node->out;
    size_t strip_pitch;
    uint32_t rows;
    uint8_t *strip = smalti__frame_strip(stage, &strip_pitch, &rows);
    for (uint32_t y = 0; y < out->height; y += rows) {
        uint32_t take = out->height - y < rows ? out->height - y : rows;
        SMALTI__TRY(smalti__stop_check(stage->setup->stop, error));
        smalti__orient_rows(in, frame, pitch, orientation_of(stage->node), y, take, strip, strip_pitch);
        stage->setup->stats->converted_bytes += (uint64_t)take * out->width * smalti__pixel_bytes(out);
        SMALTI__TRY(smalti__stage_emit(stage, strip, strip_pitch, take, error));
    }
    return SMALTI_OK;
}

static smalti_result orient_bytes(const smalti__node *node, const smalti__flow_setup *setup, size_t *bytes,
                                  smalti_error *error)
{
    return orientation_of(node) == 2 ? strip_bytes(node, setup, bytes, error)
                                     : smalti__frame_bytes(node, setup, bytes, error);
}

static smalti_result orient_open(const smalti__node *node, smalti__stage **stage, const smalti__flow_setup *setup,
                                 smalti_error *error)
{
    static const smalti__stage_ops mirror = {mirror_push, strip_close, NULL, NULL};
    return orientation_of(node) == 2 ? strip_open(node, stage, setup, &mirror, error)
                                     : smalti__frame_open(node, stage, setup, turn_frame, error);
}

static void orient_describe(const smalti__node *node, char *out, size_t out_size)
{
    static const char *const words[] = {"",
                                        "as it is",
                                        "mirrored",
                                        "turned by 180°, whole frame",
                                        "flipped, whole frame",
                                        "transposed, whole frame",
                                        "turned by 90°, whole frame",
                                        "transversed, whole frame",
                                        "turned by 270°, whole frame"};
    snprintf(out, out_size, "%s", words[orientation_of(node)]);
}

const smalti__node_kind smalti__node_orient = {"orient", orient_bytes, orient_open, orient_describe};
