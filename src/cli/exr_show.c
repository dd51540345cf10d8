/* SPDX-License-Identifier: Apache-2.0
 * EXR headers as JSON (docs/exr.md), as text and as CSV. */
#include "cli/exr.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = 64 };

static const char *const level_names[] = {"one", "mipmap", "ripmap"};

static void box_json(cli_buffer *out, const char *key, const smalti_exr_box *box)
{
    cli_buffer_open(out, key, '[');
    cli_buffer_json_number(out, NULL, box->min_x);
    cli_buffer_json_number(out, NULL, box->min_y);
    cli_buffer_json_number(out, NULL, box->max_x);
    cli_buffer_json_number(out, NULL, box->max_y);
    cli_buffer_close(out, ']');
}

/* Most of the output, in files of many channels: written in few pieces. */
static void channel_json(cli_buffer *out, const smalti_exr_channel *channel)
{
    static const char *const types[] = {",\"type\":\"uint\"", ",\"type\":\"half\"", ",\"type\":\"float\""};
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_text(out, "name", channel->name, channel->name_size);
    cli_buffer_add(out, types[channel->sample], channel->sample == SMALTI_EXR_FLOAT ? 15 : 14);
    if (channel->x_sampling != 1 || channel->y_sampling != 1) {
        cli_buffer_json_number(out, "x_sampling", channel->x_sampling);
        cli_buffer_json_number(out, "y_sampling", channel->y_sampling);
    }
    if (channel->linear)
        cli_buffer_json_bool(out, "linear", true);
    cli_buffer_close(out, '}');
}

static void channels_json(cli_buffer *out, const smalti_exr_part *part)
{
    cli_buffer_open(out, "channels", '[');
    for (uint32_t i = 0; i < part->channel_count; i++)
        channel_json(out, &part->channels[i]);
    cli_buffer_close(out, ']');
}

static void tiles_json(cli_buffer *out, const smalti_exr_part *part)
{
    cli_buffer_open(out, "tiles", '{');
    cli_buffer_json_count(out, "width", part->tile_width);
    cli_buffer_json_count(out, "height", part->tile_height);
    cli_buffer_json_string(out, "levels", level_names[part->level_mode]);
    cli_buffer_json_string(out, "rounding", part->round_up ? "up" : "down");
    cli_buffer_json_count(out, "levels_x", part->levels_x);
    cli_buffer_json_count(out, "levels_y", part->levels_y);
    cli_buffer_close(out, '}');
}

static void text_json(cli_buffer *out, const char *key, const smalti_exr_text *text)
{
    if (text->data)
        cli_buffer_json_text(out, key, text->data, text->size);
}

/* The manifest is read into the output, where it stays when it is JSON as it is. */
static void manifest_json(const exr_show *show, const smalti_exr *exr, const exr_crypto *set, cli_buffer *out)
{
    uint64_t entries;
    cli_buffer_json_count(out, "manifest_bytes", set->manifest->size);
    if (!show->manifest)
        return;
    cli_buffer_json_raw(out, "manifest", "");
    size_t size = exr_crypto_manifest(exr, set, out);
    if (!size || !exr_crypto_count(out->data + out->size - size, size, &entries)) {
        out->size -= size;
        cli_buffer_text(out, "null");
        return;
    }
    cli_buffer_json_count(out, "manifest_entries", entries);
}

