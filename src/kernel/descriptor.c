/* SPDX-License-Identifier: Apache-2.0
 * Parses a descriptor strictly: whatever is not understood is an error, so that a kernel never runs on a misreading. */
#include "kernel/descriptor.h"

#include <math.h>
#include <stdarg.h>

enum { MAX_NAME = 64, MAX_TEXT = 400, MAX_SHORT_TEXT = 32 };

/* Where we are: for messages. */
typedef struct context {
    const char *name;
    char path[48]; /* "params[2].", or empty */
    smalti_error *error;
} context;

static smalti_result fail(const context *c, const char *key, const char *format, ...) SMALTI__PRINTF(3, 4);
static smalti_result fail(const context *c, const char *key, const char *format, ...)
{
    char what[200], shown[100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    int path = (int)strlen(c->path) - (*key ? 0 : 1); /* without its full stop when the element itself is meant */
    return smalti__fail(c->error, SMALTI_E_KERNEL_MODULE, "%s: descriptor: \"%.*s%s\" %s", c->name, path, c->path,
                        smalti__printable(key, strlen(key), shown, sizeof shown), what);
}

typedef struct key {
    const char *name;
    bool required;
} key;

/* That an object has the required keys and no unknown ones. */
static smalti_result check_keys(const context *c, json_t *object, const key *keys, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(keys[i].name, name))
            i++;
        if (i == count)
            return fail(c, name, "is not a key of a descriptor");
    }
    for (size_t i = 0; i < count; i++)
        if (keys[i].required && !json_object_get(object, keys[i].name))
            return fail(c, keys[i].name, "is missing");
    return SMALTI_OK;
}

/* A string without control characters, which may reach a terminal; empty when the key is absent. */
static smalti_result get_text(const context *c, json_t *object, const char *name, size_t max, const char **text)
{
    json_t *value = json_object_get(object, name);
    *text = "";
    if (!value)
        return SMALTI_OK;
    if (!json_is_string(value))
        return fail(c, name, "must be a string");
    const char *string = json_string_value(value);
    if (json_string_length(value) > max)
        return fail(c, name, "is longer than %zu bytes", max);
    for (const unsigned char *p = (const unsigned char *)string; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) /* C0, DEL and C1 (0xc2 0x80…0x9f) */
            return fail(c, name, "contains a control character");
    *text = string;
    return SMALTI_OK;
}

/* [a-z0-9] then [a-z0-9-], or with underscores too for parameters and values. */
static smalti_result get_name(const context *c, json_t *object, bool underscores, const char **name)
{
    SMALTI__TRY(get_text(c, object, "name", MAX_NAME, name));
    const char *p = *name;
    bool good = *p && *p != '-' && *p != '_';
    for (; *p; p++)
        good =
            good && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || (underscores && *p == '_'));
    if (!good)
        return fail(c, "name", "must be of small letters, digits%s and hyphens and start with a letter or digit",
                    underscores ? ", underscores" : "");
    return SMALTI_OK;
}

/* *number is left alone when the key is absent. */
static smalti_result get_integer(const context *c, json_t *object, const char *name, uint32_t min, uint32_t max,
                                 uint32_t *number)
{
    json_t *value = json_object_get(object, name);
    if (!value)
        return SMALTI_OK;
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
        return fail(c, name, "must be an integer from %u to %u", min, max);
    *number = (uint32_t)json_integer_value(value);
    return SMALTI_OK;
}

static smalti_result get_bool(const context *c, json_t *object, const char *name, bool *flag)
{
    json_t *value = json_object_get(object, name);
    *flag = false;
    if (!value)
        return SMALTI_OK;
    if (!json_is_boolean(value))
        return fail(c, name, "must be true or false");
    *flag = json_is_true(value);
    return SMALTI_OK;
}

static smalti_result get_number(const context *c, json_t *object, const char *name, bool integer, double *number)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_number(value))
        return fail(c, name, "must be a number");
    *number = json_number_value(value);
    if (integer && (*number != floor(*number) || fabs(*number) > 9007199254740992.0)) /* 2^53: exact in a double */
        return fail(c, name, "must be an integer");
    return SMALTI_OK;
}

