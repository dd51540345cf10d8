/* SPDX-License-Identifier: Apache-2.0
 * Wasmtime cannot be interrupted while it compiles, and 30 KB of code can be made to take it minutes and gigabytes. So a
 * module is compiled in a forked child, whose memory, processor time and output are limited, and which is killed at the
 * deadline. The child of a program with threads inherits whatever locks its other threads held. The C library makes its own
 * safe (malloc, threads), but Wasmtime has one that threads take for an instant when they load code or trap: a child that
 * stands still is killed and made again.
 *
 * Modules that ship with the library need no such care and are compiled on a thread of this process. So are others where
 * no child can be made (in a jail): a thread that misses the deadline is left behind to go on until it is done, and its
 * result is thrown away; no more than a few are left behind at one time. */
#include "kernel/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_LEFT_BEHIND = 4,
    COMPILER_STACK = 8 * 1024 * 1024,
    COMPILER_MEMORY = 1024 * 1024 * 1024, /* of the child, beyond what it was born with */
    MAX_ARTIFACT = 256 * 1024 * 1024,
    MAX_CHILDREN = 4,    /* made again when stuck; the last is not watched: it may be the machine that stands still */
    WATCH_NS = 500000000 /* far more than a working child ever waits for a processor */
};

#ifndef __has_feature /* clang's way to say which sanitizer there is; GCC defines a macro */
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer) /* forbids threads in a forked child: no child */
enum { CHILDREN = false };
#else
enum { CHILDREN = true };
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) /* its shadow counts as data: no limit */
enum { LIMIT_DATA = false };
#else
enum { LIMIT_DATA = true };
#endif

/* A compilation, owned by the thread that compiles and the one that waits; the last of them frees it. */
typedef struct work {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done_signal;
    bool done, abandoned;
    bool good;
    smalti__code *code;
    void *artifact;
    size_t artifact_size;
    smalti__fault fault;

    /* constant */
    smalti__engine *engine;
    void *data; /* a copy: the caller's bytes may be gone */
    size_t size;
    bool trusted;
    uint64_t deadline_ns; /* on the monotonic clock */
} work;

static _Atomic int left_behind;

static void work_free(work *w)
{
    smalti__code_free(w->code);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->done_signal);
    free(w->artifact);
    free(w->data);
    free(w);
}

static bool fault_set(smalti__fault *fault, smalti_result code, const char *what)
{
    fault->code = code;
    snprintf(fault->what, sizeof fault->what, "%s", what);
    return false;
}

/* What the child leaves in the shared file: this, then the artifact or the fault. Written last, so that a child that is
 * killed leaves nothing that counts. */
typedef struct verdict {
    uint64_t magic; /* VERDICT_GOOD or VERDICT_FAULT */
    uint64_t size;
} verdict;
#define VERDICT_GOOD UINT64_C(0x736d616c7469676f)
#define VERDICT_FAULT UINT64_C(0x736d616c74696661)

static bool write_at(int fd, const void *data, size_t size, off_t offset)
{
    const uint8_t *at = data;
    while (size) {
        ssize_t n = pwrite(fd, at, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n, size -= (size_t)n, offset += n;
    }
    return true;
}

static bool read_at(int fd, void *data, size_t size, off_t offset)
{
    uint8_t *at = data;
    while (size) {
        ssize_t n = pread(fd, at, size, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n, size -= (size_t)n, offset += n;
    }
    return true;
}

static void limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && value < now.rlim_max) {
        now.rlim_cur = now.rlim_max = value;
        setrlimit(resource, &now);
    }
}

/* Bytes of private writable memory of this process, as RLIMIT_DATA counts them; 0 when not to be had. */
static uint64_t data_bytes(void)
{
    char text[128] = "";
    unsigned long pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        sscanf(text, "%*u %*u %*u %*u %*u %lu", &pages);
    if (fd >= 0)
        close(fd);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void confine_child(uint64_t seconds)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < 32; number++)
        signal(number, SIG_DFL); /* the program's handlers are not for this process */
    sigprocmask(SIG_SETMASK, &none, NULL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, MAX_ARTIFACT);
    limit(RLIMIT_CPU, (rlim_t)(seconds + 2) * (rlim_t)sysconf(_SC_NPROCESSORS_ONLN));
    uint64_t data = data_bytes();
    if (LIMIT_DATA && data)
        limit(RLIMIT_DATA, data + COMPILER_MEMORY);
}

