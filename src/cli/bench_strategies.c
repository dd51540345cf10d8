/* SPDX-License-Identifier: Apache-2.0
 * smalti bench strategies: naive, memory and zero-copy side by side on the same images. */
#include "cli/bench.h"
#include "cli/embedded.h"
#include "cli/report.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "filter",
     .kind = CLI_CHOICE,
     .placeholder = "KERNEL",
     .choices = "grayscale|invert",
     .summary = "what to do with the images: grayscale (default) or invert"},
    {.name = "jobs",
     .letter = 'j',
     .kind = CLI_NUMBERS,
     .placeholder = "N,...",
     .min = 1,
     .max = 256,
     .summary = "numbers of workers to try (default 1,2,8)"},
    {.name = "repeat",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 1000,
     .summary = "how often each is run, in turns; medians are shown (default 3)"},
    {.name = "png-effort",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 9,
     .summary = "compression of all PNG files (default 4)"},
    {.name = "json", .summary = "write JSON"},
    {0},
};

static const cli_example examples[] = {
    {"One worker against all processors:", "smalti bench strategies photos -j 1,8"},
    {0},
};

const cli_command cli_bench_strategies = {
    .name = "bench strategies",
    .summary = "compare ways to get pixels through WebAssembly",
    .usage = (const char *const[]){"DIR [OPTION]...", NULL},
    .description =
        "Filters the images of a folder to PNG in three ways and compares time, processor time and bytes moved:\n"
        "naive: tiles of 256x256 as PNG files; each is read back, goes through standard input and output of "
        "a WASI command in a fresh instance, and is saved again; the image is put together from disk.\n"
        "memory: the same with tiles kept in memory.\n"
        "zero-copy: what 'smalti run' does.\n\n"
        "The filter is the same code in all three, and the decoded outputs are checked to be the same. "
        "A worker of the first two takes an image at a time. All PNG files are compressed alike.",
    .options = options,
    .examples = examples,
    .operands = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

enum { MAX_COUNTS = 16 };
static const char *const way_names[BENCH_WAYS] = {"naive", "memory", "zero-copy"};

typedef struct bench_settings {
    uint32_t counts[MAX_COUNTS]; /* of workers */
    size_t count_count;
    uint32_t repeat;
    bool json;
} bench_settings;

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
    int length = snprintf(out, out_size, "%s/%s/%06zu.png", work->folder, way_names[way], index);
    return length < (int)out_size ? SMALTI_OK : cli_fail(error, SMALTI_E_INVALID, "TMPDIR is too long");
}

/* ---- Naive and memory ---- */

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
            result = bench_image_by_tiles(crew->work, crew->way == BENCH_NAIVE, crew->work->inputs[index], folder,
                                          output, &copied, &error);
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
    snprintf(folder, sizeof folder, "%s/%s", work->folder, way_names[BENCH_ZERO_COPY]);
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
        .size = sizeof run_options, .jobs = workers, .event = on_event, .user = (void *)work};
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
                              way_names[a], way_names[b]);
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

static int compare_walls(const void *a, const void *b)
{
    double x = ((const bench_result *)a)->wall_s, y = ((const bench_result *)b)->wall_s;
    return (x > y) - (x < y);
}

/* All ways with one number of workers, in turns; medians by wall time. */
static smalti_result measure_ways(const bench_work *work, uint32_t workers, uint32_t repeat,
                                  bench_result medians[BENCH_WAYS], smalti_error *error)
{
    bench_result *rounds[BENCH_WAYS];
    bench_result *all = calloc((size_t)repeat * BENCH_WAYS, sizeof *all);
    if (!all)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for %u repetitions", repeat);
    for (bench_way way = 0; way < BENCH_WAYS; way++)
        rounds[way] = all + way * repeat;
    smalti_result result = SMALTI_OK;
    for (uint32_t round = 0; result == SMALTI_OK && round < repeat; round++) {
        for (bench_way way = 0; result == SMALTI_OK && way < BENCH_WAYS; way++)
            result = measure(work, way, workers, &rounds[way][round], error);
        if (result == SMALTI_OK)
            result = check_round(work, error);
    }
    for (bench_way way = 0; result == SMALTI_OK && way < BENCH_WAYS; way++) {
        qsort(rounds[way], repeat, sizeof *rounds[way], compare_walls);
        medians[way] = rounds[way][repeat / 2];
    }
    free(all);
    return result;
}

