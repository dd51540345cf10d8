/* SPDX-License-Identifier: Apache-2.0
 * The rings and the doorbell. Every word of the shared memory may change at any moment: what the peer writes is loaded
 * once, and believed only as far as it can be true; what this end writes is never read back. */
#include "worker/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

/* Looks before sleeping: at most about ten microseconds, a small part of what a sleep and a wake cost. */
enum { SPIN_LEAST = 16, SPIN_MOST = 256 };

/* Words of one end, each on a pair of cache lines of its own (processors fetch lines in pairs), so that an end that polls
 * one does not take away the line another is written to. Only their end writes them. */
typedef struct end_words {
    _Alignas(128) _Atomic uint32_t sent; /* messages ever sent, modulo 2^32 */
    _Alignas(128) _Atomic uint32_t received;
    /* Bits of SMALTI__CHANNEL_DATA and _ROOM, 0 while awake; above them a count of sleeps, so that each is rung for
     * once. */
    _Alignas(128) _Atomic uint32_t asleep;
} end_words;

typedef struct channel_head {
    char magic[8];
    uint32_t version, slot_bytes, slots, reserved; /* with the magic: written once, before there is a peer */
    end_words parent, worker;
    _Alignas(1024) smalti__message messages[]; /* the parent's, then the worker's */
} channel_head;

static const char magic[8] = {'s', 'm', 'a', 'l', 't', 'i', 'c', 'h'};

_Static_assert(offsetof(channel_head, slots) == 16, "the layout is fixed");
_Static_assert(offsetof(channel_head, parent) == 128 && offsetof(channel_head, worker) == 512, "the layout is fixed");
_Static_assert(sizeof(end_words) == 384 && offsetof(end_words, received) == 128, "the layout is fixed");
_Static_assert(offsetof(channel_head, messages) == 1024, "the layout is fixed");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a lock would be the peer's to break");

/* ---- Making and opening ---- */

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static size_t channel_bytes(uint32_t slots)
{
    return sizeof(channel_head) + (size_t)slots * 2 * sizeof(smalti__message);
}

static bool slots_allowed(uint32_t slots)
{
    return slots >= 2 && slots <= SMALTI__CHANNEL_MOST_SLOTS && (slots & (slots - 1)) == 0;
}

static uint32_t spin_at_first(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) < 2)
        return 0; /* looking keeps the peer from running */
    return SPIN_LEAST;
}

static void set_up(smalti__channel *channel, const smalti__sealed *memory, uint32_t slots, bool parent)
{
    channel_head *head = (channel_head *)memory->data;
    end_words *mine = parent ? &head->parent : &head->worker, *theirs = parent ? &head->worker : &head->parent;
    *channel = (smalti__channel){
        .memory = *memory,
        .bell = -1,
        .their_bell = -1,
        .held = -1,
        .slots = slots,
        .out = {.mine = &mine->sent, .theirs = &theirs->received, .slots = head->messages + (parent ? 0 : slots)},
        .in = {.mine = &mine->received, .theirs = &theirs->sent, .slots = head->messages + (parent ? slots : 0)},
        .asleep = &mine->asleep,
        .their_asleep = &theirs->asleep,
        .spin = spin_at_first(),
    };
}

/* A pipe, so that each end has a file status of its own: with an eventfd a peer could clear O_NONBLOCK for both, fill the
 * counter, and so make the next ring wait for ever. */
static smalti_result make_bells(smalti__channel *channel, smalti__channel_parts *worker, smalti_error *error)
{
    int there[2], back[2];
    if (pipe2(there, O_CLOEXEC | O_NONBLOCK) < 0)
        return smalti__fail_errno(error, errno, "no pipes for a channel");
    channel->their_bell = there[1];
    worker->bell = there[0];
    channel->held = fcntl(there[0], F_DUPFD_CLOEXEC, 0);
    if (channel->held < 0 || pipe2(back, O_CLOEXEC | O_NONBLOCK) < 0)
        return smalti__fail_errno(error, errno, "no pipes for a channel");
    channel->bell = back[0];
    worker->their_bell = back[1];
    return SMALTI_OK;
}

