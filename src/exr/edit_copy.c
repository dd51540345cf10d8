/* SPDX-License-Identifier: Apache-2.0
 * Edits into a new file, which takes the old one's name when it is whole. Where the file system can, the pixels are not
 * copied: the new file shares their blocks. */
#include "exr/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A copy of a large file gets room before its pixels, so that the next edit needs none: for the tables twice. */
enum { COPY_BYTES = 1 << 20, LARGE = 1 << 20, ROOM = 4096 };

typedef struct copy {
    smalti__exr_edit *edit;
    smalti_error *error;
    const char *target; /* the name that the new file takes */
    char *temporary;    /* the name that it has until then; owned */
    int fd;
    uint64_t shift; /* of chunks; may have wrapped below 0 */
} copy;

static smalti_result fail_errno(const copy *c, const char *name, const char *what)
{
    int sys_errno = errno;
    return smalti__fail_errno(c->error, sys_errno, "%s: %s", SMALTI__SHOWN(name), what);
}

/* ---- The file ---- */

/* Beside the target, with the old file's mode; hidden. */
static smalti_result create(copy *c)
{
    struct stat status;
    const char *slash = strrchr(c->target, '/');
    int folder = slash ? (int)(slash - c->target) + 1 : 0;
    if (fstat(c->edit->fd, &status) < 0)
        return fail_errno(c, c->edit->path, "cannot be examined");
    for (int attempt = 0; attempt < 100; attempt++) {
        uint64_t random = smalti__now_ns();
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
            random += (uint64_t)attempt;
        free(c->temporary);
        if (asprintf(&c->temporary, "%.*s.smalti-%016llx.tmp", folder, c->target, (unsigned long long)random) < 0) {
            c->temporary = NULL;
            return smalti__fail_nomem(c->error, strlen(c->target) + 40);
        }
        c->fd = open(c->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (c->fd >= 0 || errno != EEXIST)
            break;
    }
    if (c->fd < 0) {
        free(c->temporary);
        c->temporary = NULL;
        return fail_errno(c, c->target, "cannot be created");
    }
    /* who cannot give files away keeps the new one */
    if (fchown(c->fd, status.st_uid, status.st_gid) < 0 && fchown(c->fd, (uid_t)-1, status.st_gid) < 0)
        errno = 0;
    if (fchmod(c->fd, status.st_mode & 07777) < 0)
        return fail_errno(c, c->target, "cannot get its permissions");
    return SMALTI_OK;
}

/* Extended attributes, those that can be had. */
static void copy_xattrs(const copy *c)
{
    char names[4096], value[4096];
    ssize_t size = flistxattr(c->edit->fd, names, sizeof names);
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1) {
        ssize_t bytes = fgetxattr(c->edit->fd, name, value, sizeof value);
        if (bytes >= 0 && fsetxattr(c->fd, name, value, (size_t)bytes, 0) < 0)
            continue;
    }
}

/* ---- Bytes ---- */

static smalti_result copy_by_hand(copy *c, uint64_t from, uint64_t to, uint64_t size)
{
    SMALTI__CLEANUP_FREE uint8_t *block = malloc(COPY_BYTES);
    if (!block)
        return smalti__fail_nomem(c->error, COPY_BYTES);
    while (size) {
        size_t part = size < COPY_BYTES ? size : COPY_BYTES;
        SMALTI__TRY(smalti__exr_read_at(c->edit->exr, from, block, part, c->error));
        SMALTI__TRY(smalti__exr_edit_write(c->edit, c->fd, to, block, part, c->error));
        from += part, to += part, size -= part;
    }
    return SMALTI_OK;
}

static smalti_result copy_range(copy *c, uint64_t from, uint64_t to, uint64_t size)
{
    while (size) {
        off_t in = (off_t)from, out = (off_t)to;
        ssize_t done = copy_file_range(c->edit->fd, &in, c->fd, &out, size, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) /* another file system, an old kernel: by hand, which also says what is wrong */
            return copy_by_hand(c, from, to, size);
        from += (uint64_t)done, to += (uint64_t)done, size -= (uint64_t)done;
    }
    return SMALTI_OK;
}

static uint64_t first_chunk(const smalti__exr_edit *edit)
{
    uint64_t first = edit->exr->header.file_bytes;
    for (uint64_t i = 0; i < edit->chunk_count; i++)
        if (edit->exr->extents[i].begin && edit->exr->extents[i].begin < first)
            first = edit->exr->extents[i].begin;
    return first;
}

/* Shares the blocks from the first chunk on, so many whole blocks later that the new header fits. */
static bool clone_pixels(copy *c, uint64_t block)
{
    const smalti__exr_edit *edit = c->edit;
    uint64_t first = first_chunk(edit), from = first / block * block, end = edit->new_size + edit->table_size;
    uint64_t shift = end > first ? (end - first + block - 1) / block * block : 0;
    struct file_clone_range range = {.src_fd = edit->fd, .src_offset = from, .dest_offset = from + shift};
    if (ioctl(c->fd, FICLONERANGE, &range) < 0)
        return false;
    c->shift = shift;
    c->edit->result.way = SMALTI_EXR_CLONED;
    return true;
}

