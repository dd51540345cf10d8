/* SPDX-License-Identifier: Apache-2.0
 * Runs at workers: the same bytes as threads make, whatever decoders do to their processes, and nothing left behind. This
 * program is its own worker. */
#include <smalti/smalti.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test.h"
#include "files.h"
#include "own_worker.h"
#include "decode/decode.h"
#include "worker/packet.h"

static smalti_error error;

/* ---- A decoder that misbehaves, by the letter behind its magic ---- */

static const char magic[] = "misbehaves:";

static bool probe(const uint8_t *data, size_t size)
{
    return size > sizeof magic && !memcmp(data, magic, sizeof magic - 1);
}

/* Takes what can be had, so that the system's last page is not needed to see where it ends. */
static smalti_result take_memory(smalti_error *why)
{
    enum { BLOCK = 64 << 20, MOST = 200 };
    for (int i = 0; i < MOST; i++) {
        volatile char *block = malloc(BLOCK);
        if (!block)
            return smalti__fail_nomem(why, BLOCK);
        block[0] = 1;
    }
    return smalti__fail(why, SMALTI_E_FORMAT, "memory has no end");
}

/* Of the first file that can be written, which is the output's. The test says where it has to end. */
static smalti_result write_beyond(smalti__source *source, smalti_error *why)
{
    const char *text = getenv("SMALTI_TEST_FILE_BYTES");
    off_t most = text ? atoll(text) : 0;
    for (int fd = 4; fd < 16; fd++)
        if (pwrite(fd, "x", 1, most - 1) == 1)
            return pwrite(fd, "x", 1, most) < 0 && errno == EFBIG
                       ? smalti__source_fail(source, why, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "files end")
                       : smalti__fail(why, SMALTI_E_INVALID, "files do not end");
    return smalti__fail(why, SMALTI_E_INVALID, "there is no file, or it ends too early");
}

__attribute__((noreturn)) static void lie(const smalti__source *source)
{
    smalti__packet_reply reply = {.kind = SMALTI__PACKET_REPLY, .source = 77, .output_count = 1};
    char letter = (char)source->data[sizeof magic];
    memset(reply.fast_path, 'x', sizeof reply.fast_path);
    if (letter == 'f') { /* a format that no one asked for */
        memset(&reply, 0, sizeof reply);
        reply.kind = SMALTI__PACKET_REPLY;
        reply.output_count = 1;
        reply.outputs[0].format = 0xfffff;
    }
    smalti_error why;
    size_t bytes = offsetof(smalti__packet_reply, outputs) + sizeof *reply.outputs - (letter == 's' ? 5 : 0);
    uint64_t task;
    smalti__channel *channel = smalti__serve_channel(&task);
    (void)smalti__packet_put(channel, task + (letter == 't'), &reply, bytes, true, &why);
    _exit(0);
}

static smalti_result open_misbehaving(smalti__source *source, const smalti__decode_options *options,
                                      smalti__decoder **decoder, smalti_error *why)
{
    (void)options, (void)decoder;
    switch (source->data[sizeof magic - 1]) {
    case 'c':
        raise(SIGKILL); /* what a sanitizer cannot catch */
        break;
    case 'h':
        for (;;)
            usleep(1000);
    case 'x':
        _exit(7);
    case 'm':
        return take_memory(why);
    case 'w':
        return write_beyond(source, why);
    case 'l':
        lie(source);
    case 'o':
        if (open("/", O_RDONLY) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 || fork() >= 0)
            return smalti__fail(why, SMALTI_E_INVALID, "the jail is open");
        return smalti__source_fail(source, why, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "the jail is shut");
    default:
        break;
    }
    return smalti__source_fail(source, why, SMALTI_E_FORMAT, 11, "of course");
}

extern const smalti__decoder_format smalti__decoder_of_test;
const smalti__decoder_format smalti__decoder_of_test = {
    .name = "bad", .extensions = (const char *const[]){"bad", NULL}, .probe = probe, .open = open_misbehaving};

static const char *put_bad(const char *name, const char *letters)
{
    char text[64];
    const char *path = file_path(name);
    snprintf(text, sizeof text, "%s%s and more", magic, letters);
    CHECK(file_write(path, text, strlen(text)));
    return path;
}

/* ---- Images ---- */

