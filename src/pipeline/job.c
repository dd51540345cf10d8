/* SPDX-License-Identifier: Apache-2.0
 * The job: putting it together, and JSON in and out. */
#include "pipeline/job.h"

#include <jansson.h>

smalti_result smalti_job_new(smalti_job **job, smalti_error *error)
{
    smalti_job *made = calloc(1, sizeof *made);
    if (!made)
        return smalti__fail_nomem(error, sizeof *made);
    smalti__settings_default(&made->settings);
    *job = made;
    return SMALTI_OK;
}

void smalti_job_free(smalti_job *job)
{
    if (!job)
        return;
    for (size_t i = 0; i < job->input_count; i++) {
        free(job->inputs[i].path);
        free(job->inputs[i].name);
    }
    for (size_t i = 0; i < job->step_count; i++) {
        free(job->steps[i].module);
        free(job->steps[i].params);
    }
    free(job->inputs);
    free(job->steps);
    smalti__settings_clear(&job->settings);
    free(job);
}

static smalti_job *copy_into(smalti_job *copy, const smalti_job *job)
{
    char number[32];
    for (size_t i = 0; i < job->input_count; i++)
        if (smalti__job_input_append(copy, job->inputs[i].path, job->inputs[i].name, job->inputs[i].fd, NULL) < 0)
            return NULL;
    for (size_t i = 0; i < job->step_count; i++)
        if (smalti_job_kernel_add(copy, job->steps[i].module, job->steps[i].params, NULL) < 0)
            return NULL;
    for (size_t i = 0; i < smalti__key_count; i++) {
        const char *text = smalti__key_text(&job->settings, &smalti__keys[i], number, sizeof number);
        if (text && smalti__key_set(&copy->settings, &smalti__keys[i], text, NULL) < 0)
            return NULL;
    }
    return copy;
}

smalti_job *smalti__job_copy(const smalti_job *job)
{
    smalti_job *copy = NULL;
    if (smalti_job_new(&copy, NULL) == SMALTI_OK && !copy_into(copy, job)) {
        smalti_job_free(copy);
        copy = NULL;
    }
    return copy;
}

