/* SPDX-License-Identifier: Apache-2.0
 * Pixels of the canvas from bands: samples of the channels wanted to planes of floats, subsampled ones made as wide as the
 * image, luminance and chroma to R, G, B, and planes to pixels. Outside the data window all is 0. */
#include "decode/exr.h"

/* Planes of a row: two of each where a row of chroma between two others needs the next one. */
static uint32_t plane_count(const smalti__exr_decoder *self)
{
    return self->chroma ? 2 * SMALTI__EXR_PLANES + 3 : SMALTI__EXR_PLANES;
}

/* Of a plane, in floats; vectors may reach over its end. */
static size_t plane_room(const smalti__exr_decoder *self)
{
    return smalti__align((size_t)smalti__exr_box_width(&self->window) + 16, 16);
}

size_t smalti__exr_rows_bytes(const smalti__exr_decoder *self)
{
    size_t bytes;
    /* with a row of samples, and one of bytes twice */
    if (!smalti__mul(plane_room(self) * sizeof(float), plane_count(self) + 3, &bytes))
        return SIZE_MAX;
    return bytes;
}

smalti_result smalti__exr_rows_start(smalti__exr_decoder *self, smalti_error *error)
{
    size_t bytes = smalti__exr_rows_bytes(self), room = plane_room(self);
    self->scratch = smalti__pool_get(self->base.options.pool, bytes);
    if (!self->scratch)
        return smalti__fail_nomem(error, bytes);
    memset(self->scratch, 0, bytes);
    float *at = (float *)self->scratch;
    for (uint32_t set = 0; set < (self->chroma ? 2 : 1); set++)
        for (uint32_t p = 0; p < SMALTI__EXR_PLANES; p++, at += room)
            self->planes[set][p] = at;
    for (uint32_t p = 0; p < 3 && self->chroma; p++, at += room)
        self->mixed[p] = at;
    self->samples = at;
    self->bytes = (uint8_t *)(at + room);
    self->row = self->first_band * self->band_rows;
    return SMALTI_OK;
}

void smalti__exr_rows_end(smalti__exr_decoder *self)
{
    smalti__pool_put(self->base.options.pool, self->scratch);
    self->scratch = NULL;
}

/* ---- one row of the file ---- */

/* Between two samples of chroma lies their mean; behind the last one, itself. */
static void widen(const smalti__exr_decoder *self, const smalti_exr_channel *channel, const float *samples,
                  uint32_t width, float *plane)
{
    uint32_t step = (uint32_t)channel->x_sampling, count = width / step;
    if (!self->chroma) {
        for (uint32_t x = 0; x < width; x++)
            plane[x] = samples[x / step];
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        float next = samples[i + 1 < count ? i + 1 : i];
        plane[2 * i] = samples[i];
        plane[2 * i + 1] = 0.5f * (samples[i] + next);
    }
}

/* Where a channel's row goes. */
static float *plane_of(const smalti__exr_decoder *self, uint32_t plane, uint32_t row, uint32_t step)
{
    return self->planes[self->chroma ? row / step % 2 : 0][plane];
}

static void take_channel(smalti__exr_decoder *self, smalti__exr_cursor *cursor, uint32_t c, uint32_t plane, uint32_t x,
                         uint32_t width)
{
    const smalti_exr_channel *channel = &self->part->channels[c];
    uint32_t step = (uint32_t)channel->x_sampling, count = width / step;
    float *dst = plane_of(self, plane, self->row, (uint32_t)channel->y_sampling) + x;
    const uint8_t *bytes =
        smalti__exr_cursor_take(cursor, (size_t)count * smalti_exr_sample_bytes(channel->sample), self->bytes);
    smalti__exr_samples_float(self->unpack, channel->sample, bytes, step == 1 ? dst : self->samples, count);
    if (step > 1)
        widen(self, channel, self->samples, width, dst);
}

/* The same of a chunk that was flattened: it has the picks alone. */
static void take_flat_row(smalti__exr_decoder *self, smalti__exr_cursor *cursor, uint32_t x, uint32_t width)
{
    size_t bytes = (size_t)width * sizeof(float);
    for (uint32_t i = 0; i < self->pick_count; i++)
        memcpy(plane_of(self, self->picks[i].plane, self->row, 1) + x,
               smalti__exr_cursor_take(cursor, bytes, self->bytes), bytes);
}

/* The next row's samples in one chunk: wanted ones to their planes, from x on; NULL wanted: none. */
static void take_row(smalti__exr_decoder *self, smalti__exr_cursor *cursor, uint32_t x, uint32_t width, bool wanted)
{
    const smalti_exr_part *part = self->part;
    uint32_t pick = 0;
    if (self->is_deep) {
        take_flat_row(self, cursor, x, width);
        return;
    }
    for (uint32_t c = 0; c < part->channel_count; c++) {
        const smalti_exr_channel *channel = &part->channels[c];
        bool picked = pick < self->pick_count && self->picks[pick].channel == c;
        uint32_t plane = picked ? self->picks[pick++].plane : 0;
        if (self->row % (uint32_t)channel->y_sampling)
            continue; /* the window begins on the grid of samples */
        if (picked && wanted)
            take_channel(self, cursor, c, plane, x, width);
        else
            smalti__exr_cursor_skip(cursor, (size_t)(width / (uint32_t)channel->x_sampling) *
                                                smalti_exr_sample_bytes(channel->sample));
    }
}

