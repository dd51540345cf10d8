/* SPDX-License-Identifier: Apache-2.0
 * Reading a TIFF directory's tags. What is odd is refused here, with its name, before any pixel is looked at. */
#include "decode/tiff_page.h"

static const struct compression {
    uint16_t code;
    const char *name;
} compressions[] = {
    {COMPRESSION_NONE, "none"},       {COMPRESSION_CCITTRLE, "ccitt"},
    {COMPRESSION_CCITTFAX3, "ccitt"}, {COMPRESSION_CCITTFAX4, "ccitt"},
    {COMPRESSION_CCITTRLEW, "ccitt"}, {COMPRESSION_LZW, "lzw"},
    {COMPRESSION_JPEG, "jpeg"},       {COMPRESSION_ADOBE_DEFLATE, "deflate"},
    {COMPRESSION_DEFLATE, "deflate"}, {COMPRESSION_PACKBITS, "packbits"},
    {COMPRESSION_LZMA, "lzma"},       {COMPRESSION_ZSTD, "zstd"},
};

static const char *compression_name(uint32_t code)
{
    for (size_t i = 0; i < SMALTI__COUNT(compressions); i++)
        if (compressions[i].code == code)
            return compressions[i].name;
    return NULL;
}

static smalti_result unsupported(const smalti__tiff *tiff, smalti_error *error, const char *what, uint32_t value)
{
    return smalti__source_fail(tiff->base.source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "%s %u", what, value);
}

static smalti_result contradiction(const smalti__tiff *tiff, smalti_error *error, const char *what)
{
    return smalti__source_fail(tiff->base.source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "%s", what);
}

static uint32_t get16(const smalti__tiff *tiff, uint32_t tag)
{
    uint16_t value = 0;
    return tiff->lib->TIFFGetFieldDefaulted(tiff->handle[0], tag, &value) ? value : 0;
}

static uint32_t get32(const smalti__tiff *tiff, uint32_t tag)
{
    uint32_t value = 0;
    return tiff->lib->TIFFGetFieldDefaulted(tiff->handle[0], tag, &value) ? value : 0;
}

static smalti_result read_samples(smalti__tiff *tiff, smalti_error *error)
{
    smalti__tiff_page *page = &tiff->page;
    page->samples = get16(tiff, TIFFTAG_SAMPLESPERPIXEL);
    page->bits = get16(tiff, TIFFTAG_BITSPERSAMPLE);
    uint32_t format = get16(tiff, TIFFTAG_SAMPLEFORMAT);
    page->is_float = format == SAMPLEFORMAT_IEEEFP;
    if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID && !page->is_float)
        return unsupported(tiff, error, "samples of format", format);
    if (page->is_float ? page->bits != 32 : page->bits < 1 || page->bits > 16)
        return unsupported(tiff, error, page->is_float ? "floating-point samples of bits" : "samples of bits",
                           page->bits);
    if (page->samples < 1 || page->samples > SMALTI__TIFF_SAMPLES)
        return unsupported(tiff, error, "samples in a pixel:", page->samples);
    page->separate = page->samples > 1 && get16(tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
    return SMALTI_OK;
}

static smalti_result read_color(smalti__tiff *tiff, smalti_error *error)
{
    smalti__tiff_page *page = &tiff->page;
    uint16_t photometric = 0;
    page->colors = 1;
    if (!tiff->lib->TIFFGetField(tiff->handle[0], TIFFTAG_PHOTOMETRIC, &photometric))
        return contradiction(tiff, error, "no photometric interpretation");
    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
        page->color = SMALTI__TIFF_GRAY;
        page->invert = photometric == PHOTOMETRIC_MINISWHITE;
        break;
    case PHOTOMETRIC_YCBCR:
        if (page->compression != COMPRESSION_JPEG)
            return unsupported(tiff, error, "YCbCr of compression", page->compression);
        /* libjpeg makes RGB of it */
        __attribute__((fallthrough));
    case PHOTOMETRIC_RGB:
        page->color = SMALTI__TIFF_RGB;
        page->colors = 3;
        break;
    case PHOTOMETRIC_PALETTE:
        page->color = SMALTI__TIFF_PALETTE;
        break;
    case PHOTOMETRIC_SEPARATED:
        if (get16(tiff, TIFFTAG_INKSET) != INKSET_CMYK)
            return unsupported(tiff, error, "inks of set", get16(tiff, TIFFTAG_INKSET));
        page->color = SMALTI__TIFF_CMYK;
        page->colors = 4;
        break;
    default:
        return unsupported(tiff, error, "photometric interpretation", photometric);
    }
    if (page->is_float && page->color != SMALTI__TIFF_GRAY && page->color != SMALTI__TIFF_RGB)
        return unsupported(tiff, error, "floating-point samples of photometric interpretation", photometric);
    return page->samples >= page->colors ? SMALTI_OK : contradiction(tiff, error, "too few samples for its colours");
}

