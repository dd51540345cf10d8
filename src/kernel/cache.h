/* SPDX-License-Identifier: Apache-2.0
 * Compiled modules on disk. What is loaded from here is executed, so a file counts only when it is of this user, in a
 * directory that no one else can write, and its authentication code is right. */
#ifndef SMALTI_SRC_CACHE_H
#define SMALTI_SRC_CACHE_H

#include "base/base.h"

enum { SMALTI__CACHE_NAME = 33 };

/* Limits of what is kept: above the first the oldest files go until the second is reached. */
#define SMALTI__CACHE_MAX_BYTES (UINT64_C(256) << 20)
#define SMALTI__CACHE_KEEP_BYTES (UINT64_C(192) << 20)

typedef struct smalti__cache {
    int directory; /* -1: none */
    uint8_t name_key[16], code_key[16];
} smalti__cache;

/* directory NULL: the user's ($XDG_CACHE_HOME/smalti/modules or ~/.cache/smalti/modules), made when missing; "": none.
 * false: no cache, and a warning says why unless none was asked for. */
bool smalti__cache_open(const char *directory, smalti__cache *cache);
void smalti__cache_close(smalti__cache *cache);

/* The name of the file for a module compiled by an engine of that configuration. */
void smalti__cache_name(const smalti__cache *cache, const void *module, size_t size, const char *config,
                        char name[SMALTI__CACHE_NAME]);
/* false: not there, or not to be trusted. *data is owned: free(). */
bool smalti__cache_get(const smalti__cache *cache, const char *name, void **data, size_t *size);
/* Failure costs only time, later: it is logged. */
void smalti__cache_put(const smalti__cache *cache, const char *name, const void *data, size_t size);
/* Removes the oldest files when there are more than max_bytes, until keep_bytes are left. */
void smalti__cache_trim(const smalti__cache *cache, uint64_t max_bytes, uint64_t keep_bytes);

#endif
