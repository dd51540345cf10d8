/* SPDX-License-Identifier: Apache-2.0
 * smalti exr: the family of commands, and exr info. */
#include "cli/exr.h"

static int run_info(const cli_arguments *arguments);

static const cli_command *const commands[] = {&cli_exr_info,     &cli_exr_check, &cli_exr_layers,
                                              &cli_exr_sequence, &cli_exr_edit,  NULL};

const cli_command cli_exr = {
    .name = "exr",
    .summary = "look at, check and edit OpenEXR files",
    .usage = (const char *const[]){"COMMAND ...", NULL},
    .description =
        "Tools for OpenEXR files that do not touch pixels. They read a page of a file, whatever its size, so "
        "that a show's worth of frames takes seconds.",
    .commands = commands,
};

static const cli_option info_options[] = {
    {.group = "Options", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "where",
     .kind = CLI_TEXT,
     .placeholder = "CONDITION",
     .summary = "only files with a part that fulfils it: 'compression==\"zip\" && channels has \"depth.*\"'"},
    {.name = "json", .summary = "write a JSON array with an object for each file"},
    {.name = "csv", .summary = "write comma-separated values, a line for each part"},
    {.name = "full", .summary = "long values in full"},
    {.name = "manifest", .summary = "Cryptomatte manifests in full"},
    {.name = "readers",
     .letter = 'j',
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 64,
     .summary = "most files read at the same time (default 16); as many as there are processors, and more while they "
                "wait for the disk"},
    {0},
};

static const cli_example info_examples[] = {
    {"What is in a frame:", "smalti exr info beauty.0101.exr"},
    {"Frames that are not compressed, below a folder:",
     "smalti exr info -r renders --where 'compression==\"none\"' --csv"},
    {"Files with a depth channel and an exposure time:",
     "smalti exr info -r renders --json --where 'channels has \"*Z\" && expTime > 0'"},
    {0},
};

const cli_command cli_exr_info = {
    .name = "exr info",
    .summary = "show what OpenEXR files say of themselves",
    .usage = (const char *const[]){"FILE|FOLDER... [OPTION]...", NULL},
    .description =
        "Shows windows, compression, channels by layer, parts, views, and all attributes with their values. Of a "
        "folder "
        "all files are taken that end in .exr, .sxr or .mxr.\n\n"
        "Values longer than 4 kB are not read, and Cryptomatte manifests are summed up, unless asked for.\n\n"
        "A condition compares fields (file, file_bytes, header_bytes, parts, name, view, type, compression, "
        "line_order, "
        "width, height, data_window[0] to [3], display_window[0] to [3], pixel_aspect, pixel_bytes, channel_count, "
        "channels, layers, chunks, tiled, deep, tile_width, tile_height, levels) and attributes by their names (or "
        "@\"any name\", with [N] for one of several numbers) with texts and numbers: == != < <= > >=, like with a "
        "pattern, and has for lists; joined by && || ! and parentheses. A name alone asks whether it is there.\n\n"
        "A file that cannot be read is reported on standard error, and in JSON by an object with a member 'error'; the "
        "others go on.",
    .options = info_options,
    .examples = info_examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run_info,
};

typedef struct info_work {
    exr_show show;
    const exr_where *where;
    bool json, csv;
} info_work;

static smalti_result tell(void *user, smalti_exr *exr, const char *path, size_t index, cli_buffer *out,
                          smalti_error *error)
{
    (void)index;
    const info_work *work = user;
    smalti_result result = smalti_exr_open(exr, path, error);
    if (result < 0) {
        if (work->json)
            exr_show_failed(path, error, out);
        return result;
    }
    if (!exr_where_holds(work->where, smalti_exr_header_get(exr), path))
        return SMALTI_OK;
    if (work->json)
        exr_show_json(&work->show, exr, path, out);
    else if (work->csv)
        exr_show_csv(exr, path, out);
    else
        exr_show_text(&work->show, exr, path, out);
    return SMALTI_OK;
}

static int run_info(const cli_arguments *arguments)
{
    info_work work = {
        .show = {.manifest = cli_given(arguments, "manifest"), .full = cli_given(arguments, "full")},
        .json = cli_given(arguments, "json"),
        .csv = cli_given(arguments, "csv"),
    };
    smalti_error error;
    exr_where *where = NULL;
    const char *condition = cli_text(arguments, "where", NULL);
    if (work.json && work.csv) {
        cli_fail(&error, SMALTI_E_INVALID, "--json and --csv exclude each other");
        return cli_complain(&error);
    }
    if (condition && exr_where_parse(condition, &where, &error) < 0)
        return cli_complain(&error);
    work.where = where;
    exr_files files = {0};
    int code = exr_files_gather(&files, arguments, cli_given(arguments, "recursive"));
    if (work.json)
        fputs("[", stdout);
    else if (work.csv)
        fputs(exr_csv_head, stdout);
    smalti_exr_options options = {.size = sizeof options, .keep_bytes = work.show.full ? UINT32_MAX : 0};
    int failed = exr_run_files(&(exr_run){.work = tell,
                                          .user = &work,
                                          .options = &options,
                                          .readers = (uint32_t)cli_number(arguments, "readers", 0),
                                          .json = work.json},
                               &files);
    if (work.json)
        fputs("]\n", stdout);
    exr_files_clear(&files);
    exr_where_free(where);
    return code ? code : failed;
}
