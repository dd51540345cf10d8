/* SPDX-License-Identifier: Apache-2.0
 * JPEG through libjpeg-turbo: rows are decoded straight into the caller's memory. libjpeg leaves by longjmp when something
 * is wrong; protect() is the only place where it lands. */
#include "decode/decode.h"
#include "decode/jpeg_head.h"

#include <limits.h>
#include <setjmp.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    /* Encoders write about ten scans. Each costs a walk through the whole image, however few bytes it has. */
    MOST_SCANS = 100,
    LINES = 4, /* rows that libjpeg gives at a time: the largest sampling factor */
    MISSING = 128 /* sample of rows that could not be decoded */
};

typedef struct jpeg_decoder {
    smalti__decoder base; /* first */
    smalti__jpeg_head head;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    size_t input_bytes; /* of the source that libjpeg may see */
    size_t safe_offset; /* in front of what is being parsed (files of several scans) */
    bool ended;         /* the input ran dry, an end marker was put in its place */
    bool broken;        /* lenient: no more rows to be had */
    uint32_t damages;   /* lenient: how often libjpeg warned */
    uint8_t *cmyk;      /* LINES rows; pool */

    /* of the call under way */
    uint8_t *dst;
    size_t pitch;
    uint32_t rows;

    /* of the failure that ended it */
    jmp_buf jump;
    smalti_result code;
    uint64_t offset;
    char message[JMSG_LENGTH_MAX + 1];
} jpeg_decoder;

static size_t position(const jpeg_decoder *self)
{
    return self->ended ? self->input_bytes : self->input_bytes - self->input.bytes_in_buffer;
}

static _Noreturn void leave(jpeg_decoder *self, smalti_result code, const char *message)
{
    self->code = code;
    self->offset = position(self);
    if (message != self->message)
        snprintf(self->message, sizeof self->message, "%s", message);
    longjmp(self->jump, 1);
}

static smalti_result protect(jpeg_decoder *self, void (*call)(jpeg_decoder *))
{
    if (setjmp(self->jump))
        return self->code;
    call(self);
    return SMALTI_OK;
}

/* Reports the failure that protect returned. */
static smalti_result failed(const jpeg_decoder *self, smalti_error *error)
{
    return smalti__source_fail(self->base.source, error, self->code, self->offset, "%s", self->message);
}

/* libjpeg's text in self->message, in our style. */
static void take_message(jpeg_decoder *self)
{
    self->errors.format_message((j_common_ptr)&self->jpeg, self->message);
    char *text = self->message;
    if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
        text[0] += 'a' - 'A';
}

static void on_error(j_common_ptr common)
{
    jpeg_decoder *self = common->client_data;
    take_message(self);
    smalti_result code = SMALTI_E_FORMAT;
    switch (common->err->msg_code) {
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
        code = SMALTI_E_UNSUPPORTED;
        break;
    case JERR_OUT_OF_MEMORY:
        code = SMALTI_E_NOMEM;
        break;
    case JERR_NO_BACKING_STORE: /* max_memory_to_use was reached */
        code = SMALTI_E_LIMIT_MEMORY;
        break;
    }
    leave(self, code, self->message);
}

static void warn_of_damage(const jpeg_decoder *self)
{
    const smalti_info *info = &self->base.info;
    if (self->head.multiple_scans) {
        smalti__jpeg_warn(&self->base.options, "%s near byte %zu: detail may be missing in all rows", self->message,
                          position(self));
        return;
    }
    uint32_t row = self->jpeg.input_iMCU_row * self->head.max_v * DCTSIZE;
    row = row < info->height ? row : info->height;
    if (self->ended)
        smalti__jpeg_warn(&self->base.options, "the file ends at byte %zu: the last %u of %u rows are missing",
                          position(self), info->height - row, info->height);
    else
        smalti__jpeg_warn(&self->base.options, "%s near byte %zu: of %u rows those from %u on may be damaged",
                          self->message, position(self), info->height, row);
}

