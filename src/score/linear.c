/* SPDX-License-Identifier: Apache-2.0
 * Rows of any samples and channels to planes of linear light. */
#include "score/linear.h"

#include <math.h>
#include <pthread.h>

enum { STEPS = 4096 }; /* straight lines between them are off by at most 3e-8 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static float bytes[256], curve[STEPS + 2];

static double srgb_to_linear(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static void fill(void)
{
    for (int i = 0; i < 256; i++)
        bytes[i] = (float)srgb_to_linear(i / 255.0);
    for (int i = 0; i <= STEPS; i++)
        curve[i] = (float)srgb_to_linear((double)i / STEPS);
    curve[STEPS + 1] = curve[STEPS];
}

/* v is 0…1 */
static inline float linear_of(float v)
{
    float at = v * STEPS;
    int step = (int)at;
    return curve[step] + (curve[step + 1] - curve[step]) * (at - (float)step);
}

static inline float sample_at(const void *row, size_t index, smalti_sample sample)
{
    switch (sample) {
    case SMALTI_SAMPLE_U8:
        return (float)((const uint8_t *)row)[index] * (1.0f / 255.0f);
    case SMALTI_SAMPLE_U16:
        return (float)((const uint16_t *)row)[index] * (1.0f / 65535.0f);
    default: {
        float value = ((const float *)row)[index];
        return value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f; /* NaN becomes 0 */
    }
    }
}

static bool has_alpha(const smalti__shape *shape)
{
    return shape->channels == 2 || shape->channels == 4;
}

static void linear_bytes(float *const rgb[3], const smalti__shape *shape, const uint8_t *row)
{
    if (shape->channels == 1)
        for (size_t x = 0; x < shape->width; x++)
            rgb[0][x] = rgb[1][x] = rgb[2][x] = bytes[row[x]];
    else
        for (size_t x = 0; x < shape->width; x++)
            for (size_t c = 0; c < 3; c++)
                rgb[c][x] = bytes[row[3 * x + c]];
}

void smalti__score_linear(float *const rgb[3], const smalti__shape *shape, const void *row, float ground)
{
    pthread_once(&once, fill);
    if (shape->sample == SMALTI_SAMPLE_U8 && !has_alpha(shape)) {
        linear_bytes(rgb, shape, row);
        return;
    }
    size_t channels = shape->channels, step = channels >= 3;
    for (size_t x = 0; x < shape->width; x++) {
        float alpha = has_alpha(shape) ? sample_at(row, x * channels + channels - 1, shape->sample) : 1.0f;
        for (size_t c = 0; c < 3; c++) {
            float value = sample_at(row, x * channels + c * step, shape->sample);
            rgb[c][x] = linear_of(alpha < 1.0f ? ground + (value - ground) * alpha : value);
        }
    }
}

bool smalti__score_opaque(const smalti__shape *shape, const void *row)
{
    if (!has_alpha(shape))
        return true;
    for (size_t x = 0, at = shape->channels - 1; x < shape->width; x++, at += shape->channels)
        if (sample_at(row, at, shape->sample) < 1.0f)
            return false;
    return true;
}
