/* SPDX-License-Identifier: Apache-2.0
 * Decoders: one file per format behind one vtable; rows are delivered in order into the caller's memory. */
#ifndef SMALTI_SRC_DECODE_H
#define SMALTI_SRC_DECODE_H

#include <smalti/image.h>

#include "pixel/convert.h"
#include "pixel/light.h"
#include "source/source.h"

/* A block of bytes from the file, or NULL/0. Owned by the struct it stands in (free()). */
typedef struct smalti__blob {
    uint8_t *data;
    size_t size;
} smalti__blob;

/* Metadata that may go from input to output. */
typedef struct smalti__metadata {
    smalti__blob icc;  /* ICC profile, decompressed */
    smalti__blob exif; /* TIFF structure, without "Exif\0\0" */
    smalti__blob xmp;  /* packet, without its identifier */
    smalti__blob exr;  /* EXR attributes as they stand in a header, but those that say how pixels are stored */
    bool exr_long_names; /* some of them have names of more than 31 bytes */
    const smalti__primaries *exr_primaries; /* of colours that are no longer in those that exr says; NULL: as it says */
} smalti__metadata;

void smalti__metadata_clear(smalti__metadata *metadata);

typedef struct smalti__decode_options {
    bool lenient; /* keep what can be decoded of damaged data, and warn */
    bool metadata; /* fill in smalti__decoder.metadata.exif and .xmp too; icc is always wanted */
    bool head_only; /* only info is wanted (also from behind the pixels, if that costs little): no read will follow */
    bool all_frames; /* of an animation; otherwise the first is delivered as a still image */
    bool spare_thread; /* there is a processor for a thread of the decoder's own */
    uint64_t max_pixels; /* refuse larger images with LIMIT_PIXELS; 0: no limit */
    uint32_t max_frames; /* with all_frames: refuse animations of more with LIMIT_FRAMES; 0: no limit */
    size_t max_metadata; /* bytes of each metadata block; larger ones are dropped with a warning; 0: 16 MiB */
    smalti__pool *pool; /* for working memory; may be NULL */
    const smalti__stop *stop; /* looked at in the middle of long work; may be NULL */
    void (*warn)(void *user, const char *message); /* may be NULL; message without the file's name */
    void *user;
    /* EXR: which image of the file; NULL: the first, the one that viewers show. Borrowed while the decoder lives. */
    const char *part; /* its number, from 0, or its name */
    const char *layer; /* "diffuse" of "diffuse.R"; or a channel's whole name */
    const char *view; /* "left" */
    uint32_t level; /* of a mipmap or ripmap: 0 the largest */
    bool contact_sheet; /* all layers of all parts, or of part, with their names */
    uint32_t sheet_cell; /* pixels across one of them; 0: 256 */
    bool preview; /* the small image in the header instead */
    bool flatten_deep; /* deep data too, its samples put over each other; otherwise it is refused */
} smalti__decode_options;

/* Planes of an image or of some of its rows: Y, Cb, Cr of JFIF (BT.601, full range), or Y alone. A sample stands for
 * across × down pixels of the image and lies in their centre; the last ones may reach over the image's edges. */
typedef struct smalti__planes {
    uint32_t count; /* 1 or 3 */
    uint32_t across[3], down[3]; /* 1, 2 or 4 */
    uint32_t width[3], height[3]; /* samples */
    size_t pitch[3];
    uint8_t *data[3];
} smalti__planes;

typedef struct smalti__decoder {
    const struct smalti__decoder_ops *ops;
    smalti__source *source; /* borrowed */
    smalti__decode_options options;
    smalti_info info; /* as stored */
    smalti__shape out; /* what read delivers: as stored, or reduced */
    uint32_t reduced; /* the divisor: out is info's size divided by it, rounded up (the last row and column are whole
                       * pixels that the image only partly fills); 1 for as stored; 0: out is the whole of the image in
                       * another ratio, which width and height say; 0: scaled to its size by whatever factors */
    uint32_t level; /* EXR: of its mipmap, that is delivered instead of the largest; 0: none */
    bool premultiplied; /* set by open, for out */
    smalti__light light; /* set by open: what samples are, where that is not what is shown */
    smalti__metadata metadata;
    size_t work_bytes; /* upper bound of what start and read allocate, known from the header alone */
    uint32_t row; /* next row that read delivers */
    uint32_t frame; /* of an animation: the one being delivered, from 0 */
    uint32_t frame_ms; /* how long that frame stands; known after start and next_frame */
    uint64_t helper_cpu_ns; /* what a thread of the decoder's own spent; known after finish */
} smalti__decoder;

