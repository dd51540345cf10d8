/* SPDX-License-Identifier: Apache-2.0
 * Making programs. Turns and mirrorings are put off: a smaller image is cheaper to turn, and two may cancel out. */
#include "step/program.h"

#include <math.h>

#include "pixel/orient.h"

void smalti__program_init(smalti__program *program, const smalti__shape *in, uint32_t orientation, uint64_t max_pixels)
{
    program->shape = *in;
    program->orientation = orientation;
    program->profile = SMALTI__PROFILE_INPUT;
    program->unknown = false;
    program->light = (smalti__light){0};
    program->max_pixels = max_pixels;
    program->count = 0;
    program->kernel_count = 0;
    program->step = NULL;
}

smalti_result smalti__program_lower(smalti__program *program, const smalti__step *steps, size_t step_count,
                                    size_t *next, smalti_error *error)
{
    program->unknown = false;
    while (*next < step_count && !program->unknown) {
        program->step = &steps[(*next)++];
        SMALTI__TRY(program->step->kind->lower(program->step, program, error));
    }
    program->step = NULL;
    return program->unknown ? SMALTI_OK : smalti__program_flush(program, error);
}

/* ---- orientation ---- */

/* Upright coordinates from those of the image as it is: x' = a x + b y, y' = c x + d y, up to an offset. */
static const int8_t turns[9][4] = {{0},          {1, 0, 0, 1},  {-1, 0, 0, 1},  {-1, 0, 0, -1}, {1, 0, 0, -1},
                                   {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, -1, 0}, {0, 1, -1, 0}};

void smalti__program_turn(smalti__program *program, uint32_t orientation)
{
    const int8_t *m = turns[orientation], *n = turns[program->orientation];
    const int8_t both[4] = {(int8_t)(m[0] * n[0] + m[1] * n[2]), (int8_t)(m[0] * n[1] + m[1] * n[3]),
                            (int8_t)(m[2] * n[0] + m[3] * n[2]), (int8_t)(m[2] * n[1] + m[3] * n[3])};
    for (uint32_t o = 1; o <= 8; o++)
        if (!memcmp(both, turns[o], sizeof both))
            program->orientation = o;
}

smalti__shape smalti__program_upright(const smalti__program *program)
{
    smalti__shape shape = program->shape;
    if (smalti__orient_swaps(program->orientation)) {
        shape.width = program->shape.height;
        shape.height = program->shape.width;
    }
    return shape;
}

void smalti__program_place(const smalti__program *program, double *x, double *y, double *width, double *height)
{
    const int8_t *m = turns[program->orientation];
    smalti__shape upright = smalti__program_upright(program);
    double left = *x, top = *y, across = *width, down = *height;
    if (m[0] + m[1] < 0)
        left = upright.width - (left + across);
    if (m[2] + m[3] < 0)
        top = upright.height - (top + down);
    bool swap = m[0] == 0;
    *x = swap ? top : left;
    *y = swap ? left : top;
    *width = swap ? down : across;
    *height = swap ? across : down;
}

smalti_result smalti__program_flush(smalti__program *program, smalti_error *error)
{
    if (program->orientation == 1)
        return SMALTI_OK;
    smalti__shape out = smalti__program_upright(program);
    SMALTI__TRY(smalti__program_add(program, &smalti__node_orient, &program->orientation, sizeof program->orientation,
                                    &out, error));
    program->orientation = 1;
    return SMALTI_OK;
}

/* ---- nodes ---- */

