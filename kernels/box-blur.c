/* SPDX-License-Identifier: Apache-2.0
 * Mean of a square around each pixel. Sums of whole numbers slide down and along, so the radius costs nothing. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "box-blur", "version": "1.0", "abi": 1, "kind": "tile", "alpha": "premultiplied",
    "summary": "mean of (2 radius + 1)^2 pixels",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": "dynamic",
    "params": [{"name": "radius", "type": "integer", "min": 1, "max": 100, "default": 2, "unit": "pixels"}]
})

static int32_t halo(const double *params)
{
    return (int32_t)params[0];
}
SMALTI_HALO(halo)

/* A sum for each sample of a row and of the halo, and 16 more for vectors. */
static size_t scratch(const smalti_tile *tile)
{
    return (((size_t)tile->width + 2 * (size_t)tile->params[0]) * tile->channels + 16) * sizeof(uint32_t);
}
SMALTI_SCRATCH(scratch)

/* Along a row of column sums, a pixel at a time. A store writes four samples; those behind the pixel come later, and
 * behind the row there is room to the next 64 bytes or more, except for the last few pixels of some rows. */
#define BOX(name, T, four, V)                                                                                         \
    SMALTI_INLINE void along_##name(const uint32_t *column, T *dst, const T *end, uint32_t width, uint32_t side,      \
                                    uint32_t channels)                                                                \
    {                                                                                                                 \
        const float scale = 1.0f / (float)(side * side);                                                              \
        const uint32_t *old = column;                                                                                 \
        smalti_u32x4 sum = {0};                                                                                       \
        for (uint32_t x = 0; x + 1 < side; x++, column += channels)                                                   \
            sum += (smalti_u32x4)smalti_load_i32x4(column);                                                           \
        uint32_t x = 0;                                                                                               \
        for (; x + 8 <= width && end - dst >= 32; x += 8)                                                             \
            _Pragma("GCC unroll 8") for (int n = 0; n < 8; n++, column += channels, old += channels, dst += channels) \
            {                                                                                                         \
                sum += (smalti_u32x4)smalti_load_i32x4(column);                                                       \
                smalti_put_levels_##name(dst, __builtin_convertvector((V)sum, smalti_f32x4) * scale);                 \
                sum -= (smalti_u32x4)smalti_load_i32x4(old);                                                          \
            }                                                                                                         \
        for (; x < width; x++, column += channels, old += channels, dst += channels) {                                \
            T samples[4];                                                                                             \
            sum += (smalti_u32x4)smalti_load_i32x4(column);                                                           \
            smalti_put_levels_##name(samples, __builtin_convertvector((V)sum, smalti_f32x4) * scale);                 \
            for (uint32_t c = 0; c < channels; c++)                                                                   \
                dst[c] = samples[c];                                                                                  \
            sum -= (smalti_u32x4)smalti_load_i32x4(old);                                                              \
        }                                                                                                             \
    }                                                                                                                 \
    /* Sixteen column sums a round. */                                                                                \
    static void slide_##name(uint32_t *column, const T *below, const T *above, size_t count)                          \
    {                                                                                                                 \
        for (size_t round = 0; round < count; round += 16)                                                            \
            _Pragma("GCC unroll 4") for (size_t i = round; i < round + 16; i += 4)                                    \
            {                                                                                                         \
                const smalti_i32x4 in = __builtin_convertvector(smalti_load_##four(below + i), smalti_i32x4);         \
                const smalti_i32x4 out = __builtin_convertvector(smalti_load_##four(above + i), smalti_i32x4);        \
                smalti_store_i32x4(column + i, smalti_load_i32x4(column + i) + in - out);                             \
            }                                                                                                         \
    }                                                                                                                 \
    static int32_t box_##name(const smalti_tile *tile)                                                                \
    {                                                                                                                 \
        const int32_t radius = (int32_t)tile->params[0];                                                              \
        const ptrdiff_t left = radius * (ptrdiff_t)tile->channels;                                                    \
        const size_t count = scratch(tile) / sizeof(uint32_t) - 16;                                                   \
        uint32_t *column = tile->scratch;                                                                             \
        for (size_t i = 0; i < count + 16; i++)                                                                       \
            column[i] = 0;                                                                                            \
        for (int32_t y = -radius; y <= radius; y++)                                                                   \
            for (size_t i = 0; i < count; i++)                                                                        \
                column[i] += (SMALTI_SRC(T, tile, y) - left)[i];                                                      \
        for (int32_t y = 0; y < (int32_t)tile->height; y++) {                                                         \
            T *dst = SMALTI_DST(T, tile, y);                                                                          \
            const T *end = dst + tile->dst_pitch / sizeof(T);                                                         \
            if (y > 0)                                                                                                \
                slide_##name(column, SMALTI_SRC(T, tile, y + radius) - left,                                          \
                             SMALTI_SRC(T, tile, y - radius - 1) - left, count);                                      \
            if (tile->channels == 3)                                                                                  \
                along_##name(column, dst, end, tile->width, 2 * (uint32_t)radius + 1, 3);                             \
            else                                                                                                      \
                along_##name(column, dst, end, tile->width, 2 * (uint32_t)radius + 1, tile->channels);                \
        }                                                                                                             \
        return 0;                                                                                                     \
    }
BOX(u8, uint8_t, u8x4, smalti_i32x4)
BOX(u16, uint16_t, u16x4, smalti_u32x4)

SMALTI_TILE(box_u8, box_u16, SMALTI_NONE)
