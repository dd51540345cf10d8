/* SPDX-License-Identifier: Apache-2.0
 * A program of steps as a transform of coefficients. */
#include "pipeline/lossless.h"

static smalti_result refuse(const smalti__decoder *decoder, const char *what, smalti_error *error)
{
    return smalti__source_fail(decoder->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                               "%s: JPEG without loss can only be turned, mirrored and cut, from JPEG; leave lossless "
                               "out, or choose webp or png",
                               what);
}

smalti_result smalti__lossless_make(const smalti__program *program, smalti__decoder *decoder,
                                    smalti__jpeg_transform_plan *plan, smalti_error *error)
{
    const smalti_info *info = &decoder->info;
    smalti__jpeg_transform transform = {.orientation = 1, .stored = true};
    uint32_t x = 0, y = 0, width = info->width, height = info->height;
    if (strcmp(info->format, "jpeg"))
        return refuse(decoder, *info->format ? info->format : "pixels", error);
    for (size_t i = 0; i < program->count; i++) {
        const smalti__node *node = &program->nodes[i];
        /* a cut behind a turn would be one of the turned image; programs turn at their end */
        if (node->kind == &smalti__node_crop && transform.orientation == 1) {
            const smalti__crop_params *crop = (const smalti__crop_params *)node->params;
            x += crop->x, y += crop->y;
            width = node->out.width, height = node->out.height;
        } else if (node->kind == &smalti__node_orient && transform.orientation == 1) {
            memcpy(&transform.orientation, node->params, sizeof transform.orientation);
        } else if (!smalti__node_passes(node)) {
            return refuse(decoder, node->step ? node->step->kind->info.name : node->kind->name, error);
        }
    }
    transform.x = x, transform.y = y, transform.width = width, transform.height = height;
    return smalti__jpeg_transform_make(decoder, &transform, plan, error);
}