smalti_result smalti__channel_make(uint32_t slots, smalti__channel *channel, smalti__channel_parts *worker,
                                   smalti_error *error)
{
    smalti__sealed memory;
    smalti__channel made;
    smalti__channel_parts parts = {-1, -1, -1};
    if (!slots_allowed(slots))
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "a channel cannot have %u slots", slots);
    SMALTI__TRY(smalti__sealed_make("smalti-channel", channel_bytes(slots), &memory, &parts.memory, error));
    set_up(&made, &memory, slots, true);
    smalti_result result = make_bells(&made, &parts, error);
    if (result < 0) {
        smalti__channel_close(&made);
        smalti__channel_parts_close(&parts);
        return result;
    }
    channel_head *head = (channel_head *)memory.data;
    memcpy(head->magic, magic, sizeof magic);
    head->version = SMALTI__CHANNEL_VERSION;
    head->slot_bytes = sizeof(smalti__message);
    head->slots = slots;
    *channel = made;
    *worker = parts;
    return SMALTI_OK;
}

smalti_result smalti__channel_open(smalti__channel_parts parts, smalti__channel *channel, smalti_error *error)
{
    smalti__sealed memory;
    channel_head head;
    SMALTI__TRY(
        smalti__sealed_open(parts.memory, channel_bytes(2), channel_bytes(SMALTI__CHANNEL_MOST_SLOTS), &memory, error));
    memcpy(&head, memory.data, offsetof(channel_head, parent));
    __asm__ volatile("" ::: "memory"); /* what was checked is what is used: no second look */
    smalti_result result = SMALTI_OK;
    if (memcmp(head.magic, magic, sizeof magic) != 0)
        result = smalti__fail(error, SMALTI_E_PEER, "shared memory that is not a channel");
    else if (head.version != SMALTI__CHANNEL_VERSION || head.slot_bytes != sizeof(smalti__message))
        result =
            smalti__fail(error, SMALTI_E_PEER, "a channel of version %u with slots of %u bytes; not of %d with %zu",
                         head.version, head.slot_bytes, SMALTI__CHANNEL_VERSION, sizeof(smalti__message));
    else if (!slots_allowed(head.slots) || memory.bytes != channel_bytes(head.slots))
        result =
            smalti__fail(error, SMALTI_E_PEER, "a channel of %zu bytes cannot have %u slots", memory.bytes, head.slots);
    if (result < 0) {
        smalti__sealed_close(&memory);
        return result;
    }
    set_up(channel, &memory, head.slots, false);
    channel->bell = parts.bell;
    channel->their_bell = parts.their_bell;
    close(parts.memory);
    return SMALTI_OK;
}

