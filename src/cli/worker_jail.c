/* SPDX-License-Identifier: Apache-2.0
 * smalti worker --explain-jail: what holds a worker on this system, found by trying. */
#include "cli/worker.h"

#include <string.h>

static void print_item(const smalti_jail_item *item, bool attempt)
{
    const char *state = item->enforced ? attempt ? "refused" : "in force" : attempt ? "POSSIBLE" : "MISSING";
    printf("%-18s %-9s %s", item->name, state, item->what);
    if (item->sys_errno && !attempt)
        printf(" (%s)", strerror(item->sys_errno));
    putchar('\n');
}

static void print_table(const smalti_jail_report *report)
{
    for (uint32_t i = 0; i < report->facility_count; i++)
        print_item(&report->facilities[i], false);
    printf("\nWhat a process in it tried:\n");
    for (uint32_t i = 0; i < report->attempt_count; i++)
        print_item(&report->attempts[i], true);
    printf("\n%s\n", report->complete ? "The jail is complete." : "The jail is not complete on this system.");
}

static void print_items(cli_json *json, const char *key, const smalti_jail_item *items, uint32_t count)
{
    cli_json_open(json, key, '[');
    for (uint32_t i = 0; i < count; i++) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "name", items[i].name);
        cli_json_text(json, "what", items[i].what);
        cli_json_bool(json, "enforced", items[i].enforced);
        if (items[i].sys_errno)
            cli_json_text(json, "errno", strerror(items[i].sys_errno));
        cli_json_close(json, '}');
    }
    cli_json_close(json, ']');
}

static void print_json(const smalti_jail_report *report)
{
    cli_json json = {.out = stdout};
    cli_json_open(&json, NULL, '{');
    cli_json_bool(&json, "complete", report->complete);
    print_items(&json, "facilities", report->facilities, report->facility_count);
    print_items(&json, "attempts", report->attempts, report->attempt_count);
    cli_json_close(&json, '}');
    putchar('\n');
}

int cli_worker_jail(const cli_arguments *arguments)
{
    smalti_jail_report report;
    smalti_error error;
    if (smalti_jail_probe(&report, &error) < 0)
        return cli_complain(&error);
    if (cli_given(arguments, "json"))
        print_json(&report);
    else
        print_table(&report);
    return report.complete || !cli_given(arguments, "require-jail") ? 0 : cli_exit_code(SMALTI_E_UNSUPPORTED);
}
