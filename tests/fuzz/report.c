/* SPDX-License-Identifier: Apache-2.0
 * The page of --report: names, messages, formats and the job, split at NUL. Whatever they hold, the page is UTF-8 and has the
 * same markup as with harmless ones. */
#include "cli/report_html.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 2, TEXTS = 6 };

static const char *const harmless[TEXTS] = {"a", "a", "a", "a", "a", "a"};

/* The page with these texts in all places where one may stand; owned. */
static char *page(const char *const texts[TEXTS], size_t *size)
{
    smalti_stats stats = {.size = sizeof stats, .tasks = TASKS, .bytes_in = 100, .bytes_out = 50, .decode_ns = 1000};
    smalti_error error = {.code = SMALTI_E_FORMAT};
    smalti_info info = {.width = 3, .height = 2};
    const smalti_output output = {
        .path = texts[1], .format = texts[3], .width = 3, .height = 2, .bytes = 50, .quality = 80};
    cli_html html = {.tasks = calloc(TASKS, sizeof *html.tasks), .total = TASKS, .job = strdup(texts[4])};
    snprintf(error.message, sizeof error.message, "%s", texts[2]);
    snprintf(info.format, sizeof info.format, "%s", texts[3]);
    smalti_event event = {.kind = SMALTI_EVENT_DONE,
                          .task = 0,
                          .task_count = TASKS,
                          .input = texts[0],
                          .output = texts[1],
                          .stats = &stats,
                          .info = &info,
                          .fast_path = texts[5],
                          .outputs = &output,
                          .output_count = 1};
    cli_html_event(&html, &event);
    event.kind = SMALTI_EVENT_FAILED;
    event.task = 1;
    event.error = &error;
    event.outputs = NULL;
    event.output_count = 0;
    cli_html_event(&html, &event);
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    cli_html_page(&html, &stats, texts[0], texts[1], 1000, out);
    fclose(out);
    cli_html_clear(&html);
    return text;
}

static size_t count(const char *text, size_t size, char wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < size; i++)
        found += text[i] == wanted;
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *texts[TEXTS] = {"", "", "", "", "", ""};
    char *copy = malloc(size + 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    copy[size] = 0;
    char *at = copy;
    for (size_t i = 0; i < TEXTS && at < copy + size; i++, at += strlen(at) + 1)
        texts[i] = at;
    size_t hostile_bytes = 0, harmless_bytes = 0;
    char *hostile = page(texts, &hostile_bytes), *plain = page(harmless, &harmless_bytes);
    for (const char *mark = "<>\"'"; *mark; mark++)
        if (count(hostile, hostile_bytes, *mark) != count(plain, harmless_bytes, *mark))
            abort();
    json_t *valid = json_stringn(hostile, hostile_bytes);
    if (!valid || strlen(hostile) != hostile_bytes)
        abort();
    json_decref(valid);
    free(hostile);
    free(plain);
    free(copy);
    return 0;
}
