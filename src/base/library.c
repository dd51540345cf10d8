/* SPDX-License-Identifier: Apache-2.0
 * dlopen and dlsym, once per library. */
#include "base/library.h"

#include <dlfcn.h>

static bool sealed, missed; /* atomic */

void smalti__library_seal(void)
{
    __atomic_store_n(&sealed, true, __ATOMIC_RELAXED);
}

bool smalti__library_missed(void)
{
    return __atomic_load_n(&missed, __ATOMIC_RELAXED);
}

static smalti_result fail(const char *soname, smalti_error *error)
{
    char shown[SMALTI__MESSAGE_PART];
    const char *why = dlerror();
    why = why ? why : "unknown reason";
    return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s cannot be loaded: %s", soname,
                        smalti__printable(why, strlen(why), shown, sizeof shown));
}

smalti_result smalti__library_load(const char *soname, const char *const *names, smalti__library_function *functions,
                                   size_t count, smalti_error *error)
{
    if (__atomic_load_n(&sealed, __ATOMIC_RELAXED)) {
        __atomic_store_n(&missed, true, __ATOMIC_RELAXED);
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s cannot be loaded in a jail", soname);
    }
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return fail(soname, error);
    for (size_t i = 0; i < count; i++) {
        void *symbol = dlsym(library, names[i]);
        if (!symbol)
            return fail(soname, error);
        memcpy(&functions[i], &symbol, sizeof symbol);
    }
    return SMALTI_OK;
}
