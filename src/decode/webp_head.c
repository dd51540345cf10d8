/* SPDX-License-Identifier: Apache-2.0
 * The chunks of a WebP file (RFC 9649, section 2): sizes, frames and metadata without a byte of pixels. */
#include "decode/webp.h"

#define FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

enum { RIFF_HEAD = 12, CHUNK_HEAD = 8, FRAME_HEAD = 16, VP8X_SIZE = 10, VP8_HEAD = 10, VP8L_HEAD = 5, ANIM_SIZE = 6 };
enum { FLAG_ANIMATION = 0x02, FLAG_ALPHA = 0x10 }; /* of VP8X */

typedef struct riff_chunk {
    uint32_t type;
    size_t offset; /* of its header */
    const uint8_t *data;
    size_t size;   /* as far as the container has it */
    bool whole;
    size_t next;
} riff_chunk;

static uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le24(const uint8_t *p)
{
    return le16(p) | (uint32_t)p[2] << 16;
}

static uint32_t le32(const uint8_t *p)
{
    return le24(p) | (uint32_t)p[3] << 24;
}

static smalti_result truncated(const smalti__source *source, smalti_error *error)
{
    return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size, "the file ends");
}

/* The chunk at offset in a container that ends at end; cut: it would not, if the file did not. */
static smalti_result chunk_at(const smalti__source *source, size_t offset, size_t end, bool cut, riff_chunk *chunk,
                              smalti_error *error)
{
    if (end - offset < CHUNK_HEAD)
        return cut ? truncated(source, error)
                   : smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "half a chunk");
    const uint8_t *head = source->data + offset;
    size_t size = le32(head + 4), room = end - offset - CHUNK_HEAD, padded = size + (size & 1);
    *chunk = (riff_chunk){.type = le32(head), .offset = offset, .data = head + CHUNK_HEAD};
    chunk->whole = size <= room;
    chunk->size = chunk->whole ? size : room;
    chunk->next = offset + CHUNK_HEAD + (padded <= room ? padded : room);
    if (!chunk->whole && !cut)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset,
                                   "a chunk of %zu bytes reaches beyond its container", size);
    return SMALTI_OK;
}

/* RFC 6386, 9.1 */
static smalti_result lossy_head(const smalti__source *source, const riff_chunk *chunk, smalti__webp_frame *frame,
                                smalti_error *error)
{
    if (chunk->size < VP8_HEAD)
        return chunk->whole ? smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "VP8 chunk too short")
                            : truncated(source, error);
    const uint8_t *p = chunk->data;
    bool key = !(p[0] & 1), shown = p[0] & 0x10;
    if (!key || !shown || (p[0] >> 1 & 7) > 3 || p[3] != 0x9d || p[4] != 0x01 || p[5] != 0x2a)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "no VP8 key frame");
    frame->width = le16(p + 6) & 0x3fff; /* above it: how to scale for display, which nobody does */
    frame->height = le16(p + 8) & 0x3fff;
    return SMALTI_OK;
}

/* RFC 9649, 3.4 */
static smalti_result lossless_head(const smalti__source *source, const riff_chunk *chunk, smalti__webp_frame *frame,
                                   smalti_error *error)
{
    if (chunk->size < VP8L_HEAD)
        return chunk->whole ? smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "VP8L chunk too short")
                            : truncated(source, error);
    uint32_t bits = le32(chunk->data + 1);
    if (chunk->data[0] != 0x2f || bits >> 29)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "no VP8L image");
    frame->width = (bits & 0x3fff) + 1;
    frame->height = (bits >> 14 & 0x3fff) + 1;
    frame->alpha = bits >> 28 & 1;
    return SMALTI_OK;
}

/* A chunk of a coded image; *last: there are no more of it. */
static smalti_result image_chunk(const smalti__source *source, const riff_chunk *chunk, smalti__webp_frame *frame,
                                 bool *last, smalti_error *error)
{
    *last = false;
    if (chunk->type == FOURCC('A', 'L', 'P', 'H') && !frame->alpha && chunk->size) {
        frame->alpha = true;
        if (chunk->data[0] & 3) {
            frame->alpha_offset = (size_t)(chunk->data - source->data) + 1;
            frame->alpha_size = chunk->size - 1;
        }
        frame->offset = chunk->offset;
    }
    bool lossy = chunk->type == FOURCC('V', 'P', '8', ' ');
    if (!lossy && chunk->type != FOURCC('V', 'P', '8', 'L'))
        return SMALTI_OK;
    if (!lossy || !frame->alpha)
        frame->offset = chunk->offset;
    frame->lossless = !lossy;
    frame->size = chunk->next - frame->offset;
    frame->coded_offset = (size_t)(chunk->data - source->data) + (lossy ? VP8_HEAD : VP8L_HEAD);
    *last = true;
    SMALTI__TRY(lossy ? lossy_head(source, chunk, frame, error) : lossless_head(source, chunk, frame, error));
    if (!frame->width || !frame->height)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "an image of %ux%u pixels",
                                   frame->width, frame->height);
    return SMALTI_OK;
}

