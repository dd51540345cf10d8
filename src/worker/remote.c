/* SPDX-License-Identifier: Apache-2.0
 * The parent's end: a task goes to a worker with the descriptors it needs, and its answer, its death or its deadline is waited
 * for. A task that a worker died of gets another worker, once. */
#include "worker/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK_MS = 50,   /* how often a wait looks whether it was cancelled */
    GRACE_MS = 1000 /* for a worker to end a task that is over its time by itself */
};

/* ---- The descriptors of a task ---- */

/* What is no file of its own: bytes in memory, and the rest of a file that was begun. */
static int copy_input(const smalti__input *input, int from)
{
    int fd = memfd_create("smalti-input", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    bool whole = from >= 0 || smalti__write_all(fd, input->data, input->size);
    while (whole && from >= 0) {
        ssize_t moved = sendfile(fd, from, NULL, 1 << 20);
        whole = moved >= 0 || errno == EINTR;
        if (moved == 0)
            break;
    }
    if (whole)
        return fd;
    int failed = errno;
    close(fd);
    errno = failed;
    return -1;
}

/* An input in memory, where the worker reads it. False: it is to go as a file. */
static bool lay_out(smalti__remote *remote, const smalti__input *input)
{
    smalti__block_ref ref;
    uint8_t *to;
    if (smalti__blocks_take(&remote->blocks, input->size ? input->size : 1, &ref, NULL) < 0)
        return false;
    ref.bytes = input->size;
    if (smalti__blocks_at(&remote->blocks, &ref, &to, NULL) < 0)
        return false;
    memcpy(to, input->data, input->size);
    remote->packet.place = SMALTI__PLACE_BLOCK;
    remote->packet.block = ref;
    return true;
}

/* The file of an input that is one. *owned: it is to be closed. *again: a second worker would find the same bytes. */
static smalti_result open_file(const smalti__task *task, const smalti__input *input, int *fd, bool *owned, bool *again,
                               smalti_error *error)
{
    bool standard = input->fd < 0 && !strcmp(input->path, "-");
    size_t size = 0;
    smalti_result result = smalti__source_measure(input->fd >= 0 ? NULL : input->path, input->fd, &size, error);
    if (result < 0) {
        smalti__error_name(error, task->name);
        return result;
    }
    *again = size != SIZE_MAX;
    *owned = !standard && input->fd < 0;
    *fd = standard ? STDIN_FILENO : input->fd;
    if (*owned) /* without waiting for somebody to write to a FIFO */
        *fd = open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (*again ? 0 : O_NONBLOCK));
    if (*fd == STDIN_FILENO && *again && lseek(*fd, 0, SEEK_CUR) > 0) { /* only here it is known as what it is */
        *owned = true;
        *fd = copy_input(input, STDIN_FILENO);
        *again = false;
    }
    return SMALTI_OK;
}

/* Begins the packet of a task. *fd: of its input; -1: it has none. */
static smalti_result open_input(smalti__remote *remote, const smalti__task *task, int *fd, bool *owned, bool *again,
                                smalti_error *error)
{
    const smalti__input *input = &task->lane->run->plan->job->inputs[task->index];
    smalti__packet_task *packet = &remote->packet;
    memset(packet, 0, offsetof(smalti__packet_task, outputs));
    packet->kind = SMALTI__PACKET_TASK;
    packet->has_output = task->lane->run->plan->has_output;
    packet->spare_lanes = task->lane->run->spare_lanes;
    smalti__packet_name(packet->name, task->name);
    *fd = -1;
    *owned = *again = true;
    if (input->image)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s: pixels in memory are not handed to workers", task->name);
    if (input->data && lay_out(remote, input))
        return SMALTI_OK;
    if (input->data)
        *fd = copy_input(input, -1);
    else
        SMALTI__TRY(open_file(task, input, fd, owned, again, error));
    packet->place = SMALTI__PLACE_FILE;
    packet->file_count = 1;
    return *fd >= 0 ? SMALTI_OK : smalti__fail_errno(error, errno, "%s: cannot be opened", SMALTI__SHOWN(task->name));
}

