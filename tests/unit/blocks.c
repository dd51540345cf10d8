/* SPDX-License-Identifier: Apache-2.0
 * Blocks of shared memory and the descriptors they come with: reuse, budgets, references of all kinds, and peers that
 * break the rules. */
#include "channel_ends.h"
#include "worker/blocks.h"
#include "worker/pass.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { KIB = 1 << 10, MIB = 1 << 20, BLOCK_PACKET_BYTES = 16 };

/* ---- Descriptors ---- */

TEST("a packet brings its bytes and copies of its descriptors")
{
    const int before = open_descriptors();
    int ends[2], pipe_ends[2], came[SMALTI__PASS_MOST];
    char text[5];
    size_t count;
    smalti_error error;
    CHECK_OK(smalti__pass_pair(ends, &error), error);
    CHECK(pipe(pipe_ends) == 0);
    CHECK_INT(smalti__pass_receive(ends[1], text, 5, came, &count, 0, &error), SMALTI_E_LIMIT_TIME);
    CHECK_INT(smalti__pass_receive(ends[1], text, 5, came, &count, 2, &error), SMALTI_E_LIMIT_TIME);
    CHECK_OK(smalti__pass_send(ends[0], "hello", 5, pipe_ends, 2, &error), error);
    CHECK_OK(smalti__pass_send(ends[0], "again", 5, NULL, 0, &error), error);
    CHECK_OK(smalti__pass_receive(ends[1], text, 5, came, &count, -1, &error), error);
    CHECK_INT(count, 2);
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK(write(came[1], "x", 1) == 1 && read(pipe_ends[0], text, 1) == 1 && text[0] == 'x');
    CHECK(fcntl(came[0], F_GETFD) & FD_CLOEXEC);
    CHECK_OK(smalti__pass_receive(ends[1], text, 5, came + 2, &count, -1, &error), error);
    CHECK_INT(count, 0);
    for (int i = 0; i < 2; i++) {
        close(came[i]);
        close(pipe_ends[i]);
    }
    close(ends[0]);
    CHECK_INT(smalti__pass_receive(ends[1], text, 5, came, &count, -1, &error), SMALTI_E_PEER);
    CHECK_INT(smalti__pass_send(ends[1], text, 5, NULL, 0, &error), SMALTI_E_PEER);
    close(ends[1]);
    CHECK_INT(open_descriptors(), before);
}

/* What smalti__pass_send would not send. */
static void send_odd(int socket, size_t bytes, size_t descriptor_count)
{
    static char data[2 * SMALTI__PASS_BYTES];
    union {
        char bytes[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec part = {.iov_base = data, .iov_len = bytes};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(descriptor_count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&packet);
        *head = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(descriptor_count * sizeof(int))};
        for (size_t i = 0; i < descriptor_count; i++)
            memcpy(CMSG_DATA(head) + i * sizeof(int), &socket, sizeof socket);
    }
    CHECK(sendmsg(socket, &packet, MSG_NOSIGNAL) == (ssize_t)bytes);
}

TEST("packets of wrong sizes or with too many descriptors are refused, and leave no descriptor behind")
{
    static const struct {
        size_t bytes, descriptors;
    } odd[] = {{4, 0}, {4, 2},  {6, 0}, {6, 4}, {SMALTI__PASS_BYTES + 1, 1}, {2 * SMALTI__PASS_BYTES, 2},
               {5, 5}, {5, 16}, {0, 1}, {0, 0}};
    const int before = open_descriptors();
    int ends[2], came[SMALTI__PASS_MOST];
    char text[5] = "same";
    size_t count = 77;
    smalti_error error;
    CHECK_OK(smalti__pass_pair(ends, &error), error);
    for (size_t i = 0; i < SMALTI__COUNT(odd); i++) {
        send_odd(ends[0], odd[i].bytes, odd[i].descriptors);
        CHECK_INT(smalti__pass_receive(ends[1], text, 5, came, &count, -1, &error), SMALTI_E_PEER);
        CHECK_STR(text, "same");
        CHECK_INT(count, 77);
        CHECK_INT(open_descriptors(), before + 2);
    }
    send_odd(ends[0], 5, SMALTI__PASS_MOST);
    CHECK_OK(smalti__pass_receive(ends[1], text, 5, came, &count, -1, &error), error);
    CHECK_INT(count, SMALTI__PASS_MOST);
    for (size_t i = 0; i < count; i++)
        close(came[i]);
    close(ends[0]);
    close(ends[1]);
    CHECK_INT(open_descriptors(), before);
}

