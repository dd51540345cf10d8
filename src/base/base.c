/* SPDX-License-Identifier: Apache-2.0
 * Errors, time and log. */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define VERSION_TEXT_(a, b, c) #a "." #b "." #c
#define VERSION_TEXT(a, b, c) VERSION_TEXT_(a, b, c)

const char *smalti_version(void)
{
    return VERSION_TEXT(SMALTI_VERSION_MAJOR, SMALTI_VERSION_MINOR, SMALTI_VERSION_PATCH);
}

const char *smalti_result_name(smalti_result result)
{
    static const char *const names[] = {"ok",    "invalid", "format", "unsupported", "limit",
                                        "nomem", "io",      "kernel", "peer",        "cancelled"};
    size_t class = (size_t)smalti_result_class(result);
    return class < SMALTI__COUNT(names) ? names[class] : "unknown";
}

static smalti_result fill(smalti_error *error, smalti_result code, int sys_errno, uint64_t offset, const char *format,
                          va_list arguments) SMALTI__PRINTF(5, 0);
static smalti_result fill(smalti_error *error, smalti_result code, int sys_errno, uint64_t offset, const char *format,
                          va_list arguments)
{
    if (!error)
        return code;
    char message[sizeof error->message]; /* an argument may be the old message */
    int length = vsnprintf(message, sizeof message, format, arguments);
    if (sys_errno && length >= 0 && (size_t)length < sizeof message)
        snprintf(message + length, sizeof message - (size_t)length, ": %s", strerror(sys_errno));
    error->code = code;
    error->sys_errno = sys_errno;
    error->offset = offset;
    memcpy(error->message, message, sizeof message);
    return code;
}

smalti_result smalti__fail(smalti_error *error, smalti_result code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(error, code, 0, SMALTI_NO_OFFSET, format, arguments);
    va_end(arguments);
    return code;
}

smalti_result smalti__fail_at(smalti_error *error, smalti_result code, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(error, code, 0, offset, format, arguments);
    va_end(arguments);
    return code;
}

smalti_result smalti__fail_errno(smalti_error *error, int sys_errno, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    smalti_result code = sys_errno == ENOMEM ? SMALTI_E_NOMEM : SMALTI_E_IO;
    fill(error, code, sys_errno, SMALTI_NO_OFFSET, format, arguments);
    va_end(arguments);
    return code;
}

smalti_result smalti__fail_nomem(smalti_error *error, size_t bytes)
{
    return smalti__fail(error, SMALTI_E_NOMEM, "no memory for %zu bytes", bytes);
}

const char *smalti__printable(const void *text, size_t size, char *out, size_t out_size)
{
    const unsigned char *in = text;
    size_t used = 0;
    for (size_t i = 0; i < size && used + 5 <= out_size; i++) {
        if (in[i] < 0x20 || in[i] == 0x7f)
            used += (size_t)snprintf(out + used, out_size - used, "\\x%02x", in[i]);
        else
            out[used++] = (char)in[i];
    }
    if (out_size)
        out[used] = '\0';
    return out;
}

const char *smalti__name_text(const char *name, char out[SMALTI__NAME_TEXT])
{
    enum { LONGEST = 150 }; /* leaves room for some escapes */
    name = name ? name : "input";
    size_t length = strlen(name);
    size_t skipped = length > LONGEST ? length - LONGEST : 0;
    while (skipped && ((unsigned char)name[skipped] & 0xc0) == 0x80) /* not from inside a UTF-8 character */
        skipped++;
    const char *mark = skipped ? "..." : "";
    strcpy(out, mark);
    smalti__printable(name + skipped, length - skipped, out + strlen(mark), SMALTI__NAME_TEXT - strlen(mark));
    return out;
}

void smalti__error_prefix(smalti_error *error, const char *name)
{
    if (!error)
        return;
    char message[sizeof error->message], shown[SMALTI__NAME_TEXT];
    snprintf(message, sizeof message, "%s: %.400s", smalti__name_text(name, shown), error->message);
    memcpy(error->message, message, sizeof message);
}

void smalti__error_name(smalti_error *error, const char *name)
{
    char shown[SMALTI__NAME_TEXT];
    size_t size = strlen(smalti__name_text(name, shown));
    if (error && (strncmp(error->message, shown, size) || strncmp(error->message + size, ": ", 2)))
        smalti__error_prefix(error, name);
}

#if defined(__x86_64__)
__attribute__((target("avx"))) static void zero_upper(void)
{
    __builtin_ia32_vzeroupper();
}

void smalti__clear_upper_registers(void)
{
    if (__builtin_cpu_supports("avx"))
        zero_upper();
}
#else
void smalti__clear_upper_registers(void)
{
}
#endif

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t smalti__now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t smalti__thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static atomic_int log_level;

void smalti_log_level_set(int level)
{
    atomic_store(&log_level, level);
}

void smalti__log(int level, const char *format, ...)
{
    if (level > atomic_load(&log_level))
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "smalti: %s\n", line);
}

smalti_result smalti__stop_check(const smalti__stop *stop, smalti_error *error)
{
    if (stop && ((stop->cancelled && __atomic_load_n(stop->cancelled, __ATOMIC_RELAXED)) ||
                 (stop->task_cancelled && __atomic_load_n(stop->task_cancelled, __ATOMIC_RELAXED))))
        return smalti__fail(error, SMALTI_E_CANCELLED, "cancelled");
    if (stop && stop->deadline_ns && smalti__now_ns() > stop->deadline_ns)
        return smalti__fail(error, SMALTI_E_LIMIT_TIME,
                            "took longer than the limit of %llu ms (limits.task_ms, --time-limit)",
                            (unsigned long long)stop->limit_ms);
    return SMALTI_OK;
}

int smalti__choice_index(const char *choices, const char *word)
{
    size_t size = strlen(word);
    for (int index = 0; *choices; index++) {
        size_t length = strcspn(choices, "|");
        if (length == size && !memcmp(choices, word, size))
            return index;
        choices += length + (choices[length] == '|');
    }
    return -1;
}

const char *smalti__choice_text(const char *choices, int index, char *out, size_t out_size)
{
    for (int i = 0; i < index; i++)
        choices += strcspn(choices, "|") + 1;
    snprintf(out, out_size, "%.*s", (int)strcspn(choices, "|"), choices);
    return out;
}

smalti_result smalti__fail_in(smalti_error *error, smalti_result code, const char *name, uint64_t offset,
                              const char *format, va_list arguments)
{
    if (!error)
        return code;
    char message[sizeof error->message], shown[SMALTI__NAME_TEXT];
    vsnprintf(message, sizeof message, format, arguments);
    smalti__name_text(name, shown);
    if (offset == SMALTI_NO_OFFSET)
        return smalti__fail(error, code, "%s: %.*s", shown, SMALTI__MESSAGE_PART, message);
    return smalti__fail_at(error, code, offset, "%s: %.*s at byte %llu", shown, SMALTI__MESSAGE_PART, message,
                           (unsigned long long)offset);
}

bool smalti__write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n, size -= (size_t)n;
    }
    return true;
}
