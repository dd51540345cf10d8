/* SPDX-License-Identifier: Apache-2.0
 * A batch with progress and a clean end on Ctrl-C: every image of a folder through two kernels.
 * Usage: batch FOLDER OUTPUT-FOLDER */
#include <signal.h>
#include <stdio.h>

#include <smalti/smalti.h>

static smalti_cancel *cancel;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    smalti_cancel_request(cancel); /* may be called from a signal handler */
}

/* Called for one event at a time, so it needs no lock. */
static void on_event(void *user, const smalti_event *event)
{
    unsigned *ended = user;
    switch (event->kind) {
    case SMALTI_EVENT_DONE:
        printf("[%u/%llu] %s -> %s, %.1f ms\n", ++*ended, (unsigned long long)event->task_count, event->input,
               event->output, (double)event->stats->wall_ns / 1e6);
        break;
    case SMALTI_EVENT_FAILED: /* the other images go on; the message names the file */
        printf("[%u/%llu] failed: %s\n", ++*ended, (unsigned long long)event->task_count, event->error->message);
        break;
    case SMALTI_EVENT_WARNING:
        printf("warning: %s\n", event->error->message);
        break;
    default:
        break;
    }
}

static smalti_result describe(smalti_job *job, const char *folder, const char *output, smalti_error *error)
{
    smalti_result result = smalti_job_input_expand(job, folder, false, error);
    if (result == SMALTI_OK)
        result = smalti_job_kernel_add(job, "gaussian-blur", "sigma=1.5", error);
    if (result == SMALTI_OK)
        result = smalti_job_kernel_add(job, "sharpen", NULL, error); /* NULL: the defaults */
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.dir", output, error);
    if (result == SMALTI_OK)
        result = smalti_job_set(job, "output.overwrite", "true", error);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: batch FOLDER OUTPUT-FOLDER\n");
        return 2;
    }
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    smalti_error error = {0};
    smalti_stats stats = {.size = sizeof stats};
    unsigned ended = 0;

    smalti_result result = smalti_job_new(&job, &error);
    if (result == SMALTI_OK)
        result = describe(job, argv[1], argv[2], &error);
    if (result == SMALTI_OK)
        result = smalti_plan_new(job, &plan, &error); /* checks everything and loads the kernels */
    if (result == SMALTI_OK)
        result = smalti_cancel_new(&cancel, &error);
    if (result == SMALTI_OK) {
        signal(SIGINT, on_interrupt);
        smalti_run_options options = {.size = sizeof options, .cancel = cancel, .event = on_event, .user = &ended};
        result = smalti_plan_run(plan, &options, &stats, &error);
        signal(SIGINT, SIG_DFL);
        printf("%llu of %llu images in %.0f ms, %.1f MiB at most\n", (unsigned long long)stats.done,
               (unsigned long long)stats.tasks, (double)stats.wall_ns / 1e6, (double)stats.peak_bytes / (1024 * 1024));
    }
    if (result != SMALTI_OK)
        fprintf(stderr, "batch: %s\n", error.message);

    smalti_cancel_free(cancel);
    smalti_plan_free(plan);
    smalti_job_free(job);
    return result == SMALTI_OK ? 0 : 1;
}
