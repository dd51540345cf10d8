/* SPDX-License-Identifier: Apache-2.0
 * TIFF files of every kind in memory, by libtiff: independent of Smalti's own encoder. */
#ifndef SMALTI_TIFF_MAKE_H
#define SMALTI_TIFF_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

typedef struct tiff_spec {
    uint32_t width, height;
    uint16_t samples, bits; /* stored */
    uint16_t photometric, compression;
    uint16_t predictor; /* 0: none */
    bool is_float, separate, big_endian, big_tiff, lsb_first;
    uint32_t tile; /* side of tiles; 0: strips */
    uint32_t rows_per_strip; /* 0: all */
    uint16_t orientation;
    int alpha; /* -1: no tag; else EXTRASAMPLE_… of all extra samples */
    const uint16_t *map; /* palette: red, green, blue */
    const void *icc, *xmp;
    uint32_t icc_size, xmp_size;
    uint32_t pages; /* 0: 1 */
    /* The stored row y of plane p (0 when contiguous), packed. */
    const uint8_t *rows;
    size_t row_bytes;
} tiff_spec;

typedef struct tiff_memory {
    uint8_t *data;
    uint64_t size, capacity, at;
} tiff_memory;

static tmsize_t tiff_memory_write(thandle_t user, void *data, tmsize_t size)
{
    tiff_memory *memory = user;
    uint64_t end = memory->at + (uint64_t)size;
    if (end > memory->capacity) {
        memory->data = realloc(memory->data, end * 2);
        memset(memory->data + memory->capacity, 0, end * 2 - memory->capacity);
        memory->capacity = end * 2;
    }
    memcpy(memory->data + memory->at, data, (size_t)size);
    memory->at = end;
    memory->size = end > memory->size ? end : memory->size;
    return size;
}

static tmsize_t tiff_memory_read(thandle_t user, void *data, tmsize_t size)
{
    tiff_memory *memory = user;
    uint64_t left = memory->at < memory->size ? memory->size - memory->at : 0,
             count = (uint64_t)size < left ? (uint64_t)size : left;
    memcpy(data, memory->data + memory->at, count);
    memory->at += count;
    return (tmsize_t)count;
}

static toff_t tiff_memory_seek(thandle_t user, toff_t offset, int whence)
{
    tiff_memory *memory = user;
    memory->at = whence == SEEK_SET ? offset : whence == SEEK_CUR ? memory->at + offset : memory->size + offset;
    return memory->at;
}

static toff_t tiff_memory_size(thandle_t user)
{
    return ((tiff_memory *)user)->size;
}

static int tiff_memory_close(thandle_t user)
{
    (void)user;
    return 0;
}

static inline void tiff_set_tags(TIFF *out, const tiff_spec *spec)
{
    TIFFSetField(out, TIFFTAG_IMAGEWIDTH, spec->width);
    TIFFSetField(out, TIFFTAG_IMAGELENGTH, spec->height);
    TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, spec->samples);
    TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, spec->bits);
    TIFFSetField(out, TIFFTAG_SAMPLEFORMAT, spec->is_float ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(out, TIFFTAG_PHOTOMETRIC, spec->photometric);
    TIFFSetField(out, TIFFTAG_COMPRESSION, spec->compression);
    TIFFSetField(out, TIFFTAG_PLANARCONFIG, spec->separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (spec->lsb_first)
        TIFFSetField(out, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
    if (spec->predictor)
        TIFFSetField(out, TIFFTAG_PREDICTOR, spec->predictor);
    if (spec->orientation)
        TIFFSetField(out, TIFFTAG_ORIENTATION, spec->orientation);
    if (spec->map)
        TIFFSetField(out, TIFFTAG_COLORMAP, spec->map, spec->map + (1 << spec->bits), spec->map + (2 << spec->bits));
    if (spec->icc)
        TIFFSetField(out, TIFFTAG_ICCPROFILE, spec->icc_size, spec->icc);
    if (spec->xmp)
        TIFFSetField(out, TIFFTAG_XMLPACKET, spec->xmp_size, spec->xmp);
    if (spec->alpha >= 0) {
        int colors = spec->photometric == PHOTOMETRIC_RGB || spec->photometric == PHOTOMETRIC_YCBCR ? 3
                     : spec->photometric == PHOTOMETRIC_SEPARATED                                   ? 4
                                                                                                    : 1;
        uint16_t types[8];
        for (int i = 0; i < 8; i++)
            types[i] = (uint16_t)spec->alpha;
        if (spec->samples > colors)
            TIFFSetField(out, TIFFTAG_EXTRASAMPLES, spec->samples - colors, types);
    }
    if (spec->photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(out, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (spec->tile) {
        TIFFSetField(out, TIFFTAG_TILEWIDTH, spec->tile);
        TIFFSetField(out, TIFFTAG_TILELENGTH, spec->tile);
    } else {
        TIFFSetField(out, TIFFTAG_ROWSPERSTRIP, spec->rows_per_strip ? spec->rows_per_strip : spec->height);
    }
}

static inline void tiff_write_tiles(TIFF *out, const tiff_spec *spec)
{
    size_t row = (size_t)TIFFTileRowSize(out), size = (size_t)TIFFTileSize(out);
    uint8_t *tile = malloc(size);
    uint32_t across = (spec->width + spec->tile - 1) / spec->tile, down = (spec->height + spec->tile - 1) / spec->tile;
    for (uint32_t i = 0; i < TIFFNumberOfTiles(out); i++) {
        uint32_t plane = i / (across * down), ty = i / across % down, tx = i % across;
        memset(tile, 0, size);
        for (uint32_t y = 0; y < spec->tile && ty * spec->tile + y < spec->height; y++) {
            const uint8_t *from = spec->rows + ((size_t)plane * spec->height + ty * spec->tile + y) * spec->row_bytes;
            size_t at = tx * row, count = spec->row_bytes - at < row ? spec->row_bytes - at : row;
            memcpy(tile + y * row, from + at, count);
        }
        TIFFWriteEncodedTile(out, i, tile, (tmsize_t)size);
    }
    free(tile);
}

/* The file; *size is set. Owned: free(). */
static inline uint8_t *tiff_make(const tiff_spec *spec, size_t *size)
{
    TIFFSetWarningHandler(NULL);
    tiff_memory memory = {0};
    char mode[8] = "w";
    strcat(mode, spec->big_endian ? "b" : "l");
    strcat(mode, spec->big_tiff ? "8" : "");
    TIFF *out = TIFFClientOpen("made.tif", mode, &memory, tiff_memory_read, tiff_memory_write, tiff_memory_seek,
                               tiff_memory_close, tiff_memory_size, NULL, NULL);
    uint8_t *row = malloc(spec->row_bytes);
    for (uint32_t page = 0; page < (spec->pages ? spec->pages : 1); page++) {
        tiff_set_tags(out, spec);
        if (spec->tile)
            tiff_write_tiles(out, spec);
        for (uint32_t plane = 0; !spec->tile && plane < (spec->separate ? spec->samples : 1u); plane++)
            for (uint32_t y = 0; y < spec->height; y++) {
                /* libtiff changes rows in place */
                memcpy(row, spec->rows + ((size_t)plane * spec->height + y) * spec->row_bytes, spec->row_bytes);
                TIFFWriteScanline(out, row, y, (uint16_t)plane);
            }
        TIFFWriteDirectory(out);
    }
    free(row);
    TIFFClose(out);
    *size = (size_t)memory.size;
    return memory.data;
}

#endif
