/* SPDX-License-Identifier: Apache-2.0
 * From a plan and an image to a route: shapes, strips and memory, and what of the metadata may leave. */
#include "pipeline/plan.h"

smalti__decode_options smalti__plan_decode_options(const smalti_plan *plan, smalti__pool *pool)
{
    const smalti__settings *settings = &plan->job->settings;
    return (smalti__decode_options){
        .lenient = settings->lenient,
        .metadata = settings->metadata == SMALTI__METADATA_ALL,
        .all_frames = settings->frames == SMALTI__FRAMES_ALL,
        .max_pixels = plan->limits.pixels,
        .max_frames = plan->limits.frames,
        .max_metadata = plan->limits.metadata_bytes,
        .pool = pool,
        .part = settings->part,
        .layer = settings->layer,
        .view = settings->view,
        .level = (uint32_t)settings->level,
    };
}

smalti__encode_params smalti__plan_encode_params(const smalti_plan *plan, const smalti__metadata *metadata,
                                                 smalti__pool *pool)
{
    const smalti__settings *settings = &plan->job->settings;
    return (smalti__encode_params){
        .quality = (uint32_t)settings->quality,
        .subsampling = (uint32_t)settings->subsampling,
        .progressive = settings->progressive,
        .optimize = settings->optimize,
        .lossless = settings->lossless,
        .png_effort = (uint32_t)settings->png_effort,
        .webp_effort = (uint32_t)settings->webp_effort,
        .avif_effort = (uint32_t)settings->avif_effort,
        .colors = (uint32_t)settings->colors,
        .dither = (uint32_t)settings->dither,
        .tiff_compression = (uint32_t)settings->tiff_compression,
        .metadata = metadata,
        .pool = pool,
    };
}

/* ---- flows ---- */

static smalti__flow_setup plan_flow(const smalti_plan *plan, uint32_t strip_rows)
{
    smalti__flow_setup setup = {.strip_rows = strip_rows, .max_pixels = plan->limits.pixels};
    memcpy(setup.background, plan->background, sizeof setup.background);
    return setup;
}

smalti__flow_setup smalti__route_flow(const smalti_plan *plan, const smalti__route *route)
{
    smalti__flow_setup setup = plan_flow(plan, route->strip_rows);
    setup.steps = plan->steps;
    setup.step_count = plan->step_count;
    setup.in = route->stored;
    setup.pushed = route->delivered;
    setup.orientation = route->orientation;
    setup.rows_stay = route->relay;
    return setup;
}

smalti__flow_setup smalti__route_branch_flow(const smalti_plan *plan, const smalti__route *route, size_t variant,
                                             const smalti__shape *in)
{
    smalti__flow_setup setup = plan_flow(plan, route->strip_rows);
    setup.steps = plan->variants[variant].steps;
    setup.step_count = plan->variants[variant].step_count;
    setup.in = setup.pushed = *in;
    setup.orientation = 1;
    return setup;
}

/* ---- the route ---- */

smalti_result smalti__route_fit(const smalti__encoder_format *format, const smalti__shape *in,
                                const smalti__shape *last, smalti__shape *out, smalti_error *error)
{
    *out = *last;
    if (!format)
        return SMALTI_OK; /* nobody sees it */
    out->sample = in->sample; /* the input's again, whatever the steps took */
    return smalti__encoder_fit(format, out, error);
}

static smalti_result branch_route(const smalti_plan *plan, smalti__route *route, size_t variant, smalti_error *error)
{
    smalti__branch_route *branch = &route->branches[variant];
    branch->last = route->program.shape;
    if (plan->variant_count > 1) {
        SMALTI__CLEANUP_FREE smalti__program *program = malloc(sizeof *program);
        smalti__flow_setup setup = smalti__route_branch_flow(plan, route, variant, &route->program.shape);
        if (!program)
            return smalti__fail_nomem(error, sizeof *program);
        SMALTI__TRY(smalti__flow_program(&setup, program, error));
        branch->last = program->shape;
        SMALTI__TRY(smalti__route_fit(branch->format, &route->in, &branch->last, &branch->out, error));
        SMALTI__TRY(smalti__flow_bytes(&setup, program, &branch->out, &branch->flow_bytes, error));
    } else {
        SMALTI__TRY(smalti__route_fit(branch->format, &route->in, &branch->last, &branch->out, error));
    }
    if (branch->format) {
        smalti__encode_params params = smalti__plan_encode_params(plan, NULL, NULL);
        branch->encode_bytes = branch->format->work_bytes(branch->out.width, branch->out.height, branch->out.channels,
                                                          branch->out.sample, &params);
    }
    return SMALTI_OK;
}

