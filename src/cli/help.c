/* SPDX-License-Identifier: Apache-2.0
 * --help, from the commands' tables. */
#include "cli/cli.h"

#include <string.h>

enum { WIDTH = 80, OPTION_COLUMN = 28 };

static void print_option(const cli_option *option, FILE *out)
{
    int column = option->letter ? fprintf(out, "  -%c, --%s", option->letter, option->name)
                                : fprintf(out, "      --%s", option->name);
    if (option->placeholder)
        column += fprintf(out, " %s", option->placeholder);
    if (column + 2 > OPTION_COLUMN)
        fprintf(out, "\n%*s", OPTION_COLUMN, "");
    else
        fprintf(out, "%*s", OPTION_COLUMN - column, "");
    cli_wrap(out, option->summary, OPTION_COLUMN, OPTION_COLUMN, WIDTH);
}

static void print_options(const cli_option *options, FILE *out)
{
    for (const cli_option *option = options; option && option->name; option++) {
        if (option->group)
            fprintf(out, "\n%s:\n", option->group);
        print_option(option, out);
    }
    fprintf(out, "\n%s:\n", cli_help_option.group);
    print_option(&cli_help_option, out);
}

static void print_commands(const cli_command *const *commands, FILE *out)
{
    for (; *commands; commands++) {
        fprintf(out, "  %-12s", cli_command_word(*commands));
        cli_wrap(out, (*commands)->summary, 14, 14, WIDTH);
    }
}

static void print_examples(const cli_example *examples, FILE *out)
{
    if (!examples)
        return;
    fprintf(out, "\nExamples:\n");
    for (; examples->line; examples++) {
        fprintf(out, "  ");
        cli_wrap(out, examples->summary, 2, 2, WIDTH);
        fprintf(out, "    %s\n", examples->line);
    }
}

void cli_help(const cli_command *command, FILE *out)
{
    fprintf(out, "smalti %s: %s\n\n", command->name, command->summary);
    for (const char *const *usage = command->usage; *usage; usage++)
        fprintf(out, "%s smalti %s%s%s\n", usage == command->usage ? "Usage:" : "      ", command->name,
                **usage ? " " : "", *usage);
    fputc('\n', out);
    cli_wrap(out, command->description, 0, 0, WIDTH);
    if (command->commands) {
        fprintf(out, "\nCommands:\n");
        print_commands(command->commands, out);
        fprintf(out, "\nSee 'smalti help %s COMMAND' for the options of each.\n", command->name);
    } else {
        print_options(command->options, out);
    }
    print_examples(command->examples, out);
}

void cli_help_all(FILE *out)
{
    fprintf(out, "smalti: images and renders through native steps and sandboxed kernels\n\n"
                 "Usage: smalti COMMAND ...\n"
                 "       smalti help [COMMAND...]\n"
                 "       smalti help steps [NAME]\n"
                 "       smalti --version\n\n"
                 "Commands:\n");
    print_commands(cli_commands, out);
    fprintf(out, "\nA first try:\n"
                 "    smalti run photo.jpg --kernel sharpen:amount=0.7 -o sharp.jpg\n\n"
                 "See 'smalti help COMMAND' for the options of each, and 'man smalti'.\n");
}
