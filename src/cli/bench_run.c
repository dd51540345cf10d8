/* SPDX-License-Identifier: Apache-2.0
 * Runs the ways that `smalti bench strategies` compares, checks that they give the same pixels, and measures them. */
#include "cli/bench.h"
#include "cli/report.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const bench_way_names[BENCH_WAYS] = {"naive", "memory", "memory, raw", "zero-copy"};

/* ---- Files ---- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    remove(path);
    return 0;
}

void bench_remove(const char *folder)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* FOLDER/WAY/NUMBER.png: all ways name their outputs alike. */
static smalti_result output_path(const bench_work *work, bench_way way, size_t index, char *out, size_t out_size,
                                 smalti_error *error)
{
    int length = snprintf(out, out_size, "%s/%s/%06zu.png", work->folder, bench_way_names[way], index);
    return length < (int)out_size ? SMALTI_OK : cli_fail(error, SMALTI_E_INVALID, "TMPDIR is too long");
}

/* ---- By tiles ---- */

typedef struct bench_crew {
    const bench_work *work;
    bench_way way;
    atomic_size_t next;
    atomic_uint_fast64_t copied;
    atomic_bool failed;
    pthread_mutex_t lock; /* guards error */
    smalti_error error;
} bench_crew;

static void *worker(void *argument)
{
    bench_crew *crew = argument;
    char folder[4096], output[4200];
    uint64_t copied = 0;
    smalti_error error;
    smalti_result result = SMALTI_OK;
    snprintf(folder, sizeof folder, "%s/tiles-XXXXXX", crew->work->folder);
    if (!mkdtemp(folder))
        result = cli_fail_errno(&error, "%s: cannot make the folder", folder);
    while (result == SMALTI_OK && !crew->failed) {
        size_t index = crew->next++;
        if (index >= crew->work->input_count)
            break;
        result = output_path(crew->work, crew->way, index, output, sizeof output, &error);
        if (result == SMALTI_OK)
            result =
                bench_image_by_tiles(crew->work, crew->way, crew->work->inputs[index], folder, output, &copied, &error);
    }
    bench_remove(folder);
    crew->copied += copied;
    if (result < 0) {
        pthread_mutex_lock(&crew->lock);
        crew->error = error;
        crew->failed = true;
        pthread_mutex_unlock(&crew->lock);
    }
    return NULL;
}

