/* SPDX-License-Identifier: Apache-2.0
 * The reader: opens files, and hands their bytes to the parser a page at a time. pread, never a map: a fault reads a whole
 * window of the file around the page that is wanted, which for a cold file is thousands of times more than a header. */
#include "exr/exr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_MOST = 64 << 10, ARRAY_FIRST = 32 };

smalti_result smalti__exr_fail(const smalti_exr *exr, smalti_error *error, smalti_result code, uint64_t offset,
                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    smalti_result result = smalti__fail_in(error, code, exr->name, offset, format, arguments);
    va_end(arguments);
    return result;
}

static smalti_result fail_errno(const smalti_exr *exr, const char *what, smalti_error *error)
{
    int sys_errno = errno;
    return smalti__fail_errno(error, sys_errno, "%s: %s", SMALTI__SHOWN(exr->name), what);
}

/* ---- Memory ---- */

smalti_result smalti__exr_grow(smalti_exr *exr, void *array, size_t *room, size_t count, size_t item_bytes,
                               smalti_error *error)
{
    if (count <= *room)
        return SMALTI_OK;
    size_t wanted = *room ? *room : ARRAY_FIRST, bytes;
    while (wanted < count)
        if (!smalti__mul(wanted, 2, &wanted))
            return smalti__fail_nomem(error, SIZE_MAX);
    if (!smalti__mul(wanted, item_bytes, &bytes))
        return smalti__fail_nomem(error, SIZE_MAX);
    uint64_t more = bytes - *room * item_bytes;
    if (more > exr->options.max_bytes - exr->held_bytes)
        return smalti__exr_fail(exr, error, SMALTI_E_LIMIT, exr->at + exr->passed,
                                "more memory than the limit of %llu bytes", (unsigned long long)exr->options.max_bytes);
    void *larger = realloc(*(void **)array, bytes);
    if (!larger)
        return smalti__fail_nomem(error, bytes);
    *(void **)array = larger;
    *room = wanted;
    exr->held_bytes += more;
    return SMALTI_OK;
}

/* The buffer has moved: all that points into it moves too. */
static void follow(smalti_exr *exr, const uint8_t *old)
{
    const uint8_t *new = exr->bytes;
#define FOLLOW(pointer) ((pointer) ? (void *)(new + ((const uint8_t *)(pointer) - old)) : NULL)
    for (uint32_t i = 0; i < exr->attribute_count; i++) {
        smalti_exr_attribute *attribute = &exr->attributes[i];
        attribute->name = FOLLOW(attribute->name);
        attribute->type_name = FOLLOW(attribute->type_name);
        attribute->value = FOLLOW(attribute->value);
    }
    for (uint32_t i = 0; i < exr->channel_count; i++)
        exr->channels[i].name = FOLLOW(exr->channels[i].name);
    for (uint32_t i = 0; i < exr->part_count; i++) {
        exr->parts[i].name.data = FOLLOW(exr->parts[i].name.data);
        exr->parts[i].view.data = FOLLOW(exr->parts[i].view.data);
    }
#undef FOLLOW
}

/* A buffer of twice the size is copied to a new place before the old one goes, so that pointers can follow. */
static smalti_result grow_buffer(smalti_exr *exr, size_t bytes, smalti_error *error)
{
    uint8_t *larger = NULL;
    size_t room = 0;
    if (bytes <= exr->buffer_room)
        return SMALTI_OK;
    exr->held_bytes -= exr->buffer_room;
    smalti_result result = smalti__exr_grow(exr, &larger, &room, bytes, 1, error);
    if (result < 0) {
        exr->held_bytes += exr->buffer_room;
        return result;
    }
    uint8_t *old = exr->buffer;
    if (exr->used)
        memcpy(larger, old, exr->used);
    exr->buffer = larger;
    exr->buffer_room = room;
    exr->bytes = larger;
    follow(exr, old);
    free(old);
    return SMALTI_OK;
}

/* ---- Reading ---- */

