/* SPDX-License-Identifier: Apache-2.0
 * Tasks: from a call of JavaScript to a thread, and back. One thread-safe function for each environment wakes it; what
 * there is to tell stands in a list of tasks that are ready. */
#include <stdio.h>

#include "binding.h"

/* ---- on any thread ---- */

static bool make_ready(binding_task *task, bool finished)
{
    binding_addon *addon = task->addon;
    pthread_mutex_lock(&addon->lock);
    task->finished = task->finished || finished;
    if (!task->ready) {
        task->ready = true;
        task->next = NULL;
        *addon->ready_end = task;
        addon->ready_end = &task->next;
    }
    bool wake = !addon->woken;
    addon->woken = true;
    pthread_mutex_unlock(&addon->lock);
    return wake;
}

static void call_wake(binding_addon *addon)
{
    /* the environment may be closing: then nobody listens, and its hook frees what is ready */
    (void)napi_call_threadsafe_function(addon->wake, NULL, napi_tsfn_nonblocking);
}

void binding__task_wake(binding_task *task)
{
    if (make_ready(task, false))
        call_wake(task->addon);
}

static void run_done(binding_addon *addon)
{
    pthread_mutex_lock(&addon->lock);
    if (!--addon->running)
        pthread_cond_signal(&addon->idle);
    pthread_mutex_unlock(&addon->lock);
}

void binding__task_run(binding_task *task)
{
    binding_addon *addon = task->addon;
    task->result = task->kind->run(task);
    binding__attached_name(task, &task->error);
    if (make_ready(task, true)) /* the task is JavaScript's from here on */
        call_wake(addon);
    run_done(addon); /* and the addon its environment's */
}

/* ---- on the environment's thread ---- */

static napi_status free_task(napi_env env, binding_task *task)
{
    binding_addon *addon = task->addon;
    napi_ref refs[] = {task->callback, task->input};
    task->kind->clear(task);
    binding__attached_close(task);
    smalti_cancel_free(task->cancel);
    free(task->program);
    free(task->blocks);
    if (task->newer)
        task->newer->older = task->older;
    else
        addon->newest = task->older;
    if (task->older)
        task->older->newer = task->newer;
    free(task);
    if (!--addon->live) /* nothing to wait for: the process may end */
        TRY(napi_unref_threadsafe_function(env, addon->wake));
    for (size_t i = 0; i < COUNT(refs); i++)
        if (refs[i])
            TRY(napi_delete_reference(env, refs[i]));
    return napi_ok;
}

napi_status binding__task_call(napi_env env, binding_task *task, int what, napi_value value)
{
    napi_value receiver, callback, arguments[2] = {NULL, value};
    TRY(napi_get_undefined(env, &receiver));
    TRY(napi_get_reference_value(env, task->callback, &callback));
    TRY(napi_create_int32(env, what, &arguments[0]));
    return napi_call_function(env, receiver, callback, value ? 2 : 1, arguments, NULL);
}

static napi_status tell(napi_env env, binding_task *task, bool finished)
{
    napi_value value = NULL;
    if (task->kind->news)
        TRY(task->kind->news(env, task));
    if (!finished)
        return napi_ok;
    if (task->result < 0)
        TRY(binding__error_value(env, &task->error, &value));
    else
        TRY(task->kind->result(env, task, &value));
    return binding__task_call(env, task, task->result < 0 ? BINDING_FAILED : BINDING_DONE, value);
}

/* An exception out of a callback is uncaught; the other tasks are told all the same. */
static napi_status raise_uncaught(napi_env env, napi_status status)
{
    bool pending = false;
    napi_value exception;
    TRY(napi_is_exception_pending(env, &pending));
    if (pending) {
        TRY(napi_get_and_clear_last_exception(env, &exception));
    } else {
        char text[64];
        napi_value message;
        snprintf(text, sizeof text, "smalti: Node-API failed with status %d", (int)status);
        TRY(napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message));
        TRY(napi_create_error(env, NULL, message, &exception));
    }
    return napi_fatal_exception(env, exception);
}

static napi_status tell_one(napi_env env, binding_task *task, bool finished)
{
    napi_handle_scope scope;
    TRY(napi_open_handle_scope(env, &scope));
    napi_status status = tell(env, task, finished);
    if (status != napi_ok)
        (void)raise_uncaught(env, status);
    if (finished)
        (void)free_task(env, task);
    return napi_close_handle_scope(env, scope);
}

static void on_wake(napi_env env, napi_value function, void *context, void *data)
{
    binding_addon *addon = context;
    (void)function, (void)data;
    if (!env) /* closing */
        return;
    pthread_mutex_lock(&addon->lock);
    addon->woken = false;
    while (addon->ready) { /* taken one by one: threads append meanwhile */
        binding_task *task = addon->ready;
        addon->ready = task->next;
        if (!addon->ready)
            addon->ready_end = &addon->ready;
        task->ready = false;
        bool finished = task->finished;
        pthread_mutex_unlock(&addon->lock);
        (void)tell_one(env, task, finished);
        pthread_mutex_lock(&addon->lock);
    }
    pthread_mutex_unlock(&addon->lock);
}

