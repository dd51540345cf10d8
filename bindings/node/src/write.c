/* SPDX-License-Identifier: Apache-2.0
 * One image, written to any number of outputs from one decoding. Behind the program's input and what all outputs have in
 * common (program.c) comes, for each output,
 *     output file PATH | output buffer | output pixels | output stream | output discard
 * with its own settings and steps. A program without outputs reads the head. */
#include <pthread.h>

#include "binding.h"

enum { OUTPUTS_MAX = 64, CHUNK_BYTES = 64 << 10 };

/* Bytes of a stream on their way to JavaScript. They are not held up when nobody reads: that would stop a thread of the pool
 * for as long as a slow client likes. The most that can lie here is the encoded output. */
struct chunk {
    struct chunk *next;
    size_t used, size;
    uint8_t *data;
};

struct output {
    enum { TO_FILE, TO_BUFFER, TO_PIXELS, TO_STREAM, TO_NOWHERE } kind;
    const char *path;
    smalti_chain *chain;
    void *data;
    size_t size;
    smalti_image image;
    binding_output_info info;
};

struct write_task {
    binding_task base;
    struct output *outputs;
    size_t count;
    smalti_info head;
    uint32_t width, height; /* behind the steps, of a program without outputs */
    char *measures; /* JSON; NULL: none */
    pthread_mutex_t *lock; /* guards chunks; NULL: no stream */
    struct chunk *chunks, **chunks_end;
};

/* ---- on a thread ---- */

static void on_event(void *user, const smalti_event *event)
{
    struct write_task *self = user;
    if (event->kind != SMALTI_EVENT_DONE)
        return;
    for (size_t i = 0; i < self->count && i < event->output_count; i++)
        binding__output_keep(&self->outputs[i].info, &event->outputs[i]);
    if (event->measures)
        self->measures = strdup(event->measures);
}

static struct chunk *last_with_room(struct write_task *self, size_t size)
{
    struct chunk *last =
        self->chunks ? (struct chunk *)(void *)((char *)self->chunks_end - offsetof(struct chunk, next)) : NULL;
    if (last && last->size - last->used >= size)
        return last;
    struct chunk *made = calloc(1, sizeof *made);
    size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    if (!made || !(made->data = malloc(room))) {
        free(made);
        return NULL;
    }
    made->size = room;
    *self->chunks_end = made;
    self->chunks_end = &made->next;
    return made;
}

static smalti_result on_bytes(void *user, const void *data, size_t size)
{
    struct write_task *self = user;
    if (!size)
        return SMALTI_OK;
    pthread_mutex_lock(self->lock);
    struct chunk *chunk = last_with_room(self, size);
    if (chunk) {
        memcpy(chunk->data + chunk->used, data, size);
        chunk->used += size;
    }
    bool full = chunk && chunk->size - chunk->used < 4096;
    pthread_mutex_unlock(self->lock);
    if (full) /* what is left is told with the end */
        binding__task_wake(&self->base);
    return chunk ? SMALTI_OK : SMALTI_E_NOMEM;
}

static smalti_result discard(void *user, const void *data, size_t size)
{
    (void)user, (void)data, (void)size;
    return SMALTI_OK;
}

static smalti_result open_stream(struct write_task *self)
{
    if (self->lock)
        return SMALTI_OK;
    self->lock = malloc(sizeof *self->lock);
    if (!self->lock)
        return SMALTI_E_NOMEM;
    pthread_mutex_init(self->lock, NULL);
    self->chunks_end = &self->chunks;
    return SMALTI_OK;
}

static smalti_result read_output(struct write_task *self, const smalti_chain *base, binding_words *words)
{
    static const char *const kinds[] = {"file", "buffer", "pixels", "stream", "discard"};
    struct output *output = &self->outputs[self->count];
    smalti_error *error = &self->base.error;
    smalti_result result = smalti_chain_clone(base, &output->chain, error);
    if (result < 0)
        return result;
    self->count++;
    const char *kind = binding__word(words);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (!strcmp(kind, kinds[i]))
            output->kind = i;
    if (output->kind == TO_FILE)
        output->path = binding__word(words);
    if (output->kind == TO_STREAM)
        result = open_stream(self);
    return result < 0 ? result : binding__chain_add(&self->base, output->chain, words, error);
}

/* The library's rows begin at multiples of 64 bytes; JavaScript wants them without gaps. */
static void pack_rows(smalti_image *image)
{
    size_t row = (size_t)image->width * image->channels * smalti_sample_bytes(image->sample);
    uint8_t *data = image->data;
    for (size_t y = 1; y < image->height && image->pitch != row; y++)
        memmove(data + y * row, data + y * image->pitch, row);
    image->pitch = row;
}

static smalti_result write_outputs(struct write_task *self)
{
    smalti_chain_output outputs[OUTPUTS_MAX] = {0};
    const smalti_run_options options = {.size = sizeof options,
                                        .jobs = self->base.jobs,
                                        .memory_bytes = self->base.memory_bytes,
                                        .cancel = self->base.cancel,
                                        .event = on_event,
                                        .user = self};
    for (size_t i = 0; i < self->count; i++) {
        struct output *from = &self->outputs[i];
        outputs[i] = (smalti_chain_output){.size = sizeof *outputs, .chain = from->chain, .user = self};
        if (from->kind == TO_FILE)
            outputs[i].path = from->path;
        else if (from->kind == TO_BUFFER)
            outputs[i].data = &from->data, outputs[i].data_size = &from->size;
        else if (from->kind == TO_PIXELS)
            outputs[i].image = &from->image;
        else
            outputs[i].write = from->kind == TO_STREAM ? on_bytes : discard;
    }
    smalti_result result = smalti_chain_write(outputs, self->count, &options, &self->base.stats, &self->base.error);
    for (size_t i = 0; i < self->count && result == SMALTI_OK; i++)
        if (self->outputs[i].kind == TO_PIXELS)
            pack_rows(&self->outputs[i].image);
    return result;
}

