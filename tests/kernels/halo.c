/* SPDX-License-Identifier: Apache-2.0
 * A halo that is the parameter, whatever that is. */
#include <smalti_kernel.h>

#include "describe.h"

DESCRIBE("{\\\"name\\\":\\\"halo\\\",\\\"version\\\":\\\"1\\\",\\\"summary\\\":\\\"\\\",\\\"kind\\\":\\\"tile\\\","
         "\\\"abi\\\":1,\\\"samples\\\":[\\\"u8\\\",\\\"u16\\\",\\\"f32\\\"],\\\"channels\\\":[1,4],"
         "\\\"output_channels\\\":[1,3],\\\"halo\\\":\\\"dynamic\\\",\\\"params\\\":[{\\\"name\\\":\\\"radius\\\","
         "\\\"type\\\":\\\"number\\\",\\\"min\\\":-1e9,\\\"max\\\":1e9,\\\"default\\\":2}]}");

EXPORT(smalti_halo) int halo(const double *params)
{
    return (int)params[0];
}

EXPORT(smalti_tile) int tile_(const smalti_tile *tile)
{
    return tile->halo == (uint32_t)halo(tile->params) ? 0 : 1;
}
