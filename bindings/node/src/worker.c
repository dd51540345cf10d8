/* SPDX-License-Identifier: Apache-2.0
 * The worker program: the addon beside it, without a Node around it. So the library is in the package once. What the addon
 * wants of Node is here as names alone, since nobody calls it in a worker. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STUB(name)                                                           \
    __attribute__((visibility("default"), noreturn)) void napi_##name(void); \
    void napi_##name(void)                                                   \
    {                                                                        \
        abort();                                                             \
    }

/* The functions of Node-API that the addon names: one that is missing here ends every worker when it starts. */
STUB(add_env_cleanup_hook)
STUB(call_function)
STUB(call_threadsafe_function)
STUB(close_handle_scope)
STUB(create_array)
STUB(create_array_with_length)
STUB(create_buffer_copy)
STUB(create_double)
STUB(create_error)
STUB(create_external_buffer)
STUB(create_int32)
STUB(create_object)
STUB(create_reference)
STUB(create_string_utf8)
STUB(create_threadsafe_function)
STUB(create_uint32)
STUB(define_properties)
STUB(delete_reference)
STUB(fatal_exception)
STUB(get_and_clear_last_exception)
STUB(get_array_length)
STUB(get_boolean)
STUB(get_buffer_info)
STUB(get_cb_info)
STUB(get_element)
STUB(get_instance_data)
STUB(get_reference_value)
STUB(get_undefined)
STUB(get_value_double)
STUB(get_value_string_utf8)
STUB(get_value_uint32)
STUB(is_exception_pending)
STUB(open_handle_scope)
STUB(ref_threadsafe_function)
STUB(release_threadsafe_function)
STUB(set_element)
STUB(set_instance_data)
STUB(set_named_property)
STUB(throw_error)
STUB(typeof)
STUB(unref_threadsafe_function)

/* "…/smalti-linux-x64.worker" is beside "…/smalti-linux-x64.node". */
static int addon_path(char *path, size_t room)
{
    static const char from[] = ".worker", to[] = ".node";
    ssize_t length = readlink("/proc/self/exe", path, room - 1);
    if (length <= (ssize_t)sizeof from)
        return 0;
    path[length] = '\0';
    char *end = path + length - (sizeof from - 1);
    if (strcmp(end, from))
        return 0;
    memcpy(end, to, sizeof to);
    return 1;
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    if (argc != 4 || strcmp(argv[1], "worker") || strcmp(argv[2], "--serve")) {
        fprintf(stderr, "this is started by the package smalti, with isolate: true\n");
        return 2;
    }
    void *addon = addon_path(path, sizeof path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*serve)(int) = NULL;
    if (addon)
        *(void **)&serve = dlsym(addon, "smalti_node_worker");
    if (!serve)
        return 3;
    _exit(serve(atoi(argv[3]))); /* nothing else can be done in the jail */
}
