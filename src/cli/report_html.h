/* SPDX-License-Identifier: Apache-2.0
 * The page of `smalti run --report`: what a run did, in one HTML file that needs nothing else. */
#ifndef SMALTI_CLI_REPORT_HTML_H
#define SMALTI_CLI_REPORT_HTML_H

#include "cli/cli.h"

/* Tasks whose pictures are shown; the largest picture, so that as a data URI it has no more than 12 KiB; and its sides. */
enum { HTML_THUMBS = 200, HTML_THUMB_BYTES = 9 << 10, HTML_THUMB_SIDE = 160 };

/* Of report.js, so that a page runs nothing else: tests/cli/report.sh says what it has to be. */
#define CLI_REPORT_SCRIPT_HASH "sha256-HahZycAYmoZREaJ1NR5u9L0YNdalbRkXFlDpZ+r8jDg="

enum { HTML_READ, HTML_DECODE, HTML_STEPS, HTML_KERNELS, HTML_ENCODE, HTML_WRITE, HTML_STAGES };
extern const char *const cli_html_stages[HTML_STAGES];

typedef struct cli_html_picture {
    unsigned char *data; /* JPEG; owned; NULL: none */
    size_t size;
} cli_html_picture;

/* What is kept of a task that ended. */
typedef struct cli_html_task {
    smalti_event_kind kind; /* 0: it did not run */
    char *input, *output, *error; /* owned; output and error may be NULL */
    char format[8], output_format[8], fast_path[32]; /* empty: not known */
    uint32_t width, height, output_width, output_height, output_count, quality;
    double score; /* NaN: not measured */
    uint64_t bytes_in, bytes_out, wall_ns, peak_bytes, stage_ns[HTML_STAGES];
    cli_html_picture before, after;
} cli_html_task;

typedef struct cli_html {
    char *path, *temporary; /* owned */
    FILE *out; /* to temporary; owned */
    char *job; /* what was run, as JSON; owned */
    cli_html_task *tasks; /* [total]; owned */
    uint64_t total;
    uint64_t memory_bytes; /* for pictures; 0: the default */
    bool lost; /* memory ran out */
} cli_html;

/* Begins a report at path, of so many inputs: so that a path that cannot be written is told before the run. job is taken.
 * *html is to be cleared in either case. */
smalti_result cli_html_start(cli_html *html, const char *path, uint64_t total, char *job, smalti_error *error);
/* Keeps what an event tells; without cli_html_start, nothing. */
void cli_html_event(cli_html *html, const smalti_event *event);
/* Makes the pictures, writes the page and gives it its name. */
smalti_result cli_html_end(cli_html *html, const smalti_stats *stats, smalti_error *error);
void cli_html_clear(cli_html *html);

/* The page itself. machine and date are texts for its head; resident: bytes the process had at most, 0: not known. */
void cli_html_page(const cli_html *html, const smalti_stats *stats, const char *machine, const char *date,
                   uint64_t resident, FILE *out);

/* Text for HTML, also between quotes: markup is escaped, and what is not UTF-8 or steers a terminal becomes U+FFFD. Of more
 * than most characters (0: any number) the last are shown behind an ellipsis. */
void cli_html_text(FILE *out, const char *text, size_t most);

/* In report_plots.c: sizes before and after, and time by stages, as SVG; nothing where there is nothing to show. */
void cli_html_plot_sizes(const cli_html *html, FILE *out);
void cli_html_plot_times(const cli_html *html, const smalti_stats *stats, FILE *out);
/* A task's time by stages, as a bar without words. */
void cli_html_plot_stages(const uint64_t *stage_ns, FILE *out);
void cli_html_stage_times(const smalti_stats *stats, uint64_t *stage_ns);

/* In report_pictures.c. */
void cli_html_pictures(cli_html *html, const smalti_stats *stats);
void cli_html_picture_uri(const cli_html_picture *picture, FILE *out);

#endif
