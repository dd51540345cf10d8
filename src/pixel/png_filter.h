/* SPDX-License-Identifier: Apache-2.0
 * The five row filters of PNG (specification, section 9), both ways, for every processor: a table of functions that is
 * chosen once per image. All tables give the same bytes. */
#ifndef SMALTI_SRC_PNG_FILTER_H
#define SMALTI_SRC_PNG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SMALTI__PNG_NONE,
    SMALTI__PNG_SUB,
    SMALTI__PNG_UP,
    SMALTI__PNG_AVERAGE,
    SMALTI__PNG_PAETH,
    SMALTI__PNG_FILTER_COUNT
};

enum { SMALTI__PNG_SCORE_BLOCK = 64 };

/* prev is the row above (zeros above the first row), size the bytes of a row and a multiple of bpp, the bytes of a pixel
 * (1 for pixels smaller than that). Nothing behind size is written; dst and prev may not overlap. */
typedef struct smalti__png_filters {
    const char *name; /* "c", "sse4", "avx2" */
    /* Undoes a filter. dst may be src. */
    void (*unfilter)(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp);
    /* Undoes Paeth in two rows, the second one below the first: their chains of dependent steps run side by side.
     * dst[i] may be src[i]. */
    void (*unfilter_paeth_pair)(uint8_t *const dst[2], const uint8_t *const src[2], const uint8_t *prev, size_t size,
                                size_t bpp);
    /* Applies a filter. swap: src and prev are little-endian 16-bit samples, dst gets big-endian ones. */
    void (*filter)(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size, size_t bpp,
                   bool swap);
    /* The sum of absolute differences (bytes as signed) that each filter would leave, over one of every stride blocks
     * of SMALTI__PNG_SCORE_BLOCK bytes behind the first pixel; all bytes of rows that are shorter. */
    void (*score)(uint64_t score[SMALTI__PNG_FILTER_COUNT], const uint8_t *src, const uint8_t *prev, size_t size,
                  size_t bpp, bool swap, size_t stride);
} smalti__png_filters;

enum { SMALTI__CPU_SSE4 = 1, SMALTI__CPU_AVX2 = 2 };

/* The best table for this machine. */
const smalti__png_filters *smalti__png_filters_get(void);
/* For tests: smalti__png_filters_get uses no others than these SMALTI__CPU_… from now on. ~0: all. */
void smalti__png_filters_allow(uint32_t cpu_mask);

/* What the tables are made of: plain C, also for the head and tail of rows that vectors leave over. */
uint8_t smalti__png_paeth(uint8_t left, uint8_t up, uint8_t up_left);
void smalti__png_unfilter_c(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                            size_t bpp);
/* Bytes from … to of a row. */
void smalti__png_filter_range(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t from,
                              size_t to, size_t bpp, bool swap);
void smalti__png_score_range(uint64_t score[SMALTI__PNG_FILTER_COUNT], const uint8_t *src, const uint8_t *prev,
                             size_t from, size_t to, size_t bpp, bool swap);
#if defined(__x86_64__)
extern const smalti__png_filters smalti__png_filters_sse4, smalti__png_filters_avx2;
void smalti__png_unfilter_sse4(uint32_t filter, uint8_t *dst, const uint8_t *src, const uint8_t *prev, size_t size,
                               size_t bpp);
void smalti__png_unfilter_paeth_pair_sse4(uint8_t *const dst[2], const uint8_t *const src[2], const uint8_t *prev,
                                          size_t size, size_t bpp);
#endif

#endif
