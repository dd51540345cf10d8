/* SPDX-License-Identifier: Apache-2.0
 * AVIF through libavif: opening, limits, metadata, life. A frame of AV1 is decoded as a whole, by start and next_frame; its
 * planes are turned into rows as they are asked for. libavif cannot be stopped while it decodes a frame. */
#include "decode/avif.h"
#include "decode/avif_boxes.h"

enum {
    MOST_FRAMES = 1 << 16, /* libavif keeps 48 bytes of each when it opens a file */
    LIBRARY_BYTES = 6 << 20, /* code and tables that loading the library made memory of */
    DECODER_BYTES = 2 << 20, /* an AV1 decoder and its threads, without pictures */
    REFERENCES = 9 /* pictures that a sequence's decoder keeps, and the one on its way */
};

static smalti_result failed(const smalti__avif *self, avifResult result, smalti_error *error)
{
    char text[SMALTI__MESSAGE_PART];
    smalti_result code = smalti__avif_code(result);
    return smalti__source_fail(self->base.source, error, code,
                               code == SMALTI_E_FORMAT_TRUNCATED ? self->base.source->size : SMALTI_NO_OFFSET, "%s",
                               smalti__avif_text(self->lib, result, &self->avif->diag, text));
}

/* ---- frames ---- */

/* The next image of the file; its head has to be what it was said to be. */
static smalti_result decode(smalti__avif *self, smalti_error *error)
{
    const uint32_t width = self->avif->image->width, height = self->avif->image->height;
    SMALTI__TRY(smalti__stop_check(self->base.options.stop, error));
    avifResult result = self->lib->avifDecoderNextImage(self->avif);
    if (result != AVIF_RESULT_OK)
        return failed(self, result, error);
    const avifImage *image = self->avif->image;
    bool planes = image->yuvPlanes[0] &&
                  (self->format == AVIF_PIXEL_FORMAT_YUV400 || (image->yuvPlanes[1] && image->yuvPlanes[2]));
    if (image->width != width || image->height != height || image->depth != self->depth ||
        image->yuvFormat != self->format || !planes || (self->base.info.has_alpha && !image->alphaPlane))
        return smalti__source_fail(self->base.source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET,
                                   "its pixels are not what its head says");
    self->base.frame_ms = (uint32_t)(self->avif->imageTiming.duration * 1000 + 0.5);
    return SMALTI_OK;
}

static smalti_result avif_start(smalti__decoder *decoder, smalti_error *error)
{
    smalti__avif *self = (smalti__avif *)decoder;
    if (decoder->work_bytes == SIZE_MAX)
        return smalti__fail_nomem(error, SIZE_MAX);
    SMALTI__TRY(decode(self, error));
    return smalti__avif_pixels_start(self, error);
}

static smalti_result avif_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    smalti__avif *self = (smalti__avif *)decoder;
    for (uint32_t y = 0; y < rows; y++)
        SMALTI__TRY(smalti__avif_pixels_get(self, decoder->row + y, (uint8_t *)dst + y * pitch, error));
    return SMALTI_OK;
}

static smalti_result avif_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* the frame was whole before its first row */
    return SMALTI_OK;
}

static smalti_result avif_next_frame(smalti__decoder *decoder, smalti_error *error)
{
    smalti__avif *self = (smalti__avif *)decoder;
    self->first = self->last = 0;
    return decode(self, error);
}

static void avif_close(smalti__decoder *decoder)
{
    smalti__avif *self = (smalti__avif *)decoder;
    smalti__avif_pixels_end(self);
    if (self->avif)
        self->lib->avifDecoderDestroy(self->avif);
    smalti__metadata_clear(&decoder->metadata);
    free(self);
}

/* ---- opening ---- */

