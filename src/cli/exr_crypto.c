/* SPDX-License-Identifier: Apache-2.0
 * Cryptomatte in attributes: "cryptomatte/ID/name" and its companions (Cryptomatte specification 1.2), and manifests, which
 * may have tens of megabytes. */
#include "cli/exr.h"

#include <stdlib.h>
#include <string.h>

static const char prefix[] = "cryptomatte/";

/* The set with an ID among those found so far; a new one when there is room. */
static exr_crypto *set_of(exr_crypto *sets, size_t *count, size_t room, const char *id, size_t id_size)
{
    for (size_t i = 0; i < *count; i++)
        if (sets[i].id_size == id_size && !memcmp(sets[i].id, id, id_size))
            return &sets[i];
    if (*count == room)
        return NULL;
    sets[*count] = (exr_crypto){.id = id, .id_size = id_size};
    return &sets[(*count)++];
}

size_t exr_crypto_find(const smalti_exr_part *part, exr_crypto *sets, size_t room)
{
    size_t count = 0;
    for (uint32_t i = 0; i < part->attribute_count; i++) {
        const smalti_exr_attribute *attribute = &part->attributes[i];
        if (attribute->name[0] != 'c' || strncmp(attribute->name, prefix, sizeof prefix - 1) ||
            attribute->type != SMALTI_EXR_TYPE_STRING)
            continue;
        const char *id = attribute->name + sizeof prefix - 1, *slash = strchr(id, '/');
        exr_crypto *set = slash ? set_of(sets, &count, room, id, (size_t)(slash - id)) : NULL;
        if (!set)
            continue;
        smalti_exr_text text = {NULL, 0};
        smalti_exr_attribute_text(attribute, 0, &text);
        if (!strcmp(slash, "/name"))
            set->name = text;
        else if (!strcmp(slash, "/hash"))
            set->hash = text;
        else if (!strcmp(slash, "/conversion"))
            set->conversion = text;
        else if (!strcmp(slash, "/manif_file"))
            set->manifest_file = text;
        else if (!strcmp(slash, "/manifest"))
            set->manifest = attribute;
    }
    return count;
}

size_t exr_crypto_manifest(const smalti_exr *exr, const exr_crypto *set, cli_buffer *out)
{
    size_t size = set->manifest ? set->manifest->size : 0;
    if (!size || !cli_buffer_room(out, size) ||
        smalti_exr_attribute_read(exr, set->manifest, 0, out->data + out->size, size, NULL) < 0)
        return 0;
    out->size += size;
    return size;
}

/* ---- Counting entries ---- */

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Behind an escape whose backslash is before at; NULL: it is none. */
static const char *skip_escape(const char *at, const char *end)
{
    if (at == end || !*at || !strchr("\"\\/bfnrtu", *at))
        return NULL;
    if (*at != 'u')
        return at + 1;
    for (int i = 1; i <= 4; i++)
        if (end - at <= i || !at[i] || !strchr("0123456789abcdefABCDEF", at[i]))
            return NULL;
    return at + 5;
}

/* Behind a JSON string that begins at at; NULL: there is none. */
static const char *skip_string(const char *at, const char *end)
{
    if (at == end || *at != '"')
        return NULL;
    for (at++; at < end;) {
        at += cli_json_plain(at, (size_t)(end - at));
        if (at == end)
            break;
        if (*at == '"')
            return at + 1;
        if (*at == '\\') {
            at = skip_escape(at + 1, end);
        } else {
            size_t bytes = cli_utf8_bytes((const unsigned char *)at, (size_t)(end - at));
            at = bytes && (unsigned char)*at >= 0x20 ? at + bytes : NULL;
        }
        if (!at)
            return NULL;
    }
    return NULL;
}

bool exr_crypto_count(const char *text, size_t size, uint64_t *entries)
{
    const char *end = text + size, *at = skip_space(text, end);
    *entries = 0;
    if (at == end || *at != '{')
        return false;
    at = skip_space(at + 1, end);
    if (at < end && *at == '}')
        return skip_space(at + 1, end) == end;
    for (;;) {
        at = skip_string(at, end); /* name */
        at = at ? skip_space(at, end) : NULL;
        if (!at || at == end || *at != ':')
            return false;
        at = skip_string(skip_space(at + 1, end), end); /* hash */
        if (!at)
            return false;
        ++*entries;
        at = skip_space(at, end);
        if (at == end || (*at != ',' && *at != '}'))
            return false;
        if (*at == '}')
            return skip_space(at + 1, end) == end;
        at = skip_space(at + 1, end);
    }
}