/* All that libjpeg warns of is an error by default, but for what cannot have harmed a pixel. */
static void on_message(j_common_ptr common, int level)
{
    jpeg_decoder *self = common->client_data;
    if (level >= 0) /* a trace */
        return;
    common->err->num_warnings++;
    switch (common->err->msg_code) {
    case JWRN_JFIF_MAJOR:
        return;
    case JWRN_ADOBE_XFORM:
    case JWRN_NOT_SEQUENTIAL:
        take_message(self);
        smalti__jpeg_warn(&self->base.options, "%s", self->message);
        return;
    }
    if (self->damages++) /* one message is enough: there may be thousands */
        return;
    take_message(self);
    if (!self->base.options.lenient)
        leave(self, SMALTI_E_FORMAT, self->message);
    warn_of_damage(self);
}

static void on_print(j_common_ptr common)
{
    (void)common; /* nothing is written to standard error */
}

static void input_nothing(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean input_fill(j_decompress_ptr jpeg)
{
    static const JOCTET end[2] = {0xff, JPEG_EOI};
    jpeg_decoder *self = jpeg->client_data;
    self->input.bytes_in_buffer = 0; /* while it decodes, libjpeg keeps its own count */
    if (!self->base.options.lenient)
        leave(self, SMALTI_E_FORMAT_TRUNCATED, "the file ends before its end marker");
    self->ended = true;
    self->input.next_input_byte = end;
    self->input.bytes_in_buffer = sizeof end;
    return TRUE;
}

static void input_skip(j_decompress_ptr jpeg, long count)
{
    jpeg_decoder *self = jpeg->client_data;
    if (count <= 0)
        return;
    if ((size_t)count > self->input.bytes_in_buffer) {
        input_fill(jpeg);
        return;
    }
    self->input.next_input_byte += count;
    self->input.bytes_in_buffer -= (size_t)count;
}

/* Called before each marker or row of MCUs of a file of several scans. */
static void on_progress(j_common_ptr common)
{
    jpeg_decoder *self = common->client_data;
    if (self->jpeg.input_scan_number > MOST_SCANS) {
        snprintf(self->message, sizeof self->message, "more than %d scans", MOST_SCANS);
        leave(self, SMALTI_E_LIMIT, self->message);
    }
    /* a marker that was read but not yet parsed is among what may turn out to be damaged */
    size_t at = position(self);
    self->safe_offset = self->jpeg.unread_marker && !self->ended && at >= 2 ? at - 2 : at;
}

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
        leave(self, SMALTI_E_FORMAT, "headers that contradict each other");
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
            leave(self, SMALTI_E_FORMAT, self->message);
        self->damages++;
        smalti__jpeg_warn(&self->base.options, "%s", self->message);
    }
}

static void begin(jpeg_decoder *self)
{
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    jpeg->err = jpeg_std_error(&self->errors);
    self->errors.error_exit = on_error;
    self->errors.emit_message = on_message;
    self->errors.output_message = on_print;
    jpeg->client_data = self;
    jpeg_create_decompress(jpeg);
    size_t work = self->base.work_bytes;
    jpeg->mem->max_memory_to_use = work < LONG_MAX ? (long)work : LONG_MAX;

    self->input = (struct jpeg_source_mgr){.next_input_byte = self->base.source->data,
                                           .bytes_in_buffer = self->input_bytes,
                                           .init_source = input_nothing,
                                           .fill_input_buffer = input_fill,
                                           .skip_input_data = input_skip,
                                           .resync_to_restart = jpeg_resync_to_restart,
                                           .term_source = input_nothing};
    jpeg->src = &self->input;
    jpeg_read_header(jpeg, TRUE);
    check_header(self);
    if (self->head.multiple_scans) {
        self->progress.progress_monitor = on_progress;
        jpeg->progress = &self->progress;
    }
    jpeg->out_color_space = self->head.components == 1   ? JCS_GRAYSCALE
                            : self->head.components == 3 ? JCS_RGB
                                                         : JCS_CMYK;
    jpeg_start_decompress(jpeg);
    check_components(self);
}

static size_t cmyk_bytes(const jpeg_decoder *self)
{
    return self->head.components == 4 ? (size_t)self->head.width * 4 * LINES : 0;
}

