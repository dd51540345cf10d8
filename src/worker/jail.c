/* SPDX-License-Identifier: Apache-2.0
 * Entering the jail, in the order in which one part does not hinder the next. */
#include "worker/jail.h"

#include <errno.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/plan.h"

enum { DESCRIPTORS_USUAL = 64, FIRST_OF_LANDLOCK_NET = 4, FIRST_OF_LANDLOCK_SCOPE = 6 };

/* Names of file system rights by the version of landlock that has them: 13 in the first, then one each. */
static uint64_t file_rights(long version)
{
    int rights = version == 1 ? 13 : version == 2 ? 14 : version < 5 ? 15 : 16;
    return ((uint64_t)1 << rights) - 1;
}

/* The structure as of version 6; an older kernel takes as much of it as it knows. */
struct ruleset {
    uint64_t files, network, scope;
};

static int enter_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return errno ? errno : ENOSYS;
    struct ruleset rules = {.files = file_rights(version)};
    size_t size = sizeof rules.files;
    if (version >= FIRST_OF_LANDLOCK_NET) {
        rules.network = 3; /* to bind and to connect TCP */
        size += sizeof rules.network;
    }
    if (version >= FIRST_OF_LANDLOCK_SCOPE) {
        rules.scope = 3; /* abstract sockets and signals */
        size += sizeof rules.scope;
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return errno;
    int failed = syscall(SYS_landlock_restrict_self, fd, 0) ? errno : 0;
    close(fd);
    return failed;
}

/* A lower one that holds already is kept: only root could raise it, and nobody should. */
static int limit(int resource, uint64_t most)
{
    struct rlimit limits;
    if (getrlimit((__rlimit_resource_t)resource, &limits))
        return errno;
    if (limits.rlim_max > most)
        limits.rlim_max = most;
    if (limits.rlim_cur > most)
        limits.rlim_cur = most;
    return setrlimit((__rlimit_resource_t)resource, &limits) ? errno : 0;
}

static int set_limits(const smalti__jail *jail)
{
    int failed = limit(RLIMIT_CORE, 0);
    if (jail->memory_bytes && !failed)
        failed = limit(RLIMIT_DATA, jail->memory_bytes);
    if (jail->file_bytes && !failed)
        failed = limit(RLIMIT_FSIZE, jail->file_bytes);
    if (jail->cpu_seconds && !failed)
        failed = limit(RLIMIT_CPU, jail->cpu_seconds);
    if (!failed)
        failed = limit(RLIMIT_NOFILE, jail->descriptors ? jail->descriptors : DESCRIPTORS_USUAL);
    return failed;
}

static int close_others(const smalti__jail *jail)
{
    unsigned first = 0;
    for (size_t i = 0; i <= jail->keep_count; i++) {
        unsigned kept = i < jail->keep_count ? (unsigned)jail->keep[i] : ~0u;
        if (kept > first && syscall(SYS_close_range, first, i < jail->keep_count ? kept - 1 : ~0u, 0))
            return errno;
        first = kept + 1;
    }
    return 0;
}

static int die_with_parent(void)
{
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return errno;
    if (getppid() != parent) /* it died in between */
        raise(SIGKILL);
    return 0;
}

void smalti__jail_enter(const smalti__jail *jail, smalti__jail_state *state)
{
    int *failed = state->failed;
    failed[SMALTI__JAIL_GROUP] = setpgid(0, 0) && getpgrp() != getpid() ? errno : 0;
    failed[SMALTI__JAIL_PARENT] = die_with_parent();
    failed[SMALTI__JAIL_PRIVILEGES] = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? errno : 0;
    failed[SMALTI__JAIL_HIDDEN] = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? errno : 0;
    failed[SMALTI__JAIL_CLOSED] = close_others(jail);
    failed[SMALTI__JAIL_LANDLOCK] = enter_landlock();
    failed[SMALTI__JAIL_LIMITS] = set_limits(jail);
    failed[SMALTI__JAIL_SECCOMP] = smalti__jail_filter();
}

/* ---- What a job bounds ---- */

