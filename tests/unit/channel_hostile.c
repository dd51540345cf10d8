/* SPDX-License-Identifier: Apache-2.0
 * Channels whose other end breaks every rule: there are errors and wrong messages, never a crash or an endless wait. */
#include "channel_ends.h"

#include <fcntl.h>
#include <sys/mman.h>

static _Atomic uint32_t *word(const smalti__channel *channel, size_t at)
{
    return (_Atomic uint32_t *)(channel->memory.data + at);
}

/* One attempt of the worker's end while the parent's words say this. */
static smalti_result try_with(uint32_t sent, uint32_t received, uint32_t fill, bool send)
{
    smalti__channel parent, worker;
    smalti__message message = {.task = 1};
    smalti_error error;
    bool done;
    both_ends(8, &parent, &worker);
    for (uint32_t i = 0; i < fill; i++)
        CHECK_OK(smalti__channel_try_send(&worker, &message, &done, &error), error);
    atomic_store(word(&parent, AT_PARENT_SENT), sent);
    atomic_store(word(&parent, AT_PARENT_RECEIVED), received);
    smalti_result result = send ? smalti__channel_try_send(&worker, &message, &done, &error)
                                : smalti__channel_try_receive(&worker, &message, &done, &error);
    if (result < 0) { /* and nothing works from then on */
        CHECK_HAS(error.message, "index");
        atomic_store(word(&parent, AT_PARENT_SENT), 1);
        atomic_store(word(&parent, AT_PARENT_RECEIVED), 1);
        CHECK_INT(smalti__channel_try_receive(&worker, &message, &done, NULL), result);
        CHECK_INT(smalti__channel_try_send(&worker, &message, &done, NULL), result);
        CHECK_INT(smalti__channel_receive(&worker, &message, -1, NULL), result);
    }
    close_ends(&parent, &worker);
    return result;
}

TEST("an index of messages sent that jumps past the ring, or back, is the peer's error")
{
    CHECK_INT(try_with(8, 0, 0, false), SMALTI_OK);
    CHECK_INT(try_with(9, 0, 0, false), SMALTI_E_PEER);
    CHECK_INT(try_with(0x80000000u, 0, 0, false), SMALTI_E_PEER);
    CHECK_INT(try_with(UINT32_MAX, 0, 0, false), SMALTI_E_PEER);
}

TEST("an index of messages received that passes those sent, or goes back, is the peer's error")
{
    CHECK_INT(try_with(0, 8, 8, true), SMALTI_OK);
    CHECK_INT(try_with(0, 9, 8, true), SMALTI_E_PEER);
    CHECK_INT(try_with(0, UINT32_MAX, 8, true), SMALTI_E_PEER);
}

TEST("a message that claims more bytes or blocks than a slot has is the peer's error")
{
    for (int which = 0; which < 3; which++) {
        smalti__channel parent, worker;
        smalti__message message = {.payload_bytes = SMALTI__MESSAGE_PAYLOAD + (which == 0),
                                   .block_count = SMALTI__MESSAGE_BLOCKS + (which == 1)};
        smalti_error error;
        bool done;
        both_ends(2, &parent, &worker);
        CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
        CHECK_INT(smalti__channel_try_receive(&worker, &message, &done, &error), which < 2 ? SMALTI_E_PEER : SMALTI_OK);
        close_ends(&parent, &worker);
    }
}

/* ---- Memory that changes all the time ---- */

/* Writes random words over all but the head, until it is killed: whole random ones, and small ones that look true. */
static int scribble(smalti__channel *channel, void *user)
{
    volatile uint32_t *words = (volatile uint32_t *)channel->memory.data;
    const uint32_t count = (uint32_t)(channel->memory.bytes / 4), first = AT_PARENT_SENT / 4;
    uint32_t state = 12345;
    (void)user;
    for (;;) {
        for (uint32_t i = 0; i < 1000; i++) {
            state = state * 1664525 + 1013904223;
            words[first + (state >> 8) % (count - first)] = i & 1 ? state : state >> 29;
            words[(AT_PARENT_SENT + (i % 6) * 128) / 4] = i & 32 ? state : (state >> 28) % 9;
        }
        ssize_t written = write(channel->their_bell, "", 1);
        (void)written;
    }
    return 0;
}

