/* SPDX-License-Identifier: Apache-2.0
 * The inputs of a job. There may be a hundred thousand with long paths, so the texts of one lie in one block, and a plan
 * shares the list of the job that it is made of: who adds to a shared list takes a copy of it first. */
#include "pipeline/job.h"

struct smalti__input_list {
    size_t holders; /* atomic: plans may be freed by any thread */
    size_t room;
    smalti__input inputs[];
};

static void free_list(struct smalti__input_list *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list->inputs[i].texts);
    free(list);
}

void smalti__job_inputs_clear(smalti_job *job)
{
    struct smalti__input_list *list = job->input_list;
    if (list && __atomic_sub_fetch(&list->holders, 1, __ATOMIC_ACQ_REL) == 0)
        free_list(list, job->input_count);
    job->input_list = NULL;
    job->inputs = NULL;
    job->input_count = 0;
}

void smalti__job_inputs_share(smalti_job *job, const smalti_job *from)
{
    job->input_list = from->input_list;
    job->inputs = from->inputs;
    job->input_count = from->input_count;
    job->has_tasks = from->has_tasks;
    if (job->input_list)
        __atomic_add_fetch(&job->input_list->holders, 1, __ATOMIC_RELAXED);
}

static const char *put_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    char *place = memcpy(*at, text, size);
    *at += size;
    return place;
}

/* The input with its texts in a block of its own. */
static smalti_result copy_input(const smalti__input *from, smalti__input *to, smalti_error *error)
{
    size_t path = strlen(from->path), name = strlen(from->name);
    bool tail = name <= path && !strcmp(from->path + path - name, from->name); /* as it mostly is */
    size_t size = path + 1 + (tail ? 0 : name + 1) + (from->output ? strlen(from->output) + 1 : 0) +
                  (from->id ? strlen(from->id) + 1 : 0);
    char *texts = malloc(size), *at = texts;
    if (!texts)
        return smalti__fail_nomem(error, size);
    *to = (smalti__input){.texts = texts, .fd = from->fd};
    to->path = put_text(&at, from->path);
    to->name = tail ? to->path + path - name : put_text(&at, from->name);
    to->output = put_text(&at, from->output);
    to->id = put_text(&at, from->id);
    return SMALTI_OK;
}

/* A list of this job's own, with room for one more. */
static smalti_result make_room(smalti_job *job, smalti_error *error)
{
    struct smalti__input_list *list = job->input_list;
    bool own = !list || __atomic_load_n(&list->holders, __ATOMIC_ACQUIRE) == 1;
    if (list && own && job->input_count < list->room)
        return SMALTI_OK;
    size_t room, size;
    if (!smalti__mul(job->input_count < 8 ? 8 : job->input_count, 2, &room) ||
        !smalti__mul(room, sizeof *list->inputs, &size) || !smalti__add(size, sizeof *list, &size))
        return smalti__fail_nomem(error, SIZE_MAX);
    struct smalti__input_list *made = own ? realloc(list, size) : malloc(size);
    if (!made)
        return smalti__fail_nomem(error, size);
    for (size_t i = 0; !own && i < job->input_count; i++) {
        smalti_result result = copy_input(&list->inputs[i], &made->inputs[i], error);
        if (result < 0) {
            free_list(made, i);
            return result;
        }
    }
    if (!own && __atomic_sub_fetch(&list->holders, 1, __ATOMIC_ACQ_REL) == 0)
        free_list(list, job->input_count); /* the plan that shared it was freed just now */
    made->holders = 1;
    made->room = room;
    job->input_list = made;
    job->inputs = made->inputs;
    return SMALTI_OK;
}

smalti_result smalti__job_input_append(smalti_job *job, const smalti__input *input, smalti_error *error)
{
    SMALTI__TRY(make_room(job, error));
    SMALTI__TRY(copy_input(input, &job->input_list->inputs[job->input_count], error));
    job->has_tasks |= input->id || input->output;
    job->input_count++;
    return SMALTI_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const char *name_of(const char *path)
{
    return strcmp(path, "-") ? base_name(path) : "stdin";
}

smalti_result smalti_job_input_add(smalti_job *job, const char *path, smalti_error *error)
{
    if (!*path)
        return smalti__fail(error, SMALTI_E_INVALID, "an input has an empty name");
    return smalti__job_input_append(job, &(smalti__input){.path = path, .name = name_of(path), .fd = -1}, error);
}

smalti_result smalti_job_input_add_fd(smalti_job *job, int fd, const char *name, smalti_error *error)
{
    if (fd < 0 || !*name)
        return smalti__fail(error, SMALTI_E_INVALID, "an input needs an open descriptor and a name");
    return smalti__job_input_append(job, &(smalti__input){.path = name, .name = base_name(name), .fd = fd}, error);
}

smalti_result smalti__job_task_append(smalti_job *job, const smalti__input *task, smalti_error *error)
{
    smalti__input input = *task;
    if (!input.path)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "a task has no input");
    if (!*input.path || (input.name && !*input.name) || (input.output && !*input.output) || (input.id && !*input.id))
        return smalti__fail(error, SMALTI_E_INVALID, "a task has an empty %s",
                            !*input.path                     ? "input"
                            : input.name && !*input.name     ? "name"
                            : input.output && !*input.output ? "output"
                                                             : "id");
    if (input.output && !strcmp(input.output, "-"))
        return smalti__fail(error, SMALTI_E_INVALID,
                            "the output of a task is a file: standard output is for a job's output.file");
    input.name = input.name ? input.name : name_of(input.path);
    input.fd = -1;
    return smalti__job_input_append(job, &input, error);
}

smalti_result smalti_job_task_add(smalti_job *job, const char *id, const char *input, const char *output,
                                  smalti_error *error)
{
    return smalti__job_task_append(job, &(smalti__input){.path = input, .output = output, .id = id}, error);
}

size_t smalti_job_input_count(const smalti_job *job)
{
    return job->input_count;
}

const char *smalti_job_input_name(const smalti_job *job, size_t index)
{
    return index < job->input_count ? job->inputs[index].path : NULL;
}

const char *smalti_job_input_id(const smalti_job *job, size_t index)
{
    return index < job->input_count ? job->inputs[index].id : NULL;
}