/* An ANMF chunk. */
static smalti_result parse_frame(const smalti__source *source, const smalti__webp_head *head, const riff_chunk *outer,
                                 smalti__webp_frame *frame, smalti_error *error)
{
    if (outer->size < FRAME_HEAD)
        return outer->whole ? smalti__source_fail(source, error, SMALTI_E_FORMAT, outer->offset, "ANMF chunk too short")
                            : truncated(source, error);
    const uint8_t *p = outer->data;
    uint32_t width = le24(p + 6) + 1, height = le24(p + 9) + 1;
    *frame = (smalti__webp_frame){.x = le24(p) * 2,
                                  .y = le24(p + 3) * 2,
                                  .duration_ms = le24(p + 12),
                                  .blend = !(p[15] & 2),
                                  .clear = p[15] & 1,
                                  .next = outer->next};
    size_t offset = outer->offset + CHUNK_HEAD + FRAME_HEAD, end = outer->offset + CHUNK_HEAD + outer->size;
    for (bool last = false; !last;) {
        riff_chunk inner = {0};
        if (offset == end && outer->whole)
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, outer->offset, "a frame without an image");
        SMALTI__TRY(chunk_at(source, offset, end, !outer->whole, &inner, error));
        SMALTI__TRY(image_chunk(source, &inner, frame, &last, error));
        offset = inner.next;
    }
    if (frame->width != width || frame->height != height)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, outer->offset,
                                   "a frame of %ux%u pixels holds an image of %ux%u", width, height, frame->width,
                                   frame->height);
    if (frame->x + width > head->width || frame->y + height > head->height)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, outer->offset,
                                   "a frame reaches beyond the canvas of %ux%u pixels", head->width, head->height);
    return SMALTI_OK;
}

/* A few bytes at the end of a container that are no chunk are left alone, as everyone does. */
static bool more_chunks(const smalti__webp_head *head, size_t offset)
{
    return offset < head->end && (head->truncated || head->end - offset >= CHUNK_HEAD);
}

smalti_result smalti__webp_frame_at(const smalti__source *source, const smalti__webp_head *head, size_t offset,
                                    smalti__webp_frame *frame, smalti_error *error)
{
    while (more_chunks(head, offset)) {
        riff_chunk chunk = {0};
        SMALTI__TRY(chunk_at(source, offset, head->end, head->truncated, &chunk, error));
        if (chunk.type == FOURCC('A', 'N', 'M', 'F'))
            return parse_frame(source, head, &chunk, frame, error);
        offset = chunk.next;
    }
    return truncated(source, error);
}

static bool covers(const smalti__webp_head *head, const smalti__webp_frame *frame)
{
    return frame->width == head->width && frame->height == head->height;
}

static smalti_result add_frame(const smalti__source *source, smalti__webp_head *head, const riff_chunk *chunk,
                               smalti_error *error)
{
    smalti__webp_frame frame;
    SMALTI__TRY(parse_frame(source, head, chunk, &frame, error));
    size_t work = head->with_work ? smalti__webp_work_bytes(source, &frame) : 0,
           blended = (size_t)frame.width * frame.height * 4;
    if (!head->frames++) {
        head->first = frame;
        head->first_work = work;
    }
    if (head->frames > 1 && frame.blend && frame.alpha)
        work = smalti__add(work, blended, &work) ? work : SIZE_MAX;
    head->frame_work = work > head->frame_work ? work : head->frame_work;
    head->alpha |= frame.alpha || head->cleared || (head->frames == 1 && !covers(head, &frame));
    head->cleared = frame.clear;
    *(frame.lossless ? &head->lossless : &head->lossy) = true;
    uint32_t room = UINT32_MAX - head->duration_ms;
    head->duration_ms += frame.duration_ms < room ? frame.duration_ms : room;
    return SMALTI_OK;
}

