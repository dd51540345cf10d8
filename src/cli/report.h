/* SPDX-License-Identifier: Apache-2.0
 * What `smalti run` says while it runs and at its end: bar, event lines, failures, results and the table of times. */
#ifndef SMALTI_CLI_REPORT_H
#define SMALTI_CLI_REPORT_H

#include "cli/report_html.h"

/* ---- The bar: one line on a terminal ---- */

enum { BAR_TASKS = 64 };

typedef struct cli_bar {
    bool on, visible, color, utf8;
    uint64_t started_ns, drawn_ns;
    uint64_t total, ended, skipped, failed;
    size_t active_count; /* tasks of which a part is done; more than BAR_TASKS are left out */
    struct {
        uint64_t task;
        double part;
    } active[BAR_TASKS];
} cli_bar;

void cli_bar_start(cli_bar *bar, uint64_t total); /* on when standard error is a terminal */
void cli_bar_event(cli_bar *bar, const smalti_event *event);
void cli_bar_clear(cli_bar *bar); /* before anything else is written to the terminal */

/* ---- Results: on standard output, in the order of the inputs ---- */

typedef enum cli_results_kind {
    CLI_RESULTS_NONE,
    CLI_RESULTS_JSON, /* all tasks */
    CLI_RESULTS_TABLE /* the measures of those that have some */
} cli_results_kind;

typedef struct cli_results {
    cli_results_kind kind;
    cli_json json;
    uint64_t next, total;  /* the task whose turn it is */
    char **waiting;        /* [total] texts of tasks that ended before their turn; owned */
    uint64_t *failed;      /* indices of failed tasks; owned */
    uint64_t failed_count, failed_room;
    uint64_t resident_bytes; /* of the process at the start */
    bool headed, lost; /* the table's head is written; memory ran out */
} cli_results;

smalti_result cli_results_start(cli_results *results, cli_results_kind kind, uint64_t total, smalti_error *error);
void cli_results_event(cli_results *results, const smalti_event *event);
/* Writes what is left, and the summary. */
void cli_results_end(cli_results *results, const smalti_stats *stats, smalti_result result);
void cli_results_clear(cli_results *results);

/* One row of a table made from a measure's JSON, and the head over such rows. */
void cli_measures_row(FILE *out, const char *measures, const char *input, bool head);

/* ---- All of it ---- */

typedef struct cli_report {
    bool quiet, event_lines; /* --progress json */
    size_t verbose;
    cli_bar bar;
    cli_results results;
    cli_html page; /* of --report */
    uint64_t complaints; /* failures that were told */
    uint64_t cancelled;  /* tasks that ended because of a signal: not told one by one */
} cli_report;

/* A smalti_event_fn; user is the cli_report. */
void cli_report_event(void *user, const smalti_event *event);
/* One line at the end of a batch. */
void cli_report_summary(const smalti_stats *stats);
/* The table of --stats. */
void cli_report_stats(FILE *out, const smalti_stats *stats);

uint64_t cli_now_ns(void);
/* "1.24 s", "310 ms" */
const char *cli_time_text(uint64_t ns, char *out, size_t out_size);

#endif
