/* SPDX-License-Identifier: Apache-2.0
 * The plan in words (--dry-run): for each input what each stage will see, and what memory that takes. */
#include <jansson.h>

#include "pipeline/task.h"

static const char *sample_name(smalti_sample sample)
{
    return sample == SMALTI_SAMPLE_U8 ? "u8" : sample == SMALTI_SAMPLE_U16 ? "u16" : "f32";
}

/* A string for JSON, which knows only UTF-8: names of files and what is said of them may be other bytes, each of which
 * becomes U+FFFD. */
static json_t *text_json(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    json_t *json = json_string(text);
    if (json)
        return json;
    char *valid = malloc(strlen(text) * strlen(replacement) + 1), *out = valid;
    while (valid && *text) {
        json_t *one = NULL;
        size_t size = 0, most = strlen(text);
        for (size_t n = 1; !one && n <= 4 && n <= most; n++) /* a character has at most four bytes */
            one = json_stringn(text, size = n);
        json_decref(one);
        out = one ? mempcpy(out, text, size) : mempcpy(out, replacement, strlen(replacement));
        text += one ? size : 1;
    }
    json = valid ? json_stringn(valid, (size_t)(out - valid)) : NULL;
    free(valid);
    return json;
}

static json_t *shape_json(const smalti__shape *shape)
{
    return json_pack("{s:I, s:I, s:I, s:s, s:b}", "width", (json_int_t)shape->width, "height",
                     (json_int_t)shape->height, "channels", (json_int_t)shape->channels, "sample",
                     sample_name(shape->sample), "premultiplied", shape->premultiplied);
}

/* The kernels of a node, one stage each. */
static void kernels_json(json_t *stages, const smalti__node *node, bool first)
{
    const smalti__kernels_params *params = (const smalti__kernels_params *)node->params;
    smalti__shape seen[SMALTI__STEPS_MAX], at = node->in, last;
    if (smalti__chain_route(params->steps, params->count, &node->in, seen, &last, NULL) < 0)
        return; /* it was routed when the program was made */
    for (size_t i = 0; i < params->count; i++) {
        const smalti_kernel_info *info = smalti_kernel_describe(params->steps[i].kernel);
        json_t *stage = json_pack("{s:s, s:s, s:I, s:o}", "kernel", info->name, "rows_arrive",
                                  !smalti__shape_same(&at, &seen[i]) ? "converted"
                                  : i || !first                      ? "copied"
                                                                     : "decoded",
                                  "halo", (json_int_t)params->steps[i].halo, "sees", shape_json(&seen[i]));
        json_array_append_new(stages, stage);
        at = seen[i];
        if (info->kind == SMALTI_KERNEL_TILE)
            at.channels = info->output_channels[at.channels];
        at.premultiplied = at.premultiplied && at.channels % 2 == 0;
    }
}

static json_t *stages_json(const smalti__program *program)
{
    json_t *stages = json_array();
    for (size_t i = 0; i < program->count; i++) {
        const smalti__node *node = &program->nodes[i];
        char words[128] = "";
        if (node->kind == &smalti__node_kernels) {
            kernels_json(stages, node, i == 0);
            continue;
        }
        if (node->kind->describe)
            node->kind->describe(node, words, sizeof words);
        json_array_append_new(stages, json_pack("{s:s, s:s, s:o, s:o}", "step", node->kind->name, "how", words, "in",
                                                shape_json(&node->in), "out", shape_json(&node->out)));
    }
    return stages;
}

static json_t *route_json(const smalti_plan *plan, const smalti__decoder *decoder, const smalti__route *route)
{
    json_t *json = json_pack("{s:s, s:o, s:o, s:I, s:o, s:I}", "format", decoder->info.format, "stored",
                             shape_json(&route->stored), "decoded", shape_json(&route->delivered), "orientation",
                             (json_int_t)route->orientation, "stages", stages_json(&route->program), "strip_rows",
                             (json_int_t)route->strip_rows);
    json_t *encoded = json_array();
    if (decoder->level)
        json_object_set_new(json, "level", json_integer(decoder->level));
    json_object_set_new(json, "encoder_thread", json_boolean(route->relay));
    json_object_set_new(json, "planes", json_boolean(route->by_planes));
    json_object_set_new(json, "coefficients", json_boolean(route->by_coefficients));
    for (size_t i = 0; i < plan->variant_count; i++)
        if (route->branches[i].format)
            json_array_append_new(encoded, json_pack("{s:s, s:o}", "format", route->branches[i].format->name, "shape",
                                                     shape_json(&route->branches[i].out)));
    json_object_set_new(json, "encoded", encoded);
    json_object_set_new(json, "memory",
                        json_pack("{s:I, s:I, s:I, s:I}", "decode", (json_int_t)route->decode_bytes, "steps",
                                  (json_int_t)route->flow_bytes, "encode", (json_int_t)route->encode_bytes, "total",
                                  (json_int_t)route->total_bytes));
    return json;
}

