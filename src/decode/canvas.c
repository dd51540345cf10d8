/* SPDX-License-Identifier: Apache-2.0
 * The canvas of an animation. */
#include "decode/canvas.h"

size_t smalti__canvas_bytes(uint32_t width, uint32_t height)
{
    size_t row, bytes;
    return smalti__mul(width, 4, &row) && smalti__mul(row, height, &bytes) ? bytes : SIZE_MAX;
}

smalti_result smalti__canvas_open(smalti__canvas *canvas, uint32_t width, uint32_t height, smalti__pool *pool,
                                  smalti_error *error)
{
    size_t bytes = smalti__canvas_bytes(width, height);
    uint8_t *pixels = smalti__pool_get(pool, bytes);
    if (!pixels)
        return smalti__fail_nomem(error, bytes);
    memset(pixels, 0, bytes);
    *canvas = (smalti__canvas){width, height, pixels};
    return SMALTI_OK;
}

void smalti__canvas_close(smalti__canvas *canvas, smalti__pool *pool)
{
    smalti__pool_put(pool, canvas->pixels);
    *canvas = (smalti__canvas){0};
}

void smalti__canvas_clear(const smalti__canvas *canvas, const smalti__rectangle *where)
{
    for (uint32_t y = 0; y < where->height; y++)
        memset(smalti__canvas_at(canvas, where->x, where->y + y), 0, (size_t)where->width * 4);
}

static void blend_pixel(uint8_t *to, const uint8_t *from)
{
    uint32_t over = from[3] * 255u, under = to[3] * (255u - from[3]), sum = over + under; /* alpha × 255 */
    for (int i = 0; i < 3; i++)
        to[i] = (uint8_t)((from[i] * over + to[i] * under + sum / 2) / sum);
    to[3] = (uint8_t)((sum + 127) / 255);
}

void smalti__canvas_blend(const smalti__canvas *canvas, const smalti__rectangle *where, const uint8_t *pixels)
{
    for (uint32_t y = 0; y < where->height; y++) {
        uint8_t *to = smalti__canvas_at(canvas, where->x, where->y + y);
        for (uint32_t x = 0; x < where->width; x++, to += 4, pixels += 4) {
            if (pixels[3] == 255)
                memcpy(to, pixels, 4);
            else if (pixels[3])
                blend_pixel(to, pixels);
        }
    }
}

void smalti__canvas_rows(const smalti__canvas *canvas, uint32_t row, uint32_t rows, uint32_t channels, uint8_t *dst,
                         size_t pitch)
{
    for (uint32_t y = 0; y < rows; y++, dst += pitch) {
        const uint8_t *from = smalti__canvas_at(canvas, 0, row + y);
        uint8_t *to = dst;
        if (channels == 4)
            memcpy(to, from, smalti__canvas_pitch(canvas));
        else
            for (uint32_t x = 0; x < canvas->width; x++, from += 4, to += 3)
                to[0] = from[0], to[1] = from[1], to[2] = from[2];
    }
}
