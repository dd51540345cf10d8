/* SPDX-License-Identifier: Apache-2.0
 * Memory of this process that is in RAM, as the kernel counts it. */
#include "cli/cli.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* A line of /proc/self/status in bytes. Not getrusage: what it calls the maximum begins with that of the process that
 * started this one. */
static uint64_t status_bytes(const char *name)
{
    char line[256];
    unsigned long long kib = 0;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, length) && line[length] == ':')
            kib = strtoull(line + length + 1, NULL, 10);
    if (file)
        fclose(file);
    return kib * 1024;
}

/* glibc raises these thresholds to the size of what is freed, up to 32 MiB, and then keeps such buffers in its arenas: a
 * batch of 500 mixed images with a budget of 64 MiB, of which 51 were used, had 100 MiB. With both fixed through GLIBC_TUNABLES it had 61, for 6 % more
 * processor time. */
void cli_memory_setup(void)
{
    enum { THRESHOLD = 1 << 20 };
    mallopt(M_MMAP_THRESHOLD, THRESHOLD);
    mallopt(M_TRIM_THRESHOLD, THRESHOLD);
}

/* What the process has by now, and what its code, stacks and small allocations come to later. */
uint64_t cli_memory_for_images(uint64_t process_bytes)
{
    enum { LATER = 8 << 20 };
    uint64_t own = cli_resident() + LATER, most = process_bytes / 4;
    return process_bytes - (own < most ? own : most);
}

uint64_t cli_resident(void)
{
    return status_bytes("VmRSS");
}

uint64_t cli_resident_peak(void)
{
    return status_bytes("VmHWM");
}