/* ---- Reports ---- */

static void print_rows(uint32_t workers, const bench_result medians[BENCH_WAYS])
{
    for (bench_way way = 0; way < BENCH_WAYS; way++) {
        char copied[32];
        printf("%7u  %-9s  %9.3f  %9.3f  %10s  %8.1fx  %8.1fx\n", workers, way_names[way], medians[way].wall_s,
               medians[way].cpu_s, cli_bytes_text(medians[way].copied_bytes, copied, sizeof copied),
               medians[BENCH_NAIVE].wall_s / medians[way].wall_s, medians[BENCH_MEMORY].wall_s / medians[way].wall_s);
    }
}

static void write_rows(cli_json *json, uint32_t workers, const bench_result medians[BENCH_WAYS])
{
    for (bench_way way = 0; way < BENCH_WAYS; way++) {
        cli_json_open(json, NULL, '{');
        cli_json_number(json, "workers", workers);
        cli_json_text(json, "way", way_names[way]);
        cli_json_real(json, "wall_s", medians[way].wall_s);
        cli_json_real(json, "cpu_s", medians[way].cpu_s);
        cli_json_number(json, "copied_bytes", medians[way].copied_bytes);
        cli_json_real(json, "speed_vs_naive", medians[BENCH_NAIVE].wall_s / medians[way].wall_s);
        cli_json_real(json, "speed_vs_memory", medians[BENCH_MEMORY].wall_s / medians[way].wall_s);
        cli_json_close(json, '}');
    }
}

static smalti_result compare(const bench_work *work, const bench_settings *settings, smalti_error *error)
{
    cli_json json = {.out = stdout};
    bench_result medians[BENCH_WAYS];
    smalti_result result = SMALTI_OK;
    if (settings->json) {
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "filter", work->filter);
        cli_json_number(&json, "images", work->input_count);
        cli_json_number(&json, "pixels", work->pixels);
        cli_json_number(&json, "png_effort", work->effort);
        cli_json_number(&json, "repeat", settings->repeat);
        cli_json_open(&json, "results", '[');
    } else {
        printf("%zu images, %.1f megapixels, %s, PNG effort %u, medians of %u\n\n", work->input_count,
               (double)work->pixels / 1e6, work->filter, work->effort, settings->repeat);
        printf("workers  way           wall s      cpu s       moved   vs naive  vs memory\n");
    }
    for (size_t i = 0; result == SMALTI_OK && i < settings->count_count; i++) {
        result = measure_ways(work, settings->counts[i], settings->repeat, medians, error);
        if (result == SMALTI_OK && settings->json)
            write_rows(&json, settings->counts[i], medians);
        else if (result == SMALTI_OK)
            print_rows(settings->counts[i], medians);
        fflush(stdout);
    }
    if (settings->json) {
        cli_json_close(&json, ']');
        cli_json_bool(&json, "same_pixels", result == SMALTI_OK);
        cli_json_close(&json, '}');
        putchar('\n');
    } else if (result == SMALTI_OK) {
        printf("\nAll ways gave the same pixels.\n");
    }
    return result;
}

/* ---- Preparation ---- */

