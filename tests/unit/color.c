/* SPDX-License-Identifier: Apache-2.0
 * Colour management against formulas in double precision, and against lcms2 where tables leave no formula. */
#include "pixel/color.h"

#include <math.h>
#include <pthread.h>

#include "icc_make.h"
#include "pixel/color_parts.h"
#include "test.h"

enum { WIDTH = 301, HEIGHT = 7, COUNT = WIDTH * HEIGHT };

/* ---- the formulas ---- */

static void invert(const double m[9], double out[9])
{
    double det =
        m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            out[3 * i + j] = (m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c]) / det;
        }
}

static void multiply(const double a[9], const double b[9], double out[9])
{
    for (int i = 0; i < 9; i++)
        out[i] = a[i / 3 * 3] * b[i % 3] + a[i / 3 * 3 + 1] * b[3 + i % 3] + a[i / 3 * 3 + 2] * b[6 + i % 3];
}

/* Linear RGB of these primaries and this white to XYZ, adapted to D50 by Bradford's method. */
static void primaries_to_xyz(const double xy[8], double out[9])
{
    static const double cone[9] = {0.8951, 0.2664, -0.1614, -0.7502, 1.7135, 0.0367, 0.0389, -0.0685, 1.0296};
    static const double d50[3] = {0.9642, 1, 0.8249};
    double white[3] = {xy[6] / xy[7], 1, (1 - xy[6] - xy[7]) / xy[7]}, m[9], inverse[9], scale[9] = {0}, back[9],
           step[9];
    for (int c = 0; c < 3; c++) {
        m[c] = xy[2 * c] / xy[2 * c + 1];
        m[3 + c] = 1;
        m[6 + c] = (1 - xy[2 * c] - xy[2 * c + 1]) / xy[2 * c + 1];
    }
    invert(m, inverse);
    for (int i = 0; i < 9; i++) {
        const double *row = inverse + i % 3 * 3;
        step[i] = m[i] * (row[0] * white[0] + row[1] * white[1] + row[2] * white[2]);
    }
    for (int i = 0; i < 3; i++) {
        const double *row = cone + 3 * i;
        scale[4 * i] = (row[0] * d50[0] + row[1] * d50[1] + row[2] * d50[2]) /
                       (row[0] * white[0] + row[1] * white[1] + row[2] * white[2]);
    }
    invert(cone, back);
    multiply(scale, cone, m);
    multiply(back, m, scale);
    multiply(scale, step, out);
}

static const double srgb_xy[8] = {0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290};
static const double p3_xy[8] = {0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290};

static double encode(double v)
{
    v = v > 0 ? v < 1 ? v : 1 : 0;
    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

static double decode(double v)
{
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

/* As the profile has them, rounded to 1/65536. */
static void colorants(const uint8_t *icc, size_t size, double out[9])
{
    static const cmsTagSignature tags[] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
    cmsHPROFILE profile = cmsOpenProfileFromMem(icc, (cmsUInt32Number)size);
    for (int c = 0; c < 3; c++) {
        const cmsCIEXYZ *xyz = cmsReadTag(profile, tags[c]);
        out[c] = xyz->X, out[3 + c] = xyz->Y, out[6 + c] = xyz->Z;
    }
    cmsCloseProfile(profile);
}

static void expect_rgb(const double to_xyz[9], double gamma, const double to[8], const double in[3], double out[3])
{
    double b[9], b_inverse[9], m[9];
    primaries_to_xyz(to, b);
    invert(b, b_inverse);
    multiply(b_inverse, to_xyz, m);
    gamma = round(gamma * 65536) / 65536; /* likewise */
    for (int c = 0; c < 3; c++)
        out[c] =
            encode(m[3 * c] * pow(in[0], gamma) + m[3 * c + 1] * pow(in[1], gamma) + m[3 * c + 2] * pow(in[2], gamma));
}

/* ---- rows ---- */

/* Samples of every size, dark ones most. */
static double sample_in(uint32_t i)
{
    double v = (double)(i * 2654435761u >> 8) / (1 << 24);
    return i % 3 ? v : v * v * v;
}

static double get(const void *data, size_t i, smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8    ? ((const uint8_t *)data)[i] / 255.0
           : sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)data)[i] / 65535.0
                                         : (double)((const float *)data)[i];
}

