/* SPDX-License-Identifier: Apache-2.0
 * PNG chunks: their frame, checksums and order (specification, sections 5 and 11). */
#include "decode/png.h"

#include <libdeflate.h>
#include <stdarg.h>

#define TYPE SMALTI__PNG_TYPE
enum { CHUNK_FRAME = 12 }; /* length, type and CRC around the data */

void smalti__png_warn(const smalti__png *png, const char *format, ...)
{
    if (!png->base.options.warn)
        return;
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    png->base.options.warn(png->base.options.user, message);
}

smalti_result smalti__png_damage(smalti__png *png, smalti_error *error, smalti_result code, uint64_t offset,
                                 const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!png->base.options.lenient)
        return smalti__source_fail(png->base.source, error, code, offset, "%s", message);
    smalti__png_warn(png, "%s at byte %llu", message, (unsigned long long)offset);
    return SMALTI_OK;
}

static const char *type_name(uint32_t type, char name[5])
{
    smalti__put_be32((uint8_t *)name, type);
    name[4] = 0;
    return name;
}

size_t smalti__png_chunk_end(const smalti__png_chunk *chunk)
{
    return chunk->offset + CHUNK_FRAME + chunk->size;
}

smalti_result smalti__png_chunk_at(const smalti__png *png, size_t offset, smalti__png_chunk *chunk, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    if (offset > source->size || source->size - offset < CHUNK_FRAME)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file ends before its IEND chunk");
    const uint8_t *p = source->data + offset;
    *chunk = (smalti__png_chunk){smalti__be32(p + 4), smalti__be32(p), offset, p + 8};
    for (int i = 4; i < 8; i++)
        if (!((p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z')))
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "no chunk where one should be");
    char name[5];
    type_name(chunk->type, name);
    if (chunk->size > INT32_MAX)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "%s chunk has an impossible length", name);
    if (chunk->size > source->size - offset - CHUNK_FRAME)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file ends inside its %s chunk", name);
    return SMALTI_OK;
}

smalti_result smalti__png_chunk_check(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    uint32_t crc = libdeflate_crc32(0, chunk->data - 4, (size_t)chunk->size + 4);
    char name[5];
    if (crc != smalti__be32(chunk->data + chunk->size))
        return smalti__png_damage(png, error, SMALTI_E_FORMAT_CHECKSUM, chunk->offset, "bad CRC in %s",
                                  type_name(chunk->type, name));
    return SMALTI_OK;
}

static bool depth_allowed(uint32_t color, uint32_t depth)
{
    switch (color) {
    case SMALTI__PNG_GRAY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case SMALTI__PNG_PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case SMALTI__PNG_RGB:
    case SMALTI__PNG_GRAY_ALPHA:
    case SMALTI__PNG_RGBA:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static smalti_result read_ihdr(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    smalti_info *info = &png->base.info;
    if (chunk->type != TYPE('I', 'H', 'D', 'R') || chunk->size != 13)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "the first chunk is no IHDR");
    const uint8_t *p = chunk->data;
    info->width = smalti__be32(p);
    info->height = smalti__be32(p + 4);
    png->depth = info->bit_depth = p[8];
    png->color = p[9];
    info->interlaced = p[12] == 1;
    if (!info->width || !info->height || info->width > INT32_MAX || info->height > INT32_MAX)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "impossible size %u x %u",
                                   info->width, info->height);
    if (!depth_allowed(png->color, png->depth))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "no color type %u of %u bits",
                                   png->color, png->depth);
    if (p[10] || p[11] || p[12] > 1)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset,
                                   "unknown compression, filter or interlace method");
    uint64_t pixels = (uint64_t)info->width * info->height, most = png->base.options.max_pixels;
    if (most && pixels > most)
        return smalti__source_fail(source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
                                   "%ux%u pixels, more than the limit of %llu: raise limits.pixels (--max-pixels)",
                                   info->width, info->height, (unsigned long long)most);
    return SMALTI_OK;
}

static smalti_result read_plte(smalti__png *png, const smalti__png_chunk *chunk, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    if (png->has_palette || png->color == SMALTI__PNG_GRAY || png->color == SMALTI__PNG_GRAY_ALPHA)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset,
                                   png->has_palette ? "second PLTE chunk" : "PLTE chunk in a gray image");
    if (!chunk->size || chunk->size % 3 || chunk->size > 768)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, chunk->offset, "PLTE chunk of %u bytes",
                                   chunk->size);
    png->has_palette = true;
    if (png->color != SMALTI__PNG_PALETTE)
        return SMALTI_OK; /* a suggestion for poor displays */
    png->palette_count = chunk->size / 3;
    for (uint32_t i = 0; i < 256; i++) {
        memset(png->palette[i], 0, 3);
        if (i < png->palette_count)
            memcpy(png->palette[i], chunk->data + 3 * i, 3);
        png->palette[i][3] = 255;
    }
    return SMALTI_OK;
}

