/* SPDX-License-Identifier: Apache-2.0
 * A shipped kernel as a WASI command: a tile comes on standard input and the filtered one goes to standard output. The
 * kernel's source is included (KERNEL), so that `smalti bench strategies` compares ways to move pixels and nothing else.
 * Pixels pass as they are, with a header before them: classic.c is what people do, this is the same at its strongest.
 *
 * Only for kernels that look at one pixel at a time: the tile is handed over as a single row. */
#include "smalti_kernel.h"

/* this module is a command and has no descriptor */
#undef SMALTI__DESCRIBE
#define SMALTI__DESCRIBE(string)
#include KERNEL

/* What stands before the pixels, in both directions; src/cli/bench_tiles.c writes the same. */
struct message {
    uint32_t width, height, channels, dst_channels, sample, param_count;
    double params[4];
};

enum { TILE_BYTES = 256 * 256 * 4 * 4, SLACK = 64 };

struct iovec {
    void *data;
    uint32_t size;
};

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
WASI(fd_read) int32_t fd_read(int32_t fd, const struct iovec *vectors, uint32_t count, uint32_t *size);
WASI(fd_write) int32_t fd_write(int32_t fd, const struct iovec *vectors, uint32_t count, uint32_t *size);
WASI(proc_exit) _Noreturn void proc_exit(int32_t code);

static struct message message;
static _Alignas(64) uint8_t src[SLACK + TILE_BYTES + SLACK], dst[SLACK + TILE_BYTES + SLACK];

typedef int32_t transfer_function(int32_t fd, const struct iovec *vectors, uint32_t count, uint32_t *size);

static void transfer(transfer_function *function, int32_t fd, void *data, uint32_t size)
{
    while (size) {
        uint32_t done = 0;
        const struct iovec vector = {data, size};
        if (function(fd, &vector, 1, &done) != 0 || done == 0)
            proc_exit(1);
        data = (uint8_t *)data + done;
        size -= done;
    }
}

__attribute__((export_name("_start"))) void start(void)
{
    transfer(fd_read, 0, &message, sizeof message);
    uint32_t sample_bytes = message.sample == SMALTI_U8 ? 1 : message.sample == SMALTI_U16 ? 2 : 4;
    uint32_t pixels = message.width * message.height;
    if (message.width > 256 || message.height > 256 || message.channels > 4 || message.dst_channels > 4)
        proc_exit(2);
    uint32_t src_bytes = pixels * message.channels * sample_bytes;
    uint32_t dst_bytes = pixels * message.dst_channels * sample_bytes;
    transfer(fd_read, 0, src + SLACK, src_bytes);
    const smalti_tile tile = {
        .size = sizeof tile,
        .sample = message.sample,
        .channels = message.channels,
        .dst_channels = message.dst_channels,
        .width = pixels,
        .height = 1,
        .image_width = pixels,
        .image_height = 1,
        .src_pitch = src_bytes,
        .dst_pitch = dst_bytes,
        .src = src + SLACK,
        .dst = dst + SLACK,
        .params = message.params,
        .param_count = message.param_count,
    };
    if (smalti_export_tile(&tile) != 0)
        proc_exit(3);
    message.channels = message.dst_channels;
    transfer(fd_write, 1, &message, sizeof message);
    transfer(fd_write, 1, dst + SLACK, dst_bytes);
}
