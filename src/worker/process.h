/* SPDX-License-Identifier: Apache-2.0
 * A worker process as its parent holds it: started, killed, buried. */
#ifndef SMALTI_SRC_PROCESS_H
#define SMALTI_SRC_PROCESS_H

#include <sys/types.h>

#include "base/base.h"

typedef struct smalti__process {
    pid_t id; /* 0: there is none */
    int watch; /* a pidfd: readable when it has ended; −1: the system has none */
    int socket;
} smalti__process;

enum { SMALTI__PROCESS_END = 64 };

/* Starts "program worker --serve 3" with a socket of packets as descriptor 3, nothing on its standard streams, and a process
 * group of its own. The calling thread must outlive it: it dies with it. IO: there is no such program. */
smalti_result smalti__process_start(const char *program, smalti__process *process, smalti_error *error);
/* Kills it, waits for its end, and closes what belongs to it. end (may be NULL) gets how it ended, where that was before:
 * "was killed by SIGSEGV". Fine for a zeroed struct. */
void smalti__process_end(smalti__process *process, char end[SMALTI__PROCESS_END]);

#endif
