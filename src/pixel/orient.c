/* SPDX-License-Identifier: Apache-2.0
 * EXIF orientation (CIPA DC-008, tag 0x0112): 1 upright, 2 mirrored, 3 turned by 180°, 4 flipped, 5 transposed, 6 to be
 * turned by 90° clockwise, 7 transversed, 8 to be turned by 270°. */
#include "pixel/orient.h"

static inline void put(uint8_t *dst, const uint8_t *src, size_t bytes)
{
    switch (bytes) { /* constant sizes: one or two moves each */
    case 1:
        *dst = *src;
        break;
    case 3:
        memcpy(dst, src, 3);
        break;
    case 4:
        memcpy(dst, src, 4);
        break;
    default:
        memcpy(dst, src, bytes);
    }
}

/* Upright rows are stored rows, perhaps mirrored and in reverse order. */
static void rows_straight(const smalti__shape *stored, const uint8_t *frame, size_t pitch, bool mirror, bool flip,
                          uint32_t first, uint32_t count, uint8_t *dst, size_t dst_pitch)
{
    size_t bytes = smalti__pixel_bytes(stored), width = stored->width;
    for (uint32_t y = 0; y < count; y++) {
        uint32_t row = flip ? stored->height - 1 - (first + y) : first + y;
        const uint8_t *s = frame + row * pitch;
        uint8_t *d = dst + y * dst_pitch;
        if (!mirror)
            memcpy(d, s, width * bytes);
        else
            for (size_t x = 0; x < width; x++)
                put(d + x * bytes, s + (width - 1 - x) * bytes, bytes);
    }
}

/* Upright rows are stored columns: walk the stored rows, taking the few columns wanted from each, so that the frame is
 * read in order. */
static void rows_turned(const smalti__shape *stored, const uint8_t *frame, size_t pitch, bool mirror, bool flip,
                        uint32_t first, uint32_t count, uint8_t *dst, size_t dst_pitch)
{
    size_t bytes = smalti__pixel_bytes(stored);
    for (uint32_t row = 0; row < stored->height; row++) {
        size_t x = mirror ? stored->height - 1 - row : row;
        for (uint32_t y = 0; y < count; y++) {
            size_t column = flip ? stored->width - 1 - (first + y) : first + y;
            put(dst + y * dst_pitch + x * bytes, frame + row * pitch + column * bytes, bytes);
        }
    }
}

void smalti__orient_rows(const smalti__shape *stored, const void *frame, size_t frame_pitch, uint32_t orientation,
                         uint32_t first, uint32_t count, void *dst, size_t dst_pitch)
{
    switch (orientation) {
    case 5:
        rows_turned(stored, frame, frame_pitch, false, false, first, count, dst, dst_pitch);
        break;
    case 6:
        rows_turned(stored, frame, frame_pitch, true, false, first, count, dst, dst_pitch);
        break;
    case 7:
        rows_turned(stored, frame, frame_pitch, true, true, first, count, dst, dst_pitch);
        break;
    case 8:
        rows_turned(stored, frame, frame_pitch, false, true, first, count, dst, dst_pitch);
        break;
    default:
        rows_straight(stored, frame, frame_pitch, orientation == 2 || orientation == 3,
                      orientation == 3 || orientation == 4, first, count, dst, dst_pitch);
    }
}
