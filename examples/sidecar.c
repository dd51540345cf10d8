/* SPDX-License-Identifier: Apache-2.0
 * Smalti beside an application: one process for a batch, started with posix_spawn, its events read from a pipe as lines.
 * Usage: sidecar SMALTI OUTPUT-FOLDER INPUT...
 * Makes a WebP of 640 pixels at most of each input. Links with nothing but the C library. */
#define _GNU_SOURCE /* memfd_create */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void put_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++)
        if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else
            putc(*text, out);
    putc('"', out);
}

/* The batch in memory: nothing is left on a disk, whatever happens. Gives its descriptor, or -1. */
static int make_batch(const char *folder, char **inputs, int count)
{
    int fd = memfd_create("batch", MFD_CLOEXEC);
    FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");
    if (!out)
        return -1;
    fputs("{\"steps\": [{\"resize\": {\"width\": 640, \"height\": 640, \"enlarge\": false}}],\n \"tasks\": [\n", out);
    for (int i = 0; i < count; i++) {
        char output[4096];
        snprintf(output, sizeof output, "%s/%d.webp", folder, i);
        fprintf(out, "%s{\"id\": \"%d\", \"input\": ", i ? ",\n" : "", i);
        put_string(out, inputs[i]);
        fputs(", \"output\": ", out);
        put_string(out, output);
        putc('}', out);
    }
    fputs("\n]}\n", out);
    return fclose(out) == 0 ? fd : -1;
}

/* Starts the worker; *lines is what it says. 0, or an errno. */
static int start(const char *smalti, const char *batch, pid_t *worker, FILE **lines)
{
    char *arguments[] = {(char *)smalti, "worker", "--batch", (char *)batch, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int failed = posix_spawnp(worker, smalti, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]); /* so that the worker's end is the end of the lines */
    *lines = fdopen(ends[0], "r");
    return failed;
}

/* The value of a key that has a string or a number; an application uses its JSON parser here. */
static const char *value(const char *line, const char *key)
{
    static char text[256];
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(line, quoted);
    if (!at)
        return "";
    at += strlen(quoted);
    at += *at == '"';
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\",}"), at);
    return text;
}

static void tell(const char *line, int count, int *ended)
{
    char event[32], id[32];
    snprintf(event, sizeof event, "%s", value(line, "event"));
    snprintf(id, sizeof id, "%s", value(line, "id"));
    if (!strcmp(event, "progress"))
        printf("  %s: %.0f %%\n", id, 100 * atof(value(line, "fraction")));
    else if (!strcmp(event, "done"))
        printf("[%d/%d] %s: %s bytes\n", ++*ended, count, id, value(line, "bytes_out"));
    else if (!strcmp(event, "failed"))
        printf("[%d/%d] %s failed: %s\n", ++*ended, count, id, value(line, "message"));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: sidecar SMALTI OUTPUT-FOLDER INPUT...\n");
        return 2;
    }
    char path[64], *line = NULL;
    size_t room = 0;
    int ended = 0, status = 0, batch = make_batch(argv[2], argv + 3, argc - 3);
    pid_t worker;
    FILE *lines = NULL;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), batch);
    if (batch < 0 || start(argv[1], path, &worker, &lines) != 0 || !lines) {
        fprintf(stderr, "sidecar: %s cannot be started\n", argv[1]);
        return 1;
    }
    while (getline(&line, &room, lines) > 0)
        tell(line, argc - 3, &ended);
    free(line);
    fclose(lines);
    waitpid(worker, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
