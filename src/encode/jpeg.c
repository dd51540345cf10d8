/* SPDX-License-Identifier: Apache-2.0
 * JPEG through libjpeg-turbo: baseline, with the Huffman tables of the standard. Tables made for the image save 2 % of the
 * bytes (photographs at quality 80), but take 2.7 times as long and the coefficients of the whole image in memory. */
#include "encode/encode.h"

#include <setjmp.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    BLOCK = 64 * 1024, /* written at a time */
    LINES = 16,        /* rows handed over at a time: an MCU of 4:2:0 */
    LARGEST_SEGMENT = 65533,
    LARGEST_SIDE = JPEG_MAX_DIMENSION
};

typedef struct jpeg_encoder {
    smalti__encoder base; /* first */
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr output;
    uint8_t *block; /* BLOCK bytes; pool */

    /* of the call under way */
    const uint8_t *rows;
    size_t pitch;
    uint32_t count;
    smalti_error *error;

    jmp_buf jump;
    smalti_result code;
} jpeg_encoder;

static _Noreturn void leave(jpeg_encoder *self, smalti_result code)
{
    self->code = code;
    longjmp(self->jump, 1);
}

/* libjpeg leaves by longjmp when something is wrong: here is where it lands. */
static smalti_result protect(jpeg_encoder *self, void (*call)(jpeg_encoder *), smalti_error *error)
{
    self->error = error;
    if (setjmp(self->jump))
        return self->code;
    call(self);
    return SMALTI_OK;
}

static void on_error(j_common_ptr common)
{
    jpeg_encoder *self = common->client_data;
    char message[JMSG_LENGTH_MAX];
    common->err->format_message(common, message);
    smalti_result code = common->err->msg_code == JERR_OUT_OF_MEMORY ? SMALTI_E_NOMEM : SMALTI_E_INVALID;
    leave(self, smalti__fail(self->error, code, "JPEG encoder: %s", message));
}

static void on_message(j_common_ptr common, int level)
{
    (void)common, (void)level;
}

static void flush(jpeg_encoder *self)
{
    size_t size = BLOCK - self->output.free_in_buffer;
    self->output.next_output_byte = self->block;
    self->output.free_in_buffer = BLOCK;
    smalti_result result = size ? smalti__sink_write(self->base.sink, self->block, size, self->error) : SMALTI_OK;
    if (result < 0)
        leave(self, result);
}

static void output_begin(j_compress_ptr jpeg)
{
    jpeg_encoder *self = jpeg->client_data;
    self->output.next_output_byte = self->block;
    self->output.free_in_buffer = BLOCK;
}

static boolean output_full(j_compress_ptr jpeg)
{
    jpeg_encoder *self = jpeg->client_data;
    self->output.free_in_buffer = 0; /* libjpeg asks for all of the block to be written, whatever it left here */
    flush(self);
    return TRUE;
}

static void output_end(j_compress_ptr jpeg)
{
    flush(jpeg->client_data);
}

static void put(jpeg_encoder *self, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size) {
        size_t part = size < self->output.free_in_buffer ? size : self->output.free_in_buffer;
        memcpy(self->output.next_output_byte, from, part);
        self->output.next_output_byte += part;
        self->output.free_in_buffer -= part;
        from += part, size -= part;
        if (!self->output.free_in_buffer)
            flush(self);
    }
}

/* A marker segment: identifier and data. */
static void put_segment(jpeg_encoder *self, int marker, const void *identifier, size_t identifier_size,
                        const void *data, size_t size)
{
    jpeg_write_m_header(&self->jpeg, marker, (unsigned)(identifier_size + size));
    put(self, identifier, identifier_size);
    put(self, data, size);
}

static void warn_dropped(const jpeg_encoder *self, const char *name, size_t size, size_t most)
{
    const smalti__encode_params *params = &self->base.params;
    char message[128];
    snprintf(message, sizeof message, "%s of %zu bytes dropped: a JPEG file takes at most %zu", name, size, most);
    if (params->warn)
        params->warn(params->user, message);
}

static void put_single(jpeg_encoder *self, const char *name, const void *identifier, size_t identifier_size,
                       const smalti__blob *blob)
{
    if (!blob->size)
        return;
    if (blob->size > LARGEST_SEGMENT - identifier_size) {
        warn_dropped(self, name, blob->size, LARGEST_SEGMENT - identifier_size);
        return;
    }
    put_segment(self, JPEG_APP0 + 1, identifier, identifier_size, blob->data, blob->size);
}

/* ICC.1:2010, B.4: up to 255 segments, numbered from 1. */
static void put_icc(jpeg_encoder *self, const smalti__blob *icc)
{
    uint8_t identifier[14] = "ICC_PROFILE";
    const size_t part = LARGEST_SEGMENT - sizeof identifier;
    size_t count = icc->size / part + (icc->size % part != 0);
    if (count > 255) {
        warn_dropped(self, "ICC profile", icc->size, 255 * part);
        return;
    }
    for (size_t i = 0, at = 0; i < count; i++, at += part) {
        identifier[12] = (uint8_t)(i + 1);
        identifier[13] = (uint8_t)count;
        put_segment(self, JPEG_APP0 + 2, identifier, sizeof identifier, icc->data + at,
                    icc->size - at < part ? icc->size - at : part);
    }
}

