/* SPDX-License-Identifier: Apache-2.0
 * Header and directory of a TIFF or BigTIFF file, in the byte order of the host. Values that do not fit an entry go in front
 * of the directory, which is the last thing in the file. */
#include "encode/tiff.h"

enum { BYTE = 1, ASCII = 2, SHORT = 3, LONG = 4, RATIONAL = 5, UNDEFINED = 7, LONG8 = 16 };
enum { MOST_ENTRIES = 24 };

typedef struct entry {
    uint16_t tag, type;
    uint64_t count;
    uint8_t value[8]; /* or its offset */
} entry;

typedef struct directory {
    smalti__tiff_encoder *tiff;
    smalti_error *error;
    smalti_result result; /* of the first failure */
    entry entries[MOST_ENTRIES]; /* in the order of their tags */
    uint32_t count;
} directory;

static size_t type_bytes(uint16_t type)
{
    return type == SHORT ? 2 : type == LONG ? 4 : type == RATIONAL || type == LONG8 ? 8 : 1;
}

static smalti_result put_padding(smalti__sink *sink, smalti_error *error)
{
    static const uint8_t zeros[8];
    return smalti__sink_write(sink, zeros, (size_t)(-sink->bytes & 7), error);
}

/* An offset in the file as it stands in entries and header. */
static void put_offset(const smalti__tiff_encoder *tiff, uint8_t out[8], uint64_t offset)
{
    uint32_t small = (uint32_t)offset;
    memset(out, 0, 8);
    if (tiff->big)
        memcpy(out, &offset, 8);
    else
        memcpy(out, &small, 4);
}

/* data is in the host's byte order. */
static void add(directory *to, uint16_t tag, uint16_t type, const void *data, uint64_t count)
{
    smalti__sink *sink = to->tiff->base.sink;
    size_t bytes = type_bytes(type) * (size_t)count;
    entry *at = &to->entries[to->count++];
    *at = (entry){.tag = tag, .type = type, .count = count};
    if (bytes <= (to->tiff->big ? 8u : 4u)) {
        memcpy(at->value, data, bytes);
        return;
    }
    if (to->result == SMALTI_OK)
        to->result = put_padding(sink, to->error);
    put_offset(to->tiff, at->value, sink->bytes);
    if (to->result == SMALTI_OK)
        to->result = smalti__sink_write(sink, data, bytes, to->error);
}

static void add_short(directory *to, uint16_t tag, uint32_t value)
{
    uint16_t narrow = (uint16_t)value;
    add(to, tag, SHORT, &narrow, 1);
}

static void add_long(directory *to, uint16_t tag, uint32_t value)
{
    add(to, tag, LONG, &value, 1);
}

/* The same value for every channel. */
static void add_shorts(directory *to, uint16_t tag, uint32_t value)
{
    uint16_t values[4] = {(uint16_t)value, (uint16_t)value, (uint16_t)value, (uint16_t)value};
    add(to, tag, SHORT, values, to->tiff->base.channels);
}

/* Offsets or sizes of strips; in a classic file they become 32 bits wide, in place. */
static void add_strips(directory *to, uint16_t tag, uint64_t *values)
{
    uint32_t count = to->tiff->strip_count;
    if (to->tiff->big) {
        add(to, tag, LONG8, values, count);
        return;
    }
    uint8_t *narrow = (uint8_t *)values;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)values[i];
        memcpy(narrow + (size_t)i * 4, &value, 4);
    }
    add(to, tag, LONG, values, count);
}

static void add_metadata(directory *to, uint16_t tag, uint16_t type, const smalti__blob *blob)
{
    if (blob->size)
        add(to, tag, type, blob->data, blob->size);
}

