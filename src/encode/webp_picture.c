/* SPDX-License-Identifier: Apache-2.0
 * Rows into the samples that libwebp encodes. It converts whole pictures only; but pairs of rows do not depend on each
 * other, so a few are converted in a small picture and their planes copied: no frame of RGB is ever held. */
#include "encode/webp.h"

static uint32_t packed_channels(uint32_t channels)
{
    return channels % 2 ? 3 : 4;
}

size_t smalti__webp_rows_bytes(uint32_t width, uint32_t channels, bool argb)
{
    /* the block; libwebp's small picture, and two rows of sums */
    return argb ? 0 : (size_t)SMALTI__WEBP_ROWS * width * (packed_channels(channels) + 3) + (size_t)width * 16;
}

static void copy_plane(uint8_t *to, int to_pitch, const uint8_t *from, int from_pitch, uint32_t width, uint32_t rows)
{
    for (uint32_t y = 0; y < rows; y++)
        memcpy(to + (ptrdiff_t)y * to_pitch, from + (ptrdiff_t)y * from_pitch, width);
}

/* An even number of rows, but for the image's last. */
static smalti_result convert(smalti__webp_rows *self, const uint8_t *from, size_t pitch, uint32_t count,
                             smalti_error *error)
{
    WebPPicture *to = self->picture, part;
    bool alpha = packed_channels(self->channels) == 4;
    if (!WebPPictureInit(&part))
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "libwebp is of another version than its headers");
    part.width = to->width;
    part.height = (int)count;
    if (!(alpha ? WebPPictureImportRGBA : WebPPictureImportRGB)(&part, from, (int)pitch))
        return smalti__fail_nomem(error, smalti__webp_rows_bytes((uint32_t)to->width, self->channels, false));
    uint32_t width = (uint32_t)to->width, row = self->row, half = row / 2;
    copy_plane(to->y + (ptrdiff_t)row * to->y_stride, to->y_stride, part.y, part.y_stride, width, count);
    copy_plane(to->u + (ptrdiff_t)half * to->uv_stride, to->uv_stride, part.u, part.uv_stride, (width + 1) / 2,
               (count + 1) / 2);
    copy_plane(to->v + (ptrdiff_t)half * to->uv_stride, to->uv_stride, part.v, part.uv_stride, (width + 1) / 2,
               (count + 1) / 2);
    if (part.a) {
        self->alpha_seen = true;
        copy_plane(to->a + (ptrdiff_t)row * to->a_stride, to->a_stride, part.a, part.a_stride, width, count);
    } else if (alpha) {
        for (uint32_t y = 0; y < count; y++)
            memset(to->a + (ptrdiff_t)(row + y) * to->a_stride, 255, width);
    }
    WebPPictureFree(&part);
    self->row += count;
    return SMALTI_OK;
}

static void expand_gray(uint8_t *to, const uint8_t *from, uint32_t width, bool alpha)
{
    for (uint32_t x = 0; x < width; x++, from += 1 + alpha) {
        to[0] = to[1] = to[2] = from[0];
        to += 3;
        if (alpha)
            *to++ = from[1];
    }
}

static void put_argb(smalti__webp_rows *self, const uint8_t *from)
{
    WebPPicture *picture = self->picture;
    uint32_t *to = picture->argb + (ptrdiff_t)self->row * picture->argb_stride, channels = self->channels, opaque = 255;
    for (int x = 0; x < picture->width; x++, from += channels) {
        bool gray = channels < 3;
        uint32_t alpha = channels % 2 ? 255 : from[channels - 1];
        opaque &= alpha;
        to[x] = alpha << 24 | (uint32_t)from[0] << 16 | (uint32_t)from[gray ? 0 : 1] << 8 | from[gray ? 0 : 2];
    }
    self->alpha_seen |= opaque != 255;
    self->row++;
}

static smalti_result flush(smalti__webp_rows *self, smalti_error *error)
{
    uint32_t count = self->held;
    self->held = 0;
    return convert(self, self->block, (size_t)self->picture->width * packed_channels(self->channels), count, error);
}

smalti_result smalti__webp_rows_put(smalti__webp_rows *self, const uint8_t *from, size_t pitch, uint32_t count,
                                    smalti_error *error)
{
    uint32_t width = (uint32_t)self->picture->width, packed = packed_channels(self->channels);
    size_t row_bytes = (size_t)width * packed;
    while (count) {
        uint32_t taken = 1;
        if (self->picture->use_argb) {
            put_argb(self, from);
        } else if (self->channels >= 3 && !self->held && count >= 2) {
            taken = count < SMALTI__WEBP_ROWS ? count & ~1u : SMALTI__WEBP_ROWS;
            SMALTI__TRY(convert(self, from, pitch, taken, error));
        } else {
            uint8_t *to = self->block + self->held++ * row_bytes;
            if (self->channels >= 3)
                memcpy(to, from, row_bytes);
            else
                expand_gray(to, from, width, packed == 4);
            if (self->held == (self->channels >= 3 ? 2 : SMALTI__WEBP_ROWS))
                SMALTI__TRY(flush(self, error));
        }
        from += taken * pitch;
        count -= taken;
    }
    return SMALTI_OK;
}

smalti_result smalti__webp_rows_end(smalti__webp_rows *self, smalti_error *error)
{
    return self->held ? flush(self, error) : SMALTI_OK;
}

/* In 16.16: 16 + v × 219 / 255, and 128 + (v - 128) × 224 / 255, rounded; exact for all 256 values. */
static void squeeze(uint8_t *restrict to, const uint8_t *restrict from, uint32_t count, bool chroma)
{
    const uint32_t scale = chroma ? 57568 : 56284, half = 1u << 15;
    const uint32_t offset = (chroma ? (128u << 16) - 128 * scale : 16u << 16) + half;
    for (uint32_t x = 0; x < count; x++)
        to[x] = (uint8_t)((from[x] * scale + offset) >> 16);
}

void smalti__webp_planes_put(WebPPicture *picture, uint32_t row, const smalti__planes *planes)
{
    uint8_t *const to[3] = {picture->y, picture->u, picture->v};
    for (uint32_t i = 0; i < planes->count; i++) {
        uint32_t first = i ? row / 2 : row;
        int pitch = i ? picture->uv_stride : picture->y_stride;
        for (uint32_t y = 0; y < planes->height[i]; y++)
            squeeze(to[i] + (ptrdiff_t)(first + y) * pitch, planes->data[i] + y * planes->pitch[i], planes->width[i],
                    i > 0);
    }
    if (planes->count == 1)
        for (uint32_t y = row / 2; y < (row + planes->height[0] + 1) / 2; y++)
            for (int i = 1; i < 3; i++)
                memset(to[i] + (ptrdiff_t)y * picture->uv_stride, 128, ((size_t)picture->width + 1) / 2);
}
