/* SPDX-License-Identifier: Apache-2.0
 * Kernels: found, read, checked, compiled or taken from the cache. Nothing of a module runs in here but its halo function
 * when asked for and, at the end, a command. */
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cache.h"
#include "kernel/compile.h"
#include "kernel/module.h"
#include "kernel/shipped.h"
#include "kernel/wasi.h"

enum { MAX_DEADLINE_MS = 24 * 3600 * 1000 };
#define MAX_MEMORY_BYTES (UINT64_C(1) << 32)
#define MAX_MODULE_BYTES (UINT64_C(1) << 30)

/* The caller's options with the defaults filled in. */
static smalti_result resolve_options(const smalti_kernel_options *options, smalti_kernel_options *out,
                                     smalti_error *error)
{
    static const smalti_kernel_options defaults = {.size = sizeof defaults,
                                                   .deadline_ms = 10000,
                                                   .compile_ms = 30000,
                                                   .memory_bytes = 256u << 20,
                                                   .stack_bytes = 512u << 10,
                                                   .module_bytes = 16u << 20};
    smalti_kernel_options given = {0};
    if (options)
        memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    out->size = sizeof *out;
    out->cache_dir = given.cache_dir;
#define RESOLVE(field, min, max)                                                                             \
    out->field = given.field ? given.field : defaults.field;                                                 \
    if (out->field < (min) || out->field > (max))                                                            \
    return smalti__fail(error, SMALTI_E_INVALID_RANGE, "kernel option " #field " must be from %llu to %llu", \
                        (unsigned long long)(min), (unsigned long long)(max))
    RESOLVE(deadline_ms, 1, MAX_DEADLINE_MS);
    RESOLVE(compile_ms, 1, MAX_DEADLINE_MS);
    RESOLVE(memory_bytes, SMALTI__PAGE_BYTES, MAX_MEMORY_BYTES);
    RESOLVE(stack_bytes, SMALTI__MIN_STACK, SMALTI__MAX_STACK);
    RESOLVE(module_bytes, 8, MAX_MODULE_BYTES);
#undef RESOLVE
    return SMALTI_OK;
}

/* "folder/echo.wasm" is the command echo. */
static char *command_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 5 && !strcmp(base + length - 5, ".wasm"))
        length -= 5;
    return strndup(base, length);
}

/* The kernel of a module, described but not compiled. */
static smalti_result describe(const void *data, size_t size, const char *name, const char *source,
                              smalti__module *module, smalti_kernel **out, smalti_error *error)
{
    SMALTI__TRY(smalti__module_read(data, size, name, module, error));
    smalti_kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel)
        return smalti__fail_nomem(error, sizeof *kernel);
    kernel->references = 1;
    kernel->entries = module->entries;
    kernel->source = strdup(source);
    smalti_kernel_info *info = &kernel->descriptor.info;
    smalti_result result = SMALTI_OK;
    if (!kernel->source) {
        result = smalti__fail_nomem(error, strlen(source) + 1);
    } else if (module->descriptor) {
        result =
            smalti__descriptor_parse(module->descriptor, module->descriptor_size, name, &kernel->descriptor, error);
    } else if (module->entries & 1u << SMALTI__ENTRY_START) {
        kernel->name = command_name(name);
        *info = (smalti_kernel_info){.name = kernel->name, .version = "", .summary = "", .kind = SMALTI_KERNEL_COMMAND};
        result = kernel->name ? smalti__wasi_check(module, name, error) : smalti__fail_nomem(error, strlen(name) + 1);
    } else {
        result = smalti__fail(
            error, SMALTI_E_KERNEL_MODULE,
            "%s: not a kernel: it has neither a descriptor (custom section \"smalti\") nor WASI's _start", name);
    }
    if (result == SMALTI_OK)
        result = smalti__module_check(module, info, name, error);
    if (result < 0) {
        smalti_kernel_unref(kernel);
        return result;
    }
    info->source = kernel->source;
    info->module_bytes = size;
    *out = kernel;
    return SMALTI_OK;
}

/* From the cache, or compiled and put there. */
static smalti_result get_code(const smalti__compile_request *request, const char *cache_dir, smalti__code **code,
                              smalti_error *error)
{
    smalti__cache cache;
    smalti__fault fault;
    char name[SMALTI__CACHE_NAME];
    void *artifact;
    size_t artifact_size;
    bool cached = smalti__cache_open(cache_dir, &cache);
    if (cached) {
        smalti__cache_name(&cache, request->data, request->size, smalti__engine_config(), name);
        if (smalti__cache_get(&cache, name, &artifact, &artifact_size)) {
            bool good = smalti__code_load(request->engine, artifact, artifact_size, code, &fault);
            free(artifact);
            if (good) {
                smalti__cache_close(&cache);
                return SMALTI_OK;
            }
            smalti__log(1, "%s: its cached code is compiled anew: %s", request->name, fault.what);
        }
    }
    smalti_result result = smalti__compile(request, code, &artifact, &artifact_size, error);
    if (result == SMALTI_OK) {
        if (cached)
            smalti__cache_put(&cache, name, artifact, artifact_size);
        free(artifact);
    }
    smalti__cache_close(&cache);
    return result;
}

