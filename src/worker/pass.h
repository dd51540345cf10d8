/* SPDX-License-Identifier: Apache-2.0
 * Descriptors handed from process to process: packets of a size that both ends know, with up to a few descriptors each. */
#ifndef SMALTI_SRC_PASS_H
#define SMALTI_SRC_PASS_H

#include "base/base.h"

#include <sys/types.h>

enum { SMALTI__PASS_MOST = 4, SMALTI__PASS_BYTES = 256, SMALTI__PASS_ROOM = 128 };

/* The calls themselves, tried again when a signal comes. Sends with at most SMALTI__PASS_ROOM copies of descriptors: 0, or an
 * errno. */
int smalti__pass_put(int socket, const void *data, size_t bytes, const int *descriptors, size_t count, int flags);
/* Receives: bytes, or -1 and errno. Up to room (at most SMALTI__PASS_ROOM) descriptors are owned, and closed by exec; what
 * comes beyond is closed. *flags: of the call; then those of what came (MSG_TRUNC, MSG_CTRUNC). */
ssize_t smalti__pass_get(int socket, void *data, size_t bytes, int *descriptors, size_t room, size_t *count,
                         int *flags);

/* Two sockets, each the other's end; closed by exec; owned. */
smalti_result smalti__pass_pair(int ends[2], smalti_error *error);

/* Sends a packet (1 to SMALTI__PASS_BYTES) with copies of descriptors. It never waits: LIMIT when the other end has left
 * too many packets unread. PEER: it is gone. */
smalti_result smalti__pass_send(int socket, const void *data, size_t bytes, const int *descriptors, size_t count,
                                smalti_error *error);
/* Receives a packet of exactly bytes, waiting for timeout_ms (-1: forever) for it to come. descriptors has room for
 * SMALTI__PASS_MOST; they are owned, and closed by exec. LIMIT_TIME: none came. PEER: it is not such a packet, with too
 * many descriptors, or the other end is gone; then all that came with it is closed, and nothing was written. */
smalti_result smalti__pass_receive(int socket, void *data, size_t bytes, int *descriptors, size_t *count,
                                   int timeout_ms, smalti_error *error);

#endif