/* What an open input will become. */
static smalti_result source_json(const smalti_plan *plan, smalti__source *source, char *const *outputs,
                                 const smalti__run *run, smalti__route *route, json_t **json, smalti_error *error)
{
    const smalti__encoder_format *formats[SMALTI__VARIANTS_MAX] = {0};
    smalti__decode_options options = smalti__plan_decode_options(plan, NULL);
    smalti__decoder *decoder = NULL;
    SMALTI__TRY(smalti__decoder_open(source, &options, &decoder, error));
    for (size_t i = 0; i < plan->variant_count && outputs[i]; i++) {
        formats[i] = smalti__plan_encoder(plan, i, outputs[i]);
        if (!formats[i])
            formats[i] = smalti__plan_own_format(decoder->info.format);
    }
    smalti_result result = smalti__run_route(run, decoder, formats, 0, route, error);
    if (result == SMALTI_OK)
        result = smalti__run_fits(run, route->total_bytes, error);
    if (result == SMALTI_OK)
        *json = route_json(plan, decoder, route);
    smalti__decoder_close(decoder);
    return result;
}

/* The head of one input; standard input and pipes are not read for a plan. */
static smalti_result input_json(const smalti_plan *plan, const smalti__input *input, char *const *outputs,
                                const smalti__run *run, json_t **json, smalti_error *error)
{
    const smalti__source_options source_options = {.map_threshold = 64 << 10};
    smalti__source source = {0};
    size_t size;
    SMALTI__CLEANUP_FREE smalti__route *route = malloc(sizeof *route);
    if (!route)
        return smalti__fail_nomem(error, sizeof *route);
    SMALTI__TRY(smalti__source_measure(input->fd >= 0 ? NULL : input->path, input->fd, &size, error));
    if (size == SIZE_MAX) {
        *json = json_pack("{s:s}", "format", "known when it is read");
        return SMALTI_OK;
    }
    SMALTI__TRY(input->fd >= 0 ? smalti__source_open_fd(&source, input->fd, input->path, &source_options, error)
                               : smalti__source_open(&source, input->path, &source_options, error));
    smalti_result result = source_json(plan, &source, outputs, run, route, json, error);
    smalti__source_close(&source);
    return result;
}

static smalti_result task_json(const smalti_plan *plan, size_t index, const smalti__run *run, json_t **json,
                               smalti_error *error)
{
    char *outputs[SMALTI__VARIANTS_MAX] = {0};
    smalti_result result = SMALTI_OK;
    json_t *task = NULL, *list = json_array();
    smalti_error why = {0};
    for (size_t i = 0; i < plan->variant_count && result == SMALTI_OK; i++)
        result = smalti__plan_output(plan, index, i, NULL, &outputs[i], error);
    if (result == SMALTI_OK && input_json(plan, &plan->job->inputs[index], outputs, run, &task, &why) < 0)
        task = json_pack("{s:o}", "error", text_json(why.message));
    if (result == SMALTI_OK) {
        json_object_set_new(task, "input", text_json(plan->job->inputs[index].path));
        for (size_t i = 0; i < plan->variant_count && outputs[i]; i++)
            json_array_append_new(list, text_json(outputs[i]));
        json_object_set(task, "outputs", list);
        *json = task;
    }
    json_decref(list);
    for (size_t i = 0; i < plan->variant_count; i++)
        free(outputs[i]);
    return result;
}

static smalti_result plan_json(const smalti_plan *plan, const smalti__run *run, json_t **json, smalti_error *error)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < plan->job->input_count; i++) {
        json_t *task = NULL;
        smalti_result result = task_json(plan, i, run, &task, error);
        if (result < 0) {
            json_decref(tasks);
            return result;
        }
        json_array_append_new(tasks, task);
    }
    *json = json_pack("{s:s, s:I, s:I, s:o}", "at", "threads", "lanes", (json_int_t)run->lanes, "memory",
                      (json_int_t)run->options.memory_bytes, "tasks", tasks);
    return SMALTI_OK;
}

/* ---- for people ---- */

