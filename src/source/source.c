/* SPDX-License-Identifier: Apache-2.0
 * Bytes in: files read or mapped, pipes read to their end, and the check that nothing changed meanwhile. */
#include "source/source.h"
#include "source/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One pread into a warm buffer beats a map's page faults up to 1 to 4 MiB; from there on a map wins, and it is no memory
 * of the task's. */
enum { DEFAULT_MAP_THRESHOLD = 1 << 20, FIRST_PIPE_BUFFER = 64 << 10 };

struct smalti__source_state {
    smalti__pool *pool;
    int fd;
    bool owns_fd;
    bool watched; /* a regular file: stat says what it was when it was opened */
    struct stat stat;
    void *map; /* NULL: buffer holds the bytes */
    size_t map_bytes;
    size_t released; /* of the map, from its start */
    smalti__guard *guard;
    uint8_t *buffer; /* from pool */
};

static smalti_result open_error(const char *name, const char *what, int sys_errno, smalti_error *error)
{
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail_errno(error, sys_errno, "%s: %s", smalti__name_text(name, shown), what);
}

static smalti_result changed(const smalti__source *source, bool truncated, smalti_error *error)
{
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail(error, SMALTI_E_IO_CHANGED, "%s: %s while it was read", smalti__name_text(source->name, shown),
                        truncated ? "truncated" : "changed");
}

static smalti_result too_large(const smalti__source *source, size_t max_bytes, smalti_error *error)
{
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail(error, SMALTI_E_LIMIT, "%s: larger than the limit of %zu bytes",
                        smalti__name_text(source->name, shown), max_bytes);
}

static smalti_result no_memory(const smalti__source *source, size_t bytes, smalti_error *error)
{
    smalti__fail_nomem(error, bytes);
    smalti__error_prefix(error, source->name);
    return SMALTI_E_NOMEM;
}

/* One read: at offset, or where the stream is when offset is negative. -1 with errno. Waits on descriptors that somebody
 * made non-blocking, as a terminal's may be. */
static ssize_t read_some(int fd, void *data, size_t size, off_t offset)
{
    for (;;) {
        ssize_t got = offset < 0 ? read(fd, data, size) : pread(fd, data, size, offset);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN))
            return got;
        if (errno == EAGAIN && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1) < 0 && errno != EINTR)
            return -1;
    }
}

static smalti_result read_known(smalti__source *source, off_t offset, size_t size, smalti_error *error)
{
    struct smalti__source_state *state = source->state;
    state->buffer = smalti__pool_get(state->pool, size);
    if (!state->buffer)
        return no_memory(source, size, error);
    for (size_t done = 0; done < size;) {
        ssize_t got = read_some(state->fd, state->buffer + done, size - done, offset + (off_t)done);
        if (got < 0)
            return open_error(source->name, "cannot be read", errno, error);
        if (!got)
            return changed(source, true, error);
        done += (size_t)got;
    }
    source->data = state->buffer;
    source->size = size;
    source->memory_bytes = size;
    return SMALTI_OK;
}

/* Until there is something to read, or the end. */
static smalti_result wait_for_input(const smalti__source *source, const int *cancelled, smalti_error *error)
{
    enum { LOOK_MS = 100 }; /* a signal handler may have cancelled on another thread: look again */
    struct pollfd descriptor = {.fd = source->state->fd, .events = POLLIN};
    while (cancelled && poll(&descriptor, 1, LOOK_MS) <= 0)
        if (__atomic_load_n(cancelled, __ATOMIC_RELAXED))
            return smalti__source_fail(source, error, SMALTI_E_CANCELLED, SMALTI_NO_OFFSET, "cancelled");
    return SMALTI_OK;
}

