/* SPDX-License-Identifier: Apache-2.0
 * Changes of sample type and channels. Off the fast path: the plan chooses samples that need none wherever it can. */
#include "pixel/convert.h"

smalti_result smalti__image_check(const smalti_image *image, smalti_error *error)
{
    size_t row;
    if (!image->data || !image->width || !image->height || image->width > INT32_MAX || image->height > INT32_MAX ||
        image->channels < 1 || image->channels > 4 || !smalti_sample_bytes(image->sample) ||
        image->sample == SMALTI_SAMPLE_F16 ||
        !smalti__mul(image->width, image->channels * smalti_sample_bytes(image->sample), &row) || image->pitch < row)
        return smalti__fail(error, SMALTI_E_INVALID, "the image's geometry is wrong");
    return SMALTI_OK;
}

/* Samples are read and written as numbers 0…1: one path for every pair of types. */
static float load(const void *row, size_t index, smalti_sample sample)
{
    switch (sample) {
    case SMALTI_SAMPLE_U8:
        return (float)((const uint8_t *)row)[index] * (1.0f / 255.0f);
    case SMALTI_SAMPLE_U16:
        return (float)((const uint16_t *)row)[index] * (1.0f / 65535.0f);
    default:
        return ((const float *)row)[index];
    }
}

static float clamp01(float value)
{
    return value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f; /* NaN becomes 0 */
}

static void store(void *row, size_t index, smalti_sample sample, float value)
{
    switch (sample) {
    case SMALTI_SAMPLE_U8:
        ((uint8_t *)row)[index] = (uint8_t)(clamp01(value) * 255.0f + 0.5f);
        break;
    case SMALTI_SAMPLE_U16:
        ((uint16_t *)row)[index] = (uint16_t)(clamp01(value) * 65535.0f + 0.5f);
        break;
    default:
        ((float *)row)[index] = value;
    }
}

static void row_any(const smalti__shape *from, const void *src, const smalti__shape *to, void *dst,
                    const float background[3])
{
    uint32_t nc = from->channels, mc = to->channels;
    uint32_t from_colors = nc >= 3 ? 3 : 1, to_colors = mc >= 3 ? 3 : 1;
    bool from_alpha = nc == 2 || nc == 4, to_alpha = mc == 2 || mc == 4;
    float gray = 0.2126f * background[0] + 0.7152f * background[1] + 0.0722f * background[2];
    for (size_t x = 0; x < from->width; x++) {
        float alpha = from_alpha ? load(src, x * nc + nc - 1, from->sample) : 1.0f;
        for (uint32_t c = 0; c < to_colors; c++) {
            float value = load(src, x * nc + (from_colors == 3 ? c : 0), from->sample), over = clamp01(alpha);
            if (!from->premultiplied && (to->premultiplied || !to_alpha))
                value *= over; /* over is 1 without alpha */
            else if (from->premultiplied && !to->premultiplied && to_alpha)
                value = over > 0.0f ? value / over : 0.0f;
            if (!to_alpha)
                value += (to_colors == 3 ? background[c] : gray) * (1.0f - over);
            store(dst, x * mc + c, to->sample, value);
        }
        if (to_alpha)
            store(dst, x * mc + mc - 1, to->sample, alpha);
    }
}

/* The common pairs of types at equal channels, exact in integers. */
static bool row_samples(const smalti__shape *from, const void *src, const smalti__shape *to, void *dst)
{
    size_t count = (size_t)from->width * from->channels;
    if (from->premultiplied != to->premultiplied)
        return false;
    if (from->sample == SMALTI_SAMPLE_U8 && to->sample == SMALTI_SAMPLE_U16) {
        const uint8_t *restrict s = src;
        uint16_t *restrict d = dst;
        for (size_t i = 0; i < count; i++)
            d[i] = (uint16_t)(s[i] * 257u);
    } else if (from->sample == SMALTI_SAMPLE_U16 && to->sample == SMALTI_SAMPLE_U8) {
        const uint16_t *restrict s = src;
        uint8_t *restrict d = dst;
        for (size_t i = 0; i < count; i++)
            d[i] = (uint8_t)((s[i] * 255u + 32895u) >> 16); /* round(v / 257), exact for every v */
    } else if (from->sample == SMALTI_SAMPLE_U8 && to->sample == SMALTI_SAMPLE_F32) {
        const uint8_t *restrict s = src;
        float *restrict d = dst;
        for (size_t i = 0; i < count; i++)
            d[i] = (float)s[i] * (1.0f / 255.0f);
    } else if (from->sample == to->sample) {
        memcpy(dst, src, count * smalti_sample_bytes(from->sample));
    } else {
        return false;
    }
    return true;
}

void smalti__convert_rows(const smalti__shape *from, const void *src, size_t src_pitch, const smalti__shape *to,
                          void *dst, size_t dst_pitch, uint32_t count, const uint8_t background[3])
{
    const float below[3] = {background[0] / 255.0f, background[1] / 255.0f, background[2] / 255.0f};
    for (uint32_t y = 0; y < count; y++) {
        const void *s = (const uint8_t *)src + y * src_pitch;
        void *d = (uint8_t *)dst + y * dst_pitch;
        if (from->channels != to->channels || !row_samples(from, s, to, d))
            row_any(from, s, to, d, below);
    }
}
