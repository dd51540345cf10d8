/* SPDX-License-Identifier: Apache-2.0
 * From JPEG to JPEG without loss (output.lossless), where steps only turn, mirror and cut. */
#ifndef SMALTI_SRC_LOSSLESS_H
#define SMALTI_SRC_LOSSLESS_H

#include "encode/jpeg_transform.h"
#include "step/program.h"

/* Plans the transform that a program comes to. UNSUPPORTED, saying why, when it cannot be without loss: other steps,
 * another input format, edges inside of blocks. decoder is of a lossless JPEG output's input. */
smalti_result smalti__lossless_make(const smalti__program *program, smalti__decoder *decoder,
                                    smalti__jpeg_transform_plan *plan, smalti_error *error);

#endif
