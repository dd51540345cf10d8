/* SPDX-License-Identifier: Apache-2.0
 * Files in memory at workers, through blocks. Workers that outlive runs: the same bytes again and again, from many threads,
 * by the same processes, and the errors of making and using them. This program is its own worker. */
#include <smalti/smalti.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "test.h"
#include "files.h"
#include "own_worker.h"
#include "base/base.h"

static smalti_error error;

static smalti_plan *format_plan(const char *width, const char *format)
{
    smalti_plan *plan;
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_step_add(job, "resize", width, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", format, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}

static smalti_plan *make_plan(const char *width, const char *input, const char *dir)
{
    smalti_plan *plan;
    smalti_job *job;
    CHECK_OK(smalti_job_new(&job, &error), error);
    if (input)
        CHECK_OK(smalti_job_input_add(job, input, &error), error);
    CHECK_OK(smalti_job_step_add(job, "resize", width, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", "png", &error), error);
    if (dir)
        CHECK_OK(smalti_job_set(job, "output.dir", dir, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}

static smalti_workers *make_workers(const smalti_plan *plan, uint32_t count)
{
    const smalti_run_options options = {
        .size = sizeof options, .jobs = count, .memory_bytes = 256 << 20, .worker_program = "/proc/self/exe"};
    smalti_workers *workers;
    CHECK_OK(smalti_workers_new(plan, &options, &workers, &error), error);
    return workers;
}

static uint8_t *make_image(uint32_t side, size_t *size)
{
    smalti_image image = {.width = side, .height = side, .channels = 3, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < side; y++)
        for (uint32_t i = 0; i < side * 3; i++)
            ((uint8_t *)image.data)[y * image.pitch + i] = (uint8_t)(i * 3 + y * 5 + (i * y) / 7);
    CHECK_OK(smalti_image_write(&image, file_path("in.png"), NULL, &error), error);
    smalti_image_free(&image);
    uint8_t *data = file_read(file_path("in.png"), size);
    CHECK(data);
    return data;
}

/* The processes that this one has started, in ascending order. */
static int children(pid_t *ids, int room)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task");
    int count = 0;
    DIR *threads = opendir(path);
    CHECK(threads);
    for (struct dirent *entry; (entry = readdir(threads));) {
        snprintf(path, sizeof path, "/proc/self/task/%.20s/children", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!file)
            continue;
        size_t got = fread(text, 1, sizeof text - 1, file);
        fclose(file);
        text[got] = '\0';
        for (char *at = text; count < room && *at;) {
            ids[count] = (pid_t)strtol(at, &at, 10);
            count += ids[count] > 0;
            while (*at == ' ')
                at++;
        }
    }
    closedir(threads);
    return count;
}

static void check_left(int descriptors)
{
    CHECK_INT(file_count("/proc/self/fd"), descriptors);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* ---- Files in memory, at workers of a run's own ---- */

TEST("a file in memory goes to a worker and comes back, through blocks and where they are too small")
{
    static const struct {
        const char *width, *format;
        unsigned memory_mib;
    } cases[] = {
        {"300", "webp", 256},  {"1300", "ppm", 256}, /* more than its block: a file is asked for */
        {"1300", "tiff", 256}, /* the same, with a head that is written in the end */
        {"300", "tiff", 256},  {"1300", "ppm", 24}, /* no room for a block of an output */
        {"300", "png", 10}, /* nor for one of this input */
    };
    int descriptors = file_count("/proc/self/fd");
    size_t size;
    uint8_t *data = make_image(1300, &size);
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_run_options options = {.size = sizeof options,
                                      .worker_program = "/proc/self/exe",
                                      .memory_bytes = (uint64_t)cases[i].memory_mib << 20};
        void *outs[2] = {0};
        size_t sizes[2] = {0};
        smalti_plan *plan = format_plan(cases[i].width, cases[i].format);
        for (int at = 0; at < 2; at++) {
            options.at = at ? SMALTI_AT_WORKERS : SMALTI_AT_THREADS;
            smalti_result result =
                smalti_plan_run_memory(plan, &options, data, size, "in", &outs[at], &sizes[at], NULL, &error);
            if (result < 0)
                TEST_FAIL("%s %s at %d: %s", cases[i].width, cases[i].format, at, error.message);
        }
        if (sizes[0] != sizes[1] || memcmp(outs[0], outs[1], sizes[0]))
            TEST_FAIL("%s %s: not the same bytes", cases[i].width, cases[i].format);
        smalti_plan_free(plan);
        free(outs[0]);
        free(outs[1]);
    }
    free(data);
    check_left(descriptors);
}

TEST("an empty file in memory is the same error at workers as in threads")
{
    smalti_run_options options = {.size = sizeof options, .worker_program = "/proc/self/exe"};
    smalti_plan *plan = format_plan("300", "png");
    char here[sizeof error.message];
    void *out;
    size_t size;
    smalti_result result = smalti_plan_run_memory(plan, &options, "", 0, "in", &out, &size, NULL, &error);
    CHECK(result < 0);
    snprintf(here, sizeof here, "%s", error.message);
    options.at = SMALTI_AT_WORKERS;
    CHECK_INT(smalti_plan_run_memory(plan, &options, "", 0, "in", &out, &size, NULL, &error), result);
    CHECK_STR(error.message, here);
    smalti_plan_free(plan);
}

TEST("a program that is no worker is an error that says so")
{
    smalti_run_options there = {.size = sizeof there, .at = SMALTI_AT_WORKERS};
    size_t size, out_size;
    void *out;
    uint8_t *data = make_image(1300, &size);
    smalti_plan *plan = format_plan("300", "webp");
    there.worker_program = "/nonexistent/smalti";
    CHECK_INT(smalti_plan_run_memory(plan, &there, data, size, "in", &out, &out_size, NULL, &error), SMALTI_E_IO);
    CHECK_HAS(error.message, "/nonexistent/smalti: no worker can be started");
    there.worker_program = "/bin/false";
    CHECK_INT(smalti_plan_run_memory(plan, &there, data, size, "in", &out, &out_size, NULL, &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "a worker ended with exit code 1 when it was started");
    smalti_plan_free(plan);
    free(data);
}

/* ---- Workers that are there before ---- */

/* What one thread does at workers again and again. */
typedef struct user {
    const smalti_plan *plan;
    smalti_workers *workers;
    const uint8_t *data, *expected;
    size_t size, expected_size;
    int rounds, right;
} user;

static void *use(void *argument)
{
    user *self = argument;
    const smalti_run_options options = {.size = sizeof options, .workers = self->workers};
    for (int i = 0; i < self->rounds; i++) {
        void *out;
        size_t size;
        if (smalti_plan_run_memory(self->plan, &options, self->data, self->size, "in", &out, &size, NULL, NULL) < 0)
            continue;
        self->right += size == self->expected_size && !memcmp(out, self->expected, size);
        free(out);
    }
    return NULL;
}

/* As threads make it. */
static user make_user(const smalti_plan *plan, smalti_workers *workers, const uint8_t *data, size_t size, int rounds)
{
    void *expected;
    user made = {.plan = plan, .workers = workers, .data = data, .size = size, .rounds = rounds};
    CHECK_OK(smalti_plan_run_memory(plan, NULL, data, size, "in", &expected, &made.expected_size, NULL, &error), error);
    made.expected = expected;
    return made;
}

TEST("runs at the same workers have the same bytes as threads make, and no process is started for them")
{
    int descriptors = file_count("/proc/self/fd");
    pid_t before[8], after[8];
    size_t sizes[2];
    uint8_t *images[] = {make_image(700, &sizes[0]), make_image(60, &sizes[1])};
    smalti_plan *plan = make_plan("200", NULL, NULL);
    smalti_workers *workers = make_workers(plan, 2);
    int count = children(before, 8);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 2; i++) { /* a large one before a small one: what is left in a block is not handed out */
            user one = make_user(plan, workers, images[i], sizes[i], 2);
            use(&one);
            free((void *)one.expected);
            CHECK_INT(one.right, 2);
        }
    CHECK_INT(children(after, 8), count);
    CHECK(count == 0 || (count == 2 && !memcmp(before, after, 2 * sizeof *before))); /* 0: the kernel does not say */
    smalti_workers_free(workers);
    smalti_plan_free(plan);
    free(images[0]);
    free(images[1]);
    check_left(descriptors);
}

TEST("more threads than workers take turns, and what kills a worker costs no one else a task")
{
    enum { THREADS = 5, ROUNDS = 12 };
    pthread_t threads[THREADS];
    user users[THREADS];
    pid_t ids[8];
    size_t size;
    int descriptors = file_count("/proc/self/fd"), right = 0;
    uint8_t *data = make_image(300, &size);
    smalti_plan *plan = make_plan("100", NULL, NULL);
    smalti_workers *workers = make_workers(plan, 2);
    user one = make_user(plan, workers, data, size, ROUNDS);
    for (int i = 0; i < THREADS; i++) {
        users[i] = one;
        CHECK(pthread_create(&threads[i], NULL, use, &users[i]) == 0);
    }
    int count = children(ids, 8);
    if (count)
        kill(ids[0], SIGKILL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        right += users[i].right;
    }
    CHECK_INT(right, THREADS * ROUNDS);
    for (int i = children(ids, 8); i; i--) /* all of them, while none is at work */
        kill(ids[i - 1], SIGKILL);
    use(&one);
    CHECK_INT(one.right, ROUNDS);
    free((void *)one.expected);
    smalti_workers_free(workers);
    smalti_plan_free(plan);
    free(data);
    check_left(descriptors);
}

TEST("a plan with other inputs runs at workers that are there, one with other steps does not")
{
    smalti_run_options options = {.size = sizeof options};
    smalti_stats stats = {.size = sizeof stats};
    size_t size;
    free(make_image(300, &size));
    const char *dir = file_path("out");
    smalti_plan *plan = make_plan("100", NULL, dir), *same = make_plan("100", file_path("in.png"), dir),
                *other = make_plan("101", file_path("in.png"), dir);
    smalti_workers *workers = make_workers(plan, 1);
    options.workers = workers;
    options.memory_bytes = 1; /* the workers' own holds */
    CHECK_INT(smalti_plan_run(other, &options, &stats, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_HAS(error.message, "the workers were started for another job");
    CHECK_OK(smalti_plan_run(same, &options, &stats, &error), error);
    CHECK_INT(stats.done, 1);
    CHECK_INT(file_count(dir), 1);
    smalti_workers_free(workers);
    smalti_plan_free(plan);
    smalti_plan_free(same);
    smalti_plan_free(other);
}

TEST("workers that cannot be started are an error, and leave nothing behind")
{
    int descriptors = file_count("/proc/self/fd");
    smalti_run_options options = {.size = sizeof options, .jobs = 2, .worker_program = "/nonexistent/smalti"};
    smalti_workers *workers = NULL;
    smalti_plan *plan = make_plan("100", NULL, NULL);
    CHECK_INT(smalti_workers_new(plan, &options, &workers, &error), SMALTI_E_IO);
    CHECK_HAS(error.message, "/nonexistent/smalti: no worker can be started");
    options.worker_program = "/bin/false";
    CHECK_INT(smalti_workers_new(plan, &options, &workers, &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "a worker ended with exit code 1 when it was started");
    options.jobs = 5000;
    CHECK_INT(smalti_workers_new(plan, &options, &workers, &error), SMALTI_E_INVALID_RANGE);
    CHECK(!workers);
    smalti_workers_free(NULL);
    smalti_plan_free(plan);
    check_left(descriptors);
}
