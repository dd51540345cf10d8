/* SPDX-License-Identifier: Apache-2.0
 * What a JPEG file says before its pixels (ISO/IEC 10918-1, annex B), parsed without libjpeg: quick, no allocation. */
#ifndef SMALTI_SRC_JPEG_HEAD_H
#define SMALTI_SRC_JPEG_HEAD_H

#include "decode/decode.h"

typedef struct smalti__jpeg_span {
    size_t offset, size; /* in the source; 0, 0: absent */
} smalti__jpeg_span;

typedef struct smalti__jpeg_component {
    uint8_t id, h, v; /* sampling factors 1…4 */
} smalti__jpeg_component;

/* How the components are to be understood, by the same rules as libjpeg. */
typedef enum smalti__jpeg_color {
    SMALTI__JPEG_GRAY,
    SMALTI__JPEG_YCBCR,
    SMALTI__JPEG_RGB,
    SMALTI__JPEG_CMYK,
    SMALTI__JPEG_YCCK
} smalti__jpeg_color;

typedef struct smalti__jpeg_head {
    uint32_t width, height;
    uint32_t components; /* 1, 3 or 4 */
    smalti__jpeg_component component[4];
    uint32_t max_h, max_v;
    smalti__jpeg_color color;
    bool progressive;
    bool arithmetic;
    bool multiple_scans; /* needs the coefficients of the whole image in memory */
    bool jfif;
    bool adobe; /* CMYK samples are inverted */
    uint8_t adobe_transform;
    size_t scan_offset; /* of the first SOS marker */
    smalti__jpeg_span exif; /* TIFF structure */
    smalti__jpeg_span xmp;
    smalti__jpeg_span icc[255]; /* by sequence number - 1 */
    uint32_t icc_count; /* 0: no profile, or a broken one */
    size_t icc_size;
    bool icc_broken; /* segments are missing, double or disagree */
} smalti__jpeg_head;

/* FORMAT, FORMAT_TRUNCATED or UNSUPPORTED with the offset. */
smalti_result smalti__jpeg_head_parse(const smalti__source *source, smalti__jpeg_head *head, smalti_error *error);
void smalti__jpeg_head_info(const smalti__jpeg_head *head, const smalti__source *source, smalti_info *info);
/* Copies the blocks that options ask for. Warns of those it drops: too large, broken, or ICC of CMYK, which no longer fits
 * the converted pixels. What was copied stays in *metadata on failure too. */
smalti_result smalti__jpeg_head_metadata(const smalti__jpeg_head *head, const smalti__source *source,
                                         const smalti__decode_options *options, smalti__metadata *metadata,
                                         smalti_error *error);
/* "4:2:0" and the like; "" for gray. A static string. */
const char *smalti__jpeg_head_subsampling(const smalti__jpeg_head *head);
/* Upper bound of what libjpeg allocates to decode the image, reduced by divisor (1, 2, 4, 8). */
uint64_t smalti__jpeg_head_work_bytes(const smalti__jpeg_head *head, uint32_t divisor);
/* Samples across and down that libjpeg makes of a component's block when it reduces by divisor: 8 / divisor, or a multiple
 * for a subsampled component. */
uint32_t smalti__jpeg_head_block(const smalti__jpeg_head *head, uint32_t component, uint32_t divisor);
/* Bytes below which the coded pixels cannot be complete. */
uint64_t smalti__jpeg_head_least_bytes(const smalti__jpeg_head *head);

/* Gives a message to the caller's warn, if any. */
void smalti__jpeg_warn(const smalti__decode_options *options, const char *format, ...) SMALTI__PRINTF(2, 3);

#endif
