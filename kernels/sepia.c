/* SPDX-License-Identifier: Apache-2.0
 * The brown of old photographs: the usual matrix, mixed with the original. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "sepia", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "brown tone of old photographs; gray becomes colour, alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "output_channels": [3, 4, 3, 4], "halo": 0,
    "params": [{"name": "amount", "type": "number", "min": 0, "max": 1, "default": 1, "summary": "0 changes nothing"}]
})

#define SEPIA(name, T)                                                                  \
    MATRIX(name, T)                                                                     \
    static int32_t sepia_##name(const smalti_tile *tile)                                \
    {                                                                                   \
        const float a = (float)tile->params[0], b = 1 - a;                              \
        const smalti_f32x4 m[3] = {                                                     \
            (smalti_f32x4){0.393f, 0.349f, 0.272f, 0} * a + (smalti_f32x4){b, 0, 0, 0}, \
            (smalti_f32x4){0.769f, 0.686f, 0.534f, 0} * a + (smalti_f32x4){0, b, 0, 0}, \
            (smalti_f32x4){0.189f, 0.168f, 0.131f, 0} * a + (smalti_f32x4){0, 0, b, 0}, \
        };                                                                              \
        matrix_##name(tile, m);                                                         \
        return 0;                                                                       \
    }
SEPIA(u8, uint8_t)
SEPIA(u16, uint16_t)
SEPIA(f32, float)

SMALTI_TILE(sepia_u8, sepia_u16, sepia_f32)