static void put_image(const char *path, uint32_t width, uint32_t height, uint32_t channels)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * channels; i++)
            ((uint8_t *)image.data)[y * image.pitch + i] = (uint8_t)(i * 3 + y * 5 + (i * y) / 7);
    CHECK_OK(smalti_image_write(&image, path, NULL, &error), error);
    smalti_image_free(&image);
}

static const char *const mixed[] = {"a.png", "b.jpg", "c.webp", "d.tif", "e.avif", "f.ppm", "g.exr", "large.png"};

/* large: with an image whose file is mapped, too. */
static smalti_job *mixed_job(bool large_too)
{
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    for (size_t i = 0; i < SMALTI__COUNT(mixed); i++) {
        const char *path = file_path(mixed[i]);
        bool large = mixed[i][0] == 'l';
        if (large && !large_too)
            continue;
        if (access(path, F_OK))
            put_image(path, large ? 1400 : 90 + (uint32_t)i, large ? 1000 : 70, 3);
        CHECK_OK(smalti_job_input_add(job, path, &error), error);
    }
    return job;
}

/* ---- Runs ---- */

typedef struct seen {
    int done, failed, warned;
    uint32_t children_most;
    smalti_result codes[8192]; /* by task */
    char messages[16][496], warning[496];
    char told[16][1024]; /* of the first tasks, what else their events say */
    smalti_cancel *cancel; /* requested by the first that starts */
    uint32_t memory_mib; /* 0: 512; not kept */
} seen;

static void watch(void *user, const smalti_event *event)
{
    seen *self = user;
    if (event->kind == SMALTI_EVENT_STARTED && self->cancel)
        smalti_cancel_request(self->cancel);
    self->done += event->kind == SMALTI_EVENT_DONE;
    self->failed += event->kind == SMALTI_EVENT_FAILED;
    self->warned += event->kind == SMALTI_EVENT_WARNING;
    if (event->kind == SMALTI_EVENT_WARNING)
        snprintf(self->warning, sizeof self->warning, "%s", event->error->message);
    if (event->kind == SMALTI_EVENT_FAILED && event->task < SMALTI__COUNT(self->codes))
        self->codes[event->task] = event->error->code;
    if (event->task >= SMALTI__COUNT(self->told) || event->kind < SMALTI_EVENT_DONE)
        return;
    if (event->error)
        snprintf(self->messages[event->task], sizeof self->messages[0], "%s", event->error->message);
    char *told = self->told[event->task];
    int used = snprintf(told, sizeof self->told[0], "%s %s %ux%u %u %s %s %llu %llu", event->source,
                        event->info ? event->info->format : "", event->info ? event->info->width : 0,
                        event->info ? event->info->height : 0, event->info ? event->info->bit_depth : 0,
                        event->fast_path ? event->fast_path : "", event->measures ? event->measures : "",
                        (unsigned long long)event->stats->pixels, (unsigned long long)event->stats->bytes_out);
    for (size_t i = 0; i < event->output_count && used < 800; i++)
        used += snprintf(told + used, sizeof self->told[0] - (size_t)used, " %s %ux%u %u %.3g",
                         event->outputs[i].format, event->outputs[i].width, event->outputs[i].height,
                         event->outputs[i].quality, event->outputs[i].score);
}

static smalti_result run_as(smalti_job *job, smalti_place at, bool require_jail, seen *self)
{
    smalti_plan *plan;
    smalti_cancel *cancel = self->cancel;
    uint32_t memory_mib = self->memory_mib ? self->memory_mib : 512;
    const smalti_run_options options = {.size = sizeof options,
                                        .jobs = 3,
                                        .memory_bytes = (uint64_t)memory_mib << 20,
                                        .cancel = cancel,
                                        .event = watch,
                                        .user = self,
                                        .at = at,
                                        .worker_program = "/proc/self/exe",
                                        .require_jail = require_jail};
    memset(self, 0, sizeof *self);
    self->cancel = cancel;
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_result result = smalti_plan_run(plan, &options, NULL, &error);
    smalti_plan_free(plan);
    return result;
}

static smalti_result run(smalti_job *job, smalti_place at, seen *self)
{
    return run_as(job, at, false, self);
}

/* What a run must not change: open descriptors, and that there are no children. */
static int open_descriptors(void)
{
    return file_count("/proc/self/fd");
}

