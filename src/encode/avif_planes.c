/* SPDX-License-Identifier: Apache-2.0
 * Rows of RGB to the planes of an AVIF image: BT.601 over the full range, as the other writers have it, or for lossless the
 * colours themselves (matrix "identity": green, blue, red). Chroma is that of the mean colour of the pixels that share it. */
#include "encode/avif.h"

/* Shares of a colour in 65536ths: of luma, and of the chroma made of the differences to it (ITU-R BT.601). */
enum {
    Y_RED = 19595,
    Y_GREEN = 38470,
    Y_BLUE = 7471,
    CB_RED = -11059,
    CB_GREEN = -21709,
    CR_GREEN = -27439,
    CR_BLUE = -5329,
    HALF = 32768
};

typedef struct target {
    uint32_t width;
    uint32_t most;     /* largest value of a plane's sample */
    uint32_t in_most;  /* … and of a row's */
    uint32_t channels; /* of the row */
} target;

static inline void store(uint8_t *row, size_t index, uint32_t value, bool wide)
{
    if (wide)
        ((uint16_t *)row)[index] = (uint16_t)value;
    else
        row[index] = (uint8_t)value;
}

static inline uint32_t load(const void *row, size_t index, bool wide)
{
    return wide ? ((const uint16_t *)row)[index] : ((const uint8_t *)row)[index];
}

/* A channel as it is, scaled. */
static void put_channel(const target *to, const void *row, uint32_t channel, uint8_t *plane, bool wide)
{
    for (uint32_t x = 0; x < to->width; x++) {
        uint32_t value = load(row, (size_t)x * to->channels + channel, wide);
        if (wide)
            value = (uint32_t)(((uint64_t)value * to->most + to->in_most / 2) / to->in_most);
        store(plane, x, value, wide);
    }
}

static void put_luma(const target *to, const void *row, uint8_t *plane, bool wide)
{
    for (uint32_t x = 0; x < to->width; x++) {
        size_t at = (size_t)x * to->channels;
        uint64_t sum = (uint64_t)load(row, at, wide) * Y_RED + (uint64_t)load(row, at + 1, wide) * Y_GREEN +
                       (uint64_t)load(row, at + 2, wide) * Y_BLUE;
        uint32_t value = wide ? (uint32_t)((sum * to->most + (uint64_t)to->in_most * HALF) / to->in_most >> 16)
                              : (uint32_t)(sum + HALF) >> 16;
        store(plane, x, value, wide);
    }
}

/* Adds a row to the sums of blocks of 1 << shift pixels across; a block at the edge counts its last pixel twice. */
static void add_chroma(const target *to, const void *row, uint32_t *sums, uint32_t shift, bool wide)
{
    uint32_t across = 1u << shift, blocks = (to->width + across - 1) >> shift;
    for (uint32_t block = 0; block < blocks; block++)
        for (uint32_t i = 0; i < across; i++) {
            uint32_t x = (block << shift) + i;
            size_t at = (size_t)(x < to->width ? x : to->width - 1) * to->channels;
            for (uint32_t c = 0; c < 3; c++)
                sums[block * 3 + c] += load(row, at + c, wide);
        }
}

static uint32_t chroma_of(int64_t sum, uint32_t most, int64_t divisor)
{
    /* sum is a difference of at most half the range, in 65536ths of in_most × pixels */
    int64_t value = (sum * most + (int64_t)(most / 2 + 1) * divisor + divisor / 2) / divisor;
    return value < 0 ? 0 : value > most ? most : (uint32_t)value;
}

/* The chroma of the sums of pixels pixels, which are cleared. */
static void put_chroma(const target *to, uint32_t *sums, uint32_t blocks, uint32_t pixels, uint8_t *cb, uint8_t *cr,
                       bool wide)
{
    const int64_t divisor = (int64_t)to->in_most * pixels << 16;
    for (uint32_t i = 0; i < blocks; i++) {
        int64_t r = sums[i * 3], g = sums[i * 3 + 1], b = sums[i * 3 + 2];
        store(cb, i, chroma_of(CB_RED * r + CB_GREEN * g + HALF * b, to->most, divisor), wide);
        store(cr, i, chroma_of(HALF * r + CR_GREEN * g + CR_BLUE * b, to->most, divisor), wide);
    }
    memset(sums, 0, (size_t)blocks * 3 * sizeof *sums);
}

size_t smalti__avif_planes_bytes(uint32_t width, avifPixelFormat format)
{
    return format == AVIF_PIXEL_FORMAT_YUV400 ? 0 : ((size_t)width + 1) * 3 * sizeof(uint32_t);
}

void smalti__avif_planes_put(smalti__avif_encoder *self, const void *row)
{
    const smalti__encoder *base = &self->base;
    const avifImage *image = self->image;
    bool wide = base->sample == SMALTI_SAMPLE_U16;
    const target to = {base->width, (1u << image->depth) - 1, wide ? 65535 : 255, base->channels};
    uint8_t *plane[3];
    uint32_t y = base->row, down = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV420;
    for (int i = 0; i < 3; i++)
        plane[i] =
            image->yuvPlanes[i] ? image->yuvPlanes[i] + (size_t)(i ? y >> down : y) * image->yuvRowBytes[i] : NULL;
    if (image->alphaPlane)
        put_channel(&to, row, base->channels - 1, image->alphaPlane + (size_t)y * image->alphaRowBytes, wide);
    if (base->channels < 3) {
        put_channel(&to, row, 0, plane[0], wide);
    } else if (image->matrixCoefficients == AVIF_MATRIX_COEFFICIENTS_IDENTITY) {
        for (uint32_t i = 0; i < 3; i++)
            put_channel(&to, row, (i + 1) % 3, plane[i], wide);
    } else {
        uint32_t shift = image->yuvFormat == AVIF_PIXEL_FORMAT_YUV444 ? 0 : 1;
        uint32_t blocks = (base->width + shift) >> shift;
        bool last = y + 1 == base->height, alone = down && last && y % 2 == 0;
        put_luma(&to, row, plane[0], wide);
        for (int times = 0; times < 1 + alone; times++) /* a row without a partner counts twice */
            add_chroma(&to, row, self->chroma, shift, wide);
        if (!down || y % 2 || last)
            put_chroma(&to, self->chroma, blocks, 1u << (shift + down), plane[1], plane[2], wide);
    }
}
