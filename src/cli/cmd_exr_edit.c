/* SPDX-License-Identifier: Apache-2.0
 * smalti exr edit: changes attributes, and names of channels and layers, without touching pixels. */
#include "cli/exr.h"

#include <stdlib.h>
#include <string.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Changes",
     .name = "set",
     .repeat = true,
     .kind = CLI_TEXT,
     .placeholder = "NAME[:TYPE]=VALUE",
     .summary = "give an attribute a value; without TYPE it keeps its own, or is a string when it is new"},
    {.name = "delete", .repeat = true, .kind = CLI_TEXT, .placeholder = "NAME", .summary = "remove an attribute"},
    {.name = "rename",
     .repeat = true,
     .kind = CLI_TEXT,
     .placeholder = "OLD=NEW",
     .summary = "give an attribute another name"},
    {.name = "rename-channel",
     .repeat = true,
     .kind = CLI_TEXT,
     .placeholder = "OLD=NEW",
     .summary = "give a channel another name; the order of names must stay, as it is that of the pixels"},
    {.name = "rename-layer",
     .repeat = true,
     .kind = CLI_TEXT,
     .placeholder = "OLD=NEW",
     .summary = "the same for all channels of a layer, and of those below it"},
    {.name = "part", .kind = CLI_TEXT, .placeholder = "PART", .summary = "only in the part of that number or name"},
    {.group = "Files", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "output",
     .letter = 'o',
     .kind = CLI_FILE,
     .placeholder = "FILE",
     .summary = "write the one file given to FILE, and leave it as it is"},
    {.name = "overwrite", .summary = "let --output replace a file"},
    {.name = "backup", .summary = "keep the old file as NAME.bak"},
    {.name = "copy", .summary = "write a new file that takes the old one's name, never into the file itself"},
    {.name = "insert",
     .summary =
         "insert blocks also into files of one part with scan lines: a kill at that moment leaves a file that OpenEXR "
         "before 3.3 cannot read until the next edit"},
    {.name = "sync", .summary = "wait for the disk after every step: safe when power fails, too"},
    {.name = "json", .summary = "write a JSON array with an object for each file"},
    {0},
};

static const cli_example examples[] = {
    {"Who owns these frames:", "smalti exr edit -r renders --set owner='Studio X' --set expTime:float=0.02"},
    {"Another name for a layer:", "smalti exr edit beauty.0101.exr --rename-layer diffuse=diff"},
    {0},
};

