/* SPDX-License-Identifier: Apache-2.0
 * Bytes in: every way to open an input, and inputs that change while they are read. */
#include "test.h"
#include "files.h"
#include "source/source.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

enum { PAGE = 4096, LARGE = 3 << 20 };

static uint8_t large[LARGE];

/* Bytes that show their place. */
static const uint8_t *large_bytes(void)
{
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (uint8_t)((i * 2654435761u) >> 24 | 1);
    return large;
}

static const char *large_file(const char *name)
{
    const char *path = file_path(name);
    CHECK(file_write(path, large_bytes(), LARGE));
    return path;
}

TEST("a small file is read into a buffer of the pool, which is used again")
{
    smalti_error error;
    smalti__pool pool = {0};
    const char *path = file_path("small");
    CHECK(file_write(path, "0123456789", 10));
    uint64_t allocations = 0;
    for (int i = 0; i < 5; i++) {
        smalti__source source;
        CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){.pool = &pool}, &error), error);
        CHECK_INT(source.size, 10);
        CHECK(!memcmp(source.data, "0123456789", 10));
        CHECK_INT(source.memory_bytes, 10);
        CHECK_OK(smalti__source_check(&source, &error), error);
        smalti__source_close(&source);
        smalti__source_close(&source);
        CHECK_INT(pool.used_bytes, 0);
        if (i == 1)
            allocations = pool.allocations;
    }
    CHECK_INT(pool.allocations, allocations);
    smalti__pool_trim(&pool, 0);
}

TEST("a large file is mapped, and a threshold of SIZE_MAX reads it instead")
{
    smalti_error error;
    const char *path = large_file("large");
    static const size_t thresholds[] = {0, 1, LARGE, LARGE + 1, SIZE_MAX};
    for (size_t i = 0; i < SMALTI__COUNT(thresholds); i++) {
        smalti__source source;
        CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){.map_threshold = thresholds[i]}, &error),
                 error);
        CHECK_INT(source.size, LARGE);
        CHECK_INT(source.memory_bytes, i < 3 ? 0 : LARGE);
        CHECK(!memcmp(source.data, large, LARGE));
        CHECK_OK(smalti__source_check(&source, &error), error);
        smalti__source_close(&source);
    }
}

TEST("an empty file is a source of no bytes")
{
    smalti_error error;
    smalti__source source;
    const char *path = file_path("empty");
    CHECK(file_write(path, "", 0));
    CHECK_OK(smalti__source_open(&source, path, NULL, &error), error);
    CHECK_INT(source.size, 0);
    CHECK(source.data != NULL);
    CHECK_OK(smalti__source_check(&source, &error), error);
    smalti__source_close(&source);
}

TEST("a file whose size the system does not tell is read to its end")
{
    smalti_error error;
    smalti__source source;
    CHECK_OK(smalti__source_open(&source, "/proc/self/status", NULL, &error), error);
    CHECK(source.size > 5 && !memcmp(source.data, "Name:", 5));
    smalti__source_close(&source);
}

TEST("a missing file and a folder are errors that name them")
{
    smalti_error error;
    smalti__source source;
    CHECK_INT(smalti__source_open(&source, file_path("nothing"), NULL, &error), SMALTI_E_IO);
    CHECK_INT(error.sys_errno, ENOENT);
    CHECK_HAS(error.message, "/nothing: cannot be opened: ");
    smalti__source_close(&source);
    CHECK_INT(smalti__source_open(&source, file_path("."), NULL, &error), SMALTI_E_IO);
    CHECK_INT(error.sys_errno, EISDIR);
    CHECK_HAS(error.message, "/.: cannot be read: ");
    size_t size;
    CHECK_INT(smalti__source_measure(file_path("nothing"), -1, &size, &error), SMALTI_E_IO);
    CHECK_INT(smalti__source_measure(file_path("."), -1, &size, &error), SMALTI_E_IO);
    CHECK_INT(smalti__source_open(&source, file_path("nothing"), NULL, NULL), SMALTI_E_IO);
}

TEST("an input above max_bytes is refused, one of just that size is not")
{
    smalti_error error;
    smalti__source source;
    const char *path = file_path("ten");
    CHECK(file_write(path, "0123456789", 10));
    CHECK_INT(smalti__source_open(&source, path, &(smalti__source_options){.max_bytes = 9}, &error), SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "/ten: larger than the limit of 9 bytes");
    CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){.max_bytes = 10}, &error), error);
    smalti__source_close(&source);
    CHECK_INT(smalti__source_open(&source, "/dev/zero", &(smalti__source_options){.max_bytes = 1 << 20}, &error),
              SMALTI_E_LIMIT);
}

struct feeder {
    int fd;
    size_t size, step;
};

static void *feed(void *context)
{
    struct feeder *feeder = context;
    for (size_t at = 0; at < feeder->size;) {
        size_t left = feeder->size - at;
        ssize_t put = write(feeder->fd, large + at, left < feeder->step ? left : feeder->step);
        if (put < 0)
            break;
        at += (size_t)put;
    }
    close(feeder->fd);
    return NULL;
}

