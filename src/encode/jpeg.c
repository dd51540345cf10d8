/* SPDX-License-Identifier: Apache-2.0
 * JPEG through libjpeg-turbo, from rows or from planes. By default with fixed Huffman tables (jpeg_tables.h): tables made
 * for the image save 1 % of the bytes more (photographs at quality 80), but take the coefficients of the whole image in
 * memory and a second pass over them. */
#include "encode/encode.h"
#include "encode/jpeg_output.h"
#include "encode/jpeg_tables.h"

enum {
    LINES = 16, /* rows handed over at a time: an MCU of 4:2:0 */
    LARGEST_SIDE = JPEG_MAX_DIMENSION,
    DEFAULT_QUALITY = 80,
    DEFAULT_SUBSAMPLING = 420
};

typedef struct jpeg_encoder {
    smalti__encoder base; /* first */
    smalti__jpeg_output out;
    bool planar; /* write_planes is used, not write */

    /* of the call under way */
    const uint8_t *rows;
    size_t pitch;
    uint32_t count;
    const smalti__planes *planes;
} jpeg_encoder;

/* Sampling factors of luma; those of chroma are 1. */
static uint32_t luma_across(const smalti__encoder *encoder)
{
    return encoder->channels == 1 || encoder->params.subsampling == 444 ? 1 : 2;
}
static uint32_t luma_down(const smalti__encoder *encoder)
{
    return encoder->channels == 3 && encoder->params.subsampling == 420 ? 2 : 1;
}

static smalti__encode_params complete(const smalti__encode_params *params)
{
    smalti__encode_params all = *params;
    all.quality = all.quality ? all.quality : DEFAULT_QUALITY;
    all.subsampling = all.subsampling ? all.subsampling : DEFAULT_SUBSAMPLING;
    return all;
}

/* ---- Huffman tables ---- */

/* Leaves out what cannot occur: a file of a thumbnail is a percent smaller. */
static void take_table(JHUFF_TBL *to, const uint8_t counts[16], const uint8_t *symbols, const uint16_t quant[64],
                       bool (*possible)(uint8_t symbol, const uint16_t quant[64]))
{
    uint32_t kept = 0;
    memset(to->bits, 0, sizeof to->bits);
    for (uint32_t bits = 1; bits <= 16; bits++) {
        for (uint32_t i = 0; i < counts[bits - 1]; i++, symbols++) {
            if (!possible(*symbols, quant))
                continue;
            to->bits[bits]++;
            to->huffval[kept++] = *symbols;
        }
    }
}

static void take_tables(struct jpeg_compress_struct *jpeg, uint32_t quality)
{
    static const uint8_t natural[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                        12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
    const smalti__jpeg_table_set *set = smalti__jpeg_tables((int)quality);
    for (int i = 0; i < 2; i++) {
        uint16_t quant[64];
        for (int k = 0; k < 64; k++)
            quant[k] = jpeg->quant_tbl_ptrs[i]->quantval[natural[k]];
        take_table(jpeg->dc_huff_tbl_ptrs[i], set->dc[i].counts, set->dc[i].symbols, quant, smalti__jpeg_dc_possible);
        take_table(jpeg->ac_huff_tbl_ptrs[i], set->ac[i].counts, set->ac[i].symbols, quant, smalti__jpeg_ac_possible);
    }
}

/* ---- open ---- */

static void begin(void *user)
{
    jpeg_encoder *self = user;
    const smalti__encoder *base = &self->base;
    const smalti__encode_params *params = &base->params;
    struct jpeg_compress_struct *jpeg = &self->out.jpeg;
    smalti__jpeg_output_create(&self->out);
    jpeg->image_width = base->width;
    jpeg->image_height = base->height;
    jpeg->input_components = (int)base->channels;
    jpeg->in_color_space = base->channels == 1 ? JCS_GRAYSCALE : self->planar ? JCS_YCbCr : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)params->quality, TRUE);
    jpeg->comp_info[0].h_samp_factor = (int)luma_across(base);
    jpeg->comp_info[0].v_samp_factor = (int)luma_down(base);
    jpeg->raw_data_in = self->planar;
    if (params->progressive)
        jpeg_simple_progression(jpeg);
    else if (params->optimize)
        jpeg->optimize_coding = TRUE;
    else
        take_tables(jpeg, params->quality);
    jpeg_start_compress(jpeg, TRUE);
    smalti__jpeg_output_metadata(&self->out);
}

