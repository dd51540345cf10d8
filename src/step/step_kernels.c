/* SPDX-License-Identifier: Apache-2.0
 * Steps that are a shipped kernel by a shorter name: negate, grayscale, gamma, threshold, blur, sharpen. */
#include "step/kinds.h"

/* The step's parameters are the kernel's, in name and range; choices are their index. */
static smalti_result load(smalti__step *step, const smalti__step_env *env, const char *kernel, smalti_error *error)
{
    char text[256] = "", number[SMALTI__NUMBER_TEXT];
    size_t used = 0;
    for (uint32_t i = 0; i < step->kind->info.param_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", i ? "," : "",
                                 step->kind->info.params[i].name, smalti__number_text(step->values[i].number, number));
    return smalti__step_load_kernel(step, env, kernel, used ? text : NULL, error);
}

static smalti_result negate_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "invert", error);
}

static smalti_result grayscale_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "grayscale", error);
}

static smalti_result gamma_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "gamma", error);
}

static smalti_result threshold_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "threshold", error);
}

static smalti_result blur_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "gaussian-blur", error);
}

static smalti_result sharpen_prepare(smalti__step *step, const smalti__step_env *env, smalti_error *error)
{
    return load(step, env, "sharpen", error);
}

static const smalti_step_param grayscale_params[] = {
    {"standard", "weights of the luma", SMALTI_STEP_CHOICE, NULL, 0, 0, 0, "rec709|rec601"},
};
static const smalti_step_param gamma_params[] = {
    {"gamma", "v ^ (1 / gamma): above 1 brightens", SMALTI_STEP_NUMBER, NULL, 0.1, 10, 2.2, NULL},
};
static const smalti_step_param threshold_params[] = {
    {"level", "white from here on, 1 being white", SMALTI_STEP_NUMBER, NULL, 0, 1, 0.5, NULL},
};
static const smalti_step_param blur_params[] = {
    {"sigma", "of the Gaussian", SMALTI_STEP_NUMBER, "px", 0.3, 50, 2, NULL},
};
static const smalti_step_param sharpen_params[] = {
    {"amount", "of the detail that is added", SMALTI_STEP_NUMBER, NULL, 0, 10, 1, NULL},
    {"sigma", "of the Gaussian that the detail is what is above", SMALTI_STEP_NUMBER, "px", 0.3, 10, 1, NULL},
};

#define KERNEL_STEP(prepare_fn) \
    .prepare = prepare_fn, .discard = smalti__step_discard_kernel, .lower = smalti__step_lower_kernel

const smalti__step_kind smalti__step_negate = {
    .info = {"negate", "negative colours", NULL, 0, NULL},
    KERNEL_STEP(negate_prepare),
};
const smalti__step_kind smalti__step_grayscale = {
    .info = {"grayscale", "luma alone", "STANDARD", SMALTI__COUNT(grayscale_params), grayscale_params},
    KERNEL_STEP(grayscale_prepare),
};
const smalti__step_kind smalti__step_gamma = {
    .info = {"gamma", "bends the tones", "GAMMA", SMALTI__COUNT(gamma_params), gamma_params},
    KERNEL_STEP(gamma_prepare),
};
const smalti__step_kind smalti__step_threshold = {
    .info = {"threshold", "each sample black or white", "LEVEL", SMALTI__COUNT(threshold_params), threshold_params},
    KERNEL_STEP(threshold_prepare),
};
const smalti__step_kind smalti__step_blur = {
    .info = {"blur", "Gaussian blur", "SIGMA", SMALTI__COUNT(blur_params), blur_params},
    KERNEL_STEP(blur_prepare),
};
const smalti__step_kind smalti__step_sharpen = {
    .info = {"sharpen", "unsharp mask", "AMOUNT", SMALTI__COUNT(sharpen_params), sharpen_params},
    KERNEL_STEP(sharpen_prepare),
};
