/* SPDX-License-Identifier: Apache-2.0
 * Makes the tables of sRGB. */
#include "pixel/srgb.h"

#include <math.h>
#include <pthread.h>

static smalti__srgb tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static double decode(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double encode(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

float smalti__srgb_decode(float encoded)
{
    float v = fabsf(encoded);
    return copysignf(v <= 0.04045f ? v * (1 / 12.92f) : powf((v + 0.055f) * (1 / 1.055f), 2.4f), encoded);
}

float smalti__srgb_encode(float linear)
{
    float v = fabsf(linear);
    return copysignf(v <= 0.0031308f ? v * 12.92f : 1.055f * powf(v, 1 / 2.4f) - 0.055f, linear);
}

static void make_tables(void)
{
    for (int i = 0; i < 256; i++) {
        tables.u8[i] = (float)decode(i / 255.0);
        tables.least[i] = i ? (float)decode((i - 0.5) / 255) : 0;
    }
    tables.least[256] = INFINITY;
    for (int i = 0; i <= SMALTI__SRGB_DECODE; i++)
        tables.u16[i] = (float)decode(i * 16 / 65535.0);
    int level = 0;
    for (int i = 0; i <= SMALTI__SRGB_CANDIDATES; i++) {
        while ((float)i / SMALTI__SRGB_CANDIDATES >= tables.least[level + 1])
            level++;
        tables.candidate[i] = (uint8_t)level;
    }
    for (int i = 0; i < (int)(sizeof tables.encoded / sizeof *tables.encoded); i++) {
        double start = ldexp(1, i / SMALTI__SRGB_STEPS - SMALTI__SRGB_OCTAVES);
        tables.encoded[i] = (float)(65535 * encode(start * (1 + i % SMALTI__SRGB_STEPS / (double)SMALTI__SRGB_STEPS)));
    }
}

const smalti__srgb *smalti__srgb_get(void)
{
    pthread_once(&tables_once, make_tables);
    return &tables;
}