static smalti_result run(binding_task *task)
{
    struct write_task *self = (struct write_task *)task;
    binding_words words = binding__words(task);
    smalti_chain *base = NULL;
    smalti_result result = binding__chain_open(task, &words, &base, &task->error);
    if (result < 0)
        return result;
    self->head = *smalti_chain_info(base);
    (void)smalti_chain_size(base, &self->width, &self->height);
    self->outputs = calloc(OUTPUTS_MAX, sizeof *self->outputs);
    if (!self->outputs)
        result = task->error.code = SMALTI_E_NOMEM;
    while (result == SMALTI_OK && self->count < OUTPUTS_MAX && binding__word_skip(&words, "output"))
        result = read_output(self, base, &words);
    if (result == SMALTI_OK && self->count)
        result = write_outputs(self);
    for (size_t i = 0; i < self->count; i++)
        smalti_chain_free(self->outputs[i].chain); /* no chain outlives the input's memory */
    smalti_chain_free(base);
    if (result < 0 && !task->error.code)
        task->error.code = result;
    return result;
}

/* ---- for JavaScript ---- */

static napi_status news(napi_env env, binding_task *task)
{
    struct write_task *self = (struct write_task *)task;
    if (!self->lock)
        return napi_ok;
    pthread_mutex_lock(self->lock);
    struct chunk *chunk = self->chunks;
    self->chunks = NULL;
    self->chunks_end = &self->chunks;
    pthread_mutex_unlock(self->lock);
    napi_status status = napi_ok;
    while (chunk) {
        struct chunk *next = chunk->next;
        napi_value value;
        if (status == napi_ok)
            status = binding__buffer_value(env, chunk->data, chunk->used, &value);
        else
            free(chunk->data);
        free(chunk);
        chunk = next;
        if (status == napi_ok)
            status = binding__task_call(env, task, BINDING_CHUNK, value);
    }
    return status;
}

static void free_pixels(napi_env env, void *data, void *hint)
{
    smalti_image *image = hint;
    (void)env, (void)data;
    smalti_image_free(image);
    free(image);
}

static napi_status pixels_value(napi_env env, struct output *output, napi_value *value)
{
    smalti_image *image = malloc(sizeof *image);
    if (!image)
        return napi_generic_failure;
    *image = output->image;
    size_t bytes = image->pitch * image->height;
    napi_status status = napi_create_external_buffer(env, bytes, image->data, free_pixels, image, value);
    if (status == napi_ok) {
        output->image.data = NULL;
        return status;
    }
    free(image);
    return status == napi_no_external_buffers_allowed
               ? napi_create_buffer_copy(env, bytes, output->image.data, NULL, value)
               : status;
}

static napi_status output_value(napi_env env, struct output *output, napi_value *value)
{
    static const binding_field shape[] = {{"width", 'u', offsetof(smalti_image, width)},
                                          {"height", 'u', offsetof(smalti_image, height)},
                                          {"channels", 'u', offsetof(smalti_image, channels)}};
    napi_value data = NULL;
    TRY(binding__output_value(env, &output->info, value));
    if (output->kind == TO_BUFFER) {
        void *taken = output->data;
        output->data = NULL;
        TRY(binding__buffer_value(env, taken, output->size, &data));
    } else if (output->kind == TO_PIXELS) {
        TRY(binding__set_fields(env, *value, shape, COUNT(shape), &output->image));
        TRY(binding__set_number(env, *value, "sample", output->image.sample));
        TRY(pixels_value(env, output, &data));
    }
    return data ? napi_set_named_property(env, *value, "data", data) : napi_ok;
}

static napi_status result_value(napi_env env, binding_task *task, napi_value *value)
{
    struct write_task *self = (struct write_task *)task;
    napi_value head, stats, outputs, output;
    TRY(napi_create_object(env, value));
    TRY(binding__info_value(env, &self->head, &head));
    TRY(napi_set_named_property(env, *value, "input", head));
    if (!self->count) {
        TRY(binding__set_number(env, *value, "width", self->width));
        return binding__set_number(env, *value, "height", self->height);
    }
    TRY(binding__stats_value(env, &task->stats, &stats));
    TRY(napi_set_named_property(env, *value, "stats", stats));
    if (self->measures)
        TRY(binding__set_text(env, *value, "measures", self->measures));
    TRY(napi_create_array_with_length(env, self->count, &outputs));
    for (size_t i = 0; i < self->count; i++) {
        TRY(output_value(env, &self->outputs[i], &output));
        TRY(napi_set_element(env, outputs, (uint32_t)i, output));
    }
    return napi_set_named_property(env, *value, "outputs", outputs);
}

static void clear(binding_task *task)
{
    struct write_task *self = (struct write_task *)task;
    for (size_t i = 0; i < self->count; i++) {
        free(self->outputs[i].data);
        smalti_image_free(&self->outputs[i].image);
    }
    free(self->outputs);
    free(self->measures);
    for (struct chunk *chunk = self->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk->data);
        free(chunk);
    }
    if (self->lock)
        pthread_mutex_destroy(self->lock);
    free(self->lock);
}

const binding_task_kind binding__write = {run, result_value, news, clear, false};
const size_t binding__write_size = sizeof(struct write_task);
