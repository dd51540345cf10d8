/* SPDX-License-Identifier: Apache-2.0
 * The two pipes between a worker and the program that started it: lines of events out, lines of commands in. A thread
 * watches both, so that the end of a reader ends the work even in the middle of a long task without events. */
#include "cli/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"

/* What a pipe that can be written takes without blocking; how often a cancel is looked for while it cannot; how long a
 * reader may then sleep. */
enum { PIECE = 4096, LOOK_MS = 100, COMMAND_MAX = 64 << 10 };
static const uint64_t patience_ns = 2000000000;

smalti_result cli_worker_lines_open(cli_worker_lines *lines, smalti_cancel *cancel, smalti_error *error)
{
    *lines = (cli_worker_lines){.cancel = cancel};
    if (pipe2(lines->wake, O_CLOEXEC) < 0)
        return cli_fail_errno(error, "cannot make a pipe");
    pthread_mutex_init(&lines->lock, NULL);
    return SMALTI_OK;
}

/* ---- lines out ---- */

/* Nobody reads: what runs is given up. */
static void give_up(cli_worker_lines *lines)
{
    __atomic_store_n(&lines->closed, true, __ATOMIC_RELAXED);
    smalti_cancel_request(lines->cancel);
}

/* Whether standard output takes a piece now. It is waited for, but after a cancel not for ever: who cancels and then waits for
 * the end need not read. */
static bool wait_for_reader(const cli_worker_lines *lines)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    for (uint64_t since = 0;;) {
        int ready = poll(&out, 1, LOOK_MS);
        if (ready > 0)
            return true; /* an error will be told by write */
        uint64_t now = cli_now_ns();
        if (!smalti_cancel_requested(lines->cancel))
            continue;
        since = since ? since : now;
        if (now - since > patience_ns)
            return false;
    }
}

static bool write_piece(const char **text, size_t *size)
{
    ssize_t put = write(STDOUT_FILENO, *text, *size < PIECE ? *size : PIECE);
    if (put < 0)
        return errno == EAGAIN || errno == EINTR;
    *text += put;
    *size -= (size_t)put;
    return true;
}

void cli_worker_lines_put(cli_worker_lines *lines, const char *text, size_t size)
{
    pthread_mutex_lock(&lines->lock);
    while (size && !cli_worker_lines_closed(lines))
        if (!wait_for_reader(lines) || !write_piece(&text, &size))
            give_up(lines);
    pthread_mutex_unlock(&lines->lock);
}

void cli_worker_lines_end(cli_worker_lines *lines, cli_line *line)
{
    if (cli_line_end(line))
        cli_worker_lines_put(lines, line->text, line->size);
    free(line->text);
}

bool cli_worker_lines_closed(const cli_worker_lines *lines)
{
    return __atomic_load_n(&lines->closed, __ATOMIC_RELAXED);
}

/* ---- commands in ---- */

static void warn(cli_worker_lines *lines, const char *message)
{
    smalti_error error;
    cli_line line;
    cli_fail(&error, SMALTI_E_INVALID, "a line on standard input %s", message);
    if (!cli_line_begin(&line, "warning"))
        return;
    cli_json_error(&line.json, "error", &error);
    cli_worker_lines_end(lines, &line);
}

static void cancel_task(cli_worker_lines *lines, const char *id)
{
    smalti_error error;
    for (size_t i = 0; i < smalti_job_input_count(lines->job); i++) {
        const char *own = smalti_job_input_id(lines->job, i);
        if (!own || strcmp(own, id))
            continue;
        if (smalti_cancel_request_task(lines->cancel, i, &error) < 0)
            warn(lines, error.message);
        return;
    }
    warn(lines, "names a task that is not in the batch");
}

static void obey(cli_worker_lines *lines, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *cancel = json_object_get(line, "cancel");
    if (json_object_size(line) != 1 || (!json_is_true(cancel) && !json_is_string(cancel))) {
        warn(lines, "is neither {\"cancel\": true} nor {\"cancel\": \"ID\"}");
    } else if (json_is_string(cancel)) {
        cancel_task(lines, json_string_value(cancel));
    } else {
        smalti_cancel_request(lines->cancel);
    }
    json_decref(line);
}

typedef struct command_text {
    char data[COMMAND_MAX];
    size_t used;
    bool skipping; /* a line that is too long */
} command_text;

static void take_lines(cli_worker_lines *lines, command_text *text)
{
    char *start = text->data, *end = text->data + text->used, *stop;
    while ((stop = memchr(start, '\n', (size_t)(end - start)))) {
        if (!text->skipping && strspn(start, " \t\r\n") < (size_t)(stop - start))
            obey(lines, start, (size_t)(stop - start));
        text->skipping = false;
        start = stop + 1;
    }
    text->used = (size_t)(end - start);
    memmove(text->data, start, text->used);
    if (text->used == sizeof text->data) {
        if (!text->skipping)
            warn(lines, "is longer than 64 KiB");
        text->skipping = true;
        text->used = 0;
    }
}

/* false: there is no more. */
static bool read_commands(cli_worker_lines *lines, command_text *text)
{
    ssize_t got = read(STDIN_FILENO, text->data + text->used, sizeof text->data - text->used);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN;
    text->used += (size_t)got;
    take_lines(lines, text);
    return got > 0;
}

/* ---- the watcher ---- */

static void *watch(void *argument)
{
    cli_worker_lines *lines = argument;
    command_text *text = calloc(1, sizeof *text);
    struct pollfd files[] = {{.fd = lines->wake[0], .events = POLLIN},
                             {.fd = STDOUT_FILENO}, /* only its end */
                             {.fd = lines->commands && text ? STDIN_FILENO : -1, .events = POLLIN}};
    while (!files[0].revents) {
        if (poll(files, CLI_COUNT(files), -1) < 0 && errno != EINTR)
            break;
        if (files[1].fd >= 0 && files[1].revents) {
            give_up(lines);
            files[1].fd = -1;
        }
        if (files[2].fd >= 0 && files[2].revents && !read_commands(lines, text))
            files[2].fd = -1;
    }
    free(text);
    return NULL;
}

smalti_result cli_worker_lines_watch(cli_worker_lines *lines, const smalti_job *job, bool commands, smalti_error *error)
{
    lines->job = job;
    lines->commands = commands;
    errno = pthread_create(&lines->watcher, NULL, watch, lines);
    lines->watched = !errno;
    return lines->watched ? SMALTI_OK : cli_fail_errno(error, "cannot start a thread");
}

void cli_worker_lines_close(cli_worker_lines *lines)
{
    close(lines->wake[1]);
    if (lines->watched)
        pthread_join(lines->watcher, NULL);
    close(lines->wake[0]);
    pthread_mutex_destroy(&lines->lock);
}