/* The environment ends (a worker that is terminated, or the process): threads let go of its tasks first. */
static void on_close(void *data)
{
    binding_addon *addon = data;
    for (binding_task *task = addon->newest; task; task = task->older)
        smalti_cancel_request(task->cancel);
    size_t dropped = binding__pool_drop(addon); /* they could stand behind long work of others */
    pthread_mutex_lock(&addon->lock);
    addon->running -= dropped;
    while (addon->running)
        pthread_cond_wait(&addon->idle, &addon->lock);
    pthread_mutex_unlock(&addon->lock);
    while (addon->newest)
        (void)free_task(addon->env, addon->newest);
    (void)napi_release_threadsafe_function(addon->wake, napi_tsfn_abort);
}

static void free_addon(napi_env env, void *data, void *hint)
{
    binding_addon *addon = data;
    (void)env, (void)hint;
    pthread_mutex_destroy(&addon->lock);
    pthread_cond_destroy(&addon->idle);
    free(addon);
}

napi_status binding__addon_new(napi_env env, binding_addon **addon)
{
    napi_value name;
    binding_addon *made = calloc(1, sizeof *made);
    if (!made)
        return napi_generic_failure;
    made->env = env;
    made->ready_end = &made->ready;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->idle, NULL);
    napi_status status = napi_set_instance_data(env, made, free_addon, NULL);
    if (status != napi_ok) {
        free_addon(env, made, NULL);
        return status;
    }
    TRY(napi_create_string_utf8(env, "smalti", NAPI_AUTO_LENGTH, &name));
    TRY(napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, made, on_wake, &made->wake));
    TRY(napi_unref_threadsafe_function(env, made->wake));
    /* behind the function's own hook, so that this one runs before it */
    TRY(napi_add_env_cleanup_hook(env, on_close, made));
    *addon = made;
    return napi_ok;
}

/* ---- starting ---- */

/* Of an array of bytes; null stands for none. */
static napi_status read_blocks(napi_env env, napi_value array, binding_task *task)
{
    uint32_t count;
    TRY(napi_get_array_length(env, array, &count));
    TRY(napi_create_reference(env, array, 1, &task->input));
    task->blocks = calloc((size_t)count + 1, sizeof *task->blocks);
    if (!task->blocks)
        return napi_generic_failure;
    for (uint32_t i = 0; i < count; i++) {
        napi_handle_scope scope;
        napi_value element;
        napi_valuetype type;
        void *data = NULL;
        TRY(napi_open_handle_scope(env, &scope));
        TRY(napi_get_element(env, array, i, &element));
        TRY(napi_typeof(env, element, &type));
        if (type == napi_object) {
            TRY(napi_get_buffer_info(env, element, &data, &task->blocks[i].size));
            task->blocks[i].data = data ? data : "";
        }
        TRY(napi_close_handle_scope(env, scope));
    }
    task->block_count = count;
    return napi_ok;
}

static napi_status read_arguments(napi_env env, napi_callback_info info, binding_task *task)
{
    napi_value arguments[3];
    size_t count = COUNT(arguments), bytes;
    TRY(napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    TRY(napi_get_value_string_utf8(env, arguments[0], NULL, 0, &bytes));
    task->program = malloc(bytes + 1);
    if (!task->program)
        return napi_generic_failure;
    TRY(napi_get_value_string_utf8(env, arguments[0], task->program, bytes + 1, &task->program_bytes));
    TRY(read_blocks(env, arguments[1], task));
    return napi_create_reference(env, arguments[2], 1, &task->callback);
}

static bool launch(binding_task *task)
{
    binding_addon *addon = task->addon;
    pthread_mutex_lock(&addon->lock);
    addon->running++;
    pthread_mutex_unlock(&addon->lock);
    task->jobs = binding__pool_size(0);
    if (task->kind->own_thread ? binding__pool_thread(task) : binding__pool_add(task))
        return true;
    run_done(addon);
    return false;
}

napi_status binding__task_start(napi_env env, napi_callback_info info, const binding_task_kind *kind, size_t size,
                                napi_value *id)
{
    binding_addon *addon;
    TRY(napi_get_instance_data(env, (void **)&addon));
    binding_task *task = calloc(1, size);
    if (!task)
        return napi_generic_failure;
    task->kind = kind;
    task->addon = addon;
    task->id = ++addon->next_id;
    task->older = addon->newest;
    if (addon->newest)
        addon->newest->newer = task;
    addon->newest = task;
    task->stats.size = sizeof task->stats;
    task->error.offset = SMALTI_NO_OFFSET;
    napi_status status = addon->live++ ? napi_ok : napi_ref_threadsafe_function(env, addon->wake);
    if (status == napi_ok)
        status = read_arguments(env, info, task);
    if (status == napi_ok)
        status = napi_create_double(env, task->id, id);
    if (status == napi_ok && (smalti_cancel_new(&task->cancel, NULL) < 0 || !launch(task)))
        status = napi_generic_failure;
    if (status != napi_ok)
        (void)free_task(env, task);
    return status;
}

void binding__task_cancel(binding_addon *addon, double id)
{
    for (binding_task *task = addon->newest; task; task = task->older)
        if (task->id == id)
            smalti_cancel_request(task->cancel);
}
