/* SPDX-License-Identifier: Apache-2.0
 * The row work of scaling, for every processor: a table of functions that is chosen once. All tables give the same bits:
 * integers are exact, and the order in which floats are added is part of what a function does (no fused multiply-add).
 *
 * Integer: u8 samples × 16-bit weights → i16 rows with a few fractional bits → × 16-bit weights → u8.
 * Float: any samples → floats, colours weighted by alpha → floats → floats → samples. */
#ifndef SMALTI_SRC_RESAMPLE_ROWS_H
#define SMALTI_SRC_RESAMPLE_ROWS_H

#include <smalti/image.h>

#include "base/base.h"
#include "pixel/srgb.h"

enum {
    SMALTI__ROWS_AT_ONCE = 4, /* rows resampled across together: they share the loads of weights */
    SMALTI__ROWS_ALIGN = 64,  /* of rows inside; functions may write whole blocks of these bytes */
    SMALTI__ROWS_SLACK = 64   /* bytes behind the last pixel that are read, never used (multiplied by 0) */
};

/* The weights of a row: output pixel o is the sum of weights[o × stride + i] × pixel first[o] + i. Integer: i16, of
 * pixels with 1 or 3 channels; sums are shifted right by shift. Float: floats. stride is smalti__across_stride. */
typedef struct smalti__across {
    const uint32_t *first;
    const void *weights;
    uint32_t stride, channels, shift;
} smalti__across;

/* Weighted sum of count rows: weights i16 or float. sums holds what was summed before (from), or is what to go on with.
 * With dst the result is finished: integer u8 after a right shift, clamped; floats as they are. Rows, sums and dst are
 * SMALTI__ROWS_ALIGNed and padded to that. How sums are laid out is each table's own affair. */
typedef struct smalti__down {
    const void *const *rows;
    const void *weights;
    uint32_t count, shift;
    size_t samples;
    bool from;
    void *sums, *dst;
} smalti__down;

/* How samples become floats and back. */
typedef struct smalti__pixels {
    smalti_sample sample;
    uint32_t channels;
    bool alpha; /* the last channel weighs the others */
    bool premultiplied; /* it already does, in the samples */
    bool linear;
} smalti__pixels;

typedef struct smalti__resample_table {
    const char *name; /* "c", "sse4", "avx2" */
    /* Outputs from … to of rows rows (1…SMALTI__ROWS_AT_ONCE), to the start of dst[…]. */
    void (*across_u8)(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                      const uint8_t *const *src, uint32_t rows);
    void (*across_f32)(const smalti__across *across, uint32_t from, uint32_t to, float *const *dst,
                       const float *const *src, uint32_t rows);
    void (*down_i16)(const smalti__down *down);
    void (*down_f32)(const smalti__down *down);
    void (*load)(const smalti__pixels *pixels, float *dst, const void *src, size_t count);
    void (*store)(const smalti__pixels *pixels, void *dst, const float *src, size_t count);
} smalti__resample_table;

enum { SMALTI__RESAMPLE_SSE4 = 1, SMALTI__RESAMPLE_AVX2 = 2 };

/* The best table for this machine. */
const smalti__resample_table *smalti__resample_table_get(void);
/* For tests: no others than these SMALTI__RESAMPLE_… from now on. ~0: all. */
void smalti__resample_allow(uint32_t mask);

/* The stride of taps weights: they are padded with zeros to whole vectors. */
static inline uint32_t smalti__across_stride(bool integer, uint32_t channels, uint32_t taps)
{
    static const uint8_t float_steps[] = {8, 4, 2, 2};
    uint32_t step = !integer ? float_steps[channels - 1] : channels == 3 ? 4 : taps > 8 ? 16 : 8;
    return (taps + step - 1) / step * step;
}

/* What the tables are made of: plain C, also for what vectors leave over. */
void smalti__across_u8_c(const smalti__across *across, uint32_t from, uint32_t to, int16_t *const *dst,
                         const uint8_t *const *src, uint32_t rows);
void smalti__across_f32_c(const smalti__across *across, uint32_t from, uint32_t to, float *const *dst,
                          const float *const *src, uint32_t rows);
#if defined(__x86_64__)
extern const smalti__resample_table smalti__resample_sse4, smalti__resample_avx2;
#endif

#endif
