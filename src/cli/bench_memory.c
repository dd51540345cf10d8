/* SPDX-License-Identifier: Apache-2.0
 * smalti bench memory: what a process of its own takes for each input, against what may be expected of it. */
#include "cli/bench_memory.h"
#include "cli/bench.h"

#include <jansson.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "resize",
     .kind = CLI_TEXT,
     .placeholder = "SIZE",
     .summary = "what is done with each input, as of 'smalti run' (default 800x)"},
    {.name = "format", .kind = CLI_TEXT, .placeholder = "FORMAT", .summary = "format of the outputs (default jpeg)"},
    {.name = "memory",
     .kind = CLI_SIZE,
     .placeholder = "SIZE",
     .min = 1 << 20,
     .max = UINT64_C(1) << 46,
     .summary = "budget of each process, which none may exceed (default: none given)"},
    {.name = "json", .summary = "write JSON"},
    {0},
};

const cli_command cli_bench_memory = {
    .name = "bench memory",
    .summary = "measure the memory that images of all kinds take",
    .usage = (const char *const[]){"[INPUT...] [OPTION]...", NULL},
    .description =
        "Runs each input in a process of its own and shows the memory it had at most. Without inputs, images of 24 "
        "megapixels are made: PNG, JPEG, progressive JPEG, interlaced PNG, WebP, TIFF, PNG of 16 bits, and a tall "
        "PNG.\n\n"
        "read or mapped: whether the file stands in memory. decoded: size of the pixels. before, after and peak: "
        "resident "
        "memory of the process, with its code. budget: what the task was admitted with, an upper bound of what it "
        "takes. copied: pixel rows moved between decoder and encoder. A process may take its decoded image and 24 MiB; "
        "where the task was admitted with less than a quarter of that (it streams), 24 MiB and 64 rows; and never more "
        "than "
        "--memory, unless the image is refused. When one takes more, the exit code is 5.",
    .options = options,
    .operands = CLI_FILE,
    .max_operands = SIZE_MAX,
    .run = run,
};

enum { BASE_BYTES = 24 << 20, ROWS_HELD = 64, OUTPUT_MAX = 16 << 20 };

typedef struct memory_task {
    const char *resize, *format, *folder;
    uint64_t memory_bytes; /* 0: not given */
} memory_task;

typedef struct memory_row {
    const char *input;
    char source[16], fast_path[32], refused[160];
    uint64_t file_bytes, decoded_bytes, row_bytes, before, after, peak, budget, copied, allowed;
    bool streams, kept;
} memory_row;

/* ---- One process ---- */

/* Starts this program with arguments; *out gets its standard output, owned. */
static smalti_result call_self(char *const *arguments, char **out, smalti_error *error)
{
    extern char **environ;
    int ends[2], state;
    pid_t child;
    posix_spawn_file_actions_t actions;
    if (pipe(ends) < 0)
        return cli_fail_errno(error, "no pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t used = 0, got = 0;
    char *text = failed ? NULL : malloc(OUTPUT_MAX + 1);
    FILE *from = fdopen(ends[0], "r");
    while (from && text && used < OUTPUT_MAX && (got = fread(text + used, 1, OUTPUT_MAX - used, from)) > 0)
        used += got;
    if (from)
        fclose(from);
    if (failed || waitpid(child, &state, 0) < 0 || !text || !WIFEXITED(state)) {
        free(text);
        return cli_fail(error, SMALTI_E_PEER, "a process of the measurement did not end well");
    }
    text[used] = 0;
    *out = text;
    return SMALTI_OK;
}

/* smalti run on the input; *json is owned. */
static smalti_result call_run(const memory_task *task, const char *input, json_t **json, smalti_error *error)
{
    char memory[32], *text = NULL;
    char *words[24] = {"smalti",
                       "run",
                       "--quiet",
                       "--json",
                       "--overwrite",
                       "--resize",
                       (char *)task->resize,
                       "--format",
                       (char *)task->format,
                       "-o",
                       (char *)task->folder};
    size_t count = 11;
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)task->memory_bytes);
    if (task->memory_bytes) {
        words[count++] = "--memory";
        words[count++] = memory;
    }
    words[count++] = "--";
    words[count++] = (char *)input;
    smalti_result result = call_self(words, &text, error);
    if (result < 0)
        return result;
    *json = json_loads(text, 0, NULL);
    free(text);
    return *json ? SMALTI_OK
                 : cli_fail(error, SMALTI_E_PEER, "%s: 'smalti run' did not tell what it did with it", input);
}

static uint64_t number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

