/* SPDX-License-Identifier: Apache-2.0
 * OpenEXR files without their pixels: headers by the hundred thousand, a structural check in microseconds, repair of
 * offset tables, edits of attributes that leave the pixels where they are, and channels grouped into layers.
 *
 * The reader is Smalti's own, from the document "OpenEXR File Layout". It reads one page of a file and only what it needs
 * beyond that; large values (previews, Cryptomatte manifests) are passed over until they are asked for. */
#ifndef SMALTI_EXR_H
#define SMALTI_EXR_H

#include <smalti/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Headers ---- */

/** A reader that holds the header of one file at a time. Its memory is used again from file to file: reading many costs no
 * allocation. Not for two threads at once. */
typedef struct smalti_exr smalti_exr;

/** Limits of a reader. Zero in a field means its default. */
typedef struct smalti_exr_options {
    size_t size; /**< sizeof(smalti_exr_options) */
    uint64_t max_bytes; /**< memory that a reader may hold at one time: default 256 MiB */
    uint32_t max_parts; /**< default 1,024 */
    uint32_t max_channels; /**< of all parts together: default 65,536 */
    uint32_t max_attributes; /**< of all parts together: default 65,536 */
    uint32_t
        keep_bytes; /**< values of attributes larger than this are passed over, not read: default 4,096; UINT32_MAX:
                              read them all */
} smalti_exr_options;

/** Bytes of text, not NUL-terminated; may hold anything. */
typedef struct smalti_exr_text {
    const char *data; /**< NULL when there is none */
    size_t size;
} smalti_exr_text;

/** A window in pixels; both corners belong to it. */
typedef struct smalti_exr_box {
    int32_t min_x, min_y, max_x, max_y;
} smalti_exr_box;

/** The type of one sample in a file. The values are the file's. */
typedef enum smalti_exr_sample {
    SMALTI_EXR_UINT = 0, /**< 32-bit unsigned */
    SMALTI_EXR_HALF = 1, /**< IEEE 754 binary16 */
    SMALTI_EXR_FLOAT = 2 /**< IEEE 754 binary32 */
} smalti_exr_sample;

/** Bytes of one sample. */
static inline uint32_t smalti_exr_sample_bytes(smalti_exr_sample sample)
{
    return sample == SMALTI_EXR_HALF ? 2 : 4;
}

/** What the pixels of a part are. */
typedef enum smalti_exr_kind {
    SMALTI_EXR_SCANLINE = 0,
    SMALTI_EXR_TILED = 1,
    SMALTI_EXR_DEEP_SCANLINE = 2,
    SMALTI_EXR_DEEP_TILED = 3,
    SMALTI_EXR_OTHER = 4 /**< a type of part that is not known here: its header is read, its chunks are not */
} smalti_exr_kind;

/** Compressions; the values are the file's. */
typedef enum smalti_exr_compression {
    SMALTI_EXR_NONE = 0,
    SMALTI_EXR_RLE = 1,
    SMALTI_EXR_ZIPS = 2,
    SMALTI_EXR_ZIP = 3,
    SMALTI_EXR_PIZ = 4,
    SMALTI_EXR_PXR24 = 5,
    SMALTI_EXR_B44 = 6,
    SMALTI_EXR_B44A = 7,
    SMALTI_EXR_DWAA = 8,
    SMALTI_EXR_DWAB = 9,
    SMALTI_EXR_HTJ2K256 = 10,
    SMALTI_EXR_HTJ2K32 = 11
} smalti_exr_compression;

