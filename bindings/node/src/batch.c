/* SPDX-License-Identifier: Apache-2.0
 * Many files through one plan of the library, which has lanes of its own. The program:
 *     lanes COUNT | memory BYTES | isolate WORKER REQUIRED | input FILE | expand NAME      in any order
 * where outputs go to a folder, or else
 *     path FILE | block BLOCK NAME | to buffer | to file PATH | to nothing
 * then settings and steps (program.c). isolate: in worker processes of that program, in a jail without holes if REQUIRED
 * is 1. JavaScript is woken at most every 50 ms, however many files end in between. */
#include <time.h>

#include "binding.h"

enum { WAKE_MS = 50 };

/* One input that has ended. */
struct record {
    struct record *next;
    size_t task;
    smalti_event_kind kind;
    char *input, *path; /* path NULL: there is no output */
    bool has_info, has_error;
    uint32_t width, height;
    binding_output_info info;
    smalti_stats stats;
    smalti_error error;
    /* of items alone */
    void *data; /* owned; NULL: there is no buffer */
    size_t size;
    char *measures; /* owned JSON; NULL: none */
    smalti_info head; /* format "": not read */
};

struct batch_task {
    binding_task base;
    pthread_mutex_t lock; /* guards what follows, once has_lock */
    bool has_lock;
    size_t total;
    struct record *records, **records_end;
    uint64_t woken_ms;
    char *warning; /* that the jail is not complete */
    /* Instead of the job's inputs; owned. */
    smalti_item *items;
    void **outs;
    size_t *sizes;
    size_t item_count;
    enum { TO_NOTHING, TO_BUFFERS, TO_FILE } to;
    const char *path; /* TO_FILE */
};

/* ---- on threads of the run ---- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void fill_item(struct batch_task *self, struct record *record, const smalti_event *event)
{
    if (self->to == TO_BUFFERS && event->kind == SMALTI_EVENT_DONE) {
        record->data = self->outs[event->task];
        record->size = self->sizes[event->task];
        self->outs[event->task] = NULL;
    }
    if (event->measures)
        record->measures = strdup(event->measures);
    if (event->info)
        record->head = *event->info;
}

static void fill(struct record *record, const smalti_event *event)
{
    record->task = event->task;
    record->kind = event->kind;
    record->input = event->input ? strdup(event->input) : NULL;
    record->path = event->output ? strdup(event->output) : NULL;
    if (event->error) {
        record->error = *event->error;
        record->has_error = true;
    }
    if (event->output_count) {
        binding__output_keep(&record->info, event->outputs);
        record->has_info = true;
    }
    if (event->stats)
        record->stats = *event->stats;
}

/* Other warnings are about images that were read all the same. */
static void keep_warning(struct batch_task *self, const smalti_event *event)
{
    const char *jail = strstr(event->error->message, "the jail is not complete");
    pthread_mutex_lock(&self->lock);
    if (jail && !self->warning)
        self->warning = strdup(jail);
    pthread_mutex_unlock(&self->lock);
}

static void on_event(void *user, const smalti_event *event)
{
    struct batch_task *self = user;
    if (event->kind == SMALTI_EVENT_WARNING)
        keep_warning(self, event);
    if (event->kind != SMALTI_EVENT_DONE && event->kind != SMALTI_EVENT_SKIPPED && event->kind != SMALTI_EVENT_FAILED)
        return;
    struct record *record = calloc(1, sizeof *record);
    if (record)
        fill(record, event);
    if (record && self->item_count)
        fill_item(self, record, event);
    uint64_t now = now_ms();
    pthread_mutex_lock(&self->lock);
    self->total = event->task_count;
    if (record) { /* without memory for it the file is done all the same, and is missing in the results */
        *self->records_end = record;
        self->records_end = &record->next;
    }
    bool wake = now - self->woken_ms >= WAKE_MS;
    if (wake)
        self->woken_ms = now;
    pthread_mutex_unlock(&self->lock);
    if (wake)
        binding__task_wake(&self->base);
}

static bool add_item(struct batch_task *self, const smalti_item *item)
{
    enum { STEP = 64 };
    if (self->item_count % STEP == 0) {
        smalti_item *more = realloc(self->items, (self->item_count + STEP) * sizeof *more);
        if (!more)
            return false;
        self->items = more;
    }
    self->items[self->item_count++] = *item;
    return true;
}

