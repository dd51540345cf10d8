/* SPDX-License-Identifier: Apache-2.0
 * Mean and standard deviation of each channel, from exact sums. */
#include <smalti_kernel.h>

SMALTI_DESCRIBE({
    "name": "mean-deviation", "version": "1.0", "abi": 1, "kind": "measure",
    "summary": "mean and standard deviation of each channel, 0...1",
    "samples": ["u8", "u16"], "channels": [1, 2, 3, 4], "halo": 0, "state_bytes": 64,
    "values": [
        {"name": "mean", "count": 4, "summary": "0 for channels that the image does not have"},
        {"name": "deviation", "count": 4}
    ]
})

struct sums {
    uint64_t sum[4], square[4];
};

static int32_t init(struct sums *s, const smalti_tile *whole)
{
    (void)whole;
    *s = (struct sums){0};
    return 0;
}

#define SUM(T)                                                              \
    for (uint32_t y = 0; y < tile->height; y++)                             \
        for (uint32_t c = 0; c < tile->channels; c++) {                     \
            const T *v = SMALTI_SRC(T, tile, y) + c;                        \
            uint64_t sum = 0, square = 0;                                   \
            for (uint32_t x = 0; x < tile->width; x++, v += tile->channels) \
                sum += *v, square += (uint32_t)*v * *v;                     \
            s->sum[c] += sum, s->square[c] += square;                       \
        }

static int32_t accumulate(struct sums *s, const smalti_tile *tile)
{
    if (tile->sample == SMALTI_U8)
        SUM(uint8_t)
    else
        SUM(uint16_t)
    return 0;
}

static int32_t merge(struct sums *s, const struct sums *other)
{
    for (int c = 0; c < 4; c++)
        s->sum[c] += other->sum[c], s->square[c] += other->square[c];
    return 0;
}

static int32_t finish(const struct sums *s, const smalti_tile *whole, double *values)
{
    const double most = whole->sample == SMALTI_U8 ? 255 : 65535;
    const double count = (double)whole->image_width * whole->image_height;
    for (int c = 0; c < 4; c++) {
        const double mean = (double)s->sum[c] / count, variance = (double)s->square[c] / count - mean * mean;
        values[c] = mean / most;
        values[4 + c] = smalti_sqrt(variance > 0 ? variance : 0) / most;
    }
    return 0;
}

SMALTI_MEASURE(struct sums, init, accumulate, merge, finish)
