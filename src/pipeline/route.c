/* SPDX-License-Identifier: Apache-2.0
 * From a plan and an image to a route: shapes, strips and memory, and what of the metadata may leave. */
#include "pipeline/plan.h"

/* Photographs with halved chroma score 92.6 on the average however high their quality (JPEG, measured on 24 of them). */
enum { FULL_CHROMA_SCORE = 88 };

static bool wants_metadata(const smalti_plan *plan)
{
    bool wants = false;
    for (size_t i = 0; i < plan->variant_count; i++)
        wants |= smalti__plan_settings(plan, i)->metadata == SMALTI__METADATA_ALL;
    return wants;
}

smalti__decode_options smalti__plan_decode_options(const smalti_plan *plan, smalti__pool *pool)
{
    const smalti__settings *settings = &plan->job->settings;
    return (smalti__decode_options){
        .lenient = settings->lenient,
        .metadata = wants_metadata(plan),
        .all_frames = settings->frames == SMALTI__FRAMES_ALL,
        .max_pixels = plan->limits.pixels,
        .max_frames = plan->limits.frames,
        .max_metadata = plan->limits.metadata_bytes,
        .pool = pool,
        .part = settings->part,
        .layer = settings->layer,
        .view = settings->view,
        .level = (uint32_t)settings->level,
        .contact_sheet = settings->contact_sheet,
        .sheet_cell = (uint32_t)settings->sheet_cell,
        .preview = settings->preview,
        .flatten_deep = settings->flatten_deep,
    };
}

