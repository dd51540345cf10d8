/* SPDX-License-Identifier: Apache-2.0
 * From a job to a plan (kernels loaded, names checked), and from a plan and an image to a route. */
#include "pipeline/plan.h"

/* ---- the plan ---- */

static smalti_result load_step(smalti_plan *plan, const smalti__job_step *from, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    const smalti_kernel_options options = {
        .size = sizeof options,
        .deadline_ms = settings->kernel_ms,
        .compile_ms = settings->compile_ms,
        .memory_bytes = settings->kernel_memory,
    };
    smalti__step *step = &plan->steps[plan->step_count];
    SMALTI__TRY(smalti_kernel_load(from->module, &options, &step->kernel, error));
    plan->step_count++;
    const smalti_kernel_info *info = smalti_kernel_describe(step->kernel);
    if (info->kind == SMALTI_KERNEL_COMMAND)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s is a WASI command: it cannot be a step", from->module);
    step->params = calloc(info->param_count + 1, sizeof *step->params);
    if (!step->params)
        return smalti__fail_nomem(error, info->param_count * sizeof *step->params);
    SMALTI__TRY(smalti_kernel_params_parse(step->kernel, from->params, step->params, error));
    SMALTI__TRY(smalti_kernel_halo(step->kernel, step->params, &step->halo, error));
    size_t values = 0;
    for (uint32_t i = 0; i < info->value_count; i++)
        values += info->values[i].count;
    plan->values_max = values > plan->values_max ? values : plan->values_max;
    return SMALTI_OK;
}

static smalti_result check_output_settings(smalti_plan *plan, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    if (settings->format) {
        plan->format = smalti__encoder_find(settings->format);
        if (!plan->format)
            return smalti__fail(error, SMALTI_E_INVALID_RANGE, "output.format is png or jpeg, not \"%.32s\"",
                                settings->format);
    }
    if (settings->dir && settings->file)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "output has both dir and file");
    if (settings->file && plan->job->input_count > 1)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "%zu inputs cannot be written to the one file %s: name a folder", plan->job->input_count,
                            SMALTI__SHOWN(settings->file));
    if (settings->dir && !*settings->dir)
        return smalti__fail(error, SMALTI_E_INVALID, "output.dir is empty");
    plan->has_output = settings->dir || settings->file;
    for (int i = 0; i < 3; i++)
        plan->background[i] = (uint8_t)(settings->background >> (16 - 8 * i));
    return plan->has_output ? smalti__plan_check_names(plan, error) : SMALTI_OK;
}

static smalti_result check_inputs(const smalti_plan *plan, smalti_error *error)
{
    size_t readers = 0;
    for (size_t i = 0; i < plan->job->input_count; i++)
        readers += plan->job->inputs[i].fd < 0 && !strcmp(plan->job->inputs[i].path, "-");
    return readers > 1 ? smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                                      "standard input can be read only once, not %zu times", readers)
                       : SMALTI_OK;
}

static smalti_result fill_plan(smalti_plan *plan, smalti_error *error)
{
    if (plan->job->step_count > SMALTI__STEPS_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "a job has at most %d steps", SMALTI__STEPS_MAX);
    SMALTI__TRY(check_inputs(plan, error));
    SMALTI__TRY(check_output_settings(plan, error));
    for (size_t i = 0; i < plan->job->step_count; i++)
        SMALTI__TRY(load_step(plan, &plan->job->steps[i], error));
    return SMALTI_OK;
}

smalti_result smalti_plan_new(const smalti_job *job, smalti_plan **plan, smalti_error *error)
{
    smalti_plan *made = calloc(1, sizeof *made);
    if (!made || !(made->job = smalti__job_copy(job))) {
        free(made);
        return smalti__fail_nomem(error, sizeof *made);
    }
    smalti_result result = fill_plan(made, error);
    if (result < 0)
        smalti_plan_free(made);
    else
        *plan = made;
    return result;
}

void smalti_plan_free(smalti_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->step_count; i++) {
        smalti_kernel_unref(plan->steps[i].kernel);
        free(plan->steps[i].params);
    }
    smalti_job_free(plan->job);
    free(plan);
}

