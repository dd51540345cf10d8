/* SPDX-License-Identifier: Apache-2.0
 * From a profile to a target: which way rows go, and the way through curves and a matrix. */
#include "pixel/color_parts.h"

#include <math.h>

enum { PART = 256, BYTE_CURVE = 256 }; /* pixels in flight, in the first-level cache; points of a curve for bytes */

/* Primaries of sRGB and of Display P3 (SMPTE EG 432-1), white of D65 at 0.3127, 0.3290, adapted to D50. */
static const smalti__color_space spaces[] = {
    [SMALTI__COLOR_SRGB] = {{0.436041252, 0.385112911, 0.143045838, 0.222484540, 0.716905079, 0.060610381, 0.013920187,
                             0.097067239, 0.713912574},
                            {3.134186364, -1.617208959, -0.490694064, -0.978748504, 1.916130097, 0.033433399,
                             0.071963928, -0.228993873, 1.405753733}},
    [SMALTI__COLOR_P3] = {{0.515118701, 0.291977832, 0.157103467, 0.241189168, 0.692244051, 0.066566782, -0.001050453,
                           0.041879120, 0.784071333},
                          {2.403984005, -0.989906899, -0.397641506, -0.842222926, 1.798843738, 0.016035408, 0.048205852,
                           -0.097406754, 1.274004936}},
};

const smalti__color_space *smalti__color_space_of(smalti__color_target target)
{
    return &spaces[target == SMALTI__COLOR_P3];
}

double smalti__color_encode(double linear)
{
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
}

double smalti__color_decode(double coded)
{
    return coded <= 0.04045 ? coded / 12.92 : pow((coded + 0.055) / 1.055, 2.4);
}

struct smalti__color {
    smalti__pool *pool;
    uint32_t channels;
    smalti_sample sample;
    bool noop;
    uint32_t plane_count; /* 1 or 3: through curves; 0: through tables */
    const smalti__color_loops *loops;
    float matrix[9];            /* of three planes */
    smalti__color_curve *curves; /* [plane_count], to linear light; pool */
    float *byte_curves;          /* [plane_count][BYTE_CURVE], of 8 bits; pool */
    smalti__icc icc;             /* with transform */
    void *transform;
};

/* ---- opening ---- */

static double clip(double value)
{
    return value > 0 ? value < 1 ? value : 1 : 0;
}

/* How far a colour, or a gray, would move. */
static double moved(const smalti__color *self, const float coded[3])
{
    double linear[3], most = 0;
    for (uint32_t c = 0; c < self->plane_count; c++)
        linear[c] = (double)smalti__color_curve_at(&self->curves[c], coded[c]);
    for (uint32_t c = 0; c < self->plane_count; c++) {
        const float *m = self->matrix + 3 * c;
        double mixed = self->plane_count == 1
                           ? linear[0]
                           : (double)m[0] * linear[0] + (double)m[1] * linear[1] + (double)m[2] * linear[2];
        double distance = fabs(smalti__color_encode(clip(mixed)) - (double)coded[c]);
        most = distance > most ? distance : most;
    }
    return most;
}

/* By half a step of 8 bits at most: then no byte changes by more than 1. */
static bool moves_nothing(const smalti__color *self)
{
    const double most = 0.5 / 255;
    for (uint32_t i = 0; i < 256; i++) {
        const float v = (float)i / 255.0f;
        if (moved(self, (const float[3]){v, v, v}) > most)
            return false;
    }
    for (uint32_t i = 0; self->plane_count == 3 && i < 9 * 9 * 9; i++)
        if (moved(self, (const float[3]){(float)(i % 9) / 8, (float)(i / 9 % 9) / 8, (float)(i / 81) / 8}) > most)
            return false;
    return true;
}

