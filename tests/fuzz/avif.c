/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the AVIF decoder. */
#include "decode_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&smalti__decoder_avif, data, size);
    return 0;
}
