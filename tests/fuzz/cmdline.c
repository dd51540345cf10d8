/* SPDX-License-Identifier: Apache-2.0
 * The command line: words split at NUL are read by the table of a command, which the first one names. Nothing is run. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX];
    int count = 0;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    for (char *word = text; word < text + size && count < WORDS_MAX; word += strlen(word) + 1)
        words[count++] = word;
    const cli_command *command = count ? cli_command_find(cli_commands, words[0]) : NULL;
    command = command ? command : &cli_run;
    cli_arguments arguments;
    smalti_error error;
    if (cli_parse(command, count ? count - 1 : 0, words + 1, &arguments, &error) == SMALTI_OK && !arguments.help) {
        if (arguments.setting_count && !cli_given(&arguments, arguments.settings[0].option->name))
            abort(); /* what was read can be found */
    } else if (!arguments.help && !strlen(error.message)) {
        abort();
    }
    cli_arguments_clear(&arguments);
    free(text);
    return 0;
}
