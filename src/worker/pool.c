/* SPDX-License-Identifier: Apache-2.0
 * The workers of a run, or of many: who has which of them, and the thread that starts their processes. */
#include "worker/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 50 }; /* how often who waits for a worker looks whether it was cancelled */

/* ---- The thread that starts processes ---- */

static void *start_processes(void *argument)
{
    smalti_workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (!workers->wanted && !workers->ending)
            pthread_cond_wait(&workers->changed, &workers->lock);
        smalti__start *start = workers->wanted;
        if (!start)
            break;
        workers->wanted = start->next;
        pthread_mutex_unlock(&workers->lock);
        start->result = smalti__process_start(workers->program, start->process, start->error);
        pthread_mutex_lock(&workers->lock);
        start->done = true;
        pthread_cond_broadcast(&workers->changed);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

smalti_result smalti__workers_spawn(smalti__remote *remote, smalti_error *error)
{
    smalti_workers *workers = remote->workers;
    smalti__start start = {.process = &remote->process, .error = error};
    pthread_mutex_lock(&workers->lock);
    start.next = workers->wanted;
    workers->wanted = &start;
    pthread_cond_broadcast(&workers->changed);
    while (!start.done)
        pthread_cond_wait(&workers->changed, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
    return start.result;
}

/* ---- Who has which ---- */

smalti_result smalti__workers_take(smalti_workers *workers, const smalti__task *task, smalti__remote **remote,
                                   smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    pthread_mutex_lock(&workers->lock);
    while (!workers->idle_count && result == SMALTI_OK) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&workers->changed, &workers->lock, &until);
        result = smalti__stop_check(&task->stop, error);
    }
    if (result == SMALTI_OK)
        *remote = workers->idle[--workers->idle_count];
    pthread_mutex_unlock(&workers->lock);
    if (result < 0)
        smalti__error_name(error, task->name);
    return result;
}

void smalti__workers_give(smalti__remote *remote)
{
    smalti_workers *workers = remote->workers;
    pthread_mutex_lock(&workers->lock);
    workers->idle[workers->idle_count++] = remote;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
}

/* ---- For one run ---- */

