/* SPDX-License-Identifier: Apache-2.0
 * Kernels over images in memory. */
#include "step/collect.h"
#include "pipeline/task.h"

/* ---- tiles ---- */

/* Runs steps over an image into *out, which is allocated and has the sample type of in. */
static smalti_result run_steps(smalti__flow_setup *setup, const smalti_image *in, smalti_image *out,
                               smalti_error *error)
{
    smalti__flow *flow = NULL;
    smalti__collector collector = {.sample = in->sample};
    SMALTI__TRY(smalti__image_check(in, error));
    setup->in = setup->pushed = smalti__image_shape(in);
    setup->orientation = 1;
    setup->begin = smalti__collect_begin;
    setup->emit = smalti__collect_rows;
    setup->user = &collector;
    smalti_result result = smalti__flow_open(setup, &flow, error);
    if (result == SMALTI_OK)
        result = smalti__flow_push(flow, in->data, in->pitch, in->height, error);
    smalti__flow_close(flow);
    if (result < 0)
        smalti_image_free(&collector.image);
    else
        *out = collector.image;
    return result;
}

/* A kernel may rely on the ranges that its descriptor gives. NULL: the defaults, which are in range. */
static smalti_result check_params(const smalti_kernel *kernel, const double *params, smalti_error *error)
{
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    for (uint32_t i = 0; params && i < info->param_count; i++) {
        const smalti_kernel_param *param = &info->params[i];
        if (!(params[i] >= param->min && params[i] <= param->max) ||
            (param->integer && params[i] != (double)(int64_t)params[i]))
            return smalti__fail(error, SMALTI_E_INVALID_RANGE, "kernel %s: %s is %s%g to %g, not %g", info->name,
                                param->name, param->integer ? "a whole number from " : "", param->min, param->max,
                                params[i]);
    }
    return SMALTI_OK;
}

smalti_result smalti_kernel_apply(smalti_kernel *kernel, const double *params, const smalti_image *in,
                                  uint32_t strip_rows, smalti_image *out, smalti_error *error)
{
    smalti_stats stats = {0};
    smalti__kernel_step kernel_step = {.kernel = kernel, .params = (double *)params};
    const smalti__step step = {.kind = smalti__step_kind_find("kernel"), .prepared = &kernel_step};
    if (smalti_kernel_describe(kernel)->kind != SMALTI_KERNEL_TILE)
        return smalti__fail(error, SMALTI_E_INVALID, "kernel %s makes no pixels", smalti_kernel_describe(kernel)->name);
    SMALTI__TRY(check_params(kernel, params, error));
    SMALTI__TRY(smalti_kernel_halo(kernel, params, &kernel_step.halo, error));
    smalti__flow_setup setup = {.steps = &step, .step_count = 1, .strip_rows = strip_rows, .stats = &stats};
    return run_steps(&setup, in, out, error);
}

smalti_result smalti_plan_run_image(const smalti_plan *plan, const smalti_run_options *options, const smalti_image *in,
                                    smalti_image *out, smalti_stats *stats, smalti_error *error)
{
    smalti_stats counted = {.size = sizeof counted, .tasks = 1};
    uint64_t wall = smalti__now_ns(), cpu = smalti__thread_cpu_ns();
    smalti__flow_setup setup = {
        .steps = plan->steps, .step_count = plan->step_count, .max_pixels = plan->limits.pixels, .stats = &counted};
    memcpy(setup.background, plan->background, sizeof setup.background);
    if (options)
        setup.strip_rows = options->strip_rows;
    smalti_result result = run_steps(&setup, in, out, error);
    counted.pixels = (uint64_t)in->width * in->height;
    counted.done = result == SMALTI_OK;
    counted.failed = result < 0;
    counted.wall_ns = smalti__now_ns() - wall;
    counted.cpu_ns = smalti__thread_cpu_ns() - cpu;
    if (stats)
        *stats = counted;
    return result;
}

/* ---- measures ---- */

/* A measure over some rows of an image, in an instance of its own with a window made by copying. */
struct part {
    const smalti__kernel_step *step;
    const smalti_image *image;
    smalti__shape seen; /* as the kernel wants it */
    uint32_t strip_rows;
    smalti__instance *instance;
    smalti__region window, scratch;
    size_t pitch, left;
};

static smalti__tile part_tile(const struct part *part, uint32_t y, uint32_t rows)
{
    return (smalti__tile){
        .sample = part->seen.sample,
        .channels = part->seen.channels,
        .halo = part->step->halo,
        .width = part->seen.width,
        .height = rows,
        .y = y,
        .image_width = part->seen.width,
        .image_height = part->seen.height,
        .src = part->window.guest + part->step->halo * part->pitch + part->left,
        .src_pitch = (uint32_t)part->pitch,
        .scratch = part->scratch.guest,
        .scratch_bytes = (uint32_t)part->scratch.bytes,
    };
}

