/* SPDX-License-Identifier: Apache-2.0
 * Samples to floats and back, for the tables of resample_rows.h, which are compiled for different processors: each
 * defines PIXELS_TARGET before it includes this. Alpha and samples that are not linear keep their own scale (0…255,
 * 0…65535); linear light is 0…1. A weighted colour is colour × alpha. */
#include "pixel/resample_rows.h"

#ifndef PIXELS_TARGET
#define PIXELS_TARGET
#endif
#define PIXELS_INLINE PIXELS_TARGET static inline __attribute__((always_inline))

PIXELS_INLINE float sample_at(smalti_sample sample, const void *src, size_t i)
{
    return sample == SMALTI_SAMPLE_U8    ? (float)((const uint8_t *)src)[i]
           : sample == SMALTI_SAMPLE_U16 ? (float)((const uint16_t *)src)[i]
                                         : ((const float *)src)[i];
}

PIXELS_INLINE float level_of(smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8 ? 255 : sample == SMALTI_SAMPLE_U16 ? 65535 : 1;
}

PIXELS_INLINE float colour_linear(const smalti__srgb *srgb, smalti_sample sample, const void *src, size_t i)
{
    return sample == SMALTI_SAMPLE_U8    ? srgb->u8[((const uint8_t *)src)[i]]
           : sample == SMALTI_SAMPLE_U16 ? smalti__srgb_decode_u16(srgb, ((const uint16_t *)src)[i])
                                         : smalti__srgb_decode(((const float *)src)[i]);
}

/* Of a premultiplied colour: p / a, decoded. */
PIXELS_INLINE float colour_unweighted(const smalti__srgb *srgb, smalti_sample sample, float p, float a)
{
    if (!(a > 0))
        return 0;
    float c = p / a;
    if (sample == SMALTI_SAMPLE_F32)
        return smalti__srgb_decode(c);
    return smalti__srgb_decode_level(srgb, (c < 1 ? c : 1) * 65535);
}

PIXELS_INLINE void load_alpha(const smalti__pixels *pixels, smalti_sample sample, uint32_t channels, float *dst,
                              const void *src, size_t count)
{
    const smalti__srgb *srgb = pixels->linear ? smalti__srgb_get() : NULL;
    for (size_t i = 0; i < count * channels; i += channels) {
        float a = sample_at(sample, src, i + channels - 1);
        for (uint32_t c = 0; c + 1 < channels; c++) {
            float v = !srgb                   ? sample_at(sample, src, i + c)
                      : pixels->premultiplied ? colour_unweighted(srgb, sample, sample_at(sample, src, i + c), a)
                                              : colour_linear(srgb, sample, src, i + c);
            dst[i + c] = !srgb && pixels->premultiplied ? v : v * a;
        }
        dst[i + channels - 1] = a;
    }
}

PIXELS_INLINE void load_sample(const smalti__pixels *pixels, smalti_sample sample, float *dst, const void *src,
                               size_t count)
{
    size_t samples = count * pixels->channels;
    if (pixels->alpha && pixels->channels == 4)
        load_alpha(pixels, sample, 4, dst, src, count);
    else if (pixels->alpha)
        load_alpha(pixels, sample, 2, dst, src, count);
    else if (pixels->linear) {
        const smalti__srgb *srgb = smalti__srgb_get();
        for (size_t i = 0; i < samples; i++)
            dst[i] = colour_linear(srgb, sample, src, i);
    } else
        for (size_t i = 0; i < samples; i++)
            dst[i] = sample_at(sample, src, i);
}

PIXELS_TARGET static void load_pixels(const smalti__pixels *pixels, float *dst, const void *src, size_t count)
{
    if (pixels->sample == SMALTI_SAMPLE_U8)
        load_sample(pixels, SMALTI_SAMPLE_U8, dst, src, count);
    else if (pixels->sample == SMALTI_SAMPLE_U16)
        load_sample(pixels, SMALTI_SAMPLE_U16, dst, src, count);
    else
        load_sample(pixels, SMALTI_SAMPLE_F32, dst, src, count);
}