/* Entries that are 0 stay so, and those that no shift can make meaningful. */
static uint64_t shifted(uint64_t begin, uint64_t shift)
{
    bool back = shift > INT64_MAX, wraps = back ? begin < -shift : begin + shift < begin;
    return begin && !wraps ? begin + shift : begin;
}

static smalti_result write_head(copy *c)
{
    smalti__exr_edit *edit = c->edit;
    uint64_t size = edit->new_size + edit->table_size;
    SMALTI__CLEANUP_FREE uint8_t *head = malloc(size);
    if (!head)
        return smalti__fail_nomem(c->error, size);
    memcpy(head, edit->new_bytes, edit->new_size);
    SMALTI__TRY(smalti__exr_read_at(edit->exr, edit->old_size, head + edit->new_size, edit->table_size, c->error));
    for (uint64_t i = 0; i < edit->chunk_count; i++) {
        uint8_t *entry = head + edit->new_size + i * 8;
        smalti__put_le64(entry, shifted(smalti__le64(entry), c->shift));
    }
    return smalti__exr_edit_write(edit, c->fd, 0, head, size, c->error);
}

/* After a killed edit chunks may stand at the end that belong to the beginning: all are put in the order of the tables. */
static smalti_result copy_in_order(copy *c)
{
    smalti__exr_edit *edit = c->edit;
    uint64_t size = edit->new_size + edit->table_size, at = size;
    SMALTI__CLEANUP_FREE uint8_t *head = malloc(size);
    if (!head)
        return smalti__fail_nomem(c->error, size);
    memcpy(head, edit->new_bytes, edit->new_size);
    for (uint64_t i = 0; i < edit->chunk_count; i++) {
        const smalti__exr_extent *extent = &edit->exr->extents[i];
        SMALTI__TRY(copy_range(c, extent->begin, at, extent->end - extent->begin));
        smalti__put_le64(head + edit->new_size + i * 8, at);
        at += extent->end - extent->begin;
    }
    return smalti__exr_edit_write(edit, c->fd, 0, head, size, c->error);
}

static smalti_result copy_all(copy *c)
{
    smalti__exr_edit *edit = c->edit;
    smalti_exr_check check;
    struct stat status;
    uint64_t old_end = edit->old_size + edit->table_size, file_bytes = edit->exr->header.file_bytes;
    SMALTI__TRY(smalti__exr_check(edit->exr, UINT64_MAX, &check, c->error));
    edit->result.way = SMALTI_EXR_COPIED;
    bool good = check.verdict == SMALTI_EXR_GOOD && !edit->foreign;
    if (edit->had_pad && good)
        return copy_in_order(c);
    uint64_t block = !fstat(c->fd, &status) && status.st_blksize > 4096 ? (uint64_t)status.st_blksize : 4096;
    if (good && clone_pixels(c, block))
        return write_head(c);
    uint64_t first = good ? first_chunk(edit) : old_end, to = edit->new_size + edit->table_size;
    if (good && file_bytes >= LARGE)
        to += edit->table_size + ROOM;
    c->shift = to - first;
    SMALTI__TRY(write_head(c));
    return copy_range(c, first, to, file_bytes - first);
}

/* ---- Names ---- */

static smalti_result take_name(copy *c)
{
    const smalti_exr_edit_options *options = c->edit->options;
    if (options->sync && fsync(c->fd) < 0)
        return fail_errno(c, c->target, "cannot be synchronised");
    if (options->backup && link(c->edit->path, options->backup) < 0) {
        if (errno == EEXIST)
            return smalti__fail(c->error, SMALTI_E_INVALID_CONFLICT, "%s: exists already",
                                SMALTI__SHOWN(options->backup));
        return fail_errno(c, options->backup, "cannot be made");
    }
    bool fresh = options->output && !options->replace; /* a link fails where a rename would replace */
    if (fresh ? link(c->temporary, c->target) < 0 : rename(c->temporary, c->target) < 0) {
        if (fresh && errno == EEXIST)
            return smalti__fail(c->error, SMALTI_E_INVALID_CONFLICT, "%s: exists already", SMALTI__SHOWN(c->target));
        return fail_errno(c, c->target, "cannot take its name");
    }
    if (!fresh) {
        free(c->temporary);
        c->temporary = NULL;
    }
    return SMALTI_OK;
}

smalti_result smalti__exr_edit_copy(smalti__exr_edit *edit, smalti_error *error)
{
    const char *output = edit->options->output;
    copy c = {.edit = edit, .error = error, .target = output ? output : edit->path, .fd = -1};
    smalti_result result = create(&c);
    if (result == SMALTI_OK)
        result = copy_all(&c);
    if (result == SMALTI_OK) {
        copy_xattrs(&c);
        result = take_name(&c);
    }
    if (c.temporary)
        unlink(c.temporary);
    if (c.fd >= 0)
        close(c.fd);
    free(c.temporary);
    return result;
}
