/* SPDX-License-Identifier: Apache-2.0
 * Memory that processes share: a file without a name whose size is sealed, so that no holder of the descriptor can cut it
 * off under another's pointers. It is gone with its last holder. */
#ifndef SMALTI_SRC_SEALED_H
#define SMALTI_SRC_SEALED_H

#include "base/base.h"

typedef struct smalti__sealed {
    uint8_t *data; /* mapped for reading and writing; what stands there is the peer's to change at any moment */
    size_t bytes;
} smalti__sealed;

/* Makes bytes (not 0) of zeros and maps them. *descriptor is owned by the caller, and closed by exec. */
smalti_result smalti__sealed_make(const char *name, size_t bytes, smalti__sealed *sealed, int *descriptor,
                                  smalti_error *error);
/* Maps what another process made, when it is sealed and has between least and most bytes: PEER when not. The descriptor
 * stays the caller's and may be closed: the map needs none. */
smalti_result smalti__sealed_open(int descriptor, size_t least, size_t most, smalti__sealed *sealed,
                                  smalti_error *error);
void smalti__sealed_close(smalti__sealed *sealed);

#endif