static void begin(jpeg_encoder *self)
{
    const smalti__encoder *base = &self->base;
    struct jpeg_compress_struct *jpeg = &self->jpeg;
    jpeg->err = jpeg_std_error(&self->errors);
    self->errors.error_exit = on_error;
    self->errors.emit_message = on_message;
    jpeg->client_data = self;
    jpeg_create_compress(jpeg);
    self->output = (struct jpeg_destination_mgr){
        .init_destination = output_begin, .empty_output_buffer = output_full, .term_destination = output_end};
    jpeg->dest = &self->output;

    jpeg->image_width = base->width;
    jpeg->image_height = base->height;
    jpeg->input_components = (int)base->channels;
    jpeg->in_color_space = base->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)base->params.quality, TRUE);
    if (base->channels == 3) {
        jpeg->comp_info[0].h_samp_factor = base->params.subsampling == 444 ? 1 : 2;
        jpeg->comp_info[0].v_samp_factor = base->params.subsampling == 420 ? 2 : 1;
    }
    jpeg_start_compress(jpeg, TRUE);
    const smalti__metadata *metadata = base->params.metadata;
    if (metadata) {
        put_single(self, "EXIF", "Exif\0", 6, &metadata->exif);
        put_single(self, "XMP", "http://ns.adobe.com/xap/1.0/", 29, &metadata->xmp);
        put_icc(self, &metadata->icc);
    }
}

static void jpeg_close(smalti__encoder *encoder)
{
    jpeg_encoder *self = (jpeg_encoder *)encoder;
    jpeg_destroy_compress(&self->jpeg); /* does nothing when it was not created */
    smalti__pool_put(encoder->params.pool, self->block);
    free(self);
}

static smalti_result jpeg_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    const smalti__encode_params *params = &seed->params;
    if (params->quality < 1 || params->quality > 100)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "quality %u is not between 1 and 100", params->quality);
    if (params->subsampling != 420 && params->subsampling != 422 && params->subsampling != 444)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "subsampling %u is none of 420, 422, 444",
                            params->subsampling);
    if (!seed->width || seed->width > LARGEST_SIDE || !seed->height || seed->height > LARGEST_SIDE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%ux%u pixels do not fit JPEG: a side has 1 to %ld",
                            seed->width, seed->height, (long)LARGEST_SIDE);
    if (seed->sample != SMALTI_SAMPLE_U8 || (seed->channels != 1 && seed->channels != 3))
        return smalti__fail(error, SMALTI_E_INVALID, "JPEG takes 1 or 3 channels of 8 bits");
    jpeg_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    self->block = smalti__pool_get(params->pool, BLOCK);
    smalti_result result = self->block ? protect(self, begin, error) : smalti__fail_nomem(error, BLOCK);
    if (result < 0) {
        jpeg_close(&self->base);
        return result;
    }
    *encoder = &self->base;
    return SMALTI_OK;
}

static void write_rows(jpeg_encoder *self)
{
    while (self->count) {
        JSAMPROW lines[LINES];
        uint32_t count = self->count < LINES ? self->count : LINES;
        for (uint32_t i = 0; i < count; i++)
            lines[i] = (JSAMPROW)(self->rows + i * self->pitch); /* libjpeg only reads them */
        count = jpeg_write_scanlines(&self->jpeg, lines, count);
        self->rows += count * self->pitch;
        self->count -= count;
        self->base.row += count;
    }
}

static smalti_result jpeg_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    jpeg_encoder *self = (jpeg_encoder *)encoder;
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "JPEG encoder: more rows than the height of %u", encoder->height);
    self->rows = rows;
    self->pitch = pitch;
    self->count = count;
    return protect(self, write_rows, error);
}

static void end(jpeg_encoder *self)
{
    jpeg_finish_compress(&self->jpeg);
}

static smalti_result jpeg_finish(smalti__encoder *encoder, smalti_error *error)
{
    return protect((jpeg_encoder *)encoder, end, error);
}

/* From libjpeg-turbo's jcprepct.c (a group of rows at full width), jcmainct.c (an MCU row of each component). */
static size_t jpeg_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                              const smalti__encode_params *params)
{
    enum { TABLES = 128 * 1024, ROW_EXTRA = 128, ROWS = 2 * DCTSIZE + 2 };
    (void)height, (void)sample, (void)params;
    return TABLES + BLOCK + (smalti__align(width, 2 * DCTSIZE) + ROW_EXTRA) * (size_t)ROWS * channels;
}

static const char *const extensions[] = {"jpg", "jpeg", "jpe", "jfif", NULL};

const smalti__encoder_format smalti__encoder_jpeg = {.name = "jpeg",
                                                     .extensions = extensions,
                                                     .samples = 1u << SMALTI_SAMPLE_U8,
                                                     .channels = 1u << 1 | 1u << 3,
                                                     .max_width = LARGEST_SIDE,
                                                     .max_height = LARGEST_SIDE,
                                                     .work_bytes = jpeg_work_bytes,
                                                     .open = jpeg_open,
                                                     .write = jpeg_write,
                                                     .finish = jpeg_finish,
                                                     .close = jpeg_close};
