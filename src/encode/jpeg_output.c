/* SPDX-License-Identifier: Apache-2.0
 * From libjpeg to a sink: bytes, errors, marker segments of metadata. */
#include "encode/jpeg_output.h"

#include <jerror.h>

enum { LARGEST_SEGMENT = 65533 };

_Noreturn void smalti__jpeg_output_leave(smalti__jpeg_output *out, smalti_result code)
{
    out->code = code;
    longjmp(out->jump, 1);
}

smalti_result smalti__jpeg_output_protect(smalti__jpeg_output *out, void (*call)(void *user), void *user,
                                          smalti_error *error)
{
    out->error = error;
    if (setjmp(out->jump))
        return out->code;
    call(user);
    return SMALTI_OK;
}

static void on_error(j_common_ptr common)
{
    smalti__jpeg_output *out = common->client_data;
    char message[JMSG_LENGTH_MAX];
    common->err->format_message(common, message);
    smalti_result code = common->err->msg_code == JERR_OUT_OF_MEMORY            ? SMALTI_E_NOMEM
                         : common->err->msg_code == JERR_MISMATCHED_QUANT_TABLE ? SMALTI_E_UNSUPPORTED
                         : common->err->msg_code == JERR_BAD_DCT_COEF           ? SMALTI_E_FORMAT
                                                                                : SMALTI_E_INVALID;
    smalti__jpeg_output_leave(out, smalti__fail(out->error, code, "JPEG encoder: %s", message));
}

static void on_message(j_common_ptr common, int level)
{
    (void)common, (void)level;
}

/* Called for each row of MCUs of a pass over coefficients. */
static void on_progress(j_common_ptr common)
{
    smalti__jpeg_output *out = common->client_data;
    smalti_result result = smalti__stop_check(out->params->stop, out->error);
    if (result < 0)
        smalti__jpeg_output_leave(out, result);
}

static void flush(smalti__jpeg_output *out)
{
    size_t size = SMALTI__JPEG_BLOCK - out->destination.free_in_buffer;
    out->destination.next_output_byte = out->block;
    out->destination.free_in_buffer = SMALTI__JPEG_BLOCK;
    smalti_result result = size ? smalti__sink_write(out->sink, out->block, size, out->error) : SMALTI_OK;
    if (result < 0)
        smalti__jpeg_output_leave(out, result);
}

static void output_begin(j_compress_ptr jpeg)
{
    smalti__jpeg_output *out = jpeg->client_data;
    out->destination.next_output_byte = out->block;
    out->destination.free_in_buffer = SMALTI__JPEG_BLOCK;
}

static boolean output_full(j_compress_ptr jpeg)
{
    smalti__jpeg_output *out = jpeg->client_data;
    out->destination.free_in_buffer = 0; /* libjpeg asks for all of the block to be written, whatever it left here */
    flush(out);
    return TRUE;
}

static void output_end(j_compress_ptr jpeg)
{
    flush(jpeg->client_data);
}

static void put(smalti__jpeg_output *out, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size) {
        size_t part = size < out->destination.free_in_buffer ? size : out->destination.free_in_buffer;
        memcpy(out->destination.next_output_byte, from, part);
        out->destination.next_output_byte += part;
        out->destination.free_in_buffer -= part;
        from += part, size -= part;
        if (!out->destination.free_in_buffer)
            flush(out);
    }
}

/* A marker segment: identifier and data. */
static void put_segment(smalti__jpeg_output *out, int marker, const void *identifier, size_t identifier_size,
                        const void *data, size_t size)
{
    jpeg_write_m_header(&out->jpeg, marker, (unsigned)(identifier_size + size));
    put(out, identifier, identifier_size);
    put(out, data, size);
}

static void warn_dropped(const smalti__jpeg_output *out, const char *name, size_t size, size_t most)
{
    const smalti__encode_params *params = out->params;
    char message[128];
    snprintf(message, sizeof message, "%s of %zu bytes dropped: a JPEG file takes at most %zu", name, size, most);
    if (params->warn)
        params->warn(params->user, message);
}

static void put_single(smalti__jpeg_output *out, const char *name, const void *identifier, size_t identifier_size,
                       const smalti__blob *blob)
{
    if (!blob->size)
        return;
    if (blob->size > LARGEST_SEGMENT - identifier_size) {
        warn_dropped(out, name, blob->size, LARGEST_SEGMENT - identifier_size);
        return;
    }
    put_segment(out, JPEG_APP0 + 1, identifier, identifier_size, blob->data, blob->size);
}

/* ICC.1:2010, B.4: up to 255 segments, numbered from 1. */
static void put_icc(smalti__jpeg_output *out, const smalti__blob *icc)
{
    uint8_t identifier[14] = "ICC_PROFILE";
    const size_t part = LARGEST_SEGMENT - sizeof identifier;
    size_t count = icc->size / part + (icc->size % part != 0);
    if (count > 255) {
        warn_dropped(out, "ICC profile", icc->size, 255 * part);
        return;
    }
    for (size_t i = 0, at = 0; i < count; i++, at += part) {
        identifier[12] = (uint8_t)(i + 1);
        identifier[13] = (uint8_t)count;
        put_segment(out, JPEG_APP0 + 2, identifier, sizeof identifier, icc->data + at,
                    icc->size - at < part ? icc->size - at : part);
    }
}

void smalti__jpeg_output_metadata(smalti__jpeg_output *out)
{
    const smalti__metadata *metadata = out->params->metadata;
    if (!metadata)
        return;
    put_single(out, "EXIF", "Exif\0", 6, &metadata->exif);
    put_single(out, "XMP", "http://ns.adobe.com/xap/1.0/", 29, &metadata->xmp);
    put_icc(out, &metadata->icc);
}

smalti_result smalti__jpeg_output_open(smalti__jpeg_output *out, smalti__sink *sink,
                                       const smalti__encode_params *params, smalti_error *error)
{
    out->sink = sink;
    out->params = params;
    out->block = smalti__pool_get(params->pool, SMALTI__JPEG_BLOCK);
    return out->block ? SMALTI_OK : smalti__fail_nomem(error, SMALTI__JPEG_BLOCK);
}

void smalti__jpeg_output_create(smalti__jpeg_output *out)
{
    struct jpeg_compress_struct *jpeg = &out->jpeg;
    jpeg->err = jpeg_std_error(&out->errors);
    out->errors.error_exit = on_error;
    out->errors.emit_message = on_message;
    jpeg->client_data = out;
    jpeg_create_compress(jpeg);
    out->destination = (struct jpeg_destination_mgr){
        .init_destination = output_begin, .empty_output_buffer = output_full, .term_destination = output_end};
    jpeg->dest = &out->destination;
    out->progress.progress_monitor = on_progress;
    jpeg->progress = &out->progress;
}

void smalti__jpeg_output_close(smalti__jpeg_output *out)
{
    jpeg_destroy_compress(&out->jpeg); /* does nothing when it was not created */
    if (out->params)
        smalti__pool_put(out->params->pool, out->block);
    out->block = NULL;
}
