/* SPDX-License-Identifier: Apache-2.0
 * bench-tax: what the sandbox costs a whole job. The same PNG → kernel → PNG batch with the kernel as WebAssembly and with
 * its source compiled into this program, through the same plan, in turn; every output file must be the same. */
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "native_kernels.h"
#include "pipeline/plan.h"

enum { PICTURES = 8, WIDTH = 768, HEIGHT = 512, CHANNELS = 3, ROUNDS_MOST = 1000, JOBS_MOST = 64 };
static const char *const default_kernels[] = {"grayscale", "gaussian-blur", "sharpen", "convolve3x3", "median"};

static void must(smalti_result result, const smalti_error *error)
{
    if (result < 0) {
        fprintf(stderr, "bench-tax: %s\n", error->message);
        exit(1);
    }
}

/* ---- files ---- */

static char folder[PATH_MAX];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/smalti-tax-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
    atexit(remove_folder);
}

/* As a photograph: soft shapes with a grain that differs from area to area, so that PNG has as much work with it. */
static void paint(const smalti_image *image, uint32_t seed)
{
    for (uint32_t y = 0; y < image->height; y++) {
        uint8_t *row = (uint8_t *)image->data + y * image->pitch;
        for (uint32_t i = 0; i < image->width * CHANNELS; i++) {
            double x = i / CHANNELS, tone = i % CHANNELS + seed;
            double shape = sin(x * 0.013 + tone) * cos(y * 0.019 - seed) + 0.4 * sin((x + y) * 0.05 * seed);
            uint32_t grain = (seed * 977 + y * 131071 + i) * 2654435761u >> 16;
            grain = (grain * grain >> 3) % (4 + (i / 300 + y / 90) % 3 * 6);
            row[i] = (uint8_t)(120 + 75 * shape + grain);
        }
    }
}

/* The name of a folder with pictures to work on. */
static const char *make_pictures(void)
{
    static char inputs[PATH_MAX + 8];
    smalti_error error;
    smalti_image image = {.width = WIDTH, .height = HEIGHT, .channels = CHANNELS, .sample = SMALTI_SAMPLE_U8};
    snprintf(inputs, sizeof inputs, "%s/in", folder);
    if (mkdir(inputs, 0777)) {
        perror(inputs);
        exit(1);
    }
    must(smalti_image_alloc(&image, &error), &error);
    for (uint32_t i = 1; i <= PICTURES; i++) {
        char path[PATH_MAX + 32];
        snprintf(path, sizeof path, "%s/%02u.png", inputs, i);
        paint(&image, i);
        must(smalti_image_write(&image, path, NULL, &error), &error);
    }
    smalti_image_free(&image);
    return inputs;
}

static bool same_file(const char *a, const char *b)
{
    FILE *files[] = {fopen(a, "rb"), fopen(b, "rb")};
    bool same = files[0] && files[1];
    for (int byte = 0; same && byte != EOF;) {
        byte = getc_unlocked(files[0]);
        same = getc_unlocked(files[1]) == byte;
    }
    for (int i = 0; i < 2; i++)
        if (files[i])
            fclose(files[i]);
    return same;
}

/* ---- runs ---- */

/* One variant of a job, with what its runs took. */
struct way {
    smalti_plan *plan;
    double *cpu, *wall, *kernel_share; /* of each round: seconds, and kernels with their instances in the tasks' time */
};

static void open_way(struct way *way, const struct subject *subject, int variant, const char *inputs, int rounds)
{
    smalti_error error;
    smalti_job *job;
    char out[PATH_MAX + 16];
    snprintf(out, sizeof out, "%s/%s", folder, variant_names[variant]);
    must(smalti_job_new(&job, &error), &error);
    must(smalti_job_input_expand(job, inputs, false, &error), &error);
    must(smalti_job_kernel_add(job, subject->name, subject->params, &error), &error);
    must(smalti_job_set(job, "output.dir", out, &error), &error);
    must(smalti_job_set(job, "output.format", "png", &error), &error);
    must(smalti_plan_new(job, &way->plan, &error), &error);
    smalti_job_free(job);
    if (variant != WASM) {
        smalti__kernel_step *step = way->plan->steps[0].prepared;
        smalti_kernel_unref(step->kernel);
        step->kernel = NULL;
        must(smalti__kernel_load_native(subject->descriptor, &subject->native[variant], &step->kernel, &error), &error);
    }
    way->cpu = calloc(3 * (size_t)rounds, sizeof *way->cpu);
    if (!way->cpu)
        must(smalti__fail_nomem(&error, 3 * (size_t)rounds * sizeof *way->cpu), &error);
    way->wall = way->cpu + rounds;
    way->kernel_share = way->wall + rounds;
}