static smalti_result read_stream(smalti__source *source, size_t max_bytes, const int *cancelled, smalti_error *error)
{
    struct smalti__source_state *state = source->state;
    size_t capacity = FIRST_PIPE_BUFFER, used = 0;
    state->buffer = smalti__pool_get(state->pool, capacity);
    if (!state->buffer)
        return no_memory(source, capacity, error);
    for (;;) {
        if (used == capacity) {
            uint8_t *larger = smalti__mul(capacity, 2, &capacity) ? smalti__pool_get(state->pool, capacity) : NULL;
            if (!larger)
                return no_memory(source, capacity, error);
            memcpy(larger, state->buffer, used);
            smalti__pool_put(state->pool, state->buffer);
            if (state->pool) /* as much again would lie there unused */
                smalti__pool_trim(state->pool, 0);
            state->buffer = larger;
        }
        SMALTI__TRY(wait_for_input(source, cancelled, error));
        ssize_t got = read_some(state->fd, state->buffer + used, capacity - used, -1);
        if (got < 0)
            return open_error(source->name, "cannot be read", errno, error);
        if (!got)
            break;
        used += (size_t)got;
        if (max_bytes && used > max_bytes)
            return too_large(source, max_bytes, error);
    }
    source->data = state->buffer;
    source->size = used;
    source->memory_bytes = capacity;
    return SMALTI_OK;
}

/* False: read it instead. */
static bool map_file(smalti__source *source, size_t size, bool head_only)
{
    struct smalti__source_state *state = source->state;
    /* PRIVATE, not SHARED: for a reader they are the same pages, but FUSE's direct_io and some network file systems
     * refuse SHARED */
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, state->fd, 0);
    if (map == MAP_FAILED)
        return false;
    state->guard = smalti__guard_add(map, size);
    if (!state->guard) {
        munmap(map, size);
        return false;
    }
    /* starts the reading of a cold file (4 MiB: 3.2 ms instead of 4.8) and costs a warm one nothing */
    if (!head_only)
        madvise(map, size, MADV_WILLNEED);
    state->map = map;
    state->map_bytes = size;
    source->data = map;
    source->size = size;
    return true;
}

/* Where a regular file's bytes begin: standard input may have been read before, by a shell for one; any other descriptor
 * is the file. */
static off_t first_byte(int fd)
{
    off_t at = fd == STDIN_FILENO ? lseek(fd, 0, SEEK_CUR) : 0;
    return at < 0 ? 0 : at;
}

static smalti_result read_file(smalti__source *source, const smalti__source_options *options, smalti_error *error)
{
    struct smalti__source_state *state = source->state;
    off_t at = first_byte(state->fd);
    /* files of /proc and the like say 0 and hold more */
    if (!state->stat.st_size)
        return read_stream(source, options->max_bytes, options->cancelled, error);
    size_t size = at < state->stat.st_size ? (size_t)(state->stat.st_size - at) : 0;
    size_t threshold = options->map_threshold ? options->map_threshold : DEFAULT_MAP_THRESHOLD;
    if (!at && size >= threshold && map_file(source, size, options->head_only))
        return SMALTI_OK;
    if (options->max_bytes && size > options->max_bytes)
        return too_large(source, options->max_bytes, error);
    return read_known(source, at, size, error);
}

static smalti_result open_descriptor(smalti__source *source, int fd, bool owns_fd, const char *name,
                                     const smalti__source_options *options, smalti_error *error)
{
    static const smalti__source_options defaults = {0};
    options = options ? options : &defaults;
    *source = (smalti__source){.name = name};
    struct smalti__source_state *state = smalti__pool_get(options->pool, sizeof *state);
    if (!state) {
        if (owns_fd)
            close(fd);
        return no_memory(source, sizeof *state, error);
    }
    *state = (struct smalti__source_state){.pool = options->pool, .fd = fd, .owns_fd = owns_fd};
    source->state = state;

    smalti_result result;
    if (fstat(fd, &state->stat)) {
        result = open_error(name, "cannot be read", errno, error);
    } else if (S_ISDIR(state->stat.st_mode)) {
        result = open_error(name, "cannot be read", EISDIR, error);
    } else if (S_ISREG(state->stat.st_mode)) {
        state->watched = true;
        result = read_file(source, options, error);
    } else {
        result = read_stream(source, options->max_bytes, options->cancelled, error);
    }
    if (result < 0)
        smalti__source_close(source);
    return result;
}

