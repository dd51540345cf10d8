/* SPDX-License-Identifier: Apache-2.0
 * What `smalti run --report` keeps of the tasks while they run, and its file, which appears whole or not at all. */
#include "cli/report_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* ---- The file ---- */

static bool is_html(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (!strcasecmp(dot, ".html") || !strcasecmp(dot, ".htm"));
}

smalti_result cli_html_start(cli_html *html, const char *path, uint64_t total, char *job, smalti_error *error)
{
    *html = (cli_html){.job = job, .total = total};
    if (!is_html(path)) /* and not an image that a slip would lose */
        return cli_fail(error, SMALTI_E_INVALID, "--report %s: the name of the page ends in .html", path);
    size_t length = strlen(path);
    html->path = strdup(path);
    html->temporary = malloc(length + 8);
    html->tasks = calloc(total ? total : 1, sizeof *html->tasks);
    if (!html->path || !html->temporary || !html->tasks)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for a report on %llu inputs", (unsigned long long)total);
    memcpy(html->temporary, path, length);
    memcpy(html->temporary + length, ".XXXXXX", 8);
    int fd = mkstemp(html->temporary);
    html->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (html->out)
        return SMALTI_OK;
    smalti_result result = cli_fail_errno(error, "--report %s: cannot be written", path);
    if (fd >= 0) {
        close(fd);
        unlink(html->temporary);
    }
    return result;
}

/* What open() would have given the file; mkstemp gives it to nobody else. */
static void open_mode(int fd)
{
    mode_t mask = umask(0);
    umask(mask);
    (void)!fchmod(fd, 0666 & ~mask);
}

static smalti_result commit(cli_html *html, smalti_error *error)
{
    FILE *out = html->out;
    open_mode(fileno(out));
    bool whole = !ferror(out) && !fflush(out);
    html->out = NULL;
    if (fclose(out) == 0 && whole && rename(html->temporary, html->path) == 0)
        return SMALTI_OK;
    smalti_result result = cli_fail_errno(error, "--report %s: cannot be written", html->path);
    unlink(html->temporary);
    return result;
}

void cli_html_clear(cli_html *html)
{
    for (uint64_t i = 0; html->tasks && i < html->total; i++) {
        free(html->tasks[i].input);
        free(html->tasks[i].output);
        free(html->tasks[i].error);
        free(html->tasks[i].before.data);
        free(html->tasks[i].after.data);
    }
    if (html->out) {
        fclose(html->out);
        unlink(html->temporary);
    }
    free(html->tasks);
    free(html->path);
    free(html->temporary);
    free(html->job);
    *html = (cli_html){0};
}

/* ---- Tasks ---- */

static char *copy(cli_html *html, const char *text)
{
    char *own = text ? strdup(text) : NULL;
    html->lost |= text && !own;
    return own;
}

static void keep_output(cli_html_task *task, const smalti_event *event)
{
    if (!event->output_count)
        return;
    const smalti_output *made = &event->outputs[0];
    snprintf(task->output_format, sizeof task->output_format, "%s", made->format);
    task->output_width = made->width;
    task->output_height = made->height;
    task->quality = made->quality;
    task->score = made->score;
    task->output_count = (uint32_t)event->output_count;
}

void cli_html_event(cli_html *html, const smalti_event *event)
{
    bool ended =
        event->kind == SMALTI_EVENT_DONE || event->kind == SMALTI_EVENT_SKIPPED || event->kind == SMALTI_EVENT_FAILED;
    if (!html->tasks || !ended || event->task >= html->total)
        return;
    cli_html_task *task = &html->tasks[event->task];
    free(task->input); /* a task ends once; a library that errs is not to leak */
    free(task->output);
    free(task->error);
    *task = (cli_html_task){.kind = event->kind, .score = NAN};
    task->input = copy(html, event->input);
    task->output = event->kind == SMALTI_EVENT_FAILED ? NULL : copy(html, event->output);
    task->error = copy(html, event->error ? event->error->message : NULL);
    if (event->info) {
        snprintf(task->format, sizeof task->format, "%s", event->info->format);
        task->width = event->info->width;
        task->height = event->info->height;
    }
    snprintf(task->fast_path, sizeof task->fast_path, "%s", event->fast_path ? event->fast_path : "");
    keep_output(task, event);
    if (!event->stats)
        return;
    task->bytes_in = event->stats->bytes_in;
    task->bytes_out = event->stats->bytes_out;
    task->wall_ns = event->stats->wall_ns;
    task->peak_bytes = event->stats->peak_bytes;
    cli_html_stage_times(event->stats, task->stage_ns);
}

/* ---- The end ---- */

/* "Linux 6.1.0 x86_64, 2 × Intel Xeon, 8 GB of memory" */
static void machine_text(char *out, size_t out_size)
{
    char line[256], processor[128] = "processors", memory[32];
    struct utsname name = {0};
    uname(&name);
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !value)
            continue;
        snprintf(processor, sizeof processor, "%s", value + 1 + strspn(value + 1, " "));
        processor[strcspn(processor, "\n")] = 0;
        break;
    }
    if (file)
        fclose(file);
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(out, out_size, "%s %s %s, %u × %s, %s of memory", name.sysname, name.release, name.machine,
             cli_processors(), processor, cli_bytes_text(bytes, memory, sizeof memory));
}

smalti_result cli_html_end(cli_html *html, const smalti_stats *stats, smalti_error *error)
{
    char machine[512], date[64] = "";
    uint64_t resident = cli_resident_peak(); /* before the pictures */
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S %z", &local);
    machine_text(machine, sizeof machine);
    cli_html_pictures(html, stats);
    cli_html_page(html, stats, machine, date, resident, html->out);
    if (html->lost)
        cli_say("warning: the report is not complete: no memory");
    return commit(html, error);
}
