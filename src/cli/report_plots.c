/* SPDX-License-Identifier: Apache-2.0
 * The plots of `smalti run --report`, as SVG in the page: colours come from its style sheet, so that they follow it into the
 * dark; every bar tells its numbers in a title. */
#include "cli/report.h"
#include "cli/report_html.h"

#include <stdlib.h>

enum { ROWS_MOST = 16, WIDTH = 640, LABEL = 170, VALUE = 120, ROW = 22, BAR = 14, LABEL_CHARACTERS = 24 };

/* ---- Which tasks ---- */

/* The tasks with the largest values, largest first; count is at most ROWS_MOST. */
typedef struct plot_rows {
    const cli_html_task *tasks[ROWS_MOST];
    size_t count, of; /* of so many that have a value */
} plot_rows;

static uint64_t size_of(const cli_html_task *task)
{
    return task->kind == SMALTI_EVENT_DONE && task->bytes_out ? task->bytes_in : 0;
}

static uint64_t time_of(const cli_html_task *task)
{
    uint64_t sum = 0;
    for (size_t i = 0; task->kind == SMALTI_EVENT_DONE && i < HTML_STAGES; i++)
        sum += task->stage_ns[i];
    return sum;
}

static void choose(const cli_html *html, uint64_t (*value)(const cli_html_task *task), plot_rows *rows)
{
    *rows = (plot_rows){0};
    for (uint64_t i = 0; i < html->total; i++) {
        const cli_html_task *task = &html->tasks[i];
        uint64_t own = value(task);
        if (!own || !task->input)
            continue;
        rows->of++;
        size_t at = rows->count;
        if (at == ROWS_MOST && value(rows->tasks[at - 1]) >= own)
            continue;
        if (at == ROWS_MOST)
            at--;
        else
            rows->count++;
        for (; at && value(rows->tasks[at - 1]) < own; at--)
            rows->tasks[at] = rows->tasks[at - 1];
        rows->tasks[at] = task;
    }
}

static void open_plot(const char *title, const char *which, const plot_rows *rows, size_t extra_rows, FILE *out)
{
    fprintf(out, "<figure class=\"card\" style=\"margin:0\"><h2>%s", title);
    if (rows->of > rows->count)
        fprintf(out, " <span class=\"soft\">(%s %zu of %zu)</span>", which, rows->count, rows->of);
    fprintf(out, "</h2>\n<svg viewBox=\"0 0 %d %zu\" role=\"img\" aria-label=\"%s\">\n", WIDTH,
            (rows->count + extra_rows) * ROW, title);
}

static void label(const char *text, size_t row, FILE *out)
{
    const char *base = text;
    for (const char *at = text; *at; at++)
        if (*at == '/' && at[1])
            base = at + 1;
    fprintf(out, "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">", LABEL - 8, row * ROW + BAR - 1);
    cli_html_text(out, base, LABEL_CHARACTERS);
    fputs("</text>", out);
}

static double scaled(uint64_t value, uint64_t largest)
{
    return largest ? (double)(WIDTH - LABEL - VALUE) * (double)value / (double)largest : 0;
}

static void bar(const char *class, double x, double width, size_t row, double inset, FILE *out)
{
    fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\"/>", class, LABEL + x,
            (double)(row * ROW) + 2 + inset, width < 0.5 ? 0.5 : width, BAR - 2 * inset);
}

/* ---- Sizes ---- */

void cli_html_plot_sizes(const cli_html *html, FILE *out)
{
    plot_rows rows;
    uint64_t largest = 0;
    char before[32], after[32];
    choose(html, size_of, &rows);
    if (!rows.count)
        return;
    for (size_t i = 0; i < rows.count; i++) {
        const cli_html_task *task = rows.tasks[i];
        largest = task->bytes_in > largest ? task->bytes_in : largest;
        largest = task->bytes_out > largest ? task->bytes_out : largest;
    }
    open_plot("Size before and after", "the largest", &rows, 0, out);
    for (size_t i = 0; i < rows.count; i++) {
        const cli_html_task *task = rows.tasks[i];
        double in = scaled(task->bytes_in, largest), made = scaled(task->bytes_out, largest);
        cli_bytes_text(task->bytes_in, before, sizeof before);
        cli_bytes_text(task->bytes_out, after, sizeof after);
        fprintf(out, "<g><title>%s to %s</title>", before, after);
        label(task->input, i, out);
        bar("before", 0, in, i, 0, out);
        bar("after", 0, made, i, 3, out);
        fprintf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%zu\">%s → %s</text></g>\n",
                LABEL + 6 + (in > made ? in : made), i * ROW + BAR - 1, before, after);
    }
    fputs("</svg>\n<figcaption class=\"key\"><span><i class=\"kb\"></i>before</span><span><i "
          "class=\"ka\"></i>after</span>"
          "</figcaption></figure>\n",
          out);
}

