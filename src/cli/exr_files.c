/* SPDX-License-Identifier: Apache-2.0
 * EXR files of folders, and many readers in flight over them: a cold cache answers 16 readers four times as fast as one. */
#include "cli/exr.h"
#include "cli/report.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 64, /* folders within folders */
    BATCH = 32,     /* files that a reader takes at once */
    READERS = 16,
    READERS_MOST = 64,
    AHEAD = 32 /* batches that may be done before their turn to be written */
};

/* ---- Lists of files ---- */

void exr_files_clear(exr_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->paths[i]);
    free(files->paths);
    *files = (exr_files){0};
}

/* Takes path on success. */
static bool append(exr_files *files, char *path)
{
    if (files->count == files->room) {
        size_t room = files->room ? files->room * 2 : 256;
        char **larger = realloc(files->paths, room * sizeof *larger);
        if (!larger)
            return false;
        files->paths = larger, files->room = room;
    }
    files->paths[files->count++] = path;
    return true;
}

static bool is_exr(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name && (!strcasecmp(dot, ".exr") || !strcasecmp(dot, ".sxr") || !strcasecmp(dot, ".mxr"));
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A folder on the way from the first one down: a link may lead back up. */
typedef struct file_level {
    const struct file_level *above;
    dev_t device;
    ino_t inode;
    int depth;
} file_level;

static bool descend(const char *path, const file_level *above, file_level *here)
{
    struct stat status = {0};
    if (stat(path, &status) < 0)
        status = (struct stat){0}; /* reading it will say why */
    *here = (file_level){above, status.st_dev, status.st_ino, above ? above->depth + 1 : 0};
    for (const file_level *at = above; at; at = at->above)
        if (at->inode == here->inode && at->device == here->device)
            return false;
    return here->depth <= DEPTH_MAX;
}

/* What an entry is; only links and file systems that do not say need a call. */
static bool entry_kind(const struct dirent *entry, const char *path, bool *folder)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) {
        *folder = entry->d_type == DT_DIR;
        return *folder || entry->d_type == DT_REG;
    }
    if (stat(path, &status) < 0)
        return false;
    *folder = S_ISDIR(status.st_mode);
    return *folder || S_ISREG(status.st_mode);
}

static smalti_result add_folder(exr_files *files, const char *path, bool recursive, const file_level *above,
                                smalti_error *error)
{
    file_level here;
    struct dirent **entries;
    if (!descend(path, above, &here))
        return SMALTI_OK;
    int count = scandir(path, &entries, visible, by_bytes);
    if (count < 0)
        return cli_fail_errno(error, "%s: cannot read the folder", path);
    smalti_result result = SMALTI_OK;
    for (int i = 0; i < count; i++) {
        char *inside = result == SMALTI_OK ? cli_join(path, entries[i]->d_name) : NULL;
        bool folder = false, taken = false;
        if (result == SMALTI_OK && !inside)
            result = cli_fail(error, SMALTI_E_NOMEM, "no memory for the list of files");
        else if (inside && entry_kind(entries[i], inside, &folder)) {
            if (folder && recursive)
                result = add_folder(files, inside, true, &here, error);
            else if (!folder && is_exr(inside))
                taken = append(files, inside);
        }
        if (!taken)
            free(inside);
        free(entries[i]);
    }
    free(entries);
    return result;
}

