/* SPDX-License-Identifier: Apache-2.0
 * WebP: still images by rows, the frames of animations composed on a canvas. */
#include "decode/canvas.h"
#include "decode/webp.h"

enum { MISSING = 128 }; /* sample of rows that could not be decoded; they are transparent where there is alpha */

typedef struct webp_decoder {
    smalti__decoder base; /* first */
    smalti__webp_head head;
    bool composed;        /* rows come from the canvas */
    bool broken;          /* lenient: no more frames or rows to be had */
    smalti__webp_frame frame; /* being delivered */
    smalti__webp_image image;
    smalti__webp_target target; /* of image; its pixels are the frame's or borrowed */
    uint8_t *pixels;      /* a whole frame; pool */
    smalti__canvas canvas;
} webp_decoder;

/* ---- still images ---- */

static size_t target_pitch(const webp_decoder *self)
{
    return smalti__align((size_t)self->base.out.width * self->base.out.channels, 64);
}

static size_t still_bytes(const webp_decoder *self)
{
    size_t bytes = target_pitch(self) * self->base.out.height;
    return smalti__add(bytes, self->head.first_work, &bytes) ? bytes : SIZE_MAX;
}

static smalti_result begin_still(webp_decoder *self, uint8_t *pixels, size_t pitch, smalti_error *error)
{
    const smalti__shape *out = &self->base.out;
    self->target = (smalti__webp_target){pixels, pitch, out->width, out->height, out->channels};
    return smalti__webp_image_begin(&self->image, &self->frame, &self->target, self->base.options.spare_thread, error);
}

/* Into the caller's memory where it takes the whole image at once; libwebp needs it as a whole. */
static smalti_result begin_rows(webp_decoder *self, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    if (rows == self->base.out.height && pitch <= INT32_MAX)
        return begin_still(self, dst, pitch, error);
    size_t bytes = target_pitch(self) * self->base.out.height;
    self->pixels = smalti__pool_get(self->base.options.pool, bytes);
    if (!self->pixels)
        return smalti__fail_nomem(error, bytes);
    return begin_still(self, self->pixels, target_pitch(self), error);
}

static void fill_missing(const webp_decoder *self)
{
    const smalti__webp_target *target = &self->target;
    for (uint32_t y = self->image.rows; y < target->height; y++)
        memset(target->pixels + y * target->pitch, target->channels == 4 ? 0 : MISSING,
               (size_t)target->width * target->channels);
}

static smalti_result read_still(webp_decoder *self, uint8_t *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    smalti__decoder *base = &self->base;
    if (!self->image.decoder)
        SMALTI__TRY(begin_rows(self, dst, pitch, rows, error));
    if (!self->broken) {
        smalti_error problem;
        smalti_result result =
            smalti__webp_image_decode(&self->image, base->row + rows, base, self->head.truncated, &problem);
        SMALTI__TRY(smalti__decoder_forgive(&self->base, result, &problem, &self->broken, error));
        if (self->broken)
            fill_missing(self);
    }
    size_t row_bytes = (size_t)base->out.width * base->out.channels;
    for (uint32_t y = 0; self->pixels && y < rows; y++)
        memcpy(dst + y * pitch, self->pixels + (base->row + y) * self->target.pitch, row_bytes);
    return SMALTI_OK;
}

/* ---- composed frames ---- */

static size_t composed_bytes(const webp_decoder *self)
{
    size_t bytes = smalti__canvas_bytes(self->head.width, self->head.height);
    size_t work = self->base.options.all_frames ? self->head.frame_work : self->head.first_work;
    return smalti__add(bytes, work, &bytes) ? bytes : SIZE_MAX;
}

