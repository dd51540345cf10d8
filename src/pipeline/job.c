/* SPDX-License-Identifier: Apache-2.0
 * The job: putting it together. */
#include "pipeline/job.h"

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
    smalti__job_inputs_clear(job);
    for (size_t i = 0; i < job->step_count; i++)
        smalti__step_clear(&job->steps[i]);
    free(job->steps);
    smalti__settings_clear(&job->settings);
    free(job);
}

/* A copy of step, behind the others. */
static smalti_result add_step(smalti_job *job, const smalti__step *step, smalti_error *error)
{
    smalti__step *steps = realloc(job->steps, (job->step_count + 1) * sizeof *steps);
    if (!steps)
        return smalti__fail_nomem(error, (job->step_count + 1) * sizeof *steps);
    job->steps = steps;
    SMALTI__TRY(smalti__step_copy(&steps[job->step_count], step, error));
    job->step_count++;
    return SMALTI_OK;
}

static smalti_job *copy_into(smalti_job *copy, const smalti_job *job)
{
    char number[32];
    smalti__job_inputs_share(copy, job);
    for (size_t i = 0; i < job->step_count; i++)
        if (add_step(copy, &job->steps[i], NULL) < 0)
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

/* ---- steps ---- */

smalti_result smalti__job_step_kind(const char *name, const smalti__step_kind **kind, smalti_error *error)
{
    char list[300] = "", shown[64];
    size_t used = 0;
    *kind = smalti__step_kind_find(name);
    if (*kind)
        return SMALTI_OK;
    for (size_t i = 0; smalti__step_kinds[i] && used < sizeof list - 40; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                 smalti__step_kinds[i]->info.name);
    smalti__printable(name, strlen(name), shown, sizeof shown);
    return smalti__fail(error, SMALTI_E_INVALID_KEY, "there is no step \"%s\": there are %s", shown, list);
}

smalti_result smalti__job_step_take(smalti_job *job, smalti__step *step, smalti_result result, smalti_error *error)
{
    if (result == SMALTI_OK && step->kind->check)
        result = step->kind->check(step, error);
    if (result == SMALTI_OK)
        result = add_step(job, step, error);
    smalti__step_clear(step);
    return result;
}

smalti_result smalti_job_kernel_add(smalti_job *job, const char *module, const char *params, smalti_error *error)
{
    smalti__step step;
    if (!*module)
        return smalti__fail(error, SMALTI_E_INVALID, "a kernel has an empty name");
    smalti__step_init(&step, smalti__step_kind_find("kernel"));
    smalti_result result = smalti__step_set(&step, "module", module, error);
    if (result == SMALTI_OK && params && *params)
        result = smalti__step_set(&step, "params", params, error);
    return smalti__job_step_take(job, &step, result, error);
}

smalti_result smalti_job_step_add(smalti_job *job, const char *name, const char *params, smalti_error *error)
{
    const smalti__step_kind *kind;
    smalti__step step;
    SMALTI__TRY(smalti__job_step_kind(name, &kind, error));
    smalti__step_init(&step, kind);
    return smalti__job_step_take(job, &step, smalti__step_parse(&step, params, error), error);
}

smalti_result smalti__job_unknown_key(const char *section, size_t section_size, const char *name, smalti_error *error)
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
                            "unknown key \"%.64s\": a job has inputs, tasks, steps, input, output and limits", section);
    return smalti__fail(error, SMALTI_E_INVALID_KEY, "unknown key \"%.64s\" in %.*s: it has %s", name,
                        (int)section_size, section, list);
}

smalti_result smalti_job_set(smalti_job *job, const char *key, const char *value, smalti_error *error)
{
    const char *dot = strchr(key, '.');
    size_t size = dot ? (size_t)(dot - key) : strlen(key);
    const smalti__key *found = dot ? smalti__key_find(key, size, dot + 1) : NULL;
    if (!found)
        return smalti__job_unknown_key(key, size, dot ? dot + 1 : "", error);
    return smalti__key_set(&job->settings, found, value, error);
}

const char *smalti_job_get(const smalti_job *job, const char *key, char *out, size_t out_size)
{
    const char *dot = strchr(key, '.');
    const smalti__key *found = dot ? smalti__key_find(key, (size_t)(dot - key), dot + 1) : NULL;
    char number[32];
    const char *text = found ? smalti__key_text(&job->settings, found, number, sizeof number) : NULL;
    if (text)
        snprintf(out, out_size, "%s", text);
    return text ? out : NULL;
}
