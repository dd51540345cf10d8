/* SPDX-License-Identifier: Apache-2.0
 * A kernel that inverts, or misbehaves in the way that its parameter says. */
#include <smalti_kernel.h>

#include "describe.h"

DESCRIBE("{\\\"name\\\":\\\"hostile\\\",\\\"version\\\":\\\"1.0\\\",\\\"summary\\\":\\\"inverts or misbehaves\\\","
         "\\\"kind\\\":\\\"tile\\\",\\\"abi\\\":1,\\\"samples\\\":[\\\"u8\\\"],\\\"channels\\\":[1,2,3,4],"
         "\\\"params\\\":[{\\\"name\\\":\\\"mode\\\",\\\"type\\\":\\\"integer\\\",\\\"min\\\":0,\\\"max\\\":20,"
         "\\\"default\\\":0},{\\\"name\\\":\\\"amount\\\",\\\"type\\\":\\\"number\\\",\\\"min\\\":-1,\\\"max\\\":10.5,"
         "\\\"default\\\":0.5,\\\"unit\\\":\\\"px\\\"}]}");

static volatile int sink;

/* What to do in this call. With ONLY_WIDTH only the second and later strips of images of that width suffer. */
static int mode_of(const smalti_tile *tile, int first_row)
{
#ifdef ONLY_WIDTH
    if (tile->image_width != ONLY_WIDTH || tile->y < first_row)
        return 0;
#endif
    return (int)tile->params[0];
}

static int deep(int n)
{
    return sink ? n : deep(n + 1) + sink;
}

static int take(int (*function)(double), int n)
{
    return function(n);
}

static int takes_double(double x)
{
    return (int)x;
}

EXPORT(smalti_scratch) uint32_t smalti_scratch(const smalti_tile *tile)
{
    return mode_of(tile, 0) == 10 ? 0xfffffff0 : tile->width;
}

EXPORT(smalti_tile) int smalti_tile_(const smalti_tile *tile)
{
    static int calls;
    const uint8_t *src = tile->src;
    uint8_t *dst = tile->dst;
    switch (mode_of(tile, 1)) {
    case 1:
        for (;;)
            sink = sink + 1;
    case 2:
        return deep(0);
    case 3: /* takes memory for ever */
        for (;;)
            if (__builtin_wasm_memory_grow(0, 16) == (unsigned long)-1)
                __builtin_trap();
    case 4:
        return *(volatile int *)0xfffffff0;
    case 5:
        *(volatile int *)0xfffffff0 = 1;
        return 0;
    case 6:
        __builtin_trap();
    case 7:
        return 7;
    case 8:
        return 100 / sink; /* 0 */
    case 9: { /* overwrites what the host wrote */
        volatile double *params = (volatile double *)tile->params;
        for (volatile uint8_t *p = (uint8_t *)tile; p < (volatile uint8_t *)(tile + 1); p++)
            *p = 0xff;
        *params = 3;
        return 0;
    }
    case 11: { /* a pointer to a function of another type */
        union {
            int (*is)(double);
            int (*as)(void);
        } pointer = {takes_double};
        sink = take(pointer.is, 1);
        int (*volatile wrong)(void) = pointer.as;
        return wrong();
    }
    case 12: { /* grows its memory behind the host's back, once */
        return __builtin_wasm_memory_grow(0, 40) == (unsigned long)-1;
    }
    case 13: { /* a null function pointer */
        int (*volatile null)(void) = 0;
        return null();
    }
    }
    calls++;
    for (uint32_t y = 0; y < tile->height; y++)
        for (uint32_t i = 0; i < tile->width * tile->channels; i++)
            dst[y * tile->dst_pitch + i] = 255 - src[y * tile->src_pitch + i];
    return 0;
}
