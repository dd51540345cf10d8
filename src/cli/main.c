/* SPDX-License-Identifier: Apache-2.0
 * The smalti command: finds the command asked for and runs it. */
#include "cli/cli.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail_unknown(const char *word)
{
    const char *near = cli_nearest(word, cli_command_name_at, cli_commands);
    if (near)
        cli_say("unknown command '%s': did you mean '%s'?", word, near);
    else
        cli_say("unknown command '%s': see 'smalti help'", word);
    return cli_exit_code(SMALTI_E_INVALID);
}

/* help steps [NAME] */
static int help_steps(const char *name)
{
    if (!name) {
        cli_help_steps(stdout);
        return 0;
    }
    for (size_t i = 0; i < smalti_step_count(); i++)
        if (!strcmp(name, smalti_step_describe(i)->name)) {
            cli_help_step(smalti_step_describe(i), stdout);
            return 0;
        }
    const char *near = cli_nearest(name, cli_step_name_at, NULL);
    cli_say("unknown step '%s'%s%s%s", name, near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
    return cli_exit_code(SMALTI_E_INVALID);
}

/* help [COMMAND [SUBCOMMAND] | steps [NAME]] */
static int help(int argc, char **argv)
{
    if (argc == 0) {
        cli_help_all(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "steps"))
        return help_steps(argc > 1 ? argv[1] : NULL);
    const cli_command *command = cli_command_find(cli_commands, argv[0]);
    if (!command)
        return fail_unknown(argv[0]);
    if (argc > 1 && command->commands) {
        const cli_command *part = cli_command_find(command->commands, argv[1]);
        if (!part) {
            const char *near = cli_nearest(argv[1], cli_command_name_at, command->commands);
            cli_say("unknown command '%s %s'%s%s%s", argv[0], argv[1], near ? ": did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
            return cli_exit_code(SMALTI_E_INVALID);
        }
        command = part;
    }
    cli_help(command, stdout);
    return 0;
}

/* --man NAME: how the build makes the man pages. */
static int man(int argc, char **argv)
{
    if (argc == 1 && cli_man(argv[0], stdout))
        return 0;
    cli_say("--man needs the name of a page: smalti, smalti-run, …");
    return cli_exit_code(SMALTI_E_INVALID);
}

static int run_command(const cli_command *command, int argc, char **argv)
{
    cli_arguments arguments;
    smalti_error error;
    int code;
    if (cli_parse(command, argc, argv, &arguments, &error) < 0) {
        code = cli_complain(&error);
    } else if (arguments.help) {
        cli_help(arguments.command, stdout);
        code = 0;
    } else if (!arguments.command->run) { /* "smalti kernel" alone */
        cli_help(arguments.command, stderr);
        code = cli_exit_code(SMALTI_E_INVALID);
    } else {
        code = arguments.command->run(&arguments);
    }
    cli_arguments_clear(&arguments);
    return code;
}

static int dispatch(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        cli_help_all(stderr);
        return cli_exit_code(SMALTI_E_INVALID);
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        return help(argc - 2, argv + 2);
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        printf("smalti %s\n", smalti_version());
        return 0;
    }
    if (!strcmp(word, "--man"))
        return man(argc - 2, argv + 2);
    if (word[0] == '-') {
        cli_say("unknown option '%s': see 'smalti help'", word);
        return cli_exit_code(SMALTI_E_INVALID);
    }
    const cli_command *command = cli_command_find(cli_commands, word);
    return command ? run_command(command, argc - 2, argv + 2) : fail_unknown(word);
}

/* How a run starts its workers: nothing else is done in such a process, neither before nor after. */
static void serve(const char *descriptor)
{
    smalti_error error;
    if (smalti_worker_serve(atoi(descriptor), &error) < 0)
        cli_complain(&error);
    _exit(cli_exit_code(SMALTI_E_PEER)); /* its parent ends it before it comes to an end */
}

int main(int argc, char **argv)
{
    cli_memory_setup();
    if (argc == 4 && !strcmp(argv[1], "worker") && !strcmp(argv[2], "--serve"))
        serve(argv[3]);
    setlocale(LC_CTYPE, ""); /* for the width of names and the look of the bar; numbers keep their dot */
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of that write, and files are finished */
    return cli_close_output(dispatch(argc, argv));
}
