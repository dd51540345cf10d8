/* SPDX-License-Identifier: Apache-2.0
 * The SIGBUS guard: a process-wide table of watched maps that the handler reads without a lock.
 *
 * On a fault in a watched map the handler puts zero pages over the map from the lost page to its end. To the end, not
 * one page: truncation loses all that follows, so a reader takes one signal instead of one per page, and the process
 * cannot run out of areas (vm.max_map_count). A read-only anonymous map is the shared zero page: it takes no memory.
 *
 * Any other SIGBUS goes on to the handler that was there before (Wasmtime's, a sanitizer's, the application's). A library
 * that installs its own later gets the signal first and has to chain, as Wasmtime does. A thread that reads a map must
 * not block SIGBUS: Linux kills the process then. */
#include "source/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One map. taken: the slot has an owner. change is odd while start and end are written, so that the handler never
 * combines the start of one map with the end of another. */
struct smalti__guard {
    atomic_bool taken;
    atomic_bool lost;
    atomic_uint change;
    atomic_uintptr_t start, end;
};

enum { SLOTS = 1024 }; /* maps at one time: two per lane would do */

static struct smalti__guard slots[SLOTS];
static atomic_uint slots_used; /* slots from here on were never taken */
static struct sigaction previous;
static bool installed;

static struct smalti__guard *slot_of(uintptr_t address)
{
    unsigned count = atomic_load_explicit(&slots_used, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct smalti__guard *slot = &slots[i];
        unsigned change = atomic_load(&slot->change);
        uintptr_t start = atomic_load(&slot->start), end = atomic_load(&slot->end);
        /* the slot of the faulting reader is not being written: its owner waits for the reader */
        if (change % 2 == 0 && address >= start && address < end && atomic_load(&slot->change) == change)
            return slot;
    }
    return NULL;
}

static bool patch(struct smalti__guard *slot, uintptr_t address)
{
    uintptr_t page = address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    /* before the pages: a reader that sees zeros, sees the mark */
    atomic_store(&slot->lost, true);
    /* the system call itself: sanitizers wrap mmap with code that is not for signal handlers */
    long result = syscall(SYS_mmap, page, atomic_load(&slot->end) - page, PROT_READ,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L);
    return result != -1;
}

static void chain(int signal_number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO) {
        previous.sa_sigaction(signal_number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal_number);
    } else {
        bool sent = info->si_code <= 0; /* by kill() and the like, not a fault */
        if (sent && previous.sa_handler == SIG_IGN)
            return;
        /* the default action at the place of the fault: return and run into it again */
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(SIGBUS, &standard, NULL);
        if (sent)
            raise(SIGBUS);
    }
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    int saved = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    struct smalti__guard *slot = info->si_code > 0 ? slot_of(address) : NULL;
    bool patched = slot && patch(slot, address);
    errno = saved;
    if (!patched)
        chain(signal_number, info, context);
}

static void install(void)
{
    /* on the alternate stack where a thread has one: some runtimes have small main stacks */
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    /* first what is there, so that previous is whole before the handler can run */
    installed = !sigaction(SIGBUS, NULL, &previous) && !sigaction(SIGBUS, &action, NULL);
}

smalti__guard *smalti__guard_add(const void *address, size_t bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    if (!installed || !bytes)
        return NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct smalti__guard *slot = &slots[i];
        bool free_slot = false;
        if (!atomic_compare_exchange_strong(&slot->taken, &free_slot, true))
            continue;
        unsigned used = atomic_load(&slots_used);
        while (used <= i && !atomic_compare_exchange_weak(&slots_used, &used, i + 1)) {
        }
        atomic_fetch_add(&slot->change, 1);
        atomic_store(&slot->lost, false);
        atomic_store(&slot->start, (uintptr_t)address);
        atomic_store(&slot->end, (uintptr_t)address + smalti__align(bytes, page));
        atomic_fetch_add(&slot->change, 1);
        return slot;
    }
    return NULL;
}

bool smalti__guard_lost(const smalti__guard *guard)
{
    return guard && atomic_load(&guard->lost);
}

void smalti__guard_remove(smalti__guard *guard)
{
    if (!guard)
        return;
    atomic_fetch_add(&guard->change, 1);
    atomic_store(&guard->start, 0);
    atomic_store(&guard->end, 0);
    atomic_fetch_add(&guard->change, 1);
    atomic_store(&guard->taken, false);
}
