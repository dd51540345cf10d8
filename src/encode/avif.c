/* SPDX-License-Identifier: Apache-2.0
 * AVIF through libavif and libaom. Rows are turned into planes as they come, so that no frame of RGB is held; AV1 needs the
 * planes whole, and is encoded by finish. libavif cannot be stopped while it encodes. */
#include "encode/avif.h"

enum {
    LARGEST_SIDE = 65536, /* of AV1 */
    DEFAULT_QUALITY = 50,
    MOST_EFFORT = 9,
    MOST_QUANTIZER = 63,
    TWO_TILES = 1024, /* from this width on an image has two columns of tiles */
    DEPTH_OF_16 = 10, /* what 16-bit samples become … */
    LOSSLESS_DEPTH_OF_16 = 12 /* … the most that AV1 has */
};

static bool has_alpha(uint32_t channels)
{
    return channels % 2 == 0;
}

static uint32_t depth_of(smalti_sample sample, bool lossless)
{
    return sample == SMALTI_SAMPLE_U8 ? 8 : lossless ? LOSSLESS_DEPTH_OF_16 : DEPTH_OF_16;
}

static avifPixelFormat format_of(uint32_t channels, const smalti__encode_params *params)
{
    if (channels < 3)
        return AVIF_PIXEL_FORMAT_YUV400;
    if (params->lossless)
        return AVIF_PIXEL_FORMAT_YUV444;
    return params->subsampling == 420   ? AVIF_PIXEL_FORMAT_YUV420
           : params->subsampling == 422 ? AVIF_PIXEL_FORMAT_YUV422
                                        : AVIF_PIXEL_FORMAT_YUV444;
}

/* Bytes per pixel that libaom 3.6 was seen to take, in two parts: of each pixel, and of each of its samples (8 bits; those of
 * 16 bits take 1.6 times as much). By effort, measured with photographs of 0.4, 1.6 and 4.7 megapixels. */
static const struct cost {
    uint8_t pixel, sample;
} costs[MOST_EFFORT + 1] = {{7, 8}, {7, 8}, {7, 8}, {17, 8}, {19, 9}, {20, 11}, {20, 11}, {20, 11}, {20, 11}, {20, 11}};

static size_t work_bytes(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params)
{
    /* the library, libaom's tables, and the coder's state */
    enum { FIXED = 18 << 20, EXACT = 9, ALPHA = 4, WIDE_IN_TENTHS = 16 };
    const struct cost *cost = &costs[params->avif_effort < MOST_EFFORT ? params->avif_effort : MOST_EFFORT];
    /* libaom allocates chroma of monochrome, too */
    size_t halves = format_of(channels, params) == AVIF_PIXEL_FORMAT_YUV444   ? 6
                    : format_of(channels, params) == AVIF_PIXEL_FORMAT_YUV422 ? 4
                                                                              : 3;
    size_t tenths = cost->sample * halves * (sample == SMALTI_SAMPLE_U8 ? 10 : WIDE_IN_TENTHS) / 2;
    size_t each = cost->pixel + tenths / 10 + 1, pixels, bytes;
    each += has_alpha(channels) ? ALPHA : 0;
    each += params->lossless || params->quality > 90 ? EXACT : 0; /* the coded image, up to three times */
    bool fits = smalti__mul(smalti__align(width, 64), smalti__align(height, 64), &pixels) &&
                smalti__mul(pixels, each, &bytes) &&
                smalti__add(bytes, FIXED + smalti__avif_planes_bytes(width, format_of(channels, params)), &bytes);
    return fits ? bytes : SIZE_MAX;
}

static void avif_close(smalti__encoder *encoder)
{
    smalti__avif_encoder *self = (smalti__avif_encoder *)encoder;
    if (self->avif)
        self->lib->avifEncoderDestroy(self->avif);
    if (self->image)
        self->lib->avifImageDestroy(self->image);
    smalti__pool_put(encoder->params.pool, self->chroma);
    free(self);
}

static smalti_result failed(const smalti__avif_encoder *self, avifResult result, smalti_error *error)
{
    char text[SMALTI__MESSAGE_PART];
    smalti_result code = smalti__avif_code(result);
    return smalti__fail(error, code == SMALTI_E_FORMAT ? SMALTI_E_INVALID : code, "AVIF encoder: %s",
                        smalti__avif_text(self->lib, result, &self->avif->diag, text));
}