const cli_command cli_exr_edit = {
    .name = "exr edit",
    .summary = "change attributes and names without touching pixels",
    .usage = (const char *const[]){"FILE|FOLDER... CHANGE... [OPTION]...", "FILE CHANGE... -o FILE", NULL},
    .description =
        "Writes only the header: by one write where the size stays, else by inserting blocks into the file where the "
        "file "
        "system can (ext4, XFS), else into a new file that shares the pixels' blocks (XFS, Btrfs) or has a copy of "
        "them, "
        "and takes the old one's name. Whatever kills it, the file is the old one or the new one. No other program "
        "should "
        "read the file at that moment unless --copy is given.\n\n"
        "TYPE is a type of OpenEXR: string, int, float, double, v2i, v2f, v2d, v3i, v3f, v3d, m33f, m33d, m44f, m44d, "
        "box2i, box2f, rational (24000/1001), timecode (12:34:56:07), keycode, chromaticities, floatvector, "
        "stringvector "
        "(a,b,c), envmap, bytes (hexadecimal digits). Numbers have blanks or commas between them.\n\n"
        "Changes are made in the order set, delete, rename, rename-channel, rename-layer. Those that would make the "
        "pixels mean something else (compression, data window, tiles, ...) are refused. 'smalti exr info' shows what "
        "there is.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};

/* One change as it was typed. */
typedef struct asked_change {
    smalti_exr_change_kind kind;
    char *name, *rest; /* in copy; rest behind '=', NULL for delete */
    const char *type;  /* NULL: not given */
    char *copy;        /* owned */
} asked_change;

typedef struct edit_work {
    asked_change *asked; /* owned */
    size_t count;
    const char *part;
    smalti_exr_edit_options options;
    bool backup, json;
    smalti_exr *exr;
} edit_work;

/* ---- What was asked for ---- */

static const struct {
    const char *option;
    smalti_exr_change_kind kind;
} kinds[] = {{"set", SMALTI_EXR_SET},
             {"delete", SMALTI_EXR_DELETE},
             {"rename", SMALTI_EXR_RENAME},
             {"rename-channel", SMALTI_EXR_RENAME_CHANNEL},
             {"rename-layer", SMALTI_EXR_RENAME_LAYER}};

/* The type behind the last ':' of a name, cut off from it, when it is one; names may have colons themselves. */
static const char *cut_type(char *name)
{
    char *colon = strrchr(name, ':');
    for (smalti_exr_type type = SMALTI_EXR_TYPE_INT; colon && type <= SMALTI_EXR_TYPE_DEEP_IMAGE_STATE; type++)
        if (!strcmp(colon + 1, smalti_exr_type_name(type))) {
            *colon = 0;
            return smalti_exr_type_name(type);
        }
    return NULL;
}

static smalti_result ask(edit_work *work, smalti_exr_change_kind kind, const char *option, const char *text,
                         smalti_error *error)
{
    asked_change *asked = &work->asked[work->count];
    *asked = (asked_change){.kind = kind, .copy = strdup(text)};
    if (!asked->copy)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for --%s", option);
    work->count++;
    asked->name = asked->copy;
    if (kind == SMALTI_EXR_DELETE)
        return SMALTI_OK;
    asked->rest = strchr(asked->copy, '=');
    if (!asked->rest || asked->rest == asked->copy)
        return cli_fail(error, SMALTI_E_INVALID, "--%s '%s' has no name with a '=' behind it", option, text);
    *asked->rest++ = 0;
    if (kind == SMALTI_EXR_SET)
        asked->type = cut_type(asked->name);
    return SMALTI_OK;
}

static smalti_result ask_all(edit_work *work, const cli_arguments *arguments, smalti_error *error)
{
    work->asked = calloc(arguments->setting_count + 1, sizeof *work->asked);
    if (!work->asked)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the changes");
    for (size_t k = 0; k < CLI_COUNT(kinds); k++)
        for (size_t i = 0; i < arguments->setting_count; i++) {
            const cli_setting *setting = &arguments->settings[i];
            if (strcmp(setting->option->name, kinds[k].option) != 0)
                continue;
            smalti_result result = ask(work, kinds[k].kind, kinds[k].option, setting->text, error);
            if (result < 0)
                return result;
        }
    return work->count ? SMALTI_OK : cli_fail(error, SMALTI_E_INVALID, "there is nothing to change: --set, ...");
}

/* ---- One file ---- */

static smalti_result find_part(const edit_work *work, const char *path, int32_t *part, smalti_error *error)
{
    const smalti_exr_header *header = smalti_exr_header_get(work->exr);
    *part = -1;
    if (!work->part)
        return SMALTI_OK;
    char *end;
    unsigned long number = strtoul(work->part, &end, 10);
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti_exr_text *name = &header->parts[i].name;
        bool named = name->size == strlen(work->part) && !memcmp(name->data, work->part, name->size);
        if (named || (!*end && end != work->part && number == i)) {
            *part = (int32_t)i;
            return SMALTI_OK;
        }
    }
    return cli_fail(error, SMALTI_E_INVALID, "%s: there is no part '%s'", path, work->part);
}

/* The type that an attribute has in the file, else string. */
static const char *type_in_file(const edit_work *work, int32_t part, const char *name)
{
    const smalti_exr_header *header = smalti_exr_header_get(work->exr);
    for (uint32_t i = 0; i < header->part_count; i++) {
        const smalti_exr_attribute *there = smalti_exr_attribute_find(&header->parts[i], name);
        if (there && (part < 0 || (uint32_t)part == i))
            return there->type_name;
    }
    return "string";
}

static smalti_result make_changes(const edit_work *work, const char *path, smalti_exr_change *changes, void **values,
                                  smalti_error *error)
{
    int32_t part;
    smalti_result result = smalti_exr_open(work->exr, path, error);
    if (result == SMALTI_OK)
        result = find_part(work, path, &part, error);
    for (size_t i = 0; i < work->count && result == SMALTI_OK; i++) {
        const asked_change *asked = &work->asked[i];
        changes[i] = (smalti_exr_change){.kind = asked->kind, .part = part, .name = asked->name};
        if (asked->kind != SMALTI_EXR_SET) {
            changes[i].new_name = asked->rest;
            continue;
        }
        changes[i].type_name = asked->type ? asked->type : type_in_file(work, part, asked->name);
        smalti_error reason;
        result =
            smalti_exr_value_from_text(changes[i].type_name, asked->rest, &values[i], &changes[i].value_bytes, &reason);
        changes[i].value = values[i];
        if (result < 0)
            cli_fail(error, result, "--set %s: %s", asked->name, reason.message);
    }
    return result;
}

