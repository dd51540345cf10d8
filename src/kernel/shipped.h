/* SPDX-License-Identifier: Apache-2.0
 * The kernels that are built into the library. The table is generated from kernels/ by the build. */
#ifndef SMALTI_SRC_SHIPPED_H
#define SMALTI_SRC_SHIPPED_H

#include <stddef.h>
#include <stdint.h>

struct smalti__shipped {
    const char *name;
    const uint8_t *data; /* the module */
    size_t size;
};

/* Sorted by name. */
extern const struct smalti__shipped smalti__shipped_kernels[];
extern const size_t smalti__shipped_count;

/* NULL: there is none of that name. */
const struct smalti__shipped *smalti__shipped_find(const char *name);
/* "blur, invert, sepia": the names, cut to fit; returns out. */
const char *smalti__shipped_list(char *out, size_t out_size);

#endif
