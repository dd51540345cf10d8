/* SPDX-License-Identifier: Apache-2.0
 * smalti exr check: whether files are whole, by their structure; and repair of offset tables. */
#include "cli/exr.h"

#include <string.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "json", .summary = "write a JSON array with an object for each file"},
    {.name = "deep", .summary = "decompress every chunk too: finds flipped bits inside them"},
    {.name = "bad", .summary = "leave out files that are good"},
    {.name = "repair",
     .kind = CLI_FILE,
     .placeholder = "OUTPUT",
     .summary = "write the one file given to OUTPUT with new offset tables, made from the chunks that are there"},
    {.name = "overwrite", .summary = "let --repair replace OUTPUT"},
    EXR_READERS_OPTION,
    {0},
};

static const cli_example examples[] = {
    {"Frames of a render that are not whole:", "smalti exr check -r --bad renders"},
    {"What can be saved of a frame whose writer died:", "smalti exr check frame.0101.exr --repair saved.0101.exr"},
    {0},
};

const cli_command cli_exr_check = {
    .name = "exr check",
    .summary = "tell whether OpenEXR files are whole",
    .usage = (const char *const[]){"FILE|FOLDER... [OPTION]...", "FILE --repair OUTPUT [OPTION]...", NULL},
    .description = "Checks headers, offset tables, and the head of every chunk, and says of each file: good, "
                   "unfinished (offsets of "
                   "0: the writer did not come to its end), truncated, damaged, or unreadable (the header is wrong). "
                   "Pixels are not "
                   "decoded: flipped bits inside a chunk are seen with --deep only.\n\n"
                   "The exit code is 3 when a file is not good.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};

typedef struct check_work {
    bool json, bad_only, deep;
} check_work;

static void counts_json(const smalti_exr_check *check, cli_buffer *out)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"chunks", check->chunks},
        {"good", check->good},
        {"missing", check->missing},
        {"beyond", check->beyond},
        {"misplaced", check->misplaced},
        {"mislabelled", check->mislabelled},
        {"impossible", check->impossible},
        {"overlapping", check->overlapping},
        {"undecodable", check->undecodable},
        {"unchecked", check->unchecked},
        {"unused_bytes", check->unused_bytes},
    };
    for (size_t i = 0; i < CLI_COUNT(counts); i++)
        cli_buffer_json_count(out, counts[i].name, counts[i].count);
}

static void write_json(const char *path, const char *verdict, const smalti_exr_check *check, const smalti_error *error,
                       cli_buffer *out)
{
    cli_buffer_open(out, NULL, '{');
    cli_buffer_json_string(out, "file", path);
    cli_buffer_json_string(out, "verdict", verdict);
    if (error) {
        cli_buffer_json_error(out, "error", error);
    } else {
        counts_json(check, out);
        if (*check->fault) {
            cli_buffer_json_string(out, "fault", check->fault);
            cli_buffer_json_count(out, "fault_offset", check->fault_offset);
        }
    }
    cli_buffer_close(out, '}');
}

static const char row[] = "%-10s  %9s  %9s  ";

static void write_row(const char *path, const char *verdict, const smalti_exr_check *check, const char *fault,
                      cli_buffer *out)
{
    char good[32] = "-", chunks[32] = "-";
    if (check) {
        snprintf(good, sizeof good, "%llu", (unsigned long long)check->good);
        snprintf(chunks, sizeof chunks, "%llu", (unsigned long long)check->chunks);
    }
    cli_buffer_format(out, row, verdict, good, chunks);
    cli_buffer_printable(out, path, strlen(path));
    if (*fault) {
        cli_buffer_text(out, ": ");
        cli_buffer_printable(out, fault, strlen(fault));
    }
    cli_buffer_text(out, "\n");
}

/* A header that cannot be read is a verdict; a disk that cannot be read is not. */
static smalti_result tell_unreadable(const check_work *work, const char *path, smalti_result result,
                                     smalti_error *error, cli_buffer *out)
{
    const char *verdict = result == SMALTI_E_FORMAT_TRUNCATED                            ? "truncated"
                          : smalti_result_class(result) == 2 /* format */                ? "unreadable"
                          : smalti_result_class(result) == 3 || result == SMALTI_E_LIMIT ? "unknown"
                                                                                         : "failed";
    if (work->json) {
        write_json(path, verdict, NULL, error, out);
        return result;
    }
    size_t name = strlen(path);
    const char *fault = error->message;
    if (!strncmp(fault, path, name) && fault[name] == ':')
        fault += name + 2;
    write_row(path, verdict, NULL, fault, out);
    error->message[0] = 0;
    return result;
}

