/* SPDX-License-Identifier: Apache-2.0
 * What a smalti_kernel is made of. */
#ifndef SMALTI_SRC_KERNEL_H
#define SMALTI_SRC_KERNEL_H

#include <smalti/kernel.h>

#include "base/base.h"
#include "kernel/descriptor.h"
#include "kernel/engine.h"
#include "kernel/instance.h"

struct smalti_kernel {
    _Atomic uint32_t references;
    smalti__descriptor descriptor;
    char *name;             /* of a command, which has no descriptor; owned */
    char *source;           /* owned */
    smalti__code *code;     /* NULL: inspected only, or native */
    bool is_native;
    smalti__native native;
    uint32_t entries;       /* bit (1 << smalti__entry): exported */
    uint64_t deadline_ms;   /* of a call */
    uint64_t memory_bytes;  /* of an instance */
};

#endif
