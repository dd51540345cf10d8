/* SPDX-License-Identifier: Apache-2.0
 * The command's options for steps, beside the library's table of them. */
#include "cli/cli.h"
#include "test.h"

static const cli_option *option_of(const char *step)
{
    for (const cli_option *option = cli_run.options; option->name; option++)
        if (option->step && !strcmp(option->step, step))
            return option;
    return NULL;
}

TEST("every step has an option of its name, and every such option is of a step")
{
    for (size_t i = 0; i < smalti_step_count(); i++) {
        const char *step = smalti_step_describe(i)->name;
        const cli_option *option = option_of(step);
        if (strcmp(step, "kernel") && !option) /* kernels have words of their own */
            TEST_FAIL("step %s has no option", step);
        if (option)
            CHECK_STR(option->name, step);
    }
    for (const cli_option *option = cli_run.options; option->name; option++) {
        bool found = !option->step;
        for (size_t i = 0; i < smalti_step_count() && !found; i++)
            found = !strcmp(option->step, smalti_step_describe(i)->name);
        if (!found)
            TEST_FAIL("--%s is of no step", option->name);
    }
}

/* Words behind "name=" in an option's help, up to what ends them. */
static void check_choices(const cli_option *option, const smalti_step_info *step)
{
    for (uint32_t i = 0; i < step->param_count; i++) {
        char name[64];
        const smalti_step_param *param = &step->params[i];
        snprintf(name, sizeof name, "%s=", param->name);
        const char *said = strstr(option->summary, name);
        if (param->type != SMALTI_STEP_CHOICE || !said)
            continue;
        said += strlen(name);
        while (*said >= 'a' && *said <= 'z') {
            size_t length = strcspn(said, "|,; ");
            const char *choice = param->choices;
            while (*choice && (strncmp(choice, said, length) || (choice[length] && choice[length] != '|'))) {
                choice += strcspn(choice, "|");
                choice += *choice == '|';
            }
            if (!*choice)
                TEST_FAIL("--%s says %s%.*s", option->name, name, (int)length, said);
            said += length + (said[length] == '|');
        }
    }
}

TEST("what the options' help says of choices is so")
{
    for (size_t i = 0; i < smalti_step_count(); i++) {
        const cli_option *option = option_of(smalti_step_describe(i)->name);
        if (option && option->summary)
            check_choices(option, smalti_step_describe(i));
    }
}