TEST("who passes to an end that does not read is told so, and does not wait")
{
    int ends[2];
    smalti_error error;
    smalti_result result = SMALTI_OK;
    CHECK_OK(smalti__pass_pair(ends, &error), error);
    for (int i = 0; result == SMALTI_OK && i < 100000; i++)
        result = smalti__pass_send(ends[0], "x", 1, NULL, 0, &error);
    CHECK_INT(result, SMALTI_E_LIMIT);
    close(ends[0]);
    close(ends[1]);
}

/* ---- Blocks, both sides in one process ---- */

typedef struct sides {
    int sockets[2];
    smalti__blocks parent, worker;
} sides;

static void open_both(sides *both, size_t budget_bytes)
{
    smalti_error error;
    CHECK_OK(smalti__pass_pair(both->sockets, &error), error);
    smalti__blocks_open(&both->parent, both->sockets[0], true, budget_bytes);
    smalti__blocks_open(&both->worker, both->sockets[1], false, budget_bytes);
}

static void close_both(sides *both)
{
    smalti__blocks_close(&both->parent);
    smalti__blocks_close(&both->worker);
    close(both->sockets[0]);
    close(both->sockets[1]);
}

static smalti__block_ref take(sides *both, size_t bytes)
{
    smalti__block_ref ref;
    smalti_error error;
    CHECK_OK(smalti__blocks_take(&both->parent, bytes, &ref, &error), error);
    CHECK(ref.bytes == bytes && ref.offset == 0);
    return ref;
}

static uint8_t *at(smalti__blocks *blocks, const smalti__block_ref *ref)
{
    uint8_t *data = NULL;
    smalti_error error;
    CHECK_OK(smalti__blocks_at(blocks, ref, &data, &error), error);
    return data;
}

TEST("what one side writes into a block, to its last byte, the other reads")
{
    const int before = open_descriptors();
    sides both;
    open_both(&both, 16 * MIB);
    for (size_t bytes = 1; bytes <= 5 * MIB; bytes = bytes * 3 + 1) {
        smalti__block_ref ref = take(&both, bytes);
        memset(at(&both.parent, &ref), (int)bytes & 0xff, bytes);
        uint8_t *there = at(&both.worker, &ref);
        CHECK(there[0] == (bytes & 0xff) && there[bytes - 1] == (bytes & 0xff));
        there[bytes - 1] ^= 0xff;
        CHECK_INT(at(&both.parent, &ref)[bytes - 1], ~bytes & 0xff);
        smalti__blocks_give(&both.parent, &ref);
    }
    CHECK_INT(open_descriptors(), before + 2);
    close_both(&both);
    CHECK_INT(open_descriptors(), before);
}

TEST("a block is used again from task to task, at the same address, without another packet")
{
    sides both;
    open_both(&both, 8 * MIB);
    smalti__block_ref first = take(&both, 3 * MIB);
    uint8_t *here = at(&both.parent, &first), *there = at(&both.worker, &first);
    for (size_t i = 0; i < 20; i++) {
        smalti__blocks_give(&both.parent, &first);
        smalti__block_ref ref = take(&both, 4 * MIB - i);
        CHECK(ref.index == first.index && ref.generation == first.generation);
        CHECK(at(&both.parent, &ref) == here && at(&both.worker, &ref) == there);
    }
    CHECK_INT(both.parent.made, 1);
    CHECK_INT(both.parent.reused, 20);
    CHECK_INT(recv(both.sockets[1], &(char){0}, 1, MSG_DONTWAIT), -1);
    close_both(&both);
}

