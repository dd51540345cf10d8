/* SPDX-License-Identifier: Apache-2.0
 * The median of each sample's 3×3 neighbours: takes away single wrong pixels, keeps edges. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "median", "version": "1.0", "abi": 1, "kind": "tile",
    "summary": "median of 3x3 neighbours; all channels alike",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 1
})

/* The three of each column are sorted; the median is then the middle one of the largest low, the middle middle and the
 * smallest high. */
#define MEDIAN(name, T, V, lanes)                                                                         \
    SMALTI_INLINE V middle_##name(V a, V b, V c)                                                          \
    {                                                                                                     \
        return smalti_max_##name(smalti_min_##name(a, b), smalti_min_##name(smalti_max_##name(a, b), c)); \
    }                                                                                                     \
    static void median_##name(const T *restrict src, ptrdiff_t pitch, T *restrict dst, size_t count,      \
                              const smalti_tile *tile)                                                    \
    {                                                                                                     \
        for (size_t i = 0; i < count; i += sizeof(V) / sizeof(T)) {                                       \
            V low[3], mid[3], high[3];                                                                    \
            const T *at = src + i - tile->channels;                                                       \
            for (int n = 0; n < 3; n++, at += tile->channels) {                                           \
                const V a = smalti_load_##lanes(at - pitch), b = smalti_load_##lanes(at);                 \
                const V c = smalti_load_##lanes(at + pitch);                                              \
                const V less = smalti_min_##name(a, b), more = smalti_max_##name(a, b);                   \
                low[n] = smalti_min_##name(less, c), high[n] = smalti_max_##name(more, c);                \
                mid[n] = smalti_max_##name(less, smalti_min_##name(more, c));                             \
            }                                                                                             \
            const V a = smalti_max_##name(smalti_max_##name(low[0], low[1]), low[2]);                     \
            const V c = smalti_min_##name(smalti_min_##name(high[0], high[1]), high[2]);                  \
            smalti_store_##lanes(dst + i, middle_##name(a, middle_##name(mid[0], mid[1], mid[2]), c));    \
        }                                                                                                 \
    }
MEDIAN(u8, uint8_t, smalti_u8x16, u8x16)
MEDIAN(u16, uint16_t, smalti_u16x8, u16x8)
MEDIAN(f32, float, smalti_f32x4, f32x4)

SMALTI_STENCIL(median_u8, median_u16, median_f32)
