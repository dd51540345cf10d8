/* SPDX-License-Identifier: Apache-2.0
 * The outputs that each input has: one, or those of a set. */
#include "pipeline/plan.h"

/* "png, jpeg or webp" */
static const char *list_formats(char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; smalti__encoder_formats[i] && used < out_size - 1; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s",
                                 !i                               ? ""
                                 : smalti__encoder_formats[i + 1] ? ", "
                                                                  : " or ",
                                 smalti__encoder_formats[i]->name);
    return out;
}

static smalti_result find_format(const char *name, const smalti__encoder_format **format, smalti_error *error)
{
    char list[160];
    *format = smalti__encoder_find(name);
    return *format ? SMALTI_OK
                   : smalti__fail(error, SMALTI_E_INVALID_RANGE, "output.format is %s, not \"%.32s\"",
                                  list_formats(list, sizeof list), name);
}

smalti_result smalti__plan_outputs(smalti_plan *plan, const smalti__step_env *env, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    (void)env;
    plan->variants = calloc(1, sizeof *plan->variants);
    if (!plan->variants)
        return smalti__fail_nomem(error, sizeof *plan->variants);
    plan->variant_count = 1;
    return settings->format ? find_format(settings->format, &plan->variants[0].format, error) : SMALTI_OK;
}

const smalti__encoder_format *smalti__plan_own_format(const char *name)
{
    const smalti__encoder_format *format = smalti__encoder_find(name);
    return format ? format : &smalti__encoder_png; /* for one that is only read, such as GIF */
}