static smalti_result make_job(smalti_workers *workers, const smalti_plan *plan, smalti_error *error)
{
    if (!plan->asked)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "only a plan that is made of a job can run at workers");
    SMALTI__TRY(smalti_job_print(plan->asked, &workers->text, error));
    workers->job_bytes = strlen(workers->text);
    workers->job = memfd_create("smalti-job", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (workers->job < 0 || !smalti__write_all(workers->job, workers->text, workers->job_bytes) ||
        fcntl(workers->job, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        return smalti__fail_errno(error, errno, "the job cannot be handed to workers");
    return SMALTI_OK;
}

static smalti_result make_remotes(smalti_workers *workers, const char *program, smalti_error *error)
{
    workers->program = strdup(program ? program : "smalti");
    workers->remotes = calloc(workers->count, sizeof *workers->remotes);
    workers->idle = calloc(workers->count, sizeof(smalti__remote *));
    if (!workers->program || !workers->remotes || !workers->idle)
        return smalti__fail_nomem(error, workers->count * sizeof *workers->remotes);
    for (uint32_t i = 0; i < workers->count; i++) {
        smalti__remote *remote = &workers->remotes[i];
        remote->workers = workers;
        remote->process.watch = remote->process.socket = remote->blocks.socket = -1;
        workers->idle[workers->idle_count++] = remote;
    }
    return SMALTI_OK;
}

static void free_parts(smalti_workers *workers)
{
    if (workers->job >= 0)
        close(workers->job);
    free(workers->program);
    free(workers->text);
    free(workers->remotes);
    free(workers->idle);
}

/* libavif and libtiff, with what they depend on, take half of a worker's start. Names are a guess: a worker that misses them
 * says so, and another does the task. */
static bool want_libraries(const smalti_plan *plan)
{
    static const char *const formats[] = {"avif", "tiff"}, *const ends[] = {".avif", ".avifs", ".heif", ".tif",
                                                                            ".tiff"};
    if (plan->smallest)
        return true;
    for (size_t v = 0; v < plan->variant_count; v++)
        for (size_t i = 0; plan->variants[v].format && i < SMALTI__COUNT(formats); i++)
            if (!strcmp(plan->variants[v].format->name, formats[i]))
                return true;
    for (size_t i = 0; i < plan->job->input_count; i++) {
        const char *end = strrchr(plan->job->inputs[i].path, '.');
        for (size_t k = 0; end && k < SMALTI__COUNT(ends); k++)
            if (!strcasecmp(end, ends[k]))
                return true;
    }
    return false;
}

smalti_result smalti__workers_open(smalti_workers *workers, const smalti__run *run, smalti_error *error)
{
    pthread_condattr_t attributes;
    workers->run = run;
    workers->text = NULL;
    workers->program = NULL;
    workers->remotes = NULL;
    workers->idle = NULL;
    workers->wanted = NULL;
    workers->told = workers->ending = false;
    workers->libraries = run == &workers->own || want_libraries(run->plan);
    workers->job = -1;
    workers->idle_count = 0;
    workers->count = run->lanes;
    smalti_result result = make_job(workers, run->plan, error);
    if (result == SMALTI_OK)
        result = make_remotes(workers, run->options.worker_program, error);
    if (result < 0) {
        free_parts(workers);
        return result;
    }
    pthread_mutex_init(&workers->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&workers->starter, NULL, start_processes, workers);
    if (!failed)
        return SMALTI_OK;
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free_parts(workers);
    return smalti__fail_errno(error, failed, "no thread to start workers");
}

void smalti__workers_close(smalti_workers *workers)
{
    for (uint32_t i = 0; i < workers->count; i++) {
        smalti__remote_end(&workers->remotes[i], NULL);
        smalti__remote_forget(&workers->remotes[i]);
    }
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    pthread_join(workers->starter, NULL);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free_parts(workers);
}

/* ---- For many runs ---- */

/* All start at the same time. */
static smalti_result start_all(smalti_workers *workers, smalti_error *error)
{
    for (uint32_t i = 0; i < workers->count; i++)
        SMALTI__TRY(smalti__remote_begin(&workers->remotes[i], error));
    for (uint32_t i = 0; i < workers->count; i++)
        SMALTI__TRY(smalti__remote_start(&workers->remotes[i], NULL, error));
    return SMALTI_OK;
}

smalti_result smalti_workers_new(const smalti_plan *plan, const smalti_run_options *options, smalti_workers **workers,
                                 smalti_error *error)
{
    smalti_run_options own = {.size = sizeof own};
    smalti_workers *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    if (options)
        memcpy(&own, options, options->size < sizeof own ? options->size : sizeof own);
    own.size = sizeof own;
    own.at = SMALTI_AT_WORKERS;
    own.cancel = NULL;
    own.event = NULL;
    own.workers = NULL;
    smalti_result result = smalti__run_open(&made->own, plan, &own, SIZE_MAX, error);
    if (result == SMALTI_OK)
        result = smalti__workers_open(made, &made->own, error);
    if (result < 0) {
        smalti__run_close(&made->own);
        free(made);
        return result;
    }
    result = start_all(made, error);
    if (result < 0)
        smalti_workers_free(made);
    else
        *workers = made;
    return result;
}

void smalti_workers_free(smalti_workers *workers)
{
    if (!workers)
        return;
    smalti__workers_close(workers);
    smalti__run_close(&workers->own);
    free(workers);
}

/* The same but for inputs. */
static smalti_result check_job(const smalti_workers *workers, const smalti_plan *plan, smalti_error *error)
{
    SMALTI__CLEANUP_FREE char *text = NULL;
    if (plan->asked == workers->run->plan->asked)
        return SMALTI_OK;
    if (plan->asked)
        SMALTI__TRY(smalti_job_print(plan->asked, &text, error));
    return text && !strcmp(text, workers->text)
               ? SMALTI_OK
               : smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "the workers were started for another job");
}

smalti_result smalti__workers_join(smalti_workers *workers, smalti__run *run, const smalti_plan *plan,
                                   const smalti_run_options *options, smalti_error *error)
{
    smalti_run_options all = *options;
    const smalti__run *theirs = workers->run;
    SMALTI__TRY(check_job(workers, plan, error));
    all.at = SMALTI_AT_WORKERS;
    all.jobs = theirs->options.jobs;
    all.memory_bytes = theirs->options.memory_bytes;
    all.strip_rows = theirs->options.strip_rows;
    SMALTI__TRY(smalti__run_open(run, plan, &all, plan->job->input_count, error));
    smalti__budget_free(run->budget);
    run->budget = theirs->budget;
    run->borrows_budget = true;
    run->tied_bytes = theirs->tied_bytes;
    run->blocks_bytes = theirs->blocks_bytes;
    return SMALTI_OK;
}
