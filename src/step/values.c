/* SPDX-License-Identifier: Apache-2.0
 * Values of a step's parameters, from text and back. */
#include <math.h>

#include "step/step.h"

void smalti__step_init(smalti__step *step, const smalti__step_kind *kind)
{
    *step = (smalti__step){.kind = kind};
    for (uint32_t i = 0; i < kind->info.param_count; i++)
        step->values[i].number = kind->info.params[i].def;
}

void smalti__step_clear(smalti__step *step)
{
    if (step->kind && step->kind->discard && step->prepared)
        step->kind->discard(step);
    for (size_t i = 0; i < SMALTI__COUNT(step->values); i++)
        free(step->values[i].text);
    *step = (smalti__step){0};
}

smalti_result smalti__step_copy(smalti__step *to, const smalti__step *from, smalti_error *error)
{
    *to = *from;
    to->prepared = NULL;
    for (size_t i = 0; i < SMALTI__COUNT(to->values); i++)
        to->values[i].text = NULL;
    for (size_t i = 0; i < SMALTI__COUNT(to->values); i++) {
        const char *text = from->values[i].text;
        if (text && !(to->values[i].text = strdup(text))) {
            smalti__step_clear(to);
            return smalti__fail_nomem(error, strlen(text) + 1);
        }
    }
    return SMALTI_OK;
}

int smalti__step_param_find(const smalti__step_kind *kind, const char *name)
{
    for (uint32_t i = 0; i < kind->info.param_count; i++)
        if (!strcmp(kind->info.params[i].name, name))
            return (int)i;
    return -1;
}

/* ---- messages ---- */

/* "width, height (1…1000000), fit (cover|contain)": what there is, cut to fit. */
static const char *list_params(const smalti_step_info *info, char *out, size_t out_size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < info->param_count && used < out_size - 1; i++)
        used += (size_t)snprintf(out + used, out_size - used, "%s%s", i ? ", " : "", info->params[i].name);
    return out;
}

static smalti_result bad_value(const smalti__step *step, const smalti_step_param *param, smalti_result code,
                               const char *text, smalti_error *error)
{
    char shown[80], min[SMALTI__NUMBER_TEXT], max[SMALTI__NUMBER_TEXT], wanted[160];
    smalti__printable(text, strlen(text), shown, sizeof shown);
    switch (param->type) {
    case SMALTI_STEP_FLAG:
        snprintf(wanted, sizeof wanted, "true or false");
        break;
    case SMALTI_STEP_CHOICE:
        snprintf(wanted, sizeof wanted, "one of %s", param->choices);
        break;
    case SMALTI_STEP_COLOR:
        snprintf(wanted, sizeof wanted, "a colour RRGGBB or RRGGBBAA");
        break;
    case SMALTI_STEP_TEXT:
        snprintf(wanted, sizeof wanted, "a text");
        break;
    default:
        snprintf(wanted, sizeof wanted, "%s from %s to %s",
                 param->type == SMALTI_STEP_INTEGER ? "a whole number" : "a number",
                 smalti__number_text(param->min, min), smalti__number_text(param->max, max));
    }
    return smalti__fail(error, code, "step %s: %s is %s, not \"%s\"", step->kind->info.name, param->name, wanted,
                        shown);
}

/* ---- one value ---- */

static bool read_color(const char *text, double *number)
{
    text += *text == '#';
    size_t size = strlen(text);
    if ((size != 6 && size != 8) || strspn(text, "0123456789abcdefABCDEF") != size)
        return false;
    unsigned long value = strtoul(text, NULL, 16);
    *number = (double)(size == 6 ? value << 8 | 0xff : value);
    return true;
}

static smalti_result set_value(smalti__step *step, int index, const char *text, smalti_error *error)
{
    const smalti_step_param *param = &step->kind->info.params[index];
    smalti__step_value *value = &step->values[index];
    double number = 0;
    bool right = true;
    switch (param->type) {
    case SMALTI_STEP_TEXT:
        if (!*text)
            return bad_value(step, param, SMALTI_E_INVALID_TYPE, text, error);
        free(value->text);
        value->text = strdup(text);
        if (!value->text)
            return smalti__fail_nomem(error, strlen(text) + 1);
        break;
    case SMALTI_STEP_FLAG:
        right = !strcmp(text, "true") || !strcmp(text, "false");
        number = *text == 't';
        break;
    case SMALTI_STEP_CHOICE:
        number = smalti__choice_index(param->choices, text);
        if (number < 0)
            return bad_value(step, param, SMALTI_E_INVALID_RANGE, text, error);
        break;
    case SMALTI_STEP_COLOR:
        right = read_color(text, &number);
        break;
    default:
        right = smalti__number_parse(text, &number) && (param->type != SMALTI_STEP_INTEGER || number == floor(number));
        if (right && (number < param->min || number > param->max))
            return bad_value(step, param, SMALTI_E_INVALID_RANGE, text, error);
    }
    if (!right)
        return bad_value(step, param, SMALTI_E_INVALID_TYPE, text, error);
    value->number = number;
    value->given = true;
    return SMALTI_OK;
}

