/* SPDX-License-Identifier: Apache-2.0
 * Kernels without a sandbox: what does it cost? For benchmarks and tests. */
#include "kernel/native.h"

#include <smalti_kernel.h>

enum { GUARD = 64 }; /* readable bytes before and behind a region, as the ABI promises */

struct block {
    struct block *next;
    uint8_t pad[GUARD - sizeof(void *)]; /* the rest of the guard before the region */
};

struct smalti__native_instance {
    const smalti_kernel *kernel;
    struct block *blocks;
};

smalti_result smalti__kernel_load_native(const char *descriptor, const smalti__native *functions, smalti_kernel **out,
                                         smalti_error *error)
{
    smalti_kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel)
        return smalti__fail_nomem(error, sizeof *kernel);
    kernel->references = 1;
    kernel->is_native = true;
    kernel->native = *functions;
    smalti_kernel_info *info = &kernel->descriptor.info;
    smalti_result result =
        smalti__descriptor_parse(descriptor, strlen(descriptor), "native kernel", &kernel->descriptor, error);
    if (result == SMALTI_OK && (info->kind != SMALTI_KERNEL_TILE || !functions->tile))
        result = smalti__fail(error, SMALTI_E_UNSUPPORTED, "kernel %s: only tile kernels can be native", info->name);
    if (result == SMALTI_OK && info->halo_dynamic && !functions->halo)
        result = smalti__fail(error, SMALTI_E_KERNEL_MODULE, "kernel %s: no function for its halo", info->name);
    if (result < 0) {
        smalti_kernel_unref(kernel);
        return result;
    }
    info->source = "native";
    *out = kernel;
    return SMALTI_OK;
}

smalti_result smalti__native_new(const smalti_kernel *kernel, smalti__native_instance **instance, smalti_error *error)
{
    *instance = calloc(1, sizeof **instance);
    if (!*instance)
        return smalti__fail_nomem(error, sizeof **instance);
    (*instance)->kernel = kernel;
    return SMALTI_OK;
}

void smalti__native_free(smalti__native_instance *instance)
{
    if (!instance)
        return;
    for (struct block *block = instance->blocks; block;) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    free(instance);
}

smalti_result smalti__native_region(smalti__native_instance *instance, size_t bytes, smalti__region *region,
                                    smalti_error *error)
{
    size_t total;
    void *memory;
    if (!smalti__add(bytes, sizeof(struct block) + GUARD, &total) || posix_memalign(&memory, 64, total))
        return smalti__fail_nomem(error, bytes);
    struct block *block = memory;
    block->next = instance->blocks;
    instance->blocks = block;
    region->host = (uint8_t *)(block + 1);
    region->guest = (uintptr_t)region->host;
    region->bytes = bytes;
    return SMALTI_OK;
}

static smalti_tile native_struct(const smalti__native_instance *instance, const smalti__tile *tile,
                                 const double *params)
{
    return (smalti_tile){
        .size = sizeof(smalti_tile),
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
        .src = (const void *)(uintptr_t)tile->src,
        .dst = (void *)(uintptr_t)tile->dst,
        .params = params,
        .param_count = instance->kernel->descriptor.info.param_count,
        .scratch_size = tile->scratch_bytes,
        .scratch = (void *)(uintptr_t)tile->scratch,
    };
}

int32_t smalti__native_tile(const smalti__native_instance *instance, const smalti__tile *tile, const double *params)
{
    smalti_tile argument = native_struct(instance, tile, params);
    return instance->kernel->native.tile(&argument);
}

int32_t smalti__native_halo(const smalti__native_instance *instance, const double *params)
{
    return instance->kernel->native.halo(params);
}

uint32_t smalti__native_scratch(const smalti__native_instance *instance, const smalti__tile *tile, const double *params)
{
    if (!instance->kernel->native.scratch)
        return 0;
    smalti_tile argument = native_struct(instance, tile, params);
    return instance->kernel->native.scratch(&argument);
}
