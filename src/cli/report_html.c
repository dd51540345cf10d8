/* SPDX-License-Identifier: Apache-2.0
 * The page of `smalti run --report`. Every text that comes from a job, a file or its name goes through cli_html_text; the
 * page's own policy lets nothing run but its own script, and loads nothing. */
#include "cli/report_html.h"
#include "cli/embedded.h"
#include "cli/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cli_html_stages[HTML_STAGES] = {"read", "decode", "steps", "kernels", "encode", "write"};

/* ---- Text ---- */

/* Bytes of the character at text: 0 when it is not UTF-8 (RFC 3629: no overlong forms, no surrogates). */
static size_t character_bytes(const unsigned char *text)
{
    static const unsigned char low[] = {[0xe0 - 0xe0] = 0xa0, [0xf0 - 0xe0] = 0x90};
    size_t bytes = *text < 0x80 ? 1 : *text < 0xc2 ? 0 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
    if (bytes > 1) {
        unsigned char least = *text >= 0xe0 && (size_t)(*text - 0xe0) < sizeof low ? low[*text - 0xe0] : 0;
        unsigned char most = *text == 0xed ? 0x9f : *text == 0xf4 ? 0x8f : 0xbf;
        if (text[1] < (least ? least : 0x80) || text[1] > most)
            return 0;
    }
    for (size_t i = 2; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

/* Control characters, and those that change the direction of what follows: "gpj.exe" is not to look like "exe.jpg". */
static bool steers(const unsigned char *text, size_t bytes)
{
    if (bytes == 1)
        return *text < 0x20 || *text == 0x7f;
    if (bytes == 2)
        return text[0] == 0xc2 && text[1] < 0xa0;
    return bytes == 3 && text[0] == 0xe2 &&
           ((text[1] == 0x80 && (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae))) ||
            (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9));
}

static void write_character(FILE *out, const unsigned char *text, size_t bytes)
{
    const char *entity = *text == '&'    ? "&amp;"
                         : *text == '<'  ? "&lt;"
                         : *text == '>'  ? "&gt;"
                         : *text == '"'  ? "&quot;"
                         : *text == '\'' ? "&#39;"
                                         : NULL;
    if (entity)
        fputs(entity, out);
    else if (!bytes || (steers(text, bytes) && *text != '\n'))
        fputs("\xef\xbf\xbd", out);
    else
        fwrite(text, 1, bytes, out);
}

void cli_html_text(FILE *out, const char *text, size_t most)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t count = 0, skip = 0, bytes;
    for (const unsigned char *end = at; most && *end; count++)
        end += (bytes = character_bytes(end)) ? bytes : 1;
    if (most && count > most) {
        skip = count - (most - 1);
        fputs("\xe2\x80\xa6", out);
    }
    for (size_t i = 0; *at; i++) {
        bytes = character_bytes(at);
        if (i >= skip)
            write_character(out, at, bytes);
        at += bytes ? bytes : 1;
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static const char *embedded(const char *name)
{
    for (const cli_embedded *file = cli_report_parts; file->name; file++)
        if (!strcmp(file->name, name))
            return (const char *)file->data; /* a zero follows */
    return "";
}

/* ---- The head ---- */

static void write_head(FILE *out)
{
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
            "style-src 'unsafe-inline'; script-src '%s'\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Smalti report</title>\n"
            "<style>\n%s</style>\n</head>\n<body>\n<main>\n",
            CLI_REPORT_SCRIPT_HASH, embedded("report.css"));
}

static void card(FILE *out, const char *label, const char *value, const char *class, const char *note)
{
    fprintf(out, "<div class=\"card\"><span>%s</span><b class=\"%s\">%s</b><small>%s</small></div>\n", label, class,
            value, note);
}

/* "−63 %" of what was before, from sizes of tasks that have both. */
static const char *saved_text(uint64_t before, uint64_t after, char *out, size_t out_size)
{
    double part = before ? 100 * ((double)after - (double)before) / (double)before : 0;
    snprintf(out, out_size, "%s%.*f %%", part < 0 ? "\xe2\x88\x92" : "+", fabs(part) < 10 || fabs(part) >= 99 ? 1 : 0,
             fabs(part));
    return out;
}

static void size_card(const smalti_stats *stats, FILE *out)
{
    char before[32], after[32], saved[32], value[80];
    cli_bytes_text(stats->bytes_in, before, sizeof before);
    if (!stats->bytes_out) {
        card(out, "Read", before, "", "no outputs");
        return;
    }
    snprintf(value, sizeof value, "%s", cli_bytes_text(stats->bytes_out, after, sizeof after));
    char note[128];
    snprintf(note, sizeof note, "from %s: <span class=\"%s\">%s</span>", before,
             stats->bytes_out <= stats->bytes_in ? "good" : "bad",
             saved_text(stats->bytes_in, stats->bytes_out, saved, sizeof saved));
    card(out, "Size", value, "", note);
}

static void write_cards(const cli_html *html, const smalti_stats *stats, uint64_t resident, FILE *out)
{
    char value[64], note[96], part[32];
    double seconds = (double)stats->wall_ns / 1e9, megapixels = (double)stats->pixels / 1e6;
    fputs("<section class=\"cards\">\n", out);
    snprintf(value, sizeof value, "%llu of %llu", (unsigned long long)stats->done, (unsigned long long)html->total);
    snprintf(note, sizeof note, "%llu failed, %llu there already, %llu warnings", (unsigned long long)stats->failed,
             (unsigned long long)stats->skipped, (unsigned long long)stats->warnings);
    card(out, "Images done", value, stats->failed ? "bad" : "", note);
    size_card(stats, out);
    snprintf(note, sizeof note, "%s of processors", cli_time_text(stats->cpu_ns, part, sizeof part));
    card(out, "Time", cli_time_text(stats->wall_ns, value, sizeof value), "", note);
    snprintf(value, sizeof value, "%.*f images/s", seconds > 0 && (double)stats->done / seconds < 10 ? 1 : 0,
             seconds > 0 ? (double)stats->done / seconds : 0);
    snprintf(note, sizeof note, "%.1f megapixels/s, %s/s read", seconds > 0 ? megapixels / seconds : 0,
             cli_bytes_text(seconds > 0 ? (uint64_t)((double)stats->bytes_in / seconds) : 0, part, sizeof part));
    card(out, "Throughput", value, "", note);
    snprintf(note, sizeof note, "%s admitted for images", cli_bytes_text(stats->peak_bytes, part, sizeof part));
    card(out, "Peak memory", resident ? cli_bytes_text(resident, value, sizeof value) : "–", "", note);
    fputs("</section>\n", out);
}

static void write_failed(const cli_html *html, FILE *out)
{
    bool open = false;
    for (uint64_t i = 0; i < html->total; i++) {
        if (html->tasks[i].kind != SMALTI_EVENT_FAILED)
            continue;
        if (!open)
            fputs("<section class=\"card failed\"><h2>Failed</h2><ul>\n", out);
        open = true;
        fputs("<li>", out);
        cli_html_text(out, html->tasks[i].error ? html->tasks[i].error : html->tasks[i].input, 0);
        fputs("</li>\n", out);
    }
    if (open)
        fputs("</ul></section>\n", out);
}

/* ---- The table ---- */

static void picture(const cli_html_picture *shown, const char *alt, FILE *out)
{
    if (!shown->data)
        return;
    fprintf(out, "<img alt=\"%s\" title=\"%s\" src=\"", alt, alt);
    cli_html_picture_uri(shown, out);
    fputs("\">", out);
}

static void bytes_cell(uint64_t bytes, bool known, FILE *out)
{
    char text[32];
    if (known)
        fprintf(out, "<td class=\"n\" data-v=\"%llu\">%s</td>", (unsigned long long)bytes,
                cli_bytes_text(bytes, text, sizeof text));
    else
        fputs("<td class=\"n soft\" data-v=\"-1\">–</td>", out);
}

static void name_cells(const cli_html_task *task, FILE *out)
{
    fputs("<td class=\"name\" title=\"", out);
    cli_html_text(out, task->input, 0);
    fputs("\"><bdi>", out);
    cli_html_text(out, base_name(task->input), 80);
    fputs("</bdi><small>", out);
    cli_html_text(out, task->format, 0);
    if (task->width)
        fprintf(out, " %u × %u", task->width, task->height);
    if (*task->fast_path) {
        fputs(", ", out);
        cli_html_text(out, task->fast_path, 0);
    }
    fputs("</small></td><td class=\"name\"", out);
    if (task->output) {
        fputs(" title=\"", out);
        cli_html_text(out, task->output, 0);
        fputs("\"><bdi>", out);
        cli_html_text(out, base_name(task->output), 80);
        fputs("</bdi><small>", out);
        cli_html_text(out, task->output_format, 0);
        if (task->output_width)
            fprintf(out, " %u × %u", task->output_width, task->output_height);
        if (task->quality)
            fprintf(out, ", q\u00a0%u", task->quality);
        if (isfinite(task->score))
            fprintf(out, ", score %.1f", task->score);
        if (task->output_count > 1)
            fprintf(out, ", and %u more", task->output_count - 1);
        fputs("</small></td>", out);
    } else {
        fputs("></td>", out);
    }
}

static void result_cells(const cli_html_task *task, FILE *out)
{
    char text[32];
    bool done = task->kind == SMALTI_EVENT_DONE, both = done && task->bytes_out && task->bytes_in;
    bytes_cell(task->bytes_in, task->bytes_in, out);
    bytes_cell(task->bytes_out, done && task->bytes_out, out);
    if (both)
        fprintf(out, "<td class=\"n %s\" data-v=\"%.6f\">%s</td>", task->bytes_out <= task->bytes_in ? "good" : "bad",
                1 - (double)task->bytes_out / (double)task->bytes_in,
                saved_text(task->bytes_in, task->bytes_out, text, sizeof text));
    else
        fputs("<td class=\"n soft\" data-v=\"-1e9\">–</td>", out);
    fprintf(out, "<td class=\"n\" data-v=\"%llu\">%s</td><td>", (unsigned long long)task->wall_ns,
            task->kind ? cli_time_text(task->wall_ns, text, sizeof text) : "–");
    if (task->kind)
        cli_html_plot_stages(task->stage_ns, out);
    fputs("</td>", out);
    bytes_cell(task->peak_bytes, task->peak_bytes, out);
    fprintf(out, "<td>%s</td>",
            done                                 ? "<span class=\"good\">done</span>"
            : task->kind == SMALTI_EVENT_FAILED  ? "<span class=\"bad\">failed</span>"
            : task->kind == SMALTI_EVENT_SKIPPED ? "there already"
                                                 : "<span class=\"soft\">not run</span>");
}

static void write_table(const cli_html *html, FILE *out)
{
    bool pictures = false;
    for (uint64_t i = 0; i < html->total; i++)
        pictures |= html->tasks[i].before.data || html->tasks[i].after.data;
    fputs("<section class=\"card table\"><table>\n<thead><tr>", out);
    if (pictures)
        fputs("<th data-fixed>Before, after</th>", out);
    fputs(
        "<th>Input</th><th>Output</th><th class=\"n\">Before</th><th class=\"n\">After</th><th class=\"n\">Change</th>"
        "<th class=\"n\">Time</th><th data-fixed>Stages</th><th class=\"n\">Memory</th><th>State</th></tr></thead>\n"
        "<tbody>\n",
        out);
    for (uint64_t i = 0; i < html->total; i++) {
        const cli_html_task *task = &html->tasks[i];
        if (!task->input)
            continue;
        fputs("<tr>", out);
        if (pictures) {
            fputs("<td class=\"pictures\">", out);
            picture(&task->before, "before", out);
            picture(&task->after, "after", out);
            fputs("</td>", out);
        }
        name_cells(task, out);
        result_cells(task, out);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></section>\n", out);
}

void cli_html_page(const cli_html *html, const smalti_stats *stats, const char *machine, const char *date,
                   uint64_t resident, FILE *out)
{
    write_head(out);
    fputs("<header><h1>Smalti report</h1><p>", out);
    cli_html_text(out, date, 0);
    fputs(" · ", out);
    cli_html_text(out, machine, 0);
    fprintf(out, "</p></header>\n");
    write_cards(html, stats, resident, out);
    write_failed(html, out);
    fputs("<section class=\"plots\">\n", out);
    cli_html_plot_sizes(html, out);
    cli_html_plot_times(html, stats, out);
    fputs("</section>\n", out);
    write_table(html, out);
    if (html->job) {
        fputs("<details class=\"card\"><summary>Job</summary><pre>", out);
        cli_html_text(out, html->job, 0);
        fputs("</pre></details>\n", out);
    }
    fprintf(out, "<footer>smalti %s</footer>\n</main>\n<script>%s</script>\n</body>\n</html>\n", smalti_version(),
            embedded("report.js"));
}
