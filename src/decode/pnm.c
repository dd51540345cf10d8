/* SPDX-License-Identifier: Apache-2.0
 * PNM (P1 … P6), PAM (P7) and PFM: samples are read straight from the source, and scaled where their maxval is not that of
 * 8 or 16 bits. Rows of PFM stand bottom up, which a contiguous source lets us read top down. */
#include "decode/pnm.h"

typedef struct pnm_decoder {
    smalti__decoder base; /* first */
    smalti__pnm_head head;
    size_t row_bytes;      /* of a stored row; 0 for the plain forms */
    smalti__pnm_text text; /* plain forms: where the next number stands */
    bool cut;              /* lenient: no more rows to be had */
    bool warned_cut, warned_sample;
    uint8_t scale8[256];   /* maxval below 255: stored → delivered */
} pnm_decoder;

static uint32_t samples_of(const pnm_decoder *self)
{
    return self->head.width * self->head.channels; /* checked by open */
}

static uint16_t scale16(uint32_t value, uint32_t maxval)
{
    return (uint16_t)((value * 65535u + maxval / 2) / maxval);
}

/* A sample above maxval: an error, or a warning once. */
static smalti_result too_large(pnm_decoder *self, size_t offset, smalti_error *error)
{
    if (!self->base.options.lenient)
        return smalti__source_fail(self->base.source, error, SMALTI_E_FORMAT, offset, "a sample larger than %u",
                                   self->head.maxval);
    if (!self->warned_sample)
        smalti__decoder_warn(&self->base.options, "samples larger than %u are cut, the first at byte %zu",
                             self->head.maxval, offset);
    self->warned_sample = true;
    return SMALTI_OK;
}

static smalti_result read_bits(uint8_t *dst, const uint8_t *src, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++)
        dst[x] = src[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
    return SMALTI_OK;
}

static smalti_result read_bytes(pnm_decoder *self, uint8_t *dst, size_t offset, uint32_t count, smalti_error *error)
{
    const uint8_t *src = self->base.source->data + offset;
    if (self->head.maxval == 255) {
        memcpy(dst, src, count);
        return SMALTI_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (src[i] > self->head.maxval)
            SMALTI__TRY(too_large(self, offset + i, error));
        dst[i] = self->scale8[src[i]];
    }
    return SMALTI_OK;
}

static smalti_result read_words(pnm_decoder *self, uint16_t *dst, size_t offset, uint32_t count, smalti_error *error)
{
    const uint8_t *src = self->base.source->data + offset;
    uint32_t maxval = self->head.maxval;
    for (uint32_t i = 0; i < count; i++)
        dst[i] = (uint16_t)smalti__be16(src + 2 * (size_t)i);
    if (maxval == 65535)
        return SMALTI_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (dst[i] > maxval) {
            SMALTI__TRY(too_large(self, offset + 2 * (size_t)i, error));
            dst[i] = (uint16_t)maxval;
        }
        dst[i] = scale16(dst[i], maxval);
    }
    return SMALTI_OK;
}

static smalti_result read_floats(float *dst, const uint8_t *src, uint32_t count, bool little_endian)
{
    for (uint32_t i = 0; i < count; i++, src += 4) {
        uint32_t bits = smalti__be32(src);
        bits = little_endian ? __builtin_bswap32(bits) : bits;
        memcpy(dst + i, &bits, sizeof bits);
    }
    return SMALTI_OK;
}

/* P1, P2, P3. */
static smalti_result read_plain(pnm_decoder *self, void *dst, uint32_t count, smalti_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value;
        if (self->head.black_is_one) {
            SMALTI__TRY(smalti__pnm_bit(&self->text, &value, error));
            ((uint8_t *)dst)[i] = value ? 0 : 255;
            continue;
        }
        size_t offset = self->text.at;
        SMALTI__TRY(smalti__pnm_number(&self->text, UINT16_MAX, &value, error));
        if (value > self->head.maxval) {
            SMALTI__TRY(too_large(self, offset, error));
            value = self->head.maxval;
        }
        if (self->head.maxval < 256)
            ((uint8_t *)dst)[i] = self->scale8[value];
        else
            ((uint16_t *)dst)[i] = scale16(value, self->head.maxval);
    }
    return SMALTI_OK;
}

/* Where a row begins; false when the file has not all of it. */
static bool find_row(const pnm_decoder *self, uint32_t row, size_t *offset)
{
    const smalti__pnm_head *head = &self->head;
    uint32_t stored = head->maxval ? row : head->height - 1 - row;
    size_t end;
    return smalti__mul(self->row_bytes, stored, offset) && smalti__add(*offset, head->offset, offset) &&
           smalti__add(*offset, self->row_bytes, &end) && end <= self->base.source->size;
}

static smalti_result read_row(pnm_decoder *self, void *dst, uint32_t row, smalti_error *error)
{
    const smalti__source *source = self->base.source;
    uint32_t count = samples_of(self);
    size_t offset;
    if (self->head.ascii)
        return read_plain(self, dst, count, error);
    if (!find_row(self, row, &offset))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "the file ends in row %u of %u", row, self->head.height);
    if (self->head.bits)
        return read_bits(dst, source->data + offset, count);
    if (!self->head.maxval)
        return read_floats(dst, source->data + offset, count, self->head.little_endian);
    return self->head.maxval < 256 ? read_bytes(self, dst, offset, count, error)
                                   : read_words(self, dst, offset, count, error);
}

