/* SPDX-License-Identifier: Apache-2.0
 * When there are fewer images than lanes: the encoder of an image on a thread of its own, one strip behind its kernels. */
#ifndef SMALTI_SRC_RELAY_H
#define SMALTI_SRC_RELAY_H

#include "encode/encode.h"

typedef struct smalti__relay smalti__relay;

/* encoder is borrowed until the relay is closed. NULL: no thread is to be had; encode without. */
smalti__relay *smalti__relay_open(smalti__encoder *encoder);
/* Hands over rows, which must stay as they are until the next call of write or drain returns. The error of an earlier
 * strip is returned too. */
smalti_result smalti__relay_write(smalti__relay *relay, const void *rows, size_t pitch, uint32_t count,
                                  smalti_error *error);
/* Waits until everything is encoded. */
smalti_result smalti__relay_drain(smalti__relay *relay, smalti_error *error);
/* Ends the thread; NULL is fine. *busy_ns and *cpu_ns get what it spent encoding. */
void smalti__relay_close(smalti__relay *relay, uint64_t *busy_ns, uint64_t *cpu_ns);

#endif
