/* SPDX-License-Identifier: Apache-2.0
 * An input that is taken as operations with operands; past its end all are 0. */
#ifndef SMALTI_FUZZ_SCRIPT_H
#define SMALTI_FUZZ_SCRIPT_H

#include "base/base.h"

typedef struct fuzz_script {
    const uint8_t *at, *end;
} fuzz_script;

static inline uint32_t take(fuzz_script *script, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (script->at < script->end ? (uint32_t)*script->at++ : 0) << 8 * i;
    return value;
}

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

#endif
