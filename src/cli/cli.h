/* SPDX-License-Identifier: Apache-2.0
 * What the commands share: messages, exit codes, text for people and JSON for programs. Data goes to standard output,
 * all else to standard error. */
#ifndef SMALTI_CLI_CLI_H
#define SMALTI_CLI_CLI_H

#include <smalti/smalti.h>

#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#define CLI_COUNT(array) (sizeof(array) / sizeof *(array))

extern const cli_command cli_run, cli_info, cli_exr, cli_kernel, cli_worker, cli_bench, cli_completion;
extern const cli_command cli_kernel_list, cli_kernel_inspect, cli_kernel_new, cli_kernel_build, cli_kernel_test;
extern const cli_command cli_exr_info, cli_exr_check, cli_exr_layers, cli_exr_sequence, cli_exr_edit;
extern const cli_command cli_bench_exr, cli_bench_ipc, cli_bench_memory, cli_bench_strategies;

/* ---- Errors ---- */

/* Fills in *error and returns code. */
smalti_result cli_fail(smalti_error *error, smalti_result code, const char *format, ...)
    __attribute__((__format__(__printf__, 3, 4)));
/* Code IO, with errno and its text. */
smalti_result cli_fail_errno(smalti_error *error, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
/* 0, or the class plus one: 2 (invalid) … 10 (cancelled). */
int cli_exit_code(smalti_result result);
/* "smalti: message" on standard error; gives the exit code. */
int cli_complain(const smalti_error *error);
/* A line on standard error with "smalti: " before it; control characters are escaped. */
void cli_say(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* Flushes standard output; when that fails and the code was 0, complains and gives the code for it. */
int cli_close_output(int code);

/* ---- Text ---- */

/* text with control characters as \xNN, so that a file's name cannot drive the terminal; returns out. */
const char *cli_printable(const char *text, char *out, size_t out_size);
/* "1.4 MB" */
const char *cli_bytes_text(uint64_t bytes, char *out, size_t out_size);
const char *cli_sample_name(smalti_sample sample); /* "u8" */
/* A paragraph to out, wrapped at width columns, each line indented; the first starts at column start. */
void cli_wrap(FILE *out, const char *text, int start, int indent, int width);
/* A whole file, NUL-terminated; "-" is standard input. *data is owned on success. Errors: IO, LIMIT, NOMEM. */
smalti_result cli_read_file(const char *path, size_t max, char **data, size_t *size, smalti_error *error);
/* A job from a file; "-" is standard input. *job is owned on success. */
smalti_result cli_read_job(const char *path, smalti_job **job, smalti_error *error);
/* Path of a folder's file; owned; NULL: no memory. */
char *cli_join(const char *folder, const char *name);

/* Processors of this machine, and the lanes a run gets that was asked for so many: never more than processors, because
 * lanes compute, and 8 on 2 processors took 10 % longer than 2. 0 is left to the library. */
uint32_t cli_processors(void);
uint32_t cli_lanes(uint32_t asked);

/* What --at says: "workers", or else threads; NULL: not given. */
static inline smalti_place cli_place(const char *text)
{
    return text && !strcmp(text, "workers") ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS;
}

/* Memory of this process that is in RAM, now and at most so far; 0: not known. */
uint64_t cli_resident(void);
uint64_t cli_resident_peak(void);
/* To be called first: large buffers go back to the system when they are freed. */
void cli_memory_setup(void);
/* What images may have of the memory that the process is given: the rest is for itself. */
uint64_t cli_memory_for_images(uint64_t process_bytes);

/* From now on SIGINT, SIGTERM and SIGHUP request the cancel, which must outlive the process's other threads; a second one
 * ends the process. */
void cli_catch_signals(smalti_cancel *cancel);

/* ---- Help ---- */

void cli_help(const cli_command *command, FILE *out);
void cli_help_all(FILE *out);
/* Kinds of steps with their parameters: all, or one; and their names, for cli_nearest. */
void cli_help_steps(FILE *out);
void cli_help_step(const smalti_step_info *step, FILE *out);
const char *cli_step_name_at(const void *unused, size_t index);
/* A man page by its name ("smalti", "smalti-run", …) on out; false: there is none. */
bool cli_man(const char *name, FILE *out);

/* The classes of result with their exit codes, for help and man page; ends with an entry without a name. */
typedef struct cli_exit_class {
    int code;
    const char *name, *summary;
} cli_exit_class;
extern const cli_exit_class cli_exit_classes[];

/* ---- JSON ---- */

/* Writes JSON piece by piece; commas come by themselves. */
typedef struct cli_json {
    FILE *out;
    bool comma; /* the next value or key needs one before it */
} cli_json;

void cli_json_open(cli_json *json, const char *key, char bracket); /* '{' or '['; key NULL: none */
void cli_json_close(cli_json *json, char bracket);
void cli_json_text(cli_json *json, const char *key, const char *text); /* bytes that are not UTF-8 become U+FFFD */
void cli_json_number(cli_json *json, const char *key, uint64_t number);
void cli_json_real(cli_json *json, const char *key, double number); /* null when not finite */
void cli_json_bool(cli_json *json, const char *key, bool value);
void cli_json_null(cli_json *json, const char *key);
void cli_json_raw(cli_json *json, const char *key, const char *value); /* JSON text already */
void cli_json_error(cli_json *json, const char *key, const smalti_error *error);
void cli_json_stats(cli_json *json, const char *key, const smalti_stats *stats);

#endif
