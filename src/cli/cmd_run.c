/* SPDX-License-Identifier: Apache-2.0
 * smalti run: a job from the command line, and its run. */
#include "cli/report.h"
#include "cli/run_options.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int run(const cli_arguments *arguments);

static const char *const usage[] = {"INPUT... [STEP|-k KERNEL]... -o PATH [OPTION]...",
                                    "INPUT... -k MEASURE [OPTION]...", "--job FILE [OPTION]...", NULL};

static const cli_example examples[] = {
    {"Photographs at most 800 pixels wide and high, as WebP:",
     "smalti run photos -r --resize 800x800 --format webp -o web"},
    {"Three widths in two formats, each photograph decoded once:",
     "smalti run photos/*.jpg --output-set widths=320,640,1280:formats=webp,avif -o srcset"},
    {"Blur, then sharpen all photographs of a folder:",
     "smalti run photos -r -k gaussian-blur:sigma=2 -k sharpen -o out"},
    {"A kernel of your own, as JPEG:", "smalti run a.png -k ./mine.wasm:radius=3 -o a.jpg --quality 90"},
    {"Go on with a batch that was stopped:",
     "find . -name '*.jpg' -print0 | smalti run --files-from - -k sepia -o out --skip-existing"},
    {"Measure how sharp photographs are:", "smalti run photos -k sharpness --json"},
    {"In a pipe:", "smalti run - -k invert -o - <in.png >out.png"},
    {0},
};

const cli_command cli_run = {
    .name = "run",
    .summary = "resize, convert and filter images",
    .usage = usage,
    .description =
        "Each input is decoded, goes through the steps and kernels in the order given, and is encoded again. An input "
        "is a file, a folder (its images), a pattern like 'photos/**/*.jpg', or '-' for standard "
        "input.\n\n"
        "An input that fails is reported on standard error and the others go on; the exit code then is that "
        "of the first that failed. Outputs appear whole or not at all; they replace those of an earlier "
        "run, but never an input unless told to. Two inputs that would make one output are refused before "
        "anything runs. Ctrl-C ends a run cleanly; a second one ends it at once.",
    .options = cli_run_options,
    .examples = examples,
    .operands = CLI_FILE,
    .max_operands = SIZE_MAX,
    .run = run,
};

/* ---- The job ---- */

enum { LIST_FILE_MAX = 1 << 30 };

static smalti_result add_list(smalti_job *job, const char *path, bool nul, smalti_error *error)
{
    char *list;
    size_t size;
    smalti_result result = cli_read_file(path, LIST_FILE_MAX, &list, &size, error);
    if (result < 0)
        return result;
    /* no name can hold a NUL: one in the list means that it ends names */
    int end = nul || memchr(list, 0, size) ? 0 : '\n';
    for (char *name = list; result == SMALTI_OK && name < list + size;) {
        char *stop = memchr(name, end, (size_t)(list + size - name));
        stop = stop ? stop : list + size;
        *stop = 0;
        if (*name)
            result = smalti_job_input_add(job, name, error);
        name = stop + 1;
    }
    free(list);
    return result;
}

static smalti_result add_inputs(smalti_job *job, const cli_arguments *arguments, smalti_error *error)
{
    const char *list = cli_text(arguments, "files-from", NULL);
    bool recursive = cli_given(arguments, "recursive");
    smalti_result result = SMALTI_OK;
    for (size_t i = 0; result == SMALTI_OK && i < arguments->operand_count; i++) {
        const char *name = arguments->operands[i];
        result = strcmp(name, "-") ? smalti_job_input_expand(job, name, recursive, error)
                                   : smalti_job_input_add(job, name, error);
    }
    if (result == SMALTI_OK && list)
        result = add_list(job, list, cli_given(arguments, "null"), error);
    if (result == SMALTI_OK && !smalti_job_input_count(job))
        return cli_fail(error, SMALTI_E_INVALID, "no inputs: smalti run %s", usage[0]);
    return result;
}

/* Where the parameters of "NAME:a=1,b=2" begin, or NULL: behind the last colon; a path may have colons of its own. */
static const char *kernel_params(const char *text)
{
    const char *colon = strrchr(text, ':');
    return colon && (strchr(colon, '=') || !strchr(text, '/')) ? colon + 1 : NULL;
}

