/* SPDX-License-Identifier: Apache-2.0
 * Mean of a square around each pixel. Sums of whole numbers slide down and along, so the radius costs nothing. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "box-blur", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "mean of (2 radius + 1)^2 pixels; all channels alike",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": "dynamic",
    "params": [{"name": "radius", "type": "integer", "min": 1, "max": 100, "default": 2, "unit": "pixels"}]
})

static int32_t halo(const double *params)
{
    return (int32_t)params[0];
}
SMALTI_HALO(halo)

/* A sum for each sample of a row and of the halo, and 8 more for vectors. */
static size_t scratch(const smalti_tile *tile)
{
    return (((size_t)tile->width + 2 * (size_t)tile->params[0]) * tile->channels + 8) * sizeof(uint32_t);
}
SMALTI_SCRATCH(scratch)

#define BOX(name, T, most)                                                                                               \
    /* Along a row of column sums, a pixel at a time. A store writes four samples; those behind the pixel come later. */ \
    SMALTI_INLINE void along_##name(const uint32_t *column, T *dst, const T *end, uint32_t width, uint32_t side,         \
                                    uint32_t channels)                                                                   \
    {                                                                                                                    \
        const float scale = 1.0f / ((float)most * side * side);                                                          \
        const ptrdiff_t back = (ptrdiff_t)side * channels;                                                               \
        smalti_u32x4 sum = {0};                                                                                          \
        for (uint32_t x = 0; x + 1 < side; x++, column += channels)                                                      \
            sum += (smalti_u32x4)smalti_load_i32x4(column);                                                              \
        for (uint32_t x = 0; x < width; x++, column += channels, dst += channels) {                                      \
            sum += (smalti_u32x4)smalti_load_i32x4(column);                                                              \
            const smalti_f32x4 mean = __builtin_convertvector(sum, smalti_f32x4) * scale;                                \
            sum -= (smalti_u32x4)smalti_load_i32x4(column + channels - back);                                            \
            T samples[4];                                                                                                \
            smalti_put_##name(end - dst < 4 ? samples : dst, mean);                                                      \
            for (uint32_t c = 0; end - dst < 4 && c < channels; c++)                                                     \
                dst[c] = samples[c];                                                                                     \
        }                                                                                                                \
    }                                                                                                                    \
    static int32_t box_##name(const smalti_tile *tile)                                                                   \
    {                                                                                                                    \
        const int32_t radius = (int32_t)tile->params[0];                                                                 \
        const size_t count = scratch(tile) / sizeof(uint32_t) - 8;                                                       \
        uint32_t *restrict column = tile->scratch;                                                                       \
        for (size_t i = 0; i < count + 8; i++)                                                                           \
            column[i] = 0;                                                                                               \
        for (int32_t y = -radius; y < (int32_t)tile->height + radius; y++) {                                             \
            const T *below = SMALTI_SRC(T, tile, y) - (ptrdiff_t)radius * tile->channels;                                \
            for (size_t i = 0; i < count; i++)                                                                           \
                column[i] += below[i];                                                                                   \
            if (y < radius)                                                                                              \
                continue;                                                                                                \
            T *dst = SMALTI_DST(T, tile, y - radius);                                                                    \
            const T *end = dst + tile->dst_pitch / sizeof(T);                                                            \
            const uint32_t side = 2 * (uint32_t)radius + 1;                                                              \
            if (tile->channels == 3)                                                                                     \
                along_##name(column, dst, end, tile->width, side, 3);                                                    \
            else                                                                                                         \
                along_##name(column, dst, end, tile->width, side, tile->channels);                                       \
            const T *above = SMALTI_SRC(T, tile, y - 2 * radius) - (ptrdiff_t)radius * tile->channels;                   \
            for (size_t i = 0; i < count; i++)                                                                           \
                column[i] -= above[i];                                                                                   \
        }                                                                                                                \
        return 0;                                                                                                        \
    }
BOX(u8, uint8_t, 255)
BOX(u16, uint16_t, 65535)

SMALTI_TILE(box_u8, box_u16, SMALTI_NONE)