static void check_left(int descriptors)
{
    CHECK_INT(open_descriptors(), descriptors);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void check_same_file(const char *a, const char *b)
{
    size_t a_size = 0, b_size = 0;
    uint8_t *a_data = file_read(a, &a_size), *b_data = file_read(b, &b_size);
    if (!a_data || !b_data || a_size != b_size || memcmp(a_data, b_data, a_size))
        TEST_FAIL("%s and %s are not the same", a, b);
    free(a_data);
    free(b_data);
}

static void check_same_folder(const char *a, const char *b)
{
    char one[600], other[600];
    DIR *dir = opendir(file_path(a));
    CHECK(dir);
    CHECK_INT(file_count(file_path(a)), file_count(file_path(b)));
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(one, sizeof one, "%s/%s", file_path(a), entry->d_name);
        snprintf(other, sizeof other, "%s/%s", file_path(b), entry->d_name);
        check_same_file(one, other);
    }
    closedir(dir);
}

/* ---- Tests ---- */

static const struct {
    const char *name, *step, *params, *keys[6];
} jobs[] = {
    {"resized", "resize", "40", {"output.format", "webp"}},
    {"sharpened", "kernel", "sharpen", {"output.format", "png", "output.png_effort", "2"}},
    {"gray", "kernel", "grayscale", {"output.format", "png"}}, /* has data of its own in memory */
    {"blurred", "kernel", "gaussian-blur", {"output.format", "jpeg", "output.metadata", "all"}},
    {"set", NULL, NULL, {"output.set", "widths=20,50:formats=webp,jpeg,png"}},
    {"web", NULL, NULL, {"output.preset", "web"}},
    {"fitted", NULL, NULL, {"output.format", "jpeg", "output.max_bytes", "3000"}},
    {"own", "rotate", "90", {NULL}},
    {"measured", "kernel", "sharpness", {NULL}},
};

static void add_step(smalti_job *job, const char *step, const char *params)
{
    if (step && !strcmp(step, "kernel"))
        CHECK_OK(smalti_job_kernel_add(job, params, NULL, &error), error);
    else if (step)
        CHECK_OK(smalti_job_step_add(job, step, params, &error), error);
}

TEST("workers make the same bytes as threads, and tell the same")
{
    int descriptors = open_descriptors();
    static seen here, there;
    for (size_t i = 0; i < SMALTI__COUNT(jobs); i++) {
        char folders[2][64];
        bool large = i < 2;
        size_t count = SMALTI__COUNT(mixed) - !large;
        smalti_job *job = mixed_job(large);
        add_step(job, jobs[i].step, jobs[i].params);
        for (size_t k = 0; k < SMALTI__COUNT(jobs[i].keys) && jobs[i].keys[k]; k += 2)
            CHECK_OK(smalti_job_set(job, jobs[i].keys[k], jobs[i].keys[k + 1], &error), error);
        bool writes = strcmp(jobs[i].name, "measured") != 0;
        for (int at = 0; at < 2; at++) {
            snprintf(folders[at], sizeof folders[at], "%s-%d", jobs[i].name, at);
            if (writes)
                CHECK_OK(smalti_job_set(job, "output.dir", file_path(folders[at]), &error), error);
            smalti_result result = run(job, at ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS, at ? &there : &here);
            if (result < 0)
                TEST_FAIL("%s at %d: %s", jobs[i].name, at, error.message);
        }
        smalti_job_free(job);
        CHECK_INT(there.done, count);
        for (size_t t = 0; t < count; t++)
            if (strcmp(there.told[t], here.told[t]))
                TEST_FAIL("%s: %s: \"%.900s\" is not \"%.900s\"", jobs[i].name, mixed[t], there.told[t], here.told[t]);
        if (writes)
            check_same_folder(folders[0], folders[1]);
    }
    check_left(descriptors);
}

