/* SPDX-License-Identifier: Apache-2.0
 * A worker's first task. */
#ifndef SMALTI_SRC_WARM_H
#define SMALTI_SRC_WARM_H

#include "pipeline/task.h"

/* Runs a tiny image through the plan of the lane's run, for some milliseconds at most, and tells nobody. */
void smalti__warm_up(smalti__lane *lane);

#endif
