/* SPDX-License-Identifier: Apache-2.0
 * How alike two images look: SSIMULACRA 2.1 (Sneyers, Cloudinary, 2022–2023), a number up to 100. Both images stream
 * through it row by row: a few dozen rows are held, whatever their height. */
#ifndef SMALTI_SRC_SCORE_H
#define SMALTI_SRC_SCORE_H

#include "base/memory.h"
#include "pixel/convert.h"

/* The scale: 100 identical, 90 visually lossless, 70 high quality, 50 medium, 30 low, below 0 unlike each other. */

/* Upper bound of what a score takes. */
size_t smalti__score_bytes(uint32_t width, uint32_t height);

/* Two whole images of one size; samples and channels may differ. They are taken as sRGB; gray as equal RGB. Where a pixel
 * is not opaque, both are laid over dark (0.1) and over light (0.9) gray, and the lower score counts. Images of less than
 * 8 pixels in a direction are continued by their last column or row. INVALID when the sizes differ, NOMEM. */
smalti_result smalti__score(const smalti_image *reference, const smalti_image *distorted, smalti__pool *pool,
                            double *score, smalti_error *error);

/* The same for rows as they come. */
typedef struct smalti__scorer smalti__scorer;
smalti_result smalti__scorer_open(uint32_t width, uint32_t height, smalti__pool *pool, smalti__scorer **scorer,
                                  smalti_error *error);
/* The next count rows of both, in all not more than the height. Colours may not be premultiplied. The result does not
 * depend on how rows are grouped. */
void smalti__scorer_push(smalti__scorer *scorer, const smalti__shape *reference, const void *reference_rows,
                         size_t reference_pitch, const smalti__shape *distorted, const void *distorted_rows,
                         size_t distorted_pitch, uint32_t count);
/* After the last row, once. */
double smalti__scorer_finish(smalti__scorer *scorer);
void smalti__scorer_close(smalti__scorer *scorer); /* NULL is fine */

#endif