static smalti_result get_array(const context *c, json_t *object, const char *name, size_t min, size_t max,
                               json_t **array)
{
    *array = json_object_get(object, name);
    if (!*array)
        return SMALTI_OK;
    if (!json_is_array(*array))
        return fail(c, name, "must be an array");
    if (json_array_size(*array) < min || json_array_size(*array) > max)
        return fail(c, name, "must have %zu to %zu elements", min, max);
    return SMALTI_OK;
}

static smalti_result parse_kind(const context *c, json_t *root, smalti_kernel_info *info)
{
    const char *kind;
    SMALTI__TRY(get_text(c, root, "kind", MAX_TEXT, &kind));
    if (!strcmp(kind, "tile"))
        info->kind = SMALTI_KERNEL_TILE;
    else if (!strcmp(kind, "measure"))
        info->kind = SMALTI_KERNEL_MEASURE;
    else if (!strcmp(kind, "batch") || !strcmp(kind, "bytes"))
        return fail(c, "kind", "is \"%s\", which this version does not run; it runs \"tile\" and \"measure\"", kind);
    else
        return fail(c, "kind", "must be \"tile\" or \"measure\"");
    return SMALTI_OK;
}

static smalti_result parse_samples(const context *c, json_t *root, smalti_kernel_info *info)
{
    static const struct {
        const char *name;
        smalti_sample sample;
    } names[] = {{"u8", SMALTI_SAMPLE_U8}, {"u16", SMALTI_SAMPLE_U16}, {"f32", SMALTI_SAMPLE_F32}};
    json_t *array, *value;
    SMALTI__TRY(get_array(c, root, "samples", 1, SMALTI__COUNT(names), &array));
    size_t index;
    json_array_foreach(array, index, value)
    {
        const char *name = json_is_string(value) ? json_string_value(value) : "";
        if (!strcmp(name, "f16"))
            return fail(c, "samples", "has \"f16\", which is not supported yet");
        size_t i = 0;
        while (i < SMALTI__COUNT(names) && strcmp(names[i].name, name))
            i++;
        if (i == SMALTI__COUNT(names))
            return fail(c, "samples", "must be of \"u8\", \"u16\" and \"f32\"");
        if (info->samples & 1u << names[i].sample)
            return fail(c, "samples", "has \"%s\" twice", name);
        info->samples |= 1u << names[i].sample;
    }
    return SMALTI_OK;
}

static bool channel_at(json_t *array, size_t index, uint32_t *channels)
{
    json_t *value = json_array_get(array, index);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    *channels = (uint32_t)number;
    return number >= 1 && number <= 4;
}

static smalti_result parse_channels(const context *c, json_t *root, smalti_kernel_info *info)
{
    json_t *in, *out;
    SMALTI__TRY(get_array(c, root, "channels", 1, 4, &in));
    SMALTI__TRY(get_array(c, root, "output_channels", 1, 4, &out));
    if (out && json_array_size(out) != json_array_size(in))
        return fail(c, "output_channels", "must have as many elements as \"channels\"");
    for (size_t i = 0; i < json_array_size(in); i++) {
        uint32_t from, to;
        if (!channel_at(in, i, &from))
            return fail(c, "channels", "must be of integers from 1 to 4");
        to = from;
        if (out && !channel_at(out, i, &to))
            return fail(c, "output_channels", "must be of integers from 1 to 4");
        if (info->channels & 1u << from)
            return fail(c, "channels", "has %u twice", from);
        info->channels |= 1u << from;
        info->output_channels[from] = info->kind == SMALTI_KERNEL_TILE ? (uint8_t)to : 0;
    }
    return SMALTI_OK;
}

static smalti_result parse_alpha(const context *c, json_t *root, smalti_kernel_info *info)
{
    json_t *alpha = json_object_get(root, "alpha");
    const char *text = json_string_value(alpha);
    if (alpha && (!text || (strcmp(text, "straight") && strcmp(text, "premultiplied"))))
        return fail(c, "alpha", "must be \"straight\" or \"premultiplied\"");
    info->premultiplied = text && *text == 'p';
    return SMALTI_OK;
}

