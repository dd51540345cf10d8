/* SPDX-License-Identifier: Apache-2.0
 * PNM: raw PGM for gray, PPM for RGB, PAM where there is alpha. Samples of 16 bits are big-endian. */
#include "encode/encode.h"

enum { BLOCK = 64 * 1024 }; /* 16-bit samples are swapped in pieces of this size */

typedef struct pnm_encoder {
    smalti__encoder base; /* first */
    uint8_t *block;       /* 16 bits: BLOCK bytes; pool */
} pnm_encoder;

static void pnm_close(smalti__encoder *encoder)
{
    pnm_encoder *self = (pnm_encoder *)encoder;
    smalti__pool_put(encoder->params.pool, self->block);
    free(self);
}

static void warn_dropped(const smalti__encode_params *params)
{
    const smalti__metadata *metadata = params->metadata;
    if (params->warn && metadata && (metadata->icc.size || metadata->exif.size || metadata->xmp.size))
        params->warn(params->user, "metadata dropped: a PNM file has no place for it");
}

static smalti_result put_head(pnm_encoder *self, smalti_error *error)
{
    const smalti__encoder *base = &self->base;
    char head[160];
    int maxval = base->sample == SMALTI_SAMPLE_U8 ? 255 : 65535, size;
    if (base->channels % 2)
        size = snprintf(head, sizeof head, "P%c\n%u %u\n%d\n", base->channels == 1 ? '5' : '6', base->width,
                        base->height, maxval);
    else
        size = snprintf(head, sizeof head, "P7\nWIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL %d\nTUPLTYPE %s_ALPHA\nENDHDR\n",
                        base->width, base->height, base->channels, maxval, base->channels == 2 ? "GRAYSCALE" : "RGB");
    return smalti__sink_write(base->sink, head, (size_t)size, error);
}

static smalti_result pnm_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    if (seed->sample != SMALTI_SAMPLE_U8 && seed->sample != SMALTI_SAMPLE_U16)
        return smalti__fail(error, SMALTI_E_INVALID, "PNM takes samples of 8 or 16 bits");
    pnm_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    smalti_result result = SMALTI_OK;
    if (seed->sample == SMALTI_SAMPLE_U16) {
        self->block = smalti__pool_get(seed->params.pool, BLOCK);
        result = self->block ? SMALTI_OK : smalti__fail_nomem(error, BLOCK);
    }
    if (result == SMALTI_OK)
        result = put_head(self, error);
    if (result < 0) {
        pnm_close(&self->base);
        return result;
    }
    warn_dropped(&seed->params);
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result put_words(pnm_encoder *self, const uint16_t *samples, size_t count, smalti_error *error)
{
    while (count) {
        size_t part = count < BLOCK / 2 ? count : BLOCK / 2;
        uint16_t *out = (uint16_t *)self->block;
        for (size_t i = 0; i < part; i++)
            out[i] = (uint16_t)(samples[i] << 8 | samples[i] >> 8);
        SMALTI__TRY(smalti__sink_write(self->base.sink, out, part * 2, error));
        samples += part;
        count -= part;
    }
    return SMALTI_OK;
}

static smalti_result pnm_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                               smalti_error *error)
{
    pnm_encoder *self = (pnm_encoder *)encoder;
    size_t samples = (size_t)encoder->width * encoder->channels;
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "PNM encoder: more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++) {
        const uint8_t *row = (const uint8_t *)rows + y * pitch;
        SMALTI__TRY(encoder->sample == SMALTI_SAMPLE_U8 ? smalti__sink_write(encoder->sink, row, samples, error)
                                                        : put_words(self, (const uint16_t *)row, samples, error));
        encoder->row++;
    }
    return SMALTI_OK;
}

static smalti_result pnm_finish(smalti__encoder *encoder, smalti_error *error)
{
    (void)encoder, (void)error;
    return SMALTI_OK;
}

static size_t pnm_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                             const smalti__encode_params *params)
{
    (void)width, (void)height, (void)channels, (void)params;
    return sizeof(pnm_encoder) + (sample == SMALTI_SAMPLE_U8 ? 0 : BLOCK + (size_t)SMALTI__POOL_SLACK);
}

static const char *const extensions[] = {"pnm", "ppm", "pgm", "pam", NULL};

const smalti__encoder_format smalti__encoder_pnm = {.name = "pnm",
                                                    .extensions = extensions,
                                                    .samples = 1u << SMALTI_SAMPLE_U8 | 1u << SMALTI_SAMPLE_U16,
                                                    .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
                                                    .max_width = INT32_MAX,
                                                    .max_height = INT32_MAX,
                                                    .work_bytes = pnm_work_bytes,
                                                    .open = pnm_open,
                                                    .write = pnm_write,
                                                    .finish = pnm_finish,
                                                    .close = pnm_close};
