/* SPDX-License-Identifier: Apache-2.0
 * Blocks of 8 × 8 samples of DWA: coefficients → luma and chroma → colours → light. Sums are in the order of the reference
 * library's AVX code, and constants have its seven digits, so that all bits are the same. */
#include "exr/dwa.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* ---- what halves mean ---- */

static uint16_t linear[1 << 16];
static pthread_once_t linear_once = PTHREAD_ONCE_INIT;

/* Up to 1 a power of 2.2; above an exponential function that goes on from it. There are no infinities. */
static void make_linear(void)
{
    enum { INFINITE = 0x7c00, COUNT = 256 };
    const double base = pow(2.7182818, 2.2);
    for (uint32_t begin = 0; begin < INFINITE; begin += COUNT) {
        float values[COUNT];
        uint8_t halves[2 * COUNT];
        for (uint32_t i = 0; i < COUNT; i++)
            smalti__put_le16(halves + 2 * i, begin + i);
        smalti__exr_half_c(values, halves, COUNT);
        for (uint32_t i = 0; i < COUNT; i++)
            values[i] = values[i] <= 1 ? powf(values[i], 2.2f) : powf((float)base, values[i] - 1);
        smalti__exr_to_half_c(halves, values, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) {
            linear[begin + i] = (uint16_t)smalti__le16(halves + 2 * i);
            linear[0x8000 + begin + i] = (uint16_t)(0x8000 | linear[begin + i]);
        }
    }
    linear[0x8000] = 0; /* there is one zero */
}

const uint16_t *smalti__exr_dwa_linear(void)
{
    pthread_once(&linear_once, make_linear);
    return linear;
}

/* ---- transform ---- */

static const float A = 3.535536e-01f, B = 4.903927e-01f, C = 4.619398e-01f, D = 4.157349e-01f, E = 2.777855e-01f,
                   F = 1.913422e-01f, G = 9.754573e-02f; /* halves of cosines of 4, 1, 2, 3, 5, 6, 7 sixteenths of π */

/* Rows: for each of them at once; x[i] is the i-th column. */
static void inverse_rows(float to[8][8], const float *restrict x)
{
    for (int r = 0; r < 8; r++) {
        float x0 = x[r], x1 = x[8 + r], x2 = x[16 + r], x3 = x[24 + r], x4 = x[32 + r], x5 = x[40 + r], x6 = x[48 + r],
              x7 = x[56 + r];
        float even0 = (A * x0 + C * x2) + (A * x4 + F * x6), odd0 = (B * x1 + D * x3) + (E * x5 + G * x7);
        float even1 = (A * x0 + F * x2) - (A * x4 + C * x6), odd1 = (D * x1 - G * x3) - (B * x5 + E * x7);
        float even2 = (A * x0 - F * x2) + (C * x6 - A * x4), odd2 = (E * x1 - B * x3) + (G * x5 + D * x7);
        float even3 = (A * x0 - C * x2) + (A * x4 - F * x6), odd3 = (G * x1 - E * x3) + (D * x5 - B * x7);
        to[0][r] = even0 + odd0, to[7][r] = even0 - odd0;
        to[1][r] = even1 + odd1, to[6][r] = even1 - odd1;
        to[2][r] = even2 + odd2, to[5][r] = even2 - odd2;
        to[3][r] = even3 + odd3, to[4][r] = even3 - odd3;
    }
}

/* Columns: the same with other sums; x[c] is the c-th column. */
static void inverse_columns(float *restrict to, const float x[8][8])
{
    for (int c = 0; c < 8; c++) {
        float x0 = A * x[c][0], x4 = A * x[c][4], x1 = x[c][1], x2 = x[c][2], x3 = x[c][3], x5 = x[c][5], x6 = x[c][6],
              x7 = x[c][7];
        float sum = x0 + x4, difference = x0 - x4, near = C * x2 + F * x6, far = F * x2 - C * x6;
        float odd0 = (B * x1 + D * x3) + (E * x5 + G * x7);
        float odd1 = (D * x1 - (G * x3 + B * x5)) - E * x7;
        float odd2 = ((E * x1 - B * x3) + G * x5) + D * x7;
        float odd3 = (G * x1 + D * x5) - (E * x3 + B * x7);
        float even0 = sum + near, even1 = difference + far, even2 = difference - far, even3 = sum - near;
        to[c] = even0 + odd0, to[56 + c] = even0 - odd0;
        to[8 + c] = even1 + odd1, to[48 + c] = even1 - odd1;
        to[16 + c] = even2 + odd2, to[40 + c] = even2 - odd2;
        to[24 + c] = even3 + odd3, to[32 + c] = even3 - odd3;
    }
}

