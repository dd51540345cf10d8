/* SPDX-License-Identifier: Apache-2.0
 * Instances of kernels whose functions are compiled into the host: the same calls over plain memory. */
#ifndef SMALTI_SRC_NATIVE_H
#define SMALTI_SRC_NATIVE_H

#include "kernel/kernel.h"

typedef struct smalti__native_instance smalti__native_instance;

smalti_result smalti__native_new(const smalti_kernel *kernel, smalti__native_instance **instance, smalti_error *error);
void smalti__native_free(smalti__native_instance *instance); /* NULL is fine */
smalti_result smalti__native_region(smalti__native_instance *instance, size_t bytes, smalti__region *region,
                                    smalti_error *error);
/* The functions' results; params in descriptor order. Guest addresses are pointers. */
int32_t smalti__native_tile(const smalti__native_instance *instance, const smalti__tile *tile, const double *params);
int32_t smalti__native_halo(const smalti__native_instance *instance, const double *params);
uint32_t smalti__native_scratch(const smalti__native_instance *instance, const smalti__tile *tile,
                                const double *params);

#endif