static smalti_result fetch(smalti__exr_decoder *self, bool wanted, smalti_error *error)
{
    uint32_t width = smalti__exr_box_width(&self->window), tile = self->part->tile_width;
    SMALTI__TRY(smalti__exr_bands_get(self, self->row, error));
    smalti__exr_slot *slot = &self->slots[self->slot];
    if (!smalti__exr_is_tiled(self->part))
        tile = width;
    for (uint32_t i = 0; i < self->chunks_across; i++) {
        uint32_t x = (self->first_chunk + i) * tile;
        take_row(self, &slot->cursors[i], x, width - x < tile ? width - x : tile, wanted);
    }
    self->row++;
    return SMALTI_OK;
}

/* ---- luminance and chroma ---- */

/* RY is (R − Y) / Y and BY (B − Y) / Y, of linear light; Y is the sum of the primaries' shares (the document "Technical
 * Introduction to OpenEXR", luminance/chroma images). */
static void mix_chroma(const smalti__exr_decoder *self, const float *y, const float *const ry[2],
                       const float *const by[2])
{
    uint32_t width = smalti__exr_box_width(&self->window);
    const float *luma = self->luma;
    float *restrict red = self->mixed[0], *restrict green = self->mixed[1], *restrict blue = self->mixed[2];
    for (uint32_t x = 0; x < width; x++) {
        float r = (0.5f * (ry[0][x] + ry[1][x]) + 1) * y[x], b = (0.5f * (by[0][x] + by[1][x]) + 1) * y[x];
        red[x] = r;
        blue[x] = b;
        green[x] = (y[x] - r * luma[0] - b * luma[2]) / luma[1];
    }
}

static uint32_t chroma_step(const smalti__exr_decoder *self)
{
    for (uint32_t i = 0; i < self->pick_count; i++)
        if (self->picks[i].plane == 1)
            return (uint32_t)self->part->channels[self->picks[i].channel].y_sampling;
    return 1;
}

static smalti_result get_chroma(smalti__exr_decoder *self, uint32_t row, const float *planes[SMALTI__EXR_PLANES],
                                smalti_error *error)
{
    uint32_t step = chroma_step(self), height = smalti__exr_box_height(&self->window), between = row % step;
    uint32_t last = between && row + 1 < height ? row + 1 : row;
    while (self->row <= last)
        SMALTI__TRY(fetch(self, true, error));
    const float *const ry[2] = {plane_of(self, 1, row, step), plane_of(self, 1, last, step)};
    const float *const by[2] = {plane_of(self, 2, row, step), plane_of(self, 2, last, step)};
    mix_chroma(self, plane_of(self, 0, row, 1), ry, by);
    for (uint32_t p = 0; p < 3; p++)
        planes[p] = self->mixed[p];
    planes[3] = plane_of(self, 3, row, 1);
    return SMALTI_OK;
}

/* ---- pixels ---- */

/* Planes of a row of the window; with gray and alpha these are 0 and 1. */
static smalti_result get_planes(smalti__exr_decoder *self, uint32_t row, const float *planes[SMALTI__EXR_PLANES],
                                smalti_error *error)
{
    if (self->chroma)
        return get_chroma(self, row, planes, error);
    while (self->row <= row)
        SMALTI__TRY(fetch(self, self->subsampled || self->row == row, error));
    for (uint32_t p = 0; p < SMALTI__EXR_PLANES; p++)
        planes[p] = self->planes[0][p];
    if (self->base.info.channels == 2)
        planes[1] = self->planes[0][3];
    return SMALTI_OK;
}

smalti_result smalti__exr_rows_get(smalti__exr_decoder *self, uint32_t row, float *dst, smalti_error *error)
{
    const smalti_exr_box *window = &self->window, *canvas = &self->canvas;
    uint32_t channels = self->base.info.channels, first = 0, last = 0, width = smalti__exr_box_width(canvas);
    int64_t y = (int64_t)canvas->min_y + row;
    const float *planes[SMALTI__EXR_PLANES];
    if (y < window->min_y || y > window->max_y ||
        !smalti__exr_overlap(canvas->min_x, canvas->max_x, window->min_x, window->max_x, &first, &last)) {
        memset(dst, 0, (size_t)width * channels * sizeof *dst);
        return SMALTI_OK;
    }
    SMALTI__TRY(get_planes(self, (uint32_t)(y - window->min_y), planes, error));
    int64_t skip = (int64_t)canvas->min_x + first - window->min_x;
    for (uint32_t p = 0; p < channels; p++)
        planes[p] += skip;
    memset(dst, 0, (size_t)first * channels * sizeof *dst);
    if (channels == 1)
        memcpy(dst + first, planes[0], (size_t)(last - first + 1) * sizeof *dst);
    else
        self->unpack->mix(dst + (size_t)first * channels, planes, channels, last - first + 1);
    memset(dst + (size_t)(last + 1) * channels, 0, (size_t)(width - last - 1) * channels * sizeof *dst);
    return SMALTI_OK;
}
