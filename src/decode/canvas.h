/* SPDX-License-Identifier: Apache-2.0
 * The canvas on which the frames of an animation are composed: RGBA, not premultiplied, transparent at first. */
#ifndef SMALTI_SRC_DECODE_CANVAS_H
#define SMALTI_SRC_DECODE_CANVAS_H

#include "base/memory.h"

typedef struct smalti__canvas {
    uint32_t width, height;
    uint8_t *pixels; /* width × 4 bytes a row; pool */
} smalti__canvas;

typedef struct smalti__rectangle {
    uint32_t x, y, width, height;
} smalti__rectangle;

static inline size_t smalti__canvas_pitch(const smalti__canvas *canvas)
{
    return (size_t)canvas->width * 4;
}
static inline uint8_t *smalti__canvas_at(const smalti__canvas *canvas, uint32_t x, uint32_t y)
{
    return canvas->pixels + y * smalti__canvas_pitch(canvas) + (size_t)x * 4;
}

/* SIZE_MAX when it does not fit. */
size_t smalti__canvas_bytes(uint32_t width, uint32_t height);
smalti_result smalti__canvas_open(smalti__canvas *canvas, uint32_t width, uint32_t height, smalti__pool *pool,
                                  smalti_error *error);
void smalti__canvas_close(smalti__canvas *canvas, smalti__pool *pool); /* fine for a zeroed struct */
/* Rectangles lie in the canvas. */
void smalti__canvas_clear(const smalti__canvas *canvas, const smalti__rectangle *where);
/* Puts pixels over what is there: c = (c₁a₁ + c₀a₀(1 - a₁)) / a, a = a₁ + a₀(1 - a₁), rounded. */
void smalti__canvas_blend(const smalti__canvas *canvas, const smalti__rectangle *where, const uint8_t *pixels);
/* Rows as RGBA or, without alpha, RGB. */
void smalti__canvas_rows(const smalti__canvas *canvas, uint32_t row, uint32_t rows, uint32_t channels, uint8_t *dst,
                         size_t pitch);

#endif
