/* SPDX-License-Identifier: Apache-2.0
 * Where bytes go. A file appears whole under its name, by smalti__sink_commit, or not at all. */
#ifndef SMALTI_SRC_SINK_H
#define SMALTI_SRC_SINK_H

#include "base/memory.h"

typedef struct smalti__sink {
    uint64_t bytes; /* written so far */
    uint64_t write_ns;
    struct smalti__sink_state *state;
} smalti__sink;

/* A file at path; its folders are made. An existing file is replaced at commit when replace, else INVALID_CONFLICT at
 * commit. path "-" is standard output. Error messages begin with the path. */
smalti_result smalti__sink_open_file(smalti__sink *sink, const char *path, bool replace, smalti_error *error);
/* A growing buffer, at most max_bytes (0: no limit). */
smalti_result smalti__sink_open_memory(smalti__sink *sink, size_t max_bytes, smalti_error *error);
/* Bytes to a function of the caller's, in blocks of 64 KiB or what an encoder writes at once, from whatever thread encodes.
 * What it returns below 0 ends the writing with that code. */
typedef smalti_result (*smalti__write_fn)(void *user, const void *data, size_t size);
smalti_result smalti__sink_open_writer(smalti__sink *sink, smalti__write_fn write, void *user, smalti_error *error);
/* An open file, empty, which gets its name from whoever gave it: only to be flushed. fd is taken on success; name stands in
 * messages. */
smalti_result smalti__sink_open_fd(smalti__sink *sink, int fd, const char *name, smalti_error *error);
/* Memory of the caller's, which stays its own. When room bytes are not enough, larger gives an open, empty file (taken) for
 * all of the output; the sink is as if opened with smalti__sink_open_fd then. */
typedef smalti_result (*smalti__larger_fn)(void *user, int *fd, smalti_error *error);
smalti_result smalti__sink_open_room(smalti__sink *sink, void *data, size_t room, smalti__larger_fn larger, void *user,
                                     const char *name, smalti_error *error);
/* Instead of writing: a file for another process to write to; borrowed until the sink is closed. When it did, and nothing
 * was written here, smalti__sink_returned makes it the sink's bytes. */
smalti_result smalti__sink_lend(smalti__sink *sink, int *fd, smalti_error *error);
smalti_result smalti__sink_returned(smalti__sink *sink, smalti_error *error);
smalti_result smalti__sink_write(smalti__sink *sink, const void *data, size_t size, smalti_error *error);
/* For formats whose head is known at their end: before the first write, says that smalti__sink_patch will be used. What goes
 * to a stream is then gathered in a temporary file without a name, in $TMPDIR or /tmp, until commit. */
smalti_result smalti__sink_rewritable(smalti__sink *sink, smalti_error *error);
/* Overwrites bytes that were written before. */
smalti_result smalti__sink_patch(smalti__sink *sink, uint64_t offset, const void *data, size_t size,
                                 smalti_error *error);
/* Another name for a file than it was opened with, in the same folder; for one that depends on what was written. */
smalti_result smalti__sink_rename(smalti__sink *sink, const char *path, smalti_error *error);
/* Behind the last write: everything leaves the sink, and a file only lacks its name. Commit does this too; doing it to all
 * outputs before any of them gets its name keeps a full disk from leaving some of them. */
smalti_result smalti__sink_flush(smalti__sink *sink, smalti_error *error);
/* Gives a file its name. The sink must still be closed. */
smalti_result smalti__sink_commit(smalti__sink *sink, smalti_error *error);
/* The buffer of a memory sink: taken by the caller, free(). */
void *smalti__sink_take(smalti__sink *sink, size_t *size);
/* Discards what was not committed. Fine for a zeroed struct, and twice. */
void smalti__sink_close(smalti__sink *sink);

#endif
