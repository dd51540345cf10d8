/* SPDX-License-Identifier: Apache-2.0
 * The blocks of a GIF file: size, frames and their times, palettes, loops, metadata. */
#include "decode/gif.h"

enum {
    SCREEN_END = 13,
    DESCRIPTOR = 10,    /* with its introducer */
    APPLICATION = 11,   /* bytes of an application's name */
    SHORTEST_DELAY = 2, /* hundredths; what is shorter, browsers show for a tenth of a second, and files rely on it */
    SHORT_DELAY_MS = 100,
    XMP_TRAILER = 257 /* bytes behind an XMP packet: whatever byte a reader lands on takes it to the block's end */
};

static uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static smalti_result truncated(const smalti__source *source, smalti_error *error)
{
    return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size, "the file ends");
}

/* Behind the sub-blocks at *offset; *payload (may be NULL) gets the bytes in them. False: the file ends. */
static bool skip_blocks(const smalti__source *source, size_t *offset, size_t *payload)
{
    size_t at = *offset, sum = 0;
    for (;;) {
        if (at >= source->size)
            return false;
        size_t size = source->data[at];
        at += 1 + size;
        sum += size;
        if (!size)
            break;
    }
    *offset = at;
    if (payload)
        *payload = sum;
    return true;
}

void smalti__gif_join(const smalti__source *source, const smalti__gif_span *span, uint8_t *out)
{
    for (size_t at = span->offset; source->data[at]; at += 1 + source->data[at]) {
        memcpy(out, source->data + at + 1, source->data[at]);
        out += source->data[at];
    }
}

/* What stands before a frame and is about it, or about the file. */
typedef struct extension_state {
    uint32_t delay, disposal;
    int32_t transparent;
    smalti__gif_head *head; /* NULL: not wanted */
} extension_state;

static void take_control(extension_state *state, const uint8_t *p)
{
    state->disposal = p[1] >> 2 & 7;
    state->delay = le16(p + 2);
    state->transparent = p[1] & 1 ? p[4] : -1;
}

/* name: its APPLICATION bytes; blocks: offset of the first sub-block; end: of the terminator. */
static void take_application(smalti__gif_head *head, const smalti__source *source, const uint8_t *name, size_t blocks,
                             size_t end, size_t payload)
{
    const uint8_t *p = source->data + blocks;
    if (!memcmp(name, "NETSCAPE2.0", APPLICATION) || !memcmp(name, "ANIMEXTS1.0", APPLICATION)) {
        /* how often it is to be repeated, which is once less than it is played */
        if (payload >= 3 && p[0] >= 3 && p[1] == 1)
            head->loops = le16(p + 2) ? le16(p + 2) + 1 : 0;
    } else if (!memcmp(name, "XMP DataXMP", APPLICATION) && !head->xmp.offset && end - blocks > XMP_TRAILER) {
        head->xmp = (smalti__gif_span){blocks, end - blocks - XMP_TRAILER};
    } else if (!memcmp(name, "ICCRGBG1012", APPLICATION) && !head->icc.offset) {
        head->icc = (smalti__gif_span){blocks, payload};
    }
}

/* The extension at *offset. */
static smalti_result take_extension(const smalti__source *source, size_t *offset, extension_state *state,
                                    smalti_error *error)
{
    enum { CONTROL = 0xf9, APPLICATION_LABEL = 0xff };
    size_t at = *offset;
    if (source->size - at < 3)
        return truncated(source, error);
    uint8_t label = source->data[at + 1], size = source->data[at + 2];
    size_t blocks = at + 2, payload;
    *offset = blocks;
    if (!skip_blocks(source, offset, &payload))
        return truncated(source, error);
    if (label == CONTROL && size >= 4)
        take_control(state, source->data + at + 2);
    if (label == APPLICATION_LABEL && size == APPLICATION && state->head)
        take_application(state->head, source, source->data + at + 3, blocks + 1 + APPLICATION, *offset - 1,
                         payload - APPLICATION);
    return SMALTI_OK;
}