static smalti_result edit_file(const edit_work *work, const char *path, smalti_exr_edit_result *done,
                               smalti_error *error)
{
    char *backup = NULL;
    smalti_exr_edit_options edit_options = work->options;
    smalti_exr_change *changes = calloc(work->count, sizeof *changes);
    void **values = calloc(work->count, sizeof *values);
    bool made = changes && values && (!work->backup || asprintf(&backup, "%s.bak", path) >= 0);
    edit_options.backup = work->backup ? backup : NULL;
    smalti_result result = made ? make_changes(work, path, changes, values, error)
                                : cli_fail(error, SMALTI_E_NOMEM, "%s: no memory for the changes", path);
    if (result == SMALTI_OK) { /* the types in the header are used until it is done */
        result = smalti_exr_edit(path, changes, work->count, &edit_options, done, error);
    }
    for (size_t i = 0; values && i < work->count; i++)
        free(values[i]);
    free(values);
    free(changes);
    if (made)
        free(backup);
    return result;
}

/* ---- All files ---- */

static void tell(cli_json *json, const char *path, smalti_result result, const smalti_exr_edit_result *done,
                 const smalti_error *error)
{
    char name[4096], bytes[32];
    if (!json->out) {
        if (result == SMALTI_OK)
            printf("%s: %s, header %s\n", cli_printable(path, name, sizeof name), smalti_exr_way_name(done->way),
                   cli_bytes_text(done->header_bytes, bytes, sizeof bytes));
        return;
    }
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "file", path);
    if (result < 0) {
        cli_json_error(json, "error", error);
    } else {
        cli_json_text(json, "way", smalti_exr_way_name(done->way));
        cli_json_number(json, "header_bytes", done->header_bytes);
        cli_json_number(json, "written_bytes", done->written_bytes);
    }
    cli_json_close(json, '}');
}

static int edit_all(edit_work *work, const exr_files *files)
{
    cli_json json = {.out = work->json ? stdout : NULL};
    int code = 0;
    if (json.out)
        cli_json_open(&json, NULL, '[');
    for (size_t i = 0; i < files->count; i++) {
        smalti_error error;
        smalti_exr_edit_result done = {0};
        smalti_result result = edit_file(work, files->paths[i], &done, &error);
        if (result < 0) {
            int failed = cli_complain(&error);
            code = code ? code : failed;
        }
        tell(&json, files->paths[i], result, &done, &error);
    }
    if (json.out) {
        cli_json_close(&json, ']');
        putchar('\n');
    }
    return code;
}

static int run(const cli_arguments *arguments)
{
    edit_work work = {
        .part = cli_text(arguments, "part", NULL),
        .options = {.size = sizeof work.options,
                    .output = cli_text(arguments, "output", NULL),
                    .replace = cli_given(arguments, "overwrite"),
                    .copy = cli_given(arguments, "copy"),
                    .sync = cli_given(arguments, "sync"),
                    .insert = cli_given(arguments, "insert")},
        .backup = cli_given(arguments, "backup"),
        .json = cli_given(arguments, "json"),
    };
    smalti_error error;
    exr_files files = {0};
    smalti_result result = ask_all(&work, arguments, &error);
    if (result == SMALTI_OK)
        result = smalti_exr_new(NULL, &work.exr, &error);
    int code = 0;
    if (result == SMALTI_OK) {
        code = exr_files_gather(&files, arguments, cli_given(arguments, "recursive"));
        if (work.options.output && files.count != 1)
            result = cli_fail(&error, SMALTI_E_INVALID, "--output takes one file at a time");
    }
    if (result < 0) {
        code = cli_complain(&error);
    } else {
        int failed = edit_all(&work, &files);
        code = code ? code : failed;
    }
    for (size_t i = 0; i < work.count; i++)
        free(work.asked[i].copy);
    free(work.asked);
    smalti_exr_free(work.exr);
    exr_files_clear(&files);
    return code;
}
