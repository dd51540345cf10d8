/* SPDX-License-Identifier: Apache-2.0
 * Parts of `smalti worker`: what its options do, and the lines between it and the program that it works for. */
#ifndef SMALTI_CLI_WORKER_H
#define SMALTI_CLI_WORKER_H

#include "cli/event.h"

#include <pthread.h>

/* --batch; gives the exit code. */
int cli_worker_batch(const cli_arguments *arguments);
/* --explain-jail; the same. */
int cli_worker_jail(const cli_arguments *arguments);

/* Lines out, and commands in. Lines are written whole, one at a time, from any thread, and wait for a reader that is slow. */
typedef struct cli_worker_lines {
    smalti_cancel *cancel; /* borrowed: requested when the reader goes away, or asks for it */
    const smalti_job *job; /* borrowed; NULL until it is read: what ids in commands mean */
    bool commands; /* standard input is read */
    bool closed; /* nobody reads any more; atomic */
    pthread_mutex_t lock; /* of who writes */
    pthread_t watcher;
    bool watched;
    int wake[2]; /* a pipe whose end ends the watcher */
} cli_worker_lines;

/* Lines can be written from now on. */
smalti_result cli_worker_lines_open(cli_worker_lines *lines, smalti_cancel *cancel, smalti_error *error);
/* Begins to look for the reader's end and, when commands, for commands. */
smalti_result cli_worker_lines_watch(cli_worker_lines *lines, const smalti_job *job, bool commands,
                                     smalti_error *error);
void cli_worker_lines_close(cli_worker_lines *lines);

void cli_worker_lines_put(cli_worker_lines *lines, const char *text, size_t size);
/* Ends a line that was begun, and puts it. */
void cli_worker_lines_end(cli_worker_lines *lines, cli_line *line);
bool cli_worker_lines_closed(const cli_worker_lines *lines);

#endif
