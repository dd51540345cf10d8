/* SPDX-License-Identifier: Apache-2.0
 * The worker's end: gets a job, makes its plan, enters the jail, and then runs one task after the other on descriptors that
 * it is given. */
#include "worker/packet.h"
#include "worker/warm.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "base/library.h"
#include "decode/avif_library.h"
#include "decode/tiff_library.h"

/* What a worker may have beyond the run's budget: stacks, arenas, tables, the code of kernels. */
enum { OVERHEAD_MIB = 512, JAIL_DESCRIPTORS = SMALTI__PACKET_DESCRIPTORS + 64 };

typedef struct worker {
    int socket;
    smalti__channel channel;
    pthread_mutex_t lock; /* guards the channel while a task runs: its threads may all have something to say */
    smalti__packet_in in;
    smalti__blocks blocks;
    uint64_t task; /* its number */
    smalti_plan *plan;
    smalti__run run; /* as the parent's: the same routes are chosen */
    smalti_cancel cancel; /* never is: the parent kills */
    smalti__lane lane;
} worker;

static worker self_; /* for the process's life */

smalti__channel *smalti__serve_channel(uint64_t *task)
{
    *task = self_.task;
    return &self_.channel;
}

/* Without its parent there is nothing to do and nobody to tell. */
static void say(worker *self, const void *packet, size_t bytes)
{
    if (smalti__packet_put(&self->channel, self->task, packet, bytes, true, NULL) < 0)
        _exit(0);
}

/* PEER: the parent is gone, which is how a run ends, or talks nonsense. */
static smalti_result hear(worker *self, smalti_error *error)
{
    for (;;) {
        SMALTI__TRY(smalti__packet_get(&self->channel, &self->in, false, error));
        if (self->in.whole)
            return SMALTI_OK;
        SMALTI__TRY(smalti__channel_wait(&self->channel, SMALTI__CHANNEL_DATA, -1, error));
    }
}

/* ---- The start ---- */

static smalti_result read_job(int fd, uint64_t bytes, smalti_job **job, smalti_error *error)
{
    SMALTI__CLEANUP_FREE char *json = malloc(bytes + 1);
    if (!json)
        return smalti__fail_nomem(error, bytes + 1);
    for (uint64_t done = 0; done < bytes;) {
        ssize_t got = pread(fd, json + done, bytes - done, (off_t)done);
        if (got <= 0 && errno != EINTR)
            return smalti__fail(error, SMALTI_E_PEER, "the worker's job cannot be read");
        done += got > 0 ? (uint64_t)got : 0;
    }
    return smalti_job_parse(json, bytes, "job", job, error);
}

static smalti_result make_plan(worker *self, const smalti__packet_start *start, int fd, smalti_error *error)
{
    smalti_job *job;
    SMALTI__TRY(read_job(fd, start->job_bytes, &job, error));
    smalti_result result = smalti_plan_new(job, &self->plan, error);
    smalti_job_free(job);
    SMALTI__TRY(result);
    if (!start->libraries)
        return SMALTI_OK;
    /* none can be loaded later; one that is missing is told when it is needed */
    const smalti__avif_library *avif;
    const smalti__tiff_library *tiff;
    smalti_error missing;
    if (smalti__avif_library_get(&avif, &missing) < 0 || smalti__tiff_library_get(&tiff, &missing) < 0)
        smalti__log(1, "%s", missing.message);
    return SMALTI_OK;
}

/* With the lock: a question to the parent, and what it answers. */
static smalti_result ask(worker *self, const void *packet, size_t bytes, smalti_error *error)
{
    say(self, packet, bytes);
    if (hear(self, NULL) < 0 || self->in.packet.kind != SMALTI__PACKET_GRANT || self->in.task != self->task)
        _exit(0);
    const smalti__packet_error *answer = &self->in.packet.word.error;
    return answer->result < 0 ? smalti__fail(error, answer->result, "%s", answer->message) : SMALTI_OK;
}

static smalti_result ask_for_memory(void *user, size_t bytes, bool wait, smalti_error *error)
{
    worker *self = user;
    const smalti__packet_need need = {SMALTI__PACKET_NEED, wait, bytes};
    pthread_mutex_lock(&self->lock);
    smalti_result result = ask(self, &need, sizeof need, error);
    pthread_mutex_unlock(&self->lock);
    return result;
}

