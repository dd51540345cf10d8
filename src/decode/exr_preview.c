/* SPDX-License-Identifier: Apache-2.0
 * The preview in an EXR header instead of the pixels: a small image of 8 bits, encoded for a screen by whoever wrote the file. */
#include "decode/exr.h"

enum { HEAD = 8, PIXEL = 4 };

/* The part's own, else, when none was asked for, the first there is. */
static const smalti_exr_attribute *find(const smalti__exr_decoder *self)
{
    const smalti_exr_header *header = smalti_exr_header_get(self->exr);
    const smalti_exr_attribute *found = smalti_exr_attribute_find(self->part, "preview");
    for (uint32_t i = 0; i < header->part_count && !found && !self->base.options.part; i++)
        found = smalti_exr_attribute_find(&header->parts[i], "preview");
    return found;
}

smalti_result smalti__exr_preview_take(smalti__exr_decoder *self, smalti_error *error)
{
    smalti__decoder *base = &self->base;
    const smalti_exr_attribute *attribute = find(self);
    if (!attribute || attribute->type != SMALTI_EXR_TYPE_PREVIEW || attribute->size < HEAD)
        return smalti__source_fail(base->source, error, SMALTI_E_INVALID, SMALTI_NO_OFFSET, "there is no preview");
    const uint8_t *value = base->source->data + attribute->value_offset;
    uint32_t width = smalti__le32(value), height = smalti__le32(value + 4);
    size_t bytes;
    if (!width || !height || !smalti__mul(width, height, &bytes) || !smalti__mul(bytes, PIXEL, &bytes) ||
        bytes != attribute->size - HEAD)
        return smalti__source_fail(base->source, error, SMALTI_E_FORMAT, attribute->value_offset,
                                   "a preview of %ux%u pixels has another size", width, height);
    self->preview = value + HEAD;
    base->info.width = width, base->info.height = height;
    base->info.sample = SMALTI_SAMPLE_U8;
    base->info.bit_depth = 8;
    base->info.channels = PIXEL;
    base->info.has_alpha = true;
    base->info.decoded_bytes = bytes;
    *base->info.subsampling = '\0';
    snprintf(base->info.color, sizeof base->info.color, "rgba");
    snprintf(base->info.compression, sizeof base->info.compression, "none");
    base->light = (smalti__light){0};
    base->premultiplied = false;
    return base->options.head_only ? SMALTI_OK : smalti__decoder_check_pixels(base, error);
}

void smalti__exr_preview_row(const smalti__exr_decoder *self, uint32_t row, uint8_t *dst)
{
    size_t bytes = (size_t)self->base.info.width * PIXEL;
    memcpy(dst, self->preview + row * bytes, bytes);
}
