/* SPDX-License-Identifier: Apache-2.0
 * The formats that can be encoded. */
#include "encode/encode.h"

#include <strings.h>

const smalti__encoder_format *const smalti__encoder_formats[] = {
    &smalti__encoder_png,  &smalti__encoder_jpeg, &smalti__encoder_webp, &smalti__encoder_avif,
    &smalti__encoder_tiff, &smalti__encoder_pnm,  &smalti__encoder_exr,  NULL};

const smalti__encoder_format *smalti__encoder_find(const char *name)
{
    for (size_t i = 0; smalti__encoder_formats[i]; i++) {
        const smalti__encoder_format *format = smalti__encoder_formats[i];
        if (!strcasecmp(name, format->name))
            return format;
        for (const char *const *extension = format->extensions; *extension; extension++)
            if (!strcasecmp(name, *extension))
                return format;
    }
    return NULL;
}

smalti_result smalti__encoder_fit(const smalti__encoder_format *format, smalti__shape *shape, smalti_error *error)
{
    static const smalti_sample widest[] = {SMALTI_SAMPLE_U16, SMALTI_SAMPLE_U8, SMALTI_SAMPLE_F32};
    bool has = format->samples >> shape->sample & 1;
    for (size_t i = 0; i < SMALTI__COUNT(widest) && !has; i++) {
        shape->sample = widest[i];
        has = format->samples >> widest[i] & 1;
    }
    if (!(format->channels >> shape->channels & 1) && shape->channels % 2 == 0)
        shape->channels--;
    shape->premultiplied = format->linear && shape->channels % 2 == 0;
    if (shape->width > format->max_width || shape->height > format->max_height)
        return smalti__fail(error, SMALTI_E_LIMIT, "%u × %u pixels are more than %s can hold", shape->width,
                            shape->height, format->name);
    return SMALTI_OK;
}

smalti_result smalti__encoder_check_lossy(const smalti__encode_params *params, smalti_error *error)
{
    if (params->quality > 100)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "quality %u is not between 1 and 100", params->quality);
    if (params->subsampling && params->subsampling != 420 && params->subsampling != 422 && params->subsampling != 444)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "subsampling %u is none of 420, 422, 444",
                            params->subsampling);
    return SMALTI_OK;
}
