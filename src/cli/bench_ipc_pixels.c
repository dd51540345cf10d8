/* SPDX-License-Identifier: Apache-2.0
 * An image handed to another process that reads every byte of it: through a pipe or a stream, in shared memory made for
 * it, and in a block that is used again. */
#include "cli/bench_ipc.h"

#include "worker/pass.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const ipc_pixels_names[IPC_PIXELS_WAYS] = {
    "pipe", "pipe, 1 MiB buffer", "Unix stream", "memory made for it", "block, copied into", "block, written directly",
};

static const ipc_transport transports[IPC_PIXELS_WAYS] = {IPC_PIPES,  IPC_PIPES,  IPC_STREAM,
                                                          IPC_SHARED, IPC_SHARED, IPC_SHARED};

/* Stands for a decoder: it writes each pixel once. */
static void write_pixels(uint8_t *out, size_t bytes, uint32_t seed)
{
    uint32_t *pixels = (uint32_t *)out;
    for (size_t i = 0; i < bytes / 4; i++)
        pixels[i] = (uint32_t)i * 2654435761u + seed;
}

/* Stands for what the other process does with them: it reads each once. */
static uint64_t read_pixels(const uint8_t *in, size_t bytes)
{
    const uint64_t *pixels = (const uint64_t *)in;
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes / 8; i++)
        sum += pixels[i];
    return sum;
}

/* Private memory whose pages are there. */
static uint8_t *private_pages(size_t bytes)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return data == MAP_FAILED ? NULL : data;
}

/* ---- The other process ---- */

static void read_streams(ipc_peer *peer, void *user)
{
    const size_t bytes = *(size_t *)user;
    uint8_t *pixels = private_pages(bytes);
    while (pixels) {
        uint64_t copied = 0;
        const double before = ipc_cpu();
        if (ipc_read(peer->in, pixels, bytes, &copied, NULL) < 0)
            break;
        uint64_t sum = read_pixels(pixels, bytes);
        peer->report->cpu_s = ipc_cpu() - before;
        peer->report->copied_bytes = copied;
        if (ipc_write(peer->out, &sum, sizeof sum, &copied, NULL) < 0)
            break;
    }
}

/* An image in memory of its own comes as a descriptor; one in a block as a reference to it. */
static smalti_result sum_shared(ipc_peer *peer, const smalti__message *message, size_t bytes, uint64_t *sum)
{
    uint8_t *pixels;
    if (message->block_count) {
        SMALTI__TRY(smalti__blocks_at(&peer->blocks, &message->blocks[0], &pixels, NULL));
        *sum = read_pixels(pixels, message->blocks[0].bytes);
        return SMALTI_OK;
    }
    smalti__sealed memory;
    int descriptors[SMALTI__PASS_MOST];
    size_t count;
    uint8_t packet;
    SMALTI__TRY(smalti__pass_receive(peer->socket, &packet, sizeof packet, descriptors, &count, 0, NULL));
    smalti_result result =
        count == 1 ? smalti__sealed_open(descriptors[0], bytes, bytes, &memory, NULL) : SMALTI_E_PEER;
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
    SMALTI__TRY(result);
    *sum = read_pixels(memory.data, bytes);
    smalti__sealed_close(&memory);
    return SMALTI_OK;
}

static void read_shared(ipc_peer *peer, void *user)
{
    smalti__message message;
    for (;;) {
        const double before = ipc_cpu();
        uint64_t sum;
        if (smalti__channel_receive(&peer->channel, &message, -1, NULL) < 0 ||
            sum_shared(peer, &message, *(size_t *)user, &sum) < 0)
            return;
        peer->report->cpu_s = ipc_cpu() - before;
        message.task = sum;
        if (smalti__channel_send(&peer->channel, &message, -1, NULL) < 0)
            return;
    }
}

/* ---- This process ---- */

static smalti_result move_stream(ipc_pixels *pixels, ipc_peer *peer, uint32_t seed, double *written, uint64_t *copied,
                                 uint64_t *sum, smalti_error *error)
{
    uint64_t answer_bytes = 0;
    write_pixels(pixels->private_memory, pixels->bytes, seed);
    *written = ipc_now();
    SMALTI__TRY(ipc_write(peer->out, pixels->private_memory, pixels->bytes, copied, error));
    SMALTI__TRY(ipc_read(peer->in, sum, sizeof *sum, &answer_bytes, error));
    *copied += peer->report->copied_bytes;
    return SMALTI_OK;
}

