/* SPDX-License-Identifier: Apache-2.0
 * What the library can do, for JavaScript: steps with their parameters, formats, kernels. Methods and types are made from it. */
#include "binding.h"

static napi_status set_optional(napi_env env, napi_value object, const char *name, const char *text)
{
    return text && *text ? binding__set_text(env, object, name, text) : napi_ok;
}

static napi_status set_flag(napi_env env, napi_value object, const char *name, bool value)
{
    napi_value flag;
    TRY(napi_get_boolean(env, value, &flag));
    return napi_set_named_property(env, object, name, flag);
}

static napi_status step_param_value(napi_env env, const smalti_step_param *param, napi_value *value)
{
    static const char *const types[] = {"number", "integer", "flag", "choice", "color", "text"};
    TRY(napi_create_object(env, value));
    TRY(binding__set_text(env, *value, "name", param->name));
    TRY(binding__set_text(env, *value, "summary", param->summary));
    TRY(binding__set_text(env, *value, "type", types[param->type]));
    TRY(set_optional(env, *value, "unit", param->unit));
    TRY(set_optional(env, *value, "choices", param->choices));
    TRY(binding__set_number(env, *value, "default", param->def));
    if (param->type != SMALTI_STEP_NUMBER && param->type != SMALTI_STEP_INTEGER)
        return napi_ok;
    TRY(binding__set_number(env, *value, "min", param->min));
    return binding__set_number(env, *value, "max", param->max);
}

static napi_status step_value(napi_env env, const smalti_step_info *info, napi_value *value)
{
    napi_value params, param;
    TRY(napi_create_object(env, value));
    TRY(binding__set_text(env, *value, "name", info->name));
    TRY(binding__set_text(env, *value, "summary", info->summary));
    TRY(set_optional(env, *value, "brief", info->brief));
    TRY(napi_create_array(env, &params));
    for (uint32_t i = 0; i < info->param_count; i++) {
        TRY(step_param_value(env, &info->params[i], &param));
        TRY(napi_set_element(env, params, i, param));
    }
    return napi_set_named_property(env, *value, "params", params);
}

napi_status binding__steps_value(napi_env env, napi_value *value)
{
    napi_value step;
    TRY(napi_create_array(env, value));
    for (size_t i = 0; i < smalti_step_count(); i++) {
        TRY(step_value(env, smalti_step_describe(i), &step));
        TRY(napi_set_element(env, *value, (uint32_t)i, step));
    }
    return napi_ok;
}

napi_status binding__formats_value(napi_env env, napi_value *value)
{
    napi_value format;
    TRY(napi_create_array(env, value));
    for (size_t i = 0; i < smalti_format_count(); i++) {
        const smalti_format_info *info = smalti_format_describe(i);
        TRY(napi_create_object(env, &format));
        TRY(binding__set_text(env, format, "name", info->name));
        TRY(set_flag(env, format, "input", info->reads));
        TRY(set_flag(env, format, "output", info->writes));
        TRY(napi_set_element(env, *value, (uint32_t)i, format));
    }
    return napi_ok;
}

static napi_status kernel_param_value(napi_env env, const smalti_kernel_param *param, napi_value *value)
{
    TRY(napi_create_object(env, value));
    TRY(binding__set_text(env, *value, "name", param->name));
    TRY(set_optional(env, *value, "summary", param->summary));
    TRY(set_optional(env, *value, "unit", param->unit));
    TRY(set_flag(env, *value, "integer", param->integer));
    TRY(binding__set_number(env, *value, "min", param->min));
    TRY(binding__set_number(env, *value, "max", param->max));
    return binding__set_number(env, *value, "default", param->def);
}

static napi_status kernel_value(napi_env env, const smalti_kernel_info *info, napi_value *value)
{
    static const char *const kinds[] = {"", "tile", "measure", "command"};
    napi_value list, item;
    TRY(napi_create_object(env, value));
    TRY(binding__set_text(env, *value, "name", info->name));
    TRY(binding__set_text(env, *value, "version", info->version));
    TRY(binding__set_text(env, *value, "summary", info->summary));
    TRY(binding__set_text(env, *value, "kind", kinds[info->kind]));
    TRY(binding__set_text(env, *value, "source", info->source));
    TRY(napi_create_array(env, &list));
    for (uint32_t i = 0; i < info->param_count; i++) {
        TRY(kernel_param_value(env, &info->params[i], &item));
        TRY(napi_set_element(env, list, i, item));
    }
    TRY(napi_set_named_property(env, *value, "params", list));
    TRY(napi_create_array(env, &list));
    for (uint32_t i = 0; i < info->value_count; i++) {
        TRY(napi_create_string_utf8(env, info->values[i].name, NAPI_AUTO_LENGTH, &item));
        TRY(napi_set_element(env, list, i, item));
    }
    return napi_set_named_property(env, *value, "values", list);
}

static smalti_result one_kernel(napi_env env, const char *name, napi_value *value, smalti_error *error,
                                napi_status *status)
{
    smalti_kernel *kernel;
    smalti_result result = smalti_kernel_inspect(name, &kernel, error); /* reads the descriptor: nothing is compiled */
    if (result < 0)
        return result;
    *status = kernel_value(env, smalti_kernel_describe(kernel), value);
    smalti_kernel_unref(kernel);
    return result;
}

smalti_result binding__kernels_value(napi_env env, const char *name, napi_value *value, smalti_error *error,
                                     napi_status *status)
{
    if (*name)
        return one_kernel(env, name, value, error, status);
    smalti_result result = SMALTI_OK;
    const char *const *names = smalti_kernel_names();
    *status = napi_create_array(env, value);
    for (uint32_t i = 0; names[i] && *status == napi_ok && result == SMALTI_OK; i++) {
        napi_value kernel;
        result = one_kernel(env, names[i], &kernel, error, status);
        if (result == SMALTI_OK && *status == napi_ok)
            *status = napi_set_element(env, *value, i, kernel);
    }
    return result;
}
