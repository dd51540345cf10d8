/* SPDX-License-Identifier: Apache-2.0
 * The descriptor: what a module says of itself as JSON in its custom section "smalti". docs/kernels.md lists the keys. */
#ifndef SMALTI_SRC_DESCRIPTOR_H
#define SMALTI_SRC_DESCRIPTOR_H

#include <smalti/kernel.h>

#include <jansson.h>

#include "base/base.h"

enum {
    SMALTI__MAX_PARAMS = 64,
    SMALTI__MAX_VALUES = 65536, /* doubles of all values together */
    SMALTI__MAX_HALO = 4096,
    SMALTI__MAX_STATE_BYTES = 1024 * 1024
};

typedef struct smalti__descriptor {
    smalti_kernel_info info; /* strings point into json; source and module_bytes are the caller's to set */
    uint32_t value_total;    /* doubles of all values */
    json_t *json;
    smalti_kernel_param *params;
    smalti_kernel_value *values;
} smalti__descriptor;

/* Unknown and missing keys, wrong types, and values out of range are errors that name the key; name stands before them.
 * *descriptor is owned on success and cleared on failure. Errors: KERNEL_MODULE, NOMEM. */
smalti_result smalti__descriptor_parse(const char *text, size_t size, const char *name, smalti__descriptor *descriptor,
                                       smalti_error *error);
void smalti__descriptor_clear(smalti__descriptor *descriptor);

#endif