/** Types of attributes that are understood; the others are kept as type and bytes. */
typedef enum smalti_exr_type {
    SMALTI_EXR_TYPE_UNKNOWN = 0,
    SMALTI_EXR_TYPE_INT,
    SMALTI_EXR_TYPE_V2I,
    SMALTI_EXR_TYPE_V2F,
    SMALTI_EXR_TYPE_V2D,
    SMALTI_EXR_TYPE_V3I,
    SMALTI_EXR_TYPE_V3F,
    SMALTI_EXR_TYPE_V3D,
    SMALTI_EXR_TYPE_M33F,
    SMALTI_EXR_TYPE_M33D,
    SMALTI_EXR_TYPE_M44F,
    SMALTI_EXR_TYPE_M44D,
    SMALTI_EXR_TYPE_BOX2I,
    SMALTI_EXR_TYPE_BOX2F,
    SMALTI_EXR_TYPE_FLOAT,
    SMALTI_EXR_TYPE_BYTES,
    SMALTI_EXR_TYPE_DOUBLE,
    SMALTI_EXR_TYPE_ENVMAP,
    SMALTI_EXR_TYPE_STRING,
    SMALTI_EXR_TYPE_CHLIST,
    SMALTI_EXR_TYPE_KEYCODE,
    SMALTI_EXR_TYPE_PREVIEW,
    SMALTI_EXR_TYPE_TIMECODE,
    SMALTI_EXR_TYPE_RATIONAL,
    SMALTI_EXR_TYPE_TILEDESC,
    SMALTI_EXR_TYPE_LINE_ORDER,
    SMALTI_EXR_TYPE_ID_MANIFEST,
    SMALTI_EXR_TYPE_FLOAT_VECTOR,
    SMALTI_EXR_TYPE_COMPRESSION,
    SMALTI_EXR_TYPE_STRING_VECTOR,
    SMALTI_EXR_TYPE_CHROMATICITIES,
    SMALTI_EXR_TYPE_DEEP_IMAGE_STATE
} smalti_exr_type;

/** One attribute of a part, as it stands in the file. */
typedef struct smalti_exr_attribute {
    const char *name; /**< 1 to 255 bytes and a NUL */
    const char *type_name; /**< as stored */
    const uint8_t *value; /**< size bytes, little-endian, unaligned; NULL: passed over, see smalti_exr_attribute_read */
    uint64_t offset; /**< in the file: of the name */
    uint64_t value_offset; /**< in the file: of the value */
    uint32_t size; /**< bytes of the value */
    smalti_exr_type type;
    bool in_part; /**< the part's own fields say what it does: windows, compression, channels, … */
} smalti_exr_attribute;

typedef struct smalti_exr_channel {
    const char *name; /**< 1 to 255 bytes and a NUL: "R", "diffuse.R" */
    uint32_t name_size; /**< without the NUL */
    smalti_exr_sample sample;
    int32_t x_sampling, y_sampling; /**< 1: every pixel has a sample, 2: every second column or row, … */
    bool linear; /**< the pLinear flag: a hint for B44 */
} smalti_exr_channel;

/** One part: an image with its own header. */
typedef struct smalti_exr_part {
    const smalti_exr_attribute *attributes; /**< in the order of the file */
    const smalti_exr_channel *channels; /**< in the order of the file, which is that of the pixels */
    uint32_t attribute_count;
    uint32_t channel_count; /**< at least 1 */
    smalti_exr_text name; /**< none in most files of one part */
    smalti_exr_text view; /**< "left", "right", …; none when there are no views */
    smalti_exr_kind kind;
    smalti_exr_compression compression;
    uint32_t line_order; /**< of the chunks in the file: 0 increasing y, 1 decreasing y, 2 random */
    smalti_exr_box data_window; /**< the pixels there are; width and height are at least 1 and below 2³¹ */
    smalti_exr_box display_window; /**< the image they belong to */
    float pixel_aspect; /**< width of a pixel divided by its height: 10⁻⁶ to 10⁶ */
    float screen_window_center[2];
    float screen_window_width;
    uint32_t tile_width, tile_height; /**< 0 for scan lines */
    uint32_t level_mode; /**< 0 one level, 1 mipmap, 2 ripmap */
    bool round_up; /**< sizes of levels are rounded up */
    bool sorted; /**< channel names are in order, as they should be */
    uint32_t levels_x, levels_y; /**< 1 and 1 unless tiled with levels; both the same for a mipmap */
    int32_t max_samples; /**< deep: most samples of a pixel, -1 when not said; 0 otherwise */
    uint32_t preview_width, preview_height; /**< 0 when there is no preview */
    uint64_t chunk_count; /**< entries of its offset table */
    uint64_t table_offset; /**< in the file: of its offset table */
    uint64_t
        pixel_bytes; /**< all channels of the largest level, decoded (UINT64_MAX: more than that); 0 for deep data */
} smalti_exr_part;

