/* SPDX-License-Identifier: Apache-2.0
 * smalti bench strategies: the classic ways and zero-copy side by side on the same images. */
#include "cli/bench.h"
#include "cli/embedded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
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
     .summary = "numbers of workers to try (default 1, the number of processors, and 8)"},
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
     .summary = "compression of the PNG files that the host writes (default 4)"},
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
        "Filters the images of a folder to PNG in four ways and compares time, processor time and bytes moved:\n"
        "naive: what pipelines over WASI commands do. Tiles of 256x256 are saved as PNG files; each file is fed to the "
        "standard input of an image filter compiled to WASI, in a fresh instance; the filter decodes it, filters, and "
        "encodes PNG to its standard output, which is saved as a file; the image is put together from these files.\n"
        "memory: the same with the tiles' PNG kept in memory.\n"
        "memory, raw: the classic way at its strongest: tiles in memory, and a command that reads and writes bare "
        "pixels, so that it needs no codecs.\n"
        "zero-copy: what 'smalti run' does.\n\n"
        "The filter is the same code in all four, and the decoded outputs are checked to be the same. "
        "A worker of the first three takes an image at a time. PNG files that the host writes are compressed alike; "
        "the codecs inside the WASI filter are stb_image and stb_image_write with their defaults.\n\n"
        "Bytes moved are pixels and encoded tiles that are copied: cut out of an image and put together again, written "
        "to and read from tile files, into a module's memory and out of it; for zero-copy: rows copied or "
        "converted, with halos. What codecs do inside is not counted, nor is reading the inputs and writing the "
        "outputs. Images must have 8 bits for each sample.",
    .options = options,
    .examples = examples,
    .operands = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

enum { MAX_COUNTS = 16 };

typedef struct bench_settings {
    uint32_t counts[MAX_COUNTS]; /* of workers */
    size_t count_count;
    uint32_t repeat;
    bool json;
} bench_settings;

/* ---- Measuring ---- */

static int compare_walls(const void *a, const void *b)
{
    double x = ((const bench_result *)a)->wall_s, y = ((const bench_result *)b)->wall_s;
    return (x > y) - (x < y);
}

/* Rounds of all ways with all numbers of workers, so that a machine's moods hit all alike; medians by wall time. */
static smalti_result measure(const bench_work *work, const bench_settings *settings, bench_result medians[][BENCH_WAYS],
                             smalti_error *error)
{
    const size_t repeat = settings->repeat, cells = settings->count_count * BENCH_WAYS;
    bench_result round[BENCH_WAYS], *all = calloc(cells * repeat, sizeof *all);
    if (!all)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for %zu repetitions", repeat);
    smalti_result result = SMALTI_OK;
    for (size_t i = 0; result == SMALTI_OK && i < repeat * settings->count_count; i++) {
        size_t count = i % settings->count_count;
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\rround %zu of %zu ", i + 1, repeat * settings->count_count);
        result = bench_round(work, settings->counts[count], round, error);
        for (bench_way way = 0; result == SMALTI_OK && way < BENCH_WAYS; way++)
            all[(count * BENCH_WAYS + way) * repeat + i / settings->count_count] = round[way];
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    for (size_t i = 0; result == SMALTI_OK && i < cells; i++) {
        qsort(all + i * repeat, repeat, sizeof *all, compare_walls);
        medians[i / BENCH_WAYS][i % BENCH_WAYS] = all[i * repeat + repeat / 2];
    }
    free(all);
    return result;
}

/* ---- Reports ---- */

static double wall_of(const bench_settings *settings, bench_result medians[][BENCH_WAYS], uint32_t workers,
                      bench_way way)
{
    for (size_t i = 0; i < settings->count_count; i++)
        if (settings->counts[i] == workers)
            return medians[i][way].wall_s;
    return NAN; /* not measured */
}

/* How much faster zero-copy is than another way with one worker. */
static double speed_over(const bench_settings *settings, bench_result medians[][BENCH_WAYS], bench_way way)
{
    return wall_of(settings, medians, 1, way) / wall_of(settings, medians, 1, BENCH_ZERO_COPY);
}

static double time_of_eight(const bench_settings *settings, bench_result medians[][BENCH_WAYS])
{
    return wall_of(settings, medians, 8, BENCH_ZERO_COPY) /
           wall_of(settings, medians, cli_processors(), BENCH_ZERO_COPY);
}

static void print_table(const bench_work *work, const bench_settings *settings, bench_result medians[][BENCH_WAYS])
{
    static const char *const promises[BENCH_WAYS] = {" (goal: 5 or more)", " (goal: 3 or more)", ""};
    printf("%zu images, %.1f megapixels, %s, PNG effort %u, medians of %u\n\n", work->input_count,
           (double)work->pixels / 1e6, work->filter, work->effort, settings->repeat);
    printf("workers  way             wall s      cpu s       moved   vs naive  vs memory\n");
    for (size_t i = 0; i < settings->count_count; i++)
        for (bench_way way = 0; way < BENCH_WAYS; way++) {
            const bench_result *row = medians[i];
            char copied[32];
            printf("%7u  %-11s  %9.3f  %9.3f  %10s  %8.1fx  %8.1fx\n", settings->counts[i], bench_way_names[way],
                   row[way].wall_s, row[way].cpu_s, cli_bytes_text(row[way].copied_bytes, copied, sizeof copied),
                   row[BENCH_NAIVE].wall_s / row[way].wall_s, row[BENCH_MEMORY].wall_s / row[way].wall_s);
        }
    printf("\nAll ways gave the same pixels.\n");
    for (bench_way way = 0; way < BENCH_ZERO_COPY; way++)
        if (isfinite(speed_over(settings, medians, way)))
            printf("zero-copy against %s, 1 worker: %.1f × as fast%s\n", bench_way_names[way],
                   speed_over(settings, medians, way), promises[way]);
    if (cli_processors() != 8 && isfinite(time_of_eight(settings, medians)))
        printf("zero-copy, 8 workers: %.2f × the time of %u (goal: no slower)\n", time_of_eight(settings, medians),
               cli_processors());
}

static void write_table(const bench_work *work, const bench_settings *settings, bench_result medians[][BENCH_WAYS])
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "filter", work->filter);
    cli_json_number(&json, "images", work->input_count);
    cli_json_number(&json, "pixels", work->pixels);
    cli_json_number(&json, "png_effort", work->effort);
    cli_json_number(&json, "repeat", settings->repeat);
    cli_json_open(&json, "results", '[');
    for (size_t i = 0; i < settings->count_count; i++)
        for (bench_way way = 0; way < BENCH_WAYS; way++) {
            const bench_result *row = medians[i];
            cli_json_open(&json, NULL, '{');
            cli_json_number(&json, "workers", settings->counts[i]);
            cli_json_text(&json, "way", bench_way_names[way]);
            cli_json_real(&json, "wall_s", row[way].wall_s);
            cli_json_real(&json, "cpu_s", row[way].cpu_s);
            cli_json_number(&json, "copied_bytes", row[way].copied_bytes);
            cli_json_real(&json, "speed_vs_naive", row[BENCH_NAIVE].wall_s / row[way].wall_s);
            cli_json_real(&json, "speed_vs_memory", row[BENCH_MEMORY].wall_s / row[way].wall_s);
            cli_json_close(&json, '}');
        }
    cli_json_close(&json, ']');
    cli_json_bool(&json, "same_pixels", true); /* else it is an error */
    cli_json_number(&json, "processors", cli_processors());
    cli_json_real(&json, "zero_copy_vs_naive", speed_over(settings, medians, BENCH_NAIVE));
    cli_json_real(&json, "zero_copy_vs_memory", speed_over(settings, medians, BENCH_MEMORY));
    cli_json_real(&json, "zero_copy_vs_memory_raw", speed_over(settings, medians, BENCH_RAW));
    cli_json_real(&json, "zero_copy_8_workers_time", time_of_eight(settings, medians));
    cli_json_close(&json, '}');
    putchar('\n');
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
        if (info.sample != SMALTI_SAMPLE_U8) {
            result =
                cli_fail(error, SMALTI_E_UNSUPPORTED, "%s: samples of %u bits; the ways by tiles are for 8 bits only",
                         work->inputs[i], info.bit_depth);
            break;
        }
        work->pixels += (uint64_t)info.width * info.height;
    }
    smalti_job_free(job);
    return work->inputs ? result : cli_fail(error, SMALTI_E_NOMEM, "no memory for names");
}

