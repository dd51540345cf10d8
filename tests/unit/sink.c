/* SPDX-License-Identifier: Apache-2.0
 * Bytes out: files that appear whole or not at all, streams and memory. */
#include "test.h"
#include "files.h"
#include "sink/sink.h"

#include <sys/mman.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint8_t pattern[1 << 20];

static const uint8_t *pattern_bytes(void)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)((i * 2654435761u) >> 24);
    return pattern;
}

/* Writes size bytes of the pattern in pieces of step, of 1 to 9,973 when step is 0. */
static int write_pattern(smalti__sink *sink, size_t size, size_t step, smalti_error *error)
{
    for (size_t at = 0, turn = 1; at < size; turn++) {
        size_t part = step ? step : turn * 7919 % 9973 + 1;
        part = part < size - at ? part : size - at;
        int result = smalti__sink_write(sink, pattern + at, part, error);
        if (result)
            return result;
        at += part;
    }
    return 0;
}

static void check_file(const char *path, size_t size)
{
    size_t got;
    uint8_t *data = file_read(path, &got);
    bool same = data && got == size && !memcmp(data, pattern, size);
    free(data);
    if (!same)
        TEST_FAIL("%s: not the %zu bytes that were written", path, size);
}

TEST("a file holds what was written, in pieces of any size")
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, sizeof pattern};
    static const size_t steps[] = {0, 37, 65536, 65537, sizeof pattern};
    smalti_error error;
    pattern_bytes();
    for (size_t i = 0; i < SMALTI__COUNT(sizes) * SMALTI__COUNT(steps); i++) {
        smalti__sink sink;
        const char *path = file_path("pieces");
        CHECK_OK(smalti__sink_open_file(&sink, path, true, &error), error);
        CHECK_OK(write_pattern(&sink, sizes[i % 6], steps[i / 6], &error), error);
        CHECK_INT(sink.bytes, sizes[i % 6]);
        CHECK_OK(smalti__sink_commit(&sink, &error), error);
        CHECK_OK(smalti__sink_commit(&sink, &error), error);
        smalti__sink_close(&sink);
        smalti__sink_close(&sink);
        check_file(path, sizes[i % 6]);
    }
}

TEST("a new file gets the mode that the umask allows")
{
    smalti_error error;
    smalti__sink sink;
    struct stat stat_now;
    mode_t old = umask(027);
    int result = smalti__sink_open_file(&sink, file_path("mode"), false, &error);
    umask(old);
    CHECK_OK(result, error);
    CHECK_OK(smalti__sink_commit(&sink, &error), error);
    smalti__sink_close(&sink);
    CHECK(!stat(file_path("mode"), &stat_now));
    CHECK_INT(stat_now.st_mode & 0777, 0640);
}

TEST("what is not committed leaves nothing, and an existing file as it was")
{
    smalti_error error;
    smalti__sink sink;
    CHECK(!mkdir(file_path("discard"), 0777));
    for (int replace = 0; replace < 2; replace++) {
        CHECK_OK(smalti__sink_open_file(&sink, file_path("discard/new"), replace, &error), error);
        CHECK_OK(write_pattern(&sink, 200000, 0, &error), error);
        smalti__sink_close(&sink);
        CHECK_INT(file_count(file_path("discard")), 0);
    }
    CHECK(file_write(file_path("discard/old"), "old", 3));
    CHECK_OK(smalti__sink_open_file(&sink, file_path("discard/old"), true, &error), error);
    CHECK_OK(write_pattern(&sink, 200000, 0, &error), error);
    smalti__sink_close(&sink);
    size_t size;
    uint8_t *data = file_read(file_path("discard/old"), &size);
    bool same = data && size == 3 && !memcmp(data, "old", 3);
    free(data);
    CHECK(same);
    CHECK_INT(file_count(file_path("discard")), 1);
}

