/* SPDX-License-Identifier: Apache-2.0
 * Files that the build puts into the command (tools/embed). */
#ifndef SMALTI_CLI_EMBEDDED_H
#define SMALTI_CLI_EMBEDDED_H

#include <stddef.h>

typedef struct cli_embedded {
    const char *name; /* a relative path */
    const unsigned char *data;
    size_t size;
} cli_embedded;

/* Each ends with an entry without a name. */
extern const cli_embedded cli_template_c[];    /* a kernel project in C */
extern const cli_embedded cli_template_rust[]; /* … in Rust */
extern const cli_embedded cli_report_parts[];  /* style sheet and script of a report's page */
extern const cli_embedded cli_bench_modules[]; /* WASI commands: "classic-" or "raw-" and a kernel's name */

#endif
