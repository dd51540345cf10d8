/* SPDX-License-Identifier: Apache-2.0
 * Channels between well-behaved ends: order, full rings, bells, time and death. */
#include "channel_ends.h"

#include <sys/ioctl.h>

static smalti__message message_of(uint64_t task)
{
    smalti__message message = {.task = task, .kind = (uint32_t)(task * 7), .payload_bytes = 8};
    memcpy(message.payload, &task, 8);
    memset(message.payload + 120, (int)(task & 0xff), 8); /* the end of the slot */
    return message;
}

static bool is_message(const smalti__message *message, uint64_t task)
{
    const smalti__message expected = message_of(task);
    return memcmp(message, &expected, sizeof expected) == 0;
}

/* Moves messages through a ring in batches of all sizes, until turns × slots have been. */
static void turn(smalti__channel *from, smalti__channel *to, uint32_t turns)
{
    smalti_error error;
    uint64_t sent = 0, received = 0;
    bool done;
    for (uint32_t batch = 1; received < (uint64_t)turns * from->slots; batch = batch % from->slots + 1) {
        for (uint32_t i = 0; i < batch; i++) {
            smalti__message message = message_of(sent);
            CHECK_OK(smalti__channel_try_send(from, &message, &done, &error), error);
            CHECK(done);
            sent++;
        }
        for (uint32_t i = 0; i < batch; i++) {
            smalti__message message;
            CHECK_OK(smalti__channel_try_receive(to, &message, &done, &error), error);
            CHECK(done);
            CHECK(is_message(&message, received));
            received++;
        }
        smalti__message none;
        CHECK_OK(smalti__channel_try_receive(to, &none, &done, &error), error);
        CHECK(!done);
    }
}

TEST("messages keep their order and their bytes over many turns of the rings, both ways")
{
    for (uint32_t slots = 2; slots <= 32; slots *= 4) {
        smalti__channel parent, worker;
        both_ends(slots, &parent, &worker);
        turn(&parent, &worker, 50);
        turn(&worker, &parent, 50);
        close_ends(&parent, &worker);
    }
}

static void start_at(smalti__channel *channel, uint32_t index)
{
    channel->out.own = channel->out.seen = channel->in.own = channel->in.seen = index;
    atomic_store(channel->out.mine, index);
    atomic_store(channel->in.mine, index);
}

TEST("indices go on past 2^32")
{
    smalti__channel parent, worker;
    both_ends(8, &parent, &worker);
    start_at(&parent, UINT32_MAX - 19);
    start_at(&worker, UINT32_MAX - 19);
    turn(&parent, &worker, 10);
    turn(&worker, &parent, 10);
    CHECK(parent.out.own < 1000);
    close_ends(&parent, &worker);
}

TEST("a full ring says so, and takes one more when one was received")
{
    smalti__channel parent, worker;
    smalti__message message = message_of(1), got;
    smalti_error error;
    bool done;
    both_ends(4, &parent, &worker);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
        CHECK_INT(done, i < 4);
    }
    CHECK_INT(smalti__channel_send(&parent, &message, 1, &error), SMALTI_E_LIMIT_TIME);
    CHECK_HAS(error.message, "in time");
    CHECK_OK(smalti__channel_try_receive(&worker, &got, &done, &error), error);
    CHECK(done);
    CHECK_OK(smalti__channel_send(&parent, &message, 1, &error), error);
    CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
    CHECK(!done);
    close_ends(&parent, &worker);
}

TEST("who waits for a message or for room is told when time is up")
{
    smalti__channel parent, worker;
    smalti__message message;
    smalti_error error;
    both_ends(2, &parent, &worker);
    CHECK_INT(smalti__channel_receive(&worker, &message, 0, &error), SMALTI_E_LIMIT_TIME);
    CHECK_INT(smalti__channel_receive(&worker, &message, 2, &error), SMALTI_E_LIMIT_TIME);
    CHECK_INT(smalti__channel_wait(&worker, SMALTI__CHANNEL_DATA | SMALTI__CHANNEL_ROOM, 0, &error), SMALTI_OK);
    close_ends(&parent, &worker);
}

static int rings_of(const smalti__channel *channel)
{
    int bytes = -1;
    CHECK(ioctl(channel->bell, FIONREAD, &bytes) == 0);
    return bytes;
}

TEST("the bell rings once for a sleep, and never for an end that is awake")
{
    smalti__channel parent, worker;
    smalti__message message = message_of(1);
    smalti_error error;
    bool done, there;
    both_ends(8, &parent, &worker);
    for (int round = 0; round < 3; round++) {
        CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
        CHECK_INT(rings_of(&worker), 0);
        CHECK_OK(smalti__channel_arm(&worker, SMALTI__CHANNEL_DATA, &there, &error), error);
        CHECK(there);
        CHECK_OK(smalti__channel_disarm(&worker, &error), error);
        CHECK_OK(smalti__channel_try_receive(&worker, &message, &done, &error), error);
        CHECK_OK(smalti__channel_arm(&worker, SMALTI__CHANNEL_DATA, &there, &error), error);
        CHECK(!there);
        for (int i = 0; i < 5; i++)
            CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
        CHECK_INT(rings_of(&worker), 1);
        CHECK_OK(smalti__channel_disarm(&worker, &error), error);
        CHECK_INT(rings_of(&worker), 0);
        for (int i = 0; i < 5; i++) {
            CHECK_OK(smalti__channel_try_receive(&worker, &message, &done, &error), error);
            CHECK(done);
        }
        CHECK_INT(rings_of(&parent), 0);
    }
    close_ends(&parent, &worker);
}

