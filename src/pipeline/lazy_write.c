/* SPDX-License-Identifier: Apache-2.0
 * Outputs of chains: a plan of one input, whose steps are those that all chains have in common, with a variant for each
 * output. It borrows everything from the chains. */
#include "pipeline/lazy.h"

#include <errno.h>

struct writing {
    smalti_plan plan;
    smalti_job job;
    smalti__input input;
    smalti__variant variants[SMALTI__VARIANTS_MAX];
    smalti__target targets[SMALTI__VARIANTS_MAX];
};

/* ---- checks ---- */

/* Settings that work before outputs part. */
static smalti_result check_settings(const smalti_chain *first, const smalti_chain *other, smalti_error *error)
{
    for (size_t i = 0; i < smalti__key_count; i++) {
        const smalti__key *key = &smalti__keys[i];
        char numbers[2][32];
        if (!strcmp(key->section, "output"))
            continue;
        const char *a = smalti__key_text(&first->job->settings, key, numbers[0], sizeof numbers[0]);
        const char *b = smalti__key_text(&other->job->settings, key, numbers[1], sizeof numbers[1]);
        if (a != b && (!a || !b || strcmp(a, b)))
            return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                                "%s.%s differs between chains that are written together", key->section, key->name);
    }
    return SMALTI_OK;
}

static smalti_result check_outputs(const smalti_chain_output *outputs, size_t count, smalti_error *error)
{
    if (!count || count > SMALTI__VARIANTS_MAX)
        return smalti__fail(error, SMALTI_E_INVALID, "%zu outputs: 1 to %d can be written at once", count,
                            SMALTI__VARIANTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const smalti_chain_output *output = &outputs[i];
        if (output->size != sizeof *output || !output->chain)
            return smalti__fail(error, SMALTI_E_INVALID, "output %zu lacks its size or its chain", i);
        if (!output->path + !output->write + !output->data + !output->image != 3 || !output->data != !output->data_size)
            return smalti__fail(error, SMALTI_E_INVALID,
                                "output %zu needs exactly one of path, write, data with data_size, and image", i);
        if (output->path && !*output->path)
            return smalti__fail(error, SMALTI_E_INVALID, "output %zu has an empty path", i);
        if (output->chain->origin != outputs->chain->origin)
            return smalti__fail(error, SMALTI_E_INVALID,
                                "output %zu is of %s, not of %s: only branches of one chain can be written together", i,
                                SMALTI__SHOWN(output->chain->origin->name),
                                SMALTI__SHOWN(outputs->chain->origin->name));
        SMALTI__TRY(check_settings(outputs->chain, output->chain, error));
        for (size_t j = 0; j < i && output->path; j++)
            if (outputs[j].path && !strcmp(outputs[j].path, output->path))
                return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "two outputs would be written to %s",
                                    SMALTI__SHOWN(output->path));
    }
    return SMALTI_OK;
}

/* ---- the plan ---- */

static const smalti__link *common(const smalti__link *a, const smalti__link *b)
{
    while (a != b) {
        bool from_a = smalti__link_count(a) >= smalti__link_count(b);
        bool from_b = smalti__link_count(b) >= smalti__link_count(a);
        a = from_a ? a->before : a;
        b = from_b ? b->before : b;
    }
    return a;
}

static smalti_result make_input(struct writing *self, const smalti__origin *origin, smalti_error *error)
{
    struct stat now;
    self->input = (smalti__input){
        .path = origin->name,
        .name = origin->name,
        .fd = origin->fd,
        .data = origin->data,
        .size = origin->size,
        .memory_bytes = origin->kept.memory_bytes,
        .image = origin->image.data ? &origin->image : NULL,
    };
    if (origin->fd < 0)
        return SMALTI_OK;
    /* its steps were checked against the head that was read then */
    if (fstat(origin->fd, &now))
        return smalti__fail_errno(error, errno, "%s: cannot be read", SMALTI__SHOWN(origin->name));
    if (now.st_size != origin->stat.st_size || now.st_mtim.tv_sec != origin->stat.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != origin->stat.st_mtim.tv_nsec)
        return smalti__fail(error, SMALTI_E_IO_CHANGED, "%s: changed since it was opened", SMALTI__SHOWN(origin->name));
    return SMALTI_OK;
}