void smalti__exr_dwa_inverse_c(float samples[64], const float coefficients[64])
{
    float columns[8][8];
    inverse_rows(columns, coefficients);
    inverse_columns(samples, (const float(*)[8])columns);
}

/* Luma and chroma of BT.709 → red, green, blue. */
static void to_colors(float *restrict luma, float *restrict blue, float *restrict red, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float y = luma[i], b = blue[i], r = red[i];
        luma[i] = y + 1.5747f * r;
        blue[i] = (y - 0.1873f * b) - 0.4682f * r;
        red[i] = y + 1.8556f * b;
    }
}

/* ---- blocks ---- */

/* Where the coefficients are that stand in the order of a zigzag, by columns. */
static const uint8_t zigzag[64] = {0,  8,  1,  2,  9,  16, 24, 17, 10, 3,  4,  11, 18, 25, 32, 40,
                                   33, 26, 19, 12, 5,  6,  13, 20, 27, 34, 41, 48, 56, 49, 42, 35,
                                   28, 21, 14, 7,  15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30,
                                   23, 31, 38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63};

/* A block's coefficients but the first; *only: all are 0. 0xffNN: so many zeros, or all that are left for 0. */
static bool read_block(smalti__exr_dwa_blocks *blocks, float coefficients[64], bool *only)
{
    uint8_t values[128], places[64];
    float numbers[64];
    uint32_t count = 0, at = 1;
    const uint8_t *ac = blocks->ac;
    while (at < 64) {
        if (ac == blocks->ac_end)
            return false;
        if (ac[1] == 0xff) {
            at += *ac ? *ac : 64;
        } else {
            values[2 * count] = ac[0], values[2 * count + 1] = ac[1];
            places[count++] = zigzag[at++];
        }
        ac += 2;
    }
    blocks->ac = ac;
    *only = !count;
    if (!count || !blocks->wanted)
        return true;
    memset(coefficients, 0, 64 * sizeof *coefficients);
    blocks->unpack->half(numbers, values, count);
    for (uint32_t i = 0; i < count; i++)
        coefficients[places[i]] = numbers[i];
    return true;
}

static void put_block(const smalti__exr_dwa_blocks *blocks, uint32_t plane, const float samples[64], size_t x, size_t y,
                      uint8_t *room)
{
    size_t width = blocks->width - x < 8 ? blocks->width - x : 8,
           rows = blocks->height - y < 8 ? blocks->height - y : 8;
    uint8_t halves[128];
    blocks->unpack->to_half(halves, samples, 64);
    if (blocks->linear)
        for (int i = 0; i < 64; i++)
            smalti__put_le16(halves + 2 * i, blocks->linear[smalti__le16(halves + 2 * i)]);
    for (size_t row = 0; row < rows; row++) {
        uint8_t *to = room + blocks->planes[plane].rows[y + row];
        if (!blocks->planes[plane].wide) {
            memcpy(to + 2 * x, halves + 16 * row, 2 * width);
            continue;
        }
        float values[8];
        blocks->unpack->half(values, halves + 16 * row, 8);
        for (size_t i = 0; i < width; i++) {
            uint32_t bits;
            memcpy(&bits, values + i, sizeof bits);
            smalti__put_le32(to + 4 * (x + i), bits);
        }
    }
}

static bool decode_block(smalti__exr_dwa_blocks *blocks, size_t number, size_t total, size_t x, size_t y, uint8_t *room)
{
    float samples[3][64], coefficients[64];
    bool flat[3];
    for (uint32_t i = 0; i < blocks->count; i++) {
        float first;
        if (!read_block(blocks, coefficients, &flat[i]))
            return false;
        if (!blocks->wanted)
            continue;
        blocks->unpack->half(&first, blocks->dc + 2 * (i * total + number), 1);
        if (flat[i]) {
            first = first * A * A;
            for (int k = 0; k < 64; k++)
                samples[i][k] = first;
        } else {
            coefficients[0] = first;
            smalti__exr_dwa_inverse_c(samples[i], coefficients);
        }
    }
    if (!blocks->wanted)
        return true;
    if (blocks->count == 3)
        to_colors(samples[0], samples[1], samples[2], 64);
    for (uint32_t i = 0; i < blocks->count; i++)
        put_block(blocks, i, samples[i], x, y, room);
    return true;
}

bool smalti__exr_dwa_decode(smalti__exr_dwa_blocks *blocks, uint8_t *room)
{
    size_t across = (blocks->width + 7) / 8, down = (blocks->height + 7) / 8, number = 0;
    for (size_t y = 0; y < down; y++)
        for (size_t x = 0; x < across; x++)
            if (!decode_block(blocks, number++, across * down, 8 * x, 8 * y, room))
                return false;
    return true;
}
