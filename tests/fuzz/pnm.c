/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the PNM decoder. */
#include "decode_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&smalti__decoder_pnm, data, size);
    return 0;
}
