/* SPDX-License-Identifier: Apache-2.0
 * smalti worker --batch: one job with its tasks, told event by event. */
#include "cli/worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct batch {
    const char *path; /* "-": standard input */
    bool own, removed; /* path is to be removed in the end, and was */
    struct stat status; /* of path when it was read */
    smalti_job *job;
    smalti_plan *plan;
    smalti_cancel *cancel;
    cli_worker_lines lines;
    uint64_t resident_bytes; /* of the process before the run */
    /* Written by one event at a time. */
    bool *begun; /* [tasks] whether their start was told; owned */
    uint64_t cancelled; /* tasks */
    smalti_result worst; /* of the tasks' */
    smalti_stats stats;
} batch;

/* ---- what it reads ---- */

static smalti_result check_own(const batch *self, smalti_error *error)
{
    struct stat name;
    bool file = strcmp(self->path, "-") && lstat(self->path, &name) == 0 && S_ISREG(name.st_mode);
    return file ? SMALTI_OK
                : cli_fail(error, SMALTI_E_INVALID, "--own: %s is not a file that can be removed", self->path);
}

static smalti_result read_job(batch *self, smalti_error *error)
{
    bool is_stdin = !strcmp(self->path, "-");
    if (self->own) {
        smalti_result result = check_own(self, error);
        if (result < 0)
            return result;
    }
    int fd = is_stdin ? STDIN_FILENO : open(self->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &self->status) < 0)
        return cli_fail_errno(error, "%s: cannot open", self->path);
    smalti_result result = smalti_job_read_fd(fd, is_stdin ? "standard input" : self->path, &self->job, error);
    if (!is_stdin)
        close(fd);
    return result;
}

/* Standard output is for events; and standard input is read by one at most. */
static smalti_result check_job(const batch *self, bool stdin_taken, smalti_error *error)
{
    char file[2];
    if (smalti_job_get(self->job, "output.file", file, sizeof file) && !strcmp(file, "-"))
        return cli_fail(error, SMALTI_E_INVALID_CONFLICT,
                        "%s: output.file is standard output, where events are written", self->path);
    for (size_t i = 0; stdin_taken && i < smalti_job_input_count(self->job); i++)
        if (!strcmp(smalti_job_input_name(self->job, i), "-"))
            return cli_fail(error, SMALTI_E_INVALID_CONFLICT, "%s: an input is standard input, which is taken",
                            self->path);
    return SMALTI_OK;
}

static smalti_result prepare(batch *self, const cli_arguments *arguments, smalti_error *error)
{
    bool control = cli_given(arguments, "control"), is_stdin = !strcmp(self->path, "-");
    if (control && is_stdin)
        return cli_fail(error, SMALTI_E_INVALID_CONFLICT, "--batch - and --control both want standard input");
    smalti_result result = read_job(self, error);
    if (result == SMALTI_OK)
        result = check_job(self, control || is_stdin, error);
    if (result == SMALTI_OK)
        result = smalti_plan_new(self->job, &self->plan, error);
    if (result < 0)
        return result;
    size_t tasks = smalti_job_input_count(self->job);
    self->begun = calloc(tasks + 1, sizeof *self->begun);
    if (!self->begun)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for %zu tasks", tasks);
    return cli_worker_lines_watch(&self->lines, self->job, control, error);
}

/* ---- what it tells ---- */

static void tell_ready(batch *self)
{
    cli_line line;
    if (!cli_line_begin(&line, "ready"))
        return;
    cli_json_text(&line.json, "version", smalti_version());
    cli_json_number(&line.json, "tasks", smalti_job_input_count(self->job));
    cli_worker_lines_end(&self->lines, &line);
}

