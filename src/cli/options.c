/* SPDX-License-Identifier: Apache-2.0
 * Reads words of a command line by a command's table. */
#include "cli/options.h"
#include "cli/cli.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const cli_option cli_help_option = {
    .name = "help", .letter = 'h', .group = "Help", .summary = "show this help and exit"};

const char *cli_command_word(const cli_command *command)
{
    const char *space = strrchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

const cli_command *cli_command_find(const cli_command *const *commands, const char *name)
{
    for (; commands && *commands; commands++)
        if (!strcmp(cli_command_word(*commands), name))
            return *commands;
    return NULL;
}

/* ---- Did you mean ---- */

enum { WORD_MAX = 40 };

/* Edits (insert, drop, replace, swap of neighbours) from a to b. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], a_length = strlen(a), b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return WORD_MAX;
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *oldest = before;
        before = last, last = row, row = oldest;
    }
    return last[b_length];
}

const char *cli_nearest(const char *word, const char *(*next)(const void *list, size_t index), const void *list)
{
    const char *best = NULL;
    size_t best_edits = strlen(word) / 3 + 1; /* further off it would be a guess */
    for (size_t i = 0;; i++) {
        const char *candidate = next(list, i);
        if (!candidate)
            return best;
        size_t edits = distance(word, candidate);
        /* a beginning of the name is a good guess whatever its length: "--kern" */
        if (strlen(word) >= 3 && !strncmp(word, candidate, strlen(word)))
            edits = 1;
        if (edits < best_edits || (edits == best_edits && !best))
            best = candidate, best_edits = edits;
    }
}

const char *cli_command_name_at(const void *commands, size_t index)
{
    const cli_command *command = ((const cli_command *const *)commands)[index];
    return command ? cli_command_word(command) : NULL;
}

static const char *option_name_at(const void *options, size_t index)
{
    return ((const cli_option *)options)[index].name;
}

/* ---- Values ---- */

/* Digits, then one of the suffixes or nothing; false when it is anything else or does not fit. */
static bool parse_scaled(const char *text, const char *suffixes, uint64_t base, uint64_t *number)
{
    uint64_t value = 0;
    if (!isdigit((unsigned char)*text))
        return false;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    if (*text) {
        const char *suffix = strchr(suffixes, toupper((unsigned char)*text));
        if (!suffix || text[1])
            return false;
        for (const char *s = suffixes; s <= suffix; s++)
            if (__builtin_mul_overflow(value, base, &value))
                return false;
    }
    *number = value;
    return true;
}

static bool parse_duration(const char *text, uint64_t *milliseconds)
{
    static const struct {
        const char *name;
        uint64_t milliseconds;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 15)
        return false;
    uint64_t value = strtoull(text, NULL, 10);
    for (size_t i = 0; i < CLI_COUNT(units); i++)
        if (!strcmp(text + digits, units[i].name))
            return !__builtin_mul_overflow(value, units[i].milliseconds, milliseconds);
    return false;
}

static bool in_choices(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (length && !strncmp(p, text, length) && (p[length] == '|' || !p[length]))
            return true;
    return false;
}

static smalti_result check_range(const cli_option *option, const char *text, uint64_t number, smalti_error *error)
{
    if (!option->max || (number >= option->min && number <= option->max))
        return SMALTI_OK;
    if (option->kind == CLI_NUMBER || option->kind == CLI_NUMBERS)
        return cli_fail(error, SMALTI_E_INVALID_RANGE, "--%s %s: the value must be between %llu and %llu", option->name,
                        text, (unsigned long long)option->min, (unsigned long long)option->max);
    return cli_fail(error, SMALTI_E_INVALID_RANGE, "--%s %s: the value is %s", option->name, text,
                    number < option->min ? "too small" : "too large");
}

static smalti_result check_numbers(const cli_option *option, const char *text, smalti_error *error)
{
    for (const char *p = text;; p++) {
        char *end;
        errno = 0;
        unsigned long long number = isdigit((unsigned char)*p) ? strtoull(p, &end, 10) : (end = (char *)p, 0);
        if (end == p || errno || (*end && *end != ','))
            return cli_fail(error, SMALTI_E_INVALID_TYPE,
                            "--%s %s: not a list of whole numbers with commas between them", option->name, text);
        smalti_result result = check_range(option, text, number, error);
        if (result < 0 || !*end)
            return result;
        p = end;
    }
}

