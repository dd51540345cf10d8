/* SPDX-License-Identifier: Apache-2.0
 * Colours moved away from or towards their Rec. 709 luma by a matrix. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "saturation", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "luma + (colour - luma) * amount; gray images and alpha stay",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true,
    "params": [{"name": "amount", "type": "number", "min": 0, "max": 4, "default": 1.5,
                "summary": "0 is gray, 1 changes nothing"}]
})

#define SATURATE(name, T)                                          \
    MATRIX(name, T)                                                \
    static int32_t saturate_##name(const smalti_tile *tile)        \
    {                                                              \
        const float s = (float)tile->params[0];                    \
        const smalti_f32x4 none = {0};                             \
        const smalti_f32x4 m[3] = {                                \
            none + 0.2126f * (1 - s) + (smalti_f32x4){s, 0, 0, 0}, \
            none + 0.7152f * (1 - s) + (smalti_f32x4){0, s, 0, 0}, \
            none + 0.0722f * (1 - s) + (smalti_f32x4){0, 0, s, 0}, \
        };                                                         \
        if (tile->channels > 2)                                    \
            matrix_##name(tile, m);                                \
        else                                                       \
            copy_rows(tile, sizeof(T));                            \
        return 0;                                                  \
    }
SATURATE(u8, uint8_t)
SATURATE(u16, uint16_t)
SATURATE(f32, float)

SMALTI_TILE(saturate_u8, saturate_u16, saturate_f32)
