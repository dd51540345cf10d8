/* SPDX-License-Identifier: Apache-2.0
 * Interlaced images made smaller while they are decoded. Every pixel of every pass is added to the box it lies in, so that
 * the result is the exact average and memory is taken for the boxes alone. */
#include "decode/png.h"

enum {
    MARGIN = 2,      /* what is delivered has at least so many times the pixels wanted, in each direction */
    SHRINK_MOST = 7, /* 2^14 products of an 8-bit color and its alpha fit 32 bits, of 16-bit ones 64 */
};

static uint32_t boxes(uint32_t size, uint32_t shrink)
{
    return (uint32_t)(((uint64_t)size + (1u << shrink) - 1) >> shrink);
}

static size_t sum_bytes(const smalti__png *png)
{
    return png->base.info.sample == SMALTI_SAMPLE_U16 ? sizeof(uint64_t) : sizeof(uint32_t);
}

void smalti__png_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height)
{
    smalti__png *png = (smalti__png *)decoder;
    const smalti_info *info = &decoder->info;
    if (!info->interlaced)
        return;
    uint32_t shrink = 0;
    while (shrink < SHRINK_MOST && boxes(info->width, shrink + 1) >= (uint64_t)MARGIN * width &&
           boxes(info->height, shrink + 1) >= (uint64_t)MARGIN * height)
        shrink++;
    png->shrink = shrink;
    decoder->out.width = boxes(info->width, shrink);
    decoder->out.height = boxes(info->height, shrink);
    decoder->reduced = 1u << shrink;
    decoder->work_bytes = smalti__png_work_bytes(png);
}

size_t smalti__png_sums_bytes(const smalti__png *png)
{
    const smalti_info *info = &png->base.info;
    size_t bytes;
    bool fits = smalti__mul(boxes(info->width, png->shrink), boxes(info->height, png->shrink), &bytes) &&
                smalti__mul(bytes, info->channels * sum_bytes(png), &bytes);
    return fits ? bytes : SIZE_MAX;
}

/* One function for each sample type and number of channels: their loops are unrolled. */
#define ADD_PIXELS(name, sample, sum, channels)                                                                 \
    static void name(sum *sums, const uint8_t *row, uint32_t width, uint32_t x, uint32_t step, uint32_t shrink) \
    {                                                                                                           \
        for (uint32_t i = 0; i < width; i++, x += step, row += (channels) * sizeof(sample)) {                   \
            sample pixel[channels];                                                                             \
            sum *box = sums + (size_t)(x >> shrink) * (channels);                                               \
            memcpy(pixel, row, sizeof pixel);                                                                   \
            sum weight = (channels) % 2 == 0 ? pixel[(channels) - 1] : 1;                                       \
            for (int c = 0; c < (channels) - ((channels) % 2 == 0); c++)                                        \
                box[c] += pixel[c] * weight;                                                                    \
            if ((channels) % 2 == 0)                                                                            \
                box[(channels) - 1] += weight;                                                                  \
        }                                                                                                       \
    }
ADD_PIXELS(add_8_1, uint8_t, uint32_t, 1)
ADD_PIXELS(add_8_2, uint8_t, uint32_t, 2)
ADD_PIXELS(add_8_3, uint8_t, uint32_t, 3)
ADD_PIXELS(add_8_4, uint8_t, uint32_t, 4)
ADD_PIXELS(add_16_1, uint16_t, uint64_t, 1)
ADD_PIXELS(add_16_2, uint16_t, uint64_t, 2)
ADD_PIXELS(add_16_3, uint16_t, uint64_t, 3)
ADD_PIXELS(add_16_4, uint16_t, uint64_t, 4)

void smalti__png_sums_add(smalti__png *png, const uint8_t *row, uint32_t width, uint32_t x, uint32_t step, uint32_t y)
{
    static void (*const add_8[])(uint32_t *, const uint8_t *, uint32_t, uint32_t, uint32_t,
                                 uint32_t) = {add_8_1, add_8_2, add_8_3, add_8_4};
    static void (*const add_16[])(uint64_t *, const uint8_t *, uint32_t, uint32_t, uint32_t,
                                  uint32_t) = {add_16_1, add_16_2, add_16_3, add_16_4};
    const smalti_info *info = &png->base.info;
    size_t first = (size_t)(y >> png->shrink) * boxes(info->width, png->shrink) * info->channels;
    if (info->sample == SMALTI_SAMPLE_U16)
        add_16[info->channels - 1]((uint64_t *)png->sums + first, row, width, x, step, png->shrink);
    else
        add_8[info->channels - 1]((uint32_t *)png->sums + first, row, width, x, step, png->shrink);
}

static uint64_t sum_at(const smalti__png *png, size_t i)
{
    return sum_bytes(png) == sizeof(uint64_t) ? ((const uint64_t *)png->sums)[i] : ((const uint32_t *)png->sums)[i];
}

/* Pixels in the box at number: those at the far edges are smaller. */
static uint32_t box_size(uint32_t number, uint32_t size, uint32_t shrink)
{
    uint32_t from = number << shrink;
    return size - from < 1u << shrink ? size - from : 1u << shrink;
}

void smalti__png_sums_row(const smalti__png *png, uint8_t *dst, uint32_t y)
{
    const smalti_info *info = &png->base.info;
    uint32_t width = boxes(info->width, png->shrink), channels = info->channels, height = info->height;
    bool alpha = channels % 2 == 0, wide = info->sample == SMALTI_SAMPLE_U16;
    uint64_t rows = box_size(y, height, png->shrink);
    size_t at = (size_t)y * width * channels;
    for (uint32_t x = 0; x < width; x++)
        for (uint32_t c = 0; c < channels; c++, at++) {
            bool color = alpha && c + 1 < channels;
            uint64_t parts = color ? sum_at(png, at - c + channels - 1) : rows * box_size(x, info->width, png->shrink);
            uint16_t value = (uint16_t)(parts ? (sum_at(png, at) + parts / 2) / parts : 0);
            if (wide)
                memcpy(dst + 2 * ((size_t)x * channels + c), &value, 2);
            else
                dst[(size_t)x * channels + c] = (uint8_t)value;
        }
}
