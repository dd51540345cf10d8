/* SPDX-License-Identifier: Apache-2.0
 * What `smalti bench memory` measures. */
#ifndef SMALTI_CLI_BENCH_MEMORY_H
#define SMALTI_CLI_BENCH_MEMORY_H

#include "cli/cli.h"

/* Inputs made for it, each written to folder; *path is owned (free()) in either case and may be NULL. */
size_t bench_memory_count(void);
smalti_result bench_memory_make(size_t index, const char *folder, char **path, smalti_error *error);

#endif
