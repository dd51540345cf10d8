/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a module: its sections are read and checked as they are before a compilation. */
#include "kernel/descriptor.h"
#include "kernel/module.h"
#include "kernel/wasi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smalti__module module;
    smalti_error error = {0};
    if (smalti__module_read(data, size, "x.wasm", &module, &error) < 0) {
        if (strncmp(error.message, "x.wasm: ", 8) || strchr(error.message, '\n'))
            abort();
        return 0;
    }
    smalti__descriptor d;
    smalti_kernel_info info = {.kind = SMALTI_KERNEL_COMMAND};
    smalti_result result;
    if (module.descriptor) {
        if (smalti__descriptor_parse(module.descriptor, module.descriptor_size, "x.wasm", &d, &error) < 0)
            return 0;
        result = smalti__module_check(&module, &d.info, "x.wasm", &error);
        /* the engine calls these without asking again */
        uint32_t needed = d.info.kind == SMALTI_KERNEL_TILE ? 1u << SMALTI__ENTRY_TILE : 1u << SMALTI__ENTRY_FINISH;
        if (result == SMALTI_OK && (!(module.entries & needed) || module.import_count || !module.memory_exported))
            abort();
        smalti__descriptor_clear(&d);
    } else {
        result = smalti__module_check(&module, &info, "x.wasm", &error);
        if (result == SMALTI_OK)
            result = smalti__wasi_check(&module, "x.wasm", &error);
        for (uint32_t i = 0; result == SMALTI_OK && i < module.import_count; i++)
            if (!module.imports[i].function)
                abort();
    }
    return 0;
}
