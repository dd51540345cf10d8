/* SPDX-License-Identifier: Apache-2.0
 * Bytes out: a file that has no name until it is whole, a stream, memory, or a function.
 *
 * A file is written without a name (O_TMPFILE) and linked to its name at commit: whatever kills the process, nothing is
 * left behind. Where the file system cannot do that, it has a hidden temporary name and is renamed. There is no fsync: the
 * promise is about processes that die, not about power that fails, and a batch would wait for the disk at every file. */
#include "sink/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Encoders write blocks of this size or more, which go straight through; headers and chunk ends are gathered. */
enum { GATHER_BYTES = 64 << 10, TEMPORARY_NAME = 40 };

enum kind { KIND_FILE, KIND_STREAM, KIND_MEMORY, KIND_WRITER };

struct smalti__sink_state {
    enum kind kind;
    bool replace;
    bool flushed;   /* nothing is written any more */
    bool committed;
    smalti_result failed; /* of the first write that failed: what came after is not whole */
    int fd;
    bool owns_fd;
    int spool;                      /* a stream's bytes until commit; -1: they go straight to fd */
    char *path;                     /* as it is shown */
    const char *leaf;               /* the name inside its folder, in path */
    int folder;                     /* its folder, O_PATH */
    char temporary[TEMPORARY_NAME]; /* name inside the folder; "" for a file without a name */
    uint8_t *data;                  /* memory: the bytes; else what is gathered */
    size_t used, capacity, max_bytes;
    smalti__write_fn write; /* of a writer */
    smalti__larger_fn larger; /* memory: data is borrowed, and this gives a file when it is too small */
    void *user;
};

static smalti_result fail_errno(const struct smalti__sink_state *state, const char *what, smalti_error *error)
{
    int sys_errno = errno;
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail_errno(error, sys_errno, "%s: %s", smalti__name_text(state->path, shown), what);
}

static smalti_result fail_exists(const struct smalti__sink_state *state, smalti_error *error)
{
    char shown[SMALTI__NAME_TEXT];
    return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "%s: exists already", smalti__name_text(state->path, shown));
}

/* Opens the folder, and makes it and those above it when it is missing. Another task may make them at the same time. */
static smalti_result open_folder(struct smalti__sink_state *state, const char *folder, smalti_error *error)
{
    enum { FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC };
    state->folder = open(folder, FLAGS);
    if (state->folder >= 0)
        return SMALTI_OK;
    if (errno != ENOENT)
        return fail_errno(state, "its folder cannot be opened", error);
    char *part = strdup(folder);
    if (!part)
        return smalti__fail_nomem(error, strlen(folder) + 1);
    bool made = true;
    for (char *at = part; made && *at; at++) {
        if (at == part || *at != '/')
            continue;
        *at = '\0';
        made = !mkdir(part, 0777) || errno == EEXIST;
        *at = '/';
    }
    made = made && (!mkdir(part, 0777) || errno == EEXIST);
    int saved = errno;
    free(part);
    errno = saved;
    state->folder = made ? open(folder, FLAGS) : -1;
    return state->folder >= 0 ? SMALTI_OK : fail_errno(state, "its folder cannot be made", error);
}

/* A hidden name that no other sink has. */
static void invent_name(char name[TEMPORARY_NAME])
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = smalti__now_ns();
    snprintf(name, TEMPORARY_NAME, ".smalti-%016llx.tmp", (unsigned long long)random);
}

