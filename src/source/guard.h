/* SPDX-License-Identifier: Apache-2.0
 * A mapped file that is truncated raises SIGBUS where it is read. The guard replaces the lost page by zeros, marks the
 * map as lost, and lets the reader go on; smalti__source_check then reports it. Process-wide: any thread may read. */
#ifndef SMALTI_SRC_GUARD_H
#define SMALTI_SRC_GUARD_H

#include "base/base.h"

typedef struct smalti__guard smalti__guard;

/* Watches [address, address + bytes), a mapping. NULL when the table is full: then read the file instead of mapping it. */
smalti__guard *smalti__guard_add(const void *address, size_t bytes);
bool smalti__guard_lost(const smalti__guard *guard);
void smalti__guard_remove(smalti__guard *guard); /* before munmap; NULL is fine */

#endif