/* Where an output is to go: into a block, so that no worker keeps the descriptor of a file that it has written; where
 * there is no room for one, into a file. */
static smalti_result open_output(smalti__remote *remote, smalti__task *task, size_t index, int *descriptors,
                                 smalti_error *error)
{
    const smalti__input *input = &task->lane->run->plan->job->inputs[task->index];
    smalti__packet_task *packet = &remote->packet;
    smalti__sink *sink = &task->branches[index].sink;
    size_t bytes = smalti__run_output_block(input->data ? input->size : 0);
    SMALTI__TRY(smalti__task_open_sink(task, index, error));
    if (!sink->state)
        return SMALTI_OK;
    if (smalti__blocks_take(&remote->blocks, bytes, &packet->outputs[index].block, NULL) == SMALTI_OK) {
        packet->outputs[index].place = SMALTI__PLACE_BLOCK;
        return SMALTI_OK;
    }
    packet->outputs[index].place = SMALTI__PLACE_FILE;
    return smalti__sink_lend(sink, &descriptors[packet->file_count++], error);
}

static smalti_result open_outputs(smalti__remote *remote, smalti__task *task, const smalti__encoder_format **formats,
                                  int *descriptors, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    smalti__packet_task *packet = &remote->packet;
    for (size_t i = 0; i < plan->variant_count; i++) {
        const char *path = task->branches[i].path;
        uint32_t format = 0;
        while (formats[i] && smalti__encoder_formats[format] && smalti__encoder_formats[format] != formats[i])
            format++;
        if ((formats[i] && !smalti__encoder_formats[format]) ||
            (plan->variants[i].target && plan->variants[i].target->pixels))
            return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s: workers make files, not pixels", task->name);
        memset(&packet->outputs[i], 0, sizeof packet->outputs[i]);
        packet->output_count++;
        packet->outputs[i].format = formats[i] ? format : UINT32_MAX;
        smalti__packet_name(packet->outputs[i].name, !path ? "output" : strcmp(path, "-") ? path : "standard output");
        SMALTI__TRY(open_output(remote, task, i, descriptors, error));
    }
    return SMALTI_OK;
}

/* ---- The wait ---- */

typedef enum outcome { ANSWERED, STOPPED, DIED, MISSED } outcome; /* MISSED: it would need libraries */

/* Its worker, and those that are started from now on, have the libraries. */
static void demand_libraries(smalti__remote *remote)
{
    __atomic_store_n(&remote->workers->libraries, true, __ATOMIC_RELAXED);
    if (!remote->libraries)
        smalti__remote_end(remote, NULL);
}

/* Whether an input is one that may not be there a second time. */
static bool read_once(const smalti__input *input)
{
    struct stat status;
    if (input->data || input->image)
        return false;
    if (input->fd < 0 && !strcmp(input->path, "-"))
        return true;
    int failed = input->fd >= 0 ? fstat(input->fd, &status) : stat(input->path, &status);
    return !failed && !S_ISREG(status.st_mode);
}

/* end: how the worker died. */
static outcome await(smalti__remote *remote, smalti__task *task, char end[SMALTI__PROCESS_END], smalti_error *error)
{
    uint64_t last_ns = task->stop.deadline_ns + (uint64_t)GRACE_MS * 1000000;
    bool answered = false;
    while (!answered) {
        smalti__heard heard = smalti__remote_hear(remote, LOOK_MS);
        smalti_result stop = smalti__stop_check(&task->stop, error);
        if (heard == SMALTI__HEARD_END) {
            smalti__remote_end(remote, end);
            return DIED;
        }
        if (heard == SMALTI__HEARD_PACKET && !smalti__remote_heed(remote, task, &answered))
            heard = SMALTI__HEARD_NONSENSE;
        if (heard == SMALTI__HEARD_NONSENSE) {
            smalti__remote_end(remote, NULL);
            snprintf(end, SMALTI__PROCESS_END, "said what no worker says");
            return DIED;
        }
        if (!answered && stop < 0 && (stop != SMALTI_E_LIMIT_TIME || smalti__now_ns() > last_ns)) {
            smalti__remote_end(remote, NULL);
            smalti__error_name(error, task->name);
            return STOPPED;
        }
    }
    return ANSWERED;
}