/* The first extra sample that is alpha. A writer that has four samples of RGB and no tag means alpha; samples of no stated
 * meaning (masks of an image editor) are dropped. */
static void read_alpha(smalti__tiff *tiff)
{
    smalti__tiff_page *page = &tiff->page;
    uint16_t count = 0, *types = NULL;
    if (page->samples == page->colors)
        return;
    if (!tiff->lib->TIFFGetField(tiff->handle[0], TIFFTAG_EXTRASAMPLES, &count, &types) || !count) {
        page->alpha = page->samples == page->colors + 1 ? page->colors : 0;
        return;
    }
    for (uint32_t i = 0; i < count && page->colors + i < page->samples && !page->alpha; i++)
        if (types[i] == EXTRASAMPLE_ASSOCALPHA || types[i] == EXTRASAMPLE_UNASSALPHA) {
            page->alpha = page->colors + i;
            page->premultiplied = types[i] == EXTRASAMPLE_ASSOCALPHA;
        }
    if (!page->alpha)
        smalti__decoder_warn(&tiff->base.options, "%u extra samples of a pixel are dropped: they are not alpha",
                             page->samples - page->colors);
}

/* Rows as we reckon them, in bytes. */
static bool row_bytes(const smalti__tiff_page *page, uint32_t width, size_t *bytes)
{
    size_t bits;
    if (!smalti__mul(width, (page->separate ? 1 : page->samples) * page->bits, &bits))
        return false;
    *bytes = bits / 8 + (bits % 8 != 0);
    return true;
}

static smalti_result read_strips(smalti__tiff *tiff, smalti_error *error)
{
    smalti__tiff_page *page = &tiff->page;
    page->rows_per_strip = get32(tiff, TIFFTAG_ROWSPERSTRIP);
    if (!page->rows_per_strip || page->rows_per_strip > page->height)
        page->rows_per_strip = page->height;
    page->strip_count = (page->height - 1) / page->rows_per_strip + 1;
    if (!row_bytes(page, page->width, &page->row_bytes))
        return contradiction(tiff, error, "rows too long");
    if (tiff->lib->TIFFScanlineSize64(tiff->handle[0]) != page->row_bytes ||
        tiff->lib->TIFFNumberOfStrips(tiff->handle[0]) !=
            (uint64_t)page->strip_count * (page->separate ? page->samples : 1))
        return contradiction(tiff, error, "strips that do not fit the image");
    return SMALTI_OK;
}