static smalti_result parse_halo(const context *c, json_t *root, smalti_kernel_info *info)
{
    json_t *halo = json_object_get(root, "halo");
    if (json_is_string(halo) && !strcmp(json_string_value(halo), "dynamic"))
        info->halo_dynamic = true;
    else if (halo &&
             (!json_is_integer(halo) || json_integer_value(halo) < 0 || json_integer_value(halo) > SMALTI__MAX_HALO))
        return fail(c, "halo", "must be an integer from 0 to %d or \"dynamic\"", SMALTI__MAX_HALO);
    else
        info->halo = (uint32_t)json_integer_value(halo);
    SMALTI__TRY(parse_alpha(c, root, info));
    SMALTI__TRY(get_bool(c, root, "in_place", &info->in_place));
    if (info->in_place && (info->halo || info->halo_dynamic))
        return fail(c, "in_place", "needs a halo of 0");
    for (uint32_t n = 1; info->in_place && n <= 4; n++)
        if (info->channels & 1u << n && info->output_channels[n] != n)
            return fail(c, "in_place", "needs as many channels out as in");
    return SMALTI_OK;
}

static smalti_result parse_param(const context *c, json_t *object, smalti_kernel_param *param)
{
    static const key keys[] = {{"name", true},    {"type", true},  {"min", true},     {"max", true},
                               {"default", true}, {"unit", false}, {"summary", false}};
    const char *type;
    if (!json_is_object(object))
        return fail(c, "", "must be an object");
    SMALTI__TRY(check_keys(c, object, keys, SMALTI__COUNT(keys)));
    SMALTI__TRY(get_name(c, object, true, &param->name));
    SMALTI__TRY(get_text(c, object, "unit", MAX_SHORT_TEXT, &param->unit));
    SMALTI__TRY(get_text(c, object, "summary", MAX_TEXT, &param->summary));
    SMALTI__TRY(get_text(c, object, "type", MAX_TEXT, &type));
    param->integer = !strcmp(type, "integer");
    if (!param->integer && strcmp(type, "number"))
        return fail(c, "type", "must be \"number\" or \"integer\"");
    SMALTI__TRY(get_number(c, object, "min", param->integer, &param->min));
    SMALTI__TRY(get_number(c, object, "max", param->integer, &param->max));
    SMALTI__TRY(get_number(c, object, "default", param->integer, &param->def));
    if (param->min > param->max)
        return fail(c, "min", "is larger than \"max\"");
    if (param->def < param->min || param->def > param->max)
        return fail(c, "default", "is not between \"min\" and \"max\"");
    return SMALTI_OK;
}

static smalti_result parse_params(context *c, json_t *root, smalti__descriptor *d)
{
    json_t *array, *value;
    SMALTI__TRY(get_array(c, root, "params", 0, SMALTI__MAX_PARAMS, &array));
    d->params = calloc(json_array_size(array) + 1, sizeof *d->params);
    if (!d->params)
        return smalti__fail_nomem(c->error, json_array_size(array) * sizeof *d->params);
    size_t index;
    json_array_foreach(array, index, value)
    {
        snprintf(c->path, sizeof c->path, "params[%zu].", index);
        SMALTI__TRY(parse_param(c, value, &d->params[index]));
        for (size_t i = 0; i < index; i++)
            if (!strcmp(d->params[i].name, d->params[index].name))
                return fail(c, "name", "is that of another parameter");
    }
    c->path[0] = '\0';
    d->info.param_count = (uint32_t)json_array_size(array);
    d->info.params = d->params;
    return SMALTI_OK;
}

static smalti_result parse_value(const context *c, json_t *object, smalti_kernel_value *value)
{
    static const key keys[] = {{"name", true}, {"count", false}, {"hex", false}, {"summary", false}};
    if (!json_is_object(object))
        return fail(c, "", "must be an object");
    SMALTI__TRY(check_keys(c, object, keys, SMALTI__COUNT(keys)));
    SMALTI__TRY(get_name(c, object, true, &value->name));
    SMALTI__TRY(get_text(c, object, "summary", MAX_TEXT, &value->summary));
    SMALTI__TRY(get_bool(c, object, "hex", &value->hex));
    value->count = 1;
    return get_integer(c, object, "count", 1, SMALTI__MAX_VALUES, &value->count);
}