smalti_result smalti__source_open(smalti__source *source, const char *path, const smalti__source_options *options,
                                  smalti_error *error)
{
    if (!strcmp(path, "-"))
        return open_descriptor(source, STDIN_FILENO, false, "standard input", options, error);
    *source = (smalti__source){.name = path};
    /* a FIFO without a writer is waited for, as by every command that is given one: where that can be cancelled, later */
    int fd, flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (options && options->cancelled ? O_NONBLOCK : 0);
    do {
        fd = open(path, flags);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return open_error(path, "cannot be opened", errno, error);
    return open_descriptor(source, fd, true, path, options, error);
}

smalti_result smalti__source_open_fd(smalti__source *source, int fd, const char *name,
                                     const smalti__source_options *options, smalti_error *error)
{
    return open_descriptor(source, fd, false, name, options, error);
}

void smalti__source_open_memory(smalti__source *source, const void *data, size_t size, const char *name)
{
    *source = (smalti__source){.name = name, .data = data, .size = size};
}

smalti_result smalti__source_measure(const char *path, int fd, size_t *size, smalti_error *error)
{
    struct stat stat_now;
    bool named = path && strcmp(path, "-");
    const char *name = named ? path : path ? "standard input" : "descriptor";
    int target = path ? STDIN_FILENO : fd;
    if (named ? stat(path, &stat_now) : fstat(target, &stat_now))
        return open_error(name, "cannot be opened", errno, error);
    if (S_ISDIR(stat_now.st_mode))
        return open_error(name, "cannot be read", named && access(path, R_OK) ? errno : EISDIR, error);
    *size = SIZE_MAX;
    if (S_ISREG(stat_now.st_mode) && stat_now.st_size) {
        off_t at = named ? 0 : first_byte(target);
        *size = at > stat_now.st_size ? 0 : (size_t)(stat_now.st_size - at);
    }
    return SMALTI_OK;
}

smalti_result smalti__source_check(const smalti__source *source, smalti_error *error)
{
    const struct smalti__source_state *state = source->state;
    if (!state || !state->watched)
        return SMALTI_OK;
    struct stat now;
    if (fstat(state->fd, &now))
        return open_error(source->name, "cannot be read", errno, error);
    const struct stat *then = &state->stat;
    if (now.st_size < then->st_size)
        return changed(source, true, error);
    /* not st_ctim: it also changes when the name is replaced by a rename, and the open file is still whole then */
    if (now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
        return changed(source, smalti__guard_lost(state->guard), error);
    if (smalti__guard_lost(state->guard)) /* SIGBUS from a file that is as it was: the disk could not read */
        return open_error(source->name, "cannot be read", EIO, error);
    return SMALTI_OK;
}

void smalti__source_consumed(smalti__source *source, size_t offset)
{
    enum { STEP = 2 << 20, PAGE = 64 << 10 }; /* rarely: each call costs page faults; PAGE is the largest there is */
    struct smalti__source_state *state = source->state;
    if (!state || !state->map || offset < state->released + STEP || offset > state->map_bytes)
        return;
    size_t end = offset / PAGE * PAGE;
    madvise((uint8_t *)state->map + state->released, end - state->released, MADV_DONTNEED);
    state->released = end;
}

void smalti__source_skimmed(smalti__source *source)
{
    struct smalti__source_state *state = source->state;
    if (state && state->map)
        madvise((uint8_t *)state->map + state->released, state->map_bytes - state->released, MADV_DONTNEED);
}

void smalti__source_close(smalti__source *source)
{
    struct smalti__source_state *state = source->state;
    if (state) {
        smalti__guard_remove(state->guard);
        if (state->map)
            munmap(state->map, state->map_bytes);
        if (state->owns_fd)
            close(state->fd);
        smalti__pool_put(state->pool, state->buffer);
        smalti__pool_put(state->pool, state);
    }
    *source = (smalti__source){.name = source->name};
}

smalti_result smalti__source_fail(const smalti__source *source, smalti_error *error, smalti_result code,
                                  uint64_t offset, const char *format, ...)
{
    /* what a decoder finds in a file that is being changed is not the file's fault */
    smalti_result lost = smalti__source_check(source, error);
    if (lost < 0)
        return lost;
    va_list arguments;
    va_start(arguments, format);
    smalti_result result = smalti__fail_in(error, code, source->name, offset, format, arguments);
    va_end(arguments);
    return result;
}