smalti__decode_options smalti__plan_decode_options(const smalti_plan *plan, smalti__pool *pool)
{
    const smalti__settings *settings = &plan->job->settings;
    return (smalti__decode_options){
        .lenient = settings->lenient,
        .metadata = settings->metadata == SMALTI__METADATA_ALL,
        .max_pixels = settings->pixels,
        .max_metadata = settings->metadata_bytes,
        .pool = pool,
    };
}

smalti__encode_params smalti__plan_encode_params(const smalti_plan *plan, const smalti__metadata *metadata,
                                                 smalti__pool *pool)
{
    const smalti__settings *settings = &plan->job->settings;
    return (smalti__encode_params){
        .quality = (uint32_t)settings->quality,
        .subsampling = (uint32_t)settings->subsampling,
        .png_effort = (uint32_t)settings->png_effort,
        .metadata = metadata,
        .pool = pool,
    };
}

/* ---- the route ---- */

smalti__chain_setup smalti__route_chain(const smalti_plan *plan, const smalti__route *route)
{
    smalti__chain_setup setup = {
        .steps = plan->steps,
        .step_count = plan->step_count,
        .in = route->in,
        .out = route->out,
        .strip_rows = route->strip_rows,
        .rows_stay = route->relay,
    };
    memcpy(setup.background, plan->background, sizeof setup.background);
    return setup;
}

smalti_result smalti__route_make(const smalti_plan *plan, const smalti__reader *reader,
                                 const smalti__encoder_format *format, uint32_t strip_rows, bool spare_lane,
                                 smalti__route *route, smalti_error *error)
{
    *route =
        (smalti__route){.format = format, .stored = reader->stored, .in = reader->upright, .strip_rows = strip_rows};
    SMALTI__TRY(smalti__chain_route(plan->steps, plan->step_count, &route->in, route->seen, &route->last, error));
    route->out = route->last; /* without a format nobody sees it */
    if (format) {
        route->out.sample = route->in.sample; /* the input's again, whatever the kernels took */
        SMALTI__TRY(smalti__encoder_fit(format, &route->out, error));
    }
    smalti__chain_setup setup = smalti__route_chain(plan, route);
    route->strip_rows = setup.strip_rows = smalti__chain_strip_rows(&setup);
    route->relay = setup.rows_stay =
        spare_lane && format && route->in.height > route->strip_rows && smalti__chain_can_stay(&setup);
    SMALTI__TRY(smalti__chain_bytes(&setup, &route->chain_bytes, error));
    const smalti__metadata *metadata = &reader->decoder->metadata; /* and a copy when it is written */
    if (!smalti__add(reader->decoder->work_bytes, 2 * (metadata->icc.size + metadata->exif.size + metadata->xmp.size),
                     &route->decode_bytes))
        route->decode_bytes = SIZE_MAX;
    route->frame_bytes = reader->frame_bytes;
    if (format) {
        smalti__encode_params params = smalti__plan_encode_params(plan, NULL, NULL);
        route->encode_bytes =
            format->work_bytes(route->out.width, route->out.height, route->out.channels, route->out.sample, &params);
    }
    if (!smalti__add(route->decode_bytes, route->frame_bytes, &route->total_bytes) ||
        !smalti__add(route->total_bytes, route->chain_bytes, &route->total_bytes) ||
        !smalti__add(route->total_bytes, route->encode_bytes, &route->total_bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

static void drop(smalti__blob *blob)
{
    free(blob->data);
    *blob = (smalti__blob){0};
}

void smalti__route_metadata(const smalti_plan *plan, const smalti__route *route, bool upright,
                            smalti__metadata *metadata)
{
    uint64_t keep = plan->job->settings.metadata;
    /* bytes 16…19 of a profile name the colours it is for (ICC.1, 7.2.8) */
    const char *colors = route->out.channels >= 3 ? "RGB " : "GRAY";
    if (metadata->icc.data &&
        (keep == SMALTI__METADATA_NONE || metadata->icc.size < 128 || memcmp(metadata->icc.data + 16, colors, 4)))
        drop(&metadata->icc);
    if (keep != SMALTI__METADATA_ALL) {
        drop(&metadata->exif);
        drop(&metadata->xmp);
    } else if (metadata->exif.data && upright) {
        smalti__exif_orientation_reset(metadata->exif.data, metadata->exif.size);
    }
}
