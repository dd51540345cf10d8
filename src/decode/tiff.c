/* SPDX-License-Identifier: Apache-2.0
 * TIFF through libtiff, over the bytes of the source and without its global state: opening, metadata, life. */
#include "decode/tiff.h"
#include "decode/tiff_page.h"

#include <stdarg.h>

/* ---- what libtiff calls ---- */

static tmsize_t on_read(thandle_t user, void *data, tmsize_t size)
{
    smalti__tiff *tiff = user;
    const smalti__source *source = tiff->base.source;
    uint64_t left = tiff->position < source->size ? source->size - tiff->position : 0;
    size_t count = size > 0 && (uint64_t)size < left ? (size_t)size : size > 0 ? (size_t)left : 0;
    if (count)
        memcpy(data, source->data + tiff->position, count);
    tiff->position += count;
    return (tmsize_t)count;
}

static tmsize_t on_write(thandle_t user, void *data, tmsize_t size)
{
    (void)user, (void)data, (void)size;
    return 0;
}

static toff_t on_seek(thandle_t user, toff_t offset, int whence)
{
    smalti__tiff *tiff = user;
    tiff->position = whence == SEEK_CUR   ? tiff->position + offset
                     : whence == SEEK_END ? tiff->base.source->size + offset
                                          : offset;
    return tiff->position;
}

static int on_close(thandle_t user)
{
    (void)user;
    return 0;
}

static toff_t on_size(thandle_t user)
{
    return ((smalti__tiff *)user)->base.source->size;
}

static int on_map(thandle_t user, void **data, toff_t *size)
{
    const smalti__source *source = ((smalti__tiff *)user)->base.source;
    *data = (void *)(uintptr_t)source->data; /* libtiff only reads it */
    *size = source->size;
    return 1;
}

static void on_unmap(thandle_t user, void *data, toff_t size)
{
    (void)user, (void)data, (void)size;
}

/* Keeps the first message, in our style. */
__attribute__((__format__(__printf__, 2, 0))) static void keep_message(smalti__tiff *tiff, const char *format,
                                                                       va_list arguments)
{
    char text[SMALTI__MESSAGE_PART];
    if (tiff->message[0])
        return;
    vsnprintf(text, sizeof text, format, arguments);
    size_t length = strlen(text);
    while (length && (text[length - 1] == '.' || text[length - 1] == '\n'))
        length--;
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
        text[0] += 'a' - 'A';
    smalti__printable(text, length, tiff->message, sizeof tiff->message);
}

__attribute__((__format__(__printf__, 4, 0))) static int on_error(TIFF *handle, void *user, const char *module,
                                                                  const char *format, va_list arguments)
{
    (void)handle, (void)module;
    keep_message(user, format, arguments);
    return 1; /* nothing goes to standard error */
}

/* While a directory is read, libtiff warns of much that is harmless. */
__attribute__((__format__(__printf__, 4, 0))) static int on_warning(TIFF *handle, void *user, const char *module,
                                                                    const char *format, va_list arguments)
{
    (void)handle, (void)module;
    if (((smalti__tiff *)user)->collect_warnings)
        keep_message(user, format, arguments);
    return 1;
}

/* ---- pages ---- */

/* JPEG: YCbCr comes as RGB. The tag is there only with that codec. */
static void set_color_mode(const smalti__tiff_library *lib, TIFF *handle)
{
    uint16_t compression = 0;
    lib->TIFFGetFieldDefaulted(handle, TIFFTAG_COMPRESSION, &compression);
    if (compression == COMPRESSION_JPEG)
        lib->TIFFSetField(handle, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
}

TIFF *smalti__tiff_open_handle(smalti__tiff *tiff, uint32_t page)
{
    /* What libtiff may ask for at once: arrays of offsets, tags, rows. Strips and tiles go into our memory. */
    enum { MOST_AT_ONCE = 64 << 20 };
    const smalti__tiff_library *lib = tiff->lib;
    TIFFOpenOptions *options = lib->TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    tiff->position = 0; /* where a header is looked for; later libtiff seeks before it reads */
    lib->TIFFOpenOptionsSetMaxSingleMemAlloc(options, MOST_AT_ONCE);
    lib->TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, tiff);
    lib->TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, tiff);
    TIFF *handle = lib->TIFFClientOpenExt(tiff->base.source->name ? tiff->base.source->name : "input", "r", tiff,
                                          on_read, on_write, on_seek, on_close, on_size, on_map, on_unmap, options);
    lib->TIFFOpenOptionsFree(options);
    if (handle && page && !lib->TIFFSetDirectory(handle, (tdir_t)page)) {
        lib->TIFFClose(handle);
        return NULL;
    }
    if (handle)
        set_color_mode(lib, handle);
    return handle;
}

