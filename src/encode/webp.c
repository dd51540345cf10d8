/* SPDX-License-Identifier: Apache-2.0
 * WebP through libwebp, lossy and lossless, still and animated. libwebp wants the whole picture before it begins, in its own
 * samples: 1.5 or 2.5 bytes a pixel for lossy, 4 for lossless images and animations. */
#include "encode/webp.h"

#include <webp/mux.h>

enum { LARGEST_SIDE = WEBP_MAX_DIMENSION, MOST_LOOPS = 65535, BEST_METHOD = 6 };

typedef struct webp_encoder {
    smalti__encoder base; /* first */
    WebPConfig config;
    WebPPicture picture;
    smalti__webp_rows rows;
    smalti__webp_container container;
    bool planar; /* write_planes is used, not write */
    WebPAnimEncoder *animation; /* owned; NULL for a still image */
    uint32_t frames; /* begun */
    uint64_t start_ms, end_ms; /* of the frame being written */
    smalti_result stopped; /* what ended the encoding from outside */
    smalti_error *error; /* of the call under way */
} webp_encoder;

/* ---- what libwebp calls ---- */

static int on_write(const uint8_t *data, size_t size, const WebPPicture *picture)
{
    webp_encoder *self = picture->custom_ptr;
    return smalti__webp_container_write(&self->container, data, size) == SMALTI_OK;
}

static int on_progress(int percent, const WebPPicture *picture)
{
    webp_encoder *self = picture->user_data;
    (void)percent;
    self->stopped = smalti__stop_check(self->base.params.stop, self->error);
    return self->stopped == SMALTI_OK;
}

static smalti_result failed(webp_encoder *self, WebPEncodingError code, smalti_error *error)
{
    if (self->stopped < 0)
        return self->stopped;
    if (self->container.result < 0) {
        if (error)
            *error = self->container.error;
        return self->container.result;
    }
    const smalti__encoder *base = &self->base;
    switch (code) {
    case VP8_ENC_ERROR_OUT_OF_MEMORY:
    case VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY:
        return smalti__fail_nomem(
            error, base->format->work_bytes(base->width, base->height, base->channels, base->sample, &base->params));
    case VP8_ENC_ERROR_PARTITION0_OVERFLOW:
    case VP8_ENC_ERROR_PARTITION_OVERFLOW:
    case VP8_ENC_ERROR_FILE_TOO_BIG:
        return smalti__fail(error, SMALTI_E_LIMIT,
                            "WebP encoder: %ux%u pixels at quality %u take more bytes than the format allows",
                            base->width, base->height, (unsigned)self->config.quality);
    default:
        return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: error %d of libwebp", (int)code);
    }
}

/* ---- open ---- */

static smalti_result configure(webp_encoder *self, smalti_error *error)
{
    const smalti__encode_params *params = &self->base.params;
    uint32_t quality = smalti__webp_quality(params);
    if (quality > 100)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "quality %u is not between 1 and 100", quality);
    if (params->webp_effort > BEST_METHOD)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "webp_effort %u is not between 0 and %d",
                            params->webp_effort, BEST_METHOD);
    if (!WebPConfigInit(&self->config) || !WebPPictureInit(&self->picture))
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "libwebp is of another version than its headers");
    self->config.quality = (float)quality;
    self->config.method = (int)params->webp_effort;
    self->config.lossless = params->lossless;
    self->config.low_memory = smalti__webp_low_memory(self->base.width, self->base.height, params);
    /* lossless images would take twice the memory, and gain only at the highest effort */
    self->config.thread_level = params->spare_thread && !params->lossless;
    return SMALTI_OK;
}

static smalti_result open_animation(webp_encoder *self, smalti_error *error)
{
    const smalti__encode_params *params = &self->base.params;
    WebPAnimEncoderOptions options;
    if (!WebPAnimEncoderOptionsInit(&options))
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "libwebpmux is of another version than its headers");
    options.anim_params.loop_count = params->loops < MOST_LOOPS ? (int)params->loops : MOST_LOOPS;
    self->animation = WebPAnimEncoderNew((int)self->base.width, (int)self->base.height, &options);
    return self->animation ? SMALTI_OK : smalti__fail_nomem(error, sizeof options);
}

