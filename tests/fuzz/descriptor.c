/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a descriptor. What is accepted must keep the promises that the engine relies on. */
#include "kernel/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition) ((condition) ? (void)0 : abort())

static void check_text(const char *text)
{
    PROMISE(text && strlen(text) <= 400);
    for (; *text; text++)
        PROMISE((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smalti__descriptor d;
    smalti_error error = {0};
    if (smalti__descriptor_parse((const char *)data, size, "x.wasm", &d, &error) < 0) {
        check_text(error.message);
        PROMISE(!strncmp(error.message, "x.wasm: descriptor: ", 20));
        return 0;
    }
    check_text(d.info.name);
    check_text(d.info.version);
    check_text(d.info.summary);
    PROMISE(d.info.kind == SMALTI_KERNEL_TILE || d.info.kind == SMALTI_KERNEL_MEASURE);
    PROMISE(d.info.samples && d.info.channels && !(d.info.channels & ~0x1eu));
    PROMISE(d.info.halo <= SMALTI__MAX_HALO && d.info.param_count <= SMALTI__MAX_PARAMS);
    PROMISE(!d.info.in_place || (!d.info.halo && !d.info.halo_dynamic));
    for (uint32_t i = 0; i < d.info.param_count; i++) {
        const smalti_kernel_param *p = &d.info.params[i];
        check_text(p->name);
        check_text(p->unit);
        PROMISE(p->min <= p->def && p->def <= p->max);
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < d.info.value_count; i++) {
        check_text(d.info.values[i].name);
        total += d.info.values[i].count;
    }
    PROMISE(total == d.value_total && total <= SMALTI__MAX_VALUES && d.info.state_bytes <= SMALTI__MAX_STATE_BYTES);
    PROMISE((d.info.kind == SMALTI_KERNEL_MEASURE) == (total > 0 && d.info.state_bytes > 0));
    smalti__descriptor_clear(&d);
    return 0;
}
