/* SPDX-License-Identifier: Apache-2.0
 * The container of a WebP file (RFC 9649, 2.7): libwebp writes one without metadata, whose size stands in front. Here its
 * head is replaced, and metadata put before and behind the image, while the rest passes through. */
#include "encode/webp.h"

enum { RIFF_HEAD = 12, CHUNK_HEAD = 8, VP8X_SIZE = 10 };
enum { FLAG_XMP = 0x04, FLAG_EXIF = 0x08, FLAG_ALPHA = 0x10, FLAG_ICC = 0x20 };

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le24(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)(v >> 16);
}

static void put_le32(uint8_t *p, uint32_t v)
{
    put_le24(p, v);
    p[3] = (uint8_t)(v >> 24);
}

static void put(smalti__webp_container *self, const void *data, size_t size)
{
    if (self->result == SMALTI_OK && size)
        self->result = smalti__sink_write(self->sink, data, size, &self->error);
}

static void put_chunk(smalti__webp_container *self, const char *type, const smalti__blob *blob)
{
    uint8_t head[CHUNK_HEAD];
    if (!blob->size)
        return;
    memcpy(head, type, 4);
    put_le32(head + 4, (uint32_t)blob->size);
    put(self, head, sizeof head);
    put(self, blob->data, blob->size);
    put(self, "", blob->size & 1);
}

static uint64_t chunk_bytes(const smalti__blob *blob)
{
    return blob->size ? CHUNK_HEAD + (uint64_t)blob->size + (blob->size & 1) : 0;
}

/* Replaces the collected head. */
static void put_head(smalti__webp_container *self)
{
    static const smalti__metadata none = {0};
    const smalti__metadata *metadata = self->metadata ? self->metadata : &none;
    self->headed = true;
    uint64_t extra = chunk_bytes(&metadata->icc) + chunk_bytes(&metadata->exif) + chunk_bytes(&metadata->xmp);
    bool extended = self->head_size == sizeof self->head && !memcmp(self->head + RIFF_HEAD, "VP8X", 4);
    if (!extra) {
        put(self, self->head, self->head_size);
        return;
    }
    uint8_t vp8x[CHUNK_HEAD + VP8X_SIZE] = "VP8X";
    if (extended) {
        memcpy(vp8x, self->head + RIFF_HEAD, sizeof vp8x);
    } else {
        put_le32(vp8x + 4, VP8X_SIZE);
        vp8x[CHUNK_HEAD] = self->alpha ? FLAG_ALPHA : 0;
        put_le24(vp8x + CHUNK_HEAD + 4, self->width - 1);
        put_le24(vp8x + CHUNK_HEAD + 7, self->height - 1);
        extra += sizeof vp8x;
    }
    vp8x[CHUNK_HEAD] |= (uint8_t)((metadata->icc.size ? FLAG_ICC : 0) | (metadata->exif.size ? FLAG_EXIF : 0) |
                                  (metadata->xmp.size ? FLAG_XMP : 0));
    uint64_t riff = le32(self->head + 4) + extra;
    if (riff > UINT32_MAX - 1) {
        self->result = smalti__fail(&self->error, SMALTI_E_LIMIT, "a WebP file of more than 4 GiB cannot be");
        return;
    }
    put_le32(self->head + 4, (uint32_t)riff);
    put(self, self->head, RIFF_HEAD);
    put(self, vp8x, sizeof vp8x);
    put_chunk(self, "ICCP", &metadata->icc);
    if (!extended)
        put(self, self->head + RIFF_HEAD, self->head_size - RIFF_HEAD);
}

smalti_result smalti__webp_container_write(smalti__webp_container *self, const uint8_t *data, size_t size)
{
    if (!self->headed) {
        size_t room = sizeof self->head - self->head_size, part = size < room ? size : room;
        memcpy(self->head + self->head_size, data, part);
        self->head_size += part;
        data += part, size -= part;
        if (self->head_size == sizeof self->head)
            put_head(self);
    }
    put(self, data, size);
    return self->result;
}

smalti_result smalti__webp_container_finish(smalti__webp_container *self)
{
    if (!self->headed)
        put_head(self);
    if (self->metadata) {
        put_chunk(self, "EXIF", &self->metadata->exif);
        put_chunk(self, "XMP ", &self->metadata->xmp);
    }
    return self->result;
}