static smalti_result find_inputs(bench_work *work, const char *folder, smalti_error *error)
{
    smalti_job *job;
    smalti_result result = smalti_job_new(&job, error);
    if (result < 0)
        return result;
    result = smalti_job_input_expand(job, folder, false, error);
    size_t count = result == SMALTI_OK ? smalti_job_input_count(job) : 0;
    work->inputs = calloc(count + 1, sizeof *work->inputs);
    for (size_t i = 0; work->inputs && i < count; i++) {
        smalti_info info;
        work->inputs[i] = strdup(smalti_job_input_name(job, i));
        work->input_count++;
        if (!work->inputs[i])
            result = cli_fail(error, SMALTI_E_NOMEM, "no memory for names");
        if (result == SMALTI_OK)
            result = smalti_info_read(work->inputs[i], &info, error);
        if (result < 0)
            break;
        work->pixels += (uint64_t)info.width * info.height;
    }
    smalti_job_free(job);
    return work->inputs ? result : cli_fail(error, SMALTI_E_NOMEM, "no memory for names");
}

static smalti_result load_modules(bench_work *work, smalti_error *error)
{
    smalti_result result = smalti_kernel_load(work->filter, NULL, &work->kernel, error);
    for (const cli_embedded *module = cli_bench_modules; result == SMALTI_OK && module->name; module++)
        if (!strcmp(module->name, work->filter))
            return smalti_kernel_load_memory(module->data, module->size, "the WASI command", NULL, &work->command,
                                             error);
    return result < 0 ? result : cli_fail(error, SMALTI_E_UNSUPPORTED, "no WASI command for %s", work->filter);
}

static smalti_result make_folders(bench_work *work, smalti_error *error)
{
    const char *parent = getenv("TMPDIR");
    work->folder = cli_join(parent && *parent ? parent : "/tmp", "smalti-bench-XXXXXX");
    if (!work->folder || !mkdtemp(work->folder)) {
        free(work->folder);
        work->folder = NULL;
        return cli_fail_errno(error, "cannot make a folder for temporary files");
    }
    for (bench_way way = 0; way < BENCH_WAYS; way++) {
        char *path = cli_join(work->folder, way_names[way]);
        bool made = path && mkdir(path, 0700) == 0;
        free(path);
        if (!made)
            return cli_fail_errno(error, "%s: cannot make folders in it", work->folder);
    }
    return SMALTI_OK;
}

static void clear(bench_work *work)
{
    for (size_t i = 0; i < work->input_count; i++)
        free(work->inputs[i]);
    free(work->inputs);
    smalti_kernel_unref(work->kernel);
    smalti_kernel_unref(work->command);
    if (work->folder)
        bench_remove(work->folder);
    free(work->folder);
}

static smalti_result read_settings(const cli_arguments *arguments, bench_settings *settings, smalti_error *error)
{
    settings->json = cli_given(arguments, "json");
    settings->repeat = (uint32_t)cli_number(arguments, "repeat", 3);
    for (const char *p = cli_text(arguments, "jobs", "1,2,8"); p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (settings->count_count == MAX_COUNTS)
            return cli_fail(error, SMALTI_E_INVALID_RANGE, "--jobs: more than %d numbers", MAX_COUNTS);
        settings->counts[settings->count_count++] = (uint32_t)strtoul(p, NULL, 10);
    }
    return SMALTI_OK;
}

static int run(const cli_arguments *arguments)
{
    bench_work work = {.filter = cli_text(arguments, "filter", "grayscale"),
                       .effort = (uint32_t)cli_number(arguments, "png-effort", 4)};
    bench_settings settings = {0};
    smalti_error error;
    smalti_result result = read_settings(arguments, &settings, &error);
    if (result == SMALTI_OK)
        result = load_modules(&work, &error);
    if (result == SMALTI_OK)
        result = find_inputs(&work, arguments->operands[0], &error);
    if (result == SMALTI_OK)
        result = make_folders(&work, &error);
    if (result == SMALTI_OK)
        result = compare(&work, &settings, &error);
    int code = result < 0 ? cli_complain(&error) : 0;
    clear(&work);
    return code;
}
