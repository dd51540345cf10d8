/* SPDX-License-Identifier: Apache-2.0
 * Reading a contact sheet: every part once, its layers side by side, each through a scaling of its own. The sheet is held whole:
 * it is small, and layers that lie in one chunk end up in all of its rows. */
#include "decode/exr_sheet.h"

static uint32_t part_end(const smalti__sheet *sheet, uint32_t first)
{
    uint32_t end = first;
    while (end < sheet->count && sheet->cells[end].image->part == sheet->cells[first].image->part)
        end++;
    return end;
}

static smalti__resample_setup scaling(smalti__sheet_cell *cell)
{
    const smalti__exr_decoder *image = cell->image;
    uint32_t width = smalti__exr_box_width(&image->canvas), height = smalti__exr_box_height(&image->canvas);
    return (smalti__resample_setup){
        .in = {width, height, image->base.info.channels, SMALTI_SAMPLE_F32, image->base.premultiplied},
        .out_width = cell->width,
        .out_height = cell->height,
        .width = width,
        .height = height,
        /* highlights ring with the others */
        .filter = cell->data ? SMALTI__FILTER_NEAREST : SMALTI__FILTER_LINEAR,
        .pool = cell->sheet->base.options.pool,
        .emit = smalti__sheet_draw_rows,
        .user = cell,
    };
}

/* ---- memory ---- */

/* Layers of a part read the chunks that the first of them decompresses, but for those that are ahead of it or have chunks of
 * their own making. */
static void share_bands(const smalti__sheet *sheet, uint32_t first, uint32_t end)
{
    smalti__exr_decoder *leader = NULL;
    for (uint32_t i = first; i < end; i++) {
        smalti__exr_decoder *image = sheet->cells[i].image;
        if (image->chroma || image->subsampled || image->is_deep)
            continue;
        image->leader = leader;
        if (!leader) {
            leader = image;
            leader->leads = true;
            leader->base.options.spare_thread = sheet->base.options.spare_thread;
        }
    }
}

static smalti_result part_bytes(const smalti__sheet *sheet, uint32_t first, uint32_t end, size_t *bytes,
                                smalti_error *error)
{
    *bytes = 0;
    for (uint32_t i = first; i < end; i++) {
        size_t scale;
        smalti__resample_setup setup = scaling(&sheet->cells[i]);
        smalti__exr_decoder *image = sheet->cells[i].image;
        SMALTI__TRY(smalti__resample_bytes(&setup, &scale, error));
        if (!smalti__add(*bytes, scale, bytes) || !smalti__add(*bytes, smalti__exr_bands_bytes(image), bytes) ||
            !smalti__add(*bytes, smalti__exr_rows_bytes(image), bytes))
            *bytes = SIZE_MAX;
    }
    return SMALTI_OK;
}

static size_t sheet_bytes(const smalti__sheet *sheet)
{
    return (size_t)sheet->base.info.width * sheet->base.info.height * SMALTI__SHEET_CHANNELS * sizeof(float);
}

static smalti_result measure(smalti__sheet *sheet, smalti_error *error)
{
    size_t most = 0, bytes;
    for (uint32_t first = 0, end; first < sheet->count; first = end) {
        end = part_end(sheet, first);
        share_bands(sheet, first, end);
        SMALTI__TRY(part_bytes(sheet, first, end, &bytes, error));
        most = bytes > most ? bytes : most;
    }
    for (uint32_t i = 0; i < sheet->count; i++) {
        const smalti__exr_decoder *image = sheet->cells[i].image;
        size_t floats = ((size_t)smalti__exr_box_width(&image->canvas) + 16) * SMALTI__EXR_PLANES;
        sheet->row_floats = floats > sheet->row_floats ? floats : sheet->row_floats;
        sheet->base.info.decoded_bytes += image->deep_bytes;
    }
    size_t fixed = sheet_bytes(sheet) + sheet->row_floats * sizeof(float) + sheet->count * sizeof(smalti__exr_decoder);
    if (!smalti__add(most, fixed + 2 * (size_t)SMALTI__POOL_SLACK, &sheet->base.work_bytes))
        sheet->base.work_bytes = SIZE_MAX;
    return SMALTI_OK;
}

/* ---- reading ---- */

static smalti_result begin_cell(smalti__sheet_cell *cell, smalti_error *error)
{
    const smalti__resample_setup setup = scaling(cell);
    SMALTI__TRY(smalti__exr_rows_start(cell->image, error));
    SMALTI__TRY(smalti__exr_bands_start(cell->image, error));
    return smalti__resample_open(&setup, &cell->resample, error);
}

static void end_cell(smalti__sheet_cell *cell)
{
    smalti__resample_close(cell->resample);
    cell->resample = NULL;
    smalti__exr_bands_end(cell->image);
    cell->sheet->base.helper_cpu_ns += cell->image->base.helper_cpu_ns;
    cell->image->base.helper_cpu_ns = 0;
    smalti__exr_rows_end(cell->image);
}

/* What is farther than this is nothing that anybody meant to show: renderers write such depths where there is nothing. */
static void note_range(smalti__sheet_cell *cell, const float *row, uint32_t width)
{
    const float far = 1e9f;
    for (uint32_t x = 0; x < width; x++) {
        if (!(row[x] < far && row[x] > -far))
            continue;
        cell->low = row[x] < cell->low ? row[x] : cell->low;
        cell->high = row[x] > cell->high ? row[x] : cell->high;
    }
}