static void crypto_json(const exr_show *show, const smalti_exr *exr, const smalti_exr_part *part, cli_buffer *out)
{
    exr_crypto sets[SETS];
    size_t count = exr_crypto_find(part, sets, SETS);
    if (!count)
        return;
    cli_buffer_open(out, "cryptomatte", '[');
    for (size_t i = 0; i < count; i++) {
        cli_buffer_open(out, NULL, '{');
        cli_buffer_json_text(out, "id", sets[i].id, sets[i].id_size);
        text_json(out, "name", &sets[i].name);
        text_json(out, "hash", &sets[i].hash);
        text_json(out, "conversion", &sets[i].conversion);
        text_json(out, "manifest_file", &sets[i].manifest_file);
        if (sets[i].manifest)
            manifest_json(show, exr, &sets[i], out);
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
}

static void attributes_json(const exr_show *show, const smalti_exr *exr, const smalti_exr_part *part, cli_buffer *out)
{
    cli_buffer_open(out, "attributes", '[');
    for (uint32_t i = 0; i < part->attribute_count; i++) {
        const smalti_exr_attribute *attribute = &part->attributes[i];
        if (attribute->in_part)
            continue;
        cli_buffer_open(out, NULL, '{');
        cli_buffer_json_string(out, "name", attribute->name);
        cli_buffer_json_string(out, "type", attribute->type_name);
        cli_buffer_json_count(out, "bytes", attribute->size);
        exr_value_json(show, exr, attribute, "value", out);
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
}

static void part_json(const exr_show *show, const smalti_exr *exr, const smalti_exr_part *part, cli_buffer *out)
{
    cli_buffer_open(out, NULL, '{');
    text_json(out, "name", &part->name);
    text_json(out, "view", &part->view);
    cli_buffer_json_string(out, "type", smalti_exr_kind_name(part->kind));
    cli_buffer_json_string(out, "compression", smalti_exr_compression_name(part->compression));
    cli_buffer_json_string(out, "line_order", smalti_exr_line_order_name(part->line_order));
    cli_buffer_json_count(out, "width", exr_width(&part->data_window));
    cli_buffer_json_count(out, "height", exr_height(&part->data_window));
    box_json(out, "data_window", &part->data_window);
    box_json(out, "display_window", &part->display_window);
    cli_buffer_json_real(out, "pixel_aspect", (double)part->pixel_aspect);
    cli_buffer_open(out, "screen_window_center", '[');
    cli_buffer_json_real(out, NULL, (double)part->screen_window_center[0]);
    cli_buffer_json_real(out, NULL, (double)part->screen_window_center[1]);
    cli_buffer_close(out, ']');
    cli_buffer_json_real(out, "screen_window_width", (double)part->screen_window_width);
    if (part->tile_width)
        tiles_json(out, part);
    cli_buffer_json_count(out, "chunks", part->chunk_count);
    cli_buffer_json_count(out, "pixel_bytes", part->pixel_bytes);
    channels_json(out, part);
    crypto_json(show, exr, part, out);
    attributes_json(show, exr, part, out);
    cli_buffer_close(out, '}');
}

static uint64_t all_pixel_bytes(const smalti_exr_header *header)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < header->part_count; i++)
        if (__builtin_add_overflow(total, header->parts[i].pixel_bytes, &total))
            return UINT64_MAX;
    return total;
}

void exr_show_json(const exr_show *show, const smalti_exr *exr, const char *path, cli_buffer *out)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } flags[] = {{SMALTI_EXR_FLAG_TILED, "tiled"},
                 {SMALTI_EXR_FLAG_LONG_NAMES, "long_names"},
                 {SMALTI_EXR_FLAG_DEEP, "deep"},
                 {SMALTI_EXR_FLAG_MULTI_PART, "multi_part"}};
    const smalti_exr_header *header = smalti_exr_header_get(exr);
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_string(out, "file", path);
    cli_buffer_json_string(out, "format", "exr");
    cli_buffer_json_count(out, "file_bytes", header->file_bytes);
    cli_buffer_json_count(out, "header_bytes", header->header_bytes);
    cli_buffer_json_count(out, "pixel_bytes", all_pixel_bytes(header));
    cli_buffer_open(out, "flags", '[');
    for (size_t i = 0; i < CLI_COUNT(flags); i++)
        if (header->flags & flags[i].flag)
            cli_buffer_json_string(out, NULL, flags[i].name);
    cli_buffer_close(out, ']');
    cli_buffer_open(out, "parts", '[');
    for (uint32_t i = 0; i < header->part_count; i++)
        part_json(show, exr, &header->parts[i], out);
    cli_buffer_close(out, ']');
    cli_buffer_close(out, '}');
}

void exr_show_failed(const char *path, const smalti_error *error, cli_buffer *out)
{
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_string(out, "file", path);
    cli_buffer_json_error(out, "error", error);
    cli_buffer_close(out, '}');
}

/* ---- For people ---- */

static void label(cli_buffer *out, const char *text)
{
    cli_buffer_format(out, "  %-16s", text);
}

static void box_text(cli_buffer *out, const smalti_exr_box *box)
{
    cli_buffer_format(out, "(%d %d) to (%d %d)", box->min_x, box->min_y, box->max_x, box->max_y);
}

static void storage_text(cli_buffer *out, const smalti_exr_part *part)
{
    static const char *const kinds[] = {"scan lines", "tiles", "deep scan lines", "deep tiles", "unknown chunks"};
    label(out, "storage");
    cli_buffer_format(out, "%s", kinds[part->kind]);
    if (part->tile_width) {
        cli_buffer_format(out, " of %ux%u", part->tile_width, part->tile_height);
        if (part->level_mode)
            cli_buffer_format(out, ", %s of %ux%u levels rounded %s", level_names[part->level_mode], part->levels_x,
                              part->levels_y, part->round_up ? "up" : "down");
    }
    cli_buffer_format(out, ", %s, %s y, %llu chunks\n", smalti_exr_compression_name(part->compression),
                      smalti_exr_line_order_name(part->line_order), (unsigned long long)part->chunk_count);
}

