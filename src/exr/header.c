/* SPDX-License-Identifier: Apache-2.0
 * Parses headers: magic, version, then attributes part by part. Names and values are pointers into the bytes that were
 * read; nothing is copied, and large values that nobody needs are passed over. */
#include "exr/exr.h"

static uint64_t offset_of(const smalti_exr *exr)
{
    return exr->at + exr->passed;
}

static inline smalti_result need(smalti_exr *exr, size_t count, smalti_error *error)
{
    return exr->used - exr->at >= count ? SMALTI_OK : smalti__exr_fill(exr, count, error);
}

/* ---- Names ---- */

#define IS(text) (!memcmp(name, text, sizeof(text) - 1))

/* The bit of an attribute that the reader understands, 0 for the others. */
static uint32_t known_name(const char *name, size_t size)
{
    switch (size) {
    case 4:
        return IS("name") ? SMALTI__EXR_NAME : IS("type") ? SMALTI__EXR_KIND : IS("view") ? SMALTI__EXR_VIEW : 0;
    case 5:
        return IS("tiles") ? SMALTI__EXR_TILES : 0;
    case 7:
        return IS("version") ? SMALTI__EXR_VERSION : IS("preview") ? SMALTI__EXR_PREVIEW : 0;
    case 8:
        return IS("channels") ? SMALTI__EXR_CHANNELS : 0;
    case 9:
        return IS("lineOrder") ? SMALTI__EXR_LINE_ORDER : IS("multiView") ? SMALTI__EXR_MULTI_VIEW : 0;
    case 10:
        return IS("dataWindow") ? SMALTI__EXR_DATA_WINDOW : IS("chunkCount") ? SMALTI__EXR_CHUNK_COUNT : 0;
    case 11:
        return IS("compression") ? SMALTI__EXR_COMPRESSION : 0;
    case 13:
        return IS("displayWindow") ? SMALTI__EXR_DISPLAY_WINDOW : 0;
    case 16:
        return IS("pixelAspectRatio") ? SMALTI__EXR_PIXEL_ASPECT : 0;
    case 17:
        return IS("screenWindowWidth") ? SMALTI__EXR_WINDOW_WIDTH : 0;
    case 18:
        return IS("screenWindowCenter")   ? SMALTI__EXR_WINDOW_CENTER
               : IS("maxSamplesPerPixel") ? SMALTI__EXR_MAX_SAMPLES
                                          : 0;
    default:
        return 0;
    }
}

/* The type that an attribute of that bit must have. */
static smalti_exr_type type_of_known(uint32_t bit)
{
    switch (bit) {
    case SMALTI__EXR_CHANNELS:
        return SMALTI_EXR_TYPE_CHLIST;
    case SMALTI__EXR_COMPRESSION:
        return SMALTI_EXR_TYPE_COMPRESSION;
    case SMALTI__EXR_DATA_WINDOW:
    case SMALTI__EXR_DISPLAY_WINDOW:
        return SMALTI_EXR_TYPE_BOX2I;
    case SMALTI__EXR_LINE_ORDER:
        return SMALTI_EXR_TYPE_LINE_ORDER;
    case SMALTI__EXR_PIXEL_ASPECT:
    case SMALTI__EXR_WINDOW_WIDTH:
        return SMALTI_EXR_TYPE_FLOAT;
    case SMALTI__EXR_WINDOW_CENTER:
        return SMALTI_EXR_TYPE_V2F;
    case SMALTI__EXR_TILES:
        return SMALTI_EXR_TYPE_TILEDESC;
    case SMALTI__EXR_CHUNK_COUNT:
    case SMALTI__EXR_VERSION:
    case SMALTI__EXR_MAX_SAMPLES:
        return SMALTI_EXR_TYPE_INT;
    case SMALTI__EXR_PREVIEW:
        return SMALTI_EXR_TYPE_PREVIEW;
    case SMALTI__EXR_MULTI_VIEW:
        return SMALTI_EXR_TYPE_STRING_VECTOR;
    default:
        return SMALTI_EXR_TYPE_STRING;
    }
}

