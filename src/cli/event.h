/* SPDX-License-Identifier: Apache-2.0
 * Events of a run as JSON: what `smalti run` and `smalti worker` write, the same for both. */
#ifndef SMALTI_CLI_EVENT_H
#define SMALTI_CLI_EVENT_H

#include "cli/cli.h"

/* What a task that ended has to say, as keys of an object that is open: its input, what was made, the error. */
void cli_event_result(cli_json *json, const smalti_event *event);
/* The event as an object on a line; owned; NULL: no memory. */
char *cli_event_line(const smalti_event *event, size_t *size);

/* A line that is put together: begin gives a stream in *text and *size; end is false when memory ran out. */
typedef struct cli_line {
    cli_json json;
    char *text; /* owned, by who calls end */
    size_t size;
} cli_line;
bool cli_line_begin(cli_line *line, const char *event);
bool cli_line_end(cli_line *line);

/* Memory of the process, before a run and now. */
void cli_json_process(cli_json *json, const char *key, uint64_t resident_before_bytes);

#endif