/* The part before them; owned; NULL: no memory. */
static char *kernel_module(const char *text)
{
    const char *params = kernel_params(text);
    return strndup(text, params ? (size_t)(params - 1 - text) : strlen(text));
}

/* Takes the reference. */
static bool is_measure(smalti_kernel *kernel)
{
    bool measure = smalti_kernel_describe(kernel)->kind == SMALTI_KERNEL_MEASURE;
    smalti_kernel_unref(kernel);
    return measure;
}

static smalti_result add_kernel(smalti_job *job, const char *text, smalti_error *error)
{
    char *module = kernel_module(text);
    if (!module)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the name of a kernel");
    smalti_result result = smalti_job_kernel_add(job, module, kernel_params(text), error);
    free(module);
    return result;
}

/* A curve with its parameters behind a colon, and those that are options of their own. */
static smalti_result add_tonemap(smalti_job *job, const cli_arguments *arguments, const char *curve,
                                 smalti_error *error)
{
    static const char *const names[] = {"exposure", "transfer"};
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", curve);
    char before = strchr(curve, ':') ? ',' : ':';
    for (size_t i = 0; i < CLI_COUNT(names); i++) {
        const char *value = cli_text(arguments, names[i], NULL);
        if (!value || used >= sizeof text)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%c%s=%s", before, names[i], value);
        before = ',';
    }
    if (used >= sizeof text)
        return cli_fail(error, SMALTI_E_INVALID, "the parameters of --tonemap are too long");
    return smalti_job_step_add(job, "tonemap", text, error);
}

static smalti_result add_step(smalti_job *job, const cli_arguments *arguments, const cli_setting *setting,
                              smalti_error *error)
{
    const char *name = setting->option->name;
    if (!strcmp(name, "tonemap"))
        return add_tonemap(job, arguments, setting->text, error);
    /* without a curve they are a step of their own */
    if (!cli_given(arguments, "tonemap") &&
        (!strcmp(name, "exposure") || (!strcmp(name, "transfer") && !cli_given(arguments, "exposure"))))
        return add_tonemap(job, arguments, "none", error);
    if (setting->option->kind == CLI_KERNEL)
        return add_kernel(job, setting->text, error);
    return setting->option->step ? smalti_job_step_add(job, setting->option->step, setting->text, error) : SMALTI_OK;
}

/* The format whose files end like this, or NULL. */
static const smalti_format_info *format_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && !strchr(dot, '/') && i < smalti_format_count(); i++) {
        const smalti_format_info *format = smalti_format_describe(i);
        for (const char *const *extension = format->extensions; *extension; extension++)
            if (!strcasecmp(dot + 1, *extension))
                return format;
    }
    return NULL;
}

static bool ends_in(const char *path, const char *const *endings)
{
    size_t length = strlen(path);
    for (; *endings; endings++)
        if (length > strlen(*endings) && !strcasecmp(path + length - strlen(*endings), *endings))
            return true;
    return false;
}

static smalti_result set_output(smalti_job *job, const char *path, smalti_error *error)
{
    static const char *const others[] = {".bmp", ".jxl", ".heic", ".svg", ".pdf", NULL};
    const smalti_format_info *format = format_of(path);
    struct stat status;
    bool is_stdout = !strcmp(path, "-"), is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (!is_stdout && !is_folder && (ends_in(path, others) || (format && !format->writes)))
        return cli_fail(error, SMALTI_E_UNSUPPORTED,
                        "-o %s: this format is not written; see --format for those that are", path);
    if (!is_stdout && (is_folder || !format))
        return smalti_job_set(job, "output.dir", path, error);
    if (smalti_job_input_count(job) > 1)
        return cli_fail(error, SMALTI_E_INVALID, "-o %s is one file, but there are %zu inputs: name a folder", path,
                        smalti_job_input_count(job));
    if (is_stdout && isatty(STDOUT_FILENO))
        return cli_fail(error, SMALTI_E_INVALID, "-o -: an image does not belong on a terminal; send it to a file");
    return smalti_job_set(job, "output.file", path, error);
}

