/* SPDX-License-Identifier: Apache-2.0
 * What a WebAssembly binary says of itself: imports, exports, memory and descriptor, read without compiling. */
#ifndef SMALTI_SRC_MODULE_H
#define SMALTI_SRC_MODULE_H

#include <smalti/kernel.h>

#include "base/base.h"

/* The functions a host may call. */
typedef enum smalti__entry {
    SMALTI__ENTRY_TILE,
    SMALTI__ENTRY_INIT,
    SMALTI__ENTRY_ACCUMULATE,
    SMALTI__ENTRY_MERGE,
    SMALTI__ENTRY_FINISH,
    SMALTI__ENTRY_HALO,
    SMALTI__ENTRY_SCRATCH,
    SMALTI__ENTRY_ALLOC,
    SMALTI__ENTRY_START, /* of a WASI command */
    SMALTI__ENTRY_COUNT
} smalti__entry;

/* The name of the export: "smalti_tile". */
const char *smalti__entry_name(smalti__entry entry);

/* A function type: one byte per value type (0x7f i32, 0x7e i64, …). */
typedef struct smalti__signature {
    const uint8_t *params, *results;
    uint32_t param_count, result_count;
} smalti__signature;

typedef struct smalti__import {
    const char *module, *name; /* not NUL-terminated */
    uint32_t module_size, name_size;
    bool function;               /* else a table, memory or global, or a function of an unknown type */
    smalti__signature signature; /* of a function */
} smalti__import;

enum {
    SMALTI__MAX_IMPORTS = 64,
    SMALTI__MAX_FUNCTIONS = 50000,
    SMALTI__MAX_TYPES = 10000,
    SMALTI__MAX_TABLES = 4, /* the same two limits bound the engine's pool */
    SMALTI__MAX_TABLE_ELEMENTS = 20000,
    SMALTI__MAX_DESCRIPTOR_BYTES = 64 * 1024
};

/* Pointers are borrowed from the module's bytes. */
typedef struct smalti__module {
    const char *descriptor; /* the custom section "smalti", or NULL */
    size_t descriptor_size;
    uint32_t import_count;
    smalti__import imports[SMALTI__MAX_IMPORTS];
    uint32_t entries;         /* bit (1 << smalti__entry): exported as a function of the right type */
    uint32_t wrong_entries;   /* … exported as something else */
    bool memory_exported;     /* as "memory" */
    uint64_t memory_min_pages;
    bool start;               /* a start function would run at instantiation */
} smalti__module;

/* name stands in messages. Errors: KERNEL_MODULE (not WebAssembly, malformed, or with features that kernels may not
 * use), NOMEM. What is read is right for every module that the engine accepts; the engine checks the rest. */
smalti_result smalti__module_read(const void *data, size_t size, const char *name, smalti__module *module,
                                  smalti_error *error);

/* That the exports are those which the descriptor promises. */
smalti_result smalti__module_check(const smalti__module *module, const smalti_kernel_info *info, const char *name,
                                   smalti_error *error);

#endif
