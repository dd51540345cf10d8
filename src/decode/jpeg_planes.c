/* SPDX-License-Identifier: Apache-2.0
 * A JPEG file's planes as they are stored, without upsampling and colour conversion. */
#include "decode/jpeg_decoder.h"

enum { MOST_LINES = 4 * DCTSIZE /* of a plane in a row of MCUs */ };

typedef smalti__jpeg_decoder jpeg_decoder;

/* Samples across and down that are made of a component's block. */
static uint32_t block_size(const jpeg_decoder *self, uint32_t component)
{
    uint32_t divisor = self->base.reduced;
    return self->coarse ? DCTSIZE / divisor : smalti__jpeg_head_block(&self->head, component, divisor);
}

/* Samples of a component along an axis of the image, rounded up. */
static uint32_t samples(uint32_t pixels, uint32_t factor, uint32_t most, uint32_t size)
{
    uint64_t blocks = (uint64_t)most * DCTSIZE;
    return (uint32_t)(((uint64_t)pixels * factor * size + blocks - 1) / blocks);
}

bool smalti__jpeg_planar(smalti__decoder *decoder, bool fine, smalti__planes *image, smalti__planes *unit)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    const smalti__jpeg_head *head = &self->head;
    uint32_t least = DCTSIZE / decoder->reduced;
    smalti__planes whole = {.count = head->components}, part = whole;
    if (head->color != SMALTI__JPEG_YCBCR && head->color != SMALTI__JPEG_GRAY)
        return false;
    self->coarse = !fine;
    for (uint32_t i = 0; i < whole.count; i++) {
        const smalti__jpeg_component *c = &head->component[i];
        uint32_t size = block_size(self, i);
        /* what one sample stands for, in pixels of the reduced image, must be a whole number */
        if (head->max_h * least % (c->h * size) || head->max_v * least % (c->v * size))
            return false;
        part.across[i] = whole.across[i] = head->max_h * least / (c->h * size);
        part.down[i] = whole.down[i] = head->max_v * least / (c->v * size);
        part.width[i] = whole.width[i] = samples(head->width, c->h, head->max_h, size);
        whole.height[i] = samples(head->height, c->v, head->max_v, size);
        part.height[i] = c->v * size;
        part.pitch[i] = smalti__align(whole.width[i], size);
    }
    self->planar = true;
    self->dc_only = smalti__jpeg_dc_will_do(self);
    if (self->dc_only) {
        uint64_t work = smalti__jpeg_dc_work_bytes(head);
        decoder->work_bytes = work < SIZE_MAX ? (size_t)work : SIZE_MAX;
    }
    self->unit = *unit = part;
    *image = whole;
    return true;
}

/* libjpeg reduces a subsampled component less than the others, to save itself the enlarging, and there is no option for it.
 * But the sizes stand in public fields, and this is called once they have been decided on and before they are used. */
static void realize_coarse(j_common_ptr common)
{
    jpeg_decoder *self = common->client_data;
    for (int i = 0; i < self->jpeg.num_components; i++)
        self->jpeg.comp_info[i].DCT_scaled_size = self->jpeg.min_DCT_scaled_size;
    self->realize(common);
}

void smalti__jpeg_want_planes(jpeg_decoder *self)
{
    self->jpeg.raw_data_out = TRUE;
    if (self->dc_only)
        smalti__jpeg_want_dc(self);
    if (!self->coarse)
        return;
    self->realize = self->jpeg.mem->realize_virt_arrays;
    self->jpeg.mem->realize_virt_arrays = realize_coarse;
}

static void read_unit(jpeg_decoder *self)
{
    const smalti__planes *room = self->room;
    JSAMPROW rows[3][MOST_LINES];
    JSAMPARRAY planes[3];
    for (uint32_t i = 0; i < self->unit.count; i++) {
        for (uint32_t y = 0; y < self->unit.height[i]; y++)
            rows[i][y] = room->data[i] + y * room->pitch[i];
        planes[i] = rows[i];
    }
    /* all rows of MCUs are given whole, the last one too */
    if (!jpeg_read_raw_data(&self->jpeg, planes, MOST_LINES))
        smalti__jpeg_leave(self, SMALTI_E_FORMAT, "no more rows");
    smalti__jpeg_consumed(self);
}

smalti_result smalti__jpeg_read_planes(smalti__decoder *decoder, smalti__planes *room, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    const smalti__jpeg_head *head = &self->head;
    self->room = room;
    bool missing = self->broken;
    if (!missing && smalti__jpeg_protect(self, read_unit) < 0) {
        if (!smalti__jpeg_forgive_rows(self))
            return smalti__jpeg_failed(self, error);
        missing = true;
    }
    uint32_t number = decoder->row / self->unit.height[0];
    for (uint32_t i = 0; i < self->unit.count; i++) {
        const smalti__planes *unit = &self->unit;
        uint32_t height = samples(head->height, head->component[i].v, head->max_v, block_size(self, i));
        uint32_t done = number * unit->height[i], left = done < height ? height - done : 0;
        room->height[i] = unit->height[i] < left ? unit->height[i] : left;
        for (uint32_t y = 0; missing && y < unit->height[i]; y++)
            memset(room->data[i] + y * room->pitch[i], SMALTI__JPEG_MISSING, unit->width[i]);
    }
    return SMALTI_OK;
}
