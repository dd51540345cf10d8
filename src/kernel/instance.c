/* SPDX-License-Identifier: Apache-2.0
 * Instances: parameters and buffers in the kernel's memory, and the calls. What comes back from a kernel is checked
 * before it is used; of its memory only pixels, state and values are ever read. */
#include "kernel/instance.h"

#include <stdarg.h>
#include <stddef.h>

#include "kernel/kernel.h"
#include "kernel/native.h"

enum {
    ALIGN = 64,
    GUARD = 64,        /* readable bytes before and behind a region, as the ABI promises */
    MAX_REGIONS = 256 /* of an instance */
};

/* smalti_tile as the guest sees it: sdk/c/smalti_kernel.h with pointers of 32 bits. */
typedef struct guest_tile {
    uint32_t size, sample, channels, dst_channels, halo, width, height, x, y, image_width, image_height, src_pitch,
        dst_pitch;
    uint32_t src, dst, params, param_count, scratch_size, scratch;
} guest_tile;
_Static_assert(sizeof(guest_tile) == 76 && offsetof(guest_tile, src) == 52, "the ABI of wasm32");

struct smalti__instance {
    smalti_kernel *kernel; /* shared */
    smalti__machine *machine;
    smalti__native_instance *native; /* of a native kernel, which has no machine */
    double *params;
    uint64_t owned_from, owned_end; /* pages that the host grew and has not given out */
    smalti__region regions[MAX_REGIONS];
    uint32_t region_count;
    /* addresses of the host's own small things, in the first region */
    uint32_t guest_params, guest_tile, guest_state, guest_other, guest_values;
};

static const char *name_of(const smalti__instance *instance)
{
    return instance->kernel->descriptor.info.name;
}

/* "kernel sharpen: WHAT in rows 32…63", or without rows for calls that have none. */
static smalti_result fail(const smalti__instance *instance, smalti_result code, const smalti__tile *rows,
                          smalti_error *error, const char *format, ...) SMALTI__PRINTF(5, 6);
