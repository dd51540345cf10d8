/* SPDX-License-Identifier: Apache-2.0
 * The job as JSON, in and out. */
#include "pipeline/job_json.h"

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
            return smalti__job_unknown_key(section, strlen(section), name, error);
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
            SMALTI__TRY(smalti__job_input_append(job, &(smalti__input){.path = path, .name = name, .fd = -1}, error));
        } else {
            return smalti__fail(error, SMALTI_E_INVALID_TYPE,
                                "inputs[%zu] is to be a string, or an object with the strings path and name", index);
        }
    }
    return SMALTI_OK;
}

smalti_result smalti__job_json_task(smalti_job *job, size_t index, json_t *item, smalti_error *error)
{
    const char *key;
    json_t *value;
    smalti__input task = {0};
    if (!json_is_object(item))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "tasks[%zu] is to be an object, not %s", index,
                            type_name(item));
    json_object_foreach(item, key, value)
    {
        const char **place = !strcmp(key, "id")       ? &task.id
                             : !strcmp(key, "input")  ? &task.path
                             : !strcmp(key, "name")   ? &task.name
                             : !strcmp(key, "output") ? &task.output
                                                      : NULL;
        if (!place) {
            char shown[64];
            smalti__printable(key, strlen(key), shown, sizeof shown);
            return smalti__fail(error, SMALTI_E_INVALID_KEY,
                                "unknown key \"%s\" in tasks[%zu]: it has id, input, name and output", shown, index);
        }
        if (!json_is_string(value))
            return smalti__fail(error, SMALTI_E_INVALID_TYPE, "tasks[%zu].%s is to be a string, not %s", index, key,
                                type_name(value));
        *place = json_string_value(value);
    }
    smalti_result result = smalti__job_task_append(job, &task, error);
    if (result < 0) {
        char place[32];
        snprintf(place, sizeof place, "tasks[%zu]", index);
        smalti__error_prefix(error, place);
    }
    return result;
}

/* Those that the reader did not take out of the document: with "tasks" written in another way. */
static smalti_result read_tasks(smalti_job *job, json_t *tasks, smalti_error *error)
{
    size_t index;
    json_t *task;
    if (!json_is_array(tasks))
        return wrong_type("tasks", "an array", tasks, error);
    json_array_foreach(tasks, index, task) SMALTI__TRY(smalti__job_json_task(job, index, task, error));
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

/* {"module": …, "params": {…}} */
static smalti_result read_kernel(smalti__step *step, size_t index, json_t *object, smalti_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        char params[4096] = "";
        if (!strcmp(name, "module") && json_is_string(value)) {
            SMALTI__TRY(smalti__step_set(step, name, json_string_value(value), error));
        } else if (!strcmp(name, "params")) {
            SMALTI__TRY(params_text(index, value, params, sizeof params, error));
            if (*params)
                SMALTI__TRY(smalti__step_set(step, name, params, error));
        } else {
            return smalti__fail(error, SMALTI_E_INVALID_KEY,
                                "steps[%zu].kernel has module (a string) and params (an object), not %.64s that is %s",
                                index, name, type_name(value));
        }
    }
    if (!step->values[0].text)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "steps[%zu].kernel has no module", index);
    return SMALTI_OK;
}

/* A value of the type that its parameter has, as text. */
static smalti_result read_value(smalti__step *step, const char *name, json_t *value, smalti_error *error)
{
    static const char *const wanted[] = {"a number", "a whole number", "true or false",
                                         "a string", "a string",       "a string"};
    int index = smalti__step_param_find(step->kind, name);
    smalti_step_type type = index < 0 ? SMALTI_STEP_TEXT : step->kind->info.params[index].type;
    bool right = type == SMALTI_STEP_NUMBER    ? json_is_number(value)
                 : type == SMALTI_STEP_INTEGER ? json_is_integer(value)
                 : type == SMALTI_STEP_FLAG    ? json_is_boolean(value)
                                               : json_is_string(value);
    if (index < 0)
        return smalti__step_set(step, name, "", error); /* which says what there is */
    if (!right)
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "%s.%s is to be %s, not %s", step->kind->info.name, name,
                            wanted[type], type_name(value));
    if (json_is_string(value))
        return smalti__step_set(step, name, json_string_value(value), error);
    if (json_is_boolean(value))
        return smalti__step_set(step, name, json_is_true(value) ? "true" : "false", error);
    SMALTI__CLEANUP_FREE char *number = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    return number ? smalti__step_set(step, name, number, error) : smalti__fail_nomem(error, 32);
}

