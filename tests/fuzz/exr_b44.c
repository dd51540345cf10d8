/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: chunks of EXR that are packed by B44 and B44A. */
#include "exr_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const smalti_exr_compression compressions[2] = {SMALTI_EXR_B44, SMALTI_EXR_B44A};
    fuzz_chunk_input(compressions, data, size);
    return 0;
}
