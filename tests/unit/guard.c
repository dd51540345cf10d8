/* SPDX-License-Identifier: Apache-2.0
 * The guard: files truncated while they are mapped, and its peace with other handlers of SIGBUS, Wasmtime's among them. */
#include "test.h"
#include "files.h"
#include "source/guard.h"
#include "source/source.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <wasm.h>
#include <wasmtime.h>

enum { PAGE = 4096, PAGES = 64, BYTES = PAGE * PAGES };

static uint8_t content[BYTES];

static const uint8_t *fill_content(void)
{
    for (size_t i = 0; i < BYTES; i++)
        content[i] = (uint8_t)((i * 2654435761u) >> 24 | 1); /* never zero */
    return content;
}

static unsigned long sum_of(const smalti__source *source)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < source->size; i += 64)
        sum += source->data[i];
    return sum;
}

/* Truncates a watched map and reads it: whether the guard saw it. */
static bool guarded_fault_is_survived(void)
{
    const char *path = file_path("guarded");
    if (!file_write(path, fill_content(), BYTES))
        return false;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t *map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
    smalti__guard *guard = smalti__guard_add(map, BYTES);
    bool before = smalti__guard_lost(guard), cut = !ftruncate(fd, 2 * PAGE);
    volatile uint8_t *bytes = map;
    bool zero = !bytes[BYTES - 1] && !bytes[3 * PAGE] && bytes[PAGE];
    bool lost = smalti__guard_lost(guard);
    smalti__guard_remove(guard);
    munmap(map, BYTES);
    close(fd);
    return !before && cut && zero && lost;
}

/* A fault that no guard watches. */
static void foreign_fault(void)
{
    const char *path = file_path("foreign");
    int fd = file_write(path, "x", 1) ? open(path, O_RDWR | O_CLOEXEC) : -1;
    volatile uint8_t *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (ftruncate(fd, 0))
        _exit(3);
    (void)map[0];
}

static void send_signal(void)
{
    raise(SIGBUS);
}

static void info_handler(int number, siginfo_t *info, void *context)
{
    _exit(context && info->si_signo == number ? 50 : 51);
}
static void plain_handler(int number)
{
    _exit(number == SIGBUS ? 52 : 53);
}

static void set_info(void)
{
    struct sigaction action = {.sa_sigaction = info_handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
}
static void set_plain(void)
{
    struct sigaction action = {.sa_handler = plain_handler};
    sigaction(SIGBUS, &action, NULL);
}
static void set_default(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGBUS, &action, NULL);
}
static void set_ignore(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigaction(SIGBUS, &action, NULL);
}

/* These come first and in children: a process installs the guard's handler once. */

/* How a child ends that had a handler, used the guard, and then got a SIGBUS of its own: an exit status, or 100 + the
 * signal. */
