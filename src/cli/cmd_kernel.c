/* SPDX-License-Identifier: Apache-2.0
 * smalti kernel: the family of commands, and those that only read: list and inspect. */
#include "cli/cli.h"

#include <string.h>

static int run_list(const cli_arguments *arguments);
static int run_inspect(const cli_arguments *arguments);

static const cli_command *const commands[] = {&cli_kernel_list,  &cli_kernel_inspect, &cli_kernel_new,
                                              &cli_kernel_build, &cli_kernel_test,    NULL};

const cli_command cli_kernel = {
    .name = "kernel",
    .summary = "list, inspect, make and test kernels",
    .usage = (const char *const[]){"COMMAND ...", NULL},
    .description =
        "A kernel is a WebAssembly module that works on pixels and can reach nothing else: it has no imports. "
        "It describes itself, so it can be listed and checked without being run.",
    .commands = commands,
};

static const cli_option list_options[] = {
    {.group = "Options", .name = "json", .summary = "write a JSON array of what the kernels say of themselves"},
    {.name = "names", .summary = "write names only, one on each line"},
    {0},
};

const cli_command cli_kernel_list = {
    .name = "kernel list",
    .summary = "list the kernels that come with smalti",
    .usage = (const char *const[]){"[OPTION]...", NULL},
    .description = "Lists the shipped kernels with what they do and their parameters: range and default of each.",
    .options = list_options,
    .run = run_list,
};

static const cli_option inspect_options[] = {
    {.group = "Options", .name = "json", .summary = "write JSON"},
    {0},
};

static const cli_example inspect_examples[] = {
    {"What a kernel takes:", "smalti kernel inspect gaussian-blur"},
    {0},
};

const cli_command cli_kernel_inspect = {
    .name = "kernel inspect",
    .summary = "check a kernel and show what it says of itself",
    .usage = (const char *const[]){"FILE|NAME [OPTION]...", NULL},
    .description =
        "Checks descriptor, imports, exports and parameters of a module without compiling or running it, and "
        "shows all it says of itself. What is not a kernel is refused with the reason.",
    .options = inspect_options,
    .examples = inspect_examples,
    .operands = CLI_KERNEL,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_inspect,
};

static const char *kind_name(smalti_kernel_kind kind)
{
    switch (kind) {
    case SMALTI_KERNEL_TILE:
        return "tile";
    case SMALTI_KERNEL_MEASURE:
        return "measure";
    case SMALTI_KERNEL_COMMAND:
        return "command";
    }
    return "unknown";
}

/* ---- JSON ---- */

static void write_params(cli_json *json, const smalti_kernel_info *info)
{
    cli_json_open(json, "params", '[');
    for (uint32_t i = 0; i < info->param_count; i++) {
        const smalti_kernel_param *param = &info->params[i];
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "name", param->name);
        cli_json_text(json, "summary", param->summary);
        cli_json_text(json, "unit", param->unit);
        cli_json_text(json, "type", param->integer ? "integer" : "number");
        cli_json_real(json, "min", param->min);
        cli_json_real(json, "max", param->max);
        cli_json_real(json, "default", param->def);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void write_values(cli_json *json, const smalti_kernel_info *info)
{
    cli_json_open(json, "values", '[');
    for (uint32_t i = 0; i < info->value_count; i++) {
        const smalti_kernel_value *value = &info->values[i];
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "name", value->name);
        cli_json_text(json, "summary", value->summary);
        cli_json_number(json, "count", value->count);
        cli_json_bool(json, "hex", value->hex);
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void write_channels(cli_json *json, const smalti_kernel_info *info)
{
    cli_json_open(json, "channels", '[');
    for (uint32_t n = 1; n <= 4; n++)
        if (info->channels & (1u << n))
            cli_json_number(json, NULL, n);
    cli_json_close(json, ']');
    cli_json_open(json, "output_channels", '{');
    for (uint32_t n = 1; n <= 4; n++)
        if (info->channels & (1u << n))
            cli_json_number(json, (const char[]){(char)('0' + n), 0}, info->output_channels[n]);
    cli_json_close(json, '}');
}

static void write_json(cli_json *json, const smalti_kernel_info *info)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "name", info->name);
    cli_json_text(json, "version", info->version);
    cli_json_text(json, "summary", info->summary);
    cli_json_text(json, "kind", kind_name(info->kind));
    cli_json_number(json, "abi", info->abi);
    cli_json_open(json, "samples", '[');
    for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++)
        if (info->samples & (1u << sample))
            cli_json_text(json, NULL, cli_sample_name(sample));
    cli_json_close(json, ']');
    write_channels(json, info);
    cli_json_bool(json, "in_place", info->in_place);
    cli_json_bool(json, "premultiplied", info->premultiplied);
    if (info->halo_dynamic)
        cli_json_text(json, "halo", "dynamic");
    else
        cli_json_number(json, "halo", info->halo);
    write_params(json, info);
    write_values(json, info);
    cli_json_text(json, "source", info->source);
    cli_json_number(json, "module_bytes", info->module_bytes);
    cli_json_close(json, '}');
}

