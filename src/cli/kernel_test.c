/* SPDX-License-Identifier: Apache-2.0
 * smalti kernel test: the same result for every way to cut an image into strips. */
#include "cli/kernel_project.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options",
     .name = "clang",
     .kind = CLI_FILE,
     .placeholder = "PROGRAM",
     .summary = "clang to build a project with"},
    {.name = "json", .summary = "write JSON"},
    {0},
};

static const cli_example examples[] = {
    {"A shipped kernel:", "smalti kernel test sobel"},
    {0},
};

const cli_command cli_kernel_test = {
    .name = "kernel test",
    .summary = "check that a kernel gives the same result in strips",
    .usage = (const char *const[]){"[DIR|FILE|NAME] [OPTION]...", NULL},
    .description =
        "Runs a kernel over generated images (a gradient and noise) of awkward sizes, in every type of sample "
        "and number of channels it accepts, with its parameters at their least, default and greatest "
        "values, in strips of many heights, and compares each result with that of the whole image at once. "
        "A measure is also merged from 2 and 3 parts. A project (DIR, default: this folder) is built "
        "first.\n\n"
        "A kernel that passes reads no pixels beyond its halo, keeps nothing from call to call, and looks "
        "up places right. The exit code of a failure is 8.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .max_operands = 1,
    .run = run,
};

/* ---- What is tried ---- */

static const struct {
    uint32_t width, height;
} sizes[] = {{1, 1}, {1, 7}, {7, 1}, {3, 50}, {17, 13}, {64, 64}, {65, 33}, {130, 97}};

static const uint32_t strips[] = {1, 2, 3, 5, 8, 16, 32, 0}; /* 0: the whole image, once more */

enum { PATTERNS = 2, LEVELS = 3 };
static const char *const pattern_names[PATTERNS] = {"gradient", "noise"};
static const char *const level_names[LEVELS] = {"least", "default", "greatest"};

/* One image with one set of parameters; why is set when something is wrong. */
typedef struct kernel_trial {
    smalti_kernel *kernel;
    const smalti_kernel_info *info;
    double *params;
    smalti_image image;
    int pattern, level;
    uint64_t runs;
    char why[640];
} kernel_trial;

