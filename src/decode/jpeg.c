/* SPDX-License-Identifier: Apache-2.0
 * JPEG through libjpeg-turbo: rows are decoded straight into the caller's memory, at full size or at 1/2, 1/4, 1/8 of it. */
#include "decode/jpeg_decoder.h"

enum { LINES = 4 /* rows that libjpeg gives at a time: the largest sampling factor */ };

typedef smalti__jpeg_decoder jpeg_decoder;

static void check_header(jpeg_decoder *self)
{
    static const J_COLOR_SPACE spaces[] = {[SMALTI__JPEG_GRAY] = JCS_GRAYSCALE,
                                           [SMALTI__JPEG_YCBCR] = JCS_YCbCr,
                                           [SMALTI__JPEG_RGB] = JCS_RGB,
                                           [SMALTI__JPEG_CMYK] = JCS_CMYK,
                                           [SMALTI__JPEG_YCCK] = JCS_YCCK};
    const smalti__jpeg_head *head = &self->head;
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    /* the caller's memory was sized by our reading of the header */
    if (jpeg->image_width != head->width || jpeg->image_height != head->height ||
        jpeg->num_components != (int)head->components || jpeg->jpeg_color_space != spaces[head->color] ||
        jpeg_has_multiple_scans(jpeg) != head->multiple_scans)
        smalti__jpeg_leave(self, SMALTI_E_FORMAT, "headers that contradict each other");
}

/* A component whose data never came would be gray without a warning. */
static void check_components(jpeg_decoder *self)
{
    for (int i = 0; i < self->jpeg.num_components; i++) {
        if (self->jpeg.comp_info[i].quant_table)
            continue;
        snprintf(self->message, sizeof self->message, "no data for component %d of %d", i + 1,
                 self->jpeg.num_components);
        if (!self->base.options.lenient)
            smalti__jpeg_leave(self, SMALTI_E_FORMAT, self->message);
        self->damages++;
        smalti__jpeg_warn(&self->base.options, "%s", self->message);
    }
}

static void begin(jpeg_decoder *self)
{
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    smalti__jpeg_guard(self);
    jpeg_read_header(jpeg, TRUE);
    check_header(self);
    if (self->coefficients) {
        self->arrays = jpeg_read_coefficients(jpeg);
        check_components(self);
        return;
    }
    jpeg->scale_num = 1;
    jpeg->scale_denom = self->base.reduced;
    if (self->planar)
        smalti__jpeg_want_planes(self);
    else
        jpeg->out_color_space = self->head.components == 1   ? JCS_GRAYSCALE
                                : self->head.components == 3 ? JCS_RGB
                                                             : JCS_CMYK;
    jpeg_start_decompress(jpeg);
    if (jpeg->output_width != self->base.out.width || jpeg->output_height != self->base.out.height)
        smalti__jpeg_leave(self, SMALTI_E_FORMAT, "a size that contradicts the header");
    check_components(self);
}

static size_t cmyk_bytes(const jpeg_decoder *self)
{
    return self->head.components == 4 ? (size_t)self->base.out.width * 4 * LINES : 0;
}

/* By the size to deliver: what it is, and what it takes. */
static void take_size(jpeg_decoder *self, uint32_t divisor)
{
    smalti__decoder *base = &self->base;
    const smalti_info *info = &base->info;
    base->reduced = divisor;
    base->out = (smalti__shape){(info->width + divisor - 1) / divisor, (info->height + divisor - 1) / divisor,
                                info->channels, SMALTI_SAMPLE_U8, .premultiplied = false};
    uint64_t work = smalti__jpeg_head_work_bytes(&self->head, divisor) + cmyk_bytes(self);
    base->work_bytes = work < SIZE_MAX ? (size_t)work : SIZE_MAX;
}

/* By 2, 4 and 8 libjpeg-turbo has vector code; the other eighths it counts out singly. What it makes is the mean of the
 * pixels that are put together, which is not what a good filter makes of them: measured against a float reference, a
 * thumbnail that is 1/4 of the image and nothing else loses 1.5 dB of luma, and 1 dB wins against sharp's when a further
 * 1.9 is left to the filter. So at least (divisor + 1) / divisor is left, which is what sharp does, too. */
static void jpeg_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height)
{
    const smalti_info *info = &decoder->info;
    uint32_t divisor = 8;
    while (divisor > 1 &&
           ((uint64_t)width * (divisor + 1) > info->width || (uint64_t)height * (divisor + 1) > info->height ||
            info->width < divisor || info->height < divisor))
        divisor /= 2;
    take_size((jpeg_decoder *)decoder, divisor);
}

void smalti__jpeg_want_coefficients(jpeg_decoder *self)
{
    smalti__jpeg_head head = self->head;
    head.multiple_scans = true; /* takes as much, whatever the file */
    uint64_t work = smalti__jpeg_head_work_bytes(&head, 1);
    self->base.work_bytes = work < SIZE_MAX ? (size_t)work : SIZE_MAX;
    self->coefficients = true;
}

static smalti_result jpeg_start(smalti__decoder *decoder, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    const smalti__source *source = decoder->source;
    uint64_t least = smalti__jpeg_head_least_bytes(&self->head);
    if (!decoder->options.lenient && source->size - self->head.scan_offset < least)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "%ux%u pixels take at least %llu bytes, the file ends", self->head.width,
                                   self->head.height, (unsigned long long)least);
    if (cmyk_bytes(self) && !self->coefficients) {
        self->cmyk = smalti__pool_get(decoder->options.pool, cmyk_bytes(self));
        if (!self->cmyk)
            return smalti__fail_nomem(error, cmyk_bytes(self));
    }
    self->input_bytes = source->size;
    smalti__jpeg_dc_begin(self);
    smalti_result result = smalti__jpeg_protect(self, begin);
    if (result < 0 && smalti__jpeg_forgivable(self) && self->safe_offset) {
        /* A file of several scans is read to its end before its first row: what came before the damage must not be lost. */
        smalti__jpeg_warn(&self->base.options, "%s near byte %llu: detail may be missing in all rows", self->message,
                          (unsigned long long)self->offset);
        self->damages = 1;
        self->ended = false;
        self->input_bytes = self->safe_offset;
        jpeg_destroy_decompress(&self->jpeg);
        result = smalti__jpeg_protect(self, begin);
    }
    return result < 0 ? smalti__jpeg_failed(self, error) : SMALTI_OK;
}