static smalti_result ask_for_sum(ipc_peer *peer, smalti__message *message, uint64_t *sum, smalti_error *error)
{
    SMALTI__TRY(smalti__channel_send(&peer->channel, message, -1, error));
    SMALTI__TRY(smalti__channel_receive(&peer->channel, message, -1, error));
    *sum = message->task;
    return SMALTI_OK;
}

static smalti_result move_fresh(ipc_pixels *pixels, ipc_peer *peer, uint32_t seed, double *written, uint64_t *sum,
                                smalti_error *error)
{
    smalti__sealed memory;
    smalti__message message = {0};
    int descriptor;
    SMALTI__TRY(smalti__sealed_make("smalti-bench", pixels->bytes, &memory, &descriptor, error));
    write_pixels(memory.data, pixels->bytes, seed);
    *written = ipc_now();
    smalti_result result = smalti__pass_send(peer->socket, "", 1, &descriptor, 1, error);
    close(descriptor);
    smalti__sealed_close(&memory);
    return result < 0 ? result : ask_for_sum(peer, &message, sum, error);
}

static smalti_result move_block(ipc_pixels *pixels, ipc_peer *peer, bool copy, uint32_t seed, double *written,
                                uint64_t *copied, uint64_t *sum, smalti_error *error)
{
    smalti__message message = {.block_count = 1};
    uint8_t *block;
    SMALTI__TRY(smalti__blocks_take(&peer->blocks, pixels->bytes, &message.blocks[0], error));
    SMALTI__TRY(smalti__blocks_at(&peer->blocks, &message.blocks[0], &block, error));
    write_pixels(copy ? pixels->private_memory : block, pixels->bytes, seed);
    *written = ipc_now();
    if (copy) {
        memcpy(block, pixels->private_memory, pixels->bytes);
        *copied += pixels->bytes;
    }
    smalti__block_ref taken = message.blocks[0];
    SMALTI__TRY(ask_for_sum(peer, &message, sum, error));
    smalti__blocks_give(&peer->blocks, &taken);
    return SMALTI_OK;
}

smalti_result ipc_pixels_move(ipc_pixels *pixels, ipc_pixels_way way, uint32_t seed, ipc_result *result,
                              smalti_error *error)
{
    ipc_peer *peer = &pixels->peers[way];
    uint64_t copied = 0, sum = 0;
    double written = 0;
    smalti_result code;
    const double start = ipc_now(), cpu = ipc_cpu();
    if (transports[way] != IPC_SHARED)
        code = move_stream(pixels, peer, seed, &written, &copied, &sum, error);
    else if (way == IPC_PIXELS_FRESH)
        code = move_fresh(pixels, peer, seed, &written, &sum, error);
    else
        code = move_block(pixels, peer, way == IPC_PIXELS_COPIED, seed, &written, &copied, &sum, error);
    if (code < 0)
        return code;
    *result = (ipc_result){.write_s = written - start,
                           .wall_s = ipc_now() - written,
                           .cpu_s = ipc_cpu() - cpu + peer->report->cpu_s,
                           .copied_bytes = copied};
    write_pixels(pixels->private_memory, pixels->bytes, seed);
    if (sum != read_pixels(pixels->private_memory, pixels->bytes))
        return cli_fail(error, SMALTI_E_PEER, "the other process of the measurement read other pixels");
    return SMALTI_OK;
}

smalti_result ipc_pixels_open(size_t bytes, ipc_pixels *pixels, smalti_error *error)
{
    enum { WIDE_BYTES = 1 << 20 };
    *pixels = (ipc_pixels){.bytes = bytes, .private_memory = private_pages(bytes)};
    if (!pixels->private_memory)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for %zu bytes of pixels", bytes);
    for (ipc_pixels_way way = 0; way < IPC_PIXELS_WAYS; way++) {
        ipc_peer *peer = &pixels->peers[way];
        smalti_result result =
            ipc_peer_start(transports[way], 2 * bytes, transports[way] == IPC_SHARED ? read_shared : read_streams,
                           &pixels->bytes, peer, error);
        if (result < 0)
            return result;
        if (way == IPC_PIXELS_WIDE_PIPE && fcntl(peer->out, F_SETPIPE_SZ, WIDE_BYTES) < 0)
            return cli_fail_errno(error, "no pipe with a buffer of %d bytes", WIDE_BYTES);
    }
    return SMALTI_OK;
}

void ipc_pixels_close(ipc_pixels *pixels)
{
    for (ipc_pixels_way way = 0; way < IPC_PIXELS_WAYS; way++)
        ipc_peer_end(&pixels->peers[way]);
    if (pixels->private_memory)
        munmap(pixels->private_memory, pixels->bytes);
    pixels->private_memory = NULL;
}
