/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: deep data of EXR files, flattened: strictly, leniently, and with a thread ahead of the reader. */
#include "decode_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!smalti__decoder_exr.probe(data, size))
        return 0;
    smalti__decode_options options = {.flatten_deep = true};
    uint64_t alone = fuzz_decode(&smalti__decoder_exr, data, size, options);
    options.spare_thread = true;
    uint64_t ahead = fuzz_decode(&smalti__decoder_exr, data, size, options);
    options.lenient = true;
    uint64_t lenient = fuzz_decode(&smalti__decoder_exr, data, size, options);
    if (alone != ahead || (alone && alone != lenient))
        abort();
    fuzz_decode(&smalti__decoder_exr, data, size,
                (smalti__decode_options){.flatten_deep = true, .lenient = true, .level = 1, .layer = "Z"});
    return 0;
}