static bool same_layer(const smalti_exr_channel *a, const smalti_exr_channel *b)
{
    size_t size = exr_layer_bytes(a);
    return size == exr_layer_bytes(b) && !memcmp(a->name, b->name, size);
}

/* One channel in a line of them, with the type of those before it where it changes. */
static void channel_text(cli_buffer *out, const smalti_exr_channel *channel, const smalti_exr_channel *before)
{
    size_t layer = exr_layer_bytes(channel), skipped = layer ? layer + 1 : 0;
    if (before && before->sample != channel->sample)
        cli_buffer_format(out, ": %s,", smalti_exr_sample_name(before->sample));
    cli_buffer_text(out, " ");
    cli_buffer_printable(out, channel->name + skipped, channel->name_size - skipped);
    if (channel->x_sampling != 1 || channel->y_sampling != 1)
        cli_buffer_format(out, " (every %dx%d)", channel->x_sampling, channel->y_sampling);
}

/* Channels of the layer of the one at first, on a line. Those of a layer stand together, those of none need not. */
static void layer_text(cli_buffer *out, const smalti_exr_part *part, uint32_t first)
{
    const smalti_exr_channel *begin = &part->channels[first], *before = NULL;
    size_t layer = exr_layer_bytes(begin);
    cli_buffer_text(out, "    ");
    size_t at = out->size;
    cli_buffer_printable(out, layer ? begin->name : "-", layer ? layer : 1);
    while (out->size - at < 24 && !out->lost)
        cli_buffer_text(out, " ");
    for (uint32_t i = first; i < part->channel_count; i++) {
        if (same_layer(begin, &part->channels[i])) {
            channel_text(out, &part->channels[i], before);
            before = &part->channels[i];
        } else if (layer) {
            break;
        }
    }
    cli_buffer_format(out, ": %s\n", smalti_exr_sample_name(before->sample));
}

static void channels_text(cli_buffer *out, const smalti_exr_part *part)
{
    bool plain = false;
    cli_buffer_format(out, "  channels        %u\n", part->channel_count);
    for (uint32_t i = 0; i < part->channel_count; i++) {
        bool layered = exr_layer_bytes(&part->channels[i]) > 0;
        if (layered ? !i || !same_layer(&part->channels[i - 1], &part->channels[i]) : !plain)
            layer_text(out, part, i);
        plain = plain || !layered;
    }
}

/* How many entries a manifest has, and on a line of its own the whole of it. */
static void manifest_text(const smalti_exr *exr, const exr_crypto *set, cli_buffer *out)
{
    cli_buffer text = {0};
    uint64_t entries;
    size_t size = exr_crypto_manifest(exr, set, &text);
    if (size && exr_crypto_count(text.data, size, &entries))
        cli_buffer_format(out, " with %llu entries", (unsigned long long)entries);
    cli_buffer_text(out, "\n");
    if (size) {
        cli_buffer_printable(out, text.data, size);
        cli_buffer_text(out, "\n");
    }
    out->lost = out->lost || text.lost;
    cli_buffer_clear(&text);
}

static void crypto_text(const exr_show *show, const smalti_exr *exr, const smalti_exr_part *part, cli_buffer *out)
{
    exr_crypto sets[SETS];
    size_t count = exr_crypto_find(part, sets, SETS);
    char bytes[32];
    for (size_t i = 0; i < count; i++) {
        label(out, i ? "" : "cryptomatte");
        cli_buffer_printable(out, sets[i].name.data ? sets[i].name.data : sets[i].id,
                             sets[i].name.data ? sets[i].name.size : sets[i].id_size);
        if (sets[i].hash.data) {
            cli_buffer_text(out, ", ");
            cli_buffer_printable(out, sets[i].hash.data, sets[i].hash.size);
        }
        if (sets[i].manifest)
            cli_buffer_format(out, ", manifest of %s", cli_bytes_text(sets[i].manifest->size, bytes, sizeof bytes));
        if (sets[i].manifest_file.data) {
            cli_buffer_text(out, ", manifest in ");
            cli_buffer_printable(out, sets[i].manifest_file.data, sets[i].manifest_file.size);
        }
        if (show->manifest && sets[i].manifest)
            manifest_text(exr, &sets[i], out);
        else
            cli_buffer_text(out, "\n");
    }
}