TEST("blocks keep to the budget: those in use are waited for, those unused the longest go first")
{
    sides both;
    smalti__block_ref ref;
    smalti_error error;
    open_both(&both, 4 * MIB);
    CHECK_INT(smalti__blocks_take(&both.parent, 4 * MIB + 1, &ref, &error), SMALTI_E_LIMIT_MEMORY);
    CHECK_INT(smalti__blocks_take(&both.parent, SIZE_MAX, &ref, &error), SMALTI_E_LIMIT_MEMORY);
    smalti__block_ref old = take(&both, MIB), newer = take(&both, MIB), busy = take(&both, MIB);
    at(&both.worker, &old)[0] = 1;
    at(&both.worker, &newer)[0] = 2;
    CHECK_INT(smalti__blocks_take(&both.parent, 2 * MIB, &ref, &error), SMALTI_E_LIMIT);
    CHECK_HAS(error.message, "in use");
    smalti__blocks_give(&both.parent, &old);
    smalti__blocks_give(&both.parent, &newer);
    ref = take(&both, 2 * MIB);
    CHECK(at(&both.worker, &ref) != NULL);
    CHECK_INT(both.parent.held_bytes, 4 * MIB);
    CHECK_INT(both.worker.held_bytes, 4 * MIB);
    CHECK_INT(smalti__blocks_at(&both.worker, &old, &(uint8_t *){NULL}, &error), SMALTI_E_PEER);
    smalti__block_ref kept = take(&both, MIB);
    CHECK(kept.index == newer.index && kept.generation == newer.generation);
    CHECK_INT(at(&both.worker, &kept)[0], 2);
    CHECK(at(&both.worker, &busy) != NULL);
    close_both(&both);
}

TEST("more blocks than indices are there: one that is in use keeps its own")
{
    sides both;
    smalti__block_ref ref, refs[SMALTI__BLOCKS_MOST];
    smalti_error error;
    open_both(&both, 64 * MIB);
    for (int i = 0; i < SMALTI__BLOCKS_MOST; i++)
        refs[i] = take(&both, 1);
    CHECK_INT(smalti__blocks_take(&both.parent, 1, &ref, &error), SMALTI_E_LIMIT);
    smalti__blocks_give(&both.parent, &refs[7]);
    ref = take(&both, MIB);
    CHECK_INT(ref.index, 7);
    CHECK_INT(ref.generation, refs[7].generation + 1);
    CHECK(at(&both.worker, &ref) != NULL);
    close_both(&both);
}

/* ---- Peers that break the rules ---- */

static smalti_result look_up(smalti__blocks *blocks, smalti__block_ref ref)
{
    uint8_t *data = NULL;
    smalti_result result = smalti__blocks_at(blocks, &ref, &data, NULL);
    CHECK((result == SMALTI_OK) == (data != NULL));
    return result;
}

TEST("references outside of blocks, or to blocks that are not there, are the peer's error on both sides")
{
    sides both;
    open_both(&both, MIB);
    smalti__block_ref ref = take(&both, 100 * KIB);
    const uint64_t size = 128 * KIB; /* of the block */
    for (int side = 0; side < 2; side++) {
        smalti__blocks *blocks = side ? &both.worker : &both.parent;
        const uint32_t i = ref.index, g = ref.generation;
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, size, 0}), SMALTI_OK);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, size - 1, 1}), SMALTI_OK);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, size, 1}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, 0, size + 1}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, 2, UINT64_MAX}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g, UINT64_MAX, 2}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, g + 1, 0, 1}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i, 0, 0, 1}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){i + 1, 0, 0, 0}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){SMALTI__BLOCKS_MOST, g, 0, 1}), SMALTI_E_PEER);
        CHECK_INT(look_up(blocks, (smalti__block_ref){UINT32_MAX, g, 0, 1}), SMALTI_E_PEER);
    }
    smalti__blocks_give(&both.parent, &ref);
    CHECK_INT(look_up(&both.parent, ref), SMALTI_E_PEER);
    close_both(&both);
}

