/* SPDX-License-Identifier: Apache-2.0
 * Commands that `smalti bench exr` compares with. */
#include "cli/bench_exr.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What one command line may hold: less than what Linux allows. */
enum { ARGUMENT_BYTES = 1 << 20 };

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

const bench_peer bench_peers[BENCH_PEERS] = {
    {"smalti exr info --json", WORDS("/proc/self/exe", "exr", "info", "--json"), 0},
    {"smalti exr check", WORDS("/proc/self/exe", "exr", "check"), 0},
    {"exrinfo", WORDS("exrinfo"), 0},
    {"exrheader", WORDS("exrheader"), 0},
    {"iinfo", WORDS("iinfo"), 2000},
    {"oiiotool --info", WORDS("oiiotool", "--info"), 2000},
    {"identify -ping (ImageMagick)", WORDS("identify", "-ping"), 100},
};

bool bench_peer_is_there(const bench_peer *peer)
{
    const char *name = peer->words[0], *path = getenv("PATH");
    char full[4096];
    if (*name == '/')
        return true;
    while (path && *path) {
        size_t size = strcspn(path, ":");
        if (snprintf(full, sizeof full, "%.*s/%s", (int)size, path, name) < (int)sizeof full && !access(full, X_OK))
            return true;
        path += size + (path[size] == ':');
    }
    return false;
}

/* Runs the command on some files, its output thrown away. */
static bool run_once(char **words, double *cpu_s, uint64_t *peak_bytes)
{
    int status;
    struct rusage usage;
    pid_t child = fork();
    if (!child) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(words[0], words);
        _exit(127);
    }
    while (child > 0 && wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return false;
    if (child < 0)
        return false;
    *cpu_s += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
              (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    *peak_bytes = (uint64_t)usage.ru_maxrss * 1024 > *peak_bytes ? (uint64_t)usage.ru_maxrss * 1024 : *peak_bytes;
    return WIFEXITED(status) && WEXITSTATUS(status) < 126;
}

smalti_result bench_peer_run(const bench_peer *peer, const exr_files *files, bench_measure *measure,
                             smalti_error *error)
{
    size_t count = peer->most && peer->most < files->count ? peer->most : files->count, fixed = 0;
    char **words = calloc(count + 16, sizeof *words);
    if (!words)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the command line");
    *measure = (bench_measure){.files = count};
    for (; peer->words[fixed]; fixed++)
        words[fixed] = (char *)peer->words[fixed];
    uint64_t started = cli_now_ns();
    bool good = true;
    for (size_t i = 0; i < count && good;) {
        size_t used = fixed, bytes = 0;
        for (; i < count && bytes < ARGUMENT_BYTES; i++) {
            bytes += strlen(files->paths[i]) + 1 + sizeof(char *);
            words[used++] = files->paths[i];
        }
        words[used] = NULL;
        good = run_once(words, &measure->cpu_s, &measure->peak_bytes);
    }
    measure->wall_s = (double)(cli_now_ns() - started) / 1e9;
    free(words);
    return good ? SMALTI_OK : cli_fail(error, SMALTI_E_IO, "%s cannot be run", peer->name);
}
