/* SPDX-License-Identifier: Apache-2.0
 * The rules that bind attributes to each other: what must be there, windows, samplings, tiles, deep data, and tables that fit
 * into the file. They are what the OpenEXR library checks, so that a file accepted here is one that others read. */
#include "exr/exr.h"

/* Coordinates beyond this are refused, so that sizes and sums of them fit 32 bits. */
enum { FAR_AWAY = INT32_MAX / 2 };

static uint64_t here(const smalti_exr *exr)
{
    return exr->at + exr->passed;
}

/* Where an attribute of the part that is being read stands; for messages. */
static uint64_t offset_of(const smalti_exr *exr, const smalti_exr_part *part, const char *name)
{
    for (uint32_t i = 0; i < part->attribute_count; i++) {
        const smalti_exr_attribute *attribute = &exr->attributes[exr->attribute_count - part->attribute_count + i];
        if (!strcmp(attribute->name, name))
            return attribute->value_offset;
    }
    return here(exr);
}

static const smalti_exr_channel *channels_of(const smalti_exr *exr, const smalti_exr_part *part)
{
    return &exr->channels[exr->channel_count - part->channel_count];
}

/* ---- What must be there ---- */

static smalti_result check_required(const smalti_exr *exr, uint32_t required, smalti_error *error)
{
    static const char *const names[] = {"channels",
                                        "compression",
                                        "dataWindow",
                                        "displayWindow",
                                        "lineOrder",
                                        "pixelAspectRatio",
                                        "screenWindowCenter",
                                        "screenWindowWidth",
                                        "tiles",
                                        "name",
                                        "type",
                                        "chunkCount",
                                        "view",
                                        "version"};
    uint32_t missing = required & ~exr->known;
    if (!missing)
        return SMALTI_OK;
    return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, here(exr), "attribute '%s' is missing from the header",
                            names[__builtin_ctz(missing)]);
}

/* The flags decide in a file of one part without deep data, the type attribute elsewhere. */
static smalti_result find_kind(const smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    uint32_t flags = exr->header.flags;
    if (!(flags & (SMALTI_EXR_FLAG_DEEP | SMALTI_EXR_FLAG_MULTI_PART))) {
        part->kind = flags & SMALTI_EXR_FLAG_TILED ? SMALTI_EXR_TILED : SMALTI_EXR_SCANLINE;
        if (exr->known & SMALTI__EXR_KIND && exr->said_kind != part->kind)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "type"),
                                    "the type attribute contradicts the flags");
        return SMALTI_OK;
    }
    part->kind = exr->said_kind;
    bool deep = part->kind == SMALTI_EXR_DEEP_SCANLINE || part->kind == SMALTI_EXR_DEEP_TILED;
    if (deep && !(flags & SMALTI_EXR_FLAG_DEEP))
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "type"),
                                "deep data in a file without the flag for it");
    return SMALTI_OK;
}

/* ---- Windows and numbers ---- */

static smalti_result check_window(const smalti_exr *exr, const smalti_exr_part *part, const char *name,
                                  const smalti_exr_box *box, smalti_error *error)
{
    bool near = box->min_x > -FAR_AWAY && box->min_y > -FAR_AWAY && box->max_x < FAR_AWAY && box->max_y < FAR_AWAY;
    if (near && box->min_x <= box->max_x && box->min_y <= box->max_y)
        return SMALTI_OK;
    return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, name),
                            "%s (%d, %d) to (%d, %d) is not possible", name, box->min_x, box->min_y, box->max_x,
                            box->max_y);
}

static smalti_result check_numbers(const smalti_exr *exr, const smalti_exr_part *part, smalti_error *error)
{
    if (!(part->pixel_aspect >= 1e-6f && part->pixel_aspect <= 1e6f)) /* false for NaN */
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "pixelAspectRatio"),
                                "a pixel aspect ratio of %g is not possible", (double)part->pixel_aspect);
    if (!(part->screen_window_width >= 0))
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "screenWindowWidth"),
                                "a screen window width of %g is not possible", (double)part->screen_window_width);
    return SMALTI_OK;
}

