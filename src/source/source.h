/* SPDX-License-Identifier: Apache-2.0
 * Where bytes come from. Decoders see one contiguous run of bytes: small files are read into a pooled buffer, large ones
 * are mapped behind a guard that turns SIGBUS into an error, a pipe is read to its end. */
#ifndef SMALTI_SRC_SOURCE_H
#define SMALTI_SRC_SOURCE_H

#include "base/memory.h"

typedef struct smalti__source {
    const char *name; /* stands in messages; borrowed */
    const uint8_t *data;
    size_t size;
    uint64_t memory_bytes; /* memory it holds (a map counts nothing) */
    struct smalti__source_state *state;
} smalti__source;

typedef struct smalti__source_options {
    smalti__pool *pool;   /* for the buffer; may be NULL */
    size_t map_threshold; /* map regular files of this size and more; 0: the default, 1 MiB; SIZE_MAX: never */
    size_t max_bytes;     /* refuse larger inputs with LIMIT, unless they are mapped; 0: no limit */
    const int *cancelled; /* turns non-zero when waiting for a pipe is to end with CANCELLED; may be NULL */
    bool head_only;       /* little more than the first pages of a map will be used: the rest is not read ahead */
} smalti__source_options;

/* path "-": standard input, from where it is. A FIFO that nobody writes to is waited for. The messages of all errors begin
 * with the name. */
smalti_result smalti__source_open(smalti__source *source, const char *path, const smalti__source_options *options,
                                  smalti_error *error);
/* fd is borrowed until the source is closed. A regular file is read from its start and fd stays where it is; a pipe is
 * read to its end. */
smalti_result smalti__source_open_fd(smalti__source *source, int fd, const char *name,
                                     const smalti__source_options *options, smalti_error *error);
/* data is borrowed until the source is closed. */
void smalti__source_open_memory(smalti__source *source, const void *data, size_t size, const char *name);
/* Size of a regular file, path or (NULL) fd, without reading it, for admission; SIZE_MAX when it cannot be known (a
 * pipe). */
smalti_result smalti__source_measure(const char *path, int fd, size_t *size, smalti_error *error);
/* The bytes before offset have been used and are not likely to be read again: a map gives its pages back to the system, so
 * that a large file does not stand in the process's memory. For every few hundred kilobytes of progress. */
void smalti__source_consumed(smalti__source *source, size_t offset);
/* Only here and there was looked at: a map gives all its pages back, to be read again when they are needed. (A fault brings
 * in 64 KiB, so that a walk along the chunks of a file would have the whole of it in memory.) */
void smalti__source_skimmed(smalti__source *source);
/* IO_CHANGED when the file was truncated, overwritten or grown since it was opened. To be called after the last byte
 * was used and before the result is committed. It goes by size and modification time: an overwrite within one tick of
 * the file system's clock (4 ms before Linux 6.13) after the write before it can go unseen. */
smalti_result smalti__source_check(const smalti__source *source, smalti_error *error);
/* Also fine for a zeroed struct. */
void smalti__source_close(smalti__source *source);

/* Fills in an error "name: message at byte offset" and returns code; or the error of smalti__source_check when the file
 * was changed, since that is why it is malformed. */
smalti_result smalti__source_fail(const smalti__source *source, smalti_error *error, smalti_result code,
                                  uint64_t offset, const char *format, ...) SMALTI__PRINTF(5, 6);

#endif
