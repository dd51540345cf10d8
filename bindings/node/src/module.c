/* SPDX-License-Identifier: Apache-2.0
 * The addon's functions. Each is called by lib/ alone, which has checked its arguments:
 *     write(program, blocks, callback) → id      batch(…) → id      one(…) → id      cancel(id)
 *     steps() formats() kernels(name) version() threads(size) */
#include <stdio.h>

#include "binding.h"

typedef napi_status (*body)(napi_env env, napi_callback_info info, napi_value *value);

/* A status that is no pending exception becomes one. */
static napi_value checked(napi_env env, napi_callback_info info, body run)
{
    napi_value value = NULL;
    bool pending = false;
    napi_status status = run(env, info, &value);
    if (status == napi_ok)
        return value;
    if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) {
        char text[64];
        snprintf(text, sizeof text, "smalti: the call failed with status %d of Node-API", (int)status);
        (void)napi_throw_error(env, NULL, text);
    }
    return NULL;
}

static napi_status first_argument(napi_env env, napi_callback_info info, napi_value *argument)
{
    size_t count = 1;
    return napi_get_cb_info(env, info, &count, argument, NULL, NULL);
}

static napi_status write_body(napi_env env, napi_callback_info info, napi_value *value)
{
    return binding__task_start(env, info, &binding__write, binding__write_size, value);
}

static napi_status batch_body(napi_env env, napi_callback_info info, napi_value *value)
{
    return binding__task_start(env, info, &binding__batch, binding__batch_size, value);
}

static napi_status one_body(napi_env env, napi_callback_info info, napi_value *value)
{
    return binding__task_start(env, info, &binding__one, binding__batch_size, value);
}

static napi_status cancel_body(napi_env env, napi_callback_info info, napi_value *value)
{
    binding_addon *addon;
    napi_value argument;
    double id;
    TRY(first_argument(env, info, &argument));
    TRY(napi_get_value_double(env, argument, &id));
    TRY(napi_get_instance_data(env, (void **)&addon));
    binding__task_cancel(addon, id);
    return napi_get_undefined(env, value);
}

static napi_status steps_body(napi_env env, napi_callback_info info, napi_value *value)
{
    (void)info;
    return binding__steps_value(env, value);
}

static napi_status formats_body(napi_env env, napi_callback_info info, napi_value *value)
{
    (void)info;
    return binding__formats_value(env, value);
}

/* Gives an error as an object in an array, for lib/ to throw as its class. */
static napi_status kernels_body(napi_env env, napi_callback_info info, napi_value *value)
{
    napi_value argument, wrapped;
    char name[4096];
    smalti_error error = {.offset = SMALTI_NO_OFFSET};
    napi_status status = napi_ok;
    TRY(first_argument(env, info, &argument));
    TRY(napi_get_value_string_utf8(env, argument, name, sizeof name, NULL));
    if (binding__kernels_value(env, name, value, &error, &status) == SMALTI_OK)
        return status;
    TRY(binding__error_value(env, &error, value));
    TRY(napi_create_object(env, &wrapped));
    TRY(napi_set_named_property(env, wrapped, "error", *value));
    *value = wrapped;
    return napi_ok;
}

static napi_status version_body(napi_env env, napi_callback_info info, napi_value *value)
{
    (void)info;
    return napi_create_string_utf8(env, smalti_version(), NAPI_AUTO_LENGTH, value);
}

static napi_status threads_body(napi_env env, napi_callback_info info, napi_value *value)
{
    napi_value argument;
    uint32_t size;
    TRY(first_argument(env, info, &argument));
    TRY(napi_get_value_uint32(env, argument, &size));
    return napi_create_uint32(env, binding__pool_size(size), value);
}

#define FUNCTION(name)                                                   \
    static napi_value name##_call(napi_env env, napi_callback_info info) \
    {                                                                    \
        return checked(env, info, name##_body);                          \
    }

FUNCTION(write)
FUNCTION(batch)
FUNCTION(one)
FUNCTION(cancel)
FUNCTION(steps)
FUNCTION(formats)
FUNCTION(kernels)
FUNCTION(version)
FUNCTION(threads)

static napi_status init(napi_env env, napi_value exports)
{
    static const napi_property_descriptor functions[] = {
        {"write", NULL, write_call, NULL, NULL, NULL, napi_default, NULL},
        {"batch", NULL, batch_call, NULL, NULL, NULL, napi_default, NULL},
        {"one", NULL, one_call, NULL, NULL, NULL, napi_default, NULL},
        {"cancel", NULL, cancel_call, NULL, NULL, NULL, napi_default, NULL},
        {"steps", NULL, steps_call, NULL, NULL, NULL, napi_default, NULL},
        {"formats", NULL, formats_call, NULL, NULL, NULL, napi_default, NULL},
        {"kernels", NULL, kernels_call, NULL, NULL, NULL, napi_default, NULL},
        {"version", NULL, version_call, NULL, NULL, NULL, napi_default, NULL},
        {"threads", NULL, threads_call, NULL, NULL, NULL, napi_default, NULL},
    };
    binding_addon *addon;
    TRY(binding__addon_new(env, &addon));
    return napi_define_properties(env, exports, COUNT(functions), functions);
}

/* What the worker program (worker.c) is: it loads this addon without a Node around it. */
__attribute__((visibility("default"))) int smalti_node_worker(int fd);
int smalti_node_worker(int fd)
{
    smalti_error error;
    return smalti_worker_serve(fd, &error) < 0 ? 1 : 0;
}

NAPI_MODULE_INIT()
{
    if (init(env, exports) != napi_ok) {
        (void)napi_throw_error(env, NULL, "smalti: the addon cannot be set up");
        return NULL;
    }
    return exports;
}