/* A NUL-terminated name at at; at moves behind it, *position is where it begins in bytes. */
static smalti_result read_name(smalti_exr *exr, const char *what, size_t *position, size_t *size, smalti_error *error)
{
    size_t most = exr->longest_name + 1;
    for (;;) {
        size_t there = exr->used - exr->at, seen = there < most ? there : most;
        const uint8_t *end = seen ? memchr(exr->bytes + exr->at, 0, seen) : NULL;
        if (end) {
            *position = exr->at;
            *size = (size_t)(end - exr->bytes) - exr->at;
            if (!*size)
                return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr), "the name of %s is empty", what);
            exr->at += *size + 1;
            return SMALTI_OK;
        }
        if (seen == most)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr),
                                    "the name of %s is longer than %zu bytes", what, exr->longest_name);
        SMALTI__TRY(smalti__exr_fill(exr, there + 1, error));
    }
}

/* ---- Values ---- */

static float le_float(const uint8_t *p)
{
    float number;
    memcpy(&number, &(uint32_t){smalti__le32(p)}, sizeof number);
    return number;
}

static void read_box(const uint8_t *value, smalti_exr_box *box)
{
    *box = (smalti_exr_box){(int32_t)smalti__le32(value), (int32_t)smalti__le32(value + 4),
                            (int32_t)smalti__le32(value + 8), (int32_t)smalti__le32(value + 12)};
}

static smalti_result fail_channel(const smalti_exr *exr, const smalti_exr_attribute *list, size_t at, const char *why,
                                  smalti_error *error)
{
    return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, list->value_offset + at, "the channel list %s", why);
}

/* One entry: name, type, pLinear, three unused bytes, samplings. */
static smalti_result read_channel(smalti_exr *exr, smalti_exr_part *part, const smalti_exr_attribute *list, size_t *at,
                                  smalti_error *error)
{
    const uint8_t *name = list->value + *at;
    size_t left = list->size - *at, seen = left < exr->longest_name + 1 ? left : exr->longest_name + 1;
    const uint8_t *end = memchr(name, 0, seen);
    if (!end)
        return fail_channel(exr, list, *at, seen == left ? "has no end" : "has a name that is too long", error);
    if (left - (size_t)(end + 1 - name) < 16)
        return fail_channel(exr, list, *at, "ends in the middle of a channel", error);
    if (exr->channel_count >= exr->options.max_channels)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, list->value_offset + *at,
                                "more channels than the limit of %u", exr->options.max_channels);
    SMALTI__TRY(smalti__exr_grow(exr, &exr->channels, &exr->channel_room, (size_t)exr->channel_count + 1,
                                 sizeof *exr->channels, error));
    uint32_t sample = smalti__le32(end + 1);
    smalti_exr_channel *channel = &exr->channels[exr->channel_count];
    *channel = (smalti_exr_channel){
        .name = (const char *)name,
        .name_size = (uint32_t)(end - name),
        .sample = (smalti_exr_sample)sample,
        .linear = end[5] != 0,
        .x_sampling = (int32_t)smalti__le32(end + 9),
        .y_sampling = (int32_t)smalti__le32(end + 13),
    };
    if (sample > SMALTI_EXR_FLOAT)
        return fail_channel(exr, list, *at, "has a channel of an unknown type", error);
    if (channel->x_sampling < 1 || channel->y_sampling < 1)
        return fail_channel(exr, list, *at, "has a sampling below 1", error);
    if (part->channel_count) {
        int order = strcmp(channel[-1].name, channel->name);
        if (order == 0)
            return fail_channel(exr, list, *at, "has a channel twice", error);
        part->sorted = part->sorted && order < 0;
    }
    exr->channel_count++, part->channel_count++;
    *at += (size_t)(end - name) + 17;
    return SMALTI_OK;
}

static smalti_result read_channels(smalti_exr *exr, smalti_exr_part *part, const smalti_exr_attribute *list,
                                   smalti_error *error)
{
    size_t at = 0;
    part->sorted = true;
    while (at < list->size && list->value[at])
        SMALTI__TRY(read_channel(exr, part, list, &at, error));
    if (at == list->size)
        return fail_channel(exr, list, at, "has no end", error);
    if (at + 1 != list->size)
        return fail_channel(exr, list, at, "is shorter than its attribute", error);
    if (!part->channel_count)
        return fail_channel(exr, list, at, "is empty", error);
    return SMALTI_OK;
}