static smalti_result add_still(const smalti__source *source, smalti__webp_head *head, const riff_chunk *chunk,
                               bool extended, smalti_error *error)
{
    bool last;
    smalti__webp_frame *frame = &head->first;
    if (head->frames)
        return SMALTI_OK;
    SMALTI__TRY(image_chunk(source, chunk, frame, &last, error));
    if (!last)
        return SMALTI_OK;
    if (extended && !covers(head, frame))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset,
                                   "a canvas of %ux%u pixels holds an image of %ux%u", head->width, head->height,
                                   frame->width, frame->height);
    head->width = frame->width;
    head->height = frame->height;
    head->frames = 1;
    head->alpha = frame->alpha;
    head->lossless = frame->lossless;
    head->lossy = !frame->lossless;
    head->first_work = head->frame_work = head->with_work ? smalti__webp_work_bytes(source, frame) : 0;
    return SMALTI_OK;
}

static void add_metadata(smalti__webp_head *head, const smalti__source *source, const riff_chunk *chunk)
{
    smalti__webp_span *span = chunk->type == FOURCC('I', 'C', 'C', 'P')   ? &head->icc
                              : chunk->type == FOURCC('E', 'X', 'I', 'F') ? &head->exif
                              : chunk->type == FOURCC('X', 'M', 'P', ' ') ? &head->xmp
                                                                          : NULL;
    if (!span || span->offset || !chunk->whole)
        return;
    size_t marker = span == &head->exif && chunk->size >= 6 && !memcmp(chunk->data, "Exif\0\0", 6) ? 6 : 0;
    *span = (smalti__webp_span){(size_t)(chunk->data - source->data) + marker, chunk->size - marker};
}

static smalti_result add_chunk(const smalti__source *source, smalti__webp_head *head, const riff_chunk *chunk,
                               bool extended, smalti_error *error)
{
    add_metadata(head, source, chunk);
    if (chunk->type == FOURCC('A', 'N', 'I', 'M') && chunk->size >= ANIM_SIZE)
        head->loops = le16(chunk->data + 4);
    if (!head->animation)
        return add_still(source, head, chunk, extended, error);
    return chunk->type == FOURCC('A', 'N', 'M', 'F') ? add_frame(source, head, chunk, error) : SMALTI_OK;
}

static smalti_result parse_vp8x(const smalti__source *source, smalti__webp_head *head, const riff_chunk *chunk,
                                smalti_error *error)
{
    if (chunk->size < VP8X_SIZE)
        return chunk->whole ? smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "VP8X chunk too short")
                            : truncated(source, error);
    head->animation = chunk->data[0] & FLAG_ANIMATION;
    head->alpha = head->animation && chunk->data[0] & FLAG_ALPHA;
    head->width = le24(chunk->data + 4) + 1;
    head->height = le24(chunk->data + 7) + 1;
    if ((uint64_t)head->width * head->height > UINT32_MAX)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "a canvas of %ux%u pixels",
                                   head->width, head->height);
    return SMALTI_OK;
}

smalti_result smalti__webp_head_parse(const smalti__source *source, bool work, smalti__webp_head *head,
                                      smalti_error *error)
{
    *head = (smalti__webp_head){.with_work = work};
    if (source->size < RIFF_HEAD + CHUNK_HEAD)
        return truncated(source, error);
    if (memcmp(source->data, "RIFF", 4) || memcmp(source->data + 8, "WEBP", 4))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 0, "not a WebP file");
    uint64_t end = (uint64_t)le32(source->data + 4) + 8;
    if (end < RIFF_HEAD + CHUNK_HEAD)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 4, "a container too small for an image");
    head->truncated = end > source->size;
    head->end = head->truncated ? source->size : (size_t)end;

    bool extended = false;
    for (size_t offset = RIFF_HEAD; more_chunks(head, offset);) {
        riff_chunk chunk = {0};
        smalti_error problem;
        smalti_result result = chunk_at(source, offset, head->end, head->truncated, &chunk, &problem);
        if (result == SMALTI_OK && offset == RIFF_HEAD && chunk.type == FOURCC('V', 'P', '8', 'X')) {
            extended = true;
            result = parse_vp8x(source, head, &chunk, &problem);
        } else if (result == SMALTI_OK) {
            result = add_chunk(source, head, &chunk, extended, &problem);
        }
        if (result == SMALTI_E_FORMAT_TRUNCATED && head->frames) /* what is there may be wanted: start tells */
            return SMALTI_OK;
        if (result < 0) {
            if (error)
                *error = problem;
            return result;
        }
        offset = chunk.next;
    }
    if (head->frames)
        return SMALTI_OK;
    return head->truncated ? truncated(source, error)
                           : smalti__source_fail(source, error, SMALTI_E_FORMAT, head->end, "no image");
}