TEST("a decoder that crashes, leaves, lies or eats memory takes down its own task and no other")
{
    static const struct {
        const char *name, *letters;
        smalti_result code;
        const char *says;
    } bad[] = {
        {"crash.bad", "c", SMALTI_E_PEER, "crash.bad: the worker was killed by SIGKILL, twice"},
        {"leave.bad", "x", SMALTI_E_PEER, "leave.bad: the worker ended with exit code 7, twice"},
        {"short.bad", "ls", SMALTI_E_PEER, "short.bad: the worker said what no worker says, twice"},
        {"other.bad", "lt", SMALTI_E_PEER, "other.bad: the worker said what no worker says, twice"},
        {"words.bad", "l", SMALTI_E_PEER, "words.bad: the worker's answer has words that cannot be"},
        {"format.bad", "lf", SMALTI_E_PEER, "format.bad: the worker's answer has an output that cannot be"},
        {"open.bad", "o", SMALTI_E_UNSUPPORTED, "open.bad: the jail is shut"},
        {"plain.bad", "?", SMALTI_E_FORMAT, "plain.bad: of course at byte 11"},
    };
    static seen self;
    int descriptors = open_descriptors();
    smalti_job *job = mixed_job(true);
    size_t good = SMALTI__COUNT(mixed), count = SMALTI__COUNT(bad);
    for (size_t i = 0; i < count; i++)
        CHECK_OK(smalti_job_input_add(job, put_bad(bad[i].name, bad[i].letters), &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("hostile"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "png", &error), error);
    self.cancel = NULL;
    CHECK_INT(run(job, SMALTI_AT_WORKERS, &self), bad[0].code);
    smalti_job_free(job);
    CHECK_INT(self.done, good);
    CHECK_INT(self.failed, count);
    for (size_t i = 0; i < count; i++) {
        CHECK_HAS(self.messages[good + i], bad[i].says);
        CHECK_INT(self.codes[good + i], bad[i].code);
    }
    CHECK_INT(file_count(file_path("hostile")), good);
    check_left(descriptors);
}

TEST("memory ends for a worker where the run's budget does")
{
#ifdef SMALTI__SANITIZED
    TEST_SKIP("a sanitizer's memory cannot be limited");
#endif
    static seen self;
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, put_bad("memory.bad", "m"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("memory"), &error), error);
    self.cancel = NULL;
    CHECK_INT(run(job, SMALTI_AT_WORKERS, &self), SMALTI_E_NOMEM);
    smalti_job_free(job);
    CHECK_HAS(self.messages[0], "memory.bad: no memory for 67108864 bytes");
    CHECK_INT(file_count(file_path("memory")), 0);
}

TEST("a worker can write no larger file than its job's limits allow an output to be")
{
    static seen self;
    char text[32];
    smalti__jail jail = {0};
    smalti_job *job;
    smalti_plan *plan;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_set(job, "limits.pixels", "1000", &error), error);
    CHECK_OK(smalti_job_input_add(job, put_bad("write.bad", "w"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("beyond"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "png", &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti__jail_bound(&jail, plan, 1);
    smalti_plan_free(plan);
    snprintf(text, sizeof text, "%llu", (unsigned long long)jail.file_bytes);
    setenv("SMALTI_TEST_FILE_BYTES", text, 1);
    self.cancel = NULL;
    self.memory_mib = 16; /* too little for blocks: the worker gets a file */
    CHECK_INT(run(job, SMALTI_AT_WORKERS, &self), SMALTI_E_UNSUPPORTED);
    unsetenv("SMALTI_TEST_FILE_BYTES");
    smalti_job_free(job);
    CHECK_HAS(self.messages[0], "write.bad: files end");
    CHECK_INT(file_count(file_path("beyond")), 0);
}

TEST("what the system lacks of the jail is told once in a run, or is an error when all of it is required")
{
    static seen self;
    int descriptors = open_descriptors();
    size_t count = SMALTI__COUNT(mixed) - 1;
    smalti_job *job = mixed_job(false);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("jail"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "png", &error), error);
    setenv("SMALTI_TEST_NO_LANDLOCK", "1", 1);
    self.cancel = NULL;
    CHECK_OK(run(job, SMALTI_AT_WORKERS, &self), error);
    CHECK_INT(self.done, count);
    CHECK_INT(self.warned, 1); /* of three lanes, each with a worker */
    CHECK_HAS(self.warning, "the jail is not complete: landlock: Function not implemented");
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("no-jail"), &error), error);
    CHECK_INT(run_as(job, SMALTI_AT_WORKERS, true, &self), SMALTI_E_UNSUPPORTED);
    CHECK_INT(self.done, 0);
    CHECK_INT(self.failed, count);
    CHECK_INT(self.warned, 0);
    for (size_t i = 0; i < count; i++)
        CHECK_HAS(self.messages[i], "the jail is not complete: landlock: Function not implemented");
    CHECK(file_count(file_path("no-jail")) <= 0);
    unsetenv("SMALTI_TEST_NO_LANDLOCK");
    smalti_job_free(job);
    check_left(descriptors);
}

