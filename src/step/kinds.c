/* SPDX-License-Identifier: Apache-2.0
 * The kinds of steps there are. */
#include "step/kinds.h"

const smalti__step_kind *const smalti__step_kinds[] = {
    &smalti__step_kernel,
    &smalti__step_resize,
    &smalti__step_crop,
    &smalti__step_rotate,
    &smalti__step_flip,
    &smalti__step_flop,
    &smalti__step_extend,
    &smalti__step_trim,
    &smalti__step_smartcrop,
    &smalti__step_composite,
    &smalti__step_colorspace,
    &smalti__step_flatten,
    &smalti__step_blur,
    &smalti__step_sharpen,
    &smalti__step_modulate,
    &smalti__step_tint,
    &smalti__step_linear,
    &smalti__step_gamma,
    &smalti__step_normalise,
    &smalti__step_threshold,
    &smalti__step_negate,
    &smalti__step_grayscale,
    &smalti__step_tonemap,
    &smalti__step_lut,
    NULL,
};

const smalti__step_kind *smalti__step_kind_find(const char *name)
{
    for (size_t i = 0; smalti__step_kinds[i]; i++)
        if (!strcmp(smalti__step_kinds[i]->info.name, name))
            return smalti__step_kinds[i];
    return NULL;
}

/* ---- public ---- */

size_t smalti_step_count(void)
{
    return SMALTI__COUNT(smalti__step_kinds) - 1;
}

const smalti_step_info *smalti_step_describe(size_t index)
{
    return index < smalti_step_count() ? &smalti__step_kinds[index]->info : NULL;
}
