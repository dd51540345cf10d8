/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: a worker's end of a channel whose other end does what the input says. The first byte: 0 lets the head as it
 * is, else 24 bytes of it follow. Then operations, each a byte and its operands. */
#include "worker/channel.h"

#include "fuzz_script.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 4, WORDS_AT = 128, PARENT_WORDS = 3, MESSAGES_AT = 1024 };

/* What the parent does to the memory. */
static void interfere(const smalti__channel *worker, fuzz_script *script, uint32_t how)
{
    uint8_t *memory = worker->memory.data;
    _Atomic uint32_t *words[PARENT_WORDS];
    const uint32_t near[PARENT_WORDS] = {worker->in.own, worker->out.own, worker->slept};
    for (int i = 0; i < PARENT_WORDS; i++)
        words[i] = (_Atomic uint32_t *)(memory + WORDS_AT + 128 * i);
    uint32_t which = take(script, 1) % PARENT_WORDS;
    if (how == 0) /* somewhere near what is right */
        atomic_store(words[which], near[which] + (uint32_t)(int8_t)take(script, 1));
    else if (how == 1)
        atomic_store(words[which], take(script, 4));
    else { /* bytes of a message */
        size_t at = MESSAGES_AT + take(script, 2) % (2 * SLOTS * sizeof(smalti__message) - 8);
        uint32_t value = take(script, 4);
        memcpy(memory + at, &value, sizeof value);
    }
}

static smalti_result operate(smalti__channel *worker, fuzz_script *script)
{
    smalti_error error;
    smalti__message message = {.task = 1, .payload_bytes = 3};
    smalti_result result = SMALTI_OK;
    bool done = false;
    const uint32_t what = take(script, 1) % 7;
    switch (what) {
    case 0:
        result = smalti__channel_try_send(worker, &message, &done, &error);
        break;
    case 1:
        result = smalti__channel_try_receive(worker, &message, &done, &error);
        require(!done || smalti__message_fits(&message));
        break;
    case 2:
        result = smalti__channel_wait(worker, take(script, 1) & 3, 0, &error);
        break;
    case 3:
        result = smalti__channel_arm(worker, take(script, 1) & 3, &done, &error);
        if (result == SMALTI_OK)
            result = smalti__channel_disarm(worker, &error);
        break;
    default:
        interfere(worker, script, what - 4);
    }
    require(result == SMALTI_OK || result == error.code);
    require(result == SMALTI_OK || result == SMALTI_E_PEER || result == SMALTI_E_LIMIT_TIME);
    require(worker->broken ||
            (worker->in.seen - worker->in.own <= SLOTS && worker->out.own - worker->out.seen <= SLOTS));
    return result == SMALTI_E_LIMIT_TIME ? SMALTI_OK : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD_BYTES = 24 };
    smalti__channel parent, worker;
    smalti__channel_parts parts;
    fuzz_script script = {data, data + size};
    if (smalti__channel_make(SLOTS, &parent, &parts, NULL) < 0)
        abort();
    if (take(&script, 1))
        for (int i = 0; i < HEAD_BYTES; i++)
            parent.memory.data[i] = (uint8_t)take(&script, 1);
    if (smalti__channel_open(parts, &worker, NULL) < 0) {
        smalti__channel_parts_close(&parts);
    } else {
        smalti_result result = SMALTI_OK;
        while (result == SMALTI_OK && script.at < script.end)
            result = operate(&worker, &script);
        if (worker.broken) { /* for good */
            bool done;
            require(smalti__channel_try_send(&worker, &(smalti__message){0}, &done, NULL) == SMALTI_E_PEER && !done);
        }
        smalti__channel_close(&worker);
    }
    smalti__channel_close(&parent);
    return 0;
}