static smalti_result run_by_tiles(const bench_work *work, bench_way way, uint32_t workers, uint64_t *copied,
                                  smalti_error *error)
{
    bench_crew crew = {.work = work, .way = way, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t *threads = calloc(workers, sizeof *threads);
    if (!threads)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for %u workers", workers);
    uint32_t started = 0;
    while (started < workers && pthread_create(&threads[started], NULL, worker, &crew) == 0)
        started++;
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    *copied = crew.copied;
    if (started < workers)
        return cli_fail(error, SMALTI_E_IO, "cannot start %u threads", workers);
    if (crew.failed)
        *error = crew.error;
    return crew.failed ? error->code : SMALTI_OK;
}

/* ---- Zero-copy ---- */

/* Gives an output the name that the other ways give it. */
static void on_event(void *user, const smalti_event *event)
{
    const bench_work *work = user;
    char path[4200];
    smalti_error error;
    if (event->kind == SMALTI_EVENT_DONE && event->output &&
        output_path(work, BENCH_ZERO_COPY, event->task, path, sizeof path, &error) == SMALTI_OK)
        rename(event->output, path);
}

static smalti_result make_plan(const bench_work *work, smalti_plan **plan, smalti_error *error)
{
    char folder[4200], effort[16];
    smalti_job *job = NULL;
    snprintf(folder, sizeof folder, "%s/%s", work->folder, bench_way_names[BENCH_ZERO_COPY]);
    snprintf(effort, sizeof effort, "%u", work->effort);
    const struct {
        const char *key, *value;
    } keys[] = {
        {"output.dir", folder}, {"output.format", "png"}, {"output.png_effort", effort}, {"output.overwrite", "true"}};
    smalti_result result = smalti_job_new(&job, error);
    for (size_t i = 0; result == SMALTI_OK && i < work->input_count; i++)
        result = smalti_job_input_add(job, work->inputs[i], error);
    if (result == SMALTI_OK)
        result = smalti_job_kernel_add(job, work->filter, NULL, error);
    for (size_t i = 0; result == SMALTI_OK && i < CLI_COUNT(keys); i++)
        result = smalti_job_set(job, keys[i].key, keys[i].value, error);
    if (result == SMALTI_OK)
        result = smalti_plan_new(job, plan, error);
    smalti_job_free(job);
    return result;
}

static smalti_result run_zero_copy(const bench_work *work, uint32_t workers, uint64_t *copied, smalti_error *error)
{
    smalti_plan *plan;
    smalti_stats stats = {.size = sizeof stats};
    const smalti_run_options run_options = {
        .size = sizeof run_options, .jobs = cli_lanes(workers), .event = on_event, .user = (void *)work};
    smalti_result result = make_plan(work, &plan, error);
    if (result < 0)
        return result;
    result = smalti_plan_run(plan, &run_options, &stats, error);
    smalti_plan_free(plan);
    *copied = stats.copied_bytes + stats.converted_bytes + stats.halo_bytes;
    return result;
}

/* ---- Measuring ---- */

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static smalti_result measure(const bench_work *work, bench_way way, uint32_t workers, bench_result *measured,
                             smalti_error *error)
{
    uint64_t wall = cli_now_ns();
    double cpu = cpu_seconds();
    smalti_result result = way == BENCH_ZERO_COPY ? run_zero_copy(work, workers, &measured->copied_bytes, error)
                                                  : run_by_tiles(work, way, workers, &measured->copied_bytes, error);
    measured->cpu_s = cpu_seconds() - cpu;
    measured->wall_s = (double)(cli_now_ns() - wall) / 1e9;
    return result;
}

static smalti_result same_pixels(const bench_work *work, bench_way a, bench_way b, size_t index, smalti_error *error)
{
    char path_a[4200], path_b[4200];
    smalti_image image_a = {0}, image_b = {0};
    smalti_result result = output_path(work, a, index, path_a, sizeof path_a, error);
    if (result == SMALTI_OK)
        result = output_path(work, b, index, path_b, sizeof path_b, error);
    if (result == SMALTI_OK)
        result = smalti_image_read(path_a, &image_a, error);
    if (result == SMALTI_OK)
        result = smalti_image_read(path_b, &image_b, error);
    if (result == SMALTI_OK) {
        size_t row = image_a.width * image_a.channels * smalti_sample_bytes(image_a.sample);
        bool same = image_a.width == image_b.width && image_a.height == image_b.height &&
                    image_a.channels == image_b.channels && image_a.sample == image_b.sample;
        for (uint32_t y = 0; same && y < image_a.height; y++)
            same = !memcmp((char *)image_a.data + y * image_a.pitch, (char *)image_b.data + y * image_b.pitch, row);
        if (!same)
            result = cli_fail(error, SMALTI_E_KERNEL, "%s: %s and %s give different pixels", work->inputs[index],
                              bench_way_names[a], bench_way_names[b]);
    }
    smalti_image_free(&image_a);
    smalti_image_free(&image_b);
    return result;
}

/* After a round: compares the outputs of all ways and removes them, so that the next round makes its own. */
static smalti_result check_round(const bench_work *work, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    for (size_t i = 0; result == SMALTI_OK && i < work->input_count; i++)
        for (bench_way way = BENCH_MEMORY; result == SMALTI_OK && way < BENCH_WAYS; way++)
            result = same_pixels(work, BENCH_NAIVE, way, i, error);
    for (bench_way way = 0; way < BENCH_WAYS; way++)
        for (size_t i = 0; i < work->input_count; i++) {
            char path[4200];
            smalti_error ignored;
            if (output_path(work, way, i, path, sizeof path, &ignored) == SMALTI_OK)
                unlink(path);
        }
    return result;
}

smalti_result bench_round(const bench_work *work, uint32_t workers, bench_result measured[BENCH_WAYS],
                          smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    for (bench_way way = 0; result == SMALTI_OK && way < BENCH_WAYS; way++)
        result = measure(work, way, workers, &measured[way], error);
    return result == SMALTI_OK ? check_round(work, error) : result;
}
