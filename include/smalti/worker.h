/* SPDX-License-Identifier: Apache-2.0
 * Workers: processes that decode and encode in a jail (smalti_run_options.at). */
#ifndef SMALTI_WORKER_H
#define SMALTI_WORKER_H

#include <smalti/job.h>

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

/**
 * Starts workers that any number of runs use (smalti_run_options.workers), one after the other or at once from many threads;
 * a run at SMALTI_AT_WORKERS without them starts its own, and ends them with it. Each task has a worker to itself, and waits
 * for one when all are at work. A worker that dies is replaced when the next task wants it.
 *
 * They are for one job: a plan that is run at them may have other inputs than plan, nothing else. options (NULL: defaults):
 * jobs is how many there are (default: one per processor; fewer when half of the memory cannot hold their lanes);
 * memory_bytes is what all runs at them may have together, of which an eighth is set aside for what they share with the
 * workers; strip_rows, worker_program (copied) and require_jail hold for all runs; the rest is not looked at. plan is
 * borrowed until smalti_workers_free.
 *
 * *workers is owned on success, when all of them are ready and have done a tiny task for themselves. They share no memory
 * with each other, but one that was taken over by an image can spoil the outputs of those it gets later: give images of
 * different owners different workers.
 * Errors: UNSUPPORTED (the plan is not made of a job; require_jail), IO (no process can be started), PEER (the program is no
 * worker), NOMEM, INVALID_RANGE (jobs), and what the job's own checks say in the worker.
 */
SMALTI_API SMALTI_MUST_CHECK smalti_result smalti_workers_new(const smalti_plan *plan,
                                                              const smalti_run_options *options,
                                                              smalti_workers **workers, smalti_error *error);
/** Ends them. No run uses them any more. NULL is fine. */
SMALTI_API void smalti_workers_free(smalti_workers *workers);

/** The life of a worker: what a program does that was started by a run at SMALTI_AT_WORKERS, first of all and in its only
 * thread. fd: the socket it was given. Returns OK when the run is over: the process is to _exit then, as nothing else can
 * be done in the jail. Errors: PEER (fd is no such socket, or another version's); what the run's job says. */
SMALTI_API smalti_result smalti_worker_serve(int fd, smalti_error *error) SMALTI_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
