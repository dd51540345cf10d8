/* SPDX-License-Identifier: Apache-2.0
 * The EXR reader's inside: one parsed header, whoever uses it. header.c fills it in, rules.c checks it, chunks.c says where
 * which pixels are. */
#ifndef SMALTI_SRC_EXR_H
#define SMALTI_SRC_EXR_H

#include <smalti/exr.h>

#include "base/base.h"

enum {
    SMALTI__EXR_MAGIC = 20000630,
    SMALTI__EXR_PAGE = 4096,     /* what is read at once */
    SMALTI__EXR_NAME_SHORT = 31, /* bytes of a name without the long-names flag */
    SMALTI__EXR_NAME_LONG = 255
};

/* Reads size bytes at offset, all of which are in the file. */
typedef smalti_result (*smalti__exr_read_fn)(const smalti_exr *exr, uint64_t offset, void *data, size_t size,
                                             smalti_error *error);

/* Attributes that the reader itself understands by their names: bits of smalti_exr.known. */
enum {
    SMALTI__EXR_CHANNELS = 1 << 0,
    SMALTI__EXR_COMPRESSION = 1 << 1,
    SMALTI__EXR_DATA_WINDOW = 1 << 2,
    SMALTI__EXR_DISPLAY_WINDOW = 1 << 3,
    SMALTI__EXR_LINE_ORDER = 1 << 4,
    SMALTI__EXR_PIXEL_ASPECT = 1 << 5,
    SMALTI__EXR_WINDOW_CENTER = 1 << 6,
    SMALTI__EXR_WINDOW_WIDTH = 1 << 7,
    SMALTI__EXR_REQUIRED = (1 << 8) - 1, /* in every file */
    SMALTI__EXR_TILES = 1 << 8,
    SMALTI__EXR_NAME = 1 << 9,
    SMALTI__EXR_KIND = 1 << 10,
    SMALTI__EXR_CHUNK_COUNT = 1 << 11,
    SMALTI__EXR_VIEW = 1 << 12,
    SMALTI__EXR_IN_PART = (1 << 13) - 1, /* those whose values a part's fields have */
    SMALTI__EXR_VERSION = 1 << 13,
    SMALTI__EXR_MAX_SAMPLES = 1 << 14,
    SMALTI__EXR_PREVIEW = 1 << 15,
    SMALTI__EXR_MULTI_VIEW = 1 << 16
};

struct smalti_exr {
    smalti_exr_options options; /* defaults filled in */
    smalti_exr_header header;   /* of the open file; parts is NULL when none is */

    char *name; /* of the file, for messages; owned */
    size_t name_room;
    smalti__exr_read_fn read; /* NULL: the whole file is at bytes */
    void *user;               /* for read, when it is a test's */
    int fd;                   /* -1: none */
    bool owns_fd;
    uint32_t page; /* bytes read at once: SMALTI__EXR_PAGE, less in tests */

    /* Bytes of the header without what was passed over: bytes[at] stands in the file at at + passed. */
    const uint8_t *bytes; /* buffer, or the file in memory */
    uint8_t *buffer;      /* owned */
    size_t buffer_room;
    size_t used, at;
    uint64_t passed;
    uint32_t fills; /* reads since a value was passed over: each takes more */

    smalti_exr_part *parts; /* owned, like what follows */
    smalti_exr_channel *channels;
    smalti_exr_attribute *attributes;
    size_t part_room, channel_room, attribute_room;
    uint32_t part_count, channel_count, attribute_count; /* of all parts so far */
    size_t longest_name;
    uint32_t known;        /* of the part that is being read: SMALTI__EXR_* */
    int32_t said_chunks;   /* its chunkCount */
    int32_t said_version;  /* its version */
    uint32_t said_kind;    /* its type attribute, a smalti_exr_kind */

    uint8_t *packed, *unpacked; /* of the deep check: a chunk; owned */
    size_t packed_room, unpacked_room;
    struct smalti__exr_extent *extents; /* scratch of the check: one for each chunk; owned */
    size_t extent_room;
    uint64_t held_bytes;  /* by all of the above: at most options.max_bytes */
};

/* Forgets the last file's header and reads another one: file_bytes, name, and read or bytes are set. */
smalti_result smalti__exr_parse(smalti_exr *exr, smalti_error *error);

/* Makes count bytes be there behind at; what pointers point to may move with the buffer, and they with it. TRUNCATED when
 * the file has not so many. */
smalti_result smalti__exr_fill(smalti_exr *exr, size_t count, smalti_error *error);

/* Makes room for count items of item_bytes in an owned array. LIMIT, NOMEM. */
smalti_result smalti__exr_grow(smalti_exr *exr, void *array, size_t *room, size_t count, size_t item_bytes,
                               smalti_error *error);

/* The rules that bind attributes to each other, at the end of a part's header: fills in what follows from them. */
smalti_result smalti__exr_part_finish(smalti_exr *exr, smalti_exr_part *part, smalti_error *error);
/* … and at the end of all: names of parts, tables. */
smalti_result smalti__exr_header_finish(smalti_exr *exr, smalti_error *error);

/* Fills in an error "name: message at byte offset" and returns code. offset may be SMALTI_NO_OFFSET. */
smalti_result smalti__exr_fail(const smalti_exr *exr, smalti_error *error, smalti_result code, uint64_t offset,
                               const char *format, ...) SMALTI__PRINTF(5, 6);