TEST("a decoder that hangs is ended at its task's deadline, and not tried again")
{
    static seen self;
    int descriptors = open_descriptors();
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, put_bad("hang.bad", "h"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("hang"), &error), error);
    CHECK_OK(smalti_job_set(job, "limits.task_ms", "200", &error), error);
    self.cancel = NULL;
    CHECK_INT(run(job, SMALTI_AT_WORKERS, &self), SMALTI_E_LIMIT_TIME);
    CHECK_HAS(self.messages[0], "hang.bad: ");
    smalti_job_free(job);
    check_left(descriptors);
}

TEST("a run that is cancelled does not wait for a worker that hangs")
{
    static seen self;
    int descriptors = open_descriptors();
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_input_add(job, put_bad("hang.bad", "h"), &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("hang"), &error), error);
    CHECK_OK(smalti_cancel_new(&self.cancel, &error), error);
    CHECK_INT(run(job, SMALTI_AT_WORKERS, &self), SMALTI_E_CANCELLED);
    smalti_job_free(job);
    smalti_cancel_free(self.cancel);
    self.cancel = NULL;
    check_left(descriptors);
}

/* ---- Random kills ---- */

/* SMALTI_TEST_KILLS=1000 makes it the long test. */
enum { SMALL = 300, KILLS = 60, MOST_SMALL = 8192 };

struct killer {
    int wanted;
    int stop; /* atomic */
    int kills;
};

static pid_t parent_of(const char *id)
{
    char path[64], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%.16s/stat", id);
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[got < 0 ? 0 : got] = '\0';
    const char *end = strrchr(text, ')');
    return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Kills children of this process as it comes across them, until it has killed enough. */
static void *kill_workers(void *argument)
{
    struct killer *self = argument;
    while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED) && self->kills < self->wanted) {
        DIR *dir = opendir("/proc");
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == getpid() &&
                self->kills < self->wanted && (rand() & 1))
                self->kills += kill(atoi(entry->d_name), SIGKILL) == 0;
        if (dir)
            closedir(dir);
        usleep(10000);
    }
    return NULL;
}

TEST("workers that are killed at random lose no task but one that was hit twice, and leave nothing half done")
{
    static seen self;
    const char *kills = getenv("SMALTI_TEST_KILLS");
    struct killer killer = {.wanted = kills ? atoi(kills) : KILLS};
    int small = killer.wanted * SMALL / KILLS < MOST_SMALL ? killer.wanted * SMALL / KILLS : MOST_SMALL;
    pthread_t thread;
    int descriptors = open_descriptors();
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK(mkdir(file_path("small"), 0777) == 0);
    for (int i = 0; i < small; i++) {
        char name[64];
        snprintf(name, sizeof name, "small/%d.png", i);
        put_image(file_path(name), 200 + (uint32_t)i % 50, 150, 3);
        CHECK_OK(smalti_job_input_add(job, file_path(name), &error), error);
    }
    CHECK_OK(smalti_job_set(job, "output.format", "webp", &error), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("whole"), &error), error);
    self.cancel = NULL;
    CHECK_OK(run(job, SMALTI_AT_THREADS, &self), error);
    CHECK_OK(smalti_job_set(job, "output.dir", file_path("killed"), &error), error);
    CHECK(pthread_create(&thread, NULL, kill_workers, &killer) == 0);
    smalti_result result = run(job, SMALTI_AT_WORKERS, &self);
    __atomic_store_n(&killer.stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    smalti_job_free(job);
    CHECK(killer.kills > 0);
    CHECK_INT(self.done + self.failed, small);
    CHECK(self.failed <= killer.kills / 2 && (result == SMALTI_OK) == !self.failed);
    CHECK_INT(file_count(file_path("killed")), self.done);
    for (int i = 0; i < small; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "whole/%d.webp", i);
        snprintf(b, sizeof b, "killed/%d.webp", i);
        if (self.codes[i])
            CHECK_INT(self.codes[i], SMALTI_E_PEER);
        else
            check_same_file(file_path(a), file_path(b));
    }
    printf("# %d kills, %d tasks lost\n", killer.kills, self.failed);
    check_left(descriptors);
}
