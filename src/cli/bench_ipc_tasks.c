/* SPDX-License-Identifier: Apache-2.0
 * Tasks that do nothing, handed to another process and answered: over a channel, over pipes and streams one by one, over a
 * pipe many at a time, and as a process for each. */
#include "cli/bench_ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const ipc_tasks_names[IPC_TASKS_WAYS] = {"channel in shared memory", "pipe", "Unix stream",
                                                     "pipe, 64 for a write", "process for each"};

enum { BATCH = 64 };

typedef struct tasks_peer {
    ipc_tasks_way way;
    uint32_t count; /* of tasks that are measured, behind one that is not */
} tasks_peer;

/* ---- The other process ---- */

static void answer_channel(ipc_peer *peer, uint32_t count)
{
    smalti__message message;
    for (uint32_t i = 0; i < count; i++)
        if (smalti__channel_receive(&peer->channel, &message, -1, NULL) < 0 ||
            smalti__channel_send(&peer->channel, &message, -1, NULL) < 0)
            _exit(1);
}

static void answer_each(ipc_peer *peer, uint32_t count)
{
    uint8_t task[IPC_TASK_BYTES];
    for (uint32_t i = 0; i < count; i++)
        if (ipc_read(peer->in, task, sizeof task, &peer->report->copied_bytes, NULL) < 0 ||
            ipc_write(peer->out, task, sizeof task, &peer->report->copied_bytes, NULL) < 0)
            _exit(1);
}

/* As many as are there, at once: to at least the end of a task. Returns how many tasks these were, 0 when it failed. */
static uint32_t read_some(int from, uint8_t *tasks, uint32_t most, uint64_t *copied)
{
    ssize_t count;
    do
        count = read(from, tasks, (size_t)most * IPC_TASK_BYTES);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return 0;
    *copied += (uint64_t)count;
    size_t rest = (size_t)count % IPC_TASK_BYTES;
    if (rest && ipc_read(from, tasks + count, IPC_TASK_BYTES - rest, copied, NULL) < 0)
        return 0;
    return (uint32_t)(((size_t)count + IPC_TASK_BYTES - 1) / IPC_TASK_BYTES);
}

static void answer_batches(ipc_peer *peer, uint32_t count)
{
    uint8_t tasks[BATCH * IPC_TASK_BYTES];
    for (uint32_t done = 0, some; done < count; done += some) {
        some = read_some(peer->in, tasks, count - done < BATCH ? count - done : BATCH, &peer->report->copied_bytes);
        if (!some || ipc_write(peer->out, tasks, some * IPC_TASK_BYTES, &peer->report->copied_bytes, NULL) < 0)
            _exit(1);
    }
}

static void answer(ipc_peer *peer, void *user)
{
    const tasks_peer *tasks = user;
    void (*const answers)(ipc_peer *, uint32_t) = tasks->way == IPC_TASKS_CHANNEL   ? answer_channel
                                                  : tasks->way == IPC_TASKS_BATCHES ? answer_batches
                                                                                    : answer_each;
    answers(peer, 1); /* now both are awake, and their memory is there */
    double before = ipc_cpu();
    peer->report->copied_bytes = 0;
    answers(peer, tasks->count - 1);
    peer->report->cpu_s = ipc_cpu() - before; /* before the last answer, which tells that it is there */
    answers(peer, 1);
    pause();
}

/* ---- This process ---- */

static smalti_result wrong_answer(smalti_error *error)
{
    return cli_fail(error, SMALTI_E_PEER, "the other process of the measurement answered another task");
}

/* As a supervisor does it: takes all answers that are there, then sends as many tasks. */
static smalti_result drive_channel(ipc_peer *peer, uint32_t first, uint32_t count, uint32_t window, uint64_t *copied,
                                   smalti_error *error)
{
    smalti__message message = {0};
    smalti_result result = SMALTI_OK;
    (void)copied; /* nothing goes through system calls */
    for (uint32_t sent = 0, done = 0; result == SMALTI_OK && done < count;) {
        bool more = true;
        for (; result == SMALTI_OK && sent < count && sent - done < window; sent++) {
            message.task = first + sent;
            result = smalti__channel_send(&peer->channel, &message, -1, error);
        }
        if (result == SMALTI_OK)
            result = smalti__channel_receive(&peer->channel, &message, -1, error);
        while (result == SMALTI_OK && more) {
            if (message.task != first + done)
                return wrong_answer(error);
            done++;
            result = smalti__channel_try_receive(&peer->channel, &message, &more, error);
        }
    }
    return result;
}

