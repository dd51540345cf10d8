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

/* JSON; key NULL: none, else plain letters that need no escapes. Commas come by themselves. */
void cli_buffer_open(cli_buffer *buffer, const char *key, char bracket);
void cli_buffer_close(cli_buffer *buffer, char bracket);
void cli_buffer_json_text(cli_buffer *buffer, const char *key, const char *text, size_t size);
void cli_buffer_json_string(cli_buffer *buffer, const char *key, const char *text);
void cli_buffer_json_number(cli_buffer *buffer, const char *key, int64_t number);
void cli_buffer_json_count(cli_buffer *buffer, const char *key, uint64_t number);
void cli_buffer_json_real(cli_buffer *buffer, const char *key, double number); /* null when not finite */
void cli_buffer_json_raw(cli_buffer *buffer, const char *key, const char *value);
void cli_buffer_json_bool(cli_buffer *buffer, const char *key, bool value);
void cli_buffer_json_error(cli_buffer *buffer, const char *key, const smalti_error *error);

#endif
