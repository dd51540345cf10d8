/* SPDX-License-Identifier: Apache-2.0
 * Stored rows of a TIFF page: from strips that are decoded whole, from the scanlines of large strips, or from rows of tiles.
 * What is held does not depend on the height of the image, unless one tile or strip is all of it. */
#include "decode/tiff.h"

enum {
    /* Strips up to this size are decoded whole: libtiff inflates those with libdeflate, twice as fast as in pieces. */
    WHOLE_STRIP = 1 << 20,
    /* State of a handle and its codec: LZW's table is the largest, 90 KiB, and zlib's window. */
    HANDLE_BYTES = 256 << 10,
    WINDOW_STATE = 1 << 20 /* of zstd's and xz's decoders, beside their windows */
};

static uint32_t rows_in_buffer(const smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    uint32_t rows = tiff->way == SMALTI__TIFF_TILES       ? page->tile_height
                    : tiff->way == SMALTI__TIFF_SCANLINES ? 1
                                                          : page->rows_per_strip;
    return tiff->way != SMALTI__TIFF_TILES && rows > page->height ? page->height : rows;
}

static uint32_t handles(const smalti__tiff *tiff)
{
    return tiff->way == SMALTI__TIFF_SCANLINES ? tiff->planes : 1;
}

/* Of a handle's codec. */
static size_t codec_bytes(const smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    size_t unit = page->tile_bytes;
    if (!page->tiled && !smalti__mul(page->row_bytes, page->rows_per_strip, &unit))
        unit = SIZE_MAX;
    switch (page->compression) {
    case COMPRESSION_JPEG: /* a progressive one holds two bytes for each sample of the tile or strip */
        return unit < SIZE_MAX / 8 ? unit * 3 + HANDLE_BYTES : SIZE_MAX / 8;
    case COMPRESSION_ZSTD:
    case COMPRESSION_LZMA:
        /* a stream may ask for any window: the memory behind it is real as far as pixels were written there */
        return unit < SIZE_MAX / 2 ? unit + WINDOW_STATE : SIZE_MAX / 2;
    default:
        return page->row_bytes * 2; /* predictors and run lengths */
    }
}

static void choose(smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    size_t strip;
    tiff->planes = 1;
    tiff->plane_sample[0] = 0;
    if (page->separate) {
        tiff->planes = page->colors;
        for (uint32_t i = 0; i < page->colors; i++)
            tiff->plane_sample[i] = i;
        if (page->alpha)
            tiff->plane_sample[tiff->planes++] = page->alpha;
    }
    tiff->way = page->tiled ? SMALTI__TIFF_TILES : SMALTI__TIFF_STRIPS;
    if (!page->tiled && (!smalti__mul(page->row_bytes, rows_in_buffer(tiff), &strip) || strip > WHOLE_STRIP))
        tiff->way = SMALTI__TIFF_SCANLINES;
    tiff->row_count = rows_in_buffer(tiff);
}

size_t smalti__tiff_rows_bytes(smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    choose(tiff);
    /* libtiff keeps an offset and a size for each strip or tile */
    size_t units = page->tiled ? (size_t)page->tiles_across * page->tiles_down : page->strip_count;
    size_t per_handle = HANDLE_BYTES + units * (page->separate ? page->samples : 1) * 16, total;
    bool fits =
        smalti__add(per_handle, codec_bytes(tiff), &per_handle) && smalti__mul(per_handle, handles(tiff), &total);
    size_t buffer = 0;
    fits = fits && smalti__mul(page->row_bytes, tiff->row_count, &buffer) &&
           smalti__mul(buffer, tiff->planes, &buffer) && smalti__add(total, buffer, &total) &&
           smalti__add(total, page->tiled ? page->tile_bytes : 0, &total) &&
           smalti__add(total, 2 * (size_t)SMALTI__POOL_SLACK, &total);
    uint16_t order = FILLORDER_MSB2LSB;
    tiff->lib->TIFFGetFieldDefaulted(tiff->handle[0], TIFFTAG_FILLORDER, &order);
    if (order != FILLORDER_MSB2LSB) /* libtiff turns the bits of a strip or tile round in a copy */
        fits = fits && smalti__add(total, tiff->base.source->size, &total);
    return fits ? total : SIZE_MAX;
}

