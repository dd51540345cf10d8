/* SPDX-License-Identifier: Apache-2.0
 * Sets of names, to find two that are the same file. Of a name only a keyed hash of 128 bits is kept: a batch of 100,000
 * long paths needs a few megabytes, and names that were made to meet in a table do not. */
#ifndef SMALTI_SRC_PATH_SET_H
#define SMALTI_SRC_PATH_SET_H

#include <limits.h>

#include "base/base.h"

typedef struct smalti__name_hash {
    uint8_t bytes[16];
} smalti__name_hash;

typedef struct smalti__name_entry {
    smalti__name_hash hash;
    size_t index; /* as given, plus one; 0: empty */
} smalti__name_entry;

typedef struct smalti__name_set {
    smalti__name_entry *entries; /* owned */
    size_t room; /* a power of two, at least twice the entries */
} smalti__name_set;

/* Room for count names; false: no memory. */
bool smalti__name_set_open(smalti__name_set *set, size_t count);
void smalti__name_set_close(smalti__name_set *set);
/* The index that a name was put with, or SIZE_MAX. */
size_t smalti__name_set_find(const smalti__name_set *set, const smalti__name_hash *hash);
/* Puts a name there. The same when it is there already, which stays as it is. */
size_t smalti__name_set_add(smalti__name_set *set, const smalti__name_hash *hash, size_t index);

enum { SMALTI__REAL_MAX = 4 * PATH_MAX }; /* what is not there can make a path longer than the system takes */

/* Makes the hashes. The real folder of the last path is kept: names come folder by folder. */
typedef struct smalti__namer {
    uint8_t key[16];
    char given[PATH_MAX], real[SMALTI__REAL_MAX];                  /* the last folder */
    char at[SMALTI__REAL_MAX], tail[SMALTI__REAL_MAX]; /* while a folder is resolved */
    char whole[2 * SMALTI__REAL_MAX];
} smalti__namer;

smalti__namer *smalti__namer_new(void); /* owned: free(); NULL: no memory */
void smalti__name_hash_text(const smalti__namer *namer, const char *text, smalti__name_hash *hash);
/* Of the file that a path leads to, though it, or its folders, may not be there; a link as its last part is not followed. */
void smalti__name_hash_path(smalti__namer *namer, const char *path, smalti__name_hash *hash);

#endif
