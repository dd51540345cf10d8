/* SPDX-License-Identifier: Apache-2.0
 * Names of outputs: the template, and the check that no two tasks meet and no input is lost. */
#include "pipeline/plan.h"

#include <sys/stat.h>

#include "pipeline/path_set.h"

/* ---- the name of one output ---- */

static const char *extension_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
    const char *base = slash ? slash + 1 : name;
    return dot && dot > base ? dot : name + strlen(name);
}

const smalti__encoder_format *smalti__plan_encoder(const smalti_plan *plan, size_t variant, const char *path)
{
    const char *extension = extension_of(path);
    const smalti__encoder_format *format = plan->variants[variant].format;
    if (!format && plan->smallest)
        return smalti__plan_web_format(0); /* one of them, for the time being */
    return format ? format : *extension ? smalti__encoder_find(extension + 1) : NULL;
}

/* Where an input's name ends and its extension begins. One that no format has ("photo.xmp") is part of the name, so that
 * what lies beside a photo does not make the photo's output. */
static const char *stem_end(const char *name)
{
    const char *extension = extension_of(name);
    return *extension && smalti__encoder_find(extension + 1) ? extension : name + strlen(name);
}

/* The extension of an output, with its dot: the input's own where it fits the format. */
static void output_extension(const smalti__encoder_format *format, const char *name, char *out, size_t out_size)
{
    const char *own = extension_of(name);
    const smalti__encoder_format *of_own = *own ? smalti__encoder_find(own + 1) : NULL;
    if (of_own && (!format || of_own == format))
        snprintf(out, out_size, "%s", own);
    else
        snprintf(out, out_size, ".%s", (format ? format : &smalti__encoder_png)->extensions[0]);
}

static smalti_result expand_template(const smalti_plan *plan, size_t index, const smalti__variant *variant,
                                     const smalti__encoder_format *format, FILE *out, smalti_error *error)
{
    const char *name = plan->job->inputs[index].name, *text = plan->job->settings.template_text;
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = stem_end(name);
    char extension[32];
    output_extension(format, name, extension, sizeof extension);
    text = text ? text : variant->width ? "{stem}-{width}{ext}" : "{stem}{ext}";
    if (slash && !strstr(text, "{dir}"))
        fprintf(out, "%.*s/", (int)(slash - name), name);
    while (*text) {
        size_t length = strcspn(text, "}");
        if (*text != '{')
            fputc(*text++, out);
        else if (!strncmp(text, "{stem}", length + 1))
            fprintf(out, "%.*s", (int)(dot - base), base), text += length + 1;
        else if (!strncmp(text, "{ext}", length + 1))
            fputs(extension, out), text += length + 1;
        else if (!strncmp(text, "{name}", length + 1))
            fputs(base, out), text += length + 1;
        else if (!strncmp(text, "{dir}", length + 1))
            fprintf(out, "%.*s", slash ? (int)(slash - name) : 1, slash ? name : "."), text += length + 1;
        else if (!strncmp(text, "{index}", length + 1))
            fprintf(out, "%06zu", index), text += length + 1;
        else if (!strncmp(text, "{width}", length + 1) && variant->width)
            fprintf(out, "%u", variant->width), text += length + 1;
        else
            return smalti__fail(error, SMALTI_E_INVALID_KEY,
                                "output.template has %.*s: it may have {stem}, {ext}, {name}, {dir} and {index}, and "
                                "with output.set {width}",
                                (int)(length + 1), text);
    }
    return SMALTI_OK;
}

smalti_result smalti__plan_output(const smalti_plan *plan, size_t index, size_t variant,
                                  const smalti__encoder_format *chosen, char **path, smalti_error *error)
{
    const smalti__settings *settings = &plan->job->settings;
    char *text = NULL;
    size_t size = 0;
    *path = NULL;
    const smalti__target *target = smalti__plan_target(plan, index, variant);
    if (!plan->has_output || (target && !target->path))
        return SMALTI_OK;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return smalti__fail_nomem(error, PATH_MAX);
    smalti_result result = SMALTI_OK;
    if (target) {
        fputs(target->path, out);
    } else if (plan->own_outputs) {
        fputs(plan->job->inputs[index].output, out);
    } else if (settings->file) {
        fputs(settings->file, out);
    } else {
        size_t length = strlen(settings->dir);
        fprintf(out, "%s%s", settings->dir, length && settings->dir[length - 1] == '/' ? "" : "/");
        result = expand_template(plan, index, &plan->variants[variant],
                                 chosen ? chosen : plan->variants[variant].format, out, error);
    }
    if (fclose(out) && result == SMALTI_OK)
        result = smalti__fail_nomem(error, size);
    if (result == SMALTI_OK && !smalti__plan_encoder(plan, variant, text) && strcmp(text, "-"))
        result = smalti__fail(error, SMALTI_E_INVALID, "%s: no format has this extension: name one with --format",
                              SMALTI__SHOWN(text));
    if (result < 0)
        free(text);
    else
        *path = text;
    return result;
}

