/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: contact sheets of EXR files, and their previews. */
#include "decode_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!smalti__decoder_exr.probe(data, size))
        return 0;
    smalti__decode_options options = {.contact_sheet = true, .sheet_cell = 32, .flatten_deep = true};
    uint64_t alone = fuzz_decode(&smalti__decoder_exr, data, size, options);
    options.spare_thread = true;
    if (fuzz_decode(&smalti__decoder_exr, data, size, options) != alone)
        abort();
    options.lenient = true;
    fuzz_decode(&smalti__decoder_exr, data, size, options);
    fuzz_decode(&smalti__decoder_exr, data, size, (smalti__decode_options){.preview = true});
    return 0;
}
