/* SPDX-License-Identifier: Apache-2.0
 * Shared libraries that are loaded when they are first needed: with what they depend on, some cost every start of the
 * command milliseconds and megabytes. */
#ifndef SMALTI_SRC_LIBRARY_H
#define SMALTI_SRC_LIBRARY_H

#include "base/base.h"

typedef void (*smalti__library_function)(void);

/* Loads soname for good and fills functions[i] with what is called names[i]. UNSUPPORTED, with the loader's reason, when
 * that cannot be; functions are undefined then. Safe in several threads, but callers keep the result (pthread_once). */
smalti_result smalti__library_load(const char *soname, const char *const *names, smalti__library_function *functions,
                                   size_t count, smalti_error *error);

/* In a jail no more can be loaded: from now on each attempt fails at once. */
void smalti__library_seal(void);
/* Whether there was one since then. */
bool smalti__library_missed(void);

#endif
