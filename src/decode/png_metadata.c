/* SPDX-License-Identifier: Apache-2.0
 * ICC profile, EXIF and XMP in PNG chunks. */
#include "decode/png.h"

#include <libdeflate.h>

#define TYPE SMALTI__PNG_TYPE
/* Chunks behind the first IDAT that are looked at for metadata: each touches a page of the file. */
enum { TAIL_CHUNKS = 1024 };

static size_t limit_of(const smalti__png *png)
{
    return png->base.options.max_metadata ? png->base.options.max_metadata : (size_t)16 << 20;
}

static smalti_result copy_blob(smalti__png *png, const char *name, const uint8_t *data, size_t size, smalti__blob *blob,
                               smalti_error *error)
{
    if (!size)
        return SMALTI_OK;
    if (size > limit_of(png)) {
        smalti__png_warn(png, "%s of %zu bytes is dropped: the limit is %zu", name, size, limit_of(png));
        return SMALTI_OK;
    }
    blob->data = malloc(size);
    if (!blob->data)
        return smalti__fail_nomem(error, size);
    memcpy(blob->data, data, size);
    blob->size = size;
    return SMALTI_OK;
}

/* A zlib stream of unknown size: the buffer is doubled until it fits. */
static smalti_result inflate_blob(smalti__png *png, const char *name, const uint8_t *data, size_t size,
                                  smalti__blob *blob, smalti_error *error)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (!inflater)
        return smalti__fail_nomem(error, size);
    size_t limit = limit_of(png), room = size < limit / 4 ? size * 4 + 1024 : limit;
    enum libdeflate_result outcome = LIBDEFLATE_INSUFFICIENT_SPACE;
    uint8_t *out = NULL;
    size_t out_size = 0;
    while (outcome == LIBDEFLATE_INSUFFICIENT_SPACE) {
        room = room < limit ? room : limit;
        free(out);
        out = malloc(room ? room : 1);
        if (!out)
            break;
        outcome = libdeflate_zlib_decompress(inflater, data, size, out, room, &out_size);
        if (room == limit)
            break;
        room *= 2;
    }
    libdeflate_free_decompressor(inflater);
    if (!out)
        return smalti__fail_nomem(error, room);
    if (outcome == LIBDEFLATE_SUCCESS) {
        *blob = (smalti__blob){out, out_size};
        return SMALTI_OK;
    }
    free(out);
    smalti__png_warn(png,
                     outcome == LIBDEFLATE_INSUFFICIENT_SPACE ? "%s is dropped: larger than %zu bytes"
                                                              : "%s is dropped: bad compressed data",
                     name, limit);
    return SMALTI_OK;
}

/* Name, NUL, compression method, zlib stream. */
static smalti_result read_iccp(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    const uint8_t *end = memchr(chunk->data, 0, chunk->size < 80 ? chunk->size : 80);
    size_t head = end ? (size_t)(end - chunk->data) + 2 : 0;
    if (!head || head > chunk->size || end[1]) {
        smalti__png_warn(png, "malformed iCCP chunk is ignored");
        return SMALTI_OK;
    }
    png->base.info.icc_bytes = chunk->size - head;
    if (png->base.options.head_only)
        return SMALTI_OK;
    smalti__blob *icc = &png->base.metadata.icc;
    SMALTI__TRY(inflate_blob(png, "ICC profile", chunk->data + head, chunk->size - head, icc, error));
    /* 128 bytes of header, in which "acsp" stands, and a tag count */
    if (icc->data && (icc->size < 132 || memcmp(icc->data + 36, "acsp", 4))) {
        smalti__png_warn(png, "what the iCCP chunk holds is no ICC profile: dropped");
        free(icc->data);
        *icc = (smalti__blob){0};
    }
    return SMALTI_OK;
}

static smalti_result read_exif(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    const uint8_t *data = chunk->data;
    size_t size = chunk->size;
    if (size >= 6 && !memcmp(data, "Exif\0\0", 6)) /* some writers leave the JPEG marker in front */
        data += 6, size -= 6;
    png->base.info.exif_bytes = size;
    png->base.info.orientation = smalti__exif_orientation(data, size, NULL);
    if (!png->base.options.metadata)
        return SMALTI_OK;
    return copy_blob(png, "EXIF", data, size, &png->base.metadata.exif, error);
}

/* Keyword, NUL, compressed or not, method, language, NUL, translated keyword, NUL, text. */
static smalti_result read_itxt(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    static const char keyword[] = "XML:com.adobe.xmp";
    const uint8_t *p = chunk->data, *end = p + chunk->size;
    if (chunk->size < sizeof keyword + 4 || memcmp(p, keyword, sizeof keyword) || png->base.info.xmp_bytes)
        return SMALTI_OK;
    p += sizeof keyword;
    bool compressed = p[0] == 1;
    bool known = p[0] <= 1 && (!compressed || p[1] == 0);
    p += 2;
    for (int text = 0; text < 2 && p; text++) {
        p = memchr(p, 0, (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!p || !known) {
        smalti__png_warn(png, "malformed XMP is ignored");
        return SMALTI_OK;
    }
    png->base.info.xmp_bytes = (uint64_t)(end - p);
    if (!png->base.options.metadata)
        return SMALTI_OK;
    smalti__blob *xmp = &png->base.metadata.xmp;
    return compressed ? inflate_blob(png, "XMP", p, (size_t)(end - p), xmp, error)
                      : copy_blob(png, "XMP", p, (size_t)(end - p), xmp, error);
}

smalti_result smalti__png_metadata_chunk(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    smalti_info *info = &png->base.info;
    bool second = (chunk->type == TYPE('i', 'C', 'C', 'P') && info->icc_bytes) ||
                  (chunk->type == TYPE('e', 'X', 'I', 'f') && info->exif_bytes);
    if (second) {
        smalti__png_warn(png, "second metadata chunk of a kind at byte %zu is ignored", chunk->offset);
        return SMALTI_OK;
    }
    switch (chunk->type) {
    case TYPE('i', 'C', 'C', 'P'):
        return read_iccp(png, chunk, error);
    case TYPE('e', 'X', 'I', 'f'):
        return read_exif(png, chunk, error);
    case TYPE('i', 'T', 'X', 't'):
        return read_itxt(png, chunk, error);
    default:
        return SMALTI_OK;
    }
}

smalti_result smalti__png_metadata_tail(smalti__png *png, smalti_error *error)
{
    size_t offset = png->idat_offset;
    for (int steps = 0; steps < TAIL_CHUNKS; steps++) {
        smalti__png_chunk chunk;
        if (smalti__png_chunk_at(png, offset, &chunk, NULL) < 0 || chunk.type == TYPE('I', 'E', 'N', 'D'))
            break;
        if (chunk.type == TYPE('e', 'X', 'I', 'f') || chunk.type == TYPE('i', 'T', 'X', 't')) {
            SMALTI__TRY(smalti__png_chunk_check(png, &chunk, error));
            SMALTI__TRY(smalti__png_metadata_chunk(png, &chunk, error));
        }
        offset = smalti__png_chunk_end(&chunk);
        if (steps % 32 == 31)
            smalti__source_skimmed(png->base.source);
    }
    smalti__source_skimmed(png->base.source);
    return SMALTI_OK;
}
