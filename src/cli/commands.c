/* SPDX-License-Identifier: Apache-2.0
 * The list of commands. */
#include "cli/cli.h"

const cli_command *const cli_commands[] = {&cli_run,    &cli_info,  &cli_exr,        &cli_kernel,
                                           &cli_worker, &cli_bench, &cli_completion, NULL};
