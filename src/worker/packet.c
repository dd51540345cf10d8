/* SPDX-License-Identifier: Apache-2.0
 * Sending and receiving packets, and whether what comes can be one. */
#include "worker/packet.h"

#include "worker/pass.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* A message with a part of a packet that goes on in the next. */
enum { MORE = 1 };

_Static_assert(sizeof(smalti__packet_task) <= SMALTI__PACKET_SLOTS * SMALTI__MESSAGE_PAYLOAD, "a task fits a ring");
_Static_assert((int)SMALTI__PACKET_DESCRIPTORS <= (int)SMALTI__PASS_ROOM, "a task's descriptors can be passed");
_Static_assert((int)SMALTI__START_DESCRIPTORS <= (int)SMALTI__PASS_ROOM, "those of a start too");

/* Who sends a packet over a channel, and in which sizes. */
static const struct {
    bool worker;
    size_t least, most;
} kinds[SMALTI__PACKET_KINDS] = {
    [SMALTI__PACKET_READY] = {true, sizeof(smalti__packet_ready), sizeof(smalti__packet_ready)},
    [SMALTI__PACKET_TASK] = {false, offsetof(smalti__packet_task, outputs), sizeof(smalti__packet_task)},
    [SMALTI__PACKET_NEED] = {true, sizeof(smalti__packet_need), sizeof(smalti__packet_need)},
    [SMALTI__PACKET_OUTGROWN] = {true, sizeof(smalti__packet_outgrown), sizeof(smalti__packet_outgrown)},
    [SMALTI__PACKET_GRANT] = {false, sizeof(smalti__packet_word), sizeof(smalti__packet_word)},
    [SMALTI__PACKET_WARNING] = {true, sizeof(smalti__packet_word), sizeof(smalti__packet_word)},
    [SMALTI__PACKET_PROGRESS] = {true, sizeof(smalti__packet_progress), sizeof(smalti__packet_progress)},
    [SMALTI__PACKET_MEASURES] = {true, offsetof(smalti__packet_measures, text), sizeof(smalti__packet_measures)},
    [SMALTI__PACKET_REPLY] = {true, offsetof(smalti__packet_reply, outputs), sizeof(smalti__packet_reply)},
};

/* ---- Over a channel ---- */

smalti_result smalti__packet_put(smalti__channel *channel, uint64_t task, const void *packet, size_t bytes, bool wait,
                                 smalti_error *error)
{
    smalti__message message = {.task = task};
    memcpy(&message.kind, packet, sizeof message.kind);
    for (size_t at = 0; at < bytes; at += message.payload_bytes) {
        size_t left = bytes - at;
        message.payload_bytes = (uint32_t)(left < SMALTI__MESSAGE_PAYLOAD ? left : SMALTI__MESSAGE_PAYLOAD);
        message.flags = left > SMALTI__MESSAGE_PAYLOAD ? MORE : 0;
        memcpy(message.payload, (const uint8_t *)packet + at, message.payload_bytes);
        memset(message.payload + message.payload_bytes, 0, SMALTI__MESSAGE_PAYLOAD - message.payload_bytes);
        SMALTI__TRY(smalti__channel_send(channel, &message, wait ? -1 : 0, error));
    }
    return SMALTI_OK;
}

static smalti_result refuse(const char *what, smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_PEER, "a message with %s that no packet has", what);
}

static bool ends(const char *text, size_t room)
{
    return memchr(text, 0, room) != NULL;
}

static bool task_fits(const smalti__packet_task *task, size_t bytes)
{
    uint32_t formats = 0, files = task->place == SMALTI__PLACE_FILE;
    if (task->output_count > SMALTI__VARIANTS_MAX ||
        bytes != offsetof(smalti__packet_task, outputs) + task->output_count * sizeof *task->outputs ||
        task->place == SMALTI__PLACE_NOWHERE || task->place >= SMALTI__PLACES || task->has_output > 1 ||
        task->spare_lanes > 1 || !ends(task->name, sizeof task->name))
        return false;
    while (smalti__encoder_formats[formats])
        formats++;
    for (uint32_t i = 0; i < task->output_count; i++) {
        if ((task->outputs[i].format >= formats && task->outputs[i].format != UINT32_MAX) ||
            task->outputs[i].place >= SMALTI__PLACES || !ends(task->outputs[i].name, sizeof task->outputs[i].name))
            return false;
        files += task->outputs[i].place == SMALTI__PLACE_FILE;
    }
    return task->file_count == files;
}