typedef struct smalti__decoder_ops {
    /* Allocates working memory (at most work_bytes). */
    smalti_result (*start)(smalti__decoder *decoder, smalti_error *error);
    /* Decodes the next rows rows (never more than are left) to dst in out.channels × out.sample. May write up to the
     * next 64-byte boundary behind a row, never beyond pitch. */
    smalti_result (*read)(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows, smalti_error *error);
    /* After the last row: checks what follows the pixels (checksums, end marker). */
    smalti_result (*finish)(smalti__decoder *decoder, smalti_error *error);
    void (*close)(smalti__decoder *decoder);
    /* What follows may be NULL. */
    /* Between open and start: delivers a smaller image where that is cheaper and looks as good after a further reduction to
     * width × height (as stored, before orientation): never less than that in either direction, and more by the margin
     * that the format's own way of reducing needs. Changes out, reduced and work_bytes, or nothing. */
    void (*reduce)(smalti__decoder *decoder, uint32_t width, uint32_t height);
    /* Behind the last row of a frame: the next one, whole (composed over those before it, with the canvas's size). */
    smalti_result (*next_frame)(smalti__decoder *decoder, smalti_error *error);
    /* Between open (and reduce) and start: from now on read_planes is used instead of read. fine: chroma is wanted as fine
     * as it can be had cheaply; else it is reduced as luma is. *image gets the planes of the whole image, *unit what one
     * call of read_planes delivers: the same but for height and pitch, the rows of each plane and the least bytes between
     * them; data is NULL. Sets work_bytes. false: not for this image. */
    bool (*planar)(smalti__decoder *decoder, bool fine, smalti__planes *image, smalti__planes *unit);
    /* The next rows of each plane to room->data and room->pitch, where there must be room for a unit's rows; what lies
     * behind their width or behind the image's last row is written too. Sets room->height to the rows that belong to the
     * image: a unit's, or fewer in the last call. The decoder's row is that of plane 0. */
    smalti_result (*read_planes)(smalti__decoder *decoder, smalti__planes *room, smalti_error *error);
} smalti__decoder_ops;

typedef struct smalti__decoder_format {
    const char *name; /* as in smalti_info.format */
    const char *const *extensions; /* lower case, without dot, NULL-terminated */
    bool (*probe)(const uint8_t *data, size_t size);
    /* Parses the head of the file; fills in info, metadata and work_bytes. Little memory is taken. *decoder is owned on
     * success. Error messages begin with the source's name (smalti__source_fail). */
    smalti_result (*open)(smalti__source *source, const smalti__decode_options *options, smalti__decoder **decoder,
                          smalti_error *error);
} smalti__decoder_format;

extern const smalti__decoder_format smalti__decoder_png;
extern const smalti__decoder_format smalti__decoder_exr;
extern const smalti__decoder_format smalti__decoder_jpeg;
extern const smalti__decoder_format smalti__decoder_avif;
extern const smalti__decoder_format smalti__decoder_tiff;
extern const smalti__decoder_format smalti__decoder_pnm;
extern const smalti__decoder_format smalti__decoder_webp;
extern const smalti__decoder_format smalti__decoder_gif;

/* The registry: NULL-terminated. */
extern const smalti__decoder_format *const smalti__decoder_formats[];

/* Probes and opens. FORMAT_UNKNOWN when no format fits, FORMAT_TRUNCATED for an empty input. */
smalti_result smalti__decoder_open(smalti__source *source, const smalti__decode_options *options,
                                   smalti__decoder **decoder, smalti_error *error);
/* The same interface over an image in memory, whose data is borrowed; info.format is empty. source is only its name. */
smalti_result smalti__decoder_open_pixels(smalti__source *source, const smalti_image *image,
                                          const smalti__decode_options *options, smalti__decoder **decoder,
                                          smalti_error *error);
smalti_result smalti__decoder_start(smalti__decoder *decoder, smalti_error *error);
smalti_result smalti__decoder_read(smalti__decoder *decoder, void *dst, size_t pitch, uint32_t rows,
                                   smalti_error *error);
smalti_result smalti__decoder_finish(smalti__decoder *decoder, smalti_error *error);
/* See smalti__decoder_ops.reduce; does nothing where a format cannot. */
void smalti__decoder_reduce(smalti__decoder *decoder, uint32_t width, uint32_t height);
/* See smalti__decoder_ops.planar; false where a format cannot. */
bool smalti__decoder_planar(smalti__decoder *decoder, bool fine, smalti__planes *image, smalti__planes *unit);
smalti_result smalti__decoder_read_planes(smalti__decoder *decoder, smalti__planes *room, smalti_error *error);
/* Of an animation opened with all_frames: begins the next frame (row 0 again). Only when one is left: frame + 1 <
 * info.frames. */
smalti_result smalti__decoder_next_frame(smalti__decoder *decoder, smalti_error *error);
void smalti__decoder_close(smalti__decoder *decoder); /* NULL is fine */

/* What decoders share. */
/* Gives a message to the caller's warn, if any. */
void smalti__decoder_warn(const smalti__decode_options *options, const char *format, ...) SMALTI__PRINTF(2, 3);
/* LIMIT_PIXELS when info has more pixels than the options allow. */
smalti_result smalti__decoder_check_pixels(const smalti__decoder *decoder, smalti_error *error);
/* LIMIT_FRAMES when all frames are wanted and info has more than the options allow. */
smalti_result smalti__decoder_check_frames(const smalti__decoder *decoder, smalti_error *error);
/* What went wrong with the data (class FORMAT; its message in *problem begins with the source's name) becomes a warning
 * for lenient options: *forgiven is set. Else it is passed on to *error and returned. */
smalti_result smalti__decoder_forgive(const smalti__decoder *decoder, smalti_result result, const smalti_error *problem,
                                      bool *forgiven, smalti_error *error);
/* A block of metadata: copied, or dropped with a warning when it is larger than the options allow. name is for messages. */
smalti_result smalti__decoder_copy_blob(const smalti__decode_options *options, const char *name, const void *data,
                                        size_t size, smalti__blob *blob, smalti_error *error);

/* EXIF: the orientation (1…8) in a TIFF structure, 1 when there is none or it is malformed; *value_offset (may be NULL)
 * gets the offset of its two bytes, 0 for none. Never reads outside. */
uint32_t smalti__exif_orientation(const uint8_t *tiff, size_t size, size_t *value_offset);
/* Sets it to 1 in place. */
void smalti__exif_orientation_reset(uint8_t *tiff, size_t size);

#endif
