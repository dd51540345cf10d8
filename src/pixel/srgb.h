/* SPDX-License-Identifier: Apache-2.0
 * The transfer curve of sRGB (IEC 61966-2-1), both ways, by tables that are made at the first use. */
#ifndef SMALTI_SRC_SRGB_H
#define SMALTI_SRC_SRGB_H

#include <stdint.h>
#include <string.h>

enum {
    SMALTI__SRGB_DECODE = 4096,   /* steps of 16 levels of u16 */
    SMALTI__SRGB_CANDIDATES = 4096,
    SMALTI__SRGB_OCTAVES = 9,     /* encoding to u16 bends most near 0: steps of a 256th of each power of two */
    SMALTI__SRGB_STEPS = 256
};

typedef struct smalti__srgb {
    float u8[256];                               /* linear light of a level */
    float u16[SMALTI__SRGB_DECODE + 1];          /* of every 16th level of u16 */
    float least[257];                            /* linear light from which a level of u8 is the nearest */
    uint8_t candidate[SMALTI__SRGB_CANDIDATES + 1]; /* level of u8 at the start of each step; the next may be right */
    float encoded[SMALTI__SRGB_OCTAVES * SMALTI__SRGB_STEPS + 2]; /* level of u16, by the bits of the float */
} smalti__srgb;

const smalti__srgb *smalti__srgb_get(void);

/* For any value: odd symmetry below 0, and the curve goes on above 1. */
float smalti__srgb_decode(float encoded);
float smalti__srgb_encode(float linear);

/* Within 0.02 of a level. */
static inline float smalti__srgb_decode_u16(const smalti__srgb *srgb, uint16_t level)
{
    const float *at = srgb->u16 + (level >> 4);
    return at[0] + (at[1] - at[0]) * ((float)(level & 15) * (1.0f / 16));
}

/* The same for any level of 0…65535, not whole. */
static inline float smalti__srgb_decode_level(const smalti__srgb *srgb, float level)
{
    uint32_t step = (uint32_t)level >> 4;
    const float *at = srgb->u16 + step;
    return at[0] + (at[1] - at[0]) * ((level - (float)(step << 4)) * (1.0f / 16));
}

/* The nearest level, exactly. */
static inline uint8_t smalti__srgb_encode_u8(const smalti__srgb *srgb, float linear)
{
    if (!(linear > 0))
        return 0;
    if (linear >= 1)
        return 255;
    uint8_t level = srgb->candidate[(uint32_t)(linear * SMALTI__SRGB_CANDIDATES)];
    return (uint8_t)(level + (linear >= srgb->least[level + 1]));
}

/* A level of 0…65535, not rounded, within 0.05. */
static inline float smalti__srgb_encode_u16(const smalti__srgb *srgb, float linear)
{
    if (!(linear > 0))
        return 0;
    if (linear >= 1)
        return 65535;
    if (linear < 1.0f / (1 << SMALTI__SRGB_OCTAVES))
        return linear * (12.92f * 65535);
    uint32_t bits;
    memcpy(&bits, &linear, sizeof bits);
    bits -= (127u - SMALTI__SRGB_OCTAVES) << 23;
    const float *at = srgb->encoded + (bits >> 15);
    return at[0] + (at[1] - at[0]) * ((float)(bits & 0x7FFF) * (1.0f / 0x8000));
}

#endif