static smalti_result fail_kind(const smalti_exr *exr, smalti_error *error)
{
    return smalti__exr_fail(exr, error, SMALTI_E_INVALID, SMALTI_NO_OFFSET, "is not a file");
}

static smalti_result read_fd(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *error)
{
    for (uint8_t *at = data; size;) {
        ssize_t got = pread(exr->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EISDIR ? fail_kind(exr, error) : fail_errno(exr, "cannot be read", error);
        if (!got)
            return smalti__exr_fail(exr, error, SMALTI_E_IO_CHANGED, offset,
                                    "the file became shorter while it was read");
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return SMALTI_OK;
}

smalti_result smalti__exr_read_at(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *error)
{
    if (size > exr->header.file_bytes || offset > exr->header.file_bytes - size)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT_TRUNCATED, offset, "the file ends too early");
    if (exr->read)
        return exr->read(exr, offset, data, size, error);
    if (size)
        memcpy(data, exr->bytes + offset, size);
    return SMALTI_OK;
}

/* Reads up to the end of a page: the first reads take one, later ones more and more. */
smalti_result smalti__exr_fill(smalti_exr *exr, size_t count, smalti_error *error)
{
    uint64_t from = exr->used + exr->passed, left = exr->header.file_bytes - from;
    size_t missing = count - (exr->used - exr->at);
    if (missing > left)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT_TRUNCATED, exr->header.file_bytes,
                                exr->header.file_bytes ? "the file ends in the middle of its header"
                                                       : "the file is empty");
    uint64_t page = exr->page;
    for (uint32_t i = 1; i < exr->fills && page < READ_MOST; i++)
        page *= 2;
    uint64_t size = page - from % page;
    size = size < missing ? missing : size;
    size = size < left ? size : left;
    size_t end;
    if (!smalti__add(exr->used, size, &end))
        return smalti__fail_nomem(error, SIZE_MAX);
    SMALTI__TRY(grow_buffer(exr, end, error));
    SMALTI__TRY(exr->read(exr, from, exr->buffer + exr->used, size, error));
    exr->used = end;
    exr->header.bytes_read += size;
    exr->header.reads++;
    exr->fills++;
    return SMALTI_OK;
}

/* ---- Opening ---- */

static smalti_result begin(smalti_exr *exr, const char *name, smalti_error *error)
{
    smalti_exr_close(exr);
    size_t size = strlen(name) + 1;
    SMALTI__TRY(smalti__exr_grow(exr, &exr->name, &exr->name_room, size, 1, error));
    memcpy(exr->name, name, size);
    return SMALTI_OK;
}

static smalti_result parse(smalti_exr *exr, uint64_t file_bytes, smalti_error *error)
{
    exr->header = (smalti_exr_header){.file_bytes = file_bytes};
    smalti_result result = smalti__exr_parse(exr, error);
    if (result < 0)
        smalti_exr_close(exr);
    return result;
}

/* The size of a file that was just opened, by a call that takes a third of fstat's time. What is not a file mostly shows by
 * failing to have an end, or by an impossible one. */
static bool size_by_seeking(int fd, uint64_t *size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    *size = (uint64_t)end;
    return end > 0 && end < (off_t)1 << 50;
}

static smalti_result open_descriptor(smalti_exr *exr, smalti_error *error)
{
    struct stat status;
    uint64_t size;
    if (!exr->owns_fd || !size_by_seeking(exr->fd, &size)) {
        if (fstat(exr->fd, &status) < 0)
            return fail_errno(exr, "cannot be opened", error);
        if (!S_ISREG(status.st_mode))
            return fail_kind(exr, error);
        size = (uint64_t)status.st_size;
    }
    /* Or the kernel reads ahead, for a header of 500 bytes 16 pages and more. */
    posix_fadvise(exr->fd, 0, 0, POSIX_FADV_RANDOM);
    exr->read = read_fd;
    exr->page = SMALTI__EXR_PAGE;
    exr->bytes = exr->buffer;
    exr->used = 0;
    return parse(exr, size, error);
}

