/* SPDX-License-Identifier: Apache-2.0
 * smalti exr sequence: finds sequences of frames and says what is wrong with them. */
#include "cli/exr_sequence.h"

#include <stdlib.h>
#include <string.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "json", .summary = "write a JSON array with an object for each sequence"},
    {.name = "bad", .summary = "leave out sequences that have no problem"},
    {.name = "ignore",
     .repeat = true,
     .kind = CLI_CHOICE,
     .placeholder = "WHAT",
     .choices = "holes|duplicates|drift|sizes",
     .summary = "do not count these as problems"},
    EXR_READERS_OPTION,
    {0},
};

static const cli_example examples[] = {
    {"Is the render whole?", "smalti exr sequence renders/shot010 && echo yes"},
    {"One sequence:", "smalti exr sequence 'renders/beauty.####.exr'"},
    {0},
};

const cli_command cli_exr_sequence = {
    .name = "exr sequence",
    .summary = "find sequences of frames, and what is wrong with them",
    .usage = (const char *const[]){"FOLDER|PATTERN|FILE... [OPTION]...", NULL},
    .description =
        "Finds sequences by the last number in the names (padded or not, negative too; not a version behind a 'v'). A "
        "PATTERN like 'shot.####.exr', 'shot.%04d.exr' or 'shot.@@@@.exr' is one of them.\n\n"
        "Of each it tells range and step, holes, duplicates (one frame under two names), empty files, files that "
        "cannot "
        "be read, are not finished or are truncated (by their structure, see 'smalti exr check'), frames whose "
        "windows, "
        "channels, compression, parts or attributes are not those of the rest, and sizes that stand out.\n\n"
        "Attributes and data windows that change in more than a fifth of the frames are animated, not wrong. "
        "The exit code is 3 when there is a problem; sizes alone are none.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};

/* ---- Finding ---- */

/* Adds the files of a pattern's folder that fit it. */
static smalti_result add_pattern(exr_files *files, const exr_frame *pattern, smalti_error *error)
{
    const char *path = pattern->path, *slash = strrchr(path, '/');
    const char *suffix = path + pattern->number_at + pattern->number_size;
    char *folder = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    exr_files all = {0};
    smalti_result result = folder ? exr_files_add(&all, folder, false, error)
                                  : cli_fail(error, SMALTI_E_NOMEM, "no memory for the list of files");
    size_t before = files->count, skipped = slash ? 0 : 2; /* "./" */
    for (size_t i = 0; i < all.count && result == SMALTI_OK; i++) {
        exr_frame frame;
        exr_frame_split(all.paths[i] + skipped, &frame);
        if (frame.numbered && frame.number_at == pattern->number_at && !strncmp(frame.path, path, pattern->number_at) &&
            !strcmp(frame.path + frame.number_at + frame.number_size, suffix))
            result = exr_files_add(files, frame.path, false, error);
    }
    if (result == SMALTI_OK && files->count == before)
        result = cli_fail(error, SMALTI_E_INVALID, "%s: no file fits this pattern", path);
    exr_files_clear(&all);
    free(folder);
    return result;
}

static int gather(exr_files *files, const cli_arguments *arguments)
{
    int code = 0;
    for (size_t i = 0; i < arguments->operand_count; i++) {
        smalti_error error;
        exr_frame pattern;
        const char *operand = arguments->operands[i];
        smalti_result result = exr_frame_pattern(operand, &pattern)
                                   ? add_pattern(files, &pattern, &error)
                                   : exr_files_add(files, operand, cli_given(arguments, "recursive"), &error);
        if (result < 0) {
            int failed = cli_complain(&error);
            code = code ? code : failed;
        }
    }
    return code;
}

/* ---- Reading ---- */

static smalti_result read_frame(void *user, smalti_exr *exr, const char *path, size_t index, cli_buffer *out,
                                smalti_error *error)
{
    exr_frame *frame = &((exr_frame *)user)[index];
    smalti_exr_check check;
    exr_frame_split(path, frame);
    frame->result = smalti_exr_open(exr, path, error);
    if (frame->result == SMALTI_OK) {
        frame->bytes = smalti_exr_header_get(exr)->file_bytes;
        out->lost = out->lost || !exr_properties_collect(smalti_exr_header_get(exr), frame);
        frame->result = smalti_exr_check_structure(exr, &check, error);
        frame->verdict = check.verdict;
    }
    if (frame->result < 0) {
        size_t name = strlen(path);
        const char *message = error->message;
        if (!strncmp(message, path, name) && message[name] == ':')
            message += name + 2;
        frame->message = strdup(message);
    } else if (check.verdict != SMALTI_EXR_GOOD) {
        frame->message = strdup(check.fault);
    }
    return SMALTI_OK; /* told with the exr_sequence */
}

/* ---- Telling ---- */

static void tell_all(exr_tell *state, exr_frame *frames, size_t count)
{
    qsort(frames, count, sizeof *frames, exr_frame_compare);
    if (state->json)
        fputs("[", stdout);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && exr_frame_together(&frames[i], &frames[end]); end++) {
        }
        exr_sequence_tell(state, frames + i, end - i);
    }
    if (state->json)
        fputs("]\n", stdout);
}

static bool ignored(const cli_arguments *arguments, const char *what)
{
    for (size_t i = 0; i < arguments->setting_count; i++)
        if (!strcmp(arguments->settings[i].option->name, "ignore") && !strcmp(arguments->settings[i].text, what))
            return true;
    return false;
}

static int fail_memory(void)
{
    smalti_error error;
    cli_fail(&error, SMALTI_E_NOMEM, "no memory for the frames");
    return cli_complain(&error);
}

static int run(const cli_arguments *arguments)
{
    exr_tell state = {
        .json = cli_given(arguments, "json"),
        .bad_only = cli_given(arguments, "bad"),
        .ignore_holes = ignored(arguments, "holes"),
        .ignore_duplicates = ignored(arguments, "duplicates"),
        .ignore_drift = ignored(arguments, "drift"),
        .ignore_sizes = ignored(arguments, "sizes"),
    };
    exr_files files = {0};
    int code = gather(&files, arguments), failed = 0;
    exr_frame *frames = calloc(files.count + 1, sizeof *frames);
    if (!frames || smalti_exr_new(NULL, &state.exr, NULL) < 0) {
        failed = fail_memory();
    } else {
        failed = exr_run_files(
            &(exr_run){.work = read_frame, .user = frames, .readers = (uint32_t)cli_number(arguments, "readers", 0)},
            &files);
        tell_all(&state, frames, files.count);
        failed = state.out.lost ? fail_memory() : failed;
    }
    for (size_t i = 0; frames && i < files.count; i++) {
        free(frames[i].message);
        free(frames[i].properties);
    }
    free(frames);
    smalti_exr_free(state.exr);
    cli_buffer_clear(&state.out);
    exr_files_clear(&files);
    return code ? code : failed ? failed : state.problems ? cli_exit_code(SMALTI_E_FORMAT) : 0;
}
