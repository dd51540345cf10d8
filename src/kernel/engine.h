/* SPDX-License-Identifier: Apache-2.0
 * The WebAssembly engine, behind which Wasmtime sits: compiled code, and instances of it (machines) that are called. */
#ifndef SMALTI_SRC_ENGINE_H
#define SMALTI_SRC_ENGINE_H

#include "base/base.h"
#include "kernel/module.h"

typedef struct smalti__engine smalti__engine;   /* one for each stack size; never freed */
typedef struct smalti__code smalti__code;       /* a compiled module; for any thread */
typedef struct smalti__machine smalti__machine; /* an instance with its memory; for one thread at a time */

/* Why the engine or the guest failed; what is a phrase such as "out-of-bounds memory access". */
typedef struct smalti__fault {
    smalti_result code;
    char what[240];
} smalti__fault;

enum {
    SMALTI__PAGE_BYTES = 65536, /* of linear memory */
    SMALTI__MIN_STACK = 64 * 1024,
    SMALTI__MAX_STACK = 2 * 1024 * 1024 /* Wasmtime's own limit */
};

/* The engine for this stack size (rounded up to 64 KiB), made at first use. */
smalti_result smalti__engine_get(size_t stack_bytes, smalti__engine **engine, smalti_error *error);
/* What compiled code depends on besides the module: engine version, settings, processor. A static string. */
const char *smalti__engine_config(void);
/* Lets a tick of deadlines pass in every engine: by the ticker only. */
void smalti__engine_tick(void);

/* Compiles in the calling thread for as long as it takes. *code is owned. */
bool smalti__code_compile(smalti__engine *engine, const void *data, size_t size, smalti__code **code,
                          smalti__fault *fault);
/* Compiles with all processors in an engine of its own and gives the artifact, for a process that does nothing else. */
bool smalti__code_compile_apart(const void *data, size_t size, void **artifact, size_t *artifact_size,
                                smalti__fault *fault);
/* The artifact is machine code: load only what smalti__code_save gave, from where no one else can write. */
bool smalti__code_load(smalti__engine *engine, const void *artifact, size_t size, smalti__code **code,
                       smalti__fault *fault);
bool smalti__code_save(const smalti__code *code, void **artifact, size_t *size, smalti__fault *fault); /* free() */
void smalti__code_free(smalti__code *code); /* NULL is fine */

/* A function that a guest may import. */
typedef struct smalti__host {
    const char *name;
    const char *params; /* a letter each: i (i32) or I (i64) */
    bool returns; /* an i32 */
    /* false stops the guest. context is the machine's. */
    bool (*call)(void *context, smalti__machine *machine, const uint64_t *args, int32_t *result);
} smalti__host;

/* Binds the code's imports, all of them from module, to hosts; before the first machine. hosts live as long as code. */
bool smalti__code_bind(smalti__code *code, const char *module, const smalti__host *hosts, size_t count,
                       smalti__fault *fault);

/* An instance with the exports of entries (bits of smalti__entry) ready to be called. */
bool smalti__machine_new(smalti__code *code, uint32_t entries, uint64_t memory_bytes, void *context,
                         smalti__machine **machine, smalti__fault *fault);
void smalti__machine_free(smalti__machine *machine); /* NULL is fine */

/* Calls an export with its arguments. false: a trap, or the deadline passed; the machine must not be called again. */
bool smalti__machine_call(smalti__machine *machine, smalti__entry entry, const uint32_t *args, uint32_t arg_count,
                          uint64_t deadline_ms, int32_t *result, smalti__fault *fault);

/* The linear memory. The base never moves; the size only grows, in calls and by smalti__machine_grow. */
uint8_t *smalti__machine_memory(smalti__machine *machine, size_t *bytes);
/* Appends bytes, rounded up to whole pages, at the guest address *at. */
bool smalti__machine_grow(smalti__machine *machine, uint64_t bytes, uint64_t *at, smalti__fault *fault);
/* Whether the guest may read and write [address, address + bytes). */
bool smalti__machine_holds(smalti__machine *machine, uint64_t address, uint64_t bytes);

#endif