static smalti_result load(const void *data, size_t size, const char *name, const char *source, bool trusted,
                          const smalti_kernel_options *options, smalti_kernel **out, smalti_error *error)
{
    if (size > options->module_bytes)
        return smalti__fail(error, SMALTI_E_LIMIT, "%s: the module has %zu bytes, more than the limit of %llu", name,
                            size, (unsigned long long)options->module_bytes);
    smalti__module module;
    smalti_kernel *kernel;
    SMALTI__TRY(describe(data, size, name, source, &module, &kernel, error));
    kernel->deadline_ms = options->deadline_ms;
    kernel->memory_bytes = options->memory_bytes;
    smalti_result result = SMALTI_OK;
    if (module.memory_min_pages > options->memory_bytes / SMALTI__PAGE_BYTES)
        result = smalti__fail(
            error, SMALTI_E_KERNEL_MEMORY, "%s: it starts with %llu KiB of memory, the limit is %llu KiB", name,
            (unsigned long long)module.memory_min_pages * 64, (unsigned long long)options->memory_bytes / 1024);
    smalti__compile_request request = {
        .data = data, .size = size, .trusted = trusted, .deadline_ms = options->compile_ms, .name = name};
    if (result == SMALTI_OK)
        result = smalti__engine_get(options->stack_bytes, &request.engine, error);
    if (result == SMALTI_OK)
        result = get_code(&request, options->cache_dir, &kernel->code, error);
    smalti__fault fault;
    if (result == SMALTI_OK) {
        bool command = kernel->descriptor.info.kind == SMALTI_KERNEL_COMMAND;
        if (!(command ? smalti__wasi_bind(kernel->code, &fault) : smalti__code_bind(kernel->code, "", NULL, 0, &fault)))
            result = smalti__fail(error, SMALTI_E_KERNEL_MODULE, "%s: %s", name, fault.what);
    }
    if (result < 0) {
        smalti_kernel_unref(kernel);
        return result;
    }
    *out = kernel;
    return SMALTI_OK;
}

/* A whole regular file of at most max bytes; *data is owned: free(). */
static smalti_result read_module(const char *path, uint64_t max, void **data, size_t *size, smalti_error *error)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info)) {
        int failure = errno;
        if (fd >= 0)
            close(fd);
        return smalti__fail_errno(error, failure, "%s", path);
    }
    smalti_result result = SMALTI_OK;
    uint8_t *bytes = NULL;
    size_t used = 0;
    if (!S_ISREG(info.st_mode))
        result = smalti__fail(error, SMALTI_E_INVALID, "%s: not a regular file", path);
    else if ((uint64_t)info.st_size > max)
        result = smalti__fail(error, SMALTI_E_LIMIT, "%s: the module has %llu bytes, more than the limit of %llu", path,
                              (unsigned long long)info.st_size, (unsigned long long)max);
    else if (!(bytes = malloc((size_t)info.st_size + 1)))
        result = smalti__fail_nomem(error, (size_t)info.st_size);
    while (result == SMALTI_OK && used < (size_t)info.st_size) {
        ssize_t n = read(fd, bytes + used, (size_t)info.st_size - used);
        if (n < 0 && errno != EINTR)
            result = smalti__fail_errno(error, errno, "%s", path);
        if (n == 0)
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (result < 0) {
        free(bytes);
        return result;
    }
    *data = bytes;
    *size = used;
    return SMALTI_OK;
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') || (length > 5 && !strcmp(name + length - 5, ".wasm"));
}

/* Finds the module; *owned is what to free, NULL for a shipped one. */
static smalti_result find_module(const char *name_or_path, uint64_t max, const void **data, size_t *size, void **owned,
                                 smalti_error *error)
{
    *owned = NULL;
    if (is_path(name_or_path)) {
        SMALTI__TRY(read_module(name_or_path, max, owned, size, error));
        *data = *owned;
        return SMALTI_OK;
    }
    const struct smalti__shipped *shipped = smalti__shipped_find(name_or_path);
    if (!shipped) {
        char list[360], shown[64];
        return smalti__fail(error, SMALTI_E_INVALID,
                            "no kernel '%s' is shipped (a file's name has a '/' or ends in .wasm); there are %s",
                            smalti__printable(name_or_path, strlen(name_or_path), shown, sizeof shown),
                            smalti__shipped_list(list, sizeof list));
    }
    *data = shipped->data;
    *size = shipped->size;
    return SMALTI_OK;
}

smalti_result smalti_kernel_load(const char *name_or_path, const smalti_kernel_options *options, smalti_kernel **kernel,
                                 smalti_error *error)
{
    smalti_kernel_options resolved;
    const void *data;
    size_t size;
    SMALTI__CLEANUP_FREE void *owned = NULL;
    SMALTI__TRY(resolve_options(options, &resolved, error));
    SMALTI__TRY(find_module(name_or_path, resolved.module_bytes, &data, &size, &owned, error));
    return load(data, size, name_or_path, owned ? name_or_path : "shipped", !owned, &resolved, kernel, error);
}

