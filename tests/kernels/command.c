/* SPDX-License-Identifier: Apache-2.0
 * A WASI command without a C library: copies its input in capital letters, or does what its first argument says. */
#include <stddef.h>
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int32_t name
typedef struct buffer {
    void *data;
    uint32_t size;
} buffer;
WASI(fd_read)(int32_t fd, const buffer *buffers, uint32_t count, uint32_t *done);
WASI(fd_write)(int32_t fd, const buffer *buffers, uint32_t count, uint32_t *done);
WASI(fd_seek)(int32_t fd, int64_t offset, int32_t whence, uint64_t *position);
WASI(fd_fdstat_get)(int32_t fd, uint8_t *stat);
WASI(fd_prestat_get)(int32_t fd, uint8_t *stat);
WASI(args_sizes_get)(uint32_t *count, uint32_t *bytes);
WASI(args_get)(char **args, char *text);
WASI(environ_sizes_get)(uint32_t *count, uint32_t *bytes);
WASI(clock_time_get)(int32_t clock, uint64_t precision, uint64_t *time);
WASI(random_get)(uint8_t *data, uint32_t size);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"))) void proc_exit(int32_t status);

static char text[4096], *args[16];
static uint8_t block[1000], stat[24];
static volatile int sink;

static void say(int fd, const char *words)
{
    buffer out[2] = {{(void *)words, 0}, {"!\n", 2}}; /* two buffers at once */
    uint32_t done;
    while (words[out[0].size])
        out[0].size++;
    if (fd_write(fd, out, 2, &done) || done != out[0].size + 2)
        proc_exit(99);
}

/* Every one of these must be refused with an errno, and harm nothing. */
static int bad_pointers(void)
{
    uint32_t done;
    buffer outside = {(void *)0xfffffff0, 64}, fine = {block, 4};
    int bad = 0;
    bad += fd_read(0, (const buffer *)0xfffffffc, 1, &done) == 0;
    bad += fd_read(0, &outside, 1, &done) == 0;
    bad += fd_read(0, &fine, 1, (uint32_t *)0xfffffffe) == 0;
    bad += fd_read(3, &fine, 1, &done) == 0;
    bad += fd_write(1, &outside, 1, &done) == 0;
    bad += fd_write(1, (const buffer *)0, 0xffffffff, &done) == 0;
    bad += fd_write(0, &fine, 1, &done) == 0;
    bad += args_get((char **)0xfffffff0, (char *)0xfffffff0) == 0;
    bad += args_sizes_get((uint32_t *)0xffffffff, &done) == 0;
    bad += environ_sizes_get(&done, (uint32_t *)0xffffffff) == 0;
    bad += random_get((uint8_t *)8, 0xffffffff) == 0;
    bad += clock_time_get(0, 0, (uint64_t *)0xfffffffc) == 0;
    bad += clock_time_get(7, 0, (uint64_t *)stat) == 0;
    bad += fd_fdstat_get(1, (uint8_t *)0xfffffff0) == 0;
    bad += fd_fdstat_get(3, stat) == 0;
    bad += fd_prestat_get(3, stat) == 0;
    bad += fd_seek(1, 0, 0, (uint64_t *)stat) == 0;
    return bad;
}

static void copy(void)
{
    for (;;) {
        buffer in[2] = {{block, 3}, {block + 3, sizeof block - 3}};
        uint32_t done;
        if (fd_read(0, in, 2, &done))
            proc_exit(98);
        if (!done)
            return;
        for (uint32_t i = 0; i < done; i++)
            block[i] -= block[i] >= 'a' && block[i] <= 'z' ? 32 : 0;
        buffer out = {block, done};
        if (fd_write(1, &out, 1, &done))
            proc_exit(97);
    }
}

__attribute__((export_name("_start"))) void start(void)
{
    uint32_t count, bytes;
    if (args_sizes_get(&count, &bytes) || count > 16 || bytes > sizeof text || args_get(args, text))
        proc_exit(96);
    switch (count > 1 ? args[1][0] : 0) {
    case 'a': /* arguments */
        for (uint32_t i = 0; i < count; i++)
            say(1, args[i]);
        return;
    case 'e': /* an exit status */
        say(2, "cannot do\tthat");
        proc_exit(3);
        return;
    case 'z': /* exits well */
        say(1, "done");
        proc_exit(0);
        return;
    case 'f': /* floods */
        for (;;)
            say(1, "more and more of it");
    case 's':
        for (;;)
            sink = sink + 1;
    case 't':
        say(2, "about to trap");
        __builtin_trap();
    case 'p':
        proc_exit(bad_pointers());
        return;
    case 'r': { /* random bytes and the time */
        buffer out = {block, 32};
        if (random_get(block, 24) || clock_time_get(0, 1, (uint64_t *)(block + 24)))
            proc_exit(95);
        fd_write(1, &out, 1, &bytes);
        return;
    }
    default:
        copy();
    }
}
