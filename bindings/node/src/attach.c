/* SPDX-License-Identifier: Apache-2.0
 * Bytes where the library wants a file: a file in memory without a name, opened through /proc. By the number of this process,
 * since a worker process opens it as well, before it enters its jail. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "binding.h"

enum { NAME_MOST = 64 };
static const char shown[] = "the input of composite";

static void name_of(int fd, char name[NAME_MOST])
{
    snprintf(name, NAME_MOST, "/proc/%ld/fd/%d", (long)getpid(), fd);
}

static smalti_result fail(smalti_error *error, smalti_result code, int sys_errno)
{
    *error = (smalti_error){.code = code, .sys_errno = sys_errno, .offset = SMALTI_NO_OFFSET};
    snprintf(error->message, sizeof error->message, "%s: no memory for its bytes", shown);
    return code;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= (size_t)written;
    }
    return true;
}

static int hold(binding_task *task, const binding_bytes *block)
{
    int *more = realloc(task->attached, (task->attached_count + 1) * sizeof *more);
    if (!more)
        return -1;
    task->attached = more;
    int fd = memfd_create("smalti-attached", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    task->attached[task->attached_count++] = fd; /* closed with the others, also when this fails */
    return write_all(fd, block->data, block->size) ? fd : -1;
}

smalti_result binding__attach(binding_task *task, const binding_bytes *block, const char *params, char **with,
                              smalti_error *error)
{
    char name[NAME_MOST];
    int fd = hold(task, block);
    if (fd < 0)
        return fail(error, errno == ENOMEM ? SMALTI_E_NOMEM : SMALTI_E_IO, errno);
    size_t room = sizeof name + strlen(params) + sizeof "file=,";
    *with = malloc(room);
    if (!*with)
        return fail(error, SMALTI_E_NOMEM, 0);
    name_of(fd, name);
    snprintf(*with, room, "file=%s%s%s", name, *params ? "," : "", params);
    return SMALTI_OK;
}

void binding__attached_close(binding_task *task)
{
    while (task->attached_count)
        close(task->attached[--task->attached_count]);
    free(task->attached);
    task->attached = NULL;
}

void binding__attached_name(const binding_task *task, smalti_error *error)
{
    for (size_t i = 0; i < task->attached_count; i++) {
        char name[NAME_MOST], text[sizeof error->message];
        name_of(task->attached[i], name);
        const char *at = strstr(error->message, name), *behind = at ? at + strlen(name) : NULL;
        if (!at || (*behind >= '0' && *behind <= '9'))
            continue;
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - error->message), error->message, shown, behind);
        memcpy(error->message, text, sizeof text);
    }
}
