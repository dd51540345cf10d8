/* SPDX-License-Identifier: Apache-2.0
 * What `smalti bench exr` measured: as tables, as JSON, and as a page with plots. */
#include "cli/bench_exr.h"
#include "cli/report.h"

#include <math.h>
#include <string.h>

/* ---- Tables ---- */

static double per_file_us(const bench_measure *measure)
{
    return measure->wall_s / (double)measure->files * 1e6;
}

static void row(const char *name, const bench_measure *measure, const bench_measure *base)
{
    char read[32] = "-", disk[32] = "-", peak[32], time[32];
    if (!measure->files)
        return;
    if (measure->read_bytes)
        cli_bytes_text(measure->read_bytes / measure->files, read, sizeof read);
    if (measure->disk_bytes)
        cli_bytes_text(measure->disk_bytes / measure->files, disk, sizeof disk);
    printf("%-28s %9s %11.2f %11.0f %9.3f %10s %10s %10s", name,
           cli_time_text((uint64_t)(measure->wall_s * 1e9), time, sizeof time), per_file_us(measure),
           (double)measure->files / measure->wall_s, measure->cpu_s, read, disk,
           cli_bytes_text(measure->peak_bytes, peak, sizeof peak));
    if (base && base->files)
        printf(" %8.2f", per_file_us(measure) / per_file_us(base));
    if (measure->failed)
        printf("  %llu failed", (unsigned long long)measure->failed);
    putchar('\n');
}

static void head(const char *title)
{
    printf("\n%-28s %9s %11s %11s %9s %10s %10s %10s %8s\n", title, "WALL", "US/FILE", "FILES/S", "CPU S", "READ/FILE",
           "DISK/FILE", "PEAK", "RATIO");
}

void bench_exr_text(const bench_exr_results *results)
{
    char bytes[32];
    printf("%llu files, %s; medians of %llu rounds\n", (unsigned long long)results->files,
           cli_bytes_text(results->bytes, bytes, sizeof bytes), (unsigned long long)results->rounds);
    head("WARM, IN PROCESS");
    for (size_t i = 0; i < BENCH_LEVELS; i++)
        row(bench_level_names[i], &results->warm[i], &results->warm[BENCH_READER]);
    if (results->cold[BENCH_READER].files) {
        head("COLD, IN PROCESS");
        for (size_t i = 0; i < BENCH_LEVELS; i++)
            row(bench_level_names[i], &results->cold[i], &results->cold[BENCH_READER]);
    }
    if (results->peers[0].files) {
        head("WARM, WHOLE COMMANDS");
        for (size_t i = 0; i < BENCH_PEERS; i++)
            row(bench_peers[i].name, &results->peers[i], &results->peers[0]);
    }
}

/* ---- JSON ---- */

static void measure_json(cli_json *json, const char *name, const char *cache, const bench_measure *measure)
{
    if (!measure->files)
        return;
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", name);
    cli_json_text(json, "cache", cache);
    cli_json_number(json, "files", measure->files);
    cli_json_number(json, "failed", measure->failed);
    cli_json_real(json, "wall_s", measure->wall_s);
    cli_json_real(json, "cpu_s", measure->cpu_s);
    cli_json_real(json, "us_per_file", per_file_us(measure));
    cli_json_real(json, "files_per_s", (double)measure->files / measure->wall_s);
    cli_json_number(json, "read_bytes", measure->read_bytes);
    cli_json_number(json, "disk_bytes", measure->disk_bytes);
    cli_json_number(json, "peak_bytes", measure->peak_bytes);
    cli_json_close(json, '}');
}

void bench_exr_json(const bench_exr_results *results, cli_json *json)
{
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "files", results->files);
    cli_json_number(json, "bytes", results->bytes);
    cli_json_number(json, "rounds", results->rounds);
    cli_json_open(json, "levels", '[');
    for (size_t i = 0; i < BENCH_LEVELS; i++)
        measure_json(json, bench_level_names[i], "warm", &results->warm[i]);
    for (size_t i = 0; i < BENCH_LEVELS; i++)
        measure_json(json, bench_level_names[i], "cold", &results->cold[i]);
    cli_json_close(json, ']');
    cli_json_open(json, "commands", '[');
    for (size_t i = 0; i < BENCH_PEERS; i++)
        measure_json(json, bench_peers[i].name, "warm", &results->peers[i]);
    cli_json_close(json, ']');
    cli_json_close(json, '}');
}

/* ---- The page ---- */

enum { BARS_MOST = 8, PLOT_WIDTH = 520, BAR_HEIGHT = 22, LABEL_WIDTH = 230 };

