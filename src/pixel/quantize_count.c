/* SPDX-License-Identifier: Apache-2.0
 * How often colors occur: every one while there are few, cells of similar ones with their sums when there are many. */
#include "pixel/quantize.h"

static uint32_t hash(uint32_t key)
{
    return key * 0x9e3779b1u;
}

static uint32_t load_pixel(const uint8_t rgba[4])
{
    uint32_t pixel;
    memcpy(&pixel, rgba, 4);
    return pixel;
}

static uint32_t cell_of(const uint8_t rgba[4], uint32_t shift)
{
    uint32_t alpha = rgba[3] == 255 ? 255u : (uint32_t)rgba[3] >> shift;
    return (uint32_t)rgba[0] >> shift << 24 | (uint32_t)rgba[1] >> shift << 16 | (uint32_t)rgba[2] >> shift << 8 |
           alpha;
}

/* The slot of the pixel among the exact ones, or the empty one where it would go. */
static uint32_t exact_slot(const smalti__quantizer *quantizer, uint32_t pixel)
{
    uint32_t slot = hash(pixel) >> 22;
    while (quantizer->exact_index[slot] && quantizer->exact[slot] != pixel)
        slot = (slot + 1) % SMALTI__EXACT_SLOTS;
    return slot;
}

uint32_t smalti__quantize_exact(const smalti__quantizer *quantizer, const uint8_t rgba[4])
{
    return quantizer->exact_index[exact_slot(quantizer, load_pixel(rgba))] - 1u;
}

static void count_exact(smalti__quantizer *quantizer, const uint8_t rgba[4])
{
    uint32_t slot = exact_slot(quantizer, load_pixel(rgba));
    if (quantizer->exact_index[slot] || quantizer->exact_count++ == quantizer->colors)
        return;
    quantizer->exact[slot] = load_pixel(rgba);
    quantizer->exact_index[slot] = (uint16_t)quantizer->exact_count;
}

static smalti__counted *find_cell(smalti__quantizer *quantizer, uint32_t key)
{
    uint32_t slot = hash(key) >> 16;
    while (quantizer->slots[slot]) {
        smalti__counted *counted = &quantizer->counted[quantizer->slots[slot] - 1];
        if (counted->key == key)
            return counted;
        slot = (slot + 1) % SMALTI__COUNTED_SLOTS;
    }
    quantizer->slots[slot] = ++quantizer->counted_count;
    smalti__counted *counted = &quantizer->counted[quantizer->counted_count - 1];
    *counted = (smalti__counted){.key = key};
    return counted;
}

/* Cells twice as wide. A merged cell never lies behind those it is made of. */
static void widen_cells(smalti__quantizer *quantizer)
{
    uint32_t count = quantizer->counted_count, shift = quantizer->shift++;
    memset(quantizer->slots, 0, SMALTI__COUNTED_SLOTS * sizeof *quantizer->slots);
    quantizer->counted_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        smalti__counted old = quantizer->counted[i];
        bool opaque = (old.key & 255) == 255;
        uint32_t key = (old.key >> 1 & 0x7f7f7f00) | (opaque ? 255 : (old.key & 255) >> 1);
        smalti__counted *into = find_cell(quantizer, key);
        into->count += old.count;
        for (uint32_t c = 0; c < 4; c++) {
            uint64_t bit = c == 3 && opaque ? 0 : old.key >> (24 - 8 * c) & 1;
            into->rest[c] += old.rest[c] + (bit << shift) * old.count;
        }
    }
}

static void count_pixels(smalti__quantizer *quantizer, const uint8_t rgba[4], uint64_t pixels)
{
    if (quantizer->exact_count <= quantizer->colors)
        count_exact(quantizer, rgba);
    if (!rgba[3]) {
        quantizer->transparent += pixels;
        return;
    }
    while (quantizer->counted_count == SMALTI__COUNTED_MOST)
        widen_cells(quantizer);
    smalti__counted *counted = find_cell(quantizer, cell_of(rgba, quantizer->shift));
    counted->count += pixels;
    for (uint32_t c = 0; quantizer->shift && c < (rgba[3] == 255 ? 3 : 4); c++)
        counted->rest[c] += pixels * (rgba[c] & ((1u << quantizer->shift) - 1));
}

void smalti__quantizer_count(smalti__quantizer *quantizer, const uint8_t *rgba, size_t pixels)
{
    for (size_t from = 0, to; from < pixels; from = to) {
        uint32_t pixel = load_pixel(rgba + 4 * from);
        for (to = from + 1; to < pixels && load_pixel(rgba + 4 * to) == pixel;)
            to++;
        count_pixels(quantizer, rgba + 4 * from, to - from);
    }
}

void smalti__quantize_drop_hidden(smalti__quantizer *quantizer)
{
    if (quantizer->shift || quantizer->counted_count + (quantizer->transparent > 0) > quantizer->colors)
        return;
    memset(quantizer->exact_index, 0, sizeof quantizer->exact_index);
    quantizer->exact_count = 0;
    quantizer->hidden_dropped = true;
    if (quantizer->transparent)
        count_exact(quantizer, (const uint8_t[4]){0});
    for (uint32_t i = 0; i < quantizer->counted_count; i++) {
        uint8_t rgba[4];
        smalti__put_be32(rgba, quantizer->counted[i].key);
        count_exact(quantizer, rgba);
    }
}
