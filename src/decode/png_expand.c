/* SPDX-License-Identifier: Apache-2.0
 * Stored PNG samples in the form they are delivered in: small grays scaled to 8 bits, palette entries looked up, a
 * transparent color turned into an alpha channel, 16-bit samples in host order. */
#include "decode/png.h"

/* Sample x of a row of samples of 1, 2, 4 or 8 bits. */
static inline uint32_t small_sample(const uint8_t *src, uint32_t x, uint32_t depth)
{
    uint64_t bit = (uint64_t)x * depth;
    return src[bit >> 3] >> (8 - depth - (bit & 7)) & ((1u << depth) - 1);
}

static void expand_palette(smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width)
{
    uint32_t depth = png->depth, highest = 0;
    size_t pixel = png->pixel_bytes;
    for (uint32_t x = 0; x < width; x++) {
        uint32_t index = small_sample(src, x, depth);
        highest = highest > index ? highest : index;
        if (pixel == 4)
            memcpy(dst + 4 * (size_t)x, png->palette[index], 4);
        else
            memcpy(dst + 3 * (size_t)x, png->palette[index], 3);
    }
    if (highest >= png->palette_count && !png->warned_index) {
        png->warned_index = true;
        smalti__png_warn(png, "pixels beyond the %u entries of the palette are black", png->palette_count);
    }
}

static void expand_small_gray(const smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width)
{
    uint32_t depth = png->depth, scale = 255 / ((1u << depth) - 1);
    for (uint32_t x = 0; x < width; x++) {
        uint32_t gray = small_sample(src, x, depth);
        if (png->has_key) {
            dst[2 * (size_t)x] = (uint8_t)(gray * scale);
            dst[2 * (size_t)x + 1] = gray == png->key[0] ? 0 : 255;
        } else {
            dst[x] = (uint8_t)(gray * scale);
        }
    }
}

static void expand_rgb8_key(const smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, src += 3, dst += 4) {
        bool clear = src[0] == png->key[0] && src[1] == png->key[1] && src[2] == png->key[2];
        dst[0] = src[0], dst[1] = src[1], dst[2] = src[2];
        dst[3] = clear ? 0 : 255;
    }
}

static void expand_16(uint8_t *dst, const uint8_t *src, size_t samples)
{
    for (size_t i = 0; i < samples; i++) {
        uint16_t sample = (uint16_t)smalti__be16(src + 2 * i);
        memcpy(dst + 2 * i, &sample, 2);
    }
}

static void expand_16_key(const smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width)
{
    uint32_t channels = png->stored_channels;
    for (uint32_t x = 0; x < width; x++) {
        uint16_t pixel[4];
        bool clear = true;
        for (uint32_t c = 0; c < channels; c++, src += 2) {
            pixel[c] = (uint16_t)smalti__be16(src);
            clear = clear && pixel[c] == png->key[c];
        }
        pixel[channels] = clear ? 0 : UINT16_MAX;
        memcpy(dst, pixel, png->pixel_bytes);
        dst += png->pixel_bytes;
    }
}

void smalti__png_expand(smalti__png *png, uint8_t *dst, const uint8_t *src, uint32_t width)
{
    if (png->color == SMALTI__PNG_PALETTE)
        expand_palette(png, dst, src, width);
    else if (png->depth == 16 && png->has_key)
        expand_16_key(png, dst, src, width);
    else if (png->depth == 16)
        expand_16(dst, src, (size_t)width * png->stored_channels);
    else if (png->color == SMALTI__PNG_RGB)
        expand_rgb8_key(png, dst, src, width);
    else
        expand_small_gray(png, dst, src, width);
}
