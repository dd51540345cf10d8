/* SPDX-License-Identifier: Apache-2.0
 * Names of outputs: the template, and the check that no two tasks meet and no input is lost. */
#include "pipeline/plan.h"

#include <limits.h>
#include <sys/stat.h>

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
    const smalti__target *target = plan->variants[variant].target;
    if (!plan->has_output || (target && !target->path))
        return SMALTI_OK;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return smalti__fail_nomem(error, PATH_MAX);
    smalti_result result = SMALTI_OK;
    if (target) {
        fputs(target->path, out);
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

/* ---- a set of paths ---- */

typedef struct path_entry {
    char *path; /* canonical, owned */
    size_t index;
} path_entry;

typedef struct path_set {
    path_entry *entries;
    size_t room; /* a power of two, at least twice the entries */
} path_set;

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash;
}

static path_entry *set_place(const path_set *set, const char *path)
{
    size_t at = hash_text(path) & (set->room - 1);
    while (set->entries[at].path && strcmp(set->entries[at].path, path))
        at = (at + 1) & (set->room - 1);
    return &set->entries[at];
}

static bool set_open(path_set *set, size_t count)
{
    for (set->room = 16; set->room < count * 2;)
        set->room *= 2;
    set->entries = calloc(set->room, sizeof *set->entries);
    return set->entries != NULL;
}

static void set_close(path_set *set)
{
    for (size_t i = 0; set->entries && i < set->room; i++)
        free(set->entries[i].path);
    free(set->entries);
}

/* ---- canonical paths ---- */

/* The real folder of the last path asked about: inputs come folder by folder. */
typedef struct folder_cache {
    char given[PATH_MAX], real[PATH_MAX];
} folder_cache;

/* realpath of a folder that may not be there yet: of as much of it as is there. */
static void real_folder(const char *folder, char real[PATH_MAX])
{
    char at[PATH_MAX], tail[PATH_MAX] = "", longer[PATH_MAX];
    size_t up = 0; /* ".." of folders that will be made: they only undo what stands before them */
    bool undone = false;
    snprintf(at, sizeof at, "%s", *folder ? folder : ".");
    while (!realpath(at, real)) {
        char *slash = strrchr(at, '/');
        const char *part = slash ? slash + 1 : at;
        if (!strcmp(part, "..")) {
            up++;
            undone = true;
        } else if (*part && strcmp(part, ".") && up) {
            up--;
        } else if (*part && strcmp(part, ".")) {
            snprintf(longer, sizeof longer, "/%.2000s%.2000s", part, tail);
            memcpy(tail, longer, sizeof tail);
        }
        if (slash == at) {
            snprintf(at, sizeof at, "/");
        } else if (slash) {
            *slash = '\0';
        } else if (strcmp(at, ".")) {
            snprintf(at, sizeof at, ".");
        } else { /* the working folder is gone */
            snprintf(real, PATH_MAX, ".");
            break;
        }
    }
    size_t used = strlen(real);
    snprintf(real + used, PATH_MAX - used, "%s", tail);
    if (undone) { /* what is left may be there */
        memcpy(at, real, sizeof at);
        real_folder(at, real);
    }
}

static char *canonical(folder_cache *cache, const char *path)
{
    char folder[PATH_MAX];
    char *result = NULL;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + (slash == path) : 0, path);
    if (!*cache->real || strcmp(folder, cache->given)) {
        memcpy(cache->given, folder, sizeof folder);
        real_folder(folder, cache->real);
    }
    return asprintf(&result, "%s/%s", strcmp(cache->real, "/") ? cache->real : "", slash ? slash + 1 : path) < 0
               ? NULL
               : result;
}

/* Puts a path into the set; *there gets the entry that is there already, or NULL. */
static smalti_result set_add(path_set *set, folder_cache *cache, const char *path, size_t index,
                             const path_entry **there, smalti_error *error)
{
    char *real = canonical(cache, path);
    if (!real)
        return smalti__fail_nomem(error, strlen(path));
    path_entry *entry = set_place(set, real);
    *there = entry->path ? entry : NULL;
    if (entry->path)
        free(real);
    else
        *entry = (path_entry){real, index};
    return SMALTI_OK;
}

