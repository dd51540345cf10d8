/* SPDX-License-Identifier: Apache-2.0
 * From a job to a plan: steps prepared, outputs and names checked. */
#include "pipeline/plan.h"

void smalti__plan_steps_free(smalti__step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        smalti__step_clear(&steps[i]);
    free(steps);
}

smalti_result smalti__plan_steps(const smalti__step *from, size_t count, const smalti__step_env *env,
                                 smalti__step **steps, smalti_error *error)
{
    smalti__step *made = calloc(count + 1, sizeof *made);
    smalti_result result = made ? SMALTI_OK : smalti__fail_nomem(error, (count + 1) * sizeof *made);
    for (size_t i = 0; i < count && result == SMALTI_OK; i++) {
        result = smalti__step_copy(&made[i], &from[i], error);
        if (result == SMALTI_OK && made[i].kind->prepare)
            result = made[i].kind->prepare(&made[i], env, error);
    }
    if (result < 0 && made)
        smalti__plan_steps_free(made, count);
    else
        *steps = made;
    return result;
}

smalti__step_env smalti__plan_step_env(const smalti__settings *settings)
{
    const smalti__limits limits = smalti__settings_limits(settings);
    return (smalti__step_env){
        .kernel = {.size = sizeof(smalti_kernel_options),
                   .deadline_ms = settings->kernel_ms,
                   .compile_ms = settings->compile_ms,
                   .memory_bytes = settings->kernel_memory},
        .max_pixels = limits.pixels,
        .max_metadata = limits.metadata_bytes,
    };
}

/* Outputs are named by the tasks, all of them, or by the job. */
static smalti_result check_own_outputs(smalti_plan *plan, smalti_error *error)
{
    const smalti_job *job = plan->job;
    size_t without = 0, with = 0;
    for (size_t i = 0; i < job->input_count; i++)
        *(job->inputs[i].output ? &with : &without) += 1;
    plan->own_outputs = with > 0;
    if (with && (job->settings.dir || job->settings.file))
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "tasks name their outputs: output.%s cannot be given beside them",
                            job->settings.dir ? "dir" : "file");
    for (size_t i = 0; with && without && i < job->input_count; i++)
        if (!job->inputs[i].output)
            return smalti__fail(error, SMALTI_E_INVALID, "%s has no output, though other tasks name theirs",
                                SMALTI__SHOWN(job->inputs[i].path));
    return SMALTI_OK;
}

static smalti_result check_output_settings(smalti_plan *plan, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    SMALTI__TRY(check_own_outputs(plan, error));
    if (settings->dir && settings->file)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "output has both dir and file");
    if (settings->file && plan->job->input_count > 1)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            "%zu inputs cannot be written to the one file %s: name a folder", plan->job->input_count,
                            SMALTI__SHOWN(settings->file));
    if (settings->dir && !*settings->dir)
        return smalti__fail(error, SMALTI_E_INVALID, "output.dir is empty");
    plan->has_output = settings->dir || settings->file || plan->own_outputs;
    smalti__plan_background(settings, plan->background);
    return SMALTI_OK;
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
    const smalti__settings *settings = &plan->job->settings;
    plan->limits = smalti__settings_limits(settings);
    const smalti__step_env env = smalti__plan_step_env(settings);
    if (plan->job->step_count > SMALTI__STEPS_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "a job has at most %d steps", SMALTI__STEPS_MAX);
    SMALTI__TRY(check_inputs(plan, error));
    SMALTI__TRY(check_output_settings(plan, error));
    SMALTI__TRY(smalti__plan_outputs(plan, &env, error));
    SMALTI__TRY(smalti__plan_check_names(plan, error));
    SMALTI__TRY(smalti__plan_steps(plan->job->steps, plan->job->step_count, &env, &plan->steps, error));
    plan->step_count = plan->job->step_count;
    return SMALTI_OK;
}

/* What others are told of the job, who get their inputs and outputs one by one. */
static bool keep_asked(smalti_plan *plan, const smalti_job *job)
{
    plan->asked = smalti__job_copy(job);
    if (!plan->asked)
        return false;
    smalti__settings *settings = &plan->asked->settings;
    smalti__job_inputs_clear(plan->asked);
    if (!plan->own_outputs)
        return true;
    free(settings->dir);
    free(settings->file);
    settings->dir = NULL;
    settings->file = strdup("own"); /* outputs have names, as they have here */
    return settings->file != NULL;
}

smalti_result smalti_plan_new(const smalti_job *job, smalti_plan **plan, smalti_error *error)
{
    smalti_plan *made = calloc(1, sizeof *made);
    if (!made || !(made->job = smalti__job_copy(job))) {
        free(made);
        return smalti__fail_nomem(error, sizeof *made);
    }
    smalti_result result = fill_plan(made, error);
    if (result == SMALTI_OK && !keep_asked(made, job))
        result = smalti__fail_nomem(error, sizeof *job);
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
    smalti__plan_steps_free(plan->steps, plan->step_count);
    for (size_t i = 0; i < plan->variant_count; i++)
        smalti__plan_steps_free(plan->variants[i].steps, plan->variants[i].step_count);
    free(plan->variants);
    smalti_job_free(plan->job);
    smalti_job_free(plan->asked);
    free(plan);
}