/* ---- the check ---- */

typedef struct check {
    const smalti_plan *plan;
    smalti__namer *namer;
    smalti__name_set inputs, outputs, ids;
} check;

static void add_input(check *self, size_t index)
{
    const char *path = self->plan->job->inputs[index].path;
    smalti__name_hash hash;
    struct stat status;
    smalti__name_hash_path(self->namer, path, &hash);
    smalti__name_set_add(&self->inputs, &hash, index);
    /* what a link leads to is an input as well; one that leads nowhere is told by its task */
    SMALTI__CLEANUP_FREE char *real =
        lstat(path, &status) == 0 && S_ISLNK(status.st_mode) ? realpath(path, NULL) : NULL;
    if (real) {
        smalti__name_hash_path(self->namer, real, &hash);
        smalti__name_set_add(&self->inputs, &hash, index);
    }
}

static smalti_result check_output(check *self, size_t index, size_t variant, const smalti__encoder_format *chosen,
                                  smalti_error *error)
{
    const smalti_job *job = self->plan->job;
    SMALTI__CLEANUP_FREE char *path = NULL;
    smalti__name_hash hash;
    SMALTI__TRY(smalti__plan_output(self->plan, index, variant, chosen, &path, error));
    if (!path || !strcmp(path, "-"))
        return SMALTI_OK;
    smalti__name_hash_path(self->namer, path, &hash);
    size_t there = smalti__name_set_add(&self->outputs, &hash, index);
    if (there != SIZE_MAX)
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "%s and %s would both be written to %s%s",
                            SMALTI__SHOWN(job->inputs[there].path), SMALTI__SHOWN(job->inputs[index].path),
                            SMALTI__SHOWN(path), self->plan->own_outputs ? "" : ": tell them apart with --template");
    size_t input = smalti__name_set_find(&self->inputs, &hash);
    if (input != SIZE_MAX && (!job->settings.overwrite || input != index))
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            input == index ? "%s would be written over its input: choose another folder, or ask for "
                                             "it with --overwrite"
                                           : "%s would be written over another input",
                            SMALTI__SHOWN(path));
    return SMALTI_OK;
}

/* Every name that a variant may get. */
static smalti_result check_variant(check *self, size_t index, size_t variant, smalti_error *error)
{
    const smalti_plan *plan = self->plan;
    if (!plan->smallest || plan->variants[variant].format)
        return check_output(self, index, variant, NULL, error);
    for (size_t i = 0; smalti__plan_web_format(i); i++)
        SMALTI__TRY(check_output(self, index, variant, smalti__plan_web_format(i), error));
    return SMALTI_OK;
}

static smalti_result check_outputs(check *self, smalti_error *error)
{
    const smalti_plan *plan = self->plan;
    const smalti_job *job = plan->job;
    size_t count = job->input_count * plan->variant_count * (plan->smallest ? 4 : 1);
    if (!smalti__name_set_open(&self->inputs, job->input_count * 2) || !smalti__name_set_open(&self->outputs, count))
        return smalti__fail_nomem(error, count * sizeof(smalti__name_entry));
    for (size_t i = 0; i < job->input_count; i++)
        if (job->inputs[i].fd < 0 && !job->inputs[i].data && strcmp(job->inputs[i].path, "-"))
            add_input(self, i);
    for (size_t i = 0; i < job->input_count; i++)
        for (size_t v = 0; v < plan->variant_count; v++)
            SMALTI__TRY(check_variant(self, i, v, error));
    return SMALTI_OK;
}

static smalti_result check_ids(check *self, smalti_error *error)
{
    const smalti_job *job = self->plan->job;
    if (!smalti__name_set_open(&self->ids, job->input_count))
        return smalti__fail_nomem(error, job->input_count * sizeof(smalti__name_entry));
    for (size_t i = 0; i < job->input_count; i++) {
        smalti__name_hash hash;
        if (!job->inputs[i].id)
            continue;
        smalti__name_hash_text(self->namer, job->inputs[i].id, &hash);
        size_t there = smalti__name_set_add(&self->ids, &hash, i);
        if (there != SIZE_MAX)
            return smalti__fail(error, SMALTI_E_INVALID_CONFLICT, "tasks %zu and %zu have the same id, %s", there, i,
                                SMALTI__SHOWN(job->inputs[i].id));
    }
    return SMALTI_OK;
}

smalti_result smalti__plan_check_names(const smalti_plan *plan, smalti_error *error)
{
    check self = {.plan = plan, .namer = smalti__namer_new()};
    smalti_result result = self.namer ? SMALTI_OK : smalti__fail_nomem(error, sizeof *self.namer);
    if (result == SMALTI_OK && plan->job->has_tasks)
        result = check_ids(&self, error);
    if (result == SMALTI_OK && plan->has_output)
        result = check_outputs(&self, error);
    smalti__name_set_close(&self.inputs);
    smalti__name_set_close(&self.outputs);
    smalti__name_set_close(&self.ids);
    free(self.namer);
    return result;
}
