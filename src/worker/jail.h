/* SPDX-License-Identifier: Apache-2.0
 * The jail of a process that looks at bytes nobody trusts: it has the descriptors that it was given, its memory and the
 * processor, and can get nothing else. There is no way out, for it and all threads it starts.
 *
 * Codecs that are loaded as libraries must be loaded, and kernels compiled, before: no new code can be had inside. */
#ifndef SMALTI_SRC_JAIL_H
#define SMALTI_SRC_JAIL_H

#include <smalti/job.h>
#include <smalti/worker.h>

#include "base/base.h"

typedef struct smalti__jail {
    const int *keep; /* descriptors that stay, ascending; all others are closed */
    size_t keep_count;
    uint64_t memory_bytes; /* private memory that may be written (RLIMIT_DATA); 0: no limit */
    uint64_t file_bytes;   /* of any file that is written; 0: no limit */
    uint64_t cpu_seconds;  /* of the process's whole life, from its start; it is killed then. 0: no limit */
    uint32_t descriptors;  /* open at a time; 0: 64 */
} smalti__jail;

enum smalti__jail_facility {
    SMALTI__JAIL_GROUP,      /* a process group of its own, so that nothing reaches others by it */
    SMALTI__JAIL_PARENT,     /* dies with the thread that started it */
    SMALTI__JAIL_PRIVILEGES, /* no new ones by any program */
    SMALTI__JAIL_HIDDEN,     /* no core dump, its memory closed to processes of the same user */
    SMALTI__JAIL_CLOSED,     /* descriptors closed */
    SMALTI__JAIL_LIMITS,     /* memory, files, descriptors, processor time */
    SMALTI__JAIL_LANDLOCK,   /* no file by any name, no TCP, no signals or abstract sockets to outside */
    SMALTI__JAIL_SECCOMP,    /* no system calls but a few */
    SMALTI__JAIL_FACILITIES
};

/* What is in force: 0, or the errno that says why not. */
typedef struct smalti__jail_state {
    int failed[SMALTI__JAIL_FACILITIES];
} smalti__jail_state;

/* Puts the calling process into the jail. Only the calling thread may exist, unless none of the others matters. Makes
 * nothing but system calls. Everything that can be enforced is, whatever else cannot. */
void smalti__jail_enter(const smalti__jail *jail, smalti__jail_state *state);

/* The bounds that a job gives: of files by its limits on images, and, where its tasks have a deadline, of processor time by
 * how many of them there will be. tasks 0: not known, no such limit. Other fields stay. */
void smalti__jail_bound(smalti__jail *jail, const smalti_plan *plan, uint64_t tasks);

/* UNSUPPORTED, naming it, when something is not in force. */
smalti_result smalti__jail_require(const smalti__jail_state *state, smalti_error *error);

/* The facilities of a report. */
void smalti__jail_describe(const smalti__jail_state *state, smalti_jail_report *report);

/* The filter of system calls alone. 0 or an errno. */
int smalti__jail_filter(void);

#endif
