/* SPDX-License-Identifier: Apache-2.0
 * What a kernel's author needs, ABI version 1. Freestanding; no libc. See docs/kernels.md. */
#ifndef SMALTI_KERNEL_SDK_H
#define SMALTI_KERNEL_SDK_H

#include <stddef.h>
#include <stdint.h>

/** Sample types. */
enum { SMALTI_U8 = 1, SMALTI_U16 = 2, SMALTI_F16 = 3, SMALTI_F32 = 4 };

/**
 * One call: a core rectangle of pixels and where it lies in the image. Written by the host; all pointers are the host's
 * buffers. Around the core of src lie halo pixels on each side, edges replicated. At least 64 bytes before and behind
 * every row of src (halo included) may be read, and in a row of dst everything up to dst_pitch may be written, so vector
 * loops need no tail.
 */
typedef struct smalti_tile {
    uint32_t size;         /**< bytes of this struct; it may grow at its end */
    uint32_t sample;       /**< SMALTI_U8, …: of src and dst */
    uint32_t channels;     /**< of src, interleaved: 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA */
    uint32_t dst_channels; /**< of dst, as the descriptor says; 0 for a measure */
    uint32_t halo;         /**< pixels around the core of src that hold image data */
    uint32_t width, height;             /**< of the core */
    uint32_t x, y;                      /**< of the core in the image */
    uint32_t image_width, image_height; /**< of the image */
    uint32_t src_pitch, dst_pitch;      /**< bytes from a row to the next */
    const void *src;                    /**< first core pixel */
    void *dst; /**< first core pixel; the same as src for an in-place kernel; NULL for a measure */
    const double *params; /**< in the descriptor's order */
    uint32_t param_count;
    uint32_t scratch_size; /**< bytes at scratch: what smalti_scratch asked for */
    void *scratch; /**< 64-byte aligned */
} smalti_tile;

#endif