/* Rounded to the nearest level up to limit; not a number is 0. */
PIXELS_INLINE void put(smalti_sample sample, void *dst, size_t i, float v, float limit)
{
    if (sample == SMALTI_SAMPLE_F32) {
        ((float *)dst)[i] = v;
        return;
    }
    v = v > 0 ? v : 0;
    v = v < limit ? v : limit;
    int32_t level = (int32_t)(v + 0.5f);
    if (sample == SMALTI_SAMPLE_U8)
        ((uint8_t *)dst)[i] = (uint8_t)level;
    else
        ((uint16_t *)dst)[i] = (uint16_t)level;
}

PIXELS_INLINE void put_linear(const smalti__srgb *srgb, smalti_sample sample, void *dst, size_t i, float v)
{
    if (sample == SMALTI_SAMPLE_U8)
        ((uint8_t *)dst)[i] = smalti__srgb_encode_u8(srgb, v);
    else if (sample == SMALTI_SAMPLE_U16)
        ((uint16_t *)dst)[i] = (uint16_t)(smalti__srgb_encode_u16(srgb, v) + 0.5f);
    else
        ((float *)dst)[i] = smalti__srgb_encode(v);
}

/* A colour in linear light, not weighted, times alpha as its samples say it. */
PIXELS_INLINE void put_weighted(const smalti__srgb *srgb, smalti_sample sample, void *dst, size_t i, float v, float a)
{
    if (sample == SMALTI_SAMPLE_F32)
        ((float *)dst)[i] = smalti__srgb_encode(v) * a;
    else
        put(sample, dst, i, smalti__srgb_encode_u16(srgb, v) * (a * (1.0f / 65535)), a);
}

PIXELS_INLINE void store_alpha(const smalti__pixels *pixels, smalti_sample sample, uint32_t channels, void *dst,
                               const float *src, size_t count)
{
    const smalti__srgb *srgb = pixels->linear ? smalti__srgb_get() : NULL;
    float most = level_of(sample);
    for (size_t i = 0; i < count * channels; i += channels) {
        size_t at = i + channels - 1;
        float a = src[at];
        put(sample, dst, at, a, most);
        float stored = sample_at(sample, dst, at);
        float inverse = stored > 0 && a > 0 ? 1 / a : 0;
        for (uint32_t c = 0; c + 1 < channels; c++)
            if (!srgb && pixels->premultiplied)
                put(sample, dst, i + c, src[i + c], stored);
            else if (!srgb)
                put(sample, dst, i + c, src[i + c] * inverse, most);
            else if (pixels->premultiplied)
                put_weighted(srgb, sample, dst, i + c, src[i + c] * inverse, stored);
            else
                put_linear(srgb, sample, dst, i + c, src[i + c] * inverse);
    }
}

PIXELS_INLINE void store_sample(const smalti__pixels *pixels, smalti_sample sample, void *dst, const float *src,
                                size_t count)
{
    size_t samples = count * pixels->channels;
    if (pixels->alpha && pixels->channels == 4)
        store_alpha(pixels, sample, 4, dst, src, count);
    else if (pixels->alpha)
        store_alpha(pixels, sample, 2, dst, src, count);
    else if (pixels->linear) {
        const smalti__srgb *srgb = smalti__srgb_get();
        for (size_t i = 0; i < samples; i++)
            put_linear(srgb, sample, dst, i, src[i]);
    } else
        for (size_t i = 0; i < samples; i++)
            put(sample, dst, i, src[i], level_of(sample));
}

PIXELS_TARGET static void store_pixels(const smalti__pixels *pixels, void *dst, const float *src, size_t count)
{
    if (pixels->sample == SMALTI_SAMPLE_U8)
        store_sample(pixels, SMALTI_SAMPLE_U8, dst, src, count);
    else if (pixels->sample == SMALTI_SAMPLE_U16)
        store_sample(pixels, SMALTI_SAMPLE_U16, dst, src, count);
    else
        store_sample(pixels, SMALTI_SAMPLE_F32, dst, src, count);
}
