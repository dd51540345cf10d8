/* SPDX-License-Identifier: Apache-2.0
 * Kernels: sandboxed WebAssembly modules over pixels. A module describes itself in a custom section, so it is listed and
 * checked without being run. docs/kernels.md has the ABI; sdk/ has what a kernel's author needs. */
#ifndef SMALTI_KERNEL_H
#define SMALTI_KERNEL_H

#include <smalti/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum smalti_kernel_kind {
    SMALTI_KERNEL_TILE = 1,    /**< pixels in, pixels out */
    SMALTI_KERNEL_MEASURE = 2, /**< pixels in, values out */
    SMALTI_KERNEL_COMMAND = 3  /**< a WASI preview-1 command: standard input to standard output; no descriptor */
} smalti_kernel_kind;

/** A parameter of a kernel. The strings are borrowed from the kernel. */
typedef struct smalti_kernel_param {
    const char *name;
    const char *summary; /**< may be empty */
    const char *unit;    /**< may be empty */
    bool integer;        /**< whole numbers only */
    double min, max;     /**< inclusive range */
    double def;          /**< default */
} smalti_kernel_param;

/** A result of a measure. */
typedef struct smalti_kernel_value {
    const char *name;
    const char *summary; /**< may be empty */
    uint32_t count;      /**< how many values, 1 or more */
    bool hex;            /**< values are 64-bit words (a hash) rather than numbers */
} smalti_kernel_value;

/** What a kernel says of itself. Strings and arrays are borrowed from the kernel until it is unreferenced. */
typedef struct smalti_kernel_info {
    const char *name;
    const char *version;
    const char *summary;
    smalti_kernel_kind kind;
    uint32_t abi;              /**< 1 */
    uint32_t samples;          /**< bit (1 << smalti_sample) for each sample type accepted */
    uint32_t channels;         /**< bit (1 << n) for each channel count accepted */
    uint8_t output_channels[5]; /**< [n]: channels out for n in; 0 where n is not accepted */
    bool in_place;             /**< output may overwrite input */
    bool premultiplied;        /**< with alpha, wants colours multiplied by it: the host does that, and undoes it */
    bool halo_dynamic;         /**< the halo depends on parameters: smalti_kernel_halo */
    uint32_t halo;             /**< the fixed halo in pixels on each side, when not dynamic */
    uint32_t state_bytes;      /**< measure: size of its state */
    uint32_t param_count;
    const smalti_kernel_param *params;
    uint32_t value_count;
    const smalti_kernel_value *values;
    const char *source; /**< path, or "shipped" */
    uint64_t module_bytes;
} smalti_kernel_info;

/** A compiled kernel; shared: ref/unref. Safe to use from any thread. */
typedef struct smalti_kernel smalti_kernel;

/** How to load and bound a kernel. Zero in a field means its default. */
typedef struct smalti_kernel_options {
    size_t size;                /**< sizeof(smalti_kernel_options) */
    uint64_t deadline_ms;       /**< one call of the kernel: default 10,000 */
    uint64_t compile_ms;        /**< compiling the module: default 30,000 */
    uint64_t memory_bytes;      /**< linear memory of an instance: default 256 MiB */
    uint64_t stack_bytes; /**< WebAssembly stack: 64 KiB to 2 MiB, default 512 KiB; the calling thread must have it */
    uint64_t module_bytes; /**< largest module accepted: default 16 MiB */
    const char *cache_dir; /**< compiled modules; NULL: $XDG_CACHE_HOME/smalti/modules or ~/.cache/…; "": no cache */
} smalti_kernel_options;

/**
 * Loads a kernel: the shipped one of that name, or the file at that path (a name with a '/' or ending in ".wasm").
 * The descriptor is checked, and the module compiled or taken from the cache; nothing of it runs.
 * *kernel is owned (one reference). Errors: KERNEL_MODULE (not a kernel; the message says what is wrong),
 * KERNEL_TIMEOUT (compilation), LIMIT, IO, INVALID (no such shipped kernel; the message lists them).
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_load(const char *name_or_path,
                                                              const smalti_kernel_options *options,
                                                              smalti_kernel **kernel, smalti_error *error);

/** The same from bytes in memory, borrowed during the call. name stands in messages. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_load_memory(const void *data, size_t size, const char *name,
                                                                     const smalti_kernel_options *options,
                                                                     smalti_kernel **kernel, smalti_error *error);

SMALTI_API smalti_kernel *smalti_kernel_ref(smalti_kernel *kernel);
SMALTI_API void smalti_kernel_unref(smalti_kernel *kernel); /**< NULL is fine */

/** What the kernel says of itself; a view, valid while the kernel is. */
SMALTI_API const smalti_kernel_info *smalti_kernel_describe(const smalti_kernel *kernel);

/** Reads the descriptor of a module without compiling it; otherwise like smalti_kernel_load. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_inspect(const char *name_or_path, smalti_kernel **kernel,
                                                                 smalti_error *error);

/** Names of the shipped kernels, sorted, NULL-terminated. Static. */
SMALTI_API const char *const *smalti_kernel_names(void);

/**
 * Parses "name=value,name=value" (or NULL or "") into params in descriptor order, filling in defaults.
 * params: room for info->param_count doubles. Errors: INVALID_KEY, INVALID_TYPE, INVALID_RANGE; the message lists the
 * parameters there are.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_params_parse(const smalti_kernel *kernel, const char *text,
                                                                      double *params, smalti_error *error);

/** The halo for these parameters, asking the module when it depends on them. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_halo(smalti_kernel *kernel, const double *params,
                                                              uint32_t *halo, smalti_error *error);

/**
 * Runs a tile kernel over an image in memory, in strips of strip_rows rows (0: the library's choice).
 * params: descriptor order, NULL for the defaults; INVALID_RANGE for one out of its range. *out is allocated: owned on success, smalti_image_free.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_apply(smalti_kernel *kernel, const double *params,
                                                               const smalti_image *in, uint32_t strip_rows,
                                                               smalti_image *out, smalti_error *error);

/**
 * Runs a measure over an image in memory. values: room for the sum of info->values[i].count; a hex value is a 64-bit
 * word in the double's bytes. parts > 1 measures that many horizontal parts and merges them.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_measure(smalti_kernel *kernel, const double *params,
                                                                 const smalti_image *in, uint32_t strip_rows,
                                                                 uint32_t parts, double *values, smalti_error *error);

/**
 * Runs a WASI command module (SMALTI_KERNEL_COMMAND) in a fresh instance: input becomes its standard input, *output
 * what it wrote to standard output (at most output_max bytes), owned on success: free(). args: NULL-terminated or NULL.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_kernel_command(smalti_kernel *kernel, const char *const *args,
                                                                 const void *input, size_t input_size,
                                                                 size_t output_max, void **output, size_t *output_size,
                                                                 smalti_error *error);

#ifdef __cplusplus
}
#endif
#endif
