/* SPDX-License-Identifier: Apache-2.0
 * smalti bench: measurements of smalti on this machine. */
#include "cli/cli.h"

static const cli_command *const commands[] = {&cli_bench_exr, &cli_bench_ipc, &cli_bench_memory, &cli_bench_strategies,
                                              NULL};

const cli_command cli_bench = {
    .name = "bench",
    .summary = "measure smalti on this machine",
    .usage = (const char *const[]){"COMMAND ...", NULL},
    .description = "Measures different ways to do the same work, side by side.",
    .commands = commands,
};
