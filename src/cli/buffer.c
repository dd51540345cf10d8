/* SPDX-License-Identifier: Apache-2.0
 * Text that grows in memory, and JSON in it. */
#include "cli/buffer.h"

#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void cli_buffer_clear(cli_buffer *buffer)
{
    free(buffer->data);
    *buffer = (cli_buffer){0};
}

/* Large buffers in large pages, where the system leaves that to programs: a fault for each 4 kB takes as long as reading. */
static void prefer_large_pages(char *data, size_t size)
{
    enum { LARGE = 8 << 20, PAGE = 4096 };
    size_t skipped = -(uintptr_t)data & (PAGE - 1);
    if (size >= LARGE)
        madvise(data + skipped, (size - skipped) & ~(size_t)(PAGE - 1), MADV_HUGEPAGE);
}

bool cli_buffer_room(cli_buffer *buffer, size_t more)
{
    if (buffer->lost)
        return false;
    if (more <= buffer->room - buffer->size)
        return true;
    size_t room = buffer->room ? buffer->room : 4096;
    while (room - buffer->size < more && room < SIZE_MAX / 4)
        room *= 2;
    char *larger = realloc(buffer->data, room);
    buffer->lost = !larger || room - buffer->size < more;
    if (larger) {
        buffer->data = larger, buffer->room = room;
        prefer_large_pages(larger, room);
    }
    return !buffer->lost;
}

void cli_buffer_text(cli_buffer *buffer, const char *text)
{
    cli_buffer_add(buffer, text, strlen(text));
}

void cli_buffer_format(cli_buffer *buffer, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (size > 0)
        cli_buffer_add(buffer, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

/* ---- Numbers ---- */

void cli_buffer_count(cli_buffer *buffer, uint64_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    cli_buffer_add(buffer, digits + at, sizeof digits - at);
}

void cli_buffer_number(cli_buffer *buffer, int64_t number)
{
    if (number < 0)
        cli_buffer_add(buffer, "-", 1);
    cli_buffer_count(buffer, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

/* Floats of few decimals, which most in headers are: the float nearest to them, so that they are read back the same. */
static bool add_decimals(cli_buffer *buffer, double number)
{
    static const double powers[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    double size = fabs(number);
    if (!(size >= 1e-3 && size < 1e6))
        return false;
    for (int digits = 1; digits <= 6; digits++) {
        double scaled = (double)(uint64_t)(size * powers[digits] + 0.5);
        if ((float)(scaled / powers[digits]) != (float)size)
            continue;
        uint64_t whole = (uint64_t)scaled, power = (uint64_t)powers[digits], part = whole % power;
        char text[8] = ".";
        for (int i = digits; i > 0; i--, part /= 10)
            text[i] = (char)('0' + part % 10);
        if (number < 0)
            cli_buffer_add(buffer, "-", 1);
        cli_buffer_count(buffer, whole / power);
        cli_buffer_add(buffer, text, (size_t)digits + 1);
        return true;
    }
    return false;
}

void cli_buffer_real(cli_buffer *buffer, double number)
{
    char text[40];
    if (fabs(number) < 1e15 && number == (double)(int64_t)number && !(number == 0 && signbit(number))) {
        cli_buffer_number(buffer, (int64_t)number);
        return;
    }
    bool single = (double)(float)number == number;
    if (single && add_decimals(buffer, number))
        return;
    for (int digits = single ? 6 : 15; digits <= (single ? 9 : 17); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (single ? (float)back == (float)number : back == number)
            break;
    }
    cli_buffer_text(buffer, text);
}

/* ---- Text ---- */

size_t cli_utf8_bytes(const unsigned char *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (*p < 0x80)
        return 1;
    size_t length = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    uint32_t point = *p & (0x7fu >> length);
    if (*p < 0xc2 || *p > 0xf4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (p[i] & 0x3fu);
    }
    return point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : length;
}

void cli_buffer_printable(cli_buffer *buffer, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        size_t plain = i, length;
        while (plain < size && p[plain] - 0x20u < 0x5f)
            plain++;
        cli_buffer_add(buffer, p + i, plain - i);
        i = plain;
        if (i == size)
            break;
        length = cli_utf8_bytes(p + i, size - i);
        if (p[i] < 0x80 || !length)
            cli_buffer_format(buffer, "\\x%02x", p[i]);
        else
            cli_buffer_add(buffer, p + i, length);
        i += length ? length : 1;
    }
}

static bool is_plain(unsigned char c)
{
    return c - 0x20u < 0x5f && c != '"' && c != '\\';
}

/* The high bits of those of eight letters that do not stand in JSON as they are: below 0x20, above 0x7e, a quote, a
 * backslash. No sum of a letter without its high bit reaches the next one. */
static uint64_t odd_letters(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101, high = ones * 0x80, low = word & ~high;
    uint64_t above = low + ones * (0x80 - 0x20), delete = low + ones;
    uint64_t quote = (low ^ ones * '"') + ones * 0x7f, backslash = (low ^ ones * '\\') + ones * 0x7f;
    return (word | ~(above & quote & backslash) | delete) & high;
}

size_t cli_json_plain(const char *text, size_t size)
{
    size_t count = 0;
    for (uint64_t word, odd; count + 8 <= size; count += 8) {
        memcpy(&word, text + count, 8);
        odd = odd_letters(le64toh(word));
        if (odd)
            return count + (size_t)__builtin_ctzll(odd) / 8;
    }
    while (count < size && is_plain((unsigned char)text[count]))
        count++;
    return count;
}

void cli_buffer_quoted(cli_buffer *buffer, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    cli_buffer_add(buffer, "\"", 1);
    for (size_t i = 0;;) {
        size_t plain = cli_json_plain(text + i, size - i);
        cli_buffer_add(buffer, p + i, plain);
        i += plain;
        if (i == size)
            break;
        size_t length = cli_utf8_bytes(p + i, size - i);
        if (p[i] == '"' || p[i] == '\\')
            cli_buffer_add(buffer, (const char[]){'\\', (char)p[i]}, 2);
        else if (p[i] < 0x20 || p[i] == 0x7f)
            cli_buffer_format(buffer, "\\u%04x", p[i]);
        else if (!length)
            cli_buffer_text(buffer, "\\ufffd");
        else
            cli_buffer_add(buffer, p + i, length);
        i += length ? length : 1;
    }
    cli_buffer_add(buffer, "\"", 1);
}

void cli_buffer_finite(cli_buffer *buffer, double number)
{
    if (isfinite(number))
        cli_buffer_real(buffer, number);
    else
        cli_buffer_text(buffer, "null");
}

void cli_buffer_json_error(cli_buffer *buffer, const char *key, const smalti_error *error)
{
    cli_buffer_open(buffer, key, '{');
    cli_buffer_json_number(buffer, "code", error->code);
    cli_buffer_json_string(buffer, "class", smalti_result_name(error->code));
    cli_buffer_json_string(buffer, "message", error->message);
    if (error->offset != SMALTI_NO_OFFSET)
        cli_buffer_json_count(buffer, "offset", error->offset);
    cli_buffer_close(buffer, '}');
}
