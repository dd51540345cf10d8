/* SPDX-License-Identifier: Apache-2.0
 * Kernel projects: a folder with a kernel's source. */
#ifndef SMALTI_CLI_KERNEL_PROJECT_H
#define SMALTI_CLI_KERNEL_PROJECT_H

#include "cli/cli.h"

/* Builds the project in a folder into FOLDER/NAME.wasm, NAME being the folder's own, and checks the module. What the
 * compiler says goes to standard error. clang NULL: one from PATH. *module, its path, is owned on success. */
smalti_result cli_project_build(const char *folder, const char *clang, char **module, smalti_error *error);

#endif