TEST("an existing file is a conflict at commit, or replaced when that is asked for")
{
    smalti_error error;
    smalti__sink sink;
    CHECK(!mkdir(file_path("existing"), 0777));
    pattern_bytes();
    for (int replace = 0; replace < 2; replace++) {
        CHECK_OK(smalti__sink_open_file(&sink, file_path("existing/file"), replace, &error), error);
        CHECK(file_write(file_path("existing/file"), "old", 3)); /* also when it comes after the opening */
        CHECK_OK(write_pattern(&sink, 1000, 0, &error), error);
        int result = smalti__sink_commit(&sink, &error);
        smalti__sink_close(&sink);
        CHECK_INT(result, replace ? SMALTI_OK : SMALTI_E_INVALID_CONFLICT);
        if (!replace)
            CHECK_HAS(error.message, "/existing/file: exists already");
        CHECK_INT(file_count(file_path("existing")), 1);
    }
    check_file(file_path("existing/file"), 1000);
}

TEST("folders are made on the way, also by many threads at once, and a file in their place is an error")
{
    smalti_error error;
    smalti__sink sink;
    CHECK_OK(smalti__sink_open_file(&sink, file_path("a//b/c/file"), false, &error), error);
    CHECK_OK(smalti__sink_commit(&sink, &error), error);
    smalti__sink_close(&sink);
    CHECK_INT(file_count(file_path("a/b/c")), 1);
    CHECK_INT(smalti__sink_open_file(&sink, file_path("a/b/c/file/d/e"), false, &error), SMALTI_E_IO);
    CHECK_INT(error.sys_errno, ENOTDIR);
    CHECK_HAS(error.message, "/a/b/c/file/d/e: its folder cannot be ");
    smalti__sink_close(&sink);
}

TEST("a folder, and a name that ends in a slash, are not files")
{
    smalti_error error;
    smalti__sink sink;
    CHECK(!mkdir(file_path("folder"), 0777));
    CHECK_INT(smalti__sink_open_file(&sink, file_path("folder"), true, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "/folder: is not a file");
    CHECK_INT(smalti__sink_open_file(&sink, file_path("missing/"), true, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "/missing/: is not the name of a file");
    CHECK_INT(smalti__sink_open_file(&sink, "", true, &error), SMALTI_E_INVALID);
    CHECK_INT(file_count(file_path("folder")), 0);
}

struct writer {
    char path[512];
    size_t id;
    int good, conflicts;
};

/* Every thread writes files of its own in folders that all of them make, and one that only one of them may have. */
static void *write_files(void *context)
{
    struct writer *writer = context;
    for (size_t round = 0; round < 20; round++) {
        char path[600];
        smalti_error error;
        smalti__sink sink;
        for (int shared = 0; shared < 2; shared++) {
            snprintf(path, sizeof path, "%s/%zu/x/y/%zu", writer->path, round, shared ? 999 : writer->id);
            if (smalti__sink_open_file(&sink, path, false, &error))
                return NULL;
            int result = write_pattern(&sink, 70000 + writer->id, 0, &error);
            result = result ? result : smalti__sink_commit(&sink, &error);
            smalti__sink_close(&sink);
            writer->good += result == SMALTI_OK;
            writer->conflicts += result == SMALTI_E_INVALID_CONFLICT;
        }
    }
    return NULL;
}

TEST("many threads make the same folders, and of those that want one name one gets it")
{
    enum { THREADS = 8, ROUNDS = 20 };
    struct writer writers[THREADS];
    pthread_t threads[THREADS];
    pattern_bytes();
    for (size_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.id = i};
        snprintf(writers[i].path, sizeof writers[i].path, "%s", file_path("threads"));
        CHECK(!pthread_create(&threads[i], NULL, write_files, &writers[i]));
    }
    int good = 0, conflicts = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        good += writers[i].good;
        conflicts += writers[i].conflicts;
    }
    CHECK_INT(good, ROUNDS * THREADS + ROUNDS);
    CHECK_INT(conflicts, ROUNDS * (THREADS - 1));
    CHECK_INT(file_count(file_path("threads/7/x/y")), THREADS + 1);
    check_file(file_path("threads/7/x/y/3"), 70003);
}

