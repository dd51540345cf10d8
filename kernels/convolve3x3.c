/* SPDX-License-Identifier: Apache-2.0
 * Any convolution with 3×3 weights; by default a plain sharpening one. */
#include "convolve.h"

SMALTI_DESCRIBE({
    "name": "convolve3x3", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "sum of the 3x3 neighbours times k0...k8 (in reading order) / divisor + bias; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 1,
    "params": [
        {"name": "k0", "type": "number", "min": -1024, "max": 1024, "default": 0},
        {"name": "k1", "type": "number", "min": -1024, "max": 1024, "default": -1},
        {"name": "k2", "type": "number", "min": -1024, "max": 1024, "default": 0},
        {"name": "k3", "type": "number", "min": -1024, "max": 1024, "default": -1},
        {"name": "k4", "type": "number", "min": -1024, "max": 1024, "default": 5},
        {"name": "k5", "type": "number", "min": -1024, "max": 1024, "default": -1},
        {"name": "k6", "type": "number", "min": -1024, "max": 1024, "default": 0},
        {"name": "k7", "type": "number", "min": -1024, "max": 1024, "default": -1},
        {"name": "k8", "type": "number", "min": -1024, "max": 1024, "default": 0},
        {"name": "divisor", "type": "number", "min": 0.0625, "max": 65536, "default": 1},
        {"name": "bias", "type": "number", "min": -1, "max": 1, "default": 0, "summary": "1 is the whole range"}
    ]
})

SMALTI_INLINE void init(struct convolution *c, const double *params)
{
    for (int k = 0; k < 9; k++)
        c->weight[k] = params[k] / params[9];
    c->bias = params[10];
}

CONVOLUTION(init)
