/* SPDX-License-Identifier: Apache-2.0
 * Heads of PNM, PAM and PFM files, and the numbers of their plain forms. */
#include "decode/pnm.h"

enum { LONGEST_LINE = 256, MOST_LINES = 1000 };

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool smalti__pnm_probe(const uint8_t *data, size_t size)
{
    if (size < 3 || data[0] != 'P' || !(is_space(data[2]) || data[2] == '#'))
        return false;
    return (data[1] >= '1' && data[1] <= '7') || data[1] == 'f' || data[1] == 'F';
}

static smalti_result ends(const smalti__pnm_text *text, smalti_error *error)
{
    return smalti__source_fail(text->source, error, SMALTI_E_FORMAT_TRUNCATED, text->source->size, "the file ends");
}

/* A comment goes to the end of its line, and may also stand right behind a number. */
static void skip_space(smalti__pnm_text *text)
{
    const smalti__source *source = text->source;
    while (text->at < source->size) {
        uint8_t c = source->data[text->at];
        if (c == '#') {
            const uint8_t *end = memchr(source->data + text->at, '\n', source->size - text->at);
            text->at = end ? (size_t)(end - source->data) : source->size;
        } else if (!is_space(c)) {
            break;
        } else {
            text->at++;
        }
    }
}

smalti_result smalti__pnm_number(smalti__pnm_text *text, uint32_t most, uint32_t *number, smalti_error *error)
{
    const smalti__source *source = text->source;
    skip_space(text);
    size_t start = text->at;
    uint64_t value = 0;
    while (text->at < source->size && source->data[text->at] >= '0' && source->data[text->at] <= '9') {
        value = value * 10 + (source->data[text->at] - '0');
        if (value > most)
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, start, "a number larger than %u", most);
        text->at++;
    }
    if (text->at == source->size && text->at == start)
        return ends(text, error);
    if (text->at == start)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, start, "a number is expected");
    *number = (uint32_t)value;
    return SMALTI_OK;
}

smalti_result smalti__pnm_bit(smalti__pnm_text *text, uint32_t *bit, smalti_error *error)
{
    skip_space(text);
    if (text->at >= text->source->size)
        return ends(text, error);
    uint8_t c = text->source->data[text->at];
    if (c != '0' && c != '1')
        return smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at, "0 or 1 is expected");
    *bit = c - '0';
    text->at++;
    return SMALTI_OK;
}

static smalti_result read_size(smalti__pnm_text *text, const char *name, uint32_t *size, smalti_error *error)
{
    SMALTI__TRY(smalti__pnm_number(text, INT32_MAX, size, error));
    return *size ? SMALTI_OK : smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at, "a %s of 0", name);
}

/* The one byte of white space between head and samples. */
static smalti_result end_head(smalti__pnm_text *text, smalti__pnm_head *head, smalti_error *error)
{
    if (text->at >= text->source->size)
        return ends(text, error);
    if (!is_space(text->source->data[text->at]) && !head->ascii)
        return smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at, "no space behind the head");
    head->offset = text->at + !head->ascii;
    return SMALTI_OK;
}

static smalti_result read_maxval(smalti__pnm_text *text, uint32_t *maxval, smalti_error *error)
{
    SMALTI__TRY(smalti__pnm_number(text, UINT16_MAX, maxval, error));
    return *maxval ? SMALTI_OK : smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at, "a maxval of 0");
}

static smalti_result parse_pnm(smalti__pnm_text *text, smalti__pnm_head *head, smalti_error *error)
{
    SMALTI__TRY(read_size(text, "width", &head->width, error));
    SMALTI__TRY(read_size(text, "height", &head->height, error));
    head->ascii = head->kind <= '3';
    head->bits = head->kind == '4';
    head->black_is_one = head->kind == '1' || head->kind == '4';
    head->channels = head->kind == '3' || head->kind == '6' ? 3 : 1;
    head->maxval = 1;
    if (!head->black_is_one)
        SMALTI__TRY(read_maxval(text, &head->maxval, error));
    return end_head(text, head, error);
}

/* PFM: the third number's sign is the byte order. Its size says in what unit the samples are, which has no place here: they
 * are taken as they stand. */
static smalti_result parse_pfm(smalti__pnm_text *text, smalti__pnm_head *head, smalti_error *error)
{
    SMALTI__TRY(read_size(text, "width", &head->width, error));
    SMALTI__TRY(read_size(text, "height", &head->height, error));
    head->channels = head->kind == 'F' ? 3 : 1;
    skip_space(text);
    const smalti__source *source = text->source;
    size_t start = text->at;
    bool nonzero = false;
    for (; text->at < source->size && text->at - start < LONGEST_LINE; text->at++) {
        uint8_t c = source->data[text->at];
        if (is_space(c))
            break;
        if (!memchr("0123456789.eE+-", c, 15))
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, text->at, "a scale is expected");
        nonzero = nonzero || (c >= '1' && c <= '9');
    }
    if (text->at >= source->size)
        return ends(text, error);
    if (!nonzero)
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, start, "a scale of 0");
    head->little_endian = source->data[start] == '-';
    return end_head(text, head, error);
}

