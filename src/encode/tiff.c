/* SPDX-License-Identifier: Apache-2.0
 * The TIFF encoder: rows are gathered into strips, which are compressed and written one by one; the directory follows them.
 * It is our own, not libtiff's, for two reasons: that one keeps no memory bound that could be told beforehand, and its state
 * is in a file that it must be able to read back. */
#include "encode/tiff.h"

#include <libdeflate.h>

enum {
    STRIP_BYTES = 128 * 1024, /* of a strip before compression, if that is a row or more */
    DEFLATE_LEVEL = 6,
    DEFLATE_STATE = 1 << 20, /* of libdeflate's compressor at that level, rounded up */
    HEAD_BYTES = 4096        /* directory and header, without metadata */
};

static bool predicted(const smalti__encode_params *params)
{
    return params->tiff_compression == SMALTI__TIFF_LZW || params->tiff_compression == SMALTI__TIFF_DEFLATE;
}

static uint32_t rows_of_strip(size_t row_bytes, uint32_t height)
{
    size_t rows = row_bytes < STRIP_BYTES ? STRIP_BYTES / row_bytes : 1;
    return rows < height ? (uint32_t)rows : height;
}

/* The bytes of rows rows. */
static size_t packed_bound(const smalti__encode_params *params, size_t row_bytes, uint32_t rows)
{
    switch (params->tiff_compression) {
    case SMALTI__TIFF_LZW:
        return smalti__tiff_lzw_bound(row_bytes * rows);
    case SMALTI__TIFF_DEFLATE:
        return libdeflate_zlib_compress_bound(NULL, row_bytes * rows);
    case SMALTI__TIFF_PACKBITS:
        return smalti__tiff_packbits_bound(row_bytes) * rows;
    default:
        return 0;
    }
}

static size_t work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params)
{
    size_t row = width * (size_t)channels * smalti_sample_bytes(sample); /* below 2^35 */
    uint32_t rows = rows_of_strip(row, height), strips = (height - 1) / rows + 1;
    size_t state = params->tiff_compression == SMALTI__TIFF_LZW       ? sizeof(smalti__tiff_lzw)
                   : params->tiff_compression == SMALTI__TIFF_DEFLATE ? DEFLATE_STATE
                                                                      : 0;
    return sizeof(smalti__tiff_encoder) + HEAD_BYTES + strips * 16 + row * rows + row +
           packed_bound(params, row, rows) + state + 6 * (size_t)SMALTI__POOL_SLACK;
}

static void close_encoder(smalti__encoder *encoder)
{
    smalti__tiff_encoder *tiff = (smalti__tiff_encoder *)encoder;
    smalti__pool *pool = encoder->params.pool;
    libdeflate_free_compressor(tiff->deflate);
    smalti__pool_put(pool, tiff->lzw);
    smalti__pool_put(pool, tiff->packed);
    smalti__pool_put(pool, tiff->line);
    smalti__pool_put(pool, tiff->buffer);
    smalti__pool_put(pool, tiff->sizes);
    smalti__pool_put(pool, tiff->offsets);
    free(tiff);
}

static void warn_dropped(const smalti__encode_params *params)
{
    if (params->warn && params->metadata && params->metadata->exif.size)
        params->warn(params->user, "EXIF dropped, but for the orientation: it is not written to TIFF");
}

static bool get(smalti__tiff_encoder *tiff, void *pointer, size_t bytes)
{
    void *memory = smalti__pool_get(tiff->base.params.pool, bytes);
    memcpy(pointer, &memory, sizeof memory);
    return memory != NULL;
}

static smalti_result set_up(smalti__tiff_encoder *tiff, smalti_error *error)
{
    const smalti__encoder *base = &tiff->base;
    const smalti__encode_params *params = &base->params;
    tiff->row_bytes = base->width * (size_t)base->channels * smalti_sample_bytes(base->sample);
    tiff->rows_per_strip = rows_of_strip(tiff->row_bytes, base->height);
    tiff->strip_count = (base->height - 1) / tiff->rows_per_strip + 1;
    tiff->packed_room = packed_bound(params, tiff->row_bytes, tiff->rows_per_strip);
    size_t strip = tiff->row_bytes * tiff->rows_per_strip, most = packed_bound(params, tiff->row_bytes, 1), all;
    /* far below 4 GiB even if nothing gets smaller, or else BigTIFF */
    bool fits = smalti__mul(most > tiff->row_bytes ? most : tiff->row_bytes, base->height, &all);
    const smalti__metadata *metadata = params->metadata;
    fits = fits && (!metadata || smalti__add(all, metadata->icc.size + metadata->xmp.size, &all));
    tiff->big = !fits || all > UINT32_MAX - (64u << 20);
    size_t strips = tiff->strip_count * sizeof *tiff->offsets;
    bool had = get(tiff, &tiff->offsets, strips) && get(tiff, &tiff->sizes, strips);
    if (params->tiff_compression != SMALTI__TIFF_NONE)
        had = had && get(tiff, &tiff->buffer, strip) && get(tiff, &tiff->packed, tiff->packed_room);
    if (predicted(params) && base->sample == SMALTI_SAMPLE_F32)
        had = had && get(tiff, &tiff->line, tiff->row_bytes);
    if (params->tiff_compression == SMALTI__TIFF_LZW)
        had = had && get(tiff, &tiff->lzw, sizeof *tiff->lzw);
    if (params->tiff_compression == SMALTI__TIFF_DEFLATE)
        had = had && (tiff->deflate = libdeflate_alloc_compressor(DEFLATE_LEVEL));
    if (!had)
        return smalti__fail_nomem(error, work_bytes(base->width, base->height, base->channels, base->sample, params));
    SMALTI__TRY(smalti__sink_rewritable(base->sink, error));
    return smalti__tiff_put_header(tiff, error);
}

