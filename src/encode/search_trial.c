/* SPDX-License-Identifier: Apache-2.0
 * One encoding of the image in memory, and how it looks decoded again. */
#include "encode/search_trial.h"

#include <math.h>

#include "score/score.h"

void smalti__trial_clear(smalti__trial *trial)
{
    free(trial->data);
    trial->data = NULL;
}

bool smalti__search_opaque(const smalti__search_frame *frame)
{
    const smalti__shape *shape = &frame->shape;
    const uint32_t channels = shape->channels;
    if (channels % 2)
        return true;
    for (uint32_t y = 0; y < shape->height; y++) {
        const uint8_t *row = frame->data + y * frame->pitch;
        for (size_t x = 0, at = channels - 1; x < shape->width; x++, at += channels)
            if (shape->sample == SMALTI_SAMPLE_U8    ? row[at] != 255
                : shape->sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)row)[at] != 65535
                                                     : !(((const float *)row)[at] >= 1.0f))
                return false;
    }
    return true;
}

smalti_result smalti__trial_shape(const smalti__search_frame *frame, const smalti__encoder_format *format,
                                  smalti__shape *shape, smalti_error *error)
{
    *shape = frame->shape;
    if (frame->opaque && shape->channels % 2 == 0)
        shape->channels--;
    return smalti__encoder_fit(format, shape, error);
}

/* Rows of the frame in a shape: where they lie, or converted into the first half of the strip. */
static const void *rows_in(const smalti__search_frame *frame, const smalti__shape *shape, uint32_t row, uint32_t count,
                           size_t *pitch)
{
    const uint8_t *rows = frame->data + row * frame->pitch;
    if (smalti__shape_same(shape, &frame->shape)) {
        *pitch = frame->pitch;
        return rows;
    }
    *pitch = shape->width * smalti__pixel_bytes(shape);
    smalti__convert_rows(&frame->shape, rows, frame->pitch, shape, frame->strip, *pitch, count, frame->background);
    return frame->strip;
}

/* ---- encoding ---- */

/* A warning is worth saying only of the trial that wins. */
static void note(void *user, const char *message)
{
    smalti__trial *trial = user;
    if (trial->note_count < SMALTI__SEARCH_NOTES)
        snprintf(trial->notes[trial->note_count++], sizeof trial->notes[0], "%s", message);
}

static smalti_result encode_rows(smalti__encoder *encoder, const smalti__search_frame *frame,
                                 const smalti__shape *shape, smalti_error *error)
{
    for (uint32_t y = 0; y < shape->height; y += SMALTI__SEARCH_ROWS) {
        size_t pitch;
        uint32_t left = shape->height - y, count = left < SMALTI__SEARCH_ROWS ? left : SMALTI__SEARCH_ROWS;
        const void *rows = rows_in(frame, shape, y, count, &pitch);
        SMALTI__TRY(encoder->format->write(encoder, rows, pitch, count, error));
        SMALTI__TRY(smalti__stop_check(encoder->params.stop, error));
    }
    return encoder->format->finish(encoder, error);
}

smalti_result smalti__trial_encode(smalti__trial *trial, const smalti__search_frame *frame, size_t limit,
                                   smalti_error *error)
{
    smalti__shape shape;
    smalti__sink sink;
    SMALTI__TRY(smalti__trial_shape(frame, trial->format, &shape, error));
    SMALTI__TRY(smalti__sink_open_memory(&sink, limit, error));
    smalti__encoder seed = {.format = trial->format,
                            .params = trial->params,
                            .sink = &sink,
                            .width = shape.width,
                            .height = shape.height,
                            .channels = shape.channels,
                            .sample = shape.sample};
    smalti__encoder *encoder = NULL;
    smalti_error own = {0};
    seed.params.warn = note;
    seed.params.user = trial;
    trial->score = NAN;
    smalti_result result = trial->format->open(&seed, &encoder, &own);
    if (result == SMALTI_OK) {
        result = encode_rows(encoder, frame, &shape, &own);
        trial->format->close(encoder);
    }
    if (result == SMALTI_OK) {
        trial->data = smalti__sink_take(&sink, &trial->size);
    } else if (result == SMALTI_E_LIMIT) { /* of the sink: the format's own was looked at before */
        trial->size = SIZE_MAX;
        result = SMALTI_OK;
    } else if (error) {
        *error = own;
    }
    smalti__sink_close(&sink);
    return result;
}

/* ---- scoring ---- */

static smalti_result score_rows(smalti__decoder *decoder, const smalti__search_frame *frame, const smalti__shape *shape,
                                smalti__scorer *scorer, smalti_error *error)
{
    const smalti__shape out = decoder->out;
    const size_t out_pitch = smalti__align(out.width * smalti__pixel_bytes(&out), 64);
    uint8_t *decoded = frame->strip + (size_t)SMALTI__SEARCH_ROWS * frame->shape.width * 16;
    SMALTI__TRY(smalti__decoder_start(decoder, error));
    for (uint32_t y = 0; y < out.height; y += SMALTI__SEARCH_ROWS) {
        size_t pitch;
        uint32_t left = out.height - y, count = left < SMALTI__SEARCH_ROWS ? left : SMALTI__SEARCH_ROWS;
        SMALTI__TRY(smalti__decoder_read(decoder, decoded, out_pitch, count, error));
        const void *rows = rows_in(frame, shape, y, count, &pitch);
        smalti__scorer_push(scorer, shape, rows, pitch, &out, decoded, out_pitch, count);
    }
    return smalti__decoder_finish(decoder, error);
}

smalti_result smalti__trial_score(smalti__trial *trial, const smalti__search_frame *frame, smalti_error *error)
{
    const smalti__decode_options options = {.pool = trial->params.pool, .stop = trial->params.stop};
    smalti__shape shape;
    smalti__source source;
    smalti__decoder *decoder = NULL;
    smalti__scorer *scorer = NULL;
    SMALTI__TRY(smalti__trial_shape(frame, trial->format, &shape, error));
    smalti__source_open_memory(&source, trial->data, trial->size, trial->format->name);
    smalti_result result = smalti__decoder_open(&source, &options, &decoder, error);
    if (result == SMALTI_OK && (decoder->out.width != shape.width || decoder->out.height != shape.height))
        result = smalti__fail(error, SMALTI_E_INVALID, "%s: its decoder gives another size than was encoded",
                              trial->format->name);
    if (result == SMALTI_OK)
        result = smalti__scorer_open(shape.width, shape.height, trial->params.pool, &scorer, error);
    if (result == SMALTI_OK)
        result = score_rows(decoder, frame, &shape, scorer, error);
    if (result == SMALTI_OK)
        trial->score = smalti__scorer_finish(scorer);
    smalti__scorer_close(scorer);
    smalti__decoder_close(decoder);
    smalti__source_close(&source);
    return result;
}

/* Of our own files: what the decoders of JPEG (coefficients of a progressive file), WebP and AVIF (planes, and twice those
 * of references) say of themselves is not known before there is a file. */
size_t smalti__trial_score_bytes(uint32_t width, uint32_t height)
{
    const size_t pixels = (size_t)width * height;
    return pixels * 12 + (4u << 20) + smalti__score_bytes(width, height);
}