static smalti_result set_keys(smalti_job *job, const cli_arguments *arguments, smalti_error *error)
{
    for (size_t i = 0; i < arguments->setting_count; i++) {
        const cli_setting *setting = &arguments->settings[i];
        const cli_option *option = setting->option;
        char number[24];
        snprintf(number, sizeof number, "%llu", (unsigned long long)setting->number);
        const char *value = option->kind == CLI_FLAG ? option->key_value
                            : option->kind == CLI_NUMBER || option->kind == CLI_PIXELS || option->kind == CLI_SIZE ||
                                    option->kind == CLI_DURATION
                                ? number
                                : setting->text;
        smalti_result result = option->key ? smalti_job_set(job, option->key, value, error) : SMALTI_OK;
        if (result < 0)
            return result;
    }
    return SMALTI_OK;
}

/* What options cannot be together. */
static smalti_result check_options(const cli_arguments *arguments, smalti_error *error)
{
    const char *at = cli_text(arguments, "at", "threads"), *output = cli_text(arguments, "output", "");
    if (strcmp(at, "threads") && strcmp(at, "workers"))
        return cli_fail(error, SMALTI_E_UNSUPPORTED,
                        "--at %s: this version runs jobs in 'threads' of its own process, or in 'workers'", at);
    if (!strcmp(output, "-") && cli_given(arguments, "json"))
        return cli_fail(error, SMALTI_E_INVALID_CONFLICT, "-o - and --json both want standard output");
    size_t readers = !strcmp(cli_text(arguments, "files-from", ""), "-");
    readers += !strcmp(cli_text(arguments, "job", ""), "-");
    for (size_t i = 0; i < arguments->operand_count; i++)
        readers += !strcmp(arguments->operands[i], "-");
    if (readers > 1)
        return cli_fail(error, SMALTI_E_INVALID_CONFLICT, "standard input can be read only once, not %zu times",
                        readers);
    return SMALTI_OK;
}

/* Without an output something has to be measured. */
static smalti_result check_purpose(const cli_arguments *arguments, smalti_error *error)
{
    bool measures = cli_given(arguments, "output") || cli_given(arguments, "job");
    for (size_t i = 0; !measures && i < arguments->setting_count; i++) {
        const cli_setting *setting = &arguments->settings[i];
        smalti_kernel *kernel;
        char *module = setting->option->kind == CLI_KERNEL ? kernel_module(setting->text) : NULL;
        /* what cannot be read is told by the plan */
        measures = module && (smalti_kernel_inspect(module, &kernel, NULL) < 0 || is_measure(kernel));
        free(module);
    }
    return measures ? SMALTI_OK
                    : cli_fail(error, SMALTI_E_INVALID,
                               "nothing would come of it: give an output with -o, or a kernel that measures with -k");
}

static smalti_result start_job(const cli_arguments *arguments, smalti_job **job, smalti_error *error)
{
    const char *path = cli_text(arguments, "job", NULL);
    return path ? cli_read_job(path, job, error) : smalti_job_new(job, error);
}

static smalti_result make_job(const cli_arguments *arguments, smalti_job **job, smalti_error *error)
{
    smalti_result result = check_options(arguments, error);
    if (result == SMALTI_OK)
        result = check_purpose(arguments, error);
    if (result == SMALTI_OK)
        result = start_job(arguments, job, error);
    if (result == SMALTI_OK)
        result = add_inputs(*job, arguments, error);
    for (size_t i = 0; result == SMALTI_OK && i < arguments->setting_count; i++)
        result = add_step(*job, arguments, &arguments->settings[i], error);
    if (result == SMALTI_OK)
        result = set_keys(*job, arguments, error);
    const char *output = cli_text(arguments, "output", NULL);
    if (result == SMALTI_OK && output)
        result = set_output(*job, output, error);
    return result;
}

/* ---- The run ---- */

static int describe(const smalti_plan *plan, const smalti_run_options *run_options, bool json)
{
    char *text;
    smalti_error error;
    if (smalti_plan_describe(plan, run_options, json, &text, &error) < 0)
        return cli_complain(&error);
    fputs(text, stdout);
    if (*text && text[strlen(text) - 1] != '\n')
        putchar('\n');
    free(text);
    return 0;
}

/* Begins what --report asks for, if anything. */
static smalti_result start_page(cli_html *page, const smalti_job *job, const cli_arguments *arguments,
                                smalti_error *error)
{
    const char *path = cli_text(arguments, "report", NULL);
    char *json = NULL;
    smalti_error ignored;
    if (!path)
        return SMALTI_OK;
    if (smalti_job_print(job, &json, &ignored) < 0)
        json = NULL; /* it has names that JSON cannot have: the page does without it */
    smalti_result result = cli_html_start(page, path, smalti_job_input_count(job), json, error);
    page->memory_bytes = cli_memory_for_images(cli_number(arguments, "memory", 0));
    return result;
}

