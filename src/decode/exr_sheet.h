/* SPDX-License-Identifier: Apache-2.0
 * A contact sheet: all layers of an EXR file in one image. exr_sheet.c reads them, exr_sheet_cells.c says what there is and
 * where it goes, exr_sheet_draw.c puts pixels and words there. */
#ifndef SMALTI_SRC_DECODE_EXR_SHEET_H
#define SMALTI_SRC_DECODE_EXR_SHEET_H

#include "decode/exr.h"
#include "pixel/resample.h"

enum { SMALTI__SHEET_LABEL = 96, SMALTI__SHEET_CELLS = 1024, SMALTI__SHEET_CHANNELS = 3, SMALTI__SHEET_CELL = 256 };

typedef struct smalti__sheet smalti__sheet;

/* A picture on the sheet: a layer's colours, or a channel that is none of them. */
typedef struct smalti__sheet_cell {
    smalti__sheet *sheet;
    smalti__exr_decoder *image; /* owned; its exr is the sheet's */
    smalti__resample *resample; /* while its part is read */
    uint32_t x, y, width, height; /* on the sheet, without its label */
    uint32_t row;                 /* the next one to be drawn */
    bool
        data; /* no light: numbers, which are not mixed with their neighbours, and are stretched where 0…1 cannot show them */
    float low, high; /* data: of its numbers */
    char label[SMALTI__SHEET_LABEL];
} smalti__sheet_cell;

struct smalti__sheet {
    smalti__decoder base; /* first */
    smalti_exr *exr; /* owned */
    smalti__sheet_cell *cells; /* owned; those of a part side by side */
    uint32_t count, room;
    uint32_t columns, cell_width, cell_height, label_height, gap, scale;
    float *pixels; /* pool: the whole sheet */
    float *row; /* pool: of the image that is being read */
    size_t row_floats;
    bool made;
};

smalti_result smalti__exr_sheet_open(smalti__source *source, const smalti__decode_options *options,
                                     smalti__decoder **decoder, smalti_error *error);

/* exr_sheet_cells.c: finds the cells, and gives them places. */
smalti_result smalti__sheet_find(smalti__sheet *sheet, smalti_error *error);
smalti_result smalti__sheet_place(smalti__sheet *sheet, smalti_error *error);

/* exr_sheet_draw.c */
void smalti__sheet_clear(smalti__sheet *sheet);
/* Rows of a cell's image, as it was scaled (smalti__rows_fn). */
smalti_result smalti__sheet_draw_rows(void *cell, const void *rows, size_t pitch, uint32_t count, smalti_error *error);
/* When all rows are there: numbers are stretched, and the label is written. */
void smalti__sheet_draw_end(smalti__sheet_cell *cell);

#endif
