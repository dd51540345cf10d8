/* SPDX-License-Identifier: Apache-2.0
 * Edits of headers: what is to be done, and the choice of a way. */
#include "exr/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

const char *smalti_exr_way_name(smalti_exr_way way)
{
    static const char *const names[] = {"unchanged", "patched", "moved", "inserted", "cloned", "copied"};
    return (size_t)way < SMALTI__COUNT(names) ? names[way] : "unknown";
}

smalti_result smalti__exr_edit_write(smalti__exr_edit *edit, int fd, uint64_t offset, const void *data, size_t size,
                                     smalti_error *error)
{
    const uint8_t *at = data;
    while (size) {
        ssize_t put = pwrite(fd, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            int sys_errno = errno;
            return smalti__fail_errno(error, sys_errno, "%s: cannot be written", SMALTI__SHOWN(edit->path));
        }
        at += put, offset += (uint64_t)put, size -= (size_t)put;
        edit->result.written_bytes += (uint64_t)put;
    }
    return SMALTI_OK;
}

/* Opens for writing where that is allowed: a new file in place of one that cannot be written is fine too. Another edit of
 * the same file at the same time is refused. */
static smalti_result open_file(smalti__exr_edit *edit, smalti_error *error)
{
    edit->fd = open(edit->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    edit->writable = edit->fd >= 0;
    if (edit->fd < 0 && (errno == EACCES || errno == EROFS || errno == ETXTBSY))
        edit->fd = open(edit->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (edit->fd < 0)
        return smalti__fail_errno(error, errno, "%s: cannot be opened", SMALTI__SHOWN(edit->path));
    if (flock(edit->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "%s: is being edited elsewhere",
                            SMALTI__SHOWN(edit->path));
    return SMALTI_OK;
}

static smalti_result load(smalti__exr_edit *edit, smalti_error *error)
{
    SMALTI__TRY(smalti_exr_open_fd(edit->exr, edit->fd, edit->path, error));
    const smalti_exr_header *header = smalti_exr_header_get(edit->exr);
    for (uint32_t p = 0; p < header->part_count; p++) {
        edit->chunk_count += header->parts[p].chunk_count;
        edit->foreign = edit->foreign || header->parts[p].kind == SMALTI_EXR_OTHER;
    }
    edit->table_size = header->tables_end - header->header_bytes;
    edit->old_size = header->header_bytes;
    edit->old_bytes = malloc(edit->old_size); /* its values are in memory already, within the reader's limit */
    if (!edit->old_bytes)
        return smalti__fail_nomem(error, edit->old_size);
    return smalti__exr_read_at(edit->exr, 0, edit->old_bytes, edit->old_size, error);
}

static smalti_result put_into_file(smalti__exr_edit *edit, smalti_error *error)
{
    const smalti_exr_edit_options *options = edit->options;
    bool same = edit->old_size == edit->new_size && !memcmp(edit->old_bytes, edit->new_bytes, edit->old_size);
    bool done = false;
    edit->result.header_bytes = edit->new_size;
    if (same && !options->output)
        return SMALTI_OK;
    if (edit->writable && !options->copy && !options->backup && !options->output)
        SMALTI__TRY(smalti__exr_edit_place(edit, &done, error));
    return done ? SMALTI_OK : smalti__exr_edit_copy(edit, error);
}

smalti_result smalti_exr_edit(const char *path, const smalti_exr_change *changes, size_t count,
                              const smalti_exr_edit_options *options, smalti_exr_edit_result *result,
                              smalti_error *error)
{
    smalti_exr_edit_options used = {0};
    if (options)
        memcpy(&used, options, options->size < sizeof used ? options->size : sizeof used);
    smalti__exr_edit edit = {.fd = -1, .options = &used};
    /* what a link points to is edited, and a new file takes that name */
    SMALTI__CLEANUP_FREE char *real = realpath(path, NULL);
    if (!real)
        return smalti__fail_errno(error, errno, "%s: cannot be opened", SMALTI__SHOWN(path));
    edit.path = real;
    const smalti_exr_options reader = {.size = sizeof reader, .keep_bytes = UINT32_MAX};
    smalti_result done = smalti_exr_new(&reader, &edit.exr, error);
    if (done == SMALTI_OK)
        done = open_file(&edit, error);
    if (done == SMALTI_OK)
        done = load(&edit, error);
    if (done == SMALTI_OK)
        done = smalti__exr_edit_header(&edit, changes, count, error);
    if (done == SMALTI_OK)
        done = put_into_file(&edit, error);
    smalti_exr_free(edit.exr);
    if (edit.fd >= 0)
        close(edit.fd);
    free(edit.old_bytes);
    free(edit.new_bytes);
    if (done == SMALTI_OK && result)
        *result = edit.result;
    return done;
}
