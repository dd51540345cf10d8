/* SPDX-License-Identifier: Apache-2.0
 * A worker from its start to its end, as its parent sees it: the process, the channel to it, and what it says first. */
#include "worker/pass.h"
#include "worker/remote.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    START_MS = 60000,
    LOOK_MS = 50, /* how often a wait looks whether it was cancelled */
    STARTS = 3,   /* attempts in a row */
    PAUSE_MOST_MS = 200
};

/* ---- What it says ---- */

smalti__heard smalti__remote_hear(smalti__remote *remote, int ms)
{
    smalti__channel *channel = &remote->channel;
    struct pollfd watched[] = {{.fd = channel->bell, .events = POLLIN},
                               {.fd = remote->process.watch, .events = POLLIN}};
    bool there;
    if (smalti__packet_get(channel, &remote->in, true, NULL) < 0)
        return SMALTI__HEARD_NONSENSE;
    if (remote->in.whole)
        return SMALTI__HEARD_PACKET;
    if (smalti__channel_arm(channel, SMALTI__CHANNEL_DATA, &there, NULL) < 0)
        return SMALTI__HEARD_NONSENSE;
    int ready = there ? 0 : poll(watched, SMALTI__COUNT(watched), ms);
    smalti_result awake = smalti__channel_disarm(channel, NULL);
    if (awake < 0 && !channel->broken)
        return SMALTI__HEARD_END;
    if (awake < 0 || smalti__packet_get(channel, &remote->in, true, NULL) < 0)
        return SMALTI__HEARD_NONSENSE;
    if (remote->in.whole)
        return SMALTI__HEARD_PACKET;
    /* dead, with its bell in somebody else's hands */
    return ready > 0 && watched[1].revents ? SMALTI__HEARD_END : SMALTI__HEARD_NOTHING;
}

void smalti__remote_end(smalti__remote *remote, char end[SMALTI__PROCESS_END])
{
    if (!remote->process.id)
        return;
    smalti__process_end(&remote->process, end);
    remote->ready = false;
    smalti__channel_close(&remote->channel);
    smalti__blocks_close(&remote->blocks);
    if (remote->blocks.socket >= 0)
        close(remote->blocks.socket);
    remote->blocks.socket = -1;
    remote->packet.output_count = 0; /* its blocks are gone */
    remote->packet.place = SMALTI__PLACE_NOWHERE;
}

/* ---- Its start ---- */