static smalti_result part_open(struct part *part, smalti_error *error)
{
    size_t pixel = smalti__pixel_bytes(&part->seen), edge = part->step->halo * pixel, bytes, scratch;
    part->left = smalti__align(edge, 64);
    part->pitch = smalti__align(part->left + part->seen.width * pixel + edge, 64);
    if (!smalti__mul(part->pitch, part->strip_rows + 2ull * part->step->halo, &bytes) || part->pitch > UINT32_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "a strip of the image is too large for a kernel");
    SMALTI__TRY(smalti__instance_new(part->step->kernel, part->step->params, &part->instance, error));
    smalti__tile tile = part_tile(part, 0, part->strip_rows);
    SMALTI__TRY(smalti__instance_scratch(part->instance, &tile, &scratch, error));
    SMALTI__TRY(smalti__instance_region(part->instance, bytes, &part->window, error));
    if (scratch)
        SMALTI__TRY(smalti__instance_region(part->instance, scratch, &part->scratch, error));
    smalti__tile whole = part_tile(part, 0, part->seen.height);
    return smalti__instance_measure_begin(part->instance, &whole, error);
}

static void part_fill(const struct part *part, uint32_t y, uint32_t rows)
{
    static const uint8_t no_background[3];
    const smalti__shape from = smalti__image_shape(part->image);
    size_t pixel = smalti__pixel_bytes(&part->seen);
    int64_t halo = part->step->halo, last = (int64_t)part->image->height - 1;
    for (int64_t i = -halo; i < rows + halo; i++) {
        int64_t row = y + i < 0 ? 0 : y + i > last ? last : y + i;
        uint8_t *core = part->window.host + (size_t)(i + halo) * part->pitch + part->left;
        uint8_t *end = core + part->seen.width * pixel;
        smalti__convert_rows(&from, (const uint8_t *)part->image->data + (size_t)row * part->image->pitch,
                             part->image->pitch, &part->seen, core, part->pitch, 1, no_background);
        for (int64_t x = 1; x <= halo; x++) {
            memcpy(core - x * (int64_t)pixel, core, pixel);
            memcpy(end + (x - 1) * (int64_t)pixel, end - pixel, pixel);
        }
    }
}

static smalti_result part_run(struct part *part, uint32_t first, uint32_t end, smalti_error *error)
{
    SMALTI__TRY(part_open(part, error));
    for (uint32_t y = first; y < end; y += part->strip_rows) {
        uint32_t rows = end - y < part->strip_rows ? end - y : part->strip_rows;
        smalti__tile tile = part_tile(part, y, rows);
        part_fill(part, y, rows);
        SMALTI__TRY(smalti__instance_measure_accumulate(part->instance, &tile, error));
    }
    return SMALTI_OK;
}

smalti_result smalti_kernel_measure(smalti_kernel *kernel, const double *params, const smalti_image *in,
                                    uint32_t strip_rows, uint32_t parts, double *values, smalti_error *error)
{
    smalti__kernel_step step = {.kernel = kernel, .params = (double *)params};
    smalti__shape out;
    if (smalti_kernel_describe(kernel)->kind != SMALTI_KERNEL_MEASURE)
        return smalti__fail(error, SMALTI_E_INVALID, "kernel %s is no measure", smalti_kernel_describe(kernel)->name);
    SMALTI__TRY(smalti__image_check(in, error));
    SMALTI__TRY(check_params(kernel, params, error));
    SMALTI__TRY(smalti_kernel_halo(kernel, params, &step.halo, error));
    const smalti__shape shape = smalti__image_shape(in);
    struct part first = {.step = &step, .image = in, .strip_rows = strip_rows ? strip_rows : 64};
    first.strip_rows = first.strip_rows < in->height ? first.strip_rows : in->height;
    parts = !parts ? 1 : parts < in->height ? parts : in->height;
    SMALTI__TRY(smalti__chain_route(&step, 1, &shape, &first.seen, &out, error));
    smalti_result result = SMALTI_OK;
    for (uint32_t i = 0; i < parts && result == SMALTI_OK; i++) {
        struct part other = first, *part = i ? &other : &first;
        other.instance = NULL;
        uint32_t begin = (uint32_t)((uint64_t)in->height * i / parts),
                 end = (uint32_t)((uint64_t)in->height * (i + 1) / parts);
        result = part_run(part, begin, end, error);
        if (i && result == SMALTI_OK)
            result =
                smalti__instance_measure_merge(first.instance, smalti__instance_measure_state(part->instance), error);
        if (i)
            smalti__instance_free(part->instance);
    }
    if (result == SMALTI_OK) {
        smalti__tile whole = part_tile(&first, 0, in->height);
        result = smalti__instance_measure_finish(first.instance, &whole, values, error);
    }
    smalti__instance_free(first.instance);
    return result;
}