/* ---- Tables ---- */

static void print_range(const smalti_kernel_param *param)
{
    printf("%g to %g%s%s, default %g", param->min, param->max, *param->unit ? " " : "", param->unit, param->def);
}

static void print_list_entry(const smalti_kernel_info *info)
{
    char text[512];
    printf("%-20s %-8s %s\n", info->name, kind_name(info->kind), cli_printable(info->summary, text, sizeof text));
    for (uint32_t i = 0; i < info->param_count; i++) {
        printf("%-29s %-12s ", "", info->params[i].name);
        print_range(&info->params[i]);
        putchar('\n');
    }
}

static void print_params(const smalti_kernel_info *info)
{
    char text[512];
    printf("parameters\n");
    for (uint32_t i = 0; i < info->param_count; i++) {
        const smalti_kernel_param *param = &info->params[i];
        printf("  %-16s %s, ", param->name, param->integer ? "integer" : "number");
        print_range(param);
        if (*param->summary)
            printf("\n  %-16s %s", "", cli_printable(param->summary, text, sizeof text));
        putchar('\n');
    }
}

static void print_values(const smalti_kernel_info *info)
{
    char text[512];
    printf("values\n");
    for (uint32_t i = 0; i < info->value_count; i++) {
        const smalti_kernel_value *value = &info->values[i];
        printf("  %-16s %u %s%s\n", value->name, value->count, value->hex ? "64-bit word" : "number",
               value->count > 1 ? "s" : "");
        if (*value->summary)
            printf("  %-16s %s\n", "", cli_printable(value->summary, text, sizeof text));
    }
}

static void print_info(const smalti_kernel_info *info)
{
    char text[512], bytes[32];
    printf("%s %s: %s\n\n", info->name, info->version, cli_printable(info->summary, text, sizeof text));
    printf("kind        %s, ABI %u\n", kind_name(info->kind), info->abi);
    printf("samples    ");
    for (smalti_sample sample = SMALTI_SAMPLE_U8; sample <= SMALTI_SAMPLE_F32; sample++)
        if (info->samples & (1u << sample))
            printf(" %s", cli_sample_name(sample));
    printf("\nchannels   ");
    for (uint32_t n = 1; n <= 4; n++) {
        if (info->channels & (1u << n))
            printf(" %u", n);
        if (info->channels & (1u << n) && info->output_channels[n] && info->output_channels[n] != n)
            printf(" (gives %u)", info->output_channels[n]);
    }
    if (info->halo_dynamic)
        printf("\nhalo        depends on parameters\n");
    else
        printf("\nhalo        %u pixels\n", info->halo);
    printf("in place    %s\n", info->in_place ? "yes" : "no");
    printf("alpha       %s\n", info->premultiplied ? "premultiplied" : "straight");
    printf("module      %s, %s\n", cli_printable(info->source, text, sizeof text),
           cli_bytes_text(info->module_bytes, bytes, sizeof bytes));
    printf("checks      descriptor, imports (none) and exports are right\n");
    if (info->param_count)
        print_params(info);
    if (info->value_count)
        print_values(info);
}

/* ---- Commands ---- */

static int run_list(const cli_arguments *arguments)
{
    cli_json json = {.out = stdout};
    bool as_json = cli_given(arguments, "json");
    if (as_json)
        cli_json_open(&json, NULL, '[');
    for (const char *const *name = smalti_kernel_names(); *name; name++) {
        smalti_kernel *kernel;
        smalti_error error;
        if (cli_given(arguments, "names")) {
            puts(*name);
            continue;
        }
        if (smalti_kernel_inspect(*name, &kernel, &error) < 0)
            return cli_complain(&error);
        if (as_json)
            write_json(&json, smalti_kernel_describe(kernel));
        else
            print_list_entry(smalti_kernel_describe(kernel));
        smalti_kernel_unref(kernel);
    }
    if (as_json) {
        cli_json_close(&json, ']');
        putchar('\n');
    }
    return 0;
}

static int run_inspect(const cli_arguments *arguments)
{
    smalti_kernel *kernel;
    smalti_error error;
    if (smalti_kernel_inspect(arguments->operands[0], &kernel, &error) < 0)
        return cli_complain(&error);
    if (cli_given(arguments, "json")) {
        write_json(&(cli_json){.out = stdout}, smalti_kernel_describe(kernel));
        putchar('\n');
    } else {
        print_info(smalti_kernel_describe(kernel));
    }
    smalti_kernel_unref(kernel);
    return 0;
}