/* ---- Times ---- */

void cli_html_stage_times(const smalti_stats *stats, uint64_t *stage_ns)
{
    stage_ns[HTML_READ] = stats->read_ns;
    stage_ns[HTML_DECODE] = stats->decode_ns;
    stage_ns[HTML_STEPS] = stats->step_ns;
    stage_ns[HTML_KERNELS] = stats->kernel_ns;
    stage_ns[HTML_ENCODE] = stats->encode_ns;
    stage_ns[HTML_WRITE] = stats->write_ns;
}

static void stacked(const uint64_t *stage_ns, uint64_t largest, size_t row, FILE *out)
{
    char class[8], time[32];
    uint64_t sum = 0, at = 0;
    for (size_t i = 0; i < HTML_STAGES; i++)
        sum += stage_ns[i];
    for (size_t i = 0; i < HTML_STAGES; i++) {
        if (!stage_ns[i])
            continue;
        snprintf(class, sizeof class, "s%zu", i);
        fprintf(out, "<g><title>%s: %s, %.0f %%</title>", cli_html_stages[i],
                cli_time_text(stage_ns[i], time, sizeof time), 100.0 * (double)stage_ns[i] / (double)sum);
        bar(class, scaled(at, largest), scaled(stage_ns[i], largest), row, 0, out);
        fputs("</g>", out);
        at += stage_ns[i];
    }
    fprintf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%zu\">%s</text>\n", LABEL + 6 + scaled(sum, largest),
            row * ROW + BAR - 1, cli_time_text(sum, time, sizeof time));
}

void cli_html_plot_times(const cli_html *html, const smalti_stats *stats, FILE *out)
{
    plot_rows rows;
    uint64_t all[HTML_STAGES], sum = 0;
    cli_html_stage_times(stats, all);
    for (size_t i = 0; i < HTML_STAGES; i++)
        sum += all[i];
    choose(html, time_of, &rows);
    if (!sum || !rows.count)
        return;
    bool together = html->total > 1;
    open_plot("Time by stage", "the slowest", &rows, together, out);
    if (together) {
        label("all images", 0, out);
        stacked(all, sum, 0, out);
    }
    for (size_t i = 0; i < rows.count; i++) {
        label(rows.tasks[i]->input, i + together, out);
        stacked(rows.tasks[i]->stage_ns, time_of(rows.tasks[0]), i + together, out);
    }
    fputs("</svg>\n<figcaption class=\"key\">", out);
    for (size_t i = 0; i < HTML_STAGES; i++)
        if (all[i])
            fprintf(out, "<span><i class=\"s%zu\"></i>%s</span>", i, cli_html_stages[i]);
    fprintf(out, "%s</figcaption></figure>\n",
            together ? "<span>the first bar is the sum over all images, to a scale of its own</span>" : "");
}

void cli_html_plot_stages(const uint64_t *stage_ns, FILE *out)
{
    uint64_t sum = 0, at = 0;
    for (size_t i = 0; i < HTML_STAGES; i++)
        sum += stage_ns[i];
    if (!sum)
        return;
    fputs("<svg class=\"stages\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">", out);
    for (size_t i = 0; i < HTML_STAGES; i++) {
        double width = 100.0 * (double)stage_ns[i] / (double)sum;
        if (width >= 0.5)
            fprintf(out, "<rect class=\"s%zu\" x=\"%.1f\" width=\"%.1f\" height=\"10\"/>", i,
                    100.0 * (double)at / (double)sum, width);
        at += stage_ns[i];
    }
    fputs("</svg>", out);
}