static smalti_result read_part(smalti__sheet *sheet, uint32_t first, uint32_t end, smalti_error *error)
{
    const smalti_exr_box *canvas = &sheet->cells[first].image->canvas;
    for (uint32_t i = first; i < end; i++)
        SMALTI__TRY(begin_cell(&sheet->cells[i], error));
    for (uint32_t y = 0; y < smalti__exr_box_height(canvas); y++)
        for (uint32_t i = first; i < end; i++) {
            smalti__sheet_cell *cell = &sheet->cells[i];
            SMALTI__TRY(smalti__exr_rows_get(cell->image, y, sheet->row, error));
            if (cell->data)
                note_range(cell, sheet->row, smalti__exr_box_width(canvas));
            SMALTI__TRY(smalti__resample_push(cell->resample, sheet->row, 0, 1, error));
        }
    for (uint32_t i = first; i < end; i++)
        smalti__sheet_draw_end(&sheet->cells[i]);
    return SMALTI_OK;
}

static smalti_result make(smalti__sheet *sheet, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    smalti__sheet_clear(sheet);
    for (uint32_t first = 0, end; first < sheet->count && result == SMALTI_OK; first = end) {
        end = part_end(sheet, first);
        result = read_part(sheet, first, end, error);
        for (uint32_t i = end; i-- > first;) /* the first lends its chunks to the others */
            end_cell(&sheet->cells[i]);
    }
    sheet->made = result == SMALTI_OK;
    return result;
}

static smalti_result sheet_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    smalti__sheet *sheet = (smalti__sheet *)decoder;
    size_t floats = (size_t)decoder->info.width * SMALTI__SHEET_CHANNELS;
    if (!sheet->made)
        SMALTI__TRY(make(sheet, error));
    for (uint32_t y = 0; y < rows; y++)
        memcpy((uint8_t *)dst + y * pitch, sheet->pixels + (decoder->row + y) * floats, floats * sizeof(float));
    return SMALTI_OK;
}

/* ---- life ---- */

static smalti_result sheet_start(smalti__decoder *decoder, smalti_error *error)
{
    smalti__sheet *sheet = (smalti__sheet *)decoder;
    if (decoder->work_bytes == SIZE_MAX)
        return smalti__fail_nomem(error, SIZE_MAX);
    sheet->pixels = smalti__pool_get(decoder->options.pool, sheet_bytes(sheet));
    sheet->row = smalti__pool_get(decoder->options.pool, sheet->row_floats * sizeof(float));
    return sheet->pixels && sheet->row ? SMALTI_OK : smalti__fail_nomem(error, sheet_bytes(sheet));
}

static smalti_result sheet_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* nothing has to follow */
    return SMALTI_OK;
}

static void sheet_close(smalti__decoder *decoder)
{
    smalti__sheet *sheet = (smalti__sheet *)decoder;
    for (uint32_t i = sheet->count; i-- > 0;) {
        end_cell(&sheet->cells[i]);
        free(sheet->cells[i].image);
    }
    smalti__pool_put(decoder->options.pool, sheet->row);
    smalti__pool_put(decoder->options.pool, sheet->pixels);
    free(sheet->cells);
    smalti_exr_free(sheet->exr);
    free(sheet);
}

static smalti_result set_up(smalti__sheet *sheet, smalti_error *error)
{
    smalti__decoder *base = &sheet->base;
    const smalti__source *source = base->source;
    SMALTI__TRY(smalti_exr_new(NULL, &sheet->exr, error));
    SMALTI__TRY(smalti_exr_open_memory(sheet->exr, source->data, source->size, source->name, error));
    base->info = (smalti_info){.format = "exr",
                               .channels = SMALTI__SHEET_CHANNELS,
                               .sample = SMALTI_SAMPLE_F32,
                               .bit_depth = 16, /* halves hold what is shown */
                               .orientation = 1,
                               .frames = 1,
                               .file_bytes = source->size,
                               .color = "rgb",
                               .compression = "none"};
    base->light = smalti__light_linear(NULL);
    SMALTI__TRY(smalti__sheet_find(sheet, error));
    for (uint32_t i = 0; i < sheet->count; i++)
        SMALTI__TRY(smalti__exr_check_pixels(sheet->cells[i].image, error));
    SMALTI__TRY(smalti__sheet_place(sheet, error));
    base->info.decoded_bytes = sheet_bytes(sheet);
    return measure(sheet, error);
}

smalti_result smalti__exr_sheet_open(smalti__source *source, const smalti__decode_options *options,
                                     smalti__decoder **decoder, smalti_error *error)
{
    static const smalti__decoder_ops ops = {
        .start = sheet_start, .read = sheet_read, .finish = sheet_finish, .close = sheet_close};
    smalti__sheet *sheet = calloc(1, sizeof *sheet);
    if (!sheet)
        return smalti__fail_nomem(error, sizeof *sheet);
    sheet->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = set_up(sheet, error);
    if (result < 0)
        sheet_close(&sheet->base);
    else
        *decoder = &sheet->base;
    return result;
}