/* What a worker makes of a packet about block 3 of generation 1. */
static smalti_result worker_gets(uint32_t index, uint64_t says_bytes, unsigned seals, off_t bytes, bool twice)
{
    const int before = open_descriptors();
    const uint32_t words[2] = {index, 1};
    uint8_t packet[BLOCK_PACKET_BYTES];
    sides both;
    int memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(memory >= 0 && ftruncate(memory, bytes) == 0 && fcntl(memory, F_ADD_SEALS, seals) == 0);
    open_both(&both, MIB);
    memcpy(packet, words, 8);
    memcpy(packet + 8, &says_bytes, 8);
    CHECK_INT(smalti__pass_send(both.sockets[0], packet, sizeof packet, (int[]){memory, memory}, twice ? 2 : 1, NULL),
              SMALTI_OK);
    close(memory);
    smalti_result result = look_up(&both.worker, (smalti__block_ref){3, 1, 0, 1});
    if (result < 0 && index != 4) /* that one is as good as 3, but not what was asked for */
        CHECK_INT(both.worker.held_bytes, 0);
    close_both(&both);
    CHECK_INT(open_descriptors(), before);
    return result;
}

TEST("a worker takes only sealed memory of the size that was said, within its budget")
{
    const unsigned all = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    CHECK_INT(worker_gets(3, MIB, all, MIB, false), SMALTI_OK);
    CHECK_INT(worker_gets(3, MIB, F_SEAL_GROW | F_SEAL_SEAL, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, MIB, F_SEAL_GROW | F_SEAL_SHRINK, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, MIB, all, MIB / 2, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, MIB / 2, all, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, 2 * MIB, all, 2 * MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, MIB, all, MIB, true), SMALTI_E_PEER);
    CHECK_INT(worker_gets(3, 0, all, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(4, MIB, all, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(SMALTI__BLOCKS_MOST, MIB, all, MIB, false), SMALTI_E_PEER);
    CHECK_INT(worker_gets(UINT32_MAX, MIB, all, MIB, false), SMALTI_E_PEER);
}

/* ---- Two processes ---- */

static int pass_socket;

static int invert(smalti__channel *channel, void *user)
{
    smalti__blocks blocks;
    smalti__message message;
    (void)user;
    smalti__blocks_open(&blocks, pass_socket, false, 16 * MIB);
    while (smalti__channel_receive(channel, &message, -1, NULL) == SMALTI_OK && message.kind == 1) {
        uint8_t *data;
        if (message.block_count != 1 || smalti__blocks_at(&blocks, &message.blocks[0], &data, NULL) < 0)
            return 1;
        for (uint64_t i = 0; i < message.blocks[0].bytes; i++)
            data[i] ^= 0xff;
        if (smalti__channel_send(channel, &message, -1, NULL) < 0)
            return 2;
    }
    return 0;
}

TEST("a worker inverts pixels in place, in blocks of all sizes that come and go")
{
    int sockets[2];
    smalti__channel channel;
    smalti__blocks blocks;
    smalti_error error;
    CHECK_OK(smalti__pass_pair(sockets, &error), error);
    pass_socket = sockets[1];
    pid_t child = start_worker(&channel, 4, invert, NULL);
    close(sockets[1]);
    smalti__blocks_open(&blocks, sockets[0], true, 6 * MIB);
    for (uint64_t i = 0; i < 60; i++) {
        smalti__message message = {.task = i, .kind = 1, .block_count = 1};
        const size_t bytes = (size_t)(i * 7919 * 31) % (4 * MIB) + 1;
        uint8_t *data;
        CHECK_OK(smalti__blocks_take(&blocks, bytes, &message.blocks[0], &error), error);
        CHECK_OK(smalti__blocks_at(&blocks, &message.blocks[0], &data, &error), error);
        memset(data, (int)i, bytes);
        CHECK_OK(smalti__channel_send(&channel, &message, -1, &error), error);
        CHECK_OK(smalti__channel_receive(&channel, &message, -1, &error), error);
        CHECK_INT(message.task, i);
        CHECK_OK(smalti__blocks_at(&blocks, &message.blocks[0], &data, &error), error);
        for (size_t k = 0; k < bytes; k++)
            CHECK(data[k] == (uint8_t)~i);
        smalti__blocks_give(&blocks, &message.blocks[0]);
        CHECK(blocks.held_bytes <= 6 * MIB);
    }
    CHECK(blocks.made > 3 && blocks.reused > 3);
    CHECK_OK(smalti__channel_send(&channel, &(smalti__message){.kind = 0}, -1, &error), error);
    CHECK_INT(end_worker(child), 0);
    smalti__blocks_close(&blocks);
    smalti__channel_close(&channel);
    close(sockets[0]);
}