smalti_result smalti__job_input_append(smalti_job *job, const char *path, const char *name, int fd, smalti_error *error)
{
    if (job->input_count == job->input_room) {
        size_t room = job->input_room ? job->input_room * 2 : 16;
        smalti__input *inputs = realloc(job->inputs, room * sizeof *inputs);
        if (!inputs)
            return smalti__fail_nomem(error, room * sizeof *inputs);
        job->inputs = inputs;
        job->input_room = room;
    }
    smalti__input input = {strdup(path), strdup(name), fd};
    if (!input.path || !input.name) {
        free(input.path);
        free(input.name);
        return smalti__fail_nomem(error, strlen(path) + strlen(name));
    }
    job->inputs[job->input_count++] = input;
    return SMALTI_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

smalti_result smalti_job_input_add(smalti_job *job, const char *path, smalti_error *error)
{
    if (!*path)
        return smalti__fail(error, SMALTI_E_INVALID, "an input has an empty name");
    return smalti__job_input_append(job, path, strcmp(path, "-") ? base_name(path) : "stdin", -1, error);
}

smalti_result smalti_job_input_add_fd(smalti_job *job, int fd, const char *name, smalti_error *error)
{
    if (fd < 0 || !*name)
        return smalti__fail(error, SMALTI_E_INVALID, "an input needs an open descriptor and a name");
    return smalti__job_input_append(job, name, base_name(name), fd, error);
}

size_t smalti_job_input_count(const smalti_job *job)
{
    return job->input_count;
}

const char *smalti_job_input_name(const smalti_job *job, size_t index)
{
    return index < job->input_count ? job->inputs[index].path : NULL;
}

smalti_result smalti_job_kernel_add(smalti_job *job, const char *module, const char *params, smalti_error *error)
{
    if (!*module)
        return smalti__fail(error, SMALTI_E_INVALID, "a kernel has an empty name");
    smalti__job_step *steps = realloc(job->steps, (job->step_count + 1) * sizeof *steps);
    if (!steps)
        return smalti__fail_nomem(error, sizeof *steps);
    job->steps = steps;
    smalti__job_step step = {strdup(module), params ? strdup(params) : NULL};
    if (!step.module || (params && !step.params)) {
        free(step.module);
        return smalti__fail_nomem(error, strlen(module));
    }
    job->steps[job->step_count++] = step;
    return SMALTI_OK;
}

/* "output.qualty" is not a key: names those of its section, or the sections. */
static smalti_result unknown_key(const char *section, size_t section_size, const char *name, smalti_error *error)
{
    char list[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < smalti__key_count && used < sizeof list - 40; i++) {
        const smalti__key *key = &smalti__keys[i];
        if (strlen(key->section) == section_size && !memcmp(key->section, section, section_size))
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", key->name);
    }
    if (!used)
        return smalti__fail(error, SMALTI_E_INVALID_KEY,
                            "unknown key \"%.64s\": a job has inputs, steps, input, output and limits", section);
    return smalti__fail(error, SMALTI_E_INVALID_KEY, "unknown key \"%.64s\" in %.*s: it has %s", name,
                        (int)section_size, section, list);
}

smalti_result smalti_job_set(smalti_job *job, const char *key, const char *value, smalti_error *error)
{
    const char *dot = strchr(key, '.');
    size_t size = dot ? (size_t)(dot - key) : strlen(key);
    const smalti__key *found = dot ? smalti__key_find(key, size, dot + 1) : NULL;
    if (!found)
        return unknown_key(key, size, dot ? dot + 1 : "", error);
    return smalti__key_set(&job->settings, found, value, error);
}

/* ---- JSON in ---- */

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "an array", "a string", "a whole number",
                                        "a number",  "true",     "false",    "null"};
    return names[json_typeof(value)];
}

static smalti_result wrong_type(const char *what, const char *wanted, const json_t *value, smalti_error *error)
{
    return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s is to be %s, not %s", what, wanted, type_name(value));
}

static smalti_result read_setting(smalti_job *job, const smalti__key *key, const json_t *value, smalti_error *error)
{
    char what[64], number[32];
    snprintf(what, sizeof what, "%s.%s", key->section, key->name);
    switch (key->type) {
    case SMALTI__KEY_BOOL:
        if (!json_is_boolean(value))
            return wrong_type(what, "true or false", value, error);
        return smalti__key_set(&job->settings, key, json_is_true(value) ? "true" : "false", error);
    case SMALTI__KEY_NUMBER:
        if (!json_is_integer(value))
            return wrong_type(what, "a whole number", value, error);
        if (json_integer_value(value) < 0)
            return smalti__fail(error, SMALTI_E_INVALID_RANGE, "%s is negative", what);
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        return smalti__key_set(&job->settings, key, number, error);
    default:
        if (!json_is_string(value))
            return wrong_type(what, "a string", value, error);
        return smalti__key_set(&job->settings, key, json_string_value(value), error);
    }
}

static smalti_result read_section(smalti_job *job, const char *section, json_t *object, smalti_error *error)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return wrong_type(section, "an object", object, error);
    json_object_foreach(object, name, value)
    {
        const smalti__key *key = smalti__key_find(section, strlen(section), name);
        if (!key)
            return unknown_key(section, strlen(section), name, error);
        SMALTI__TRY(read_setting(job, key, value, error));
    }
    return SMALTI_OK;
}