/* The image at offset: its descriptor, and where its data ends. */
static smalti_result take_image(const smalti__source *source, const smalti__gif_head *head, size_t offset,
                                const extension_state *state, smalti__gif_frame *frame, smalti_error *error)
{
    if (source->size - offset < DESCRIPTOR)
        return truncated(source, error);
    const uint8_t *p = source->data + offset;
    *frame = (smalti__gif_frame){.x = le16(p + 1),
                                 .y = le16(p + 3),
                                 .width = le16(p + 5),
                                 .height = le16(p + 7),
                                 .interlaced = p[9] & 0x40,
                                 .disposal = state->disposal,
                                 .transparent = state->transparent,
                                 .palette_offset = head->palette_offset,
                                 .colors = head->colors};
    frame->duration_ms = state->delay < SHORTEST_DELAY ? SHORT_DELAY_MS : state->delay * 10;
    size_t at = offset + DESCRIPTOR;
    if (p[9] & 0x80) {
        frame->palette_offset = at;
        frame->colors = 2u << (p[9] & 7);
        at += frame->colors * 3;
    }
    if (at >= source->size)
        return truncated(source, error);
    if (!frame->colors)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "an image without a palette");
    frame->data_offset = at++;
    frame->next = skip_blocks(source, &at, NULL) ? at : source->size;
    return SMALTI_OK;
}

/* The next frame; *end: the trailer came instead. */
static smalti_result next_frame(const smalti__source *source, const smalti__gif_head *head, size_t offset,
                                smalti__gif_head *record, smalti__gif_frame *frame, bool *end, smalti_error *error)
{
    extension_state state = {.transparent = -1, .head = record};
    *end = false;
    while (offset < source->size) {
        switch (source->data[offset]) {
        case 0x21:
            SMALTI__TRY(take_extension(source, &offset, &state, error));
            break;
        case 0x2c:
            return take_image(source, head, offset, &state, frame, error);
        case 0x3b:
            *end = true;
            return SMALTI_OK;
        default:
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "no GIF block begins with 0x%02x",
                                       source->data[offset]);
        }
    }
    return truncated(source, error);
}

smalti_result smalti__gif_frame_at(const smalti__source *source, const smalti__gif_head *head, size_t offset,
                                   smalti__gif_frame *frame, smalti_error *error)
{
    bool end;
    SMALTI__TRY(next_frame(source, head, offset, NULL, frame, &end, error));
    return end ? truncated(source, error) : SMALTI_OK;
}

static void add_frame(smalti__gif_head *head, const smalti__gif_frame *frame, uint32_t disposal_before)
{
    bool first = !head->frames++;
    bool covers = !frame->x && !frame->y && frame->width >= head->width && frame->height >= head->height;
    if (first) {
        head->first = *frame;
        while (1u << head->depth < frame->colors)
            head->depth++;
    }
    head->alpha |= frame->transparent >= 0 || (first && !covers) || disposal_before == SMALTI__GIF_CLEAR ||
                   (head->frames == 2 && disposal_before == SMALTI__GIF_RESTORE);
    head->restores |= frame->disposal == SMALTI__GIF_RESTORE;
    head->largest_width = frame->width > head->largest_width ? frame->width : head->largest_width;
    uint32_t room = UINT32_MAX - head->duration_ms;
    head->duration_ms += frame->duration_ms < room ? frame->duration_ms : room;
}

static smalti_result parse_screen(const smalti__source *source, smalti__gif_head *head, smalti_error *error)
{
    const uint8_t *p = source->data;
    if (source->size < SCREEN_END)
        return truncated(source, error);
    if (memcmp(p, "GIF87a", 6) && memcmp(p, "GIF89a", 6))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 0, "not a GIF file");
    head->width = le16(p + 6);
    head->height = le16(p + 8);
    if (!head->width || !head->height)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 6, "a canvas of %ux%u pixels", head->width,
                                   head->height);
    head->first_block = SCREEN_END;
    if (p[10] & 0x80) {
        head->palette_offset = SCREEN_END;
        head->colors = 2u << (p[10] & 7);
        head->first_block += head->colors * 3;
    }
    return head->first_block < source->size ? SMALTI_OK : truncated(source, error);
}

smalti_result smalti__gif_head_parse(const smalti__source *source, smalti__gif_head *head, smalti_error *error)
{
    *head = (smalti__gif_head){.loops = 1, .depth = 1};
    SMALTI__TRY(parse_screen(source, head, error));
    uint32_t disposal = 0;
    for (size_t offset = head->first_block;;) {
        bool end;
        smalti_error problem;
        smalti__gif_frame frame;
        smalti_result result = next_frame(source, head, offset, head, &frame, &end, &problem);
        if (result == SMALTI_E_FORMAT_TRUNCATED && head->frames) { /* start tells */
            head->truncated = true;
            return SMALTI_OK;
        }
        if (result < 0) {
            if (error)
                *error = problem;
            return result;
        }
        if (end)
            break;
        add_frame(head, &frame, disposal);
        disposal = frame.disposal;
        offset = frame.next;
    }
    return head->frames ? SMALTI_OK : smalti__source_fail(source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "no image");
}
