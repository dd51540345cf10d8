/* SPDX-License-Identifier: Apache-2.0
 * Descriptors over a pair of sockets that keep the bounds of packets. */
#include "worker/pass.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(SMALTI__PASS_ROOM * sizeof(int))];
} control;

int smalti__pass_put(int socket, const void *data, size_t bytes, const int *descriptors, size_t count, int flags)
{
    control rights;
    struct iovec part = {.iov_base = (void *)data, .iov_len = bytes};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (count) {
        memset(&rights, 0, sizeof rights);
        packet.msg_control = &rights;
        packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
        rights.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&rights.head), descriptors, count * sizeof(int));
    }
    for (;;) {
        if (sendmsg(socket, &packet, flags | MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != EINTR)
            return errno;
    }
}

/* All descriptors that came, of which at most room are kept. */
static size_t collect(struct msghdr *packet, int *descriptors, size_t room)
{
    size_t kept = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(packet); head; head = CMSG_NXTHDR(packet, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(head) + i * sizeof(int), sizeof descriptor);
            if (kept < room)
                descriptors[kept++] = descriptor;
            else
                close(descriptor);
        }
    }
    return kept;
}

ssize_t smalti__pass_get(int socket, void *data, size_t bytes, int *descriptors, size_t room, size_t *count, int *flags)
{
    control rights;
    struct iovec part = {.iov_base = data, .iov_len = bytes};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t size;
    if (room) { /* without room for them, the system drops those that are sent */
        packet.msg_control = &rights;
        packet.msg_controllen = CMSG_SPACE(room * sizeof(int));
    }
    do
        size = recvmsg(socket, &packet, *flags | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    *count = size >= 0 && room ? collect(&packet, descriptors, room) : 0;
    *flags = size >= 0 ? packet.msg_flags : 0;
    return size;
}

smalti_result smalti__pass_pair(int ends[2], smalti_error *error)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return smalti__fail_errno(error, errno, "no sockets to pass descriptors");
    return SMALTI_OK;
}

static smalti_result fail_gone(smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_PEER, "the other end of a socket is gone");
}

smalti_result smalti__pass_send(int socket, const void *data, size_t bytes, const int *descriptors, size_t count,
                                smalti_error *error)
{
    if (bytes == 0 || bytes > SMALTI__PASS_BYTES || count > SMALTI__PASS_MOST)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "a packet of %zu bytes with %zu descriptors", bytes, count);
    int failed = smalti__pass_put(socket, data, bytes, descriptors, count, MSG_DONTWAIT);
    if (!failed)
        return SMALTI_OK;
    if (failed == EAGAIN)
        return smalti__fail(error, SMALTI_E_LIMIT, "the other end of a socket leaves its packets unread");
    if (failed == EPIPE || failed == ECONNRESET || failed == ENOTCONN)
        return fail_gone(error);
    return smalti__fail_errno(error, failed, "cannot pass %zu descriptors", count);
}

static smalti_result wait_for(int socket, int timeout_ms, smalti_error *error)
{
    struct pollfd one = {.fd = socket, .events = POLLIN};
    const uint64_t deadline_ns = smalti__now_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000000u;
    for (;;) {
        struct timespec left = {0};
        uint64_t now = smalti__now_ns();
        if (timeout_ms >= 0 && now < deadline_ns) {
            left.tv_sec = (time_t)((deadline_ns - now) / 1000000000u);
            left.tv_nsec = (long)((deadline_ns - now) % 1000000000u);
        }
        int count = ppoll(&one, 1, timeout_ms < 0 ? NULL : &left, NULL);
        if (count > 0)
            return SMALTI_OK;
        if (count == 0)
            return smalti__fail(error, SMALTI_E_LIMIT_TIME, "no packet came in time");
        if (errno != EINTR)
            return smalti__fail_errno(error, errno, "cannot wait for a packet");
    }
}

smalti_result smalti__pass_receive(int socket, void *data, size_t bytes, int *descriptors, size_t *count,
                                   int timeout_ms, smalti_error *error)
{
    uint8_t got[SMALTI__PASS_BYTES];
    int came[SMALTI__PASS_MOST];
    size_t came_count;
    ssize_t size;
    int flags;
    do {
        SMALTI__TRY(wait_for(socket, timeout_ms, error));
        flags = MSG_DONTWAIT;
        size = smalti__pass_get(socket, got, sizeof got, came, SMALTI__PASS_MOST, &came_count, &flags);
    } while (size < 0 && errno == EAGAIN);
    if (size < 0)
        return errno == ECONNRESET ? fail_gone(error) : smalti__fail_errno(error, errno, "cannot receive a packet");
    if (size == 0 && came_count == 0)
        return fail_gone(error);
    if ((size_t)size != bytes || flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < came_count; i++)
            close(came[i]);
        return smalti__fail(error, SMALTI_E_PEER, "a packet of %zd bytes with too much or too little", size);
    }
    memcpy(data, got, bytes);
    memcpy(descriptors, came, came_count * sizeof *came);
    *count = came_count;
    return SMALTI_OK;
}
