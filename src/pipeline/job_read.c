/* SPDX-License-Identifier: Apache-2.0
 * A job's JSON document, read as it comes. The items of "tasks", of which there may be hundreds of thousands, are cut out and
 * parsed one by one, so that neither their text nor a tree of them is ever in memory as a whole. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "pipeline/job_json.h"

enum { CHUNK = 256 << 10, TASK_MAX = 1 << 20, DOCUMENT_MAX = 256 << 20 };

typedef struct text {
    char *data;
    size_t size, room;
} text;

enum state {
    OUTSIDE, /* of "tasks" */
    NAMED,   /* behind what may be its key */
    OPENING, /* behind the colon */
    INSIDE
};

typedef struct reader {
    smalti_job *job;
    enum state state;
    bool in_string, escaped;
    size_t depth;       /* of brackets: in the document, and INSIDE in the task */
    text document;      /* all but the tasks */
    text task;          /* so far; without blanks before it */
    size_t string_at;   /* where the document's last string begins */
    uint64_t offset;    /* of the next byte */
    int line;           /* it is in */
    uint64_t task_offset;
    int task_line;
    size_t tasks;
    size_t cut_at;      /* place in the document from which on so many bytes are missing */
    uint64_t cut_bytes;
} reader;

static smalti_result put(text *to, const char *data, size_t size, size_t max, const char *what, smalti_error *error)
{
    if (size > max - to->size)
        return smalti__fail(error, SMALTI_E_LIMIT, "%s is larger than %zu bytes", what, max);
    if (size > to->room - to->size) {
        size_t room = to->room ? to->room : 4096;
        while (room - to->size < size)
            room *= 2; /* no overflow: max is far below */
        char *larger = realloc(to->data, room);
        if (!larger)
            return smalti__fail_nomem(error, room);
        to->data = larger;
        to->room = room;
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
    return SMALTI_OK;
}

static smalti_result put_document(reader *self, const char *data, size_t size, smalti_error *error)
{
    return put(&self->document, data, size, DOCUMENT_MAX, "the job without its tasks", error);
}

static smalti_result fail_json(const json_error_t *why, uint64_t offset, int line, smalti_error *error)
{
    char shown[JSON_ERROR_TEXT_LENGTH * 2];
    smalti__printable(why->text, strlen(why->text), shown, sizeof shown);
    return smalti__fail_at(error, SMALTI_E_INVALID, offset, "line %d: %s", line, shown);
}

/* ---- tasks ---- */

/* At the comma or bracket behind a task. */
static smalti_result end_task(reader *self, bool last, smalti_error *error)
{
    json_error_t why;
    if (!self->task.size && last && !self->tasks)
        return SMALTI_OK;
    if (!self->task.size)
        return smalti__fail_at(error, SMALTI_E_INVALID, self->offset, "line %d: a task is missing before '%c'",
                               self->line, last ? ']' : ',');
    json_t *item = json_loadb(self->task.data, self->task.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!item)
        return fail_json(&why, self->task_offset + (uint64_t)(why.position > 0 ? why.position : 0),
                         self->task_line + why.line - 1, error);
    smalti_result result = smalti__job_json_task(self->job, self->tasks++, item, error);
    json_decref(item);
    self->task.size = 0;
    return result;
}

/* One byte inside the array, outside of strings. */
static smalti_result take_task_byte(reader *self, char byte, smalti_error *error)
{
    if (byte == '\n')
        SMALTI__TRY(put_document(self, "\n", 1, error)); /* its lines keep their numbers */
    else
        self->cut_bytes++;
    if (!self->depth && (byte == ',' || byte == ']')) {
        SMALTI__TRY(end_task(self, byte == ']', error));
        if (byte == ',')
            return SMALTI_OK;
        self->cut_bytes--;
        self->state = OUTSIDE;
        self->depth = 1;
        return put_document(self, "]", 1, error);
    }
    if (byte == '{' || byte == '[')
        self->depth++;
    if ((byte == '}' || byte == ']') && self->depth)
        self->depth--;
    self->in_string = byte == '"';
    if (!self->task.size) {
        if (strchr(" \t\r\n", byte) && byte)
            return SMALTI_OK;
        self->task_offset = self->offset;
        self->task_line = self->line;
    }
    return put(&self->task, &byte, 1, TASK_MAX, "a task", error);
}

/* ---- the rest ---- */

static void begin_tasks(reader *self)
{
    self->state = INSIDE;
    self->depth = 0;
    self->cut_at = self->document.size;
}

static smalti_result take_byte(reader *self, char byte, smalti_error *error)
{
    SMALTI__TRY(put_document(self, &byte, 1, error));
    if (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
        return SMALTI_OK;
    enum state before = self->state;
    self->state = before == NAMED && byte == ':' ? OPENING : OUTSIDE;
    if (before == OPENING && byte == '[') {
        begin_tasks(self);
    } else if (byte == '"') {
        self->in_string = true;
        self->string_at = self->document.size - 1;
    } else if (byte == '{' || byte == '[') {
        self->depth++;
    } else if ((byte == '}' || byte == ']') && self->depth) {
        self->depth--;
    }
    return SMALTI_OK;
}

/* At the quote that ends a string. */
static void end_string(reader *self)
{
    static const char key[] = "\"tasks\"";
    self->in_string = false;
    if (self->state != INSIDE && self->depth == 1 && self->document.size - self->string_at == sizeof key - 1 &&
        !memcmp(self->document.data + self->string_at, key, sizeof key - 1))
        self->state = NAMED;
}

/* Of a string as much as is here; *used: bytes of it. */
static smalti_result take_string(reader *self, const char *data, size_t size, size_t *used, smalti_error *error)
{
    const char *quote = self->escaped ? NULL : memchr(data, '"', size);
    const char *escape = self->escaped ? NULL : memchr(data, '\\', quote ? (size_t)(quote - data) : size);
    *used = self->escaped ? 1 : escape ? (size_t)(escape - data) + 1 : quote ? (size_t)(quote - data) + 1 : size;
    if (self->state == INSIDE) {
        self->cut_bytes += *used;
        SMALTI__TRY(put(&self->task, data, *used, TASK_MAX, "a task", error));
    } else {
        SMALTI__TRY(put_document(self, data, *used, error));
    }
    if (!escape && quote)
        end_string(self);
    self->escaped = escape != NULL;
    return SMALTI_OK;
}

static smalti_result take(reader *self, const char *data, size_t size, smalti_error *error)
{
    for (size_t used; size; data += used, size -= used, self->offset += used) {
        used = 1;
        if (self->in_string)
            SMALTI__TRY(take_string(self, data, size, &used, error));
        else if (self->state == INSIDE)
            SMALTI__TRY(take_task_byte(self, *data, error));
        else
            SMALTI__TRY(take_byte(self, *data, error));
        if (used == 1 && *data == '\n')
            self->line++;
    }
    return SMALTI_OK;
}

static smalti_result take_end(reader *self, smalti_error *error)
{
    json_error_t why;
    json_t *root =
        json_loadb(self->document.data ? self->document.data : "", self->document.size, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        uint64_t offset = why.position >= 0 ? (uint64_t)why.position : SMALTI_NO_OFFSET;
        if (why.position > 0 && self->cut_bytes && (size_t)why.position > self->cut_at)
            offset += self->cut_bytes;
        return fail_json(&why, offset, why.line, error);
    }
    smalti_result result = smalti__job_json_read(self->job, root, error);
    json_decref(root);
    return result;
}

/* ---- where it comes from ---- */

static smalti_result begin(reader *self, smalti_error *error)
{
    *self = (reader){.line = 1};
    return smalti_job_new(&self->job, error);
}

static smalti_result finish(reader *self, smalti_result result, const char *name, smalti_job **job, smalti_error *error)
{
    free(self->document.data);
    free(self->task.data);
    if (result < 0) {
        smalti__error_prefix(error, name);
        smalti_job_free(self->job);
        return result;
    }
    *job = self->job;
    return SMALTI_OK;
}

smalti_result smalti_job_parse(const char *json, size_t size, const char *name, smalti_job **job, smalti_error *error)
{
    reader self;
    SMALTI__TRY(begin(&self, error));
    smalti_result result = take(&self, json, size, error);
    if (result == SMALTI_OK)
        result = take_end(&self, error);
    return finish(&self, result, name, job, error);
}

static smalti_result take_fd(reader *self, int fd, char *chunk, smalti_error *error)
{
    for (;;) {
        ssize_t got = read(fd, chunk, CHUNK);
        if (got > 0)
            SMALTI__TRY(take(self, chunk, (size_t)got, error));
        else if (!got)
            return take_end(self, error);
        else if (errno == EAGAIN) /* somebody's non-blocking pipe */
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
        else if (errno != EINTR)
            return smalti__fail_errno(error, errno, "cannot be read");
    }
}

smalti_result smalti_job_read_fd(int fd, const char *name, smalti_job **job, smalti_error *error)
{
    reader self;
    SMALTI__CLEANUP_FREE char *chunk = malloc(CHUNK);
    if (!chunk)
        return smalti__fail_nomem(error, CHUNK);
    SMALTI__TRY(begin(&self, error));
    return finish(&self, take_fd(&self, fd, chunk, error), name, job, error);
}