static smalti_result check_one(void *user, smalti_exr *exr, const char *path, size_t index, cli_buffer *out,
                               smalti_error *error)
{
    (void)index;
    const check_work *work = user;
    smalti_exr_check check;
    smalti_result result = smalti_exr_open(exr, path, error);
    if (result == SMALTI_OK)
        result =
            work->deep ? smalti_exr_check_pixels(exr, &check, error) : smalti_exr_check_structure(exr, &check, error);
    if (result < 0)
        return tell_unreadable(work, path, result, error, out);
    if (work->bad_only && check.verdict == SMALTI_EXR_GOOD)
        return SMALTI_OK;
    const char *verdict = smalti_exr_verdict_name(check.verdict);
    if (work->json)
        write_json(path, verdict, &check, NULL, out);
    else
        write_row(path, verdict, &check, check.fault, out);
    if (check.verdict == SMALTI_EXR_GOOD)
        return SMALTI_OK;
    *error = (smalti_error){.code = SMALTI_E_FORMAT};
    return SMALTI_E_FORMAT;
}

static int repair(const cli_arguments *arguments)
{
    smalti_exr *exr;
    smalti_error error;
    smalti_exr_repair repair;
    const char *path = arguments->operands[0], *output = cli_text(arguments, "repair", NULL);
    if (arguments->operand_count != 1) {
        cli_fail(&error, SMALTI_E_INVALID, "--repair takes one file at a time");
        return cli_complain(&error);
    }
    smalti_result result = smalti_exr_new(NULL, &exr, &error);
    if (result < 0)
        return cli_complain(&error);
    result = smalti_exr_open(exr, path, &error);
    if (result == SMALTI_OK)
        result = smalti_exr_repair_file(exr, output, cli_given(arguments, "overwrite"), &repair, &error);
    smalti_exr_free(exr);
    if (result < 0)
        return cli_complain(&error);
    if (cli_given(arguments, "json")) {
        cli_json json = {.out = stdout};
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "file", path);
        cli_json_text(&json, "output", output);
        cli_json_number(&json, "chunks", repair.chunks);
        cli_json_number(&json, "kept", repair.kept);
        cli_json_number(&json, "found", repair.found);
        cli_json_number(&json, "missing", repair.missing);
        cli_json_number(&json, "bytes", repair.bytes);
        cli_json_close(&json, '}');
        putchar('\n');
    } else {
        char name[4096];
        printf("%s: %llu of %llu chunks (%llu were listed, %llu were found), %llu are missing\n",
               cli_printable(output, name, sizeof name), (unsigned long long)(repair.kept + repair.found),
               (unsigned long long)repair.chunks, (unsigned long long)repair.kept, (unsigned long long)repair.found,
               (unsigned long long)repair.missing);
    }
    return repair.missing ? cli_exit_code(SMALTI_E_FORMAT) : 0;
}

static int run(const cli_arguments *arguments)
{
    if (cli_text(arguments, "repair", NULL))
        return repair(arguments);
    check_work work = {.json = cli_given(arguments, "json"),
                       .bad_only = cli_given(arguments, "bad"),
                       .deep = cli_given(arguments, "deep")};
    exr_files files = {0};
    int code = exr_files_gather(&files, arguments, cli_given(arguments, "recursive"));
    if (work.json)
        fputs("[", stdout);
    else
        printf(row, "VERDICT", "GOOD", "CHUNKS"), puts("FILE");
    /* chunks of 256 rows of many channels, decompressed */
    const smalti_exr_options limits = {.size = sizeof limits, .max_bytes = work.deep ? (uint64_t)1 << 30 : 0};
    int failed = exr_run_files(&(exr_run){.work = check_one,
                                          .user = &work,
                                          .options = &limits,
                                          .readers = (uint32_t)cli_number(arguments, "readers", 0),
                                          .json = work.json},
                               &files);
    if (work.json)
        fputs("]\n", stdout);
    exr_files_clear(&files);
    return code ? code : failed;
}