typedef struct bar_plot {
    const char *title;
    const char *names[BARS_MOST];
    double values[BARS_MOST];
    size_t count;
    const char *unit;
} bar_plot;

/* Bars on a logarithmic scale from a tenth of the least. */
static void draw(FILE *out, const bar_plot *plot)
{
    double least = INFINITY, most = 0;
    if (!plot->count)
        return;
    for (size_t i = 0; i < plot->count; i++) {
        least = fmin(least, plot->values[i]);
        most = fmax(most, plot->values[i]);
    }
    fprintf(out, "<h2>%s</h2>\n<svg width=\"%d\" height=\"%zu\" role=\"img\">\n", plot->title,
            LABEL_WIDTH + PLOT_WIDTH + 120, plot->count * BAR_HEIGHT + 4);
    for (size_t i = 0; i < plot->count; i++) {
        double part = most > least ? (log10(plot->values[i] / least) + 1) / (log10(most / least) + 1) : 1;
        size_t y = i * BAR_HEIGHT;
        fprintf(out,
                "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">%s</text><rect x=\"%d\" y=\"%zu\" width=\"%.1f\" "
                "height=\"%d\" class=\"%s\"/><text x=\"%.1f\" y=\"%zu\">%.3g %s</text>\n",
                LABEL_WIDTH - 8, y + 16, plot->names[i], LABEL_WIDTH, y + 3, part * PLOT_WIDTH, BAR_HEIGHT - 6,
                strncmp(plot->names[i], "smalti", 6) ? "other" : "own", LABEL_WIDTH + part * PLOT_WIDTH + 6, y + 16,
                plot->values[i], plot->unit);
    }
    fputs("</svg>\n", out);
}

static void add_bar(bar_plot *plot, const char *name, const bench_measure *measure, double value)
{
    if (!measure->files || !(value > 0))
        return;
    plot->names[plot->count] = name;
    plot->values[plot->count++] = value;
}

static void level_plots(FILE *out, const bench_measure *levels, const char *cache)
{
    char title[64];
    bar_plot times = {.unit = "µs"}, disk = {.unit = "kB"}, peaks = {.unit = "MB"};
    for (size_t i = 0; i < BENCH_LEVELS; i++) {
        const bench_measure *measure = &levels[i];
        double files = (double)(measure->files ? measure->files : 1);
        add_bar(&times, bench_level_names[i], measure, measure->wall_s / files * 1e6);
        add_bar(&disk, bench_level_names[i], measure, (double)measure->disk_bytes / files / 1000);
        add_bar(&peaks, bench_level_names[i], measure, (double)measure->peak_bytes / 1e6);
    }
    snprintf(title, sizeof title, "Time per file, %s cache", cache);
    times.title = title;
    draw(out, &times);
    disk.title = "Read from the disk per file";
    draw(out, &disk);
    peaks.title = "Peak memory";
    draw(out, &peaks);
}

smalti_result bench_exr_page(const bench_exr_results *results, const char *path, smalti_error *error)
{
    char bytes[32];
    FILE *out = fopen(path, "we");
    if (!out)
        return cli_fail_errno(error, "%s: cannot be created", path);
    fprintf(out,
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>smalti bench exr</title>\n<style>body{font:14px "
            "sans-serif;margin:2em}h1,h2{font-weight:600}svg text{font:13px sans-serif}.own{fill:#1f7a8c}"
            ".other{fill:#b8bfc6}</style>\n<h1>smalti bench exr</h1>\n<p>%llu files, %s; medians of %llu rounds; "
            "scales are "
            "logarithmic.</p>\n",
            (unsigned long long)results->files, cli_bytes_text(results->bytes, bytes, sizeof bytes),
            (unsigned long long)results->rounds);
    level_plots(out, results->warm, "warm");
    level_plots(out, results->cold, "cold");
    bar_plot times = {.title = "Whole commands, time per file", .unit = "µs"};
    bar_plot memory = {.title = "Whole commands, peak memory", .unit = "MB"};
    for (size_t i = 0; i < BENCH_PEERS; i++) {
        const bench_measure *measure = &results->peers[i];
        double files = (double)(measure->files ? measure->files : 1);
        add_bar(&times, bench_peers[i].name, measure, measure->wall_s / files * 1e6);
        add_bar(&memory, bench_peers[i].name, measure, (double)measure->peak_bytes / 1e6);
    }
    draw(out, &times);
    draw(out, &memory);
    bool failed = ferror(out);
    return fclose(out) || failed ? cli_fail_errno(error, "%s: cannot be written", path) : SMALTI_OK;
}