static int run_plan(const smalti_plan *plan, const smalti_job *job, smalti_run_options *run_options,
                    const cli_arguments *arguments)
{
    uint64_t inputs = smalti_job_input_count(job);
    const char *progress = cli_text(arguments, "progress", "auto");
    bool json = cli_given(arguments, "json"), to_stdout = !strcmp(cli_text(arguments, "output", ""), "-");
    cli_report report = {.quiet = cli_given(arguments, "quiet"),
                         .event_lines = !strcmp(progress, "json"),
                         .verbose = cli_given(arguments, "verbose")};
    smalti_error error = {0};
    smalti_result result = cli_results_start(&report.results,
                                             json        ? CLI_RESULTS_JSON
                                             : to_stdout ? CLI_RESULTS_NONE
                                                         : CLI_RESULTS_TABLE,
                                             inputs, &error);
    if (result == SMALTI_OK)
        result = start_page(&report.page, job, arguments, &error);
    if (result < 0) {
        cli_results_clear(&report.results);
        cli_html_clear(&report.page);
        return cli_complain(&error);
    }
    if (!report.quiet && !strcmp(progress, "auto"))
        cli_bar_start(&report.bar, inputs);
    run_options->event = cli_report_event;
    run_options->user = &report;
    smalti_stats stats = {.size = sizeof stats};
    bool on_terminal = report.bar.on;
    result = smalti_plan_run(plan, run_options, &stats, &error);
    cli_bar_clear(&report.bar);
    cli_results_end(&report.results, &stats, result);
    cli_results_clear(&report.results);
    bool cancelled = report.cancelled || result == SMALTI_E_CANCELLED;
    if (cancelled)
        cli_say("stopped: %llu of %llu done", (unsigned long long)stats.done, (unsigned long long)inputs);
    else if (result < 0 && !report.complaints)
        cli_say("%s", error.message);
    else if (!report.quiet && !report.event_lines && (on_terminal || report.verbose || (inputs > 1 && stats.failed)))
        cli_report_summary(&stats);
    if (cli_given(arguments, "stats"))
        cli_report_stats(stderr, &stats);
    smalti_error unwritten;
    smalti_result page = report.page.out ? cli_html_end(&report.page, &stats, &unwritten) : SMALTI_OK;
    cli_html_clear(&report.page);
    if (page < 0)
        return cli_complain(&unwritten);
    return cli_exit_code(cancelled ? SMALTI_E_CANCELLED : result);
}

static int run(const cli_arguments *arguments)
{
    smalti_job *job = NULL;
    smalti_plan *plan = NULL;
    smalti_cancel *cancel = NULL;
    smalti_error error;
    smalti_run_options run_options = {.size = sizeof run_options,
                                      .jobs = cli_lanes((uint32_t)cli_number(arguments, "jobs", 0)),
                                      .memory_bytes = cli_memory_for_images(cli_number(arguments, "memory", 0)),
                                      .strip_rows = (uint32_t)cli_number(arguments, "strip-rows", 0),
                                      .at = cli_place(cli_text(arguments, "at", NULL)),
                                      .worker_program = "/proc/self/exe",
                                      .require_jail = cli_given(arguments, "require-jail")};
    size_t verbose = cli_given(arguments, "verbose");
    smalti_log_level_set(verbose > 1 ? 2 : (int)verbose);
    int code;
    if (make_job(arguments, &job, &error) < 0 || smalti_plan_new(job, &plan, &error) < 0) {
        code = cli_complain(&error);
    } else if (cli_given(arguments, "dry-run")) {
        code = describe(plan, &run_options, cli_given(arguments, "json"));
    } else if (smalti_cancel_new(&cancel, &error) < 0) {
        code = cli_complain(&error);
    } else {
        cli_catch_signals(cancel);
        run_options.cancel = cancel;
        code = run_plan(plan, job, &run_options, arguments);
    }
    smalti_plan_free(plan);
    smalti_job_free(job);
    /* cancel stays: a signal may come until the process ends */
    return code;
}
