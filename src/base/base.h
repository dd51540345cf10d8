/* SPDX-License-Identifier: Apache-2.0
 * What every file inside uses: errors, checked sizes, cleanup, time, log. */
#ifndef SMALTI_SRC_BASE_H
#define SMALTI_SRC_BASE_H

#include <smalti/base.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALTI__PRINTF(format_index, first_index) __attribute__((__format__(__printf__, format_index, first_index)))
#define SMALTI__COUNT(array) (sizeof(array) / sizeof *(array))

/* Whether a sanitizer's own memory and calls are beside those of the program. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMALTI__SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SMALTI__SANITIZED 1
#endif
#endif

/* Fill in *error (unless NULL) and return code. The message has no full stop and no line break; input bytes that stand in
 * it are escaped by the caller (smalti__printable). */
smalti_result smalti__fail(smalti_error *error, smalti_result code, const char *format, ...) SMALTI__PRINTF(3, 4);
smalti_result smalti__fail_at(smalti_error *error, smalti_result code, uint64_t offset, const char *format, ...)
    SMALTI__PRINTF(4, 5);
/* Code IO; ": <strerror>" is put behind the message. */
smalti_result smalti__fail_errno(smalti_error *error, int sys_errno, const char *format, ...) SMALTI__PRINTF(3, 4);
/* "name: message at byte offset"; the name is made printable. */
smalti_result smalti__fail_in(smalti_error *error, smalti_result code, const char *name, uint64_t offset,
                              const char *format, va_list arguments) SMALTI__PRINTF(5, 0);
smalti_result smalti__fail_nomem(smalti_error *error, size_t bytes);
/* Puts "name: " before the message of an error. */
void smalti__error_prefix(smalti_error *error, const char *name);
/* The same unless it is there already. */
void smalti__error_name(smalti_error *error, const char *name);

/* Copies text into out with control bytes as \xNN; cut to fit; returns out. */
const char *smalti__printable(const void *text, size_t size, char *out, size_t out_size);
/* Numbers are written and read with a decimal point whatever the program's locale; neither nan, inf, hexadecimal nor
 * blanks are numbers. number_text returns out. */
enum { SMALTI__NUMBER_TEXT = 32 };
const char *smalti__number_text(double number, char out[SMALTI__NUMBER_TEXT]);
bool smalti__number_parse(const char *text, double *number);
/* Writes all of it, however many calls that takes; false: errno says why not. */
bool smalti__write_all(int fd, const void *data, size_t size);
/* Choices are names with '|' between them: the place of a word, or -1; and the word at a place (which there is); returns
 * out. */
int smalti__choice_index(const char *choices, const char *word);
const char *smalti__choice_text(const char *choices, int index, char *out, size_t out_size);
/* Sizes that make "name: message at byte offset" fit smalti_error.message: a name's text with its NUL, and the most of a
 * message that is put behind it. */
enum { SMALTI__NAME_TEXT = 192, SMALTI__MESSAGE_PART = 264 };
/* A file's name for a message: printable, and of a long one only the end behind "..."; returns out. NULL is "input". */
const char *smalti__name_text(const char *name, char out[SMALTI__NAME_TEXT]);
/* The same as an argument; it lives to the end of the block. */
#define SMALTI__SHOWN(name) smalti__name_text(name, (char[SMALTI__NAME_TEXT]){0})

#define SMALTI__TRY(expression)                   \
    do {                                          \
        smalti_result try_result_ = (expression); \
        if (try_result_ < 0)                      \
            return try_result_;                   \
    } while (0)

/* Checked arithmetic on sizes that come from input: false when the result does not fit. */
static inline bool smalti__add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}
static inline bool smalti__mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}
static inline size_t smalti__align(size_t value, size_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

static inline void smalti__free_pointer(void *pointer)
{
    free(*(void **)pointer);
}
#define SMALTI__CLEANUP_FREE __attribute__((cleanup(smalti__free_pointer)))
#define SMALTI__CLEANUP(function) __attribute__((cleanup(function)))

static inline uint32_t smalti__be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint32_t smalti__be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
static inline void smalti__put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

/* Clears the upper halves of the vector registers. To be called after foreign code in hand-written AVX (ISA-L leaves them
 * dirty): every SSE instruction after it, in Cranelift's code most of all, would cost a state transition. Measured: a blur
 * 300 times slower. */
void smalti__clear_upper_registers(void);

uint64_t smalti__now_ns(void); /* monotonic */
uint64_t smalti__thread_cpu_ns(void); /* of the calling thread */

/* What ends long work in its middle: looked at between rows, and inside whatever takes longer than that. */
typedef struct smalti__stop {
    const int *cancelled, *task_cancelled; /* either turns non-zero; may be NULL */
    uint64_t deadline_ns; /* smalti__now_ns; 0: none */
    uint64_t limit_ms; /* the limit that made the deadline, for the message */
} smalti__stop;

/* OK, CANCELLED or LIMIT_TIME. stop may be NULL. */
smalti_result smalti__stop_check(const smalti__stop *stop, smalti_error *error);

/* Says something on standard error when the log level allows: 1 warning, 2 debugging. */
void smalti__log(int level, const char *format, ...) SMALTI__PRINTF(2, 3);

#endif