static smalti_result read_kind(smalti_exr *exr, const smalti_exr_attribute *attribute)
{
    exr->said_kind = SMALTI_EXR_OTHER;
    for (smalti_exr_kind kind = SMALTI_EXR_SCANLINE; kind < SMALTI_EXR_OTHER; kind++) {
        const char *name = smalti_exr_kind_name(kind);
        if (strlen(name) == attribute->size && !memcmp(name, attribute->value, attribute->size))
            exr->said_kind = kind;
    }
    return SMALTI_OK;
}

/* Takes over what the reader understands. The rules between attributes come at the end of the header. */
static smalti_result take_known(smalti_exr *exr, smalti_exr_part *part, const smalti_exr_attribute *attribute,
                                uint32_t bit, smalti_error *error)
{
    const uint8_t *value = attribute->value;
    smalti_exr_text text = {(const char *)value, attribute->size};
    switch (bit) {
    case SMALTI__EXR_CHANNELS:
        return read_channels(exr, part, attribute, error);
    case SMALTI__EXR_COMPRESSION:
        part->compression = value[0];
        if (!smalti__exr_rows_per_chunk(value[0]))
            return smalti__exr_fail(exr, error, SMALTI_E_UNSUPPORTED, attribute->value_offset,
                                    "compression %u is not known", value[0]);
        break;
    case SMALTI__EXR_DATA_WINDOW:
        read_box(value, &part->data_window);
        break;
    case SMALTI__EXR_DISPLAY_WINDOW:
        read_box(value, &part->display_window);
        break;
    case SMALTI__EXR_LINE_ORDER:
        part->line_order = value[0];
        if (value[0] > 2)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset, "line order %u is not known",
                                    value[0]);
        break;
    case SMALTI__EXR_PIXEL_ASPECT:
        part->pixel_aspect = le_float(value);
        break;
    case SMALTI__EXR_WINDOW_CENTER:
        part->screen_window_center[0] = le_float(value);
        part->screen_window_center[1] = le_float(value + 4);
        break;
    case SMALTI__EXR_WINDOW_WIDTH:
        part->screen_window_width = le_float(value);
        break;
    case SMALTI__EXR_TILES:
        part->tile_width = smalti__le32(value);
        part->tile_height = smalti__le32(value + 4);
        part->level_mode = value[8] & 15;
        part->round_up = value[8] >> 4 == 1;
        if (part->level_mode > 2 || value[8] >> 4 > 1)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset + 8,
                                    "tile mode %u is not known", value[8]);
        break;
    case SMALTI__EXR_NAME:
        part->name = text;
        break;
    case SMALTI__EXR_VIEW:
        part->view = text;
        break;
    case SMALTI__EXR_KIND:
        return read_kind(exr, attribute);
    case SMALTI__EXR_CHUNK_COUNT:
        exr->said_chunks = (int32_t)smalti__le32(value);
        break;
    case SMALTI__EXR_VERSION:
        exr->said_version = (int32_t)smalti__le32(value);
        break;
    case SMALTI__EXR_MAX_SAMPLES:
        part->max_samples = (int32_t)smalti__le32(value);
        break;
    default:
        break;
    }
    return SMALTI_OK;
}

/* Width and height stand before the pixels of a preview, and must account for its size. */
static smalti_result read_preview_size(smalti_exr *exr, const smalti_exr_attribute *attribute, uint32_t *width,
                                       uint32_t *height, smalti_error *error)
{
    if (attribute->size >= 8)
        SMALTI__TRY(need(exr, 8, error));
    *width = attribute->size >= 8 ? smalti__le32(exr->bytes + exr->at) : 0;
    *height = attribute->size >= 8 ? smalti__le32(exr->bytes + exr->at + 4) : 0;
    if (attribute->size < 8 || *width > INT32_MAX / 4 || (uint64_t)*width * 4 * *height != attribute->size - 8)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset,
                                "a preview of %ux%u pixels does not have %u bytes", *width, *height, attribute->size);
    return SMALTI_OK;
}

