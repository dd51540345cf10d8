/* SPDX-License-Identifier: Apache-2.0
 * Descriptors over a pair of sockets that keep the bounds of packets. */
#include "worker/pass.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union pass_control {
    char bytes[CMSG_SPACE(SMALTI__PASS_MOST * sizeof(int))];
    struct cmsghdr aligned;
} pass_control;

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
    struct iovec part = {.iov_base = (void *)data, .iov_len = bytes};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    pass_control control = {0};
    ssize_t sent;
    if (bytes == 0 || bytes > SMALTI__PASS_BYTES || count > SMALTI__PASS_MOST)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "a packet of %zu bytes with %zu descriptors", bytes, count);
    if (count) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&packet);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), descriptors, count * sizeof(int));
    }
    do
        sent = sendmsg(socket, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return SMALTI_OK;
    if (errno == EAGAIN)
        return smalti__fail(error, SMALTI_E_LIMIT, "the other end of a socket leaves its packets unread");
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return fail_gone(error);
    return smalti__fail_errno(error, errno, "cannot pass %zu descriptors", count);
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

/* All descriptors that came, of which at most SMALTI__PASS_MOST fit the control buffer. */
static size_t collect(struct msghdr *packet, int descriptors[SMALTI__PASS_MOST])
{
    size_t count = 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(packet); head; head = CMSG_NXTHDR(packet, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(head) + i * sizeof(int), sizeof descriptor);
            if (count < SMALTI__PASS_MOST)
                descriptors[count++] = descriptor;
            else
                close(descriptor);
        }
    }
    return count;
}

smalti_result smalti__pass_receive(int socket, void *data, size_t bytes, int *descriptors, size_t *count,
                                   int timeout_ms, smalti_error *error)
{
    uint8_t got[SMALTI__PASS_BYTES];
    int came[SMALTI__PASS_MOST];
    pass_control control;
    struct iovec part = {.iov_base = got, .iov_len = sizeof got};
    struct msghdr packet = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t size = -1;
    do {
        SMALTI__TRY(wait_for(socket, timeout_ms, error));
        size = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && (errno == EINTR || errno == EAGAIN));
    if (size < 0)
        return errno == ECONNRESET ? fail_gone(error) : smalti__fail_errno(error, errno, "cannot receive a packet");
    size_t came_count = collect(&packet, came);
    if (size == 0 && came_count == 0)
        return fail_gone(error);
    if ((size_t)size != bytes || packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (size_t i = 0; i < came_count; i++)
            close(came[i]);
        return smalti__fail(error, SMALTI_E_PEER, "a packet of %zd bytes with too much or too little", size);
    }
    memcpy(data, got, bytes);
    memcpy(descriptors, came, came_count * sizeof *came);
    *count = came_count;
    return SMALTI_OK;
}
