/* SPDX-License-Identifier: Apache-2.0
 * The one place where libavif is loaded. Its structs differ between versions, so only the one we were built with will do. */
#include "decode/avif_library.h"

#include <pthread.h>

#if AVIF_VERSION_MAJOR == 0
#define SONAME "libavif.so.15"
#else
#define SONAME "libavif.so.16"
#endif

static smalti__avif_library library;
static smalti_result result;
static smalti_error failure;

static void load(void)
{
    static const char *const names[] = {
#define NAME(name) #name,
        SMALTI__AVIF_FUNCTIONS(NAME)
#undef NAME
    };
    result = smalti__library_load(SONAME, names, (smalti__library_function *)&library, SMALTI__COUNT(names), &failure);
    if (result < 0)
        return;
    unsigned major = 0, minor = 0;
    if (sscanf(library.avifVersion(), "%u.%u", &major, &minor) != 2 || major != AVIF_VERSION_MAJOR ||
        minor != AVIF_VERSION_MINOR)
        result = smalti__fail(&failure, SMALTI_E_UNSUPPORTED, "%s is of version %.16s, not %d.%d", SONAME,
                              library.avifVersion(), AVIF_VERSION_MAJOR, AVIF_VERSION_MINOR);
}

smalti_result smalti__avif_library_get(const smalti__avif_library **found, smalti_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (result < 0)
        return smalti__fail(error, result, "%s", failure.message);
    *found = &library;
    return SMALTI_OK;
}

smalti_result smalti__avif_code(avifResult code)
{
    switch (code) {
    case AVIF_RESULT_TRUNCATED_DATA:
        return SMALTI_E_FORMAT_TRUNCATED;
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
    case AVIF_RESULT_REFORMAT_FAILED:
    case AVIF_RESULT_NO_CODEC_AVAILABLE:
    case AVIF_RESULT_NOT_IMPLEMENTED:
        return SMALTI_E_UNSUPPORTED;
    case AVIF_RESULT_OUT_OF_MEMORY:
        return SMALTI_E_NOMEM;
    default:
        return SMALTI_E_FORMAT;
    }
}

const char *smalti__avif_text(const smalti__avif_library *lib, avifResult code, const avifDiagnostics *diag,
                              char out[SMALTI__MESSAGE_PART])
{
    const char *text = diag && diag->error[0] ? diag->error : lib->avifResultToString(code);
    smalti__printable(text, strlen(text), out, SMALTI__MESSAGE_PART);
    if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a')
        out[0] += 'a' - 'A';
    return out;
}