static smalti_result open_curves(smalti__color *self, smalti__color_target target, smalti_error *error)
{
    const size_t bytes = self->plane_count * (sizeof *self->curves + BYTE_CURVE * sizeof *self->byte_curves);
    self->curves = smalti__pool_get(self->pool, bytes);
    if (!self->curves)
        return smalti__fail_nomem(error, bytes);
    self->byte_curves = (float *)(self->curves + self->plane_count);
    if (self->plane_count == 1) {
        SMALTI__TRY(smalti__icc_gray(&self->icc, self->curves, error));
    } else {
        double to_xyz[9];
        const double *from_xyz = smalti__color_space_of(target)->from_xyz;
        SMALTI__TRY(smalti__icc_matrix(&self->icc, self->curves, to_xyz, error));
        for (int i = 0; i < 9; i++) {
            double sum = 0;
            for (int k = 0; k < 3; k++)
                sum += from_xyz[i / 3 * 3 + k] * to_xyz[3 * k + i % 3];
            if (!(fabs(sum) < 1000))
                return smalti__fail(error, SMALTI_E_FORMAT, "ICC profile: its colorants are no colours");
            self->matrix[i] = (float)sum;
        }
    }
    for (uint32_t c = 0; c < self->plane_count; c++)
        for (uint32_t i = 0; i < BYTE_CURVE; i++)
            self->byte_curves[c * BYTE_CURVE + i] = smalti__color_curve_at(&self->curves[c], (float)i / 255.0f);
    self->loops = smalti__color_loops_get();
    self->noop = moves_nothing(self);
    smalti__icc_close(&self->icc);
    return SMALTI_OK;
}

static smalti_result open_inside(smalti__color *self, const void *icc, size_t size, smalti__color_target target,
                                 smalti_error *error)
{
    static const char *const names[] = {"gray", "RGB", "CMYK", "another space"};
    const uint32_t channels = self->channels;
    SMALTI__TRY(smalti__icc_open(&self->icc, icc, size, error));
    const smalti__icc_space space = self->icc.space;
    if (channels == SMALTI__COLOR_CMYK ? space != SMALTI__ICC_CMYK
        : channels <= 2                ? space != SMALTI__ICC_GRAY && space != SMALTI__ICC_RGB
                                       : space != SMALTI__ICC_RGB)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "ICC profile: for %s, the pixels are %s", names[space],
                            names[channels == SMALTI__COLOR_CMYK ? SMALTI__ICC_CMYK : channels >= 3]);
    self->plane_count = channels <= 2 ? 1 : self->icc.matrix ? 3 : 0;
    return self->plane_count
               ? open_curves(self, target, error)
               : smalti__icc_transform(&self->icc, channels, target, self->sample, &self->transform, error);
}

smalti_result smalti__color_open(const void *icc, size_t size, uint32_t channels, smalti__color_target target,
                                 smalti_sample sample, smalti__pool *pool, smalti__color **color, smalti_error *error)
{
    if (channels < 1 || channels > SMALTI__COLOR_CMYK || !smalti_sample_bytes(sample) || sample == SMALTI_SAMPLE_F16)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "colours of %u channels and sample type %d are not managed",
                            channels, (int)sample);
    smalti__color *self = calloc(1, sizeof *self);
    if (!self)
        return smalti__fail_nomem(error, sizeof *self);
    self->pool = pool;
    self->channels = channels;
    self->sample = sample;
    smalti_result result = open_inside(self, icc, size, target, error);
    if (result < 0)
        smalti__color_close(self);
    else
        *color = self;
    return result;
}

void smalti__color_close(smalti__color *color)
{
    if (!color)
        return;
    smalti__icc_free_transform(color->transform);
    smalti__icc_close(&color->icc);
    smalti__pool_put(color->pool, color->curves);
    free(color);
}

bool smalti__color_is_noop(const smalti__color *color)
{
    return color->noop;
}

/* ---- rows ---- */

static float clip_float(float value)
{
    return value > 0.0f ? value < 1.0f ? value : 1.0f : 0.0f; /* NaN becomes 0 */
}

/* Always inlined with constants, so that each kind of row has a loop of its own. */
static inline __attribute__((always_inline)) void to_linear(const smalti__color *self, const void *src,
                                                            float *const planes[3], uint32_t count, uint32_t channels,
                                                            uint32_t colors, smalti_sample sample)
{
    for (uint32_t x = 0; x < count; x++)
        for (uint32_t c = 0; c < colors; c++) {
            size_t at = (size_t)x * channels + c;
            if (sample == SMALTI_SAMPLE_U8)
                planes[c][x] = self->byte_curves[c * BYTE_CURVE + ((const uint8_t *)src)[at]];
            else if (sample == SMALTI_SAMPLE_U16)
                planes[c][x] =
                    smalti__color_curve_at(&self->curves[c], (float)((const uint16_t *)src)[at] * (1.0f / 65535.0f));
            else
                planes[c][x] = smalti__color_curve_at(&self->curves[c], clip_float(((const float *)src)[at]));
        }
}

