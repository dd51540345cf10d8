/* SPDX-License-Identifier: Apache-2.0
 * smalti exr layers: channels in groups of layers, by rules that can be changed. */
#include "cli/exr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "rules",
     .kind = CLI_FILE,
     .placeholder = "FILE",
     .summary = "groups and their patterns, in JSON or TOML; without it those for common renderers"},
    {.name = "json", .summary = "write a JSON array with an object for each file"},
    {.name = "write-txt", .summary = "write NAME.txt for each file instead, beside it or into --output"},
    {.name = "output", .letter = 'o', .kind = CLI_FOLDER, .placeholder = "DIR", .summary = "folder for --write-txt"},
    {.name = "overwrite", .summary = "let --write-txt replace files"},
    EXR_READERS_OPTION,
    {0},
};

static const cli_example examples[] = {
    {"What a render has, in groups:", "smalti exr layers beauty.0101.exr"},
    {"Groups of your own:", "smalti exr layers --rules studio.toml --json renders"},
    {0},
};

const cli_command cli_exr_layers = {
    .name = "exr layers",
    .summary = "sort the channels of OpenEXR files into layers and groups",
    .usage = (const char *const[]){"FILE|FOLDER... [OPTION]...", NULL},
    .description =
        "A channel belongs to the first group that has a pattern for its layer or its name, else to the last one, "
        "'other'. Without --rules the groups are beauty, cryptomatte, lights, data, objects and other.\n\n"
        "The order is always the same: parts, groups in the order of the rules, layers and views by name, and in a "
        "layer "
        "red, green, blue, alpha and the rest in the order of the file.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};

typedef struct layers_work {
    const smalti_exr_rules *rules;
    bool json, write_text, overwrite;
    const char *folder; /* for --write-txt; NULL: beside the file */
} layers_work;

/* ---- JSON ---- */

static void layer_json(const smalti_exr_part *part, const smalti_exr_layer *layer, cli_buffer *out)
{
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_text(out, "name", layer->name.data ? layer->name.data : "", layer->name.size);
    if (layer->view.size)
        cli_buffer_json_text(out, "view", layer->view.data, layer->view.size);
    cli_buffer_open(out, "channels", '[');
    for (uint32_t i = 0; i < layer->channel_count; i++) {
        const smalti_exr_channel *channel = &part->channels[layer->channels[i]];
        cli_buffer_open(out, NULL, '{');
        cli_buffer_json_text(out, "name", channel->name, channel->name_size);
        cli_buffer_json_string(out, "type", smalti_exr_sample_name(channel->sample));
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
    cli_buffer_close(out, '}');
}

/* The groups of one part that have channels. */
static void groups_json(const smalti_exr_part *part, uint32_t index, const smalti_exr_layers *layers, cli_buffer *out)
{
    const smalti_exr_layer *last = NULL;
    cli_buffer_open(out, "groups", '[');
    for (size_t i = 0; i < layers->count; i++) {
        const smalti_exr_layer *layer = &layers->layers[i];
        if (layer->part != index)
            continue;
        if (!last || last->group_index != layer->group_index) {
            if (last) {
                cli_buffer_close(out, ']');
                cli_buffer_close(out, '}');
            }
            cli_buffer_open(out, NULL, '{');
            cli_buffer_json_string(out, "group", layer->group);
            cli_buffer_open(out, "layers", '[');
        }
        layer_json(part, layer, out);
        last = layer;
    }
    if (last) {
        cli_buffer_close(out, ']');
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
}

static void write_json(const smalti_exr_header *header, const smalti_exr_layers *layers, const char *path,
                       cli_buffer *out)
{
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_string(out, "file", path);
    cli_buffer_open(out, "parts", '[');
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti_exr_part *part = &header->parts[i];
        cli_buffer_open(out, NULL, '{');
        cli_buffer_json_count(out, "part", i);
        if (part->name.data)
            cli_buffer_json_text(out, "name", part->name.data, part->name.size);
        groups_json(part, i, layers, out);
        cli_buffer_close(out, '}');
    }
    cli_buffer_close(out, ']');
    cli_buffer_close(out, '}');
}

/* ---- Text ---- */

static void layer_text(const smalti_exr_part *part, const smalti_exr_layer *layer, cli_buffer *out)
{
    cli_buffer_text(out, "    ");
    size_t at = out->size;
    cli_buffer_printable(out, layer->name.size ? layer->name.data : "-", layer->name.size ? layer->name.size : 1);
    if (layer->view.size) {
        cli_buffer_text(out, " (");
        cli_buffer_printable(out, layer->view.data, layer->view.size);
        cli_buffer_text(out, ")");
    }
    while (out->size - at < 24 && !out->lost)
        cli_buffer_text(out, " ");
    for (uint32_t i = 0; i < layer->channel_count; i++) {
        const smalti_exr_channel *channel = &part->channels[layer->channels[i]];
        size_t prefix = exr_layer_bytes(channel), skipped = prefix ? prefix + 1 : 0;
        cli_buffer_text(out, " ");
        cli_buffer_printable(out, channel->name + skipped, channel->name_size - skipped);
    }
    cli_buffer_format(out, ": %s\n", smalti_exr_sample_name(part->channels[layer->channels[0]].sample));
}

static void write_text(const smalti_exr_header *header, const smalti_exr_layers *layers, const char *path,
                       cli_buffer *out)
{
    const smalti_exr_layer *last = NULL;
    cli_buffer_printable(out, path, strlen(path));
    cli_buffer_text(out, "\n");
    for (size_t i = 0; i < layers->count; i++) {
        const smalti_exr_layer *layer = &layers->layers[i];
        const smalti_exr_part *part = &header->parts[layer->part];
        bool next = !last || last->part != layer->part;
        if (next && header->part_count > 1) {
            cli_buffer_format(out, " part %u ", layer->part);
            cli_buffer_printable(out, part->name.data ? part->name.data : "", part->name.size);
            cli_buffer_text(out, "\n");
        }
        if (next || last->group_index != layer->group_index) {
            cli_buffer_text(out, "  ");
            cli_buffer_printable(out, layer->group, strlen(layer->group));
            cli_buffer_text(out, "\n");
        }
        layer_text(part, layer, out);
        last = layer;
    }
}

/* ---- Files of text ---- */

/* "DIR/frame.0101.txt" for "x/frame.0101.exr"; owned. */
static char *text_name(const layers_work *work, const char *path)
{
    const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path, *dot = strrchr(leaf, '.');
    int stem = dot && dot != leaf ? (int)(dot - leaf) : (int)strlen(leaf);
    char *name = NULL;
    if (work->folder ? asprintf(&name, "%s/%.*s.txt", work->folder, stem, leaf) < 0
                     : asprintf(&name, "%.*s%.*s.txt", (int)(leaf - path), path, stem, leaf) < 0)
        return NULL;
    return name;
}

static smalti_result write_whole(int fd, const cli_buffer *text)
{
    for (size_t at = 0; at < text->size;) {
        ssize_t put = write(fd, text->data + at, text->size - at);
        if (put < 0 && errno != EINTR)
            return SMALTI_E_IO;
        at += put > 0 ? (size_t)put : 0;
    }
    return SMALTI_OK;
}

static smalti_result write_file(const layers_work *work, const char *path, const cli_buffer *text, smalti_error *error)
{
    char *name = text_name(work, path);
    if (!name || text->lost) {
        free(name);
        return cli_fail(error, SMALTI_E_NOMEM, "%s: no memory for the text", path);
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | (work->overwrite ? O_TRUNC : O_EXCL), 0666);
    smalti_result result = SMALTI_OK;
    if (fd < 0 && errno == EEXIST)
        result = cli_fail(error, SMALTI_E_INVALID_CONFLICT, "%s: exists already", name);
    else if (fd < 0)
        result = cli_fail_errno(error, "%s: cannot be created", name);
    else if (write_whole(fd, text) < 0)
        result = cli_fail_errno(error, "%s: cannot be written", name);
    if (fd >= 0 && close(fd) < 0 && result == SMALTI_OK)
        result = cli_fail_errno(error, "%s: cannot be written", name);
    free(name);
    return result;
}

/* ---- The command ---- */

static smalti_result tell(void *user, smalti_exr *exr, const char *path, size_t index, cli_buffer *out,
                          smalti_error *error)
{
    const layers_work *work = user;
    smalti_exr_layers layers;
    (void)index;
    smalti_result result = smalti_exr_open(exr, path, error);
    if (result == SMALTI_OK)
        result = smalti_exr_layers_find(exr, work->rules, &layers, error);
    if (result < 0) {
        if (work->json)
            exr_show_failed(path, error, out);
        return result;
    }
    if (work->write_text) {
        cli_buffer text = {0};
        write_text(smalti_exr_header_get(exr), &layers, path, &text);
        result = write_file(work, path, &text, error);
        cli_buffer_clear(&text);
    } else if (work->json) {
        write_json(smalti_exr_header_get(exr), &layers, path, out);
    } else {
        write_text(smalti_exr_header_get(exr), &layers, path, out);
    }
    smalti_exr_layers_clear(&layers);
    return result;
}

static smalti_result read_rules(const char *path, smalti_exr_rules **rules, smalti_error *error)
{
    char *text = NULL;
    size_t size = 0;
    if (!path)
        return smalti_exr_rules_new(NULL, 0, NULL, rules, error);
    smalti_result result = cli_read_file(path, 1 << 20, &text, &size, error);
    if (result == SMALTI_OK)
        result = smalti_exr_rules_new(text, size, path, rules, error);
    free(text);
    return result;
}

static int run(const cli_arguments *arguments)
{
    layers_work work = {
        .json = cli_given(arguments, "json"),
        .write_text = cli_given(arguments, "write-txt"),
        .overwrite = cli_given(arguments, "overwrite"),
        .folder = cli_text(arguments, "output", NULL),
    };
    smalti_error error;
    smalti_exr_rules *rules;
    if (work.json && work.write_text) {
        cli_fail(&error, SMALTI_E_INVALID, "--json and --write-txt exclude each other");
        return cli_complain(&error);
    }
    if (read_rules(cli_text(arguments, "rules", NULL), &rules, &error) < 0)
        return cli_complain(&error);
    work.rules = rules;
    exr_files files = {0};
    int code = exr_files_gather(&files, arguments, cli_given(arguments, "recursive"));
    if (work.json)
        fputs("[", stdout);
    int failed = exr_run_files(
        &(exr_run){
            .work = tell, .user = &work, .readers = (uint32_t)cli_number(arguments, "readers", 0), .json = work.json},
        &files);
    if (work.json)
        fputs("]\n", stdout);
    exr_files_clear(&files);
    smalti_exr_rules_free(rules);
    return code ? code : failed;
}
