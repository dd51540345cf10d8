/* SPDX-License-Identifier: Apache-2.0
 * Light from the upper left: the slope along the diagonal added to the image. */
#include "convolve.h"

SMALTI_DESCRIBE({
    "name": "emboss", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "3x3 relief: v + strength * slope along the diagonal; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 1,
    "params": [{"name": "strength", "type": "number", "min": 0, "max": 8, "default": 1}]
})

SMALTI_INLINE void init(struct convolution *c, const double *params)
{
    static const int8_t slope[9] = {-2, -1, 0, -1, 0, 1, 0, 1, 2};
    for (int k = 0; k < 9; k++)
        c->weight[k] = slope[k] * params[0] + (k == 4);
    c->bias = 0;
}

CONVOLUTION(init)