/** Flags in smalti_exr_header.flags; the values are the file's. */
enum {
    SMALTI_EXR_FLAG_TILED = 0x200, /**< one part, which is tiled */
    SMALTI_EXR_FLAG_LONG_NAMES = 0x400, /**< names may have 255 bytes instead of 31 */
    SMALTI_EXR_FLAG_DEEP = 0x800, /**< there is deep data */
    SMALTI_EXR_FLAG_MULTI_PART = 0x1000 /**< the header is a list of headers */
};

/** What a file says of itself. Everything in it is a view, valid until the reader opens another file. */
typedef struct smalti_exr_header {
    uint32_t version; /**< 2 */
    uint32_t flags; /**< SMALTI_EXR_FLAG_* */
    uint32_t part_count; /**< at least 1 */
    const smalti_exr_part *parts;
    uint64_t file_bytes; /**< size of the file */
    uint64_t header_bytes; /**< in the file: end of the headers, begin of the first offset table */
    uint64_t tables_end; /**< in the file: end of the last offset table */
    uint64_t bytes_read; /**< that were read to know all this */
    uint32_t reads; /**< system calls that it took */
} smalti_exr_header;

/** A new reader. options may be NULL. Owned: smalti_exr_free. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_new(const smalti_exr_options *options, smalti_exr **exr,
                                                          smalti_error *error);
SMALTI_API void smalti_exr_free(smalti_exr *exr); /**< NULL is fine */

/**
 * Reads the header of a file; what was open before is closed. The file stays open for smalti_exr_attribute_read and
 * smalti_exr_check. After an error no file is open. Errors: FORMAT (with the byte offset), FORMAT_UNKNOWN (not EXR),
 * UNSUPPORTED (a version, flag or compression of the future), LIMIT, NOMEM, IO.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_open(smalti_exr *exr, const char *path, smalti_error *error);

/** The same for a descriptor of a regular file, borrowed until the reader opens another file or is closed. Read by pread:
 * its position stays where it is. name stands in messages. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_open_fd(smalti_exr *exr, int fd, const char *name,
                                                              smalti_error *error);

/** The same for a file in memory, borrowed likewise. Nothing is copied, and no value is passed over. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_open_memory(smalti_exr *exr, const void *data, size_t size,
                                                                  const char *name, smalti_error *error);

/** Closes the file; memory is kept for the next one. */
SMALTI_API void smalti_exr_close(smalti_exr *exr);

/** The header of the file that is open; NULL when none is. A view. */
SMALTI_API const smalti_exr_header *smalti_exr_header_get(const smalti_exr *exr);

/** An attribute of a part by its name; NULL when there is none. A view. */
SMALTI_API const smalti_exr_attribute *smalti_exr_attribute_find(const smalti_exr_part *part, const char *name);

/** Reads size bytes from offset on of an attribute's value to data: for values that were passed over. Errors: INVALID_RANGE
 * (beyond the value), IO. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_attribute_read(const smalti_exr *exr,
                                                                     const smalti_exr_attribute *attribute,
                                                                     uint32_t offset, void *data, size_t size,
                                                                     smalti_error *error);

/**
 * The numbers of an attribute, all of which a double holds exactly: int, float, double, vectors, matrices, boxes, rational
 * (numerator, denominator), key code (7), time code (2 words), chromaticities (8), tile description (width, height, mode),
 * float vector, and the enumerations. Writes at most room of them and gives how many there are: 0 for other types and for
 * values passed over.
 */