/* Whether a file without a name can be made in the test's folder. */
static bool nameless_files_work(void)
{
    int fd = open(file_path("."), O_TMPFILE | O_WRONLY, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

TEST("a process that is killed while it writes leaves nothing")
{
    if (!nameless_files_work())
        TEST_SKIP("this file system has no O_TMPFILE");
    CHECK(!mkdir(file_path("killed"), 0777));
    pattern_bytes();
    int ends[2];
    CHECK(!pipe(ends));
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        smalti__sink sink;
        smalti_error error;
        bool good = !smalti__sink_open_file(&sink, file_path("killed/file"), true, &error) &&
                    !write_pattern(&sink, sizeof pattern, 0, &error);
        if (write(ends[1], good ? "y" : "n", 1) == 1)
            pause();
        _exit(1);
    }
    char answer = 0;
    CHECK(read(ends[0], &answer, 1) == 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]), close(ends[1]);
    CHECK_INT(answer, 'y');
    CHECK_INT(file_count(file_path("killed")), 0);
}

/* Makes this process one on a file system like NFS: no files without a name, no renameat2 with flags. */
static bool become_old_file_system(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {SMALTI__COUNT(filter), filter};
    return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* 0, or the number of the check that failed. */
static int named_file_checks(void)
{
    smalti_error error;
    smalti__sink sink;
    const char *folder = file_path("named"), *path = file_path("named/file");
    if (smalti__sink_open_file(&sink, path, false, &error))
        return 1;
    if (write_pattern(&sink, 100000, 0, &error) || file_count(folder) != 1 || !access(path, F_OK))
        return 2; /* there is one file, hidden, with another name */
    smalti__sink_close(&sink);
    if (file_count(folder))
        return 3;
    static const int expected[] = {SMALTI_OK, SMALTI_E_INVALID_CONFLICT, SMALTI_OK};
    for (int i = 0; i < 3; i++) {
        if (smalti__sink_open_file(&sink, path, i == 2, &error) || write_pattern(&sink, 70000, 0, &error))
            return 4;
        int result = smalti__sink_commit(&sink, &error);
        smalti__sink_close(&sink);
        if (result != expected[i] || file_count(folder) != 1)
            return 5 + i;
    }
    return 0;
}

TEST("where files must have a name they have a hidden one, and appear whole as well")
{
    CHECK(!mkdir(file_path("named"), 0777));
    pattern_bytes();
    fflush(stdout);
    pid_t child = fork();
    if (!child)
        _exit(become_old_file_system() ? named_file_checks() : 77);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        TEST_SKIP("no seccomp filters here");
    CHECK_INT(WEXITSTATUS(status), 0);
    check_file(file_path("named/file"), 70000);
    CHECK_INT(file_count(file_path("named")), 1);
}

TEST("a full device is an error that says so, at the write or at commit, and commit fails after it")
{
    smalti_error error;
    smalti__sink sink;
    pattern_bytes();
    for (int large = 0; large < 2; large++) {
        error = (smalti_error){0};
        CHECK_OK(smalti__sink_open_file(&sink, "/dev/full", false, &error), error);
        int written = smalti__sink_write(&sink, pattern, large ? 100000 : 100, &error);
        CHECK_INT(written, large ? SMALTI_E_IO : SMALTI_OK);
        int committed = smalti__sink_commit(&sink, large ? NULL : &error);
        smalti__sink_close(&sink);
        CHECK_INT(committed, SMALTI_E_IO);
        CHECK_INT(error.sys_errno, ENOSPC);
        CHECK_HAS(error.message, "/dev/full: cannot be written: ");
    }
    struct stat device;
    CHECK(!stat("/dev/full", &device) && S_ISCHR(device.st_mode)); /* not replaced by a file */
}

TEST("a file larger than the process may write is an error and leaves nothing")
{
    smalti_error error;
    smalti__sink sink;
    CHECK(!mkdir(file_path("limited"), 0777));
    struct rlimit old, small = {100000, 0};
    CHECK(!getrlimit(RLIMIT_FSIZE, &old));
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &small));
    int opened = smalti__sink_open_file(&sink, file_path("limited/file"), false, &error);
    int written = opened ? opened : write_pattern(&sink, sizeof pattern, 0, &error);
    int committed = opened ? opened : smalti__sink_commit(&sink, NULL);
    smalti__sink_close(&sink);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_INT(opened, SMALTI_OK);
    CHECK_INT(written, SMALTI_E_IO);
    CHECK_INT(committed, SMALTI_E_IO);
    CHECK_INT(error.sys_errno, EFBIG);
    CHECK_HAS(error.message, "/limited/file: cannot be written: ");
    CHECK_INT(file_count(file_path("limited")), 0);
}

