/* SPDX-License-Identifier: Apache-2.0
 * Events of a run as JSON, for results, event lines and the worker. */
#include "cli/event.h"

#include <math.h>
#include <stdlib.h>

static void write_info(cli_json *json, const smalti_info *info)
{
    cli_json_text(json, "format", info->format);
    cli_json_number(json, "width", info->width);
    cli_json_number(json, "height", info->height);
    cli_json_number(json, "decoded_bytes", info->decoded_bytes);
}

static void write_ms(cli_json *json, const char *key, uint64_t ns)
{
    cli_json_real(json, key, (double)(ns / 1000) / 1000);
}

static void write_metrics(cli_json *json, const smalti_event *event)
{
    const smalti_stats *stats = event->stats;
    cli_json_number(json, "bytes_in", stats->bytes_in);
    cli_json_number(json, "bytes_out", stats->bytes_out);
    cli_json_real(json, "ratio", stats->bytes_in ? (double)stats->bytes_out / (double)stats->bytes_in : NAN);
    cli_json_number(json, "pixels", stats->pixels);
    cli_json_number(json, "peak_bytes", stats->peak_bytes);
    cli_json_number(json, "copied_bytes", stats->copied_bytes);
    cli_json_number(json, "wall_ns", stats->wall_ns);
    cli_json_open(json, "ms", '{');
    write_ms(json, "wall", stats->wall_ns);
    write_ms(json, "cpu", stats->cpu_ns);
    write_ms(json, "read", stats->read_ns);
    write_ms(json, "decode", stats->decode_ns);
    write_ms(json, "kernels", stats->kernel_ns);
    write_ms(json, "steps", stats->step_ns);
    write_ms(json, "encode", stats->encode_ns);
    write_ms(json, "write", stats->write_ns);
    cli_json_close(json, '}');
    cli_json_text(json, "source", event->source);
    cli_json_text(json, "fast_path", event->fast_path);
    cli_json_open(json, "outputs", '[');
    for (size_t i = 0; i < event->output_count; i++) {
        const smalti_output *made = &event->outputs[i];
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "path", made->path);
        cli_json_text(json, "format", made->format);
        cli_json_number(json, "width", made->width);
        cli_json_number(json, "height", made->height);
        cli_json_number(json, "bytes", made->bytes);
        if (made->quality)
            cli_json_number(json, "quality", made->quality);
        else
            cli_json_null(json, "quality");
        cli_json_real(json, "score", made->score);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

void cli_event_result(cli_json *json, const smalti_event *event)
{
    if (event->id)
        cli_json_text(json, "id", event->id);
    cli_json_text(json, "input", event->input);
    if (event->output)
        cli_json_text(json, "output", event->output);
    if (event->info)
        write_info(json, event->info);
    if (event->kind == SMALTI_EVENT_DONE && event->stats)
        write_metrics(json, event);
    if (event->measures)
        cli_json_raw(json, "measures", event->measures);
    if (event->error)
        cli_json_error(json, "error", event->error);
}

bool cli_line_begin(cli_line *line, const char *event)
{
    *line = (cli_line){0};
    line->json.out = open_memstream(&line->text, &line->size);
    if (!line->json.out)
        return false;
    cli_json_open(&line->json, NULL, '{');
    cli_json_text(&line->json, "event", event);
    return true;
}

bool cli_line_end(cli_line *line)
{
    cli_json_close(&line->json, '}');
    putc('\n', line->json.out);
    if (fclose(line->json.out) == 0)
        return true;
    free(line->text);
    line->text = NULL;
    return false;
}

char *cli_event_line(const smalti_event *event, size_t *size)
{
    static const char *const names[] = {
        [SMALTI_EVENT_STARTED] = "started", [SMALTI_EVENT_PROGRESS] = "progress", [SMALTI_EVENT_WARNING] = "warning",
        [SMALTI_EVENT_DONE] = "done",       [SMALTI_EVENT_SKIPPED] = "skipped",   [SMALTI_EVENT_FAILED] = "failed"};
    cli_line line;
    if (!cli_line_begin(&line, names[event->kind]))
        return NULL;
    cli_json_number(&line.json, "task", event->task);
    cli_json_number(&line.json, "tasks", event->task_count);
    cli_event_result(&line.json, event);
    if (event->kind == SMALTI_EVENT_PROGRESS) {
        cli_json_number(&line.json, "rows_done", event->rows_done);
        cli_json_number(&line.json, "rows", event->rows);
        cli_json_real(&line.json, "fraction", event->rows ? (double)event->rows_done / event->rows : 0);
    }
    if (event->stats)
        cli_json_stats(&line.json, "stats", event->stats);
    if (!cli_line_end(&line))
        return NULL;
    *size = line.size;
    return line.text;
}

void cli_json_process(cli_json *json, const char *key, uint64_t resident_before_bytes)
{
    cli_json_open(json, key, '{');
    cli_json_number(json, "resident_before_bytes", resident_before_bytes);
    cli_json_number(json, "resident_bytes", cli_resident());
    cli_json_number(json, "resident_peak_bytes", cli_resident_peak());
    cli_json_close(json, '}');
}