static smalti_result load_command(const bench_work *work, const char *kind, smalti_kernel **kernel, smalti_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s", kind, work->filter);
    for (const cli_embedded *module = cli_bench_modules; module->name; module++)
        if (!strcmp(module->name, name))
            return smalti_kernel_load_memory(module->data, module->size, name, NULL, kernel, error);
    return cli_fail(error, SMALTI_E_UNSUPPORTED, "no WASI command for %s", work->filter);
}

static smalti_result load_modules(bench_work *work, smalti_error *error)
{
    smalti_result result = smalti_kernel_load(work->filter, NULL, &work->kernel, error);
    if (result == SMALTI_OK)
        result = load_command(work, "classic", &work->classic, error);
    if (result == SMALTI_OK)
        result = load_command(work, "raw", &work->raw, error);
    return result;
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
        char *path = cli_join(work->folder, bench_way_names[way]);
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
    smalti_kernel_unref(work->classic);
    smalti_kernel_unref(work->raw);
    if (work->folder)
        bench_remove(work->folder);
    free(work->folder);
}

static smalti_result read_settings(const cli_arguments *arguments, bench_settings *settings, smalti_error *error)
{
    settings->json = cli_given(arguments, "json");
    settings->repeat = (uint32_t)cli_number(arguments, "repeat", 3);
    char counts[32];
    snprintf(counts, sizeof counts, cli_processors() == 1 || cli_processors() == 8 ? "1,8" : "1,%u,8",
             cli_processors());
    for (const char *p = cli_text(arguments, "jobs", counts); p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
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
    bench_result medians[MAX_COUNTS][BENCH_WAYS];
    smalti_error error;
    smalti_result result = read_settings(arguments, &settings, &error);
    if (result == SMALTI_OK)
        result = load_modules(&work, &error);
    if (result == SMALTI_OK)
        result = find_inputs(&work, arguments->operands[0], &error);
    if (result == SMALTI_OK)
        result = make_folders(&work, &error);
    if (result == SMALTI_OK)
        result = measure(&work, &settings, medians, &error);
    if (result == SMALTI_OK && settings.json)
        write_table(&work, &settings, medians);
    else if (result == SMALTI_OK)
        print_table(&work, &settings, medians);
    int code = result < 0 ? cli_complain(&error) : 0;
    clear(&work);
    return code;
}