static smalti_result read_tiles(smalti__tiff *tiff, smalti_error *error)
{
    smalti__tiff_page *page = &tiff->page;
    page->tile_width = get32(tiff, TIFFTAG_TILEWIDTH);
    page->tile_height = get32(tiff, TIFFTAG_TILELENGTH);
    if (!page->tile_width || !page->tile_height)
        return contradiction(tiff, error, "tiles without a size");
    page->tiles_across = (page->width - 1) / page->tile_width + 1;
    page->tiles_down = (page->height - 1) / page->tile_height + 1;
    bool fits = row_bytes(page, page->tile_width, &page->tile_row_bytes) &&
                smalti__mul(page->tile_row_bytes, page->tile_height, &page->tile_bytes) &&
                smalti__mul(page->tile_row_bytes, page->tiles_across, &page->row_bytes);
    if (!fits || page->tile_bytes > PTRDIFF_MAX)
        return contradiction(tiff, error, "tiles too large");
    /* pixels of less than a byte that do not end with one: no writer makes those */
    if (page->tiles_across > 1 &&
        page->tile_row_bytes * 8 != (uint64_t)page->tile_width * page->bits * (page->separate ? 1 : page->samples))
        return unsupported(tiff, error, "tiles of width", page->tile_width);
    if (tiff->lib->TIFFTileRowSize64(tiff->handle[0]) != page->tile_row_bytes ||
        tiff->lib->TIFFTileSize64(tiff->handle[0]) != page->tile_bytes ||
        tiff->lib->TIFFNumberOfTiles(tiff->handle[0]) !=
            (uint64_t)page->tiles_across * page->tiles_down * (page->separate ? page->samples : 1))
        return contradiction(tiff, error, "tiles that do not fit the image");
    return SMALTI_OK;
}

smalti_result smalti__tiff_page_read(smalti__tiff *tiff, smalti_error *error)
{
    smalti__tiff_page *page = &tiff->page;
    *page = (smalti__tiff_page){0};
    page->width = get32(tiff, TIFFTAG_IMAGEWIDTH);
    page->height = get32(tiff, TIFFTAG_IMAGELENGTH);
    if (!page->width || !page->height || page->width > INT32_MAX || page->height > INT32_MAX)
        return contradiction(tiff, error, "an image without pixels, or too large");
    page->compression = get16(tiff, TIFFTAG_COMPRESSION);
    if (!compression_name(page->compression) || !tiff->lib->TIFFIsCODECConfigured((uint16_t)page->compression))
        return unsupported(tiff, error, "compression", page->compression);
    SMALTI__TRY(read_samples(tiff, error));
    SMALTI__TRY(read_color(tiff, error));
    read_alpha(tiff);
    if (page->compression == COMPRESSION_JPEG && page->bits != 8)
        return unsupported(tiff, error, "JPEG samples of bits", page->bits);
    uint32_t orientation = get16(tiff, TIFFTAG_ORIENTATION);
    page->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    page->tiled = tiff->lib->TIFFIsTiled(tiff->handle[0]) != 0;
    return page->tiled ? read_tiles(tiff, error) : read_strips(tiff, error);
}

void smalti__tiff_page_info(smalti__tiff *tiff)
{
    const smalti__tiff_page *page = &tiff->page;
    smalti_info *info = &tiff->base.info;
    bool alpha = page->alpha != 0, gray = page->color == SMALTI__TIFF_GRAY;
    uint32_t photometric = get16(tiff, TIFFTAG_PHOTOMETRIC);
    *info = (smalti_info){.format = "tiff",
                          .width = page->width,
                          .height = page->height,
                          .channels = (gray ? 1 : 3) + alpha,
                          .bit_depth = page->bits,
                          .has_alpha = alpha,
                          .orientation = page->orientation,
                          .file_bytes = tiff->base.source->size};
    /* a palette's entries are delivered as bytes, however many there are */
    info->sample = page->is_float                                          ? SMALTI_SAMPLE_F32
                   : page->bits > 8 && page->color != SMALTI__TIFF_PALETTE ? SMALTI_SAMPLE_U16
                                                                           : SMALTI_SAMPLE_U8;
    const char *color = gray                                  ? alpha ? "gray-alpha" : "gray"
                        : page->color == SMALTI__TIFF_PALETTE ? "palette"
                        : page->color == SMALTI__TIFF_CMYK    ? "cmyk"
                        : photometric == PHOTOMETRIC_YCBCR    ? "ycbcr"
                        : alpha                               ? "rgba"
                                                              : "rgb";
    snprintf(info->color, sizeof info->color, "%s", color);
    snprintf(info->compression, sizeof info->compression, "%s", compression_name(page->compression));
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels * smalti_sample_bytes(info->sample);
}