smalti_result exr_files_add(exr_files *files, const char *path, bool recursive, smalti_error *error)
{
    struct stat status;
    /* a name that ends like a file's is taken for one: among 10,000 such names each call counts */
    if (!is_exr(path) && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return add_folder(files, path, recursive, NULL, error);
    char *copy = strdup(path); /* a file that is not there fails in its turn */
    if (copy && append(files, copy))
        return SMALTI_OK;
    free(copy);
    return cli_fail(error, SMALTI_E_NOMEM, "no memory for the list of files");
}

int exr_files_gather(exr_files *files, const cli_arguments *arguments, bool recursive)
{
    int code = 0;
    for (size_t i = 0; i < arguments->operand_count; i++) {
        smalti_error error;
        if (exr_files_add(files, arguments->operands[i], recursive, &error) < 0) {
            int failed = cli_complain(&error);
            code = code ? code : failed;
        }
    }
    return code;
}

/* ---- Readers ---- */

/* Before what is said of a file; left out before the first. */
#define JSON_SEPARATOR ",\n"

typedef struct file_batch {
    cli_buffer out;
    smalti_error *errors[BATCH]; /* of files that failed; owned */
    bool done;
} file_batch;

typedef struct file_reader {
    struct file_flight *flight;
    smalti_exr *exr; /* owned */
    pthread_t thread;
} file_reader;

typedef struct file_flight {
    const exr_run *run;
    const exr_files *files;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done;  /* the batch at written was done */
    pthread_cond_t room;  /* batches were written while readers waited */
    size_t waiting;       /* readers, for room */
    size_t started, most; /* readers, and how many there may be */
    size_t next;          /* first file that nobody has taken */
    size_t written;       /* files whose batches are written */
    file_reader readers[READERS_MOST];
    file_batch ring[AHEAD];
} file_flight;

static file_batch *batch_of(file_flight *flight, size_t first)
{
    return &flight->ring[first / BATCH % AHEAD];
}

static void work_batch(const exr_run *run, const exr_files *files, smalti_exr *exr, size_t first, file_batch *batch)
{
    batch->out.size = 0;
    for (size_t i = first; i < first + BATCH && i < files->count; i++) {
        smalti_error error;
        size_t before = batch->out.size;
        if (run->json)
            cli_buffer_text(&batch->out, JSON_SEPARATOR);
        size_t begun = batch->out.size;
        batch->out.comma = false;
        batch->errors[i - first] = NULL;
        if (run->work(run->user, exr, files->paths[i], i, &batch->out, &error) < 0) {
            batch->errors[i - first] = malloc(sizeof error);
            if (batch->errors[i - first])
                *batch->errors[i - first] = error;
            else
                batch->out.lost = true;
        }
        if (batch->out.size == begun)
            batch->out.size = before;
    }
}

static uint64_t thread_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void *reader_thread(void *user);

/* One more; the lock is held. */
static void start_reader(file_flight *flight)
{
    file_reader *reader = &flight->readers[flight->started];
    reader->flight = flight;
    if (smalti_exr_new(flight->run->options, &reader->exr, NULL) < 0)
        return;
    if (pthread_create(&reader->thread, NULL, reader_thread, reader))
        smalti_exr_free(reader->exr);
    else
        flight->started++;
}

/* Works on a batch without the lock. True when it waited longer than it worked: for the disk, mostly. */
static bool work_timed(file_flight *flight, smalti_exr *exr, size_t first, file_batch *batch)
{
    uint64_t began = cli_now_ns(), worked = thread_ns();
    work_batch(flight->run, flight->files, exr, first, batch);
    return cli_now_ns() - began > 2 * (thread_ns() - worked);
}

static void *reader_thread(void *user)
{
    file_reader *self = user;
    file_flight *flight = self->flight;
    /* A table of descriptors of its own: threads that open and close thousands of files in one wait for each other, and pay
     * for it at every read. Where that is refused, they share. */
    unshare(CLONE_FILES);
    pthread_mutex_lock(&flight->lock);
    while (flight->next < flight->files->count) {
        size_t first = flight->next;
        flight->next += BATCH;
        flight->waiting++;
        while (first - flight->written >= (size_t)AHEAD * BATCH)
            pthread_cond_wait(&flight->room, &flight->lock);
        flight->waiting--;
        file_batch *batch = batch_of(flight, first);
        pthread_mutex_unlock(&flight->lock);
        bool waited = work_timed(flight, self->exr, first, batch);
        pthread_mutex_lock(&flight->lock);
        batch->done = true;
        if (first == flight->written)
            pthread_cond_signal(&flight->done);
        if (waited && flight->started < flight->most && flight->next < flight->files->count)
            start_reader(flight);
    }
    pthread_mutex_unlock(&flight->lock);
    return NULL;
}

/* ---- Writing ---- */

typedef struct file_writer {
    cli_bar bar;
    bool begun, lost;
    int code;
} file_writer;

static void write_error(file_writer *writer, smalti_error *error)
{
    cli_bar_clear(&writer->bar);
    /* a failure without a message has been told in the output */
    int code = *error->message ? cli_complain(error) : cli_exit_code(error->code);
    writer->code = writer->code ? writer->code : code;
    free(error);
}

static void write_batch(file_writer *writer, const exr_run *run, const exr_files *files, size_t first,
                        file_batch *batch)
{
    size_t separator = run->json && !writer->begun ? strlen(JSON_SEPARATOR) : 0;
    if (batch->out.size) {
        fwrite(batch->out.data + separator, 1, batch->out.size - separator, stdout);
        writer->begun = true;
    }
    for (size_t i = first; i < first + BATCH && i < files->count; i++) {
        smalti_error *error = batch->errors[i - first];
        smalti_event event = {.kind = error ? SMALTI_EVENT_FAILED : SMALTI_EVENT_DONE, .task = i};
        if (error)
            write_error(writer, error);
        cli_bar_event(&writer->bar, &event);
    }
    writer->lost = writer->lost || batch->out.lost;
    batch->done = false;
}

/* In the order of the files. */
static void write_all(file_flight *flight, file_writer *writer)
{
    const exr_files *files = flight->files;
    pthread_mutex_lock(&flight->lock);
    while (flight->written < files->count) {
        file_batch *batch = batch_of(flight, flight->written);
        while (!batch->done)
            pthread_cond_wait(&flight->done, &flight->lock);
        pthread_mutex_unlock(&flight->lock);
        write_batch(writer, flight->run, files, flight->written, batch);
        pthread_mutex_lock(&flight->lock);
        flight->written += BATCH;
        if (flight->waiting)
            pthread_cond_broadcast(&flight->room);
    }
    pthread_mutex_unlock(&flight->lock);
}

/* Few files, or one reader: no threads. */
static void work_alone(file_flight *flight, file_writer *writer, smalti_exr *exr)
{
    for (size_t first = 0; first < flight->files->count; first += BATCH) {
        work_batch(flight->run, flight->files, exr, first, &flight->ring[0]);
        write_batch(writer, flight->run, flight->files, first, &flight->ring[0]);
    }
}

/* As many readers as there are processors, and more as long as they wait for the disk. */
static void work_together(file_flight *flight, file_writer *writer, smalti_exr *exr)
{
    size_t first = cli_processors();
    pthread_mutex_init(&flight->lock, NULL);
    pthread_cond_init(&flight->done, NULL);
    pthread_cond_init(&flight->room, NULL);
    pthread_mutex_lock(&flight->lock);
    for (size_t i = 0; i < first && i < flight->most; i++)
        start_reader(flight);
    bool alone = !flight->started;
    pthread_mutex_unlock(&flight->lock);
    if (alone)
        work_alone(flight, writer, exr);
    else
        write_all(flight, writer);
    for (size_t i = 0; i < flight->started; i++) { /* all files are taken: no more are started */
        pthread_join(flight->readers[i].thread, NULL);
        smalti_exr_free(flight->readers[i].exr);
    }
    pthread_cond_destroy(&flight->room);
    pthread_cond_destroy(&flight->done);
    pthread_mutex_destroy(&flight->lock);
}

int exr_run_files(const exr_run *run, const exr_files *files)
{
    file_writer writer = {0};
    smalti_exr *exr;
    smalti_error error;
    if (smalti_exr_new(run->options, &exr, &error) < 0)
        return cli_complain(&error);
    file_flight *flight = calloc(1, sizeof *flight);
    if (!flight) {
        smalti_exr_free(exr);
        cli_fail(&error, SMALTI_E_NOMEM, "no memory for the readers");
        return cli_complain(&error);
    }
    flight->run = run, flight->files = files;
    size_t most = files->count / BATCH, readers = run->readers ? run->readers : READERS;
    readers = readers < most ? readers : most;
    flight->most = readers < READERS_MOST ? readers : READERS_MOST;
    cli_bar_start(&writer.bar, files->count);
    writer.bar.on = writer.bar.on && !isatty(STDOUT_FILENO);
    if (flight->most > 1)
        work_together(flight, &writer, exr);
    else
        work_alone(flight, &writer, exr);
    cli_bar_clear(&writer.bar);
    for (size_t i = 0; i < AHEAD; i++)
        cli_buffer_clear(&flight->ring[i].out);
    free(flight);
    smalti_exr_free(exr);
    if (writer.lost) {
        cli_fail(&error, SMALTI_E_NOMEM, "no memory for the output");
        return cli_complain(&error);
    }
    return writer.code;
}
