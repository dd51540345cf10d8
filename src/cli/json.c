/* SPDX-License-Identifier: Apache-2.0
 * JSON out, piece by piece, so that a summary of 100,000 inputs needs no tree in memory. */
#include "cli/buffer.h"
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static void write_string(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t length = cli_utf8_bytes(p, 4); /* the NUL at the end is in no sequence */
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\u%04x", *p);
        else if (!length)
            fputs("\\ufffd", out);
        else
            fwrite(p, 1, length, out);
        p += length ? length : 1;
    }
    putc('"', out);
}

static void begin(cli_json *json, const char *key)
{
    if (json->comma)
        putc(',', json->out);
    json->comma = true;
    if (key) {
        write_string(json->out, key);
        putc(':', json->out);
    }
}

void cli_json_open(cli_json *json, const char *key, char bracket)
{
    begin(json, key);
    putc(bracket, json->out);
    json->comma = false;
}

void cli_json_close(cli_json *json, char bracket)
{
    putc(bracket, json->out);
    json->comma = true;
}

void cli_json_text(cli_json *json, const char *key, const char *text)
{
    begin(json, key);
    write_string(json->out, text);
}

void cli_json_number(cli_json *json, const char *key, uint64_t number)
{
    begin(json, key);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void cli_json_real(cli_json *json, const char *key, double number)
{
    begin(json, key);
    if (isfinite(number))
        fprintf(json->out, "%.12g", number);
    else
        fputs("null", json->out);
}

void cli_json_bool(cli_json *json, const char *key, bool value)
{
    cli_json_raw(json, key, value ? "true" : "false");
}

void cli_json_null(cli_json *json, const char *key)
{
    cli_json_raw(json, key, "null");
}

void cli_json_raw(cli_json *json, const char *key, const char *value)
{
    begin(json, key);
    fputs(value, json->out);
}

void cli_json_error(cli_json *json, const char *key, const smalti_error *error)
{
    cli_json_open(json, key, '{');
    begin(json, "code");
    fprintf(json->out, "%d", (int)error->code);
    cli_json_text(json, "class", smalti_result_name(error->code));
    cli_json_text(json, "message", error->message);
    if (error->offset != SMALTI_NO_OFFSET)
        cli_json_number(json, "offset", error->offset);
    cli_json_close(json, '}');
}

void cli_json_stats(cli_json *json, const char *key, const smalti_stats *stats)
{
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {
        {"tasks", stats->tasks},
        {"done", stats->done},
        {"skipped", stats->skipped},
        {"failed", stats->failed},
        {"warnings", stats->warnings},
        {"pixels", stats->pixels},
        {"bytes_in", stats->bytes_in},
        {"bytes_out", stats->bytes_out},
        {"wall_ns", stats->wall_ns},
        {"cpu_ns", stats->cpu_ns},
        {"read_ns", stats->read_ns},
        {"decode_ns", stats->decode_ns},
        {"kernel_ns", stats->kernel_ns},
        {"step_ns", stats->step_ns},
        {"encode_ns", stats->encode_ns},
        {"write_ns", stats->write_ns},
        {"strips", stats->strips},
        {"copied_rows", stats->copied_rows},
        {"copied_bytes", stats->copied_bytes},
        {"converted_bytes", stats->converted_bytes},
        {"halo_bytes", stats->halo_bytes},
        {"allocations", stats->allocations},
        {"peak_bytes", stats->peak_bytes},
    };
    cli_json_open(json, key, '{');
    for (size_t i = 0; i < CLI_COUNT(fields); i++)
        cli_json_number(json, fields[i].name, fields[i].value);
    cli_json_close(json, '}');
}