static void warn(const smalti__encode_params *params, const char *message)
{
    if (params->warn)
        params->warn(params->user, message);
}

static smalti_result make_image(smalti__avif_encoder *self, smalti_error *error)
{
    const smalti__encoder *base = &self->base;
    const smalti__encode_params *params = &base->params;
    avifPixelFormat format = format_of(base->channels, params);
    size_t chroma = smalti__avif_planes_bytes(base->width, format);
    self->image =
        self->lib->avifImageCreate(base->width, base->height, depth_of(base->sample, params->lossless), format);
    self->chroma = chroma ? smalti__pool_get(params->pool, chroma) : NULL;
    if (!self->image || (chroma && !self->chroma))
        return smalti__fail_nomem(error, sizeof *self->image + chroma);
    if (chroma)
        memset(self->chroma, 0, chroma);
    avifImage *image = self->image;
    bool profile = params->metadata && params->metadata->icc.size;
    image->yuvRange = AVIF_RANGE_FULL;
    image->colorPrimaries = profile ? AVIF_COLOR_PRIMARIES_UNSPECIFIED : AVIF_COLOR_PRIMARIES_BT709;
    image->transferCharacteristics =
        profile ? AVIF_TRANSFER_CHARACTERISTICS_UNSPECIFIED : AVIF_TRANSFER_CHARACTERISTICS_SRGB;
    image->matrixCoefficients =
        params->lossless && base->channels > 2 ? AVIF_MATRIX_COEFFICIENTS_IDENTITY : AVIF_MATRIX_COEFFICIENTS_BT601;
    avifResult result =
        self->lib->avifImageAllocatePlanes(image, AVIF_PLANES_YUV | (has_alpha(base->channels) ? AVIF_PLANES_A : 0));
    bool made = image->yuvPlanes[0] && (!has_alpha(base->channels) || image->alphaPlane);
    if (result != AVIF_RESULT_OK || !made)
        return smalti__fail_nomem(error, work_bytes(base->width, base->height, base->channels, base->sample, params));
    return SMALTI_OK;
}

/* EXIF's orientation becomes irot and imir. */
static void set_metadata(smalti__avif_encoder *self)
{
    const smalti__metadata *metadata = self->base.params.metadata;
    if (!metadata)
        return;
    if (metadata->icc.size)
        self->lib->avifImageSetProfileICC(self->image, metadata->icc.data, metadata->icc.size);
    /* libavif refuses to write what does not begin like TIFF */
    if (metadata->exif.size > 8 &&
        (!memcmp(metadata->exif.data, "II*\0", 4) || !memcmp(metadata->exif.data, "MM\0*", 4)))
        self->lib->avifImageSetMetadataExif(self->image, metadata->exif.data, metadata->exif.size);
    else if (metadata->exif.size)
        warn(&self->base.params, "EXIF dropped: it is malformed");
    if (metadata->xmp.size)
        self->lib->avifImageSetMetadataXMP(self->image, metadata->xmp.data, metadata->xmp.size);
}

static smalti_result make_encoder(smalti__avif_encoder *self, smalti_error *error)
{
    const smalti__encode_params *params = &self->base.params;
    self->avif = self->lib->avifEncoderCreate();
    if (!self->avif)
        return smalti__fail_nomem(error, sizeof *self->avif);
    uint32_t quality = params->quality ? params->quality : DEFAULT_QUALITY;
    int quantizer = params->lossless ? 0 : (int)(((100 - quality) * MOST_QUANTIZER + 50) / 100);
    char level[12];
    snprintf(level, sizeof level, "%d", quantizer);
    self->avif->codecChoice = AVIF_CODEC_CHOICE_AOM;
    self->avif->maxThreads = params->spare_thread ? 2 : 1;
    self->avif->speed = (int)(MOST_EFFORT - (params->avif_effort < MOST_EFFORT ? params->avif_effort : MOST_EFFORT));
    /* for the second thread; by the size alone, so that the bytes do not depend on it. Costs 0.1 % of them */
    self->avif->tileColsLog2 = self->base.width >= TWO_TILES;
    self->avif->minQuantizer = self->avif->minQuantizerAlpha = 0;
    self->avif->maxQuantizer = self->avif->maxQuantizerAlpha = params->lossless ? 0 : MOST_QUANTIZER;
    /* rows in parallel would make other bytes than one thread does */
    self->lib->avifEncoderSetCodecSpecificOption(self->avif, "row-mt", "0");
    if (!params->lossless) {
        self->lib->avifEncoderSetCodecSpecificOption(self->avif, "end-usage", "q");
        self->lib->avifEncoderSetCodecSpecificOption(self->avif, "cq-level", level);
    }
    return SMALTI_OK;
}

