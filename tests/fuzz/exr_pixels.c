/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: pixels of EXR files, as they are and, with a thread, ahead of their reader: both have to be the same. */
#include "decode_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&smalti__decoder_exr, data, size);
    if (!smalti__decoder_exr.probe(data, size))
        return 0;
    uint64_t alone = fuzz_decode(&smalti__decoder_exr, data, size, (smalti__decode_options){.level = 1, .part = "0"});
    uint64_t ahead = fuzz_decode(&smalti__decoder_exr, data, size,
                                 (smalti__decode_options){.level = 1, .part = "0", .spare_thread = true});
    if (alone != ahead)
        abort();
    return 0;
}
