/* SPDX-License-Identifier: Apache-2.0
 * smalti info: what image files say of themselves. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int run(const cli_arguments *arguments);

static const cli_option options[] = {
    {.group = "Options", .name = "recursive", .letter = 'r', .summary = "take folders with everything below them"},
    {.name = "json", .summary = "write a JSON array with an object for each file"},
    {0},
};

static const char *const usage[] = {"FILE... [OPTION]...", NULL};

static const cli_example examples[] = {
    {"All images below a folder:", "smalti info -r photos"},
    {"Names of all that are wider than 4000 pixels:",
     "smalti info -r photos --json | jq -r '.[] | select(.width > 4000) | .file'"},
    {0},
};

const cli_command cli_info = {
    .name = "info",
    .summary = "tell size, format and metadata of images",
    .usage = usage,
    .description = "Reads the heads of image files; no pixels are decoded. FILE may also be a folder, a pattern "
                   "like '*.jpg', or '-' for standard input.\n\n"
                   "A file that cannot be read is reported on standard error, and in JSON by an object with a member "
                   "'error'; the others go on.",
    .options = options,
    .examples = examples,
    .operands = CLI_FILE,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};

static void add_detail(char *details, size_t size, const char *text)
{
    size_t used = strlen(details);
    snprintf(details + used, size - used, "%s%s", used ? ", " : "", text);
}

/* Frames of an animation, how long they last, and how often they are played; or pages. */
static void add_frames(char *details, size_t size, const smalti_info *info)
{
    char text[64];
    snprintf(text, sizeof text, "%u %s", info->frames, info->duration_ms ? "frames" : "images");
    add_detail(details, size, text);
    if (!info->duration_ms)
        return;
    snprintf(text, sizeof text, "%u.%02u s", info->duration_ms / 1000, info->duration_ms % 1000 / 10);
    add_detail(details, size, text);
    if (info->loops) {
        snprintf(text, sizeof text, "played %u times", info->loops);
        add_detail(details, size, info->loops == 1 ? "played once" : text);
    }
}

static void write_row(const char *name, const smalti_info *info)
{
    char size[32], depth[16], bytes[32], details[128] = "", file[4096], number[32];
    snprintf(size, sizeof size, "%ux%u", info->width, info->height);
    snprintf(depth, sizeof depth, "%u", info->bit_depth);
    if (*info->subsampling)
        add_detail(details, sizeof details, info->subsampling);
    if (*info->compression)
        add_detail(details, sizeof details, info->compression);
    if (info->interlaced)
        add_detail(details, sizeof details, strcmp(info->format, "jpeg") ? "interlaced" : "progressive");
    if (info->frames > 1)
        add_frames(details, sizeof details, info);
    if (info->orientation != 1) {
        snprintf(number, sizeof number, "orientation %u", info->orientation);
        add_detail(details, sizeof details, number);
    }
    const struct {
        const char *name;
        uint64_t bytes;
    } blocks[] = {{"icc", info->icc_bytes}, {"exif", info->exif_bytes}, {"xmp", info->xmp_bytes}};
    for (size_t i = 0; i < CLI_COUNT(blocks); i++)
        if (blocks[i].bytes)
            add_detail(details, sizeof details, blocks[i].name);
    printf("%-6s  %-13s  %-10s  %4s  %9s  %-30s  %s\n", info->format, size, info->color, depth,
           cli_bytes_text(info->file_bytes, bytes, sizeof bytes), *details ? details : "-",
           cli_printable(name, file, sizeof file));
}

static void write_json(cli_json *json, const char *name, const smalti_info *info)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "file", name);
    cli_json_text(json, "format", info->format);
    cli_json_number(json, "width", info->width);
    cli_json_number(json, "height", info->height);
    cli_json_number(json, "channels", info->channels);
    cli_json_text(json, "sample", cli_sample_name(info->sample));
    cli_json_number(json, "bit_depth", info->bit_depth);
    cli_json_text(json, "color", info->color);
    if (*info->subsampling)
        cli_json_text(json, "subsampling", info->subsampling);
    else
        cli_json_null(json, "subsampling");
    if (*info->compression)
        cli_json_text(json, "compression", info->compression);
    else
        cli_json_null(json, "compression");
    cli_json_bool(json, "interlaced", info->interlaced);
    cli_json_bool(json, "has_alpha", info->has_alpha);
    cli_json_number(json, "frames", info->frames);
    cli_json_number(json, "loops", info->loops);
    cli_json_number(json, "duration_ms", info->duration_ms);
    cli_json_number(json, "orientation", info->orientation);
    cli_json_number(json, "file_bytes", info->file_bytes);
    cli_json_number(json, "decoded_bytes", info->decoded_bytes);
    cli_json_number(json, "icc_bytes", info->icc_bytes);
    cli_json_number(json, "exif_bytes", info->exif_bytes);
    cli_json_number(json, "xmp_bytes", info->xmp_bytes);
    cli_json_close(json, '}');
}

static void write_failed(cli_json *json, const char *name, const smalti_error *error)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "file", name);
    cli_json_error(json, "error", error);
    cli_json_close(json, '}');
}

/* The files behind one operand; gives the exit code of the first that failed. */
static int tell_files(const smalti_job *files, cli_json *json)
{
    int code = 0;
    for (size_t i = 0; i < smalti_job_input_count(files); i++) {
        const char *name = smalti_job_input_name(files, i);
        smalti_info info;
        smalti_error error;
        smalti_result result = smalti_info_read(name, &info, &error);
        if (result < 0) {
            int failed = cli_complain(&error);
            code = code ? code : failed;
            if (json->out)
                write_failed(json, name, &error);
        } else if (json->out) {
            write_json(json, name, &info);
        } else {
            write_row(name, &info);
        }
    }
    return code;
}

static int tell_operand(const char *operand, bool recursive, cli_json *json)
{
    smalti_job *files;
    smalti_error error;
    smalti_result result = smalti_job_new(&files, &error);
    if (result < 0)
        return cli_complain(&error);
    int code;
    result = strcmp(operand, "-") ? smalti_job_input_expand(files, operand, recursive, &error)
                                  : smalti_job_input_add(files, operand, &error);
    if (result == SMALTI_OK) {
        code = tell_files(files, json);
    } else {
        code = cli_complain(&error);
        if (json->out)
            write_failed(json, operand, &error);
    }
    smalti_job_free(files);
    return code;
}

static int run(const cli_arguments *arguments)
{
    cli_json json = {.out = cli_given(arguments, "json") ? stdout : NULL};
    int code = 0;
    if (json.out)
        cli_json_open(&json, NULL, '[');
    else
        printf("%-6s  %-13s  %-10s  %4s  %9s  %-30s  %s\n", "FORMAT", "SIZE", "COLOR", "BITS", "BYTES", "DETAILS",
               "FILE");
    for (size_t i = 0; i < arguments->operand_count; i++) {
        int failed = tell_operand(arguments->operands[i], cli_given(arguments, "recursive"), &json);
        code = code ? code : failed;
    }
    if (json.out) {
        cli_json_close(&json, ']');
        putchar('\n');
    }
    return code;
}