/* The value behind at is passed over: at stands behind it. */
static void pass_over(smalti_exr *exr, uint32_t size)
{
    size_t there = exr->used - exr->at;
    if (size <= there) {
        exr->at += size;
    } else {
        exr->used = exr->at;
        exr->passed += size;
        exr->fills = 0;
    }
}

/* ---- Attributes ---- */

/* A name for a message. */
static const char *shown(const smalti_exr_attribute *attribute, char out[64])
{
    return smalti__printable(attribute->name, strnlen(attribute->name, 48), out, 64);
}
#define SHOWN(attribute) shown(attribute, (char[64]){0})

static smalti_result check_attribute(const smalti_exr *exr, const smalti_exr_attribute *attribute, uint32_t bit,
                                     uint32_t fixed_bytes, smalti_error *error)
{
    if (bit && type_of_known(bit) != attribute->type)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->offset, "attribute '%s' is not of type %s",
                                SHOWN(attribute), smalti_exr_type_name(type_of_known(bit)));
    if (bit & exr->known)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->offset, "attribute '%s' is there twice",
                                SHOWN(attribute));
    if (attribute->size > INT32_MAX)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset - 4,
                                "attribute '%s' has a size below 0", SHOWN(attribute));
    if (attribute->size > exr->header.file_bytes - attribute->value_offset)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT_TRUNCATED, attribute->value_offset,
                                "attribute '%s' has %u bytes, more than the file", SHOWN(attribute), attribute->size);
    if (fixed_bytes && attribute->size != fixed_bytes)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset - 4,
                                "attribute '%s' has %u bytes, not %u", SHOWN(attribute), attribute->size, fixed_bytes);
    if (bit && bit != SMALTI__EXR_CHANNELS && bit != SMALTI__EXR_PREVIEW && exr->read &&
        attribute->size > exr->options.keep_bytes)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, attribute->value_offset,
                                "attribute '%s' has %u bytes, more than the limit of %u", SHOWN(attribute),
                                attribute->size, exr->options.keep_bytes);
    return SMALTI_OK;
}

/* Reads the value of the attribute that was added last, or passes it over. */
static smalti_result read_value(smalti_exr *exr, smalti_exr_part *part, uint32_t bit, smalti_error *error)
{
    smalti_exr_attribute *attribute = &exr->attributes[exr->attribute_count - 1];
    uint32_t width, height, size = attribute->size;
    if (attribute->type == SMALTI_EXR_TYPE_PREVIEW) {
        SMALTI__TRY(read_preview_size(exr, attribute, &width, &height, error));
        if (bit)
            part->preview_width = width, part->preview_height = height;
    }
    if (exr->read && size > exr->options.keep_bytes && bit != SMALTI__EXR_CHANNELS) {
        pass_over(exr, size);
        return SMALTI_OK;
    }
    SMALTI__TRY(need(exr, size, error));
    attribute->value = exr->bytes + exr->at;
    if (!smalti__exr_value_fits(attribute->type, attribute->value, size))
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, attribute->value_offset,
                                "the value of attribute '%s' does not fit its size", SHOWN(attribute));
    if (bit)
        SMALTI__TRY(take_known(exr, part, attribute, bit, error));
    exr->at += size;
    return SMALTI_OK;
}

static smalti_result read_attribute(smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    size_t position, size;
    uint64_t offset = offset_of(exr);
    if (exr->attribute_count >= exr->options.max_attributes)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, offset, "more attributes than the limit of %u",
                                exr->options.max_attributes);
    SMALTI__TRY(smalti__exr_grow(exr, &exr->attributes, &exr->attribute_room, (size_t)exr->attribute_count + 1,
                                 sizeof *exr->attributes, error));
    SMALTI__TRY(read_name(exr, "an attribute", &position, &size, error));
    smalti_exr_attribute *attribute = &exr->attributes[exr->attribute_count++];
    *attribute = (smalti_exr_attribute){.name = (const char *)exr->bytes + position, .offset = offset};
    uint32_t bit = known_name(attribute->name, size), fixed_bytes;
    attribute->in_part = bit & SMALTI__EXR_IN_PART;
    part->attribute_count++;

    SMALTI__TRY(read_name(exr, "an attribute's type", &position, &size, error));
    attribute->type_name = (const char *)exr->bytes + position;
    attribute->type = smalti__exr_type_find(attribute->type_name, size, &fixed_bytes);
    SMALTI__TRY(need(exr, 4, error));
    attribute->size = smalti__le32(exr->bytes + exr->at);
    exr->at += 4;
    attribute->value_offset = offset_of(exr);
    SMALTI__TRY(check_attribute(exr, attribute, bit, fixed_bytes, error));
    exr->known |= bit;
    return read_value(exr, part, bit, error);
}