SMALTI_API size_t smalti_exr_attribute_numbers(const smalti_exr_attribute *attribute, double *numbers, size_t room);

/** The text at index of a string (index 0 only) or string vector; false past the end, and for other types. */
SMALTI_API bool smalti_exr_attribute_text(const smalti_exr_attribute *attribute, size_t index, smalti_exr_text *text);

/** A SMPTE time code. */
typedef struct smalti_exr_timecode {
    uint32_t hours, minutes, seconds, frame;
    bool drop_frame, color_frame, field_phase;
    uint32_t user_data;
} smalti_exr_timecode;

/** Decodes an attribute of type time code; false for other types. */
SMALTI_API bool smalti_exr_attribute_timecode(const smalti_exr_attribute *attribute, smalti_exr_timecode *timecode);

/* ---- Structure ---- */

/** What a structural check found, the worst thing of all. */
typedef enum smalti_exr_verdict {
    SMALTI_EXR_GOOD = 0, /**< every chunk is where the tables say, whole, and what it should be */
    SMALTI_EXR_UNFINISHED = 1, /**< some offsets are 0: the writer did not come to its end */
    SMALTI_EXR_TRUNCATED = 2, /**< chunks reach beyond the end of the file */
    SMALTI_EXR_DAMAGED = 3 /**< chunks that overlap, have an impossible size or are not what the table says */
} smalti_exr_verdict;

/** A structural check's result. Each chunk is counted once. */
typedef struct smalti_exr_check {
    smalti_exr_verdict verdict;
    uint64_t chunks; /**< of all parts */
    uint64_t good; /**< chunks without fault */
    uint64_t missing; /**< offset 0 */
    uint64_t beyond; /**< begin or end beyond the end of the file */
    uint64_t misplaced; /**< offset inside the headers and tables */
    uint64_t mislabelled; /**< part number or coordinates are not those of its place in the table */
    uint64_t impossible; /**< sizes that cannot be */
    uint64_t overlapping; /**< begin inside another chunk */
    uint64_t undecodable; /**< whose bytes cannot be decompressed; smalti_exr_check_pixels only */
    uint64_t unchecked; /**< good, but of a kind that cannot be decompressed; likewise */
    uint64_t unused_bytes; /**< of the file, behind its tables, that belong to no chunk */
    uint64_t end; /**< in the file: end of the last chunk */
    uint64_t fault_offset; /**< in the file: of the first fault, SMALTI_NO_OFFSET when there is none */
    char fault[160]; /**< what that is, one line; empty when there is none */
} smalti_exr_check;

/**
 * Checks the structure of the open file: the offset tables, and the head of every chunk; pixels are not decoded. Faults are
 * no errors: they stand in *check. Errors: LIMIT (more chunks than the reader may hold), NOMEM, IO.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_check_structure(smalti_exr *exr, smalti_exr_check *check,
                                                                      smalti_error *error);

/**
 * The same, and decompresses every chunk that is good so far. It takes as long as reading all pixels, and finds most flipped
 * bits; not those in samples that are stored without compression. Chunks larger than the reader may hold are LIMIT.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_check_pixels(smalti_exr *exr, smalti_exr_check *check,
                                                                   smalti_error *error);

/** What a repair did. */
typedef struct smalti_exr_repair {
    uint64_t chunks; /**< of all parts */
    uint64_t kept; /**< entries of the tables that were right */
    uint64_t found; /**< entries that were wrong or 0, and whose chunks are there */
    uint64_t missing; /**< chunks that are not in the file: their entries are 0 */
    uint64_t bytes; /**< size of the new file */
} smalti_exr_repair;

