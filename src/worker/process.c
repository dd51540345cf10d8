/* SPDX-License-Identifier: Apache-2.0
 * Starting and ending a worker process. */
#include "worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SERVED = 3, DYING_MS = 200 };

extern char **environ;

/* What a sanitizer says is worth seeing; anything else a jailed process might say is not. */
#ifdef SMALTI__SANITIZED
enum { QUIET = 2 };
#else
enum { QUIET = 3 };
#endif

static int spawn(const char *program, int socket, pid_t *id)
{
    char *const arguments[] = {"smalti", "worker", "--serve", "3", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&files))
        return ENOMEM;
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    for (int fd = 1; fd < QUIET && !failed; fd++)
        failed = posix_spawn_file_actions_adddup2(&files, 0, fd);
    if (!failed)
        failed = posix_spawn_file_actions_adddup2(&files, socket, SERVED);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0); /* Ctrl-C is for the parent */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (!failed)
        failed = posix_spawnp(id, program, &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

smalti_result smalti__process_start(const char *program, smalti__process *process, smalti_error *error)
{
    int ends[2];
    *process = (smalti__process){.watch = -1, .socket = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return smalti__fail_errno(error, errno, "no socket for a worker");
    int theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, SERVED + 1); /* out of the way of those that are made in the child */
    int failed = theirs < 0 ? errno : spawn(program, theirs, &process->id);
    close(ends[1]);
    if (theirs >= 0)
        close(theirs);
    if (failed) {
        close(ends[0]);
        process->id = 0;
        return smalti__fail_errno(error, failed, "%s: no worker can be started", SMALTI__SHOWN(program));
    }
    process->socket = ends[0];
    process->watch = (int)syscall(SYS_pidfd_open, process->id, 0);
    return SMALTI_OK;
}

static void describe(const siginfo_t *info, char end[SMALTI__PROCESS_END])
{
    const char *name = info->si_code == CLD_EXITED ? NULL : sigabbrev_np(info->si_status);
    if (info->si_code == CLD_EXITED)
        snprintf(end, SMALTI__PROCESS_END, "ended with exit code %d", info->si_status);
    else if (name)
        snprintf(end, SMALTI__PROCESS_END, "was killed by SIG%s", name);
    else
        snprintf(end, SMALTI__PROCESS_END, "was killed by signal %d", info->si_status);
}

void smalti__process_end(smalti__process *process, char end[SMALTI__PROCESS_END])
{
    siginfo_t info = {0};
    if (!process->id)
        return;
    if (end) { /* a socket that hangs up is closed a little before the process has ended */
        snprintf(end, SMALTI__PROCESS_END, "hung up");
        if (process->watch >= 0)
            poll(&(struct pollfd){.fd = process->watch, .events = POLLIN}, 1, DYING_MS);
    }
    if (process->watch >= 0)
        syscall(SYS_pidfd_send_signal, process->watch, SIGKILL, NULL, 0);
    else
        kill(process->id, SIGKILL);
    int waited;
    do {
        waited = waitid(P_PID, (id_t)process->id, &info, WEXITED);
    } while (waited && errno == EINTR);
    if (!waited && end) /* else the program around has buried it */
        describe(&info, end);
    if (process->watch >= 0)
        close(process->watch);
    close(process->socket);
    *process = (smalti__process){.watch = -1, .socket = -1};
}
