/* SPDX-License-Identifier: Apache-2.0
 * Colour management: rows in the space of an ICC profile to sRGB or Display P3. Profiles of three curves and a matrix
 * (nearly all of them) and gray ones run through loops of our own, tables of colours through lcms2. */
#ifndef SMALTI_SRC_COLOR_H
#define SMALTI_SRC_COLOR_H

#include "base/memory.h"
#include "pixel/convert.h"

typedef enum smalti__color_target { SMALTI__COLOR_SRGB, SMALTI__COLOR_P3 } smalti__color_target;

enum {
    SMALTI__COLOR_CMYK = 5, /* as channels: rows of four inks, 0 none; they become RGB of three channels */
    SMALTI__COLOR_MOST_BYTES = 16 << 20 /* of a profile */
};

/* From one profile to one target. Constant once it is open: any number of threads may run rows through it. */
typedef struct smalti__color smalti__color;

/* icc is borrowed for the call. channels: 1…4 (gray, with alpha, RGB, with alpha) or SMALTI__COLOR_CMYK. Errors: FORMAT
 * (a broken profile), LIMIT (it is too large, or wants too much memory), UNSUPPORTED (not a profile of colours for such
 * rows; F16), NOMEM. What a broken profile says is never an error that cannot be gone without: rows without it are meant as
 * sRGB. pool is for the tables of what is opened; may be NULL. */
smalti_result smalti__color_open(const void *icc, size_t size, uint32_t channels, smalti__color_target target,
                                 smalti_sample sample, smalti__pool *pool, smalti__color **color, smalti_error *error);
/* Whether no sample of 8 bits would change by more than 1: the profile is the target's, by what it does. */
bool smalti__color_is_noop(const smalti__color *color);
/* dst may be src. Alpha stays; f32 samples are clamped to 0…1, and NaN to 0. CMYK: dst has three channels. */
void smalti__color_rows(const smalti__color *color, const void *src, size_t src_pitch, void *dst, size_t dst_pitch,
                        uint32_t width, uint32_t rows);
void smalti__color_close(smalti__color *color); /* NULL is fine */

/* The target's own profile, to be written into files: ICC version 4, less than 500 bytes, always the same. Static. */
void smalti__color_profile(smalti__color_target target, uint32_t channels, const void **data, size_t *size);

/* The colours that a lane used last; for one thread. Begins as zeros. */
enum { SMALTI__COLOR_CACHED = 4 };
typedef struct smalti__color_cache {
    struct smalti__color_kept *kept[SMALTI__COLOR_CACHED]; /* the last used first */
    uint64_t hits, misses;
} smalti__color_cache;
/* Like smalti__color_open; *color is borrowed until the next call. */
smalti_result smalti__color_cache_get(smalti__color_cache *cache, const void *icc, size_t size, uint32_t channels,
                                      smalti__color_target target, smalti_sample sample, const smalti__color **color,
                                      smalti_error *error);
void smalti__color_cache_clear(smalti__color_cache *cache);

#endif
