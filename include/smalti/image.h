/* SPDX-License-Identifier: Apache-2.0
 * Images in memory and what a file says about itself. */
#ifndef SMALTI_IMAGE_H
#define SMALTI_IMAGE_H

#include <smalti/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The type of one sample. The value is also the one a kernel sees (smalti_tile.sample). */
typedef enum smalti_sample {
    SMALTI_SAMPLE_U8 = 1,  /**< 0…255 */
    SMALTI_SAMPLE_U16 = 2, /**< 0…65535, host byte order */
    SMALTI_SAMPLE_F16 = 3, /**< reserved: IEEE 754 binary16 */
    SMALTI_SAMPLE_F32 = 4  /**< nominally 0…1 */
} smalti_sample;

/** Bytes of one sample; 0 for a value that is none. */
static inline size_t smalti_sample_bytes(smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8                                   ? 1
           : sample == SMALTI_SAMPLE_U16 || sample == SMALTI_SAMPLE_F16 ? 2
           : sample == SMALTI_SAMPLE_F32                                ? 4
                                                                        : 0;
}

/** Interleaved pixels: 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA (alpha not premultiplied). */
typedef struct smalti_image {
    uint32_t width;       /**< pixels, 1 to 2,147,483,647 */
    uint32_t height;      /**< rows, 1 to 2,147,483,647 */
    uint32_t channels;    /**< 1…4 */
    smalti_sample sample; /**< type of each sample */
    size_t pitch;         /**< bytes from a row to the next, at least width × channels × bytes of a sample */
    void *data;           /**< first sample of the first row; who owns it is said where the struct is used */
} smalti_image;

/** Allocates pixels for the geometry in *image (pitch and data are set). Owned: free with smalti_image_free. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_image_alloc(smalti_image *image, smalti_error *error);

/** Frees what smalti_image_alloc or smalti_image_read gave, and clears the struct. NULL and cleared structs are fine. */
SMALTI_API void smalti_image_free(smalti_image *image);

/** Metadata of a file, read without decoding pixels. */
typedef struct smalti_info {
    char format[8]; /**< "png", "jpeg", "webp", "avif", "gif", "tiff", "pnm", "exr" */
    uint32_t width; /**< pixels, as stored (before orientation) */
    uint32_t height; /**< rows, as stored */
    uint32_t channels; /**< channels after decoding (palette expanded, CMYK converted): 1…4 */
    smalti_sample sample; /**< samples after decoding */
    uint32_t bit_depth; /**< bits per sample as stored: 1, 2, 4, 8, 10, 12, 16, 32 */
    char color
        [12]; /**< as stored: "gray", "gray-alpha", "rgb", "rgba", "palette", "ycbcr", "ycbcra", "cmyk", "ycck", "lab" */
    char subsampling[8]; /**< of chroma: "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1" or "other"; else empty */
    char compression
        [12]; /**< where a format has several: "lossy", "lossless", "lzw", "deflate", "packbits", …; else empty */
    bool interlaced; /**< PNG Adam7, progressive JPEG or interlaced GIF */
    bool has_alpha; /**< the decoded image has an alpha channel */
    uint32_t frames; /**< images in the file: of an animation, or pages; 1 for a still image */
    uint32_t loops; /**< of an animation: how often it is played, 0 for ever */
    uint32_t duration_ms; /**< of an animation: all its frames, once */
    uint32_t orientation; /**< EXIF orientation 1…8; 1 when the file has none */
    uint64_t file_bytes; /**< size of the file */
    uint64_t decoded_bytes; /**< width × height × channels × bytes of a sample */
    uint64_t icc_bytes; /**< size of the ICC profile (as stored: PNG compresses it), 0 when there is none */
    uint64_t exif_bytes; /**< size of the EXIF block, 0 when there is none */
    uint64_t xmp_bytes; /**< size of the XMP packet, 0 when there is none */
} smalti_info;

/**
 * Reads the metadata of a file. path "-" reads standard input, to its end. Of a file little more than the head is read.
 * Errors: FORMAT (malformed or unknown), UNSUPPORTED, IO.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_info_read(const char *path, smalti_info *info, smalti_error *error);

/** The same for a file in memory; data is borrowed during the call. name stands in error messages. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_info_read_memory(const void *data, size_t size, const char *name,
                                                                   smalti_info *info, smalti_error *error);

/**
 * Decodes a whole file, oriented upright, in its own samples and channels. image->data is owned by the caller on
 * success: smalti_image_free. Errors: FORMAT, UNSUPPORTED, LIMIT, NOMEM, IO.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_image_read(const char *path, smalti_image *image,
                                                             smalti_error *error);

/** The same for a file in memory; data is borrowed during the call. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_image_read_memory(const void *data, size_t size, const char *name,
                                                                    smalti_image *image, smalti_error *error);

/** A format of image files. Static. */
typedef struct smalti_format_info {
    const char *name; /**< "jpeg", as in smalti_info.format */
    const char *const *extensions; /**< lower case, without dot; the first is used for new files; NULL-terminated */
    bool reads, writes;
} smalti_format_info;

/** The formats there are: smalti_format_describe of 0 to smalti_format_count() − 1; NULL past the end. */
SMALTI_API size_t smalti_format_count(void);
SMALTI_API const smalti_format_info *smalti_format_describe(size_t index);

/** How to encode. Zero in a field means its default. */
typedef struct smalti_encode_options {
    size_t size; /**< sizeof(smalti_encode_options) */
    char format
        [8]; /**< "png", "jpeg", "webp", "avif", "tiff", "pnm", "exr"; empty: by the file name's extension, png without one */
    uint32_t quality; /**< 1…100; default 80, for AVIF 50 */
    uint32_t subsampling; /**< chroma of JPEG and AVIF: 420, 422, 444; default 420, for AVIF 444 */
    uint32_t png_effort; /**< PNG: 1 (fastest) … 9 (smallest), default 4 */
    uint32_t webp_effort; /**< WebP: 1 (fastest) … 6 (smallest), default 4 */
    uint32_t avif_effort; /**< AVIF: 1 (fastest) … 9 (smallest), default 4 */
    bool progressive; /**< JPEG: from coarse to fine */
    bool optimize; /**< JPEG: Huffman tables made for the image */
    bool lossless; /**< WebP and AVIF: no loss */
} smalti_encode_options;

/** Encodes an image into a file, which appears whole or not at all. options NULL: the defaults. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_image_write(const smalti_image *image, const char *path,
                                                              const smalti_encode_options *options,
                                                              smalti_error *error);

/** Encodes into memory. *data is owned by the caller on success: free(). */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_image_write_memory(const smalti_image *image,
                                                                     const smalti_encode_options *options, void **data,
                                                                     size_t *size, smalti_error *error);

#ifdef __cplusplus
}
#endif
#endif
