/* SPDX-License-Identifier: Apache-2.0
 * LZW as in GIF (appendix F of the specification): codes of up to 12 bits, least significant bit first, in sub-blocks of up
 * to 255 bytes. The table keeps the length of each string, so that it is written once, from its end, where it belongs. */
#include "decode/gif.h"

#include <endian.h>

enum { MOST_ROOT_BITS = 8, MOST_CODE_BITS = 12, NONE = SMALTI__GIF_CODES };

static void clear_table(smalti__gif_lzw *lzw)
{
    lzw->code_bits = lzw->root_bits + 1;
    lzw->next_code = (1u << lzw->root_bits) + 2;
    lzw->previous = NONE;
}

bool smalti__gif_lzw_begin(smalti__gif_lzw *lzw, const smalti__source *source, size_t offset)
{
    if (offset >= source->size)
        return false;
    uint32_t root_bits = source->data[offset];
    if (root_bits < 1 || root_bits > MOST_ROOT_BITS)
        return false;
    lzw->data = source->data;
    lzw->size = source->size;
    lzw->at = offset + 1;
    lzw->block = 0;
    lzw->bits = 0;
    lzw->bit_count = 0;
    lzw->root_bits = root_bits;
    lzw->state = SMALTI__GIF_GOING;
    lzw->pending = 0;
    for (uint32_t i = 0; i < 1u << root_bits; i++) {
        lzw->prefix[i] = NONE;
        lzw->length[i] = 1;
        lzw->suffix[i] = lzw->first[i] = (uint8_t)i;
    }
    clear_table(lzw);
    return true;
}

/* Fills bits up from the middle of a sub-block. What stands above bit_count afterwards is what the next turn will put there. */
static void refill_quickly(smalti__gif_lzw *lzw)
{
    uint64_t next;
    memcpy(&next, lzw->data + lzw->at, sizeof next);
    uint32_t count = (63 - lzw->bit_count) / 8;
    lzw->bits |= le64toh(next) << lzw->bit_count;
    lzw->at += count;
    lzw->block -= count;
    lzw->bit_count += count * 8;
}

/* Fills bits up; false when there are not enough for a code. */
static bool refill(smalti__gif_lzw *lzw)
{
    if (lzw->block >= 8 && lzw->size - lzw->at >= 8) {
        refill_quickly(lzw);
        return true;
    }
    while (lzw->bit_count <= 56) {
        if (!lzw->block) {
            bool cut = lzw->at >= lzw->size;
            if (cut || !lzw->data[lzw->at]) {
                if (lzw->bit_count >= lzw->code_bits)
                    return true;
                lzw->state = cut ? SMALTI__GIF_CUT : SMALTI__GIF_ENDED;
                return false;
            }
            lzw->block = lzw->data[lzw->at++];
        }
        if (lzw->at >= lzw->size) {
            lzw->block = 0; /* the next turn tells */
            continue;
        }
        lzw->bits |= (uint64_t)lzw->data[lzw->at++] << lzw->bit_count;
        lzw->bit_count += 8;
        lzw->block--;
    }
    return true;
}

static void add_string(smalti__gif_lzw *lzw, uint8_t last)
{
    uint32_t code = lzw->next_code, previous = lzw->previous;
    if (previous == NONE || code >= SMALTI__GIF_CODES)
        return;
    lzw->prefix[code] = (uint16_t)previous;
    lzw->suffix[code] = last;
    lzw->first[code] = lzw->first[previous];
    lzw->length[code] = (uint16_t)(lzw->length[previous] + 1);
    lzw->next_code++;
    if (lzw->next_code == 1u << lzw->code_bits && lzw->code_bits < MOST_CODE_BITS)
        lzw->code_bits++;
}

static void write_string(const smalti__gif_lzw *lzw, uint32_t code, uint8_t *end)
{
    for (uint32_t i = lzw->length[code]; i; i--) {
        *--end = lzw->suffix[code];
        code = lzw->prefix[code];
    }
}

/* The code of the next string, or NONE when there is no more. */
static uint32_t next_string(smalti__gif_lzw *lzw)
{
    uint32_t clear = 1u << lzw->root_bits;
    for (;;) {
        if (lzw->bit_count < lzw->code_bits && !refill(lzw))
            return NONE;
        uint32_t code = (uint32_t)lzw->bits & ((1u << lzw->code_bits) - 1);
        lzw->bits >>= lzw->code_bits;
        lzw->bit_count -= lzw->code_bits;
        if (code == clear) {
            clear_table(lzw);
            continue;
        }
        if (code == clear + 1) {
            lzw->state = SMALTI__GIF_ENDED;
            return NONE;
        }
        /* the string that this code is about to make may be used at once */
        if (code > lzw->next_code || (code == lzw->next_code && (lzw->previous == NONE || code >= SMALTI__GIF_CODES))) {
            lzw->state = SMALTI__GIF_BAD;
            return NONE;
        }
        add_string(lzw, lzw->first[code < lzw->next_code ? code : lzw->previous]);
        lzw->previous = code;
        return code;
    }
}

size_t smalti__gif_lzw_read(smalti__gif_lzw *lzw, uint8_t *out, size_t count)
{
    size_t done = lzw->pending < count ? lzw->pending : count;
    memcpy(out, lzw->string + SMALTI__GIF_CODES - lzw->pending, done);
    lzw->pending -= (uint32_t)done;
    while (done < count && lzw->state == SMALTI__GIF_GOING) {
        uint32_t code = next_string(lzw);
        if (code == NONE)
            break;
        size_t length = lzw->length[code], room = count - done;
        if (length <= room) {
            write_string(lzw, code, out + done + length);
            done += length;
            continue;
        }
        write_string(lzw, code, lzw->string + SMALTI__GIF_CODES);
        memcpy(out + done, lzw->string + SMALTI__GIF_CODES - length, room);
        lzw->pending = (uint32_t)(length - room);
        done = count;
    }
    return done;
}