smalti_result smalti__tiff_damage(smalti__tiff *tiff, smalti_error *error, smalti_result code, uint64_t offset,
                                  const char *message)
{
    if (!tiff->base.options.lenient)
        return smalti__source_fail(tiff->base.source, error, code, offset, "%s", message);
    if (!tiff->warned)
        smalti__decoder_warn(&tiff->base.options, "%s: pixels may be missing or wrong", message);
    tiff->warned = true;
    return SMALTI_OK;
}

/* Frees what start took. */
static void end_page(smalti__tiff *tiff)
{
    smalti__tiff_pixels_end(tiff);
    smalti__tiff_rows_end(tiff);
}

static smalti_result tiff_start(smalti__decoder *decoder, smalti_error *error)
{
    smalti__tiff *tiff = (smalti__tiff *)decoder;
    if (decoder->work_bytes == SIZE_MAX)
        return smalti__fail_nomem(error, SIZE_MAX);
    SMALTI__TRY(smalti__tiff_rows_start(tiff, error));
    return smalti__tiff_pixels_start(tiff, error);
}

static smalti_result tiff_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    smalti__tiff *tiff = (smalti__tiff *)decoder;
    const uint8_t *row[SMALTI__TIFF_SAMPLES];
    for (uint32_t y = 0; y < rows; y++) {
        SMALTI__TRY(smalti__tiff_rows_get(tiff, decoder->row + y, row, error));
        smalti__tiff_pixels_put(tiff, row, (uint8_t *)dst + y * pitch);
    }
    return SMALTI_OK;
}

static smalti_result tiff_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* nothing has to follow */
    return SMALTI_OK;
}

static void tiff_close(smalti__decoder *decoder)
{
    smalti__tiff *tiff = (smalti__tiff *)decoder;
    end_page(tiff);
    if (tiff->handle[0])
        tiff->lib->TIFFClose(tiff->handle[0]);
    smalti__metadata_clear(&decoder->metadata);
    free(tiff);
}

/* Pages are frames when they are alike. */
/* Tiles reach over the edges, and all of each is decoded: of a thin image with tiles as large as its file does not care to
 * fill that could take hours. */
static smalti_result check_tiles(const smalti__tiff *tiff, smalti_error *error)
{
    const smalti__tiff_page *page = &tiff->page;
    uint64_t most = tiff->base.options.max_pixels, image = (uint64_t)page->width * page->height;
    size_t pixels = SIZE_MAX;
    if (!page->tiled || !most)
        return SMALTI_OK;
    if (!smalti__mul((size_t)page->tiles_across * page->tile_width, (size_t)page->tiles_down * page->tile_height,
                     &pixels))
        pixels = SIZE_MAX;
    if (pixels <= most || pixels / 4 <= image)
        return SMALTI_OK;
    return smalti__source_fail(
        tiff->base.source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
        "%zu pixels in its tiles, more than the limit of %llu: raise limits.pixels (--max-pixels)", pixels,
        (unsigned long long)most);
}

static smalti_result tiff_next_frame(smalti__decoder *decoder, smalti_error *error)
{
    smalti__tiff *tiff = (smalti__tiff *)decoder;
    const smalti_info was = decoder->info;
    end_page(tiff);
    tiff->message[0] = '\0';
    tiff->skip_until = 0;
    if (!tiff->lib->TIFFSetDirectory(tiff->handle[0], (tdir_t)decoder->frame))
        return smalti__source_fail(decoder->source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "page %u: %s",
                                   decoder->frame + 1, tiff->message);
    set_color_mode(tiff->lib, tiff->handle[0]);
    SMALTI__TRY(smalti__tiff_page_read(tiff, error));
    smalti__tiff_page_info(tiff);
    const smalti_info *now = &decoder->info;
    bool alike = now->width == was.width && now->height == was.height && now->channels == was.channels &&
                 now->sample == was.sample && now->orientation == was.orientation;
    size_t most = decoder->work_bytes, work;
    decoder->info = was;
    if (!alike || !smalti__add(smalti__tiff_rows_bytes(tiff), smalti__tiff_pixels_bytes(tiff), &work) || work > most)
        return smalti__source_fail(decoder->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                                   "page %u is not of the kind of page 1", decoder->frame + 1);
    SMALTI__TRY(check_tiles(tiff, error));
    return tiff_start(decoder, error);
}

