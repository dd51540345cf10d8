/* SPDX-License-Identifier: Apache-2.0
 * The modules of tests/kernels, which the build puts into the folder TEST_KERNELS. */
#ifndef SMALTI_TEST_KERNEL_FILES_H
#define SMALTI_TEST_KERNEL_FILES_H

#include <smalti/kernel.h>

#include "test.h"

static inline const char *kernel_path(const char *name)
{
    static char path[4096];
    const char *folder = getenv("TEST_KERNELS");
    if (!folder)
        TEST_FAIL("TEST_KERNELS does not name the folder of test kernels");
    snprintf(path, sizeof path, "%s/%s.wasm", folder, name);
    return path;
}

/* Loaded without a cache. Owned. */
static inline smalti_kernel *kernel_load(const char *name, smalti_kernel_options options)
{
    smalti_error error;
    smalti_kernel *kernel;
    options.size = sizeof options;
    options.cache_dir = "";
    CHECK_OK(smalti_kernel_load(kernel_path(name), &options, &kernel, &error), error);
    return kernel;
}

#endif
