/* SPDX-License-Identifier: Apache-2.0
 * The formats there are, read or written, as one list for callers. */
#include <pthread.h>

#include "encode/encode.h"

enum { FORMATS_MAX = 32 };

static smalti_format_info formats[FORMATS_MAX];
static size_t format_count;

static smalti_format_info *place(const char *name, const char *const *extensions)
{
    size_t i = 0;
    while (i < format_count && strcmp(formats[i].name, name))
        i++;
    if (i == format_count && format_count < FORMATS_MAX)
        formats[format_count++] = (smalti_format_info){name, extensions, false, false};
    return &formats[i < FORMATS_MAX ? i : FORMATS_MAX - 1];
}

static void list(void)
{
    for (size_t i = 0; smalti__encoder_formats[i]; i++)
        place(smalti__encoder_formats[i]->name, smalti__encoder_formats[i]->extensions)->writes = true;
    for (size_t i = 0; smalti__decoder_formats[i]; i++) { /* their lists are the longer ones */
        smalti_format_info *format = place(smalti__decoder_formats[i]->name, smalti__decoder_formats[i]->extensions);
        format->reads = true;
        format->extensions = smalti__decoder_formats[i]->extensions;
    }
}

static void list_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list);
}

size_t smalti_format_count(void)
{
    list_once();
    return format_count;
}

const smalti_format_info *smalti_format_describe(size_t index)
{
    list_once();
    return index < format_count ? &formats[index] : NULL;
}