static smalti_result fail(const smalti__instance *instance, smalti_result code, const smalti__tile *rows,
                          smalti_error *error, const char *format, ...)
{
    char what[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (rows && rows->height)
        return smalti__fail(error, code, "kernel %s: %s in rows %u…%u", name_of(instance), what, rows->y,
                            rows->y + (rows->height - 1));
    return smalti__fail(error, code, "kernel %s: %s", name_of(instance), what);
}

/* Calls an export. rows: for messages; NULL: the export's name stands there. */
static smalti_result call(smalti__instance *instance, smalti__entry entry, const uint32_t *args, uint32_t arg_count,
                          const smalti__tile *rows, int32_t *result, smalti_error *error)
{
    const smalti_kernel *kernel = instance->kernel;
    smalti__fault fault;
    size_t before, bytes;
    smalti__machine_memory(instance->machine, &before);
    if (smalti__machine_call(instance->machine, entry, args, arg_count, kernel->deadline_ms, result, &fault))
        return SMALTI_OK;
    char where[40] = "";
    if (!rows)
        snprintf(where, sizeof where, " in %s", smalti__entry_name(entry));
    if (fault.code == SMALTI_E_KERNEL_TIMEOUT)
        return fail(instance, fault.code, rows, error, "%s of %llu ms%s", fault.what,
                    (unsigned long long)kernel->deadline_ms, where);
    /* Nothing tells that the guest asked for memory in vain; but when it took most of what there is in this very call,
     * that is why it failed. */
    smalti__machine_memory(instance->machine, &bytes);
    if (bytes > before && bytes >= kernel->memory_bytes / 4 * 3)
        return fail(instance, SMALTI_E_KERNEL_MEMORY, rows, error, "%s%s after taking %zu of its %llu KiB of memory",
                    fault.what, where, bytes / 1024, (unsigned long long)kernel->memory_bytes / 1024);
    return fail(instance, fault.code, rows, error, "%s%s", fault.what, where);
}

/* A call whose result is a status. */
static smalti_result call_status(smalti__instance *instance, smalti__entry entry, const uint32_t *args,
                                 uint32_t arg_count, const smalti__tile *rows, smalti_error *error)
{
    int32_t status;
    SMALTI__TRY(call(instance, entry, args, arg_count, rows, &status, error));
    if (!status)
        return SMALTI_OK;
    if (!rows)
        return fail(instance, SMALTI_E_KERNEL_STATUS, NULL, error, "%s returned status %d", smalti__entry_name(entry),
                    status);
    return fail(instance, SMALTI_E_KERNEL_STATUS, rows, error, "returned status %d", status);
}

static uint8_t *host_address(smalti__instance *instance, uint64_t guest)
{
    size_t bytes;
    return smalti__machine_memory(instance->machine, &bytes) + guest;
}

/* Memory from the guest's own allocator, which may be anything: it must be the guest's and no one else's yet. */
static smalti_result allocate(smalti__instance *instance, size_t bytes, uint64_t *at, smalti_error *error)
{
    uint64_t needed = (uint64_t)bytes + 2 * GUARD + ALIGN;
    uint32_t argument = (uint32_t)needed;
    int32_t result;
    if (needed > UINT32_MAX)
        return fail(instance, SMALTI_E_KERNEL_MEMORY, NULL, error, "%zu bytes of buffers are more than 32 bits", bytes);
    SMALTI__TRY(call(instance, SMALTI__ENTRY_ALLOC, &argument, 1, NULL, &result, error));
    uint64_t address = (uint32_t)result;
    if (!address)
        return fail(instance, SMALTI_E_KERNEL_MEMORY, NULL, error, "smalti_alloc has no %zu bytes", bytes);
    if (!smalti__machine_holds(instance->machine, address, needed))
        return fail(instance, SMALTI_E_KERNEL, NULL, error, "smalti_alloc returned 0x%llx, outside of its memory",
                    (unsigned long long)address);
    for (uint32_t i = 0; i < instance->region_count; i++) {
        const smalti__region *other = &instance->regions[i];
        if (address < other->guest + other->bytes + GUARD && other->guest < address + needed + GUARD)
            return fail(instance, SMALTI_E_KERNEL, NULL, error, "smalti_alloc returned 0x%llx twice",
                        (unsigned long long)address);
    }
    *at = smalti__align(address + GUARD, ALIGN);
    return SMALTI_OK;
}

/* Memory from pages that the host appends; those of one growth serve several small regions. */
static smalti_result carve(smalti__instance *instance, size_t bytes, uint64_t *at, smalti_error *error)
{
    uint64_t from = instance->owned_from, needed = (uint64_t)bytes + 2 * GUARD + ALIGN;
    if (needed > instance->owned_end - from) {
        uint64_t grown;
        uint64_t pages = (needed + SMALTI__PAGE_BYTES - 1) / SMALTI__PAGE_BYTES;
        smalti__fault fault;
        if (!smalti__machine_grow(instance->machine, pages * SMALTI__PAGE_BYTES, &grown, &fault))
            return fail(instance, fault.code, NULL, error, "%zu bytes of buffers exceed its %llu KiB of memory", bytes,
                        (unsigned long long)instance->kernel->memory_bytes / 1024);
        if (grown != instance->owned_end ||
            !instance->owned_end) /* the guest grew in between: these pages are its own */
            from = grown;
        instance->owned_end = grown + pages * SMALTI__PAGE_BYTES;
    }
    *at = smalti__align(from + GUARD, ALIGN);
    instance->owned_from = *at + bytes + GUARD;
    return SMALTI_OK;
}

smalti_result smalti__instance_region(smalti__instance *instance, size_t bytes, smalti__region *region,
                                      smalti_error *error)
{
    if (instance->native)
        return smalti__native_region(instance->native, bytes, region, error);
    if (instance->region_count == MAX_REGIONS)
        return fail(instance, SMALTI_E_LIMIT, NULL, error, "more than %d buffers", MAX_REGIONS);
    if (bytes > instance->kernel->memory_bytes)
        return fail(instance, SMALTI_E_KERNEL_MEMORY, NULL, error, "%zu bytes of buffers exceed its %llu KiB of memory",
                    bytes, (unsigned long long)instance->kernel->memory_bytes / 1024);
    smalti__region made = {.bytes = bytes};
    if (instance->kernel->entries & 1u << SMALTI__ENTRY_ALLOC)
        SMALTI__TRY(allocate(instance, bytes, &made.guest, error));
    else
        SMALTI__TRY(carve(instance, bytes, &made.guest, error));
    made.host = host_address(instance, made.guest);
    instance->regions[instance->region_count++] = made;
    *region = made;
    return SMALTI_OK;
}

/* One region for parameters, the tile, and a measure's state and values. */
static smalti_result place_own(smalti__instance *instance, smalti_error *error)
{
    const smalti__descriptor *d = &instance->kernel->descriptor;
    size_t params = smalti__align(d->info.param_count * sizeof(double) + 1, ALIGN);
    size_t tile = smalti__align(sizeof(guest_tile), ALIGN);
    size_t state = smalti__align(d->info.state_bytes, ALIGN);
    smalti__region own;
    SMALTI__TRY(
        smalti__instance_region(instance, params + tile + 2 * state + d->value_total * sizeof(double), &own, error));
    instance->guest_params = (uint32_t)own.guest;
    instance->guest_tile = instance->guest_params + (uint32_t)params;
    instance->guest_state = instance->guest_tile + (uint32_t)tile;
    instance->guest_other = instance->guest_state + (uint32_t)state;
    instance->guest_values = instance->guest_other + (uint32_t)state;
    return SMALTI_OK;
}

static smalti_result start(smalti__instance *instance, smalti_error *error)
{
    smalti_kernel *kernel = instance->kernel;
    if (kernel->is_native)
        return smalti__native_new(kernel, &instance->native, error);
    smalti__fault fault;
    if (!smalti__machine_new(kernel->code, kernel->entries, kernel->memory_bytes, NULL, &instance->machine, &fault))
        return fail(instance, fault.code, NULL, error, "%s while it is made ready", fault.what);
    return place_own(instance, error);
}

smalti_result smalti__instance_new(smalti_kernel *kernel, const double *params, smalti__instance **out,
                                   smalti_error *error)
{
    const smalti_kernel_info *info = &kernel->descriptor.info;
    if (info->kind == SMALTI_KERNEL_COMMAND || !(kernel->code || kernel->is_native))
        return smalti__fail(error, SMALTI_E_INVALID, "kernel %s: %s", info->name,
                            info->kind == SMALTI_KERNEL_COMMAND ? "a command does not work on pixels"
                                                                : "inspected, not loaded");
    smalti__instance *instance = calloc(1, sizeof *instance);
    double *copy = calloc(info->param_count + 1, sizeof *copy);
    if (!instance || !copy) {
        free(instance);
        free(copy);
        return smalti__fail_nomem(error, sizeof *instance);
    }
    instance->kernel = smalti_kernel_ref(kernel);
    instance->params = copy;
    for (uint32_t i = 0; i < info->param_count; i++)
        copy[i] = params ? params[i] : info->params[i].def;
    smalti_result result = start(instance, error);
    if (result < 0) {
        smalti__instance_free(instance);
        return result;
    }
    *out = instance;
    return SMALTI_OK;
}

void smalti__instance_free(smalti__instance *instance)
{
    if (!instance)
        return;
    smalti__machine_free(instance->machine);
    smalti__native_free(instance->native);
    smalti_kernel_unref(instance->kernel);
    free(instance->params);
    free(instance);
}

/* Parameters are written before every call: a kernel that changes its own would depend on the order of strips. */
static void write_params(smalti__instance *instance)
{
    size_t bytes = instance->kernel->descriptor.info.param_count * sizeof(double);
    memcpy(host_address(instance, instance->guest_params), instance->params, bytes);
}

static void write_tile(smalti__instance *instance, const smalti__tile *tile)
{
    const guest_tile written = {
        .size = sizeof written,
        .sample = tile->sample,
        .channels = tile->channels,
        .dst_channels = tile->dst_channels,
        .halo = tile->halo,
        .width = tile->width,
        .height = tile->height,
        .x = tile->x,
        .y = tile->y,
        .image_width = tile->image_width,
        .image_height = tile->image_height,
        .src_pitch = tile->src_pitch,
        .dst_pitch = tile->dst_pitch,
        .src = (uint32_t)tile->src,
        .dst = (uint32_t)tile->dst,
        .params = instance->guest_params,
        .param_count = instance->kernel->descriptor.info.param_count,
        .scratch_size = tile->scratch_bytes,
        .scratch = (uint32_t)tile->scratch,
    };
    write_params(instance);
    memcpy(host_address(instance, instance->guest_tile), &written, sizeof written);
}

smalti_result smalti__instance_halo(smalti__instance *instance, uint32_t *halo, smalti_error *error)
{
    const smalti_kernel_info *info = &instance->kernel->descriptor.info;
    if (!info->halo_dynamic) {
        *halo = info->halo;
        return SMALTI_OK;
    }
    int32_t result;
    if (instance->native) {
        result = smalti__native_halo(instance->native, instance->params);
    } else {
        write_params(instance);
        SMALTI__TRY(call(instance, SMALTI__ENTRY_HALO, &instance->guest_params, 1, NULL, &result, error));
    }
    if (result < 0 || result > SMALTI__MAX_HALO)
        return fail(instance, SMALTI_E_KERNEL, NULL, error, "smalti_halo returned %d, which is not from 0 to %d",
                    result, SMALTI__MAX_HALO);
    *halo = (uint32_t)result;
    return SMALTI_OK;
}

smalti_result smalti__instance_scratch(smalti__instance *instance, const smalti__tile *tile, size_t *bytes,
                                       smalti_error *error)
{
    int32_t result = 0;
    if (instance->native) {
        result = (int32_t)smalti__native_scratch(instance->native, tile, instance->params);
    } else if (instance->kernel->entries & 1u << SMALTI__ENTRY_SCRATCH) {
        write_tile(instance, tile);
        SMALTI__TRY(call(instance, SMALTI__ENTRY_SCRATCH, &instance->guest_tile, 1, NULL, &result, error));
        if ((uint32_t)result > instance->kernel->memory_bytes)
            return fail(instance, SMALTI_E_KERNEL_MEMORY, NULL, error,
                        "smalti_scratch asks for %u bytes, its memory is limited to %llu KiB", (uint32_t)result,
                        (unsigned long long)instance->kernel->memory_bytes / 1024);
    }
    *bytes = (uint32_t)result;
    return SMALTI_OK;
}

smalti_result smalti__instance_tile(smalti__instance *instance, const smalti__tile *tile, smalti_error *error)
{
    if (instance->native) {
        int32_t status = smalti__native_tile(instance->native, tile, instance->params);
        return status ? fail(instance, SMALTI_E_KERNEL_STATUS, tile, error, "returned status %d", status) : SMALTI_OK;
    }
    write_tile(instance, tile);
    return call_status(instance, SMALTI__ENTRY_TILE, &instance->guest_tile, 1, tile, error);
}

smalti_result smalti__instance_measure_begin(smalti__instance *instance, const smalti__tile *whole, smalti_error *error)
{
    const uint32_t args[] = {instance->guest_state, instance->guest_tile};
    write_tile(instance, whole);
    memset(host_address(instance, instance->guest_state), 0, instance->kernel->descriptor.info.state_bytes);
    return call_status(instance, SMALTI__ENTRY_INIT, args, 2, NULL, error);
}

smalti_result smalti__instance_measure_accumulate(smalti__instance *instance, const smalti__tile *tile,
                                                  smalti_error *error)
{
    const uint32_t args[] = {instance->guest_state, instance->guest_tile};
    write_tile(instance, tile);
    return call_status(instance, SMALTI__ENTRY_ACCUMULATE, args, 2, tile, error);
}

const void *smalti__instance_measure_state(smalti__instance *instance)
{
    return host_address(instance, instance->guest_state);
}

smalti_result smalti__instance_measure_merge(smalti__instance *instance, const void *other_state, smalti_error *error)
{
    const uint32_t args[] = {instance->guest_state, instance->guest_other};
    memcpy(host_address(instance, instance->guest_other), other_state, instance->kernel->descriptor.info.state_bytes);
    return call_status(instance, SMALTI__ENTRY_MERGE, args, 2, NULL, error);
}

smalti_result smalti__instance_measure_finish(smalti__instance *instance, const smalti__tile *whole, double *values,
                                              smalti_error *error)
{
    const uint32_t args[] = {instance->guest_state, instance->guest_tile, instance->guest_values};
    size_t bytes = instance->kernel->descriptor.value_total * sizeof *values;
    write_tile(instance, whole);
    memset(host_address(instance, instance->guest_values), 0, bytes);
    SMALTI__TRY(call_status(instance, SMALTI__ENTRY_FINISH, args, 3, NULL, error));
    memcpy(values, host_address(instance, instance->guest_values), bytes);
    return SMALTI_OK;
}