TEST("memory that is scribbled over all the time gives errors and wrong messages, but no crash")
{
    smalti__channel channel;
    uint32_t errors = 0, wrong = 0, sent = 0;
    pid_t child = start_worker(&channel, 8, scribble, NULL);
    const smalti__channel fresh = channel;
    for (int i = 0; i < 20000 || (i < 2000000 && (!errors || !wrong || !sent)); i++) {
        channel = fresh; /* as if nothing had been looked at, so that it goes on */
        smalti_result result = SMALTI_OK;
        for (int step = 0; result == SMALTI_OK && step < 20; step++) {
            smalti__message message = {.task = 1};
            bool done = false;
            result = step % 3 == 0   ? smalti__channel_try_send(&channel, &message, &done, NULL)
                     : step % 3 == 1 ? smalti__channel_try_receive(&channel, &message, &done, NULL)
                                     : smalti__channel_wait(&channel, SMALTI__CHANNEL_DATA, 0, NULL);
            sent += step % 3 == 0 && done;
            wrong += step % 3 == 1 && done;
            if (step % 3 == 1 && done)
                CHECK(smalti__message_fits(&message));
            if (result == SMALTI_E_LIMIT_TIME)
                result = SMALTI_OK;
        }
        CHECK(result == SMALTI_OK || result == SMALTI_E_PEER);
        errors += result == SMALTI_E_PEER;
    }
    kill(child, SIGKILL);
    CHECK_INT(end_worker(child), -SIGKILL);
    smalti__channel_close(&channel);
    CHECK(errors && wrong && sent);
}

static int ring_for_ever(smalti__channel *channel, void *user)
{
    (void)user;
    for (;;) {
        ssize_t written = write(channel->their_bell, "ring", 4);
        (void)written;
    }
    return 0;
}

TEST("a bell that rings for ever does not keep anyone past its time")
{
    smalti__channel channel;
    smalti__message message;
    smalti_error error;
    pid_t child = start_worker(&channel, 8, ring_for_ever, NULL);
    for (int i = 0; i < 10; i++)
        CHECK_INT(smalti__channel_receive(&channel, &message, 5, &error), SMALTI_E_LIMIT_TIME);
    kill(child, SIGKILL);
    CHECK_INT(end_worker(child), -SIGKILL);
    smalti__channel_close(&channel);
}

TEST("a bell that is full does not keep the one who rings")
{
    smalti__channel parent, worker;
    smalti__message message = {.task = 1};
    smalti_error error;
    bool there, done;
    both_ends(8, &parent, &worker);
    while (write(parent.their_bell, "ring", 4) > 0)
        ;
    fcntl(worker.bell, F_SETFL, 0); /* the worker's own affair: the parent's end is another file status */
    CHECK_OK(smalti__channel_arm(&worker, SMALTI__CHANNEL_DATA, &there, &error), error);
    CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
    CHECK(done);
    CHECK(parent.rung != 0);
    close_ends(&parent, &worker);
}

/* ---- Memory that is no channel ---- */

static smalti_result open_changed(size_t at, uint32_t value)
{
    smalti__channel parent, worker;
    smalti__channel_parts parts;
    smalti_error error;
    const int before = open_descriptors();
    CHECK_OK(smalti__channel_make(8, &parent, &parts, &error), error);
    atomic_store(word(&parent, at), value);
    smalti_result result = smalti__channel_open(parts, &worker, &error);
    if (result < 0)
        smalti__channel_parts_close(&parts);
    else
        smalti__channel_close(&worker);
    smalti__channel_close(&parent);
    CHECK_INT(open_descriptors(), before);
    return result;
}

TEST("a head of another kind, version or size is refused")
{
    CHECK_INT(open_changed(AT_SLOTS, 8), SMALTI_OK);
    CHECK_INT(open_changed(0, 0x6c616d74), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_VERSION, 2), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_SLOT_BYTES, 128), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_SLOTS, 4), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_SLOTS, 16), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_SLOTS, 0x80000000u), SMALTI_E_PEER);
    CHECK_INT(open_changed(AT_SLOTS, 0), SMALTI_E_PEER);
}

static smalti_result open_memory(int memory, smalti_error *error)
{
    smalti__channel channel;
    const int before = open_descriptors();
    smalti_result result = smalti__channel_open((smalti__channel_parts){memory, -1, -1}, &channel, error);
    CHECK_INT(open_descriptors(), before);
    close(memory);
    return result;
}

static int memory_with(unsigned seals, off_t bytes)
{
    int memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(memory >= 0);
    CHECK(ftruncate(memory, bytes) == 0);
    CHECK(fcntl(memory, F_ADD_SEALS, seals) == 0);
    return memory;
}

TEST("memory that is not sealed, is too small or is no memory is refused before it is mapped")
{
    smalti_error error;
    const unsigned seals[] = {F_SEAL_GROW | F_SEAL_SHRINK, F_SEAL_GROW | F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_SEAL};
    for (size_t i = 0; i < SMALTI__COUNT(seals); i++) {
        CHECK_INT(open_memory(memory_with(seals[i], 65536), &error), SMALTI_E_PEER);
        CHECK_HAS(error.message, "not sealed");
    }
    const unsigned all = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    CHECK_INT(open_memory(memory_with(all, 1024), &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "size");
    CHECK_INT(open_memory(memory_with(all, (off_t)1 << 40), &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "size");
    CHECK_INT(open_memory(memory_with(all, 65536), &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "not a channel");
    CHECK_INT(open_memory(open("/dev/null", O_RDWR | O_CLOEXEC), &error), SMALTI_E_PEER);
    CHECK_INT(open_memory(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), &error), SMALTI_E_PEER);
}
