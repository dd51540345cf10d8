/* SPDX-License-Identifier: Apache-2.0
 * v^(1/gamma) of each colour sample, from a table where samples are whole numbers. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "gamma", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "v ^ (1 / gamma); alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true,
    "params": [{"name": "gamma", "type": "number", "min": 0.1, "max": 10, "default": 2.2,
                "summary": "above 1 brightens, below 1 darkens"}]
})

/* The table is kept from strip to strip: a kernel's instance keeps its memory. */
#define GAMMA(name, T, most)                                                                     \
    static void gamma_##name(const T *src, T *dst, size_t count, const smalti_tile *tile)        \
    {                                                                                            \
        SMALTI_STATIC T table[most + 1];                                                         \
        SMALTI_STATIC double table_gamma;                                                        \
        const double gamma = tile->params[0];                                                    \
        if (gamma != table_gamma)                                                                \
            for (uint32_t v = 0; v <= most; v++)                                                 \
                table[v] = (T)smalti_round(most * smalti_pow(v / (double)most, 1 / gamma));      \
        table_gamma = gamma;                                                                     \
        const uint32_t step = tile->channels, colors = step == 2 || step == 4 ? step - 1 : step; \
        for (size_t i = 0; i < count; i += step) {                                               \
            for (uint32_t c = 0; c < colors; c++)                                                \
                dst[i + c] = table[src[i + c]];                                                  \
            if (colors != step)                                                                  \
                dst[i + colors] = src[i + colors];                                               \
        }                                                                                        \
    }
GAMMA(u8, uint8_t, 255)
GAMMA(u16, uint16_t, 65535)

SMALTI_INLINE smalti_f32x4 gamma_f32(smalti_f32x4 v, const double *params)
{
    for (int i = 0; i < 4; i++)
        v[i] = (float)smalti_pow(v[i], 1 / params[0]);
    return v;
}
SMALTI_ROW_F32(gamma_f32, f32, float)

SMALTI_POINTWISE(gamma_u8, gamma_u16, smalti_row_f32)
