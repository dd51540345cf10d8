/* SPDX-License-Identifier: Apache-2.0
 * SSIMULACRA 2.1 as its description says it, in double precision and whole planes, with all six scales and all published
 * weights: what the library's own is checked against. */
#ifndef SMALTI_SCORE_REFERENCE_H
#define SMALTI_SCORE_REFERENCE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Component, scale, norm (1, 4), map (SSIM, ringing, blurring). */
static const double reference_weights[3][6][2][3] = {
    {
        {{0, 0.0007376606707406586, 0}, {0, 0.0007793481682867309, 0}},
        {{0, 0.0004371155730107379, 0}, {1.1041726426657346, 0.00066284834129271, 0.00015231632783718752}},
        {{0, 0.0016406437456599754, 0}, {1.8422455520539298, 11.441172603757666, 0}},
        {{0.0007989109436015163, 0.000176816438078653, 0}, {1.8787594979546387, 10.94906990605142, 0}},
        {{0.0007289346991508072, 0.9677937080626833, 0},
         {0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053}},
        {{0.0004550992113792063, 0, 0}, {0.0013648766163243398, 0, 0}},
    },
    {
        {{0, 0, 0}, {7.466890328078848, 0, 17.445833984131262}},
        {{0.0006235601634041466, 0, 0}, {6.683678146179332, 0.00037724407979611296, 1.027889937768264}},
        {{225.20515300849274, 0, 0}, {19.213238186143016, 0.0011401524586618361, 0.001237755635509985}},
        {{176.39317598450694, 0, 0}, {24.43300999870476, 0.28520802612117757, 0.0004485436923833408}},
        {{0, 0, 0}, {34.77906344483772, 44.835625328877896, 0}},
        {{0, 0, 0}, {0, 0, 0}},
    },
    {
        {{0, 0.0008680556573291698, 0}, {0, 0, 0}},
        {{0, 0.0005313191874358747, 0}, {0.00016533814161379112, 0, 0}},
        {{0, 0, 0}, {0.0004179171803251336, 0.0017290828234722833, 0}},
        {{0.0020827005846636437, 0, 0}, {8.826982764996862, 23.19243343998926, 0}},
        {{95.1080498811086, 0.9863978034400682, 0.9834382792465353},
         {0.0012286405048278493, 171.2667255897307, 0.9807858872435379}},
        {{0, 0, 0}, {0.0005130064588990679, 0, 0.00010854057858411537}},
    },
};

typedef struct reference_image {
    int width, height;
    double *plane[3];
} reference_image;

static inline reference_image reference_new(int width, int height)
{
    reference_image image = {width, height, {0}};
    for (int c = 0; c < 3; c++)
        image.plane[c] = calloc((size_t)width * (size_t)height, sizeof(double));
    return image;
}

static inline void reference_free(reference_image image)
{
    for (int c = 0; c < 3; c++)
        free(image.plane[c]);
}

/* Of RGB bytes. */
static inline reference_image reference_linear(const uint8_t *rgb, int width, int height)
{
    reference_image image = reference_new(width, height);
    for (int i = 0; i < width * height; i++)
        for (int c = 0; c < 3; c++) {
            double v = rgb[3 * i + c] / 255.0;
            image.plane[c][i] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
        }
    return image;
}

static inline reference_image reference_xyb(reference_image rgb)
{
    reference_image xyb = reference_new(rgb.width, rgb.height);
    const double bias = 0.0037930732552754493;
    for (int i = 0; i < rgb.width * rgb.height; i++) {
        double r = rgb.plane[0][i], g = rgb.plane[1][i], b = rgb.plane[2][i];
        double l = cbrt(0.30 * r + (1 - 0.078 - 0.30) * g + 0.078 * b + bias) - cbrt(bias);
        double m = cbrt(0.23 * r + (1 - 0.078 - 0.23) * g + 0.078 * b + bias) - cbrt(bias);
        double s = cbrt(0.24342268924547819 * r + 0.20476744424496821 * g +
                        (1 - 0.24342268924547819 - 0.20476744424496821) * b + bias) -
                   cbrt(bias);
        double x = (l - m) / 2, y = (l + m) / 2;
        xyb.plane[0][i] = x * 14 + 0.42;
        xyb.plane[1][i] = y + 0.01;
        xyb.plane[2][i] = s - y + 0.55;
    }
    return xyb;
}

