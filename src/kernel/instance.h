/* SPDX-License-Identifier: Apache-2.0
 * A kernel made ready to run: an instance of its module with parameters and host-owned buffers in its linear memory.
 * Two back ends: the WebAssembly engine, and native functions (benchmarks: what does the sandbox cost?). */
#ifndef SMALTI_SRC_INSTANCE_H
#define SMALTI_SRC_INSTANCE_H

#include <smalti/kernel.h>

#include "base/base.h"

typedef struct smalti__instance smalti__instance;

/* Memory in the instance that the host owns: host is where the host reads and writes it, guest its address inside. */
typedef struct smalti__region {
    uint8_t *host;
    uint64_t guest;
    size_t bytes;
} smalti__region;

/* One call: a core rectangle in buffers that lie in regions of the instance. Mirrors smalti_tile of the ABI. */
typedef struct smalti__tile {
    smalti_sample sample;
    uint32_t channels, dst_channels;
    uint32_t halo;
    uint32_t width, height; /* core */
    uint32_t x, y;          /* its place in the image */
    uint32_t image_width, image_height;
    uint64_t src, dst; /* guest addresses of the first core pixel; dst 0 for a measure */
    uint32_t src_pitch, dst_pitch;
    uint64_t scratch;
    uint32_t scratch_bytes;
} smalti__tile;

/* A fresh instance with its own memory and params (descriptor order; NULL: defaults) written into it. Owned. */
smalti_result smalti__instance_new(smalti_kernel *kernel, const double *params, smalti__instance **instance,
                                   smalti_error *error);
void smalti__instance_free(smalti__instance *instance); /* NULL is fine */

/* The halo for the instance's parameters: the descriptor's, or what smalti_halo returns (checked: 0…4096). */
smalti_result smalti__instance_halo(smalti__instance *instance, uint32_t *halo, smalti_error *error);
/* Bytes of scratch for calls of at most tile->height rows: what the optional export smalti_scratch returns, else 0. */
smalti_result smalti__instance_scratch(smalti__instance *instance, const smalti__tile *tile, size_t *bytes,
                                       smalti_error *error);
/* Appends host-owned memory, 64-byte aligned, undefined contents; lives as long as the instance. KERNEL_MEMORY when the
 * instance's limit forbids it. */
smalti_result smalti__instance_region(smalti__instance *instance, size_t bytes, smalti__region *region,
                                      smalti_error *error);

/* Tile kernels. The message of an error names the kernel, the kind of trap and the strip (rows y…y+height-1). */
smalti_result smalti__instance_tile(smalti__instance *instance, const smalti__tile *tile, smalti_error *error);

/* Measures: begin once, accumulate each strip, then values. The state is plain bytes of info->state_bytes. */
smalti_result smalti__instance_measure_begin(smalti__instance *instance, const smalti__tile *whole,
                                             smalti_error *error);
smalti_result smalti__instance_measure_accumulate(smalti__instance *instance, const smalti__tile *tile,
                                                  smalti_error *error);
/* A view of the state, valid until the next call. */
const void *smalti__instance_measure_state(smalti__instance *instance);
smalti_result smalti__instance_measure_merge(smalti__instance *instance, const void *other_state, smalti_error *error);
/* values: room for the sum of info->values[i].count. */
smalti_result smalti__instance_measure_finish(smalti__instance *instance, const smalti__tile *whole, double *values,
                                              smalti_error *error);

/* A kernel whose functions are compiled into this program instead of a module; descriptor is the JSON text. For
 * benchmarks and tests. The functions take the native smalti_tile of sdk/c/smalti_kernel.h. */
typedef struct smalti__native {
    int32_t (*tile)(const void *tile);
    int32_t (*halo)(const double *params); /* may be NULL */
    uint32_t (*scratch)(const void *tile); /* may be NULL */
} smalti__native;
smalti_result smalti__kernel_load_native(const char *descriptor, const smalti__native *functions,
                                         smalti_kernel **kernel, smalti_error *error);

#endif