/* {"resize": {"width": 800}}, or true instead of an empty object. */
static smalti_result read_step(smalti_job *job, size_t index, json_t *item, smalti_error *error)
{
    const smalti__step_kind *kind;
    smalti__step step;
    const char *name;
    json_t *value;
    void *first = json_object_iter(item);
    if (!json_is_object(item) || json_object_size(item) != 1)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "steps[%zu] is to be an object of one step, {\"NAME\": {…}}",
                            index);
    json_t *object = json_object_iter_value(first);
    SMALTI__TRY(smalti__job_step_kind(json_object_iter_key(first), &kind, error));
    if (!json_is_object(object) && !json_is_true(object))
        return smalti__fail(error, SMALTI_E_INVALID_TYPE, "steps[%zu].%s is to be an object, not %s", index,
                            kind->info.name, type_name(object));
    smalti__step_init(&step, kind);
    smalti_result result = SMALTI_OK;
    if (!strcmp(kind->info.name, "kernel"))
        result = read_kernel(&step, index, object, error);
    else
        json_object_foreach(object, name, value) if (result == SMALTI_OK) result =
            read_value(&step, name, value, error);
    return smalti__job_step_take(job, &step, result, error);
}

static smalti_result read_steps(smalti_job *job, json_t *steps, smalti_error *error)
{
    size_t index;
    json_t *step;
    if (!json_is_array(steps))
        return wrong_type("steps", "an array", steps, error);
    json_array_foreach(steps, index, step)
    {
        char place[32];
        smalti_result result = read_step(job, index, step, error);
        snprintf(place, sizeof place, "steps[%zu]", index);
        if (result < 0 && error && strncmp(error->message, "steps[", 6))
            smalti__error_prefix(error, place);
        SMALTI__TRY(result);
    }
    return SMALTI_OK;
}

smalti_result smalti__job_json_read(smalti_job *job, json_t *root, smalti_error *error)
{
    static const char *const sections[] = {"input", "output", "limits"};
    const char *name;
    json_t *value;
    if (!json_is_object(root))
        return wrong_type("a job", "an object", root, error);
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "inputs") && strcmp(name, "steps") && strcmp(name, "input") && strcmp(name, "output") &&
            strcmp(name, "limits") && strcmp(name, "tasks"))
            return smalti__job_unknown_key(name, strlen(name), "", error);
    }
    for (size_t i = 0; i < SMALTI__COUNT(sections); i++) /* before the inputs, which may be read recursively */
        if ((value = json_object_get(root, sections[i])))
            SMALTI__TRY(read_section(job, sections[i], value, error));
    if ((value = json_object_get(root, "steps")))
        SMALTI__TRY(read_steps(job, value, error));
    if ((value = json_object_get(root, "tasks")))
        SMALTI__TRY(read_tasks(job, value, error));
    if ((value = json_object_get(root, "inputs")) && json_array_size(value) && job->input_count)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "a job has inputs or tasks, not both");
    return value ? read_inputs(job, value, error) : SMALTI_OK;
}

/* ---- JSON out ---- */

static json_t *print_inputs(const smalti_job *job, smalti_error *error)
{
    json_t *inputs = json_array();
    for (size_t i = 0; i < job->input_count; i++) {
        const char *path = job->inputs[i].path, *name = job->inputs[i].name;
        json_t *input = job->has_tasks ? json_pack("{s:s, s:s, s:s*, s:s*}", "input", path, "name", name, "output",
                                                   job->inputs[i].output, "id", job->inputs[i].id)
                                       : json_pack("{s:s, s:s}", "path", path, "name", name);
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

static json_t *print_value(const smalti__step *step, size_t index)
{
    char number[SMALTI__NUMBER_TEXT];
    const smalti__step_value *value = &step->values[index];
    switch (step->kind->info.params[index].type) {
    case SMALTI_STEP_NUMBER:
        return json_real(value->number);
    case SMALTI_STEP_INTEGER:
        return json_integer((json_int_t)value->number);
    case SMALTI_STEP_FLAG:
        return json_boolean(value->number != 0);
    default:
        return json_string(smalti__step_value_text(step, index, number));
    }
}

static json_t *print_steps(const smalti_job *job)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < job->step_count; i++) {
        const smalti__step *step = &job->steps[i];
        bool kernel = !strcmp(step->kind->info.name, "kernel");
        json_t *object = json_object();
        for (uint32_t v = 0; v < step->kind->info.param_count; v++)
            if (step->values[v].given)
                json_object_set_new(object, step->kind->info.params[v].name,
                                    kernel && v ? print_params(step->values[v].text) : print_value(step, v));
        json_array_append_new(steps, json_pack("{s:o}", step->kind->info.name, object));
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
    json_t *root = json_pack("{s:o, s:o}", job->has_tasks ? "tasks" : "inputs", inputs, "steps", print_steps(job));
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
