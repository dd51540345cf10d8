/* SPDX-License-Identifier: Apache-2.0
 * What the jail holds here: a child is put into it and tries to get out. Between fork and its end the child makes nothing
 * but system calls, since other threads of the parent may have held locks. */
#include "worker/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each gives 0 when it could be done, or errno. */
static int open_file(void)
{
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

static int make_file(void)
{
    int fd = open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600); /* has no name, whatever happens */
    return fd < 0 ? errno : 0;
}

static int open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int open_local_socket(void)
{
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ? errno : 0;
}

static int trace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0;
}

static int start_process(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : 0;
}

static int run_program(void)
{
    char *arguments[] = {"/bin/true", NULL};
    execv(arguments[0], arguments);
    return errno;
}

static int signal_parent(void)
{
    return kill(getppid(), 0) ? errno : 0;
}

static int new_code(void)
{
    void *map = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? errno : 0;
}

static int raise_limit(void)
{
    const struct rlimit more = {4096, 4096};
    return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &more, NULL) ? errno : 0;
}

/* Of the child; made before the jail, where none can be. */
static int grown_fd = -1;
enum { FILE_BYTES = 1 << 20 };

static int grow_file(void)
{
    return pwrite(grown_fd, "", 1, FILE_BYTES) < 0 && errno == EFBIG ? EFBIG : 0;
}

static const struct attempt {
    const char *name, *what;
    int (*try)(void);
} attempts[] = {
    {"open", "open a file", open_file},
    {"create", "create a file", make_file},
    {"socket", "open a network socket", open_socket},
    {"socketpair", "open a local socket", open_local_socket},
    {"ptrace", "trace a process", trace},
    {"fork", "start a process", start_process},
    {"kill", "signal another process", signal_parent},
    {"code", "make memory executable", new_code},
    {"rlimit", "raise a limit", raise_limit},
    {"grow", "write a file beyond its limit", grow_file},
    {"exec", "run a program", run_program}, /* last: it would be gone */
};

typedef struct outcome {
    smalti__jail_state state;
    int attempts[SMALTI__COUNT(attempts)];
} outcome;

static void child_main(int fd)
{
    outcome found = {0};
    signal(SIGXFSZ, SIG_IGN);
    grown_fd = (int)syscall(SYS_memfd_create, "smalti-probe", MFD_CLOEXEC);
    const int keep[] = {fd < grown_fd ? fd : grown_fd, fd < grown_fd ? grown_fd : fd};
    const smalti__jail jail = {.keep = grown_fd < 0 ? &fd : keep,
                               .keep_count = grown_fd < 0 ? 1 : 2,
                               .memory_bytes = (uint64_t)1 << 30,
                               .file_bytes = FILE_BYTES,
                               .cpu_seconds = 10};
    smalti__jail_enter(&jail, &found.state);
    for (size_t i = 0; i < SMALTI__COUNT(attempts); i++)
        found.attempts[i] = attempts[i].try();
    ssize_t written = write(fd, &found, sizeof found);
    _exit(written == (ssize_t)sizeof found ? 0 : 1);
}

static smalti_result read_outcome(int fd, outcome *found, smalti_error *error)
{
    size_t size = 0;
    while (size < sizeof *found) {
        ssize_t got = read(fd, (char *)found + size, sizeof *found - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return smalti__fail(error, SMALTI_E_PEER, "the process in the jail ended without a word");
        size += (size_t)got;
    }
    return SMALTI_OK;
}

smalti_result smalti_jail_probe(smalti_jail_report *report, smalti_error *error)
{
    int ends[2];
    outcome found;
    if (pipe2(ends, O_CLOEXEC))
        return smalti__fail_errno(error, errno, "no pipe to a process in the jail");
    pid_t child = fork();
    if (child == 0)
        child_main(ends[1]);
    int failed = errno;
    close(ends[1]);
    smalti_result result = child < 0 ? smalti__fail_errno(error, failed, "no process can be started for the jail")
                                     : read_outcome(ends[0], &found, error);
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    if (result < 0)
        return result;
    memset(report, 0, sizeof *report);
    smalti__jail_describe(&found.state, report);
    report->attempt_count = SMALTI__COUNT(attempts);
    report->complete = smalti__jail_require(&found.state, NULL) == SMALTI_OK;
    for (size_t i = 0; i < SMALTI__COUNT(attempts); i++) {
        report->attempts[i] = (smalti_jail_item){.name = attempts[i].name,
                                                 .what = attempts[i].what,
                                                 .enforced = found.attempts[i] != 0,
                                                 .sys_errno = found.attempts[i]};
        report->complete &= found.attempts[i] != 0;
    }
    return SMALTI_OK;
}
