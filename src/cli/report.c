/* SPDX-License-Identifier: Apache-2.0
 * Events of a run as lines on standard error, and the tables at its end. */
#include "cli/event.h"
#include "cli/report.h"

#include <stdlib.h>
#include <unistd.h>

/* Written at once, so that lines of other writers do not come between. */
static void event_line(const smalti_event *event)
{
    size_t size;
    char *line = cli_event_line(event, &size);
    if (line)
        fwrite(line, 1, size, stderr);
    free(line);
}

static void tell(cli_report *report, const smalti_event *event)
{
    switch (event->kind) {
    case SMALTI_EVENT_FAILED:
        if (event->error->code == SMALTI_E_CANCELLED) {
            report->cancelled++;
            return;
        }
        report->complaints++;
        cli_bar_clear(&report->bar);
        cli_say("%s", event->error->message);
        return;
    case SMALTI_EVENT_WARNING:
        if (report->quiet)
            return;
        cli_bar_clear(&report->bar);
        cli_say("warning: %s", event->error->message);
        return;
    case SMALTI_EVENT_DONE:
    case SMALTI_EVENT_SKIPPED:
        if (!report->verbose)
            return;
        cli_bar_clear(&report->bar);
        cli_say("%s%s%s%s", event->input, event->output ? " -> " : "", event->output ? event->output : "",
                event->kind == SMALTI_EVENT_SKIPPED ? ": there already" : "");
        return;
    case SMALTI_EVENT_STARTED:
    case SMALTI_EVENT_PROGRESS:
        return;
    }
}

void cli_report_event(void *user, const smalti_event *event)
{
    cli_report *report = user;
    if (event->kind == SMALTI_EVENT_FAILED && report->event_lines)
        report->complaints++;
    if (report->event_lines)
        event_line(event);
    else
        tell(report, event);
    cli_results_event(&report->results, event);
    cli_html_event(&report->page, event);
    cli_bar_event(&report->bar, event);
}

const char *cli_time_text(uint64_t ns, char *out, size_t out_size)
{
    double seconds = (double)ns / 1e9;
    if (seconds < 1)
        snprintf(out, out_size, "%.1f ms", seconds * 1e3);
    else
        snprintf(out, out_size, "%.2f s", seconds);
    return out;
}

void cli_report_summary(const smalti_stats *stats)
{
    char time[32], skipped[48] = "", failed[48] = "";
    if (stats->skipped)
        snprintf(skipped, sizeof skipped, ", %llu there already", (unsigned long long)stats->skipped);
    if (stats->failed)
        snprintf(failed, sizeof failed, ", %llu failed", (unsigned long long)stats->failed);
    cli_say("%llu of %llu done%s%s in %s", (unsigned long long)stats->done, (unsigned long long)stats->tasks, skipped,
            failed, cli_time_text(stats->wall_ns, time, sizeof time));
}

void cli_report_stats(FILE *out, const smalti_stats *stats)
{
    const struct {
        const char *name;
        uint64_t ns;
    } stages[] = {{"read", stats->read_ns},  {"decode", stats->decode_ns}, {"kernels", stats->kernel_ns},
                  {"steps", stats->step_ns}, {"encode", stats->encode_ns}, {"write", stats->write_ns}};
    uint64_t sum = 0;
    char a[32], b[32];
    for (size_t i = 0; i < CLI_COUNT(stages); i++)
        sum += stages[i].ns;
    fprintf(out, "%-10s %12s  %5s\n", "stage", "time", "share");
    for (size_t i = 0; i < CLI_COUNT(stages); i++)
        fprintf(out, "%-10s %12s  %4.0f%%\n", stages[i].name, cli_time_text(stages[i].ns, a, sizeof a),
                sum ? 100.0 * (double)stages[i].ns / (double)sum : 0);
    fprintf(out, "time       %s wall, %s of processors\n", cli_time_text(stats->wall_ns, a, sizeof a),
            cli_time_text(stats->cpu_ns, b, sizeof b));
    fprintf(out, "images     %llu done, %llu skipped, %llu failed, %llu warnings; %.1f megapixels\n",
            (unsigned long long)stats->done, (unsigned long long)stats->skipped, (unsigned long long)stats->failed,
            (unsigned long long)stats->warnings, (double)stats->pixels / 1e6);
    fprintf(out, "bytes      %s in, %s out\n", cli_bytes_text(stats->bytes_in, a, sizeof a),
            cli_bytes_text(stats->bytes_out, b, sizeof b));
    fprintf(out, "copies     %llu pixel rows (%s)", (unsigned long long)stats->copied_rows,
            cli_bytes_text(stats->copied_bytes, a, sizeof a));
    fprintf(out, "; converted %s; halos %s\n", cli_bytes_text(stats->converted_bytes, a, sizeof a),
            cli_bytes_text(stats->halo_bytes, b, sizeof b));
    fprintf(out, "kernels    %llu calls; %llu buffers allocated\n", (unsigned long long)stats->strips,
            (unsigned long long)stats->allocations);
    fprintf(out, "memory     %s at most for images, %s for the process\n",
            cli_bytes_text(stats->peak_bytes, a, sizeof a), cli_bytes_text(cli_resident_peak(), b, sizeof b));
}