smalti_result smalti_exr_open(smalti_exr *exr, const char *path, smalti_error *error)
{
    SMALTI__TRY(begin(exr, path, error));
    exr->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    exr->owns_fd = true;
    smalti_result result = exr->fd < 0 ? fail_errno(exr, "cannot be opened", error) : open_descriptor(exr, error);
    if (result < 0)
        smalti_exr_close(exr);
    return result;
}

smalti_result smalti_exr_open_fd(smalti_exr *exr, int fd, const char *name, smalti_error *error)
{
    SMALTI__TRY(begin(exr, name, error));
    exr->fd = fd;
    smalti_result result = open_descriptor(exr, error);
    if (result < 0)
        smalti_exr_close(exr);
    return result;
}

smalti_result smalti_exr_open_memory(smalti_exr *exr, const void *data, size_t size, const char *name,
                                     smalti_error *error)
{
    SMALTI__TRY(begin(exr, name, error));
    exr->read = NULL;
    exr->bytes = data;
    exr->used = size;
    return parse(exr, size, error);
}

smalti_result smalti__exr_open_with(smalti_exr *exr, smalti__exr_read_fn read, void *user, uint64_t file_bytes,
                                    uint32_t page, const char *name, smalti_error *error)
{
    SMALTI__TRY(begin(exr, name, error));
    exr->read = read;
    exr->user = user;
    exr->page = page;
    exr->bytes = exr->buffer;
    exr->used = 0;
    return parse(exr, file_bytes, error);
}

void smalti_exr_close(smalti_exr *exr)
{
    if (exr->owns_fd && exr->fd >= 0)
        close(exr->fd);
    exr->fd = -1;
    exr->owns_fd = false;
    exr->header.parts = NULL;
}

/* ---- The reader itself ---- */

smalti_result smalti_exr_new(const smalti_exr_options *options, smalti_exr **exr, smalti_error *error)
{
    smalti_exr *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    if (options)
        memcpy(&made->options, options, options->size < sizeof *options ? options->size : sizeof *options);
    smalti_exr_options *set = &made->options;
    set->size = sizeof *set;
    set->max_bytes = set->max_bytes ? set->max_bytes : (uint64_t)256 << 20;
    set->max_parts = set->max_parts ? set->max_parts : 1024;
    set->max_channels = set->max_channels ? set->max_channels : 65536;
    set->max_attributes = set->max_attributes ? set->max_attributes : 65536;
    set->keep_bytes = set->keep_bytes ? set->keep_bytes : 4096;
    made->fd = -1;
    *exr = made;
    return SMALTI_OK;
}

void smalti_exr_free(smalti_exr *exr)
{
    if (!exr)
        return;
    smalti_exr_close(exr);
    free(exr->name);
    free(exr->buffer);
    free(exr->parts);
    free(exr->channels);
    free(exr->attributes);
    free(exr->extents);
    free(exr->packed);
    free(exr->unpacked);
    free(exr);
}

const smalti_exr_header *smalti_exr_header_get(const smalti_exr *exr)
{
    return exr->header.parts ? &exr->header : NULL;
}

const smalti_exr_attribute *smalti_exr_attribute_find(const smalti_exr_part *part, const char *name)
{
    for (uint32_t i = 0; i < part->attribute_count; i++)
        if (!strcmp(part->attributes[i].name, name))
            return &part->attributes[i];
    return NULL;
}

smalti_result smalti_exr_attribute_read(const smalti_exr *exr, const smalti_exr_attribute *attribute, uint32_t offset,
                                        void *data, size_t size, smalti_error *error)
{
    if (offset > attribute->size || size > attribute->size - offset)
        return smalti__exr_fail(exr, error, SMALTI_E_INVALID_RANGE, SMALTI_NO_OFFSET,
                                "bytes %u to %zu of a value that has %u", offset, offset + size, attribute->size);
    return smalti__exr_read_at(exr, attribute->value_offset + offset, data, size, error);
}
