/* SPDX-License-Identifier: Apache-2.0
 * The parent's end: a task goes to a worker with the descriptors it needs, and its answer, its death or its deadline is waited
 * for. A task that a worker died of gets another worker, once. */
#include "worker/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    START_MS = 60000,
    LOOK_MS = 50,     /* how often a wait looks whether it was cancelled */
    GRACE_MS = 1000,  /* for a worker to end a task that is over its time by itself */
    STARTS = 3,       /* attempts in a row */
    PAUSE_MOST_MS = 200,
    WARNINGS_MOST = 1000,
    MEASURES_MOST = 4 << 20,
    PROGRESS_NS = 50 * 1000 * 1000
};

/* ---- The job ---- */

smalti_result smalti__workers_open(smalti__workers *workers, smalti__run *run, smalti_error *error)
{
    SMALTI__CLEANUP_FREE char *json = NULL;
    *workers = (smalti__workers){.run = run, .job = -1};
    if (!run->plan->asked)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "only a plan that is made of a job can run at workers");
    SMALTI__TRY(smalti_job_print(run->plan->asked, &json, error));
    workers->job_bytes = strlen(json);
    workers->job = memfd_create("smalti-job", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (workers->job >= 0 && smalti__write_all(workers->job, json, workers->job_bytes) &&
        !fcntl(workers->job, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        return SMALTI_OK;
    int failed = errno;
    smalti__workers_close(workers);
    return smalti__fail_errno(error, failed, "the job cannot be handed to workers");
}

void smalti__workers_close(smalti__workers *workers)
{
    if (workers->job >= 0)
        close(workers->job);
    workers->job = -1;
}

/* ---- The worker ---- */

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

/* Waits for a packet: its bytes, 0 when the worker is gone, -1 when ms went by. */
static ssize_t receive(smalti__remote *remote, int ms)
{
    struct pollfd watched[] = {{.fd = remote->process.socket, .events = POLLIN},
                               {.fd = remote->process.watch, .events = POLLIN}};
    int ready = poll(watched, SMALTI__COUNT(watched), ms);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return -1;
    ssize_t got =
        smalti__packet_receive(remote->process.socket, &remote->packet, sizeof remote->packet, NULL, 0, NULL, false);
    if (got < 0 && errno == EAGAIN) /* it is the other one: dead, with its socket in somebody else's hands */
        return watched[1].revents ? 0 : -1;
    return got < 0 ? 0 : got;
}

/* One that is dead already is noticed by whoever waits for its answer. */
static void greet(smalti__remote *remote)
{
    const smalti__workers *workers = remote->workers;
    const smalti__run *run = workers->run;
    const smalti__packet_start start = {
        .kind = SMALTI__PACKET_START,
        .version = SMALTI__PACKET_VERSION,
        .job_bytes = workers->job_bytes,
        .memory_bytes = run->options.memory_bytes,
        .strip_rows = run->options.strip_rows,
        .tasks = run->plan->job->input_count,
        .jobs = run->options.jobs,
        .lanes = run->lanes,
        .spare_lanes = run->spare_lanes,
        .has_output = run->plan->has_output,
    };
    (void)smalti__packet_send(remote->process.socket, &start, sizeof start, &workers->job, 1, false);
}

/* In force or not: an error where it must be, else a warning, once in the run. */
static smalti_result check_jail(smalti__remote *remote, smalti__task *task, smalti_error *error)
{
    smalti__workers *workers = remote->workers;
    smalti__jail_state state;
    smalti_error missing;
    memcpy(state.failed, remote->packet.ready.failed, sizeof state.failed);
    if (smalti__jail_require(&state, &missing) == SMALTI_OK)
        return SMALTI_OK;
    if (workers->run->options.require_jail)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s", missing.message);
    if (!__atomic_exchange_n(&workers->told, true, __ATOMIC_RELAXED))
        smalti__task_warn(task, missing.message);
    return SMALTI_OK;
}

/* *died: it may be tried again. */
static smalti_result start_once(smalti__remote *remote, smalti__task *task, bool *died, smalti_error *error)
{
    const char *program = remote->workers->run->options.worker_program;
    char end[SMALTI__PROCESS_END];
    *died = false;
    SMALTI__TRY(smalti__process_start(program ? program : "smalti", &remote->process, error));
    smalti_result result = SMALTI_OK;
    greet(remote);
    ssize_t got = -1;
    for (int waited = 0; result == SMALTI_OK && got < 0; waited += LOOK_MS) {
        got = receive(remote, LOOK_MS);
        result = smalti__stop_check(&task->stop, error);
        if (got < 0 && result == SMALTI_OK && waited > START_MS)
            result = smalti__fail(error, SMALTI_E_PEER, "a worker did not start within %d seconds", START_MS / 1000);
    }
    if (result == SMALTI_OK && got != sizeof remote->packet.ready) {
        smalti__process_end(&remote->process, end);
        *died = true;
        return smalti__fail(error, SMALTI_E_PEER, "a worker %s when it was started", end);
    }
    if (result == SMALTI_OK && remote->packet.kind != SMALTI__PACKET_READY)
        result = smalti__fail(error, SMALTI_E_PEER, "%s is no worker", SMALTI__SHOWN(program ? program : "smalti"));
    if (result == SMALTI_OK)
        result = smalti__remote_error(&remote->packet.ready.error, error);
    if (result == SMALTI_OK)
        result = check_jail(remote, task, error);
    if (result < 0)
        smalti__process_end(&remote->process, NULL);
    return result;
}

static smalti_result have_worker(smalti__remote *remote, smalti__task *task, smalti_error *error)
{
    for (int attempt = 1; !remote->process.id; attempt++) {
        bool died;
        back_off(remote);
        smalti_result result = start_once(remote, task, &died, error);
        remote->deaths += died;
        if (result < 0 && (!died || attempt == STARTS)) {
            smalti__error_name(error, task->name);
            return result;
        }
    }
    return SMALTI_OK;
}

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

/* *owned: fd is to be closed. *again: a second worker would find the same bytes. */
static smalti_result open_input(const smalti__task *task, int *fd, bool *owned, bool *again, smalti_error *error)
{
    const smalti__input *input = &task->lane->run->plan->job->inputs[task->index];
    bool standard = input->fd < 0 && !strcmp(input->path, "-") && !input->data;
    size_t size = 0;
    *owned = true;
    *again = true;
    if (input->image)
        return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s: pixels in memory are not handed to workers", task->name);
    if (input->data) {
        *fd = copy_input(input, -1);
    } else {
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
    }
    return *fd >= 0 ? SMALTI_OK : smalti__fail_errno(error, errno, "%s: cannot be opened", SMALTI__SHOWN(task->name));
}

/* Makes the packet of a task and its sinks' descriptors. */
static smalti_result open_outputs(smalti__remote *remote, smalti__task *task, const smalti__encoder_format **formats,
                                  int *descriptors, size_t *count, smalti_error *error)
{
    const smalti_plan *plan = task->lane->run->plan;
    smalti__packet_task *packet = &remote->packet.task;
    memset(packet, 0, offsetof(smalti__packet_task, outputs));
    packet->kind = SMALTI__PACKET_TASK;
    packet->output_count = (uint32_t)plan->variant_count;
    smalti__packet_name(packet->name, task->name);
    for (size_t i = 0; i < plan->variant_count; i++) {
        const char *path = task->branches[i].path;
        uint32_t format = 0;
        while (formats[i] && smalti__encoder_formats[format] && smalti__encoder_formats[format] != formats[i])
            format++;
        if ((formats[i] && !smalti__encoder_formats[format]) ||
            (plan->variants[i].target && plan->variants[i].target->pixels))
            return smalti__fail(error, SMALTI_E_UNSUPPORTED, "%s: workers make files, not pixels", task->name);
        SMALTI__TRY(smalti__task_open_sink(task, i, error));
        packet->outputs[i].format = formats[i] ? format : UINT32_MAX;
        packet->outputs[i].has_file = task->branches[i].sink.state != NULL;
        smalti__packet_name(packet->outputs[i].name, !path ? "output" : strcmp(path, "-") ? path : "standard output");
        if (task->branches[i].sink.state)
            SMALTI__TRY(smalti__sink_lend(&task->branches[i].sink, &descriptors[(*count)++], error));
    }
    return SMALTI_OK;
}

/* ---- The wait ---- */

typedef enum outcome { ANSWERED, STOPPED, DIED } outcome;

static bool grant(smalti__remote *remote, smalti__task *task)
{
    smalti__packet_word answer = {.kind = SMALTI__PACKET_GRANT};
    smalti_error error;
    uint64_t bytes = remote->packet.need.bytes;
    smalti_result result =
        remote->packet.need.wait ? smalti__task_admit(task, bytes, &error) : smalti__task_more(task, bytes, &error);
    smalti__packet_error_set(&answer.error, result, &error);
    return !smalti__packet_send(remote->process.socket, &answer, sizeof answer, NULL, 0, false);
}

static bool add_measures(smalti__remote *remote)
{
    const smalti__packet_measures *part = &remote->packet.measures;
    uint32_t bytes = part->bytes;
    if (bytes > sizeof part->text || bytes > MEASURES_MOST - remote->measure_bytes)
        return false;
    char *larger = realloc(remote->measures, remote->measure_bytes + bytes + 1);
    if (!larger)
        return false;
    memcpy(larger + remote->measure_bytes, part->text, bytes);
    remote->measures = larger;
    remote->measure_bytes += bytes;
    return true;
}

static bool pass_warning(smalti__remote *remote, smalti__task *task)
{
    smalti_error warning;
    char shown[SMALTI__NAME_TEXT];
    if (++remote->warnings > WARNINGS_MOST || smalti__remote_error(&remote->packet.word.error, &warning) == SMALTI_OK)
        return false;
    size_t name = strlen(smalti__name_text(task->name, shown));
    bool named = !strncmp(warning.message, shown, name) && warning.message[name] == ':';
    smalti__task_warn(task, warning.message + (named ? name + 2 : 0));
    return true;
}

static void pass_progress(smalti__remote *remote, smalti__task *task)
{
    const smalti__packet_progress *progress = &remote->packet.progress;
    uint64_t now = smalti__now_ns();
    if (now - remote->progress_ns < PROGRESS_NS || progress->rows_done > progress->rows)
        return;
    remote->progress_ns = now;
    smalti__task_progress(task, progress->rows_done, progress->rows);
}

/* A packet that came. False: it cannot be a worker's. */
static bool handle(smalti__remote *remote, smalti__task *task, size_t bytes, bool *answered)
{
    static const size_t sizes[] = {
        [SMALTI__PACKET_NEED] = sizeof(smalti__packet_need),
        [SMALTI__PACKET_WARNING] = sizeof(smalti__packet_word),
        [SMALTI__PACKET_PROGRESS] = sizeof(smalti__packet_progress),
        [SMALTI__PACKET_MEASURES] = sizeof(smalti__packet_measures),
        [SMALTI__PACKET_REPLY] = sizeof(smalti__packet_reply),
    };
    uint32_t kind = bytes >= sizeof remote->packet.kind ? remote->packet.kind : 0;
    if (kind >= SMALTI__COUNT(sizes) || !sizes[kind] || sizes[kind] != bytes)
        return false;
    switch (kind) {
    case SMALTI__PACKET_NEED:
        return grant(remote, task);
    case SMALTI__PACKET_WARNING:
        return pass_warning(remote, task);
    case SMALTI__PACKET_PROGRESS:
        pass_progress(remote, task);
        return true;
    case SMALTI__PACKET_MEASURES:
        return add_measures(remote);
    default:
        remote->reply = remote->packet.reply;
        *answered = true;
        return true;
    }
}

/* end: how the worker died. */
static outcome await(smalti__remote *remote, smalti__task *task, char end[SMALTI__PROCESS_END], smalti_error *error)
{
    uint64_t last_ns = task->stop.deadline_ns + (uint64_t)GRACE_MS * 1000000;
    bool answered = false;
    while (!answered) {
        ssize_t got = receive(remote, LOOK_MS);
        smalti_result stop = smalti__stop_check(&task->stop, error);
        if (got == 0) {
            smalti__process_end(&remote->process, end);
            return DIED;
        }
        if (got > 0 && !handle(remote, task, (size_t)got, &answered)) {
            smalti__process_end(&remote->process, NULL);
            snprintf(end, SMALTI__PROCESS_END, "said what no worker says");
            return DIED;
        }
        if (!answered && stop < 0 && (stop != SMALTI_E_LIMIT_TIME || smalti__now_ns() > last_ns)) {
            smalti__process_end(&remote->process, NULL);
            smalti__error_name(error, task->name);
            return STOPPED;
        }
    }
    return ANSWERED;
}

/* ---- A task ---- */

/* As before the worker looked at it. */
static void reset(smalti__remote *remote, smalti__task *task)
{
    free(remote->measures);
    remote->measures = NULL;
    remote->measure_bytes = 0;
    remote->warnings = 0;
    remote->progress_ns = 0;
    smalti__task_give_back(task);
    for (size_t i = 0; i < task->lane->run->plan->variant_count; i++)
        smalti__sink_close(&task->branches[i].sink);
}

static outcome run_once(smalti__remote *remote, smalti__task *task, const smalti__encoder_format **formats, bool *again,
                        char end[SMALTI__PROCESS_END], smalti_result *result, smalti_error *error)
{
    int descriptors[SMALTI__PACKET_DESCRIPTORS];
    size_t count = 1;
    bool owned = false;
    *result = have_worker(remote, task, error);
    if (*result == SMALTI_OK)
        *result = open_input(task, &descriptors[0], &owned, again, error);
    if (*result < 0)
        return STOPPED;
    *result = open_outputs(remote, task, formats, descriptors, &count, error);
    size_t bytes = offsetof(smalti__packet_task, outputs) +
                   sizeof *remote->packet.task.outputs * task->lane->run->plan->variant_count;
    int failed = *result < 0 ? 0
                             : smalti__packet_send(remote->process.socket, &remote->packet.task, bytes, descriptors,
                                                   count, false);
    if (owned)
        close(descriptors[0]);
    if (*result < 0)
        return STOPPED;
    outcome came = DIED;
    if (failed)
        smalti__process_end(&remote->process, end);
    else
        came = await(remote, task, end, error);
    if (came == ANSWERED)
        *result = smalti__remote_accept(remote, task, formats, error);
    else if (came == STOPPED)
        *result = error->code;
    if (*result == SMALTI_E_PEER)
        smalti__error_name(error, task->name);
    return came;
}

static smalti_result run_elsewhere(void *user, smalti__task *task, const smalti__encoder_format **formats,
                                   smalti_error *error)
{
    smalti__remote *remote = user;
    smalti_error own = {0};
    smalti_result result = SMALTI_OK;
    for (int attempt = 1;; attempt++) {
        char end[SMALTI__PROCESS_END] = "";
        bool again = true;
        reset(remote, task);
        outcome came = run_once(remote, task, formats, &again, end, &result, &own);
        if (came == ANSWERED)
            remote->deaths = 0;
        if (came != DIED)
            break;
        remote->deaths++;
        if (attempt == 2 || !again) {
            result = smalti__fail(&own, SMALTI_E_PEER, "%s: the worker %s%s", SMALTI__SHOWN(task->name), end,
                                  attempt == 2 ? ", twice" : "");
            break;
        }
    }
    if (result < 0 && error)
        *error = own;
    return result;
}

void smalti__remote_open(smalti__remote *remote, smalti__workers *workers, smalti__lane *lane)
{
    memset(remote, 0, sizeof *remote);
    remote->workers = workers;
    remote->process.watch = remote->process.socket = -1;
    lane->elsewhere = run_elsewhere;
    lane->elsewhere_user = remote;
}

void smalti__remote_close(smalti__remote *remote)
{
    smalti__process_end(&remote->process, NULL);
    free(remote->measures);
    remote->measures = NULL;
}