static inline reference_image reference_halve(reference_image image)
{
    reference_image half = reference_new((image.width + 1) / 2, (image.height + 1) / 2);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < half.height; y++)
            for (int x = 0; x < half.width; x++) {
                int x1 = 2 * x + 1 < image.width ? 2 * x + 1 : 2 * x, y1 = 2 * y + 1 < image.height ? 2 * y + 1 : 2 * y;
                const double *p = image.plane[c];
                half.plane[c][y * half.width + x] = (p[2 * y * image.width + 2 * x] + p[2 * y * image.width + x1] +
                                                     p[y1 * image.width + 2 * x] + p[y1 * image.width + x1]) /
                                                    4;
            }
    return half;
}

/* The blur's taps from its definition: three truncated cosines of N = 5 whose amplitudes solve the paper's (53)–(56). Here
 * from the solution's amplitudes; the test checks sum and variance. */
static inline double reference_tap(int n)
{
    static const double amplitude[3] = {0.17893914164149133, 0.0727261447361902, 0.012955819110517089};
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += amplitude[k] * cos((2 * k + 1) * M_PI / 10 * n);
    return sum;
}

/* Of a[i] × b[i] (b NULL: a); what is outside counts as 0. */
static inline double *reference_blur(const double *a, const double *b, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    double *rows = calloc(count, sizeof *rows), *out = calloc(count, sizeof *out);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int n = -4; n <= 4; n++)
                if (x + n >= 0 && x + n < width) {
                    int i = y * width + x + n;
                    rows[y * width + x] += reference_tap(n) * a[i] * (b ? b[i] : 1);
                }
    for (int y = 0; y < height; y++)
        for (int n = -4; n <= 4; n++)
            for (int x = 0; x < width && y + n >= 0 && y + n < height; x++)
                out[y * width + x] += reference_tap(n) * rows[(y + n) * width + x];
    free(rows);
    return out;
}

/* Weighted errors of one component of one scale. */
static inline double reference_errors(const double *a, const double *b, int width, int height,
                                      const double weights[2][3])
{
    double *mu1 = reference_blur(a, NULL, width, height), *mu2 = reference_blur(b, NULL, width, height);
    double *s11 = reference_blur(a, a, width, height), *s22 = reference_blur(b, b, width, height);
    double *s12 = reference_blur(a, b, width, height);
    double sum[2][3] = {{0}}, total = 0;
    for (int i = 0; i < width * height; i++) {
        double m = mu1[i] - mu2[i];
        double n = 2 * (s12[i] - mu1[i] * mu2[i]) + 0.0009;
        double d = s11[i] - mu1[i] * mu1[i] + s22[i] - mu2[i] * mu2[i] + 0.0009;
        double edge = (1 + fabs(b[i] - mu2[i])) / (1 + fabs(a[i] - mu1[i])) - 1;
        double errors[3] = {fmax(1 - (1 - m * m) * n / d, 0), fmax(edge, 0), fmax(-edge, 0)};
        for (int map = 0; map < 3; map++) {
            sum[0][map] += errors[map];
            sum[1][map] += pow(errors[map], 4);
        }
    }
    for (int map = 0; map < 3; map++)
        total +=
            weights[0][map] * sum[0][map] / width / height + weights[1][map] * pow(sum[1][map] / width / height, 0.25);
    free(mu1), free(mu2), free(s11), free(s22), free(s12);
    return total;
}

/* Of two images of RGB bytes, of at least 8 × 8 pixels. Scales that are left out keep their weights for themselves. */
static inline double reference_score(const uint8_t *first, const uint8_t *second, int width, int height)
{
    reference_image a = reference_linear(first, width, height), b = reference_linear(second, width, height);
    double errors = 0;
    for (int scale = 0; scale < 6; scale++) {
        if (a.width < 8 || a.height < 8)
            break;
        if (scale) {
            reference_image a2 = reference_halve(a), b2 = reference_halve(b);
            reference_free(a), reference_free(b);
            a = a2, b = b2;
        }
        reference_image x = reference_xyb(a), y = reference_xyb(b);
        for (int c = 0; c < 3; c++)
            errors += reference_errors(x.plane[c], y.plane[c], a.width, a.height, reference_weights[c][scale]);
        reference_free(x), reference_free(y);
    }
    reference_free(a), reference_free(b);
    double e = errors * 0.9562382616834844;
    e = 2.326765642916932 * e - 0.020884521182843837 * e * e + 6.248496625763138e-05 * e * e * e;
    return e > 0 ? 100 - 10 * pow(e, 0.6276336467831387) : 100;
}

#endif
