/* SPDX-License-Identifier: Apache-2.0
 * Compiling a module within a time and a memory bound. */
#ifndef SMALTI_SRC_COMPILE_H
#define SMALTI_SRC_COMPILE_H

#include "kernel/engine.h"

typedef struct smalti__compile_request {
    smalti__engine *engine;
    const void *data; /* the module */
    size_t size;
    bool trusted; /* it ships with the library */
    uint64_t deadline_ms;
    const char *name; /* for messages */
} smalti__compile_request;

/* *code and *artifact (for the cache; free()) are owned. Errors: KERNEL_MODULE (invalid), KERNEL_TIMEOUT, KERNEL_MEMORY,
 * NOMEM. */
smalti_result smalti__compile(const smalti__compile_request *request, smalti__code **code, void **artifact,
                              size_t *artifact_size, smalti_error *error);

#endif