static void close_way(struct way *way)
{
    smalti_plan_free(way->plan);
    free(way->cpu);
}

static double clock_seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Processor time is that of all threads, the engine's own included. */
static void run(struct way *way, uint32_t jobs, int round)
{
    const smalti_run_options options = {.size = sizeof options, .jobs = jobs};
    smalti_stats stats;
    smalti_error error;
    double cpu_start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), wall_start = clock_seconds(CLOCK_MONOTONIC);
    must(smalti_plan_run(way->plan, &options, &stats, &error), &error);
    way->wall[round] = clock_seconds(CLOCK_MONOTONIC) - wall_start;
    way->cpu[round] = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    uint64_t all = stats.read_ns + stats.decode_ns + stats.kernel_ns + stats.encode_ns + stats.write_ns;
    way->kernel_share[round] = (double)stats.kernel_ns / (double)all;
}

static bool same_outputs(const struct way *a, const struct way *b)
{
    bool same = true;
    for (size_t i = 0; same && i < smalti_job_input_count(a->plan->job); i++) {
        smalti_error error;
        char *path_a, *path_b;
        must(smalti__plan_output(a->plan, i, 0, NULL, &path_a, &error), &error);
        must(smalti__plan_output(b->plan, i, 0, NULL, &path_b, &error), &error);
        same = same_file(path_a, path_b);
        free(path_a);
        free(path_b);
    }
    return same;
}

/* ---- numbers ---- */

struct spread {
    double low, median, high; /* the quartiles */
};

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static struct spread spread_of(const double *values, int count)
{
    double sorted[ROUNDS_MOST];
    memcpy(sorted, values, (size_t)count * sizeof *values);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return (struct spread){sorted[count / 4], sorted[count / 2], sorted[count * 3 / 4]};
}

/* Round by round, so that a machine that slows down for a while does so for both. */
static struct spread ratio_of(const double *over, const double *under, int count)
{
    double ratios[ROUNDS_MOST];
    for (int i = 0; i < count; i++)
        ratios[i] = over[i] / under[i];
    return spread_of(ratios, count);
}

struct outcome {
    bool equal[VARIANTS]; /* to the outputs of WASM */
    double kernel_share[VARIANTS];
    double cpu[VARIANTS], wall[VARIANTS]; /* medians, seconds */
    struct spread cpu_ratio[VARIANTS], wall_ratio[VARIANTS]; /* wasm / variant */
};

struct setup {
    const char *inputs;
    uint32_t jobs;
    int rounds, variants;
};

static struct outcome measure(const struct subject *subject, const struct setup *setup)
{
    struct way ways[VARIANTS] = {0};
    struct outcome outcome;
    for (int v = 0; v < setup->variants; v++) {
        open_way(&ways[v], subject, v, setup->inputs, setup->rounds);
        run(&ways[v], setup->jobs, 0); /* to warm up: the first round overwrites its numbers */
        outcome.equal[v] = same_outputs(&ways[WASM], &ways[v]);
    }
    for (int round = 0; round < setup->rounds; round++)
        for (int v = 0; v < setup->variants; v++)
            run(&ways[v], setup->jobs, round);
    for (int v = 0; v < setup->variants; v++) {
        outcome.cpu[v] = spread_of(ways[v].cpu, setup->rounds).median;
        outcome.wall[v] = spread_of(ways[v].wall, setup->rounds).median;
        outcome.cpu_ratio[v] = ratio_of(ways[WASM].cpu, ways[v].cpu, setup->rounds);
        outcome.wall_ratio[v] = ratio_of(ways[WASM].wall, ways[v].wall, setup->rounds);
        outcome.kernel_share[v] = spread_of(ways[v].kernel_share, setup->rounds).median;
    }
    for (int v = 0; v < setup->variants; v++)
        close_way(&ways[v]);
    return outcome;
}

