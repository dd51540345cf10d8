/* SPDX-License-Identifier: Apache-2.0
 * The jail: nothing gets out of it, and everything that a task needs works inside. */
#include <smalti/smalti.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decode/avif_library.h"
#include "decode/tiff_library.h"
#include "test.h"
#include "worker/jail.h"

static smalti_error error;

/* Sanitizers start processes and read files at the end of a process, so what a child found comes by its exit code. */
static int run_child(int (*child_main)(void *), void *argument)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(child_main(argument));
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        TEST_FAIL("the child was ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static const int standard[] = {0, 1, 2};

/* Puts the child into a jail with its standard streams. */
static bool enter(uint64_t memory_bytes)
{
    smalti__jail_state state;
    const smalti__jail jail = {.keep = standard, .keep_count = 3, .memory_bytes = memory_bytes, .file_bytes = 1 << 20};
    smalti__jail_enter(&jail, &state);
    if (smalti__jail_require(&state, &error) == SMALTI_OK)
        return true;
    fprintf(stderr, "# %s\n", error.message);
    return false;
}

TEST("a process in the jail can do none of what it tries, each for a reason")
{
    smalti_jail_report report;
    CHECK_OK(smalti_jail_probe(&report, &error), error);
    CHECK_INT(report.facility_count, SMALTI__JAIL_FACILITIES);
    CHECK(report.attempt_count >= 9);
    for (uint32_t i = 0; i < report.attempt_count; i++)
        if (!report.attempts[i].enforced)
            TEST_FAIL("it could %s", report.attempts[i].what);
    for (uint32_t i = 0; i < report.facility_count; i++) {
        const smalti_jail_item *item = &report.facilities[i];
        CHECK(item->name && item->what && item->enforced == !item->sys_errno);
        /* a kernel may be without landlock, but not without the rest */
        if (!item->enforced && (strcmp(item->name, "landlock") || report.complete))
            TEST_FAIL("%s is not in force: %s", item->name, strerror(item->sys_errno));
    }
}

TEST("what is not in force is named")
{
    smalti__jail_state state = {0};
    CHECK_OK(smalti__jail_require(&state, &error), error);
    state.failed[SMALTI__JAIL_LANDLOCK] = ENOSYS;
    CHECK_INT(smalti__jail_require(&state, &error), SMALTI_E_UNSUPPORTED);
    CHECK_STR(error.message, "the jail is not complete: landlock: Function not implemented");
}

static int count_descriptors(void *argument)
{
    (void)argument;
    if (!enter(0))
        return 100;
    int open = 0;
    for (int fd = 0; fd < 1024; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

TEST("only descriptors that were given stay open")
{
    int extra[40];
    for (size_t i = 0; i < SMALTI__COUNT(extra); i++)
        CHECK((extra[i] = dup(2)) > 2);
    CHECK_INT(run_child(count_descriptors, NULL), 3);
    for (size_t i = 0; i < SMALTI__COUNT(extra); i++)
        close(extra[i]);
}

static int take_memory(void *argument)
{
    (void)argument;
    if (!enter((uint64_t)256 << 20))
        return 100;
    void *fits = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *larger = mmap(NULL, 512 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); /* does not count */
    return (fits == MAP_FAILED) + 2 * (larger != MAP_FAILED) + 4 * (shared != MAP_FAILED);
}

TEST("memory ends at its limit, with an error")
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    TEST_SKIP("a sanitizer takes more memory than the limit");
#endif
    CHECK_INT(run_child(take_memory, NULL), 0);
}

static int write_much(void *argument)
{
    int fd = *(int *)argument, keep[] = {0, 1, 2, fd};
    static char block[1 << 16];
    smalti__jail_state state;
    const smalti__jail jail = {.keep = keep, .keep_count = 4, .file_bytes = 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    smalti__jail_enter(&jail, &state);
    for (int i = 0; i < 16; i++)
        if (write(fd, block, sizeof block) != sizeof block)
            return 1;
    return write(fd, block, sizeof block) < 0 && errno == EFBIG ? 0 : 2;
}

TEST("no file grows beyond its limit")
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    CHECK(fd > 2);
    CHECK_INT(run_child(write_much, &fd), 0);
    close(fd);
}

static int keep_lower(void *argument)
{
    int fd = *(int *)argument, keep[] = {0, 1, 2, fd};
    const struct rlimit lower = {1 << 12, 1 << 16};
    smalti__jail_state state;
    const smalti__jail jail = {.keep = keep, .keep_count = 4, .file_bytes = 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &lower))
        return 1;
    smalti__jail_enter(&jail, &state);
    if (state.failed[SMALTI__JAIL_LIMITS])
        return 2;
    return pwrite(fd, "", 1, (1 << 12) - 1) == 1 && pwrite(fd, "", 1, 1 << 12) < 0 && errno == EFBIG ? 0 : 3;
}

TEST("a limit that is lower already stays, and does not make the jail incomplete")
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    CHECK(fd > 2);
    CHECK_INT(run_child(keep_lower, &fd), 0);
    close(fd);
}

__attribute__((noreturn)) static void use_processor(void)
{
    smalti__jail_state state;
    const smalti__jail jail = {.keep = standard, .keep_count = 3, .cpu_seconds = 1};
    smalti__jail_enter(&jail, &state);
    signal(SIGXCPU, SIG_IGN); /* cannot help */
    for (volatile unsigned i = 0;; i++)
        ;
}

