/* SPDX-License-Identifier: Apache-2.0
 * bench-kernels: what the sandbox costs. The hot kernels as WebAssembly against the same source compiled by clang for
 * x86-64 and x86-64-v3: the same strips of one image, in turn, medians of CPU time; results must be equal. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native_kernels.h"

enum { WIDTH = 768, HEIGHT = 512, CHANNELS = 3, EDGE = 64, ROUNDS_MOST = 1000 };

static void must(smalti_result result, const smalti_error *error)
{
    if (result < 0) {
        fprintf(stderr, "bench-kernels: %s\n", error->message);
        exit(1);
    }
}

/* One variant of a kernel with its image, ready to run. */
struct runner {
    smalti_kernel *kernel;
    smalti__instance *instance;
    smalti__region src, dst, scratch;
    smalti__tile whole;
    uint32_t strip_rows;
    double *seconds;
};

/* A photograph it is not, but smooth in places and rough in others. */
static uint8_t sample(uint32_t x, uint32_t y, uint32_t c)
{
    uint32_t noise = (x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u) * 2654435761u >> 24;
    double wave = 110 + 90 * sin(x * 0.021 + c) * cos(y * 0.017);
    return (uint8_t)(wave + ((x / 64 + y / 64) % 2 ? noise % 50 : 0));
}

static void fill(const struct runner *r)
{
    int32_t halo = (int32_t)r->whole.halo;
    uint8_t *first = r->src.host + (r->whole.src - r->src.guest);
    for (int32_t y = -halo; y < HEIGHT + halo; y++)
        for (int32_t x = -halo; x < WIDTH + halo; x++)
            for (uint32_t c = 0; c < CHANNELS; c++) {
                uint32_t at_x = (uint32_t)(x < 0 ? 0 : x >= WIDTH ? WIDTH - 1 : x);
                uint32_t at_y = (uint32_t)(y < 0 ? 0 : y >= HEIGHT ? HEIGHT - 1 : y);
                first[(ptrdiff_t)y * r->whole.src_pitch + x * CHANNELS + (int32_t)c] = sample(at_x, at_y, c);
            }
}

static void open_runner(struct runner *r, const struct subject *subject, int variant, uint32_t strip_rows, int rounds)
{
    smalti_error error;
    double params[16];
    size_t scratch;
    if (variant == WASM)
        must(smalti_kernel_load(subject->name, NULL, &r->kernel, &error), &error);
    else
        must(smalti__kernel_load_native(subject->descriptor, &subject->native[variant], &r->kernel, &error), &error);
    must(smalti_kernel_params_parse(r->kernel, subject->params, params, &error), &error);
    must(smalti__instance_new(r->kernel, params, &r->instance, &error), &error);
    smalti__tile *t = &r->whole;
    *t = (smalti__tile){
        .sample = SMALTI_SAMPLE_U8, .channels = CHANNELS, .width = WIDTH, .image_width = WIDTH, .image_height = HEIGHT};
    t->dst_channels = smalti_kernel_describe(r->kernel)->output_channels[CHANNELS];
    t->height = strip_rows;
    must(smalti__instance_halo(r->instance, &t->halo, &error), &error);
    uint32_t edge = (uint32_t)smalti__align(t->halo * CHANNELS + EDGE, EDGE);
    t->src_pitch = (uint32_t)smalti__align(2 * edge + WIDTH * CHANNELS, EDGE);
    t->dst_pitch = (uint32_t)smalti__align(WIDTH * t->dst_channels, EDGE);
    must(smalti__instance_scratch(r->instance, t, &scratch, &error), &error);
    must(smalti__instance_region(r->instance, (size_t)t->src_pitch * (HEIGHT + 2 * t->halo), &r->src, &error), &error);
    must(smalti__instance_region(r->instance, (size_t)t->dst_pitch * HEIGHT, &r->dst, &error), &error);
    if (scratch)
        must(smalti__instance_region(r->instance, scratch, &r->scratch, &error), &error);
    t->src = r->src.guest + (uint64_t)t->halo * t->src_pitch + edge;
    t->dst = r->dst.guest;
    t->scratch = r->scratch.guest;
    t->scratch_bytes = (uint32_t)r->scratch.bytes;
    r->strip_rows = strip_rows;
    r->seconds = calloc((size_t)rounds, sizeof *r->seconds);
    fill(r);
}