/* Samples lie on a grid that begins at 0: the window must begin and end on it. */
static smalti_result check_sampling(const smalti_exr *exr, const smalti_exr_part *part, smalti_error *error)
{
    const smalti_exr_channel *channels = channels_of(exr, part);
    const smalti_exr_box *window = &part->data_window;
    int64_t width = (int64_t)window->max_x - window->min_x + 1, height = (int64_t)window->max_y - window->min_y + 1;
    for (uint32_t i = 0; i < part->channel_count; i++) {
        int32_t x = channels[i].x_sampling, y = channels[i].y_sampling;
        if (x == 1 && y == 1)
            continue;
        char shown[64];
        smalti__printable(channels[i].name, strnlen(channels[i].name, 48), shown, sizeof shown);
        if (part->kind != SMALTI_EXR_SCANLINE && part->kind != SMALTI_EXR_OTHER)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "channels"),
                                    "channel '%s' is subsampled, which only scan lines may be", shown);
        if (window->min_x % x || window->min_y % y || width % x || height % y)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "channels"),
                                    "the data window does not fit the sampling %dx%d of channel '%s'", x, y, shown);
    }
    return SMALTI_OK;
}

/* ---- Tiles, deep data ---- */

static smalti_result check_tiles(const smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    if (part->kind != SMALTI_EXR_TILED && part->kind != SMALTI_EXR_DEEP_TILED) {
        part->tile_width = part->tile_height = part->level_mode = 0; /* the attribute means nothing here */
        part->round_up = false;
        return SMALTI_OK;
    }
    SMALTI__TRY(check_required(exr, SMALTI__EXR_TILES, error));
    if (part->tile_width < 1 || part->tile_height < 1 || part->tile_width > INT32_MAX / 4 ||
        part->tile_height > INT32_MAX / 4)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "tiles"),
                                "tiles of %ux%u are not possible", part->tile_width, part->tile_height);
    uint64_t width = (uint64_t)((int64_t)part->data_window.max_x - part->data_window.min_x + 1);
    uint64_t height = (uint64_t)((int64_t)part->data_window.max_y - part->data_window.min_y + 1);
    if (part->level_mode == 1) {
        part->levels_x = smalti__exr_level_count(width > height ? width : height, part->round_up);
        part->levels_y = part->levels_x;
    } else if (part->level_mode == 2) {
        part->levels_x = smalti__exr_level_count(width, part->round_up);
        part->levels_y = smalti__exr_level_count(height, part->round_up);
    }
    return SMALTI_OK;
}

static smalti_result check_deep(const smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    if (part->kind != SMALTI_EXR_DEEP_SCANLINE && part->kind != SMALTI_EXR_DEEP_TILED) {
        part->max_samples = 0;
        return SMALTI_OK;
    }
    SMALTI__TRY(check_required(exr, SMALTI__EXR_VERSION, error));
    if (exr->said_version != 1)
        return smalti__exr_fail(exr, error, SMALTI_E_UNSUPPORTED, offset_of(exr, part, "version"),
                                "version %d of deep data is not known", exr->said_version);
    if (part->compression > SMALTI_EXR_ZIPS)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "compression"),
                                "deep data cannot have the compression %s",
                                smalti_exr_compression_name(part->compression));
    if (!(exr->known & SMALTI__EXR_MAX_SAMPLES))
        part->max_samples = -1;
    if (part->max_samples < -1)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "maxSamplesPerPixel"),
                                "%d samples per pixel are not possible", part->max_samples);
    return SMALTI_OK;
}

/* ---- Chunks ---- */

