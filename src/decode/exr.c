/* SPDX-License-Identifier: Apache-2.0
 * OpenEXR among the image formats: what the first part's header says. */
#include "decode/decode.h"

#include "exr/exr.h"

typedef struct exr_decoder {
    smalti__decoder base;
    smalti_exr *exr; /* owned */
} exr_decoder;

static bool probe(const uint8_t *data, size_t size)
{
    return size >= 8 && smalti__le32(data) == SMALTI__EXR_MAGIC;
}

static const smalti_exr_channel *find(const smalti_exr_part *part, const char *name)
{
    for (uint32_t i = 0; i < part->channel_count; i++)
        if (!strcmp(part->channels[i].name, name))
            return &part->channels[i];
    return NULL;
}

/* The image that viewers show: R, G, B or Y with RY and BY, and A; else the first channel in gray. */
static void choose_channels(const smalti_exr_part *part, smalti_info *info)
{
    bool alpha = find(part, "A") != NULL;
    const smalti_exr_channel *shown = find(part, "R");
    const char *color = alpha ? "rgba" : "rgb";
    info->channels = 3;
    if (!shown || !find(part, "G") || !find(part, "B")) {
        shown = find(part, "Y");
        if (shown && find(part, "RY") && find(part, "BY")) {
            color = alpha ? "ycbcra" : "ycbcr";
            snprintf(info->subsampling, sizeof info->subsampling, "%s",
                     find(part, "RY")->x_sampling == 2 && find(part, "RY")->y_sampling == 2 ? "4:2:0" : "other");
        } else {
            info->channels = 1;
            color = alpha && shown ? "gray-alpha" : "gray";
            alpha = alpha && shown;
        }
    }
    shown = shown ? shown : part->channels;
    info->channels += alpha;
    info->has_alpha = alpha;
    info->bit_depth = 8 * smalti_exr_sample_bytes(shown->sample);
    info->sample = shown->sample == SMALTI_EXR_HALF ? SMALTI_SAMPLE_F16 : SMALTI_SAMPLE_F32;
    snprintf(info->color, sizeof info->color, "%s", color);
}

static void derive(const smalti_exr_header *header, smalti_info *info)
{
    const smalti_exr_part *part = &header->parts[0];
    const smalti_exr_box *window = &part->data_window;
    info->orientation = 1;
    info->width = (uint32_t)((int64_t)window->max_x - window->min_x + 1);
    info->height = (uint32_t)((int64_t)window->max_y - window->min_y + 1);
    choose_channels(part, info);
    snprintf(info->format, sizeof info->format, "exr");
    snprintf(info->compression, sizeof info->compression, "%s", smalti_exr_compression_name(part->compression));
    info->file_bytes = header->file_bytes;
    if (__builtin_mul_overflow((uint64_t)info->width * info->height, info->channels * smalti_sample_bytes(info->sample),
                               &info->decoded_bytes))
        info->decoded_bytes = UINT64_MAX;
}

static void close_exr(smalti__decoder *decoder)
{
    exr_decoder *self = (exr_decoder *)decoder;
    smalti_exr_free(self->exr);
    free(self);
}

static smalti_result start(smalti__decoder *decoder, smalti_error *error)
{
    return smalti__source_fail(decoder->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                               "EXR pixels cannot be decoded yet");
}

static smalti_result read_rows(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    (void)dst, (void)pitch, (void)rows;
    return start(decoder, error);
}

static const smalti__decoder_ops ops = {.start = start, .read = read_rows, .finish = start, .close = close_exr};

static smalti_result open_decoder(smalti__source *source, const smalti__decode_options *options,
                                  smalti__decoder **decoder, smalti_error *error)
{
    exr_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = smalti_exr_new(NULL, &self->exr, error);
    if (result == SMALTI_OK)
        result = smalti_exr_open_memory(self->exr, source->data, source->size, source->name, error);
    if (result < 0) {
        close_exr(&self->base);
        return result;
    }
    derive(smalti_exr_header_get(self->exr), &self->base.info);
    *decoder = &self->base;
    return SMALTI_OK;
}

const smalti__decoder_format smalti__decoder_exr = {"exr", (const char *const[]){"exr", "sxr", "mxr", NULL}, probe,
                                                    open_decoder};
