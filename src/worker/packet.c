/* SPDX-License-Identifier: Apache-2.0
 * Sending and receiving packets. */
#include "worker/packet.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(smalti__packet_task) <= SMALTI__PACKET_MOST, "a task fits a packet");
_Static_assert(sizeof(smalti__packet_measures) <= SMALTI__PACKET_MOST, "measures fit a packet");
_Static_assert(sizeof(smalti__packet_reply) <= SMALTI__PACKET_MOST, "a reply fits a packet");

typedef union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int) * SMALTI__PACKET_DESCRIPTORS)];
} control;

int smalti__packet_send(int socket, const void *packet, size_t bytes, const int *descriptors, size_t count, bool wait)
{
    control data;
    struct iovec part = {(void *)packet, bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        memset(&data, 0, sizeof data);
        message.msg_control = &data;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        data.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&data.head), descriptors, sizeof(int) * count);
    }
    for (;;) {
        ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
        if (sent >= 0)
            return 0;
        if (errno != EINTR)
            return errno;
    }
}

/* Keeps as many as there is room for. */
static size_t take_descriptors(struct msghdr *message, int *descriptors, size_t room)
{
    size_t taken = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
            if (taken < room)
                descriptors[taken++] = descriptor;
            else
                close(descriptor);
        }
    }
    return taken;
}

ssize_t smalti__packet_receive(int socket, void *packet, size_t room, int *descriptors, size_t descriptor_room,
                               size_t *count, bool wait)
{
    control data;
    struct iovec part = {packet, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_room) { /* without room for them, the system drops those that are sent */
        message.msg_control = &data;
        message.msg_controllen = sizeof data;
    }
    for (;;) {
        ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
        if (got < 0 && errno == EINTR)
            continue;
        size_t taken = got >= 0 && descriptor_room ? take_descriptors(&message, descriptors, descriptor_room) : 0;
        if (count)
            *count = taken;
        return got;
    }
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
