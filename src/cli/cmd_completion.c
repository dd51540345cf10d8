/* SPDX-License-Identifier: Apache-2.0
 * smalti completion: completions for shells, from the commands' tables. */
#include "cli/cli.h"

#include <string.h>

static int run(const cli_arguments *arguments);

static const cli_option no_options[] = {{0}};

static const cli_example examples[] = {
    {"Completions for this bash:", "source <(smalti completion bash)"},
    {0},
};

const cli_command cli_completion = {
    .name = "completion",
    .summary = "write completions for a shell",
    .usage = (const char *const[]){"bash|zsh|fish", NULL},
    .description = "Writes a script to standard output that makes a shell complete commands, options, their values and "
                   "kernels. An installed smalti has brought these along.",
    .options = no_options,
    .examples = examples,
    .operands = CLI_CHOICE,
    .operand_choices = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};

/* Calls visit for every command that has options of its own. */
static void each_command(void (*visit)(const cli_command *command))
{
    for (const cli_command *const *command = cli_commands; *command; command++) {
        if ((*command)->run)
            visit(*command);
        for (const cli_command *const *part = (*command)->commands; part && *part; part++)
            visit(*part);
    }
}

static void print_words(const cli_command *const *commands)
{
    for (; *commands; commands++)
        printf("%s ", cli_command_word(*commands));
}

/* A choice's names with spaces between. */
static void print_choices(const char *choices)
{
    for (const char *p = choices; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

/* For single quotes of a shell; brackets and colons are zsh's. */
static void print_quoted(const char *text, const char *escaped)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", stdout);
        else if (strchr(escaped, *p))
            printf("\\%c", *p);
        else
            putchar(*p);
    }
}

/* Only what stands before the first colon or semicolon: the rest is for --help. */
static void print_summary(const char *summary, const char *escaped)
{
    char text[160];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(summary, ":;("), summary);
    size_t length = strlen(text);
    if (length && text[length - 1] == ' ')
        text[length - 1] = 0;
    print_quoted(text, escaped);
}

/* ---- bash ---- */

static void bash_values(const char *word, cli_kind kind, const char *choices)
{
    switch (kind) {
    case CLI_FILE:
        printf("        %s) _smalti_files -f; return ;;\n", word);
        break;
    case CLI_FOLDER:
        printf("        %s) _smalti_files -d; return ;;\n", word);
        break;
    case CLI_KERNEL:
        printf("        %s) _smalti_kernels; return ;;\n", word);
        break;
    case CLI_CHOICE:
        printf("        %s) _smalti_words '", word);
        print_choices(choices);
        printf("'; return ;;\n");
        break;
    case CLI_FLAG:
        break;
    default: /* a number or text of the user's */
        printf("        %s) return ;;\n", word);
    }
}

static void bash_command(const cli_command *command)
{
    printf("    '%s')\n        case $prev in\n", command->name);
    for (const cli_option *option = command->options; option->name; option++) {
        char word[80];
        if (option->letter)
            snprintf(word, sizeof word, "--%s|-%c", option->name, option->letter);
        else
            snprintf(word, sizeof word, "--%s", option->name);
        bash_values(word, option->kind, option->choices);
    }
    printf("        esac\n        options='--help");
    for (const cli_option *option = command->options; option->name; option++)
        printf(" --%s", option->name);
    printf("'\n        case $cur in\n        -?*) ;;\n");
    bash_values("*", command->operands, command->operand_choices);
    printf("        esac ;;\n");
}

static void bash(void)
{
    printf(
        "# bash completion for smalti, made by 'smalti completion bash'\n"
        "_smalti_files() {\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
        "}\n"
        "_smalti_words() {\n"
        "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
        "}\n"
        "_smalti_kernels() {\n"
        "    compopt -o filenames 2>/dev/null\n"
        "    mapfile -t COMPREPLY < <(\n"
        "        compgen -W \"$(smalti kernel list --names 2>/dev/null)\" -- \"$cur\"\n"
        "        compgen -f -- \"$cur\")\n"
        "}\n"
        "_smalti() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]-} options=\n"
        "    COMPREPLY=()\n"
        "    if ((COMP_CWORD == 1)); then\n"
        "        _smalti_words '");
    print_words(cli_commands);
    printf("help --help --version'\n        return\n    fi\n    case $command in\n");
    for (const cli_command *const *command = cli_commands; *command; command++)
        if ((*command)->commands) {
            printf("    %s)\n        if ((COMP_CWORD == 2)); then\n            _smalti_words '", (*command)->name);
            print_words((*command)->commands);
            printf("--help'\n            return\n        fi\n"
                   "        command=\"$command ${COMP_WORDS[2]}\" ;;\n");
        }
    printf("    help)\n        _smalti_words '");
    print_words(cli_commands);
    printf("'\n        return ;;\n    esac\n    case $command in\n");
    each_command(bash_command);
    printf("    esac\n    _smalti_words \"$options\"\n}\n"
           "complete -F _smalti smalti\n");
}

/* ---- zsh ---- */

static void zsh_action(cli_kind kind, const char *choices)
{
    switch (kind) {
    case CLI_FILE:
        printf("_files");
        break;
    case CLI_FOLDER:
        printf("_files -/");
        break;
    case CLI_KERNEL:
        printf("_smalti_kernels");
        break;
    case CLI_CHOICE:
        putchar('(');
        print_choices(choices);
        putchar(')');
        break;
    default:
        putchar(' ');
    }
}

