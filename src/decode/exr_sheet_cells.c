/* SPDX-License-Identifier: Apache-2.0
 * Which pictures a contact sheet has, in the order of the file, and where each goes. */
#include <math.h>
#include <strings.h>

#include "decode/exr_sheet.h"

/* ---- what there is ---- */

static size_t layer_length(const char *channel)
{
    const char *dot = strrchr(channel, '.');
    return dot ? (size_t)(dot - channel) : 0;
}

static bool is_light(const char *channel)
{
    static const char *const names[] = {"r", "g", "b", "a", "red", "green", "blue", "alpha"};
    size_t length = layer_length(channel);
    const char *name = channel + length + (length > 0);
    for (size_t i = 0; i < SMALTI__COUNT(names); i++)
        if (!strcasecmp(name, names[i]))
            return true;
    return !strcmp(name, "Y"); /* a y stands beside an x */
}

static void add_text(char *label, const char *text, size_t size)
{
    char shown[SMALTI__SHEET_LABEL];
    size_t used = strlen(label);
    smalti__printable(text, size < sizeof shown / 2 ? size : sizeof shown / 2, shown, sizeof shown);
    snprintf(label + used, SMALTI__SHEET_LABEL - used, "%s", shown);
}

/* "part: layer RGBA", or "part: layer.channel". */
static void make_label(smalti__sheet_cell *cell, uint32_t part_count)
{
    static const char letters[] = "RGBA";
    const smalti__exr_decoder *image = cell->image;
    const char *first = image->part->channels[image->picks[0].channel].name;
    char channels[8] = " ";
    if (part_count > 1) {
        char number[24];
        snprintf(number, sizeof number, "%u", image->part_index);
        bool named = image->part->name.size;
        add_text(cell->label, named ? image->part->name.data : number, named ? image->part->name.size : strlen(number));
        add_text(cell->label, ": ", 2);
    }
    if (image->pick_count == 1) {
        add_text(cell->label, first, strlen(first));
        return;
    }
    for (uint32_t plane = 0, at = 1; plane < SMALTI__EXR_PLANES; plane++)
        for (uint32_t i = 0; i < image->pick_count; i++)
            if (image->picks[i].plane == plane)
                channels[at++] = letters[plane];
    if (image->chroma)
        snprintf(channels, sizeof channels, " YC");
    else if (image->base.info.channels == 2)
        snprintf(channels, sizeof channels, " YA");
    add_text(cell->label, first, layer_length(first));
    add_text(cell->label, channels + !layer_length(first), strlen(channels + !layer_length(first)));
}

static smalti_result grow(smalti__sheet *sheet, smalti_error *error)
{
    if (sheet->count == SMALTI__SHEET_CELLS)
        return smalti__source_fail(sheet->base.source, error, SMALTI_E_LIMIT, SMALTI_NO_OFFSET,
                                   "more than %d layers for a contact sheet: choose a part with --part",
                                   SMALTI__SHEET_CELLS);
    if (sheet->count == sheet->room) {
        uint32_t room = sheet->room ? sheet->room * 2 : 16;
        void *cells = realloc(sheet->cells, room * sizeof *sheet->cells);
        if (!cells)
            return smalti__fail_nomem(error, room * sizeof *sheet->cells);
        sheet->cells = cells;
        sheet->room = room;
    }
    return SMALTI_OK;
}

/* Adds what a layer's channels (from the channel's name), or that channel alone, make; marks those that are on the sheet. */
static smalti_result add_cell(smalti__sheet *sheet, uint32_t part_index, uint32_t channel, bool alone, bool *shown,
                              smalti_error *error)
{
    SMALTI__TRY(grow(sheet, error));
    smalti__exr_decoder *image = calloc(1, sizeof *image);
    if (!image)
        return smalti__fail_nomem(error, sizeof *image);
    image->base.source = sheet->base.source;
    image->base.options = sheet->base.options;
    image->base.options.spare_thread = false;
    image->exr = sheet->exr;
    smalti_result result = smalti__exr_select_cell(image, part_index, channel, alone, error);
    if (result != SMALTI_OK || !image->pick_count) {
        free(image);
        return result;
    }
    smalti__exr_describe(image);
    smalti__sheet_cell *cell = &sheet->cells[sheet->count++];
    const char *name = image->part->channels[image->picks[0].channel].name;
    *cell = (smalti__sheet_cell){.sheet = sheet, .image = image, .low = INFINITY, .high = -INFINITY};
    cell->data = image->pick_count == 1 && !is_light(name);
    make_label(cell, smalti_exr_header_get(sheet->exr)->part_count);
    for (uint32_t i = 0; i < image->pick_count; i++)
        shown[image->picks[i].channel] = true;
    return SMALTI_OK;
}

/* Whether no channel before this one is of its layer. (There are few: of many, the sheet would have too many cells.) */
static bool is_first(const smalti_exr_part *part, uint32_t channel)
{
    const char *name = part->channels[channel].name;
    size_t layer = layer_length(name);
    for (uint32_t c = channel; c-- > 0;) {
        const char *other = part->channels[c].name;
        if (layer_length(other) == layer && !strncmp(other, name, layer))
            return false;
    }
    return true;
}