static smalti_result open_picture(webp_encoder *self, smalti_error *error)
{
    const smalti__encoder *base = &self->base;
    bool alpha = base->channels % 2 == 0, argb = base->params.lossless || base->params.animation;
    WebPPicture *picture = &self->picture;
    picture->width = (int)base->width;
    picture->height = (int)base->height;
    picture->use_argb = argb;
    picture->colorspace = alpha ? WEBP_YUV420A : WEBP_YUV420;
    picture->writer = on_write;
    picture->custom_ptr = self;
    picture->progress_hook = on_progress;
    picture->user_data = self;
    if (!WebPPictureAlloc(picture))
        return smalti__fail_nomem(error, (size_t)base->width * base->height * (argb ? 4 : alpha ? 3 : 2));
    self->rows = (smalti__webp_rows){.picture = picture, .channels = base->channels};
    size_t block = (size_t)SMALTI__WEBP_ROWS * base->width * 4;
    if (!argb && !self->planar && !(self->rows.block = smalti__pool_get(base->params.pool, block)))
        return smalti__fail_nomem(error, block);
    self->container = (smalti__webp_container){
        .sink = base->sink, .metadata = base->params.metadata, .width = base->width, .height = base->height};
    return base->params.animation ? open_animation(self, error) : SMALTI_OK;
}

static void webp_close(smalti__encoder *encoder)
{
    webp_encoder *self = (webp_encoder *)encoder;
    WebPAnimEncoderDelete(self->animation);
    WebPPictureFree(&self->picture);
    smalti__pool_put(encoder->params.pool, self->rows.block);
    free(self);
}

static smalti_result open_any(const smalti__encoder *seed, bool planar, smalti__encoder **encoder, smalti_error *error)
{
    if (!seed->width || seed->width > LARGEST_SIDE || !seed->height || seed->height > LARGEST_SIDE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%ux%u pixels do not fit WebP: a side has 1 to %d",
                            seed->width, seed->height, LARGEST_SIDE);
    if (seed->sample != SMALTI_SAMPLE_U8 || seed->channels < 1 || seed->channels > 4)
        return smalti__fail(error, SMALTI_E_INVALID, "WebP takes 1 to 4 channels of 8 bits");
    webp_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    self->planar = planar;
    smalti_result result = configure(self, error);
    if (result == SMALTI_OK)
        result = open_picture(self, error);
    if (result < 0) {
        webp_close(&self->base);
        return result;
    }
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result webp_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    return open_any(seed, false, encoder, error);
}

static smalti_result webp_open_planes(const smalti__encoder *seed, smalti__planes *image, smalti__planes *unit,
                                      smalti__encoder **encoder, smalti_error *error)
{
    if (seed->channels % 2 == 0 || seed->params.lossless || seed->params.animation)
        return smalti__fail(error, SMALTI_E_INVALID, "planes become lossy, still WebP without alpha");
    SMALTI__TRY(open_any(seed, true, encoder, error));
    *image = (smalti__planes){.count = seed->channels};
    for (uint32_t i = 0; i < image->count; i++) {
        image->across[i] = image->down[i] = i ? 2 : 1;
        image->width[i] = i ? (seed->width + 1) / 2 : seed->width;
        image->height[i] = i ? (seed->height + 1) / 2 : seed->height;
    }
    *unit = *image;
    for (uint32_t i = 0; i < unit->count; i++) {
        unit->height[i] = SMALTI__WEBP_ROWS / (i ? 2 : 1);
        unit->pitch[i] = unit->width[i];
    }
    return SMALTI_OK;
}

/* ---- write ---- */

static smalti_result add_frame(webp_encoder *self, smalti_error *error)
{
    self->error = error;
    if (self->start_ms > INT32_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "WebP encoder: an animation of more than %d ms", INT32_MAX);
    if (WebPAnimEncoderAdd(self->animation, &self->picture, (int)self->start_ms, &self->config))
        return SMALTI_OK;
    if (self->stopped < 0 || self->picture.error_code)
        return failed(self, self->picture.error_code, error);
    return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: %s", WebPAnimEncoderGetError(self->animation));
}

