/* SPDX-License-Identifier: Apache-2.0
 * From linear light to what a screen shows: curves that fold highlights in, and the transfer functions behind them. */
#ifndef SMALTI_SRC_TONE_H
#define SMALTI_SRC_TONE_H

#include "step/kinds.h"

typedef enum smalti__tone_curve {
    SMALTI__TONE_NONE,
    SMALTI__TONE_ACES,
    SMALTI__TONE_FILMIC,
    SMALTI__TONE_REINHARD
} smalti__tone_curve;

typedef enum smalti__tone_transfer {
    SMALTI__TRANSFER_SRGB,
    SMALTI__TRANSFER_LINEAR,
    SMALTI__TRANSFER_GAMMA
} smalti__tone_transfer;

/* A value of linear light, exposed, on a curve; not clamped. NaN gives NaN. */
float smalti__tone_value(smalti__tone_curve curve, float value);

/* Adds the node that turns linear light into what is shown, where the program has it: primaries to sRGB's, clamped, encoded
 * as sRGB, alpha not multiplied; in samples of that type. The program is no longer linear then. */
smalti_result smalti__program_show(smalti__program *program, smalti_sample sample, smalti_error *error);
/* The other way round: what is encoded as sRGB becomes linear light, colours multiplied by alpha. */
smalti_result smalti__program_light(smalti__program *program, smalti_error *error);

#endif