static void read_trns(smalti__png *png, const smalti__png_chunk *chunk)
{
    uint32_t expected = png->color == SMALTI__PNG_GRAY ? 2 : png->color == SMALTI__PNG_RGB ? 6 : 0;
    if (png->color == SMALTI__PNG_PALETTE && png->has_palette && !png->has_key && chunk->size &&
        chunk->size <= png->palette_count) {
        for (uint32_t i = 0; i < chunk->size; i++)
            png->palette[i][3] = chunk->data[i];
        png->has_key = true;
    } else if (expected && chunk->size == expected && !png->has_key) {
        for (uint32_t i = 0; i < expected / 2; i++)
            png->key[i] = (uint16_t)(smalti__be16(chunk->data + 2 * i) & ((1u << png->depth) - 1));
        png->has_key = true;
    } else {
        smalti__png_warn(png, "tRNS chunk at byte %zu is ignored: second, of a wrong size or not allowed here",
                         chunk->offset);
    }
}

/* A chunk other than IHDR and IDAT, in front of or behind the pixels. */
static smalti_result read_chunk(smalti__png *png, const smalti__png_chunk *chunk, bool behind, smalti_error *error)
{
    char name[5];
    SMALTI__TRY(smalti__png_chunk_check(png, chunk, error));
    switch (chunk->type) {
    case TYPE('P', 'L', 'T', 'E'):
        if (!behind)
            return read_plte(png, chunk, error);
        break;
    case TYPE('t', 'R', 'N', 'S'):
        if (!behind)
            read_trns(png, chunk);
        else
            smalti__png_warn(png, "tRNS chunk behind the pixels is ignored");
        return SMALTI_OK;
    case TYPE('I', 'H', 'D', 'R'):
    case TYPE('I', 'D', 'A', 'T'):
        break;
    default:
        if (chunk->type & 0x20000000) /* the case of the first letter: ancillary */
            return behind ? SMALTI_OK : smalti__png_metadata_chunk(png, chunk, error);
        if (!behind)
            return smalti__source_fail(png->base.source, error, SMALTI_E_UNSUPPORTED, chunk->offset,
                                       "unknown critical chunk %s", type_name(chunk->type, name));
        break;
    }
    return smalti__png_damage(png, error, SMALTI_E_FORMAT, chunk->offset, "%s chunk out of place",
                              type_name(chunk->type, name));
}

smalti_result smalti__png_read_head(smalti__png *png, smalti_error *error)
{
    const smalti__source *source = png->base.source;
    smalti__png_chunk chunk;
    SMALTI__TRY(smalti__png_chunk_at(png, 8, &chunk, error));
    SMALTI__TRY(read_ihdr(png, &chunk, error));
    SMALTI__TRY(smalti__png_chunk_check(png, &chunk, error));
    for (;;) {
        size_t offset = smalti__png_chunk_end(&chunk);
        /* the IDAT may be cut off: that is the stream's concern */
        if (offset <= source->size && source->size - offset >= 8 && !memcmp(source->data + offset + 4, "IDAT", 4)) {
            png->idat_offset = offset;
            break;
        }
        SMALTI__TRY(smalti__png_chunk_at(png, offset, &chunk, error));
        if (chunk.type == TYPE('I', 'E', 'N', 'D'))
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "no pixels before the IEND chunk");
        SMALTI__TRY(read_chunk(png, &chunk, false, error));
    }
    if (png->color == SMALTI__PNG_PALETTE && !png->has_palette)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, png->idat_offset, "no PLTE chunk before the pixels");
    return SMALTI_OK;
}

smalti_result smalti__png_check_tail(smalti__png *png, smalti_error *error)
{
    for (;;) {
        smalti__png_chunk chunk;
        bool lenient = png->base.options.lenient;
        smalti_result result = smalti__png_chunk_at(png, png->offset, &chunk, lenient ? NULL : error);
        if (result < 0 && lenient) {
            smalti__png_warn(png, "the file does not end with an IEND chunk");
            return SMALTI_OK;
        }
        SMALTI__TRY(result);
        png->offset = smalti__png_chunk_end(&chunk);
        if (chunk.type == TYPE('I', 'E', 'N', 'D'))
            return smalti__png_chunk_check(png, &chunk, error);
        SMALTI__TRY(read_chunk(png, &chunk, true, error));
    }
}