static void close_one(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

void smalti__channel_parts_close(smalti__channel_parts *parts)
{
    close_one(&parts->memory);
    close_one(&parts->bell);
    close_one(&parts->their_bell);
}

void smalti__channel_close(smalti__channel *channel)
{
    if (!channel->memory.data)
        return;
    close_one(&channel->bell);
    close_one(&channel->their_bell);
    close_one(&channel->held);
    smalti__sealed_close(&channel->memory);
}

/* ---- Indices ---- */

static smalti_result break_off(smalti__channel *channel, const char *why, smalti_error *error)
{
    channel->broken = true;
    return smalti__fail(error, SMALTI_E_PEER, "the other end of a channel %s", why);
}

/* Loads the peer's index of a ring. It may have advanced by at most as many messages as can have been moved since it was
 * last looked at; going back is advancing too far. */
static smalti_result look(smalti__channel *channel, smalti__ring *ring, uint32_t most, smalti_error *error)
{
    uint32_t now = atomic_load_explicit(ring->theirs, memory_order_seq_cst);
    if (now - ring->seen > most)
        return break_off(channel, "moved an index further than the ring allows", error);
    ring->seen = now;
    return SMALTI_OK;
}

/* Messages sent that the peer may still read. */
static uint32_t pending(const smalti__channel *channel)
{
    return channel->out.own - channel->out.seen;
}

/* Messages that are there to be received. */
static uint32_t ready(const smalti__channel *channel)
{
    return channel->in.seen - channel->in.own;
}

static smalti_result look_for(smalti__channel *channel, unsigned wanted, bool *there, smalti_error *error)
{
    *there = false;
    if (channel->broken)
        return break_off(channel, "broke a rule before", error);
    if (wanted & SMALTI__CHANNEL_DATA) {
        if (ready(channel) == 0)
            SMALTI__TRY(look(channel, &channel->in, channel->slots, error));
        *there = ready(channel) > 0;
    }
    if (!*there && wanted & SMALTI__CHANNEL_ROOM) {
        if (pending(channel) == channel->slots)
            SMALTI__TRY(look(channel, &channel->out, channel->slots, error));
        *there = pending(channel) < channel->slots;
    }
    return SMALTI_OK;
}

/* ---- The doorbell ---- */

/* Rings when the peer sleeps for this, once per sleep. The index was published before, and the peer announced its sleep
 * before it looked at the index for the last time; both in one order for all (seq_cst), so one of the two sees the other.
 * A full pipe is a bell that rings already; one without a peer is noticed by who waits. */
static void ring_for(smalti__channel *channel, unsigned what)
{
    uint32_t asleep = atomic_load_explicit(channel->their_asleep, memory_order_seq_cst);
    if (!(asleep & what) || asleep == channel->rung)
        return;
    channel->rung = asleep;
    ssize_t written = write(channel->their_bell, "", 1);
    (void)written;
}

/* Empties the bell, of as much as a wake needs: a peer that rings on and on only wakes this end again. */
static void hear(smalti__channel *channel)
{
    char rings[512];
    ssize_t count = read(channel->bell, rings, sizeof rings);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        channel->gone = true;
}

/* Until it rings, or time is up. */
static smalti_result sleep_until(smalti__channel *channel, uint64_t deadline_ns, smalti_error *error)
{
    struct pollfd bell = {.fd = channel->bell, .events = POLLIN};
    struct timespec left, *timeout = NULL;
    if (deadline_ns != UINT64_MAX) {
        uint64_t now = smalti__now_ns();
        if (now >= deadline_ns)
            return smalti__fail(error, SMALTI_E_LIMIT_TIME, "the other end of a channel did nothing in time");
        left.tv_sec = (time_t)((deadline_ns - now) / 1000000000u);
        left.tv_nsec = (long)((deadline_ns - now) % 1000000000u);
        timeout = &left;
    }
    if (ppoll(&bell, 1, timeout, NULL) < 0 && errno != EINTR)
        return smalti__fail_errno(error, errno, "cannot wait for a channel");
    return SMALTI_OK;
}

/* ---- Sending and receiving ---- */

smalti_result smalti__channel_try_send(smalti__channel *channel, const smalti__message *message, bool *done,
                                       smalti_error *error)
{
    SMALTI__TRY(look_for(channel, SMALTI__CHANNEL_ROOM, done, error));
    if (!*done)
        return SMALTI_OK;
    smalti__ring *out = &channel->out;
    memcpy(&out->slots[out->own & (channel->slots - 1)], message, sizeof *message);
    out->own++;
    atomic_store_explicit(out->mine, out->own, memory_order_seq_cst);
    ring_for(channel, SMALTI__CHANNEL_DATA);
    return SMALTI_OK;
}

smalti_result smalti__channel_try_receive(smalti__channel *channel, smalti__message *message, bool *done,
                                          smalti_error *error)
{
    SMALTI__TRY(look_for(channel, SMALTI__CHANNEL_DATA, done, error));
    if (!*done)
        return SMALTI_OK;
    smalti__ring *in = &channel->in;
    memcpy(message, &in->slots[in->own & (channel->slots - 1)], sizeof *message);
    __asm__ volatile("" ::: "memory"); /* the copy is what is looked at, never the slot */
    in->own++;
    atomic_store_explicit(in->mine, in->own, memory_order_seq_cst);
    if (ready(channel) <= channel->slots / 2) /* who waits for room is woken for half a ring of it, not for one slot */
        ring_for(channel, SMALTI__CHANNEL_ROOM);
    if (!smalti__message_fits(message)) {
        *done = false;
        return break_off(channel, "sent a message that is longer than a slot", error);
    }
    return SMALTI_OK;
}

smalti_result smalti__channel_arm(smalti__channel *channel, unsigned wanted, bool *there, smalti_error *error)
{
    SMALTI__TRY(look_for(channel, wanted, there, error));
    if (*there)
        return SMALTI_OK;
    channel->slept = ((channel->slept | 3) + 1) | wanted;
    atomic_store_explicit(channel->asleep, channel->slept, memory_order_seq_cst);
    return look_for(channel, wanted, there, error);
}

smalti_result smalti__channel_disarm(smalti__channel *channel, smalti_error *error)
{
    bool there;
    unsigned wanted = channel->slept & 3;
    if (!wanted) /* it was ready before it announced anything */
        return SMALTI_OK;
    channel->slept &= ~3u;
    atomic_store_explicit(channel->asleep, channel->slept, memory_order_relaxed);
    hear(channel);
    if (!channel->gone)
        return SMALTI_OK;
    SMALTI__TRY(look_for(channel, wanted, &there, error));
    return there ? SMALTI_OK : smalti__fail(error, SMALTI_E_PEER, "the other end of a channel is gone");
}

smalti_result smalti__channel_wait(smalti__channel *channel, unsigned wanted, int timeout_ms, smalti_error *error)
{
    bool there;
    uint64_t deadline_ns = timeout_ms < 0 ? UINT64_MAX : smalti__now_ns() + (uint64_t)timeout_ms * 1000000u;
    for (uint32_t looks = 0; looks <= channel->spin; looks++) {
        SMALTI__TRY(look_for(channel, wanted, &there, error));
        if (there) {
            if (looks && channel->spin < SPIN_MOST)
                channel->spin *= 2;
            return SMALTI_OK;
        }
        relax();
    }
    if (channel->spin > SPIN_LEAST)
        channel->spin /= 2;
    for (;;) {
        SMALTI__TRY(smalti__channel_arm(channel, wanted, &there, error));
        smalti_result result = there ? SMALTI_OK : sleep_until(channel, deadline_ns, error);
        SMALTI__TRY(smalti__channel_disarm(channel, error));
        if (there || result < 0)
            return result;
    }
}

smalti_result smalti__channel_send(smalti__channel *channel, const smalti__message *message, int timeout_ms,
                                   smalti_error *error)
{
    bool done;
    SMALTI__TRY(smalti__channel_try_send(channel, message, &done, error));
    while (!done) {
        SMALTI__TRY(smalti__channel_wait(channel, SMALTI__CHANNEL_ROOM, timeout_ms, error));
        SMALTI__TRY(smalti__channel_try_send(channel, message, &done, error));
    }
    return SMALTI_OK;
}

smalti_result smalti__channel_receive(smalti__channel *channel, smalti__message *message, int timeout_ms,
                                      smalti_error *error)
{
    bool done;
    SMALTI__TRY(smalti__channel_try_receive(channel, message, &done, error));
    while (!done) {
        SMALTI__TRY(smalti__channel_wait(channel, SMALTI__CHANNEL_DATA, timeout_ms, error));
        SMALTI__TRY(smalti__channel_try_receive(channel, message, &done, error));
    }
    return SMALTI_OK;
}
