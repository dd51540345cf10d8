/* SPDX-License-Identifier: Apache-2.0
 * Text that grows in memory, with JSON on top: for commands that write something for each of 100,000 files, from several
 * threads. Memory that runs out is remembered, and nothing is written from then on. */
#ifndef SMALTI_CLI_BUFFER_H
#define SMALTI_CLI_BUFFER_H

#include "cli/cli.h"

#include <string.h>

typedef struct cli_buffer {
    char *data; /* owned; not NUL-terminated */
    size_t size, room;
    bool comma; /* the next JSON value or key needs one before it */
    bool lost;  /* memory ran out */
} cli_buffer;

void cli_buffer_clear(cli_buffer *buffer); /* frees */
/* Room for more bytes behind size; false when memory runs out, now or before. */
bool cli_buffer_room(cli_buffer *buffer, size_t more);
static inline void cli_buffer_add(cli_buffer *buffer, const void *text, size_t size)
{
    if (size > buffer->room - buffer->size && !cli_buffer_room(buffer, size))
        return;
    if (size)
        memcpy(buffer->data + buffer->size, text, size);
    buffer->size += size;
}
void cli_buffer_text(cli_buffer *buffer, const char *text);
void cli_buffer_format(cli_buffer *buffer, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
void cli_buffer_number(cli_buffer *buffer, int64_t number);
/* As short as it can be and still be read back as the same float (or double when it is none). */
void cli_buffer_real(cli_buffer *buffer, double number);
/* Control characters as \xNN; bytes that are not UTF-8 too. */
void cli_buffer_printable(cli_buffer *buffer, const char *text, size_t size);

/* Bytes of the UTF-8 sequence at p, of which left bytes are there; 0 when it is none. */
size_t cli_utf8_bytes(const unsigned char *p, size_t left);

/* Letters at the beginning of a text that stand in a JSON string as they are: printable ASCII but quotes and backslashes. */
size_t cli_json_plain(const char *text, size_t size);

/* JSON; key NULL: none, else plain letters that need no escapes. Commas come by themselves. Small and inline, so that the
 * length of a constant key costs nothing. */

/* A comma where one is due, and the key. */
static inline void cli_buffer_key(cli_buffer *buffer, const char *key, size_t size)
{
    if (size + 4 > buffer->room - buffer->size && !cli_buffer_room(buffer, size + 4))
        return;
    char *out = buffer->data + buffer->size;
    if (buffer->comma)
        *out++ = ',';
    buffer->comma = true;
    if (key) {
        *out++ = '"';
        memcpy(out, key, size);
        out += size;
        *out++ = '"';
        *out++ = ':';
    }
    buffer->size = (size_t)(out - buffer->data);
}
#define CLI_BUFFER_KEY(buffer, key) cli_buffer_key(buffer, key, (key) ? strlen(key) : 0)

/* The values alone. */
void cli_buffer_quoted(cli_buffer *buffer, const char *text, size_t size);
void cli_buffer_count(cli_buffer *buffer, uint64_t number);
void cli_buffer_finite(cli_buffer *buffer, double number); /* null when it is not */

static inline void cli_buffer_open(cli_buffer *buffer, const char *key, char bracket)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_add(buffer, &bracket, 1);
    buffer->comma = false;
}
static inline void cli_buffer_close(cli_buffer *buffer, char bracket)
{
    cli_buffer_add(buffer, &bracket, 1);
    buffer->comma = true;
}
static inline void cli_buffer_json_text(cli_buffer *buffer, const char *key, const char *text, size_t size)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_quoted(buffer, text, size);
}
static inline void cli_buffer_json_string(cli_buffer *buffer, const char *key, const char *text)
{
    cli_buffer_json_text(buffer, key, text, strlen(text));
}
static inline void cli_buffer_json_number(cli_buffer *buffer, const char *key, int64_t number)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_number(buffer, number);
}
static inline void cli_buffer_json_count(cli_buffer *buffer, const char *key, uint64_t number)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_count(buffer, number);
}
static inline void cli_buffer_json_real(cli_buffer *buffer, const char *key, double number)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_finite(buffer, number);
}
static inline void cli_buffer_json_raw(cli_buffer *buffer, const char *key, const char *value)
{
    CLI_BUFFER_KEY(buffer, key);
    cli_buffer_add(buffer, value, strlen(value));
}
static inline void cli_buffer_json_bool(cli_buffer *buffer, const char *key, bool value)
{
    cli_buffer_json_raw(buffer, key, value ? "true" : "false");
}
void cli_buffer_json_error(cli_buffer *buffer, const char *key, const smalti_error *error);

#endif