static smalti_result drive_each(ipc_peer *peer, uint32_t first, uint32_t count, uint32_t window, uint64_t *copied,
                                smalti_error *error)
{
    smalti__message message = {0};
    smalti_result result = SMALTI_OK;
    for (uint32_t sent = 0, done = 0; result == SMALTI_OK && done < count; done++) {
        for (; result == SMALTI_OK && sent < count && sent - done < window; sent++) {
            message.task = first + sent;
            result = ipc_write(peer->out, &message, sizeof message, copied, error);
        }
        if (result == SMALTI_OK)
            result = ipc_read(peer->in, &message, sizeof message, copied, error);
        if (result == SMALTI_OK && message.task != first + done)
            result = wrong_answer(error);
    }
    return result;
}

static smalti_result drive_batches(ipc_peer *peer, uint32_t first, uint32_t count, uint32_t window, uint64_t *copied,
                                   smalti_error *error)
{
    smalti__message messages[BATCH];
    memset(messages, 0, sizeof messages);
    window = window < BATCH ? window : BATCH;
    for (uint32_t sent = 0, done = 0, some; done < count; done += some) {
        uint32_t more = count - sent < window - (sent - done) ? count - sent : window - (sent - done);
        for (uint32_t i = 0; i < more; i++)
            messages[i].task = first + sent + i;
        smalti_result result = ipc_write(peer->out, messages, more * sizeof *messages, copied, error);
        if (result < 0)
            return result;
        sent += more;
        some = read_some(peer->in, (uint8_t *)messages, sent - done, copied);
        if (!some)
            return cli_fail(error, SMALTI_E_PEER, "the other process of the measurement has ended");
        for (uint32_t i = 0; i < some; i++)
            if (messages[i].task != first + done + i)
                return wrong_answer(error);
    }
    return SMALTI_OK;
}

static double cpu_of_children(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static smalti_result spawn_each(uint32_t count, ipc_result *result, smalti_error *error)
{
    extern char **environ;
    char *words[] = {"smalti", "--version", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const double start = ipc_now(), cpu = ipc_cpu() + cpu_of_children();
    bool failed = false;
    for (uint32_t i = 0; i < count && !failed; i++) {
        pid_t child;
        int state;
        failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, words, environ) != 0 ||
                 waitpid(child, &state, 0) < 0 || !WIFEXITED(state) || WEXITSTATUS(state) != 0;
    }
    *result = (ipc_result){.wall_s = ipc_now() - start, .cpu_s = ipc_cpu() + cpu_of_children() - cpu};
    posix_spawn_file_actions_destroy(&actions);
    return failed ? cli_fail(error, SMALTI_E_PEER, "a process of the measurement did not end well") : SMALTI_OK;
}

smalti_result ipc_tasks(ipc_tasks_way way, uint32_t count, uint32_t window, ipc_result *result, smalti_error *error)
{
    static const ipc_transport transports[IPC_TASKS_SPAWN] = {IPC_SHARED, IPC_PIPES, IPC_STREAM, IPC_PIPES};
    if (way == IPC_TASKS_SPAWN)
        return spawn_each(count, result, error);
    tasks_peer tasks = {.way = way, .count = count};
    ipc_peer peer = {0};
    uint64_t copied = 0;
    smalti_result (*const drive)(ipc_peer *, uint32_t, uint32_t, uint32_t, uint64_t *, smalti_error *) =
        way == IPC_TASKS_CHANNEL   ? drive_channel
        : way == IPC_TASKS_BATCHES ? drive_batches
                                   : drive_each;
    smalti_result code = ipc_peer_start(transports[way], 0, answer, &tasks, &peer, error);
    if (code == SMALTI_OK)
        code = drive(&peer, 0, 1, 1, &copied, error);
    copied = 0;
    const double start = ipc_now(), cpu = ipc_cpu();
    if (code == SMALTI_OK)
        code = drive(&peer, 1, count, window, &copied, error);
    const double wall = ipc_now() - start, own_cpu = ipc_cpu() - cpu;
    if (code == SMALTI_OK)
        *result = (ipc_result){
            .wall_s = wall, .cpu_s = own_cpu + peer.report->cpu_s, .copied_bytes = copied + peer.report->copied_bytes};
    ipc_peer_end(&peer);
    return code;
}