/* A reader that gets its bytes from a test. */
smalti_result smalti__exr_open_with(smalti_exr *exr, smalti__exr_read_fn read, void *user, uint64_t file_bytes,
                                    uint32_t page, const char *name, smalti_error *error);
/* Any bytes of the open file. TRUNCATED when it ends before them. */
smalti_result smalti__exr_read_at(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *error);

static inline uint32_t smalti__le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}
static inline uint32_t smalti__le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}
static inline uint64_t smalti__le64(const uint8_t *p)
{
    return (uint64_t)smalti__le32(p + 4) << 32 | smalti__le32(p);
}
static inline void smalti__put_le16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8);
}
static inline void smalti__put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)(v >> 16), p[3] = (uint8_t)(v >> 24);
}
static inline void smalti__put_le64(uint8_t *p, uint64_t v)
{
    smalti__put_le32(p, (uint32_t)v), smalti__put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline bool smalti__exr_is_deep(const smalti_exr_part *part)
{
    return part->kind == SMALTI_EXR_DEEP_SCANLINE || part->kind == SMALTI_EXR_DEEP_TILED;
}
static inline bool smalti__exr_is_tiled(const smalti_exr_part *part)
{
    return part->kind == SMALTI_EXR_TILED || part->kind == SMALTI_EXR_DEEP_TILED;
}

/* ---- Types ---- */

/* By its name in the file; *fixed_bytes is the size that values of it have, 0 when that varies. */
smalti_exr_type smalti__exr_type_find(const char *name, size_t size, uint32_t *fixed_bytes);

/* Whether a value of that type can be what it is: sizes inside it, counts. */
bool smalti__exr_value_fits(smalti_exr_type type, const uint8_t *value, uint32_t size);

/* ---- Chunks ---- */

/* Rows of a chunk of scan lines; 0 for a compression that is not known. */
uint32_t smalti__exr_rows_per_chunk(uint32_t compression);
/* Levels of a size. */
uint32_t smalti__exr_level_count(uint64_t size, bool round_up);
uint64_t smalti__exr_level_size(uint64_t size, uint32_t level, bool round_up);
/* How many chunks a part has, from its geometry; UINT64_MAX when they cannot be counted. */
uint64_t smalti__exr_chunk_count(const smalti_exr_part *part);

/* One chunk's place. Chunks are walked in the order of the offset table. */
typedef struct smalti__exr_chunk {
    const smalti_exr_part *part;
    uint64_t index;
    uint32_t level_x, level_y;
    uint32_t tile_x, tile_y; /* tiled */
    int64_t x,
        y; /* first pixel: of the data window's coordinates for scan lines, of its level's for tiles (which begin at
                     the data window's corner) */
    uint64_t width, height; /* pixels */
    uint64_t level_width, level_height, tiles_x, tiles_y; /* of the level, tiled */
} smalti__exr_chunk;

/* The chunk with these coordinates (as they stand in its head), which come from the file; false: there is none. */
bool smalti__exr_chunk_find(smalti__exr_chunk *chunk, const smalti_exr_part *part, const int32_t coordinates[4]);
/* The first one; then the next. false: there is none. */
bool smalti__exr_chunk_first(smalti__exr_chunk *chunk, const smalti_exr_part *part);
bool smalti__exr_chunk_next(smalti__exr_chunk *chunk);
/* Bytes of its samples, decoded; UINT64_MAX when they cannot be counted. Deep: meaningless. */
uint64_t smalti__exr_chunk_bytes(const smalti__exr_chunk *chunk);
/* Samples that a run of count pixels from start has at every sampling-th. */
uint64_t smalti__exr_samples(int64_t start, uint64_t count, int32_t sampling);

/* ---- Chunks in the file ---- */

/* Where a chunk stands; begin is 0 when it is not there, or wrong. */
typedef struct smalti__exr_extent {
    uint64_t begin, end;
    bool overlaps; /* begins inside another */
} smalti__exr_extent;

/* What is before a chunk's bytes. */
typedef struct smalti__exr_head {
    uint32_t part; /* its number; 0 in files of one part */
    int32_t coordinates[4]; /* y, or tile x, tile y, level x, level y */
    uint64_t packed_bytes; /* of pixels, as stored */
    uint64_t counts_bytes; /* deep: of the table of sample counts, as stored */
    uint64_t unpacked_bytes; /* deep: of pixels, decoded */
    uint32_t bytes; /* of the head itself */
} smalti__exr_head;

enum { SMALTI__EXR_HEAD_MOST = 44 };

/* Bytes of the heads of a part's chunks. */
uint32_t smalti__exr_head_bytes(const smalti_exr *exr, const smalti_exr_part *part);
/* Decodes so many bytes as a chunk of part. */
void smalti__exr_head_read(const smalti_exr *exr, const smalti_exr_part *part, const uint8_t *bytes,
                           smalti__exr_head *head);
/* Whether the sizes in a head can be those of a chunk; *stored gets their sum. */
bool smalti__exr_head_fits(const smalti__exr_head *head, const smalti__exr_chunk *chunk, uint64_t *stored);

/* The check; afterwards exr->extents has the good chunks, part by part in the order of the tables. Chunks that begin at
 * heads_below or later are taken to be good when their entries can be true, and their extents are empty; UINT64_MAX: every
 * head is looked at. */
smalti_result smalti__exr_check(smalti_exr *exr, uint64_t heads_below, smalti_exr_check *check, smalti_error *error);

#endif
