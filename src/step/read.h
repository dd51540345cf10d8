/* SPDX-License-Identifier: Apache-2.0
 * Reading an image whole. */
#ifndef SMALTI_SRC_STEP_READ_H
#define SMALTI_SRC_STEP_READ_H

#include "decode/decode.h"

/* Decodes a source, upright. *image is owned on success: smalti_image_free. */
smalti_result smalti__image_decode(smalti__source *source, const smalti__decode_options *options, smalti_image *image,
                                   smalti_error *error);

#endif