static smalti_result read_inputs(smalti_job *job, json_t *inputs, smalti_error *error)
{
    size_t index;
    json_t *input;
    if (!json_is_array(inputs))
        return wrong_type("inputs", "an array", inputs, error);
    json_array_foreach(inputs, index, input)
    {
        const char *path = NULL, *name = NULL;
        if (json_is_string(input)) {
            path = json_string_value(input);
            SMALTI__TRY(strcmp(path, "-") ? smalti_job_input_expand(job, path, job->settings.recursive, error)
                                          : smalti_job_input_add(job, path, error));
        } else if (json_unpack_ex(input, NULL, JSON_STRICT, "{s:s, s:s}", "path", &path, "name", &name) == 0) {
            if (!*path || !*name)
                return smalti__fail(error, SMALTI_E_INVALID, "inputs[%zu] has an empty path or name", index);
            SMALTI__TRY(smalti__job_input_append(job, path, name, -1, error));
        } else {
            return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                                "inputs[%zu] is to be a string, or an object with the strings path and name", index);
        }
    }
    return SMALTI_OK;
}

/* {"name": number, …} as the text that smalti_kernel_params_parse reads. */
static smalti_result params_text(size_t step, json_t *params, char *text, size_t room, smalti_error *error)
{
    const char *name;
    json_t *value;
    size_t used = 0;
    *text = '\0';
    if (!json_is_object(params))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "steps[%zu].kernel.params is to be an object, not %s", step,
                            type_name(params));
    json_object_foreach(params, name, value)
    {
        if (!json_is_number(value))
            return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                                "steps[%zu].kernel.params.%.64s is to be a number, not %s", step, name,
                                type_name(value));
        char *number = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)); /* locale-independent */
        if (!number)
            return smalti__fail_nomem(error, 32);
        int length =
            strpbrk(name, ",=") ? -1 : snprintf(text + used, room - used, "%s%s=%s", used ? "," : "", name, number);
        free(number);
        if (length < 0 || (size_t)length >= room - used)
            return smalti__fail(error, SMALTI_E_INVALID_KEY, "steps[%zu].kernel.params: \"%.64s\" cannot be a name",
                                step, name);
        used += (size_t)length;
    }
    return SMALTI_OK;
}

static smalti_result read_steps(smalti_job *job, json_t *steps, smalti_error *error)
{
    size_t index;
    json_t *step;
    if (!json_is_array(steps))
        return wrong_type("steps", "an array", steps, error);
    json_array_foreach(steps, index, step)
    {
        json_t *kernel = json_object_get(step, "kernel"), *value;
        const char *name, *module = NULL;
        char params[4096] = "";
        if (!json_is_object(step) || json_object_size(step) != 1 || !json_is_object(kernel))
            return smalti__fail(error, SMALTI_E_INVALID_KEY, "steps[%zu] is to be {\"kernel\": {…}}", index);
        json_object_foreach(kernel, name, value)
        {
            if (!strcmp(name, "module") && json_is_string(value))
                module = json_string_value(value);
            else if (!strcmp(name, "params"))
                SMALTI__TRY(params_text(index, value, params, sizeof params, error));
            else
                return smalti__fail(
                    error, SMALTI_E_INVALID_KEY,
                    "steps[%zu].kernel has module (a string) and params (an object), not %.64s that is %s", index, name,
                    type_name(value));
        }
        if (!module)
            return smalti__fail(error, SMALTI_E_INVALID_KEY, "steps[%zu].kernel has no module", index);
        SMALTI__TRY(smalti_job_kernel_add(job, module, *params ? params : NULL, error));
    }
    return SMALTI_OK;
}

static smalti_result read_job(smalti_job *job, json_t *root, smalti_error *error)
{
    static const char *const sections[] = {"input", "output", "limits"};
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return wrong_type("a job", "an object", root, error);
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "inputs") && strcmp(name, "steps") && strcmp(name, "input") && strcmp(name, "output") &&
            strcmp(name, "limits"))
            return unknown_key(name, strlen(name), "", error);
    }
    for (size_t i = 0; i < SMALTI__COUNT(sections); i++) /* before the inputs, which may be read recursively */
        if ((value = json_object_get(root, sections[i])))
            SMALTI__TRY(read_section(job, sections[i], value, error));
    if ((value = json_object_get(root, "steps")))
        SMALTI__TRY(read_steps(job, value, error));
    if ((value = json_object_get(root, "inputs")))
        SMALTI__TRY(read_inputs(job, value, error));
    return SMALTI_OK;
}

