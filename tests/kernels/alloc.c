/* SPDX-License-Identifier: Apache-2.0
 * A kernel with an allocator of its own: a good one, or a hostile one. */
#include <smalti_kernel.h>

#include "describe.h"

DESCRIBE("{\\\"name\\\":\\\"alloc\\\",\\\"version\\\":\\\"1\\\",\\\"summary\\\":\\\"\\\",\\\"kind\\\":\\\"tile\\\","
         "\\\"abi\\\":1,\\\"samples\\\":[\\\"u8\\\"],\\\"channels\\\":[1],\\\"halo\\\":0,\\\"in_place\\\":true}");

static unsigned char heap[1 << 20];
static unsigned used;
static volatile int sink;

EXPORT(smalti_alloc) void *alloc(unsigned bytes)
{
    unsigned at = used + 5; /* as badly aligned as allocators come */
    used = at + bytes;
#if defined ALLOC_OUTSIDE
    return (void *)0xfffff000;
#elif defined ALLOC_END
    return (void *)(__builtin_wasm_memory_size(0) * 65536 - bytes + 1);
#elif defined ALLOC_NULL
    return 0;
#elif defined ALLOC_TWICE
    return heap + 8;
#elif defined ALLOC_TRAP
    __builtin_trap();
#elif defined ALLOC_SPIN
    for (;;)
        sink = sink + 1;
#endif
    return used <= sizeof heap ? heap + at : 0;
}

EXPORT(smalti_tile) int tile_(const smalti_tile *tile)
{
    uint8_t *dst = tile->dst;
    const uint8_t *src = tile->src;
    for (uint32_t y = 0; y < tile->height; y++)
        for (uint32_t x = 0; x < tile->width; x++)
            dst[y * tile->dst_pitch + x] = src[y * tile->src_pitch + x] + 1;
    return 0;
}
