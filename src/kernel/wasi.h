/* SPDX-License-Identifier: Apache-2.0
 * What a WASI preview-1 command may import: standard input and output in memory, and nothing of the system. */
#ifndef SMALTI_SRC_WASI_H
#define SMALTI_SRC_WASI_H

#include "kernel/engine.h"

/* That every import of a command is a function offered here, of its type. */
smalti_result smalti__wasi_check(const smalti__module *module, const char *name, smalti_error *error);
bool smalti__wasi_bind(smalti__code *code, smalti__fault *fault);

/* One run of a command. */
typedef struct smalti__wasi {
    const char *const *args; /* NULL-terminated */
    const uint8_t *input;
    size_t input_size, input_used;
    uint8_t *output; /* owned by the caller: free() */
    size_t output_size, output_room, output_max;
    char errors[300]; /* the beginning of standard error, printable */
    size_t errors_used;
    uint64_t random; /* state of the generator */
    bool exited;
    uint32_t exit_status;
    smalti_result failure; /* why the guest was stopped: LIMIT or NOMEM, or 0 */
} smalti__wasi;

#endif
