/* SPDX-License-Identifier: Apache-2.0
 * Workers: processes that decode and encode in a jail (smalti_run_options.at). */
#ifndef SMALTI_WORKER_H
#define SMALTI_WORKER_H

#include <smalti/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One way in which a jailed process is held. */
typedef struct smalti_jail_item {
    const char *name;   /**< "seccomp", "landlock", …; static */
    const char *what;   /**< what it does, in a few words; static */
    bool enforced;      /**< it was put in force and, where that can be tried, tried */
    int32_t sys_errno;  /**< why not; 0 when it is enforced */
} smalti_jail_item;

enum { SMALTI_JAIL_ITEMS = 16 };

/** What a jail enforces on this system, found by putting a child process into one. */
typedef struct smalti_jail_report {
    uint32_t facility_count;                            /**< of facilities */
    uint32_t attempt_count;                             /**< of attempts */
    smalti_jail_item facilities[SMALTI_JAIL_ITEMS];     /**< of the kernel, that hold the process */
    smalti_jail_item attempts[SMALTI_JAIL_ITEMS];       /**< what the child tried to do; enforced: it could not */
    bool complete;                                      /**< all of them are enforced */
} smalti_jail_report;

/** Starts a child, jails it, lets it try to get out, and reports. *report is filled in on success. From any thread.
 * Errors: IO (no child can be started), PEER (it died). */
SMALTI_API smalti_result smalti_jail_probe(smalti_jail_report *report, smalti_error *error) SMALTI_MUST_CHECK;

/** The life of a worker: what a program does that was started by a run at SMALTI_AT_WORKERS, first of all and in its only
 * thread. fd: the socket it was given. Returns OK when the run is over: the process is to _exit then, as nothing else can
 * be done in the jail. Errors: PEER (fd is no such socket, or another version's); what the run's job says. */
SMALTI_API smalti_result smalti_worker_serve(int fd, smalti_error *error) SMALTI_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
