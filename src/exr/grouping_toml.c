/* SPDX-License-Identifier: Apache-2.0
 * The part of TOML that rules need: comments, [[group]] tables, keys with texts, booleans and lists of texts. */
#include "exr/grouping.h"

typedef struct toml_reader {
    smalti_exr_rules *rules;
    const char *text, *at, *end, *name;
    smalti_error *error;
    bool in_group, named; /* behind [[group]]; and its name is known */
    char other[SMALTI__EXR_PATTERN_BYTES + 1];
} toml_reader;

static smalti_result fail(const toml_reader *toml, smalti_result code, const char *what)
{
    int line = 1;
    for (const char *p = toml->text; p < toml->at; p++)
        line += *p == '\n';
    return smalti__fail_at(toml->error, code, (uint64_t)(toml->at - toml->text), "%s: %s at line %d",
                           SMALTI__SHOWN(toml->name), what, line);
}

static void skip_blanks(toml_reader *toml)
{
    while (toml->at < toml->end && (*toml->at == ' ' || *toml->at == '\t' || *toml->at == '\r'))
        toml->at++;
}

/* Blanks, line ends and comments. */
static void skip_space(toml_reader *toml)
{
    for (;;) {
        skip_blanks(toml);
        if (toml->at < toml->end && *toml->at == '#')
            while (toml->at < toml->end && *toml->at != '\n')
                toml->at++;
        if (toml->at == toml->end || *toml->at != '\n')
            return;
        toml->at++;
    }
}

static bool take(toml_reader *toml, const char *token)
{
    size_t size = strlen(token);
    if ((size_t)(toml->end - toml->at) < size || memcmp(toml->at, token, size))
        return false;
    toml->at += size;
    return true;
}

/* "…" with \" \\ \n \t, or '…' as it is. */
static smalti_result read_text(toml_reader *toml, char out[SMALTI__EXR_PATTERN_BYTES + 1], size_t *size)
{
    if (toml->at == toml->end || (*toml->at != '"' && *toml->at != '\''))
        return fail(toml, SMALTI_E_INVALID_TYPE, "not a text");
    char quote = *toml->at++;
    *size = 0;
    while (toml->at < toml->end && *toml->at != quote && *toml->at != '\n') {
        char c = *toml->at++;
        if (c == '\\' && quote == '"') {
            char escaped = toml->at < toml->end ? *toml->at++ : 0;
            if (!escaped || !strchr("\"\\nt", escaped))
                return fail(toml, SMALTI_E_INVALID, "an escape that is not known");
            c = escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
        }
        if (*size == SMALTI__EXR_PATTERN_BYTES)
            return fail(toml, SMALTI_E_LIMIT, "a text that is too long");
        out[(*size)++] = c;
    }
    out[*size] = 0;
    return take(toml, (const char[]){quote, 0}) ? SMALTI_OK : fail(toml, SMALTI_E_INVALID, "a text without an end");
}

static smalti_result read_patterns(toml_reader *toml, bool channel)
{
    char text[SMALTI__EXR_PATTERN_BYTES + 1];
    size_t size;
    if (!take(toml, "["))
        return fail(toml, SMALTI_E_INVALID_TYPE, "not a list of texts");
    for (;;) {
        skip_space(toml);
        if (take(toml, "]"))
            return SMALTI_OK;
        SMALTI__TRY(read_text(toml, text, &size));
        SMALTI__TRY(smalti__exr_rules_pattern(toml->rules, channel, text, size, toml->name, toml->error));
        skip_space(toml);
        if (!take(toml, ",") && (toml->at == toml->end || *toml->at != ']'))
            return fail(toml, SMALTI_E_INVALID, "a list without an end");
    }
}

static smalti_result read_group_value(toml_reader *toml, const char *key, size_t key_size)
{
    char text[SMALTI__EXR_PATTERN_BYTES + 1];
    size_t size;
    bool channel = key_size == 8 && !memcmp(key, "channels", 8);
    if (key_size == 4 && !memcmp(key, "name", 4)) {
        if (toml->named)
            return fail(toml, SMALTI_E_INVALID, "a group has two names");
        SMALTI__TRY(read_text(toml, text, &size));
        toml->named = true;
        return smalti__exr_rules_group(toml->rules, text, size, toml->name, toml->error);
    }
    if (!channel && !(key_size == 6 && !memcmp(key, "layers", 6)))
        return fail(toml, SMALTI_E_INVALID_KEY, "a group has no such key");
    if (!toml->named)
        return fail(toml, SMALTI_E_INVALID, "a group's name comes first");
    return read_patterns(toml, channel);
}

static smalti_result read_top_value(toml_reader *toml, const char *key, size_t key_size)
{
    size_t size;
    if (key_size == 5 && !memcmp(key, "other", 5))
        return read_text(toml, toml->other, &size);
    if (key_size != 10 || memcmp(key, "exact_case", 10) != 0)
        return fail(toml, SMALTI_E_INVALID_KEY, "rules have no such key");
    toml->rules->exact_case = take(toml, "true");
    return toml->rules->exact_case || take(toml, "false") ? SMALTI_OK
                                                          : fail(toml, SMALTI_E_INVALID_TYPE, "neither true nor false");
}

static bool is_key(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static smalti_result read_line(toml_reader *toml)
{
    if (take(toml, "[[group]]")) {
        if (toml->in_group && !toml->named)
            return fail(toml, SMALTI_E_INVALID, "a group without a name");
        toml->in_group = true;
        toml->named = false;
    } else {
        const char *key = toml->at;
        while (toml->at < toml->end && is_key(*toml->at))
            toml->at++;
        size_t size = (size_t)(toml->at - key);
        skip_blanks(toml);
        if (!size || !take(toml, "="))
            return fail(toml, SMALTI_E_INVALID, "not a key with a value, nor [[group]]");
        skip_blanks(toml);
        SMALTI__TRY(toml->in_group ? read_group_value(toml, key, size) : read_top_value(toml, key, size));
    }
    skip_blanks(toml);
    if (toml->at < toml->end && *toml->at != '\n' && *toml->at != '#')
        return fail(toml, SMALTI_E_INVALID, "something behind the end of a value");
    return SMALTI_OK;
}

smalti_result smalti__exr_rules_toml(smalti_exr_rules *rules, const char *text, size_t size, const char *name,
                                     smalti_error *error)
{
    toml_reader toml = {.rules = rules, .text = text, .at = text, .end = text + size, .name = name, .error = error};
    strcpy(toml.other, "other");
    for (skip_space(&toml); toml.at < toml.end; skip_space(&toml))
        SMALTI__TRY(read_line(&toml));
    if (toml.in_group && !toml.named)
        return fail(&toml, SMALTI_E_INVALID, "a group without a name");
    return smalti__exr_rules_group(rules, toml.other, strlen(toml.other), name, error);
}