/* Checks a value's text by the option's kind. */
static smalti_result read_value(const cli_option *option, cli_setting *setting, smalti_error *error)
{
    const char *text = setting->text, *wanted = NULL;
    switch (option->kind) {
    case CLI_FLAG:
        return SMALTI_OK;
    case CLI_TEXT:
    case CLI_FILE:
    case CLI_FOLDER:
    case CLI_KERNEL:
        wanted = *text ? NULL : "the value is empty";
        break;
    case CLI_CHOICE:
        if (!in_choices(option->choices, text))
            return cli_fail(error, SMALTI_E_INVALID_RANGE, "--%s %s: the value must be one of %s", option->name, text,
                            option->choices);
        return SMALTI_OK;
    case CLI_NUMBER:
        wanted = parse_scaled(text, "", 1, &setting->number) ? NULL : "not a whole number";
        break;
    case CLI_NUMBERS:
        return check_numbers(option, text, error);
    case CLI_PIXELS:
        wanted = parse_scaled(text, "KMG", 1000, &setting->number) ? NULL : "not a number like 5000000, 500k or 50M";
        break;
    case CLI_SIZE:
        wanted = parse_scaled(text, "KMGT", 1024, &setting->number) ? NULL : "not a size like 512K, 256M or 1G";
        break;
    case CLI_DURATION:
        wanted = parse_duration(text, &setting->number) ? NULL : "not a duration like 500ms, 10s or 2m";
        break;
    case CLI_COLOR:
        if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6)
            wanted = "not a colour like ffffff (RRGGBB)";
        break;
    }
    if (wanted)
        return cli_fail(error, SMALTI_E_INVALID_TYPE, "--%s %s: %s", option->name, text, wanted);
    return check_range(option, text, setting->number, error);
}

/* ---- Words ---- */

static const cli_option *find_option(const cli_command *command, const char *name, size_t length, char letter)
{
    for (const cli_option *option = command->options; option && option->name; option++)
        if (name ? strlen(option->name) == length && !memcmp(option->name, name, length) : option->letter == letter)
            return option;
    if (name ? length == 4 && !memcmp(name, "help", 4) : letter == 'h')
        return &cli_help_option;
    return NULL;
}

static smalti_result unknown_option(const cli_command *command, const char *name, size_t length, smalti_error *error)
{
    char word[WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", length > WORD_MAX ? WORD_MAX : (int)length, name);
    const char *near = command->options ? cli_nearest(word, option_name_at, command->options) : NULL;
    if (near)
        return cli_fail(error, SMALTI_E_INVALID_KEY, "unknown option '--%s': did you mean '--%s'?", word, near);
    return cli_fail(error, SMALTI_E_INVALID_KEY, "unknown option '--%s': see 'smalti help %s'", word, command->name);
}

static smalti_result add_setting(cli_arguments *arguments, const cli_option *option, const char *text,
                                 smalti_error *error)
{
    if (option == &cli_help_option) {
        arguments->help = true;
        return SMALTI_OK;
    }
    cli_setting *setting = &arguments->settings[arguments->setting_count];
    *setting = (cli_setting){option, text, 0};
    smalti_result result = read_value(option, setting, error);
    if (result == SMALTI_OK)
        arguments->setting_count++;
    return result;
}

typedef struct word_list {
    const cli_command *command;
    char *const *argv;
    int argc, next;
} word_list;

/* "--name", "--name=value" or "--name value" */
static smalti_result read_long(word_list *words, const char *word, cli_arguments *arguments, smalti_error *error)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    const char *value = name[length] ? name + length + 1 : NULL;
    const cli_option *option = find_option(words->command, name, length, 0);
    if (!option)
        return unknown_option(words->command, name, length, error);
    if (option->kind == CLI_FLAG && value)
        return cli_fail(error, SMALTI_E_INVALID, "--%s takes no value", option->name);
    if (option->kind != CLI_FLAG && !value) {
        if (words->next >= words->argc)
            return cli_fail(error, SMALTI_E_INVALID, "--%s needs a value: %s", option->name, option->placeholder);
        value = words->argv[words->next++];
    }
    return add_setting(arguments, option, value, error);
}

