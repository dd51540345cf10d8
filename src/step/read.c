/* SPDX-License-Identifier: Apache-2.0
 * An image that is wanted whole, from its source: upright, in memory. */
#include "step/read.h"

#include "step/collect.h"

/* Rows through a flow that turns them upright. */
static smalti_result decode_turned(smalti__decoder *decoder, smalti_image *image, smalti_error *error)
{
    smalti_stats stats = {0};
    smalti__collector collector = {.sample = decoder->out.sample};
    smalti__flow *flow = NULL;
    const smalti__flow_setup setup = {
        .in = decoder->out,
        .pushed = decoder->out,
        .orientation = decoder->info.orientation,
        .stats = &stats,
        .begin = smalti__collect_begin,
        .emit = smalti__collect_rows,
        .user = &collector,
    };
    smalti_result result = smalti__flow_open(&setup, &flow, error);
    for (uint32_t row = 0; row < decoder->out.height && result == SMALTI_OK;) {
        void *dst;
        size_t pitch;
        uint32_t rows;
        smalti__flow_space(flow, &dst, &pitch, &rows);
        result = smalti__decoder_read(decoder, dst, pitch, rows, error);
        if (result == SMALTI_OK)
            result = smalti__flow_commit(flow, rows, error);
        row += rows;
    }
    smalti__flow_close(flow);
    *image = collector.image;
    return result;
}

static smalti_result decode_into(smalti__decoder *decoder, smalti_image *image, smalti_error *error)
{
    const smalti__shape *shape = &decoder->out;
    SMALTI__TRY(smalti__decoder_start(decoder, error)); /* refuses files too short for their pixels */
    if (decoder->info.orientation > 1 || decoder->out.premultiplied) {
        SMALTI__TRY(decode_turned(decoder, image, error));
    } else {
        *image = (smalti_image){
            .width = shape->width, .height = shape->height, .channels = shape->channels, .sample = shape->sample};
        SMALTI__TRY(smalti_image_alloc(image, error));
        SMALTI__TRY(smalti__decoder_read(decoder, image->data, image->pitch, image->height, error));
    }
    return smalti__decoder_finish(decoder, error);
}

smalti_result smalti__image_decode(smalti__source *source, const smalti__decode_options *options, smalti_image *image,
                                   smalti_error *error)
{
    smalti__decoder *decoder = NULL;
    smalti_image decoded = {0};
    smalti_result result = smalti__decoder_open(source, options, &decoder, error);
    if (result == SMALTI_OK)
        result = decode_into(decoder, &decoded, error);
    if (result == SMALTI_OK)
        result = smalti__source_check(source, error);
    smalti__decoder_close(decoder);
    if (result < 0)
        smalti_image_free(&decoded);
    else
        *image = decoded;
    return result;
}
