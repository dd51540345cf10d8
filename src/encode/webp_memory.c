/* SPDX-License-Identifier: Apache-2.0
 * What libwebp allocates to encode. It depends on the pixels most of all; the constants are bounds over what was measured
 * (libwebp 1.2.4, every allocation counted) with noise of full contrast, whose coefficients are as many and as large as any,
 * photographs and gradients, at each method, qualities 1 to 100, and sizes from 1 × 16000 and 32 × 32 to 3000 × 2000. */
#include "encode/webp.h"

enum {
    /* Lossy images are analysed and coded in two passes from method 3 on: between them tokens are kept of all coefficients. */
    FIRST_WITH_TOKENS = 3,
    LARGEST_TOKENS_MIB = 600 /* beyond, libwebp's own low_memory takes their place: 1.6 to 1.9 times the time */
};

/* Bytes per pixel of tokens, in sixteenths. Measured: quality 50 13.7, 80 18, 90 22.3, 95 25, 100 30. */
static uint32_t token_sixteenths(uint32_t quality)
{
    static const struct {
        uint32_t quality, sixteenths;
    } steps[] = {{50, 15 * 16}, {80, 19 * 16}, {90, 24 * 16}, {95, 27 * 16}, {100, 33 * 16}};
    size_t i = 0;
    while (steps[i].quality < quality && i + 1 < SMALTI__COUNT(steps))
        i++;
    return steps[i].sixteenths;
}

static uint64_t padded_pixels(uint32_t width, uint32_t height)
{
    return (uint64_t)smalti__align(width, 16) * smalti__align(height, 16);
}

static uint64_t token_bytes(uint32_t width, uint32_t height, const smalti__encode_params *params)
{
    if (params->webp_effort < FIRST_WITH_TOKENS)
        return 0;
    return padded_pixels(width, height) * token_sixteenths(smalti__webp_quality(params)) / 16;
}

bool smalti__webp_low_memory(uint32_t width, uint32_t height, const smalti__encode_params *params)
{
    return token_bytes(width, height, params) > (uint64_t)LARGEST_TOKENS_MIB << 20;
}

/* Predictors, hash chains, references and the coded bytes, by pixel; histograms for blocks of 4 × 4 pixels at the smallest,
 * and never more than 2600; tables. */
static uint64_t lossless_bytes(uint32_t width, uint32_t height, uint32_t method, bool best)
{
    enum { TABLES = 3 << 19, HISTOGRAM = 17920, MOST_HISTOGRAMS = 2600 };
    uint64_t blocks = ((uint64_t)width + 3) / 4 * (((uint64_t)height + 3) / 4);
    uint32_t by_pixel = method == 6 && best ? 60 : method == 5 ? 54 : 40;
    return TABLES + (blocks < MOST_HISTOGRAMS ? blocks : MOST_HISTOGRAMS) * HISTOGRAM +
           (uint64_t)width * height * by_pixel;
}

static uint64_t lossy_bytes(uint32_t width, uint32_t height, bool alpha, const smalti__encode_params *params)
{
    enum { TABLES = 192 << 10, COLUMN = 128 };
    uint64_t pixels = padded_pixels(width, height);
    /* 1.6 the planes and modes; the rest the coded bytes, in buffers that grow by doubling */
    uint64_t by_pixel = smalti__webp_quality(params) > 80 ? 11 : 7;
    uint64_t tokens = smalti__webp_low_memory(width, height, params) ? 0 : token_bytes(width, height, params);
    uint64_t bytes = TABLES + (uint64_t)width * COLUMN + pixels * by_pixel + tokens;
    /* alpha is coded as a lossless image, thoroughly with the last method */
    return bytes + (alpha ? pixels + lossless_bytes(width, height, params->webp_effort, true) : 0);
}

size_t smalti__webp_encode_bytes(uint32_t width, uint32_t height, uint32_t channels,
                                 const smalti__encode_params *params)
{
    bool alpha = channels % 2 == 0 || params->animation; /* what does not change between frames becomes transparent */
    uint64_t bytes = params->lossless
                         ? lossless_bytes(width, height, params->webp_effort, smalti__webp_quality(params) == 100)
                         : lossy_bytes(width, height, alpha, params);
    /* three canvases, the frame, and a frame's coded bytes in a few candidates; not those of all frames, which libwebpmux
     * keeps to the end */
    if (params->animation)
        bytes += (uint64_t)width * height * 28;
    else
        bytes += smalti__webp_rows_bytes(width, channels, params->lossless);
    return bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX;
}
