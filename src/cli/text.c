/* SPDX-License-Identifier: Apache-2.0
 * Messages, exit codes, wrapped text and small files. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const cli_exit_class cli_exit_classes[] = {
    {0, "ok", "everything went well"},
    {1, "internal", "something inside went wrong that should not"},
    {2, "invalid", "a wrong option, argument, job or parameter"},
    {3, "format", "a malformed or truncated image, or one of an unknown format"},
    {4, "unsupported", "a valid request or image that this version does not handle"},
    {5, "limit", "a limit on pixels, memory or size was reached"},
    {6, "nomem", "the system has no memory left"},
    {7, "io", "a file could not be read or written"},
    {8, "kernel", "a kernel is not valid, trapped, ran out of time or memory, or failed its test"},
    {9, "peer", "another process or machine failed"},
    {10, "cancelled", "stopped by a signal"},
    {0},
};

__attribute__((__format__(__printf__, 4, 0))) static void fill(smalti_error *error, smalti_result code, int sys_errno,
                                                               const char *format, va_list list)
{
    *error = (smalti_error){.code = code, .sys_errno = sys_errno, .offset = SMALTI_NO_OFFSET};
    int length = vsnprintf(error->message, sizeof error->message, format, list);
    if (sys_errno && length >= 0 && (size_t)length < sizeof error->message)
        snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", strerror(sys_errno));
}

smalti_result cli_fail(smalti_error *error, smalti_result code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fill(error, code, 0, format, list);
    va_end(list);
    return code;
}

smalti_result cli_fail_errno(smalti_error *error, const char *format, ...)
{
    int sys_errno = errno;
    va_list list;
    va_start(list, format);
    fill(error, SMALTI_E_IO, sys_errno, format, list);
    va_end(list);
    return SMALTI_E_IO;
}

int cli_exit_code(smalti_result result)
{
    int class = smalti_result_class(result);
    return class == 0 ? 0 : class <= smalti_result_class(SMALTI_E_CANCELLED) ? class + 1 : 1;
}

const char *cli_printable(const char *text, char *out, size_t out_size)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && used + 5 < out_size; p++) {
        if (*p >= 0x20 && *p != 0x7f)
            out[used++] = (char)*p;
        else
            used += (size_t)snprintf(out + used, out_size - used, "\\x%02x", *p);
    }
    out[used] = 0;
    return out;
}

void cli_say(const char *format, ...)
{
    char raw[1024], text[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(raw, sizeof raw, format, list);
    va_end(list);
    fprintf(stderr, "smalti: %s\n", cli_printable(raw, text, sizeof text));
}

int cli_complain(const smalti_error *error)
{
    cli_say("%s", error->message);
    return cli_exit_code(error->code);
}

int cli_close_output(int code)
{
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || code)
        return code;
    if (errno != EPIPE) /* who reads from a pipe and has enough is no one to complain to */
        cli_say("cannot write to standard output: %s", strerror(errno ? errno : EIO));
    return cli_exit_code(SMALTI_E_IO);
}

const char *cli_bytes_text(uint64_t bytes, char *out, size_t out_size)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(out, out_size, "%u B", (unsigned)bytes);
        return out;
    }
    size_t unit = 0;
    double value = (double)bytes / 1000;
    for (; value >= 999.95 && unit + 1 < CLI_COUNT(units); unit++)
        value /= 1000;
    snprintf(out, out_size, "%.1f %s", value, units[unit]);
    return out;
}

const char *cli_sample_name(smalti_sample sample)
{
    switch (sample) {
    case SMALTI_SAMPLE_U8:
        return "u8";
    case SMALTI_SAMPLE_U16:
        return "u16";
    case SMALTI_SAMPLE_F16:
        return "f16";
    case SMALTI_SAMPLE_F32:
        return "f32";
    }
    return "unknown";
}

void cli_wrap(FILE *out, const char *text, int start, int indent, int width)
{
    int column = start;
    bool first = true;
    while (*text) {
        size_t bytes = strcspn(text, " \n");
        int letters = 0;
        for (size_t i = 0; i < bytes; i++)
            letters += (text[i] & 0xc0) != 0x80; /* a character counts once, whatever its bytes */
        if (!first && column + 1 + letters > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            putc(' ', out);
            column++;
        }
        fwrite(text, 1, bytes, out);
        column += letters;
        first = false;
        text += bytes;
        text += strspn(text, " ");
        if (*text == '\n') { /* a line of its own begins here */
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            text++;
            column = indent, first = true;
        }
    }
    putc('\n', out);
}

static smalti_result read_stream(FILE *file, const char *name, size_t max, char **data, size_t *size,
                                 smalti_error *error)
{
    size_t room = 65536, used = 0;
    char *bytes = malloc(room + 1);
    while (bytes) {
        used += fread(bytes + used, 1, room - used, file);
        if (used < room)
            break;
        if (room > max) {
            free(bytes);
            return cli_fail(error, SMALTI_E_LIMIT, "%s: more than %zu bytes", name, max);
        }
        char *larger = realloc(bytes, (room *= 2) + 1);
        if (!larger)
            free(bytes);
        bytes = larger;
    }
    if (!bytes)
        return cli_fail(error, SMALTI_E_NOMEM, "%s: no memory to read it", name);
    if (ferror(file)) {
        free(bytes);
        return cli_fail_errno(error, "%s: cannot read", name);
    }
    bytes[used] = 0;
    *data = bytes;
    *size = used;
    return SMALTI_OK;
}

smalti_result cli_read_file(const char *path, size_t max, char **data, size_t *size, smalti_error *error)
{
    if (!strcmp(path, "-"))
        return read_stream(stdin, "standard input", max, data, size, error);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return cli_fail_errno(error, "%s: cannot open", path);
    smalti_result result = read_stream(file, path, max, data, size, error);
    fclose(file);
    return result;
}

smalti_result cli_read_job(const char *path, smalti_job **job, smalti_error *error)
{
    bool is_stdin = !strcmp(path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cli_fail_errno(error, "%s: cannot open", path);
    smalti_result result = smalti_job_read_fd(fd, is_stdin ? "standard input" : path, job, error);
    if (!is_stdin)
        close(fd);
    return result;
}

char *cli_join(const char *folder, const char *name)
{
    size_t before = strlen(folder), size = strlen(name) + 1;
    bool slash = before && folder[before - 1] != '/';
    char *path = malloc(before + slash + size);
    if (!path)
        return NULL;
    memcpy(path, folder, before);
    path[before] = '/';
    memcpy(path + before + slash, name, size);
    return path;
}

uint32_t cli_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

uint32_t cli_lanes(uint32_t asked)
{
    return asked < cli_processors() ? asked : cli_processors();
}