/* Whether counts fit the size, and what the receiver takes as an index or a text is one. */
static bool fits(const smalti__packet_in *in)
{
    if (in->bytes < kinds[in->packet.kind].least)
        return false;
    switch (in->packet.kind) {
    case SMALTI__PACKET_TASK:
        return task_fits(&in->packet.task, in->bytes);
    case SMALTI__PACKET_MEASURES:
        return in->bytes == offsetof(smalti__packet_measures, text) + (size_t)in->packet.measures.bytes;
    case SMALTI__PACKET_REPLY:
        return in->packet.reply.output_count <= SMALTI__VARIANTS_MAX &&
               in->bytes == offsetof(smalti__packet_reply, outputs) +
                                in->packet.reply.output_count * sizeof *in->packet.reply.outputs;
    case SMALTI__PACKET_GRANT:
        return ends(in->packet.word.error.message, sizeof in->packet.word.error.message);
    default:
        return true;
    }
}

smalti_result smalti__packet_add(smalti__packet_in *in, const smalti__message *message, bool from_worker,
                                 smalti_error *error)
{
    const uint32_t bytes = message->payload_bytes;
    bool more = message->flags & MORE;
    if (message->kind >= SMALTI__PACKET_KINDS || !kinds[message->kind].most ||
        kinds[message->kind].worker != from_worker)
        return refuse("a kind", error);
    if (bytes > SMALTI__MESSAGE_PAYLOAD || bytes < (more ? SMALTI__MESSAGE_PAYLOAD : 1) || message->flags > MORE ||
        message->block_count || message->result || message->reserved)
        return refuse("a head", error);
    if (in->whole || !in->bytes) {
        in->bytes = 0;
        in->whole = false;
        in->task = message->task;
    }
    if (bytes > kinds[message->kind].most - in->bytes)
        return refuse("a size", error);
    memcpy((uint8_t *)&in->packet + in->bytes, message->payload, bytes);
    in->bytes += bytes;
    if (in->bytes < sizeof in->packet.kind || in->packet.kind != message->kind || in->task != message->task)
        return refuse("a part", error);
    if (!more && !fits(in))
        return refuse("an end", error);
    in->whole = !more;
    return SMALTI_OK;
}

smalti_result smalti__packet_get(smalti__channel *channel, smalti__packet_in *in, bool from_worker, smalti_error *error)
{
    smalti__message message;
    bool there;
    if (in->whole)
        in->bytes = 0;
    in->whole = false;
    do {
        SMALTI__TRY(smalti__channel_try_receive(channel, &message, &there, error));
        if (there)
            SMALTI__TRY(smalti__packet_add(in, &message, from_worker, error));
    } while (there && !in->whole);
    return SMALTI_OK;
}

/* ---- Over the socket ---- */

int smalti__packet_pass(int socket, const void *packet, size_t bytes, const int *descriptors, size_t count)
{
    return smalti__pass_put(socket, packet, bytes, descriptors, count, MSG_DONTWAIT);
}

smalti_result smalti__packet_take(int socket, void *packet, size_t bytes, int *descriptors, size_t count, bool wait,
                                  smalti_error *error)
{
    int flags = wait ? 0 : MSG_DONTWAIT;
    size_t came = 0;
    ssize_t got = smalti__pass_get(socket, packet, bytes, descriptors, count, &came, &flags);
    if (got == (ssize_t)bytes && came == count && !(flags & (MSG_TRUNC | MSG_CTRUNC)))
        return SMALTI_OK;
    while (came)
        close(descriptors[--came]);
    return smalti__fail(error, SMALTI_E_PEER, "a packet of %zd bytes over a socket, not one with %zu descriptors", got,
                        count);
}

/* ---- What is in them ---- */

void smalti__packet_error_set(smalti__packet_error *to, smalti_result result, const smalti_error *error)
{
    memset(to, 0, sizeof *to);
    to->result = result;
    to->offset = SMALTI_NO_OFFSET;
    if (result == SMALTI_OK || !error)
        return;
    to->sys_errno = error->sys_errno;
    to->offset = error->offset;
    snprintf(to->message, sizeof to->message, "%s", error->message);
}

void smalti__packet_name(char to[SMALTI__PACKET_NAME], const char *name)
{
    size_t length = strlen(name), skipped = length < SMALTI__PACKET_NAME ? 0 : length - SMALTI__PACKET_NAME + 1;
    memset(to, 0, SMALTI__PACKET_NAME);
    memcpy(to, name + skipped, length - skipped);
}
