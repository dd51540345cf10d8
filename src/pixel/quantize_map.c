/* SPDX-License-Identifier: Apache-2.0
 * Rows in the colors of a palette. What a pixel is off goes to its neighbours (Floyd and Steinberg, 1976; every other row
 * from right to left), less of it where the image is busy: there the grain would show, and bands would not. */
#include "pixel/quantize.h"

enum {
    /* Curvature at which half of an error is diffused, in the space's units: a sum over two directions and components. */
    BUSY = 120,
    /* What is less than that of an error, well below one level, is not seen and dropped: its grain would only take bytes. */
    LEAST = 5,
    FULL = 256,
};

static void map_exact(const smalti__quantizer *quantizer, const uint8_t *rgba, uint8_t *indices)
{
    for (uint32_t x = 0; x < quantizer->width; x++, rgba += 4) {
        if (x && !memcmp(rgba, rgba - 4, 4))
            indices[x] = indices[x - 1];
        else if (!rgba[3] && quantizer->hidden_dropped)
            indices[x] = (uint8_t)smalti__quantize_exact(quantizer, (const uint8_t[4]){0});
        else
            indices[x] = (uint8_t)smalti__quantize_exact(quantizer, rgba);
    }
}

static void row_colors(const smalti__quantizer *quantizer, smalti__color *colors, const uint8_t *rgba)
{
    for (uint32_t x = 0; x < quantizer->width; x++)
        colors[x] = smalti__quantize_color(rgba + 4 * (size_t)x);
}

static int32_t magnitude(int32_t value)
{
    return value < 0 ? -value : value;
}

/* How much of each pixel's error is diffused. Smooth slopes have no curvature: they get all of it. */
static void row_strength(smalti__quantizer *quantizer)
{
    const smalti__color *here = quantizer->current, *below = quantizer->next;
    uint32_t width = quantizer->width, full = FULL * quantizer->dither / 100;
    for (uint32_t x = 0; x < width; x++) {
        const smalti__color *left = &here[x ? x - 1 : 0], *right = &here[x + 1 < width ? x + 1 : x];
        int32_t curvature = 0;
        for (int c = 0; c < 4; c++) {
            int32_t v = here[x].v[c];
            curvature += magnitude(2 * v - left->v[c] - right->v[c]) + magnitude(v - below[x].v[c]);
        }
        uint32_t strength = full * BUSY / (BUSY + (uint32_t)curvature);
        quantizer->strength[x] = (uint8_t)(strength < 255 ? strength : 255);
    }
}

static int32_t beyond(int32_t value, int32_t least)
{
    return value > least ? value - least : value < -least ? value + least : 0;
}

/* One pixel: its color with what came from others, in the palette's bounds. */
static smalti__color with_errors(smalti__color color, const int16_t *errors)
{
    for (int c = 0; c < 4; c++) {
        int32_t v = color.v[c] + (errors[c] + 8) / 16;
        color.v[c] = (int16_t)(v < 0 ? 0 : v > SMALTI__COLOR_MOST ? SMALTI__COLOR_MOST : v);
    }
    return color;
}

/* guess: an index that may well be right. */
static uint32_t find(const smalti__quantizer *quantizer, smalti__color color, bool opaque, uint32_t guess)
{
    uint32_t first = opaque ? quantizer->opaque : 0;
    if (first == quantizer->count)
        first = 0;
    if (guess >= first && smalti__color_distance(color, quantizer->space[guess]) < quantizer->apart[guess])
        return guess;
    return (quantizer->find(first ? &quantizer->opaques : &quantizer->all, color) & 255) + first;
}

static void map_plain(const smalti__quantizer *quantizer, const uint8_t *rgba, uint8_t *indices)
{
    uint32_t index = 0;
    for (uint32_t x = 0; x < quantizer->width; x++) {
        if (rgba[4 * (size_t)x + 3])
            index = find(quantizer, quantizer->current[x], rgba[4 * (size_t)x + 3] == 255, index);
        else
            index = 0;
        indices[x] = (uint8_t)index;
    }
}

static void map_diffused(smalti__quantizer *quantizer, const uint8_t *rgba, uint8_t *indices)
{
    uint32_t width = quantizer->width, index = 0;
    bool back = quantizer->row % 2;
    ptrdiff_t step = back ? -4 : 4;
    /* what goes below comes from three pixels of this row: it is gathered in registers and written once */
    int16_t *here = quantizer->errors[0] + 4, *below = quantizer->errors[1] + 4;
    memset(quantizer->errors[1], 0, ((size_t)width + 2) * 4 * sizeof *below);
    for (uint32_t i = 0; i < width; i++) {
        size_t x = back ? width - 1 - i : i;
        int16_t *at = here + 4 * x, *under = below + 4 * x;
        if (!rgba[4 * x + 3]) {
            indices[x] = (uint8_t)(index = 0);
            continue;
        }
        smalti__color color = with_errors(quantizer->current[x], at);
        index = find(quantizer, color, rgba[4 * x + 3] == 255, index);
        indices[x] = (uint8_t)index;
        for (int c = 0; c < 4; c++) {
            int32_t error = beyond(color.v[c] - quantizer->space[index].v[c], LEAST) * quantizer->strength[x] / FULL;
            at[step + c] = (int16_t)(at[step + c] + 7 * error);
            under[c - step] = (int16_t)(under[c - step] + 3 * error);
            under[c] = (int16_t)(under[c] + 5 * error);
            under[c + step] = (int16_t)(under[c + step] + error);
        }
    }
    int16_t *done = quantizer->errors[0];
    quantizer->errors[0] = quantizer->errors[1];
    quantizer->errors[1] = done;
}

void smalti__quantizer_map(smalti__quantizer *quantizer, const uint8_t *rgba, const uint8_t *below, uint8_t *indices)
{
    if (quantizer->lossless) {
        map_exact(quantizer, rgba, indices);
        return;
    }
    if (!quantizer->row)
        row_colors(quantizer, quantizer->next, rgba);
    smalti__color *next = quantizer->current;
    quantizer->current = quantizer->next;
    quantizer->next = next;
    row_colors(quantizer, next, below ? below : rgba);
    if (quantizer->dither) {
        row_strength(quantizer);
        map_diffused(quantizer, rgba, indices);
    } else {
        map_plain(quantizer, rgba, indices);
    }
    quantizer->row++;
}