/* "-r", "-rq", "-j4" or "-j 4" */
static smalti_result read_short(word_list *words, const char *word, cli_arguments *arguments, smalti_error *error)
{
    for (const char *p = word + 1; *p; p++) {
        const cli_option *option = find_option(words->command, NULL, 0, *p);
        if (!option)
            return cli_fail(error, SMALTI_E_INVALID_KEY, "unknown option '-%.*s': see 'smalti help %s'",
                            (*p & 0x80) ? (int)strlen(p) : 1, p, words->command->name);
        if (option->kind == CLI_FLAG) {
            smalti_result result = add_setting(arguments, option, NULL, error);
            if (result < 0)
                return result;
            continue;
        }
        const char *value = p[1] ? p + 1 : words->next < words->argc ? words->argv[words->next++] : NULL;
        if (!value)
            return cli_fail(error, SMALTI_E_INVALID, "-%c needs a value: %s", *p, option->placeholder);
        return add_setting(arguments, option, value, error);
    }
    return SMALTI_OK;
}

static smalti_result check_operands(const cli_arguments *arguments, smalti_error *error)
{
    const cli_command *command = arguments->command;
    if (arguments->operand_count < command->min_operands)
        return cli_fail(error, SMALTI_E_INVALID, "something is missing: smalti %s %s", command->name,
                        command->usage[0]);
    if (arguments->operand_count > command->max_operands)
        return cli_fail(error, SMALTI_E_INVALID, "'%s' is too much: smalti %s %s",
                        arguments->operands[command->max_operands], command->name, command->usage[0]);
    return SMALTI_OK;
}

/* Steps down to the subcommand; those words come before any option. */
static smalti_result find_subcommand(word_list *words, cli_arguments *arguments, smalti_error *error)
{
    while (words->command->commands && words->next < words->argc && words->argv[words->next][0] != '-') {
        const char *name = words->argv[words->next];
        const cli_command *command = cli_command_find(words->command->commands, name);
        if (!command) {
            const char *near = cli_nearest(name, cli_command_name_at, words->command->commands);
            return cli_fail(error, SMALTI_E_INVALID_KEY, "unknown command '%s %s'%s%s%s", words->command->name, name,
                            near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        words->command = arguments->command = command;
        words->next++;
    }
    return SMALTI_OK;
}

smalti_result cli_parse(const cli_command *command, int argc, char *const *argv, cli_arguments *arguments,
                        smalti_error *error)
{
    word_list words = {command, argv, argc, 0};
    *arguments = (cli_arguments){.command = command};
    size_t letters = 1; /* each letter of a word may be an option */
    for (int i = 0; i < argc; i++)
        letters += argv[i][0] == '-' ? strlen(argv[i]) : 0;
    arguments->settings = calloc(letters, sizeof *arguments->settings);
    arguments->operands = calloc((size_t)argc + 1, sizeof *arguments->operands);
    if (!arguments->settings || !arguments->operands)
        return cli_fail(error, SMALTI_E_NOMEM, "no memory for the command line");
    smalti_result result = find_subcommand(&words, arguments, error);
    bool only_operands = false;
    while (result == SMALTI_OK && words.next < argc && !arguments->help) {
        const char *word = argv[words.next++];
        if (only_operands || word[0] != '-' || !word[1])
            arguments->operands[arguments->operand_count++] = word;
        else if (!strcmp(word, "--"))
            only_operands = true;
        else
            result =
                word[1] == '-' ? read_long(&words, word, arguments, error) : read_short(&words, word, arguments, error);
    }
    if (result < 0 || arguments->help || !words.command->run)
        return result;
    return check_operands(arguments, error);
}

void cli_arguments_clear(cli_arguments *arguments)
{
    free(arguments->settings);
    free(arguments->operands);
    *arguments = (cli_arguments){0};
}

const cli_setting *cli_find(const cli_arguments *arguments, const char *name)
{
    assert(find_option(arguments->command, name, strlen(name), 0)); /* a name misspelt in this program */
    for (size_t i = arguments->setting_count; i-- > 0;)
        if (!strcmp(arguments->settings[i].option->name, name))
            return &arguments->settings[i];
    return NULL;
}

size_t cli_given(const cli_arguments *arguments, const char *name)
{
    size_t count = 0;
    if (cli_find(arguments, name))
        for (size_t i = 0; i < arguments->setting_count; i++)
            count += !strcmp(arguments->settings[i].option->name, name);
    return count;
}

const char *cli_text(const cli_arguments *arguments, const char *name, const char *otherwise)
{
    const cli_setting *setting = cli_find(arguments, name);
    return setting ? setting->text : otherwise;
}

uint64_t cli_number(const cli_arguments *arguments, const char *name, uint64_t otherwise)
{
    const cli_setting *setting = cli_find(arguments, name);
    return setting ? setting->number : otherwise;
}
