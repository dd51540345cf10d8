/* SPDX-License-Identifier: Apache-2.0
 * Both ends of a channel for tests: in one process, or with a worker that is a process of its own. */
#ifndef SMALTI_TEST_CHANNEL_ENDS_H
#define SMALTI_TEST_CHANNEL_ENDS_H

#include "test.h"
#include "worker/channel.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where things stand in the shared memory (docs/workers.md), said once more independently. */
enum {
    AT_VERSION = 8,
    AT_SLOT_BYTES = 12,
    AT_SLOTS = 16,
    AT_PARENT_SENT = 128,
    AT_PARENT_RECEIVED = 256,
    AT_PARENT_ASLEEP = 384,
    AT_WORKER_SENT = 512,
    AT_WORKER_RECEIVED = 640,
    AT_WORKER_ASLEEP = 768,
    AT_MESSAGES = 1024,
};

static inline int open_descriptors(void)
{
    int count = 0;
    DIR *all = opendir("/proc/self/fd");
    CHECK(all);
    while (readdir(all))
        count++;
    closedir(all);
    return count - 3; /* ".", ".." and the folder's own */
}

static inline void both_ends(uint32_t slots, smalti__channel *parent, smalti__channel *worker)
{
    smalti__channel_parts parts;
    smalti_error error;
    CHECK_OK(smalti__channel_make(slots, parent, &parts, &error), error);
    CHECK_OK(smalti__channel_open(parts, worker, &error), error);
}

static inline void close_ends(smalti__channel *parent, smalti__channel *worker)
{
    smalti__channel_close(parent);
    smalti__channel_close(worker);
}

/* What a worker of a test does; what it returns is the exit status. */
typedef int worker_main(smalti__channel *channel, void *user);

static inline pid_t start_worker(smalti__channel *parent, uint32_t slots, worker_main *run, void *user)
{
    smalti__channel_parts parts;
    smalti_error error;
    CHECK_OK(smalti__channel_make(slots, parent, &parts, &error), error);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        smalti__channel worker;
        signal(SIGPIPE, SIG_IGN);
        smalti__channel_close(parent);
        _exit(smalti__channel_open(parts, &worker, NULL) < 0 ? 99 : run(&worker, user));
    }
    smalti__channel_parts_close(&parts);
    CHECK(child > 0);
    return child;
}

static inline int end_worker(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