static void fill(directory *to)
{
    static const uint16_t compressions[] = {
        [SMALTI__TIFF_LZW] = 5, [SMALTI__TIFF_DEFLATE] = 8, [SMALTI__TIFF_PACKBITS] = 32773, [SMALTI__TIFF_NONE] = 1};
    static const uint32_t inch72[2] = {72, 1};
    static const smalti__metadata none;
    smalti__tiff_encoder *tiff = to->tiff;
    const smalti__encoder *base = &tiff->base;
    const smalti__metadata *metadata = base->params.metadata ? base->params.metadata : &none;
    bool is_float = base->sample == SMALTI_SAMPLE_F32, alpha = base->channels % 2 == 0;
    add_long(to, 256, base->width);
    add_long(to, 257, base->height);
    add_shorts(to, 258, (uint32_t)smalti_sample_bytes(base->sample) * 8);
    add_short(to, 259, compressions[base->params.tiff_compression]);
    add_short(to, 262, base->channels < 3 ? 1 : 2);
    add_strips(to, 273, tiff->offsets);
    add_short(to, 274, smalti__exif_orientation(metadata->exif.data, metadata->exif.size, NULL));
    add_short(to, 277, base->channels);
    add_long(to, 278, tiff->rows_per_strip);
    add_strips(to, 279, tiff->sizes);
    add(to, 282, RATIONAL, inch72, 1); /* a reader may insist on a resolution */
    add(to, 283, RATIONAL, inch72, 1);
    add_short(to, 284, 1);
    add_short(to, 296, 2);
    if (tiff->lzw || tiff->deflate)
        add_short(to, 317, is_float ? 3 : 2);
    if (alpha)
        add_short(to, 338, 2); /* not multiplied into the colours */
    add_shorts(to, 339, is_float ? 3 : 1);
    add_metadata(to, 700, BYTE, &metadata->xmp);
    add_metadata(to, 34675, UNDEFINED, &metadata->icc);
}

smalti_result smalti__tiff_put_header(smalti__tiff_encoder *tiff, smalti_error *error)
{
    const uint16_t one = 1, version = tiff->big ? 43 : 42, sizes[2] = {8, 0};
    uint8_t header[16] = {0};
    memset(header, *(const uint8_t *)&one ? 'I' : 'M', 2);
    memcpy(header + 2, &version, 2);
    if (tiff->big)
        memcpy(header + 4, sizes, 4);
    return smalti__sink_write(tiff->base.sink, header, tiff->big ? 16 : 8, error);
}

smalti_result smalti__tiff_put_directory(smalti__tiff_encoder *tiff, smalti_error *error)
{
    smalti__sink *sink = tiff->base.sink;
    directory to = {.tiff = tiff, .error = error};
    fill(&to);
    SMALTI__TRY(to.result);
    SMALTI__TRY(put_padding(sink, error));
    uint8_t place[8];
    put_offset(tiff, place, sink->bytes);
    if (!tiff->big && sink->bytes > UINT32_MAX - (uint64_t)sizeof to)
        return smalti__fail(error, SMALTI_E_LIMIT, "TIFF encoder: the file is larger than 4 GiB");

    uint8_t out[8 + MOST_ENTRIES * 20 + 8] = {0};
    uint16_t narrow_count = (uint16_t)to.count;
    uint64_t wide_count = to.count;
    size_t at = tiff->big ? 8 : 2, field = tiff->big ? 8 : 4;
    memcpy(out, tiff->big ? (const void *)&wide_count : &narrow_count, at);
    for (uint32_t i = 0; i < to.count; i++) {
        const entry *from = &to.entries[i];
        uint32_t narrow = (uint32_t)from->count;
        memcpy(out + at, &from->tag, 2);
        memcpy(out + at + 2, &from->type, 2);
        memcpy(out + at + 4, tiff->big ? (const void *)&from->count : &narrow, field);
        memcpy(out + at + 4 + field, from->value, field);
        at += 4 + 2 * field;
    }
    at += field; /* no other directory follows */
    SMALTI__TRY(smalti__sink_write(sink, out, at, error));
    return smalti__sink_patch(sink, tiff->big ? 8 : 4, place, field, error);
}