/* Of the largest samples, four floats, 16 bytes; and 16 more for what a format says of each row, if the image has one
 * column. No output is larger than a tebibyte, also where a job has no limit on pixels. */
enum { PIXEL_BYTES_MOST = 32, METADATA_BLOCKS = 4, FILE_SLACK = 1 << 20 };
static const uint64_t file_bytes_most = (uint64_t)1 << 40;

static uint64_t file_bound(const smalti__limits *limits, bool animated)
{
    uint64_t frames = !animated ? 1 : limits->frames ? limits->frames : UINT32_MAX;
    size_t bytes;
    if (!limits->pixels || !smalti__mul(limits->pixels, PIXEL_BYTES_MOST, &bytes) ||
        !smalti__mul(bytes, frames, &bytes) ||
        !smalti__add(bytes, METADATA_BLOCKS * limits->metadata_bytes + FILE_SLACK, &bytes))
        return file_bytes_most;
    return bytes < file_bytes_most ? bytes : file_bytes_most;
}

/* All processors for the deadline, a second of grace and one that seconds are rounded by, of each task; and what was used
 * before, when kernels were compiled. */
enum { TASK_SECONDS = 2, LIFE_SECONDS = 10 };

static uint64_t cpu_bound(uint64_t task_ms, uint64_t tasks)
{
    long processors = sysconf(_SC_NPROCESSORS_CONF);
    struct timespec used = {0};
    size_t seconds;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    if (!task_ms || !tasks ||
        !smalti__mul((task_ms / 1000 + TASK_SECONDS) * (processors > 0 ? (size_t)processors : 1), tasks, &seconds) ||
        !smalti__add(seconds, (size_t)used.tv_sec + LIFE_SECONDS, &seconds))
        return 0;
    return seconds;
}

void smalti__jail_bound(smalti__jail *jail, const smalti_plan *plan, uint64_t tasks)
{
    jail->file_bytes = file_bound(&plan->limits, plan->job->settings.frames == SMALTI__FRAMES_ALL);
    jail->cpu_seconds = cpu_bound(plan->limits.task_ms, tasks);
}

/* ---- What is told ---- */

static const struct {
    const char *name, *what;
} facilities[SMALTI__JAIL_FACILITIES] = {
    [SMALTI__JAIL_GROUP] = {"process group", "signals to its group reach nobody else"},
    [SMALTI__JAIL_PARENT] = {"parent death", "killed when the process that started it ends"},
    [SMALTI__JAIL_PRIVILEGES] = {"no new privileges", "no program it could run would have more rights"},
    [SMALTI__JAIL_HIDDEN] = {"not dumpable", "no core dump; closed to other processes of the user"},
    [SMALTI__JAIL_CLOSED] = {"descriptors", "all closed but those it was given"},
    [SMALTI__JAIL_LIMITS] = {"limits", "of memory, processor time, size of files, open files"},
    [SMALTI__JAIL_LANDLOCK] = {"landlock", "no file by name, no TCP"},
    [SMALTI__JAIL_SECCOMP] = {"seccomp", "a list of system calls; no new code, processes, sockets"},
};

smalti_result smalti__jail_require(const smalti__jail_state *state, smalti_error *error)
{
    for (int i = 0; i < SMALTI__JAIL_FACILITIES; i++)
        if (state->failed[i]) {
            errno = 0;
            return smalti__fail(error, SMALTI_E_UNSUPPORTED, "the jail is not complete: %s: %s", facilities[i].name,
                                strerror(state->failed[i]));
        }
    return SMALTI_OK;
}

void smalti__jail_describe(const smalti__jail_state *state, smalti_jail_report *report)
{
    report->facility_count = SMALTI__JAIL_FACILITIES;
    for (int i = 0; i < SMALTI__JAIL_FACILITIES; i++)
        report->facilities[i] = (smalti_jail_item){.name = facilities[i].name,
                                                   .what = facilities[i].what,
                                                   .enforced = !state->failed[i],
                                                   .sys_errno = state->failed[i]};
}