static smalti_result add_part(smalti__sheet *sheet, uint32_t index, smalti_error *error)
{
    const smalti_exr_part *part = &smalti_exr_header_get(sheet->exr)->parts[index];
    SMALTI__CLEANUP_FREE bool *shown = calloc(part->channel_count, sizeof *shown);
    if (!shown)
        return smalti__fail_nomem(error, part->channel_count);
    for (uint32_t c = 0; c < part->channel_count; c++) {
        if (!shown[c] && is_first(part, c))
            SMALTI__TRY(add_cell(sheet, index, c, false, shown, error));
        if (!shown[c])
            SMALTI__TRY(add_cell(sheet, index, c, true, shown, error));
    }
    return SMALTI_OK;
}

smalti_result smalti__sheet_find(smalti__sheet *sheet, smalti_error *error)
{
    const smalti_exr_header *header = smalti_exr_header_get(sheet->exr);
    const smalti__decode_options *options = &sheet->base.options;
    int64_t only = options->part ? smalti__exr_find_part(header, options->part) : -1;
    char reason[128] = "";
    if (options->part && only < 0)
        return smalti__source_fail(sheet->base.source, error, SMALTI_E_INVALID, SMALTI_NO_OFFSET,
                                   "there is no such part");
    if (options->layer || options->view || options->level || options->preview)
        return smalti__source_fail(sheet->base.source, error, SMALTI_E_INVALID_CONFLICT, SMALTI_NO_OFFSET,
                                   "a contact sheet has all layers and views: leave --layer, --view, --level and "
                                   "--preview out");
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti__exr_decoder asked = {.base.options = *options};
        if (only >= 0 && i != only)
            continue;
        if (smalti__exr_can_decode(&asked, &header->parts[i], reason, sizeof reason) < 0)
            smalti__decoder_warn(options, "part %u is left out: %s", i, reason);
        else
            SMALTI__TRY(add_part(sheet, i, error));
    }
    return sheet->count
               ? SMALTI_OK
               : smalti__source_fail(sheet->base.source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "%s", reason);
}

/* ---- where it goes ---- */

/* As many columns as make the sheet most like 3:2. */
static uint32_t choose_columns(const smalti__sheet *sheet)
{
    uint32_t best = 1;
    double least = INFINITY;
    for (uint32_t columns = 1; columns <= sheet->count; columns++) {
        double rows = (sheet->count + columns - 1) / columns;
        double ratio = columns * (double)(sheet->cell_width + sheet->gap) /
                       (rows * (double)(sheet->cell_height + sheet->label_height + sheet->gap));
        double off = fabs(log(ratio / 1.5));
        if (off < least)
            best = columns, least = off;
    }
    return best;
}

/* The image as large as fits, in the middle; not larger than it is. */
static void place(smalti__sheet_cell *cell, uint32_t number)
{
    const smalti__sheet *sheet = cell->sheet;
    uint32_t width = smalti__exr_box_width(&cell->image->canvas), height = smalti__exr_box_height(&cell->image->canvas);
    double scale = fmin(1, fmin((double)sheet->cell_width / width, (double)sheet->cell_height / height));
    cell->width = (uint32_t)fmax(1, round(width * scale)), cell->height = (uint32_t)fmax(1, round(height * scale));
    cell->x =
        sheet->gap + number % sheet->columns * (sheet->cell_width + sheet->gap) + (sheet->cell_width - cell->width) / 2;
    cell->y = sheet->gap + number / sheet->columns * (sheet->cell_height + sheet->label_height + sheet->gap) +
              (sheet->cell_height - cell->height) / 2;
    smalti__exr_choose_level(cell->image, cell->width, cell->height);
}

smalti_result smalti__sheet_place(smalti__sheet *sheet, smalti_error *error)
{
    const smalti_exr_box *first = &sheet->cells[0].image->canvas;
    smalti_info *info = &sheet->base.info;
    uint32_t asked = sheet->base.options.sheet_cell;
    sheet->cell_width = asked ? asked : SMALTI__SHEET_CELL;
    double height = round((double)sheet->cell_width * smalti__exr_box_height(first) / smalti__exr_box_width(first));
    sheet->cell_height = (uint32_t)fmin(fmax(height, 16), 2.0 * sheet->cell_width);
    sheet->scale = sheet->cell_width < 512 ? 1 : sheet->cell_width / 256;
    sheet->gap = 4 * sheet->scale;
    sheet->label_height = 12 * sheet->scale; /* of nine dots, with some room */
    sheet->columns = choose_columns(sheet);
    uint32_t rows = (sheet->count - 1) / sheet->columns + 1;
    info->width = sheet->columns * (sheet->cell_width + sheet->gap) + sheet->gap;
    info->height = rows * (sheet->cell_height + sheet->label_height + sheet->gap) + sheet->gap;
    SMALTI__TRY(smalti__decoder_check_pixels(&sheet->base, error));
    for (uint32_t i = 0; i < sheet->count; i++)
        place(&sheet->cells[i], i);
    return SMALTI_OK;
}
