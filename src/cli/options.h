/* SPDX-License-Identifier: Apache-2.0
 * Commands and their options as constant tables. The one table of a command gives its parser, its --help, its man page
 * and its shell completions. */
#ifndef SMALTI_CLI_OPTIONS_H
#define SMALTI_CLI_OPTIONS_H

#include <smalti/base.h>

/* What an option, or an operand, takes. */
typedef enum cli_kind {
    CLI_FLAG = 0, /* nothing */
    CLI_TEXT,     /* any text */
    CLI_FILE,     /* a path */
    CLI_FOLDER,   /* a path of a folder */
    CLI_KERNEL,   /* a kernel with its parameters */
    CLI_CHOICE,   /* one of cli_option.choices */
    CLI_NUMBER,   /* a whole number in min…max */
    CLI_NUMBERS,  /* whole numbers in min…max with commas between; cli_setting.text holds them */
    CLI_PIXELS,   /* a whole number that may end in k, M or G: thousands */
    CLI_SIZE,     /* bytes, may end in K, M, G or T: 1024s */
    CLI_DURATION, /* "500ms", "10s", "2m", "1h"; cli_setting.number is in milliseconds */
    CLI_COLOR     /* RRGGBB */
} cli_kind;

typedef struct cli_option {
    const char *name; /* without "--" */
    char letter;      /* the short form, or 0 */
    bool repeat;      /* may be given more than once; otherwise the last one holds */
    cli_kind kind;
    const char *placeholder; /* name of the value in help; NULL for a flag */
    const char *choices;     /* CLI_CHOICE: "png|jpeg" */
    uint64_t min, max;       /* of a number, when max is not 0 */
    const char *key;         /* the job's key that it sets (smalti_job_set), or NULL */
    const char *key_value;   /* … to this, for a flag */
    const char *step;        /* the kind of step that it adds to the job, or NULL */
    const char *group;       /* heading of the group that begins here, or NULL */
    const char *summary;     /* part of a sentence, without a full stop */
} cli_option;

typedef struct cli_example {
    const char *summary, *line;
} cli_example;

typedef struct cli_arguments cli_arguments;

typedef struct cli_command {
    const char *name; /* as typed: "run", "kernel new" */
    const char *summary;
    const char *const *usage; /* what follows the name, one for each form; ends with NULL */
    const char *description;  /* paragraphs, "\n\n" between them */
    const cli_option *options;   /* ends with an entry without a name; NULL: none */
    const cli_example *examples; /* ends with an entry without a line; NULL: none */
    const struct cli_command *const *commands; /* its subcommands; ends with NULL; NULL: none */
    cli_kind operands; /* what its operands are, for completions; CLI_FLAG: nothing to offer */
    const char *operand_choices;
    size_t min_operands, max_operands;
    int (*run)(const cli_arguments *arguments); /* gives the exit code */
} cli_command;

typedef struct cli_setting {
    const cli_option *option;
    const char *text; /* NULL for a flag */
    uint64_t number;
} cli_setting;

struct cli_arguments {
    const cli_command *command; /* the subcommand, when there is one */
    cli_setting *settings; /* in the order given */
    size_t setting_count;
    const char **operands;
    size_t operand_count;
    bool help; /* --help stood somewhere; nothing else has been checked */
};

/* All commands, and the option that each has. */
extern const cli_command *const cli_commands[];
extern const cli_option cli_help_option;

/* The command of that name in a list, or NULL. */
const cli_command *cli_command_find(const cli_command *const *commands, const char *name);

/* Reads the words behind a command's name. Texts are borrowed from argv. *arguments is to be cleared in either case. */
smalti_result cli_parse(const cli_command *command, int argc, char *const *argv, cli_arguments *arguments,
                        smalti_error *error);
void cli_arguments_clear(cli_arguments *arguments);

/* The last setting of an option, or NULL; and what stands in it. name must be in the command's table. */
const cli_setting *cli_find(const cli_arguments *arguments, const char *name);
size_t cli_given(const cli_arguments *arguments, const char *name); /* how often */
const char *cli_text(const cli_arguments *arguments, const char *name, const char *otherwise);
uint64_t cli_number(const cli_arguments *arguments, const char *name, uint64_t otherwise);

/* The name most like a mistyped one, or NULL when none is near. next gives the candidates one by one, then NULL. */
const char *cli_nearest(const char *word, const char *(*next)(const void *list, size_t index), const void *list);
const char *cli_command_name_at(const void *commands, size_t index);

/* The last word of a command's name: "new" of "kernel new". */
const char *cli_command_word(const cli_command *command);

/* Of all commands that run jobs. */
#define CLI_MEMORY_OPTION                                                                                       \
    {.name = "memory",                                                                                          \
     .kind = CLI_SIZE,                                                                                          \
     .placeholder = "SIZE",                                                                                     \
     .min = 1 << 20,                                                                                            \
     .max = UINT64_C(1) << 46,                                                                                  \
     .summary = "memory that the process may take; inputs wait their turn, and one that needs more is refused " \
                "(default: images in work get 1G, or half of the machine's)"}

#endif
