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

TEST("a transparent red pixel beside opaque blue never bleeds red")
{
    for (uint32_t sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_U16; sample++)
        for (uint32_t out = 1; out <= 37; out += 4)
            for (int kind = 0; kind < 2 * SMALTI__FILTER_COUNT; kind++) {
                smalti__resample_setup s = setup_of(16, 16, 4, sample, out, 37 - out + 1, kind / 2);
                s.linear = kind & 1;
                uint16_t src[16 * 16 * 4];
                uint16_t most = (uint16_t)most_of(sample);
                for (size_t i = 0; i < samples_in(&s); i += 4) {
                    bool blue = (i / 4 + i / 64) % 3 != 0;
                    uint16_t pixel[4] = {blue ? 0 : most, 0, blue ? most : 0, blue ? most : 0};
                    for (size_t c = 0; c < 4; c++)
                        if (sample == SMALTI_SAMPLE_U8)
                            ((uint8_t *)src)[i + c] = (uint8_t)pixel[c];
                        else
                            src[i + c] = pixel[c];
                }
                void *dst = scale(&s, src);
                for (size_t i = 0; i < samples_out(&s); i += 4) {
                    double red = value_at(sample, dst, i), blue = value_at(sample, dst, i + 2),
                           alpha = value_at(sample, dst, i + 3);
                    bool shown = s.filter != SMALTI__FILTER_NEAREST; /* that copies pixels, hidden colours too */
                    if (shown && (red != 0 || blue < (alpha > 0 ? most - 1 : 0)))
                        TEST_FAIL("filter %d, %u wide, linear %d: red %g, blue %g, alpha %g", (int)s.filter, out,
                                  s.linear, red, blue, alpha);
                }
                free(dst);
            }
}

TEST("f32 with alpha is not clamped, and comes back from linear light")
{
    for (uint32_t channels = 1; channels <= 4; channels++) {
        smalti__resample_setup s = setup_of(9, 7, channels, SMALTI_SAMPLE_F32, 5, 11, SMALTI__FILTER_LANCZOS3);
        s.linear = true;
        float src[9 * 7 * 4];
        static const float colour[] = {1.75f, 0.001f, 0.5f, 0.25f};
        for (size_t i = 0; i < samples_in(&s); i++)
            src[i] = channels % 2 == 0 && (i + 1) % channels == 0 ? 0.25f : colour[i % channels];
        float *dst = scale(&s, src);
        float worst = 0;
        for (size_t i = 0; i < samples_out(&s); i++)
            worst = fmaxf(worst, fabsf(dst[i] - src[i % channels]));
        free(dst);
        if (worst > 4e-6f)
            TEST_FAIL("%u channels: off by %g", channels, (double)worst);
    }
}

TEST("the tables of sRGB are the definition's: u8 exactly, u16 within a tenth of a level")
{
    const smalti__srgb *srgb = smalti__srgb_get();
    for (int i = 0; i < 256; i++)
        CHECK_INT(smalti__srgb_encode_u8(srgb, srgb->u8[i]), i);
    for (int i = 0; i <= 1 << 20; i++) {
        float linear = (float)i / (1 << 20);
        double exact = ref_encode(linear), level = exact * 255, level16 = exact * 65535;
        int encoded = smalti__srgb_encode_u8(srgb, linear);
        if (fabs(encoded - level) > 0.5001)
            TEST_FAIL("%g is level %d, not %g", (double)linear, encoded, level);
        if (fabs((double)smalti__srgb_encode_u16(srgb, linear) - level16) > 0.1)
            TEST_FAIL("%g is level %g, not %g", (double)linear, (double)smalti__srgb_encode_u16(srgb, linear), level16);
    }
    for (int i = 0; i < 65536; i++) {
        float linear = smalti__srgb_decode_u16(srgb, (uint16_t)i);
        if (fabs(ref_encode(linear) * 65535 - i) > 0.1)
            TEST_FAIL("level %d is decoded to %g", i, (double)linear);
    }
    CHECK_INT(smalti__srgb_encode_u8(srgb, NAN), 0);
    CHECK_INT(smalti__srgb_encode_u8(srgb, INFINITY), 255);
    CHECK_INT(smalti__srgb_encode_u16(srgb, -1), 0);
}