smalti_result smalti__program_add(smalti__program *program, const smalti__node_kind *kind, const void *params,
                                  size_t params_size, const smalti__shape *out, smalti_error *error)
{
    uint64_t pixels = (uint64_t)out->width * out->height;
    if (!out->width || !out->height || out->width > INT32_MAX || out->height > INT32_MAX ||
        (program->max_pixels && pixels > program->max_pixels))
        return smalti__fail(error, SMALTI_E_LIMIT_PIXELS,
                            "step %s makes %u × %u pixels, more than the limit of %llu (limits.pixels, --max-pixels)",
                            program->step ? program->step->kind->info.name : kind->name, out->width, out->height,
                            (unsigned long long)program->max_pixels);
    if (program->count == SMALTI__COUNT(program->nodes))
        return smalti__fail(error, SMALTI_E_LIMIT, "the steps are too many");
    smalti__node *node = &program->nodes[program->count++];
    *node = (smalti__node){.kind = kind, .step = program->step, .in = program->shape, .out = *out};
    if (params_size)
        memcpy(node->params, params, params_size);
    program->shape = *out;
    return SMALTI_OK;
}

smalti_result smalti__program_add_kernel(smalti__program *program, const smalti__kernel_step *kernel,
                                         smalti_error *error)
{
    smalti__shape seen[SMALTI__STEPS_MAX], out;
    SMALTI__TRY(smalti__program_flush(program, error));
    if (program->kernel_count == SMALTI__COUNT(program->kernels))
        return smalti__fail(error, SMALTI_E_LIMIT, "more than %d kernels", SMALTI__STEPS_MAX);
    smalti__node *last = program->count ? &program->nodes[program->count - 1] : NULL;
    if (!last || last->kind != &smalti__node_kernels) {
        const smalti__kernels_params params = {program->kernel_count, 0, &program->kernels[program->kernel_count]};
        SMALTI__TRY(
            smalti__program_add(program, &smalti__node_kernels, &params, sizeof params, &program->shape, error));
        last = &program->nodes[program->count - 1];
    }
    smalti__kernels_params *params = (smalti__kernels_params *)last->params;
    program->kernels[program->kernel_count++] = *kernel;
    params->count++;
    SMALTI__TRY(smalti__chain_route(params->steps, params->count, &last->in, seen, &out, error));
    program->shape = last->out = out;
    return SMALTI_OK;
}

smalti_result smalti__program_convert(smalti__program *program, const smalti__shape *to, smalti_error *error)
{
    if (smalti__shape_same(&program->shape, to))
        return SMALTI_OK;
    smalti__node *last = program->count ? &program->nodes[program->count - 1] : NULL;
    if (last && last->kind == &smalti__node_kernels) { /* its last rows are converted as they leave */
        program->shape = last->out = *to;
        return SMALTI_OK;
    }
    return smalti__program_add(program, &smalti__node_convert, NULL, 0, to, error);
}

/* ---- reduction on load ---- */

bool smalti__program_reducible(const smalti__program *program, uint32_t *width, uint32_t *height)
{
    const smalti__node *first = &program->nodes[0];
    if (!program->count || first->kind != &smalti__node_scale)
        return false;
    const smalti__scale_params *scale = (const smalti__scale_params *)first->params;
    double across = first->out.width * (first->in.width / scale->width);
    double down = first->out.height * (first->in.height / scale->height);
    if (scale->filter == SMALTI__FILTER_NEAREST || scale->linear || across >= first->in.width ||
        down >= first->in.height)
        return false; /* a decoder averages neighbours, of samples as they are stored */
    *width = (uint32_t)ceil(across);
    *height = (uint32_t)ceil(down);
    return true;
}

bool smalti__node_passes(const smalti__node *node)
{
    return node->kind == &smalti__node_kernels && !((const smalti__kernels_params *)node->params)->count &&
           smalti__shape_same(&node->in, &node->out);
}

void smalti__program_reduced(smalti__program *program, const smalti__shape *delivered, uint32_t divisor)
{
    smalti__node *first = &program->nodes[0];
    smalti__scale_params *scale = (smalti__scale_params *)first->params;
    double across = (double)delivered->width / first->in.width, down = (double)delivered->height / first->in.height;
    if (divisor) /* the last row and column are only partly filled: by the sizes the image would be stretched */
        across = down = 1.0 / divisor;
    scale->x *= across;
    scale->width *= across;
    scale->y *= down;
    scale->height *= down;
    first->in.width = delivered->width;
    first->in.height = delivered->height;
}
