/* @NAME@: a kernel for Smalti. */
#include "smalti_kernel.h"

/* What the kernel is called, takes and offers; checked before it is ever run. */
SMALTI_DESCRIBE({
    "name": "@NAME@", "version": "0.1.0", "abi": 1, "kind": "tile",
    "summary": "mixes each pixel with its 3x3 neighbourhood",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 1,
    "params": [
        {"name": "amount", "type": "number", "min": 0, "max": 1, "default": 0.5, "summary": "0 changes nothing"}
    ]
})

/* Called for every row: count samples, src[pitch] is the one below src[0]. Four at a time, as floats from 0 to 1. */
#define SOFTEN(name, T)                                                                              \
    static void soften_##name(const T *restrict src, ptrdiff_t pitch, T *restrict dst, size_t count, \
                              const smalti_tile *tile)                                               \
    {                                                                                                \
        const float amount = (float)tile->params[0];                                                 \
        const ptrdiff_t right = tile->channels;                                                      \
        for (size_t i = 0; i < count; i += 4) {                                                      \
            smalti_f32x4 v = smalti_get_##name(src + i), sum = {0};                                  \
            for (int y = -1; y <= 1; y++)                                                            \
                for (int x = -1; x <= 1; x++)                                                        \
                    sum += smalti_get_##name(src + i + y * pitch + x * right);                       \
            smalti_put_##name(dst + i, v + (sum * (1.0f / 9) - v) * amount);                         \
        }                                                                                            \
    }
SOFTEN(u8, uint8_t)
SOFTEN(u16, uint16_t)
SOFTEN(f32, float)

SMALTI_STENCIL(soften_u8, soften_u16, soften_f32)