/**
 * Writes the open file to a new one with offset tables rebuilt from the heads of the chunks. Pixels are copied as they are.
 * An existing output is replaced when replace, else INVALID_CONFLICT. Other errors: FORMAT (no chunk is there), LIMIT,
 * NOMEM, IO.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_repair_file(smalti_exr *exr, const char *output, bool replace,
                                                                  smalti_exr_repair *repair, smalti_error *error);

SMALTI_API const char *smalti_exr_verdict_name(smalti_exr_verdict verdict); /**< "unfinished" */

/* ---- Layers ---- */

/** Rules that put channels into groups: constant, may be used by many threads. */
typedef struct smalti_exr_rules smalti_exr_rules;

/**
 * Rules from JSON or a small part of TOML (docs/exr.md); text NULL gives the default ones: beauty, cryptomatte, lights,
 * data, objects, and other for the rest. name stands in messages. Owned: smalti_exr_rules_free. Errors: INVALID_* (what is
 * wrong, and where), LIMIT, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_rules_new(const char *text, size_t size, const char *name,
                                                                smalti_exr_rules **rules, smalti_error *error);
SMALTI_API void smalti_exr_rules_free(smalti_exr_rules *rules); /**< NULL is fine */

/** Names of the groups in their order, the one for the rest last; ends with NULL. A view. */
SMALTI_API const char *const *smalti_exr_rules_groups(const smalti_exr_rules *rules);

/** Channels of one part that have the layer, the view and the group in common. */
typedef struct smalti_exr_layer {
    const char *group; /**< its name in the rules */
    uint32_t group_index; /**< its place there */
    uint32_t part;
    smalti_exr_text name; /**< "diffuse" of "diffuse.R"; size 0 for "R" (in files of many parts the part's name then) */
    smalti_exr_text view; /**< size 0: none */
    const uint32_t
        *channels; /**< indices in the part's channels: red, green, blue, alpha, then in the order of the file */
    uint32_t channel_count;
} smalti_exr_layer;

/** Layers of a file, in the order of parts, groups, names, views. */
typedef struct smalti_exr_layers {
    const smalti_exr_layer *layers;
    size_t count;
    void *memory; /**< owned */
} smalti_exr_layers;

/** Sorts the channels of the open file into layers and groups. Texts are views into the header. *layers is owned:
 * smalti_exr_layers_clear. */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_layers_find(const smalti_exr *exr, const smalti_exr_rules *rules,
                                                                  smalti_exr_layers *layers, smalti_error *error);
SMALTI_API void smalti_exr_layers_clear(smalti_exr_layers *layers); /**< fine for a zeroed struct */

/* ---- Edits ---- */

/** What a change does. */
typedef enum smalti_exr_change_kind {
    SMALTI_EXR_SET = 1, /**< gives an attribute a type and a value; adds it when it is not there */
    SMALTI_EXR_DELETE = 2, /**< removes an attribute */
    SMALTI_EXR_RENAME = 3, /**< gives an attribute a new name */
    SMALTI_EXR_RENAME_CHANNEL = 4, /**< gives a channel a new name; the order of channels must stay */
    SMALTI_EXR_RENAME_LAYER = 5 /**< the same for all channels of a layer and of those below it */
} smalti_exr_change_kind;

/** One change of a header. All is borrowed. */
typedef struct smalti_exr_change {
    smalti_exr_change_kind kind;
    int32_t part; /**< the part it is for; -1: every part that has the thing (SET: every part) */
    const char *name; /**< of an attribute, channel or layer */
    const char *new_name; /**< RENAME_* */
    const char *type_name; /**< SET: as stored, "string", "float", … */
    const void *value; /**< SET: as stored, see smalti_exr_value_from_text */
    uint32_t value_bytes; /**< SET */
} smalti_exr_change;