smalti__encode_params smalti__plan_encode_params(const smalti_plan *plan, size_t variant,
                                                 const smalti__metadata *metadata, smalti__pool *pool)
{
    const smalti__settings *settings = smalti__plan_settings(plan, variant);
    smalti__target *target = plan->variants[variant].target;
    return (smalti__encode_params){
        .quality = (uint32_t)settings->quality,
        .subsampling = settings->subsampling                           ? (uint32_t)settings->subsampling
                       : settings->target_quality >= FULL_CHROMA_SCORE ? 444
                                                                       : 0,
        .progressive = settings->progressive,
        .optimize = settings->optimize,
        .lossless = settings->lossless,
        .png_effort = (uint32_t)settings->png_effort,
        .webp_effort = (uint32_t)settings->webp_effort,
        .avif_effort = (uint32_t)settings->avif_effort,
        .colors = (uint32_t)settings->colors,
        .dither = (uint32_t)settings->dither,
        .tiff_compression = (uint32_t)settings->tiff_compression,
        .exr_compression = (uint32_t)settings->exr_compression,
        .exr_half = settings->exr_samples == SMALTI__EXR_SAMPLES_HALF,
        .metadata = metadata,
        .image = target ? &target->image : NULL,
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
    setup.in = route->reduced_for_branches ? route->delivered : route->stored;
    setup.pushed = route->delivered;
    setup.reduced = route->reduced;
    setup.light = route->light;
    setup.shown = plan->variant_count == 1 ? route->branches[0].shown : 0;
    setup.lit = plan->variant_count == 1 && route->branches[0].lit;
    setup.orientation = route->orientation;
    setup.rows_stay = route->relay;
    setup.icc_size = route->icc_size;
    return setup;
}

smalti__flow_setup smalti__route_branch_flow(const smalti_plan *plan, const smalti__route *route, size_t variant,
                                             const smalti__shape *in)
{
    smalti__flow_setup setup = plan_flow(plan, route->strip_rows);
    setup.steps = plan->variants[variant].steps;
    setup.step_count = plan->variants[variant].step_count;
    setup.in = setup.pushed = *in;
    if (route->reduced_for_branches) {
        setup.in = route->stored;
        setup.reduced = route->reduced;
    }
    setup.light = route->program.light;
    setup.shown = route->branches[variant].shown;
    setup.lit = route->branches[variant].lit;
    setup.orientation = 1;
    smalti__plan_background(smalti__plan_settings(plan, variant), setup.background);
    return setup;
}

/* ---- the route ---- */

/* The samples that an output has by its settings and format, of an input's. */
static smalti_sample fit_sample(const smalti__branch_route *branch, smalti_sample in)
{
    smalti_error error;
    smalti__shape shape = {1, 1, 3, in, false};
    if (branch->depth)
        shape.sample = branch->depth == 8 ? SMALTI_SAMPLE_U8 : SMALTI_SAMPLE_U16;
    if (branch->searches && branch->search.candidate_count > 1) /* each candidate fits it for itself */
        return shape.sample == SMALTI_SAMPLE_U8 ? SMALTI_SAMPLE_U8 : SMALTI_SAMPLE_U16;
    return smalti__encoder_fit(branch->format, &shape, &error) < 0 ? in : shape.sample;
}

smalti_result smalti__route_fit(const smalti__branch_route *branch, const smalti__shape *in, const smalti__shape *last,
                                smalti__shape *out, smalti_error *error)
{
    *out = *last;
    if (!branch->format)
        return SMALTI_OK; /* nobody sees it */
    out->sample = fit_sample(branch, in->sample); /* the input's again, whatever the steps took */
    if (!branch->searches || branch->search.candidate_count == 1)
        return smalti__encoder_fit(branch->format, out, error);
    out->premultiplied = false;
    return SMALTI_OK;
}

/* What is known of an output before its rows are. */
static void begin_branch(const smalti_plan *plan, smalti__route *route, size_t variant,
                         const smalti__encoder_format *format)
{
    smalti__branch_route *branch = &route->branches[variant];
    branch->format = format;
    branch->lit = format && format->linear;
    branch->depth = (uint32_t)smalti__plan_settings(plan, variant)->depth;
    branch->searches = smalti__plan_search(plan, variant, format, &branch->search);
    if (!format || !route->light.linear)
        return;
    smalti_sample sample = fit_sample(branch, SMALTI_SAMPLE_F32);
    branch->shown = sample == SMALTI_SAMPLE_F32 ? 0 : sample;
}

static smalti_result branch_route(const smalti_plan *plan, smalti__route *route, size_t variant, smalti_error *error)
{
    smalti__branch_route *branch = &route->branches[variant];
    branch->last = route->program.shape;
    branch->profile = route->program.profile;
    branch->converted = route->light.convert && !route->program.light.convert;
    if (plan->variant_count > 1) {
        SMALTI__CLEANUP_FREE smalti__program *program = malloc(sizeof *program);
        smalti__flow_setup setup = smalti__route_branch_flow(plan, route, variant, &route->program.shape);
        if (!program)
            return smalti__fail_nomem(error, sizeof *program);
        SMALTI__TRY(smalti__flow_program(&setup, program, error));
        branch->last = program->shape;
        if (program->profile != SMALTI__PROFILE_INPUT)
            branch->profile = program->profile;
        branch->converted = route->light.convert && !program->light.convert;
        SMALTI__TRY(smalti__route_fit(branch, &route->in, &branch->last, &branch->out, error));
        SMALTI__TRY(smalti__flow_bytes(&setup, program, &branch->out, &branch->flow_bytes, error));
    } else {
        SMALTI__TRY(smalti__route_fit(branch, &route->in, &branch->last, &branch->out, error));
    }
    if (branch->format) {
        smalti__encode_params params = smalti__plan_encode_params(plan, variant, NULL, NULL);
        const smalti__shape *out = &branch->out;
        branch->encode_bytes =
            branch->searches ? smalti__search_work_bytes(out->width, out->height, out->channels, out->sample, &params,
                                                         &branch->search)
                             : branch->format->work_bytes(out->width, out->height, out->channels, out->sample, &params);
    }
    return SMALTI_OK;
}

static smalti_result sum_bytes(const smalti_plan *plan, const smalti__decoder *decoder, smalti__route *route,
                               smalti_error *error)
{
    const smalti__metadata *metadata = &decoder->metadata; /* and a copy when it is written */
    bool fits = smalti__add(decoder->work_bytes,
                            2 * (metadata->icc.size + metadata->exif.size + metadata->xmp.size + metadata->exr.size),
                            &route->decode_bytes);
    for (size_t i = 0; i < plan->variant_count; i++)
        fits = fits && smalti__add(route->flow_bytes, route->branches[i].flow_bytes, &route->flow_bytes) &&
               smalti__add(route->encode_bytes, route->branches[i].encode_bytes, &route->encode_bytes);
    if (!fits || !smalti__add(route->decode_bytes, route->flow_bytes, &route->total_bytes) ||
        !smalti__add(route->total_bytes, route->encode_bytes, &route->total_bytes))
        return smalti__fail(error, SMALTI_E_LIMIT_MEMORY, "the image is too large for memory");
    return SMALTI_OK;
}

/* What the largest of the branches needs of an image that comes to them as it was decoded, when each begins with a resize
 * that a decoder can do some of. */
static smalti_result branches_reducible(const smalti_plan *plan, const smalti__route *route, bool *reducible,
                                        uint32_t *width, uint32_t *height, smalti_error *error)
{
    *reducible = plan->variant_count > 1 && route->program.count == 1 && smalti__node_passes(&route->program.nodes[0]);
    if (!*reducible)
        return SMALTI_OK;
    SMALTI__CLEANUP_FREE smalti__program *program = malloc(sizeof *program);
    if (!program)
        return smalti__fail_nomem(error, sizeof *program);
    *width = *height = 0;
    for (size_t i = 0; i < plan->variant_count && *reducible; i++) {
        uint32_t across, down;
        smalti__flow_setup setup = smalti__route_branch_flow(plan, route, i, &route->stored);
        SMALTI__TRY(smalti__flow_program(&setup, program, error));
        *reducible = smalti__program_reducible(program, &across, &down);
        *width = *reducible && across > *width ? across : *width;
        *height = *reducible && down > *height ? down : *height;
    }
    return SMALTI_OK;
}

/* Asks the decoder for a smaller image, where the first step, or that of every branch, wants no more. */
static smalti_result reduce(const smalti_plan *plan, smalti__decoder *decoder, smalti__route *route,
                            smalti_error *error)
{
    uint32_t width, height;
    bool for_branches = false;
    smalti__flow_setup setup = smalti__route_flow(plan, route);
    SMALTI__TRY(smalti__flow_program(&setup, &route->program, error));
    if (decoder->out.width != decoder->info.width || decoder->out.height != decoder->info.height)
        return SMALTI_OK;
    if (!smalti__program_reducible(&route->program, &width, &height)) {
        SMALTI__TRY(branches_reducible(plan, route, &for_branches, &width, &height, error));
        if (!for_branches)
            return SMALTI_OK;
    }
    smalti__decoder_reduce(decoder, width, height);
    route->delivered = decoder->out;
    route->reduced = decoder->reduced;
    route->reduced_for_branches = for_branches;
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
        .orientation = 1,
    };
    for (size_t i = 0; i < route->program.count; i++) {
        const smalti__node *node = &route->program.nodes[i];
        if (node->kind == &smalti__node_orient) {
            memcpy(&setup.orientation, node->params, sizeof setup.orientation);
            continue;
        }
        if (node->kind != &smalti__node_scale)
            continue;
        const smalti__scale_params *scale = (const smalti__scale_params *)node->params;
        setup.x = scale->x * decoder->reduced;
        setup.width = scale->width * decoder->reduced;
        setup.y = scale->y * decoder->reduced;
        setup.height = scale->height * decoder->reduced;
        setup.filter = scale->filter;
    }
    return setup;
}

