/* SPDX-License-Identifier: Apache-2.0
 * The levels of `smalti bench exr`, each run in a process of its own so that memory and processor time are its alone. */
#include "cli/bench_exr.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <openexr.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, FLIGHT = 16 };

const char *const bench_level_names[BENCH_LEVELS] = {
    "whole file", "open, page, close",  "OpenEXRCore", "smalti over a map",
    "smalti",     "smalti, 16 readers", "smalti check"};

/* What a level did, apart from time and memory. */
typedef struct level_tally {
    uint64_t read_bytes, failed;
} level_tally;

/* ---- One file ---- */

static bool read_whole(const char *path, uint8_t *block, level_tally *tally)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    while (fd >= 0 && (got = read(fd, block, BLOCK)) > 0)
        tally->read_bytes += (uint64_t)got;
    if (fd >= 0)
        close(fd);
    return got == 0;
}

static bool read_page(const char *path, uint8_t *block, level_tally *tally)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, block, 4096, 0);
    if (fd >= 0)
        close(fd);
    tally->read_bytes += got > 0 ? (uint64_t)got : 0;
    return got > 0;
}

static void quiet(exr_const_context_t context, exr_result_t code, const char *message)
{
    (void)context, (void)code, (void)message;
}

static bool read_library(const char *path)
{
    exr_context_t context;
    exr_context_initializer_t setup = EXR_DEFAULT_CONTEXT_INITIALIZER;
    setup.error_handler_fn = quiet;
    if (exr_start_read(&context, path, &setup) != EXR_ERR_SUCCESS)
        return false;
    exr_finish(&context);
    return true;
}

static bool read_map(smalti_exr *exr, const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || !status.st_size) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return false;
    bool good = smalti_exr_open_memory(exr, map, (size_t)status.st_size, path, NULL) == SMALTI_OK;
    smalti_exr_close(exr);
    munmap(map, (size_t)status.st_size);
    return good;
}

static bool read_header(smalti_exr *exr, const char *path, level_tally *tally)
{
    if (smalti_exr_open(exr, path, NULL) < 0)
        return false;
    tally->read_bytes += smalti_exr_header_get(exr)->bytes_read;
    return true;
}

static bool check(smalti_exr *exr, const char *path)
{
    smalti_exr_check result;
    return smalti_exr_open(exr, path, NULL) == SMALTI_OK &&
           smalti_exr_check_structure(exr, &result, NULL) == SMALTI_OK && result.verdict == SMALTI_EXR_GOOD;
}

/* ---- All files ---- */

typedef struct reader_crew {
    const exr_files *files;
    atomic_size_t next;
    atomic_uint_fast64_t read_bytes, failed;
} reader_crew;

static void *reader(void *user)
{
    reader_crew *crew = user;
    smalti_exr *exr;
    level_tally tally = {0};
    if (smalti_exr_new(NULL, &exr, NULL) < 0)
        return NULL;
    for (size_t first; (first = atomic_fetch_add(&crew->next, 32)) < crew->files->count;)
        for (size_t i = first; i < first + 32 && i < crew->files->count; i++)
            tally.failed += !read_header(exr, crew->files->paths[i], &tally);
    crew->read_bytes += tally.read_bytes;
    crew->failed += tally.failed;
    smalti_exr_free(exr);
    return NULL;
}

static level_tally read_in_flight(const exr_files *files)
{
    reader_crew crew = {.files = files};
    pthread_t threads[FLIGHT];
    int started = 0;
    while (started < FLIGHT && !pthread_create(&threads[started], NULL, reader, &crew))
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return (level_tally){crew.read_bytes, started ? crew.failed : files->count};
}

static level_tally read_in_turn(bench_level level, const exr_files *files)
{
    level_tally tally = {0};
    smalti_exr *exr;
    uint8_t *block = malloc(BLOCK);
    if (!block || smalti_exr_new(NULL, &exr, NULL) < 0)
        _exit(1);
    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->paths[i];
        bool good = level == BENCH_WHOLE     ? read_whole(path, block, &tally)
                    : level == BENCH_PAGE    ? read_page(path, block, &tally)
                    : level == BENCH_LIBRARY ? read_library(path)
                    : level == BENCH_MAP     ? read_map(exr, path)
                    : level == BENCH_CHECK   ? check(exr, path)
                                             : read_header(exr, path, &tally);
        tally.failed += !good;
    }
    smalti_exr_free(exr);
    free(block);
    return tally;
}

/* ---- A process ---- */

static uint64_t disk_bytes(void)
{
    char line[128];
    unsigned long long bytes = 0;
    FILE *file = fopen("/proc/self/io", "re");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "read_bytes: %llu", &bytes);
    if (file)
        fclose(file);
    return bytes;
}

/* Pages of the files are given back to the system; those that are not yet on the disk stay. */
static void drop_pages(const exr_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        int fd = open(files->paths[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void work(bench_level level, const exr_files *files, bench_measure *measure)
{
    struct rusage before, after;
    uint64_t disk = disk_bytes(), started = cli_now_ns();
    getrusage(RUSAGE_SELF, &before);
    level_tally tally = level == BENCH_READERS ? read_in_flight(files) : read_in_turn(level, files);
    measure->wall_s = (double)(cli_now_ns() - started) / 1e9;
    getrusage(RUSAGE_SELF, &after);
    measure->disk_bytes = disk_bytes() - disk;
    measure->read_bytes = tally.read_bytes;
    measure->failed = tally.failed;
    measure->files = files->count;
    measure->cpu_s =
        seconds(&after.ru_utime) + seconds(&after.ru_stime) - seconds(&before.ru_utime) - seconds(&before.ru_stime);
    measure->peak_bytes = (uint64_t)after.ru_maxrss * 1024;
}

smalti_result bench_level_run(bench_level level, const exr_files *files, bool cold, bench_measure *measure,
                              smalti_error *error)
{
    int ends[2], status;
    if (pipe(ends) < 0)
        return cli_fail_errno(error, "cannot make a pipe");
    if (cold)
        drop_pages(files);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        *measure = (bench_measure){0};
        work(level, files, measure);
        _exit(write(ends[1], measure, sizeof *measure) != sizeof *measure);
    }
    close(ends[1]);
    ssize_t got = child > 0 ? read(ends[0], measure, sizeof *measure) : -1;
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    return got == sizeof *measure ? SMALTI_OK
                                  : cli_fail(error, SMALTI_E_IO, "%s: the process failed", bench_level_names[level]);
}
