/* SPDX-License-Identifier: Apache-2.0
 * The step that runs a kernel. */
#include "step/kinds.h"

smalti_result smalti__step_load_kernel(smalti__step *step, const smalti__step_env *env, const char *module,
                                       const char *params, smalti_error *error)
{
    smalti__kernel_step *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    step->prepared = made; /* from here on discard frees it */
    SMALTI__TRY(smalti_kernel_load(module, &env->kernel, &made->kernel, error));
    const smalti_kernel_info *info = smalti_kernel_describe(made->kernel);
    if (info->kind == SMALTI_KERNEL_COMMAND)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s is a WASI command: it cannot be a step", module);
    made->params = calloc(info->param_count + 1, sizeof *made->params);
    if (!made->params)
        return smalti__fail_nomem(error, info->param_count * sizeof *made->params);
    SMALTI__TRY(smalti_kernel_params_parse(made->kernel, params, made->params, error));
    return smalti_kernel_halo(made->kernel, made->params, &made->halo, error);
}

void smalti__step_discard_kernel(smalti__step *step)
{
    smalti__kernel_step *kernel = step->prepared;
    smalti_kernel_unref(kernel->kernel);
    free(kernel->params);
    free(kernel);
}

smalti_result smalti__step_lower_kernel(const smalti__step *step, smalti__program *program, smalti_error *error)
{
    return smalti__program_add_kernel(program, step->prepared, error);
}

static smalti_result kernel_check(const smalti__step *step, smalti_error *error)
{
    return step->values[SMALTI__KERNEL_MODULE].text
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_INVALID, "step kernel has no module");
}

static smalti_result kernel_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return smalti__step_load_kernel(step, env, step->values[SMALTI__KERNEL_MODULE].text,
                                    step->values[SMALTI__KERNEL_PARAMS].text, error);
}

static const smalti_step_param params[] = {
    {"module", "a shipped kernel's name, or a path", SMALTI_STEP_TEXT, NULL, 0, 0, 0, NULL},
    {"params", "the kernel's own parameters", SMALTI_STEP_TEXT, NULL, 0, 0, 0, NULL},
};
const smalti__step_kind smalti__step_kernel = {
    .info = {"kernel", "runs a WebAssembly kernel", "NAME[:PARAM=VALUE,…]", SMALTI__COUNT(params), params},
    .check = kernel_check,
    .prepare = kernel_prepare,
    .discard = smalti__step_discard_kernel,
    .lower = smalti__step_lower_kernel,
};
