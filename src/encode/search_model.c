/* SPDX-License-Identifier: Apache-2.0
 * What size and score to expect of a quality. Measured over the 24 Kodak photographs (AVIF: 6 of them) with the encoders
 * here, at their default effort and subsampling; between the points a line. An image is as far off at one quality as at the
 * next, nearly, which is why a second guess is a good one. */
#include "encode/search_model.h"

#include <math.h>
#include <string.h>

#include "base/base.h"

enum { POINTS = 12 };

static const uint8_t qualities[POINTS] = {1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};

struct smalti__search_model {
    const char *format;
    float score[POINTS], bits[POINTS]; /* bits: log2 of bits of a pixel */
};

static const smalti__search_model models[] = {
    {"jpeg",
     {-63.7f, -54.4f, -13.9f, 28.9f, 46.2f, 55.8f, 61.8f, 66.1f, 71.4f, 77.2f, 84.1f, 92.6f},
     {-2.96f, -2.56f, -1.92f, -1.20f, -0.77f, -0.48f, -0.25f, -0.04f, 0.23f, 0.58f, 1.17f, 2.70f}},
    {"webp",
     {-6.9f, 9.8f, 20.7f, 34.5f, 44.2f, 51.7f, 57.4f, 62.2f, 66.2f, 73.9f, 83.9f, 90.4f},
     {-2.74f, -2.26f, -1.92f, -1.47f, -1.13f, -0.84f, -0.62f, -0.42f, -0.23f, 0.16f, 0.93f, 1.91f}},
    {"avif",
     {-44.8f, -28.4f, -10.1f, 21.7f, 42.4f, 58.0f, 69.7f, 78.6f, 82.6f, 86.2f, 91.5f, 95.3f},
     {-4.25f, -3.66f, -3.06f, -2.08f, -1.40f, -0.78f, -0.23f, 0.31f, 0.65f, 1.06f, 1.82f, 3.20f}},
};

const smalti__search_model *smalti__search_model_of(const char *format)
{
    for (size_t i = 0; i < SMALTI__COUNT(models); i++)
        if (!strcmp(models[i].format, format))
            return &models[i];
    return NULL;
}

static double between(const float values[POINTS], uint32_t quality)
{
    size_t i = 1;
    while (i + 1 < POINTS && qualities[i] < quality)
        i++;
    double part = ((double)quality - qualities[i - 1]) / (qualities[i] - qualities[i - 1]);
    return (double)values[i - 1] + ((double)values[i] - (double)values[i - 1]) * part;
}

double smalti__search_expect_score(const smalti__search_model *model, uint32_t quality)
{
    return between(model->score, quality);
}

double smalti__search_expect_bits(const smalti__search_model *model, uint32_t quality)
{
    return between(model->bits, quality);
}

uint32_t smalti__search_match(const smalti__search_model *model, uint32_t jpeg_quality)
{
    const smalti__search_model *jpeg = smalti__search_model_of("jpeg");
    uint32_t quality = 1;
    if (model == jpeg)
        return jpeg_quality;
    while (quality < 100 && between(model->score, quality) < between(jpeg->score, jpeg_quality))
        quality++;
    return quality;
}

bool smalti__search_done(const smalti__search_bracket *bracket)
{
    return bracket->high - bracket->low <= 1;
}

/* How far from expectation the image is likely to be at a quality. */
static double offset_at(const smalti__search_bracket *bracket, uint32_t quality)
{
    if (!bracket->low_seen || !bracket->high_seen)
        return bracket->low_seen ? bracket->low_offset : bracket->high_seen ? bracket->high_offset : 0;
    double part = (double)(quality - bracket->low) / (bracket->high - bracket->low);
    return bracket->low_offset + (bracket->high_offset - bracket->low_offset) * part;
}

uint32_t smalti__search_next(const smalti__search_bracket *bracket)
{
    const uint32_t first = bracket->low + 1, last = bracket->high - 1;
    /* an image that is like no other: halves never take long */
    if (bracket->steps >= 3 && bracket->steps % 2 && last - first > 1)
        return first + (last - first) / 2;
    for (uint32_t quality = first; quality < last; quality++)
        if (bracket->expect(bracket->model, quality) + offset_at(bracket, quality) >= bracket->wanted)
            return quality;
    return last;
}

void smalti__search_seen(smalti__search_bracket *bracket, uint32_t quality, double value)
{
    bracket->steps++;
    const double offset = value - bracket->expect(bracket->model, quality);
    if (value < bracket->wanted) {
        bracket->low = quality;
        bracket->low_offset = offset;
        bracket->low_seen = true;
    } else {
        bracket->high = quality;
        bracket->high_offset = offset;
        bracket->high_seen = !isnan(value);
    }
}