static void attributes_text(const exr_show *show, const smalti_exr_part *part, cli_buffer *out)
{
    bool first = true;
    for (uint32_t i = 0; i < part->attribute_count; i++) {
        const smalti_exr_attribute *attribute = &part->attributes[i];
        if (attribute->in_part)
            continue;
        if (first)
            cli_buffer_text(out, "  attributes\n");
        first = false;
        cli_buffer_text(out, "    ");
        size_t at = out->size;
        cli_buffer_printable(out, attribute->name, strlen(attribute->name));
        while (out->size - at < 24 && !out->lost)
            cli_buffer_text(out, " ");
        cli_buffer_text(out, " ");
        if (attribute->type == SMALTI_EXR_TYPE_PREVIEW)
            cli_buffer_format(out, "%ux%u pixels", part->preview_width, part->preview_height);
        else
            exr_value_text(show, attribute, out);
        cli_buffer_text(out, "\n");
    }
}

static void part_text(const exr_show *show, const smalti_exr *exr, const smalti_exr_part *part, cli_buffer *out)
{
    char bytes[32];
    label(out, "size");
    cli_buffer_format(out, "%ux%u", exr_width(&part->data_window), exr_height(&part->data_window));
    if (part->pixel_bytes)
        cli_buffer_format(out, ", %s decoded", cli_bytes_text(part->pixel_bytes, bytes, sizeof bytes));
    cli_buffer_text(out, "\n");
    label(out, "data window");
    box_text(out, &part->data_window);
    cli_buffer_text(out, "\n");
    label(out, "display window");
    box_text(out, &part->display_window);
    if (part->pixel_aspect != 1)
        cli_buffer_format(out, ", pixel aspect %g", (double)part->pixel_aspect);
    cli_buffer_text(out, "\n");
    storage_text(out, part);
    channels_text(out, part);
    crypto_text(show, exr, part, out);
    attributes_text(show, part, out);
}

void exr_show_text(const exr_show *show, const smalti_exr *exr, const char *path, cli_buffer *out)
{
    const smalti_exr_header *header = smalti_exr_header_get(exr);
    char bytes[32], head[32];
    cli_buffer_printable(out, path, strlen(path));
    cli_buffer_format(out, ": EXR, %s, header %s", cli_bytes_text(header->file_bytes, bytes, sizeof bytes),
                      cli_bytes_text(header->header_bytes, head, sizeof head));
    if (header->part_count > 1)
        cli_buffer_format(out, ", %u parts", header->part_count);
    cli_buffer_text(out, "\n");
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti_exr_part *part = &header->parts[i];
        if (header->flags & SMALTI_EXR_FLAG_MULTI_PART || part->name.data) {
            cli_buffer_format(out, " part %u ", i);
            cli_buffer_printable(out, part->name.data ? part->name.data : "", part->name.size);
            if (part->view.data) {
                cli_buffer_text(out, ", view ");
                cli_buffer_printable(out, part->view.data, part->view.size);
            }
            cli_buffer_text(out, "\n");
        }
        part_text(show, exr, part, out);
    }
}

/* ---- CSV ---- */

const char exr_csv_head[] = "file,part,name,view,type,compression,width,height,data_window,display_window,pixel_aspect,"
                            "chunks,pixel_bytes,file_bytes,channels\n";

static void quoted(cli_buffer *out, const char *text, size_t size)
{
    cli_buffer_text(out, "\"");
    for (size_t i = 0; i < size; i++)
        cli_buffer_add(out, text[i] == '"' ? "\"\"" : text + i, text[i] == '"' ? 2 : 1);
    cli_buffer_text(out, "\"");
}

void exr_show_csv(const smalti_exr *exr, const char *path, cli_buffer *out)
{
    const smalti_exr_header *header = smalti_exr_header_get(exr);
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti_exr_part *part = &header->parts[i];
        const smalti_exr_box *data = &part->data_window, *display = &part->display_window;
        quoted(out, path, strlen(path));
        cli_buffer_format(out, ",%u,", i);
        quoted(out, part->name.data ? part->name.data : "", part->name.size);
        cli_buffer_text(out, ",");
        quoted(out, part->view.data ? part->view.data : "", part->view.size);
        cli_buffer_format(out, ",%s,%s,%u,%u,%d %d %d %d,%d %d %d %d,", smalti_exr_kind_name(part->kind),
                          smalti_exr_compression_name(part->compression), exr_width(data), exr_height(data),
                          data->min_x, data->min_y, data->max_x, data->max_y, display->min_x, display->min_y,
                          display->max_x, display->max_y);
        cli_buffer_real(out, (double)part->pixel_aspect);
        cli_buffer_format(out, ",%llu,%llu,%llu,", (unsigned long long)part->chunk_count,
                          (unsigned long long)part->pixel_bytes, (unsigned long long)header->file_bytes);
        cli_buffer_text(out, "\"");
        for (uint32_t c = 0; c < part->channel_count; c++) {
            cli_buffer_text(out, c ? " " : "");
            cli_buffer_printable(out, part->channels[c].name, part->channels[c].name_size);
        }
        cli_buffer_text(out, "\"\n");
    }
}