smalti_result smalti__step_set(smalti__step *step, const char *name, const char *text, smalti_error *error)
{
    char list[300], shown[64];
    int index = smalti__step_param_find(step->kind, name);
    if (index >= 0 && step->values[index].given)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "step %s: %s is given twice", step->kind->info.name, name);
    if (index >= 0)
        return set_value(step, index, text, error);
    smalti__printable(name, strlen(name), shown, sizeof shown);
    if (!step->kind->info.param_count)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "step %s has no parameters, not \"%s\"", step->kind->info.name,
                            shown);
    return smalti__fail(error, SMALTI_E_INVALID_KEY, "step %s has no parameter \"%s\": it has %s",
                        step->kind->info.name, shown, list_params(&step->kind->info, list, sizeof list));
}

const char *smalti__step_value_text(const smalti__step *step, size_t index, char out[SMALTI__NUMBER_TEXT])
{
    const smalti_step_param *param = &step->kind->info.params[index];
    const smalti__step_value *value = &step->values[index];
    switch (param->type) {
    case SMALTI_STEP_TEXT:
        return value->text ? value->text : "";
    case SMALTI_STEP_FLAG:
        return value->number != 0 ? "true" : "false";
    case SMALTI_STEP_CHOICE:
        return smalti__choice_text(param->choices, (int)value->number, out, SMALTI__NUMBER_TEXT);
    case SMALTI_STEP_COLOR:
        snprintf(out, SMALTI__NUMBER_TEXT, "%08x", (unsigned)value->number);
        return out;
    default:
        return smalti__number_text(value->number, out);
    }
}

/* ---- a text of all ---- */

/* Whether text begins with "name=". */
static bool begins_with_name(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return length && text[length] == '=';
}

/* Cuts the next "name=value" off *text and removes the backslashes before its commas. */
static char *cut_pair(char **text)
{
    char *start = *text, *from = start, *to = start;
    for (; *from && *from != ','; from++) {
        if (from[0] == '\\' && from[1] == ',')
            from++;
        *to++ = *from;
    }
    *text = *from ? from + 1 : NULL;
    *to = '\0';
    return start;
}

static smalti_result parse_brief(smalti__step *step, const char *text, smalti_error *error)
{
    const smalti__step_kind *kind = step->kind;
    if (kind->brief)
        return kind->brief(step, text, error);
    if (!kind->info.param_count)
        return smalti__fail(error, SMALTI_E_INVALID_KEY, "step %s has no parameters, not \"%.64s\"", kind->info.name,
                            text);
    return smalti__step_set(step, kind->info.params[0].name, text, error);
}

smalti_result smalti__step_parse(smalti__step *step, const char *text, smalti_error *error)
{
    if (!text || !*text)
        return SMALTI_OK;
    SMALTI__CLEANUP_FREE char *copy = strdup(text);
    if (!copy)
        return smalti__fail_nomem(error, strlen(text) + 1);
    char *pairs = copy;
    if (!begins_with_name(copy)) {
        pairs = strchr(copy, ':');
        while (pairs && !begins_with_name(pairs + 1)) /* a colon in a file's name */
            pairs = strchr(pairs + 1, ':');
        if (pairs)
            *pairs++ = '\0';
        SMALTI__TRY(parse_brief(step, copy, error));
    }
    while (pairs && *pairs) {
        char *pair = cut_pair(&pairs), *equals = strchr(pair, '=');
        if (!equals)
            return smalti__fail(error, SMALTI_E_INVALID_TYPE, "step %s takes name=value, not \"%.64s\"",
                                step->kind->info.name, pair);
        *equals = '\0';
        SMALTI__TRY(smalti__step_set(step, pair, equals + 1, error));
    }
    return SMALTI_OK;
}