/* ---- Parts ---- */

static smalti_result read_part(smalti_exr *exr, smalti_error *error)
{
    if (exr->part_count >= exr->options.max_parts)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, offset_of(exr), "more parts than the limit of %u",
                                exr->options.max_parts);
    SMALTI__TRY(
        smalti__exr_grow(exr, &exr->parts, &exr->part_room, (size_t)exr->part_count + 1, sizeof *exr->parts, error));
    smalti_exr_part *part = &exr->parts[exr->part_count++];
    *part = (smalti_exr_part){.levels_x = 1, .levels_y = 1};
    exr->known = 0;
    for (;;) {
        SMALTI__TRY(need(exr, 1, error));
        if (!exr->bytes[exr->at])
            break;
        SMALTI__TRY(read_attribute(exr, part, error));
    }
    SMALTI__TRY(smalti__exr_part_finish(exr, part, error));
    exr->at++;
    return SMALTI_OK;
}

static smalti_result read_version(smalti_exr *exr, smalti_error *error)
{
    enum {
        FLAGS = SMALTI_EXR_FLAG_TILED | SMALTI_EXR_FLAG_LONG_NAMES | SMALTI_EXR_FLAG_DEEP | SMALTI_EXR_FLAG_MULTI_PART
    };
    SMALTI__TRY(need(exr, exr->header.file_bytes < 4 ? 1 : 4, error));
    if (exr->header.file_bytes < 4 || smalti__le32(exr->bytes) != SMALTI__EXR_MAGIC)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT_UNKNOWN, SMALTI_NO_OFFSET, "not an EXR file");
    SMALTI__TRY(need(exr, 8, error));
    uint32_t word = smalti__le32(exr->bytes + 4), flags = word & ~0xffu;
    exr->header.version = word & 0xff;
    exr->header.flags = flags;
    if (exr->header.version != 2)
        return smalti__exr_fail(exr, error, SMALTI_E_UNSUPPORTED, 4, "version %u of the format is not known",
                                exr->header.version);
    if (flags & ~(uint32_t)FLAGS)
        return smalti__exr_fail(exr, error, SMALTI_E_UNSUPPORTED, 5, "flags 0x%x are not known",
                                flags & ~(uint32_t)FLAGS);
    if (flags & SMALTI_EXR_FLAG_TILED && flags & (SMALTI_EXR_FLAG_DEEP | SMALTI_EXR_FLAG_MULTI_PART))
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, 5, "flags 0x%x exclude each other", flags);
    exr->longest_name = flags & SMALTI_EXR_FLAG_LONG_NAMES ? SMALTI__EXR_NAME_LONG : SMALTI__EXR_NAME_SHORT;
    exr->at = 8;
    return SMALTI_OK;
}

smalti_result smalti__exr_parse(smalti_exr *exr, smalti_error *error)
{
    exr->part_count = exr->channel_count = exr->attribute_count = 0;
    exr->at = 0;
    exr->passed = 0;
    exr->fills = 0;
    SMALTI__TRY(read_version(exr, error));
    do {
        SMALTI__TRY(read_part(exr, error));
        if (!(exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART))
            break;
        SMALTI__TRY(need(exr, 1, error));
    } while (exr->bytes[exr->at]);
    if (exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART)
        exr->at++; /* the empty header that ends the list */
    exr->header.header_bytes = offset_of(exr);
    return smalti__exr_header_finish(exr, error);
}
