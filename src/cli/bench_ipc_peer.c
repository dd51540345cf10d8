/* SPDX-License-Identifier: Apache-2.0
 * The other process of `smalti bench ipc`, and the ends of pipes, streams and channels to it. */
#include "cli/bench_ipc.h"

#include "worker/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double ipc_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double ipc_cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

smalti_result ipc_write(int to, const void *data, size_t bytes, uint64_t *copied, smalti_error *error)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t count = write(to, (const uint8_t *)data + done, bytes - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return cli_fail(error, SMALTI_E_PEER, "the other process of the measurement takes nothing more");
        done += (size_t)count;
        *copied += (uint64_t)count;
    }
    return SMALTI_OK;
}

smalti_result ipc_read(int from, void *data, size_t bytes, uint64_t *copied, smalti_error *error)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t count = read(from, (uint8_t *)data + done, bytes - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return cli_fail(error, SMALTI_E_PEER, "the other process of the measurement has ended");
        done += (size_t)count;
        *copied += (uint64_t)count;
    }
    return SMALTI_OK;
}

static const ipc_peer no_peer = {.in = -1, .out = -1, .socket = -1};

static void close_peer(ipc_peer *peer)
{
    if (peer->in >= 0)
        close(peer->in);
    if (peer->out >= 0 && peer->out != peer->in)
        close(peer->out);
    if (peer->socket >= 0)
        close(peer->socket);
    smalti__blocks_close(&peer->blocks);
    smalti__channel_close(&peer->channel);
}

/* Both ends of what is asked for; those of the other process in *other and *parts. */
static smalti_result connect_ends(ipc_transport transport, ipc_peer *own, ipc_peer *other, smalti__channel_parts *parts,
                                  smalti_error *error)
{
    int there[2], back[2];
    if (transport == IPC_SHARED) {
        smalti_result result = smalti__channel_make(256, &own->channel, parts, error);
        if (result == SMALTI_OK)
            result = smalti__pass_pair(there, error);
        if (result == SMALTI_OK)
            own->socket = there[0], other->socket = there[1];
        return result;
    }
    if (transport == IPC_STREAM) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, there) < 0)
            return cli_fail_errno(error, "no sockets");
        own->in = own->out = there[0];
        other->in = other->out = there[1];
        return SMALTI_OK;
    }
    if (pipe2(there, O_CLOEXEC) < 0)
        return cli_fail_errno(error, "no pipes");
    own->out = there[1], other->in = there[0];
    if (pipe2(back, O_CLOEXEC) < 0)
        return cli_fail_errno(error, "no pipes");
    own->in = back[0], other->out = back[1];
    return SMALTI_OK;
}

smalti_result ipc_peer_start(ipc_transport transport, size_t blocks_bytes, void (*run)(ipc_peer *peer, void *user),
                             void *user, ipc_peer *peer, smalti_error *error)
{
    ipc_peer own = no_peer, other = no_peer;
    smalti__channel_parts parts = {-1, -1, -1};
    void *report = mmap(NULL, sizeof *own.report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        return cli_fail_errno(error, "no shared memory");
    own.report = other.report = report;
    smalti_result result = connect_ends(transport, &own, &other, &parts, error);
    own.process = result == SMALTI_OK ? fork() : -1;
    if (own.process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close_peer(&own);
        if (transport == IPC_SHARED && smalti__channel_open(parts, &other.channel, NULL) < 0)
            _exit(1);
        smalti__blocks_open(&other.blocks, other.socket, false, blocks_bytes);
        run(&other, user);
        _exit(1);
    }
    if (result == SMALTI_OK && own.process < 0)
        result = cli_fail_errno(error, "no process for the measurement");
    close_peer(&other);
    smalti__channel_parts_close(&parts);
    smalti__blocks_open(&own.blocks, own.socket, true, blocks_bytes);
    if (result < 0) {
        close_peer(&own);
        munmap(report, sizeof *own.report);
        return result;
    }
    *peer = own;
    return SMALTI_OK;
}

void ipc_peer_end(ipc_peer *peer)
{
    if (!peer->process)
        return;
    kill(peer->process, SIGKILL);
    waitpid(peer->process, NULL, 0);
    close_peer(peer);
    munmap(peer->report, sizeof *peer->report);
    peer->process = 0;
}