static smalti_result check(const smalti__encoder *seed, smalti_error *error)
{
    const smalti__encode_params *params = &seed->params;
    SMALTI__TRY(smalti__encoder_check_lossy(params, error));
    if (!seed->width || seed->width > LARGEST_SIDE || !seed->height || seed->height > LARGEST_SIDE)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%ux%u pixels do not fit AVIF: a side has 1 to %d",
                            seed->width, seed->height, (int)LARGEST_SIDE);
    if ((seed->sample != SMALTI_SAMPLE_U8 && seed->sample != SMALTI_SAMPLE_U16) || seed->channels < 1 ||
        seed->channels > 4)
        return smalti__fail(error, SMALTI_E_INVALID, "AVIF takes 1 to 4 channels of 8 or 16 bits");
    return SMALTI_OK;
}

static smalti_result avif_open(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error)
{
    SMALTI__TRY(check(seed, error));
    smalti__avif_encoder *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->base = *seed;
    smalti_result result = smalti__avif_library_get(&self->lib, error);
    if (result == SMALTI_OK && !self->lib->avifCodecName(AVIF_CODEC_CHOICE_AOM, AVIF_CODEC_FLAG_CAN_ENCODE))
        result = smalti__fail(error, SMALTI_E_UNSUPPORTED, "AVIF encoder: this libavif has no libaom");
    if (result == SMALTI_OK)
        result = make_image(self, error);
    if (result == SMALTI_OK)
        result = make_encoder(self, error);
    if (result < 0) {
        avif_close(&self->base);
        return result;
    }
    set_metadata(self);
    if (seed->params.lossless && seed->sample == SMALTI_SAMPLE_U16)
        warn(&seed->params, "16-bit samples become 12-bit ones: AVIF has no more");
    *encoder = &self->base;
    return SMALTI_OK;
}

static smalti_result avif_write(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                                smalti_error *error)
{
    if (count > encoder->height - encoder->row)
        return smalti__fail(error, SMALTI_E_INVALID, "AVIF encoder: more rows than the height of %u", encoder->height);
    for (uint32_t y = 0; y < count; y++, encoder->row++)
        smalti__avif_planes_put((smalti__avif_encoder *)encoder, (const uint8_t *)rows + y * pitch);
    return SMALTI_OK;
}

static smalti_result avif_finish(smalti__encoder *encoder, smalti_error *error)
{
    smalti__avif_encoder *self = (smalti__avif_encoder *)encoder;
    if (encoder->row != encoder->height)
        return smalti__fail(error, SMALTI_E_INVALID, "AVIF encoder: %u of %u rows were written", encoder->row,
                            encoder->height);
    SMALTI__TRY(smalti__stop_check(encoder->params.stop, error));
    avifRWData output = AVIF_DATA_EMPTY;
    avifResult result = self->lib->avifEncoderAddImage(self->avif, self->image, 1, AVIF_ADD_IMAGE_FLAG_SINGLE);
    if (result == AVIF_RESULT_OK)
        result = self->lib->avifEncoderFinish(self->avif, &output);
    smalti_result written = result == AVIF_RESULT_OK
                                ? smalti__sink_write(encoder->sink, output.data, output.size, error)
                                : failed(self, result, error);
    self->lib->avifRWDataFree(&output);
    return written;
}

static const char *const extensions[] = {"avif", NULL};

const smalti__encoder_format smalti__encoder_avif = {.name = "avif",
                                                     .extensions = extensions,
                                                     .samples = 1u << SMALTI_SAMPLE_U8 | 1u << SMALTI_SAMPLE_U16,
                                                     .channels = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4,
                                                     .default_quality = DEFAULT_QUALITY,
                                                     .max_width = LARGEST_SIDE,
                                                     .max_height = LARGEST_SIDE,
                                                     .work_bytes = work_bytes,
                                                     .open = avif_open,
                                                     .write = avif_write,
                                                     .finish = avif_finish,
                                                     .close = avif_close};