struct drain {
    const char *path; /* NULL: fd is open */
    int fd;
    size_t good;
};

static void *drain(void *context)
{
    struct drain *drain = context;
    uint8_t bytes[5000];
    int fd = drain->path ? open(drain->path, O_RDONLY | O_CLOEXEC) : drain->fd;
    for (ssize_t got; (got = read(fd, bytes, sizeof bytes)) > 0; drain->good += (size_t)got)
        if (memcmp(bytes, pattern + drain->good, (size_t)got))
            break;
    close(fd);
    return NULL;
}

enum { STREAMED = 500000 };

static int stream_pattern(const char *path, smalti_error *error)
{
    smalti__sink sink;
    int result = smalti__sink_open_file(&sink, path, true, error);
    result = result ? result : write_pattern(&sink, STREAMED, 0, error);
    result = result ? result : smalti__sink_commit(&sink, error);
    smalti__sink_close(&sink);
    return result;
}

TEST("standard output is a stream, also when it does not block")
{
    pattern_bytes();
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        smalti_error error;
        int ends[2];
        CHECK(!pipe2(ends, O_CLOEXEC));
        CHECK(!nonblocking || !fcntl(ends[1], F_SETFL, O_NONBLOCK));
        struct drain reader = {.fd = ends[0]};
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, drain, &reader));
        fflush(stdout);
        int saved = dup(STDOUT_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[1]);
        int result = stream_pattern("-", &error);
        bool still_open = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
        dup2(saved, STDOUT_FILENO);
        close(saved);
        pthread_join(thread, NULL);
        CHECK_OK(result, error);
        CHECK(still_open);
        CHECK_INT(reader.good, STREAMED);
    }
}

TEST("a named pipe is written, not replaced")
{
    smalti_error error;
    const char *path = file_path("fifo");
    pattern_bytes();
    CHECK(!mkfifo(path, 0600));
    struct drain reader = {.path = path};
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, drain, &reader));
    int result = stream_pattern(path, &error);
    pthread_join(thread, NULL);
    CHECK_OK(result, error);
    CHECK_INT(reader.good, STREAMED);
    struct stat stat_now;
    CHECK(!stat(path, &stat_now) && S_ISFIFO(stat_now.st_mode));
}

TEST("memory grows to what is written and is handed over")
{
    smalti_error error;
    smalti__sink sink;
    pattern_bytes();
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    CHECK_OK(write_pattern(&sink, sizeof pattern, 0, &error), error);
    CHECK_OK(smalti__sink_commit(&sink, &error), error);
    size_t size;
    uint8_t *data = smalti__sink_take(&sink, &size);
    smalti__sink_close(&sink);
    bool same = size == sizeof pattern && data && !memcmp(data, pattern, size);
    free(data);
    CHECK(same);
    CHECK_INT(sink.bytes, sizeof pattern);
}

TEST("memory stops at its limit, not one byte before")
{
    smalti_error error;
    smalti__sink sink;
    CHECK_OK(smalti__sink_open_memory(&sink, 10000, &error), error);
    CHECK_OK(write_pattern(&sink, 10000, 0, &error), error);
    CHECK_INT(smalti__sink_write(&sink, "x", 1, &error), SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "larger than the limit of 10000 bytes");
    CHECK_INT(smalti__sink_commit(&sink, &error), SMALTI_E_LIMIT);
    smalti__sink_close(&sink);
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    CHECK_OK(smalti__sink_write(&sink, "x", 1, &error), error);
    CHECK_INT(smalti__sink_write(&sink, pattern, SIZE_MAX, &error), SMALTI_E_NOMEM);
    smalti__sink_close(&sink);
}