smalti_result smalti__tiff_rows_start(smalti__tiff *tiff, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    smalti__pool *pool = tiff->base.options.pool;
    size_t bytes;
    if (!smalti__mul(page->row_bytes, (size_t)tiff->row_count * tiff->planes, &bytes))
        return smalti__fail_nomem(error, SIZE_MAX);
    tiff->rows = smalti__pool_get(pool, bytes);
    tiff->tile = page->tiled ? smalti__pool_get(pool, page->tile_bytes) : NULL;
    if (!tiff->rows || (page->tiled && !tiff->tile))
        return smalti__fail_nomem(error, bytes);
    for (uint32_t i = 1; i < handles(tiff); i++) {
        tiff->handle[i] = smalti__tiff_open_handle(tiff, tiff->base.frame);
        if (!tiff->handle[i])
            return smalti__source_fail(tiff->base.source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "%s",
                                       tiff->message);
    }
    tiff->first = tiff->last = 0;
    return SMALTI_OK;
}

void smalti__tiff_rows_end(smalti__tiff *tiff)
{
    smalti__pool *pool = tiff->base.options.pool;
    smalti__pool_put(pool, tiff->tile);
    smalti__pool_put(pool, tiff->rows);
    tiff->tile = tiff->rows = NULL;
    for (int i = 1; i < SMALTI__TIFF_SAMPLES; i++) {
        if (tiff->handle[i])
            tiff->lib->TIFFClose(tiff->handle[i]);
        tiff->handle[i] = NULL;
    }
}

/* A strip or tile has to lie in the file, and libtiff may have something to say about it. */
static smalti_result check_extent(smalti__tiff *tiff, uint32_t strile, smalti_error *error)
{
    const smalti__source *source = tiff->base.source;
    uint64_t offset = tiff->lib->TIFFGetStrileOffset(tiff->handle[0], strile), end;
    uint64_t size = tiff->lib->TIFFGetStrileByteCount(tiff->handle[0], strile);
    tiff->message[0] = '\0';
    if (!__builtin_add_overflow(offset, size, &end) && end <= source->size && size)
        return SMALTI_OK;
    char message[80];
    snprintf(message, sizeof message, "%s %u %s", tiff->page.tiled ? "tile" : "strip", strile,
             size ? "lies beyond the end of the file" : "is missing");
    return smalti__tiff_damage(tiff, error, size ? SMALTI_E_FORMAT_TRUNCATED : SMALTI_E_FORMAT,
                               size ? source->size : SMALTI_NO_OFFSET, message);
}

/* What libtiff returned for a strip, tile or row. */
static smalti_result check_read(smalti__tiff *tiff, uint32_t strile, bool whole, smalti_error *error)
{
    if (whole && !tiff->message[0])
        return SMALTI_OK;
    return smalti__tiff_damage(tiff, error, SMALTI_E_FORMAT, tiff->lib->TIFFGetStrileOffset(tiff->handle[0], strile),
                               tiff->message[0] ? tiff->message : "too few pixels in a strip or tile");
}

static void progress(const smalti__tiff *tiff, uint32_t strile)
{
    /* files are mostly written in order; where they are not, pages are read again */
    if (!tiff->page.separate)
        smalti__source_consumed(tiff->base.source, (size_t)tiff->lib->TIFFGetStrileOffset(tiff->handle[0], strile));
}

static smalti_result read_strips(smalti__tiff *tiff, uint32_t y, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    uint32_t strip = y / page->rows_per_strip, first = strip * page->rows_per_strip;
    uint32_t rows = page->height - first < page->rows_per_strip ? page->height - first : page->rows_per_strip;
    size_t bytes = page->row_bytes * rows;
    for (uint32_t i = 0; i < tiff->planes; i++) {
        uint8_t *to = tiff->rows + i * page->row_bytes * tiff->row_count;
        uint32_t strile = tiff->plane_sample[i] * page->strip_count + strip;
        memset(to, 0, bytes); /* what is missing is black, not what stood there */
        SMALTI__TRY(check_extent(tiff, strile, error));
        tmsize_t got = tiff->lib->TIFFReadEncodedStrip(tiff->handle[0], strile, to, (tmsize_t)bytes);
        SMALTI__TRY(check_read(tiff, strile, got == (tmsize_t)bytes, error));
        progress(tiff, strile);
    }
    tiff->first = first;
    tiff->last = first + rows;
    return SMALTI_OK;
}