static smalti_result webp_next_frame(smalti__encoder *encoder, uint32_t duration_ms, smalti_error *error)
{
    webp_encoder *self = (webp_encoder *)encoder;
    if (self->frames && encoder->row < encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: %u of %u rows before the next frame", encoder->row,
                            encoder->height);
    self->frames++;
    self->start_ms = self->end_ms;
    self->end_ms += duration_ms;
    self->rows.row = encoder->row = 0;
    return SMALTI_OK;
}

static smalti_result webp_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    webp_encoder *self = (webp_encoder *)encoder;
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: more rows than the height of %u", encoder->height);
    SMALTI__TRY(smalti__webp_rows_put(&self->rows, rows, pitch, count, error));
    encoder->row += count;
    return self->animation && encoder->row == encoder->height ? add_frame(self, error) : SMALTI_OK;
}

static smalti_result webp_write_planes(smalti__encoder *encoder, const smalti__planes *rows, smalti_error *error)
{
    webp_encoder *self = (webp_encoder *)encoder;
    uint32_t left = encoder->height - encoder->row, count = left < SMALTI__WEBP_ROWS ? left : SMALTI__WEBP_ROWS;
    for (uint32_t i = 0; i < encoder->channels; i++) {
        uint32_t wanted = i ? (count + 1) / 2 : count;
        if (!left || rows->height[i] != wanted)
            return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: %u rows of plane %u instead of %u",
                                rows->height[i], i, wanted);
    }
    smalti__webp_planes_put(&self->picture, encoder->row, rows);
    encoder->row += count;
    return SMALTI_OK;
}

/* ---- finish ---- */

static smalti_result finish_still(webp_encoder *self, smalti_error *error)
{
    WebPPicture *picture = &self->picture;
    SMALTI__TRY(smalti__webp_rows_end(&self->rows, error));
    smalti__pool_put(self->base.params.pool, self->rows.block);
    self->rows.block = NULL;
    if (!self->rows.alpha_seen) /* an opaque image needs no alpha */
        picture->colorspace = WEBP_YUV420;
    self->container.alpha = self->rows.alpha_seen;
    if (!WebPEncode(&self->config, picture))
        return failed(self, picture->error_code, error);
    return SMALTI_OK;
}

static smalti_result finish_animation(webp_encoder *self, smalti_error *error)
{
    WebPData data;
    if (self->end_ms > INT32_MAX)
        return smalti__fail(error, SMALTI_E_LIMIT, "WebP encoder: an animation of more than %d ms", INT32_MAX);
    WebPDataInit(&data);
    if (!WebPAnimEncoderAdd(self->animation, NULL, (int)self->end_ms, NULL) ||
        !WebPAnimEncoderAssemble(self->animation, &data))
        return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: %s", WebPAnimEncoderGetError(self->animation));
    self->container.alpha = self->rows.alpha_seen;
    smalti__webp_container_write(&self->container, data.bytes, data.size);
    WebPDataClear(&data);
    return SMALTI_OK;
}

static smalti_result webp_finish(smalti__encoder *encoder, smalti_error *error)
{
    webp_encoder *self = (webp_encoder *)encoder;
    self->error = error;
    if (encoder->row < encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "WebP encoder: %u of %u rows", encoder->row, encoder->height);
    SMALTI__TRY(self->animation ? finish_animation(self, error) : finish_still(self, error));
    if (smalti__webp_container_finish(&self->container) < 0)
        return failed(self, VP8_ENC_OK, error);
    return SMALTI_OK;
}

static size_t webp_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                              const smalti__encode_params *params)
{
    (void)sample;
    return smalti__webp_encode_bytes(width, height, channels, params);
}

const smalti__encoder_format smalti__encoder_webp = {.name = "webp",
                                                     .extensions = (const char *const[]){"webp", NULL},
                                                     .samples = 1u << SMALTI_SAMPLE_U8,
                                                     .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
                                                     .default_quality = 80,
                                                     .max_width = LARGEST_SIDE,
                                                     .max_height = LARGEST_SIDE,
                                                     .work_bytes = webp_work_bytes,
                                                     .open = webp_open,
                                                     .write = webp_write,
                                                     .finish = webp_finish,
                                                     .close = webp_close,
                                                     .next_frame = webp_next_frame,
                                                     .open_planes = webp_open_planes,
                                                     .write_planes = webp_write_planes};