/* Whether all that happens to the image is that it is scaled and turned. */
static bool can_go_by_planes(const smalti_plan *plan, const smalti__route *route)
{
    const smalti__program *program = &route->program;
    const smalti__branch_route *branch = &route->branches[0];
    if (plan->variant_count != 1 || !branch->format || branch->searches || program->unknown ||
        !smalti__shape_same(&program->shape, &branch->out))
        return false;
    const smalti__node *node = program->nodes, *end = node + program->count;
    if (node < end && node->kind == &smalti__node_scale && !((const smalti__scale_params *)node->params)->linear)
        node++;
    if (node < end && smalti__node_passes(node))
        node++;
    if (node < end && node->kind == &smalti__node_orient)
        node++;
    return node == end;
}

static bool go_by_planes(const smalti_plan *plan, smalti__decoder *decoder, bool spare_lane, smalti__route *route)
{
    const smalti__branch_route *branch = &route->branches[0];
    if (!can_go_by_planes(plan, route))
        return false;
    const smalti__encoder seed = {
        .format = branch->format,
        .params = smalti__plan_encode_params(plan, 0, NULL, NULL),
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

static bool goes_to_one_jpeg(const smalti_plan *plan, const smalti__route *route)
{
    return plan->variant_count == 1 && route->branches[0].format == &smalti__encoder_jpeg;
}

/* A JPEG that is only turned and cut, to a JPEG of which nothing else was said: better without loss, where that is exact. */
static bool may_go_by_coefficients(const smalti_plan *plan, const smalti__route *route, const smalti__decoder *decoder)
{
    const smalti__settings *settings = smalti__plan_settings(plan, 0);
    bool said = settings->quality || settings->subsampling || settings->progressive || settings->optimize ||
                route->branches[0].searches;
    return !said && route->program.count && route->program.nodes[0].kind != &smalti__node_kernels &&
           !strcmp(decoder->info.format, "jpeg");
}

/* Where loss was ruled out an output that cannot be without is an error. */
static smalti_result go_by_coefficients(const smalti_plan *plan, smalti__decoder *decoder, smalti__route *route,
                                        smalti_error *error)
{
    if (!goes_to_one_jpeg(plan, route))
        return SMALTI_OK;
    bool wanted = smalti__plan_settings(plan, 0)->lossless;
    if (!wanted && !may_go_by_coefficients(plan, route, decoder))
        return SMALTI_OK;
    smalti_result result = smalti__lossless_make(&route->program, decoder, &route->coefficients, wanted ? error : NULL);
    if (result < 0)
        return wanted ? result : SMALTI_OK;
    route->by_coefficients = true;
    route->relay = false;
    route->branches[0].encode_bytes = route->coefficients.work_bytes - decoder->work_bytes;
    return SMALTI_OK;
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
    route->reduced = decoder->reduced;
    route->orientation = plan->job->settings.orient ? info->orientation : 1;
    route->strip_rows = strip_rows;
    route->icc_size = decoder->metadata.icc.size;
    route->light = decoder->light;
    for (size_t i = 0; i < plan->variant_count; i++)
        begin_branch(plan, route, i, formats[i]);
    SMALTI__TRY(reduce(plan, decoder, route, error));
    smalti__program_init(&route->program, &route->stored, route->orientation, 0);
    route->in = smalti__program_upright(&route->program);
    smalti__flow_setup setup = smalti__route_flow(plan, route);
    SMALTI__TRY(smalti__flow_program(&setup, &route->program, error));
    route->relay = setup.rows_stay = spare_lane && plan->variant_count == 1 && formats[0] &&
                                     smalti__flow_can_stay(&route->program) &&
                                     route->in.height > smalti__flow_strip_rows(&setup, &route->program);
    for (size_t i = 0; i < plan->variant_count; i++)
        SMALTI__TRY(branch_route(plan, route, i, error));
    const smalti__shape *out = plan->variant_count == 1 && formats[0] ? &route->branches[0].out : NULL;
    if (out) /* the conversion at the end is a part of the flow */
        SMALTI__TRY(smalti__program_convert(&route->program, out, error));
    SMALTI__TRY(go_by_coefficients(plan, decoder, route, error));
    if (route->by_coefficients || go_by_planes(plan, decoder, spare_lane, route))
        return sum_bytes(plan, decoder, route, error);
    SMALTI__TRY(smalti__flow_bytes(&setup, &route->program, out, &route->flow_bytes, error));
    route->strip_rows = smalti__flow_strip_rows(&setup, &route->program);
    return sum_bytes(plan, decoder, route, error);
}

smalti__metadata smalti__route_metadata(const smalti_plan *plan, const smalti__route *route, size_t variant,
                                        const smalti__shape *out, const smalti__metadata *all)
{
    smalti__profile profile = route->branches[variant].profile;
    uint64_t keep = smalti__plan_settings(plan, variant)->metadata;
    smalti__metadata view = {0};
    /* bytes 16…19 of a profile name the colours it is for (ICC.1, 7.2.8) */
    const char *colors = out->channels >= 3 ? "RGB " : "GRAY";
    if (keep == SMALTI__METADATA_ALL)
        view = *all;
    else if (keep == SMALTI__METADATA_ICC)
        view.icc = all->icc;
    if (keep != SMALTI__METADATA_NONE)
        view.exr = all->exr, view.exr_long_names = all->exr_long_names;
    if (profile == SMALTI__PROFILE_P3)
        view.exr_primaries = &smalti__primaries_p3;
    else if (route->branches[variant].converted)
        view.exr_primaries = &smalti__primaries_srgb;
    if (view.icc.data && (view.icc.size < 128 || memcmp(view.icc.data + 16, colors, 4)))
        view.icc = (smalti__blob){0};
    if (profile != SMALTI__PROFILE_INPUT)
        view.icc = (smalti__blob){0};
    if (profile == SMALTI__PROFILE_P3) { /* a file must say so, whatever it keeps of the input's metadata */
        const void *data;
        smalti__color_profile(SMALTI__COLOR_P3, out->channels, &data, &view.icc.size);
        view.icc.data = (uint8_t *)data;
    }
    return view;
}