static smalti_result open_temporary(struct smalti__sink_state *state, smalti_error *error)
{
    /* without /proc a file without a name cannot be given one */
    bool can_link = !access("/proc/self/fd", X_OK);
    state->fd = can_link ? openat(state->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666) : -1;
    /* EISDIR, EINVAL and EOPNOTSUPP all stand for "not here"; a real reason comes back below */
    for (int attempt = 0; state->fd < 0 && attempt < 100; attempt++) {
        invent_name(state->temporary);
        state->fd = openat(state->folder, state->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (state->fd < 0 && errno != EEXIST) {
            state->temporary[0] = '\0';
            break;
        }
    }
    return state->fd >= 0 ? SMALTI_OK : fail_errno(state, "cannot be created", error);
}

static smalti_result open_path(struct smalti__sink_state *state, smalti_error *error)
{
    char shown[SMALTI__NAME_TEXT];
    /* a device or a pipe is written, never replaced by a file */
    struct stat there;
    if (!stat(state->path, &there) && !S_ISREG(there.st_mode)) {
        if (!S_ISCHR(there.st_mode) && !S_ISFIFO(there.st_mode))
            return smalti__fail(error, SMALTI_E_INVALID, "%s: is not a file", smalti__name_text(state->path, shown));
        state->kind = KIND_STREAM;
        state->fd = open(state->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return state->fd >= 0 ? SMALTI_OK : fail_errno(state, "cannot be opened", error);
    }
    const char *slash = strrchr(state->path, '/');
    state->leaf = slash ? slash + 1 : state->path;
    if (!*state->leaf)
        return smalti__fail(error, SMALTI_E_INVALID, "%s: is not the name of a file",
                            smalti__name_text(state->path, shown));
    size_t length = slash ? (size_t)(slash - state->path) : 0;
    SMALTI__CLEANUP_FREE char *folder = !slash ? strdup(".") : !length ? strdup("/") : strndup(state->path, length);
    if (!folder)
        return smalti__fail_nomem(error, length + 1);
    SMALTI__TRY(open_folder(state, folder, error));
    return open_temporary(state, error);
}

smalti_result smalti__sink_open_file(smalti__sink *sink, const char *path, bool replace, smalti_error *error)
{
    *sink = (smalti__sink){0};
    struct smalti__sink_state *state = calloc(1, sizeof *state);
    if (!state)
        return smalti__fail_nomem(error, sizeof *state);
    bool standard = !strcmp(path, "-");
    *state = (struct smalti__sink_state){.kind = KIND_FILE, .replace = replace, .fd = -1, .folder = -1, .spool = -1};
    sink->state = state;
    state->path = strdup(standard ? "standard output" : path);
    smalti_result result = SMALTI_OK;
    if (!state->path) {
        result = smalti__fail_nomem(error, strlen(path) + 1);
    } else if (standard) {
        state->kind = KIND_STREAM;
        state->fd = STDOUT_FILENO;
    } else {
        state->owns_fd = true;
        result = open_path(state, error);
    }
    if (result < 0)
        smalti__sink_close(sink);
    return result;
}

smalti_result smalti__sink_open_memory(smalti__sink *sink, size_t max_bytes, smalti_error *error)
{
    *sink = (smalti__sink){0};
    struct smalti__sink_state *state = calloc(1, sizeof *state);
    if (!state)
        return smalti__fail_nomem(error, sizeof *state);
    *state =
        (struct smalti__sink_state){.kind = KIND_MEMORY, .fd = -1, .folder = -1, .spool = -1, .max_bytes = max_bytes};
    sink->state = state;
    return SMALTI_OK;
}

/* A sink of a kind, without anything but a name for messages. */
static smalti_result open_named(smalti__sink *sink, enum kind kind, const char *name, smalti_error *error)
{
    *sink = (smalti__sink){0};
    struct smalti__sink_state *state = calloc(1, sizeof *state);
    char *path = strdup(name);
    if (!state || !path) {
        free(state);
        free(path);
        return smalti__fail_nomem(error, sizeof *state);
    }
    *state = (struct smalti__sink_state){.kind = kind, .fd = -1, .folder = -1, .spool = -1, .path = path, .leaf = path};
    sink->state = state;
    return SMALTI_OK;
}

smalti_result smalti__sink_open_writer(smalti__sink *sink, smalti__write_fn write, void *user, smalti_error *error)
{
    SMALTI__TRY(open_named(sink, KIND_WRITER, "output", error));
    sink->state->write = write;
    sink->state->user = user;
    return SMALTI_OK;
}

smalti_result smalti__sink_open_fd(smalti__sink *sink, int fd, const char *name, smalti_error *error)
{
    SMALTI__TRY(open_named(sink, KIND_FILE, name, error));
    sink->state->fd = fd;
    sink->state->owns_fd = true;
    return SMALTI_OK;
}

smalti_result smalti__sink_open_room(smalti__sink *sink, void *data, size_t room, smalti__larger_fn larger, void *user,
                                     const char *name, smalti_error *error)
{
    SMALTI__TRY(open_named(sink, KIND_MEMORY, name, error));
    sink->state->data = data;
    sink->state->capacity = room;
    sink->state->larger = larger;
    sink->state->user = user;
    return SMALTI_OK;
}

static smalti_result append(struct smalti__sink_state *state, const void *data, size_t size, smalti_error *error)
{
    size_t needed;
    if (!smalti__add(state->used, size, &needed))
        return smalti__fail_nomem(error, size);
    if (state->max_bytes && needed > state->max_bytes)
        return smalti__fail(error, SMALTI_E_LIMIT, "the output is larger than the limit of %zu bytes",
                            state->max_bytes);
    if (needed > state->capacity) {
        size_t capacity;
        if (!smalti__mul(state->capacity, 2, &capacity) || capacity < needed)
            capacity = needed < 4096 ? 4096 : needed;
        if (state->max_bytes && capacity > state->max_bytes)
            capacity = state->max_bytes;
        uint8_t *larger = realloc(state->data, capacity);
        if (!larger)
            return smalti__fail_nomem(error, capacity);
        state->data = larger;
        state->capacity = capacity;
    }
    memcpy(state->data + state->used, data, size);
    state->used = needed;
    return SMALTI_OK;
}

static smalti_result write_to(smalti__sink *sink, int fd, const uint8_t *data, size_t size, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    smalti_result result = SMALTI_OK;
    uint64_t started = smalti__now_ns();
    while (size && result == SMALTI_OK) {
        ssize_t put = write(fd, data, size);
        if (put >= 0) {
            data += put;
            size -= (size_t)put;
        } else if (errno == EAGAIN) { /* somebody's non-blocking pipe */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            result = fail_errno(state, "cannot be written", error);
        }
    }
    sink->write_ns += smalti__now_ns() - started;
    return result;
}

static smalti_result call_writer(smalti__sink *sink, const uint8_t *data, size_t size, smalti_error *error)
{
    const struct smalti__sink_state *state = sink->state;
    uint64_t started = smalti__now_ns();
    smalti_result result = size ? state->write(state->user, data, size) : SMALTI_OK;
    sink->write_ns += smalti__now_ns() - started;
    return result >= 0 ? SMALTI_OK
                       : smalti__fail(error, result, "%s: its writer ended with %d (%s)", state->path, (int)result,
                                      smalti_result_name(result));
}

/* To where the bytes belong in the end. */
static smalti_result deliver(smalti__sink *sink, const uint8_t *data, size_t size, smalti_error *error)
{
    return sink->state->kind == KIND_WRITER ? call_writer(sink, data, size, error)
                                            : write_to(sink, sink->state->fd, data, size, error);
}

static smalti_result write_out(smalti__sink *sink, const uint8_t *data, size_t size, smalti_error *error)
{
    int spool = sink->state->spool;
    return spool >= 0 ? write_to(sink, spool, data, size, error) : deliver(sink, data, size, error);
}

static smalti_result flush(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    size_t used = state->used;
    state->used = 0;
    return write_out(sink, state->data, used, error);
}

/* From borrowed memory that is too small into a file. */
static smalti_result move_out(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    const uint8_t *data = state->data;
    size_t used = state->used;
    SMALTI__TRY(state->larger(state->user, &state->fd, error));
    state->kind = KIND_FILE;
    state->owns_fd = true;
    state->larger = NULL;
    state->data = NULL;
    state->used = state->capacity = 0;
    return write_to(sink, state->fd, data, used, error);
}

static smalti_result put(smalti__sink *sink, const void *data, size_t size, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    if (state->larger && size > state->capacity - state->used)
        SMALTI__TRY(move_out(sink, error));
    if (state->kind == KIND_MEMORY)
        return append(state, data, size, error);
    if (!state->data) {
        state->data = malloc(GATHER_BYTES);
        if (!state->data)
            return smalti__fail_nomem(error, GATHER_BYTES);
        state->capacity = GATHER_BYTES;
    }
    if (size > state->capacity - state->used)
        SMALTI__TRY(flush(sink, error));
    if (size >= state->capacity)
        return write_out(sink, data, size, error);
    memcpy(state->data + state->used, data, size);
    state->used += size;
    return SMALTI_OK;
}

smalti_result smalti__sink_write(smalti__sink *sink, const void *data, size_t size, smalti_error *error)
{
    if (!size)
        return SMALTI_OK;
    smalti_result result = put(sink, data, size, error);
    if (result < 0)
        sink->state->failed = result;
    else
        sink->bytes += size;
    return result;
}

/* A file without a name for what cannot be rewritten, or is not here. */
static smalti_result open_spool(struct smalti__sink_state *state, smalti_error *error)
{
    if (state->spool >= 0)
        return SMALTI_OK;
    const char *folder = getenv("TMPDIR");
    folder = folder && *folder ? folder : "/tmp";
    state->spool = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (state->spool < 0) { /* a file system without such files */
        char name[64];
        snprintf(name, sizeof name, "/tmp/.smalti-XXXXXX");
        state->spool = mkostemp(name, O_CLOEXEC);
        if (state->spool >= 0)
            unlink(name);
    }
    return state->spool >= 0 ? SMALTI_OK : fail_errno(state, "a temporary file cannot be made", error);
}

smalti_result smalti__sink_rewritable(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    return state->kind == KIND_STREAM || state->kind == KIND_WRITER ? open_spool(state, error) : SMALTI_OK;
}

smalti_result smalti__sink_patch(smalti__sink *sink, uint64_t offset, const void *data, size_t size,
                                 smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    if (offset > sink->bytes || size > sink->bytes - offset)
        return smalti__fail(error, SMALTI_E_INVALID, "%zu bytes at %llu were not written yet", size,
                            (unsigned long long)offset);
    if (state->kind == KIND_MEMORY) {
        memcpy(state->data + offset, data, size);
        return SMALTI_OK;
    }
    smalti_result result = flush(sink, error);
    int fd = state->kind == KIND_FILE ? state->fd : state->spool;
    const uint8_t *from = data;
    while (size && result == SMALTI_OK) {
        ssize_t put = pwrite(fd, from, size, (off_t)offset);
        if (put < 0 && errno != EINTR)
            result = fail_errno(state, "cannot be written", error);
        if (put > 0)
            from += put, offset += (uint64_t)put, size -= (size_t)put;
    }
    state->failed = result < 0 ? result : state->failed;
    return result;
}

/* At commit: what was gathered goes to the stream. */
static smalti_result unspool(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    off_t offset = 0;
    for (;;) {
        ssize_t got = pread(state->spool, state->data, state->capacity, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(state, "its temporary file cannot be read", error);
        if (!got)
            return SMALTI_OK;
        SMALTI__TRY(deliver(sink, state->data, (size_t)got, error));
        offset += got;
    }
}

smalti_result smalti__sink_lend(smalti__sink *sink, int *fd, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    if (state->kind != KIND_FILE)
        SMALTI__TRY(open_spool(state, error));
    *fd = state->kind == KIND_FILE ? state->fd : state->spool;
    return SMALTI_OK;
}

/* What another process wrote for a memory sink. */
static smalti_result read_spool(smalti__sink *sink, uint64_t bytes, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    uint8_t block[16 << 10];
    for (uint64_t at = 0; at < bytes;) {
        ssize_t got = pread(state->spool, block, sizeof block, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail_errno(state, "its temporary file cannot be read", error);
        SMALTI__TRY(append(state, block, (size_t)got, error));
        at += (uint64_t)got;
    }
    return SMALTI_OK;
}

smalti_result smalti__sink_returned(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    struct stat status;
    if (fstat(state->kind == KIND_FILE ? state->fd : state->spool, &status))
        return fail_errno(state, "cannot be written", error);
    sink->bytes = (uint64_t)status.st_size;
    if (state->kind == KIND_MEMORY)
        return read_spool(sink, sink->bytes, error);
    if (state->kind != KIND_FILE && !state->data) { /* what the copying to the stream goes through */
        state->data = malloc(GATHER_BYTES);
        if (!state->data)
            return smalti__fail_nomem(error, GATHER_BYTES);
        state->capacity = GATHER_BYTES;
    }
    return SMALTI_OK;
}

/* Links the file without a name to name. */
static bool link_to(const struct smalti__sink_state *state, const char *name)
{
    char self[32];
    snprintf(self, sizeof self, "/proc/self/fd/%d", state->fd);
    return !linkat(AT_FDCWD, self, state->folder, name, AT_SYMLINK_FOLLOW);
}

/* Gives the file a temporary name, from which it can be renamed over another. */
static bool link_temporary(struct smalti__sink_state *state)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        invent_name(state->temporary);
        if (link_to(state, state->temporary))
            return true;
        if (errno != EEXIST)
            break;
    }
    state->temporary[0] = '\0';
    return false;
}

/* Moves the temporary name to the final one, which must not exist. */
static bool rename_new(struct smalti__sink_state *state)
{
    if (!renameat2(state->folder, state->temporary, state->folder, state->leaf, RENAME_NOREPLACE)) {
        state->temporary[0] = '\0';
        return true;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* NFS, for one, has no such rename but has links; close removes the temporary name */
    return !linkat(state->folder, state->temporary, state->folder, state->leaf, 0);
}

static smalti_result give_name(struct smalti__sink_state *state, smalti_error *error)
{
    if (state->temporary[0]) {
        /* network file systems report a full disk here */
        int closed = close(state->fd);
        state->fd = -1;
        if (closed && errno != EINTR)
            return fail_errno(state, "cannot be written", error);
    } else {
        if (link_to(state, state->leaf))
            return SMALTI_OK;
        if (errno != EEXIST)
            return fail_errno(state, "cannot be created", error);
        if (!state->replace)
            return fail_exists(state, error);
        if (!link_temporary(state))
            return fail_errno(state, "cannot be replaced", error);
    }
    if (!state->replace) {
        if (rename_new(state))
            return SMALTI_OK;
        return errno == EEXIST ? fail_exists(state, error) : fail_errno(state, "cannot be created", error);
    }
    if (renameat(state->folder, state->temporary, state->folder, state->leaf))
        return fail_errno(state, "cannot be replaced", error);
    state->temporary[0] = '\0';
    return SMALTI_OK;
}

smalti_result smalti__sink_rename(smalti__sink *sink, const char *path, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - path) : 0, own = (size_t)(state->leaf - state->path);
    if (state->kind != KIND_FILE || folder != own || memcmp(path, state->path, own))
        return smalti__fail(error, SMALTI_E_INVALID, "%s: an output cannot change its folder", SMALTI__SHOWN(path));
    char *copy = strdup(path);
    if (!copy)
        return smalti__fail_nomem(error, strlen(path) + 1);
    free(state->path);
    state->path = copy;
    state->leaf = copy + folder;
    return SMALTI_OK;
}

smalti_result smalti__sink_flush(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    if (state->flushed)
        return SMALTI_OK;
    if (state->failed) {
        char shown[SMALTI__NAME_TEXT];
        return smalti__fail(error, state->failed, "%s: an earlier write failed",
                            smalti__name_text(state->path ? state->path : "output", shown));
    }
    if (state->kind != KIND_MEMORY) {
        smalti_result result = flush(sink, error);
        if (result == SMALTI_OK && state->spool >= 0 && state->data)
            result = unspool(sink, error);
        state->failed = result;
        SMALTI__TRY(result);
    }
    state->flushed = true;
    return SMALTI_OK;
}

smalti_result smalti__sink_commit(smalti__sink *sink, smalti_error *error)
{
    struct smalti__sink_state *state = sink->state;
    if (state->committed)
        return SMALTI_OK;
    SMALTI__TRY(smalti__sink_flush(sink, error));
    if (state->kind == KIND_FILE)
        SMALTI__TRY(give_name(state, error));
    state->committed = true;
    return SMALTI_OK;
}

void *smalti__sink_take(smalti__sink *sink, size_t *size)
{
    struct smalti__sink_state *state = sink->state;
    void *data = state->data;
    *size = state->used;
    state->data = NULL;
    state->used = state->capacity = 0;
    return data;
}

void smalti__sink_close(smalti__sink *sink)
{
    struct smalti__sink_state *state = sink->state;
    if (!state)
        return;
    if (state->temporary[0])
        unlinkat(state->folder, state->temporary, 0);
    if (state->owns_fd && state->fd >= 0)
        close(state->fd);
    if (state->spool >= 0)
        close(state->spool);
    if (state->folder >= 0)
        close(state->folder);
    free(state->path);
    if (!state->larger)
        free(state->data);
    free(state);
    sink->state = NULL;
}
