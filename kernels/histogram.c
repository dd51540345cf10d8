/* SPDX-License-Identifier: Apache-2.0
 * How often each of 256 levels occurs in each channel. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "histogram", "version": "1.0", "abi": 1, "kind": "measure",
    "summary": "256 bins for each channel",
    "samples": ["u8", "u16", "f32"], "channels": [1, 2, 3, 4], "halo": 0, "state_bytes": 4096,
    "values": [
        {"name": "channel0", "count": 256, "summary": "pixels in each bin"},
        {"name": "channel1", "count": 256}, {"name": "channel2", "count": 256}, {"name": "channel3", "count": 256}
    ]
})

struct histogram {
    uint32_t count[4][256];
};

static int32_t init(struct histogram *h, const smalti_tile *whole)
{
    (void)whole;
    *h = (struct histogram){0};
    return 0;
}

#define COUNT(T, bin)                                                   \
    for (uint32_t y = 0; y < tile->height; y++) {                       \
        const T *v = SMALTI_SRC(T, tile, y);                            \
        for (uint32_t x = 0; x < tile->width; x++, v += tile->channels) \
            for (uint32_t c = 0; c < tile->channels; c++)               \
                h->count[c][bin]++;                                     \
    }

static int32_t accumulate(struct histogram *h, const smalti_tile *tile)
{
    if (tile->sample == SMALTI_U8)
        COUNT(uint8_t, v[c])
    else if (tile->sample == SMALTI_U16)
        COUNT(uint16_t, v[c] >> 8)
    else
        COUNT(float, (uint8_t)smalti_clamp(v[c] * 256.0, 0, 255))
    return 0;
}

static int32_t merge(struct histogram *h, const struct histogram *other)
{
    for (int i = 0; i < 4 * 256; i++)
        h->count[i / 256][i % 256] += other->count[i / 256][i % 256];
    return 0;
}

static int32_t finish(const struct histogram *h, const smalti_tile *whole, double *values)
{
    (void)whole;
    for (int i = 0; i < 4 * 256; i++)
        values[i] = h->count[i / 256][i % 256];
    return 0;
}

SMALTI_MEASURE(struct histogram, init, accumulate, merge, finish)
