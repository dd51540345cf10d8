/* SPDX-License-Identifier: Apache-2.0
 * Wasmtime cannot be interrupted while it compiles, and 30 KB of code can be made to take it minutes and gigabytes. So a
 * module is compiled in a forked child, whose memory, processor time and output are limited, and which is killed at the
 * deadline. The child of a program with threads inherits whatever locks its other threads held; the C library makes its own
 * safe (malloc, threads), the child uses nothing else of the program, and should it hang all the same the deadline ends it.
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
    MAX_ARTIFACT = 256 * 1024 * 1024
};

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

#ifndef __SANITIZE_ADDRESS__ /* whose shadow counts as data */
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
#endif

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
#ifndef __SANITIZE_ADDRESS__
    uint64_t data = data_bytes();
    if (data)
        limit(RLIMIT_DATA, data + COMPILER_MEMORY);
#endif
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

/* Sleeps until the child ends or until_ns, whichever is first; at most a millisecond where it cannot be told when. */
static void sleep_on(int child_fd, uint64_t until_ns)
{
    uint64_t now = smalti__now_ns(), left = until_ns > now ? until_ns - now : 0;
    struct pollfd wait = {.fd = child_fd, .events = POLLIN};
    uint64_t most = child_fd < 0 ? 1000000 : 1000000000;
    struct timespec time = {0, 0};
    time.tv_nsec = (long)(left < most ? left : most - 1);
    ppoll(&wait, child_fd >= 0, &time, NULL);
}

/* Waits for the child or kills it at the deadline. false: it was killed. Whatever the program does with SIGCHLD, a child
 * that is gone by the time of waitpid has ended. */
static bool await_child(pid_t child, uint64_t deadline_ns, int *status)
{
    int child_fd = (int)syscall(SYS_pidfd_open, child, 0);
    bool ended = false;
    *status = 0;
    for (;;) {
        pid_t got = waitpid(child, status, WNOHANG);
        ended = got == child || (got < 0 && errno != EINTR);
        if (ended || smalti__now_ns() >= deadline_ns)
            break;
        sleep_on(child_fd, deadline_ns);
    }
    if (!ended) {
        kill(child, SIGKILL);
        while (waitpid(child, status, 0) < 0 && errno == EINTR)
            ;
    }
    if (child_fd >= 0)
        close(child_fd);
    return ended;
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
    pid_t child = result_fd < 0 ? -1 : fork();
    if (child == 0)
        child_main(w, result_fd);
    bool good = false;
    int status;
    *refused = child < 0;
    if (child > 0)
        good = await_child(child, w->deadline_ns, &status) ? take_verdict(w, result_fd, status)
                                                           : fault_set(&w->fault, SMALTI_E_KERNEL_TIMEOUT, "");
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
#ifndef __SANITIZE_THREAD__ /* which forbids threads in a forked child */
    if (!w->trusted)
        good = compile_in_child(w, &refused);
#endif
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