static void __attribute__((noreturn)) child_main(const work *w, int result_fd)
{
    uint64_t now = smalti__now_ns();
    confine_child(w->deadline_ns > now ? (w->deadline_ns - now) / 1000000000 : 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int result = fcntl(result_fd, F_DUPFD_CLOEXEC, 3);
    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    dup2(result, 3);
    close_range(4, ~0u, 0);
    smalti__fault fault;
    void *artifact;
    size_t size;
    verdict v;
    bool written;
    if (smalti__code_compile_apart(w->data, w->size, &artifact, &size, &fault)) {
        v = (verdict){VERDICT_GOOD, size};
        written = write_at(3, artifact, size, sizeof v);
    } else {
        v = (verdict){VERDICT_FAULT, sizeof fault};
        written = write_at(3, &fault, sizeof fault, sizeof v);
    }
    _exit(written && write_at(3, &v, sizeof v, 0) ? 0 : 1);
}

/* Sleeps until the child ends or until_ns, whichever is first; a millisecond where it cannot be told when. */
static void sleep_on(int child_fd, uint64_t until_ns)
{
    uint64_t now = smalti__now_ns(), left = until_ns > now ? until_ns - now : 0;
    struct pollfd wait = {.fd = child_fd, .events = POLLIN};
    if (child_fd < 0 && left > 1000000)
        left = 1000000;
    const struct timespec time = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    ppoll(&wait, child_fd >= 0, &time, NULL);
}

/* Whether the child used next to no processor time since the last call, which was WATCH_NS ago. */
static bool stands_still(pid_t child, uint64_t *used_ns)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(child, &clock) || clock_gettime(clock, &time))
        return false;
    uint64_t before = *used_ns;
    *used_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    return *used_ns - before < WATCH_NS / 100;
}

typedef enum outcome { ENDED, LATE, STUCK } outcome;

/* Waits for the child; kills it at the deadline or, when watched, where it stands still. Whatever the program does with
 * SIGCHLD, a child that is gone by the time of waitpid has ended. */
static outcome await_child(pid_t child, uint64_t deadline_ns, bool watched, int *status)
{
    int child_fd = (int)syscall(SYS_pidfd_open, child, 0);
    uint64_t used_ns = 0, look_ns = smalti__now_ns() + WATCH_NS;
    outcome seen = LATE;
    *status = 0;
    for (;;) {
        pid_t got = waitpid(child, status, WNOHANG);
        uint64_t now = smalti__now_ns();
        if (got == child || (got < 0 && errno != EINTR))
            seen = ENDED;
        if (seen == ENDED || now >= deadline_ns)
            break;
        if (watched && now >= look_ns) {
            look_ns = now + WATCH_NS;
            if (stands_still(child, &used_ns)) {
                seen = STUCK;
                break;
            }
        }
        sleep_on(child_fd, watched && look_ns < deadline_ns ? look_ns : deadline_ns);
    }
    if (seen != ENDED) {
        kill(child, SIGKILL);
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            ;
    }
    if (child_fd >= 0)
        close(child_fd);
    return seen;
}

static bool take_verdict(work *w, int result_fd, int status)
{
    verdict v;
    struct stat info;
    if (!read_at(result_fd, &v, sizeof v, 0) || fstat(result_fd, &info) || (uint64_t)info.st_size < sizeof v + v.size) {
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
            return fault_set(&w->fault, SMALTI_E_KERNEL_TIMEOUT, "");
        if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGKILL))
            return fault_set(&w->fault, SMALTI_E_KERNEL_MEMORY, "compiling it takes more than 1 GiB of memory");
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
            return fault_set(&w->fault, SMALTI_E_KERNEL_MODULE, "its machine code is larger than 256 MiB");
        return fault_set(&w->fault, SMALTI_E_KERNEL_MODULE, "the compiler failed on it");
    }
    if (v.magic == VERDICT_FAULT && v.size == sizeof w->fault)
        return read_at(result_fd, &w->fault, sizeof w->fault, sizeof v) && false;
    w->artifact = v.magic == VERDICT_GOOD ? malloc(v.size) : NULL;
    if (!w->artifact || !read_at(result_fd, w->artifact, v.size, sizeof v))
        return fault_set(&w->fault, SMALTI_E_NOMEM, "no memory for its machine code");
    w->artifact_size = v.size;
    return smalti__code_load(w->engine, w->artifact, w->artifact_size, &w->code, &w->fault);
}