/* Decodes the frame and puts it on the canvas: at once, unless it is to be blended. */
static smalti_result put_frame(webp_decoder *self, bool blended, smalti_error *error)
{
    const smalti__webp_frame *frame = &self->frame;
    const smalti__rectangle where = {frame->x, frame->y, frame->width, frame->height};
    size_t pitch = blended ? (size_t)frame->width * 4 : smalti__canvas_pitch(&self->canvas);
    uint8_t *pixels = smalti__canvas_at(&self->canvas, frame->x, frame->y);
    if (blended) {
        size_t bytes = pitch * frame->height;
        pixels = self->pixels = smalti__pool_get(self->base.options.pool, bytes);
        if (!pixels)
            return smalti__fail_nomem(error, bytes);
        memset(pixels, 0, bytes); /* rows that are missing change nothing */
    }
    self->target = (smalti__webp_target){pixels, pitch, frame->width, frame->height, 4};
    smalti_result result =
        smalti__webp_image_begin(&self->image, frame, &self->target, self->base.options.spare_thread, error);
    if (result == SMALTI_OK)
        result = smalti__webp_image_decode(&self->image, frame->height, &self->base, self->head.truncated, error);
    smalti__webp_image_end(&self->image);
    if (blended)
        smalti__canvas_blend(&self->canvas, &where, pixels);
    smalti__pool_put(self->base.options.pool, self->pixels);
    self->pixels = NULL;
    return result;
}

static smalti_result webp_next_frame(smalti__decoder *decoder, smalti_error *error)
{
    webp_decoder *self = (webp_decoder *)decoder;
    if (self->broken)
        return SMALTI_OK;
    if (self->frame.clear) {
        const smalti__webp_frame *frame = &self->frame;
        smalti__canvas_clear(&self->canvas, &(smalti__rectangle){frame->x, frame->y, frame->width, frame->height});
    }
    smalti_error problem;
    smalti__webp_frame frame;
    smalti_result result = smalti__webp_frame_at(decoder->source, &self->head, self->frame.next, &frame, &problem);
    if (result == SMALTI_OK) {
        self->frame = frame;
        decoder->frame_ms = frame.duration_ms;
        result = put_frame(self, frame.blend && frame.alpha, &problem);
    }
    return smalti__decoder_forgive(decoder, result, &problem, &self->broken, error);
}

/* ---- the decoder ---- */

static smalti_result webp_start(smalti__decoder *decoder, smalti_error *error)
{
    webp_decoder *self = (webp_decoder *)decoder;
    const smalti__source *source = decoder->source;
    if (self->head.truncated && !decoder->options.lenient)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file ends before its container");
    if (self->head.truncated)
        smalti__decoder_warn(&decoder->options, "the file ends at byte %zu, before its container", source->size);
    self->frame = self->head.first;
    decoder->frame_ms = self->frame.duration_ms;
    if (!self->composed)
        return SMALTI_OK;
    SMALTI__TRY(smalti__canvas_open(&self->canvas, self->head.width, self->head.height, decoder->options.pool, error));
    smalti_error problem;
    smalti_result result = put_frame(self, false, &problem);
    return smalti__decoder_forgive(decoder, result, &problem, &self->broken, error);
}

static smalti_result webp_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    webp_decoder *self = (webp_decoder *)decoder;
    if (!self->composed)
        return read_still(self, dst, pitch, rows, error);
    smalti__canvas_rows(&self->canvas, decoder->row, rows, decoder->out.channels, dst, pitch);
    return SMALTI_OK;
}

static smalti_result webp_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* start has looked at the container's end, and the last row tells of the image's */
    return SMALTI_OK;
}

static void webp_close(smalti__decoder *decoder)
{
    webp_decoder *self = (webp_decoder *)decoder;
    smalti__webp_image_end(&self->image);
    smalti__canvas_close(&self->canvas, decoder->options.pool);
    smalti__pool_put(decoder->options.pool, self->pixels);
    smalti__metadata_clear(&decoder->metadata);
    free(self);
}

/* libwebp scales by averaging over areas, in the samples of the file: as good as any filter while it leaves twice the
 * pixels that are wanted, and all that it takes for lossy images is a few rows. Alpha is not looked at by its lossy half, so
 * colours of transparent pixels would bleed. */
static void webp_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height)
{
    webp_decoder *self = (webp_decoder *)decoder;
    const smalti__webp_frame *frame = &self->head.first;
    if (self->composed || (frame->alpha && !frame->lossless) || !width || !height)
        return;
    uint32_t across = frame->width / 2 / width, down = frame->height / 2 / height;
    uint32_t factor = across < down ? across : down;
    if (factor < 2)
        return;
    decoder->out.width = (frame->width + factor - 1) / factor;
    decoder->out.height = (frame->height + factor - 1) / factor;
    decoder->reduced = 0;
    decoder->work_bytes = still_bytes(self);
}

