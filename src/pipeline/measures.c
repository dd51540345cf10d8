/* SPDX-License-Identifier: Apache-2.0
 * What the measuring kernels of a task found, as JSON: {"sharpness": {"variance": 12.5}, "sharpness#2": …} */
#include <jansson.h>

#include "pipeline/task.h"

static json_t *value_json(const smalti_kernel_value *value, const double *numbers)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->hex) {
            uint64_t word;
            char text[20];
            memcpy(&word, &numbers[i], sizeof word);
            snprintf(text, sizeof text, "%016llx", (unsigned long long)word);
            json_array_append_new(array, json_string(text));
        } else {
            json_t *number = json_real(numbers[i]); /* NULL for infinities and what is no number */
            json_array_append_new(array, number ? number : json_null());
        }
    }
    if (value->count > 1)
        return array;
    json_t *single = json_incref(json_array_get(array, 0));
    json_decref(array);
    return single ? single : json_null();
}

static smalti_result add_measure(void *root, const smalti_kernel_info *info, const double *numbers, smalti_error *error)
{
    char key[96];
    json_t *values = json_object();
    (void)error;
    for (uint32_t v = 0; v < info->value_count; numbers += info->values[v++].count)
        json_object_set_new(values, info->values[v].name, value_json(&info->values[v], numbers));
    snprintf(key, sizeof key, "%s", info->name);
    for (int n = 2; json_object_get(root, key); n++)
        snprintf(key, sizeof key, "%s#%d", info->name, n);
    json_object_set_new(root, key, values);
    return SMALTI_OK;
}

smalti_result smalti__task_measures(smalti__task *task, smalti_error *error)
{
    json_t *root = json_object();
    smalti_result result =
        root ? smalti__flow_measures(task->flow, add_measure, root, error) : smalti__fail_nomem(error, 1);
    for (size_t i = 0; i < task->lane->run->plan->variant_count && result == SMALTI_OK; i++)
        if (task->branches[i].flow)
            result = smalti__flow_measures(task->branches[i].flow, add_measure, root, error);
    if (result == SMALTI_OK && json_object_size(root)) {
        free(task->measures); /* of an animation's frame before it */
        task->measures = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
        result = task->measures ? SMALTI_OK : smalti__fail_nomem(error, 0);
    }
    json_decref(root);
    return result;
}