TEST("a pipe is read to its end, in pieces of any size, also when it does not block")
{
    static const struct feeder feeds[] = {{0, 0, 1}, {0, 1, 1}, {0, 65536, 65536}, {0, 300000, 777}, {0, LARGE, LARGE}};
    large_bytes();
    for (size_t i = 0; i < 2 * SMALTI__COUNT(feeds); i++) {
        int ends[2];
        CHECK(!pipe2(ends, O_CLOEXEC));
        if (i % 2)
            CHECK(!fcntl(ends[0], F_SETFL, O_NONBLOCK));
        struct feeder feeder = feeds[i / 2];
        feeder.fd = ends[1];
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, feed, &feeder));
        smalti_error error;
        smalti__source source;
        smalti__pool pool = {0};
        size_t size;
        CHECK_OK(smalti__source_measure(NULL, ends[0], &size, &error), error);
        CHECK(size == SIZE_MAX);
        int result =
            smalti__source_open_fd(&source, ends[0], "a pipe", &(smalti__source_options){.pool = &pool}, &error);
        pthread_join(thread, NULL);
        CHECK_OK(result, error);
        CHECK_INT(source.size, feeder.size);
        CHECK(!memcmp(source.data, large, feeder.size));
        CHECK(source.memory_bytes >= feeder.size);
        CHECK_OK(smalti__source_check(&source, &error), error);
        smalti__source_close(&source);
        CHECK_INT(pool.used_bytes, 0);
        smalti__pool_trim(&pool, 0);
        CHECK(fcntl(ends[0], F_GETFD) >= 0); /* it is the caller's */
        close(ends[0]);
    }
}

TEST("a descriptor of a file gives all of it and stays where it is")
{
    smalti_error error;
    const char *path = large_file("positioned");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (int mapped = 0; mapped < 2; mapped++) {
        CHECK(lseek(fd, 77, SEEK_SET) == 77);
        smalti__source source;
        size_t size;
        CHECK_OK(smalti__source_open_fd(&source, fd, path,
                                        &(smalti__source_options){.map_threshold = mapped ? 0 : SIZE_MAX}, &error),
                 error);
        CHECK_INT(source.size, LARGE);
        CHECK(!memcmp(source.data, large, LARGE));
        smalti__source_close(&source);
        CHECK(lseek(fd, 0, SEEK_CUR) == 77);
        CHECK_OK(smalti__source_measure(NULL, fd, &size, &error), error);
        CHECK_INT(size, LARGE);
    }
    close(fd);
}

TEST("a pipe leaves no more in the pool than it says")
{
    enum { BYTES = 1 << 20 };
    smalti_error error;
    smalti__source source;
    smalti__pool pool = {0};
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < BYTES / 4096; i++)
            if (write(ends[1], large, 4096) != 4096)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    CHECK_OK(smalti__source_open_fd(&source, ends[0], "pipe", &(smalti__source_options){.pool = &pool}, &error), error);
    close(ends[0]);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK_INT(source.size, BYTES);
    CHECK(pool.held_bytes <= source.memory_bytes + 4096);
    smalti__source_close(&source);
    smalti__pool_trim(&pool, 0);
}

TEST("a file that is mapped may be larger than max_bytes: it is no memory")
{
    smalti_error error;
    smalti__source source;
    smalti__source_options options = {.map_threshold = 1, .max_bytes = 1000};
    const char *path = large_file("mapped");
    CHECK_OK(smalti__source_open(&source, path, &options, &error), error);
    CHECK_INT(source.size, LARGE);
    smalti__source_close(&source);
    options.map_threshold = SIZE_MAX;
    CHECK_INT(smalti__source_open(&source, path, &options, &error), SMALTI_E_LIMIT);
}

TEST("standard input gives a file from where it is, also when nothing is left")
{
    static const off_t positions[] = {0, 1, PAGE, LARGE - 1, LARGE, LARGE + 10};
    const char *path = large_file("redirected");
    int saved = dup(STDIN_FILENO), fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    close(fd);
    int good = 0;
    for (size_t i = 0; i < SMALTI__COUNT(positions); i++) {
        off_t at = positions[i];
        size_t expected = at < LARGE ? (size_t)(LARGE - at) : 0, size;
        lseek(STDIN_FILENO, at, SEEK_SET);
        smalti__source source;
        good += !smalti__source_measure("-", -1, &size, NULL) && size == expected &&
                !smalti__source_open(&source, "-", NULL, NULL) && source.size == expected &&
                !memcmp(source.data, large + (expected ? at : 0), expected);
        smalti__source_close(&source);
    }
    bool open_still = fcntl(STDIN_FILENO, F_GETFD) >= 0;
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
    CHECK(open_still);
    CHECK_INT(good, SMALTI__COUNT(positions));
}