/* What only a measure has. */
static smalti_result parse_measure(context *c, json_t *root, smalti__descriptor *d)
{
    json_t *array, *value;
    SMALTI__TRY(get_integer(c, root, "state_bytes", 1, SMALTI__MAX_STATE_BYTES, &d->info.state_bytes));
    SMALTI__TRY(get_array(c, root, "values", 1, SMALTI__MAX_PARAMS, &array));
    d->values = calloc(json_array_size(array) + 1, sizeof *d->values);
    if (!d->values)
        return smalti__fail_nomem(c->error, json_array_size(array) * sizeof *d->values);
    size_t index;
    json_array_foreach(array, index, value)
    {
        snprintf(c->path, sizeof c->path, "values[%zu].", index);
        SMALTI__TRY(parse_value(c, value, &d->values[index]));
        for (size_t i = 0; i < index; i++)
            if (!strcmp(d->values[i].name, d->values[index].name))
                return fail(c, "name", "is that of another value");
        d->value_total += d->values[index].count;
        if (d->value_total > SMALTI__MAX_VALUES)
            return fail(c, "count", "makes more than %d values in all", SMALTI__MAX_VALUES);
    }
    c->path[0] = '\0';
    d->info.value_count = (uint32_t)json_array_size(array);
    d->info.values = d->values;
    return SMALTI_OK;
}

static smalti_result parse_root(context *c, json_t *root, smalti__descriptor *d)
{
    static const key common[] = {{"name", true},    {"version", true}, {"summary", true},  {"kind", true},
                                 {"abi", true},     {"samples", true}, {"channels", true}, {"halo", false},
                                 {"params", false}, {"alpha", false}};
    static const key tile[] = {{"output_channels", false}, {"in_place", false}};
    static const key measure[] = {{"state_bytes", true}, {"values", true}};
    smalti_kernel_info *info = &d->info;
    key keys[SMALTI__COUNT(common) + 2];

    if (!json_is_object(root))
        return smalti__fail(c->error, SMALTI_E_KERNEL_MODULE, "%s: descriptor: must be a JSON object", c->name);
    /* the kind first: it says which keys there are */
    if (!json_object_get(root, "kind"))
        return fail(c, "kind", "is missing");
    SMALTI__TRY(parse_kind(c, root, info));
    memcpy(keys, common, sizeof common);
    memcpy(keys + SMALTI__COUNT(common), info->kind == SMALTI_KERNEL_TILE ? tile : measure, 2 * sizeof *keys);
    SMALTI__TRY(check_keys(c, root, keys, SMALTI__COUNT(keys)));

    SMALTI__TRY(get_integer(c, root, "abi", 1, 1, &info->abi));
    SMALTI__TRY(get_name(c, root, false, &info->name));
    SMALTI__TRY(get_text(c, root, "version", MAX_SHORT_TEXT, &info->version));
    SMALTI__TRY(get_text(c, root, "summary", MAX_TEXT, &info->summary));
    SMALTI__TRY(parse_samples(c, root, info));
    SMALTI__TRY(parse_channels(c, root, info));
    SMALTI__TRY(parse_halo(c, root, info));
    SMALTI__TRY(parse_params(c, root, d));
    return info->kind == SMALTI_KERNEL_MEASURE ? parse_measure(c, root, d) : SMALTI_OK;
}

smalti_result smalti__descriptor_parse(const char *text, size_t size, const char *name, smalti__descriptor *descriptor,
                                       smalti_error *error)
{
    context c = {.name = name, .error = error};
    json_error_t json_error;
    memset(descriptor, 0, sizeof *descriptor);
    descriptor->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &json_error);
    if (!descriptor->json) {
        char shown[200];
        return smalti__fail(error, SMALTI_E_KERNEL_MODULE, "%s: descriptor: not JSON: %s at line %d", name,
                            smalti__printable(json_error.text, strlen(json_error.text), shown, sizeof shown),
                            json_error.line);
    }
    smalti_result result = parse_root(&c, descriptor->json, descriptor);
    if (result < 0)
        smalti__descriptor_clear(descriptor);
    return result;
}

void smalti__descriptor_clear(smalti__descriptor *descriptor)
{
    json_decref(descriptor->json);
    free(descriptor->params);
    free(descriptor->values);
    memset(descriptor, 0, sizeof *descriptor);
}
