/* SPDX-License-Identifier: Apache-2.0
 * EXIF orientation: turning a whole frame upright while it is read out row by row. */
#ifndef SMALTI_SRC_ORIENT_H
#define SMALTI_SRC_ORIENT_H

#include "pixel/convert.h"

/* Orientations 5…8 swap width and height. */
static inline bool smalti__orient_swaps(uint32_t orientation)
{
    return orientation >= 5 && orientation <= 8;
}

/* Reads rows first…first+count-1 of the upright image out of frame, which is stored: the shape before orientation. */
void smalti__orient_rows(const smalti__shape *stored, const void *frame, size_t frame_pitch, uint32_t orientation,
                         uint32_t first, uint32_t count, void *dst, size_t dst_pitch);

#endif
