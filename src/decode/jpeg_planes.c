/* SPDX-License-Identifier: Apache-2.0
 * A JPEG file's planes as they are stored, without upsampling and colour conversion. */
#include "decode/jpeg_decoder.h"

enum { MOST_LINES = 4 * DCTSIZE /* of a plane in a row of MCUs */ };

typedef smalti__jpeg_decoder jpeg_decoder;

/* What one sample of a component stands for, in pixels of the reduced image; false: not a whole number. */
static bool sample_size(const smalti__jpeg_head *head, uint32_t component, uint32_t divisor, uint32_t *across,
                        uint32_t *down)
{
    const smalti__jpeg_component *c = &head->component[component];
    uint32_t size = smalti__jpeg_head_block(head, component, divisor), least = 8 / divisor;
    *across = head->max_h * least / (c->h * size);
    *down = head->max_v * least / (c->v * size);
    return *across * c->h * size == head->max_h * least && *down * c->v * size == head->max_v * least;
}

bool smalti__jpeg_planar(smalti__decoder *decoder, smalti__planes *image, smalti__planes *unit)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    const smalti__jpeg_head *head = &self->head;
    uint32_t divisor = decoder->reduced;
    smalti__planes whole = {.count = head->components}, part;
    if (head->color != SMALTI__JPEG_YCBCR && head->color != SMALTI__JPEG_GRAY)
        return false;
    part = whole;
    for (uint32_t i = 0; i < whole.count; i++) {
        if (!sample_size(head, i, divisor, &whole.across[i], &whole.down[i]))
            return false;
        smalti__jpeg_head_plane(head, i, divisor, &whole.width[i], &whole.height[i]);
        uint32_t size = smalti__jpeg_head_block(head, i, divisor);
        part.across[i] = whole.across[i];
        part.down[i] = whole.down[i];
        part.width[i] = whole.width[i];
        part.height[i] = head->component[i].v * size;
        part.pitch[i] = smalti__align(whole.width[i], size);
    }
    self->planar = true;
    *image = whole;
    *unit = part;
    return true;
}

static void read_unit(jpeg_decoder *self)
{
    const smalti__planes *room = self->room;
    JSAMPROW rows[3][MOST_LINES];
    JSAMPARRAY planes[3];
    for (uint32_t i = 0; i < self->head.components; i++) {
        uint32_t count = self->head.component[i].v * smalti__jpeg_head_block(&self->head, i, self->base.reduced);
        for (uint32_t y = 0; y < count; y++)
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
    uint32_t unit = decoder->row / (head->max_v * (8 / decoder->reduced));
    for (uint32_t i = 0; i < head->components; i++) {
        uint32_t width, height, rows = head->component[i].v * smalti__jpeg_head_block(head, i, decoder->reduced);
        smalti__jpeg_head_plane(head, i, decoder->reduced, &width, &height);
        uint32_t left = unit * rows < height ? height - unit * rows : 0;
        room->height[i] = rows < left ? rows : left;
        for (uint32_t y = 0; missing && y < rows; y++)
            memset(room->data[i] + y * room->pitch[i], SMALTI__JPEG_MISSING, width);
    }
    return SMALTI_OK;
}
