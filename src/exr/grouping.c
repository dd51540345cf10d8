/* SPDX-License-Identifier: Apache-2.0
 * Rules: the default ones, and those of a file in JSON or TOML. */
#include "exr/grouping.h"

#include <jansson.h>

enum { TEXT_MOST = 1 << 20 };

/* Names that renderers and compositors give: Arnold, V-Ray, RenderMan, Cycles, Redshift, Corona, Nuke. */
/* clang-format off */
static const char defaults[] =
    "other = 'other'\n"
    "[[group]]\n"
    "name = 'beauty'\n"
    "channels = ['R', 'G', 'B', 'A', 'Y', 'RY', 'BY', 'RA', 'GA', 'BA', 'AR', 'AG', 'AB',\n"
    "  'red', 'green', 'blue', 'alpha']\n"
    "layers = ['rgb', 'rgba', 'main', 'master', '*beauty*', 'combined', '*.combined', 'composite*', 'diffuse*',\n"
    "  '*.diffuse', 'specular*', 'spec', 'spec_*', 'coat*', 'sheen*', 'sss*', '*subsurface*', '*translucen*',\n"
    "  'transmission*', '*reflect*', '*refract*', 'emission*', 'emit*', 'emissive*', 'selfillum*', 'volume*',\n"
    "  'albedo*', 'glossy*', 'transdir*', 'diffdir*', 'diffind*', 'diffcol*', 'glossdir*', 'glossind*',\n"
    "  'glosscol*', 'gi', 'gi_*', 'globalillum*', 'direct*', 'indirect*', 'background*', 'atmosphere*',\n"
    "  'caustics*', 'denoise*', 'noisy*', 'shadow*']\n"
    "[[group]]\n"
    "name = 'cryptomatte'\n"
    "layers = ['*crypto*']\n"
    "[[group]]\n"
    "name = 'lights'\n"
    "layers = ['*light*', 'lgt*', '*_lgt*', 'lamp*', 'sun*', 'sky*', 'rgba_*', 'lpe*', 'ies*', 'hdri*', 'env', 'dome*']\n"
    "[[group]]\n"
    "name = 'data'\n"
    "channels = ['Z', 'ZBack', 'z', 'N.*', 'P.*', 'u', 'v', 'id', '*.id']\n"
    "layers = ['z', 'z[0-9]', '*depth*', 'n', '*normal*', 'p', 'pref', '*pworld*', '*position*', '*motion*',\n"
    "  '*vector*', '*velocity*', 'forward*', 'backward*', '*disparity*', 'uv*', '*_uv', 'st', 'id', 'id[0-9]*',\n"
    "  '*_id', '*objectid*', '*materialid*', '*index*', '*mask*', '*matte*', 'alpha*', 'ao', 'ao_*', '*occlusion*',\n"
    "  '*sample*', '*variance*', 'cputime*', 'raycount*', '*facing*', '*stamp*', 'wire*', '*debug*']\n"
    "[[group]]\n"
    "name = 'objects'\n"
    "layers = ['_*', 'obj*', '*_obj', 'geo*', '*_geo', 'mesh*', 'asset*', 'scene*', 'set_*', 'char*', 'prop*']\n";
/* clang-format on */

static smalti_result fail_room(const char *name, const char *what, size_t most, smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_LIMIT, "%s: more than %zu %s", SMALTI__SHOWN(name), most, what);
}

smalti_result smalti__exr_rules_group(smalti_exr_rules *rules, const char *group, size_t size, const char *name,
                                      smalti_error *error)
{
    if (rules->group_count >= SMALTI__EXR_GROUPS)
        return fail_room(name, "groups", SMALTI__EXR_GROUPS, error);
    if (!size || size > SMALTI__EXR_PATTERN_BYTES)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s: the name of a group has 1 to %d bytes",
                            SMALTI__SHOWN(name), SMALTI__EXR_PATTERN_BYTES);
    char *copy = strndup(group, size);
    if (!copy)
        return smalti__fail_nomem(error, size + 1);
    rules->names[rules->group_count++] = copy;
    return SMALTI_OK;
}

smalti_result smalti__exr_rules_pattern(smalti_exr_rules *rules, bool channel, const char *pattern, size_t size,
                                        const char *name, smalti_error *error)
{
    if (rules->pattern_count >= SMALTI__EXR_PATTERNS)
        return fail_room(name, "patterns", SMALTI__EXR_PATTERNS, error);
    if (size > SMALTI__EXR_PATTERN_BYTES)
        return fail_room(name, "bytes in a pattern", SMALTI__EXR_PATTERN_BYTES, error);
    if (!(rules->pattern_count & (rules->pattern_count - 1))) { /* a power of two: the array is full */
        size_t room = rules->pattern_count ? rules->pattern_count * 2 : 1;
        smalti__exr_pattern *larger = realloc(rules->patterns, room * sizeof *larger);
        if (!larger)
            return smalti__fail_nomem(error, room * sizeof *larger);
        rules->patterns = larger;
    }
    char *copy = strndup(pattern, size);
    if (!copy)
        return smalti__fail_nomem(error, size + 1);
    rules->patterns[rules->pattern_count++] = (smalti__exr_pattern){copy, rules->group_count - 1, channel};
    return SMALTI_OK;
}

