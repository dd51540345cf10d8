/* SPDX-License-Identifier: Apache-2.0
 * Properties that change inside a sequence. A hundred thousand frames are compared by hashes; only where they differ the
 * files are read once more, for the texts. */
#include "cli/exr_sequence.h"

#include <stdlib.h>
#include <string.h>

/* ---- Properties of a file ---- */

static const char *const basics[] = {"parts",        "name",       "view",        "type",
                                     "compression",  "line_order", "data_window", "display_window",
                                     "pixel_aspect", "channels",   "tiles"};
enum { PARTS, NAME, VIEW, TYPE, COMPRESSION, LINE_ORDER, DATA_WINDOW, DISPLAY_WINDOW, PIXEL_ASPECT, CHANNELS, TILES };

static uint64_t add_hash(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

enum { HASH = 0x1c9dc5, PROPERTIES = 1024 /* of a file that are compared */ };

static uint64_t key_of(uint32_t part, const char *name, bool attribute)
{
    const uint32_t place[2] = {part, attribute};
    return add_hash(add_hash(HASH, place, sizeof place), name, strlen(name));
}

/* What changes in every good sequence. */
static bool changes_always(const char *name)
{
    static const char *const names[] = {"timeCode", "keyCode",  "imageCounter", "capDate",
                                        "preview",  "DateTime", "exr/capDate"};
    for (size_t i = 0; i < CLI_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static void basic_text(const smalti_exr_header *header, const smalti_exr_part *part, int basic, cli_buffer *out)
{
    const smalti_exr_box *box = basic == DATA_WINDOW ? &part->data_window : &part->display_window;
    switch (basic) {
    case PARTS:
        cli_buffer_number(out, header->part_count);
        break;
    case NAME:
        cli_buffer_printable(out, part->name.data ? part->name.data : "", part->name.size);
        break;
    case VIEW:
        cli_buffer_printable(out, part->view.data ? part->view.data : "", part->view.size);
        break;
    case TYPE:
        cli_buffer_text(out, smalti_exr_kind_name(part->kind));
        break;
    case COMPRESSION:
        cli_buffer_text(out, smalti_exr_compression_name(part->compression));
        break;
    case LINE_ORDER:
        cli_buffer_text(out, smalti_exr_line_order_name(part->line_order));
        break;
    case DATA_WINDOW:
    case DISPLAY_WINDOW:
        cli_buffer_format(out, "(%d %d) to (%d %d)", box->min_x, box->min_y, box->max_x, box->max_y);
        break;
    case PIXEL_ASPECT:
        cli_buffer_real(out, (double)part->pixel_aspect);
        break;
    case CHANNELS:
        for (uint32_t i = 0; i < part->channel_count; i++) {
            const smalti_exr_channel *channel = &part->channels[i];
            cli_buffer_text(out, i ? " " : "");
            cli_buffer_printable(out, channel->name, channel->name_size);
            cli_buffer_format(out, ":%s", smalti_exr_sample_name(channel->sample));
            if (channel->x_sampling != 1 || channel->y_sampling != 1)
                cli_buffer_format(out, ":%dx%d", channel->x_sampling, channel->y_sampling);
        }
        break;
    case TILES:
        cli_buffer_format(out, "%ux%u, %u levels", part->tile_width, part->tile_height,
                          part->levels_x > part->levels_y ? part->levels_x : part->levels_y);
        break;
    }
}

typedef struct property_collector {
    exr_frame *frame;
    size_t room;
    bool lost;
} property_collector;

static void collect(property_collector *collector, uint64_t key, uint64_t value)
{
    exr_frame *frame = collector->frame;
    if (frame->property_count == PROPERTIES || exr_property_value(frame, key))
        return; /* of two attributes with one name the first counts */
    if (frame->property_count == collector->room) {
        size_t room = collector->room ? collector->room * 2 : 32;
        exr_property *larger = realloc(frame->properties, room * sizeof *larger);
        if (!larger) {
            collector->lost = true;
            return;
        }
        frame->properties = larger, collector->room = room;
    }
    frame->properties[frame->property_count++] = (exr_property){key, value ? value : 1};
}

bool exr_properties_collect(const smalti_exr_header *header, exr_frame *frame)
{
    property_collector state = {.frame = frame};
    cli_buffer text = {0};
    for (uint32_t p = 0; p < header->part_count; p++) {
        const smalti_exr_part *part = &header->parts[p];
        for (int basic = p ? NAME : PARTS; basic <= TILES; basic++) {
            text.size = 0;
            basic_text(header, part, basic, &text);
            collect(&state, key_of(p, basics[basic], false), add_hash(HASH, text.data, text.size));
        }
        for (uint32_t i = 0; i < part->attribute_count; i++) {
            const smalti_exr_attribute *attribute = &part->attributes[i];
            if (attribute->in_part || changes_always(attribute->name))
                continue;
            uint64_t value = add_hash(HASH, attribute->type_name, strlen(attribute->type_name) + 1);
            value = add_hash(value, &attribute->size, sizeof attribute->size);
            if (attribute->value)
                value = add_hash(value, attribute->value, attribute->size);
            collect(&state, key_of(p, attribute->name, true), value);
        }
    }
    bool good = !state.lost && !text.lost;
    cli_buffer_clear(&text);
    return good;
}

bool exr_property_text(const smalti_exr_header *header, uint64_t key, cli_buffer *name, cli_buffer *value)
{
    for (uint32_t p = 0; p < header->part_count; p++) {
        const smalti_exr_part *part = &header->parts[p];
        for (int basic = PARTS; basic <= TILES; basic++)
            if (key == key_of(p, basics[basic], false)) {
                if (header->part_count > 1 && basic != PARTS)
                    cli_buffer_format(name, "part %u ", p);
                cli_buffer_text(name, basics[basic]);
                basic_text(header, part, basic, value);
                return true;
            }
        for (uint32_t i = 0; i < part->attribute_count; i++)
            if (key == key_of(p, part->attributes[i].name, true)) {
                if (header->part_count > 1)
                    cli_buffer_format(name, "part %u ", p);
                cli_buffer_text(name, "attribute ");
                cli_buffer_printable(name, part->attributes[i].name, strlen(part->attributes[i].name));
                exr_value_text(&(exr_show){0}, &part->attributes[i], value);
                return true;
            }
    }
    return false;
}

uint64_t exr_property_value(const exr_frame *frame, uint64_t key)
{
    for (uint32_t i = 0; i < frame->property_count; i++)
        if (frame->properties[i].key == key)
            return frame->properties[i].value;
    return 0;
}

/* ---- Drift ---- */

typedef struct sighting {
    uint64_t key, value;
    size_t frame;
} sighting;

static int compare_sightings(const void *x, const void *y)
{
    const sighting *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->frame > b->frame) - (a->frame < b->frame);
}

/* A key for which one value is right, and the others are not, however many there are. */
static bool is_strict(uint64_t key)
{
    for (int basic = PARTS; basic <= TILES; basic++)
        for (uint32_t part = 0; part < 64; part++)
            if (basic != DATA_WINDOW && key == key_of(part, basics[basic], false))
                return true;
    return false;
}

/* What the sightings of one key say; readable: frames that could be read. false: no memory. */
static bool judge(const exr_frame *frames, size_t count, size_t readable, const sighting *seen, size_t seen_count,
                  exr_drift *drift)
{
    size_t best = 0, best_count = readable - seen_count; /* of frames without it */
    bool absent = true;
    for (size_t i = 0, end; i < seen_count; i = end) {
        for (end = i + 1; end < seen_count && seen[end].value == seen[i].value; end++) {
        }
        bool earlier = !absent && end - i == best_count && seen[i].frame < seen[best].frame;
        if (end - i > best_count || earlier || (absent && end - i == best_count))
            best = i, best_count = end - i, absent = false;
    }
    *drift =
        (exr_drift){.key = seen[0].key, .expected = absent ? 0 : seen[best].value, .expected_frame = seen[best].frame};
    size_t outliers = readable - best_count;
    if (!outliers)
        return true;
    drift->varies = !is_strict(drift->key) && outliers * 5 > readable && outliers > 1;
    if (drift->varies || (outliers == readable - outliers && !is_strict(drift->key))) {
        drift->varies = true;
        return true;
    }
    drift->outliers = malloc(outliers * sizeof *drift->outliers);
    if (!drift->outliers)
        return false;
    for (size_t i = 0; i < count; i++)
        if (frames[i].result == SMALTI_OK && exr_property_value(&frames[i], drift->key) != drift->expected)
            if (drift->outlier_count < outliers)
                drift->outliers[drift->outlier_count++] = i;
    return true;
}

static bool judge_all(const exr_frame *frames, size_t count, size_t readable, const sighting *seen, size_t seen_count,
                      exr_drift **drifts, size_t *drift_count)
{
    size_t room = 0;
    for (size_t i = 0, end; i < seen_count; i = end) {
        exr_drift drift;
        for (end = i + 1; end < seen_count && seen[end].key == seen[i].key; end++) {
        }
        if (!judge(frames, count, readable, seen + i, end - i, &drift))
            return false;
        if (!drift.outlier_count && !drift.varies)
            continue;
        if (*drift_count == room) {
            room = room ? room * 2 : 16;
            exr_drift *larger = realloc(*drifts, room * sizeof *larger);
            if (!larger) {
                free(drift.outliers);
                return false;
            }
            *drifts = larger;
        }
        (*drifts)[(*drift_count)++] = drift;
    }
    return true;
}

bool exr_drifts_find(const exr_frame *frames, size_t count, exr_drift **drifts, size_t *drift_count)
{
    size_t total = 0, readable = 0, used = 0;
    *drifts = NULL;
    *drift_count = 0;
    for (size_t i = 0; i < count; i++)
        if (frames[i].result == SMALTI_OK)
            total += frames[i].property_count, readable++;
    if (readable < 2)
        return true;
    sighting *seen = malloc((total + 1) * sizeof *seen);
    if (!seen)
        return false;
    for (size_t i = 0; i < count; i++)
        for (uint32_t p = 0; frames[i].result == SMALTI_OK && p < frames[i].property_count; p++)
            seen[used++] = (sighting){frames[i].properties[p].key, frames[i].properties[p].value, i};
    qsort(seen, used, sizeof *seen, compare_sightings);
    bool good = judge_all(frames, count, readable, seen, used, drifts, drift_count);
    free(seen);
    if (!good) {
        exr_drifts_free(*drifts, *drift_count);
        *drifts = NULL;
        *drift_count = 0;
    }
    return good;
}

void exr_drifts_free(exr_drift *drifts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(drifts[i].outliers);
    free(drifts);
}