static bool forgivable(const jpeg_decoder *self)
{
    return self->base.options.lenient && smalti_result_class(self->code) == smalti_result_class(SMALTI_E_FORMAT);
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
    if (self->head.components == 4) {
        self->cmyk = smalti__pool_get(decoder->options.pool, cmyk_bytes(self));
        if (!self->cmyk)
            return smalti__fail_nomem(error, cmyk_bytes(self));
    }
    self->input_bytes = source->size;
    smalti_result result = protect(self, begin);
    if (result < 0 && forgivable(self) && self->safe_offset) {
        /* A file of several scans is read to its end before its first row: what came before the damage must not be lost. */
        smalti__jpeg_warn(&self->base.options, "%s near byte %llu: detail may be missing in all rows", self->message,
                          (unsigned long long)self->offset);
        self->damages = 1;
        self->ended = false;
        self->input_bytes = self->safe_offset;
        jpeg_destroy_decompress(&self->jpeg);
        result = protect(self, begin);
    }
    return result < 0 ? failed(self, error) : SMALTI_OK;
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
    uint32_t width = self->head.width;
    while (self->rows) {
        JSAMPROW lines[LINES];
        uint32_t count = self->rows < LINES ? self->rows : LINES;
        for (uint32_t i = 0; i < count; i++)
            lines[i] = self->cmyk ? self->cmyk + (size_t)i * width * 4 : self->dst + i * self->pitch;
        count = jpeg_read_scanlines(&self->jpeg, lines, count);
        if (!count)
            leave(self, SMALTI_E_FORMAT, "no more rows");
        for (uint32_t i = 0; self->cmyk && i < count; i++)
            cmyk_to_rgb(lines[i], self->dst + i * self->pitch, width, self->head.adobe);
        self->dst += count * self->pitch;
        self->rows -= count;
    }
    const uint8_t *next = self->jpeg.src->next_input_byte, *data = self->base.source->data;
    if (next >= data && next <= data + self->base.source->size) /* not in the end of image made up for a cut file */
        smalti__source_consumed(self->base.source, (size_t)(next - data));
}

static smalti_result jpeg_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    self->dst = dst;
    self->pitch = pitch;
    self->rows = rows;
    if (!self->broken && protect(self, read_rows) < 0) {
        if (!forgivable(self))
            return failed(self, error);
        self->broken = true;
        uint32_t row = self->jpeg.output_scanline;
        smalti__jpeg_warn(&self->base.options, "%s at byte %llu: the last %u of %u rows are missing", self->message,
                          (unsigned long long)self->offset, self->head.height - row, self->head.height);
    }
    for (; self->rows; self->rows--, self->dst += pitch)
        memset(self->dst, MISSING, (size_t)self->head.width * decoder->info.channels);
    return SMALTI_OK;
}

static void end(jpeg_decoder *self)
{
    jpeg_finish_decompress(&self->jpeg);
}

static smalti_result jpeg_finish(smalti__decoder *decoder, smalti_error *error)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    if (!self->broken && protect(self, end) < 0) {
        if (!forgivable(self))
            return failed(self, error);
        smalti__jpeg_warn(&self->base.options, "%s at byte %llu, behind the pixels", self->message,
                          (unsigned long long)self->offset);
    } else if (self->ended && !self->damages) {
        smalti__jpeg_warn(&self->base.options, "the file ends at byte %zu without an end marker", position(self));
    }
    if (self->damages > 1)
        smalti__jpeg_warn(&self->base.options, "%u more places are damaged", self->damages - 1);
    return SMALTI_OK;
}

static void jpeg_close(smalti__decoder *decoder)
{
    jpeg_decoder *self = (jpeg_decoder *)decoder;
    jpeg_destroy_decompress(&self->jpeg); /* does nothing when it was not created */
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
                               "%ux%u pixels, more than the limit of %llu", head->width, head->height,
                               (unsigned long long)most);
}

static smalti_result jpeg_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                               smalti_error *error)
{
    static const smalti__decoder_ops ops = {jpeg_start, jpeg_read, jpeg_finish, jpeg_close};
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
        uint64_t work = smalti__jpeg_head_work_bytes(&self->head) + cmyk_bytes(self);
        self->base.work_bytes = work < SIZE_MAX ? (size_t)work : SIZE_MAX;
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
