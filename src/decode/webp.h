/* SPDX-License-Identifier: Apache-2.0
 * Inside of the WebP decoder: what the chunks of a file say (RFC 9649, own code), and one coded image through libwebp. */
#ifndef SMALTI_SRC_WEBP_H
#define SMALTI_SRC_WEBP_H

#include "decode/decode.h"

#include <webp/decode.h>

/* One coded image: of a still file, or a frame of an animation. */
typedef struct smalti__webp_frame {
    uint32_t x, y, width, height; /* on the canvas */
    uint32_t duration_ms;
    bool blend;           /* over what is there; else in its place */
    bool clear;           /* the next frame finds nothing in this one's place */
    bool lossless;        /* VP8L, else VP8 */
    bool alpha;           /* VP8L that says so, or VP8 with an ALPH chunk */
    size_t alpha_offset, alpha_size; /* of compressed alpha; 0, 0: there is none, or it is stored as it is */
    size_t coded_offset; /* of the pixels behind the image's header */
    size_t offset, size;  /* ALPH and VP8 or VP8L, with their headers, as far as the file has them */
    size_t next;          /* offset of what follows */
} smalti__webp_frame;

typedef struct smalti__webp_span {
    size_t offset, size; /* in the source; 0, 0: absent */
} smalti__webp_span;

typedef struct smalti__webp_head {
    uint32_t width, height; /* of the canvas */
    bool animation;
    uint32_t frames, loops, duration_ms;
    bool cleared; /* while parsing: the frame before leaves nothing behind */
    bool alpha;          /* something may be transparent */
    bool lossy, lossless; /* both: mixed */
    size_t end;          /* of the RIFF container, as far as the file has it */
    bool truncated;      /* the file ends before its container does */
    smalti__webp_span icc, exif, xmp;
    smalti__webp_frame first;
    bool with_work; /* what follows is wanted */
    size_t first_work,
        frame_work; /* smalti__webp_work_bytes: of the first frame; the most of any, with what blending takes */
} smalti__webp_head;

/* FORMAT, FORMAT_TRUNCATED or UNSUPPORTED with the offset. Touches the heads of chunks only, unless frame_work is wanted. */
smalti_result smalti__webp_head_parse(const smalti__source *source, bool work, smalti__webp_head *head,
                                      smalti_error *error);
/* The next frame at or behind offset; FORMAT_TRUNCATED when there is none. */
smalti_result smalti__webp_frame_at(const smalti__source *source, const smalti__webp_head *head, size_t offset,
                                    smalti__webp_frame *frame, smalti_error *error);
/* Upper bound of what libwebp allocates to decode the frame into memory of the caller's. Looks into lossless data. */
size_t smalti__webp_work_bytes(const smalti__source *source, const smalti__webp_frame *frame);
/* The same for lossless data behind its header. */
size_t smalti__webp_lossless_bytes(const uint8_t *data, size_t size, uint32_t width, uint32_t height);

/* An image being decoded. */
typedef struct smalti__webp_image {
    const smalti__webp_frame *frame; /* borrowed */
    WebPDecoderConfig config;
    WebPIDecoder *decoder; /* owned */
    size_t fed; /* bytes of the frame's data that libwebp has seen */
    size_t part; /* bytes to feed next */
    uint32_t rows; /* complete in the output */
    uint32_t height; /* of the output */
} smalti__webp_image;

typedef struct smalti__webp_target {
    uint8_t *pixels; /* borrowed until the image is ended */
    size_t pitch;
    uint32_t width, height; /* other than the frame's: scaled */
    uint32_t channels; /* 3 or 4 */
} smalti__webp_target;

smalti_result smalti__webp_image_begin(smalti__webp_image *image, const smalti__webp_frame *frame,
                                       const smalti__webp_target *target, bool threads, smalti_error *error);
/* Decodes until rows rows are complete. On failure image->rows tells how many are. */
smalti_result smalti__webp_image_decode(smalti__webp_image *image, uint32_t rows, const smalti__decoder *decoder,
                                        bool truncated, smalti_error *error);
void smalti__webp_image_end(smalti__webp_image *image); /* fine for a zeroed struct */

#endif
