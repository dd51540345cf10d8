/* SPDX-License-Identifier: Apache-2.0
 * Corners darkened smoothly, by the distance from the image's middle. */
#include "common.h"

SMALTI_DESCRIBE({
    "name": "vignette", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "darkens towards the corners; alpha stays",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "in_place": true,
    "params": [
        {"name": "amount", "type": "number", "min": 0, "max": 1, "default": 0.5, "summary": "1 makes the corners black"},
        {"name": "radius", "type": "number", "min": 0, "max": 0.99, "default": 0.4,
         "summary": "where it starts: 0 the middle, 1 the corners"}
    ]
})

/* 1 within radius, 1 - amount in the corners, with a smooth step (3t² - 2t³) between; dx, dy from the middle. */
SMALTI_INLINE float light(float dx, float dy, float corner, float amount, float radius)
{
    const float distance = __builtin_sqrtf(dx * dx + dy * dy) * corner;
    const float t = (float)smalti_clamp((distance - radius) / (1 - radius), 0, 1);
    return 1 - amount * t * t * (3 - 2 * t);
}

#define VIGNETTE(name, T)                                                                     \
    static int32_t vignette_##name(const smalti_tile *tile)                                   \
    {                                                                                         \
        const float w = (float)tile->image_width / 2, h = (float)tile->image_height / 2;      \
        const float corner = 1 / __builtin_sqrtf(w * w + h * h);                              \
        const float amount = (float)tile->params[0], radius = (float)tile->params[1];         \
        const uint32_t channels = tile->channels;                                             \
        const smalti_i32x4 alpha = smalti_alpha_f32(channels);                                \
        for (uint32_t y = 0; y < tile->height; y++) {                                         \
            const T *src = SMALTI_SRC(T, tile, y);                                            \
            T *dst = SMALTI_DST(T, tile, y);                                                  \
            const float dy = (float)(tile->y + y) + 0.5f - h;                                 \
            for (uint32_t x = 0; x < tile->width; x++, src += channels, dst += channels) {    \
                const float dx = (float)(tile->x + x) + 0.5f - w;                             \
                const smalti_f32x4 v = smalti_get_##name(src);                                \
                const smalti_f32x4 dark = v * light(dx, dy, corner, amount, radius);          \
                put_pixel_##name(dst, smalti_select(smalti_f32x4, alpha, v, dark), channels); \
            }                                                                                 \
        }                                                                                     \
        return 0;                                                                             \
    }
VIGNETTE(u8, uint8_t)
VIGNETTE(u16, uint16_t)
VIGNETTE(f32, float)

SMALTI_TILE(vignette_u8, vignette_u16, vignette_f32)