static smalti_result read_scanlines(smalti__tiff *tiff, uint32_t y, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    uint32_t strip = y / page->rows_per_strip;
    for (uint32_t i = 0; i < tiff->planes; i++) {
        uint32_t sample = tiff->plane_sample[i], strile = sample * page->strip_count + strip;
        uint8_t *to = tiff->rows + i * page->row_bytes;
        memset(to, 0, page->row_bytes);
        if (y < tiff->skip_until)
            continue;
        tiff->message[0] = '\0';
        if (y % page->rows_per_strip == 0)
            SMALTI__TRY(check_extent(tiff, strile, error));
        int read = tiff->lib->TIFFReadScanline(tiff->handle[i], to, y, (uint16_t)sample);
        SMALTI__TRY(check_read(tiff, strile, read == 1, error));
        if (read != 1) /* libtiff would decode the strip from its start for every row that follows */
            tiff->skip_until = (strip + 1) * page->rows_per_strip;
    }
    tiff->first = y;
    tiff->last = y + 1;
    return SMALTI_OK;
}

static smalti_result read_tile(smalti__tiff *tiff, uint32_t plane, uint32_t tile, uint32_t column, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    memset(tiff->tile, 0, page->tile_bytes);
    SMALTI__TRY(check_extent(tiff, tile, error));
    tmsize_t got = tiff->lib->TIFFReadEncodedTile(tiff->handle[0], tile, tiff->tile, (tmsize_t)page->tile_bytes);
    SMALTI__TRY(check_read(tiff, tile, got == (tmsize_t)page->tile_bytes, error));
    uint8_t *to = tiff->rows + plane * page->row_bytes * tiff->row_count + column * page->tile_row_bytes;
    for (uint32_t y = 0; y < page->tile_height; y++)
        memcpy(to + y * page->row_bytes, tiff->tile + y * page->tile_row_bytes, page->tile_row_bytes);
    return SMALTI_OK;
}

static smalti_result read_tiles(smalti__tiff *tiff, uint32_t y, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    uint32_t down = y / page->tile_height, tile = down * page->tiles_across;
    for (uint32_t i = 0; i < tiff->planes; i++) {
        uint32_t plane_tile = tiff->plane_sample[i] * page->tiles_across * page->tiles_down + tile;
        for (uint32_t column = 0; column < page->tiles_across; column++) {
            SMALTI__TRY(read_tile(tiff, i, plane_tile + column, column, error));
            SMALTI__TRY(smalti__stop_check(tiff->base.options.stop, error));
        }
    }
    progress(tiff, tile);
    tiff->first = down * page->tile_height;
    tiff->last = tiff->first + page->tile_height;
    return SMALTI_OK;
}

smalti_result smalti__tiff_rows_get(smalti__tiff *tiff, uint32_t y, const uint8_t *row[SMALTI__TIFF_SAMPLES],
                                    smalti_error *error)
{
    if (y < tiff->first || y >= tiff->last) {
        smalti_result (*read)(smalti__tiff *, uint32_t, smalti_error *) = tiff->way == SMALTI__TIFF_TILES ? read_tiles
                                                                          : tiff->way == SMALTI__TIFF_STRIPS
                                                                              ? read_strips
                                                                              : read_scanlines;
        tiff->collect_warnings = true;
        smalti_result result = read(tiff, y, error);
        tiff->collect_warnings = false;
        SMALTI__TRY(result);
    }
    for (uint32_t i = 0; i < tiff->planes; i++)
        row[i] = tiff->rows + ((size_t)i * tiff->row_count + (y - tiff->first)) * tiff->page.row_bytes;
    return SMALTI_OK;
}
