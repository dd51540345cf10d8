/* SPDX-License-Identifier: Apache-2.0
 * smalti bench exr: ways to read headers side by side, and other tools, on one's own files. */
#include "cli/bench_exr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "make",
     .kind = CLI_CHOICE,
     .placeholder = "SET",
     .choices = "small|medium|large|mixed|manifest",
     .summary =
         "first make a set in FOLDER: files of 36 kB with 28 channels, of 16.6 MB, of 100 MB with 54 channels, some "
         "of each, or with a Cryptomatte manifest of 30 MB"},
    {.name = "count",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 1000000,
     .summary = "files to make (default 100)"},
    {.name = "rounds",
     .kind = CLI_NUMBER,
     .placeholder = "N",
     .min = 1,
     .max = 100,
     .summary = "rounds, of which medians are told (default 5)"},
    {.name = "no-cold", .summary = "leave out the runs with a cold cache"},
    {.name = "no-whole", .summary = "leave out reading whole files"},
    {.name = "no-peers", .summary = "leave out other tools"},
    {.name = "json", .summary = "write JSON"},
    {.name = "page", .kind = CLI_FILE, .placeholder = "FILE", .summary = "write a page with plots, too"},
    {0},
};

static const cli_example examples[] = {
    {"Ten thousand small files:", "smalti bench exr set --make small --count 10000"},
    {"Your own:", "smalti bench exr renders --page bench.html"},
    {0},
};

const cli_command cli_bench_exr = {
    .name = "bench exr",
    .summary = "compare ways to read OpenEXR headers",
    .usage = (const char *const[]){"FOLDER [OPTION]...", NULL},
    .description =
        "Reads the headers of all EXR files below FOLDER in several ways, one after the other, each in a process of "
        "its "
        "own: whole files, OpenEXRCore, smalti's parser over a map, smalti's reader, 16 of those in flight, and the "
        "structural check; with a warm cache and with a cold one (the files' pages are dropped). Then whole commands, "
        "where they are installed: smalti, exrinfo, exrheader, iinfo, oiiotool, ImageMagick. Slow ones are given fewer "
        "files.",
    .options = options,
    .examples = examples,
    .operands = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

enum { ROUNDS_MOST = 100 };

/* ---- Medians ---- */

static int compare_measures(const void *a, const void *b)
{
    double x = ((const bench_measure *)a)->wall_s, y = ((const bench_measure *)b)->wall_s;
    return (x > y) - (x < y);
}

/* The run whose time is in the middle. */
static bench_measure median(bench_measure *measures, size_t count)
{
    if (!count)
        return (bench_measure){0};
    qsort(measures, count, sizeof *measures, compare_measures);
    return measures[count / 2];
}

/* ---- Rounds ---- */

typedef struct bench_rounds {
    uint64_t rounds;
    bool cold, whole, peers;
    bench_measure levels[2][BENCH_LEVELS][ROUNDS_MOST]; /* warm, cold */
    bench_measure commands[BENCH_PEERS][ROUNDS_MOST];
    size_t level_count[2][BENCH_LEVELS], command_count[BENCH_PEERS];
} bench_rounds;

static smalti_result run_levels(bench_rounds *rounds, const exr_files *files, bool cold, smalti_error *error)
{
    for (bench_level level = BENCH_WHOLE; level < BENCH_LEVELS; level++) {
        /* pages that whole files brought in would make the next ones warm: they are dropped each time */
        if (level == BENCH_WHOLE && !rounds->whole)
            continue;
        size_t *count = &rounds->level_count[cold][level];
        smalti_result result = bench_level_run(level, files, cold, &rounds->levels[cold][level][*count], error);
        if (result < 0)
            return result;
        ++*count;
    }
    return SMALTI_OK;
}

static smalti_result run_rounds(bench_rounds *rounds, const exr_files *files, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    bench_measure first;
    for (int level = BENCH_CHECK; level >= BENCH_LIBRARY && result == SMALTI_OK; level--) /* makes the cache warm */
        result = bench_level_run((bench_level)level, files, false, &first, error);
    for (uint64_t round = 0; round < rounds->rounds && result == SMALTI_OK; round++) {
        result = run_levels(rounds, files, false, error);
        for (size_t i = 0; i < BENCH_PEERS && rounds->peers && result == SMALTI_OK; i++) {
            /* slow ones once or twice */
            bool slow = i > 1 && round > 0 && rounds->commands[i][0].wall_s > 20;
            if (slow || !bench_peer_is_there(&bench_peers[i]))
                continue;
            result = bench_peer_run(&bench_peers[i], files, &rounds->commands[i][rounds->command_count[i]], error);
            rounds->command_count[i]++;
        }
    }
    for (uint64_t round = 0; round < rounds->rounds && rounds->cold && result == SMALTI_OK; round++)
        result = run_levels(rounds, files, true, error);
    return result;
}

static void take_medians(bench_rounds *rounds, bench_exr_results *results)
{
    for (size_t i = 0; i < BENCH_LEVELS; i++) {
        results->warm[i] = median(rounds->levels[0][i], rounds->level_count[0][i]);
        results->cold[i] = median(rounds->levels[1][i], rounds->level_count[1][i]);
    }
    for (size_t i = 0; i < BENCH_PEERS; i++)
        results->peers[i] = median(rounds->commands[i], rounds->command_count[i]);
}

/* ---- The command ---- */

static smalti_result measure_all(const cli_arguments *arguments, bench_exr_results *results, smalti_error *error)
{
    exr_files files = {0};
    smalti_result result = exr_files_add(&files, arguments->operands[0], true, error);
    if (result == SMALTI_OK && !files.count)
        result = cli_fail(error, SMALTI_E_INVALID, "%s: no EXR files there: see --make", arguments->operands[0]);
    bench_rounds *rounds = result == SMALTI_OK ? calloc(1, sizeof *rounds) : NULL;
    if (result == SMALTI_OK && !rounds)
        result = cli_fail(error, SMALTI_E_NOMEM, "no memory for the rounds");
    for (size_t i = 0; i < files.count; i++) {
        struct stat status;
        results->bytes += stat(files.paths[i], &status) == 0 ? (uint64_t)status.st_size : 0;
    }
    results->files = files.count;
    if (result == SMALTI_OK) {
        results->rounds = rounds->rounds = cli_number(arguments, "rounds", 5);
        rounds->cold = !cli_given(arguments, "no-cold");
        rounds->whole = !cli_given(arguments, "no-whole");
        rounds->peers = !cli_given(arguments, "no-peers");
        result = run_rounds(rounds, &files, error);
        take_medians(rounds, results);
    }
    free(rounds);
    exr_files_clear(&files);
    return result;
}

static int run(const cli_arguments *arguments)
{
    smalti_error error;
    bench_exr_results results = {0};
    const char *kind = cli_text(arguments, "make", NULL), *page = cli_text(arguments, "page", NULL);
    smalti_result result = SMALTI_OK;
    if (kind)
        result = bench_exr_make(arguments->operands[0], kind, cli_number(arguments, "count", 100), &error);
    if (result == SMALTI_OK)
        result = measure_all(arguments, &results, &error);
    if (result == SMALTI_OK && page)
        result = bench_exr_page(&results, page, &error);
    if (result < 0)
        return cli_complain(&error);
    if (cli_given(arguments, "json")) {
        bench_exr_json(&results, &(cli_json){.out = stdout});
        putchar('\n');
    } else {
        bench_exr_text(&results);
    }
    return 0;
}