static smalti_result count_chunks(const smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    bool said = exr->known & SMALTI__EXR_CHUNK_COUNT;
    if (said && exr->said_chunks < 1)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "chunkCount"),
                                "a chunk count of %d is not possible", exr->said_chunks);
    if (part->kind == SMALTI_EXR_OTHER) {
        part->chunk_count = (uint64_t)exr->said_chunks;
        return SMALTI_OK;
    }
    part->chunk_count = smalti__exr_chunk_count(part);
    if (said && part->chunk_count != (uint64_t)exr->said_chunks)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, offset_of(exr, part, "chunkCount"),
                                "the chunk count is %d, but the part has %llu", exr->said_chunks,
                                (unsigned long long)part->chunk_count);
    return SMALTI_OK;
}

static uint64_t pixel_bytes(const smalti_exr *exr, const smalti_exr_part *part)
{
    smalti_exr_part with = *part;
    with.channels = channels_of(exr, part);
    const smalti_exr_box *window = &part->data_window;
    return smalti__exr_chunk_bytes(&(smalti__exr_chunk){
        .part = &with,
        .x = window->min_x,
        .y = window->min_y,
        .width = (uint64_t)((int64_t)window->max_x - window->min_x + 1),
        .height = (uint64_t)((int64_t)window->max_y - window->min_y + 1),
    });
}

smalti_result smalti__exr_part_finish(smalti_exr *exr, smalti_exr_part *part, smalti_error *error)
{
    uint32_t required = SMALTI__EXR_REQUIRED;
    if (exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART)
        required |= SMALTI__EXR_NAME;
    if (exr->header.flags & (SMALTI_EXR_FLAG_DEEP | SMALTI_EXR_FLAG_MULTI_PART))
        required |= SMALTI__EXR_KIND | SMALTI__EXR_CHUNK_COUNT;
    SMALTI__TRY(check_required(exr, required, error));
    SMALTI__TRY(find_kind(exr, part, error));
    SMALTI__TRY(check_window(exr, part, "dataWindow", &part->data_window, error));
    SMALTI__TRY(check_window(exr, part, "displayWindow", &part->display_window, error));
    SMALTI__TRY(check_numbers(exr, part, error));
    SMALTI__TRY(check_sampling(exr, part, error));
    SMALTI__TRY(check_tiles(exr, part, error));
    SMALTI__TRY(check_deep(exr, part, error));
    SMALTI__TRY(count_chunks(exr, part, error));
    if (part->kind == SMALTI_EXR_SCANLINE || part->kind == SMALTI_EXR_TILED)
        part->pixel_bytes = pixel_bytes(exr, part);
    return SMALTI_OK;
}

/* ---- All parts ---- */

/* Readers find parts by name, so that two of one name hide each other. */
static smalti_result check_names(const smalti_exr *exr, smalti_error *error)
{
    for (uint32_t i = 1; i < exr->part_count; i++)
        for (uint32_t j = 0; j < i; j++) {
            const smalti_exr_text *a = &exr->parts[i].name, *b = &exr->parts[j].name;
            if (a->size == b->size && (!a->size || !memcmp(a->data, b->data, a->size)))
                return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, SMALTI_NO_OFFSET,
                                        "parts %u and %u have the same name", j, i);
        }
    return SMALTI_OK;
}

smalti_result smalti__exr_header_finish(smalti_exr *exr, smalti_error *error)
{
    smalti_exr_header *header = &exr->header;
    uint64_t end = header->header_bytes;
    uint32_t channel = 0, attribute = 0;
    if (exr->part_count > 1)
        SMALTI__TRY(check_names(exr, error));
    for (uint32_t i = 0; i < exr->part_count; i++) {
        smalti_exr_part *part = &exr->parts[i];
        part->channels = &exr->channels[channel], channel += part->channel_count;
        part->attributes = &exr->attributes[attribute], attribute += part->attribute_count;
        part->table_offset = end;
        if (part->chunk_count > (header->file_bytes - end) / 8)
            return smalti__exr_fail(exr, error, SMALTI_E_FORMAT_TRUNCATED, end,
                                    "the file is too short for a table of %llu chunks",
                                    (unsigned long long)part->chunk_count);
        end += part->chunk_count * 8;
    }
    header->tables_end = end;
    header->part_count = exr->part_count;
    header->parts = exr->parts;
    return SMALTI_OK;
}