static smalti_result read_metadata(smalti__tiff *tiff, smalti_error *error)
{
    const smalti__decode_options *options = &tiff->base.options;
    smalti_info *info = &tiff->base.info;
    smalti__metadata *metadata = &tiff->base.metadata;
    uint32_t size = 0;
    void *data = NULL;
    if (tiff->lib->TIFFGetField(tiff->handle[0], TIFFTAG_ICCPROFILE, &size, &data) && size) {
        info->icc_bytes = size;
        if (tiff->page.color == SMALTI__TIFF_CMYK)
            smalti__decoder_warn(options, "ICC profile of CMYK dropped: the pixels are converted to RGB");
        else if (!options->head_only)
            SMALTI__TRY(smalti__decoder_copy_blob(options, "ICC profile", data, size, &metadata->icc, error));
    }
    if (tiff->lib->TIFFGetField(tiff->handle[0], TIFFTAG_XMLPACKET, &size, &data) && size) {
        info->xmp_bytes = size;
        if (options->metadata && !options->head_only)
            SMALTI__TRY(smalti__decoder_copy_blob(options, "XMP", data, size, &metadata->xmp, error));
    }
    return SMALTI_OK;
}

static smalti_result set_up(smalti__tiff *tiff, smalti_error *error)
{
    smalti__decoder *base = &tiff->base;
    SMALTI__TRY(smalti__tiff_library_get(&tiff->lib, error));
    tiff->handle[0] = smalti__tiff_open_handle(tiff, 0);
    if (!tiff->handle[0])
        return smalti__source_fail(base->source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET, "%s",
                                   tiff->message[0] ? tiff->message : "no TIFF directory");
    SMALTI__TRY(smalti__tiff_page_read(tiff, error));
    smalti__tiff_page_info(tiff);
    SMALTI__TRY(smalti__decoder_check_pixels(base, error));
    SMALTI__TRY(check_tiles(tiff, error));
    uint32_t pages = tiff->lib->TIFFNumberOfDirectories(tiff->handle[0]);
    base->info.frames = pages ? pages : 1; /* 0: the chain of directories is broken */
    if (base->options.all_frames && base->options.max_frames && base->info.frames > base->options.max_frames)
        return smalti__source_fail(base->source, error, SMALTI_E_LIMIT_FRAMES, SMALTI_NO_OFFSET,
                                   "%u pages, more than the limit of %u: raise limits.frames (--max-frames)",
                                   base->info.frames, base->options.max_frames);
    if (!smalti__add(smalti__tiff_rows_bytes(tiff), smalti__tiff_pixels_bytes(tiff), &base->work_bytes))
        base->work_bytes = SIZE_MAX;
    return read_metadata(tiff, error);
}

static smalti_result tiff_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                               smalti_error *error)
{
    static const smalti__decoder_ops ops = {.start = tiff_start,
                                            .read = tiff_read,
                                            .finish = tiff_finish,
                                            .close = tiff_close,
                                            .next_frame = tiff_next_frame};
    smalti__tiff *tiff = calloc(1, sizeof *tiff);
    if (!tiff)
        return smalti__fail_nomem(error, sizeof *tiff);
    tiff->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = set_up(tiff, error);
    if (result < 0)
        tiff_close(&tiff->base);
    else
        *decoder = &tiff->base;
    return result;
}

/* 42: TIFF; 43: BigTIFF. */
static bool tiff_probe(const uint8_t *data, size_t size)
{
    if (size < 4)
        return false;
    bool little = !memcmp(data, "II", 2) && !data[3], big = !memcmp(data, "MM", 2) && !data[2];
    uint8_t version = little ? data[2] : data[3];
    return (little || big) && (version == 42 || version == 43);
}

static const char *const extensions[] = {"tiff", "tif", NULL};

const smalti__decoder_format smalti__decoder_tiff = {"tiff", extensions, tiff_probe, tiff_open};