static void put(void *data, size_t i, smalti_sample sample, double v)
{
    if (sample == SMALTI_SAMPLE_U8)
        ((uint8_t *)data)[i] = (uint8_t)lround(v * 255);
    else if (sample == SMALTI_SAMPLE_U16)
        ((uint16_t *)data)[i] = (uint16_t)lround(v * 65535);
    else
        ((float *)data)[i] = (float)v;
}

static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
/* What may be off: bytes and words that fall between two, single precision. */
static const double tolerances[] = {0.502 / 255, 0.9 / 65535, 1e-5};

static smalti__color *open_color(const uint8_t *icc, size_t size, uint32_t channels, smalti__color_target target,
                                 smalti_sample sample)
{
    smalti__color *color;
    smalti_error error;
    CHECK_OK(smalti__color_open(icc, size, channels, target, sample, NULL, &color, &error), error);
    return color;
}

static void *make_rows(uint32_t channels, smalti_sample sample)
{
    void *rows = malloc(COUNT * channels * smalti_sample_bytes(sample));
    for (uint32_t i = 0; i < COUNT * channels; i++)
        put(rows, i, sample, sample_in(i));
    return rows;
}

static void run(const smalti__color *color, const void *src, void *dst, uint32_t channels, smalti_sample sample)
{
    size_t pitch = WIDTH * channels * smalti_sample_bytes(sample);
    smalti__color_rows(color, src, pitch, dst, pitch, WIDTH, HEIGHT);
}

static void check_near(double actual, double expected, double tolerance, size_t at)
{
    if (!(fabs(actual - expected) <= tolerance))
        TEST_FAIL("sample %zu: %.7f is not %.7f ± %g", at, actual, expected, tolerance);
}

TEST("matrix profiles of every sample type agree with the formula, to sRGB and to Display P3, and leave alpha")
{
    size_t size;
    uint8_t *icc = icc_gamma(icc_primaries_adobe(), 2.2, &size);
    double to_xyz[9];
    colorants(icc, size, to_xyz);
    for (int target = 0; target < 2; target++)
        for (size_t s = 0; s < SMALTI__COUNT(samples); s++)
            for (uint32_t channels = 3; channels <= 4; channels++) {
                const size_t bytes = COUNT * channels * smalti_sample_bytes(samples[s]);
                void *in = make_rows(channels, samples[s]), *out = malloc(bytes), *place = malloc(bytes);
                smalti__color *color = open_color(icc, size, channels, (smalti__color_target)target, samples[s]);
                CHECK(!smalti__color_is_noop(color));
                memcpy(place, in, bytes);
                run(color, in, out, channels, samples[s]);
                run(color, place, place, channels, samples[s]);
                CHECK(!memcmp(out, place, bytes));
                for (size_t i = 0; i < COUNT * channels; i += channels) {
                    double v[3] = {get(in, i, samples[s]), get(in, i + 1, samples[s]), get(in, i + 2, samples[s])},
                           w[3];
                    expect_rgb(to_xyz, 2.2, target ? p3_xy : srgb_xy, v, w);
                    for (size_t c = 0; c < 3; c++)
                        check_near(get(out, i + c, samples[s]), w[c], tolerances[s], i + c);
                    if (channels == 4)
                        CHECK(get(out, i + 3, samples[s]) == get(in, i + 3, samples[s]));
                }
                smalti__color_close(color);
                free(in), free(out), free(place);
            }
    free(icc);
}

TEST("gray profiles agree with the formula, with alpha or without")
{
    size_t size;
    uint8_t *icc = icc_gray(1.8, &size);
    for (size_t s = 0; s < SMALTI__COUNT(samples); s++)
        for (uint32_t channels = 1; channels <= 2; channels++) {
            void *in = make_rows(channels, samples[s]),
                 *out = malloc(COUNT * channels * smalti_sample_bytes(samples[s]));
            smalti__color *color = open_color(icc, size, channels, SMALTI__COLOR_SRGB, samples[s]);
            CHECK(!smalti__color_is_noop(color));
            run(color, in, out, channels, samples[s]);
            for (size_t i = 0; i < COUNT * channels; i++) {
                double v = get(in, i, samples[s]);
                check_near(get(out, i, samples[s]), i % channels ? v : encode(pow(v, 1.8)), tolerances[s] + 2e-5, i);
            }
            smalti__color_close(color);
            free(in), free(out);
        }
    free(icc);
}