/* ---- JSON ---- */

static smalti_result json_patterns(smalti_exr_rules *rules, const json_t *list, bool channel, const char *name,
                                   smalti_error *error)
{
    if (!json_is_array(list))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s: patterns are a list of texts", SMALTI__SHOWN(name));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        if (!json_is_string(text))
            return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s: a pattern is not a text", SMALTI__SHOWN(name));
        SMALTI__TRY(
            smalti__exr_rules_pattern(rules, channel, json_string_value(text), json_string_length(text), name, error));
    }
    return SMALTI_OK;
}

static smalti_result json_group(smalti_exr_rules *rules, json_t *group, const char *name, smalti_error *error)
{
    const char *key;
    json_t *value, *group_name = json_object_get(group, "name");
    if (!json_is_string(group_name))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s: a group is an object with a name", SMALTI__SHOWN(name));
    SMALTI__TRY(
        smalti__exr_rules_group(rules, json_string_value(group_name), json_string_length(group_name), name, error));
    json_object_foreach(group, key, value)
    {
        char shown[64];
        if (!strcmp(key, "layers") || !strcmp(key, "channels"))
            SMALTI__TRY(json_patterns(rules, value, *key == 'c', name, error));
        else if (strcmp(key, "name") != 0)
            return smalti__fail(error, SMALTI_E_INVALID_KEY, "%s: a group has no key '%s'", SMALTI__SHOWN(name),
                                smalti__printable(key, strnlen(key, 50), shown, sizeof shown));
    }
    return SMALTI_OK;
}

static smalti_result json_rules(smalti_exr_rules *rules, json_t *root, const char *name, smalti_error *error)
{
    const char *key;
    json_t *value;
    const json_t *other = json_object_get(root, "other"), *groups = json_object_get(root, "group");
    json_object_foreach(root, key, value)
    {
        char shown[64];
        if (strcmp(key, "other") != 0 && strcmp(key, "group") != 0 && strcmp(key, "exact_case") != 0)
            return smalti__fail(error, SMALTI_E_INVALID_KEY, "%s: rules have no key '%s'", SMALTI__SHOWN(name),
                                smalti__printable(key, strnlen(key, 50), shown, sizeof shown));
    }
    value = json_object_get(root, "exact_case");
    if (!json_is_array(groups) || (other && !json_is_string(other)) || (value && !json_is_boolean(value)))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                            "%s: rules have a list 'group', and may have a text 'other' and a boolean 'exact_case'",
                            SMALTI__SHOWN(name));
    rules->exact_case = json_is_true(value);
    for (size_t i = 0; i < json_array_size(groups); i++)
        SMALTI__TRY(json_group(rules, json_array_get(groups, i), name, error));
    const char *text = other ? json_string_value(other) : "other";
    return smalti__exr_rules_group(rules, text, strlen(text), name, error);
}

smalti_result smalti__exr_rules_json(smalti_exr_rules *rules, const char *text, size_t size, const char *name,
                                     smalti_error *error)
{
    json_error_t wrong;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    if (!root)
        return smalti__fail_at(error, SMALTI_E_INVALID, (uint64_t)wrong.position, "%s: %s at line %d",
                               SMALTI__SHOWN(name), wrong.text, wrong.line);
    smalti_result result = json_rules(rules, root, name, error);
    json_decref(root);
    return result;
}

/* ---- The rules ---- */

smalti_result smalti_exr_rules_new(const char *text, size_t size, const char *name, smalti_exr_rules **rules,
                                   smalti_error *error)
{
    if (!text)
        text = defaults, size = sizeof defaults - 1, name = "default rules";
    if (size > TEXT_MOST)
        return fail_room(name, "bytes", TEXT_MOST, error);
    smalti_exr_rules *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    size_t begin = 0;
    while (begin < size && (text[begin] == ' ' || text[begin] == '\n' || text[begin] == '\r' || text[begin] == '\t'))
        begin++;
    bool json = begin < size && text[begin] == '{';
    smalti_result result = json ? smalti__exr_rules_json(made, text, size, name, error)
                                : smalti__exr_rules_toml(made, text, size, name, error);
    if (result < 0) {
        smalti_exr_rules_free(made);
        return result;
    }
    *rules = made;
    return SMALTI_OK;
}

void smalti_exr_rules_free(smalti_exr_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->pattern_count; i++)
        free(rules->patterns[i].text);
    for (uint32_t i = 0; i < rules->group_count; i++)
        free(rules->names[i]);
    free(rules->patterns);
    free(rules);
}

const char *const *smalti_exr_rules_groups(const smalti_exr_rules *rules)
{
    return (const char *const *)rules->names;
}
