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

static json_t *stages_json(const smalti_plan *plan, const smalti__route *route)
{
    json_t *stages = json_array();
    smalti__shape at = route->in;
    for (size_t i = 0; i < plan->step_count; i++) {
        const smalti_kernel_info *info = smalti_kernel_describe(plan->steps[i].kernel);
        json_t *stage = json_pack("{s:s, s:s, s:I, s:o}", "kernel", info->name, "rows_arrive",
                                  !smalti__shape_same(&at, &route->seen[i]) ? "converted"
                                  : i                                       ? "copied"
                                                                            : "decoded",
                                  "halo", (json_int_t)plan->steps[i].halo, "sees", shape_json(&route->seen[i]));
        json_array_append_new(stages, stage);
        at = route->seen[i];
        if (info->kind == SMALTI_KERNEL_TILE)
            at.channels = info->output_channels[at.channels];
        at.premultiplied = at.premultiplied && at.channels % 2 == 0;
    }
    return stages;
}

static json_t *route_json(const smalti_plan *plan, const smalti__reader *reader, const smalti__route *route)
{
    json_t *json = json_pack("{s:s, s:o, s:I, s:o, s:I}", "format", reader->decoder->info.format, "decoded",
                             shape_json(&route->stored), "orientation", (json_int_t)reader->orientation, "stages",
                             stages_json(plan, route), "strip_rows", (json_int_t)route->strip_rows);
    json_object_set_new(json, "encoder_thread", json_boolean(route->relay));
    if (route->format)
        json_object_set_new(json, "encoded",
                            json_pack("{s:s, s:o}", "format", route->format->name, "shape", shape_json(&route->out)));
    json_object_set_new(json, "memory",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "decode", (json_int_t)route->decode_bytes, "frame",
                                  (json_int_t)route->frame_bytes, "strips", (json_int_t)route->chain_bytes, "encode",
                                  (json_int_t)route->encode_bytes, "total", (json_int_t)route->total_bytes));
    return json;
}

/* The head of one input; standard input and pipes are not read for a plan. */
static smalti_result input_json(const smalti_plan *plan, const smalti__input *input, const char *output,
                                const smalti__run *run, json_t **json, smalti_error *error)
{
    const smalti__source_options source_options = {.map_threshold = 64 << 10};
    smalti__decode_options options = smalti__plan_decode_options(plan, NULL);
    smalti__source source = {0};
    smalti__reader reader = {0};
    smalti__route route;
    smalti_stats stats = {0};
    size_t size;
    SMALTI__TRY(smalti__source_measure(input->fd >= 0 ? NULL : input->path, input->fd, &size, error));
    if (size == SIZE_MAX) {
        *json = json_pack("{s:s}", "format", "known when it is read");
        return SMALTI_OK;
    }
    SMALTI__TRY(input->fd >= 0 ? smalti__source_open_fd(&source, input->fd, input->path, &source_options, error)
                               : smalti__source_open(&source, input->path, &source_options, error));
    const smalti__encoder_format *format = output ? smalti__plan_encoder(plan, output) : NULL;
    smalti_result result = smalti__reader_open(&reader, &source, &options, plan->job->settings.orient, &stats, error);
    if (result == SMALTI_OK && output && !format)
        format = smalti__encoder_find(reader.decoder->info.format);
    if (result == SMALTI_OK)
        result = smalti__run_route(run, &reader, format, 0, &route, error);
    if (result == SMALTI_OK)
        result = smalti__run_fits(run, route.total_bytes, error);
    if (result == SMALTI_OK)
        *json = route_json(plan, &reader, &route);
    smalti__reader_close(&reader);
    smalti__source_close(&source);
    return result;
}

static smalti_result plan_json(const smalti_plan *plan, const smalti__run *run, json_t **json, smalti_error *error)
{
    json_t *tasks = json_array();
    for (size_t i = 0; i < plan->job->input_count; i++) {
        SMALTI__CLEANUP_FREE char *output = NULL;
        json_t *task = NULL;
        smalti_error why = {0};
        smalti_result result = smalti__plan_output(plan, i, &output, error);
        if (result < 0) {
            json_decref(tasks);
            return result;
        }
        if (input_json(plan, &plan->job->inputs[i], output, run, &task, &why) < 0)
            task = json_pack("{s:o}", "error", text_json(why.message));
        json_object_set_new(task, "input", text_json(plan->job->inputs[i].path));
        if (output)
            json_object_set_new(task, "output", text_json(output));
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

static void print_task(FILE *out, const json_t *task)
{
    const char *output = json_string_value(json_object_get(task, "output"));
    const json_t *error = json_object_get(task, "error"), *stages = json_object_get(task, "stages");
    const json_t *encoded = json_object_get(task, "encoded"), *memory = json_object_get(task, "memory"), *stage;
    long long orientation = json_integer_value(json_object_get(task, "orientation"));
    size_t index;
    fprintf(out, "%s%s%s\n", json_string_value(json_object_get(task, "input")), output ? " → " : "",
            output ? output : "");
    if (error) {
        fprintf(out, "  error   %s\n", json_string_value(error));
        return;
    }
    fprintf(out, "  decode  %s", json_string_value(json_object_get(task, "format")));
    if (!stages) {
        fputc('\n', out);
        return;
    }
    fputs(", ", out);
    print_shape(out, json_object_get(task, "decoded"));
    if (orientation > 1)
        fprintf(out, ", turned upright (orientation %lld%s)", orientation, orientation > 2 ? ", whole frame" : "");
    fprintf(out, "\n  strips  of %lld rows\n", (long long)json_integer_value(json_object_get(task, "strip_rows")));
    json_array_foreach(stages, index, stage)
    {
        fprintf(out, "  kernel  %s on ", json_string_value(json_object_get(stage, "kernel")));
        print_shape(out, json_object_get(stage, "sees"));
        fputs(json_is_true(json_object_get(json_object_get(stage, "sees"), "premultiplied")) ? " premultiplied" : "",
              out);
        fprintf(out, ", halo %lld, rows %s to its memory\n",
                (long long)json_integer_value(json_object_get(stage, "halo")),
                json_string_value(json_object_get(stage, "rows_arrive")));
    }
    if (encoded) {
        fprintf(out, "  encode  %s, ", json_string_value(json_object_get(encoded, "format")));
        print_shape(out, json_object_get(encoded, "shape"));
        fputs(json_is_true(json_object_get(task, "encoder_thread")) ? ", on a thread of its own\n" : "\n", out);
    }
    fprintf(out, "  memory  %lld KiB beside the lanes' own\n",
            (long long)json_integer_value(json_object_get(memory, "total")) / 1024);
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
