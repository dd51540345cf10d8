/* SPDX-License-Identifier: Apache-2.0
 * From the planes of a decoded AVIF image to rows: colours by libavif, some rows at a time, so that no second frame is
 * needed; monochrome by tables. */
#include "decode/avif.h"

enum {
    GROUP = 64, /* rows converted at a time */
    AROUND = 2  /* rows above and below that bilinear upsampling of chroma looks at; even, as windows have to be */
};

static bool is_gray(const smalti__avif *self)
{
    return self->format == AVIF_PIXEL_FORMAT_YUV400;
}

static bool is_wide(const smalti__avif *self)
{
    return self->depth > 8;
}

/* libyuv, which libavif uses for 8 bits, knows RGBA only. */
static size_t buffer_pixel(const smalti__avif *self)
{
    return is_wide(self) ? 2 * (size_t)self->base.info.channels : 4;
}

static size_t buffer_pitch(const smalti__avif *self)
{
    return smalti__align(self->crop.width * buffer_pixel(self), 64);
}

static size_t buffer_bytes(const smalti__avif *self)
{
    return is_gray(self) ? 0 : buffer_pitch(self) * (GROUP + 2 * AROUND);
}

static size_t scale_bytes(const smalti__avif *self)
{
    return is_gray(self) ? sizeof(uint16_t) << self->depth : 0;
}

size_t smalti__avif_pixels_bytes(const smalti__avif *self)
{
    return buffer_bytes(self) + 2 * scale_bytes(self) + 1024 + 4 * (size_t)SMALTI__POOL_SLACK;
}

/* Stored samples of a range to the full range of what is delivered. */
static void fill_scale(const smalti__avif *self, uint16_t *scale, bool full_range)
{
    int count = 1 << self->depth, low = full_range ? 0 : 16 << (self->depth - 8);
    int range = full_range ? count - 1 : 219 << (self->depth - 8), most = is_wide(self) ? 65535 : 255;
    for (int i = 0; i < count; i++) {
        int64_t value = i < low ? 0 : ((int64_t)(i - low) * most + range / 2) / range;
        scale[i] = (uint16_t)(value < most ? value : most);
    }
}

smalti_result smalti__avif_pixels_start(smalti__avif *self, smalti_error *error)
{
    smalti__pool *pool = self->base.options.pool;
    self->first = self->last = 0;
    if (is_gray(self)) {
        self->gray_scale = smalti__pool_get(pool, scale_bytes(self));
        self->alpha_scale = smalti__pool_get(pool, scale_bytes(self));
        if (!self->gray_scale || !self->alpha_scale)
            return smalti__fail_nomem(error, scale_bytes(self));
        fill_scale(self, self->gray_scale, self->avif->image->yuvRange == AVIF_RANGE_FULL);
        fill_scale(self, self->alpha_scale, true);
        return SMALTI_OK;
    }
    self->view = self->lib->avifImageCreateEmpty();
    self->rows = smalti__pool_get(pool, buffer_bytes(self));
    return self->view && self->rows ? SMALTI_OK : smalti__fail_nomem(error, buffer_bytes(self));
}

void smalti__avif_pixels_end(smalti__avif *self)
{
    smalti__pool *pool = self->base.options.pool;
    smalti__pool_put(pool, self->rows);
    smalti__pool_put(pool, self->alpha_scale);
    smalti__pool_put(pool, self->gray_scale);
    if (self->view)
        self->lib->avifImageDestroy(self->view);
    self->view = NULL;
    self->rows = NULL;
    self->gray_scale = self->alpha_scale = NULL;
}

static uint32_t sample_at(const uint8_t *row, uint32_t x, bool wide)
{
    uint16_t value;
    if (!wide)
        return row[x];
    memcpy(&value, row + 2 * (size_t)x, 2);
    return value;
}

