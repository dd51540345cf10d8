/* SPDX-License-Identifier: Apache-2.0
 * Parameters of a kernel from text. */
#include "kernel/kernel.h"

#include <math.h>

/* "amount (0…10, default 1), radius (1…50 px, default 2)": what there is, cut to fit. */
static const char *list_params(const smalti_kernel_info *info, char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < info->param_count; i++) {
        const smalti_kernel_param *param = &info->params[i];
        char min[SMALTI__NUMBER_TEXT], max[SMALTI__NUMBER_TEXT], def[SMALTI__NUMBER_TEXT];
        int length = snprintf(out + used, out_size - used, "%s%s (%s…%s%s%s%s, default %s)", i ? ", " : "", param->name,
                              smalti__number_text(param->min, min), smalti__number_text(param->max, max),
                              *param->unit ? " " : "", param->unit, param->integer ? ", whole" : "",
                              smalti__number_text(param->def, def));
        if (length < 0 || (size_t)length >= out_size - used) {
            snprintf(out + used, out_size - used, "%s", i ? ", …" : "");
            break;
        }
        used += (size_t)length;
    }
    return out;
}

static smalti_result fail_param(const smalti_kernel_info *info, smalti_result code, const char *what, const char *text,
                                smalti_error *error)
{
    char list[320], shown[64];
    smalti__printable(text, strlen(text), shown, sizeof shown);
    if (!info->param_count)
        return smalti__fail(error, code, "kernel %s %s '%s'; it has no parameters", info->name, what, shown);
    return smalti__fail(error, code, "kernel %s %s '%s'; it has %s", info->name, what, shown,
                        list_params(info, list, sizeof list));
}

/* One "name=value", which it cuts in two. seen: a bit for each parameter. */
static smalti_result parse_one(const smalti_kernel_info *info, char *text, double *params, uint64_t *seen,
                               smalti_error *error)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return fail_param(info, SMALTI_E_INVALID_TYPE, "wants name=value, not", text, error);
    *equals = '\0';
    uint32_t i = 0;
    while (i < info->param_count && strcmp(info->params[i].name, text))
        i++;
    if (i == info->param_count)
        return fail_param(info, SMALTI_E_INVALID_KEY, "has no parameter", text, error);
    if (*seen & UINT64_C(1) << i)
        return fail_param(info, SMALTI_E_INVALID_KEY, "is given twice the parameter", text, error);
    *seen |= UINT64_C(1) << i;
    const smalti_kernel_param *param = &info->params[i];
    double number;
    *equals = '=';
    if (!smalti__number_parse(equals + 1, &number))
        return fail_param(info, SMALTI_E_INVALID_TYPE, "wants a number, not", text, error);
    if (param->integer && number != floor(number))
        return fail_param(info, SMALTI_E_INVALID_TYPE, "wants a whole number, not", text, error);
    if (number < param->min || number > param->max)
        return fail_param(info, SMALTI_E_INVALID_RANGE, "is given a value out of range:", text, error);
    params[i] = number;
    return SMALTI_OK;
}

smalti_result smalti_kernel_params_parse(const smalti_kernel *kernel, const char *text, double *params,
                                         smalti_error *error)
{
    const smalti_kernel_info *info = &kernel->descriptor.info;
    uint64_t seen = 0; /* SMALTI__MAX_PARAMS is 64 */
    for (uint32_t i = 0; i < info->param_count; i++)
        params[i] = info->params[i].def;
    if (!text || !*text)
        return SMALTI_OK;
    SMALTI__CLEANUP_FREE char *copy = strdup(text);
    if (!copy)
        return smalti__fail_nomem(error, strlen(text) + 1);
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        SMALTI__TRY(parse_one(info, at, params, &seen, error));
        at = comma ? comma + 1 : NULL;
    }
    return SMALTI_OK;
}