static bool read_item(struct batch_task *self, binding_words *words)
{
    smalti_item item = {.size = sizeof item};
    if (binding__word_skip(words, "path")) {
        item.path = binding__word(words);
    } else {
        (void)binding__word(words);
        const binding_bytes *block = binding__block(&self->base, words);
        item.data = block->data;
        item.data_size = block->size;
        item.name = binding__word(words);
    }
    return add_item(self, &item);
}

static void read_to(struct batch_task *self, binding_words *words)
{
    self->to = binding__word_skip(words, "buffer") ? TO_BUFFERS
               : binding__word_skip(words, "file") ? TO_FILE
                                                   : TO_NOTHING;
    (void)(self->to == TO_NOTHING && binding__word_skip(words, "nothing"));
    if (self->to == TO_FILE)
        self->path = binding__word(words);
}

static smalti_result read_head(struct batch_task *self, smalti_job *job, binding_words *words,
                               smalti_run_options *options, smalti_error *error)
{
    smalti_result result = SMALTI_OK;
    while (result == SMALTI_OK) {
        if (binding__word_skip(words, "lanes")) {
            options->jobs = (uint32_t)binding__word_number(words);
        } else if (binding__word_skip(words, "memory")) {
            options->memory_bytes = (uint64_t)binding__word_number(words);
        } else if (binding__word_skip(words, "isolate")) {
            options->at = SMALTI_AT_WORKERS;
            options->worker_program = binding__word(words);
            options->require_jail = binding__word_number(words) != 0;
        } else if (binding__word_skip(words, "input")) {
            result = smalti_job_input_add(job, binding__word(words), error);
        } else if (binding__word_skip(words, "expand")) {
            result = smalti_job_input_expand(job, binding__word(words), false, error);
        } else if (binding__word_skip(words, "to")) {
            read_to(self, words);
        } else if (words->next < words->end && (!strcmp(words->next, "path") || !strcmp(words->next, "block"))) {
            if (!read_item(self, words))
                result = error->code = SMALTI_E_NOMEM;
        } else {
            break;
        }
    }
    return result;
}

/* Their outputs, when all of them are there. */
static smalti_result place_outputs(struct batch_task *self, smalti_error *error)
{
    if (!self->item_count)
        return SMALTI_OK;
    self->outs = calloc(self->item_count, sizeof *self->outs);
    self->sizes = calloc(self->item_count, sizeof *self->sizes);
    if (!self->outs || !self->sizes)
        return error->code = SMALTI_E_NOMEM;
    for (size_t i = 0; i < self->item_count; i++) {
        if (self->to == TO_BUFFERS)
            self->items[i].out = &self->outs[i], self->items[i].out_size = &self->sizes[i];
        else if (self->to == TO_FILE)
            self->items[i].output = self->path;
    }
    return SMALTI_OK;
}

static smalti_result make_plan(struct batch_task *self, smalti_job *job, smalti_run_options *options,
                               smalti_plan **plan)
{
    smalti_error *error = &self->base.error;
    binding_words words = binding__words(&self->base);
    smalti_result result = read_head(self, job, &words, options, error);
    if (result == SMALTI_OK)
        result = binding__job_add(&self->base, job, &words, error);
    if (result == SMALTI_OK)
        result = place_outputs(self, error);
    if (result == SMALTI_OK)
        result = smalti_plan_new(job, plan, error);
    self->total = self->item_count ? self->item_count : smalti_job_input_count(job);
    return result;
}

static smalti_result run(binding_task *task)
{
    struct batch_task *self = (struct batch_task *)task;
    smalti_run_options options = {.size = sizeof options, .cancel = task->cancel, .event = on_event, .user = self};
    if (!task->kind->own_thread) /* "lanes" may say less */
        options.jobs = task->jobs;
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    pthread_mutex_init(&self->lock, NULL);
    self->has_lock = true;
    self->records_end = &self->records;
    self->woken_ms = now_ms();
    smalti_result result = smalti_job_new(&job, &task->error);
    if (result == SMALTI_OK)
        result = make_plan(self, job, &options, &plan);
    if (result == SMALTI_OK) {
        result = self->item_count
                     ? smalti_plan_run_items(plan, self->items, self->item_count, &options, &task->stats, &task->error)
                     : smalti_plan_run(plan, &options, &task->stats, &task->error);
        /* files that fail are told one by one; the batch itself has not failed unless it was stopped */
        if (task->stats.tasks && result != SMALTI_E_CANCELLED)
            result = SMALTI_OK;
    }
    smalti_plan_free(plan);
    smalti_job_free(job);
    return result;
}

