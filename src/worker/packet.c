/* SPDX-License-Identifier: Apache-2.0
 * Sending and receiving packets. */
#include "worker/packet.h"

#include "worker/pass.h"

#include <sys/socket.h>

_Static_assert(sizeof(smalti__packet_task) <= SMALTI__PACKET_MOST, "a task fits a packet");
_Static_assert(sizeof(smalti__packet_measures) <= SMALTI__PACKET_MOST, "measures fit a packet");
_Static_assert(sizeof(smalti__packet_reply) <= SMALTI__PACKET_MOST, "a reply fits a packet");

_Static_assert((int)SMALTI__PACKET_DESCRIPTORS <= (int)SMALTI__PASS_ROOM, "a packet's descriptors can be passed");

int smalti__packet_send(int socket, const void *packet, size_t bytes, const int *descriptors, size_t count, bool wait)
{
    return smalti__pass_put(socket, packet, bytes, descriptors, count, wait ? 0 : MSG_DONTWAIT);
}

ssize_t smalti__packet_receive(int socket, void *packet, size_t room, int *descriptors, size_t descriptor_room,
                               size_t *count, bool wait)
{
    size_t taken;
    int flags = wait ? 0 : MSG_DONTWAIT;
    ssize_t got = smalti__pass_get(socket, packet, room, descriptors, descriptor_room, &taken, &flags);
    if (count)
        *count = taken;
    return got;
}

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