/* false and *refused: there can be no child here. */
static bool compile_in_child(work *w, bool *refused)
{
    int result_fd = memfd_create("smalti-compile", MFD_CLOEXEC);
    bool good = false;
    *refused = result_fd < 0;
    for (int attempt = 1; !*refused; attempt++) {
        pid_t child = fork();
        if (child == 0)
            child_main(w, result_fd);
        *refused = child < 0;
        if (child < 0)
            break;
        int status;
        outcome seen = await_child(child, w->deadline_ns, attempt < MAX_CHILDREN, &status);
        if (seen == STUCK && ftruncate(result_fd, 0) == 0)
            continue;
        good = seen == ENDED ? take_verdict(w, result_fd, status) : fault_set(&w->fault, SMALTI_E_KERNEL_TIMEOUT, "");
        break;
    }
    if (result_fd >= 0)
        close(result_fd);
    return good;
}

static bool compile_here(work *w)
{
    return smalti__code_compile(w->engine, w->data, w->size, &w->code, &w->fault) &&
           smalti__code_save(w->code, &w->artifact, &w->artifact_size, &w->fault);
}

static void *compile_thread(void *argument)
{
    work *w = argument;
    bool good = false, refused = true;
    if (!w->trusted && CHILDREN)
        good = compile_in_child(w, &refused);
    if (refused)
        good = compile_here(w);
    pthread_mutex_lock(&w->lock);
    w->good = good;
    w->done = true;
    bool abandoned = w->abandoned;
    pthread_cond_signal(&w->done_signal);
    pthread_mutex_unlock(&w->lock);
    if (abandoned) {
        work_free(w);
        left_behind--;
    }
    return NULL;
}

static bool thread_start(work *w)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, COMPILER_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, compile_thread, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static work *work_new(const smalti__compile_request *request)
{
    work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->done_signal, &attributes);
    pthread_condattr_destroy(&attributes);
    w->engine = request->engine;
    w->size = request->size;
    w->trusted = request->trusted;
    w->deadline_ns = smalti__now_ns() + request->deadline_ms * 1000000;
    w->data = malloc(request->size);
    if (!w->data) {
        work_free(w);
        return NULL;
    }
    memcpy(w->data, request->data, request->size);
    return w;
}

/* true: done. A child gets a moment more than the deadline, so that it is its thread that kills it. */
static bool await_thread(work *w)
{
    uint64_t until = w->deadline_ns + (w->trusted ? 0 : 250000000);
    struct timespec time = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
    pthread_mutex_lock(&w->lock);
    while (!w->done && pthread_cond_timedwait(&w->done_signal, &w->lock, &time) != ETIMEDOUT)
        ;
    bool done = w->done;
    if (!done) {
        w->abandoned = true;
        left_behind++;
    }
    pthread_mutex_unlock(&w->lock);
    return done;
}

static smalti_result too_long(const smalti__compile_request *request, smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_KERNEL_TIMEOUT, "%s: compiling it takes longer than its deadline of %llu ms",
                        request->name, (unsigned long long)request->deadline_ms);
}

smalti_result smalti__compile(const smalti__compile_request *request, smalti__code **code, void **artifact,
                              size_t *artifact_size, smalti_error *error)
{
    if (left_behind >= MAX_LEFT_BEHIND)
        return smalti__fail(
            error, SMALTI_E_KERNEL_TIMEOUT,
            "%s: not compiled: %d earlier modules that missed their deadline still keep the compiler busy",
            request->name, MAX_LEFT_BEHIND);
    work *w = work_new(request);
    if (!w)
        return smalti__fail_nomem(error, request->size);
    if (!thread_start(w)) {
        work_free(w);
        return smalti__fail(error, SMALTI_E_NOMEM, "%s: no thread to compile it", request->name);
    }
    if (!await_thread(w))
        return too_long(request, error);
    smalti_result result = SMALTI_OK;
    if (w->good) {
        *code = w->code, w->code = NULL;
        *artifact = w->artifact, w->artifact = NULL;
        *artifact_size = w->artifact_size;
    } else if (w->fault.code == SMALTI_E_KERNEL_TIMEOUT) {
        result = too_long(request, error);
    } else {
        result = smalti__fail(error, w->fault.code, "%s: %s", request->name, w->fault.what);
    }
    work_free(w);
    return result;
}