static void jpeg_close(smalti__encoder *encoder)
{
    jpeg_encoder *self = (jpeg_encoder *)encoder;
    smalti__jpeg_output_close(&self->out);
    free(self);
}

static smalti_result check(const smalti__encoder *seed, smalti_error *error)
{
    const smalti__encode_params *params = &seed->params;
    SMALTI__TRY(smalti__encoder_check_lossy(params, error));
    if (!seed->width || seed->width > LARGEST_SIDE || !seed->height || seed->height > LARGEST_SIDE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%ux%u pixels do not fit JPEG: a side has 1 to %ld",
                            seed->width, seed->height, (long)LARGEST_SIDE);
    if (seed->sample != SMALTI_SAMPLE_U8 || (seed->channels != 1 && seed->channels != 3))
        return smalti__fail(error, SMALTI_E_INVALID, "JPEG takes 1 or 3 channels of 8 bits");
    return SMALTI_OK;
}

static smalti_result open_any(const smalti__encoder *seed, bool planar, smalti__encoder **encoder, smalti_error *error)
{
    SMALTI__TRY(check(seed, error));
    jpeg_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    self->base.params = complete(&seed->params);
    self->planar = planar;
    smalti_result result = smalti__jpeg_output_open(&self->out, seed->sink, &self->base.params, error);
    if (result == SMALTI_OK)
        result = smalti__jpeg_output_protect(&self->out, begin, self, error);
    if (result < 0) {
        jpeg_close(&self->base);
        return result;
    }
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result jpeg_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    return open_any(seed, false, encoder, error);
}

static smalti_result jpeg_open_planes(const smalti__encoder *seed, smalti__planes *image, smalti__planes *unit,
                                      smalti__encoder **encoder, smalti_error *error)
{
    SMALTI__TRY(open_any(seed, true, encoder, error));
    uint32_t across = luma_across(*encoder), down = luma_down(*encoder);
    *image = (smalti__planes){.count = seed->channels};
    for (uint32_t i = 0; i < image->count; i++) {
        image->across[i] = i ? across : 1;
        image->down[i] = i ? down : 1;
        image->width[i] = (seed->width + image->across[i] - 1) / image->across[i];
        image->height[i] = (seed->height + image->down[i] - 1) / image->down[i];
    }
    *unit = *image;
    for (uint32_t i = 0; i < unit->count; i++) {
        unit->height[i] = DCTSIZE * (i ? 1 : down);
        unit->pitch[i] = smalti__align(unit->width[i], DCTSIZE);
    }
    return SMALTI_OK;
}

/* ---- write ---- */

