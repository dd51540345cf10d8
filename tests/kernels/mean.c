/* SPDX-License-Identifier: Apache-2.0
 * A measure: the mean and the number of samples, and the size of the image it was told. */
#include <smalti_kernel.h>

#include "describe.h"

DESCRIBE("{\\\"name\\\":\\\"mean\\\",\\\"version\\\":\\\"1\\\",\\\"summary\\\":\\\"mean of the samples\\\","
         "\\\"kind\\\":\\\"measure\\\",\\\"abi\\\":1,\\\"samples\\\":[\\\"u8\\\"],\\\"channels\\\":[1],"
         "\\\"state_bytes\\\":16,\\\"params\\\":[{\\\"name\\\":\\\"fail\\\",\\\"type\\\":\\\"integer\\\",\\\"min\\\":0,"
         "\\\"max\\\":9,\\\"default\\\":0}],\\\"values\\\":[{\\\"name\\\":\\\"mean\\\"},"
         "{\\\"name\\\":\\\"size\\\",\\\"count\\\":2},{\\\"name\\\":\\\"bits\\\",\\\"hex\\\":true}]}");

typedef struct state {
    uint64_t sum, count;
} state;

EXPORT(smalti_init) int init(state *s, const smalti_tile *whole)
{
    if (s->sum || s->count || whole->dst)
        return 9; /* the host clears it */
    return whole->params[0] == 1 ? 1 : 0;
}

EXPORT(smalti_accumulate) int accumulate(state *s, const smalti_tile *tile)
{
    const uint8_t *src = tile->src;
    if (tile->params[0] == 2)
        __builtin_trap();
    for (uint32_t y = 0; y < tile->height; y++)
        for (uint32_t x = 0; x < tile->width; x++)
            s->sum += src[y * tile->src_pitch + x], s->count++;
    return 0;
}

EXPORT(smalti_merge) int merge(state *s, const state *other)
{
    s->sum += other->sum;
    s->count += other->count;
    return 0;
}

EXPORT(smalti_finish) int finish(const state *s, const smalti_tile *whole, double *values)
{
    values[0] = (double)s->sum / (double)s->count;
    values[1] = whole->params[0] == 4 ? __builtin_nan("") : whole->image_width;
    values[2] = whole->image_height;
    *(uint64_t *)&values[3] = 0xfff0000012345678;
    return whole->params[0] == 3 ? 3 : 0;
}
