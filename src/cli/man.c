/* SPDX-License-Identifier: Apache-2.0
 * Man pages in mdoc, from the commands' tables. */
#include "cli/cli.h"

#include <ctype.h>
#include <string.h>

static const char page_date[] = "November 25, 2026"; /* of the last change of the options */

/* One line of running text: roff's own characters lose their meaning. */
static void text_line(FILE *out, const char *text, size_t length)
{
    if (length && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '-' || text[i - 1] == '\''))
            fputs("\\-", out); /* an option's dash, not a hyphen */
        else
            putc(text[i], out);
    }
    putc('\n', out);
}

/* Running text, a sentence a line as mdoc wants it. */
static void sentences(FILE *out, const char *text)
{
    while (*text) {
        size_t length = 0;
        while (text[length] && text[length] != '\n' && (text[length] != '.' || text[length + 1] != ' '))
            length++;
        bool paragraph = text[length] == '\n' && text[length + 1] == '\n';
        bool line = text[length] == '\n' && !paragraph;
        text_line(out, text, length + (text[length] && text[length] != '\n'));
        text += length;
        text += *text ? 1 : 0;
        text += strspn(text, " \n");
        if (*text && paragraph)
            fputs(".Pp\n", out);
        else if (*text && line)
            fputs(".br\n", out);
    }
}

/* An argument of a macro; names of macros and empty words are guarded by \&. */
static void macro_word(FILE *out, const char *word)
{
    fputs(" \\&", out);
    for (; *word; word++)
        fputs(*word == '\\' ? "\\e" : *word == '"' ? "\\(dq" : *word == ' ' ? "\\ " : (char[]){*word, 0}, out);
}

static void item_option(FILE *out, const cli_option *option)
{
    fputs(".It", out);
    if (option->letter)
        fprintf(out, " Fl %c ,", option->letter);
    fprintf(out, " Fl -%s", option->name);
    if (option->placeholder) {
        fputs(" Ar", out);
        macro_word(out, option->placeholder);
    }
    putc('\n', out);
    char summary[1024];
    snprintf(summary, sizeof summary, "%s.", option->summary);
    summary[0] = (char)toupper((unsigned char)summary[0]);
    sentences(out, summary);
}

static void list_options(FILE *out, const cli_option *options, bool headings)
{
    bool open = false;
    for (const cli_option *option = options; option && option->name; option++) {
        if (open && option->group)
            fputs(".El\n", out);
        if (option->group && headings)
            fprintf(out, ".Ss %s\n", option->group);
        if (option->group)
            fputs(".Bl -tag -width Ds\n", out);
        open = true;
        item_option(out, option);
    }
    if (open)
        fputs(".El\n", out);
}

static void section_exit(FILE *out)
{
    fputs(".Sh EXIT STATUS\nOf several inputs that failed, the first in the order given decides.\n"
          ".Bl -tag -width Ds -compact\n",
          out);
    for (const cli_exit_class *entry = cli_exit_classes; entry->name; entry++)
        fprintf(out, ".It %d\n%s: %s.\n", entry->code, entry->name, entry->summary);
    fputs(".El\n", out);
}

static void section_environment(FILE *out)
{
    fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
          ".It Ev NO_COLOR\nWhen set and not empty, the progress bar has no colours.\n"
          ".It Ev XDG_CACHE_HOME\nCompiled kernels are kept in the folder\n.Pa smalti/modules\nin here,\n"
          "by default in\n.Pa ~/.cache .\n"
          ".It Ev TMPDIR\nWhere\n.Ic smalti bench\nkeeps what it writes.\n"
          ".El\n",
          out);
}

static void section_examples(FILE *out, const cli_command *command)
{
    bool any = command->examples != NULL;
    for (size_t i = 0; command->commands && command->commands[i]; i++)
        any |= command->commands[i]->examples != NULL;
    if (!any)
        return;
    fputs(".Sh EXAMPLES\n", out);
    bool first = true;
    for (size_t i = 0;; i++) {
        const cli_command *part = command->commands ? command->commands[i] : i == 0 ? command : NULL;
        if (!part)
            return;
        for (const cli_example *example = part->examples; example && example->line; example++) {
            if (!first)
                fputs(".Pp\n", out);
            first = false;
            sentences(out, example->summary);
            fputs(".Bd -literal -offset indent\n", out);
            text_line(out, example->line, strlen(example->line));
            fputs(".Ed\n", out);
        }
    }
}

