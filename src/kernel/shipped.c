/* SPDX-License-Identifier: Apache-2.0
 * Finding shipped kernels by name. */
#include "kernel/shipped.h"

#include <smalti/kernel.h>

#include <pthread.h>

#include "base/base.h"

static int compare(const void *name, const void *entry)
{
    return strcmp(name, ((const struct smalti__shipped *)entry)->name);
}

const struct smalti__shipped *smalti__shipped_find(const char *name)
{
    return bsearch(name, smalti__shipped_kernels, smalti__shipped_count, sizeof *smalti__shipped_kernels, compare);
}

const char *smalti__shipped_list(char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < smalti__shipped_count; i++) {
        int length = snprintf(out + used, out_size - used, "%s%s", i ? ", " : "", smalti__shipped_kernels[i].name);
        if (length < 0 || (size_t)length >= out_size - used)
            break;
        used += (size_t)length;
    }
    return out;
}

static const char **names;

static void names_init(void)
{
    static const char *none[] = {NULL};
    names = calloc(smalti__shipped_count + 1, sizeof *names);
    for (size_t i = 0; names && i < smalti__shipped_count; i++)
        names[i] = smalti__shipped_kernels[i].name;
    if (!names)
        names = none;
}

const char *const *smalti_kernel_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, names_init);
    return names;
}
