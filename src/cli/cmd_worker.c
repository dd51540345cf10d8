/* SPDX-License-Identifier: Apache-2.0
 * smalti worker: work for another program. What it does is chosen by its options; each has a file of its own. */
#include "cli/worker.h"

static int run(const cli_arguments *arguments);

static const char *const usage[] = {"--batch FILE [OPTION]...", "--explain-jail [OPTION]...", NULL};

static const cli_option options[] = {
    {.group = "A batch",
     .name = "batch",
     .kind = CLI_FILE,
     .placeholder = "FILE",
     .summary = "run the job in FILE ('-' for standard input, or /proc/PID/fd/N for a memfd) and write a JSON line for "
                "every event to standard output"},
    {.name = "own", .summary = "remove FILE when every task of it ended well"},
    {.name = "control",
     .summary = "read lines from standard input: {\"cancel\": true} ends the batch, {\"cancel\": \"ID\"} one task"},
    {.group = "Running",
     .name = "jobs",
     .letter = 'j',
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 1024,
     .summary = "threads that work at the same time (default, and at most: one for each processor)"},
    CLI_MEMORY_OPTION,
    {.name = "at",
     .kind = CLI_CHOICE,
     .placeholder = "PLACE",
     .choices = "threads|workers",
     .summary = "where tasks run: 'threads' of this process (default), or 'workers': processes in a jail, for images "
                "that nobody trusts; the outputs are the same"},
    {.name = "require-jail",
     .summary = "with --at workers: refuse to run where the system cannot enforce all of the jail, instead of "
                "warning; with --explain-jail: end with an error there"},
    {.group = "The jail",
     .name = "explain-jail",
     .summary = "put a process into the jail of workers, let it try to get out, and tell what holds it on this system"},
    {.name = "json", .summary = "with --explain-jail: write it as JSON"},
    {0},
};

static const cli_example examples[] = {
    {"A batch that an application has written, and the progress of it:", "smalti worker --batch batch.json --own"},
    {"What failed, by the application's own ids:",
     "smalti worker --batch batch.json | jq -r 'select(.event == \"failed\") | .id'"},
    {"Whether this system can hold workers:", "smalti worker --explain-jail --require-jail"},
    {0},
};

const cli_command cli_worker = {
    .name = "worker",
    .summary = "work for another program, told in lines of JSON",
    .usage = usage,
    .description =
        "The sidecar of an application: one process for one batch of any number of tasks. FILE is a job, as of smalti "
        "run --job, whose tasks have ids and outputs of the application's own:\n\n"
        "{\"tasks\": [{\"id\": \"17\", \"input\": \"a.jpg\", \"output\": \"a.webp\"}]}\n\n"
        "Each line on standard output is an object with \"event\": ready, started, progress, warning, done, skipped, "
        "failed, and at the end batch. A reader that is slow slows the work down; one that goes away ends it, as the "
        "first "
        "SIGTERM or SIGINT does: what runs is given up, and no output is left half written. Not even SIGKILL "
        "leaves anything but whole outputs, where the file system has files without a name.\n\n"
        "The exit code is the highest one among those of the tasks that failed.",
    .options = options,
    .examples = examples,
    .run = run,
};

static int run(const cli_arguments *arguments)
{
    smalti_error error;
    if (cli_given(arguments, "batch"))
        return cli_worker_batch(arguments);
    if (cli_given(arguments, "explain-jail"))
        return cli_worker_jail(arguments);
    cli_fail(&error, SMALTI_E_INVALID, "nothing to do: smalti worker %s", usage[0]);
    return cli_complain(&error);
}
