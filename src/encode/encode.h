/* SPDX-License-Identifier: Apache-2.0
 * Encoders: the mirror of decoders; rows come in order and leave through a sink. */
#ifndef SMALTI_SRC_ENCODE_H
#define SMALTI_SRC_ENCODE_H

#include "decode/decode.h"
#include "pixel/convert.h"
#include "sink/sink.h"

/* Zero is each format's default unless said otherwise. */
typedef struct smalti__encode_params {
    uint32_t quality;     /* 1…100; 0: the format's default_quality */
    uint32_t subsampling; /* chroma of JPEG and AVIF: 420, 422, 444; 0: 420, but 444 for AVIF */
    bool progressive;     /* JPEG: several scans, of coarse to fine; PNG: no */
    bool optimize;        /* JPEG: Huffman tables made for the image (a whole frame of coefficients) */
    bool lossless;        /* WebP, AVIF */
    uint32_t png_effort;  /* 1…9; 0: 4 */
    uint32_t webp_effort; /* libwebp's method: 0 (fastest) … 6; the job's default is 4 */
    uint32_t avif_effort; /* 0 (fastest) … 9; the job's default is 4 */
    uint32_t colors;      /* PNG: at most so many colours in a palette, 2…256; 0: no palette */
    uint32_t dither;      /* … 0 none … 100 full, in percent */
    uint32_t tiff_compression; /* smalti__tiff_compression */
    uint32_t exr_compression; /* SMALTI__EXR_… */
    bool exr_half;        /* EXR: samples of 16 bits; else of 32 */
    uint32_t loops;       /* of an animation; 0: for ever */
    bool animation;       /* several frames follow, each begun by next_frame */
    const smalti__metadata *metadata; /* what to write of it is already decided; borrowed; may be NULL */
    smalti__pool *pool;   /* may be NULL */
    smalti_image *image;  /* of pixels alone: open allocates it, and from then on it is the caller's */
    bool spare_thread;    /* there is a processor for a thread of the encoder's own */
    const smalti__stop *stop; /* may be NULL */
    void (*warn)(void *user, const char *message); /* of metadata that had to be dropped, by open; may be NULL */
    void *user;
} smalti__encode_params;

/* TIFF: choices of output.tiff_compression, in order. */
enum { SMALTI__TIFF_LZW, SMALTI__TIFF_DEFLATE, SMALTI__TIFF_PACKBITS, SMALTI__TIFF_NONE };

/* EXR: choices of output.exr_compression, in order. */
enum { SMALTI__EXR_ZIP, SMALTI__EXR_ZIPS, SMALTI__EXR_NONE, SMALTI__EXR_PIZ, SMALTI__EXR_RLE };

enum { SMALTI__PLANE_ROWS_MAX = 64 };

typedef struct smalti__encoder {
    const struct smalti__encoder_format *format;
    smalti__encode_params params;
    smalti__sink *sink; /* borrowed */
    uint32_t width, height, channels;
    smalti_sample sample;
    uint32_t row; /* next row that write expects */
} smalti__encoder;

typedef struct smalti__encoder_format {
    const char *name;
    const char *const *extensions; /* the first is used for new files */
    uint32_t samples;              /* bit (1 << smalti_sample) for each accepted */
    uint32_t channels;             /* bit (1 << n) for each accepted */
    bool linear; /* it holds linear light, colours multiplied by alpha */
    uint32_t max_width, max_height;
    uint32_t default_quality; /* what quality 0 stands for; 0: the format is lossless */
    /* Upper bound of the memory that open and write take. */
    size_t (*work_bytes)(uint32_t width, uint32_t height, uint32_t channels, smalti_sample sample,
                         const smalti__encode_params *params);
    /* Geometry, params and sink in *seed are set; *encoder is owned on success. */
    smalti_result (*open)(const smalti__encoder *seed, smalti__encoder **encoder, smalti_error *error);
    /* Takes the next rows. May not depend on how they are grouped: the same bytes for every grouping. */
    smalti_result (*write)(smalti__encoder *encoder, const void *rows, size_t pitch, uint32_t count,
                           smalti_error *error);
    /* After the last row. */
    smalti_result (*finish)(smalti__encoder *encoder, smalti_error *error);
    void (*close)(smalti__encoder *encoder);
    /* What follows may be NULL. */
    /* Before the rows of each frame of an animation (params.animation), the first included. */
    smalti_result (*next_frame)(smalti__encoder *encoder, uint32_t duration_ms, smalti_error *error);
    /* Instead of open and write: the image comes as planes, subsampled as params say (channels 1 or 3). *image gets the
     * planes of the whole image, *unit what each call of write_planes is to bring: the same but for height and pitch, the
     * rows of each plane (at most SMALTI__PLANE_ROWS_MAX; fewer only in the last call) and the least bytes between them;
     * data is NULL. The encoder's row is that of plane 0. */
    smalti_result (*open_planes)(const smalti__encoder *seed, smalti__planes *image, smalti__planes *unit,
                                 smalti__encoder **encoder, smalti_error *error);
    /* May write to what lies between a row's width and its pitch. */
    smalti_result (*write_planes)(smalti__encoder *encoder, const smalti__planes *rows, smalti_error *error);
} smalti__encoder_format;

extern const smalti__encoder_format smalti__encoder_png;
extern const smalti__encoder_format smalti__encoder_jpeg;
extern const smalti__encoder_format smalti__encoder_avif;
extern const smalti__encoder_format smalti__encoder_tiff;
extern const smalti__encoder_format smalti__encoder_pnm;
extern const smalti__encoder_format smalti__encoder_webp;
extern const smalti__encoder_format smalti__encoder_exr;

/* Keeps rows in params.image instead of writing to a sink; not in the registry. */
extern const smalti__encoder_format smalti__encoder_pixels;

extern const smalti__encoder_format *const smalti__encoder_formats[]; /* NULL-terminated */

/* Makes rows fit a format: its sample types (the widest it has, where the rows' own is missing), alpha only where it can.
 * LIMIT when the image is larger than the format allows. */
smalti_result smalti__encoder_fit(const smalti__encoder_format *format, smalti__shape *shape, smalti_error *error);

/* Quality and subsampling: INVALID_RANGE when they are none. */
smalti_result smalti__encoder_check_lossy(const smalti__encode_params *params, smalti_error *error);

/* By name ("png") or extension ("jpg"), any case; NULL when there is none. */
const smalti__encoder_format *smalti__encoder_find(const char *name);

#endif