static void write_rows(void *user)
{
    jpeg_encoder *self = user;
    while (self->count) {
        JSAMPROW lines[LINES];
        uint32_t count = self->count < LINES ? self->count : LINES;
        for (uint32_t i = 0; i < count; i++)
            lines[i] = (JSAMPROW)(self->rows + i * self->pitch); /* libjpeg only reads them */
        count = jpeg_write_scanlines(&self->out.jpeg, lines, count);
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
    return smalti__jpeg_output_protect(&self->out, write_rows, self, error);
}

/* libjpeg takes whole blocks: the last sample of a row and the last row are repeated. */
static void write_unit(void *user)
{
    jpeg_encoder *self = user;
    const smalti__planes *planes = self->planes;
    JSAMPROW rows[3][2 * DCTSIZE];
    JSAMPARRAY all[3];
    for (uint32_t i = 0; i < planes->count; i++) {
        uint32_t unit = DCTSIZE * (i ? 1 : luma_down(&self->base)), width = planes->width[i];
        for (uint32_t y = 0; y < unit; y++) {
            uint32_t from = y < planes->height[i] ? y : planes->height[i] - 1;
            uint8_t *row = rows[i][y] = planes->data[i] + from * planes->pitch[i];
            if (y == from)
                memset(row + width, row[width - 1], smalti__align(width, DCTSIZE) - width);
        }
        all[i] = rows[i];
    }
    jpeg_write_raw_data(&self->out.jpeg, all, DCTSIZE * luma_down(&self->base));
    self->base.row += planes->height[0];
}

static smalti_result jpeg_write_planes(smalti__encoder *encoder, const smalti__planes *rows, smalti_error *error)
{
    jpeg_encoder *self = (jpeg_encoder *)encoder;
    uint32_t down = luma_down(encoder), unit = DCTSIZE * down, left = encoder->height - encoder->row;
    for (uint32_t i = 0; i < encoder->channels; i++) {
        uint32_t count = left < unit ? left : unit, wanted = i ? (count + down - 1) / down : count;
        if (!left || rows->height[i] != wanted)
            return smalti__fail(error, SMALTI_E_INVALID, "JPEG encoder: %u rows of plane %u instead of %u",
                                rows->height[i], i, left ? wanted : 0);
    }
    self->planes = rows;
    return smalti__jpeg_output_protect(&self->out, write_unit, self, error);
}

static void end(void *user)
{
    jpeg_encoder *self = user;
    jpeg_finish_compress(&self->out.jpeg);
}

static smalti_result jpeg_finish(smalti__encoder *encoder, smalti_error *error)
{
    jpeg_encoder *self = (jpeg_encoder *)encoder;
    return smalti__jpeg_output_protect(&self->out, end, self, error);
}

/* From libjpeg-turbo's jcprepct.c (a group of rows at full width), jcmainct.c (an MCU row of each component), jccoefct.c
 * (arrays of blocks of 64 two-byte coefficients). */
static size_t jpeg_work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                              const smalti__encode_params *params)
{
    enum { TABLES = 128 * 1024, ROW_EXTRA = 128, ROWS = 2 * DCTSIZE + 2, MCU = 2 * DCTSIZE, SAMPLE_BYTES = 2 };
    const smalti__encode_params all = complete(params);
    const smalti__encoder geometry = {.params = all, .channels = channels};
    (void)sample;
    size_t total = TABLES + SMALTI__JPEG_BLOCK + (smalti__align(width, MCU) + ROW_EXTRA) * (size_t)ROWS * channels;
    for (uint32_t i = 0; (all.progressive || all.optimize) && i < channels; i++) {
        /* sides are at most 65500 pixels */
        size_t across = smalti__align(width, MCU) / (i ? luma_across(&geometry) : 1);
        size_t down = smalti__align(height, MCU) / (i ? luma_down(&geometry) : 1);
        total += (across * DCTSIZE * SAMPLE_BYTES + ROW_EXTRA) * (down / DCTSIZE);
    }
    return total;
}

static const char *const extensions[] = {"jpg", "jpeg", "jpe", "jfif", NULL};

const smalti__encoder_format smalti__encoder_jpeg = {.name = "jpeg",
                                                     .extensions = extensions,
                                                     .samples = 1u << SMALTI_SAMPLE_U8,
                                                     .channels = 1u << 1 | 1u << 3,
                                                     .default_quality = DEFAULT_QUALITY,
                                                     .max_width = LARGEST_SIDE,
                                                     .max_height = LARGEST_SIDE,
                                                     .work_bytes = jpeg_work_bytes,
                                                     .open = jpeg_open,
                                                     .write = jpeg_write,
                                                     .finish = jpeg_finish,
                                                     .close = jpeg_close,
                                                     .open_planes = jpeg_open_planes,
                                                     .write_planes = jpeg_write_planes};