smalti_result smalti_job_parse(const char *json, size_t size, const char *name, smalti_job **job, smalti_error *error)
{
    json_error_t why;
    json_t *root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        char text[JSON_ERROR_TEXT_LENGTH * 2];
        smalti__printable(why.text, strlen(why.text), text, sizeof text);
        return smalti__fail_at(error, SMALTI_E_INVALID, why.position >= 0 ? (uint64_t)why.position : SMALTI_NO_OFFSET,
                               "%s: line %d: %s", name, why.line, text);
    }
    smalti_job *made = NULL;
    smalti_result result = smalti_job_new(&made, error);
    if (result == SMALTI_OK)
        result = read_job(made, root, error);
    json_decref(root);
    if (result < 0) {
        smalti__error_prefix(error, name);
        smalti_job_free(made);
        return result;
    }
    *job = made;
    return SMALTI_OK;
}

/* ---- JSON out ---- */

static json_t *print_inputs(const smalti_job *job, smalti_error *error)
{
    json_t *inputs = json_array();
    for (size_t i = 0; i < job->input_count; i++) {
        const char *path = job->inputs[i].path, *name = job->inputs[i].name;
        json_t *input = json_pack("{s:s, s:s}", "path", path, "name", name);
        if (!input || json_array_append_new(inputs, input) < 0) {
            char shown[SMALTI__NAME_TEXT];
            smalti__fail(error, SMALTI_E_INVALID, "%s: JSON cannot have this name: it is not UTF-8",
                         smalti__name_text(path, shown));
            json_decref(inputs);
            return NULL;
        }
    }
    return inputs;
}

static json_t *print_params(const char *text)
{
    json_t *params = json_object();
    while (text && *text) {
        char name[128];
        size_t length = strcspn(text, "="), skip = strcspn(text, ",");
        if (length < skip && length < sizeof name) {
            memcpy(name, text, length);
            name[length] = '\0';
            json_t *value = json_loadb(text + length + 1, skip - length - 1, JSON_DECODE_ANY, NULL);
            if (!json_is_number(value)) { /* typed by a person: kept, so that who reads it can say what is wrong */
                json_decref(value);
                value = json_stringn_nocheck(text + length + 1, skip - length - 1);
            }
            json_object_set_new(params, name, value);
        }
        text += skip + (text[skip] == ',');
    }
    return params;
}

static json_t *print_steps(const smalti_job *job)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < job->step_count; i++) {
        json_t *kernel = json_pack("{s:s}", "module", job->steps[i].module);
        if (job->steps[i].params)
            json_object_set_new(kernel, "params", print_params(job->steps[i].params));
        json_array_append_new(steps, json_pack("{s:o}", "kernel", kernel));
    }
    return steps;
}

static json_t *print_setting(const smalti__key *key, const char *text)
{
    return key->type == SMALTI__KEY_BOOL     ? json_boolean(*text == 't')
           : key->type == SMALTI__KEY_NUMBER ? json_integer((json_int_t)strtoull(text, NULL, 10))
                                             : json_string(text);
}

smalti_result smalti_job_print(const smalti_job *job, char **json, smalti_error *error)
{
    json_t *inputs = print_inputs(job, error);
    if (!inputs)
        return SMALTI_E_INVALID;
    json_t *root = json_pack("{s:o, s:o}", "inputs", inputs, "steps", print_steps(job));
    for (size_t i = 0; i < smalti__key_count; i++) {
        const smalti__key *key = &smalti__keys[i];
        char number[32];
        const char *text = smalti__key_text(&job->settings, key, number, sizeof number);
        if (!text)
            continue;
        json_t *section = json_object_get(root, key->section);
        if (!section)
            json_object_set_new(root, key->section, section = json_object());
        json_object_set_new(section, key->name, print_setting(key, text));
    }
    *json = json_dumps(root, JSON_INDENT(2));
    json_decref(root);
    return *json ? SMALTI_OK : smalti__fail_nomem(error, 0);
}