TEST("memory is a source without a copy")
{
    smalti_error error;
    smalti__source source;
    smalti__source_open_memory(&source, "abc", 3, "three letters");
    CHECK(source.size == 3 && !memcmp(source.data, "abc", 3) && !source.memory_bytes);
    CHECK_OK(smalti__source_check(&source, &error), error);
    CHECK_INT(smalti__source_fail(&source, &error, SMALTI_E_FORMAT, 2, "bad %s", "letter"), SMALTI_E_FORMAT);
    CHECK_STR(error.message, "three letters: bad letter at byte 2");
    CHECK(error.offset == 2);
    smalti__source_fail(&source, &error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "strange");
    CHECK_STR(error.message, "three letters: strange");
    CHECK_INT(smalti__source_fail(&source, NULL, SMALTI_E_FORMAT, 2, "bad"), SMALTI_E_FORMAT);
    smalti__source_close(&source);
}

TEST("a hostile or very long name still leaves one whole line")
{
    char name[5000];
    memset(name, 'n', sizeof name);
    memcpy(name + sizeof name - 12, "/evil\n\x1b.png", 12);
    smalti_error error;
    smalti__source source;
    smalti__source_open_memory(&source, "", 0, name);
    smalti__source_fail(&source, &error, SMALTI_E_FORMAT, UINT64_MAX - 1, "%0300d", 7);
    CHECK(!strpbrk(error.message, "\n\x1b"));
    CHECK(!strncmp(error.message, "...n", 4));
    CHECK_HAS(error.message, "/evil\\x0a\\x1b.png: 000");
    CHECK_HAS(error.message, " at byte 18446744073709551614");
}

static void check_change(const smalti__source *source, const char *how)
{
    smalti_error error;
    CHECK_INT(smalti__source_check(source, &error), SMALTI_E_IO_CHANGED);
    CHECK_HAS(error.message, how);
}

TEST("a file that is overwritten in place, grown or truncated is reported, mapped or read")
{
    smalti_error error;
    for (int mapped = 0; mapped < 2; mapped++) {
        smalti__source_options options = {.map_threshold = mapped ? 1 : SIZE_MAX};
        for (int how = 0; how < 4; how++) {
            const char *path = large_file("victim");
            /* so that the time of the next change differs also where the clock of files ticks every 4 ms */
            usleep(20000);
            smalti__source source;
            CHECK_OK(smalti__source_open(&source, path, &options, &error), error);
            int fd = open(path, O_WRONLY | O_APPEND * (how == 1) | O_CLOEXEC);
            CHECK(fd >= 0);
            if (how < 2)
                CHECK(write(fd, "changed", 7) == 7);
            else
                CHECK(!ftruncate(fd, how == 2 ? LARGE / 2 : 0));
            if (how == 3)
                CHECK(!ftruncate(fd, LARGE));
            close(fd);
            check_change(&source, how == 2 ? "/victim: truncated while it was read" : "/victim: changed while it was");
            smalti__source_close(&source);
        }
    }
}

TEST("what a decoder finds wrong in a file that was changed meanwhile is reported as the change")
{
    smalti_error error;
    smalti__source source;
    const char *path = large_file("confusing");
    CHECK_OK(smalti__source_open(&source, path, NULL, &error), error);
    int before = smalti__source_fail(&source, &error, SMALTI_E_FORMAT_CHECKSUM, 7, "bad CRC");
    bool cut = !truncate(path, 1000);
    int after = smalti__source_fail(&source, &error, SMALTI_E_FORMAT_CHECKSUM, 7, "bad CRC");
    int without = smalti__source_fail(&source, NULL, SMALTI_E_FORMAT_CHECKSUM, 7, "bad CRC");
    smalti__source_close(&source);
    CHECK(cut);
    CHECK_INT(before, SMALTI_E_FORMAT_CHECKSUM);
    CHECK_INT(after, SMALTI_E_IO_CHANGED);
    CHECK_INT(without, SMALTI_E_IO_CHANGED);
    CHECK_HAS(error.message, "/confusing: truncated while it was read");
}

TEST("a file that is replaced by a rename is read whole")
{
    smalti_error error;
    smalti__source source;
    for (int mapped = 0; mapped < 2; mapped++) {
        const char *path = large_file("renamed"), *other = file_path("other");
        CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){.map_threshold = mapped ? 1 : SIZE_MAX},
                                     &error),
                 error);
        CHECK(file_write(other, "short", 5) && !rename(other, path));
        CHECK(!memcmp(source.data, large, LARGE));
        CHECK_OK(smalti__source_check(&source, &error), error);
        smalti__source_close(&source);
    }
}

TEST("more maps than the guard can watch are read instead")
{
    enum { FILES = 1100 };
    static smalti__source sources[FILES];
    smalti_error error;
    const char *path = file_path("one");
    CHECK(file_write(path, large_bytes(), 100));
    int fd = open(path, O_RDONLY | O_CLOEXEC), mapped = 0;
    for (int i = 0; i < FILES; i++) {
        CHECK_OK(smalti__source_open_fd(&sources[i], fd, path, &(smalti__source_options){.map_threshold = 1}, &error),
                 error);
        mapped += !sources[i].memory_bytes;
        CHECK(!memcmp(sources[i].data, large, 100));
    }
    for (int i = 0; i < FILES; i++)
        smalti__source_close(&sources[i]);
    close(fd);
    CHECK(mapped > 500 && mapped < FILES);
}
