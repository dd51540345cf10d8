/* SPDX-License-Identifier: Apache-2.0
 * Results on standard output while a batch runs. Tasks end in any order and are written in the order of the inputs, so
 * that the output is the same for every number of threads; a text waits only until those before it have ended. */
#include "cli/report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Measures as a table ---- */

enum { COLUMN = 12, LIST_MAX = 4 };

typedef struct measure_columns {
    FILE *out;
    bool head;
} measure_columns;

static void cell(const measure_columns *columns, const char *name, const char *value)
{
    const char *text = columns->head ? name : value;
    int width = (int)strlen(name) > COLUMN ? (int)strlen(name) : COLUMN;
    fprintf(columns->out, "%-*s  ", width, text);
}

static void scalar_text(const json_t *value, char *out, size_t out_size)
{
    if (json_is_string(value))
        cli_printable(json_string_value(value), out, out_size);
    else if (json_is_integer(value))
        snprintf(out, out_size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, out_size, "%.10g", json_real_value(value));
    else
        snprintf(out, out_size, "%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
}

static void list_text(const json_t *list, char *out, size_t out_size)
{
    size_t count = json_array_size(list), used = 0;
    if (count > LIST_MAX) {
        snprintf(out, out_size, "%zu values", count);
        return;
    }
    out[0] = 0;
    for (size_t i = 0; i < count && used + 40 < out_size; i++) {
        if (i)
            out[used++] = ' ';
        scalar_text(json_array_get(list, i), out + used, 32);
        used += strlen(out + used);
    }
}

static void columns_of(const measure_columns *columns, const char *prefix, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char name[256], text[256];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value)) {
            columns_of(columns, name, value);
            continue;
        }
        if (json_is_array(value))
            list_text(value, text, sizeof text);
        else
            scalar_text(value, text, sizeof text);
        cell(columns, name, text);
    }
}

void cli_measures_row(FILE *out, const char *measures, const char *input, bool head)
{
    json_t *object = json_loads(measures, 0, NULL);
    char name[4096];
    if (json_is_object(object))
        columns_of(&(measure_columns){out, head}, "", object);
    fprintf(out, "%s\n", head ? "INPUT" : cli_printable(input, name, sizeof name));
    json_decref(object);
}

/* ---- Texts of tasks ---- */

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

static void write_json(cli_json *json, const smalti_event *event)
{
    static const char *const states[] = {
        [SMALTI_EVENT_DONE] = "done", [SMALTI_EVENT_SKIPPED] = "skipped", [SMALTI_EVENT_FAILED] = "failed"};
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "task", event->task);
    cli_json_text(json, "status", states[event->kind]);
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
    cli_json_close(json, '}');
}

/* What a task has to say; owned; NULL: no memory. */
static char *task_text(cli_results *results, const smalti_event *event)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (results->kind == CLI_RESULTS_JSON) {
        write_json(&(cli_json){.out = out}, event);
    } else if (event->measures) {
        if (!results->headed)
            cli_measures_row(stdout, event->measures, event->input, true);
        results->headed = true;
        cli_measures_row(out, event->measures, event->input, false);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void write_text(cli_results *results, const char *text)
{
    if (results->kind == CLI_RESULTS_TABLE) {
        fputs(text, stdout);
        return;
    }
    fputs(results->json.comma ? ",\n" : "\n", stdout);
    results->json.comma = false; /* the separator is out, with its line break */
    cli_json_raw(&results->json, NULL, text);
}

static void keep_failed(cli_results *results, uint64_t task)
{
    if (results->failed_count == results->failed_room) {
        size_t room = results->failed_room ? results->failed_room * 2 : 16;
        uint64_t *larger = realloc(results->failed, room * sizeof *larger);
        if (!larger) {
            results->lost = true;
            return;
        }
        results->failed = larger;
        results->failed_room = room;
    }
    results->failed[results->failed_count++] = task;
}

smalti_result cli_results_start(cli_results *results, cli_results_kind kind, uint64_t total, smalti_error *error)
{
    *results = (cli_results){.kind = kind, .json.out = stdout, .total = total, .resident_bytes = cli_resident()};
    if (kind == CLI_RESULTS_NONE)
        return SMALTI_OK;
    results->waiting = calloc(total ? total : 1, sizeof *results->waiting);
    if (!results->waiting)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the results of %llu inputs", (unsigned long long)total);
    if (kind == CLI_RESULTS_JSON) {
        cli_json_open(&results->json, NULL, '{');
        cli_json_open(&results->json, "results", '[');
    }
    return SMALTI_OK;
}

void cli_results_event(cli_results *results, const smalti_event *event)
{
    bool ended =
        event->kind == SMALTI_EVENT_DONE || event->kind == SMALTI_EVENT_SKIPPED || event->kind == SMALTI_EVENT_FAILED;
    if (results->kind == CLI_RESULTS_NONE || !ended || event->task >= results->total)
        return;
    if (event->kind == SMALTI_EVENT_FAILED)
        keep_failed(results, event->task);
    char *text = task_text(results, event);
    results->lost |= !text;
    results->waiting[event->task] = text;
    for (; results->next < results->total && results->waiting[results->next]; results->next++) {
        write_text(results, results->waiting[results->next]);
        free(results->waiting[results->next]);
        results->waiting[results->next] = NULL;
    }
}

static int compare_tasks(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void cli_results_end(cli_results *results, const smalti_stats *stats, smalti_result result)
{
    for (; results->waiting && results->next < results->total; results->next++)
        if (results->waiting[results->next]) /* after a cancelled one, which may have said nothing */
            write_text(results, results->waiting[results->next]);
    if (results->kind == CLI_RESULTS_JSON) {
        cli_json_close(&results->json, ']');
        if (results->failed_count)
            qsort(results->failed, results->failed_count, sizeof *results->failed, compare_tasks);
        cli_json_open(&results->json, "failed", '[');
        for (uint64_t i = 0; i < results->failed_count; i++)
            cli_json_number(&results->json, NULL, results->failed[i]);
        cli_json_close(&results->json, ']');
        cli_json_text(&results->json, "result", smalti_result_name(result));
        cli_json_stats(&results->json, "stats", stats);
        cli_json_open(&results->json, "process", '{');
        cli_json_number(&results->json, "resident_before_bytes", results->resident_bytes);
        cli_json_number(&results->json, "resident_bytes", cli_resident());
        cli_json_number(&results->json, "resident_peak_bytes", cli_resident_peak());
        cli_json_close(&results->json, '}');
        cli_json_close(&results->json, '}');
        putchar('\n');
    }
    if (results->lost)
        cli_say("some results were not written: no memory");
}

void cli_results_clear(cli_results *results)
{
    for (uint64_t i = 0; results->waiting && i < results->total; i++)
        free(results->waiting[i]);
    free(results->waiting);
    free(results->failed);
    *results = (cli_results){0};
}