/* ---- A task ---- */

/* As before the worker looked at it. */
static void reset(smalti__task *task)
{
    smalti__task_give_back(task);
    for (size_t i = 0; i < task->lane->run->plan->variant_count; i++)
        smalti__sink_close(&task->branches[i].sink);
}

/* Files first: they are there when the task is read. False: the worker takes nothing. */
static bool send_task(smalti__remote *remote, const int *descriptors)
{
    const smalti__packet_task *packet = &remote->packet;
    const smalti__packet_files files = {SMALTI__PACKET_FILES, packet->file_count, ++remote->task};
    size_t bytes = offsetof(smalti__packet_task, outputs) + sizeof *packet->outputs * packet->output_count;
    if (files.count && smalti__packet_pass(remote->process.socket, &files, sizeof files, descriptors, files.count))
        return false;
    return smalti__packet_put(&remote->channel, remote->task, packet, bytes, false, NULL) == SMALTI_OK;
}

static outcome run_once(smalti__remote *remote, smalti__task *task, const smalti__encoder_format **formats, bool *again,
                        char end[SMALTI__PROCESS_END], smalti_result *result, smalti_error *error)
{
    int descriptors[SMALTI__PACKET_DESCRIPTORS];
    bool owned = false, sent = false;
    *result = smalti__remote_start(remote, task, error);
    if (*result == SMALTI_OK)
        *result = open_input(remote, task, &descriptors[0], &owned, again, error);
    if (*result < 0)
        return STOPPED;
    int input = descriptors[0];
    *result = open_outputs(remote, task, formats, descriptors, error);
    if (*result == SMALTI_OK)
        sent = send_task(remote, descriptors);
    if (owned && input >= 0)
        close(input);
    if (*result < 0)
        return STOPPED;
    outcome came = DIED;
    if (!sent)
        smalti__remote_end(remote, end);
    else
        came = await(remote, task, end, error);
    if (came == ANSWERED && remote->in.packet.reply.missed && !remote->libraries) {
        demand_libraries(remote);
        return MISSED;
    }
    if (came == ANSWERED)
        *result = smalti__remote_accept(remote, task, formats, error);
    else if (came == STOPPED)
        *result = error->code;
    if (*result == SMALTI_E_PEER)
        smalti__error_name(error, task->name);
    return came;
}

smalti_result smalti__workers_run(void *user, smalti__task *task, const smalti__encoder_format **formats,
                                  smalti_error *error)
{
    smalti_error own = {0};
    smalti__remote *remote;
    smalti_result result = SMALTI_OK;
    SMALTI__TRY(smalti__workers_take(user, task, &remote, error));
    if (!remote->libraries && read_once(&task->lane->run->plan->job->inputs[task->index]))
        demand_libraries(remote);
    for (int attempt = 1;; attempt++) {
        char end[SMALTI__PROCESS_END] = "";
        bool again = true;
        reset(task);
        outcome came = run_once(remote, task, formats, &again, end, &result, &own);
        smalti__remote_forget(remote);
        if (came == ANSWERED || came == MISSED)
            remote->deaths = 0;
        if (came == MISSED) { /* once at most: the next has them */
            attempt--;
            continue;
        }
        if (came != DIED)
            break;
        remote->deaths++;
        if (attempt == 2 || !again) {
            result = smalti__fail(&own, SMALTI_E_PEER, "%s: the worker %s%s", SMALTI__SHOWN(task->name), end,
                                  attempt == 2 ? ", twice" : "");
            break;
        }
    }
    smalti__workers_give(remote);
    if (result < 0 && error)
        *error = own;
    return result;
}