/* Begins with other bytes, which are put right at the end. */
static int write_patched(smalti__sink *sink, smalti_error *error)
{
    static const uint8_t wrong[100];
    int result = smalti__sink_rewritable(sink, error);
    result = result ? result : smalti__sink_write(sink, wrong, sizeof wrong, error);
    for (size_t at = sizeof wrong; !result && at < STREAMED; at += 9900)
        result = smalti__sink_write(sink, pattern + at, STREAMED - at < 9900 ? STREAMED - at : 9900, error);
    result = result ? result : smalti__sink_patch(sink, 60, pattern + 60, 40, error);
    return result ? result : smalti__sink_patch(sink, 0, pattern, 60, error);
}

TEST("a head that is known at the end is put into files, streams and memory")
{
    smalti_error error;
    smalti__sink sink;
    const char *path = file_path("patched"), *fifo = file_path("patched-fifo");
    pattern_bytes();
    CHECK_OK(smalti__sink_open_file(&sink, path, true, &error), error);
    CHECK_OK(write_patched(&sink, &error), error);
    CHECK_OK(smalti__sink_commit(&sink, &error), error);
    smalti__sink_close(&sink);
    struct drain reader = {.path = path};
    drain(&reader);
    CHECK_INT(reader.good, STREAMED);

    CHECK(!mkfifo(fifo, 0600));
    reader = (struct drain){.path = fifo};
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, drain, &reader));
    int result = smalti__sink_open_file(&sink, fifo, true, &error);
    result = result ? result : write_patched(&sink, &error);
    result = result ? result : smalti__sink_commit(&sink, &error);
    smalti__sink_close(&sink);
    pthread_join(thread, NULL);
    CHECK_OK(result, error);
    CHECK_INT(reader.good, STREAMED);

    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    CHECK_OK(write_patched(&sink, &error), error);
    size_t size;
    uint8_t *data = smalti__sink_take(&sink, &size);
    smalti__sink_close(&sink);
    bool same = size == STREAMED && !memcmp(data, pattern, size);
    free(data);
    CHECK(same);
}

/* Gives a file without a name, once. */
static smalti_result give_file(void *user, int *fd, smalti_error *error)
{
    int *given = user;
    if (*given >= 0)
        return smalti__fail(error, SMALTI_E_INVALID, "twice");
    *given = memfd_create("larger", 0);
    *fd = dup(*given);
    return *fd >= 0 ? SMALTI_OK : smalti__fail(error, SMALTI_E_IO, "no file");
}

TEST("memory of the caller's is written up to its end, and what is larger goes into a file")
{
    static const size_t rooms[] = {STREAMED, STREAMED - 1, 5, 0};
    static uint8_t room[STREAMED];
    for (size_t i = 0; i < SMALTI__COUNT(rooms); i++) {
        smalti_error error;
        smalti__sink sink;
        int file = -1;
        memset(room, 0, sizeof room);
        CHECK_OK(smalti__sink_open_room(&sink, room, rooms[i], give_file, &file, "out", &error), error);
        CHECK_OK(write_patched(&sink, &error), error);
        CHECK_OK(smalti__sink_flush(&sink, &error), error);
        CHECK_INT(sink.bytes, STREAMED);
        smalti__sink_close(&sink);
        CHECK_INT(file >= 0, rooms[i] < STREAMED);
        if (file >= 0) {
            CHECK_INT(pread(file, room, sizeof room, 0), STREAMED);
            CHECK_INT(lseek(file, 0, SEEK_END), STREAMED);
            close(file);
        }
        CHECK(!memcmp(room, pattern, STREAMED));
    }
}

TEST("bytes that were not written cannot be overwritten")
{
    smalti_error error;
    smalti__sink sink;
    CHECK_OK(smalti__sink_open_memory(&sink, 0, &error), error);
    CHECK_OK(smalti__sink_write(&sink, "abc", 3, &error), error);
    CHECK_INT(smalti__sink_patch(&sink, 2, "xy", 2, &error), SMALTI_E_INVALID);
    CHECK_INT(smalti__sink_patch(&sink, UINT64_MAX, "xy", 2, &error), SMALTI_E_INVALID);
    CHECK_OK(smalti__sink_patch(&sink, 1, "xy", 2, &error), error);
    smalti__sink_close(&sink);
}