static int end_after(void (*set_handler)(void), void (*get_signal)(void))
{
    fflush(stdout);
    file_path(""); /* made by the parent, which removes it */
    pid_t child = fork();
    if (!child) {
        set_handler();
        if (!guarded_fault_is_survived())
            _exit(2);
        get_signal();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST("a SIGBUS that is not the guard's goes to the handler that was there before")
{
    CHECK_INT(end_after(set_info, foreign_fault), 50);
    CHECK_INT(end_after(set_info, send_signal), 50);
    CHECK_INT(end_after(set_plain, foreign_fault), 52);
    CHECK_INT(end_after(set_plain, send_signal), 52);
}

TEST("without an earlier handler a SIGBUS that is not the guard's ends the process, as it would have")
{
    CHECK_INT(end_after(set_default, foreign_fault), 100 + SIGBUS);
    CHECK_INT(end_after(set_default, send_signal), 100 + SIGBUS);
    CHECK_INT(end_after(set_ignore, foreign_fault), 100 + SIGBUS);
    CHECK_INT(end_after(set_ignore, send_signal), 0);
}

/* (module (memory 1) (func (export "f") (drop (i32.load (i32.const 0x7fffffff))))) */
static const uint8_t trapping_module[] = {
    0x00, 0x61, 0x73, 0x6d, 1,   0, 0, 0,  1,  4, 1,  0x60, 0,    0,    3,    2,    1,    0,    5,    3, 1, 0,    1,
    7,    5,    1,    1,    'f', 0, 0, 10, 14, 1, 12, 0,    0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x28, 2, 0, 0x1a, 0x0b,
};

/* True when the kernel's access out of bounds, a signal in Wasmtime, came back as a trap. */
static bool wasm_traps(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasmtime_store_t *store = wasmtime_store_new(engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    wasmtime_module_t *module = NULL;
    wasmtime_instance_t instance;
    wasmtime_extern_t function;
    wasm_trap_t *trap = NULL;
    char *name;
    size_t name_size;
    bool trapped = false;
    wasmtime_error_t *error = wasmtime_module_new(engine, trapping_module, sizeof trapping_module, &module);
    if (!error)
        error = wasmtime_instance_new(context, module, NULL, 0, &instance, &trap);
    if (!error && !trap && wasmtime_instance_export_nth(context, &instance, 0, &name, &name_size, &function)) {
        error = wasmtime_func_call(context, &function.of.func, NULL, 0, NULL, 0, &trap);
        wasmtime_trap_code_t code;
        trapped = !error && trap && wasmtime_trap_code(trap, &code) && code == WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS;
    }
    if (error)
        wasmtime_error_delete(error);
    if (trap)
        wasm_trap_delete(trap);
    if (module)
        wasmtime_module_delete(module);
    wasmtime_store_delete(store);
    wasm_engine_delete(engine);
    return trapped;
}

/* In a child, where neither has installed its handlers yet. */
static int both_orders(bool wasm_first)
{
    fflush(stdout);
    file_path("");
    pid_t child = fork();
    if (!child) {
        set_default();
        bool good = true;
        for (int round = 0; round < 3; round++) {
            good = good && (!wasm_first || wasm_traps()) && guarded_fault_is_survived();
            wasm_first = true;
        }
        _exit(good ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status);
}

TEST("the guard and Wasmtime's traps live together, whichever comes first")
{
    CHECK_INT(both_orders(true), 0);
    CHECK_INT(both_orders(false), 0);
}

static struct sigaction behind;
static volatile sig_atomic_t passed_on;

static void passing_handler(int number, siginfo_t *info, void *context)
{
    passed_on++;
    behind.sa_sigaction(number, info, context);
}

TEST("the guard works behind a later handler that passes signals on")
{
    CHECK(guarded_fault_is_survived());
    struct sigaction action = {.sa_sigaction = passing_handler, .sa_flags = SA_SIGINFO};
    CHECK(!sigaction(SIGBUS, &action, &behind));
    CHECK(behind.sa_flags & SA_SIGINFO);
    bool survived = guarded_fault_is_survived();
    sigaction(SIGBUS, &behind, NULL);
    CHECK(survived);
    CHECK(passed_on >= 1);
}

struct truncation {
    char path[512];
    int rounds, good;
};

/* Each round truncates a file of its own at another place while it is mapped, and reads all of it. */
static void *truncate_rounds(void *context)
{
    struct truncation *job = context;
    for (int round = 0; round < job->rounds; round++) {
        smalti__source source;
        smalti_error error;
        unlink(job->path);
        if (!file_write(job->path, content, BYTES) ||
            smalti__source_open(&source, job->path, &(smalti__source_options){.map_threshold = 1}, &error))
            return NULL;
        size_t kept = (size_t)round * 37 * 64 % BYTES, kept_pages = kept / PAGE * PAGE;
        bool mapped = !source.memory_bytes, good = !truncate(job->path, (off_t)kept);
        sum_of(&source);
        good = good && !memcmp(source.data, content, kept_pages) && !source.data[BYTES - 1];
        good = good && smalti__source_check(&source, &error) == SMALTI_E_IO_CHANGED &&
               strstr(error.message, ": truncated while it was read");
        smalti__source_close(&source);
        job->good += mapped && good;
    }
    return NULL;
}

TEST("files truncated while they are mapped, 1,000 times on four threads, are typed errors and the process lives")
{
    fill_content();
    struct truncation jobs[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "cut%d", i);
        jobs[i] = (struct truncation){.rounds = 250};
        snprintf(jobs[i].path, sizeof jobs[i].path, "%s", file_path(name));
        CHECK(!pthread_create(&threads[i], NULL, truncate_rounds, &jobs[i]));
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        CHECK_INT(jobs[i].good, 250);
}

static void *sum_thread(void *context)
{
    return (void *)(sum_of(context) | 1);
}

TEST("several threads may read one map while it is truncated")
{
    for (int round = 0; round < 20; round++) {
        smalti_error error;
        smalti__source source;
        const char *path = file_path("shared");
        CHECK(file_write(path, fill_content(), BYTES));
        CHECK_OK(smalti__source_open(&source, path, &(smalti__source_options){.map_threshold = 1}, &error), error);
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            CHECK(!pthread_create(&threads[i], NULL, sum_thread, &source));
        CHECK(!truncate(path, round * PAGE));
        sum_of(&source);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        CHECK_INT(smalti__source_check(&source, &error), SMALTI_E_IO_CHANGED);
        CHECK_HAS(error.message, ": truncated while it was read");
        smalti__source_close(&source);
    }
}
