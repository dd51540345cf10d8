/* SPDX-License-Identifier: Apache-2.0
 * An image in at most 256 colors: colors are counted row by row (quantize_count.c), a palette is made of the counts
 * (quantize.c), and each row becomes indices into it (quantize_map.c). Rows are 8-bit RGBA. */
#ifndef SMALTI_SRC_QUANTIZE_H
#define SMALTI_SRC_QUANTIZE_H

#include "base/memory.h"
#include "pixel/nearest.h"

/* Squared, in the space of distances. */
static inline uint32_t smalti__color_distance(smalti__color a, smalti__color b)
{
    uint32_t sum = 0;
    for (int c = 0; c < 4; c++) {
        int32_t d = a.v[c] - b.v[c];
        sum += (uint32_t)(d * d);
    }
    return sum;
}

/* A color that occurs, or a cell of similar ones when there are too many. */
typedef struct smalti__counted {
    uint32_t key; /* the cell: components >> shift; alpha 255 has cells of its own */
    uint64_t count;
    uint64_t rest[4]; /* sums of what the shift took away */
} smalti__counted;

/* A color of the counts in the space of distances. */
typedef struct smalti__point {
    smalti__color color;
    float weight;
} smalti__point;

enum { SMALTI__COUNTED_MOST = 1 << 15, SMALTI__COUNTED_SLOTS = 1 << 16, SMALTI__EXACT_SLOTS = 1 << 10 };

typedef struct smalti__quantizer {
    smalti__pool *pool;
    uint32_t width, colors; /* at most so many colors */
    uint32_t dither; /* percent */

    /* Counts. */
    uint32_t
        exact_count; /* different pixels so far, hidden colors of transparent ones too; beyond colors: not counted */
    uint32_t exact[SMALTI__EXACT_SLOTS];
    uint16_t exact_index[SMALTI__EXACT_SLOTS]; /* + 1; 0: the slot is empty */
    smalti__counted *counted;
    uint32_t *slots; /* index of counted + 1 by hash; 0: empty */
    uint32_t counted_count, shift;
    uint64_t transparent; /* pixels of alpha 0, which are not in counted */

    /* The palette: a fully transparent color if there is one, then translucent ones, then opaque ones. */
    bool lossless; /* the image has these colors alone … */
    bool hidden_dropped; /* … but for those of transparent pixels, which are one */
    uint32_t count, opaque; /* how many, and the first opaque one */
    uint8_t palette[256][4];
    smalti__color space[256];
    smalti__nearest all, opaques;
    uint32_t apart[256]; /* a quarter of the squared distance to the nearest other color it competes with */
    smalti__nearest_find *find;
    smalti__point *points; /* while the palette is made */
    float *along;

    /* Rows. */
    uint32_t row; /* next one of map */
    smalti__color *current, *next; /* colors of a row and of the one below */
    int16_t *errors[2]; /* 4 for each pixel and one more at each end, in sixteenths: of this row and of the next */
    uint8_t *strength; /* of the diffusion, for each pixel */
} smalti__quantizer;

/* Upper bound of the memory it takes. */
size_t smalti__quantizer_bytes(uint32_t width);
/* colors 2…256. Owned on success. */
smalti_result smalti__quantizer_new(smalti__pool *pool, uint32_t width, uint32_t colors, uint32_t dither,
                                    smalti__quantizer **quantizer, smalti_error *error);
void smalti__quantizer_free(smalti__quantizer *quantizer); /* NULL is fine */

/* Counts the colors of some pixels. */
void smalti__quantizer_count(smalti__quantizer *quantizer, const uint8_t *rgba, size_t pixels);
/* After the last of them: makes palette, count and lossless. */
void smalti__quantizer_choose(smalti__quantizer *quantizer);
/* Indices of the next row, in order from the first. below is the row after it, NULL behind the last. */
void smalti__quantizer_map(smalti__quantizer *quantizer, const uint8_t *rgba, const uint8_t *below, uint8_t *indices);

/* Into the space of distances: multiplied by alpha, components weighed by how much they are seen. */
smalti__color smalti__quantize_color(const uint8_t rgba[4]);
/* When there are too many colors: counts exactly once more, all pixels of alpha 0 as one color. */
void smalti__quantize_drop_hidden(smalti__quantizer *quantizer);
/* For pixels that were counted exactly: their index. */
uint32_t smalti__quantize_exact(const smalti__quantizer *quantizer, const uint8_t rgba[4]);

#endif
