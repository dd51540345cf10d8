/* SPDX-License-Identifier: Apache-2.0
 * The one place where libtiff is loaded. */
#include "decode/tiff_library.h"

#include <pthread.h>

/* TIFFOpenOptions, which error handlers without global state need, came with this version. */
#if TIFFLIB_VERSION < 20221213
#error libtiff 4.5 or newer is needed
#endif
#define SONAME "libtiff.so.6"

static smalti__tiff_library library;
static smalti_result result;
static smalti_error failure;

static void load(void)
{
    static const char *const names[] = {
#define NAME(name) #name,
        SMALTI__TIFF_FUNCTIONS(NAME)
#undef NAME
    };
    result = smalti__library_load(SONAME, names, (smalti__library_function *)&library, SMALTI__COUNT(names), &failure);
}

smalti_result smalti__tiff_library_get(const smalti__tiff_library **found, smalti_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (result < 0)
        return smalti__fail(error, result, "%s", failure.message);
    *found = &library;
    return SMALTI_OK;
}