static void synopsis(FILE *out, const cli_command *command)
{
    for (const char *const *usage = command->usage; *usage; usage++) {
        fputs(".Nm smalti\n.Ic", out);
        macro_word(out, command->name);
        putc('\n', out);
        text_line(out, *usage, strlen(*usage));
        if (usage[1])
            fputs(".Pp\n", out);
    }
}

static void header(FILE *out, const char *title, const char *summary)
{
    fputs(".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Made from the option tables by smalti.\n", out);
    fprintf(out, ".Dd %s\n.Dt ", page_date);
    for (const char *p = title; *p; p++)
        putc(toupper((unsigned char)*p), out);
    fprintf(out, " 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", title, summary);
}

static void page_of_command(FILE *out, const char *title, const cli_command *command)
{
    header(out, title, command->summary);
    fputs(".Sh SYNOPSIS\n", out);
    if (!command->commands)
        synopsis(out, command);
    for (size_t i = 0; command->commands && command->commands[i]; i++) {
        if (i)
            fputs(".Pp\n", out);
        synopsis(out, command->commands[i]);
    }
    fputs(".Sh DESCRIPTION\n", out);
    sentences(out, command->description);
    list_options(out, command->options, true);
    for (size_t i = 0; command->commands && command->commands[i]; i++) {
        const cli_command *part = command->commands[i];
        fprintf(out, ".Ss smalti %s\n", part->name);
        sentences(out, part->description);
        list_options(out, part->options, false);
    }
    section_environment(out);
    section_exit(out);
    section_examples(out, command);
    fputs(".Sh SEE ALSO\n.Xr smalti 1\n", out);
}

static void page_of_all(FILE *out)
{
    header(out, "smalti", "images and renders through native steps and sandboxed kernels");
    fputs(".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar options\n.Pp\n.Nm\n.Cm help\n.Op Ar command ...\n.Pp\n"
          ".Nm\n.Cm help steps\n.Op Ar name\n.Pp\n.Nm\n.Fl -version\n.Sh DESCRIPTION\n.Nm\nresizes, converts and "
          "optimizes images,\n"
          "and runs kernels over them:\n"
          "small WebAssembly modules that see nothing but the pixels they are given.\n"
          "Images are decoded, changed and encoded in strips, many at a time,\n"
          "and each output appears whole or not at all.\n"
          "Data goes to standard output, all else to standard error.\n.Ss Commands\n.Bl -tag -width Ds\n",
          out);
    for (const cli_command *const *command = cli_commands; *command; command++) {
        fputs(".It Ic", out);
        macro_word(out, (*command)->name);
        putc('\n', out);
        char summary[512];
        snprintf(summary, sizeof summary, "%s.", (*command)->summary);
        summary[0] = (char)toupper((unsigned char)summary[0]);
        sentences(out, summary);
    }
    fputs(".El\n", out);
    section_environment(out);
    section_exit(out);
    fputs(".Sh EXAMPLES\nSharpen a photograph:\n.Bd -literal -offset indent\n"
          "smalti run photo.jpg \\-\\-kernel sharpen:amount=0.7 \\-o sharp.jpg\n.Ed\n"
          ".Sh SEE ALSO\n.Xr smalti-bench 1 ,\n.Xr smalti-exr 1 ,\n.Xr smalti-info 1 ,\n.Xr smalti-kernel 1 ,\n.Xr "
          "smalti-run 1 ,\n.Xr smalti-worker 1\n",
          out);
}

bool cli_man(const char *name, FILE *out)
{
    if (!strcmp(name, "smalti")) {
        page_of_all(out);
        return true;
    }
    if (strncmp(name, "smalti-", 7))
        return false;
    const cli_command *command = cli_command_find(cli_commands, name + 7);
    if (command)
        page_of_command(out, name, command);
    return command != NULL;
}
