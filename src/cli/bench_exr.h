/* SPDX-License-Identifier: Apache-2.0
 * What `smalti bench exr` measures, and how it is told. */
#ifndef SMALTI_CLI_BENCH_EXR_H
#define SMALTI_CLI_BENCH_EXR_H

#include "cli/exr.h"

/* Ways to read a header; and the check, which goes further. */
typedef enum bench_level {
    BENCH_WHOLE,   /* the whole file, as tools do that know no better */
    BENCH_PAGE,    /* open, read a page, close: what no reader of single files can be below */
    BENCH_LIBRARY, /* OpenEXRCore */
    BENCH_MAP,     /* our parser over a map */
    BENCH_READER,  /* our reader */
    BENCH_READERS, /* 16 of them in flight */
    BENCH_CHECK,   /* our structural check */
    BENCH_LEVELS
} bench_level;
extern const char *const bench_level_names[BENCH_LEVELS];

/* One run, or the medians of some. */
typedef struct bench_measure {
    double wall_s, cpu_s;
    uint64_t read_bytes; /* asked of the kernel */
    uint64_t disk_bytes; /* that came from the disk */
    uint64_t peak_bytes; /* resident memory of the process */
    uint64_t files, failed;
} bench_measure;

/* Runs a level over all files once, in a process of its own. cold: the files' pages are dropped first. */
smalti_result bench_level_run(bench_level level, const exr_files *files, bool cold, bench_measure *measure,
                              smalti_error *error);

/* Commands to compare with. */
enum { BENCH_PEERS = 7 };
typedef struct bench_peer {
    const char *name;          /* as it is shown */
    const char *const *words;  /* the command; ends with NULL; files follow */
    size_t most;               /* files that it is given, as it is slow; 0: all */
} bench_peer;
extern const bench_peer bench_peers[BENCH_PEERS]; /* the first is smalti itself: words[0] is replaced by its path */

bool bench_peer_is_there(const bench_peer *peer);
smalti_result bench_peer_run(const bench_peer *peer, const exr_files *files, bench_measure *measure,
                             smalti_error *error);

/* Makes count files of a kind ("small", "medium", "large", "mixed", "manifest") in a folder, which is made. */
smalti_result bench_exr_make(const char *folder, const char *kind, uint64_t count, smalti_error *error);

/* All that was measured. Levels and peers that were not have files == 0. */
typedef struct bench_exr_results {
    uint64_t files, bytes;
    uint64_t rounds;
    bench_measure warm[BENCH_LEVELS], cold[BENCH_LEVELS];
    bench_measure peers[BENCH_PEERS];
    uint64_t peer_files[BENCH_PEERS];
} bench_exr_results;

void bench_exr_text(const bench_exr_results *results);
void bench_exr_json(const bench_exr_results *results, cli_json *json);
/* A page with plots. */
smalti_result bench_exr_page(const bench_exr_results *results, const char *path, smalti_error *error);

#endif
