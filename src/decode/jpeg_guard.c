/* SPDX-License-Identifier: Apache-2.0
 * What libjpeg calls back while it decodes: input, messages, progress. It leaves by longjmp when something is wrong;
 * smalti__jpeg_protect is the only place where it lands. */
#include "decode/jpeg_decoder.h"

#include <limits.h>

#include <jerror.h>

/* Encoders write about ten scans. Each costs a walk through the whole image, however few bytes it has. */
enum { MOST_SCANS = 100 };

typedef smalti__jpeg_decoder jpeg_decoder;

size_t smalti__jpeg_position(const jpeg_decoder *self)
{
    return self->ended ? self->input_bytes : self->input_bytes - self->input.bytes_in_buffer;
}

_Noreturn void smalti__jpeg_leave(jpeg_decoder *self, smalti_result code, const char *message)
{
    self->code = code;
    /* where it was when it was stopped is of no interest */
    self->offset =
        code == SMALTI_E_CANCELLED || code == SMALTI_E_LIMIT_TIME ? SMALTI_NO_OFFSET : smalti__jpeg_position(self);
    if (message != self->message)
        snprintf(self->message, sizeof self->message, "%s", message);
    longjmp(self->jump, 1);
}

smalti_result smalti__jpeg_protect(jpeg_decoder *self, void (*call)(jpeg_decoder *))
{
    if (setjmp(self->jump))
        return self->code;
    call(self);
    return SMALTI_OK;
}

/* Reports the failure that protect returned. */
smalti_result smalti__jpeg_failed(const jpeg_decoder *self, smalti_error *error)
{
    return smalti__source_fail(self->base.source, error, self->code, self->offset, "%s", self->message);
}

bool smalti__jpeg_forgivable(const jpeg_decoder *self)
{
    return self->base.options.lenient && smalti_result_class(self->code) == smalti_result_class(SMALTI_E_FORMAT);
}

bool smalti__jpeg_forgive_rows(jpeg_decoder *self)
{
    if (!smalti__jpeg_forgivable(self))
        return false;
    self->broken = true;
    uint32_t row = self->jpeg.output_scanline, height = self->base.out.height;
    row = row < height ? row : height;
    smalti__jpeg_warn(&self->base.options, "%s at byte %llu: the last %u of %u rows are missing", self->message,
                      (unsigned long long)self->offset, height - row, height);
    return true;
}

void smalti__jpeg_consumed(const jpeg_decoder *self)
{
    const uint8_t *next = self->jpeg.src->next_input_byte, *data = self->base.source->data;
    if (next >= data && next <= data + self->base.source->size) /* not in the end of image made up for a cut file */
        smalti__source_consumed(self->base.source, (size_t)(next - data));
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
    smalti__jpeg_leave(self, code, self->message);
}

static void warn_of_damage(const jpeg_decoder *self)
{
    const smalti_info *info = &self->base.info;
    if (self->head.multiple_scans) {
        smalti__jpeg_warn(&self->base.options, "%s near byte %zu: detail may be missing in all rows", self->message,
                          smalti__jpeg_position(self));
        return;
    }
    uint32_t row = self->jpeg.input_iMCU_row * self->head.max_v * DCTSIZE;
    row = row < info->height ? row : info->height;
    if (self->ended)
        smalti__jpeg_warn(&self->base.options, "the file ends at byte %zu: the last %u of %u rows are missing",
                          smalti__jpeg_position(self), info->height - row, info->height);
    else
        smalti__jpeg_warn(&self->base.options, "%s near byte %zu: of %u rows those from %u on may be damaged",
                          self->message, smalti__jpeg_position(self), info->height, row);
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
        smalti__jpeg_leave(self, SMALTI_E_FORMAT, self->message);
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
    if (self->dc_only && smalti__jpeg_dc_next(self))
        return TRUE;
    if (!self->base.options.lenient)
        smalti__jpeg_leave(self, SMALTI_E_FORMAT_TRUNCATED, "the file ends before its end marker");
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
    smalti_error stopped;
    smalti_result result = smalti__stop_check(self->base.options.stop, &stopped);
    if (result < 0)
        smalti__jpeg_leave(self, result, stopped.message);
    if (self->jpeg.input_scan_number > MOST_SCANS) {
        snprintf(self->message, sizeof self->message, "more than %d scans", MOST_SCANS);
        smalti__jpeg_leave(self, SMALTI_E_LIMIT, self->message);
    }
    /* a marker that was read but not yet parsed is among what may turn out to be damaged */
    size_t at = smalti__jpeg_position(self);
    self->safe_offset = self->jpeg.unread_marker && !self->ended && at >= 2 ? at - 2 : at;
}

void smalti__jpeg_guard(jpeg_decoder *self)
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
    self->progress.progress_monitor = on_progress;
    jpeg->progress = self->head.multiple_scans || self->coefficients ? &self->progress : NULL;
}