static void tell_event(void *user, const smalti_event *event)
{
    worker *self = user;
    pthread_mutex_lock(&self->lock);
    if (event->kind == SMALTI_EVENT_WARNING) {
        smalti__packet_word warning = {.kind = SMALTI__PACKET_WARNING};
        smalti__packet_error_set(&warning.error, SMALTI_E_INVALID, event->error);
        say(self, &warning, sizeof warning);
    } else if (event->kind == SMALTI_EVENT_PROGRESS) {
        const smalti__packet_progress progress = {SMALTI__PACKET_PROGRESS, event->rows_done, event->rows};
        say(self, &progress, sizeof progress);
    }
    pthread_mutex_unlock(&self->lock);
}

static smalti_result open_lane(worker *self, const smalti__packet_start *start, smalti_error *error)
{
    self->run = (smalti__run){
        .plan = self->plan,
        .options = {.size = sizeof self->run.options,
                    .jobs = start->jobs,
                    .memory_bytes = start->memory_bytes,
                    .strip_rows = (uint32_t)start->strip_rows,
                    .cancel = &self->cancel,
                    .event = tell_event,
                    .user = self},
        .lanes = 1,
        .tied_bytes = start->tied_bytes,
        .blocks_bytes = start->blocks_bytes,
        .need = ask_for_memory,
        .need_user = self,
    };
    pthread_mutex_init(&self->run.event_lock, NULL);
    return smalti__lane_open(&self->lane, &self->run, error);
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void enter_jail(const worker *self, const smalti__packet_start *start, smalti__packet_ready *ready)
{
    smalti__jail_state state = {0};
    int keep[] = {0, 1, 2, self->socket, self->channel.bell, self->channel.their_bell, self->blocks.socket};
    qsort(keep, SMALTI__COUNT(keep), sizeof *keep, ascending);
    smalti__jail jail = {
        .keep = keep,
        .keep_count = SMALTI__COUNT(keep),
#ifndef SMALTI__SANITIZED /* whose shadow would count */
        .memory_bytes = self->run.options.memory_bytes + ((uint64_t)OVERHEAD_MIB << 20),
#endif
        .descriptors = JAIL_DESCRIPTORS,
    };
    smalti__jail_bound(&jail, self->plan, start->tasks);
    smalti__library_seal();
    smalti__jail_enter(&jail, &state);
    memcpy(ready->failed, state.failed, sizeof ready->failed);
}

/* ---- A task ---- */

static void fill_info(smalti__packet_info *to, const smalti_info *info)
{
    *to = (smalti__packet_info){
        .width = info->width,
        .height = info->height,
        .channels = info->channels,
        .sample = info->sample,
        .bit_depth = info->bit_depth,
        .interlaced = info->interlaced,
        .has_alpha = info->has_alpha,
        .frames = info->frames,
        .loops = info->loops,
        .duration_ms = info->duration_ms,
        .orientation = info->orientation,
        .file_bytes = info->file_bytes,
        .decoded_bytes = info->decoded_bytes,
        .icc_bytes = info->icc_bytes,
        .exif_bytes = info->exif_bytes,
        .xmp_bytes = info->xmp_bytes,
    };
    memcpy(to->format, info->format, sizeof to->format);
    memcpy(to->color, info->color, sizeof to->color);
    memcpy(to->subsampling, info->subsampling, sizeof to->subsampling);
    memcpy(to->compression, info->compression, sizeof to->compression);
}

static uint32_t format_index(const char *name)
{
    uint32_t i = 0;
    while (smalti__encoder_formats[i] && (!name || strcmp(smalti__encoder_formats[i]->name, name)))
        i++;
    return smalti__encoder_formats[i] ? i : UINT32_MAX;
}

/* Everything but names; what was searched for has its outcome in the branches then. */
static smalti_result finish(smalti__task *task, smalti_error *error)
{
    size_t count = task->lane->run->plan->variant_count;
    for (size_t i = 0; i < count; i++) {
        smalti__branch *branch = &task->branches[i];
        if (branch->sink.state)
            SMALTI__TRY(smalti__sink_flush(&branch->sink, error));
        if (branch->encoder)
            SMALTI__TRY(smalti__outputs_name(task, i, error));
        branch->made.bytes = branch->sink.bytes;
        uint64_t written = branch->sink.write_ns, encode = task->stats->encode_ns;
        task->stats->write_ns += written;
        task->stats->encode_ns -= written < encode ? written : encode;
    }
    return SMALTI_OK;
}

static void say_measures(worker *self, const char *text)
{
    smalti__packet_measures part = {.kind = SMALTI__PACKET_MEASURES};
    for (size_t left = text ? strlen(text) : 0; left; text += part.bytes, left -= part.bytes) {
        part.bytes = left < sizeof part.text ? (uint32_t)left : (uint32_t)sizeof part.text;
        memcpy(part.text, text, part.bytes);
        say(self, &part, offsetof(smalti__packet_measures, text) + part.bytes);
    }
}

static void reply(worker *self, const smalti__task *task, smalti_result result, const smalti_error *error)
{
    smalti__packet_reply packet;
    memset(&packet, 0, sizeof packet);
    packet.kind = SMALTI__PACKET_REPLY;
    packet.missed = smalti__library_missed();
    packet.source = !task->source_kind                         ? SMALTI__SOURCE_NONE
                    : strcmp(task->source_kind, "mapped") == 0 ? SMALTI__SOURCE_MAPPED
                                                               : SMALTI__SOURCE_READ;
    smalti__packet_error_set(&packet.error, result, error);
    packet.stats = *task->stats;
    fill_info(&packet.info, &task->info);
    memcpy(packet.fast_path, task->fast_path, sizeof packet.fast_path);
    packet.output_count = (uint32_t)self->plan->variant_count;
    for (size_t i = 0; i < packet.output_count; i++) {
        const smalti_output *made = &task->branches[i].made;
        packet.outputs[i].format = format_index(made->format);
        packet.outputs[i].width = made->width;
        packet.outputs[i].height = made->height;
        packet.outputs[i].quality = made->quality;
        packet.outputs[i].bytes = made->bytes;
        packet.outputs[i].score = made->score;
    }
    if (result == SMALTI_OK)
        say_measures(self, task->measures);
    say(self, &packet, offsetof(smalti__packet_reply, outputs) + packet.output_count * sizeof *packet.outputs);
}

/* The files of a task, as many as it says; or of an output that outgrew its block. */
static smalti_result take_files(worker *self, int *descriptors, size_t count, smalti_error *error)
{
    smalti__packet_files files;
    if (!count)
        return SMALTI_OK;
    SMALTI__TRY(smalti__packet_take(self->socket, &files, sizeof files, descriptors, count, false, error));
    if (files.kind == SMALTI__PACKET_FILES && files.task == self->task)
        return SMALTI_OK;
    while (count)
        close(descriptors[--count]);
    return smalti__fail(error, SMALTI_E_PEER, "files of another task");
}

/* An output, for who finds that its block is too small. */
typedef struct output {
    worker *self;
    uint32_t index;
} output;

static smalti_result ask_for_file(void *user, int *fd, smalti_error *error)
{
    const output *from = user;
    const smalti__packet_outgrown outgrown = {SMALTI__PACKET_OUTGROWN, from->index};
    pthread_mutex_lock(&from->self->lock);
    smalti_result result = ask(from->self, &outgrown, sizeof outgrown, error);
    if (result == SMALTI_OK && take_files(from->self, fd, 1, error) < 0)
        _exit(0);
    pthread_mutex_unlock(&from->self->lock);
    return result;
}

/* Descriptors are owned by the sinks. */
static smalti_result open_sinks(worker *self, smalti__task *task, output *outputs, const int *descriptors,
                                const smalti__encoder_format **formats, smalti_error *error)
{
    const smalti__packet_task *packet = &self->in.packet.task;
    uint8_t *data;
    for (uint32_t i = 0; i < packet->output_count; i++) {
        smalti__sink *sink = &task->branches[i].sink;
        const char *name = packet->outputs[i].name;
        uint32_t format = packet->outputs[i].format;
        formats[i] = format == UINT32_MAX ? NULL : smalti__encoder_formats[format];
        outputs[i] = (output){self, i};
        if (packet->outputs[i].place == SMALTI__PLACE_FILE)
            SMALTI__TRY(smalti__sink_open_fd(sink, *descriptors++, name, error));
        if (packet->outputs[i].place != SMALTI__PLACE_BLOCK)
            continue;
        SMALTI__TRY(smalti__blocks_at(&self->blocks, &packet->outputs[i].block, &data, error));
        SMALTI__TRY(
            smalti__sink_open_room(sink, data, packet->outputs[i].block.bytes, ask_for_file, &outputs[i], name, error));
    }
    return SMALTI_OK;
}

/* Where the input is. descriptor: a file's. */
static smalti_result open_input(worker *self, int descriptor, smalti__input *input, smalti_error *error)
{
    const smalti__packet_task *packet = &self->in.packet.task;
    uint8_t *data;
    if (packet->place == SMALTI__PLACE_FILE) {
        input->fd = descriptor;
        return SMALTI_OK;
    }
    SMALTI__TRY(smalti__blocks_at(&self->blocks, &packet->block, &data, error));
    input->data = data;
    input->size = packet->block.bytes;
    return SMALTI_OK;
}

/* The task in self->in, until something else comes. */
static void run_task(worker *self, const int *descriptors)
{
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {0};
    output outputs[SMALTI__VARIANTS_MAX];
    char name[SMALTI__PACKET_NAME];
    memcpy(name, self->in.packet.task.name, sizeof name);
    smalti__input input = {.path = name, .name = name, .fd = -1};
    smalti_job job = *self->plan->job;
    smalti_plan view = *self->plan;
    smalti_stats stats = {.size = sizeof stats, .tasks = 1};
    smalti__task task = {.lane = &self->lane, .name = name, .stats = &stats};
    smalti_error error = {0};
    uint64_t cpu = smalti__thread_cpu_ns(), allocations = self->lane.pool.allocations;
    job.inputs = &input;
    job.input_count = 1;
    view.job = &job;
    view.has_output = self->in.packet.task.has_output;
    self->run.plan = &view;
    self->run.spare_lanes = self->in.packet.task.spare_lanes;
    smalti__task_set_stop(&task);
    smalti_result result = open_input(self, descriptors[0], &input, &error);
    if (result == SMALTI_OK)
        result = open_sinks(self, &task, outputs, descriptors + (input.fd >= 0), formats, &error);
    if (result == SMALTI_OK)
        result = smalti__task_work(&task, formats, &error);
    if (result == SMALTI_OK)
        result = finish(&task, &error);
    smalti__task_release(&task);
    if (input.fd >= 0)
        close(input.fd);
    task.decoder = NULL;
    stats.cpu_ns += smalti__thread_cpu_ns() - cpu;
    stats.allocations = self->lane.pool.allocations - allocations;
    reply(self, &task, result, &error);
    smalti__outputs_free(&task);
    free(task.measures);
    self->run.plan = self->plan;
}

/* ---- The whole life ---- */

/* What comes first: a channel, and the job. */
static smalti_result meet(worker *self, smalti__packet_start *start, int *job, smalti_error *error)
{
    int got[SMALTI__START_DESCRIPTORS];
    if (smalti__packet_take(self->socket, start, sizeof *start, got, SMALTI__COUNT(got), true, NULL) < 0 ||
        start->kind != SMALTI__PACKET_START || start->version != SMALTI__PACKET_VERSION)
        return smalti__fail(error, SMALTI_E_PEER, "descriptor %d is no socket of a run of this version", self->socket);
    *job = got[SMALTI__START_JOB];
    smalti__blocks_open(&self->blocks, got[SMALTI__START_BLOCKS], false, start->blocks_bytes);
    return smalti__channel_open((smalti__channel_parts){.memory = got[SMALTI__START_MEMORY],
                                                        .bell = got[SMALTI__START_BELL],
                                                        .their_bell = got[SMALTI__START_THEIR_BELL]},
                                &self->channel, error);
}

static smalti_result begin(worker *self, smalti_error *error)
{
    smalti__packet_start start;
    smalti__packet_ready ready = {.kind = SMALTI__PACKET_READY};
    int job;
    SMALTI__TRY(meet(self, &start, &job, error));
    smalti_result result = make_plan(self, &start, job, error);
    close(job);
    if (result == SMALTI_OK)
        result = open_lane(self, &start, error);
    if (result == SMALTI_OK)
        enter_jail(self, &start, &ready);
    if (result == SMALTI_OK && start.warm)
        smalti__warm_up(&self->lane);
    smalti__packet_error_set(&ready.error, result, error);
    say(self, &ready, sizeof ready);
    return result;
}

smalti_result smalti_worker_serve(int fd, smalti_error *error)
{
    worker *self = &self_;
    int descriptors[SMALTI__PACKET_DESCRIPTORS];
    if (fd <= STDERR_FILENO)
        return smalti__fail(error, SMALTI_E_PEER, "descriptor %d is no socket of a run", fd);
    self->socket = fd;
    pthread_mutex_init(&self->lock, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    SMALTI__TRY(begin(self, error));
    for (;;) {
        smalti_result result = hear(self, error);
        if (result < 0)
            return self->channel.gone ? SMALTI_OK : result;
        if (self->in.packet.kind != SMALTI__PACKET_TASK ||
            self->in.packet.task.output_count != self->plan->variant_count)
            return smalti__fail(error, SMALTI_E_PEER, "a packet that is no task");
        self->task = self->in.task;
        SMALTI__TRY(take_files(self, descriptors, self->in.packet.task.file_count, error));
        run_task(self, descriptors);
    }
}
