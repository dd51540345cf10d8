/* SPDX-License-Identifier: Apache-2.0
 * Pictures for `smalti run --report`, made with the library itself: one job over inputs and outputs, into a temporary folder.
 * They may take as long as the run did, or ten seconds, and are left out from there on. */
#include "cli/bench.h"
#include "cli/report.h"
#include "cli/report_html.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t least_ns = UINT64_C(10000000000);

typedef struct picture_run {
    cli_html_picture **pictures; /* for each input of the job; owned */
    uint64_t count, until_ns;
    smalti_cancel *cancel;
} picture_run;

/* One that cannot be read, or is too large, is left out. */
static void take(cli_html_picture *picture, const char *path)
{
    char *data = NULL;
    size_t size = 0;
    smalti_error error;
    if (cli_read_file(path, HTML_THUMB_BYTES, &data, &size, &error) < 0)
        return;
    picture->data = (unsigned char *)data;
    picture->size = size;
}

static void on_event(void *user, const smalti_event *event)
{
    picture_run *run = user;
    if (cli_now_ns() > run->until_ns)
        smalti_cancel_request(run->cancel);
    if (event->kind != SMALTI_EVENT_DONE || !event->output || event->task >= run->count)
        return;
    take(run->pictures[event->task], event->output);
    unlink(event->output);
}

static smalti_result add(smalti_job *job, picture_run *run, const char *path, cli_html_picture *picture,
                         smalti_error *error)
{
    smalti_result result = path && strcmp(path, "-") ? smalti_job_input_add(job, path, error) : SMALTI_OK;
    if (result == SMALTI_OK && smalti_job_input_count(job) > run->count)
        run->pictures[run->count++] = picture;
    return result;
}

static smalti_result make_job(cli_html *html, const char *folder, picture_run *run, smalti_job **job,
                              smalti_error *error)
{
    const struct {
        const char *key, *value;
    } keys[] = {{"output.dir", folder},
                {"output.format", "jpeg"},
                {"output.quality", "60"},
                {"output.template", "{index}{ext}"},
                {"output.metadata", "none"}};
    char size[48];
    snprintf(size, sizeof size, "%dx%d:enlarge=false", HTML_THUMB_SIDE, HTML_THUMB_SIDE);
    smalti_result result = smalti_job_new(job, error);
    if (result == SMALTI_OK)
        result = smalti_job_step_add(*job, "resize", size, error);
    for (size_t i = 0; result == SMALTI_OK && i < CLI_COUNT(keys); i++)
        result = smalti_job_set(*job, keys[i].key, keys[i].value, error);
    for (uint64_t i = 0, shown = 0; result == SMALTI_OK && i < html->total && shown < HTML_THUMBS; i++) {
        cli_html_task *task = &html->tasks[i];
        if (task->kind != SMALTI_EVENT_DONE)
            continue;
        shown++;
        result = add(*job, run, task->input, &task->before, error);
        if (result == SMALTI_OK)
            result = add(*job, run, task->output, &task->after, error);
    }
    return result;
}

void cli_html_pictures(cli_html *html, const smalti_stats *stats)
{
    char folder[4096];
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    smalti_error error;
    const char *parent = getenv("TMPDIR");
    uint64_t allowed = stats->wall_ns > least_ns ? stats->wall_ns : least_ns;
    picture_run run = {.pictures = calloc((size_t)2 * HTML_THUMBS, sizeof *run.pictures),
                       .until_ns = cli_now_ns() + allowed};
    int length = snprintf(folder, sizeof folder, "%s/smalti-report-XXXXXX", parent && *parent ? parent : "/tmp");
    bool made = run.pictures && length < (int)sizeof folder && mkdtemp(folder);
    smalti_result result = made ? make_job(html, folder, &run, &job, &error)
                                : cli_fail(&error, SMALTI_E_IO, "no temporary folder for the report's pictures");
    if (result == SMALTI_OK && run.count)
        result = smalti_plan_new(job, &plan, &error);
    if (result == SMALTI_OK && run.count)
        result = smalti_cancel_new(&run.cancel, &error);
    if (result < 0)
        cli_say("warning: the report has no pictures: %s", error.message);
    else if (run.count) /* one that fails, or comes too late, is left out */
        (void)!smalti_plan_run(plan,
                               &(smalti_run_options){.size = sizeof(smalti_run_options),
                                                     .memory_bytes = html->memory_bytes,
                                                     .cancel = run.cancel,
                                                     .event = on_event,
                                                     .user = &run},
                               NULL, &error);
    if (made)
        bench_remove(folder);
    smalti_cancel_free(run.cancel);
    smalti_plan_free(plan);
    smalti_job_free(job);
    free(run.pictures);
}

/* ---- As text ---- */

void cli_html_picture_uri(const cli_html_picture *picture, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    fputs("data:image/jpeg;base64,", out);
    for (size_t i = 0; i < picture->size; i += 3) {
        size_t left = picture->size - i;
        const unsigned char *at = picture->data + i;
        unsigned word = at[0] << 16 | (left > 1 ? at[1] << 8 : 0) | (left > 2 ? at[2] : 0);
        putc(digits[word >> 18], out);
        putc(digits[word >> 12 & 63], out);
        putc(left > 1 ? digits[word >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[word & 63] : '=', out);
    }
}
