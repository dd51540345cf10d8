/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the GIF decoder, strict and lenient, first image and all. A strict success must also be a lenient one, with
 * the same pixels and no warning. */
#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decoder(&smalti__decoder_gif, data, size);
}
