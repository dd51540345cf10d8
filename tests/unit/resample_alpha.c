/* SPDX-License-Identifier: Apache-2.0
 * The resampler's alpha and linear light, what it reads and takes, and what it refuses. */
#include "resample_reference.h"

#include "pixel/srgb.h"

static double ref_decode(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double ref_encode(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* The definition: straight colours of 0…1, decoded if linear, times alpha; scaled; and back. */
static double *ref_scale_alpha(const smalti__resample_setup *s, const void *src)
{
    double most = most_of(s->in.sample), *values = doubles_of(s, src);
    uint32_t channels = s->in.channels;
    bool alpha = channels % 2 == 0;
    for (size_t i = 0; i < samples_in(s); i += channels) {
        double a = alpha ? values[i + channels - 1] / most : 1;
        for (uint32_t c = 0; c < channels - alpha; c++) {
            double v = values[i + c] / most;
            if (s->in.premultiplied)
                v = a > 0 ? v / a : 0;
            values[i + c] = (s->linear ? ref_decode(v) : v) * a;
        }
        if (alpha)
            values[i + channels - 1] = a;
    }
    double *scaled = ref_scale(s, values);
    free(values);
    for (size_t i = 0; i < samples_out(s); i += channels) {
        double a = alpha ? scaled[i + channels - 1] : 1, stored = clamped(a, 1);
        if (alpha)
            scaled[i + channels - 1] = round(stored * most);
        for (uint32_t c = 0; c < channels - alpha; c++) {
            double v = stored * most >= 0.5 ? clamped(scaled[i + c] / a, 1) : 0;
            v = s->linear ? ref_encode(v) : v;
            if (s->in.premultiplied)
                v = s->linear ? v * stored : clamped(scaled[i + c], stored);
            scaled[i + c] = round(v * most);
        }
    }
    return scaled;
}

/* Colours that are possible: premultiplied ones are at most their alpha. */
static void *possible(const smalti__resample_setup *s, uint32_t seed)
{
    void *data = noise(s, seed);
    uint32_t channels = s->in.channels;
    if (s->in.premultiplied)
        for (size_t i = 0; i < samples_in(s); i++) {
            size_t a = i / channels * channels + channels - 1;
            if (s->in.sample == SMALTI_SAMPLE_U8 && ((uint8_t *)data)[i] > ((uint8_t *)data)[a])
                ((uint8_t *)data)[i] = ((uint8_t *)data)[a];
            else if (s->in.sample == SMALTI_SAMPLE_U16 && ((uint16_t *)data)[i] > ((uint16_t *)data)[a])
                ((uint16_t *)data)[i] = ((uint16_t *)data)[a];
        }
    return data;
}

static const uint16_t sizes[][4] = {{1, 1, 3, 2},   {31, 29, 7, 11}, {7, 11, 31, 29},  {64, 48, 32, 24},
                                    {97, 5, 13, 5}, {5, 97, 5, 13},  {40, 40, 39, 41}, {300, 200, 3, 2}};

static void check_alpha(const smalti__resample_setup *s)
{
    void *src = possible(s, s->in.width), *dst = scale(s, src);
    double *expected = ref_scale_alpha(s, src), worst = 0;
    uint32_t channels = s->in.channels;
    double least = s->in.sample == SMALTI_SAMPLE_U8 ? 0 : 655; /* less alpha than that says little about colours */
    for (size_t i = 0; i < samples_out(s); i++) {
        size_t a = i / channels * channels + channels - 1;
        double alpha = value_at(s->in.sample, dst, a);
        /* where one alpha is rounded to 0 and the other to 1, colours have no say */
        if (channels % 2 || i == a || (alpha > least && expected[a] > least) || (alpha == 0 && expected[a] == 0))
            worst = fmax(worst, fabs(value_at(s->in.sample, dst, i) - expected[i]));
    }
    free(src), free(dst), free(expected);
    if (!(worst <= 1))
        TEST_FAIL("%u × %u × %u of type %d to %u × %u, linear %d, premultiplied %d: off by %g", s->in.width,
                  s->in.height, channels, (int)s->in.sample, s->out_width, s->out_height, s->linear,
                  s->in.premultiplied, worst);
}

TEST("alpha and linear light are within one level of the definition, in u8 and u16")
{
    for (size_t i = 0; i < SMALTI__COUNT(sizes); i++)
        for (uint32_t kind = 0; kind < 2 * 4 * 2 * 2; kind++) {
            smalti__resample_setup s =
                setup_of(sizes[i][0], sizes[i][1], kind / 2 % 4 + 1, kind % 2 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8,
                         sizes[i][2], sizes[i][3], SMALTI__FILTER_LANCZOS3);
            s.linear = kind / 8 % 2;
            s.in.premultiplied = kind / 16 && s.in.channels % 2 == 0;
            check_alpha(&s);
        }
}