static void run(const struct runner *r)
{
    smalti_error error;
    for (uint32_t y = 0; y < HEIGHT; y += r->strip_rows) {
        smalti__tile tile = r->whole;
        tile.y = y;
        tile.height = HEIGHT - y < r->strip_rows ? HEIGHT - y : r->strip_rows;
        tile.src += (uint64_t)y * tile.src_pitch;
        tile.dst += (uint64_t)y * tile.dst_pitch;
        must(smalti__instance_tile(r->instance, &tile, &error), &error);
    }
}

static void close_runner(struct runner *r)
{
    smalti__instance_free(r->instance);
    smalti_kernel_unref(r->kernel);
    free(r->seconds);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds for one image, alternating; false when results differ. */
static bool measure(const struct subject *subject, int variants, int rounds, uint32_t strip_rows, double *median)
{
    struct runner runners[VARIANTS] = {0};
    bool equal = true;
    for (int v = 0; v < variants; v++) {
        open_runner(&runners[v], subject, v, strip_rows, rounds);
        run(&runners[v]);
        for (uint32_t y = 0; v && y < HEIGHT; y++)
            equal &= !memcmp(runners[v].dst.host + (size_t)y * runners[v].whole.dst_pitch,
                             runners[0].dst.host + (size_t)y * runners[0].whole.dst_pitch,
                             (size_t)WIDTH * runners[0].whole.dst_channels);
    }
    for (int round = 0; round < rounds; round++)
        for (int v = 0; v < variants; v++) {
            const int images = 4;
            uint64_t start = smalti__thread_cpu_ns();
            for (int i = 0; i < images; i++)
                run(&runners[v]);
            runners[v].seconds[round] = (double)(smalti__thread_cpu_ns() - start) / 1e9 / images;
        }
    for (int v = 0; v < variants; v++) {
        qsort(runners[v].seconds, (size_t)rounds, sizeof(double), compare);
        median[v] = runners[v].seconds[rounds / 2];
        close_runner(&runners[v]);
    }
    return equal;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"strip-rows", required_argument, NULL, 's'},
                                          {"only", required_argument, NULL, 'o'},
                                          {0}};
    bool json = false, equal = true;
    int rounds = 41, variants = variants_here();
    uint32_t strip_rows = 32;
    const char *only = NULL;
    for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (option == 'j')
            json = true;
        else if (option == 'r' && atoi(optarg) > 0 && atoi(optarg) <= ROUNDS_MOST)
            rounds = atoi(optarg);
        else if (option == 's' && atoi(optarg) > 0)
            strip_rows = (uint32_t)atoi(optarg);
        else if (option == 'o')
            only = optarg;
        else {
            fprintf(stderr, "usage: bench-kernels [--json] [--rounds N] [--strip-rows N] [--only KERNEL]\n");
            return 2;
        }
    }
    if (json)
        printf("{\"width\": %d, \"height\": %d, \"channels\": %d, \"rounds\": %d, \"strip_rows\": %u, \"kernels\": [",
               WIDTH, HEIGHT, CHANNELS, rounds, strip_rows);
    else
        printf("%dx%d RGB u8 in strips of %u rows, Mpixel/s, CPU time, medians of %d rounds; wasm / native\n"
               "%-20s %8s %8s %9s %8s %9s  %s\n",
               WIDTH, HEIGHT, strip_rows, rounds, "kernel", "wasm", "x86-64", "x86-64-v3", "/x86-64", "/v3", "result");
    const char *comma = "";
    for (size_t i = 0; i < SMALTI__COUNT(subjects); i++) {
        const struct subject *s = &subjects[i];
        double median[VARIANTS] = {0};
        if (only && strcmp(only, s->name))
            continue;
        bool same = measure(s, variants, rounds, strip_rows, median);
        equal &= same;
        if (json) {
            printf("%s\n  {\"kernel\": \"%s\", \"params\": \"%s\", \"equal\": %s, \"seconds\": {", comma, s->name,
                   s->params, same ? "true" : "false");
            for (int v = 0; v < variants; v++)
                printf("%s\"%s\": %.9f", v ? ", " : "", variant_names[v], median[v]);
            printf("}}");
            comma = ",";
            continue;
        }
        printf("%-20s", s->name);
        for (int v = 0; v < VARIANTS; v++)
            printf(" %*.0f", v == V3 ? 9 : 8, v < variants ? WIDTH * HEIGHT / median[v] / 1e6 : 0);
        printf(" %8.2f %9.2f  %s\n", median[WASM] / median[X64], variants > V3 ? median[WASM] / median[V3] : 0,
               same ? "equal" : "DIFFERENT");
        fflush(stdout);
    }
    if (json)
        printf("]}\n");
    return equal ? 0 : 1;
}
