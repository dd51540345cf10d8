/* SPDX-License-Identifier: Apache-2.0
 * What stands in front of the pixels of a PNG file: signature, IHDR, ICC profile, EXIF, XMP and palette. */
#include "encode/png.h"

#include <libdeflate.h>

smalti_result smalti__png_write_chunk(smalti__sink *sink, const char type[4], const void *data, size_t size,
                                      smalti_error *error)
{
    if (size > INT32_MAX)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%zu bytes do not fit a PNG %.4s chunk", size, type);
    uint8_t head[8], end[4];
    smalti__put_be32(head, (uint32_t)size);
    memcpy(head + 4, type, 4);
    uint32_t crc = libdeflate_crc32(0, head + 4, 4);
    smalti__put_be32(end, size ? libdeflate_crc32(crc, data, size) : crc);
    SMALTI__TRY(smalti__sink_write(sink, head, sizeof head, error));
    SMALTI__TRY(smalti__sink_write(sink, data, size, error));
    return smalti__sink_write(sink, end, sizeof end, error);
}

static void put_head(const smalti__png_encoder *png, uint8_t *out)
{
    static const uint8_t color_types[5] = {0, 0, 4, 2, 6}, palette_type = 3;
    const smalti__encoder *base = &png->base;
    memcpy(out, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    smalti__put_be32(out + 16, base->width);
    smalti__put_be32(out + 20, base->height);
    out[24] = png->palette ? smalti__png_palette_bits(png) : base->sample == SMALTI_SAMPLE_U16 ? 16 : 8;
    out[25] = png->palette ? palette_type : color_types[base->channels];
    memset(out + 26, 0, 3); /* compression, filter and interlace methods */
    smalti__put_be32(out + 29, libdeflate_crc32(0, out + 12, 17));
}

static smalti_result write_icc(smalti__sink *sink, const smalti__blob *icc, smalti_error *error)
{
    static const char name[] = "icc"; /* then NUL and the compression method */
    enum { HEAD = sizeof name + 1, LEVEL = 6 };
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
    if (!compressor)
        return smalti__fail_nomem(error, icc->size);
    size_t bound = libdeflate_zlib_compress_bound(compressor, icc->size);
    SMALTI__CLEANUP_FREE uint8_t *data = malloc(HEAD + bound);
    size_t size = 0;
    if (data) {
        memcpy(data, name, sizeof name);
        data[HEAD - 1] = 0;
        size = libdeflate_zlib_compress(compressor, icc->data, icc->size, data + HEAD, bound);
    }
    libdeflate_free_compressor(compressor);
    return size ? smalti__png_write_chunk(sink, "iCCP", data, HEAD + size, error)
                : smalti__fail_nomem(error, HEAD + bound);
}

static smalti_result write_xmp(smalti__sink *sink, const smalti__blob *xmp, smalti_error *error)
{
    /* keyword, NUL, not compressed, method, no language, NUL, no translated keyword, NUL */
    static const char head[] = "XML:com.adobe.xmp\0\0\0\0";
    size_t size;
    if (!smalti__add(xmp->size, sizeof head, &size))
        return smalti__fail_nomem(error, xmp->size);
    SMALTI__CLEANUP_FREE uint8_t *data = malloc(size);
    if (!data)
        return smalti__fail_nomem(error, size);
    memcpy(data, head, sizeof head);
    memcpy(data + sizeof head, xmp->data, xmp->size);
    return smalti__png_write_chunk(sink, "iTXt", data, size, error);
}

static smalti_result write_metadata(smalti__sink *sink, const smalti__metadata *metadata, smalti_error *error)
{
    if (metadata->icc.size)
        SMALTI__TRY(write_icc(sink, &metadata->icc, error));
    if (metadata->exif.size)
        SMALTI__TRY(smalti__png_write_chunk(sink, "eXIf", metadata->exif.data, metadata->exif.size, error));
    return metadata->xmp.size ? write_xmp(sink, &metadata->xmp, error) : SMALTI_OK;
}

smalti_result smalti__png_write_head(smalti__png_encoder *png, smalti_error *error)
{
    const smalti__metadata *metadata = png->base.params.metadata;
    smalti__sink *sink = png->base.sink;
    put_head(png, png->out);
    png->head_bytes = SMALTI__PNG_HEAD_BYTES;
    bool more = metadata && (metadata->icc.size || metadata->exif.size || metadata->xmp.size);
    if (!more && !png->palette)
        return SMALTI_OK;
    SMALTI__TRY(smalti__sink_write(sink, png->out, png->head_bytes, error));
    png->head_bytes = 0;
    if (more)
        SMALTI__TRY(write_metadata(sink, metadata, error));
    return png->palette ? smalti__png_palette_chunks(png, error) : SMALTI_OK;
}