/* irot turns anticlockwise by quarters, and imir mirrors what that gave: 0 top and bottom, 1 left and right. */
static uint32_t orientation_of(const avifImage *image)
{
    static const uint8_t orientations[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
    uint32_t angle = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
    uint32_t mirror = image->transformFlags & AVIF_TRANSFORM_IMIR ? 1 + (image->imir.mode & 1) : 0;
    return orientations[angle][mirror];
}

static void fill_info(smalti__avif *self)
{
    static const char *const chroma[] = {"", "4:4:4", "4:2:2", "4:2:0", ""}; /* by avifPixelFormat */
    const avifDecoder *avif = self->avif;
    const avifImage *image = avif->image;
    bool gray = self->format == AVIF_PIXEL_FORMAT_YUV400, alpha = avif->alphaPresent;
    bool rgb = image->matrixCoefficients == AVIF_MATRIX_COEFFICIENTS_IDENTITY;
    smalti_info *info = &self->base.info;
    *info = (smalti_info){.format = "avif",
                          .width = self->crop.width,
                          .height = self->crop.height,
                          .channels = (gray ? 1 : 3) + alpha,
                          .sample = self->depth > 8 ? SMALTI_SAMPLE_U16 : SMALTI_SAMPLE_U8,
                          .bit_depth = self->depth,
                          .has_alpha = alpha,
                          .frames = (uint32_t)avif->imageCount,
                          .orientation = orientation_of(image),
                          .file_bytes = self->base.source->size,
                          .icc_bytes = image->icc.size,
                          .exif_bytes = image->exif.size,
                          .xmp_bytes = image->xmp.size};
    if (avif->imageCount > 1 && avif->duration > 0 && avif->duration < 1e6)
        info->duration_ms = (uint32_t)(avif->duration * 1000 + 0.5);
    const char *color = gray ? "gray" : rgb ? "rgb" : "ycbcr";
    snprintf(info->color, sizeof info->color, "%s%s", color, !alpha ? "" : gray ? "-alpha" : "a");
    snprintf(info->subsampling, sizeof info->subsampling, "%s", rgb ? "" : chroma[self->format]);
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels * smalti_sample_bytes(info->sample);
}

/* clap is applied; one that no crop can be made of is not. */
static smalti_result read_crop(smalti__avif *self, smalti_error *error)
{
    const avifImage *image = self->avif->image;
    avifDiagnostics diag = {0};
    self->crop = (avifCropRect){0, 0, image->width, image->height};
    if (!(image->transformFlags & AVIF_TRANSFORM_CLAP))
        return SMALTI_OK;
    avifCropRect crop;
    if (self->lib->avifCropRectConvertCleanApertureBox(&crop, &image->clap, image->width, image->height,
                                                       image->yuvFormat, &diag)) {
        self->crop = crop;
        return SMALTI_OK;
    }
    if (!self->base.options.lenient)
        return smalti__source_fail(self->base.source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET,
                                   "a clean aperture that does not fit the image");
    smalti__decoder_warn(&self->base.options, "a clean aperture that does not fit the image is ignored");
    return SMALTI_OK;
}

/* Bytes of a decoded picture, and what dav1d keeps beside it: 0.8 bytes of a pixel for its filters and block modes, measured
 * (1.2 with 16-bit samples). AV1 pads to 128 pixels. */
static bool picture_bytes(const smalti__avif *self, uint64_t pixels, size_t *bytes)
{
    size_t sixteenths = self->format == AVIF_PIXEL_FORMAT_YUV400   ? 17
                        : self->format == AVIF_PIXEL_FORMAT_YUV420 ? 26
                        : self->format == AVIF_PIXEL_FORMAT_YUV422 ? 34
                                                                   : 51;
    sixteenths = self->depth > 8 ? 2 * sixteenths + 20 : sixteenths + 16;
    size_t product;
    bool fits = smalti__mul(pixels, sixteenths, &product);
    *bytes = product / 16;
    return fits;
}

static size_t work_bytes(const smalti__avif *self, const smalti__avif_boxes *boxes)
{
    const avifImage *image = self->avif->image;
    uint64_t pixels = smalti__align(image->width, 128) * (uint64_t)smalti__align(image->height, 128);
    size_t decoders = 1 + (self->avif->alphaPresent != 0), pictures = decoders, each, total, tiles = 0;
    if (self->avif->imageCount > 1)
        pictures *= REFERENCES;
    bool fits = picture_bytes(self, pixels, &each) && smalti__mul(each, pictures, &total);
    if (boxes->grid) { /* every tile is decoded and kept until the whole is put together */
        decoders = boxes->pictures;
        fits = fits && picture_bytes(self, boxes->most_pixels, &each) && smalti__mul(each, boxes->pictures, &tiles);
    }
    fits = fits && smalti__add(total, tiles, &total) && smalti__mul(decoders, DECODER_BYTES, &each) &&
           smalti__add(total, each, &total) && smalti__add(total, smalti__avif_pixels_bytes(self), &total) &&
           smalti__add(total, LIBRARY_BYTES, &total);
    return fits ? total : SIZE_MAX;
}

/* What is coded may be more than the file's head says, or than its crop: no more than it says is decoded. */
static smalti_result limit_pixels(smalti__avif *self, smalti_error *error)
{
    smalti__decoder *base = &self->base;
    const avifImage *image = self->avif->image;
    smalti__avif_boxes boxes;
    smalti__avif_boxes_read(base->source->data, base->source->size, &boxes);
    uint64_t pixels = (uint64_t)image->width * image->height, most = self->avif->imageSizeLimit;
    if (boxes.grid && boxes.most_pixels > pixels)
        pixels = boxes.most_pixels;
    if (base->options.max_pixels && base->options.max_pixels < most)
        most = base->options.max_pixels;
    if (pixels > most)
        return smalti__source_fail(base->source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
                                   "%llu coded pixels, more than the limit of %llu: raise limits.pixels (--max-pixels)",
                                   (unsigned long long)pixels, (unsigned long long)most);
    self->avif->imageSizeLimit = (uint32_t)pixels;
    base->work_bytes = work_bytes(self, &boxes);
    return SMALTI_OK;
}

/* The orientation counts as irot and imir give it; EXIF's own, which the standard says to ignore, is made to agree. */
static void agree(smalti__blob *exif, uint32_t orientation)
{
    size_t offset;
    uint32_t was = smalti__exif_orientation(exif->data, exif->size, &offset);
    if (!offset || was == orientation)
        return;
    smalti__exif_orientation_reset(exif->data, exif->size);
    exif->data[offset + (exif->data[offset] == 0)] = (uint8_t)orientation;
}

static smalti_result read_metadata(smalti__avif *self, smalti_error *error)
{
    const smalti__decode_options *options = &self->base.options;
    const avifImage *image = self->avif->image;
    smalti__metadata *metadata = &self->base.metadata;
    if (options->head_only)
        return SMALTI_OK;
    SMALTI__TRY(
        smalti__decoder_copy_blob(options, "ICC profile", image->icc.data, image->icc.size, &metadata->icc, error));
    if (!options->metadata)
        return SMALTI_OK;
    const uint8_t *exif = image->exif.data;
    size_t size = image->exif.size;
    if (size >= 6 && !memcmp(exif, "Exif\0\0", 6)) /* some writers leave the JPEG marker in front */
        exif += 6, size -= 6;
    SMALTI__TRY(smalti__decoder_copy_blob(options, "EXIF", exif, size, &metadata->exif, error));
    agree(&metadata->exif, self->base.info.orientation);
    return smalti__decoder_copy_blob(options, "XMP", image->xmp.data, image->xmp.size, &metadata->xmp, error);
}

static smalti_result set_up(smalti__avif *self, smalti_error *error)
{
    smalti__decoder *base = &self->base;
    SMALTI__TRY(smalti__avif_library_get(&self->lib, error));
    self->avif = self->lib->avifDecoderCreate();
    if (!self->avif)
        return smalti__fail_nomem(error, sizeof *self->avif);
    self->avif->maxThreads = base->options.spare_thread ? 2 : 1;
    self->avif->imageCountLimit = MOST_FRAMES;
    self->avif->imageDimensionLimit = 0; /* pixels are limited below */
    /* what well-known writers leave out, and clap, which is looked at below */
    self->avif->strictFlags = AVIF_STRICT_DISABLED;
    avifResult result = self->lib->avifDecoderSetIOMemory(self->avif, base->source->data, base->source->size);
    if (result == AVIF_RESULT_OK)
        result = self->lib->avifDecoderParse(self->avif);
    if (result != AVIF_RESULT_OK)
        return failed(self, result, error);
    const avifImage *image = self->avif->image;
    self->format = image->yuvFormat;
    self->depth = image->depth;
    if (!image->width || !image->height || image->width > INT32_MAX || image->height > INT32_MAX ||
        self->format <= AVIF_PIXEL_FORMAT_NONE || self->format >= AVIF_PIXEL_FORMAT_COUNT ||
        (self->depth != 8 && self->depth != 10 && self->depth != 12))
        return smalti__source_fail(base->source, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET,
                                   "no coded image, or one of a kind that cannot be");
    SMALTI__TRY(read_crop(self, error));
    fill_info(self);
    SMALTI__TRY(smalti__decoder_check_pixels(base, error));
    if (base->options.all_frames && base->options.max_frames && base->info.frames > base->options.max_frames)
        return smalti__source_fail(base->source, error, SMALTI_E_LIMIT_FRAMES, SMALTI_NO_OFFSET,
                                   "%u frames, more than the limit of %u: raise limits.frames (--max-frames)",
                                   base->info.frames, base->options.max_frames);
    SMALTI__TRY(limit_pixels(self, error));
    return read_metadata(self, error);
}

static smalti_result avif_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                               smalti_error *error)
{
    static const smalti__decoder_ops ops = {.start = avif_start,
                                            .read = avif_read,
                                            .finish = avif_finish,
                                            .close = avif_close,
                                            .next_frame = avif_next_frame};
    smalti__avif *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = set_up(self, error);
    if (result < 0)
        avif_close(&self->base);
    else
        *decoder = &self->base;
    return result;
}

/* A file type box with one of AVIF's brands, so that the library is not loaded to find out. */
static bool avif_probe(const uint8_t *data, size_t size)
{
    if (size < 16 || memcmp(data + 4, "ftyp", 4))
        return false;
    size_t end = smalti__be32(data);
    end = end < size ? end : size;
    for (size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) /* the major brand, its version, the others */
        if (!memcmp(data + at, "avif", 4) || !memcmp(data + at, "avis", 4))
            return true;
    return false;
}

static const char *const extensions[] = {"avif", "avifs", NULL};

const smalti__decoder_format smalti__decoder_avif = {"avif", extensions, avif_probe, avif_open};