/* Lenient: a row that the file does not have. Those of PFM are at the top of the image, the others at its end. */
static void missing_row(pnm_decoder *self, void *dst, size_t size)
{
    if (!self->warned_cut)
        smalti__decoder_warn(&self->base.options, "the file ends or is damaged: rows are missing, of %u the %s",
                             self->head.height, self->head.maxval ? "last" : "first");
    self->warned_cut = true;
    self->cut = self->head.maxval != 0;
    memset(dst, 0, size);
}

static smalti_result pnm_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error)
{
    pnm_decoder *self = (pnm_decoder *)decoder;
    size_t size = samples_of(self) * smalti_sample_bytes(decoder->info.sample), offset;
    bool lenient = decoder->options.lenient;
    for (uint32_t y = 0; y < rows; y++) {
        uint8_t *out = (uint8_t *)dst + y * pitch;
        smalti_result result = SMALTI_E_FORMAT;
        if (!self->cut)
            result = read_row(self, out, decoder->row + y, lenient ? NULL : error);
        if (result < 0 && !lenient)
            return result;
        if (result < 0)
            missing_row(self, out, size);
    }
    if (self->head.ascii)
        smalti__source_consumed(decoder->source, self->text.at);
    else if (self->head.maxval && find_row(self, decoder->row + rows - 1, &offset))
        smalti__source_consumed(decoder->source, offset);
    return SMALTI_OK;
}

/* Files too short for their pixels are refused before anybody takes memory for them. */
static smalti_result pnm_start(smalti__decoder *decoder, smalti_error *error)
{
    pnm_decoder *self = (pnm_decoder *)decoder;
    const smalti__source *source = decoder->source;
    const smalti__pnm_head *head = &self->head;
    /* of the plain forms a number has a digit and, but for the last and the bits of P1, a space */
    size_t row = head->ascii ? samples_of(self) * (head->black_is_one ? (size_t)1 : 2) : self->row_bytes, least;
    if (!smalti__mul(row, head->height, &least))
        least = SIZE_MAX;
    least -= head->ascii && !head->black_is_one;
    if (!decoder->options.lenient && source->size - head->offset < least)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT_TRUNCATED, source->size,
                                   "%ux%u pixels take at least %zu bytes, the file ends", head->width, head->height,
                                   least);
    return SMALTI_OK;
}

static smalti_result pnm_finish(smalti__decoder *decoder, smalti_error *error)
{
    (void)decoder, (void)error; /* what follows, another image for one, is not looked at */
    return SMALTI_OK;
}

static void pnm_close(smalti__decoder *decoder)
{
    free(decoder);
}

static void fill_info(pnm_decoder *self)
{
    static const char *const colors[] = {"", "gray", "gray-alpha", "rgb", "rgba"};
    static const uint8_t depths[] = {1, 2, 4, 8, 10, 12, 16};
    const smalti__pnm_head *head = &self->head;
    smalti_info *info = &self->base.info;
    *info = (smalti_info){.format = "pnm",
                          .width = head->width,
                          .height = head->height,
                          .channels = head->channels,
                          .orientation = 1,
                          .frames = 1,
                          .has_alpha = head->channels % 2 == 0,
                          .file_bytes = self->base.source->size};
    info->sample = !head->maxval ? SMALTI_SAMPLE_F32 : head->maxval < 256 ? SMALTI_SAMPLE_U8 : SMALTI_SAMPLE_U16;
    info->bit_depth = 32;
    for (size_t i = SMALTI__COUNT(depths); head->maxval && i-- > 0;)
        if (head->maxval < 1u << depths[i])
            info->bit_depth = depths[i];
    snprintf(info->color, sizeof info->color, "%s", colors[head->channels]);
    snprintf(info->compression, sizeof info->compression, "%s", head->ascii ? "plain" : "raw");
    info->decoded_bytes = (uint64_t)info->width * info->height * info->channels * smalti_sample_bytes(info->sample);
}

static smalti_result set_up(pnm_decoder *self, smalti_error *error)
{
    const smalti__source *source = self->base.source;
    const smalti__pnm_head *head = &self->head;
    SMALTI__TRY(smalti__pnm_head_parse(source, &self->head, error));
    if ((uint64_t)head->width * head->channels > INT32_MAX)
        return smalti__source_fail(source, error, SMALTI_E_LIMIT, SMALTI_NO_OFFSET, "rows of %u pixels are too long",
                                   head->width);
    fill_info(self);
    SMALTI__TRY(smalti__decoder_check_pixels(&self->base, error));
    size_t sample = !head->maxval ? 4 : head->maxval < 256 ? 1 : 2;
    self->row_bytes = head->ascii ? 0 : head->bits ? (head->width + (size_t)7) / 8 : samples_of(self) * sample;
    self->text = (smalti__pnm_text){source, head->offset};
    for (uint32_t i = 0; head->maxval && head->maxval < 256 && i < 256; i++) {
        uint32_t value = i < head->maxval ? i : head->maxval;
        self->scale8[i] = (uint8_t)((value * 255 + head->maxval / 2) / head->maxval);
    }
    return SMALTI_OK;
}

static smalti_result pnm_open(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                              smalti_error *error)
{
    static const smalti__decoder_ops ops = {pnm_start, pnm_read, pnm_finish, pnm_close};
    pnm_decoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = (smalti__decoder){.ops = &ops, .source = source, .options = *options};
    smalti_result result = set_up(self, error);
    if (result < 0)
        pnm_close(&self->base);
    else
        *decoder = &self->base;
    return result;
}

static const char *const extensions[] = {"pnm", "ppm", "pgm", "pbm", "pam", "pfm", NULL};

const smalti__decoder_format smalti__decoder_pnm = {"pnm", extensions, smalti__pnm_probe, pnm_open};
