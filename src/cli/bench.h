/* SPDX-License-Identifier: Apache-2.0
 * The ways that `smalti bench strategies` compares. */
#ifndef SMALTI_CLI_BENCH_H
#define SMALTI_CLI_BENCH_H

#include "cli/cli.h"

typedef enum bench_way { BENCH_NAIVE, BENCH_MEMORY, BENCH_ZERO_COPY, BENCH_WAYS } bench_way;

/* What all runs have in common. */
typedef struct bench_work {
    char **inputs; /* paths; owned, each too */
    size_t input_count;
    const char *filter;    /* a shipped kernel's name */
    smalti_kernel *kernel; /* that kernel: for what it says of itself */
    smalti_kernel *command; /* the same as a WASI command */
    char *folder;          /* temporary; owned */
    uint32_t effort;       /* of the outputs' PNG */
    uint64_t pixels;       /* of all inputs */
} bench_work;

/* One run, or the medians of some. */
typedef struct bench_result {
    double wall_s, cpu_s;
    uint64_t copied_bytes; /* pixels and files moved from one place to another between decoder and encoder */
} bench_result;

/* Filters one image by tiles of 256² that go through the WASI command, in files (naive) or in memory. The output is at
 * output; *copied grows by the bytes moved. folder: for tiles. */
smalti_result bench_image_by_tiles(const bench_work *work, bool in_files, const char *input, const char *folder,
                                   const char *output, uint64_t *copied, smalti_error *error);

/* Removes a folder with everything in it. */
void bench_remove(const char *folder);

#endif
