/* SPDX-License-Identifier: Apache-2.0
 * OpenEXR among the image formats: one image of a file, as floats of linear light. */
#include "decode/exr_sheet.h"

static bool probe(const uint8_t *data, size_t size)
{
    return size >= 8 && smalti__le32(data) == SMALTI__EXR_MAGIC;
}

static smalti_result exr_start(smalti__decoder *decoder, smalti_error *error)
{
    smalti__exr_decoder *self = (smalti__exr_decoder *)decoder;
    char reason[128];
    if (self->preview)
        return SMALTI_OK;
    smalti_result result = smalti__exr_can_decode(self, self->part, reason, sizeof reason);
    if (result < 0)
        return smalti__source_fail(decoder->source, error, result, SMALTI_NO_OFFSET, "%s", reason);
    if (decoder->work_bytes == SIZE_MAX)
        return smalti__fail_nomem(error, SIZE_MAX);
    SMALTI__TRY(smalti__exr_rows_start(self, error));
    return smalti__exr_bands_start(self, error);
}

static smalti_result exr_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    smalti__exr_decoder *self = (smalti__exr_decoder *)decoder;
    for (uint32_t y = 0; self->preview && y < rows; y++)
        smalti__exr_preview_row(self, decoder->row + y, (uint8_t *)dst + y * pitch);
    for (uint32_t y = 0; !self->preview && y < rows; y++)
        SMALTI__TRY(smalti__exr_rows_get(self, decoder->row + y, (float *)(void *)((uint8_t *)dst + y * pitch), error));
    return SMALTI_OK;
}

static smalti_result exr_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)error; /* nothing has to follow */
    smalti__exr_bands_end((smalti__exr_decoder *)decoder);
    return SMALTI_OK;
}

static void exr_close(smalti__decoder *decoder)
{
    smalti__exr_decoder *self = (smalti__exr_decoder *)decoder;
    smalti__exr_bands_end(self);
    smalti__exr_rows_end(self);
    smalti_exr_free(self->exr);
    smalti__metadata_clear(&decoder->metadata);
    free(self);
}

/* The data window is decoded too, where it is larger than what is shown. */
smalti_result smalti__exr_check_pixels(const smalti__exr_decoder *self, smalti_error *error)
{
    uint64_t most = self->base.options.max_pixels;
    uint32_t width = smalti__exr_box_width(&self->window), height = smalti__exr_box_height(&self->window);
    SMALTI__TRY(smalti__decoder_check_pixels(&self->base, error));
    if (!most || (uint64_t)width * height <= most)
        return SMALTI_OK;
    return smalti__source_fail(self->base.source, error, SMALTI_E_LIMIT_PIXELS, SMALTI_NO_OFFSET,
                               "a data window of %ux%u pixels, more than the limit of %llu", width, height,
                               (unsigned long long)most);
}

static void measure(smalti__exr_decoder *self)
{
    if (!smalti__add(smalti__exr_bands_bytes(self), smalti__exr_rows_bytes(self), &self->base.work_bytes))
        self->base.work_bytes = SIZE_MAX;
}

/* The writer's own filter made the smaller levels, as it was meant. */
static void exr_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height)
{
    smalti__exr_decoder *self = (smalti__exr_decoder *)decoder;
    if (self->preview)
        return;
    smalti__exr_choose_level(self, width, height);
    if (self->level == decoder->options.level)
        return;
    decoder->out.width = smalti__exr_box_width(&self->canvas);
    decoder->out.height = smalti__exr_box_height(&self->canvas);
    decoder->reduced = 0;
    decoder->level = self->level;
    measure(self);
}

static smalti_result set_up(smalti__exr_decoder *self, smalti_error *error)
{
    smalti__decoder *base = &self->base;
    const smalti__source *source = base->source;
    SMALTI__TRY(smalti_exr_new(NULL, &self->exr, error));
    SMALTI__TRY(smalti_exr_open_memory(self->exr, source->data, source->size, source->name, error));
    SMALTI__TRY(smalti__exr_select(self, error));
    smalti__exr_describe(self);
    if (base->options.preview)
        return smalti__exr_preview_take(self, error);
    if (base->options.head_only)
        return SMALTI_OK;
    SMALTI__TRY(smalti__exr_check_pixels(self, error));
    SMALTI__TRY(smalti__exr_keep_attributes(self, error));
    measure(self);
    /* what a file may become counts all samples */
    if (__builtin_add_overflow(base->info.decoded_bytes, self->deep_bytes, &base->info.decoded_bytes))
        base->info.decoded_bytes = UINT64_MAX;
    return SMALTI_OK;
}

static smalti_result exr_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                              smalti_error *error)
{
    static const smalti__decoder_ops ops = {
        .start = exr_start, .read = exr_read, .finish = exr_finish, .close = exr_close, .reduce = exr_reduce};
    if (options->contact_sheet && !options->head_only)
        return smalti__exr_sheet_open(source, options, decoder, error);
    smalti__exr_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = set_up(self, error);
    if (result < 0)
        exr_close(&self->base);
    else
        *decoder = &self->base;
    return result;
}

const smalti__decoder_format smalti__decoder_exr = {"exr", (const char *const[]){"exr", "sxr", "mxr", NULL}, probe,
                                                    exr_open};
