/* SPDX-License-Identifier: Apache-2.0
 * ISO/IEC 14496-12 boxes, down to the items and their sizes: meta/iinf/infe and meta/iprp/ipco/ispe. */
#include "decode/avif_boxes.h"

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct span {
    const uint8_t *data;
    size_t size;
} span;

typedef struct box {
    uint32_t type;
    span body;
} box;

/* Takes the first box off in. A body that is cut off is as long as there are bytes. */
static bool take_box(span *in, box *out)
{
    if (in->size < 8)
        return false;
    uint64_t size = smalti__be32(in->data), head = 8;
    out->type = smalti__be32(in->data + 4);
    if (size == 1) {
        if (in->size < 16)
            return false;
        size = (uint64_t)smalti__be32(in->data + 8) << 32 | smalti__be32(in->data + 12);
        head = 16;
    } else if (size == 0) {
        size = in->size;
    }
    if (size < head)
        return false;
    if (size > in->size)
        size = in->size;
    out->body = (span){in->data + head, (size_t)(size - head)};
    *in = (span){in->data + size, in->size - (size_t)size};
    return true;
}

static span skip(span in, size_t bytes)
{
    bytes = bytes < in.size ? bytes : in.size;
    return (span){in.data + bytes, in.size - bytes};
}

/* A full box begins with version and flags. */
static void read_items(span in, smalti__avif_boxes *boxes)
{
    box item;
    in = skip(in, in.size && in.data[0] == 0 ? 6 : 8); /* and the number of entries */
    while (take_box(&in, &item)) {
        if (item.type != TYPE('i', 'n', 'f', 'e') || item.body.size < 8)
            continue;
        /* identifier of 16 or 32 bits, protection index, type */
        span type = skip(item.body, item.body.data[0] >= 3 ? 10 : 8);
        if (type.size < 4)
            continue;
        boxes->grid |= smalti__be32(type.data) == TYPE('g', 'r', 'i', 'd');
        boxes->pictures += smalti__be32(type.data) == TYPE('a', 'v', '0', '1');
    }
}

static void read_properties(span in, smalti__avif_boxes *boxes)
{
    box container, property;
    while (take_box(&in, &container)) {
        if (container.type != TYPE('i', 'p', 'c', 'o'))
            continue;
        while (take_box(&container.body, &property)) {
            if (property.type != TYPE('i', 's', 'p', 'e') || property.body.size < 12)
                continue;
            uint64_t pixels = (uint64_t)smalti__be32(property.body.data + 4) * smalti__be32(property.body.data + 8);
            boxes->most_pixels = pixels > boxes->most_pixels ? pixels : boxes->most_pixels;
        }
    }
}

void smalti__avif_boxes_read(const uint8_t *data, size_t size, smalti__avif_boxes *boxes)
{
    *boxes = (smalti__avif_boxes){0};
    span file = {data, size};
    box top, inner;
    while (take_box(&file, &top)) {
        if (top.type != TYPE('m', 'e', 't', 'a'))
            continue;
        span meta = skip(top.body, 4);
        while (take_box(&meta, &inner)) {
            if (inner.type == TYPE('i', 'i', 'n', 'f'))
                read_items(inner.body, boxes);
            else if (inner.type == TYPE('i', 'p', 'r', 'p'))
                read_properties(inner.body, boxes);
        }
        return;
    }
}