static smalti_result open_encoder(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    if (seed->params.tiff_compression > SMALTI__TIFF_NONE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "no TIFF compression has the number %u",
                            seed->params.tiff_compression);
    if (!seed->width || seed->width > INT32_MAX || !seed->height || seed->height > INT32_MAX || seed->channels < 1 ||
        seed->channels > 4 || !smalti_sample_bytes(seed->sample) || seed->sample == SMALTI_SAMPLE_F16)
        return smalti__fail(error, SMALTI_E_INVALID, "TIFF does not hold such an image");
    smalti__tiff_encoder *tiff = calloc(1, sizeof *tiff);
    if (!tiff)
        return smalti__fail_nomem(error, sizeof *tiff);
    tiff->base = *seed;
    smalti_result result = set_up(tiff, error);
    if (result < 0) {
        close_encoder(&tiff->base);
        return result;
    }
    warn_dropped(&seed->params);
    *encoder = &tiff->base;
    return SMALTI_OK;
}

static size_t pack_rows(smalti__tiff_encoder *tiff)
{
    uint8_t *out = tiff->packed;
    for (uint32_t y = 0; y < tiff->rows; y++) /* no run goes over the end of a row */
        out += smalti__tiff_packbits_row(tiff->buffer + y * tiff->row_bytes, tiff->row_bytes, out);
    return (size_t)(out - tiff->packed);
}

static smalti_result put_strip(smalti__tiff_encoder *tiff, smalti_error *error)
{
    const smalti__encoder *base = &tiff->base;
    size_t size = tiff->row_bytes * tiff->rows;
    if (predicted(&base->params))
        for (uint32_t y = 0; y < tiff->rows; y++)
            smalti__tiff_predict(tiff->buffer + y * tiff->row_bytes, base->width, base->channels, base->sample,
                                 tiff->line);
    if (tiff->lzw)
        size = smalti__tiff_lzw_encode(tiff->lzw, tiff->buffer, size, tiff->packed);
    else if (tiff->deflate)
        size = libdeflate_zlib_compress(tiff->deflate, tiff->buffer, size, tiff->packed, tiff->packed_room);
    else
        size = pack_rows(tiff);
    tiff->offsets[tiff->strip] = base->sink->bytes;
    tiff->sizes[tiff->strip] = size;
    return smalti__sink_write(base->sink, tiff->packed, size, error);
}

/* Not compressed: rows go straight to the sink. */
static smalti_result put_row(smalti__tiff_encoder *tiff, const uint8_t *row, smalti_error *error)
{
    smalti__sink *sink = tiff->base.sink;
    if (!tiff->rows) {
        tiff->offsets[tiff->strip] = sink->bytes;
        tiff->sizes[tiff->strip] = 0;
    }
    tiff->sizes[tiff->strip] += tiff->row_bytes;
    return smalti__sink_write(sink, row, tiff->row_bytes, error);
}

static smalti_result write_rows(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    smalti__tiff_encoder *tiff = (smalti__tiff_encoder *)encoder;
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "TIFF encoder: more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++) {
        const uint8_t *row = (const uint8_t *)rows + y * pitch;
        if (tiff->buffer)
            memcpy(tiff->buffer + tiff->rows * tiff->row_bytes, row, tiff->row_bytes);
        else
            SMALTI__TRY(put_row(tiff, row, error));
        tiff->rows++;
        encoder->row++;
        if (tiff->rows < tiff->rows_per_strip && encoder->row < encoder->height)
            continue;
        if (tiff->buffer)
            SMALTI__TRY(put_strip(tiff, error));
        tiff->rows = 0;
        tiff->strip++;
    }
    return SMALTI_OK;
}

static smalti_result finish(smalti__encoder *encoder, smalti_error *error)
{
    smalti__tiff_encoder *tiff = (smalti__tiff_encoder *)encoder;
    if (encoder->row != encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "TIFF encoder: %u of %u rows were written", encoder->row,
                            encoder->height);
    return smalti__tiff_put_directory(tiff, error);
}

static const char *const extensions[] = {"tiff", "tif", NULL};

const smalti__encoder_format smalti__encoder_tiff = {.name = "tiff",
                                                     .extensions = extensions,
                                                     .samples = 1u << SMALTI_SAMPLE_U8 | 1u << SMALTI_SAMPLE_U16 |
                                                                1u << SMALTI_SAMPLE_F32,
                                                     .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
                                                     .max_width = INT32_MAX,
                                                     .max_height = INT32_MAX,
                                                     .work_bytes = work_bytes,
                                                     .open = open_encoder,
                                                     .write = write_rows,
                                                     .finish = finish,
                                                     .close = close_encoder};
