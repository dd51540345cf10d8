/* SPDX-License-Identifier: Apache-2.0
 * Results on standard output while a batch runs. Tasks end in any order and are written in the order of the inputs, so
 * that the output is the same for every number of threads; a text waits only until those before it have ended. */
#include "cli/event.h"
#include "cli/report.h"

#include <jansson.h>
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

static void write_json(cli_json *json, const smalti_event *event)
{
    static const char *const states[] = {
        [SMALTI_EVENT_DONE] = "done", [SMALTI_EVENT_SKIPPED] = "skipped", [SMALTI_EVENT_FAILED] = "failed"};
    cli_json_open(json, NULL, '{');
    cli_json_number(json, "task", event->task);
    cli_json_text(json, "status", states[event->kind]);
    cli_event_result(json, event);
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
        cli_json_process(&results->json, "process", results->resident_bytes);
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
