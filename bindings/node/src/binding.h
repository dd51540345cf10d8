/* SPDX-License-Identifier: Apache-2.0
 * The Node addon: what its files share. JavaScript hands over a program (words of one string) and a callback; a thread
 * works on it as a task; the callback gets what there is to tell, on the thread of its environment. */
#ifndef SMALTI_BINDINGS_NODE_BINDING_H
#define SMALTI_BINDINGS_NODE_BINDING_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <pthread.h>
#include <smalti/smalti.h>
#include <stdlib.h>
#include <string.h>

/* Every call of Node-API goes through this, in functions that return its status. */
#define TRY(call)                     \
    do {                              \
        napi_status status_ = (call); \
        if (status_ != napi_ok)       \
            return status_;           \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct binding_addon binding_addon;
typedef struct binding_task binding_task;

/* What a task is: the methods of one kind of work. */
typedef struct binding_task_kind {
    smalti_result (*run)(binding_task *task); /* on a thread of its own or the pool's; the error goes to task->error */
    napi_status (*result)(napi_env env, binding_task *task, napi_value *value); /* what run() made, for JavaScript */
    /* What there is to tell before the end: 0 to many calls of binding__task_call. May be NULL. */
    napi_status (*news)(napi_env env, binding_task *task);
    void (*clear)(binding_task *task); /* frees what run() made and the struct's own fields, not the struct */
    bool own_thread; /* not on the pool: it brings threads of its own */
} binding_task_kind;

/* Bytes of JavaScript's. */
typedef struct binding_bytes {
    const void *data;
    size_t size;
} binding_bytes;

/* One piece of work. Owned by its addon; the thread that works on it has it between add and done. */
struct binding_task {
    const binding_task_kind *kind;
    binding_addon *addon;
    double id;
    binding_task *next; /* in the pool's queue, then in the addon's ready list */
    binding_task *newer, *older; /* among the addon's, on its JavaScript thread only */
    bool ready, finished; /* guarded by the addon's lock */
    napi_ref callback, input; /* input: keeps blocks alive */
    char *program; /* owned: words that end in NUL */
    size_t program_bytes;
    binding_bytes *blocks; /* owned; what each refers to is borrowed from input */
    size_t block_count;
    int *attached; /* owned: descriptors of blocks that the library opens by name */
    size_t attached_count;
    smalti_cancel *cancel;
    uint32_t jobs; /* threads that it may use */
    uint64_t memory_bytes; /* budget; 0: the default */
    smalti_result result;
    smalti_error error;
    smalti_stats stats;
};

/* What is kept for one environment (the main thread's, or a worker's). */
struct binding_addon {
    napi_env env;
    napi_threadsafe_function wake;
    double next_id;
    size_t live; /* tasks, on the JavaScript thread only */
    binding_task *newest;
    pthread_mutex_t lock; /* guards what follows, and the flags of tasks */
    pthread_cond_t idle; /* running became 0 */
    binding_task *ready, **ready_end;
    bool woken;
    size_t running; /* tasks that a thread has, or will have */
};

/* ---- task.c ---- */

/* First argument of a task's callback. */
enum { BINDING_DONE, BINDING_FAILED, BINDING_CHUNK, BINDING_RECORDS };

napi_status binding__addon_new(napi_env env, binding_addon **addon);

/* Starts a task of size bytes: arguments of the call are program, an array of bytes, and callback. *id is for binding__cancel. */
napi_status binding__task_start(napi_env env, napi_callback_info info, const binding_task_kind *kind, size_t size,
                                napi_value *id);
napi_status binding__task_call(napi_env env, binding_task *task, int what, napi_value value);
void binding__task_wake(binding_task *task); /* from any thread: news */
void binding__task_run(binding_task *task); /* for threads */
void binding__task_cancel(binding_addon *addon, double id);

/* ---- pool.c ---- */

bool binding__pool_add(binding_task *task); /* false: there is no thread to be had */
bool binding__pool_thread(binding_task *task); /* runs it on a thread of its own */
size_t binding__pool_drop(const binding_addon *addon); /* forgets what no thread has begun; returns how many tasks */
uint32_t binding__pool_size(uint32_t size); /* sets it, unless 0; returns what it is */

/* ---- program.c ---- */

/* Words of a program, one after the other. */
typedef struct binding_words {
    char *next, *end;
} binding_words;

binding_words binding__words(const binding_task *task);
char *binding__word(binding_words *words); /* a view of the next; "" at the end */
bool binding__word_skip(binding_words *words, const char *word); /* takes the next when it is this */
double binding__word_number(binding_words *words);

/* Opens the chain that a program begins with: its input, settings and steps up to the first word of another kind. */
smalti_result binding__chain_open(binding_task *task, binding_words *words, smalti_chain **chain, smalti_error *error);
/* Settings and steps from here on. */
smalti_result binding__chain_add(binding_task *task, smalti_chain *chain, binding_words *words, smalti_error *error);
smalti_result binding__job_add(binding_task *task, smalti_job *job, binding_words *words, smalti_error *error);
/* The block that a word numbers. */
const binding_bytes *binding__block(const binding_task *task, binding_words *words);

/* ---- attach.c ---- */

/* A step's parameters in which file is this block, by a name that worker processes can open too until the task ends. */
smalti_result binding__attach(binding_task *task, const binding_bytes *block, const char *params, char **with,
                              smalti_error *error);
void binding__attached_close(binding_task *task);
/* Names in a message what has no name that anyone knows. */
void binding__attached_name(const binding_task *task, smalti_error *error);

/* ---- values.c ---- */

typedef struct binding_field {
    const char *name;
    char type; /* 'u' uint32_t, 'l' uint64_t, 's' char[], 'b' bool, 'f' double */
    size_t offset;
} binding_field;

napi_status binding__set_fields(napi_env env, napi_value object, const binding_field *fields, size_t count,
                                const void *from);
napi_status binding__set_number(napi_env env, napi_value object, const char *name, double value);
napi_status binding__set_text(napi_env env, napi_value object, const char *name, const char *value);
napi_status binding__error_value(napi_env env, const smalti_error *error, napi_value *value);
napi_status binding__stats_value(napi_env env, const smalti_stats *stats, napi_value *value);
napi_status binding__info_value(napi_env env, const smalti_info *info, napi_value *value);
/* A Buffer over memory of malloc's, which is taken: freed at once when this fails. */
napi_status binding__buffer_value(napi_env env, void *data, size_t size, napi_value *value);

/* ---- write.c, batch.c, describe.c ---- */

/* binding__one: a batch of few, on a thread of the pool. */
extern const binding_task_kind binding__write, binding__batch, binding__one;
extern const size_t binding__write_size, binding__batch_size;

/* An output as an event tells it, kept. */
typedef struct binding_output_info {
    char format[8];
    uint32_t width, height, quality;
    uint64_t bytes;
    double score;
} binding_output_info;

void binding__output_keep(binding_output_info *kept, const smalti_output *output);
napi_status binding__output_value(napi_env env, const binding_output_info *info, napi_value *value);

napi_status binding__steps_value(napi_env env, napi_value *value);
napi_status binding__formats_value(napi_env env, napi_value *value);
/* An array of the shipped kernels, or with a name (or path) of that one. */
smalti_result binding__kernels_value(napi_env env, const char *name, napi_value *value, smalti_error *error,
                                     napi_status *status);

#endif
