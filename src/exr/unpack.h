/* SPDX-License-Identifier: Apache-2.0
 * From the bytes of a chunk to samples, for every processor: a table of functions that is chosen once per image. All tables
 * give the same bits.
 *
 * RLE, ZIPS and ZIP compress a chunk's bytes in this form: first those at even offsets, then those at odd ones, each but the
 * very first as the difference to the one before it, plus 128. */
#ifndef SMALTI_SRC_EXR_UNPACK_H
#define SMALTI_SRC_EXR_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct smalti__exr_unpack {
    const char *name; /* "c", "sse4", "avx2" */
    /* Sums up count differences, the first of which goes to before; gives the last sum. dst may be src. */
    uint8_t (*sum)(uint8_t *dst, const uint8_t *src, size_t count, uint8_t before);
    /* The last sum alone. */
    uint8_t (*skip)(const uint8_t *src, size_t count, uint8_t before);
    /* count bytes of each in turn. */
    void (*weave)(uint8_t *dst, const uint8_t *even, const uint8_t *odd, size_t count);
    /* Little-endian binary16 to float, exactly; NaNs become quiet. src is not aligned. */
    void (*half)(float *dst, const uint8_t *src, size_t count);
    /* The other way, to the nearest, ties to even; too large ones become infinity. */
    void (*to_half)(uint8_t *dst, const float *src, size_t count);
    /* Planes to pixels of 3 or 4 samples. */
    void (*mix)(float *dst, const float *const *planes, uint32_t channels, size_t count);
} smalti__exr_unpack;

/* The best table for this machine. */
const smalti__exr_unpack *smalti__exr_unpack_get(void);
/* For tests: smalti__exr_unpack_get uses no others than these SMALTI__CPU_… (pixel/png_filter.h) from now on. ~0: all. */
void smalti__exr_unpack_allow(uint32_t cpu_mask);

/* What the tables are made of: plain C, also for the tails that vectors leave over. */
uint8_t smalti__exr_sum_c(uint8_t *dst, const uint8_t *src, size_t count, uint8_t before);
uint8_t smalti__exr_skip_c(const uint8_t *src, size_t count, uint8_t before);
void smalti__exr_weave_c(uint8_t *dst, const uint8_t *even, const uint8_t *odd, size_t count);
void smalti__exr_half_c(float *dst, const uint8_t *src, size_t count);
void smalti__exr_to_half_c(uint8_t *dst, const float *src, size_t count);
void smalti__exr_mix_c(float *dst, const float *const *planes, uint32_t channels, size_t count);
#if defined(__x86_64__)
extern const smalti__exr_unpack smalti__exr_unpack_sse4, smalti__exr_unpack_avx2;
void smalti__exr_mix_sse4(float *dst, const float *const *planes, uint32_t channels, size_t count);
#endif

#endif