/* An input that is a link: what it leads to is an input as well. */
static void add_target(path_set *set, const char *path, size_t index)
{
    struct stat status;
    char *real = lstat(path, &status) == 0 && S_ISLNK(status.st_mode) ? realpath(path, NULL) : NULL;
    path_entry *entry = real ? set_place(set, real) : NULL;
    if (entry && !entry->path)
        *entry = (path_entry){real, index};
    else
        free(real); /* there already; or none: the task will say that it leads nowhere */
}

static smalti_result check_output(const smalti_plan *plan, size_t index, size_t variant,
                                  const smalti__encoder_format *chosen, path_set *inputs, path_set *outputs,
                                  folder_cache *cache, smalti_error *error)
{
    const smalti_job *job = plan->job;
    SMALTI__CLEANUP_FREE char *path = NULL;
    const path_entry *there = NULL;
    SMALTI__TRY(smalti__plan_output(plan, index, variant, chosen, &path, error));
    if (!strcmp(path, "-"))
        return SMALTI_OK;
    SMALTI__TRY(set_add(outputs, cache, path, index, &there, error));
    if (there)
        return smalti__fail(
            error, SMALTI_E_INVALID_CONFLICT, "%s and %s would both be written to %s: tell them apart with --template",
            SMALTI__SHOWN(job->inputs[there->index].path), SMALTI__SHOWN(job->inputs[index].path), SMALTI__SHOWN(path));
    SMALTI__CLEANUP_FREE char *real = canonical(cache, path);
    if (!real)
        return smalti__fail_nomem(error, strlen(path));
    const path_entry *input = set_place(inputs, real);
    if (input->path && (!job->settings.overwrite || input->index != index))
        return smalti__fail(error, SMALTI_E_INVALID_CONFLICT,
                            input->index == index
                                ? "%s would be written over its input: choose another folder, or ask for "
                                  "it with --overwrite"
                                : "%s would be written over another input",
                            SMALTI__SHOWN(path));
    return SMALTI_OK;
}

/* Every name that a variant may get. */
static smalti_result check_variant(const smalti_plan *plan, size_t index, size_t variant, path_set *inputs,
                                   path_set *outputs, folder_cache *cache, smalti_error *error)
{
    if (!plan->smallest || plan->variants[variant].format)
        return check_output(plan, index, variant, NULL, inputs, outputs, cache, error);
    for (size_t i = 0; smalti__plan_web_format(i); i++)
        SMALTI__TRY(check_output(plan, index, variant, smalti__plan_web_format(i), inputs, outputs, cache, error));
    return SMALTI_OK;
}

smalti_result smalti__plan_check_names(const smalti_plan *plan, smalti_error *error)
{
    const smalti_job *job = plan->job;
    path_set inputs = {0}, outputs = {0};
    folder_cache *cache = calloc(1, sizeof *cache);
    smalti_result result = SMALTI_OK;
    if (!cache || !set_open(&inputs, job->input_count * 2) ||
        !set_open(&outputs, job->input_count * plan->variant_count * (plan->smallest ? 4 : 1)))
        result = smalti__fail_nomem(error, job->input_count * 4 * sizeof(path_entry));
    for (size_t i = 0; i < job->input_count && result == SMALTI_OK; i++) {
        const path_entry *there = NULL;
        if (job->inputs[i].fd >= 0 || !strcmp(job->inputs[i].path, "-"))
            continue;
        result = set_add(&inputs, cache, job->inputs[i].path, i, &there, error);
        add_target(&inputs, job->inputs[i].path, i);
    }
    for (size_t i = 0; i < job->input_count && result == SMALTI_OK; i++)
        for (size_t v = 0; v < plan->variant_count && result == SMALTI_OK; v++)
            result = check_variant(plan, i, v, &inputs, &outputs, cache, error);
    set_close(&inputs);
    set_close(&outputs);
    free(cache);
    return result;
}