TEST("gray rows follow the neutral axis of a profile for RGB")
{
    size_t size;
    uint8_t *icc = icc_gamma(icc_primaries_adobe(), 2.2, &size), *in = make_rows(1, SMALTI_SAMPLE_U8), out[COUNT];
    smalti__color *color = open_color(icc, size, 1, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8);
    run(color, in, out, 1, SMALTI_SAMPLE_U8);
    for (size_t i = 0; i < COUNT; i++)
        check_near(out[i] / 255.0, encode(pow(in[i] / 255.0, 2.2)), 0.51 / 255, i);
    smalti__color_close(color);
    free(icc), free(in);
}

/* Plain lcms2 to its own sRGB. */
static void lcms_rows(const uint8_t *icc, size_t size, cmsUInt32Number in_type, const void *in, uint8_t *out)
{
    cmsHPROFILE from = cmsOpenProfileFromMem(icc, (cmsUInt32Number)size), to = cmsCreate_sRGBProfile();
    cmsHTRANSFORM transform = cmsCreateTransform(from, in_type, to, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
    cmsDoTransform(transform, in, out, COUNT);
    cmsDeleteTransform(transform);
    cmsCloseProfile(from);
    cmsCloseProfile(to);
}

TEST("profiles of tables, for RGB and CMYK, give what lcms2 gives")
{
    static uint8_t expected[COUNT * 3], out[COUNT * 4];
    for (int inks = 3; inks <= 4; inks++) {
        size_t size;
        uint8_t *icc = icc_table(inks, &size), *in = make_rows((uint32_t)inks, SMALTI_SAMPLE_U8);
        smalti__color *color =
            open_color(icc, size, inks == 4 ? SMALTI__COLOR_CMYK : 3, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8);
        CHECK(!smalti__color_is_noop(color));
        smalti__color_rows(color, in, WIDTH * (size_t)inks, out, WIDTH * 3, WIDTH, HEIGHT);
        lcms_rows(icc, size, inks == 4 ? TYPE_CMYK_8 : TYPE_RGB_8, in, expected);
        for (size_t i = 0; i < COUNT * 3; i++)
            CHECK(abs(out[i] - expected[i]) <= 1);
        memcpy(out, in, COUNT * (size_t)inks); /* in place */
        smalti__color_rows(color, out, WIDTH * (size_t)inks, out, WIDTH * (size_t)inks, WIDTH, HEIGHT);
        for (size_t i = 0; i < COUNT * 3; i++)
            CHECK(abs(out[i / (WIDTH * 3) * WIDTH * (size_t)inks + i % (WIDTH * 3)] - expected[i]) <= 1);
        smalti__color_close(color);
        free(icc), free(in);
    }
}

TEST("tables keep alpha, and floats inside 0…1")
{
    size_t size;
    uint8_t *icc = icc_table(3, &size);
    for (size_t s = 0; s < SMALTI__COUNT(samples); s++) {
        void *in = make_rows(4, samples[s]), *out = calloc(COUNT * 4, smalti_sample_bytes(samples[s]));
        smalti__color *color = open_color(icc, size, 4, SMALTI__COLOR_SRGB, samples[s]);
        run(color, in, out, 4, samples[s]);
        for (size_t i = 0; i < COUNT * 4; i++) {
            double v = get(out, i, samples[s]);
            CHECK(v >= 0 && v <= 1);
            if (i % 4 == 3)
                CHECK(v == get(in, i, samples[s]));
        }
        smalti__color_close(color);
        free(in), free(out);
    }
    free(icc);
}

TEST("sRGB is known by what it does, in every form, and so is P3; others are not taken for them")
{
    size_t sizes[4];
    const void *own_p3, *own_srgb;
    size_t own_p3_size, own_srgb_size;
    uint8_t *srgb = icc_srgb(&sizes[0]), *table = icc_srgb_table(&sizes[1]);
    uint8_t *gamma = icc_gamma(srgb_xy, 2.2, &sizes[2]), *adobe = icc_gamma(icc_primaries_adobe(), 2.2, &sizes[3]);
    smalti__color_profile(SMALTI__COLOR_P3, 3, &own_p3, &own_p3_size);
    smalti__color_profile(SMALTI__COLOR_SRGB, 3, &own_srgb, &own_srgb_size);
    const struct {
        const void *icc;
        size_t size;
        bool srgb, p3;
    } profiles[] = {{srgb, sizes[0], true, false},          {table, sizes[1], true, false},
                    {gamma, sizes[2], false, false},        {adobe, sizes[3], false, false},
                    {own_srgb, own_srgb_size, true, false}, {own_p3, own_p3_size, false, true}};
    for (size_t i = 0; i < SMALTI__COUNT(profiles); i++)
        for (int target = 0; target < 2; target++) {
            smalti__color *color =
                open_color(profiles[i].icc, profiles[i].size, 3, (smalti__color_target)target, SMALTI_SAMPLE_U8);
            CHECK_INT(smalti__color_is_noop(color), target ? profiles[i].p3 : profiles[i].srgb);
            if (smalti__color_is_noop(color)) {
                uint8_t *in = make_rows(3, SMALTI_SAMPLE_U8), out[COUNT * 3];
                run(color, in, out, 3, SMALTI_SAMPLE_U8);
                for (size_t k = 0; k < COUNT * 3; k++)
                    CHECK(abs(in[k] - out[k]) <= 1);
                free(in);
            }
            smalti__color_close(color);
        }
    free(srgb), free(table), free(gamma), free(adobe);
}

TEST("the profiles written into files are small, complete, and what lcms2 takes for sRGB and Display P3")
{
    for (int target = 0; target < 2; target++) {
        const void *data, *again;
        size_t size, size_again;
        double m[9];
        smalti__color_profile((smalti__color_target)target, 4, &data, &size);
        smalti__color_profile((smalti__color_target)target, 3, &again, &size_again);
        CHECK(data == again && size == size_again && size < 500 && size % 4 == 0);
        cmsHPROFILE profile = cmsOpenProfileFromMem(data, (cmsUInt32Number)size);
        CHECK(profile && cmsIsMatrixShaper(profile) && cmsGetColorSpace(profile) == cmsSigRgbData);
        CHECK(cmsIsTag(profile, cmsSigProfileDescriptionTag) && cmsIsTag(profile, cmsSigCopyrightTag) &&
              cmsIsTag(profile, cmsSigMediaWhitePointTag) && cmsIsTag(profile, cmsSigChromaticAdaptationTag));
        char name[64];
        cmsGetProfileInfoASCII(profile, cmsInfoDescription, "en", "US", name, sizeof name);
        CHECK_STR(name, target ? "Display P3" : "sRGB");
        static const cmsTagSignature colors[] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
        static const cmsTagSignature curves[] = {cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag};
        primaries_to_xyz(target ? p3_xy : srgb_xy, m);
        for (size_t c = 0; c < 3; c++) {
            const cmsCIEXYZ *xyz = cmsReadTag(profile, colors[c]);
            const cmsToneCurve *curve = cmsReadTag(profile, curves[c]);
            CHECK(xyz && curve);
            check_near(xyz->X, m[c], 1.0 / 65536, c);
            check_near(xyz->Y, m[3 + c], 1.0 / 65536, c);
            check_near(xyz->Z, m[6 + c], 1.0 / 65536, c);
            for (int i = 0; i <= 255; i++)
                check_near((double)cmsEvalToneCurveFloat(curve, (float)i / 255), decode(i / 255.0), 3e-5, (size_t)i);
        }
        cmsCloseProfile(profile);
        smalti__color_profile((smalti__color_target)target, 1, &data, &size);
        profile = cmsOpenProfileFromMem(data, (cmsUInt32Number)size);
        CHECK(profile && size < 400 && cmsGetColorSpace(profile) == cmsSigGrayData);
        cmsCloseProfile(profile);
        smalti__color *color = open_color(data, size, 1, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8);
        CHECK(smalti__color_is_noop(color));
        smalti__color_close(color);
    }
}

TEST("plain C and vectors agree, and write nothing behind the last pixel")
{
    enum { ROOM = 320 };
    const smalti__color_loops *tables[] = {&smalti__color_loops_c, smalti__color_loops_get()};
    static const float matrix[9] = {1.4f, -0.3f, -0.1f, -0.05f, 1.1f, -0.05f, 0.01f, -0.2f, 1.19f};
    if (tables[0] == tables[1])
        TEST_SKIP("this processor has only plain C");
    for (uint32_t count = 1; count < 40; count++) {
        float planes[2][3][ROOM];
        uint8_t bytes[2][2][ROOM];
        memset(bytes, 77, sizeof bytes);
        for (int t = 0; t < 2; t++) {
            float *const at[3] = {planes[t][0], planes[t][1], planes[t][2]};
            for (uint32_t i = 0; i < 3 * 48; i++)
                planes[t][i % 3][i / 3] = (float)sample_in(i);
            tables[t]->encode(at, 3, matrix, count);
            for (size_t channels = 3; channels <= 4; channels++)
                tables[t]->pack(bytes[t][channels - 3], channels, (const float *const[3]){at[0], at[1], at[2]}, count);
        }
        for (size_t i = 0; i < ROOM; i++) {
            CHECK(abs(bytes[0][0][i] - bytes[1][0][i]) <= 1 && abs(bytes[0][1][i] - bytes[1][1][i]) <= 1);
            if (i >= 3 * count)
                CHECK(bytes[0][0][i] == 77 && bytes[1][0][i] == 77);
            if (i >= 4 * count || i % 4 == 3)
                CHECK(bytes[0][1][i] == 77 && bytes[1][1][i] == 77);
        }
        for (uint32_t i = 0; i < 3 * count; i++)
            check_near((double)planes[1][i % 3][i / 3], (double)planes[0][i % 3][i / 3], 1e-6, i);
    }
}

TEST("profiles for other pixels, links and broken ones are refused with a reason")
{
    size_t rgb_size, gray_size, cmyk_size;
    uint8_t *rgb = icc_srgb(&rgb_size), *gray = icc_gray(2.2, &gray_size), *cmyk = icc_table(4, &cmyk_size);
    smalti__color *color = (smalti__color *)rgb;
    smalti_error error;
#define REFUSED(icc, size, channels, code, part)                                                                       \
    do {                                                                                                               \
        CHECK_INT(smalti__color_open(icc, size, channels, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8, NULL, &color, &error), \
                  code);                                                                                               \
        CHECK_HAS(error.message, part);                                                                                \
        CHECK(color == (smalti__color *)rgb);                                                                          \
    } while (0)
    REFUSED(gray, gray_size, 3, SMALTI_E_UNSUPPORTED, "for gray, the pixels are RGB");
    REFUSED(cmyk, cmyk_size, 4, SMALTI_E_UNSUPPORTED, "for CMYK, the pixels are RGB");
    REFUSED(rgb, rgb_size, SMALTI__COLOR_CMYK, SMALTI_E_UNSUPPORTED, "for RGB, the pixels are CMYK");
    REFUSED(rgb, 100, 3, SMALTI_E_FORMAT_TRUNCATED, "100 bytes are too few");
    REFUSED(rgb, rgb_size - 1, 3, SMALTI_E_FORMAT_TRUNCATED, "instead of");
    REFUSED(rgb, SMALTI__COLOR_MOST_BYTES + 1, 3, SMALTI_E_LIMIT, "more than 16777216");
    REFUSED(rgb, rgb_size, 6, SMALTI_E_UNSUPPORTED, "6 channels");
    memcpy(rgb + 12, "link", 4);
    REFUSED(rgb, rgb_size, 3, SMALTI_E_UNSUPPORTED, "not of a device");
    memcpy(rgb + 12, "mntr", 4);
    memcpy(rgb + 36, "xxxx", 4);
    REFUSED(rgb, rgb_size, 3, SMALTI_E_FORMAT, "no signature");
    memcpy(rgb + 36, "acsp", 4);
    rgb[128] = 1;
    REFUSED(rgb, rgb_size, 3, SMALTI_E_FORMAT, "tags cannot be");
    free(rgb), free(gray), free(cmyk);
}

TEST("every profile that is cut, or has any byte changed, is refused or works")
{
    size_t size;
    uint8_t *icc = icc_gamma(icc_primaries_adobe(), 1.8, &size), *copy = malloc(size);
    uint32_t opened = 0;
    for (size_t i = 0; i < 2 * size; i++) {
        smalti__color *color;
        memcpy(copy, icc, size);
        if (i < size)
            copy[i] ^= 0xa5;
        else
            smalti__put_be32(copy, (uint32_t)(i - size));
        if (smalti__color_open(copy, i < size ? size : i - size, 3, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8, NULL, &color,
                               NULL) < 0)
            continue;
        uint8_t row[30 * 3] = {1, 2, 3};
        smalti__color_rows(color, row, sizeof row, row, sizeof row, 30, 1);
        smalti__color_close(color);
        opened++;
    }
    CHECK(opened > 0 && opened < 2 * size);
    free(icc), free(copy);
}

TEST("a lane's cache opens each profile once, and forgets the one used longest ago")
{
    smalti__color_cache cache = {{0}};
    uint8_t *icc[SMALTI__COLOR_CACHED + 1];
    size_t size[SMALTI__COLOR_CACHED + 1];
    const smalti__color *first, *color;
    smalti_error error;
    for (size_t i = 0; i < SMALTI__COUNT(icc); i++)
        icc[i] = icc_gamma(icc_primaries_adobe(), 1.5 + 0.1 * (double)i, &size[i]);
#define GET(i, channels, out)                                                                                          \
    CHECK_OK(                                                                                                          \
        smalti__color_cache_get(&cache, icc[i], size[i], channels, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8, out, &error), \
        error)
    GET(0, 3, &first);
    GET(0, 3, &color);
    CHECK(first == color && cache.hits == 1 && cache.misses == 1);
    GET(0, 4, &color);
    CHECK(first != color && cache.misses == 2);
    for (size_t i = 1; i < SMALTI__COLOR_CACHED - 1; i++)
        GET(i, 3, &color);
    GET(0, 3, &color); /* the first again: RGBA is now the one used longest ago */
    CHECK(first == color && cache.hits == 2);
    GET(SMALTI__COLOR_CACHED, 3, &color);
    GET(0, 3, &color);
    CHECK(first == color && cache.hits == 3);
    uint64_t misses = cache.misses;
    GET(0, 4, &color);
    CHECK(cache.misses == misses + 1);
    CHECK_INT(smalti__color_cache_get(&cache, icc[0], 100, 3, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8, &color, &error),
              SMALTI_E_FORMAT_TRUNCATED);
    smalti__color_cache_clear(&cache);
    for (size_t i = 0; i < SMALTI__COUNT(icc); i++)
        free(icc[i]);
}

struct shared_rows {
    const smalti__color *color;
    const uint8_t *in, *expected;
    bool same;
};

static void *run_shared(void *argument)
{
    struct shared_rows *shared = argument;
    uint8_t *out = malloc(COUNT * 3);
    shared->same = true;
    for (int i = 0; i < 50; i++) {
        run(shared->color, shared->in, out, 3, SMALTI_SAMPLE_U8);
        shared->same &= !memcmp(out, shared->expected, COUNT * 3);
    }
    free(out);
    return NULL;
}

TEST("threads share an open colour")
{
    for (int table = 0; table < 2; table++) {
        size_t size;
        uint8_t *icc = table ? icc_table(3, &size) : icc_gamma(icc_primaries_adobe(), 2.2, &size);
        uint8_t *in = make_rows(3, SMALTI_SAMPLE_U8), *expected = malloc(COUNT * 3);
        smalti__color *color = open_color(icc, size, 3, SMALTI__COLOR_SRGB, SMALTI_SAMPLE_U8);
        run(color, in, expected, 3, SMALTI_SAMPLE_U8);
        struct shared_rows shared[3];
        pthread_t threads[3];
        for (size_t i = 0; i < 3; i++) {
            shared[i] = (struct shared_rows){color, in, expected, false};
            CHECK(!pthread_create(&threads[i], NULL, run_shared, &shared[i]));
        }
        for (size_t i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        CHECK(shared[0].same && shared[1].same && shared[2].same);
        smalti__color_close(color);
        free(icc), free(in), free(expected);
    }
}