static inline __attribute__((always_inline)) void from_coded(float *const planes[3], void *dst, uint32_t count,
                                                             uint32_t channels, uint32_t colors, smalti_sample sample)
{
    for (uint32_t x = 0; x < count; x++)
        for (uint32_t c = 0; c < colors; c++) {
            size_t at = (size_t)x * channels + c;
            if (sample == SMALTI_SAMPLE_U8)
                ((uint8_t *)dst)[at] = (uint8_t)(planes[c][x] * 255.0f + 0.5f);
            else if (sample == SMALTI_SAMPLE_U16)
                ((uint16_t *)dst)[at] = (uint16_t)(planes[c][x] * 65535.0f + 0.5f);
            else
                ((float *)dst)[at] = planes[c][x];
        }
}

static inline __attribute__((always_inline)) void run_part(const smalti__color *self, const void *src, void *dst,
                                                           uint32_t count, uint32_t channels, smalti_sample sample)
{
    const uint32_t colors = channels >= 3 ? 3 : 1;
    float part[3][PART];
    float *const planes[3] = {part[0], part[1], part[2]};
    to_linear(self, src, planes, count, channels, colors, sample);
    for (uint32_t x = count; x % 8; x++)
        part[0][x] = part[1][x] = part[2][x] = 0;
    self->loops->encode(planes, colors, colors == 3 ? self->matrix : NULL, count);
    if (sample == SMALTI_SAMPLE_U8 && colors == 3)
        self->loops->pack(dst, channels, (const float *const[3]){part[0], part[1], part[2]}, count);
    else
        from_coded(planes, dst, count, channels, colors, sample);
    if (channels % 2 == 0 && src != dst) {
        const size_t bytes = smalti_sample_bytes(sample), step = channels * bytes;
        for (size_t x = 0, at = step - bytes; x < count; x++, at += step)
            memcpy((uint8_t *)dst + at, (const uint8_t *)src + at, bytes);
    }
}

static void run_channels(const smalti__color *self, const void *src, void *dst, uint32_t count, smalti_sample sample)
{
    switch (self->channels) {
    case 1:
        run_part(self, src, dst, count, 1, sample);
        break;
    case 2:
        run_part(self, src, dst, count, 2, sample);
        break;
    case 3:
        run_part(self, src, dst, count, 3, sample);
        break;
    default:
        run_part(self, src, dst, count, 4, sample);
    }
}

static void run_row(const smalti__color *self, const uint8_t *src, uint8_t *dst, uint32_t width)
{
    const size_t step = self->channels * smalti_sample_bytes(self->sample);
    for (uint32_t x = 0; x < width; x += PART) {
        const uint32_t count = width - x < PART ? width - x : PART;
        switch (self->sample) {
        case SMALTI_SAMPLE_U8:
            run_channels(self, src + x * step, dst + x * step, count, SMALTI_SAMPLE_U8);
            break;
        case SMALTI_SAMPLE_U16:
            run_channels(self, src + x * step, dst + x * step, count, SMALTI_SAMPLE_U16);
            break;
        default:
            run_channels(self, src + x * step, dst + x * step, count, SMALTI_SAMPLE_F32);
        }
    }
}

/* lcms2 leaves floats outside 0…1, and does so to alpha. */
static void run_table(const smalti__color *self, const uint8_t *src, uint8_t *dst, uint32_t width)
{
    smalti__icc_run(self->transform, src, dst, width);
    if (self->sample == SMALTI_SAMPLE_F32) {
        const uint32_t channels = self->channels == SMALTI__COLOR_CMYK ? 3 : self->channels;
        for (size_t i = 0; i < (size_t)width * channels; i++)
            if (i % channels < 3)
                ((float *)dst)[i] = clip_float(((float *)dst)[i]);
    }
}

void smalti__color_rows(const smalti__color *color, const void *src, size_t src_pitch, void *dst, size_t dst_pitch,
                        uint32_t width, uint32_t rows)
{
    for (uint32_t y = 0; y < rows; y++) {
        const uint8_t *from = (const uint8_t *)src + y * src_pitch;
        uint8_t *to = (uint8_t *)dst + y * dst_pitch;
        if (color->plane_count)
            run_row(color, from, to, width);
        else
            run_table(color, from, to, width);
    }
}