/* Light that ink leaves: r = (1 - c)(1 - k). With Adobe's marker samples are stored inverted, as 1 - ink. */
static void cmyk_to_rgb(const uint8_t *from, uint8_t *to, uint32_t width, bool inverted)
{
    unsigned flip = inverted ? 0 : 255;
    for (uint32_t x = 0; x < width; x++, from += 4, to += 3) {
        unsigned k = from[3] ^ flip;
        for (int i = 0; i < 3; i++)
            to[i] = (uint8_t)(((from[i] ^ flip) * k + 127) / 255);
    }
}

static void read_rows(jpeg_decoder *self)
{
    uint32_t width = self->base.out.width;
    while (self->rows) {
        JSAMPROW lines[LINES];
        uint32_t count = self->rows < LINES ? self->rows : LINES;
        for (uint32_t i = 0; i < count; i++)
            lines[i] = self->cmyk ? self->cmyk + (size_t)i * width * 4 : self->dst + i * self->pitch;
        count = jpeg_read_scanlines(&self->jpeg, lines, count);
        if (!count)
            smalti__jpeg_leave(self, SMALTI_E_FORMAT, "no more rows");
        for (uint32_t i = 0; self->cmyk && i < count; i++)
            cmyk_to_rgb(lines[i], self->dst + i * self->pitch, width, self->head.adobe);
        self->dst += count * self->pitch;
        self->rows -= count;
    }
    smalti__jpeg_consumed(self);
}

static smalti_result jpeg_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    self->dst = dst;
    self->pitch = pitch;
    self->rows = rows;
    if (!self->broken && smalti__jpeg_protect(self, read_rows) < 0 && !smalti__jpeg_forgive_rows(self))
        return smalti__jpeg_failed(self, error);
    for (; self->rows; self->rows--, self->dst += pitch)
        memset(self->dst, SMALTI__JPEG_MISSING, (size_t)decoder->out.width * decoder->out.channels);
    return SMALTI_OK;
}

static void end(jpeg_decoder *self)
{
    jpeg_finish_decompress(&self->jpeg);
}

static smalti_result jpeg_finish(smalti__decoder *decoder, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    if (!self->broken && smalti__jpeg_protect(self, end) < 0) {
        if (!smalti__jpeg_forgivable(self))
            return smalti__jpeg_failed(self, error);
        smalti__jpeg_warn(&self->base.options, "%s at byte %llu, behind the pixels", self->message,
                          (unsigned long long)self->offset);
    } else if (self->ended && !self->damages) {
        smalti__jpeg_warn(&self->base.options, "the file ends at byte %zu without an end marker",
                          smalti__jpeg_position(self));
    }
    if (self->damages > 1)
        smalti__jpeg_warn(&self->base.options, "%u more places are damaged", self->damages - 1);
    return SMALTI_OK;
}

static void jpeg_close(smalti__decoder *decoder)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    jpeg_destroy_decompress(&self->jpeg); /* does nothing when it was not created */
    smalti__jpeg_dc_close(self);
    smalti__pool_put(decoder->options.pool, self->cmyk);
    smalti__metadata_clear(&decoder->metadata);
    free(self);
}

static smalti_result check_limits(const jpeg_decoder *self, smalti_error *error)
{
    const smalti__jpeg_head *head = &self->head;
    uint64_t most = self->base.options.max_pixels, pixels = (uint64_t)head->width * head->height;
    if (!most || pixels <= most)
        return SMALTI_OK;
    return smalti__source_fail(self->base.source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
                               "%ux%u pixels, more than the limit of %llu: raise limits.pixels (--max-pixels)",
                               head->width, head->height, (unsigned long long)most);
}

static smalti_result jpeg_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                               smalti_error *error)
{
    static const smalti__decoder_ops ops = {.start = jpeg_start,
                                            .read = jpeg_read,
                                            .finish = jpeg_finish,
                                            .close = jpeg_close,
                                            .reduce = jpeg_reduce,
                                            .planar = smalti__jpeg_planar,
                                            .read_planes = smalti__jpeg_read_planes};
    jpeg_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base.ops = &ops;
    self->base.source = source;
    self->base.options = *options;
    smalti_result result = smalti__jpeg_head_parse(source, &self->head, error);
    if (result == SMALTI_OK)
        result = check_limits(self, error);
    if (result == SMALTI_OK) {
        smalti__jpeg_head_info(&self->head, source, &self->base.info);
        take_size(self, 1);
    }
    if (result == SMALTI_OK && !options->head_only)
        result = smalti__jpeg_head_metadata(&self->head, source, options, &self->base.metadata, error);
    if (result < 0) {
        jpeg_close(&self->base);
        return result;
    }
    *decoder = &self->base;
    return SMALTI_OK;
}

static bool jpeg_probe(const uint8_t *data, size_t size)
{
    return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

static const char *const extensions[] = {"jpg", "jpeg", "jpe", "jfif", NULL};

const smalti__decoder_format smalti__decoder_jpeg = {"jpeg", extensions, jpeg_probe, jpeg_open};
