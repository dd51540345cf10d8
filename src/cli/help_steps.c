/* SPDX-License-Identifier: Apache-2.0
 * `smalti help steps`: the kinds of steps and their parameters, from the library's tables. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 80, COLUMN = 28 };

static void print_range(const smalti_step_param *param, FILE *out)
{
    const char *unit = param->unit ? param->unit : "";
    bool spaced = *unit && strcmp(unit, "%");
    switch (param->type) {
    case SMALTI_STEP_NUMBER:
    case SMALTI_STEP_INTEGER:
        fprintf(out, param->max < INT32_MAX ? "%.10g to %.10g" : "%.10g or more", param->min, param->max);
        fprintf(out, "%s%s", spaced ? " " : "", unit);
        break;
    case SMALTI_STEP_FLAG:
        fputs("true|false", out);
        break;
    case SMALTI_STEP_CHOICE:
        for (const char *p = param->choices; *p; p++)
            fputs(*p == '|' ? ", " : (char[]){*p, 0}, out);
        break;
    case SMALTI_STEP_COLOR:
        fputs("RRGGBB or RRGGBBAA", out);
        break;
    case SMALTI_STEP_TEXT:
        fputs("text", out);
        break;
    }
}

static void print_default(const smalti_step_param *param, FILE *out)
{
    const char *word = param->choices;
    switch (param->type) {
    case SMALTI_STEP_FLAG:
        fputs(param->def != 0 ? "true" : "false", out);
        break;
    case SMALTI_STEP_CHOICE:
        for (int i = 0; i < (int)param->def; i++)
            word += strcspn(word, "|") + 1;
        fprintf(out, "%.*s", (int)strcspn(word, "|"), word);
        break;
    case SMALTI_STEP_COLOR:
        fprintf(out, "%08x", (unsigned)param->def);
        break;
    default:
        fprintf(out, "%g", param->def);
        break;
    }
}

static void print_param(const smalti_step_param *param, FILE *out)
{
    char *text = NULL;
    size_t size;
    int column = fprintf(out, "    %s", param->name);
    FILE *line = open_memstream(&text, &size);
    if (!line)
        return;
    fprintf(line, "%s (", param->summary);
    print_range(param, line);
    if (param->type != SMALTI_STEP_TEXT) {
        fputs("; default ", line);
        print_default(param, line);
    }
    fputc(')', line);
    if (fclose(line) == 0) {
        fprintf(out, "%*s", column < COLUMN ? COLUMN - column : 1, "");
        cli_wrap(out, text, COLUMN, COLUMN, WIDTH);
    }
    free(text);
}

void cli_help_step(const smalti_step_info *step, FILE *out)
{
    int column = fprintf(out, "  %s%s%s", step->name, step->brief ? " " : "", step->brief ? step->brief : "");
    fprintf(out, "%*s", column + 2 <= COLUMN ? COLUMN - column : 2, "");
    cli_wrap(out, step->summary, column + 2 <= COLUMN ? COLUMN : column + 2, COLUMN, WIDTH);
    for (uint32_t i = 0; i < step->param_count; i++)
        print_param(&step->params[i], out);
}

void cli_help_steps(FILE *out)
{
    fputs("smalti help steps: what can be done to pixels, in the order given\n\n"
          "On the command line: --NAME PARAMETERS, as in --resize 800x600:fit=cover,kernel=linear;\n"
          "in a job: {\"resize\": {\"width\": 800, \"fit\": \"cover\"}}.\n\n",
          out);
    for (size_t i = 0; i < smalti_step_count(); i++)
        cli_help_step(smalti_step_describe(i), out);
}

const char *cli_step_name_at(const void *unused, size_t index)
{
    const smalti_step_info *step = smalti_step_describe(index);
    (void)unused;
    return step ? step->name : NULL;
}