static void on_event(void *user, const smalti_event *event)
{
    batch *self = user;
    if (event->kind == SMALTI_EVENT_STARTED)
        self->begun[event->task] = true;
    if (event->kind == SMALTI_EVENT_FAILED) {
        bool cancelled = event->error->code == SMALTI_E_CANCELLED;
        self->cancelled += cancelled;
        if (cli_exit_code(event->error->code) > cli_exit_code(self->worst))
            self->worst = event->error->code;
        /* 100,000 lines after a cancel would say nothing that its answer does not */
        if (cancelled && !self->begun[event->task] && smalti_cancel_requested(self->cancel))
            return;
    }
    size_t size;
    char *line = cli_event_line(event, &size);
    if (line)
        cli_worker_lines_put(&self->lines, line, size);
    free(line);
}

/* The last line. error: what kept the batch from being run, or its file from being removed; NULL: nothing. */
static void tell_end(batch *self, smalti_result result, const smalti_error *error)
{
    cli_line line;
    if (!cli_line_begin(&line, "batch"))
        return;
    cli_json_text(&line.json, "result", smalti_result_name(result));
    cli_json_number(&line.json, "exit", (uint64_t)cli_exit_code(result));
    cli_json_number(&line.json, "cancelled", self->cancelled);
    if (self->own)
        cli_json_bool(&line.json, "removed", self->removed);
    if (error)
        cli_json_error(&line.json, "error", error);
    cli_json_stats(&line.json, "stats", &self->stats);
    cli_json_process(&line.json, "process", self->resident_bytes);
    cli_worker_lines_end(&self->lines, &line);
}

/* ---- the run ---- */

/* Gives what kept it from running; the tasks' errors are in self->worst. */
static smalti_result run(batch *self, const cli_arguments *arguments, smalti_error *error)
{
    const smalti_run_options options = {.size = sizeof options,
                                        .jobs = cli_lanes((uint32_t)cli_number(arguments, "jobs", 0)),
                                        .memory_bytes = cli_memory_for_images(cli_number(arguments, "memory", 0)),
                                        .cancel = self->cancel,
                                        .event = on_event,
                                        .user = self,
                                        .at = cli_place(cli_text(arguments, "at", NULL)),
                                        .worker_program = "/proc/self/exe",
                                        .require_jail = cli_given(arguments, "require-jail")};
    smalti_result result = smalti_plan_run(self->plan, &options, &self->stats, error);
    return self->stats.failed ? SMALTI_OK : result;
}

/* Removes the file, unless its name is that of another one by now. */
static smalti_result remove_file(batch *self, smalti_error *error)
{
    struct stat now;
    if (lstat(self->path, &now) < 0 || now.st_dev != self->status.st_dev || now.st_ino != self->status.st_ino)
        return SMALTI_OK;
    if (unlink(self->path) < 0)
        return cli_fail_errno(error, "%s: cannot be removed", self->path);
    self->removed = true;
    return SMALTI_OK;
}

static smalti_result work(batch *self, const cli_arguments *arguments)
{
    smalti_error error;
    smalti_result result = prepare(self, arguments, &error);
    if (result == SMALTI_OK) {
        tell_ready(self);
        result = run(self, arguments, &error);
    }
    if (result == SMALTI_OK && self->worst == SMALTI_OK && self->own && !cli_worker_lines_closed(&self->lines))
        result = remove_file(self, &error);
    if (result < 0)
        cli_complain(&error);
    smalti_result told = result < 0 ? result : self->worst;
    tell_end(self, told, result < 0 ? &error : NULL);
    return cli_worker_lines_closed(&self->lines) ? SMALTI_E_IO : told;
}

int cli_worker_batch(const cli_arguments *arguments)
{
    batch self = {.path = cli_text(arguments, "batch", NULL),
                  .own = cli_given(arguments, "own"),
                  .resident_bytes = cli_resident(),
                  .stats.size = sizeof(smalti_stats)};
    smalti_error error;
    if (smalti_cancel_new(&self.cancel, &error) < 0 || cli_worker_lines_open(&self.lines, self.cancel, &error) < 0)
        return cli_complain(&error);
    cli_catch_signals(self.cancel);
    smalti_result result = work(&self, arguments);
    cli_worker_lines_close(&self.lines);
    smalti_plan_free(self.plan);
    smalti_job_free(self.job);
    free(self.begun);
    /* cancel stays: a signal may come until the process ends */
    return cli_exit_code(result);
}