static smalti_result make_variant(struct writing *self, size_t index, const smalti_chain_output *output,
                                  smalti_error *error)
{
    smalti__variant *variant = &self->variants[index];
    smalti__target *target = &self->targets[index];
    const smalti__settings *settings = &output->chain->job->settings;
    *target = (smalti__target){
        .path = output->path, .write = output->write, .user = output->user, .pixels = output->image != NULL};
    variant->target = target;
    variant->settings = settings;
    if (output->image)
        variant->format = &smalti__encoder_pixels;
    else if (settings->format && !(variant->format = smalti__encoder_find(settings->format)))
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "output.format: %s cannot be written",
                            SMALTI__SHOWN(settings->format));
    variant->step_count = smalti__link_count(output->chain->last) - self->plan.step_count;
    return smalti__link_steps(output->chain->last, self->plan.step_count, &variant->steps, error);
}

static smalti_result make_plan(struct writing *self, const smalti_chain_output *outputs, size_t count,
                               smalti_error *error)
{
    const smalti_chain *first = outputs->chain;
    const smalti__link *last = first->last;
    for (size_t i = 1; i < count; i++)
        last = common(last, outputs[i].chain->last);
    self->job = (smalti_job){.inputs = &self->input, .input_count = 1, .settings = first->job->settings};
    self->plan = (smalti_plan){
        .job = &self->job,
        .step_count = smalti__link_count(last),
        .has_output = true,
        .variants = self->variants,
        .variant_count = count,
        .limits = smalti__settings_limits(&first->job->settings),
    };
    smalti__plan_background(&first->job->settings, self->plan.background);
    SMALTI__TRY(make_input(self, first->origin, error));
    SMALTI__TRY(smalti__link_steps(last, 0, &self->plan.steps, error));
    for (size_t i = 0; i < count; i++)
        SMALTI__TRY(make_variant(self, i, &outputs[i], error));
    return SMALTI_OK;
}

/* ---- running ---- */

static void hand_over(struct writing *self, const smalti_chain_output *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (outputs[i].data) {
            *outputs[i].data = self->targets[i].data;
            *outputs[i].data_size = self->targets[i].size;
        } else if (outputs[i].image) {
            *outputs[i].image = self->targets[i].image;
        }
    }
}

smalti_result smalti_chain_write(const smalti_chain_output *outputs, size_t count, const smalti_run_options *options,
                                 smalti_stats *stats, smalti_error *error)
{
    SMALTI__TRY(check_outputs(outputs, count, error));
    SMALTI__CLEANUP_FREE struct writing *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    smalti_result result = make_plan(self, outputs, count, error);
    if (result == SMALTI_OK)
        result = smalti_plan_run(&self->plan, options, stats, error);
    if (result == SMALTI_OK)
        hand_over(self, outputs, count);
    for (size_t i = 0; i < count; i++) {
        free(self->variants[i].steps);
        if (result < 0)
            smalti_image_free(&self->targets[i].image);
    }
    free(self->plan.steps);
    return result;
}

smalti_result smalti_chain_write_file(const smalti_chain *chain, const char *path, const smalti_run_options *options,
                                      smalti_error *error)
{
    const smalti_chain_output output = {.size = sizeof output, .chain = chain, .path = path};
    return smalti_chain_write(&output, 1, options, NULL, error);
}

smalti_result smalti_chain_write_memory(const smalti_chain *chain, void **data, size_t *size,
                                        const smalti_run_options *options, smalti_error *error)
{
    const smalti_chain_output output = {.size = sizeof output, .chain = chain, .data = data, .data_size = size};
    return smalti_chain_write(&output, 1, options, NULL, error);
}

smalti_result smalti_chain_write_image(const smalti_chain *chain, smalti_image *image,
                                       const smalti_run_options *options, smalti_error *error)
{
    const smalti_chain_output output = {.size = sizeof output, .chain = chain, .image = image};
    return smalti_chain_write(&output, 1, options, NULL, error);
}
