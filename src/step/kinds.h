/* SPDX-License-Identifier: Apache-2.0
 * All kinds of steps, and what they share. */
#ifndef SMALTI_SRC_STEP_KINDS_H
#define SMALTI_SRC_STEP_KINDS_H

#include "step/flow.h"

extern const smalti__step_kind smalti__step_kernel;
extern const smalti__step_kind smalti__step_resize;
extern const smalti__step_kind smalti__step_crop;
extern const smalti__step_kind smalti__step_rotate;
extern const smalti__step_kind smalti__step_flip;
extern const smalti__step_kind smalti__step_flop;

/* Values of the kernel step. */
enum { SMALTI__KERNEL_MODULE, SMALTI__KERNEL_PARAMS };

/* Loads a kernel into a step's prepared, for kinds that are a kernel; params as in smalti_kernel_params_parse. */
smalti_result smalti__step_load_kernel(smalti__step *step, const smalti__step_env *env, const char *module,
                                       const char *params, smalti_error *error);
void smalti__step_discard_kernel(smalti__step *step);
smalti_result smalti__step_lower_kernel(const smalti__step *step, smalti__program *program, smalti_error *error);

/* Nine places, in the order of SMALTI__GRAVITIES. */
#define SMALTI__GRAVITIES "center|north|northeast|east|southeast|south|southwest|west|northwest"
enum { SMALTI__GRAVITY_COUNT = 9 };
/* Where a part of size inner lies in outer: the offset of its left or top edge, which may be negative. */
int64_t smalti__gravity_x(int gravity, int64_t outer, int64_t inner);
int64_t smalti__gravity_y(int gravity, int64_t outer, int64_t inner);

/* "WIDTHxHEIGHT", "WIDTH", "WIDTHx" or "xHEIGHT": sets the parameters of those names. */
smalti_result smalti__step_brief_size(smalti__step *step, const char *text, smalti_error *error);

#endif
