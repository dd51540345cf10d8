/* SPDX-License-Identifier: Apache-2.0
 * The ways that `smalti bench strategies` compares. */
#ifndef SMALTI_CLI_BENCH_H
#define SMALTI_CLI_BENCH_H

#include "cli/cli.h"

/* BENCH_RAW is the memory way without codecs in the module. */
typedef enum bench_way { BENCH_NAIVE, BENCH_MEMORY, BENCH_RAW, BENCH_ZERO_COPY, BENCH_WAYS } bench_way;
extern const char *const bench_way_names[BENCH_WAYS];

/* What all runs have in common. */
typedef struct bench_work {
    char **inputs; /* paths; owned, each too */
    size_t input_count;
    const char *filter;    /* a shipped kernel's name */
    smalti_kernel *kernel; /* that kernel: for what it says of itself */
    smalti_kernel *classic; /* the same as a WASI command from PNG to PNG (bench/wasi/classic.c) */
    smalti_kernel *raw;    /* … and from pixels to pixels (bench/wasi/command.c) */
    char *folder;          /* temporary; owned */
    uint32_t effort;       /* of the outputs' PNG */
    uint64_t pixels;       /* of all inputs */
} bench_work;

/* One run, or the medians of some. */
typedef struct bench_result {
    double wall_s, cpu_s;
    /* Pixels and encoded tiles moved from one place to another: cut out and put together, written to and read from tile
     * files, into a module and out of it. Not what codecs do inside, nor reading inputs and writing outputs, which all
     * ways do alike. */
    uint64_t copied_bytes;
} bench_result;

/* Runs every way once with so many workers, and checks that their outputs have the same pixels. */
smalti_result bench_round(const bench_work *work, uint32_t workers, bench_result measured[BENCH_WAYS],
                          smalti_error *error);

/* Filters one image by tiles of 256² that go through a WASI command, in one of the ways but zero-copy. The output is at
 * output; *copied grows by the bytes moved. folder: for tiles. */
smalti_result bench_image_by_tiles(const bench_work *work, bench_way way, const char *input, const char *folder,
                                   const char *output, uint64_t *copied, smalti_error *error);

/* Removes a folder with everything in it. */
void bench_remove(const char *folder);

#endif
