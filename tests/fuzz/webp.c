/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the WebP decoder, strict and lenient, first frame and all, whole and reduced. A strict success must also be a
 * lenient one, with the same pixels and no warning. */
#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decoder(&smalti__decoder_webp, data, size);
}