static uint32_t mix(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static void fill_image(const smalti_image *image, int pattern)
{
    for (uint32_t y = 0; y < image->height; y++) {
        unsigned char *row = (unsigned char *)image->data + y * image->pitch;
        for (uint32_t i = 0; i < image->width * image->channels; i++) {
            uint32_t x = i / image->channels, c = i % image->channels;
            uint32_t value = pattern ? mix(mix(x + 7919 * y) + c) & 0xffff : (x * 401 + y * 307 + c * 9001) & 0xffff;
            if (image->sample == SMALTI_SAMPLE_U8)
                row[i] = (unsigned char)(value >> 8);
            else if (image->sample == SMALTI_SAMPLE_U16)
                ((uint16_t *)row)[i] = (uint16_t)value;
            else
                ((float *)row)[i] = (float)value / 65535;
        }
    }
}

static double sample_at(const smalti_image *image, uint32_t y, uint32_t i)
{
    const char *row = (const char *)image->data + y * image->pitch;
    return image->sample == SMALTI_SAMPLE_U8    ? ((const unsigned char *)row)[i]
           : image->sample == SMALTI_SAMPLE_U16 ? ((const uint16_t *)row)[i]
                                                : (double)((const float *)row)[i];
}

static void set_params(kernel_trial *trial, int level)
{
    trial->level = level;
    for (uint32_t i = 0; i < trial->info->param_count; i++) {
        const smalti_kernel_param *param = &trial->info->params[i];
        trial->params[i] = level == 0 ? param->min : level == 1 ? param->def : param->max;
    }
}

/* "17x13 noise, parameters at default, strips of 3 rows: …" */
static void explain(kernel_trial *trial, uint32_t rows, uint32_t parts, const char *text)
{
    char how[48];
    if (parts > 1)
        snprintf(how, sizeof how, "%u parts", parts);
    else
        snprintf(how, sizeof how, "strips of %u rows", rows);
    snprintf(trial->why, sizeof trial->why, "%ux%u %s%s%s, %s: %s", trial->image.width, trial->image.height,
             pattern_names[trial->pattern], trial->info->param_count ? ", parameters at " : "",
             trial->info->param_count ? level_names[trial->level] : "", how, text);
}

/* ---- Tile kernels ---- */

static void explain_pixel(kernel_trial *trial, uint32_t rows, const smalti_image *expected, const smalti_image *actual)
{
    char text[160];
    for (uint32_t y = 0; y < expected->height; y++)
        for (uint32_t i = 0; i < expected->width * expected->channels; i++) {
            size_t bytes = smalti_sample_bytes(expected->sample);
            if (!memcmp((char *)expected->data + y * expected->pitch + i * bytes,
                        (char *)actual->data + y * actual->pitch + i * bytes, bytes))
                continue;
            snprintf(text, sizeof text, "pixel (%u, %u) channel %u is %.9g, not %.9g as in one strip",
                     i / expected->channels, y, i % expected->channels, sample_at(actual, y, i),
                     sample_at(expected, y, i));
            explain(trial, rows, 1, text);
            return;
        }
}

static void compare_images(kernel_trial *trial, uint32_t rows, const smalti_image *expected, const smalti_image *actual)
{
    size_t row_bytes = (size_t)expected->width * expected->channels * smalti_sample_bytes(expected->sample);
    if (actual->width != expected->width || actual->height != expected->height ||
        actual->channels != expected->channels || actual->sample != expected->sample) {
        explain(trial, rows, 1, "the result has another size or type than in one strip");
        return;
    }
    for (uint32_t y = 0; y < expected->height; y++)
        if (memcmp((char *)expected->data + y * expected->pitch, (char *)actual->data + y * actual->pitch, row_bytes)) {
            explain_pixel(trial, rows, expected, actual);
            return;
        }
}

static void try_tile(kernel_trial *trial)
{
    smalti_image expected, actual;
    smalti_error error;
    uint32_t height = trial->image.height;
    trial->runs++;
    if (smalti_kernel_apply(trial->kernel, trial->params, &trial->image, height, &expected, &error) < 0) {
        explain(trial, height, 1, error.message);
        return;
    }
    for (size_t i = 0; i < CLI_COUNT(strips) && !*trial->why; i++) {
        uint32_t rows = strips[i] ? strips[i] : height;
        if (rows > height)
            continue;
        trial->runs++;
        if (smalti_kernel_apply(trial->kernel, trial->params, &trial->image, rows, &actual, &error) < 0) {
            explain(trial, rows, 1, error.message);
            break;
        }
        compare_images(trial, rows, &expected, &actual);
        smalti_image_free(&actual);
    }
    smalti_image_free(&expected);
}

/* ---- Measures ---- */

/* Sums of fractions depend a little on where they are cut. */
static bool near(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

static void compare_values(kernel_trial *trial, uint32_t rows, uint32_t parts, const double *expected,
                           const double *actual)
{
    size_t at = 0;
    for (uint32_t i = 0; i < trial->info->value_count; i++) {
        const smalti_kernel_value *value = &trial->info->values[i];
        for (uint32_t k = 0; k < value->count; k++, at++) {
            char text[160];
            if (value->hex ? !memcmp(&expected[at], &actual[at], sizeof *actual) : near(expected[at], actual[at]))
                continue;
            snprintf(text, sizeof text, "%s[%u] is %.17g, not %.17g as in one strip", value->name, k, actual[at],
                     expected[at]);
            explain(trial, rows, parts, text);
            return;
        }
    }
}

static void try_way(kernel_trial *trial, uint32_t rows, uint32_t parts, const double *expected, double *actual)
{
    smalti_error error;
    trial->runs++;
    if (smalti_kernel_measure(trial->kernel, trial->params, &trial->image, rows, parts, actual, &error) < 0)
        explain(trial, rows, parts, error.message);
    else if (expected)
        compare_values(trial, rows, parts, expected, actual);
}

static void try_measure(kernel_trial *trial)
{
    size_t count = 0;
    uint32_t height = trial->image.height;
    for (uint32_t i = 0; i < trial->info->value_count; i++)
        count += trial->info->values[i].count;
    double *expected = calloc(2 * count + 1, sizeof *expected), *actual = expected + count;
    if (!expected) {
        explain(trial, height, 1, "no memory for values");
        return;
    }
    try_way(trial, height, 1, NULL, expected);
    for (size_t i = 0; i < CLI_COUNT(strips) && !*trial->why; i++)
        if (strips[i] <= height)
            try_way(trial, strips[i] ? strips[i] : height, 1, expected, actual);
    for (uint32_t parts = 2; parts <= 3 && !*trial->why; parts++)
        if (parts <= height)
            try_way(trial, height, parts, expected, actual);
    free(expected);
}

/* ---- All cases of one type of sample and number of channels ---- */

static void try_image(kernel_trial *trial)
{
    int levels = trial->info->param_count ? LEVELS : 1;
    for (trial->pattern = 0; trial->pattern < PATTERNS && !*trial->why; trial->pattern++) {
        fill_image(&trial->image, trial->pattern);
        for (int level = 0; level < levels && !*trial->why; level++) {
            set_params(trial, level);
            if (trial->info->kind == SMALTI_KERNEL_TILE)
                try_tile(trial);
            else
                try_measure(trial);
        }
    }
}

static void try_class(kernel_trial *trial, smalti_sample sample, uint32_t channels)
{
    smalti_error error;
    for (size_t i = 0; i < CLI_COUNT(sizes) && !*trial->why; i++) {
        trial->image =
            (smalti_image){.width = sizes[i].width, .height = sizes[i].height, .channels = channels, .sample = sample};
        if (smalti_image_alloc(&trial->image, &error) < 0) {
            explain(trial, sizes[i].height, 1, error.message);
            return;
        }
        try_image(trial);
        smalti_image_free(&trial->image);
    }
}

static void tell_class(cli_json *json, const kernel_trial *trial, smalti_sample sample, uint32_t channels)
{
    if (!json) {
        printf("%-4s  %-3s  %u channel%s  %5llu runs\n", *trial->why ? "FAIL" : "PASS", cli_sample_name(sample),
               channels, channels > 1 ? "s" : " ", (unsigned long long)trial->runs);
        if (*trial->why)
            printf("      %s\n", trial->why);
        return;
    }
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "sample", cli_sample_name(sample));
    cli_json_number(json, "channels", channels);
    cli_json_number(json, "runs", trial->runs);
    cli_json_bool(json, "passed", !*trial->why);
    if (*trial->why)
        cli_json_text(json, "why", trial->why);
    cli_json_close(json, '}');
}

static bool test_kernel(smalti_kernel *kernel, cli_json *json)
{
    static const smalti_sample samples[] = {SMALTI_SAMPLE_U8, SMALTI_SAMPLE_U16, SMALTI_SAMPLE_F32};
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    double *params = calloc(info->param_count + 1, sizeof *params);
    bool passed = params != NULL;
    if (!params)
        cli_say("no memory for parameters");
    for (size_t i = 0; params && i < CLI_COUNT(samples); i++)
        for (uint32_t channels = 1; channels <= 4; channels++) {
            if (!(info->samples & (1u << samples[i])) || !(info->channels & (1u << channels)))
                continue;
            kernel_trial trial = {.kernel = kernel, .info = info, .params = params};
            try_class(&trial, samples[i], channels);
            tell_class(json, &trial, samples[i], channels);
            passed &= !*trial.why;
        }
    free(params);
    return passed;
}

/* ---- The command ---- */

static smalti_result load(const char *operand, const char *clang, smalti_kernel **kernel, smalti_error *error)
{
    struct stat status;
    char *module = NULL;
    if (stat(operand, &status) != 0 || !S_ISDIR(status.st_mode))
        return smalti_kernel_load(operand, NULL, kernel, error);
    smalti_result result = cli_project_build(operand, clang, &module, error);
    if (result == SMALTI_OK)
        result = smalti_kernel_load(module, NULL, kernel, error);
    free(module);
    return result;
}

static int run(const cli_arguments *arguments)
{
    const char *operand = arguments->operand_count ? arguments->operands[0] : ".";
    bool as_json = cli_given(arguments, "json");
    smalti_kernel *kernel;
    smalti_error error;
    if (load(operand, cli_text(arguments, "clang", NULL), &kernel, &error) < 0)
        return cli_complain(&error);
    const smalti_kernel_info *info = smalti_kernel_describe(kernel);
    bool passed = false;
    if (info->kind == SMALTI_KERNEL_COMMAND) {
        cli_say("%s is a WASI command, which knows no pixels: only tile and measure kernels can be tested", operand);
    } else if (as_json) {
        cli_json json = {.out = stdout};
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "kernel", info->name);
        cli_json_open(&json, "classes", '[');
        passed = test_kernel(kernel, &json);
        cli_json_close(&json, ']');
        cli_json_bool(&json, "passed", passed);
        cli_json_close(&json, '}');
        putchar('\n');
    } else {
        passed = test_kernel(kernel, NULL);
        printf("%s: %s\n", info->name, passed ? "PASS" : "FAIL");
    }
    smalti_kernel_unref(kernel);
    return passed ? 0 : cli_exit_code(SMALTI_E_KERNEL);
}