TEST("who waits for room is rung for when half the ring is empty")
{
    smalti__channel parent, worker;
    smalti__message message = message_of(1);
    smalti_error error;
    bool done, there;
    both_ends(8, &parent, &worker);
    for (int i = 0; i < 8; i++)
        CHECK_OK(smalti__channel_try_send(&parent, &message, &done, &error), error);
    CHECK_OK(smalti__channel_arm(&parent, SMALTI__CHANNEL_ROOM, &there, &error), error);
    CHECK(!there);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(rings_of(&parent), i >= 4);
        CHECK_OK(smalti__channel_try_receive(&worker, &message, &done, &error), error);
        CHECK(done);
    }
    CHECK_OK(smalti__channel_disarm(&parent, &error), error);
    close_ends(&parent, &worker);
}

/* ---- Two processes ---- */

static int answer(smalti__channel *channel, void *user)
{
    const uint64_t count = *(uint64_t *)user;
    for (uint64_t i = 0; i < count; i++) {
        smalti__message message;
        if (smalti__channel_receive(channel, &message, -1, NULL) < 0)
            return 1;
        if (!is_message(&message, i))
            return 2;
        message = message_of(i + 1);
        if (smalti__channel_send(channel, &message, -1, NULL) < 0)
            return 3;
    }
    return 0;
}

/* 100,000 tasks and answers, with at most `open` on their way. */
static void exchange(uint32_t slots, uint64_t open)
{
    uint64_t count = 100000, sent = 0, received = 0;
    smalti__channel channel;
    smalti_error error;
    pid_t child = start_worker(&channel, slots, answer, &count);
    while (received < count) {
        smalti__message message;
        while (sent < count && sent - received < open) {
            message = message_of(sent++);
            CHECK_OK(smalti__channel_send(&channel, &message, -1, &error), error);
        }
        CHECK_OK(smalti__channel_receive(&channel, &message, -1, &error), error);
        CHECK(is_message(&message, ++received));
    }
    CHECK_INT(end_worker(child), 0);
    smalti__channel_close(&channel);
}

TEST("two processes exchange 100,000 messages through four slots")
{
    exchange(4, 8); /* the rings and one message in each hand */
}

TEST("two processes exchange 100,000 messages in windows of 64")
{
    exchange(256, 64);
}

static int say_three(smalti__channel *channel, void *user)
{
    (void)user;
    for (uint64_t i = 0; i < 3; i++) {
        smalti__message message = message_of(i);
        if (smalti__channel_send(channel, &message, -1, NULL) < 0)
            return 1;
    }
    raise(SIGKILL);
    return 2;
}

TEST("what a worker sent before it died is received, then its death")
{
    smalti__channel channel;
    smalti__message message;
    smalti_error error;
    pid_t child = start_worker(&channel, 8, say_three, NULL);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_OK(smalti__channel_receive(&channel, &message, -1, &error), error);
        CHECK(is_message(&message, i));
    }
    CHECK_INT(smalti__channel_receive(&channel, &message, -1, &error), SMALTI_E_PEER);
    CHECK_HAS(error.message, "gone");
    CHECK_INT(end_worker(child), -SIGKILL);
    smalti__channel_close(&channel);
}

static int sleep_and_die(smalti__channel *channel, void *user)
{
    smalti__message message;
    (void)user;
    return smalti__channel_receive(channel, &message, -1, NULL) < 0 ? 1 : 0;
}

TEST("sending to a worker that died asleep ends in an error, not in a signal")
{
    smalti__channel channel;
    smalti__message message = message_of(0);
    smalti_error error;
    smalti_result result = SMALTI_OK;
    pid_t child = start_worker(&channel, 4, sleep_and_die, NULL);
    while (atomic_load(channel.their_asleep) == 0)
        usleep(100);
    kill(child, SIGKILL);
    CHECK_INT(end_worker(child), -SIGKILL);
    int sent = 0;
    while (result == SMALTI_OK && sent < 10) {
        result = smalti__channel_send(&channel, &message, -1, &error);
        sent += result == SMALTI_OK;
    }
    CHECK_INT(result, SMALTI_E_PEER);
    CHECK_INT(sent, 4);
    smalti__channel_close(&channel);
}

static int until_alone(smalti__channel *channel, void *user)
{
    smalti__message message;
    (void)user;
    return smalti__channel_receive(channel, &message, -1, NULL) == SMALTI_E_PEER ? 7 : 0;
}

TEST("a worker notices that its parent closed the channel")
{
    smalti__channel channel;
    pid_t child = start_worker(&channel, 4, until_alone, NULL);
    smalti__channel_close(&channel);
    CHECK_INT(end_worker(child), 7);
}

TEST("channels leave no descriptors behind")
{
    const int before = open_descriptors();
    for (int i = 0; i < 20; i++) {
        smalti__channel parent, worker;
        both_ends(16, &parent, &worker);
        CHECK(open_descriptors() == before + 5);
        close_ends(&parent, &worker);
        close_ends(&parent, &worker);
    }
    smalti__channel none = {0};
    smalti__channel_close(&none);
    CHECK_INT(open_descriptors(), before);
}