static void fill_info(const webp_decoder *self, smalti_info *info)
{
    const smalti__webp_head *head = &self->head;
    const smalti__source *source = self->base.source;
    const char *color = head->lossy ? (head->alpha ? "ycbcra" : "ycbcr") : (head->alpha ? "rgba" : "rgb");
    const char *kind = !head->lossless ? "lossy" : head->lossy ? "mixed" : "lossless";
    *info = (smalti_info){.format = "webp", .sample = SMALTI_SAMPLE_U8, .bit_depth = 8};
    info->width = head->width;
    info->height = head->height;
    info->channels = head->alpha ? 4 : 3;
    info->has_alpha = head->alpha;
    info->frames = head->frames;
    info->loops = head->loops;
    info->duration_ms = head->duration_ms;
    info->file_bytes = source->size;
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels;
    info->icc_bytes = head->icc.size;
    info->exif_bytes = head->exif.size;
    info->xmp_bytes = head->xmp.size;
    snprintf(info->color, sizeof info->color, "%s", color);
    snprintf(info->compression, sizeof info->compression, "%s", kind);
    if (head->lossy && !head->lossless)
        snprintf(info->subsampling, sizeof info->subsampling, "4:2:0");
    info->orientation = smalti__exif_orientation(source->data + head->exif.offset, head->exif.size, NULL);
}

static smalti_result copy_span(const webp_decoder *self, const char *name, const smalti__webp_span *span,
                               smalti__blob *blob, smalti_error *error)
{
    return smalti__decoder_copy_blob(&self->base.options, name, self->base.source->data + span->offset, span->size,
                                     blob, error);
}

static smalti_result copy_metadata(webp_decoder *self, smalti_error *error)
{
    smalti__metadata *metadata = &self->base.metadata;
    SMALTI__TRY(copy_span(self, "ICC profile", &self->head.icc, &metadata->icc, error));
    if (!self->base.options.metadata)
        return SMALTI_OK;
    SMALTI__TRY(copy_span(self, "EXIF", &self->head.exif, &metadata->exif, error));
    return copy_span(self, "XMP", &self->head.xmp, &metadata->xmp, error);
}

static smalti_result webp_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                               smalti_error *error)
{
    static const smalti__decoder_ops ops = {.start = webp_start,
                                            .read = webp_read,
                                            .finish = webp_finish,
                                            .close = webp_close,
                                            .reduce = webp_reduce,
                                            .next_frame = webp_next_frame};
    webp_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    smalti__decoder *base = &self->base;
    base->ops = &ops;
    base->source = source;
    base->options = *options;
    smalti_result result = smalti__webp_head_parse(source, !options->head_only, &self->head, error);
    if (result == SMALTI_OK) {
        const smalti__webp_head *head = &self->head;
        fill_info(self, &base->info);
        base->out = (smalti__shape){head->width, head->height, base->info.channels, SMALTI_SAMPLE_U8, false};
        bool covered = head->first.width == head->width && head->first.height == head->height;
        self->composed = head->animation && (options->all_frames || !covered);
        base->work_bytes = self->composed ? composed_bytes(self) : still_bytes(self);
    }
    if (result == SMALTI_OK)
        result = smalti__decoder_check_pixels(base, error);
    if (result == SMALTI_OK)
        result = smalti__decoder_check_frames(base, error);
    if (result == SMALTI_OK && !options->head_only)
        result = copy_metadata(self, error);
    if (result < 0) {
        webp_close(base);
        return result;
    }
    *decoder = base;
    return SMALTI_OK;
}

static bool webp_probe(const uint8_t *data, size_t size)
{
    return size >= 12 && !memcmp(data, "RIFF", 4) && !memcmp(data + 8, "WEBP", 4);
}

const smalti__decoder_format smalti__decoder_webp = {"webp", (const char *const[]){"webp", NULL}, webp_probe,
                                                     webp_open};
