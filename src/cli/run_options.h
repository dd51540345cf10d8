/* SPDX-License-Identifier: Apache-2.0
 * The options of smalti run. */
#ifndef SMALTI_CLI_RUN_OPTIONS_H
#define SMALTI_CLI_RUN_OPTIONS_H

#include "cli/options.h"

extern const cli_option cli_run_options[];

#endif
