/* SPDX-License-Identifier: Apache-2.0
 * A file for what works on files only. */
#ifndef SMALTI_FUZZ_FILE_H
#define SMALTI_FUZZ_FILE_H

#include "base/base.h"

#include <fcntl.h>
#include <unistd.h>

static char fuzz_file_name[128];

static void fuzz_file_remove(void)
{
    unlink(fuzz_file_name);
}

/* The same in the whole process; goes with it. */
static inline const char *fuzz_file_path(void)
{
    const char *folder = getenv("TMPDIR");
    if (*fuzz_file_name)
        return fuzz_file_name;
    snprintf(fuzz_file_name, sizeof fuzz_file_name, "%s/smalti-fuzz-%ld", folder ? folder : "/tmp", (long)getpid());
    atexit(fuzz_file_remove);
    return fuzz_file_name;
}

static inline void fuzz_file_write(const uint8_t *data, size_t size)
{
    int fd = open(fuzz_file_path(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

/* Whether it has just these bytes. */
static inline bool fuzz_file_is(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    int fd = open(fuzz_file_path(), O_RDONLY | O_CLOEXEC);
    bool same = bytes && fd >= 0 && read(fd, bytes, size + 1) == (ssize_t)size && !memcmp(bytes, data, size);
    if (fd >= 0)
        close(fd);
    free(bytes);
    return same;
}

#endif
