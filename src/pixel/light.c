/* SPDX-License-Identifier: Apache-2.0
 * Matrices between primaries: SMPTE RP 177 (from chromaticities to XYZ) and the Bradford transform (ICC.1, annex E). */
#include "pixel/light.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const smalti__primaries smalti__primaries_srgb = {{{0.64f, 0.33f}, {0.30f, 0.60f}, {0.15f, 0.06f}, {0.3127f, 0.3290f}}};
const smalti__primaries smalti__primaries_p3 = {{{0.68f, 0.32f}, {0.265f, 0.69f}, {0.15f, 0.06f}, {0.3127f, 0.3290f}}};

static void multiply(double a[3][3], double b[3][3], double product[3][3])
{
    double made[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            made[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
    memcpy(product, made, sizeof made);
}

static bool invert(double m[3][3], double inverse[3][3])
{
    double determinant = 0;
    for (int j = 0; j < 3; j++)
        determinant += m[0][j] * (m[1][(j + 1) % 3] * m[2][(j + 2) % 3] - m[1][(j + 2) % 3] * m[2][(j + 1) % 3]);
    if (!(fabs(determinant) > 1e-9))
        return false;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[i][j] = (m[a][c] * m[b][d] - m[a][d] * m[b][c]) / determinant;
        }
    return true;
}

static bool white_xyz(const smalti__primaries *primaries, double white[3])
{
    double x = primaries->xy[3][0], y = primaries->xy[3][1];
    if (!(y > 1e-6))
        return false;
    white[0] = x / y;
    white[1] = 1;
    white[2] = (1 - x - y) / y;
    return true;
}

/* Columns are the primaries, scaled so that equal parts make white. */
static bool to_xyz(const smalti__primaries *primaries, double matrix[3][3])
{
    double inverse[3][3], white[3];
    for (int c = 0; c < 3; c++) {
        double x = primaries->xy[c][0], y = primaries->xy[c][1];
        matrix[0][c] = x, matrix[1][c] = y, matrix[2][c] = 1 - x - y;
    }
    for (int c = 0; c < 4; c++)
        if (!(fabs(primaries->xy[c][0]) < 10 && fabs(primaries->xy[c][1]) < 10))
            return false;
    if (!white_xyz(primaries, white) || !invert(matrix, inverse))
        return false;
    for (int c = 0; c < 3; c++) {
        double share = inverse[c][0] * white[0] + inverse[c][1] * white[1] + inverse[c][2] * white[2];
        for (int i = 0; i < 3; i++)
            matrix[i][c] *= share;
    }
    return true;
}

bool smalti__primaries_luma(const smalti__primaries *primaries, float luma[3])
{
    double matrix[3][3];
    bool good = to_xyz(primaries, matrix);
    for (int c = 0; c < 3 && good; c++)
        good = fabs(matrix[1][c]) > 1e-6; /* chroma is divided by them */
    if (!good)
        to_xyz(&smalti__primaries_srgb, matrix);
    for (int c = 0; c < 3; c++)
        luma[c] = (float)matrix[1][c];
    return good;
}

/* From one white to another. */
static bool adapt(const double from[3], const double to[3], double matrix[3][3])
{
    double bradford[3][3] = {{0.8951, 0.2664, -0.1614}, {-0.7502, 1.7135, 0.0367}, {0.0389, -0.0685, 1.0296}};
    double back[3][3], scale[3][3] = {{0}};
    invert(bradford, back);
    for (int i = 0; i < 3; i++) {
        double a = 0, b = 0;
        for (int j = 0; j < 3; j++)
            a += bradford[i][j] * from[j], b += bradford[i][j] * to[j];
        if (!(a > 1e-6))
            return false;
        scale[i][i] = b / a;
    }
    multiply(scale, bradford, matrix);
    multiply(back, matrix, matrix);
    return true;
}

bool smalti__primaries_matrix(const smalti__primaries *from, const smalti__primaries *to, float matrix[3][3])
{
    double source[3][3], target[3][3], inverse[3][3], made[3][3], white[3], target_white[3];
    if (!to_xyz(from, source) || !white_xyz(from, white) || !to_xyz(to, target) || !white_xyz(to, target_white) ||
        !invert(target, inverse) || !adapt(white, target_white, made))
        return false;
    multiply(made, source, made);
    multiply(inverse, made, made);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            matrix[i][j] = (float)made[i][j];
    return true;
}

smalti__light smalti__light_linear(const smalti__primaries *primaries)
{
    smalti__light light = {.linear = true};
    if (!primaries || !smalti__primaries_matrix(primaries, &smalti__primaries_srgb, light.matrix))
        return light;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) /* chromaticities stand in files with a few digits */
            light.convert = light.convert || fabsf(light.matrix[i][j] - (i == j)) > 1e-3f;
    return light;
}