static void zsh_option(const cli_option *option)
{
    printf(" \\\n            '");
    if (option->letter && option->repeat)
        printf("*'{-%c,--%s}'", option->letter, option->name);
    else if (option->letter)
        printf("(-%c --%s)'{-%c,--%s}'", option->letter, option->name, option->letter, option->name);
    else
        printf("--%s", option->name);
    putchar('[');
    print_summary(option->summary, "[]:\\");
    putchar(']');
    if (option->placeholder) {
        printf(":%s:", option->placeholder);
        zsh_action(option->kind, option->choices);
    }
    putchar('\'');
}

static void zsh_command(const cli_command *command)
{
    printf("    '%s')\n        _arguments -s -S", command->name);
    for (const cli_option *option = command->options; option->name; option++)
        zsh_option(option);
    zsh_option(&cli_help_option);
    if (command->operands != CLI_FLAG) {
        printf(" \\\n            '*: :");
        zsh_action(command->operands, command->operand_choices);
        putchar('\'');
    }
    printf(" ;;\n");
}

static void zsh_list(const cli_command *const *commands, const char *indent)
{
    printf("%slocal -a names=(\n", indent);
    for (; *commands; commands++) {
        printf("%s    '%s:", indent, cli_command_word(*commands));
        print_quoted((*commands)->summary, ":");
        printf("'\n");
    }
    printf("%s)\n%s_describe command names\n%sreturn\n", indent, indent, indent);
}

static void zsh(void)
{
    printf("#compdef smalti\n# zsh completion for smalti, made by 'smalti completion zsh'\n"
           "_smalti_kernels() {\n"
           "    local -a kernels=(${(f)\"$(smalti kernel list --names 2>/dev/null)\"})\n"
           "    _alternative 'kernels:kernel:compadd -a kernels' 'files:file:_files -g \"*.wasm\"'\n"
           "}\n"
           "_smalti() {\n    local command=${words[2]-}\n    if (( CURRENT == 2 )); then\n");
    zsh_list(cli_commands, "        ");
    printf("    fi\n    case $command in\n");
    for (const cli_command *const *command = cli_commands; *command; command++)
        if ((*command)->commands) {
            printf("    %s)\n        if (( CURRENT == 3 )); then\n", (*command)->name);
            zsh_list((*command)->commands, "            ");
            printf("        fi\n        command=\"$command ${words[3]}\"\n        shift words; (( CURRENT-- )) ;;\n");
        }
    printf("    esac\n    shift words; (( CURRENT-- ))\n    case $command in\n");
    each_command(zsh_command);
    printf("    esac\n}\n_smalti \"$@\"\n");
}

/* ---- fish ---- */

static void fish_option(const char *condition, const cli_option *option)
{
    printf("complete -c smalti -n '%s' -l %s", condition, option->name);
    if (option->letter)
        printf(" -s %c", option->letter);
    printf(" -d '");
    print_summary(option->summary, "");
    putchar('\'');
    switch (option->kind) {
    case CLI_FLAG:
        break;
    case CLI_FILE:
        printf(" -r -F");
        break;
    case CLI_FOLDER:
        printf(" -x -a '(__fish_complete_directories)'");
        break;
    case CLI_KERNEL:
        printf(" -r -F -a '(smalti kernel list --names 2>/dev/null)'");
        break;
    case CLI_CHOICE:
        printf(" -x -a '");
        print_choices(option->choices);
        putchar('\'');
        break;
    default:
        printf(" -x");
    }
    putchar('\n');
}

static void fish_command(const cli_command *command)
{
    char condition[160];
    const char *space = strchr(command->name, ' ');
    if (space)
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s",
                 (int)(space - command->name), command->name, space + 1);
    else
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", command->name);
    for (const cli_option *option = command->options; option->name; option++)
        fish_option(condition, option);
    fish_option(condition, &cli_help_option);
    if (command->operands == CLI_CHOICE) {
        printf("complete -c smalti -n '%s' -f -a '", condition);
        print_choices(command->operand_choices);
        printf("'\n");
    }
}

static void fish_names(const char *condition, const cli_command *const *commands)
{
    for (; *commands; commands++) {
        printf("complete -c smalti -n '%s' -f -a %s -d '", condition, cli_command_word(*commands));
        print_quoted((*commands)->summary, "");
        printf("'\n");
    }
}

static void fish(void)
{
    printf("# fish completion for smalti, made by 'smalti completion fish'\n");
    fish_names("__fish_use_subcommand", cli_commands);
    for (const cli_command *const *command = cli_commands; *command; command++)
        if ((*command)->commands) {
            char condition[320];
            int used =
                snprintf(condition, sizeof condition,
                         "__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from", (*command)->name);
            for (const cli_command *const *part = (*command)->commands; *part; part++)
                used += snprintf(condition + used, sizeof condition - (size_t)used, " %s", cli_command_word(*part));
            fish_names(condition, (*command)->commands);
        }
    each_command(fish_command);
}

static int run(const cli_arguments *arguments)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < CLI_COUNT(shells); i++)
        if (!strcmp(arguments->operands[0], shells[i].name)) {
            shells[i].print();
            return 0;
        }
    cli_say("no completions for '%s': there are bash, zsh and fish", arguments->operands[0]);
    return cli_exit_code(SMALTI_E_INVALID);
}