TEST("a process that has used its processor time is killed, whatever it thinks of signals")
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        use_processor();
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Of a job with these keys. */
static smalti__jail bound_by(const char *const keys[], uint64_t tasks)
{
    smalti__jail jail = {.descriptors = 7};
    smalti_job *job;
    smalti_plan *plan;
    CHECK_OK(smalti_job_new(&job, &error), error);
    for (size_t i = 0; keys[i]; i += 2)
        CHECK_OK(smalti_job_set(job, keys[i], keys[i + 1], &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti__jail_bound(&jail, plan, tasks);
    smalti_plan_free(plan);
    smalti_job_free(job);
    CHECK_INT(jail.descriptors, 7);
    return jail;
}

TEST("a job's limits bound files and processor time, and never leave files without a bound")
{
    static const char *const none[] = {NULL}, *const strict[] = {"limits.preset", "strict", NULL},
                             *const lenient[] = {"limits.preset", "lenient", NULL},
                             *const frames[] = {"limits.pixels",
                                                "1000",
                                                "limits.frames",
                                                "500",
                                                "input.frames",
                                                "all",
                                                "limits.metadata",
                                                "1",
                                                NULL},
                             *const most[] = {"limits.pixels", "288230376151711743", "input.frames", "all", NULL};
    const uint64_t tebibyte = (uint64_t)1 << 40;
    uint64_t usual = bound_by(none, 3).file_bytes;
    CHECK(usual > (uint64_t)268402689 * 16 && usual < (uint64_t)16 << 30);
    CHECK(bound_by(strict, 3).file_bytes < usual);
    CHECK_INT(bound_by(lenient, 3).file_bytes, tebibyte);
    CHECK_INT(bound_by(frames, 3).file_bytes, 1000 * 32 * 500 + 4 + (1 << 20));
    CHECK_INT(bound_by(most, 3).file_bytes, tebibyte);
    CHECK_INT(bound_by(none, 3).cpu_seconds, 0); /* no deadline */
    CHECK_INT(bound_by(strict, 0).cpu_seconds, 0); /* nobody knows how many */
    uint64_t one = bound_by(strict, 1).cpu_seconds, thousand = bound_by(strict, 1000).cpu_seconds;
    uint64_t processors = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
    CHECK(one >= 30 * processors && one < 300 + 60 * processors);
    CHECK(thousand >= 30000 * processors && thousand < 33000 * processors);
}

/* ---- work ---- */

static smalti_image picture(uint32_t width, uint32_t height, uint32_t channels)
{
    smalti_image image = {.width = width, .height = height, .channels = channels, .sample = SMALTI_SAMPLE_U8};
    CHECK_OK(smalti_image_alloc(&image, &error), error);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t i = 0; i < width * channels; i++)
            ((uint8_t *)image.data)[y * image.pitch + i] = (uint8_t)(i * 3 + y * 5);
    return image;
}

static smalti_plan *make_plan(const char *format)
{
    smalti_job *job;
    smalti_plan *plan;
    CHECK_OK(smalti_job_new(&job, &error), error);
    CHECK_OK(smalti_job_step_add(job, "resize", "40", &error), error);
    CHECK_OK(smalti_job_kernel_add(job, "sharpen", NULL, &error), error);
    CHECK_OK(smalti_job_set(job, "output.format", format, &error), error);
    CHECK_OK(smalti_plan_new(job, &plan, &error), error);
    smalti_job_free(job);
    return plan;
}

struct work {
    smalti_plan *plan;
    void *data;
    size_t size;
    void *expected;
    size_t expected_size;
};

/* With two threads, so that the encoder has one of its own. */
static bool does_it(const struct work *work, void **out, size_t *out_size)
{
    const smalti_run_options options = {.size = sizeof options, .jobs = 2, .memory_bytes = (uint64_t)512 << 20};
    if (smalti_plan_run_memory(work->plan, &options, work->data, work->size, "in", out, out_size, NULL, &error) ==
        SMALTI_OK)
        return true;
    fprintf(stderr, "# %s\n", error.message);
    return false;
}

static int work_inside(void *argument)
{
    const struct work *work = argument;
    void *out;
    size_t out_size;
    if (!enter(0))
        return 2;
    for (int i = 0; i < 3; i++)
        if (!does_it(work, &out, &out_size) || out_size != work->expected_size || memcmp(out, work->expected, out_size))
            return 1;
    return 0;
}

TEST("every format is read and written inside, with a kernel, to the same bytes as outside")
{
    const smalti__avif_library *avif;
    const smalti__tiff_library *tiff;
    CHECK_OK(smalti__avif_library_get(&avif, &error), error);
    CHECK_OK(smalti__tiff_library_get(&tiff, &error), error);
    for (size_t i = 0; i < smalti_format_count(); i++) {
        const smalti_format_info *format = smalti_format_describe(i);
        struct work work = {0};
        if (!format->writes)
            continue;
        smalti_image image = picture(200, 150, 3);
        smalti_encode_options as = {.size = sizeof as};
        snprintf(as.format, sizeof as.format, "%s", format->name);
        CHECK_OK(smalti_image_write_memory(&image, &as, &work.data, &work.size, &error), error);
        smalti_image_free(&image);
        work.plan = make_plan(format->name);
        CHECK(does_it(&work, &work.expected, &work.expected_size));
        int code = run_child(work_inside, &work);
        if (code)
            TEST_FAIL("%s: %d", format->name, code);
        smalti_plan_free(work.plan);
        free(work.data);
        free(work.expected);
    }
}