static void pause_ms(uint32_t ms)
{
    const struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Workers that die at once must not keep the machine busy with starting them. */
static void back_off(const smalti__remote *remote)
{
    if (remote->deaths < 2)
        return;
    uint32_t ms = remote->deaths < 8 ? 5u << (remote->deaths - 2) : PAUSE_MOST_MS;
    pause_ms(ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS);
}

/* One that is dead already is noticed by whoever waits for its answer. */
static void send_start(smalti__remote *remote, const smalti__channel_parts *parts, int blocks)
{
    const smalti_workers *workers = remote->workers;
    const smalti__run *run = workers->run;
    remote->libraries = __atomic_load_n(&workers->libraries, __ATOMIC_RELAXED);
    const smalti__packet_start start = {
        .kind = SMALTI__PACKET_START,
        .version = SMALTI__PACKET_VERSION,
        .job_bytes = workers->job_bytes,
        .memory_bytes = run->options.memory_bytes,
        .strip_rows = run->options.strip_rows,
        .tied_bytes = run->tied_bytes,
        .blocks_bytes = run->blocks_bytes,
        .tasks = run == &workers->own ? 0 : run->plan->job->input_count,
        .jobs = run->options.jobs,
        .warm = run == &workers->own,
        .libraries = remote->libraries,
    };
    const int descriptors[SMALTI__START_DESCRIPTORS] = {
        [SMALTI__START_JOB] = workers->job, [SMALTI__START_MEMORY] = parts->memory,
        [SMALTI__START_BELL] = parts->bell, [SMALTI__START_THEIR_BELL] = parts->their_bell,
        [SMALTI__START_BLOCKS] = blocks,
    };
    (void)smalti__packet_pass(remote->process.socket, &start, sizeof start, descriptors, SMALTI__COUNT(descriptors));
}

static smalti_result greet(smalti__remote *remote, smalti_error *error)
{
    smalti__channel_parts parts;
    int ends[2];
    remote->in.bytes = 0;
    remote->in.whole = false;
    smalti__blocks_open(&remote->blocks, -1, true, remote->workers->run->blocks_bytes);
    SMALTI__TRY(smalti__pass_pair(ends, error));
    remote->blocks.socket = ends[0];
    smalti_result result = smalti__channel_make(SMALTI__PACKET_SLOTS, &remote->channel, &parts, error);
    if (result == SMALTI_OK) {
        send_start(remote, &parts, ends[1]);
        smalti__channel_parts_close(&parts);
    }
    close(ends[1]);
    return result;
}

smalti_result smalti__remote_begin(smalti__remote *remote, smalti_error *error)
{
    SMALTI__TRY(smalti__workers_spawn(remote, error));
    smalti_result result = greet(remote, error);
    if (result < 0)
        smalti__remote_end(remote, NULL);
    return result;
}

/* What it says first. *died: another may be tried. */
static smalti_result await_ready(smalti__remote *remote, const smalti__task *task, bool *died, smalti_error *error)
{
    const smalti_workers *workers = remote->workers;
    smalti_result result = SMALTI_OK;
    smalti__heard heard = SMALTI__HEARD_NOTHING;
    char end[SMALTI__PROCESS_END];
    for (int waited = 0; result == SMALTI_OK && heard == SMALTI__HEARD_NOTHING; waited += LOOK_MS) {
        heard = smalti__remote_hear(remote, LOOK_MS);
        result = smalti__stop_check(task ? &task->stop : NULL, error);
        if (heard == SMALTI__HEARD_NOTHING && result == SMALTI_OK && waited > START_MS)
            result = smalti__fail(error, SMALTI_E_PEER, "a worker did not start within %d seconds", START_MS / 1000);
    }
    *died = result == SMALTI_OK && heard == SMALTI__HEARD_END;
    if (*died) {
        smalti__remote_end(remote, end);
        return smalti__fail(error, SMALTI_E_PEER, "a worker %s when it was started", end);
    }
    if (result == SMALTI_OK && (heard != SMALTI__HEARD_PACKET || remote->in.packet.kind != SMALTI__PACKET_READY))
        result = smalti__fail(error, SMALTI_E_PEER, "%s is no worker", SMALTI__SHOWN(workers->program));
    if (result == SMALTI_OK)
        result = smalti__remote_error(&remote->in.packet.ready.error, error);
    if (result == SMALTI_OK) {
        memcpy(remote->jail.failed, remote->in.packet.ready.failed, sizeof remote->jail.failed);
        result = workers->run->options.require_jail ? smalti__jail_require(&remote->jail, error) : SMALTI_OK;
    }
    remote->ready = result == SMALTI_OK;
    if (result < 0)
        smalti__remote_end(remote, NULL);
    return result;
}

smalti_result smalti__remote_start(smalti__remote *remote, smalti__task *task, smalti_error *error)
{
    smalti_error missing;
    for (int attempt = 1; !remote->ready; attempt++) {
        bool died = false;
        smalti_result result = SMALTI_OK;
        if (!remote->process.id) {
            back_off(remote);
            result = smalti__remote_begin(remote, error);
        }
        if (result == SMALTI_OK)
            result = await_ready(remote, task, &died, error);
        remote->deaths += died;
        if (result < 0 && (!died || attempt == STARTS)) {
            if (task)
                smalti__error_name(error, task->name);
            return result;
        }
    }
    if (task && smalti__jail_require(&remote->jail, &missing) < 0 &&
        !__atomic_exchange_n(&remote->workers->told, true, __ATOMIC_RELAXED))
        smalti__task_warn(task, missing.message);
    return SMALTI_OK;
}