static smalti_result sum_bytes(const smalti_plan *plan, const smalti__decoder *decoder, smalti__route *route,
                               smalti_error *error)
{
    const smalti__metadata *metadata = &decoder->metadata; /* and a copy when it is written */
    bool fits = smalti__add(decoder->work_bytes, 2 * (metadata->icc.size + metadata->exif.size + metadata->xmp.size),
                            &route->decode_bytes);
    for (size_t i = 0; i < plan->variant_count; i++)
        fits = fits && smalti__add(route->flow_bytes, route->branches[i].flow_bytes, &route->flow_bytes) &&
               smalti__add(route->encode_bytes, route->branches[i].encode_bytes, &route->encode_bytes);
    if (!fits || !smalti__add(route->decode_bytes, route->flow_bytes, &route->total_bytes) ||
        !smalti__add(route->total_bytes, route->encode_bytes, &route->total_bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

/* Asks the decoder for a smaller image, where the first step wants no more. */
static smalti_result reduce(const smalti_plan *plan, smalti__decoder *decoder, smalti__route *route,
                            smalti_error *error)
{
    uint32_t width, height;
    smalti__flow_setup setup = smalti__route_flow(plan, route);
    SMALTI__TRY(smalti__flow_program(&setup, &route->program, error));
    if (decoder->out.width != decoder->info.width || decoder->out.height != decoder->info.height ||
        !smalti__program_reducible(&route->program, &width, &height))
        return SMALTI_OK;
    smalti__decoder_reduce(decoder, width, height);
    route->delivered = decoder->out;
    return SMALTI_OK;
}

/* ---- planes ---- */

smalti__planar_setup smalti__route_planes(const smalti__route *route, smalti__decoder *decoder)
{
    smalti__planar_setup setup = {
        .decoder = decoder,
        .width = decoder->info.width,
        .height = decoder->info.height,
        .filter = SMALTI__FILTER_LANCZOS3, /* of chroma, where only that changes */
    };
    if (!route->program.count)
        return setup;
    const smalti__node *node = &route->program.nodes[0];
    const smalti__scale_params *scale = (const smalti__scale_params *)node->params;
    double across = (double)decoder->info.width / node->in.width, down = (double)decoder->info.height / node->in.height;
    setup.x = scale->x * across;
    setup.width = scale->width * across;
    setup.y = scale->y * down;
    setup.height = scale->height * down;
    setup.filter = scale->filter;
    return setup;
}

/* Whether all that happens to the image is that it is scaled. */
static bool can_go_by_planes(const smalti_plan *plan, const smalti__route *route)
{
    const smalti__program *program = &route->program;
    const smalti__branch_route *branch = &route->branches[0];
    const smalti__settings *settings = &plan->job->settings;
    if (settings->max_bytes || settings->target_quality) /* encodings are tried and looked at */
        return false;
    if (plan->variant_count != 1 || !branch->format || program->count > 1 || program->unknown ||
        !smalti__shape_same(&program->shape, &branch->out))
        return false;
    return !program->count || (program->nodes[0].kind == &smalti__node_scale &&
                               !((const smalti__scale_params *)program->nodes[0].params)->linear);
}

static bool go_by_planes(const smalti_plan *plan, smalti__decoder *decoder, bool spare_lane, smalti__route *route)
{
    const smalti__branch_route *branch = &route->branches[0];
    if (!can_go_by_planes(plan, route))
        return false;
    const smalti__encoder seed = {
        .format = branch->format,
        .params = smalti__plan_encode_params(plan, NULL, NULL),
        .width = branch->out.width,
        .height = branch->out.height,
        .channels = branch->out.channels,
        .sample = branch->out.sample,
    };
    smalti__planar_setup setup = smalti__route_planes(route, decoder);
    setup.seed = &seed;
    setup.spare_thread = spare_lane;
    if (!smalti__planar_make(&setup, &route->planes))
        return false;
    route->by_planes = true;
    route->relay = false;
    route->flow_bytes = route->planes.work_bytes;
    return true;
}

/* ---- coefficients ---- */

static bool wants_lossless_jpeg(const smalti_plan *plan, const smalti__route *route)
{
    return plan->job->settings.lossless && plan->variant_count == 1 &&
           route->branches[0].format == &smalti__encoder_jpeg;
}

static smalti_result go_by_coefficients(const smalti_plan *plan, smalti__decoder *decoder, smalti__route *route,
                                        smalti_error *error)
{
    smalti__branch_route *branch = &route->branches[0];
    SMALTI__TRY(smalti__lossless_make(&route->program, decoder, &route->coefficients, error));
    route->by_coefficients = true;
    route->relay = false;
    branch->encode_bytes = route->coefficients.work_bytes - decoder->work_bytes;
    return sum_bytes(plan, decoder, route, error);
}

smalti_result smalti__route_make(const smalti_plan *plan, smalti__decoder *decoder,
                                 const smalti__encoder_format *const *formats, uint32_t strip_rows, bool spare_lane,
                                 smalti__route *route, smalti_error *error)
{
    const smalti_info *info = &decoder->info;
    memset(route, 0, offsetof(smalti__route, program));
    memset(route->branches, 0, sizeof *route - offsetof(smalti__route, branches));
    route->stored = decoder->out;
    route->stored.width = info->width;
    route->stored.height = info->height;
    route->delivered = decoder->out;
    route->orientation = plan->job->settings.orient ? info->orientation : 1;
    route->strip_rows = strip_rows;
    SMALTI__TRY(reduce(plan, decoder, route, error));
    smalti__program_init(&route->program, &route->stored, route->orientation, 0);
    route->in = smalti__program_upright(&route->program);
    smalti__flow_setup setup = smalti__route_flow(plan, route);
    SMALTI__TRY(smalti__flow_program(&setup, &route->program, error));
    route->relay = setup.rows_stay = spare_lane && plan->variant_count == 1 && formats[0] &&
                                     smalti__flow_can_stay(&route->program) &&
                                     route->in.height > smalti__flow_strip_rows(&setup, &route->program);
    for (size_t i = 0; i < plan->variant_count; i++) {
        route->branches[i].format = formats[i];
        SMALTI__TRY(branch_route(plan, route, i, error));
    }
    const smalti__shape *out = plan->variant_count == 1 && formats[0] ? &route->branches[0].out : NULL;
    if (out) /* the conversion at the end is a part of the flow */
        SMALTI__TRY(smalti__program_convert(&route->program, out, error));
    if (wants_lossless_jpeg(plan, route))
        return go_by_coefficients(plan, decoder, route, error);
    if (go_by_planes(plan, decoder, spare_lane, route))
        return sum_bytes(plan, decoder, route, error);
    SMALTI__TRY(smalti__flow_bytes(&setup, &route->program, out, &route->flow_bytes, error));
    route->strip_rows = smalti__flow_strip_rows(&setup, &route->program);
    return sum_bytes(plan, decoder, route, error);
}

static void drop(smalti__blob *blob)
{
    free(blob->data);
    *blob = (smalti__blob){0};
}

void smalti__route_metadata(const smalti_plan *plan, const smalti__route *route, smalti__metadata *metadata)
{
    uint64_t keep = plan->job->settings.metadata;
    /* bytes 16…19 of a profile name the colours it is for (ICC.1, 7.2.8) */
    const char *colors = route->program.shape.channels >= 3 ? "RGB " : "GRAY";
    if (metadata->icc.data &&
        (keep == SMALTI__METADATA_NONE || metadata->icc.size < 128 || memcmp(metadata->icc.data + 16, colors, 4)))
        drop(&metadata->icc);
    if (keep != SMALTI__METADATA_ALL) {
        drop(&metadata->exif);
        drop(&metadata->xmp);
    } else if (metadata->exif.data && route->orientation != 1) {
        smalti__exif_orientation_reset(metadata->exif.data, metadata->exif.size);
    }
}
