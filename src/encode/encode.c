/* SPDX-License-Identifier: Apache-2.0
 * The formats that can be encoded. */
#include "encode/encode.h"

#include <strings.h>

const smalti__encoder_format *const smalti__encoder_formats[] = {&smalti__encoder_png, &smalti__encoder_jpeg, NULL};

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
