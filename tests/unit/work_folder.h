/* SPDX-License-Identifier: Apache-2.0
 * A folder of its own for a test that works with files, and whole files put into it and got from it. */
#ifndef SMALTI_TESTS_WORK_FOLDER_H
#define SMALTI_TESTS_WORK_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

static char folder[64];

/* Makes it and goes there. */
static inline void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/smalti-test-XXXXXX");
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
}

static inline void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(chdir("/") == 0 && system(command) == 0);
}

static inline void put(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(data, 1, size, file) == size);
    fclose(file);
}

/* To be freed. */
static inline void *get(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        TEST_FAIL("%s is not there", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*size + 1);
    CHECK(data && fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}

#endif