/* ---- for JavaScript ---- */

static napi_status item_value(napi_env env, struct record *record, napi_value value)
{
    napi_value made;
    TRY(binding__stats_value(env, &record->stats, &made));
    TRY(napi_set_named_property(env, value, "metrics", made));
    if (record->measures)
        TRY(binding__set_text(env, value, "measures", record->measures));
    if (*record->head.format) {
        TRY(binding__info_value(env, &record->head, &made));
        TRY(napi_set_named_property(env, value, "head", made));
    }
    if (!record->data)
        return napi_ok;
    void *data = record->data;
    record->data = NULL;
    TRY(binding__buffer_value(env, data, record->size, &made));
    return napi_set_named_property(env, value, "data", made);
}

static napi_status record_value(napi_env env, struct record *record, bool item, napi_value *value)
{
    napi_value error;
    if (record->has_info)
        TRY(binding__output_value(env, &record->info, value));
    else
        TRY(napi_create_object(env, value));
    TRY(binding__set_number(env, *value, "index", (double)record->task));
    TRY(binding__set_text(env, *value, "status",
                          record->kind == SMALTI_EVENT_DONE      ? "done"
                          : record->kind == SMALTI_EVENT_SKIPPED ? "skipped"
                                                                 : "failed"));
    if (record->input)
        TRY(binding__set_text(env, *value, "input", record->input));
    if (record->path)
        TRY(binding__set_text(env, *value, "path", record->path));
    TRY(binding__set_number(env, *value, "bytesIn", (double)record->stats.bytes_in));
    TRY(binding__set_number(env, *value, "wallMs", (double)record->stats.wall_ns / 1e6));
    TRY(binding__set_number(env, *value, "cpuMs", (double)record->stats.cpu_ns / 1e6));
    TRY(binding__set_number(env, *value, "peakBytes", (double)record->stats.peak_bytes));
    if (item)
        TRY(item_value(env, record, *value));
    if (!record->has_error)
        return napi_ok;
    TRY(binding__error_value(env, &record->error, &error));
    return napi_set_named_property(env, *value, "error", error);
}

static void free_record(struct record *record)
{
    free(record->input);
    free(record->path);
    free(record->data);
    free(record->measures);
    free(record);
}

static napi_status news(napi_env env, binding_task *task)
{
    struct batch_task *self = (struct batch_task *)task;
    napi_value list, value;
    napi_status status = napi_create_array(env, &list);
    pthread_mutex_lock(&self->lock);
    struct record *record = self->records;
    self->records = NULL;
    self->records_end = &self->records;
    pthread_mutex_unlock(&self->lock);
    bool any = record != NULL;
    for (uint32_t i = 0; record; i++) {
        struct record *next = record->next;
        if (status == napi_ok)
            status = record_value(env, record, self->item_count > 0, &value);
        if (status == napi_ok)
            status = napi_set_element(env, list, i, value);
        free_record(record);
        record = next;
    }
    TRY(status);
    return any ? binding__task_call(env, task, BINDING_RECORDS, list) : napi_ok;
}

static napi_status result_value(napi_env env, binding_task *task, napi_value *value)
{
    struct batch_task *self = (struct batch_task *)task;
    TRY(binding__stats_value(env, &task->stats, value));
    TRY(binding__set_number(env, *value, "total", (double)self->total));
    TRY(binding__set_number(env, *value, "done", (double)task->stats.done));
    if (self->warning)
        TRY(binding__set_text(env, *value, "warning", self->warning));
    TRY(binding__set_number(env, *value, "skipped", (double)task->stats.skipped));
    return binding__set_number(env, *value, "failed", (double)task->stats.failed);
}

static void clear(binding_task *task)
{
    struct batch_task *self = (struct batch_task *)task;
    for (struct record *record = self->records, *next; record; record = next) {
        next = record->next;
        free_record(record);
    }
    for (size_t i = 0; self->outs && i < self->item_count; i++)
        free(self->outs[i]);
    free(self->items);
    free(self->outs);
    free(self->sizes);
    free(self->warning);
    if (self->has_lock)
        pthread_mutex_destroy(&self->lock);
}

const binding_task_kind binding__batch = {run, result_value, news, clear, true};
const binding_task_kind binding__one = {run, result_value, news, clear, false};
const size_t binding__batch_size = sizeof(struct batch_task);
