/* SPDX-License-Identifier: Apache-2.0
 * Names of frames taken apart: folder, prefix, number, suffix. */
#include "cli/exr_sequence.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MOST = 18 }; /* fit 64 bits */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The sign of a number at digits: a '-' that stands where a name's part begins. */
static bool has_sign(const char *leaf, const char *digits)
{
    return digits > leaf && digits[-1] == '-' &&
           (digits - 1 == leaf || digits[-2] == '.' || digits[-2] == '_' || digits[-2] == ' ');
}

static void set_number(exr_frame *frame, const char *leaf, const char *digits, const char *end)
{
    bool negative = has_sign(leaf, digits);
    int64_t number = 0;
    for (const char *p = digits; p < end; p++)
        number = number * 10 + (*p - '0');
    frame->number_at = (size_t)(digits - frame->path) - negative;
    frame->number_size = (size_t)(end - digits) + negative;
    frame->number = negative ? -number : number;
    frame->numbered = true;
    frame->leading_zero = *digits == '0' && end - digits > 1;
}

void exr_frame_split(const char *path, exr_frame *frame)
{
    const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path, *dot = strrchr(leaf, '.');
    *frame = (exr_frame){.path = path, .number_at = strlen(path)};
    for (const char *end = dot ? dot : leaf + strlen(leaf); end > leaf;) {
        while (end > leaf && !is_digit(end[-1]))
            end--;
        const char *digits = end;
        while (digits > leaf && is_digit(digits[-1]))
            digits--;
        if (digits == end)
            return;
        bool version = digits > leaf && (digits[-1] == 'v' || digits[-1] == 'V');
        if (!version && end - digits <= DIGITS_MOST) {
            set_number(frame, leaf, digits, end);
            return;
        }
        end = digits;
    }
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_names(const exr_frame *a, const exr_frame *b)
{
    int order = compare_bytes(a->path, a->number_at, b->path, b->number_at);
    if (order)
        return order;
    if (a->numbered != b->numbered)
        return a->numbered ? 1 : -1;
    return strcmp(a->path + a->number_at + a->number_size, b->path + b->number_at + b->number_size);
}

int exr_frame_compare(const void *x, const void *y)
{
    const exr_frame *a = x, *b = y;
    int order = compare_names(a, b);
    if (order)
        return order;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return strcmp(a->path, b->path);
}

bool exr_frame_together(const exr_frame *a, const exr_frame *b)
{
    return a->numbered && !compare_names(a, b);
}

bool exr_frame_pattern(const char *path, exr_frame *frame)
{
    const char *slash = strrchr(path, '/'), *leaf = slash ? slash + 1 : path;
    size_t at = strcspn(leaf, "#@%"), size = 0;
    const char *sign = leaf + at;
    if (*sign == '#' || *sign == '@') {
        size = strspn(sign, *sign == '#' ? "#" : "@");
    } else if (*sign == '%') {
        size = 1 + strspn(sign + 1, "0123456789");
        size = sign[size] == 'd' ? size + 1 : 0;
    }
    *frame = (exr_frame){.path = path, .number_at = (size_t)(sign - path), .number_size = size, .numbered = true};
    return size > 0;
}

/* What most of the numbers that are padded for certain are padded to. */
uint32_t exr_frame_padding(const exr_frame *frames, size_t count)
{
    size_t seen[DIGITS_MOST + 2] = {0}, best = 0;
    for (size_t i = 0; i < count; i++)
        if (frames[i].leading_zero)
            seen[frames[i].number_size]++;
    for (size_t i = 1; i < CLI_COUNT(seen); i++)
        best = seen[i] > seen[best] ? i : best;
    if (best)
        return (uint32_t)best;
    /* 1001 to 1100: padded or not, all have the same size */
    for (size_t i = 1; i < count; i++)
        if (frames[i].number_size != frames[0].number_size)
            return 0;
    return count > 1 ? (uint32_t)frames[0].number_size : 0;
}

void exr_frame_pattern_text(const exr_frame *frames, size_t count, cli_buffer *out)
{
    const exr_frame *frame = &frames[0];
    uint32_t padding = exr_frame_padding(frames, count);
    if (count == 1)
        padding = (uint32_t)frame->number_size;
    cli_buffer_add(out, frame->path, frame->number_at);
    for (uint32_t i = 0; frame->numbered && i < (padding ? padding : 1); i++)
        cli_buffer_text(out, "#");
    cli_buffer_text(out, frame->path + frame->number_at + frame->number_size);
}
