/* SPDX-License-Identifier: Apache-2.0
 * Editing headers: a new header from an old one and changes (edit_header.c), put into the file by steps that are each safe
 * (edit_place.c), or into a new file (edit_copy.c). */
#ifndef SMALTI_SRC_EXR_EDIT_H
#define SMALTI_SRC_EXR_EDIT_H

#include "exr/exr.h"

enum { SMALTI__EXR_KILL_PAGE = 4096 }; /* a write inside a page happens as a whole or not at all, even for kill -9 */

/* The attribute that a killed edit may leave behind: never kept. */
extern const char smalti__exr_pad_name[], smalti__exr_pad_type[];

typedef struct smalti__exr_edit {
    smalti_exr *exr; /* the old header, every value read; after the check also its chunks' extents */
    const char *path;
    int fd;          /* the file */
    bool writable;   /* fd can be written */
    const smalti_exr_edit_options *options;
    uint8_t *old_bytes; /* of the header; owned, like what follows */
    uint8_t *new_bytes;
    size_t old_size, new_size;
    uint64_t table_size;  /* bytes of all offset tables together */
    uint64_t chunk_count; /* of all parts */
    bool foreign;         /* there are chunks of unknown types: nobody knows where they end */
    bool had_pad;         /* a killed edit's attribute was there: chunks may stand in a strange order */
    smalti_exr_edit_result result;
} smalti__exr_edit;

/* new_bytes from old_bytes and changes. */
smalti_result smalti__exr_edit_header(smalti__exr_edit *edit, const smalti_exr_change *changes, size_t count,
                                      smalti_error *error);

/* In the file. *done is false when that cannot be: then nothing was written. */
smalti_result smalti__exr_edit_place(smalti__exr_edit *edit, bool *done, smalti_error *error);

/* Into a new file that takes the old one's name, or options->output. */
smalti_result smalti__exr_edit_copy(smalti__exr_edit *edit, smalti_error *error);

/* All of data at offset; result.written_bytes is added to. */
smalti_result smalti__exr_edit_write(smalti__exr_edit *edit, int fd, uint64_t offset, const void *data, size_t size,
                                     smalti_error *error);

#endif
