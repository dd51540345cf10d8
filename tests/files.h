/* SPDX-License-Identifier: Apache-2.0
 * A temporary folder for a test program, removed when it ends. Include after test.h. */
#ifndef SMALTI_TEST_FILES_H
#define SMALTI_TEST_FILES_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char files_folder[256];
static pid_t files_owner;

static int files_remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat, (void)kind, (void)walk;
    return remove(path);
}

static void files_remove(void)
{
    if (getpid() == files_owner)
        nftw(files_folder, files_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of name in the folder, for this and the next three calls. */
static inline const char *file_path(const char *name)
{
    static _Thread_local char paths[4][512];
    static _Thread_local unsigned turn;
    if (!files_folder[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(files_folder, sizeof files_folder, "%s/smalti-test-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(files_folder))
            TEST_FAIL("no temporary folder");
        files_owner = getpid();
        atexit(files_remove);
    }
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", files_folder, name);
    return path;
}

/* False when it could not be written. */
static inline int file_write(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return 0;
    int good = write(fd, data, size) == (ssize_t)size;
    return !close(fd) && good;
}

/* All bytes, to be freed; NULL when there is no such file. */
static inline uint8_t *file_read(const char *path, size_t *size)
{
    struct stat stat;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    uint8_t *data = fstat(fd, &stat) ? NULL : malloc((size_t)stat.st_size + 1);
    ssize_t got = data ? read(fd, data, (size_t)stat.st_size) : -1;
    close(fd);
    *size = got < 0 ? 0 : (size_t)got;
    return data;
}

/* Entries of a folder, hidden ones too; -1 when it cannot be opened. */
static inline int file_count(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return count;
}

#endif