static const char *words(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static smalti_result measure(const memory_task *task, const char *input, memory_row *row, smalti_error *error)
{
    json_t *told;
    *row = (memory_row){.input = input};
    smalti_result result = call_run(task, input, &told, error);
    if (result < 0)
        return result;
    const json_t *done = json_array_get(json_object_get(told, "results"), 0);
    const json_t *process = json_object_get(told, "process");
    snprintf(row->source, sizeof row->source, "%s", words(done, "source"));
    snprintf(row->fast_path, sizeof row->fast_path, "%s", words(done, "fast_path"));
    snprintf(row->refused, sizeof row->refused, "%s", words(json_object_get(done, "error"), "message"));
    row->file_bytes = number(done, "bytes_in");
    row->decoded_bytes = number(done, "decoded_bytes");
    row->row_bytes = number(done, "height") ? row->decoded_bytes / number(done, "height") : 0;
    row->budget = number(done, "peak_bytes");
    row->copied = number(done, "copied_bytes");
    row->before = number(process, "resident_before_bytes");
    row->after = number(process, "resident_bytes");
    row->peak = number(process, "resident_peak_bytes");
    json_decref(told);
    if (!row->peak)
        return cli_fail(error, SMALTI_E_UNSUPPORTED, "this system does not tell how much memory a process has");
    row->streams = row->budget && row->budget < row->decoded_bytes / 4;
    row->allowed = BASE_BYTES + (row->streams ? ROWS_HELD * row->row_bytes : row->decoded_bytes);
    if (task->memory_bytes && row->allowed > task->memory_bytes)
        row->allowed = task->memory_bytes;
    row->kept = row->peak <= row->allowed;
    return SMALTI_OK;
}

/* ---- Reports ---- */

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void print_head(void)
{
    printf("%-18s %-6s %9s %8s %8s %8s %9s %9s %9s  %s\n", "input", "source", "decoded", "before", "after", "peak",
           "allowed", "budget", "copied", "(MiB)");
}

static void print_row(const memory_row *row)
{
    char name[4096];
    const char *slash = strrchr(row->input, '/');
    printf("%-18s %-6s %9.1f %8.1f %8.1f %8.1f %9.1f %9.1f %9.1f  %s%s%s%s\n",
           cli_printable(slash ? slash + 1 : row->input, name, sizeof name), *row->source ? row->source : "-",
           mib(row->decoded_bytes), mib(row->before), mib(row->after), mib(row->peak), mib(row->allowed),
           mib(row->budget), mib(row->copied), row->kept ? "" : "TOO MUCH; ",
           *row->refused  ? "refused"
           : row->streams ? "streams"
                          : "whole",
           *row->fast_path ? ", " : "", row->fast_path);
    fflush(stdout);
}

static void write_row(cli_json *json, const memory_row *row)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "input", row->input);
    cli_json_text(json, "source", row->source);
    cli_json_bool(json, "streams", row->streams);
    cli_json_text(json, "fast_path", row->fast_path);
    cli_json_number(json, "file_bytes", row->file_bytes);
    cli_json_number(json, "decoded_bytes", row->decoded_bytes);
    cli_json_number(json, "resident_before_bytes", row->before);
    cli_json_number(json, "resident_after_bytes", row->after);
    cli_json_number(json, "resident_peak_bytes", row->peak);
    cli_json_number(json, "allowed_bytes", row->allowed);
    cli_json_number(json, "budget_bytes", row->budget);
    cli_json_number(json, "copied_bytes", row->copied);
    if (*row->refused)
        cli_json_text(json, "refused", row->refused);
    cli_json_bool(json, "kept", row->kept);
    cli_json_close(json, '}');
}

/* ---- The command ---- */

/* One input, given or made, which does not stay. */
static smalti_result one(const memory_task *task, const cli_arguments *arguments, size_t index, cli_json *json,
                         bool *kept, smalti_error *error)
{
    memory_row row;
    char *made = NULL;
    smalti_result result = arguments->operand_count ? SMALTI_OK : bench_memory_make(index, task->folder, &made, error);
    if (result == SMALTI_OK)
        result = measure(task, made ? made : arguments->operands[index], &row, error);
    if (result == SMALTI_OK) {
        *kept = *kept && row.kept;
        if (json)
            write_row(json, &row);
        else
            print_row(&row);
    }
    if (made)
        unlink(made);
    free(made);
    return result;
}

static int run(const cli_arguments *arguments)
{
    char folder[4096];
    smalti_error error;
    cli_json json = {.out = stdout};
    const bool as_json = cli_given(arguments, "json");
    const char *parent = getenv("TMPDIR");
    int length = snprintf(folder, sizeof folder, "%s/smalti-memory-XXXXXX", parent && *parent ? parent : "/tmp");
    if (length >= (int)sizeof folder || !mkdtemp(folder)) {
        cli_fail_errno(&error, "%s: no folder for temporary files", folder);
        return cli_complain(&error);
    }
    const memory_task task = {.resize = cli_text(arguments, "resize", "800x"),
                              .format = cli_text(arguments, "format", "jpeg"),
                              .folder = folder,
                              .memory_bytes = cli_number(arguments, "memory", 0)};
    size_t count = arguments->operand_count ? arguments->operand_count : bench_memory_count();
    smalti_result result = SMALTI_OK;
    bool kept = true;
    if (as_json) {
        cli_json_open(&json, NULL, '{');
        cli_json_open(&json, "results", '[');
    } else {
        print_head();
    }
    for (size_t i = 0; result == SMALTI_OK && i < count; i++)
        result = one(&task, arguments, i, as_json ? &json : NULL, &kept, &error);
    if (as_json) {
        cli_json_close(&json, ']');
        cli_json_bool(&json, "kept", kept);
        cli_json_close(&json, '}');
        putchar('\n');
    }
    bench_remove(folder);
    if (result < 0)
        return cli_complain(&error);
    if (!kept)
        cli_say("more memory than is allowed was taken");
    return kept ? 0 : cli_exit_code(SMALTI_E_LIMIT);
}