/** How a file was edited. */
typedef enum smalti_exr_way {
    SMALTI_EXR_UNCHANGED = 0, /**< there was nothing to change */
    SMALTI_EXR_PATCHED = 1, /**< in the file, by one write inside a page */
    SMALTI_EXR_MOVED = 2, /**< in the file, with the offset tables moved into room that was there */
    SMALTI_EXR_INSERTED = 3, /**< in the file, with blocks inserted by the file system */
    SMALTI_EXR_CLONED = 4, /**< a new file that shares the blocks of the pixels took its name */
    SMALTI_EXR_COPIED = 5 /**< a copy took its name */
} smalti_exr_way;

/** How to edit. Zero in a field means its default. */
typedef struct smalti_exr_edit_options {
    size_t size; /**< sizeof(smalti_exr_edit_options) */
    const char *output; /**< the new file, which must not exist unless replace; NULL: path itself is changed */
    bool replace; /**< output may exist */
    bool copy; /**< never in the file itself: always a new one that takes its name */
    const char *backup; /**< the old file keeps this name, which must not exist; implies copy; NULL: none */
    bool sync; /**< every step is on the disk before the next: safe when power fails, too */
    bool insert; /**< insert blocks into files of one part with scan lines, too; see smalti_exr_edit */
} smalti_exr_edit_options;

/** What an edit did. */
typedef struct smalti_exr_edit_result {
    smalti_exr_way way;
    uint64_t header_bytes; /**< of the new header */
    uint64_t written_bytes; /**< by this process; not what the kernel copied or shared */
} smalti_exr_edit_result;

/**
 * Changes headers and leaves pixels alone. Whatever kills the process, the file is then the old one or the new one: in the
 * file itself each step leads from one valid state to the next. (A kill in the middle can leave an attribute "smaltiPad",
 * which the next edit removes.)
 *
 * Where there is no room before the pixels, blocks are inserted, and meanwhile some chunks stand at the end of the file. The
 * C++ library before OpenEXR 3.3 reads scan lines of files of one part without looking where they are: killed in that
 * moment, such a file could not be read by it until the next edit. So these are copied instead, which leaves room for later
 * edits, unless options->insert.
 *
 * Other readers should not have the file open meanwhile: an edit in the file itself moves what they may be about to read.
 * Changes that would make the pixels mean something else are refused. Errors: INVALID (a change that cannot be made),
 * INVALID_CONFLICT, FORMAT, LIMIT, NOMEM, IO; the file is then as it was.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_edit(const char *path, const smalti_exr_change *changes,
                                                           size_t count, const smalti_exr_edit_options *options,
                                                           smalti_exr_edit_result *result, smalti_error *error);

/**
 * A value from text: numbers with blanks or commas between them for numeric types, "24000/1001" for rational, "12:34:56:07"
 * (";" before the frame: drop-frame) for timecode, names for compression, lineOrder and envmap, text as it is for string,
 * texts with commas between them for stringvector, hexadecimal digits for bytes and types that are not known. *value is
 * owned: free(). Errors: INVALID_TYPE, INVALID_RANGE, NOMEM.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_exr_value_from_text(const char *type_name, const char *text,
                                                                      void **value, uint32_t *value_bytes,
                                                                      smalti_error *error);

SMALTI_API const char *smalti_exr_way_name(smalti_exr_way way); /**< "patched" */

/* Names, as they are written in files and documents. Static strings; "unknown" for other values. */
SMALTI_API const char *smalti_exr_compression_name(smalti_exr_compression compression); /**< "zip" */
SMALTI_API const char *smalti_exr_kind_name(smalti_exr_kind kind); /**< "scanlineimage" */
SMALTI_API const char *smalti_exr_sample_name(smalti_exr_sample sample); /**< "half" */
SMALTI_API const char *smalti_exr_line_order_name(uint32_t line_order); /**< "increasing" */
SMALTI_API const char *smalti_exr_type_name(smalti_exr_type type); /**< "box2i" */

#ifdef __cplusplus
}
#endif
#endif