static void get_gray(smalti__avif *self, uint32_t y, uint8_t *dst)
{
    const avifImage *image = self->avif->image;
    bool wide = is_wide(self), alpha = self->base.info.channels == 2;
    uint32_t most = wide ? 65535 : 255, mask = (1u << self->depth) - 1, step = alpha ? 2 : 1;
    const uint8_t *row = image->yuvPlanes[0] + (size_t)y * image->yuvRowBytes[0];
    const uint8_t *alpha_row = alpha ? image->alphaPlane + (size_t)y * image->alphaRowBytes : NULL;
    for (uint32_t i = 0; i < self->crop.width; i++) {
        uint32_t x = self->crop.x + i, gray = self->gray_scale[sample_at(row, x, wide) & mask], cover = most;
        if (alpha)
            cover = self->alpha_scale[sample_at(alpha_row, x, wide) & mask];
        if (alpha && image->alphaPremultiplied) {
            gray = cover ? (gray * most + cover / 2) / cover : 0;
            gray = gray < most ? gray : most;
        }
        if (wide) {
            uint16_t *to = (uint16_t *)dst + (size_t)i * step;
            to[0] = (uint16_t)gray;
            if (alpha)
                to[1] = (uint16_t)cover;
        } else {
            uint8_t *to = dst + (size_t)i * step;
            to[0] = (uint8_t)gray;
            if (alpha)
                to[1] = (uint8_t)cover;
        }
    }
}

/* Fills the buffer with the group that row y of the coded image is in. Groups lie the same way whatever is asked for. */
static smalti_result convert_group(smalti__avif *self, uint32_t y, smalti_error *error)
{
    const avifImage *image = self->avif->image;
    uint32_t group = y / GROUP * GROUP;
    self->first = group < AROUND ? 0 : group - AROUND;
    self->last = image->height - group > GROUP + AROUND ? group + GROUP + AROUND : image->height;
    const avifCropRect window = {self->crop.x, self->first, self->crop.width, self->last - self->first};
    avifResult result = self->lib->avifImageSetViewRect(self->view, image, &window);
    if (result == AVIF_RESULT_OK) {
        avifRGBImage rgb;
        self->lib->avifRGBImageSetDefaults(&rgb, self->view);
        rgb.depth = is_wide(self) ? 16 : 8;
        rgb.format = is_wide(self) && self->base.info.channels == 3 ? AVIF_RGB_FORMAT_RGB : AVIF_RGB_FORMAT_RGBA;
        rgb.chromaUpsampling = AVIF_CHROMA_UPSAMPLING_BILINEAR;
        rgb.pixels = self->rows;
        rgb.rowBytes = (uint32_t)buffer_pitch(self);
        result = self->lib->avifImageYUVToRGB(self->view, &rgb);
    }
    if (result == AVIF_RESULT_OK) {
        /* the outermost rows lacked a neighbour */
        self->first = group;
        self->last = self->last - group > GROUP ? group + GROUP : self->last;
        return SMALTI_OK;
    }
    self->first = self->last = 0;
    char text[SMALTI__MESSAGE_PART];
    return smalti__source_fail(self->base.source, error, smalti__avif_code(result), SMALTI_NO_OFFSET,
                               "its colours cannot be converted: %s", smalti__avif_text(self->lib, result, NULL, text));
}

smalti_result smalti__avif_pixels_get(smalti__avif *self, uint32_t y, uint8_t *dst, smalti_error *error)
{
    y += self->crop.y;
    if (is_gray(self)) {
        get_gray(self, y, dst);
        return SMALTI_OK;
    }
    if (y < self->first || y >= self->last)
        SMALTI__TRY(convert_group(self, y, error));
    uint32_t top = self->first < AROUND ? self->first : AROUND;
    const uint8_t *row = self->rows + (y - self->first + top) * buffer_pitch(self);
    if (is_wide(self) || self->base.info.channels == 4) {
        memcpy(dst, row, self->crop.width * (size_t)self->base.info.channels * (is_wide(self) ? 2 : 1));
        return SMALTI_OK;
    }
    for (uint32_t x = 0; x < self->crop.width; x++, dst += 3, row += 4) {
        dst[0] = row[0];
        dst[1] = row[1];
        dst[2] = row[2];
    }
    return SMALTI_OK;
}