static void print_shape(FILE *out, const json_t *shape)
{
    fprintf(out, "%lld × %lld × %lld %s", (long long)json_integer_value(json_object_get(shape, "width")),
            (long long)json_integer_value(json_object_get(shape, "height")),
            (long long)json_integer_value(json_object_get(shape, "channels")),
            json_string_value(json_object_get(shape, "sample")));
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_at(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_stage(FILE *out, const json_t *stage)
{
    const json_t *sees = json_object_get(stage, "sees");
    if (!sees) {
        fprintf(out, "  step    %s to ", text_at(stage, "step"));
        print_shape(out, json_object_get(stage, "out"));
        fprintf(out, "%s%s\n", *text_at(stage, "how") ? ", " : "", text_at(stage, "how"));
        return;
    }
    fprintf(out, "  kernel  %s on ", text_at(stage, "kernel"));
    print_shape(out, sees);
    fprintf(out, "%s, halo %lld, rows %s to its memory\n",
            json_is_true(json_object_get(sees, "premultiplied")) ? " premultiplied" : "", number_at(stage, "halo"),
            text_at(stage, "rows_arrive"));
}

static void print_task(FILE *out, const json_t *task)
{
    const json_t *outputs = json_object_get(task, "outputs"), *stages = json_object_get(task, "stages"), *item;
    const json_t *stored = json_object_get(task, "stored"), *decoded = json_object_get(task, "decoded");
    size_t index;
    fputs(text_at(task, "input"), out);
    json_array_foreach(outputs, index, item) fprintf(out, "%s%s", index ? ", " : " → ", json_string_value(item));
    fputc('\n', out);
    if (json_object_get(task, "error")) {
        fprintf(out, "  error   %s\n", text_at(task, "error"));
        return;
    }
    fprintf(out, "  decode  %s", text_at(task, "format"));
    if (!stages) {
        fputc('\n', out);
        return;
    }
    fputs(", ", out);
    print_shape(out, stored);
    if (!json_equal(stored, decoded)) {
        fputs(", reduced to ", out);
        print_shape(out, decoded);
    }
    if (json_object_get(task, "level"))
        fprintf(out, " (level %lld)", number_at(task, "level"));
    if (json_is_true(json_object_get(task, "planes")))
        fputs("\n  planes  of luma and chroma, each by itself\n", out);
    else if (json_is_true(json_object_get(task, "coefficients")))
        fputs("\n  blocks  of coefficients, moved without loss\n", out);
    else
        fprintf(out, "\n  strips  of %lld rows\n", number_at(task, "strip_rows"));
    json_array_foreach(stages, index, item) print_stage(out, item);
    json_array_foreach(json_object_get(task, "encoded"), index, item)
    {
        fprintf(out, "  encode  %s, ", text_at(item, "format"));
        print_shape(out, json_object_get(item, "shape"));
        fputs(json_is_true(json_object_get(task, "encoder_thread")) ? ", on a thread of its own\n" : "\n", out);
    }
    fprintf(out, "  memory  %lld KiB beside the lanes' own\n",
            number_at(json_object_get(task, "memory"), "total") / 1024);
}

static char *print_plan(const json_t *json)
{
    char *text = NULL;
    size_t size, index;
    FILE *out = open_memstream(&text, &size);
    const json_t *task;
    if (!out)
        return NULL;
    size_t tasks = json_array_size(json_object_get(json, "tasks"));
    long long lanes = json_integer_value(json_object_get(json, "lanes"));
    fprintf(out, "%zu task%s at threads, %lld lane%s, %lld MiB of memory\n", tasks, tasks == 1 ? "" : "s", lanes,
            lanes == 1 ? "" : "s", (long long)json_integer_value(json_object_get(json, "memory")) >> 20);
    json_array_foreach(json_object_get(json, "tasks"), index, task) print_task(out, task);
    return fclose(out) ? NULL : text;
}

smalti_result smalti_plan_describe(const smalti_plan *plan, const smalti_run_options *options, bool json, char **text,
                                   smalti_error *error)
{
    smalti__run run;
    json_t *described = NULL;
    SMALTI__TRY(smalti__run_open(&run, plan, options, plan->job->input_count, error));
    smalti_result result = plan_json(plan, &run, &described, error);
    smalti__run_close(&run);
    SMALTI__TRY(result);
    *text = json ? json_dumps(described, JSON_INDENT(2)) : print_plan(described);
    json_decref(described);
    return *text ? SMALTI_OK : smalti__fail_nomem(error, 0);
}