static void print_rows(const struct subject *subject, const struct outcome *o, int variants)
{
    for (int v = 0; v < variants; v++) {
        const struct spread *cpu = &o->cpu_ratio[v];
        printf("%-16s%-10.9s %-9s %9.1f %9.1f %8.1f %%", v ? "" : subject->name, v ? "" : subject->params,
               variant_names[v], o->cpu[v] * 1e3, o->wall[v] * 1e3, o->kernel_share[v] * 100);
        if (v)
            printf("   %5.3f (%5.3f to %5.3f)   %5.3f  %s", cpu->median, cpu->low, cpu->high, o->wall_ratio[v].median,
                   o->equal[v] ? "equal" : "DIFFERENT");
        printf("\n");
    }
    fflush(stdout);
}

static void print_json(const struct subject *subject, const struct outcome *o, int variants, const char *comma)
{
    printf("%s\n  {\"kernel\": \"%s\", \"params\": \"%s\", \"variants\": {", comma, subject->name, subject->params);
    for (int v = 0; v < variants; v++) {
        const struct spread *cpu = &o->cpu_ratio[v], *wall = &o->wall_ratio[v];
        printf("%s\n    \"%s\": {\"equal\": %s, \"cpu_s\": %.6f, \"wall_s\": %.6f, \"kernel_share\": %.4f, "
               "\"cpu_ratio\": [%.4f, %.4f, %.4f], \"wall_ratio\": [%.4f, %.4f, %.4f]}",
               v ? "," : "", variant_names[v], o->equal[v] ? "true" : "false", o->cpu[v], o->wall[v],
               o->kernel_share[v], cpu->low, cpu->median, cpu->high, wall->low, wall->median, wall->high);
    }
    printf("}}");
}

static void print_head(const struct setup *setup, bool json)
{
    if (json)
        printf("{\"jobs\": %u, \"rounds\": %d, \"kernels\": [", setup->jobs, setup->rounds);
    else
        printf("PNG → kernel → PNG, %u lane%s, medians of %d rounds; milliseconds of the batch; wasm / native round by "
               "round, with quartiles\n%-26s %-9s %9s %9s %10s   %-22s   %s\n",
               setup->jobs, setup->jobs > 1 ? "s" : "", setup->rounds, "kernel", "", "CPU", "wall", "kernel's",
               "wasm / native CPU", "wall   outputs");
}

static bool is_wanted(const char *name, const char *only)
{
    if (only)
        return !strcmp(name, only);
    for (size_t i = 0; i < SMALTI__COUNT(default_kernels); i++)
        if (!strcmp(name, default_kernels[i]))
            return true;
    return false;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench-tax [-j LANES] [--repeat ROUNDS] [--only KERNEL] [--json] [FOLDER]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"repeat", required_argument, NULL, 'r'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"json", no_argument, NULL, 'J'},
                                          {0}};
    struct setup setup = {.jobs = 1, .rounds = 9, .variants = variants_here()};
    const char *only = NULL, *comma = "";
    bool json = false, equal = true;
    for (int option; (option = getopt_long(argc, argv, "j:", longs, NULL)) != -1;) {
        int number = optarg ? atoi(optarg) : 0;
        if (option == 'j' && number > 0 && number <= JOBS_MOST)
            setup.jobs = (uint32_t)number;
        else if (option == 'r' && number > 0 && number <= ROUNDS_MOST)
            setup.rounds = number;
        else if (option == 'o')
            only = optarg;
        else if (option == 'J')
            json = true;
        else
            return usage();
    }
    if (argc - optind > 1)
        return usage();
    make_folder();
    setup.inputs = optind < argc ? argv[optind] : make_pictures();
    print_head(&setup, json);
    for (size_t i = 0; i < SMALTI__COUNT(subjects); i++) {
        if (!is_wanted(subjects[i].name, only))
            continue;
        struct outcome outcome = measure(&subjects[i], &setup);
        if (json)
            print_json(&subjects[i], &outcome, setup.variants, comma);
        else
            print_rows(&subjects[i], &outcome, setup.variants);
        comma = ",";
        for (int v = 0; v < setup.variants; v++)
            equal &= outcome.equal[v];
    }
    if (json)
        printf("]}\n");
    return equal ? 0 : 1;
}
