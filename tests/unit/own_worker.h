/* SPDX-License-Identifier: Apache-2.0
 * A test program that is its own worker: the one to name as smalti_run_options.worker_program is /proc/self/exe. */
#ifndef SMALTI_TEST_OWN_WORKER_H
#define SMALTI_TEST_OWN_WORKER_H

#include <smalti/smalti.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "no_landlock.h"

/* Before tests exist: this process may have been started as a worker. */
__attribute__((constructor)) static void serve(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], "worker") || strcmp(argv[2], "--serve"))
        return;
    smalti_error why;
    if (getenv("SMALTI_TEST_NO_LANDLOCK"))
        without_landlock();
    _exit(smalti_worker_serve(atoi(argv[3]), &why) < 0 ? 99 : 0);
}

#endif
