/* SPDX-License-Identifier: Apache-2.0
 * What is on a contact sheet: pictures in linear light, grays, and words below them. */
#include <math.h>

#include "decode/exr_sheet.h"
#include "pixel/font.h"
#include "pixel/srgb.h"

/* Linear light. */
static const float ground = 0.02f, ink = 0.6f;

static float *pixel_at(const smalti__sheet *sheet, uint32_t x, uint32_t y)
{
    return sheet->pixels + ((size_t)y * sheet->base.info.width + x) * SMALTI__SHEET_CHANNELS;
}

void smalti__sheet_clear(smalti__sheet *sheet)
{
    size_t count = (size_t)sheet->base.info.width * sheet->base.info.height * SMALTI__SHEET_CHANNELS;
    for (size_t i = 0; i < count; i++)
        sheet->pixels[i] = ground;
}

/* Colours go to sRGB's primaries; alpha is not shown: over black they are what they are. */
static void draw_row(const smalti__sheet_cell *cell, const float *from, float *to)
{
    const smalti__decoder *image = &cell->image->base;
    uint32_t channels = image->info.channels;
    bool convert = image->light.convert && channels >= 3;
    const float(*m)[3] = image->light.matrix;
    for (uint32_t x = 0; x < cell->width; x++, from += channels, to += SMALTI__SHEET_CHANNELS)
        for (uint32_t c = 0; c < SMALTI__SHEET_CHANNELS; c++)
            to[c] = channels < 3 ? from[0]
                    : convert    ? m[c][0] * from[0] + m[c][1] * from[1] + m[c][2] * from[2]
                                 : from[c];
}

smalti_result smalti__sheet_draw_rows(void *user, const void *rows, size_t pitch, uint32_t count, smalti_error *error)
{
    smalti__sheet_cell *cell = user;
    (void)error;
    for (uint32_t y = 0; y < count && cell->row < cell->height; y++, cell->row++)
        draw_row(cell, (const float *)(const void *)((const uint8_t *)rows + y * pitch),
                 pixel_at(cell->sheet, cell->x, cell->y + cell->row));
    return SMALTI_OK;
}

/* ---- numbers ---- */

static void stretch(const smalti__sheet_cell *cell)
{
    float scale = cell->high > cell->low ? 1 / (cell->high - cell->low) : 0;
    for (uint32_t y = 0; y < cell->height; y++) {
        float *at = pixel_at(cell->sheet, cell->x, cell->y + y);
        for (size_t i = 0; i < (size_t)cell->width * SMALTI__SHEET_CHANNELS; i++) {
            float value = (at[i] - cell->low) * scale;
            value = value > 0 ? value < 1 ? value : 1 : 0; /* NaN becomes 0 */
            at[i] = smalti__srgb_decode(value);            /* shown, half is in the middle */
        }
    }
}

/* To three digits. */
static const char *short_number(float number, char out[SMALTI__NUMBER_TEXT])
{
    double size = fabs((double)number), unit = size > 0 ? pow(10, floor(log10(size)) - 2) : 1;
    return smalti__number_text(round((double)number / unit) * unit, out);
}

static void say_range(smalti__sheet_cell *cell)
{
    char low[SMALTI__NUMBER_TEXT], high[SMALTI__NUMBER_TEXT];
    size_t used = strlen(cell->label);
    snprintf(cell->label + used, sizeof cell->label - used, " %.10s..%.10s", short_number(cell->low, low),
             short_number(cell->high, high));
}

/* ---- words ---- */

static void draw_letter(const smalti__sheet *sheet, char letter, uint32_t x, uint32_t y)
{
    for (uint32_t row = 0; row < SMALTI__FONT_HEIGHT * sheet->scale; row++)
        for (uint32_t column = 0; column < SMALTI__FONT_WIDTH * sheet->scale; column++)
            if (smalti__font_row(letter, row / sheet->scale) >> (4 - column / sheet->scale) & 1) {
                float *to = pixel_at(sheet, x + column, y + row);
                to[0] = to[1] = to[2] = ink;
            }
}

/* The end of a label that is too long tells more than its beginning, which others share. */
static void draw_label(const smalti__sheet_cell *cell)
{
    const smalti__sheet *sheet = cell->sheet;
    uint32_t place = (uint32_t)(cell - sheet->cells), advance = SMALTI__FONT_ADVANCE * sheet->scale;
    uint32_t x = sheet->gap + place % sheet->columns * (sheet->cell_width + sheet->gap);
    uint32_t y = sheet->gap + place / sheet->columns * (sheet->cell_height + sheet->label_height + sheet->gap) +
                 sheet->cell_height + 2 * sheet->scale;
    size_t length = strlen(cell->label), most = sheet->cell_width / advance;
    const char *text = cell->label + (length > most ? length - most : 0);
    for (size_t i = 0; text[i]; i++)
        draw_letter(sheet, length > most && i < 2 ? '.' : text[i], x + (uint32_t)i * advance, y);
}

void smalti__sheet_draw_end(smalti__sheet_cell *cell)
{
    if (cell->data && cell->low <= cell->high && (cell->low < 0 || cell->high > 1)) {
        stretch(cell);
        say_range(cell);
    }
    draw_label(cell);
}