smalti_result smalti_kernel_load_memory(const void *data, size_t size, const char *name,
                                        const smalti_kernel_options *options, smalti_kernel **kernel,
                                        smalti_error *error)
{
    smalti_kernel_options resolved;
    SMALTI__TRY(resolve_options(options, &resolved, error));
    return load(data, size, name, name, false, &resolved, kernel, error);
}

smalti_result smalti_kernel_inspect(const char *name_or_path, smalti_kernel **kernel, smalti_error *error)
{
    smalti_kernel_options defaults;
    const void *data;
    size_t size;
    smalti__module module;
    SMALTI__CLEANUP_FREE void *owned = NULL;
    SMALTI__TRY(resolve_options(NULL, &defaults, error));
    SMALTI__TRY(find_module(name_or_path, defaults.module_bytes, &data, &size, &owned, error));
    return describe(data, size, name_or_path, owned ? name_or_path : "shipped", &module, kernel, error);
}

smalti_kernel *smalti_kernel_ref(smalti_kernel *kernel)
{
    kernel->references++;
    return kernel;
}

void smalti_kernel_unref(smalti_kernel *kernel)
{
    if (!kernel || --kernel->references)
        return;
    smalti__code_free(kernel->code);
    smalti__descriptor_clear(&kernel->descriptor);
    free(kernel->name);
    free(kernel->source);
    free(kernel);
}

const smalti_kernel_info *smalti_kernel_describe(const smalti_kernel *kernel)
{
    return &kernel->descriptor.info;
}

smalti_result smalti_kernel_halo(smalti_kernel *kernel, const double *params, uint32_t *halo, smalti_error *error)
{
    if (!kernel->descriptor.info.halo_dynamic) {
        *halo = kernel->descriptor.info.halo;
        return SMALTI_OK;
    }
    smalti__instance *instance;
    SMALTI__TRY(smalti__instance_new(kernel, params, &instance, error));
    smalti_result result = smalti__instance_halo(instance, halo, error);
    smalti__instance_free(instance);
    return result;
}

/* Why a command's run ended other than well. */
static smalti_result command_fail(const smalti_kernel *kernel, const smalti__wasi *wasi, const smalti__fault *fault,
                                  smalti_error *error)
{
    const char *name = kernel->descriptor.info.name, *colon = wasi->errors_used ? ": " : "";
    if (wasi->exited)
        return smalti__fail(error, SMALTI_E_KERNEL_STATUS, "kernel %s: exited with status %u%s%s", name,
                            wasi->exit_status, colon, wasi->errors);
    if (wasi->failure == SMALTI_E_LIMIT)
        return smalti__fail(error, SMALTI_E_LIMIT, "kernel %s: wrote more than %zu bytes", name, wasi->output_max);
    if (wasi->failure)
        return smalti__fail(error, wasi->failure, "kernel %s: no memory for its output", name);
    if (fault->code == SMALTI_E_KERNEL_TIMEOUT)
        return smalti__fail(error, fault->code, "kernel %s: %s of %llu ms%s%s", name, fault->what,
                            (unsigned long long)kernel->deadline_ms, colon, wasi->errors);
    return smalti__fail(error, fault->code, "kernel %s: %s%s%s", name, fault->what, colon, wasi->errors);
}

smalti_result smalti_kernel_command(smalti_kernel *kernel, const char *const *args, const void *input,
                                    size_t input_size, size_t output_max, void **output, size_t *output_size,
                                    smalti_error *error)
{
    const smalti_kernel_info *info = &kernel->descriptor.info;
    if (info->kind != SMALTI_KERNEL_COMMAND || !kernel->code)
        return smalti__fail(error, SMALTI_E_INVALID, "kernel %s: not a WASI command%s", info->name,
                            info->kind == SMALTI_KERNEL_COMMAND ? " that is loaded" : "");
    const char *const name_only[] = {info->name, NULL};
    smalti__wasi wasi = {
        .args = args ? args : name_only, .input = input, .input_size = input_size, .output_max = output_max};
    smalti__fault fault = {0};
    smalti__machine *machine;
    if (!smalti__machine_new(kernel->code, kernel->entries, kernel->memory_bytes, &wasi, &machine, &fault))
        return command_fail(kernel, &wasi, &fault, error);
    int32_t nothing;
    bool good = smalti__machine_call(machine, SMALTI__ENTRY_START, NULL, 0, kernel->deadline_ms, &nothing, &fault);
    smalti__machine_free(machine);
    if (!good && !(wasi.exited && wasi.exit_status == 0)) {
        free(wasi.output);
        return command_fail(kernel, &wasi, &fault, error);
    }
    if (!wasi.output && !(wasi.output = malloc(1))) /* nothing written is a result too, to be freed like any other */
        return smalti__fail_nomem(error, 1);
    *output = wasi.output;
    *output_size = wasi.output_size;
    return SMALTI_OK;
}