/* One line of a PAM head into line, without its end; comments and empty ones are passed over. */
static smalti_result read_line(smalti__pnm_text *text, char line[LONGEST_LINE], smalti_error *error)
{
    const smalti__source *source = text->source;
    for (int lines = 0; lines < MOST_LINES; lines++) {
        const uint8_t *start = source->data + text->at;
        const uint8_t *end = memchr(start, '\n', source->size - text->at);
        if (!end)
            return ends(text, error);
        size_t offset = text->at, size = (size_t)(end - start);
        text->at += size + 1;
        while (size && is_space(start[size - 1]))
            size--;
        if (!size || *start == '#')
            continue;
        if (size >= LONGEST_LINE || memchr(start, 0, size))
            return smalti__source_fail(source, error, SMALTI_E_FORMAT, offset, "a malformed line in the head");
        memcpy(line, start, size);
        line[size] = '\0';
        return SMALTI_OK;
    }
    return smalti__source_fail(source, error, SMALTI_E_LIMIT, text->at, "more than %d lines of comments", MOST_LINES);
}

static const struct tuple {
    const char *name;
    uint32_t channels;
} tuples[] = {{"BLACKANDWHITE", 1},       {"GRAYSCALE", 1},       {"RGB", 3},
              {"BLACKANDWHITE_ALPHA", 2}, {"GRAYSCALE_ALPHA", 2}, {"RGB_ALPHA", 4}};

/* Without TUPLTYPE the depth says what the samples are. */
static smalti_result check_tuple(const smalti__pnm_text *text, const char *type, uint32_t channels, smalti_error *error)
{
    char shown[64];
    if (channels > 4)
        return smalti__source_fail(text->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "%u samples in a pixel",
                                   channels);
    if (!*type)
        return SMALTI_OK;
    for (size_t i = 0; i < SMALTI__COUNT(tuples); i++)
        if (!strcmp(type, tuples[i].name))
            return tuples[i].channels == channels
                       ? SMALTI_OK
                       : smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at,
                                             "%u samples in a pixel are not %s", channels, type);
    return smalti__source_fail(text->source, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET, "tuples of type %s",
                               smalti__printable(type, strlen(type), shown, sizeof shown));
}

/* The value behind a keyword of a PAM line, NULL when the line has another one. */
static const char *value_of(const char *line, const char *keyword)
{
    size_t length = strlen(keyword);
    if (strncmp(line, keyword, length) || !is_space((uint8_t)line[length]))
        return NULL;
    line += length;
    while (is_space((uint8_t)*line))
        line++;
    return line;
}

static bool parse_value(const char *value, uint32_t most, uint32_t *number)
{
    char *end;
    unsigned long long parsed = *value >= '0' && *value <= '9' ? strtoull(value, &end, 10) : 0;
    if (!parsed || parsed > most || *end)
        return false;
    *number = (uint32_t)parsed;
    return true;
}

static smalti_result parse_pam(smalti__pnm_text *text, smalti__pnm_head *head, smalti_error *error)
{
    const struct {
        const char *name;
        uint32_t most, *number;
    } fields[] = {{"WIDTH", INT32_MAX, &head->width},
                  {"HEIGHT", INT32_MAX, &head->height},
                  {"DEPTH", INT32_MAX, &head->channels},
                  {"MAXVAL", UINT16_MAX, &head->maxval}};
    char line[LONGEST_LINE], type[LONGEST_LINE] = "";
    for (int lines = 0; lines < MOST_LINES; lines++) {
        size_t offset = text->at;
        SMALTI__TRY(read_line(text, line, error));
        if (!strcmp(line, "ENDHDR"))
            break;
        const char *value = value_of(line, "TUPLTYPE");
        if (value)
            snprintf(type, sizeof type, "%s", value);
        for (size_t i = 0; i < SMALTI__COUNT(fields); i++) {
            value = value_of(line, fields[i].name);
            if (value && !parse_value(value, fields[i].most, fields[i].number))
                return smalti__source_fail(text->source, error, SMALTI_E_FORMAT, offset, "a wrong %s", fields[i].name);
        }
    }
    for (size_t i = 0; i < SMALTI__COUNT(fields); i++)
        if (!*fields[i].number)
            return smalti__source_fail(text->source, error, SMALTI_E_FORMAT, text->at, "no %s in the head",
                                       fields[i].name);
    head->offset = text->at;
    return check_tuple(text, type, head->channels, error);
}

smalti_result smalti__pnm_head_parse(const smalti__source *source, smalti__pnm_head *head, smalti_error *error)
{
    *head = (smalti__pnm_head){0};
    if (!smalti__pnm_probe(source->data, source->size))
        return smalti__source_fail(source, error, SMALTI_E_FORMAT, 0, "no PNM signature");
    head->kind = (char)source->data[1];
    smalti__pnm_text text = {source, 2};
    if (head->kind == '7')
        return parse_pam(&text, head, error);
    if (head->kind == 'f' || head->kind == 'F')
        return parse_pfm(&text, head, error);
    return parse_pnm(&text, head, error);
}
